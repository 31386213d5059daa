/* SPDX-License-Identifier: Apache-2.0 */
/* The local key manager alone: records put, deleted, read; the root key made at the first start. */
#include "keymgr/local.h"
#include "powercut.h"
#include "support/tame_disk.h"

#define SLOTS   64
#define RECORDS 64

struct put {
    bool begun, acknowledged, delete_begun, deleted;
    bool answered;
    uint8_t uid[UUID_BYTES];
    uint8_t id[RECORD_ID_BYTES];
    uint32_t generation;
    size_t len;
    uint8_t bytes[3000];
};

struct local_story {
    struct sim_disk *sim;
    struct disk_ops ops;
    struct tame_disk disk;
    uint8_t *memory;
    struct local_keymgr *local;
    struct keymgr keymgr;
    struct put puts[RECORDS];
    struct clock now;
    bool has_wrapped;
    uint8_t key[KEK_BYTES], wrapped[256];
    size_t wrapped_len;
    char why[200];
};

static bool begin(struct local_story *s)
{
    struct region region = {.base = NULL};
    local_carve(&region, SLOTS);
    s->memory = aligned_alloc(64, region.used);
    memset(s->memory, 0, region.used);
    region = (struct region){.base = s->memory, .size = region.used};
    s->local = local_carve(&region, SLOTS);
    tame_disk_start(&s->disk, &s->ops);
    s->keymgr = local_keymgr(s->local);
    return local_open(s->local, &s->ops, &s->disk.disk, s->why, sizeof s->why) == STATUS_OK;
}

static bool answer(struct local_story *s, struct keymgr_answer *a)
{
    for (int i = 0; i < 8; i++) {
        tame_disk_step(&s->disk);
        disk_turn(&s->disk.disk);
        s->keymgr.ops->turn(s->keymgr.self, s->now);
        if (keymgr_take(&s->keymgr, a))
            return true;
    }
    return false;
}

static bool call(struct local_story *s, const struct keymgr_call *c, struct keymgr_answer *a)
{
    return keymgr_submit(&s->keymgr, c) && answer(s, a);
}

/* Takes the answers that are there; the ticket is the number of the record. */
static void take(struct local_story *s)
{
    struct keymgr_answer a;
    while (keymgr_take(&s->keymgr, &a)) {
        struct put *p = &s->puts[a.ticket];
        if (a.kind == KEYMGR_PUT) {
            p->answered = true;
            p->acknowledged = a.result == KEYMGR_OK;
            memcpy(p->id, a.record_id, RECORD_ID_BYTES);
        } else if (a.kind == KEYMGR_DELETE) {
            p->deleted = a.result == KEYMGR_OK;
        }
    }
}

/* One turn; the disk may be slow. */
static void turn(struct local_story *s, bool disk)
{
    if (disk)
        tame_disk_step(&s->disk);
    disk_turn(&s->disk.disk);
    s->keymgr.ops->turn(s->keymgr.self, s->now);
    take(s);
}

static void end(struct local_story *s)
{
    for (int i = 0; i < 6; i++)
        turn(s, true);
    tame_disk_stop(&s->disk);
    sim_disk_close_all(s->sim);
    free(s->memory);
}

static void put(struct local_story *s, unsigned i, uint64_t *seed)
{
    struct put *p = &s->puts[i];
    memset(p->uid, 0, UUID_BYTES);
    p->uid[0] = (uint8_t)(i + 1);
    p->generation = i + 1;
    p->len = 1 + draw(seed) % sizeof p->bytes;
    for (size_t k = 0; k < p->len; k++)
        p->bytes[k] = (uint8_t)draw(seed);
    struct keymgr_call c = {
        .kind = KEYMGR_PUT, .ticket = i, .generation = p->generation, .data = span_of(p->bytes, p->len)};
    memcpy(c.uid, p->uid, UUID_BYTES);
    p->begun = keymgr_submit(&s->keymgr, &c);
}

static void delete (struct local_story *s, unsigned i)
{
    struct put *p = &s->puts[i];
    struct keymgr_call c = {.kind = KEYMGR_DELETE, .ticket = i};
    memcpy(c.record_id, p->id, RECORD_ID_BYTES);
    p->delete_begun = keymgr_submit(&s->keymgr, &c);
}

/* A key that is made, once. */
static void make_key(struct local_story *s)
{
    struct keymgr_answer a;
    struct keymgr_call c = {.kind = KEYMGR_NEW_KEY, .uid = {42}};
    if (s->has_wrapped || !call(s, &c, &a) || a.result != KEYMGR_OK)
        return;
    memcpy(s->key, a.key, KEK_BYTES);
    memcpy(s->wrapped, a.data.ptr, a.data.len);
    s->wrapped_len = a.data.len;
    s->has_wrapped = true;
}

