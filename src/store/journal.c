/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal.h"

#include <stdio.h>

#include "base/bytes.h"

/*
 * Entries (payload):
 *   1 PUT     stored generation (4), last served (4, seconds since 1970; 0 never), record id (16), record
 *   2 GONE    Unique Identifier (16)
 *   3 STORED  Unique Identifier (16), generation (4), zero (4), record id (16)
 *   4 SERVED  Unique Identifier (16), last served (4), zero (4)
 * Of several PUT of one object the greatest generation counts, wherever it stands.
 */
enum { JOURNAL_PUT = 1, JOURNAL_GONE = 2, JOURNAL_STORED = 3, JOURNAL_SERVED = 4 };
#define PUT_HEAD     24
#define STORED_BYTES 40
#define SERVED_BYTES 24

/* Entries appended anew in one turn while a segment is emptied: 32 KiB at the most usual size. */
#define CLEAN_A_TURN 32
/* Segments that a journal may have beyond twice what lives. */
#define SPARE_SEGMENTS 3

bool journal_put(struct store *s, struct catalogue_entry *e, struct span record, uint32_t stored_generation,
                 struct log_place *place)
{
    uint8_t head[PUT_HEAD] = {0};
    be32_put(head, stored_generation);
    be32_put(head + 4, e->served_unix_s);
    memcpy(head + 8, e->record_id, RECORD_ID_BYTES);
    return log_append(&s->journal, JOURNAL_PUT, span_of(head, sizeof head), record, place);
}

void journal_stored(struct store *s, const struct catalogue_entry *e)
{
    struct log_place place;
    uint8_t note[STORED_BYTES] = {0};
    if (s->disk == NULL)
        return;
    memcpy(note, e->uid, UUID_BYTES);
    be32_put(note + 16, e->stored_generation);
    memcpy(note + 24, e->record_id, RECORD_ID_BYTES);
    if (!log_append(&s->journal, JOURNAL_STORED, span_of(note, sizeof note), span_of(NULL, 0), &place))
        return; /* the queue is full: the note is worth less than the wait */
}

void journal_served(struct store *s, const struct catalogue_entry *e)
{
    struct log_place place;
    uint8_t note[SERVED_BYTES] = {0};
    if (s->disk == NULL)
        return;
    memcpy(note, e->uid, UUID_BYTES);
    be32_put(note + 16, e->served_unix_s);
    if (!log_append(&s->journal, JOURNAL_SERVED, span_of(note, sizeof note), span_of(NULL, 0), &place))
        return; /* worth less than the wait, as above */
}

void journal_gone(struct store *s, const uint8_t uid[UUID_BYTES])
{
    struct log_place place;
    if (s->disk == NULL)
        return;
    if (!log_append(&s->journal, JOURNAL_GONE, span_of(uid, UUID_BYTES), span_of(NULL, 0), &place))
        return; /* a restart learns it again from the key manager */
}

static void replay_put(struct store *s, const struct entry *in)
{
    struct object object;
    struct span record = span_of(in->payload.ptr + PUT_HEAD, in->payload.len - PUT_HEAD);
    if (in->payload.len <= PUT_HEAD || object_check(record, &object) != STATUS_OK)
        return;
    struct catalogue_entry *e = catalogue_find(&s->catalogue, object.head.uid);
    if (e != NULL && e->generation > object.head.generation)
        return;
    arena_ref ref = arena_put(&s->catalogue.arena, record);
    if (e == NULL && ref != 0)
        e = catalogue_add(&s->catalogue, object.head.uid);
    if (e == NULL || ref == 0) {
        if (ref != 0)
            arena_drop(&s->catalogue.arena, ref, record.len);
        s->too_small = true;
        return;
    }
    if (e->record != 0) {
        catalogue_names_remove(&s->catalogue, e, catalogue_record(&s->catalogue, e), record);
        arena_drop(&s->catalogue.arena, e->record, e->record_len);
    } else {
        s->catalogue.visible++;
    }
    e->record = ref;
    e->record_len = (uint16_t)record.len;
    e->generation = object.head.generation;
    e->scope = scopes_number(&s->scopes, object.scope);
    e->segment = in->segment;
    uint32_t stored = be32_get(in->payload.ptr), served = be32_get(in->payload.ptr + 4);
    if (served > e->served_unix_s)
        e->served_unix_s = served;
    e->fresh_spent = e->served_unix_s != 0;
    if (stored >= e->stored_generation) {
        e->stored_generation = stored;
        memcpy(e->record_id, in->payload.ptr + 8, RECORD_ID_BYTES);
    }
    if (catalogue_names_add(&s->catalogue, e, record) != STATUS_OK)
        log_write(s->log, LOG_WARNING, "journal", "the name index is full; some names are not found");
}

