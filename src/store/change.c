/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of objects: proposed, made durable, applied or undone. */
#include <errno.h>

#include "base/text.h"
#include "store/journal.h"
#include "store/rooms.h"
#include "store/sync.h"

/* After a failed write to the key manager. */
#define RETRY_MS 1000
/* How much later a node writes what another one is to write too: it finds it written. */
#define SLOW_MS 3000

/* The change is durable: the next record becomes the record. */
void change_apply(struct store *s, struct catalogue_entry *e)
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
    s->news++;
}

/* The change was not taken: all is as it was before it. */
void change_undo(struct store *s, struct catalogue_entry *e, const char *why)
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
        upload_add(s, e, s->now.mono_ms + RETRY_MS);
    s->commit_failures++;
    s->news++;
}

/* Appends the next record to the journal, or asks whether it is flushed. */
static void step_journal(struct store *s, struct catalogue_entry *e)
{
    int error;
    if (!e->change.sent) {
        struct log_place place;
        if (!journal_put(s, e, catalogue_next_record(&s->catalogue, e), e->stored_generation, &place)) {
            if (s->disk->lost)
                change_undo(s, e, "the disk process is gone");
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
        change_undo(s, e, error == ENOSPC ? "no space left on the disk" : "the journal could not be written");
        return;
    case ASK_READY:
        break;
    }
    change_apply(s, e);
    e->segment = e->change.segment;
    upload_add(s, e, s->now.mono_ms + s->settings.flush_window_ms + (e->change.slow ? SLOW_MS : 0));
}

static void step_change(struct store *s, struct catalogue_entry *e)
{
    switch ((enum change_phase)e->change.phase) {
    case CHANGE_PUT:
        if (!e->change.sent && e->uploading == 0) {
            struct span next = catalogue_next_record(&s->catalogue, e);
            e->change.sent = upload_put(s, e, next, e->generation + 1);
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

void change_answered(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a)
{
    struct log_place place;
    if (a->result != KEYMGR_OK) {
        change_undo(s, e, a->why);
        return;
    }
    change_apply(s, e);
    upload_note_stored(s, e, e->generation, a->record_id);
    upload_remove(s, e);
    if (s->disk != NULL &&
        journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place))
        e->segment = place.segment;
}

void change_turn(struct store *s)
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

struct object store_descend(const struct store *s, struct handle handle, const struct object *object,
                            uint8_t room[ANCESTORS_BYTES])
{
    struct object next = *object;
    const struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    if (e == NULL || !s->keymgr.shared)
        return next;
    size_t len = object->ancestors.len;
    if (len != 0)
        memcpy(room, object->ancestors.ptr, len);
    if (e->generation == e->stored_generation || e->generation == e->uploading) {
        uint8_t digest[ANCESTOR_DIGEST];
        record_digest(catalogue_record(&s->catalogue, e), digest);
        len = ancestors_add(room, len, e->generation, digest);
    }
    next.ancestors = span_of(room, len);
    return next;
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
    e->change.sent = e->change.slow = false;
    e->looked = false;
    sync_stir(s);
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

bool store_has_room(const struct store *s, size_t first, size_t second)
{
    return first != 0 && second != 0 && arena_has_room(&s->catalogue.arena, first, second);
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