static bool is_there(struct local_story *s, unsigned i)
{
    struct put *p = &s->puts[i];
    struct keymgr_answer a;
    struct keymgr_call c = {.kind = KEYMGR_LIST};
    bool listed = false;
    do {
        if (!call(s, &c, &a))
            return false;
        for (size_t k = 0; k < a.listed_count; k++) {
            if (memcmp(a.listed[k].uid, p->uid, UUID_BYTES) != 0 || a.listed[k].generation != p->generation)
                continue;
            listed = true;
            if (!p->acknowledged)
                memcpy(p->id, a.listed[k].record_id, RECORD_ID_BYTES);
            else if (memcmp(p->id, a.listed[k].record_id, RECORD_ID_BYTES) != 0)
                listed = false; /* the id has changed */
        }
        c.cursor = a.cursor;
    } while (c.cursor != 0);
    return listed;
}

static bool reads_back(struct local_story *s, unsigned i)
{
    struct put *p = &s->puts[i];
    struct keymgr_answer a;
    struct keymgr_call c = {.kind = KEYMGR_GET};
    memcpy(c.uid, p->uid, UUID_BYTES);
    memcpy(c.record_id, p->id, RECORD_ID_BYTES);
    return call(s, &c, &a) && a.result == KEYMGR_OK && a.data.len == p->len &&
           memcmp(a.data.ptr, p->bytes, p->len) == 0;
}

static void check(struct local_story *s, struct verdict *v)
{
    struct keymgr_answer a;
    size_t most = 0;
    for (unsigned i = 0; i < RECORDS && s->puts[i].begun; i++) {
        struct put *p = &s->puts[i];
        bool there = is_there(s, i);
        if (p->acknowledged && !p->delete_begun && !there)
            COMPLAIN(v, "acknowledged record %u is lost", i);
        if (p->deleted && there)
            COMPLAIN(v, "removed record %u is back", i);
        if (there && !reads_back(s, i))
            COMPLAIN(v, "record %u reads back otherwise", i);
        most += there;
    }
    if (local_record_count(s->local) != most)
        COMPLAIN(v, "%u records, %u of them known", (unsigned)local_record_count(s->local), (unsigned)most);
    struct keymgr_call c = {.kind = KEYMGR_UNWRAP, .uid = {42}, .data = span_of(s->wrapped, s->wrapped_len)};
    if (s->has_wrapped &&
        (!call(s, &c, &a) || a.result != KEYMGR_OK || memcmp(a.key, s->key, KEK_BYTES) != 0))
        COMPLAIN(v, "a wrapped key no longer opens: %s", a.why);
    c = (struct keymgr_call){.kind = KEYMGR_STATE};
    if (!call(s, &c, &a) || a.result != KEYMGR_OK)
        COMPLAIN(v, "the root key is not there: %s", a.why);
}

static uint64_t run(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v)
{
    static struct local_story story;
    struct local_story *s = &story;
    uint64_t choice = seed * 999 + 13;
    memset(s, 0, sizeof *s);
    s->sim = sim_disk_new();
    s->ops = sim_disk_ops(s->sim);
    s->now = (struct clock){.mono_ms = 1000};
    sim_disk_cut_at(s->sim, cut);
    bool open = begin(s);
    for (unsigned i = 0; open && i < RECORDS && !sim_disk_is_dead(s->sim); i++) {
        make_key(s);
        put(s, i, &choice);
        for (uint64_t n = draw(&choice) % 3; n > 0; n--)
            turn(s, draw(&choice) % 2 == 0);
        unsigned victim = i - (unsigned)(draw(&choice) % (i < 12 ? i + 1 : 12));
        if (draw(&choice) % 4 != 0 && s->puts[victim].acknowledged && !s->puts[victim].delete_begun)
            delete (s, victim);
        for (uint64_t n = draw(&choice) % 4; n > 0; n--)
            turn(s, draw(&choice) % 2 == 0);
        if (i % 24 == 23 && !sim_disk_is_dead(s->sim)) {
            end(s);
            open = begin(s);
        }
    }
    end(s);
    uint64_t events = sim_disk_events(s->sim);
    sim_disk_power_on(s->sim, survival, seed * 1000 + cut);
    if (begin(s))
        check(s, v);
    else
        COMPLAIN(v, "no start after the cut: %s", s->why);
    end(s);
    sim_disk_free(s->sim);
    return events;
}

const struct workload workload_local = {.name = "local", .seeds = 2, .run = run};
