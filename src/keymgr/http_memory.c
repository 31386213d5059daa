/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two-level segregated fit: free blocks hang in lists by size, each power of two cut into eight, and bitmaps
 * say which lists have any. So the search is two looks at a bitmap, whatever the history. Each block knows
 * its own length and that of the block before, so neighbours that become free are joined at once.
 *
 * Free memory is all zeros but for the two links at its beginning.
 */
#include "keymgr/http_memory.h"

#include <stdint.h>

#include "base/wipe.h"
#include "crypto/random.h"

/* All lengths are counted in units of 16 bytes. */
#define UNIT     HTTP_MEMORY_ALIGN
#define USED     1u
#define NO_BLOCK UINT32_MAX
/* Units of the largest memory (4 GiB less one): an index of a unit and a flag fit 32 bits. */
#define UNITS_MAX ((1u << 28) - 1)

/* Eight lists for lengths below 8 units, then eight for each power of two. */
#define STEPS  8u
#define LEVELS 26u

struct block {
    uint32_t length;   /* in units, with this header, shifted left by one; the lowest bit is USED */
    uint32_t previous; /* units of the block before; 0: this is the first */
    uint32_t asked;    /* bytes asked for, at most; 0 in a free block */
    uint32_t guard;    /* of the other three and the place */
};

struct links {
    uint32_t next, back; /* places of blocks in the list, in units; NO_BLOCK at its ends */
};

_Static_assert(sizeof(struct block) == HTTP_MEMORY_HEADER, "the header is what the header says");
_Static_assert(sizeof(struct links) <= UNIT, "the smallest block holds the links");

static struct {
    uint8_t *base;
    uint32_t units;
    uint32_t salt; /* what a guard depends on beside its block: nobody outside knows it */
    uint32_t used, most;
    uint64_t refused;
    uint32_t levels; /* bit: the level has a list that is not empty */
    uint8_t steps[LEVELS];
    uint32_t first[LEVELS][STEPS];
} memory;

struct list {
    unsigned level, step;
};

_Noreturn static void broken(void)
{
    __builtin_trap();
}

static struct block *at(uint32_t place)
{
    return (struct block *)(void *)(memory.base + (size_t)place * UNIT);
}

static uint32_t place_of(const struct block *b)
{
    return (uint32_t)((size_t)((const uint8_t *)b - memory.base) / UNIT);
}

static uint8_t *body(struct block *b)
{
    return (uint8_t *)b + sizeof *b;
}

static struct links *links_of(struct block *b)
{
    return (struct links *)(void *)body(b);
}

static uint32_t length(const struct block *b)
{
    return b->length >> 1;
}

static bool is_used(const struct block *b)
{
    return (b->length & USED) != 0;
}

/* Bytes that a block has room for. */
static size_t room(const struct block *b)
{
    return (size_t)(length(b) - 1) * UNIT;
}

static uint32_t guard_of(const struct block *b)
{
    uint32_t v = memory.salt ^ place_of(b) * 0x9e3779b1u;
    v = (v ^ b->length) * 0x85ebca6bu;
    v = (v ^ v >> 15 ^ b->previous) * 0xc2b2ae35u;
    v = (v ^ v >> 13 ^ b->asked) * 0x27d4eb2fu;
    return v ^ v >> 16;
}

static void seal(struct block *b)
{
    b->guard = guard_of(b);
}

/* Every header is looked at before anything in it is believed. */
static void check(const struct block *b)
{
    if (b->guard != guard_of(b))
        broken();
}

static struct block *after(const struct block *b)
{
    uint32_t place = place_of(b) + length(b);
    if (place == memory.units)
        return NULL;
    struct block *next = at(place);
    check(next);
    if (next->previous != length(b))
        broken();
    return next;
}

static struct block *before(const struct block *b)
{
    if (b->previous == 0)
        return NULL;
    struct block *previous = at(place_of(b) - b->previous);
    check(previous);
    if (length(previous) != b->previous)
        broken();
    return previous;
}

/* ---- the lists of free blocks ---- */

