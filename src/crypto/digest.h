/* SPDX-License-Identifier: Apache-2.0 */
/* FIPS 180-4 digests and what is built of them. SHA-1 is here for certificate thumbprints that people
 * compare, nothing else. */
#ifndef HOLDFAST_CRYPTO_DIGEST_H
#define HOLDFAST_CRYPTO_DIGEST_H

#include "base/span.h"

#define SHA1_BYTES   20
#define SHA256_BYTES 32

void sha1(struct span in, uint8_t out[SHA1_BYTES]);
void sha256(struct span in, uint8_t out[SHA256_BYTES]);

/* RFC 8018 s5.2 with HMAC-SHA-256, one block of output. About 1 us an iteration. */
void pbkdf2_sha256(struct span password, struct span salt, uint32_t iterations, uint8_t out[SHA256_BYTES]);

#endif
