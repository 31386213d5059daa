/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sync_read.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "store/journal.h"
#include "store/merge.h"
#include "store/rooms.h"

#define RETRY_MS 1000
/* Records read at once while nobody waits for one. */
#define BACKGROUND_READS 4
#define FINDS_AT_ONCE    2
/* Slots looked at in one turn. */
#define SLOTS_A_TURN 256
/* A change that has to wait for another node's record to be read is looked at again after this. */
#define LOOK_AGAIN_MS 300

static bool same_id(const uint8_t a[RECORD_ID_BYTES], const uint8_t b[RECORD_ID_BYTES])
{
    return memcmp(a, b, RECORD_ID_BYTES) == 0;
}

static bool is_under_way(const struct catalogue_entry *e)
{
    return e->change.phase != CHANGE_NONE || e->uploading != 0;
}

/* ---- what is to be read ---- */

static bool is_merged(const struct sync *y, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < NEWS_MAX; i++)
        if (same_id(y->merged[i], id))
            return true;
    return false;
}

static bool is_being_read(const struct sync *y, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < READS_MAX; i++)
        if (y->reading_used[i] && same_id(y->reading[i].record_id, id))
            return true;
    return false;
}

static void add_news(struct store *s, const struct keymgr_listed *listed)
{
    struct sync *y = &s->sync;
    bool known = is_being_read(y, listed->record_id);
    for (size_t i = 0; i < y->news_count; i++)
        known = known || same_id(y->news[i].record_id, listed->record_id);
    if (known)
        return;
    if (y->news_count == NEWS_MAX) {
        y->whole_ms = s->now.mono_ms + RETRY_MS; /* the next whole list names it again */
        return;
    }
    y->news[y->news_count++] = *listed;
    s->stirred = true;
}

