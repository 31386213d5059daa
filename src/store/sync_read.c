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

/* ---- what is to be read ---- */

static bool is_merged(const struct sync *y, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < NEWS_MAX; i++)
        if (sync_same_id(y->merged[i], id))
            return true;
    return false;
}

static bool is_being_read(const struct sync *y, const uint8_t id[RECORD_ID_BYTES])
{
    for (size_t i = 0; i < READS_MAX; i++)
        if (y->reading_used[i] && sync_same_id(y->reading[i].record_id, id))
            return true;
    return false;
}

void sync_add_news(struct store *s, const struct keymgr_listed *listed)
{
    struct sync *y = &s->sync;
    bool known = is_being_read(y, listed->record_id);
    for (size_t i = 0; i < y->news_count; i++)
        known = known || sync_same_id(y->news[i].record_id, listed->record_id);
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

struct catalogue_entry *sync_add_unread(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = NULL;
    if (s->catalogue.count < s->settings.objects + SPARE_KEKS)
        e = catalogue_add(&s->catalogue, listed->uid);
    if (e == NULL) {
        uint32_t skipped;
        if (log_limit_pass(&s->limit_full, s->now.unix_s, 1, &skipped))
            log_write(s->log, LOG_ERROR, "store",
                      "the key manager has more objects than the catalogue takes; raise store objects");
        return NULL;
    }
    e->stored_generation = listed->generation;
    memcpy(e->record_id, listed->record_id, RECORD_ID_BYTES);
    e->pass = s->sync.pass;
    s->sync.unread++;
    s->stirred = true;
    return e;
}

static bool look_at_unread(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    if (sync_same_id(listed->record_id, e->record_id))
        return true;
    sync_add_news(s, listed); /* which of the two follows the other only they tell */
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

void sync_note_own(struct store *s, struct catalogue_entry *e, const struct keymgr_listed *listed)
{
    if (e->stored_generation == listed->generation &&
        memcmp(e->record_id, listed->record_id, RECORD_ID_BYTES) < 0) {
        upload_supersede(s, listed->record_id);
        return;
    }
    upload_note_stored(s, e, listed->generation, listed->record_id);
    if (e->stored_generation == e->generation)
        upload_remove(s, e);
    journal_stored(s, e);
}

/* Whether it is an older record of an object that somebody removed: it goes too. */
static bool is_buried(const struct sync *y, const struct keymgr_listed *listed)
{
    for (size_t i = 0; i < BURIED_MAX && i < y->buried_at; i++)
        if (listed->generation < y->buried[i].generation &&
            memcmp(y->buried[i].uid, listed->uid, UUID_BYTES) == 0)
            return true;
    return false;
}

bool sync_look_at(struct store *s, const struct keymgr_listed *listed)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    if (sync_is_bad(&s->sync, listed->record_id))
        return true;
    if (e == NULL && is_buried(&s->sync, listed)) {
        upload_supersede(s, listed->record_id);
        return true;
    }
    if (e == NULL) {
        (void)sync_add_unread(s, listed);
        return false;
    }
    e->pass = s->sync.pass;
    if (entry_is_unread(e))
        return look_at_unread(s, e, listed);
    if (e->record == 0 || sync_same_id(listed->record_id, e->record_id))
        return true; /* being made here, or known */
    if (sync_is_under_way(e))
        return true; /* it may be the one under way; it is listed again */
    bool stored = e->generation == e->stored_generation;
    if (sync_follows(s, e, listed) || is_merged(&s->sync, listed->record_id)) {
        if (stored)
            upload_supersede(s, listed->record_id);
        return true;
    }
    if (is_own(s, e, listed))
        sync_note_own(s, e, listed);
    else
        sync_add_news(s, listed);
    return false;
}

/* ---- answers ---- */

static void not_read(struct store *s, const struct keymgr_listed *listed, const struct keymgr_answer *a)
{
    char uid[UUID_TEXT + 1];
    struct catalogue_entry *e = catalogue_find(&s->catalogue, listed->uid);
    bool unread = e != NULL && entry_is_unread(e) && sync_same_id(e->record_id, listed->record_id);
    if (a->result == KEYMGR_REFUSED || a->result == KEYMGR_DENIED) {
        uint32_t skipped;
        uuid_write(listed->uid, uid);
        if (log_limit_pass(&s->limit_read, s->now.unix_s, 3, &skipped))
            log_write(s->log, LOG_ERROR, "store", "the record of %s could not be read: %s", uid, a->why);
    }
    if (a->result == KEYMGR_REFUSED && unread)
        sync_forget(s, e);
    if (a->result == KEYMGR_REFUSED)
        return;
    s->sync.read_retry_ms = s->now.mono_ms + RETRY_MS;
    if (!unread)
        sync_add_news(s, listed);
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
        sync_adopt(s, &listed, a->data);
    } else if (a->result == KEYMGR_NO_RECORD) {
        sync_vanished(s, &listed);
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
    bool news = false, lives = false;
    for (size_t i = 0; i < a->listed_count; i++) {
        lives = lives || a->listed[i].generation >= e->stored_generation;
        news = !sync_look_at(s, &a->listed[i]) || news;
    }
    if (!lives && e->stored_generation != 0 && !sync_is_under_way(e)) {
        /* Nothing lives but what was overtaken, or the list lags: its own record tells. */
        struct keymgr_listed own = {.generation = e->stored_generation};
        memcpy(own.uid, e->uid, UUID_BYTES);
        memcpy(own.record_id, e->record_id, RECORD_ID_BYTES);
        sync_add_news(s, &own);
        news = true;
    }
    e->looked = !news;
    if (e->record != 0 && e->generation > e->stored_generation && !sync_is_under_way(e))
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
