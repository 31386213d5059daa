/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reconcile.h"

#include "base/text.h"
#include "store/journal.h"
#include "store/rooms.h"

#define RETRY_MS 1000

static bool same_id(const uint8_t a[RECORD_ID_BYTES], const uint8_t b[RECORD_ID_BYTES])
{
    return memcmp(a, b, RECORD_ID_BYTES) == 0;
}

/* Starts reading a record whose generation is news. False when all readers or calls are busy. */
static bool get_record(struct store *s, const struct keymgr_listed *listed)
{
    struct reconcile *r = &s->reconcile;
    for (size_t i = 0; i < COUNT_OF(r->getting); i++) {
        if (r->get_used[i])
            continue;
        struct keymgr_call call = {.kind = KEYMGR_GET, .ticket = i};
        memcpy(call.uid, listed->uid, UUID_BYTES);
        memcpy(call.record_id, listed->record_id, RECORD_ID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call))
            return false;
        r->getting[i] = *listed;
        r->get_used[i] = true;
        r->gets++;
        return true;
    }
    return false;
}

/* False when it has to be looked at again later. */
static bool look_at(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (e == NULL || e->record == 0 ||
        (e->stored_generation < listed->generation && e->generation < listed->generation)) {
        if (e != NULL)
            e->pass = s->reconcile.pass;
        return get_record(s, listed);
    }
    e->pass = s->reconcile.pass;
    if (listed->generation == e->stored_generation && same_id(listed->record_id, e->record_id))
        return true;
    if (listed->generation > e->stored_generation) {
        /* The note that it was stored got lost. */
        if (e->stored_generation != 0)
            upload_supersede(s, e->record_id);
        e->stored_generation = listed->generation;
        memcpy(e->record_id, listed->record_id, RECORD_ID_BYTES);
        return true;
    }
    upload_supersede(s, listed->record_id);
    return true;
}

/* Forgets an object that is no longer in the key manager. */
static void forget(struct store *s, struct catalogue_entry *e)
{
    upload_remove(s, e);
    kek_forget(&s->keks, catalogue_slot(&s->catalogue, e));
    journal_gone(s, e->uid);
    catalogue_remove(&s->catalogue, e);
}

/* Has an object written to the key manager again, whose record there is damaged. */
static void store_again(struct store *s, struct catalogue_entry *e)
{
    e->stored_generation = 0;
    upload_add(s, e, s->now.mono_ms);
}

/* What the list did not hold was removed by somebody; what was never stored is ours to store. */
static void forget_unseen(struct store *s)
{
    uint32_t at = 0, gone = 0;
    struct catalogue_entry *e;
    while ((e = catalogue_next(&s->catalogue, &at)) != NULL) {
        if (e->pass == s->reconcile.pass || e->stored_generation == 0 || e->change.phase != CHANGE_NONE ||
            e->uploading != 0)
            continue;
        if (s->settings.keep_unseen)
            store_again(s, e);
        else
            forget(s, e);
        gone++;
    }
    if (gone != 0 && s->settings.keep_unseen) {
        log_write(s->log, LOG_WARNING, "store", "%u damaged records are written anew from the journal", gone);
        return;
    }
    if (gone != 0)
        log_write(s->log, LOG_WARNING, "store",
                  "%u objects were removed from the key manager by somebody else", gone);
}

void reconcile_turn(struct store *s)
{
    struct reconcile *r = &s->reconcile;
    if (r->phase == RECONCILE_DONE || s->now.mono_ms < r->retry_ms)
        return;
    if (r->phase == RECONCILE_WAIT) {
        r->pass++;
        r->asked = false;
        r->cursor = 0;
        r->phase = RECONCILE_LIST;
    }
    if (r->phase == RECONCILE_PAGE) {
        while (r->at < r->count && look_at(s, &r->page[r->at]))
            r->at++;
        if (r->at < r->count || (r->cursor == 0 && r->gets != 0))
            return;
        if (r->cursor == 0) {
            r->phase = RECONCILE_DONE;
            s->news++;
            forget_unseen(s);
            log_write(s->log, LOG_INFO, "store", "catalogue complete: %u objects", s->catalogue.visible);
            return;
        }
        r->phase = RECONCILE_LIST;
    }
    if (!r->asked) {
        struct keymgr_call call = {.kind = KEYMGR_LIST, .ticket = r->pass, .cursor = r->cursor};
        r->asked = keymgr_submit(&s->keymgr, &call);
    }
}

