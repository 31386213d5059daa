/* SPDX-License-Identifier: Apache-2.0 */
#include "store/arena.h"

#include "base/limits.h"
#include "base/wipe.h"

#define NO_PAGE     UINT32_MAX
#define NO_SLOT     UINT16_MAX
#define GRAIN       32 /* bytes; references count in grains, so 32 bits reach 128 GiB */
#define PAGE_GRAINS (ARENA_PAGE / GRAIN)

/* Steps of 32 bytes to 1 KiB, of 128 to 2 KiB, of 512 to 7.5 KiB: 32 + 8 + 11 classes. */
static unsigned class_of(size_t len)
{
    if (len <= 1024)
        return (unsigned)((len - 1) / 32);
    if (len <= 2048)
        return 32 + (unsigned)((len - 1025) / 128);
    return 40 + (unsigned)((len - 2049) / 512);
}

static size_t class_bytes(unsigned class_index)
{
    if (class_index < 32)
        return 32 * ((size_t)class_index + 1);
    if (class_index < 40)
        return 1024 + 128 * ((size_t)class_index - 31);
    return 2048 + 512 * ((size_t)class_index - 39);
}

_Static_assert(RECORD_MAX <= 2048 + 512 * 11, "the largest class holds the largest record");

void arena_carve(struct arena *arena, struct region *region, size_t bytes)
{
    arena->page_count = (uint32_t)(bytes / ARENA_PAGE + 1);
    arena->bytes = region_take(region, "records", arena->page_count, ARENA_PAGE);
    arena->pages = region_take(region, "record pages", arena->page_count, sizeof(struct arena_page));
}

static void push(struct arena *a, uint32_t *list, uint32_t page)
{
    a->pages[page].next = *list;
    a->pages[page].previous = NO_PAGE;
    if (*list != NO_PAGE)
        a->pages[*list].previous = page;
    *list = page;
}

static void unlink_page(struct arena *a, uint32_t *list, uint32_t page)
{
    struct arena_page *p = &a->pages[page];
    if (p->previous == NO_PAGE)
        *list = p->next;
    else
        a->pages[p->previous].next = p->next;
    if (p->next != NO_PAGE)
        a->pages[p->next].previous = p->previous;
}

void arena_init(struct arena *a)
{
    a->empty = NO_PAGE;
    a->pages_used = 0;
    for (unsigned i = 0; i < ARENA_CLASSES; i++)
        a->room[i] = NO_PAGE;
    for (uint32_t i = a->page_count; i > 0; i--)
        push(a, &a->empty, i - 1);
}

static uint8_t *slot_at(const struct arena *a, uint32_t page, uint16_t slot, size_t size)
{
    return a->bytes + (size_t)page * ARENA_PAGE + slot * size;
}

/* Cuts an empty page into slots of one class, each holding the number of the next. */
static uint32_t open_page(struct arena *a, unsigned class_index)
{
    uint32_t page = a->empty;
    if (page == NO_PAGE)
        return page;
    unlink_page(a, &a->empty, page);
    size_t size = class_bytes(class_index);
    uint16_t count = (uint16_t)(ARENA_PAGE / size);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t next = i + 1 < count ? (uint16_t)(i + 1) : NO_SLOT;
        memcpy(slot_at(a, page, i, size), &next, sizeof next);
    }
    a->pages[page].class_index = (uint16_t)class_index;
    a->pages[page].used = 0;
    a->pages[page].free_slot = 0;
    a->pages_used++;
    push(a, &a->room[class_index], page);
    return page;
}

arena_ref arena_put(struct arena *a, struct span record)
{
    unsigned class_index = class_of(record.len);
    size_t size = class_bytes(class_index);
    uint32_t page = a->room[class_index];
    if (page == NO_PAGE)
        page = open_page(a, class_index);
    if (page == NO_PAGE)
        return 0;
    struct arena_page *p = &a->pages[page];
    uint16_t slot = p->free_slot;
    uint8_t *at = slot_at(a, page, slot, size);
    memcpy(&p->free_slot, at, sizeof p->free_slot);
    p->used++;
    if (p->free_slot == NO_SLOT)
        unlink_page(a, &a->room[class_index], page);
    memcpy(at, record.ptr, record.len);
    return (arena_ref)((size_t)(at - a->bytes) / GRAIN + 1);
}

bool arena_has_room(const struct arena *a, size_t first, size_t second)
{
    uint32_t empty = a->page_count - a->pages_used;
    unsigned one = class_of(first), two = class_of(second);
    uint32_t page = a->room[one];
    uint32_t wanted = page == NO_PAGE ? 1 : 0;
    if (one != two)
        wanted += a->room[two] == NO_PAGE ? 1 : 0;
    else if (page != NO_PAGE && a->pages[page].next == NO_PAGE &&
             a->pages[page].used + 1u == ARENA_PAGE / class_bytes(one))
        wanted++; /* one slot is left in this class, for the first */
    return wanted <= empty;
}

void arena_drop(struct arena *a, arena_ref ref, size_t len)
{
    uint8_t *at = arena_at(a, ref);
    uint32_t page = (ref - 1) / PAGE_GRAINS;
    struct arena_page *p = &a->pages[page];
    size_t size = class_bytes(p->class_index);
    uint16_t slot = (uint16_t)((size_t)(at - (a->bytes + (size_t)page * ARENA_PAGE)) / size);
    wipe(at, len);
    if (p->free_slot == NO_SLOT)
        push(a, &a->room[p->class_index], page);
    memcpy(at, &p->free_slot, sizeof p->free_slot);
    p->free_slot = slot;
    if (--p->used == 0) {
        unlink_page(a, &a->room[p->class_index], page);
        push(a, &a->empty, page);
        a->pages_used--;
    }
}

uint8_t *arena_at(const struct arena *a, arena_ref ref)
{
    return a->bytes + (size_t)(ref - 1) * GRAIN;
}
