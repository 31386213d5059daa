/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sync.h"

#include "store/rooms.h"
#include "store/sync_read.h"

#define RETRY_MS 1000
/* Other nodes are looked at more often for so long after something changed. */
#define BUSY_MS 60000
/* All records are listed anew this often: a record that an administrator restored is old and in no newer
 * list. */
#define WHOLE_MS 3600000
/* What a key manager refuses is asked for again after this. */
#define REFUSED_MS 300000
/* A Unique Identifier that nobody knows: lists may lag behind a Create at another node by this much. */
#define MISS_MS          1500
#define MISS_INTERVAL_MS 200
/* The answer that there is none is good for so long. */
#define MISS_KEPT_MS 2000
/* Nobody has come back for the answer: the place is another's. */
#define MISS_LEFT_MS 6000
#define RECENT_BUSY  64
#define RECENT_IDLE  32
/* Slots looked at in one turn. */
#define SLOTS_A_TURN 256
#define NEWEST       UINT64_MAX

void sync_stir(struct store *s)
{
    if (!s->keymgr.shared)
        return;
    uint64_t due = s->now.mono_ms + s->settings.sync_busy_ms;
    s->sync.busy_until_ms = s->now.mono_ms + BUSY_MS;
    if (s->sync.newest.due_ms > due)
        s->sync.newest.due_ms = due;
    if (s->sync.removed.due_ms > due)
        s->sync.removed.due_ms = due;
}

/* ---- the whole list ---- */

static void whole_listed(struct store *s, const struct keymgr_answer *a)
{
    struct sync *y = &s->sync;
    if (y->phase != WHOLE_ASKED || a->ticket != y->pass)
        return; /* of a list that was given up */
    if (a->result != KEYMGR_OK) {
        y->phase = WHOLE_WAIT; /* begin anew: pages may have shifted meanwhile */
        y->whole_ms = s->now.mono_ms + RETRY_MS;
        return;
    }
    for (size_t i = 0; i < a->listed_count; i++)
        (void)sync_look_at(s, &a->listed[i]);
    y->cursor = a->cursor;
    y->phase = a->cursor != 0 ? WHOLE_ASK : WHOLE_UNSEEN;
    if (y->phase == WHOLE_UNSEEN) {
        y->unseen_at = 0;
        y->listed = true;
        s->news++;
    }
    s->stirred = true;
}

/* What the list did not hold was removed by somebody, or the list shifted: it is looked up. What the local
 * key manager does not have is damaged there, and written again. */
static void unseen_turn(struct store *s)
{
    struct sync *y = &s->sync;
    for (int i = 0; i < SLOTS_A_TURN && y->unseen_at < s->catalogue.high; i++) {
        struct catalogue_entry *e = &s->catalogue.entries[y->unseen_at];
        bool ours = e->change.phase != CHANGE_NONE || e->uploading != 0;
        if (e->in_use && !ours && e->pass != y->pass && e->stored_generation != 0) {
            if (y->doubts_count == DOUBTS_MAX)
                return;
            if (s->keymgr.shared)
                sync_doubt(s, e);
            else
                sync_unseen(s, e);
        }
        y->unseen_at++;
    }
    s->stirred = true;
    if (y->unseen_at < s->catalogue.high)
        return;
    y->phase = WHOLE_DONE;
    y->whole_ms = s->keymgr.shared ? s->now.mono_ms + WHOLE_MS : UINT64_MAX;
    sync_note_complete(s);
}

static void whole_turn(struct store *s)
{
    struct sync *y = &s->sync;
    if ((y->phase == WHOLE_WAIT || y->phase == WHOLE_DONE) && s->now.mono_ms >= y->whole_ms) {
        y->pass++;
        y->cursor = 0;
        y->phase = WHOLE_ASK;
    }
    if (y->phase == WHOLE_ASK) {
        struct keymgr_call call = {.kind = KEYMGR_LIST, .ticket = y->pass, .cursor = y->cursor};
        if (keymgr_submit(&s->keymgr, &call))
            y->phase = WHOLE_ASKED;
    }
    if (y->phase == WHOLE_UNSEEN)
        unseen_turn(s);
}

