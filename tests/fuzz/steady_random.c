/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of crypto/random.c: numbers that are the same after every steady_random_begin. */
#include "fuzz/steady_random.h"
#include "crypto/random.h"

static uint64_t counter;

void steady_random_begin(void)
{
    counter = 0;
}

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        uint64_t v = ++counter * 0x9e3779b97f4a7c15u;
        v = (v ^ v >> 31) * 0xbf58476d1ce4e5b9u;
        at[i] = (uint8_t)(v >> 40);
    }
}

void random_uuid(uint8_t uuid[UUID_BYTES])
{
    random_bytes(uuid, UUID_BYTES);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
