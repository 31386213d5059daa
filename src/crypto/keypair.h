/* SPDX-License-Identifier: Apache-2.0 */
/* A private key with its own memory: made here, read from PEM, written as PEM. RSA 2048 to 4096 and ECDSA
 * P-256, P-384. */
#ifndef HOLDFAST_CRYPTO_KEYPAIR_H
#define HOLDFAST_CRYPTO_KEYPAIR_H

#include <bearssl_ec.h>
#include <bearssl_rsa.h>

#include "base/buf.h"
#include "base/status.h"

enum keypair_kind { KEYPAIR_NONE, KEYPAIR_RSA, KEYPAIR_EC };

struct keypair {
    enum keypair_kind kind;
    uint32_t rsa_exponent;
    size_t rsa_modulus_len;
    uint8_t rsa_modulus[512];
    br_rsa_private_key rsa;
    br_ec_private_key ec;
    uint8_t bytes[BR_RSA_KBUF_PRIV_SIZE(4096)];
};

/* The pointers inside point into `bytes`: a keypair is not moved once filled. */
MUST_USE enum status keypair_make_rsa2048(struct keypair *out);
MUST_USE enum status keypair_make_p256(struct keypair *out);

/* DER as of RFC 8017 A.1.2, RFC 5915 or RFC 5208. STATUS_MALFORMED when it is none of these, STATUS_TOO_LARGE
 * beyond RSA 4096. */
MUST_USE enum status keypair_read_der(struct span der, struct keypair *out);

/* PKCS#8 (RFC 5208) in DER; out->full when it did not fit (2,400 bytes fit RSA 4096). */
MUST_USE enum status keypair_write_der(const struct keypair *key, struct buf *out);

/* The public half as SubjectPublicKeyInfo (RFC 5280 s4.1.2.7). */
MUST_USE enum status keypair_write_public(const struct keypair *key, struct buf *out);

void keypair_wipe(struct keypair *key);

#endif
