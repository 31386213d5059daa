/* SPDX-License-Identifier: Apache-2.0 */
/* Makes certificates (RFC 5280 s4.1, version 3). Clients pin ours by thumbprint, so it signs itself and lives
 * long. */
#ifndef HOLDFAST_CRYPTO_X509_WRITE_H
#define HOLDFAST_CRYPTO_X509_WRITE_H

#include "crypto/keypair.h"

struct x509_wish {
    const char *common_name;
    const char *const *dns_names; /* at most 8, NULL-terminated */
    const struct span *addresses; /* 4 or 16 bytes each */
    size_t address_count;
    int64_t not_before_s; /* seconds since 1970 */
    int64_t not_after_s;
};

/*
 * A self-signed server certificate in DER, signed with SHA-256: Basic Constraints (no CA), Key Usage,
 * Extended Key Usage serverAuth, Subject Alternative Name. 1,500 bytes of room fit RSA 2048; STATUS_NO_SPACE
 * otherwise.
 */
MUST_USE enum status x509_write_self_signed(const struct x509_wish *wish, const struct keypair *key,
                                            struct buf *out);

#endif
