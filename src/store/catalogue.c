/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalogue.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "crypto/random.h"

/* Objects mostly have no Name (VMware's never), some have several. */
static uint32_t name_nodes(uint32_t slots)
{
    return slots + slots / 2;
}

/* Heads of chains: a power of two, with at most two entries to a chain on average. */
static uint32_t bucket_count(uint32_t slots)
{
    uint32_t n = 64;
    while (n < slots / 2)
        n *= 2;
    return n;
}

void catalogue_carve(struct catalogue *c, struct region *region, uint32_t slots, size_t record_bytes)
{
    c->slots = slots;
    c->bucket_mask = bucket_count(slots) - 1;
    c->entries = region_take(region, "catalogue", slots, sizeof(struct catalogue_entry));
    c->buckets = region_take(region, "catalogue index", c->bucket_mask + 1, sizeof(uint32_t));
    c->names = region_take(region, "names", name_nodes(slots), sizeof(struct name_node));
    c->name_buckets = region_take(region, "name index", c->bucket_mask + 1, sizeof(uint32_t));
    arena_carve(&c->arena, region, record_bytes);
}

void catalogue_init(struct catalogue *c)
{
    random_bytes(c->hash_key, sizeof c->hash_key);
    c->free = NO_SLOT_32;
    c->names_free = NO_SLOT_32;
    for (uint32_t i = 0; i <= c->bucket_mask; i++)
        c->buckets[i] = c->name_buckets[i] = NO_SLOT_32;
    for (uint32_t i = name_nodes(c->slots); i > 0; i--) {
        c->names[i - 1].next = c->names_free;
        c->names_free = i - 1;
    }
    arena_init(&c->arena);
}

/* Unique Identifiers are random where they come from us; a record from outside may choose, so the key takes
 * part. */
static uint32_t *uid_bucket(const struct catalogue *c, const uint8_t uid[UUID_BYTES])
{
    uint64_t h =
        (be64_get(uid) ^ c->hash_key[0]) * 0x9e3779b97f4a7c15u ^ (be64_get(uid + 8) ^ c->hash_key[1]);
    h *= 0xff51afd7ed558ccdu;
    return &c->buckets[(uint32_t)(h >> 32) & c->bucket_mask];
}

struct catalogue_entry *catalogue_find(const struct catalogue *c, const uint8_t uid[UUID_BYTES])
{
    for (uint32_t slot = *uid_bucket(c, uid); slot != NO_SLOT_32; slot = c->entries[slot].chain)
        if (memcmp(c->entries[slot].uid, uid, UUID_BYTES) == 0)
            return &c->entries[slot];
    return NULL;
}

struct catalogue_entry *catalogue_add(struct catalogue *c, const uint8_t uid[UUID_BYTES])
{
    uint32_t slot = c->free;
    if (slot != NO_SLOT_32)
        c->free = c->entries[slot].chain;
    else if (c->high < c->slots)
        slot = c->high++;
    else
        return NULL;
    struct catalogue_entry *e = &c->entries[slot];
    uint32_t serial = e->serial + 1;
    uint32_t *bucket = uid_bucket(c, uid);
    *e = (struct catalogue_entry){.serial = serial == 0 ? 1 : serial, .chain = *bucket, .in_use = true};
    memcpy(e->uid, uid, UUID_BYTES);
    e->created = ++c->next_created;
    *bucket = slot;
    c->count++;
    return e;
}

void catalogue_remove(struct catalogue *c, struct catalogue_entry *e)
{
    uint32_t slot = catalogue_slot(c, e);
    uint32_t *link = uid_bucket(c, e->uid);
    while (*link != slot)
        link = &c->entries[*link].chain;
    *link = e->chain;
    if (e->record != 0) {
        catalogue_names_remove(c, e, catalogue_record(c, e), span_of(NULL, 0));
        arena_drop(&c->arena, e->record, e->record_len);
        c->visible--;
    }
    if (e->next != 0) {
        catalogue_names_remove(c, e, catalogue_next_record(c, e), span_of(NULL, 0));
        arena_drop(&c->arena, e->next, e->next_len);
    }
    uint32_t serial = e->serial + 1;
    *e = (struct catalogue_entry){.serial = serial, .chain = c->free};
    c->free = slot;
    c->count--;
}

uint32_t catalogue_slot(const struct catalogue *c, const struct catalogue_entry *e)
{
    return (uint32_t)(e - c->entries);
}

struct handle catalogue_handle(const struct catalogue *c, const struct catalogue_entry *e)
{
    return (struct handle){.slot = catalogue_slot(c, e), .serial = e->serial};
}

