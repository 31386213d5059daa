/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/ttlv_mutator.h"

#include <string.h>

#include "base/bytes.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t cap);

#define NODES 2000

/* An item: where it stands, and how many structures are around it. */
struct node {
    size_t at, whole;
    unsigned depth;
    int parent;
};

struct tree {
    struct node nodes[NODES];
    size_t count;
};

static uint32_t state;

static uint32_t next_random(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

/* Finds the items of a row of messages, as far as they are well-formed. */
static void parse(struct tree *t, const uint8_t *data, size_t from, size_t to, int parent, unsigned depth)
{
    while (to - from >= 8 && t->count < NODES && depth < 20) {
        size_t len = be32_get(data + from + 4);
        if (len > to - from - 8 || padded(len) > to - from - 8)
            return;
        struct node *n = &t->nodes[t->count];
        *n = (struct node){.at = from, .whole = 8 + padded(len), .depth = depth, .parent = parent};
        int self = (int)t->count++;
        if (data[from + 3] == 1)
            parse(t, data, from + 8, from + 8 + len, self, depth + 1);
        from += t->nodes[self].whole;
    }
}

/* The structures around a place become longer or shorter. */
static void grow_parents(const struct tree *t, uint8_t *data, int parent, int64_t by)
{
    for (; parent >= 0; parent = t->nodes[parent].parent) {
        uint8_t *length = data + t->nodes[parent].at + 4;
        be32_put(length, (uint32_t)((int64_t)be32_get(length) + by));
    }
}

/* Replaces `old` bytes at `at` by `len` bytes of `with`. Returns the new length of the data, or 0 without
 * room. */
static size_t splice(const struct tree *t, uint8_t *data, size_t size, size_t cap, size_t at, size_t old,
                     int parent, const uint8_t *with, size_t len)
{
    if (size - old + len > cap)
        return 0;
    grow_parents(t, data, parent, (int64_t)len - (int64_t)old);
    memmove(data + at + len, data + at + old, size - at - old);
    memcpy(data + at, with, len);
    return size - old + len;
}

static size_t change_value(const struct tree *t, const struct node *n, uint8_t *data, size_t size, size_t cap)
{
    static const uint32_t numbers[] = {0, 1,  2,  3,   4,   5,          6,          7,         8,
                                       9, 10, 16, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff};
    uint8_t *value = data + n->at + 8;
    switch (data[n->at + 3]) {
    case 2:
    case 5:
    case 10:
        be32_put(value, next_random(3) == 0 ? next_random(300)
                                            : numbers[next_random(sizeof numbers / sizeof *numbers)]);
        return size;
    case 3:
    case 9:
        be64_put(value, next_random(2) == 0
                            ? next_random(300)
                            : (uint64_t)numbers[next_random(17)] << 32 | numbers[next_random(17)]);
        return size;
    case 6:
        value[7] = (uint8_t)next_random(2);
        return size;
    case 7:
    case 8: {
        uint8_t item[600] = {0};
        size_t len = be32_get(data + n->at + 4);
        if (len > 200)
            return size;
        memcpy(item, data + n->at, 8 + len);
        len = LLVMFuzzerMutate(item + 8, len, 400);
        if (data[n->at + 3] == 7)
            for (size_t i = 0; i < len; i++)
                item[8 + i] = (uint8_t)(item[8 + i] < 0x20 || item[8 + i] > 0x7e ? 'a' + item[8 + i] % 26
                                                                                 : item[8 + i]);
        memset(item + 8 + len, 0, padded(len) - len);
        be32_put(item + 4, (uint32_t)len);
        return splice(t, data, size, cap, n->at, n->whole, n->parent, item, 8 + padded(len));
    }
    default:
        return size;
    }
}

static size_t bring_in(const struct tree *t, const struct node *n, uint8_t *data, size_t size, size_t cap)
{
    static const struct {
        uint32_t tag;
        uint8_t type;
    } items[] = {{0x420050, 2}, {0x420010, 6},  {0x42000e, 5}, {0x420094, 7}, {0x420009, 2}, {0x42000a, 7},
                 {0x42004f, 2}, {0x4200d4, 2},  {0x420093, 8}, {0x42008e, 2}, {0x4200ac, 5}, {0x420042, 5},
                 {0x4200f8, 5}, {0x420058, 10}, {0x4200a3, 5}, {0x420096, 3}, {0x42002c, 2}, {0x420049, 10},
                 {0x420021, 9}, {0x420074, 5},  {0x420092, 9}, {0x42000b, 7}, {0x42000b, 5}, {0x42000b, 9},
                 {0x42000b, 6}, {0x42000b, 1},  {0x420105, 7}};
    size_t which = next_random(sizeof items / sizeof *items);
    uint8_t item[16] = {0};
    size_t len = items[which].type == 1                             ? 0
                 : items[which].type == 7 || items[which].type == 8 ? next_random(9)
                                                                    : 8;
    be24_put(item, items[which].tag);
    item[3] = items[which].type;
    be32_put(
        item + 4,
        (uint32_t)(items[which].type == 2 || items[which].type == 5 || items[which].type == 10 ? 4 : len));
    if (len != 0)
        item[8 + (len == 8 && item[7] == 4 ? 3 : len - 1)] = (uint8_t)(items[which].type == 6 ? 1 : 'a');
    return splice(t, data, size, cap, n->at, 0, n->parent, item, 8 + padded(len));
}

size_t ttlv_mutate(uint8_t *data, size_t len, size_t cap, unsigned seed)
{
    static struct tree t;
    static uint8_t copy[70000];
    state = seed * 2654435761u + 1;
    if (next_random(4) == 0)
        return LLVMFuzzerMutate(data, len, cap);
    t.count = 0;
    parse(&t, data, 0, len, -1, 0);
    if (t.count == 0 || len > sizeof copy)
        return LLVMFuzzerMutate(data, len, cap);
    const struct node *n = &t.nodes[next_random((uint32_t)t.count)];
    const struct node *other = &t.nodes[next_random((uint32_t)t.count)];
    size_t result = 0;
    memcpy(copy, data + other->at, other->whole);
    switch (next_random(8)) {
    case 0: /* drop it */
        result = splice(&t, data, len, cap, n->at, n->whole, n->parent, copy, 0);
        break;
    case 1: /* double another in front of it */
        result = splice(&t, data, len, cap, n->at, 0, n->parent, copy, other->whole);
        break;
    case 2: /* put another in its place */
        result = splice(&t, data, len, cap, n->at, n->whole, n->parent, copy, other->whole);
        break;
    case 3: /* another tag */
        data[n->at + 2] = next_random(2) == 0 ? data[other->at + 2] : (uint8_t)next_random(256);
        result = len;
        break;
    case 4:
        result = bring_in(&t, n, data, len, cap);
        break;
    default:
        result = change_value(&t, n, data, len, cap);
    }
    return result == 0 ? LLVMFuzzerMutate(data, len, cap) : result;
}
