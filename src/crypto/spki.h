/* SPDX-License-Identifier: Apache-2.0 */
/* A public RSA key as SubjectPublicKeyInfo (RFC 5280 s4.1.2.7), and the one kind of signature checked with
 * it: who signs updates is known by such a key. */
#ifndef HOLDFAST_CRYPTO_SPKI_H
#define HOLDFAST_CRYPTO_SPKI_H

#include "base/span.h"
#include "base/status.h"
#include "crypto/digest.h"

#define RSA_MODULUS_MAX 512 /* bytes; RSA 4096 */

struct rsa_public {
    size_t modulus_len, exponent_len;
    uint8_t modulus[RSA_MODULUS_MAX]; /* big-endian, no zero in front */
    uint8_t exponent[8];
};

/*
 * der is exactly one SubjectPublicKeyInfo of an RSA key (RFC 3279 s2.3.1). STATUS_MALFORMED otherwise,
 * STATUS_TOO_LARGE beyond RSA 4096.
 */
MUST_USE enum status spki_read_rsa(struct span der, struct rsa_public *out);

/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 s8.2.2) of a message with this hash. The signature is as long as
 * the modulus. */
MUST_USE bool rsa_verify_sha256(const struct rsa_public *key, struct span signature,
                                const uint8_t hash[SHA256_BYTES]);

#endif
