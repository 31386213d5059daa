/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All memory of the server: one mapping made at start, locked, left out of core dumps, carved into pools in a
 * fixed order and never given back. A region with `base` NULL only adds up sizes: the memory plan is the same
 * code run dry.
 */
#ifndef HOLDFAST_BASE_REGION_H
#define HOLDFAST_BASE_REGION_H

#include "base/span.h"
#include "base/status.h"

#define REGION_POOLS 32

struct region_pool {
    const char *name;
    size_t slots;
    size_t slot_bytes;
};

struct region {
    uint8_t *base;
    size_t size;
    size_t used;
    size_t pool_count;
    struct region_pool pools[REGION_POOLS];
};

/* Takes slots * slot_bytes bytes of zeros, aligned to 64 bytes. NULL while planning; never fails otherwise,
 * since the plan came first. */
void *region_take(struct region *region, const char *name, size_t slots, size_t slot_bytes);

/* Maps `size` bytes. `lock` asks for mlock; *locked says whether it worked. */
MUST_USE enum status region_map(struct region *region, size_t size, bool lock, bool *locked);

#endif
