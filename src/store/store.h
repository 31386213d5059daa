/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and their durability. Requests ask questions of the store, every turn anew and at no cost; the
 * store carries out fetches and commits by itself, and none of them knows who asked.
 */
#ifndef HOLDFAST_STORE_STORE_H
#define HOLDFAST_STORE_STORE_H

#include "base/log.h"
#include "disk/log_writer.h"
#include "keymgr/keymgr.h"
#include "store/catalogue.h"
#include "store/kek_cache.h"
#include "store/lease.h"
#include "store/scopes.h"

/* When a change counts as done. */
enum commit_level {
    COMMIT_JOURNAL, /* flushed to the journal; the key manager has it within the flush window */
    COMMIT_KEYMGR   /* the key manager has it */
};

struct store_settings {
    uint32_t objects;    /* the most the catalogue holds */
    size_t record_bytes; /* memory for their records */
    uint64_t flush_window_ms;
    uint64_t check_interval_ms;
    uint64_t offline_ms;
    bool journal;       /* false: every change waits for the key manager */
    bool keep_unseen;   /* the key manager's own records are damaged: what it lacks is written again, not
                           forgotten */
    bool commit_keymgr; /* "store commit keymgr": the same, though there is a journal */
};

/* A KEK made ahead, bound to the Unique Identifier of an entry that nobody sees yet. */
struct spare {
    enum { SPARE_EMPTY, SPARE_ASKED, SPARE_READY } phase;
    struct handle handle;
    size_t wrapped_len;
    uint8_t wrapped[WRAPPED_KEK_MAX];
};

/* A record to be removed from the key manager, since a newer generation took its place. */
struct removal {
    uint8_t record_id[RECORD_ID_BYTES];
    bool sent;
    bool used;
};
#define REMOVALS 256

/* Compares the catalogue with what the key manager has, once after start. */
struct reconcile {
    enum { RECONCILE_WAIT, RECONCILE_LIST, RECONCILE_PAGE, RECONCILE_DONE } phase;
    uint32_t pass;
    uint64_t cursor;
    bool asked;
    size_t at, count, gets;
    uint64_t retry_ms;
    struct keymgr_listed page[KEYMGR_PAGE];
    struct keymgr_listed getting[8];
    bool get_used[8];
};

struct store {
    struct store_settings settings;
    struct catalogue catalogue;
    struct scopes scopes;
    struct kek_cache keks;
    struct lease lease;
    struct keymgr keymgr;
    struct disk *disk; /* NULL without a journal */
    struct log_writer journal;
    struct log *log;
    uint8_t node[NODE_BYTES];
    struct clock now;
    uint32_t active;                 /* first of the changes under way */
    uint32_t dirty_head, dirty_tail; /* in the order in which they are due */
    uint32_t dirty_count;
    struct spare spares[SPARE_KEKS];
    bool spares_full;                  /* none is empty: nothing to refill */
    enum keymgr_result new_key_result; /* of the last failure to make a new KEK */
    uint64_t new_key_retry_ms;
    struct removal removals[REMOVALS];
    uint32_t removals_used;
    uint64_t removals_refused; /* records that the key manager did not let us remove: they pile up there */
    uint64_t removal_retry_ms;
    struct reconcile reconcile;
    uint32_t journal_oldest; /* segment */
    uint32_t cleaning;       /* segment being emptied; 0 none */
    uint32_t cleaning_at;
    uint32_t cleaning_first; /* segment in which the appending anew began */
    bool cleaning_drops;     /* all is appended and flushed, the segment is being removed */
    uint64_t cleaning_ticket;
    uint64_t cleaning_failures; /* of the disk when it began */
    bool too_small;             /* the journal did not fit into the catalogue */
    uint64_t commits, commit_failures;
    uint64_t news;    /* counts answers and ends of changes: who waits asks again when it has moved */
    bool upload_held; /* a record is due, and no call was free for it: an answer comes first */
    bool stirred;     /* something was asked for since the last turn: do not sleep before the next */
};

#define JOURNAL_LOG "journal"

/* Carves all pools of the store; called first to plan. */
void store_carve(struct store *store, struct region *region, const struct store_settings *settings);
/*
 * Replays the journal (when settings->journal) and begins. `disk` and `ops` may be NULL without a journal.
 * STATUS_FAILED with a text in why.
 */
MUST_USE enum status store_open(struct store *store, struct keymgr keymgr, struct disk *disk,
                                const struct disk_ops *ops, struct log *log, struct clock now, char *why,
                                size_t why_cap);

/* One turn: answers are taken, everything under way is carried on. disk_turn comes before it. */
void store_turn(struct store *store, struct clock now);
/* The next moment at which store_turn has something to do without an answer from outside. */
uint64_t store_deadline(const struct store *store);

/* READY: the object, or FAILED: there is none. WAIT: the catalogue is not complete yet and may still learn of
 * it. */
MUST_USE enum ask store_find(struct store *store, const uint8_t uid[UUID_BYTES], struct handle *out);

/* READY: *key points to the 32 bytes of the entry's KEK for this turn. FAILED: *why tells a client. */
MUST_USE enum ask store_kek(struct store *store, struct handle handle, const uint8_t **key, const char **why);

/* READY: a spare with its KEK, to be used this turn by store_use_spare or left. FAILED: *why tells a client.
 */
MUST_USE enum ask store_spare(struct store *store, struct spare **spare, const uint8_t **key,
                              const char **why);
void store_use_spare(struct store *store, struct spare *spare);

/* Whether a change of this entry is under way: a second one has to wait. */
bool store_busy(const struct store *store, struct handle handle);

/*
 * Proposes the next record of an entry (an ended draft). The committed one stays visible until the change is
 * durable. STATUS_NO_SPACE: memory or name index full, nothing was done. *number is what store_committed is
 * asked for.
 */
MUST_USE enum status store_propose(struct store *store, struct handle handle, struct span record,
                                   uint8_t scope, enum commit_level level, uint32_t *number);
/* READY: durable. FAILED: it was not taken and is undone; *why tells a client. */
MUST_USE enum ask store_committed(struct store *store, struct handle handle, uint32_t number,
                                  const char **why);

/* Whether two records of these lengths would both find memory. */
bool store_has_room(const struct store *store, size_t first, size_t second);

/* A Get has served this object: order and time of last use. */
void store_served(struct store *store, struct handle handle);

/* Wipes every KEK; they are fetched again when asked for. */
void store_erase_keks(struct store *store);

/* Whether the catalogue has been compared with the key manager since start. */
static inline bool store_complete(const struct store *store)
{
    return store->reconcile.phase == RECONCILE_DONE;
}

#endif
