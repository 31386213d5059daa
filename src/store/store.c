/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/random.h"
#include "store/journal.h"
#include "store/reconcile.h"

/* After a failed write to the key manager. */
#define RETRY_MS 1000

static uint64_t ticket_of(const struct store *s, const struct catalogue_entry *e)
{
    return (uint64_t)e->serial << 32 | catalogue_slot(&s->catalogue, e);
}

static struct catalogue_entry *entry_of(const struct store *s, uint64_t ticket)
{
    return catalogue_get(&s->catalogue,
                         (struct handle){.slot = (uint32_t)ticket, .serial = (uint32_t)(ticket >> 32)});
}

void store_carve(struct store *s, struct region *region, const struct store_settings *settings)
{
    s->settings = *settings;
    uint32_t slots = settings->objects + SPARE_KEKS;
    catalogue_carve(&s->catalogue, region, slots, settings->record_bytes);
    kek_cache_carve(&s->keks, region, slots);
}

/* ---- the list of records that the key manager lacks, in the order in which they are due ---- */

static void dirty_add(struct store *s, struct catalogue_entry *e, uint64_t due_ms)
{
    if (e->dirty)
        return;
    uint32_t slot = catalogue_slot(&s->catalogue, e);
    e->dirty = true;
    e->due_ms = due_ms;
    e->list_next = NO_SLOT_32;
    e->list_previous = s->dirty_tail;
    if (s->dirty_tail == NO_SLOT_32)
        s->dirty_head = slot;
    else
        s->catalogue.entries[s->dirty_tail].list_next = slot;
    s->dirty_tail = slot;
    s->dirty_count++;
}

static void dirty_remove(struct store *s, struct catalogue_entry *e)
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

enum status store_open(struct store *s, struct keymgr keymgr, struct disk *disk, const struct disk_ops *ops,
                       struct log *log, struct clock now, char *why, size_t why_cap)
{
    catalogue_init(&s->catalogue);
    kek_cache_init(&s->keks);
    lease_init(&s->lease, s->settings.check_interval_ms, s->settings.offline_ms, now);
    random_bytes(s->node, sizeof s->node);
    s->keymgr = keymgr;
    s->disk = s->settings.journal ? disk : NULL;
    s->log = log;
    s->now = now;
    s->active = s->dirty_head = s->dirty_tail = NO_SLOT_32;
    if (s->disk == NULL)
        return STATUS_OK;
    enum status status = journal_replay(s, ops, why, why_cap);
    uint32_t at = 0;
    struct catalogue_entry *e;
    while (status == STATUS_OK && (e = catalogue_next(&s->catalogue, &at)) != NULL)
        if (e->stored_generation < e->generation)
            dirty_add(s, e, now.mono_ms + s->settings.flush_window_ms);
    return status;
}

/* ---- changes ---- */

/* The change is durable: the next record becomes the record. */
static void apply_next(struct store *s, struct catalogue_entry *e)
{
    struct catalogue *c = &s->catalogue;
    struct object object;
    if (e->record != 0) {
        catalogue_names_remove(c, e, catalogue_record(c, e), catalogue_next_record(c, e));
        arena_drop(&c->arena, e->record, e->record_len);
    } else {
        c->visible++;
    }
    e->record = e->next;
    e->record_len = e->next_len;
    e->next = 0;
    e->next_len = 0;
    if (object_open(catalogue_record(c, e), &object) == STATUS_OK) {
        e->generation = object.head.generation;
        e->fresh_spent = e->fresh_spent && (object.head.flags & OBJECT_FRESH) != 0;
        if (state_is_destroyed(object.head.state))
            kek_forget(&s->keks, catalogue_slot(c, e));
    }
    e->change.phase = CHANGE_NONE;
    e->change.done = e->change.number;
    s->commits++;
}

