/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of several parts, HMAC with it (RFC 2104), and the two key derivations of a TPM 2.0 (TCG TPM
 * 2.0 Library Part 1, "Key Derivation Functions": KDFa is NIST SP 800-108 s4.1, KDFe is NIST SP 800-56A
 * s5.8.1). */
#ifndef HOLDFAST_CRYPTO_KDF_H
#define HOLDFAST_CRYPTO_KDF_H

#include "crypto/sha256_stream.h"

/* The digest of `count` parts, one behind the other. */
void sha256_parts(const struct span *parts, size_t count, uint8_t out[SHA256_BYTES]);

/* The same with a key of any length. */
void hmac_sha256(struct span key, const struct span *parts, size_t count, uint8_t out[SHA256_BYTES]);

/* 32 bytes of KDFa with SHA-256; bits is what goes into the derivation as the wished length: 256. */
void kdfa_sha256(struct span key, const char *label, struct span context_u, struct span context_v,
                 uint8_t out[SHA256_BYTES]);

/* 32 bytes of KDFe with SHA-256 from a shared ECDH secret. */
void kdfe_sha256(struct span shared, const char *use, struct span party_u, struct span party_v,
                 uint8_t out[SHA256_BYTES]);

#endif