void sync_doubt(struct store *s, struct catalogue_entry *e)
{
    struct sync *y = &s->sync;
    if (e->finding)
        return;
    if (y->doubts_count == DOUBTS_MAX) {
        y->whole_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    e->finding = true;
    y->doubts[y->doubts_count++] = catalogue_handle(&s->catalogue, e);
    s->stirred = true;
}

void sync_read_first(struct store *s, struct catalogue_entry *e)
{
    struct sync *y = &s->sync;
    struct handle handle = catalogue_handle(&s->catalogue, e);
    if (is_being_read(y, e->record_id) || y->asked_count == ASKED_MAX)
        return;
    for (size_t i = 0; i < y->asked_count; i++)
        if (y->asked[i].slot == handle.slot)
            return;
    y->asked[y->asked_count++] = handle;
    s->stirred = true;
}

/* ---- comparing ---- */

static void add_unread(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = NULL;
    if (s->catalogue.count < s->settings.objects + SPARE_KEKS)
        e = catalogue_add(&s->catalogue, listed->uid);
    if (e == NULL) {
        uint32_t skipped;
        if (log_limit_pass(&s->limit_full, s->now.unix_s, 1, &skipped))
            log_write(s->log, LOG_ERROR, "store",
                      "the key manager has more objects than the catalogue takes; raise store objects");
        return;
    }
    e->stored_generation = listed->generation;
    memcpy(e->record_id, listed->record_id, RECORD_ID_BYTES);
    e->pass = s->sync.pass;
    s->sync.unread++;
    s->stirred = true;
}

static bool look_at_unread(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    if (same_id(listed->record_id, e->record_id))
        return true;
    if (listed->generation < e->stored_generation) {
        upload_supersede(s, listed->record_id);
    } else if (listed->generation == e->stored_generation) {
        add_news(s, listed);
    } else {
        upload_supersede(s, e->record_id);
        e->stored_generation = listed->generation;
        memcpy(e->record_id, listed->record_id, RECORD_ID_BYTES);
    }
    return false;
}

/* Whether the listed record is the one that this node has: its note that it was stored got lost. */
static bool is_own(const struct store *s, const struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    uint8_t digest[SHA256_BYTES];
    if (!s->keymgr.shared)
        return e->generation >= listed->generation;
    if (e->generation != listed->generation)
        return false;
    sha256(catalogue_record(&s->catalogue, e), digest);
    return memcmp(digest, listed->digest, RECORD_DIGEST_BYTES) == 0;
}

static void note_own(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    upload_note_stored(s, e, listed->generation, listed->record_id);
    if (e->stored_generation == e->generation)
        upload_remove(s, e);
    journal_stored(s, e);
}

bool sync_look_at(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (e == NULL) {
        add_unread(s, listed);
        return false;
    }
    e->pass = s->sync.pass;
    if (entry_is_unread(e))
        return look_at_unread(s, e, listed);
    if (e->record == 0 || same_id(listed->record_id, e->record_id))
        return true; /* being made here, or known */
    if (listed->generation < e->stored_generation) {
        upload_supersede(s, listed->record_id);
        return true;
    }
    if (is_merged(&s->sync, listed->record_id) || is_under_way(e))
        return true; /* it may be the one under way */
    if (is_own(s, e, listed))
        note_own(s, e, listed);
    else
        add_news(s, listed);
    return false;
}

/* ---- objects that somebody removed ---- */

static void forget(struct store *s, struct catalogue_entry *e)
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
    s->sync.gone++;
    log_write(s->log, LOG_WARNING, "store", "%s was removed from the key manager by somebody else", uid);
    forget(s, e);
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

/* Takes a record into the catalogue as it is. */
static void take(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed,
                 struct span record, const struct object *object)
{
    struct log_place place;
    arena_ref ref = arena_put(&s->catalogue.arena, record);
    if (ref == 0) {
        uint32_t skipped;
        if (log_limit_pass(&s->limit_full, s->now.unix_s, 1, &skipped))
            log_write(s->log, LOG_ERROR, "store", "no memory for another record; raise store record-bytes");
        s->sync.read_retry_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    if (entry_is_unread(e))
        s->sync.unread--;
    e->next = ref;
    e->next_len = (uint16_t)record.len;
    e->scope = scopes_number(&s->scopes, object->scope);
    if (catalogue_names_add(&s->catalogue, e, record) != STATUS_OK)
        log_write(s->log, LOG_WARNING, "store", "the name index is full; some names are not found");
    change_apply(s, e);
    if (e->stored_generation != 0 && same_id(e->record_id, listed->record_id))
        e->stored_generation = 0; /* it was listed before: nothing is superseded */
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
        STATUS_OK)
        return; /* no memory: the record is listed again */
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
    else if (!merged.added && merged.first_leads && !dirty)
        upload_supersede(s, listed->record_id);
    else if (!merged.added && merged.first_leads && e->generation > object->head.generation)
        memcpy(s->sync.merged[s->sync.merged_at++ % NEWS_MAX], listed->record_id, RECORD_ID_BYTES);
    else
        propose_merged(s, e, listed);
}

static void adopt(struct store *s, const struct keymgr_listed *listed, struct span record)
{
    struct object object;
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (object_check(record, &object) != STATUS_OK || memcmp(object.head.uid, listed->uid, UUID_BYTES) != 0) {
        char uid[UUID_TEXT + 1];
        uuid_write(listed->uid, uid);
        log_write(s->log, LOG_ERROR, "store",
                  "the record of %s in the key manager is damaged or of a newer release", uid);
        if (e != NULL && entry_is_unread(e) && same_id(e->record_id, listed->record_id))
            forget(s, e);
        return;
    }
    if (e == NULL || (e->record == 0 && !entry_is_unread(e)) || is_under_way(e))
        return; /* gone meanwhile, or under way: it is listed again */
    bool unread = entry_is_unread(e);
    if (!unread && same_id(listed->record_id, e->record_id))
        e->looked = true;
    else if (listed->generation < e->stored_generation)
        upload_supersede(s, listed->record_id);
    else if (unread || (e->generation == e->stored_generation && object.head.generation > e->generation))
        take(s, e, listed, record, &object);
    else
        merge(s, e, listed, record, &object);
}

/* The record that was to be read is not there any more. */
static void vanished(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (e == NULL || e->stored_generation == 0 || !same_id(e->record_id, listed->record_id) ||
        is_under_way(e))
        return;
    if (entry_is_unread(e))
        forget(s, e);
    else if (s->keymgr.shared)
        forget_removed(s, e);
}

static void not_read(struct store *s, const struct keymgr_listed *listed, const struct keymgr_answer *a)
{
    char uid[UUID_TEXT + 1];
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    bool unread = e != NULL && entry_is_unread(e) && same_id(e->record_id, listed->record_id);
    if (a->result == KEYMGR_REFUSED || a->result == KEYMGR_DENIED) {
        uint32_t skipped;
        uuid_write(listed->uid, uid);
        if (log_limit_pass(&s->limit_read, s->now.unix_s, 3, &skipped))
            log_write(s->log, LOG_ERROR, "store", "the record of %s could not be read: %s", uid, a->why);
    }
    if (a->result == KEYMGR_REFUSED && unread)
        forget(s, e);
    if (a->result == KEYMGR_REFUSED)
        return;
    s->sync.read_retry_ms = s->now.mono_ms + RETRY_MS;
    if (!unread)
        add_news(s, listed);
}

void sync_got(struct store *s, const struct keymgr_answer *a)
{
    struct sync *y = &s->sync;
    size_t i = (size_t)a->ticket;
    if (i >= READS_MAX || !y->reading_used[i])
        return;
    struct keymgr_listed listed = y->reading[i];
    y->reading_used[i] = false;
    y->reads--;
    s->stirred = true;
    if (a->result == KEYMGR_OK) {
        y->read_total++;
        adopt(s, &listed, a->data);
    } else if (a->result == KEYMGR_NO_RECORD) {
        vanished(s, &listed);
    } else {
        not_read(s, &listed, a);
    }
    sync_note_complete(s);
}

void sync_found(struct store *s, const struct keymgr_answer *a)
{
    struct catalogue_entry *e = rooms_entry(s, a->ticket);
    s->sync.finds--;
    if (e == NULL)
        return;
    e->finding = false;
    if (a->result != KEYMGR_OK) {
        s->sync.read_retry_ms = s->now.mono_ms + RETRY_MS;
        sync_doubt(s, e);
        return;
    }
    bool news = false;
    for (size_t i = 0; i < a->listed_count; i++)
        news = !sync_look_at(s, &a->listed[i]) || news;
    if (a->listed_count == 0 && e->stored_generation != 0 && !is_under_way(e)) {
        /* Nothing lives, or the list lags: its own record tells. */
        struct keymgr_listed own = {.generation = e->stored_generation};
        memcpy(own.uid, e->uid, UUID_BYTES);
        memcpy(own.record_id, e->record_id, RECORD_ID_BYTES);
        add_news(s, &own);
        news = true;
    }
    e->looked = !news;
    if (e->record != 0 && e->generation > e->stored_generation && !is_under_way(e))
        upload_add(s, e, s->now.mono_ms + (news ? LOOK_AGAIN_MS : 0));
}

/* ---- asking ---- */

static bool read_record(struct store *s, const struct keymgr_listed *listed)
{
    struct sync *y = &s->sync;
    for (size_t i = 0; i < READS_MAX; i++) {
        if (y->reading_used[i])
            continue;
        struct keymgr_call call = {.kind = KEYMGR_GET, .ticket = i};
        memcpy(call.uid, listed->uid, UUID_BYTES);
        memcpy(call.record_id, listed->record_id, RECORD_ID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call))
            return false;
        y->reading[i] = *listed;
        y->reading_used[i] = true;
        y->reads++;
        return true;
    }
    return false;
}