static struct list list_of(uint32_t units)
{
    if (units < STEPS)
        return (struct list){.level = 0, .step = units};
    unsigned top = 31u - (unsigned)__builtin_clz(units);
    return (struct list){.level = top - 2, .step = units >> (top - 3) & (STEPS - 1)};
}

/* The block that a list names. */
static struct block *linked(uint32_t place)
{
    if (place >= memory.units)
        broken();
    struct block *b = at(place);
    check(b);
    if (is_used(b))
        broken();
    return b;
}

static void hang(struct block *b)
{
    struct list list = list_of(length(b));
    uint32_t *first = &memory.first[list.level][list.step];
    *links_of(b) = (struct links){.next = *first, .back = NO_BLOCK};
    if (*first != NO_BLOCK)
        links_of(linked(*first))->back = place_of(b);
    *first = place_of(b);
    memory.levels |= 1u << list.level;
    memory.steps[list.level] = (uint8_t)(memory.steps[list.level] | 1u << list.step);
}

static void unhang(struct block *b)
{
    struct list list = list_of(length(b));
    struct links links = *links_of(b);
    uint32_t *first = &memory.first[list.level][list.step];
    if (links.back != NO_BLOCK) {
        struct links *back = links_of(linked(links.back));
        if (back->next != place_of(b))
            broken();
        back->next = links.next;
    } else {
        if (*first != place_of(b))
            broken();
        *first = links.next;
    }
    if (links.next != NO_BLOCK) {
        struct links *next = links_of(linked(links.next));
        if (next->back != place_of(b))
            broken();
        next->back = links.back;
    }
    if (*first == NO_BLOCK) {
        memory.steps[list.level] = (uint8_t)(memory.steps[list.level] & ~(1u << list.step));
        if (memory.steps[list.level] == 0)
            memory.levels &= ~(1u << list.level);
    }
    *links_of(b) = (struct links){0};
}

/* A block of so many units or more; NULL: none was found. */
static struct block *find(uint32_t units)
{
    struct list own = list_of(units);
    uint32_t first = memory.first[own.level][own.step];
    if (first != NO_BLOCK && length(linked(first)) >= units)
        return at(first);
    /* Rounded up to the least length of a list: every block there is long enough, so no list is searched. */
    if (units >= STEPS)
        units += (1u << (28u - (unsigned)__builtin_clz(units))) - 1;
    struct list list = list_of(units);
    if (list.level >= LEVELS)
        return NULL;
    unsigned steps = memory.steps[list.level] & ~0u << list.step;
    if (steps == 0) {
        uint32_t levels = memory.levels & ~1u << list.level;
        if (levels == 0)
            return NULL;
        list.level = (unsigned)__builtin_ctz(levels);
        steps = memory.steps[list.level];
    }
    return linked(memory.first[list.level][(unsigned)__builtin_ctz(steps)]);
}

/* ---- blocks ---- */

static void set_length(struct block *b, uint32_t units, uint32_t flag)
{
    b->length = units << 1 | flag;
    seal(b);
    if (place_of(b) + units == memory.units)
        return;
    struct block *next = at(place_of(b) + units);
    next->previous = units;
    seal(next);
}

/* Makes one free block of a block that is zero but for its header, and its free neighbours. */
static void release(struct block *b)
{
    uint32_t units = length(b);
    struct block *next = after(b), *previous = before(b);
    if (next != NULL && !is_used(next)) {
        unhang(next);
        units += length(next);
        wipe(next, sizeof *next);
    }
    if (previous != NULL && !is_used(previous)) {
        unhang(previous);
        units += length(previous);
        wipe(b, sizeof *b);
        b = previous;
    }
    b->asked = 0;
    set_length(b, units, 0);
    hang(b);
}

/* Keeps so many units of a used block; what is behind them is zero and becomes free, if it can be a block. */
static void trim(struct block *b, uint32_t units)
{
    uint32_t rest = length(b) - units;
    if (rest < 2)
        return;
    struct block *next = at(place_of(b) + units);
    next->previous = units;
    set_length(next, rest, USED);
    b->length = units << 1 | USED;
    seal(b);
    release(next);
}

static void count(uint32_t less, uint32_t more)
{
    memory.used = memory.used - less + more;
    if (memory.used > memory.most)
        memory.most = memory.used;
}