void reconcile_listed(struct store *s, const struct keymgr_answer *answer)
{
    struct reconcile *r = &s->reconcile;
    if (answer->ticket != r->pass || r->phase != RECONCILE_LIST)
        return; /* of a pass that was given up */
    r->asked = false;
    if (answer->result != KEYMGR_OK) {
        r->phase = RECONCILE_WAIT; /* begin anew: a page may have shifted meanwhile */
        r->retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    memcpy(r->page, answer->listed, answer->listed_count * sizeof r->page[0]);
    r->count = answer->listed_count;
    r->at = 0;
    r->cursor = answer->cursor;
    r->phase = RECONCILE_PAGE;
    s->stirred = true;
}

/* Takes a record that came from the key manager into the catalogue. */
static void adopt(struct store *s, const struct keymgr_listed *listed, struct span record)
{
    struct object object;
    struct log_place place;
    char uid[UUID_TEXT + 1];
    uuid_write(listed->uid, uid);
    if (object_check(record, &object) != STATUS_OK || memcmp(object.head.uid, listed->uid, UUID_BYTES) != 0) {
        log_write(s->log, LOG_ERROR, "store",
                  "the record of %s in the key manager is damaged or of a newer release", uid);
        return;
    }
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    bool other = e != NULL && !same_id(listed->record_id, e->record_id);
    if (other && listed->generation <= e->stored_generation) {
        upload_supersede(s, listed->record_id); /* a newer one of the same page was faster */
        return;
    }
    if (e != NULL &&
        (e->change.phase != CHANGE_NONE || e->uploading != 0 || e->generation >= object.head.generation))
        return;
    arena_ref ref = arena_put(&s->catalogue.arena, record);
    if (e == NULL && ref != 0)
        e = catalogue_add(&s->catalogue, listed->uid);
    if (e == NULL || ref == 0) {
        log_write(s->log, LOG_ERROR, "store", "the catalogue is full and cannot take %s; raise store objects",
                  uid);
        if (ref != 0)
            arena_drop(&s->catalogue.arena, ref, record.len);
        return;
    }
    e->next = ref;
    e->next_len = (uint16_t)record.len;
    e->scope = scopes_number(&s->scopes, object.scope);
    if (catalogue_names_add(&s->catalogue, e, record) != STATUS_OK)
        log_write(s->log, LOG_WARNING, "store", "the name index is full; some names are not found");
    change_apply(s, e);
    upload_note_stored(s, e, object.head.generation, listed->record_id);
    e->pass = s->reconcile.pass;
    if (s->disk != NULL &&
        journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place))
        e->segment = place.segment;
}

void reconcile_got(struct store *s, const struct keymgr_answer *answer)
{
    struct reconcile *r = &s->reconcile;
    size_t i = (size_t)answer->ticket;
    if (i >= COUNT_OF(r->getting) || !r->get_used[i])
        return;
    r->get_used[i] = false;
    r->gets--;
    s->stirred = true;
    if (answer->result == KEYMGR_OK) {
        adopt(s, &r->getting[i], answer->data);
        return;
    }
    if (answer->result == KEYMGR_NO_RECORD)
        return;
    if (answer->result != KEYMGR_REFUSED) {
        r->phase = RECONCILE_WAIT; /* not read yet is not gone: begin anew */
        r->retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    char uid[UUID_TEXT + 1];
    uuid_write(r->getting[i].uid, uid);
    log_write(s->log, LOG_ERROR, "store", "the record of %s could not be read: %s", uid, answer->why);
}
