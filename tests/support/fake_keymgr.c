/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_keymgr.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "crypto/digest.h"

void fake_init(struct fake_keymgr *f)
{
    f->page = KEYMGR_PAGE;
    for (size_t i = 0; i < KEK_BYTES; i++)
        f->pad[i] = (uint8_t)(0xa5 + 7 * i);
}

/* The fake that has the records; const is for those who only read them. */
static struct fake_keymgr *home_of(const struct fake_keymgr *f)
{
    return f->home != NULL ? f->home : (struct fake_keymgr *)(uintptr_t)f;
}

void fake_answer(struct fake_keymgr *f, enum keymgr_call_kind kind, enum keymgr_result result, int turns)
{
    f->rules[kind] = (struct fake_rule){.result = result, .turns = turns};
}

void fake_fail(struct fake_keymgr *f, enum keymgr_call_kind kind, enum keymgr_result result, unsigned times)
{
    f->rules[kind].result = result;
    f->rules[kind].takes_place = false;
    f->rules[kind].times = times;
}

void fake_lose_answer(struct fake_keymgr *f, enum keymgr_call_kind kind)
{
    fake_fail(f, kind, KEYMGR_AWAY, 1);
    f->rules[kind].takes_place = true;
}

void fake_release(struct fake_keymgr *f, enum keymgr_call_kind kind)
{
    for (size_t i = 0; i < KEYMGR_CALLS; i++)
        if (f->slots[i].used && f->slots[i].call.kind == kind)
            f->slots[i].turns = 0;
}

unsigned fake_waiting(const struct fake_keymgr *f, enum keymgr_call_kind kind)
{
    unsigned n = 0;
    for (size_t i = 0; i < KEYMGR_CALLS; i++)
        n += f->slots[i].used && f->slots[i].call.kind == kind;
    return n;
}

void fake_hang_up(struct fake_keymgr *f)
{
    memset(f->slots, 0, sizeof f->slots);
}

size_t fake_record_count(const struct fake_keymgr *f)
{
    f = home_of(f);
    size_t n = 0;
    for (size_t i = 0; i < f->high; i++)
        n += f->records[i].used && f->records[i].removed == 0;
    return n;
}

static bool is_of(const struct fake_record *r, const uint8_t uid[UUID_BYTES])
{
    return r->used && r->removed == 0 && memcmp(r->uid, uid, UUID_BYTES) == 0;
}

unsigned fake_living(const struct fake_keymgr *f, const uint8_t uid[UUID_BYTES])
{
    f = home_of(f);
    unsigned n = 0;
    for (size_t i = 0; i < f->high; i++)
        n += is_of(&f->records[i], uid);
    return n;
}

struct fake_record *fake_find_generation(struct fake_keymgr *f, const uint8_t uid[UUID_BYTES],
                                         uint32_t generation)
{
    f = home_of(f);
    for (size_t i = 0; i < f->high; i++)
        if (is_of(&f->records[i], uid) && f->records[i].generation == generation)
            return &f->records[i];
    return NULL;
}

static void remove_record(struct fake_keymgr *f, struct fake_record *r)
{
    r->removed = ++f->next_removed;
}

struct fake_record *fake_find(struct fake_keymgr *f, const uint8_t uid[UUID_BYTES])
{
    f = home_of(f);
    struct fake_record *best = NULL;
    for (size_t i = 0; i < f->high; i++) {
        struct fake_record *r = &f->records[i];
        if (is_of(r, uid) && (best == NULL || r->generation > best->generation ||
                              (r->generation == best->generation && r->id > best->id)))
            best = r;
    }
    return best;
}

struct fake_record *fake_put(struct fake_keymgr *f, const uint8_t uid[UUID_BYTES], uint32_t generation,
                             struct span data)
{
    f = home_of(f);
    for (size_t i = 0; i < FAKE_RECORDS; i++) {
        struct fake_record *r = &f->records[i];
        if (r->used && (r->removed == 0 || f->shared))
            continue;
        f->high = i < f->high ? f->high : i + 1;
        if (data.len > sizeof r->data)
            abort(); /* no key manager takes so large a record: the server's bug */
        r->used = true;
        r->hidden = false;
        r->removed = 0;
        r->put_ms = f->now_ms;
        r->id = ++f->next_id;
        r->generation = generation;
        r->len = data.len;
        memcpy(r->uid, uid, UUID_BYTES);
        memcpy(r->data, data.ptr, data.len);
        return r;
    }
    abort(); /* the test needs more records */
}

void fake_remove(struct fake_keymgr *f, const uint8_t uid[UUID_BYTES])
{
    f = home_of(f);
    for (size_t i = 0; i < f->high; i++)
        if (is_of(&f->records[i], uid))
            remove_record(f, &f->records[i]);
}

void fake_restore(struct fake_keymgr *f, const uint8_t uid[UUID_BYTES])
{
    struct fake_record *last = NULL;
    f = home_of(f);
    for (size_t i = 0; i < f->high; i++) {
        struct fake_record *r = &f->records[i];
        if (r->used && r->removed != 0 && memcmp(r->uid, uid, UUID_BYTES) == 0 &&
            (last == NULL || r->removed > last->removed))
            last = r;
    }
    if (last == NULL)
        abort();
    last->removed = 0;
}

