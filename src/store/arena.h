/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for records: pages of 16 KiB, each given to one size class while anything of it lives, so that small
 * records waste little and no mixture of sizes can block the rest for ever.
 */
#ifndef HOLDFAST_STORE_ARENA_H
#define HOLDFAST_STORE_ARENA_H

#include "base/region.h"

#define ARENA_PAGE 16384

struct arena_page {
    uint16_t class_index;
    uint16_t used;      /* slots taken */
    uint16_t free_slot; /* first of the page's free list; slots hold the next one's number */
    uint32_t next;      /* page in the list of its class's pages with room, or of empty pages */
    uint32_t previous;
};

#define ARENA_CLASSES 64

struct arena {
    uint8_t *bytes;
    struct arena_page *pages;
    uint32_t page_count;
    uint32_t empty; /* list of empty pages */
    uint32_t room[ARENA_CLASSES];
    uint32_t pages_used;
};

/* A record's place; 0 is none. */
typedef uint32_t arena_ref;

void arena_carve(struct arena *arena, struct region *region, size_t bytes);
void arena_init(struct arena *arena);

/* Copies `record` (1 to RECORD_MAX bytes) in. 0 when the arena is full. */
MUST_USE arena_ref arena_put(struct arena *arena, struct span record);
/* Whether two records of these lengths would both find a place. */
bool arena_has_room(const struct arena *arena, size_t first, size_t second);
/* Wipes and gives back. */
void arena_drop(struct arena *arena, arena_ref ref, size_t len);
uint8_t *arena_at(const struct arena *arena, arena_ref ref);

#endif
