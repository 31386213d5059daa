/* SPDX-License-Identifier: Apache-2.0 */
/* What the key manager lacks is brought to it, and what a newer generation superseded is removed there. */
#include "store/journal.h"
#include "store/rooms.h"
#include "store/sync.h"

/* After a failed write to the key manager. */
#define RETRY_MS 1000
/* Without the right to remove records; it may be granted any time. */
#define DENIED_MS 600000
/* Removals leave most calls to what somebody waits for. */
#define REMOVALS_AT_ONCE 2
/* How old the list of the newest records may be for that; it is read every second while things change. */
#define NEWEST_DO_MS 3000

void upload_add(struct store *s, struct catalogue_entry *e, uint64_t due_ms)
{
    struct catalogue_entry *entries = s->catalogue.entries;
    uint32_t slot = catalogue_slot(&s->catalogue, e), before = s->dirty_tail;
    if (e->dirty)
        return;
    while (before != NO_SLOT_32 && upload_due_ms(s, &entries[before]) > due_ms)
        before = entries[before].list_previous; /* few are due later than a new one */
    e->dirty = true;
    e->due_ms = (uint32_t)due_ms;
    e->list_previous = before;
    e->list_next = before == NO_SLOT_32 ? s->dirty_head : entries[before].list_next;
    if (before == NO_SLOT_32)
        s->dirty_head = slot;
    else
        entries[before].list_next = slot;
    if (e->list_next == NO_SLOT_32)
        s->dirty_tail = slot;
    else
        entries[e->list_next].list_previous = slot;
    s->dirty_count++;
}

void upload_remove(struct store *s, struct catalogue_entry *e)
{
    if (!e->dirty)
        return;
    struct catalogue_entry *entries = s->catalogue.entries;
    if (e->list_previous == NO_SLOT_32)
        s->dirty_head = e->list_next;
    else
        entries[e->list_previous].list_next = e->list_next;
    if (e->list_next == NO_SLOT_32)
        s->dirty_tail = e->list_previous;
    else
        entries[e->list_next].list_previous = e->list_previous;
    e->dirty = false;
    s->dirty_count--;
}

uint64_t upload_due_ms(const struct store *s, const struct catalogue_entry *e)
{
    return s->now.mono_ms + (uint64_t)(int64_t)(int32_t)(e->due_ms - (uint32_t)s->now.mono_ms);
}

uint32_t store_on_its_way(const struct store *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->catalogue.high; i++) {
        const struct catalogue_entry *e = &s->catalogue.entries[i];
        count += e->in_use && e->record != 0 && e->generation > e->stored_generation;
    }
    return count;
}

bool upload_put(struct store *s, struct catalogue_entry *e, struct span record, uint32_t generation)
{
    struct keymgr_call call = {
        .kind = KEYMGR_PUT, .ticket = rooms_ticket(s, e), .generation = generation, .data = record};
    memcpy(call.uid, e->uid, UUID_BYTES);
    return s->removals_used < REMOVALS - KEYMGR_CALLS && keymgr_submit(&s->keymgr, &call);
}

void upload_supersede(struct store *s, const uint8_t record_id[RECORD_ID_BYTES])
{
    if (s->now.mono_ms < s->removal_denied_ms)
        return; /* listed again, as an older generation, when it may be tried again */
    for (size_t i = 0; i < REMOVALS; i++)
        if (s->removals[i].used && memcmp(s->removals[i].record_id, record_id, RECORD_ID_BYTES) == 0)
            return;
    for (size_t i = 0; i < REMOVALS; i++) {
        if (s->removals[i].used)
            continue;
        memcpy(s->removals[i].record_id, record_id, RECORD_ID_BYTES);
        s->removals[i].used = true;
        s->removals[i].sent = false;
        s->removals_used++;
        return;
    }
    s->sync.whole_ms = s->now.mono_ms + RETRY_MS; /* the next whole list names it again */
}

/* The key manager has `generation`; the record that held an older one goes. */
void upload_note_stored(struct store *s, struct catalogue_entry *e, uint32_t generation,
                        const uint8_t record_id[RECORD_ID_BYTES])
{
    if (e->stored_generation != 0)
        upload_supersede(s, e->record_id);
    e->stored_generation = generation;
    e->pass = s->sync.pass; /* a list that began before does not have it */
    memcpy(e->record_id, record_id, RECORD_ID_BYTES);
}

