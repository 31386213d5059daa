/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as certificates and requests carry them (RFC 5280 s4.1.2.7), and the signatures made with them.
 */
#ifndef HOLDFAST_CRYPTO_X509_KEY_H
#define HOLDFAST_CRYPTO_X509_KEY_H

#include <bearssl_ec.h>
#include <bearssl_rsa.h>

#include "base/buf.h"
#include "base/status.h"
#include "crypto/keypair.h"

/* The numbers stay where the SubjectPublicKeyInfo is. */
struct x509_key {
    enum keypair_kind kind;
    unsigned bits;
    br_rsa_public_key rsa;
    br_ec_public_key ec;
};

/*
 * Takes apart a whole SubjectPublicKeyInfo. STATUS_MALFORMED when it is none, STATUS_NOT_FOUND for a key that
 * is neither RSA of 1,024 to 4,096 bits nor ECDSA on P-256, P-384 or P-521.
 */
MUST_USE enum status x509_key_read(struct span public_key, struct x509_key *out);

/* "RSA 2048", "ECDSA P-256". */
void x509_key_write(const struct x509_key *key, struct buf *out);

/*
 * Whether `signature` (content of a BIT STRING) over the bytes `body` was made with this key; `algorithm` is
 * the content of the AlgorithmIdentifier. RSA PKCS#1 v1.5 and ECDSA, with SHA-256, SHA-384 or SHA-512.
 * STATUS_REFUSED: it was not; STATUS_NOT_FOUND: an algorithm that is not checked here, SHA-1 among them.
 */
MUST_USE enum status x509_signature_check(struct span algorithm, struct span body, struct span signature,
                                          const struct x509_key *key);

#endif