/* ---- what is recent ---- */

static void recent_turn(struct store *s, struct sync_recent *recent, struct keymgr_call *call)
{
    bool busy = s->now.mono_ms < s->sync.busy_until_ms;
    if (recent->asked || s->now.mono_ms < recent->due_ms)
        return;
    call->cursor = recent->cursor;
    call->wanted = busy ? RECENT_BUSY : RECENT_IDLE;
    recent->asked = keymgr_submit(&s->keymgr, call);
    if (recent->asked && recent->cursor == 0)
        recent->begun_ms = s->now.mono_ms;
}

/* A key manager that does not give lists in this order: the whole one, read more often, has to tell. */
static void rely_on_whole(struct store *s, const char *why)
{
    if (s->sync.phase == WHOLE_DONE && s->sync.whole_ms > s->now.mono_ms + REFUSED_MS)
        s->sync.whole_ms = s->now.mono_ms + REFUSED_MS;
    log_write(s->log, LOG_WARNING, "store",
              "the key manager refuses the list of the newest records or removals; all are listed every five "
              "minutes instead: %s",
              why);
}

/* The next page when this one had something new, else from the beginning after a while. */
static bool recent_ended(struct store *s, struct sync_recent *recent, const struct keymgr_answer *a,
                         bool more)
{
    bool busy = s->now.mono_ms < s->sync.busy_until_ms;
    recent->asked = false;
    recent->cursor = a->result == KEYMGR_OK && more ? a->cursor : 0;
    recent->due_ms = s->now.mono_ms;
    if (recent->cursor != 0)
        return false;
    recent->due_ms += a->result == KEYMGR_REFUSED ? REFUSED_MS
                      : a->result != KEYMGR_OK    ? RETRY_MS
                      : busy                      ? s->settings.sync_busy_ms
                                                  : s->settings.sync_idle_ms;
    if (a->result == KEYMGR_REFUSED)
        rely_on_whole(s, a->why);
    return a->result == KEYMGR_OK;
}

/* Whether somebody waits for a record that may be new. Those who wait are asked again at the answer of a
 * list, so one comes after their time as well. */
static bool is_waited_for(const struct store *s)
{
    for (size_t i = 0; i < MISSES_MAX; i++) {
        const struct miss *m = &s->sync.misses[i];
        if (m->first_ms != 0 && m->answered_ms == 0 && s->now.mono_ms - m->first_ms < 2 * MISS_MS)
            return true;
    }
    return false;
}

void sync_listed(struct store *s, const struct keymgr_answer *a)
{
    struct sync *y = &s->sync;
    bool fresh = false;
    if (a->ticket != NEWEST) {
        whole_listed(s, a);
        return;
    }
    for (size_t i = 0; a->result == KEYMGR_OK && i < a->listed_count; i++)
        fresh = !sync_look_at(s, &a->listed[i]) || fresh;
    if (fresh)
        sync_stir(s);
    if (!recent_ended(s, &y->newest, a, fresh))
        return;
    y->newest_done_ms = y->newest.begun_ms;
    if (is_waited_for(s))
        y->newest.due_ms = s->now.mono_ms + MISS_INTERVAL_MS;
}

void sync_removed(struct store *s, const struct keymgr_answer *a)
{
    bool hit = false;
    for (size_t i = 0; a->result == KEYMGR_OK && i < a->listed_count; i++) {
        struct catalogue_entry *e = catalogue_find(&s->catalogue, a->listed[i].uid);
        if (e == NULL || e->stored_generation == 0 ||
            memcmp(e->record_id, a->listed[i].record_id, RECORD_ID_BYTES) != 0)
            continue;
        hit = true;
        sync_doubt(s, e);
    }
    if (hit)
        sync_stir(s);
    (void)recent_ended(s, &s->sync.removed, a, hit);
}