/* The change was not taken: all is as it was before it. */
static void undo_next(struct store *s, struct catalogue_entry *e, const char *why)
{
    struct catalogue *c = &s->catalogue;
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    log_write(s->log, LOG_ERROR, "store", "a change of %s was not taken: %s", uid, why);
    catalogue_names_remove(c, e, catalogue_next_record(c, e), catalogue_record(c, e));
    arena_drop(&c->arena, e->next, e->next_len);
    e->next = 0;
    e->next_len = 0;
    if (e->change.failed_last == 0 || e->change.failed_last + 1 != e->change.number)
        e->change.failed_first = e->change.number;
    e->change.failed_last = e->change.number;
    e->change.done = e->change.number;
    e->change.phase = e->record == 0 ? CHANGE_REMOVE : CHANGE_NONE;
    if (e->record != 0 && e->stored_generation < e->generation && s->disk != NULL)
        dirty_add(s, e, s->now.mono_ms + RETRY_MS);
    s->commit_failures++;
}

static bool send_put(struct store *s, struct catalogue_entry *e, struct span record, uint32_t generation)
{
    struct keymgr_call call = {
        .kind = KEYMGR_PUT, .ticket = ticket_of(s, e), .generation = generation, .data = record};
    memcpy(call.uid, e->uid, UUID_BYTES);
    return s->removals_used < REMOVALS - KEYMGR_CALLS && keymgr_submit(&s->keymgr, &call);
}

/* Appends the next record to the journal, or asks whether it is flushed. */
static void step_journal(struct store *s, struct catalogue_entry *e)
{
    int error;
    if (!e->change.sent) {
        struct log_place place;
        if (!journal_put(s, e, catalogue_next_record(&s->catalogue, e), e->stored_generation, &place)) {
            if (s->disk->lost)
                undo_next(s, e, "the disk process is gone");
            return;
        }
        e->change.sent = true;
        e->change.ticket = place.ticket;
        e->change.segment = place.segment;
        return;
    }
    switch (disk_ask(s->disk, e->change.ticket, &error)) {
    case ASK_WAIT:
        return;
    case ASK_FAILED:
        undo_next(s, e, error == ENOSPC ? "no space left on the disk" : "the journal could not be written");
        return;
    case ASK_READY:
        break;
    }
    apply_next(s, e);
    e->segment = e->change.segment;
    dirty_add(s, e, s->now.mono_ms + s->settings.flush_window_ms);
}

static void step_change(struct store *s, struct catalogue_entry *e)
{
    switch ((enum change_phase)e->change.phase) {
    case CHANGE_PUT:
        if (!e->change.sent && e->uploading == 0) {
            struct span next = catalogue_next_record(&s->catalogue, e);
            e->change.sent = send_put(s, e, next, e->generation + 1);
        }
        break;
    case CHANGE_JOURNAL:
        step_journal(s, e);
        break;
    case CHANGE_NONE:
    case CHANGE_REMOVE:
        break;
    }
}

static void step_active(struct store *s)
{
    uint32_t *link = &s->active;
    while (*link != NO_SLOT_32) {
        struct catalogue_entry *e = &s->catalogue.entries[*link];
        step_change(s, e);
        if (e->change.phase != CHANGE_NONE && e->change.phase != CHANGE_REMOVE) {
            link = &e->active_next;
            continue;
        }
        *link = e->active_next;
        e->active = false;
        if (e->change.phase == CHANGE_REMOVE) {
            kek_forget(&s->keks, catalogue_slot(&s->catalogue, e));
            catalogue_remove(&s->catalogue, e);
        }
    }
}

bool store_busy(const struct store *s, struct handle handle)
{
    const struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    return e != NULL && e->change.phase != CHANGE_NONE;
}

enum status store_propose(struct store *s, struct handle handle, struct span record, uint8_t scope,
                          enum commit_level level, uint32_t *number)
{
    struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    if (e == NULL || e->change.phase != CHANGE_NONE)
        return STATUS_FAILED;
    e->next = arena_put(&s->catalogue.arena, record);
    if (e->next == 0)
        return STATUS_NO_SPACE;
    e->next_len = (uint16_t)record.len;
    e->scope = scope;
    if (catalogue_names_add(&s->catalogue, e, record) != STATUS_OK) {
        arena_drop(&s->catalogue.arena, e->next, e->next_len);
        e->next = 0;
        return STATUS_NO_SPACE;
    }
    bool wait_for_keymgr = level == COMMIT_KEYMGR || s->disk == NULL || s->settings.commit_keymgr;
    e->change.phase = wait_for_keymgr ? CHANGE_PUT : CHANGE_JOURNAL;
    e->change.sent = false;
    *number = ++e->change.number;
    if (!e->active) {
        e->active = true;
        e->active_next = s->active;
        s->active = handle.slot;
    }
    step_change(s, e); /* on its way in this turn already */
    s->stirred = true;
    return STATUS_OK;
}

