/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wipe.h"

#include <stdint.h>
#include <string.h>

void wipe(void *ptr, size_t len)
{
    memset(ptr, 0, len);
    /* The empty assembly claims to read the memory, so the writes before it have to happen. */
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
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
