/* SPDX-License-Identifier: Apache-2.0 */
/* Records that came from the key manager: taken, merged, or found to be overtaken; and objects that are gone.
 */
#include "base/text.h"
#include "store/journal.h"
#include "store/merge.h"
#include "store/rooms.h"
#include "store/sync_read.h"

#define RETRY_MS 1000
/* Lists lag behind what is there by no more than this. */
#define LAG_MS 1500

/* Whether this node's record follows the listed one: then that one is to go. */
bool sync_follows(const struct store *s, const struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    struct object own;
    if (!s->keymgr.shared)
        return listed->generation < e->stored_generation;
    return listed->generation < e->generation &&
           object_open(catalogue_record(&s->catalogue, e), &own) == STATUS_OK &&
           ancestors_hold(&own, listed->generation, listed->digest);
}

/* ---- objects that somebody removed ---- */

void sync_forget(struct store *s, struct catalogue_entry *e)
{
    if (entry_is_unread(e))
        s->sync.unread--;
    upload_remove(s, e);
    kek_forget(&s->keks, catalogue_slot(&s->catalogue, e));
    journal_gone(s, e->uid);
    catalogue_remove(&s->catalogue, e);
    s->news++;
}

static void forget_removed(struct store *s, struct catalogue_entry *e)
{
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    struct buried *b = &s->sync.buried[s->sync.buried_at++ % BURIED_MAX];
    memcpy(b->uid, e->uid, UUID_BYTES);
    b->generation = e->stored_generation;
    s->sync.gone++;
    log_write(s->log, LOG_WARNING, "store", "%s was removed from the key manager by somebody else", uid);
    sync_forget(s, e);
}

void sync_unseen(struct store *s, struct catalogue_entry *e)
{
    char uid[UUID_TEXT + 1];
    if (!s->settings.keep_unseen) {
        forget_removed(s, e);
        return;
    }
    uuid_write(e->uid, uid);
    log_write(s->log, LOG_WARNING, "store", "the damaged record of %s is written anew from the journal", uid);
    e->stored_generation = 0;
    upload_add(s, e, s->now.mono_ms);
}

/* ---- records that came ---- */

static void say_full(struct store *s)
{
    uint32_t skipped;
    if (log_limit_pass(&s->limit_full, s->now.unix_s, 1, &skipped))
        log_write(s->log, LOG_ERROR, "store", "no memory for another record; raise store record-bytes");
}

/* Takes a record into the catalogue as it is. */
static void take(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed,
                 struct span record, const struct object *object)
{
    struct log_place place;
    arena_ref ref = arena_put(&s->catalogue.arena, record);
    if (ref == 0) {
        say_full(s);
        s->sync.read_retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    if (entry_is_unread(e)) {
        s->sync.unread--;
        e->stored_generation = 0; /* nothing is superseded by what is read first */
    }
    e->next = ref;
    e->next_len = (uint16_t)record.len;
    e->scope = scopes_number(&s->scopes, object->scope);
    if (catalogue_names_add(&s->catalogue, e, record) != STATUS_OK)
        log_write(s->log, LOG_WARNING, "store", "the name index is full; some names are not found");
    change_apply(s, e);
    upload_note_stored(s, e, object->head.generation, listed->record_id);
    upload_remove(s, e);
    if (s->disk != NULL &&
        journal_put(s, e, catalogue_record(&s->catalogue, e), e->stored_generation, &place))
        e->segment = place.segment;
    sync_note_complete(s);
}

static void propose_merged(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    uint32_t number;
    struct span record = span_of(s->draft->bytes, s->draft->len);
    bool other_first = memcmp(s->draft->head.node, s->node, NODE_BYTES) != 0;
    if (store_propose(s, catalogue_handle(&s->catalogue, e), record, e->scope, COMMIT_JOURNAL, &number) !=
        STATUS_OK) {
        say_full(s); /* the record is listed again */
        return;
    }
    e->change.slow = other_first;
    memcpy(s->sync.merged[s->sync.merged_at++ % NEWS_MAX], listed->record_id, RECORD_ID_BYTES);
    s->sync.merges++;
}

static void merge(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed,
                  struct span record, const struct object *object)
{
    struct merged merged;
    bool dirty = e->generation > e->stored_generation;
    enum status status = merge_records(catalogue_record(&s->catalogue, e), record, s->draft, &merged);
    if (status == STATUS_MALFORMED)
        return;
    if (status == STATUS_TOO_LARGE) {
        char uid[UUID_TEXT + 1];
        uuid_write(e->uid, uid);
        log_write(s->log, LOG_WARNING, "store",
                  "two changes of %s at two nodes do not fit into one record; the later one counts", uid);
    }
    if (!merged.added && !merged.first_leads && object->head.generation >= e->generation)
        take(s, e, listed, record, object);
    else if (!merged.added && merged.first_leads && !dirty && e->generation >= object->head.generation)
        upload_supersede(s, listed->record_id);
    else if (!merged.added && merged.first_leads && e->generation > object->head.generation)
        memcpy(s->sync.merged[s->sync.merged_at++ % NEWS_MAX], listed->record_id, RECORD_ID_BYTES);
    else
        propose_merged(s, e, listed);
}

/* Whether another record follows this node's own: then it takes its place. */
static bool is_followed(const struct store *s, const struct catalogue_entry *e, const struct object *object)
{
    uint8_t digest[ANCESTOR_DIGEST];
    if (e->generation != e->stored_generation || object->head.generation <= e->generation)
        return false;
    record_digest(catalogue_record(&s->catalogue, e), digest);
    return !s->keymgr.shared || ancestors_hold(object, e->generation, digest);
}

bool sync_is_bad(const struct sync *y, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < BAD_MAX; i++)
        if (sync_same_id(y->bad[i], id))
            return true;
    return false;
}