static void replay_entry(struct store *s, const struct entry *in)
{
    if (in->type == JOURNAL_PUT) {
        replay_put(s, in);
        return;
    }
    struct catalogue_entry *e =
        in->payload.len >= UUID_BYTES ? catalogue_find(&s->catalogue, in->payload.ptr) : NULL;
    if (e == NULL)
        return;
    if (in->type == JOURNAL_SERVED && in->payload.len == SERVED_BYTES) {
        e->served_unix_s = be32_get(in->payload.ptr + 16);
        e->fresh_spent = true;
    } else if (in->type == JOURNAL_GONE) {
        catalogue_remove(&s->catalogue, e);
    } else if (in->type == JOURNAL_STORED && in->payload.len == STORED_BYTES &&
               be32_get(in->payload.ptr + 16) >= e->stored_generation) {
        e->stored_generation = be32_get(in->payload.ptr + 16);
        memcpy(e->record_id, in->payload.ptr + 24, RECORD_ID_BYTES);
    }
}

enum status journal_replay(struct store *s, const struct disk_ops *ops, char *why, size_t why_cap)
{
    struct log_replay replay;
    struct entry entry;
    enum status status;
    log_replay_begin(&replay, ops, JOURNAL_LOG);
    while ((status = log_replay_next(&replay, &entry)) == STATUS_OK)
        replay_entry(s, &entry);
    if (status != STATUS_END) {
        snprintf(why, why_cap,
                 status == STATUS_REFUSED
                     ? "journal segment %u is of another format version; use the release that wrote it"
                     : "journal segment %u cannot be read",
                 replay.last_segment);
        return STATUS_FAILED;
    }
    if (s->too_small) {
        snprintf(why, why_cap,
                 "the journal holds more than the memory for objects takes; raise store objects or store "
                 "record-bytes");
        return STATUS_FAILED;
    }
    log_writer_init(&s->journal, s->disk, JOURNAL_LOG, &replay);
    s->journal_oldest = ops->next_number(ops->self, JOURNAL_LOG, 0);
    if (replay.damaged_bytes != 0)
        log_write(s->log, LOG_WARNING, "journal",
                  "%llu damaged bytes were passed over; the key manager's records fill the gap",
                  (unsigned long long)replay.damaged_bytes);
    log_write(s->log, LOG_INFO, "journal", "%u objects read from %u segments", s->catalogue.visible,
              replay.segments);
    return STATUS_OK;
}

/* Segments that what lives would fill, twice, and a few. */
static bool garbage_prevails(const struct store *s)
{
    uint64_t live = (uint64_t)s->catalogue.arena.pages_used * ARENA_PAGE;
    uint32_t segments = s->journal.newest + 1 - s->journal_oldest;
    return s->journal_oldest != 0 && segments > 2 * (uint32_t)(live / LOG_SEGMENT_BYTES + 1) + SPARE_SEGMENTS;
}

/* The disk refused something meanwhile: what was appended anew may be lost, so it counts as not appended. */
static void give_up_cleaning(struct store *s)
{
    uint32_t at = 0;
    struct catalogue_entry *e;
    while ((e = catalogue_next(&s->catalogue, &at)) != NULL)
        if (e->segment >= s->cleaning_first)
            e->segment = s->cleaning;
    s->cleaning = 0;
}

/* Everything is appended: once it is flushed the segment goes, once it is gone the next one is the oldest. */
static void finish_cleaning(struct store *s)
{
    int error;
    enum ask ask = s->cleaning_ticket == 0 ? ASK_READY : disk_ask(s->disk, s->cleaning_ticket, &error);
    if (ask == ASK_WAIT)
        return;
    if (ask == ASK_FAILED || s->disk->failures != s->cleaning_failures) {
        give_up_cleaning(s);
    } else if (s->cleaning_drops) {
        s->journal_oldest = s->cleaning + 1;
        s->cleaning = 0;
    } else {
        s->cleaning_drops = log_drop(&s->journal, s->cleaning, &s->cleaning_ticket);
    }
}

void journal_clean(struct store *s)
{
    if (s->disk == NULL)
        return;
    if (s->journal_oldest == 0)
        s->journal_oldest = s->journal.segment.number;
    if (s->cleaning == 0) {
        if (s->journal.segment.number == 0 || !garbage_prevails(s))
            return;
        s->cleaning = s->journal_oldest;
        s->cleaning_first = s->journal.segment.number;
        s->cleaning_at = 0;
        s->cleaning_ticket = 0;
        s->cleaning_drops = false;
        s->cleaning_failures = s->disk->failures;
    }
    for (int done = 0; done < CLEAN_A_TURN;) {
        struct catalogue_entry *e = catalogue_next(&s->catalogue, &s->cleaning_at);
        if (e == NULL) {
            finish_cleaning(s);
            return;
        }
        if (e->segment > s->cleaning)
            continue;
        struct log_place place;
        if (!journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place)) {
            s->cleaning_at--;
            return;
        }
        e->segment = place.segment;
        s->cleaning_ticket = place.ticket;
        done++;
    }
    s->stirred = true; /* there may be more */
}