void fake_wrap(const struct fake_keymgr *f, const uint8_t uid[UUID_BYTES], const uint8_t key[KEK_BYTES],
               uint8_t out[FAKE_WRAPPED])
{
    f = home_of(f);
    out[0] = (uint8_t)('W' ^ f->root_version[0]);
    memcpy(out + 1, uid, UUID_BYTES);
    for (size_t i = 0; i < KEK_BYTES; i++)
        out[1 + UUID_BYTES + i] = (uint8_t)(key[i] ^ f->pad[i] ^ f->root_version[0]);
}

static struct fake_record *record_by_id(struct fake_keymgr *f, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < f->high; i++)
        if (f->records[i].used && f->records[i].removed == 0 && f->records[i].id == be64_get(id + 8))
            return &f->records[i];
    return NULL;
}

static void add_listed(struct fake_keymgr *f, const struct fake_record *r, struct keymgr_answer *a)
{
    uint8_t hash[SHA256_BYTES];
    struct keymgr_listed *l = &f->listed[a->listed_count++];
    memset(l, 0, sizeof *l);
    memcpy(l->uid, r->uid, UUID_BYTES);
    be64_put(l->record_id + 8, r->id);
    l->generation = r->generation;
    sha256(span_of(r->data, r->len), hash);
    if (home_of(f)->shared)
        memcpy(l->digest, hash, RECORD_DIGEST_BYTES);
    a->listed = f->listed;
}

/* Newest first. The cursor is the order of the last record of the page before. */
static void list(struct fake_keymgr *f, const struct fake_call *c, bool removed, struct keymgr_answer *a)
{
    struct fake_keymgr *home = home_of(f);
    uint64_t below = c->call.cursor == 0 ? UINT64_MAX : c->call.cursor;
    size_t page = c->call.wanted != 0 && c->call.wanted < home->page ? c->call.wanted : home->page;
    while (a->listed_count < page) {
        struct fake_record *best = NULL;
        uint64_t best_order = 0;
        for (size_t i = 0; i < home->high; i++) {
            struct fake_record *r = &home->records[i];
            uint64_t order = removed ? r->removed : r->id;
            if (r->used && !r->hidden && (r->removed != 0) == removed && order < below &&
                order > best_order && (removed || home->now_ms >= r->put_ms + home->list_lag_ms)) {
                best = r;
                best_order = order;
            }
        }
        if (best == NULL)
            break;
        add_listed(f, best, a);
        below = best_order;
    }
    a->cursor = a->listed_count == page ? below : 0;
}

static void find(struct fake_keymgr *f, const struct fake_call *c, struct keymgr_answer *a)
{
    struct fake_keymgr *home = home_of(f);
    for (size_t i = 0; i < home->high && a->listed_count < home->page; i++)
        if (is_of(&home->records[i], c->call.uid) &&
            home->now_ms >= home->records[i].put_ms + home->find_lag_ms)
            add_listed(f, &home->records[i], a);
}

static void new_key(struct fake_keymgr *f, const struct fake_call *c, struct keymgr_answer *a)
{
    struct fake_keymgr *home = home_of(f);
    uint8_t number[8];
    be64_put(number, ++home->next_key);
    sha256(span_of(number, sizeof number), a->key);
    fake_wrap(f, c->call.uid, a->key, f->out);
    a->data = span_of(f->out, FAKE_WRAPPED);
    memcpy(a->root_version, home->root_version, ROOT_VERSION_BYTES);
}

/* Under any version of the root key. */
static void unwrap(struct fake_keymgr *f, const struct fake_call *c, struct keymgr_answer *a)
{
    if (c->call.data.len != FAKE_WRAPPED || memcmp(c->data + 1, c->call.uid, UUID_BYTES) != 0) {
        a->result = KEYMGR_REFUSED;
        snprintf(a->why, sizeof a->why, "not wrapped for this Unique Identifier");
        return;
    }
    for (size_t i = 0; i < KEK_BYTES; i++)
        a->key[i] = (uint8_t)(c->data[1 + UUID_BYTES + i] ^ home_of(f)->pad[i] ^ c->data[0] ^ 'W');
    a->key[0] ^= f->wrong_key;
}

static void rewrap(struct fake_keymgr *f, const struct fake_call *c, struct keymgr_answer *a)
{
    unwrap(f, c, a);
    if (a->result == KEYMGR_OK)
        fake_wrap(f, c->call.uid, a->key, f->out);
    memset(a->key, 0, sizeof a->key);
    a->data = span_of(f->out, FAKE_WRAPPED);
    memcpy(a->root_version, home_of(f)->root_version, ROOT_VERSION_BYTES);
}

