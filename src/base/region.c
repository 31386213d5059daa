/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/region.h"

#include <stdlib.h>
#include <sys/mman.h>

void *region_take(struct region *region, const char *name, size_t slots, size_t slot_bytes)
{
    size_t bytes = (slots * slot_bytes + 63) / 64 * 64;
    if (region->base != NULL && region->used + bytes > region->size)
        abort(); /* the plan and the taking disagree: our own bug */
    void *at = region->base == NULL ? NULL : region->base + region->used;
    region->used += bytes;
    if (region->pool_count < REGION_POOLS)
        region->pools[region->pool_count++] =
            (struct region_pool){.name = name, .slots = slots, .slot_bytes = slot_bytes};
    return at;
}

enum status region_map(struct region *region, size_t size, bool lock, bool *locked)
{
    *region = (struct region){.size = (size + 4095) / 4096 * 4096};
    void *at = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return STATUS_NO_SPACE;
    region->base = at;
    madvise(at, region->size, MADV_DONTDUMP);
    madvise(at, region->size, MADV_HUGEPAGE); /* a turn of the loop touches some fifty places of it */
    *locked = lock && mlock(at, region->size) == 0;
    return STATUS_OK;
}
