/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/local_state.h"

/* Two fifths more than records, so that probing stays short. */
size_t records_capacity(size_t slots)
{
    return slots + slots * 2 / 5 + 64;
}

static size_t home_of(const struct local_keymgr *l, uint64_t id)
{
    return (size_t)((id * 0x9e3779b97f4a7c15u >> 32) * l->capacity >> 32);
}

static size_t next_to(const struct local_keymgr *l, size_t place)
{
    return place + 1 == l->capacity ? 0 : place + 1;
}

struct local_record *records_find(struct local_keymgr *l, uint64_t id)
{
    for (size_t i = home_of(l, id); l->records[i].id != 0; i = next_to(l, i))
        if (l->records[i].id == id)
            return &l->records[i];
    return NULL;
}

struct local_record *records_insert(struct local_keymgr *l, uint64_t id)
{
    if (l->count + 1 >= l->capacity)
        return NULL;
    size_t i = home_of(l, id);
    while (l->records[i].id != 0)
        i = next_to(l, i);
    l->records[i] = (struct local_record){.id = id};
    l->count++;
    return &l->records[i];
}

/* How far place is behind home, going round. */
static size_t distance(const struct local_keymgr *l, size_t home, size_t place)
{
    return place >= home ? place - home : place + l->capacity - home;
}

/* Removes and closes the gap, so that probing never meets a false end. */
static void records_erase(struct local_keymgr *l, struct local_record *record)
{
    size_t hole = (size_t)(record - l->records);
    for (size_t i = next_to(l, hole); l->records[i].id != 0; i = next_to(l, i)) {
        if (distance(l, home_of(l, l->records[i].id), i) >= distance(l, hole, i)) {
            l->records[hole] = l->records[i];
            hole = i;
        }
    }
    l->records[hole] = (struct local_record){.id = 0};
    l->count--;
}

/* The bytes that an entry with this payload keeps from being garbage. */
void records_place(struct local_keymgr *l, struct local_record *r, uint32_t segment, uint32_t offset,
                   size_t payload)
{
    r->segment = segment;
    r->offset = offset;
    r->len = (uint32_t)(payload - PUT_HEAD);
    l->live_bytes += entry_size(payload);
}

void records_forget(struct local_keymgr *l, struct local_record *r)
{
    l->live_bytes -= entry_size(r->len + PUT_HEAD);
    records_erase(l, r);
}

/* The records with the smallest ids above the cursor: removals meanwhile can neither hide one nor show one
 * twice. */
void records_list(struct local_keymgr *l, struct local_call *c)
{
    const struct local_record *page[KEYMGR_PAGE];
    size_t n = 0, most = c->call.wanted != 0 && c->call.wanted < KEYMGR_PAGE ? c->call.wanted : KEYMGR_PAGE;
    for (size_t k = 0; k < l->capacity; k++) {
        const struct local_record *r = &l->records[k];
        if (r->id <= c->call.cursor || (n == most && r->id > page[n - 1]->id))
            continue;
        size_t i = n < most ? n++ : n - 1;
        for (; i > 0 && page[i - 1]->id > r->id; i--)
            page[i] = page[i - 1];
        page[i] = r;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(l->page[i].uid, page[i]->uid, UUID_BYTES);
        record_id_write(page[i]->id, l->page[i].record_id);
        l->page[i].generation = page[i]->generation;
    }
    c->answer.listed = l->page;
    c->answer.listed_count = n;
    c->answer.cursor = n == most ? page[n - 1]->id : 0;
}

void records_of(struct local_keymgr *l, struct local_call *c)
{
    size_t n = 0;
    for (size_t i = 0; i < l->capacity && n < KEYMGR_PAGE; i++) {
        const struct local_record *r = &l->records[i];
        if (r->id == 0 || memcmp(r->uid, c->call.uid, UUID_BYTES) != 0)
            continue;
        l->page[n] = (struct keymgr_listed){.generation = r->generation};
        memcpy(l->page[n].uid, r->uid, UUID_BYTES);
        record_id_write(r->id, l->page[n++].record_id);
    }
    c->answer.listed = l->page;
    c->answer.listed_count = n;
}