enum ask store_committed(struct store *s, struct handle handle, uint32_t number, const char **why)
{
    const struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    *why = "not stored: the disk or the key manager did not take it; the server's status and log say why";
    if (e == NULL)
        return ASK_FAILED;
    if (e->change.done < number)
        return ASK_WAIT;
    return number >= e->change.failed_first && number <= e->change.failed_last ? ASK_FAILED : ASK_READY;
}

/* ---- answers of the key manager ---- */

void store_remove_record(struct store *s, const uint8_t record_id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < REMOVALS; i++) {
        if (s->removals[i].used)
            continue;
        memcpy(s->removals[i].record_id, record_id, RECORD_ID_BYTES);
        s->removals[i].used = true;
        s->removals[i].sent = false;
        s->removals_used++;
        return;
    }
    s->removals_refused++; /* found again, as an older generation, by the next reconciliation */
}

/* The key manager has `generation`; the record that held an older one goes. */
static void note_stored(struct store *s, struct catalogue_entry *e, uint32_t generation,
                        const uint8_t record_id[RECORD_ID_BYTES])
{
    if (e->stored_generation != 0)
        store_remove_record(s, e->record_id);
    e->stored_generation = generation;
    e->pass = s->reconcile.pass; /* a list that began before does not have it */
    memcpy(e->record_id, record_id, RECORD_ID_BYTES);
}

static void answer_change(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a)
{
    struct log_place place;
    if (a->result != KEYMGR_OK) {
        undo_next(s, e, a->why);
        return;
    }
    apply_next(s, e);
    note_stored(s, e, e->generation, a->record_id);
    dirty_remove(s, e);
    if (s->disk != NULL &&
        journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place))
        e->segment = place.segment;
}

static void answer_upload(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a)
{
    uint32_t generation = e->uploading;
    e->uploading = 0;
    if (a->result != KEYMGR_OK) {
        log_write(s->log, LOG_WARNING, "store",
                  "the key manager did not take a change, it is kept and sent again: %s", a->why);
        dirty_add(s, e, s->now.mono_ms + RETRY_MS);
        return;
    }
    note_stored(s, e, generation, a->record_id);
    if (e->generation > generation)
        dirty_add(s, e, s->now.mono_ms + s->settings.flush_window_ms);
    journal_stored(s, e);
}

static void answer_put(struct store *s, const struct keymgr_answer *a)
{
    struct catalogue_entry *e = entry_of(s, a->ticket);
    if (e == NULL) {
        if (a->result == KEYMGR_OK)
            store_remove_record(s, a->record_id);
    } else if (e->uploading != 0) {
        answer_upload(s, e, a);
    } else if (e->change.phase == CHANGE_PUT && e->change.sent) {
        answer_change(s, e, a);
    }
}

static void answer_new_key(struct store *s, struct keymgr_answer *a)
{
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct spare *spare = &s->spares[i];
        struct catalogue_entry *e = catalogue_get(&s->catalogue, spare->handle);
        if (spare->phase != SPARE_ASKED || e == NULL || ticket_of(s, e) != a->ticket)
            continue;
        if (a->result == KEYMGR_OK && a->data.len <= WRAPPED_KEK_MAX) {
            kek_set(&s->keks, spare->handle.slot, a->key);
            memcpy(spare->wrapped, a->data.ptr, a->data.len);
            spare->wrapped_len = a->data.len;
            spare->phase = SPARE_READY;
            s->new_key_result = KEYMGR_OK;
        } else {
            catalogue_remove(&s->catalogue, e);
            spare->phase = SPARE_EMPTY;
            s->new_key_result = a->result == KEYMGR_OK ? KEYMGR_REFUSED : a->result;
            s->new_key_retry_ms = s->now.mono_ms + RETRY_MS;
            log_write(s->log, LOG_WARNING, "store", "no new key: %s", a->why);
        }
    }
}

