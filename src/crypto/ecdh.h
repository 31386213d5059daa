/* SPDX-License-Identifier: Apache-2.0 */
/* One-sided Diffie-Hellman on P-256 (NIST SP 800-56A s6.2.2): a fresh key of ours with somebody's known one.
 */
#ifndef HOLDFAST_CRYPTO_ECDH_H
#define HOLDFAST_CRYPTO_ECDH_H

#include "base/span.h"
#include "base/status.h"

#define P256_BYTES       32
#define P256_POINT_BYTES 65 /* 0x04, x, y (SEC 1 s2.3.3) */

/*
 * Makes a key, writes its public point to own and the x coordinate of the shared point to shared, and forgets
 * it. STATUS_MALFORMED: theirs is no point of the curve.
 */
MUST_USE enum status ecdh_p256(const uint8_t theirs[P256_POINT_BYTES], uint8_t own[P256_POINT_BYTES],
                               uint8_t shared[P256_BYTES]);

#endif