/* ---- Unique Identifiers that nobody knows ---- */

static struct miss *miss_of(struct sync *y, const uint8_t uid[UUID_BYTES], uint64_t now)
{
    struct miss *room = NULL;
    for (size_t i = 0; i < MISSES_MAX; i++) {
        struct miss *m = &y->misses[i];
        if (m->first_ms != 0 && memcmp(m->uid, uid, UUID_BYTES) == 0)
            return m;
        if (m->first_ms != 0 && m->answered_ms == 0 && now - m->first_ms >= MISS_LEFT_MS)
            m->first_ms = 0;
        if (m->first_ms == 0 || (m->answered_ms != 0 && (room == NULL || m->answered_ms < room->answered_ms)))
            room = room != NULL && room->first_ms == 0 ? room : m;
    }
    if (room != NULL) {
        *room = (struct miss){.first_ms = 0};
        memcpy(room->uid, uid, UUID_BYTES);
    }
    return room;
}

enum ask sync_is_unknown(struct store *s, const uint8_t uid[UUID_BYTES])
{
    struct sync *y = &s->sync;
    uint64_t now = s->now.mono_ms;
    struct miss *m = miss_of(y, uid, now);
    if (m == NULL)
        return ASK_WAIT; /* as many as may be are being looked for already */
    if (m->answered_ms != 0 && now - m->answered_ms < MISS_KEPT_MS)
        return ASK_READY;
    if (m->first_ms == 0 || m->answered_ms != 0) {
        m->first_ms = now;
        m->answered_ms = 0;
        if (y->newest.due_ms > now && !y->newest.asked)
            y->newest.due_ms = now;
        sync_stir(s);
        s->stirred = true;
    }
    if (y->newest_done_ms > m->first_ms && now - m->first_ms >= MISS_MS) {
        m->answered_ms = now;
        return ASK_READY;
    }
    return ASK_WAIT;
}

/* ---- */

void sync_turn(struct store *s)
{
    struct sync *y = &s->sync;
    whole_turn(s);
    sync_read_turn(s);
    if (!s->keymgr.shared || !y->listed)
        return;
    struct keymgr_call newest = {.kind = KEYMGR_LIST, .ticket = NEWEST};
    struct keymgr_call removed = {.kind = KEYMGR_LIST_DELETED};
    recent_turn(s, &y->newest, &newest);
    recent_turn(s, &y->removed, &removed);
}

uint64_t sync_deadline(const struct store *s)
{
    const struct sync *y = &s->sync;
    uint64_t due = UINT64_MAX;
    if (y->phase == WHOLE_WAIT || y->phase == WHOLE_DONE)
        due = y->whole_ms;
    if ((y->asked_count + y->news_count + y->doubts_count + y->unread) != 0 &&
        y->read_retry_ms > s->now.mono_ms && y->read_retry_ms < due)
        due = y->read_retry_ms;
    if (!s->keymgr.shared || !y->listed)
        return due;
    if (!y->newest.asked && y->newest.due_ms < due)
        due = y->newest.due_ms;
    if (!y->removed.asked && y->removed.due_ms < due)
        due = y->removed.due_ms;
    /* No call was free: an answer comes first. */
    return due <= s->now.mono_ms ? s->now.mono_ms + 50 : due;
}

uint64_t store_sync_bound_ms(const struct store *s)
{
    return s->keymgr.shared ? s->settings.flush_window_ms + s->settings.sync_idle_ms : 0;
}

void store_refresh(struct store *s)
{
    s->lease.next_check_ms = s->now.mono_ms;
    if (s->sync.phase == WHOLE_DONE || s->sync.phase == WHOLE_WAIT)
        s->sync.whole_ms = s->now.mono_ms;
    sync_stir(s);
    s->stirred = true;
}