static void answer_unwrap(struct store *s, struct keymgr_answer *a)
{
    struct catalogue_entry *e = entry_of(s, a->ticket);
    if (e == NULL) {
        if (s->keks.in_flight != 0)
            s->keks.in_flight--;
        return;
    }
    if (a->result != KEYMGR_OK) {
        char uid[UUID_TEXT + 1];
        uuid_write(e->uid, uid);
        log_write(s->log, LOG_WARNING, "store", "the key of %s was not unwrapped: %s", uid, a->why);
    }
    /* A key that arrives after a revocation must not come to life again. */
    if (a->result == KEYMGR_OK && !lease_serves(&s->lease))
        a->result = KEYMGR_ROOT_GONE;
    kek_fetched(&s->keks, (uint32_t)a->ticket, a->result, a->key, s->now);
}

static void wipe_keks(struct store *s)
{
    log_write(s->log, LOG_WARNING, "lease", "%u keys erased from memory: %s", s->keks.ready,
              lease_refusal(s->lease.state));
    store_erase_keks(s);
}

void store_erase_keks(struct store *s)
{
    kek_wipe_all(&s->keks);
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct catalogue_entry *e = catalogue_get(&s->catalogue, s->spares[i].handle);
        if (s->spares[i].phase != SPARE_EMPTY && e != NULL)
            catalogue_remove(&s->catalogue, e);
        wipe(&s->spares[i], sizeof s->spares[i]);
    }
}

static void answer_state(struct store *s, const struct keymgr_answer *a)
{
    enum lease_state before = s->lease.state;
    if (lease_answer(&s->lease, a->result, a->why, s->now))
        wipe_keks(s);
    if (s->lease.state == before)
        return;
    log_write(s->log, s->lease.state == LEASE_READY ? LOG_INFO : LOG_WARNING, "lease", "%s%s%s",
              lease_state_name(s->lease.state), s->lease.why[0] != 0 ? ": " : "", s->lease.why);
    if (s->lease.state == LEASE_READY)
        s->new_key_retry_ms = 0;
    s->stirred = true;
}

static void answer_delete(struct store *s, const struct keymgr_answer *a)
{
    struct removal *removal = &s->removals[a->ticket % REMOVALS];
    removal->sent = false;
    bool denied =
        a->result == KEYMGR_DENIED && s->lease.state != LEASE_READY; /* otherwise only deleting is denied */
    if (a->result == KEYMGR_AWAY || denied || a->result == KEYMGR_LOCKED) {
        s->removal_retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    if (a->result != KEYMGR_OK && a->result != KEYMGR_NO_RECORD)
        s->removals_refused++;
    removal->used = false;
    s->removals_used--;
}

static void take_answers(struct store *s)
{
    struct keymgr_answer a;
    while (keymgr_take(&s->keymgr, &a)) {
        switch (a.kind) {
        case KEYMGR_NEW_KEY:
            answer_new_key(s, &a);
            break;
        case KEYMGR_UNWRAP:
            answer_unwrap(s, &a);
            break;
        case KEYMGR_STATE:
            answer_state(s, &a);
            break;
        case KEYMGR_PUT:
            answer_put(s, &a);
            break;
        case KEYMGR_GET:
            reconcile_got(s, &a);
            break;
        case KEYMGR_LIST:
            reconcile_listed(s, &a);
            break;
        case KEYMGR_DELETE:
            answer_delete(s, &a);
            break;
        case KEYMGR_REWRAP:
        case KEYMGR_LIST_DELETED:
            break;
        }
        wipe(a.key, sizeof a.key);
    }
}

/* ---- what is carried on by itself ---- */

static void send_uploads(struct store *s)
{
    while (s->dirty_head != NO_SLOT_32) {
        struct catalogue_entry *e = &s->catalogue.entries[s->dirty_head];
        if (e->due_ms > s->now.mono_ms)
            return;
        if (e->change.phase == CHANGE_PUT || e->uploading != 0) {
            dirty_remove(s, e); /* that call brings the newest generation along, or puts it back here */
            continue;
        }
        if (!send_put(s, e, catalogue_record(&s->catalogue, e), e->generation))
            return;
        dirty_remove(s, e);
        e->uploading = e->generation;
    }
}

static void send_removals(struct store *s)
{
    if (s->removals_used == 0 || s->now.mono_ms < s->removal_retry_ms)
        return;
    for (size_t i = 0; i < REMOVALS; i++) {
        if (!s->removals[i].used || s->removals[i].sent)
            continue;
        struct keymgr_call call = {.kind = KEYMGR_DELETE, .ticket = i};
        memcpy(call.record_id, s->removals[i].record_id, RECORD_ID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call))
            return;
        s->removals[i].sent = true;
    }
}

