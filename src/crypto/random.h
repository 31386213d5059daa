/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel alone (getrandom(2)); blocks only until the kernel's generator is seeded, once a
 * boot. */
#ifndef HOLDFAST_CRYPTO_RANDOM_H
#define HOLDFAST_CRYPTO_RANDOM_H

#include "base/text.h"

/* Fills len bytes. Cannot fail: a kernel that gives none stops the program. */
void random_bytes(void *out, size_t len);

/* RFC 4122 s4.4: version 4, variant 10. */
void random_uuid(uint8_t uuid[UUID_BYTES]);

#endif
