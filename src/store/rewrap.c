/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rewrap.h"

#include "base/text.h"
#include "store/rooms.h"

/* Between two keys: 16,384 take an hour, and the key manager hardly notices. */
#define PACE_MS 200
/* After a failure that may pass. */
#define RETRY_MS 5000
/* Slots looked at in one turn. */
#define SLOTS_A_TURN 256

static const uint8_t no_version[ROOT_VERSION_BYTES];

/* Whether the entry's KEK is wrapped under another version; *object is opened. */
static bool is_behind(const struct store *s, const struct catalogue_entry *e, struct object *object)
{
    if (!e->in_use || e->record == 0 ||
        object_open(catalogue_record(&s->catalogue, e), object) != STATUS_OK || object->wrapped_kek.len == 0)
        return false;
    return !span_equal(object->root_version, span_of(s->rewrap.version, ROOT_VERSION_BYTES));
}

void rewrap_version(struct store *s, const uint8_t version[ROOT_VERSION_BYTES])
{
    struct rewrap *r = &s->rewrap;
    struct object object;
    if (memcmp(version, no_version, ROOT_VERSION_BYTES) == 0 || !store_complete(s) ||
        (r->have_version && memcmp(version, r->version, ROOT_VERSION_BYTES) == 0))
        return;
    memcpy(r->version, version, ROOT_VERSION_BYTES);
    r->have_version = true;
    r->at = r->done = r->total = r->failed = 0;
    for (uint32_t i = 0; i < s->catalogue.high; i++)
        r->total += is_behind(s, &s->catalogue.entries[i], &object);
    r->running = r->total != 0;
    r->next_ms = s->now.mono_ms;
    r->since_unix_s = s->now.unix_s;
    if (r->running)
        log_write(s->log, LOG_INFO, "store",
                  "the root key was rotated: %u keys are wrapped anew in the background", r->total);
}

static void end(struct store *s)
{
    struct rewrap *r = &s->rewrap;
    r->running = false;
    log_write(s->log, r->failed == 0 ? LOG_INFO : LOG_WARNING, "store",
              "%u keys were wrapped anew, %u were not; these stay under the older version of the root key",
              r->done, r->failed);
}

void rewrap_turn(struct store *s)
{
    struct rewrap *r = &s->rewrap;
    struct object object;
    if (!r->running || r->asked || s->now.mono_ms < r->next_ms || !lease_creates(&s->lease))
        return;
    for (int i = 0; i < SLOTS_A_TURN; i++, r->at++) {
        if (r->at >= s->catalogue.high) {
            end(s);
            return;
        }
        struct catalogue_entry *e = &s->catalogue.entries[r->at];
        if (!is_behind(s, e, &object))
            continue;
        if (e->change.phase != CHANGE_NONE || e->uploading != 0 || e->dirty || e->finding) {
            r->next_ms = s->now.mono_ms + PACE_MS; /* it is being changed: in a moment */
            return;
        }
        struct keymgr_call call = {
            .kind = KEYMGR_REWRAP, .ticket = rooms_ticket(s, e), .data = object.wrapped_kek};
        memcpy(call.uid, e->uid, UUID_BYTES);
        r->asked = keymgr_submit(&s->keymgr, &call);
        return;
    }
    s->stirred = true;
}

static bool store_rewrapped(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a)
{
    struct object object;
    uint32_t number;
    bool told = memcmp(a->root_version, no_version, ROOT_VERSION_BYTES) != 0;
    if (object_open(catalogue_record(&s->catalogue, e), &object) != STATUS_OK ||
        a->data.len > WRAPPED_KEK_MAX)
        return false;
    uint8_t room[ANCESTORS_BYTES];
    struct object next = store_descend(s, catalogue_handle(&s->catalogue, e), &object, room);
    draft_rewrapped(s->draft, &next, s->node, a->data,
                    span_of(told ? a->root_version : s->rewrap.version, ROOT_VERSION_BYTES));
    return draft_end(s->draft) == STATUS_OK &&
           store_propose(s, catalogue_handle(&s->catalogue, e), span_of(s->draft->bytes, s->draft->len),
                         e->scope, COMMIT_JOURNAL, &number) == STATUS_OK;
}

void rewrap_answered(struct store *s, const struct keymgr_answer *a)
{
    struct rewrap *r = &s->rewrap;
    struct catalogue_entry *e = rooms_entry(s, a->ticket);
    r->asked = false;
    r->next_ms = s->now.mono_ms + PACE_MS;
    if (a->result == KEYMGR_AWAY || a->result == KEYMGR_DENIED || a->result == KEYMGR_LOCKED ||
        a->result == KEYMGR_ROOT_GONE || a->result == KEYMGR_ROOT_EXPIRED) {
        r->next_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    struct object object;
    if (e == NULL || e->change.phase != CHANGE_NONE || !is_behind(s, e, &object))
        return; /* looked at again: it may be destroyed meanwhile, or another node has done it */
    r->at++;
    if (a->result == KEYMGR_OK && store_rewrapped(s, e, a)) {
        r->done++;
        return;
    }
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    r->failed++;
    log_write(s->log, LOG_WARNING, "store", "the key of %s was not wrapped anew: %s", uid, a->why);
}

uint64_t rewrap_deadline(const struct store *s)
{
    const struct rewrap *r = &s->rewrap;
    if (!r->running || r->asked || !lease_creates(&s->lease))
        return UINT64_MAX;
    return r->next_ms > s->now.mono_ms ? r->next_ms : s->now.mono_ms + 50;
}