/* With the header; 0: more than the memory could ever hold. Two at least, since a free block needs its links.
 */
static uint32_t units_for(size_t size)
{
    if (size > (size_t)(UNITS_MAX - 1) * UNIT)
        return 0;
    uint32_t units = (uint32_t)((size + UNIT - 1) / UNIT) + 1;
    return units < 2 ? 2 : units;
}

static struct block *of_pointer(void *ptr)
{
    uintptr_t offset = (uintptr_t)ptr - (uintptr_t)memory.base;
    if (offset < UNIT || offset % UNIT != 0 || offset / UNIT >= memory.units)
        broken();
    struct block *b = at((uint32_t)(offset / UNIT) - 1);
    check(b);
    if (!is_used(b))
        broken();
    return b;
}

/* ---- the interface ---- */

void http_memory_begin(void *base, size_t size)
{
    uintptr_t skip = (UNIT - (uintptr_t)base % UNIT) % UNIT;
    uint64_t refused = memory.refused;
    wipe(&memory, sizeof memory);
    memory.refused = refused;
    size_t units = size < skip ? 0 : (size - skip) / UNIT;
    if (units < 2)
        return;
    wipe(base, size);
    memory.base = (uint8_t *)base + skip;
    memory.units = units > UNITS_MAX ? UNITS_MAX : (uint32_t)units;
    random_bytes(&memory.salt, sizeof memory.salt);
    for (unsigned i = 0; i < LEVELS; i++)
        for (unsigned k = 0; k < STEPS; k++)
            memory.first[i][k] = NO_BLOCK;
    set_length(at(0), memory.units, 0);
    hang(at(0));
}

void http_memory_end(void)
{
    uint64_t refused = memory.refused;
    if (memory.base != NULL)
        wipe(memory.base, (size_t)memory.units * UNIT);
    wipe(&memory, sizeof memory);
    memory.refused = refused;
}

void *http_memory_alloc(size_t size)
{
    uint32_t units = units_for(size);
    struct block *b = memory.base == NULL || units == 0 ? NULL : find(units);
    if (b == NULL) {
        memory.refused++;
        return NULL;
    }
    unhang(b);
    b->length |= USED;
    b->asked = (uint32_t)size;
    seal(b);
    trim(b, units);
    count(0, length(b));
    return body(b);
}

void *http_memory_calloc(size_t number, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) {
        memory.refused++;
        return NULL;
    }
    return http_memory_alloc(bytes);
}

void http_memory_free(void *ptr)
{
    if (ptr == NULL || memory.base == NULL)
        return;
    struct block *b = of_pointer(ptr);
    wipe(ptr, room(b));
    count(length(b), 0);
    release(b);
}

/* Takes the free block behind a used one, if both together are long enough. */
static bool extend(struct block *b, uint32_t units)
{
    struct block *next = after(b);
    if (next == NULL || is_used(next) || length(b) + length(next) < units)
        return false;
    unhang(next);
    uint32_t both = length(b) + length(next);
    wipe(next, sizeof *next);
    set_length(b, both, USED);
    return true;
}

void *http_memory_realloc(void *ptr, size_t size)
{
    if (ptr == NULL || memory.base == NULL)
        return http_memory_alloc(size);
    struct block *b = of_pointer(ptr);
    uint32_t units = units_for(size), old = length(b);
    if (units == 0) {
        memory.refused++;
        return NULL;
    }
    if (units <= old)
        wipe(body(b) + size, room(b) - size);
    if (units <= old || extend(b, units)) {
        b->asked = (uint32_t)size;
        seal(b);
        trim(b, units);
        count(old, length(b));
        return ptr;
    }
    void *moved = http_memory_alloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, ptr, b->asked);
    http_memory_free(ptr);
    return moved;
}

char *http_memory_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = http_memory_alloc(len);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

struct http_memory_use http_memory_use(void)
{
    return (struct http_memory_use){
        .size = (size_t)memory.units * UNIT,
        .used = (size_t)memory.used * UNIT,
        .most = (size_t)memory.most * UNIT,
        .refused = memory.refused,
    };
}
