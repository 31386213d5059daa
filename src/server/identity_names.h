/* SPDX-License-Identifier: Apache-2.0 */
/* By which names and addresses clients know the server: what its certificates and requests name. */
#ifndef HOLDFAST_SERVER_IDENTITY_NAMES_H
#define HOLDFAST_SERVER_IDENTITY_NAMES_H

#include "crypto/x509_write.h"
#include "server/config.h"

/* host names and addresses of one certificate */
#define IDENTITY_NAMES     12
#define IDENTITY_ADDRESSES 16

/* Where a wish points to; not moved once filled. */
struct identity_names {
    struct x509_wish wish;
    const char *dns[IDENTITY_NAMES + 1];
    struct span addresses[IDENTITY_ADDRESSES];
    uint8_t address_room[IDENTITY_ADDRESSES][16];
    char text[600];
    size_t dns_count, text_len;
};

/*
 * The configured name, localhost, the address that the server listens on, 127.0.0.1, and `server addresses`.
 * False with a text in why that names the setting to change.
 */
MUST_USE bool identity_names_begin(struct identity_names *names, const struct config *config, char *why,
                                   size_t why_cap);

/* One more: a host name or an address. False with a text in why. */
MUST_USE bool identity_names_add(struct identity_names *names, struct span name, char *why, size_t why_cap);

#endif