static void refill_spares(struct store *s)
{
    if (!lease_creates(&s->lease) || s->now.mono_ms < s->new_key_retry_ms)
        return;
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct spare *spare = &s->spares[i];
        if (spare->phase != SPARE_EMPTY || s->catalogue.count >= s->settings.objects + SPARE_KEKS)
            continue;
        struct keymgr_call call = {.kind = KEYMGR_NEW_KEY};
        random_uuid(call.uid);
        struct catalogue_entry *e = catalogue_add(&s->catalogue, call.uid);
        if (e == NULL)
            return;
        call.ticket = ticket_of(s, e);
        if (!keymgr_submit(&s->keymgr, &call)) {
            catalogue_remove(&s->catalogue, e);
            return;
        }
        spare->handle = catalogue_handle(&s->catalogue, e);
        spare->phase = SPARE_ASKED;
    }
}

static void fetch_keks(struct store *s)
{
    if (!lease_serves(&s->lease))
        return;
    for (;;) {
        uint32_t slot = kek_next_wanted(&s->keks);
        if (slot == NO_SLOT_32)
            return;
        struct catalogue_entry *e = &s->catalogue.entries[slot];
        struct object object;
        if (!e->in_use || e->record == 0 ||
            object_open(catalogue_record(&s->catalogue, e), &object) != STATUS_OK ||
            object.wrapped_kek.len == 0) {
            kek_fetched(&s->keks, slot, KEYMGR_REFUSED, NULL, s->now);
            continue;
        }
        struct keymgr_call call = {
            .kind = KEYMGR_UNWRAP, .ticket = ticket_of(s, e), .data = object.wrapped_kek};
        memcpy(call.uid, e->uid, UUID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call)) {
            kek_ask_later(&s->keks, slot);
            return;
        }
    }
}

static void check_lease(struct store *s)
{
    if (lease_tick(&s->lease, s->now))
        wipe_keks(s);
    if (s->lease.asked || s->now.mono_ms < s->lease.next_check_ms)
        return;
    struct keymgr_call call = {.kind = KEYMGR_STATE};
    s->lease.asked = keymgr_submit(&s->keymgr, &call);
}

void store_turn(struct store *s, struct clock now)
{
    s->now = now;
    s->stirred = false;
    s->keymgr.ops->turn(s->keymgr.self, now);
    take_answers(s);
    step_active(s);
    check_lease(s);
    send_uploads(s);
    send_removals(s);
    refill_spares(s);
    fetch_keks(s);
    reconcile_turn(s);
    if (s->disk != NULL)
        journal_clean(s);
    take_answers(s); /* what the local key manager answers at once does not wait for another turn */
}

uint64_t store_deadline(const struct store *s)
{
    if (s->stirred || s->cleaning != 0)
        return s->now.mono_ms;
    uint64_t deadline = s->lease.asked ? s->now.mono_ms + 1000 : s->lease.next_check_ms;
    if (s->dirty_head != NO_SLOT_32 && s->catalogue.entries[s->dirty_head].due_ms < deadline)
        deadline = s->catalogue.entries[s->dirty_head].due_ms;
    if (s->removals_used != 0 && s->removal_retry_ms > s->now.mono_ms && s->removal_retry_ms < deadline)
        deadline = s->removal_retry_ms;
    if (s->reconcile.phase != RECONCILE_DONE && s->reconcile.retry_ms > s->now.mono_ms &&
        s->reconcile.retry_ms < deadline)
        deadline = s->reconcile.retry_ms;
    return deadline;
}

/* ---- questions of requests ---- */

enum ask store_find(struct store *s, const uint8_t uid[UUID_BYTES], struct handle *out)
{
    const struct catalogue_entry *e = catalogue_find(&s->catalogue, uid);
    if (e != NULL && e->record != 0) {
        *out = catalogue_handle(&s->catalogue, e);
        return ASK_READY;
    }
    *out = (struct handle){.serial = 0};
    return store_complete(s) ? ASK_FAILED : ASK_WAIT;
}

