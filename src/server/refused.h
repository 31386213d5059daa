/* SPDX-License-Identifier: Apache-2.0 */
/* The last certificates that were refused as unknown: whoever expects the client enrols it from here. */
#ifndef HOLDFAST_SERVER_REFUSED_H
#define HOLDFAST_SERVER_REFUSED_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"
#include "crypto/digest.h"

/* characters of an address as text, with its NUL */
#define REFUSED_ADDRESS 46

struct refused_certificate {
    uint64_t serial; /* of the refusal; 0: free place */
    int64_t unix_s;  /* the last time */
    char address[REFUSED_ADDRESS];
    uint16_t der_len;
    uint8_t sha256[SHA256_BYTES];
    uint8_t der[CERTIFICATE_MAX];
};

/* Different ones; a new one takes the place of the one that was seen longest ago. */
struct refused {
    uint64_t serial;
    struct refused_certificate list[REFUSED_CERTIFICATES];
};

void refused_keep(struct refused *refused, struct span der, const uint8_t sha256[SHA256_BYTES],
                  const char *address, int64_t unix_s);

/*
 * The one whose SHA-256 begins so: 6 digits or more, colons allowed. NULL with a text in why: none, more than
 * one, or not such digits.
 */
const struct refused_certificate *refused_find(const struct refused *refused, struct span prefix,
                                               const char **why);
void refused_forget(struct refused *refused, const struct refused_certificate *certificate);

/* A name for the client: its Common Name with what does not fit replaced, or "client-<8 digits>". */
void refused_name(const struct refused_certificate *certificate, bool from_certificate,
                  char out[NAME_MAX_BYTES + 1]);

/* All of them, the newest first, each with the command that enrols it. */
void refused_write(const struct refused *refused, struct buf *out);

#endif