static void answer_upload(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a)
{
    uint32_t generation = e->uploading;
    e->uploading = 0;
    e->looked = false;
    if (a->result != KEYMGR_OK) {
        log_write(s->log, LOG_WARNING, "store",
                  "the key manager did not take a change, it is kept and sent again: %s", a->why);
        upload_add(s, e, s->now.mono_ms + RETRY_MS);
        return;
    }
    upload_note_stored(s, e, generation, a->record_id);
    if (e->generation > generation)
        upload_add(s, e, s->now.mono_ms + s->settings.flush_window_ms);
    journal_stored(s, e);
}

void upload_answered(struct store *s, const struct keymgr_answer *a)
{
    struct catalogue_entry *e = rooms_entry(s, a->ticket);
    if (e == NULL) {
        if (a->result == KEYMGR_OK)
            upload_supersede(s, a->record_id);
    } else if (e->uploading != 0) {
        answer_upload(s, e, a);
    } else if (e->change.phase == CHANGE_PUT && e->change.sent) {
        change_answered(s, e, a);
    }
}

void upload_removal_answered(struct store *s, const struct keymgr_answer *a)
{
    struct removal *removal = &s->removals[a->ticket % REMOVALS];
    removal->sent = false;
    bool denied =
        a->result == KEYMGR_DENIED && s->lease.state != LEASE_READY; /* otherwise only deleting is denied */
    if (a->result == KEYMGR_AWAY || denied || a->result == KEYMGR_LOCKED) {
        s->removal_retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    if (a->result != KEYMGR_OK && a->result != KEYMGR_NO_RECORD) {
        if (s->now.mono_ms >= s->removal_denied_ms)
            log_write(s->log, LOG_WARNING, "store", "old records are not removed from the key manager: %s",
                      a->why);
        memcpy(s->removal_why, a->why, sizeof s->removal_why);
        s->removals_refused++;
        s->removal_denied_ms = s->now.mono_ms + DENIED_MS;
    }
    if (a->result == KEYMGR_OK)
        s->removals_refused = 0;
    removal->used = false;
    s->removals_used--;
}

/* Where a look at one object's records costs a whole list, the newest ones, read a moment ago, have to do. */
static bool newest_do(const struct store *s)
{
    const struct keymgr_ops *ops = s->keymgr.ops;
    return ops->find_is_dear != NULL && ops->find_is_dear(s->keymgr.self) &&
           s->now.mono_ms - s->sync.newest_done_ms < NEWEST_DO_MS;
}

void upload_send(struct store *s)
{
    s->upload_held = false;
    while (s->dirty_head != NO_SLOT_32) {
        struct catalogue_entry *e = &s->catalogue.entries[s->dirty_head];
        if (upload_due_ms(s, e) > s->now.mono_ms)
            return;
        if (e->change.phase == CHANGE_PUT || e->uploading != 0) {
            upload_remove(s, e); /* that call brings the newest generation along, or puts it back here */
            continue;
        }
        if (s->keymgr.shared && !e->looked && !newest_do(s)) {
            upload_remove(s, e); /* comes back when its records in the key manager are known */
            sync_doubt(s, e);
            if (!e->finding)
                upload_add(s, e, s->now.mono_ms + RETRY_MS);
            continue;
        }
        if (!upload_put(s, e, catalogue_record(&s->catalogue, e), e->generation)) {
            s->upload_held = true;
            return;
        }
        upload_remove(s, e);
        e->uploading = e->generation;
    }
}

void upload_send_removals(struct store *s)
{
    if (s->removals_used == 0 || s->now.mono_ms < s->removal_retry_ms ||
        s->now.mono_ms < s->removal_denied_ms)
        return;
    size_t sent = 0;
    for (size_t i = 0; i < REMOVALS; i++)
        sent += s->removals[i].used && s->removals[i].sent;
    for (size_t i = 0; i < REMOVALS; i++) {
        if (s->keymgr.shared && sent >= REMOVALS_AT_ONCE)
            return;
        if (!s->removals[i].used || s->removals[i].sent)
            continue;
        struct keymgr_call call = {.kind = KEYMGR_DELETE, .ticket = i};
        memcpy(call.record_id, s->removals[i].record_id, RECORD_ID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call))
            return;
        s->removals[i].sent = true;
        sent++;
    }
}
