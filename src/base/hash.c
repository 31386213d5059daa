/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

static uint64_t turn_left(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn_left(v[1], 13) ^ v[0];
    v[3] = turn_left(v[3], 16) ^ v[2];
    v[0] = turn_left(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = turn_left(v[1], 17) ^ v[2];
    v[3] = turn_left(v[3], 21) ^ v[0];
    v[2] = turn_left(v[2], 32);
}

uint64_t hash_keyed(const uint64_t key[2], struct span in)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    size_t at = 0;
    for (bool last = false; !last;) {
        uint64_t word = 0;
        size_t n = in.len - at < 8 ? in.len - at : 8;
        for (size_t i = 0; i < n; i++)
            word |= (uint64_t)in.ptr[at + i] << (8 * i);
        last = n < 8;
        if (last)
            word |= (uint64_t)in.len << 56;
        at += n;
        v[3] ^= word;
        mix(v);
        mix(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