static bool read_unread(struct store *s, const struct catalogue_entry *e)
{
    struct keymgr_listed listed = {.generation = e->stored_generation};
    memcpy(listed.uid, e->uid, UUID_BYTES);
    memcpy(listed.record_id, e->record_id, RECORD_ID_BYTES);
    return is_being_read(&s->sync, e->record_id) || read_record(s, &listed);
}

static bool read_asked(struct store *s)
{
    struct sync *y = &s->sync;
    while (y->asked_count != 0) {
        const struct catalogue_entry *e = catalogue_get(&s->catalogue, y->asked[0]);
        if (e != NULL && entry_is_unread(e) && !read_unread(s, e))
            return false;
        y->asked_count--;
        memmove(y->asked, y->asked + 1, y->asked_count * sizeof y->asked[0]);
    }
    return true;
}

static bool read_news(struct store *s)
{
    struct sync *y = &s->sync;
    while (y->news_count != 0) {
        if (!read_record(s, &y->news[0]))
            return false;
        y->news_count--;
        memmove(y->news, y->news + 1, y->news_count * sizeof y->news[0]);
    }
    return true;
}

static void find_doubted(struct store *s)
{
    struct sync *y = &s->sync;
    while (y->doubts_count != 0 && y->finds < FINDS_AT_ONCE) {
        struct catalogue_entry *e = catalogue_get(&s->catalogue, y->doubts[0]);
        if (e != NULL) {
            struct keymgr_call call = {.kind = KEYMGR_FIND, .ticket = rooms_ticket(s, e)};
            memcpy(call.uid, e->uid, UUID_BYTES);
            if (!keymgr_submit(&s->keymgr, &call))
                return;
            y->finds++;
        }
        y->doubts_count--;
        memmove(y->doubts, y->doubts + 1, y->doubts_count * sizeof y->doubts[0]);
    }
}

static void read_rest(struct store *s)
{
    struct sync *y = &s->sync;
    for (int i = 0; i < SLOTS_A_TURN && y->unread > y->reads && y->reads < BACKGROUND_READS; i++) {
        if (y->unread_at >= s->catalogue.high)
            y->unread_at = 0;
        const struct catalogue_entry *e = &s->catalogue.entries[y->unread_at];
        if (e->in_use && entry_is_unread(e) && !read_unread(s, e))
            return;
        y->unread_at++;
    }
    if (y->unread > y->reads && y->reads < BACKGROUND_READS)
        s->stirred = true;
}

void sync_read_turn(struct store *s)
{
    if (s->now.mono_ms < s->sync.read_retry_ms)
        return;
    if (!read_asked(s))
        return;
    find_doubted(s);
    if (read_news(s))
        read_rest(s);
}

void sync_note_complete(struct store *s)
{
    if (s->sync.told_complete || !store_complete(s))
        return;
    s->sync.told_complete = true;
    s->news++;
    log_write(s->log, LOG_INFO, "store", "catalogue complete: %u objects", s->catalogue.visible);
}
