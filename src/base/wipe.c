/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wipe.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 32

/* The empty assembly claims to read the memory, so the writes before it have to happen. */
static void keep_writes(const void *ptr)
{
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

/* In blocks of a constant size, which are stores: most of what is wiped is short, and the C library's memset
 * begins a string instruction. */
void wipe(void *ptr, size_t len)
{
    uint8_t *at = ptr;
    for (; len >= BLOCK; len -= BLOCK, at += BLOCK) {
        memset(at, 0, BLOCK);
        keep_writes(at);
    }
    memset(at, 0, len);
    keep_writes(at);
}

bool bytes_equal_secret(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference = (uint8_t)(difference | (x[i] ^ y[i]));
    return difference == 0;
}
