/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 16

/* A copy of a constant size, or of less than a block, is loads and stores. (The Makefile keeps the compiler
 * from making a call of memcpy out of the loop.) */
void copy_short(void *restrict to, const void *restrict from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (; len >= BLOCK; len -= BLOCK, out += BLOCK, in += BLOCK)
        memcpy(out, in, BLOCK);
    memcpy(out, in, len);
}