/* A record that this release cannot read: whoever can still needs it. An older one of the object may do here.
 */
static void leave_alone(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    char uid[UUID_TEXT + 1];
    uuid_write(listed->uid, uid);
    log_write(s->log, LOG_ERROR, "store",
              "a record of %s in the key manager is damaged or of a newer release; it is left alone", uid);
    memcpy(s->sync.bad[s->sync.bad_at++ % BAD_MAX], listed->record_id, RECORD_ID_BYTES);
    if (e != NULL && entry_is_unread(e) && sync_same_id(e->record_id, listed->record_id))
        sync_forget(s, e);
}

void sync_adopt(struct store *s, struct keymgr_listed *listed, struct span record)
{
    struct object object;
    record_digest(record, listed->digest);
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (object_check(record, &object) != STATUS_OK || memcmp(object.head.uid, listed->uid, UUID_BYTES) != 0) {
        leave_alone(s, e, listed);
        return;
    }
    if (e == NULL)
        e = sync_add_unread(s, listed); /* what was known of it could not be read, and this can */
    if (e == NULL || (e->record == 0 && !entry_is_unread(e)) || sync_is_under_way(e))
        return; /* it is listed again */
    e->missed_ms = 0;
    bool same = sync_same_id(listed->record_id, e->record_id);
    if (entry_is_unread(e)) {
        struct keymgr_listed other = {.generation = e->stored_generation};
        memcpy(other.uid, e->uid, UUID_BYTES);
        memcpy(other.record_id, e->record_id, RECORD_ID_BYTES);
        take(s, e, listed, record, &object);
        if (!same)
            sync_add_news(s, &other);
    } else if (same) {
        e->looked = true;
    } else if (e->generation == e->stored_generation &&
               span_equal(record, catalogue_record(&s->catalogue, e))) {
        sync_note_own(s, e, listed);
    } else if (sync_follows(s, e, listed)) {
        if (e->generation == e->stored_generation)
            upload_supersede(s, listed->record_id);
    } else if (is_followed(s, e, &object)) {
        take(s, e, listed, record, &object);
    } else {
        merge(s, e, listed, record, &object);
    }
}

/* Whether no list can lag so long. */
static bool is_missed(const struct store *s, const struct catalogue_entry *e)
{
    return e->missed_ms != 0 && (uint32_t)s->now.mono_ms - e->missed_ms + 1 >= LAG_MS;
}

/* Another node may have written a newer record that no list tells of yet: then a change of this node is
 * merged with it, not lost. */
static void look_again(struct store *s, struct catalogue_entry *e)
{
    if (e->missed_ms == 0)
        e->missed_ms = (uint32_t)s->now.mono_ms | 1;
    kek_forget(&s->keks, catalogue_slot(&s->catalogue, e));
    upload_remove(s, e);
    upload_add(s, e, s->now.mono_ms + LAG_MS);
}

/* The record that was to be read is not there any more. */
void sync_vanished(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (e == NULL || e->stored_generation == 0 || !sync_same_id(e->record_id, listed->record_id) ||
        sync_is_under_way(e))
        return;
    if (entry_is_unread(e))
        sync_forget(s, e);
    else if (s->keymgr.shared && e->generation > e->stored_generation && !is_missed(s, e))
        look_again(s, e);
    else if (s->keymgr.shared)
        forget_removed(s, e);
}

void sync_note_complete(struct store *s)
{
    if (s->sync.told_complete || !store_complete(s))
        return;
    s->sync.told_complete = true;
    s->news++;
    log_write(s->log, LOG_INFO, "store", "catalogue complete: %u objects", s->catalogue.visible);
}