static const char *why_not(const struct store *s, enum keymgr_result result)
{
    if (!lease_serves(&s->lease))
        return lease_refusal(s->lease.state);
    switch (result) {
    case KEYMGR_DENIED:
        return lease_refusal(LEASE_DENIED);
    case KEYMGR_ROOT_GONE:
        return lease_refusal(LEASE_REVOKED);
    case KEYMGR_ROOT_EXPIRED:
        return lease_refusal(LEASE_READ_ONLY);
    case KEYMGR_LOCKED:
        return lease_refusal(LEASE_LOCKED);
    case KEYMGR_REFUSED:
    case KEYMGR_NO_RECORD:
        return "the key manager refused this key; the server's log says why";
    case KEYMGR_OK:
    case KEYMGR_AWAY:
        break;
    }
    return "the key manager did not answer; try again";
}

enum ask store_kek(struct store *s, struct handle handle, const uint8_t **key, const char **why)
{
    enum keymgr_result result = KEYMGR_OK;
    if (!lease_serves(&s->lease)) {
        *why = why_not(s, result);
        return s->lease.state == LEASE_STARTING ? ASK_WAIT : ASK_FAILED;
    }
    enum ask ask = kek_ask(&s->keks, handle.slot, s->now, key, &result);
    if (ask == ASK_WAIT)
        s->stirred = s->stirred || s->keks.keks[handle.slot].phase == KEK_WANTED;
    if (ask == ASK_FAILED)
        *why = why_not(s, result);
    return ask;
}

enum ask store_spare(struct store *s, struct spare **spare, const uint8_t **key, const char **why)
{
    if (!lease_creates(&s->lease)) {
        *why = lease_refusal(s->lease.state);
        return s->lease.state == LEASE_STARTING ? ASK_WAIT : ASK_FAILED;
    }
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        enum keymgr_result result;
        if (s->spares[i].phase == SPARE_READY &&
            kek_ask(&s->keks, s->spares[i].handle.slot, s->now, key, &result) == ASK_READY) {
            *spare = &s->spares[i];
            return ASK_READY;
        }
    }
    if (s->catalogue.count >= s->settings.objects + SPARE_KEKS) {
        *why = "the catalogue is full; raise store objects, or destroy keys that nobody needs";
        return ASK_FAILED;
    }
    if (s->new_key_result != KEYMGR_OK && s->now.mono_ms < s->new_key_retry_ms) {
        *why = why_not(s, s->new_key_result);
        return ASK_FAILED;
    }
    for (size_t i = 0; i < SPARE_KEKS; i++)
        s->stirred = s->stirred || s->spares[i].phase == SPARE_EMPTY;
    return ASK_WAIT;
}

void store_use_spare(struct store *s, struct spare *spare)
{
    wipe(spare, sizeof *spare);
    s->stirred = true;
}

void store_served(struct store *s, struct handle handle)
{
    struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    if (e == NULL)
        return;
    e->served = ++s->catalogue.next_served;
    e->served_unix_s = s->now.unix_s;
}

/* ---- what reconciliation asks for ---- */

void store_forget(struct store *s, struct catalogue_entry *e)
{
    dirty_remove(s, e);
    kek_forget(&s->keks, catalogue_slot(&s->catalogue, e));
    journal_gone(s, e->uid);
    catalogue_remove(&s->catalogue, e);
}

void store_store_again(struct store *s, struct catalogue_entry *e)
{
    e->stored_generation = 0;
    dirty_add(s, e, s->now.mono_ms);
}

void store_adopt(struct store *s, const struct keymgr_listed *listed, struct span record)
{
    struct object object;
    struct log_place place;
    char uid[UUID_TEXT + 1];
    uuid_write(listed->uid, uid);
    if (object_open(record, &object) != STATUS_OK || memcmp(object.head.uid, listed->uid, UUID_BYTES) != 0) {
        log_write(s->log, LOG_ERROR, "store",
                  "the record of %s in the key manager is damaged or of a newer release", uid);
        return;
    }
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
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
    apply_next(s, e);
    note_stored(s, e, object.head.generation, listed->record_id);
    e->pass = s->reconcile.pass;
    if (s->disk != NULL &&
        journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place))
        e->segment = place.segment;
}