static void take_place(struct fake_keymgr *f, const struct fake_call *c, struct keymgr_answer *a)
{
    struct fake_record *r;
    if (f->blind && c->call.kind == KEYMGR_GET)
        a->result = KEYMGR_DENIED;
    if (f->blind && c->call.kind >= KEYMGR_GET && c->call.kind <= KEYMGR_FIND)
        return;
    switch (c->call.kind) {
    case KEYMGR_NEW_KEY:
        new_key(f, c, a);
        break;
    case KEYMGR_UNWRAP:
        unwrap(f, c, a);
        break;
    case KEYMGR_REWRAP:
        rewrap(f, c, a);
        break;
    case KEYMGR_PUT:
        r = fake_put(f, c->call.uid, c->call.generation, span_of(c->data, c->call.data.len));
        be64_put(a->record_id + 8, r->id);
        break;
    case KEYMGR_GET:
    case KEYMGR_DELETE:
        r = record_by_id(home_of(f), c->call.record_id);
        if (r == NULL) {
            a->result = KEYMGR_NO_RECORD;
            break;
        }
        memcpy(f->out, r->data, r->len);
        a->data = span_of(f->out, r->len);
        if (c->call.kind == KEYMGR_DELETE)
            remove_record(home_of(f), r);
        break;
    case KEYMGR_LIST:
    case KEYMGR_LIST_DELETED:
        list(f, c, c->call.kind == KEYMGR_LIST_DELETED, a);
        break;
    case KEYMGR_FIND:
        find(f, c, a);
        break;
    case KEYMGR_STATE:
        memcpy(a->root_version, home_of(f)->root_version, ROOT_VERSION_BYTES);
        break;
    }
}

void fake_finish(struct fake_keymgr *f)
{
    struct fake_call *first;
    do {
        first = NULL;
        for (size_t i = 0; i < KEYMGR_CALLS; i++)
            if (f->slots[i].used && (first == NULL || f->slots[i].order < first->order))
                first = &f->slots[i];
        struct keymgr_answer a = {.ticket = 0};
        if (first != NULL && f->rules[first->call.kind].result == KEYMGR_OK)
            take_place(f, first, &a);
        if (first != NULL)
            first->used = false;
    } while (first != NULL);
}

static void count_event(struct fake_keymgr *f)
{
    if (++f->events == f->stop_at)
        f->stop(f->stop_self);
}

static bool fake_submit(void *self, const struct keymgr_call *call)
{
    struct fake_keymgr *f = self;
    size_t room = f->room != 0 ? f->room : KEYMGR_CALLS;
    for (size_t i = 0; i < room && !f->full; i++) {
        struct fake_call *c = &f->slots[i];
        if (c->used)
            continue;
        if (call->data.len > sizeof c->data)
            abort();
        *c = (struct fake_call){
            .used = true, .turns = f->rules[call->kind].turns, .order = ++f->next_order, .call = *call};
        if (call->data.len != 0)
            memcpy(c->data, call->data.ptr, call->data.len);
        f->calls[call->kind]++;
        if (fake_waiting(f, call->kind) > f->most[call->kind])
            f->most[call->kind] = fake_waiting(f, call->kind);
        count_event(f);
        return true;
    }
    return false;
}

static bool fake_take(void *self, struct keymgr_answer *answer)
{
    struct fake_keymgr *f = self;
    struct fake_call *first = NULL;
    for (size_t i = 0; i < KEYMGR_CALLS; i++)
        if (f->slots[i].used && f->slots[i].turns == 0 && (first == NULL || f->slots[i].order < first->order))
            first = &f->slots[i];
    if (first == NULL)
        return false;
    struct fake_rule *rule = &f->rules[first->call.kind];
    *answer = (struct keymgr_answer){.kind = first->call.kind, .ticket = first->call.ticket};
    if (rule->result == KEYMGR_OK || rule->takes_place)
        take_place(f, first, answer);
    if (rule->result != KEYMGR_OK) {
        *answer = (struct keymgr_answer){
            .kind = first->call.kind, .ticket = first->call.ticket, .result = rule->result};
        snprintf(answer->why, sizeof answer->why, "the test says so");
    }
    if (rule->times != 0 && --rule->times == 0) {
        rule->result = KEYMGR_OK;
        rule->takes_place = false;
    }
    f->answers[first->call.kind]++;
    first->used = false;
    count_event(f);
    return true;
}

static void fake_turn(void *self, struct clock now)
{
    struct fake_keymgr *f = self;
    if (home_of(f)->now_ms < now.mono_ms)
        home_of(f)->now_ms = now.mono_ms;
    for (size_t i = 0; i < KEYMGR_CALLS; i++)
        if (f->slots[i].used && f->slots[i].turns > 0)
            f->slots[i].turns--;
}

static size_t fake_poll(void *self, struct pollfd *fds, size_t room, uint64_t *deadline_ms)
{
    (void)self, (void)fds, (void)room, (void)deadline_ms;
    return 0;
}

struct keymgr fake_keymgr(struct fake_keymgr *f)
{
    static const struct keymgr_ops ops = {
        .submit = fake_submit, .take = fake_take, .turn = fake_turn, .poll = fake_poll};
    return (struct keymgr){.ops = &ops, .self = f, .shared = home_of(f)->shared};
}