struct catalogue_entry *catalogue_get(const struct catalogue *c, struct handle handle)
{
    if (handle.serial == 0 || handle.slot >= c->high)
        return NULL;
    struct catalogue_entry *e = &c->entries[handle.slot];
    return e->in_use && e->serial == handle.serial ? e : NULL;
}

struct span catalogue_record(const struct catalogue *c, const struct catalogue_entry *e)
{
    return e->record == 0 ? span_of(NULL, 0) : span_of(arena_at(&c->arena, e->record), e->record_len);
}

struct span catalogue_next_record(const struct catalogue *c, const struct catalogue_entry *e)
{
    return e->next == 0 ? span_of(NULL, 0) : span_of(arena_at(&c->arena, e->next), e->next_len);
}

/* Steps through the Name Values of a record. */
static bool next_name(struct ttlv_reader *reader, struct span *name)
{
    struct object_attribute a;
    while (object_attribute_next(reader, &a)) {
        if (a.row == NULL || a.row->tag != TAG_NAME)
            continue;
        struct ttlv_reader inner = ttlv_reader_trusted(a.value);
        struct ttlv_item item;
        if (ttlv_next(&inner, &item) == STATUS_OK && item.tag == TAG_NAME_VALUE) {
            *name = item.value;
            return true;
        }
    }
    return false;
}

/* A reader over the attributes of a record; of nothing when it is destroyed, since its names are free again.
 */
static struct ttlv_reader names_of(struct span record)
{
    struct object object;
    if (record.len == 0 || object_open(record, &object) != STATUS_OK || state_is_destroyed(object.head.state))
        return ttlv_reader_trusted(span_of("", 0));
    return ttlv_reader_trusted(object.attributes);
}

static bool record_has_name(struct span record, struct span name)
{
    struct ttlv_reader reader = names_of(record);
    struct span other;
    while (next_name(&reader, &other))
        if (span_equal(name, other))
            return true;
    return false;
}

static uint32_t name_hash(const struct catalogue *c, uint8_t scope, struct span name)
{
    return (uint32_t)hash_keyed(c->hash_key, name) + scope;
}

/* The link to the node of this entry and hash, for removal; or to the end of the chain. */
static uint32_t *name_link(const struct catalogue *c, uint32_t hash, uint32_t slot)
{
    uint32_t *link = &c->name_buckets[hash & c->bucket_mask];
    while (*link != NO_SLOT_32 && (c->names[*link].hash != hash || c->names[*link].slot != slot))
        link = &c->names[*link].next;
    return link;
}

enum status catalogue_names_add(struct catalogue *c, struct catalogue_entry *e, struct span record)
{
    struct ttlv_reader reader = names_of(record);
    struct span name;
    uint32_t slot = catalogue_slot(c, e);
    while (next_name(&reader, &name)) {
        uint32_t hash = name_hash(c, e->scope, name);
        if (*name_link(c, hash, slot) != NO_SLOT_32)
            continue;
        uint32_t node = c->names_free;
        if (node == NO_SLOT_32) {
            catalogue_names_remove(c, e, record, catalogue_record(c, e));
            return STATUS_NO_SPACE;
        }
        c->names_free = c->names[node].next;
        uint32_t *bucket = &c->name_buckets[hash & c->bucket_mask];
        c->names[node] = (struct name_node){.hash = hash, .slot = slot, .next = *bucket};
        *bucket = node;
    }
    return STATUS_OK;
}

void catalogue_names_remove(struct catalogue *c, struct catalogue_entry *e, struct span record,
                            struct span kept)
{
    struct ttlv_reader reader = names_of(record);
    struct span name;
    while (next_name(&reader, &name)) {
        if (record_has_name(kept, name))
            continue;
        uint32_t *link = name_link(c, name_hash(c, e->scope, name), catalogue_slot(c, e));
        uint32_t node = *link;
        if (node == NO_SLOT_32)
            continue;
        *link = c->names[node].next;
        c->names[node].next = c->names_free;
        c->names_free = node;
    }
}

struct catalogue_entry *catalogue_find_name(const struct catalogue *c, uint8_t scope, struct span name)
{
    uint32_t hash = name_hash(c, scope, name);
    for (uint32_t i = c->name_buckets[hash & c->bucket_mask]; i != NO_SLOT_32; i = c->names[i].next) {
        if (c->names[i].hash != hash)
            continue;
        struct catalogue_entry *e = &c->entries[c->names[i].slot];
        if (e->scope == scope && (record_has_name(catalogue_record(c, e), name) ||
                                  record_has_name(catalogue_next_record(c, e), name)))
            return e;
    }
    return NULL;
}

struct catalogue_entry *catalogue_next(const struct catalogue *c, uint32_t *at)
{
    while (*at < c->high) {
        struct catalogue_entry *e = &c->entries[(*at)++];
        if (e->in_use && e->record != 0)
            return e;
    }
    return NULL;
}
