/* SPDX-License-Identifier: Apache-2.0 */
/* Certification requests (PKCS#10, RFC 2986) that others made: what they ask for, and whether they have the
 * key. */
#ifndef HOLDFAST_CRYPTO_PKCS10_H
#define HOLDFAST_CRYPTO_PKCS10_H

#include "base/span.h"
#include "base/status.h"

struct pkcs10 {
    struct span subject;      /* the whole DER Name */
    struct span subject_name; /* content of the first Common Name, or empty */
    struct span public_key;   /* the whole SubjectPublicKeyInfo */
    struct span body;         /* that was signed */
    struct span algorithm;    /* content of the AlgorithmIdentifier */
    struct span signature;    /* content of the BIT STRING */
};

/* STATUS_MALFORMED unless der is exactly one request of version 1. The spans point into der. */
MUST_USE enum status pkcs10_read(struct span der, struct pkcs10 *out);

/*
 * Whether the request is signed with the key that it names. STATUS_REFUSED: it is not, or the key is RSA
 * below 2,048 bits; STATUS_NOT_FOUND: a key or an algorithm that is not taken here.
 */
MUST_USE enum status pkcs10_verify(const struct pkcs10 *request);

#endif
