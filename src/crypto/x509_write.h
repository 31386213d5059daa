/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes certificates (RFC 5280 s4.1, version 3) and certification requests (RFC 2986). Clients pin the
 * server's, so it signs itself and lives long.
 */
#ifndef HOLDFAST_CRYPTO_X509_WRITE_H
#define HOLDFAST_CRYPTO_X509_WRITE_H

#include "crypto/keypair.h"

/* What a certificate is for: its Basic Constraints, Key Usage and Extended Key Usage. */
enum x509_use { X509_SERVER, X509_CLIENT, X509_AUTHORITY };

struct x509_wish {
    enum x509_use use;
    const char *common_name;
    struct span subject;          /* a whole DER Name instead of the common name; empty: none */
    const char *const *dns_names; /* at most 16, NULL-terminated; NULL: none */
    const struct span *addresses; /* 4 or 16 bytes each */
    size_t address_count;
    int64_t not_before_s; /* seconds since 1970 */
    int64_t not_after_s;
    const char *issuer_name; /* common name of the authority whose key signs; NULL: signed by itself */
    struct span public_key;  /* whole SubjectPublicKeyInfo; empty: that of the key that signs */
};

/*
 * A certificate in DER, signed with SHA-256: Basic Constraints, Key Usage, Extended Key Usage (not for an
 * authority), Subject Alternative Name when there are names, key identifiers of authorities and of what they
 * sign. 3,072 bytes of room fit RSA 4096 with 1,000 bytes of names; STATUS_NO_SPACE otherwise.
 */
MUST_USE enum status x509_write_certificate(const struct x509_wish *wish, const struct keypair *key,
                                            struct buf *out);

/* One that signs itself. */
static inline enum status x509_write_self_signed(const struct x509_wish *wish, const struct keypair *key,
                                                 struct buf *out)
{
    return x509_write_certificate(wish, key, out);
}

/* A certification request in DER for this key, with the same extensions; of the wish dates and issuer are not
 * looked at. */
MUST_USE enum status x509_write_request(const struct x509_wish *wish, const struct keypair *key,
                                        struct buf *out);

#endif
