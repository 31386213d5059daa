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
    uint64_t sync_busy_ms; /* between two looks at what other nodes did: while things change, */
    uint64_t sync_idle_ms; /* and while nothing does */
    bool journal;          /* false: every change waits for the key manager */
    bool keep_unseen;      /* the key manager's own records are damaged: what it lacks is written again, not
                              forgotten */
    bool commit_keymgr;    /* "store commit keymgr": the same, though there is a journal */
};

/* A KEK made ahead, bound to the Unique Identifier of an entry that nobody sees yet. */
struct spare {
    enum { SPARE_EMPTY, SPARE_ASKED, SPARE_READY } phase;
    struct handle handle;
    uint8_t root_version[ROOT_VERSION_BYTES];
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

/* A record that the key manager has and this node has not read: newer than its own, or beside it. */
#define NEWS_MAX 128
/* Objects whose records in the key manager have to be looked up one by one. */
#define DOUBTS_MAX 128
/* Unread objects that somebody asked for. */
#define ASKED_MAX 64
/* Unique Identifiers asked for that nobody knows. */
#define MISSES_MAX 64
/* Records read at once in the background; those that somebody waits for may take all calls. */
#define READS_MAX 8

/* Records that are left alone. */
#define BAD_MAX 16

/* Objects that somebody removed, remembered so that an older record of them does not bring them back. */
#define BURIED_MAX 128

struct buried {
    uint8_t uid[UUID_BYTES];
    uint32_t generation; /* of the record that was removed */
};

struct miss {
    uint8_t uid[UUID_BYTES];
    uint64_t first_ms;    /* when it was asked for first; 0: free */
    uint64_t answered_ms; /* when the answer was: there is none; 0: not yet */
};

/* What the node knows of the key manager's records, beside the catalogue. */
struct sync {
    /* the whole list */
    enum { WHOLE_WAIT, WHOLE_ASK, WHOLE_ASKED, WHOLE_UNSEEN, WHOLE_DONE } phase;
    bool told_complete;
    bool listed;   /* once since start: whom it did not name is not there */
    uint32_t pass; /* of the whole list */
    uint64_t cursor;
    uint64_t whole_ms;  /* when it is read again */
    uint32_t unseen_at; /* slot */
    /* the newest records, and the newest removals */
    struct sync_recent {
        bool asked;
        uint64_t due_ms;
        uint64_t cursor;
        uint64_t begun_ms; /* of the page under way */
    } newest, removed;
    uint64_t newest_done_ms; /* when the last newest list that came whole was begun; 0 none */
    uint64_t busy_until_ms;
    /* reading */
    uint32_t unread;    /* objects */
    uint32_t unread_at; /* slot */
    size_t reads;
    uint64_t read_retry_ms;
    size_t asked_count, news_count, doubts_count;
    size_t finds; /* under way */
    size_t buried_at;
    struct buried buried[BURIED_MAX];
    uint64_t read_total, merges, gone;
    bool reading_used[READS_MAX];
    struct keymgr_listed reading[READS_MAX];
    struct handle asked[ASKED_MAX];
    struct keymgr_listed news[NEWS_MAX];
    struct handle doubts[DOUBTS_MAX];
    size_t merged_at;
    uint8_t merged[NEWS_MAX]
                  [RECORD_ID_BYTES]; /* records that went into ours, so they need not be read again */
    struct miss misses[MISSES_MAX];
    size_t bad_at;
    uint8_t bad[BAD_MAX][RECORD_ID_BYTES]; /* records that cannot be read: damaged, or of a newer release */
};

/* Wraps every KEK anew when the root key was rotated, slowly. */
struct rewrap {
    bool have_version;
    uint8_t version[ROOT_VERSION_BYTES]; /* newest of the root key */
    bool running;
    bool asked;
    uint32_t at; /* slot */
    uint32_t done, total, failed;
    uint64_t next_ms;
    int64_t since_unix_s;
};

struct store {
    /* What every turn of the loop looks at stands side by side. */
    struct clock now;
    uint64_t news;    /* counts answers and ends of changes: who waits asks again when it has moved */
    bool stirred;     /* something was asked for since the last turn: do not sleep before the next */
    bool upload_held; /* a record is due, and no call was free for it: an answer comes first */
    bool spares_full; /* none is empty: nothing to refill */
    uint32_t active;  /* first of the changes under way */
    uint32_t dirty_head, dirty_tail; /* in the order in which they are due */
    uint32_t dirty_count;
    uint32_t removals_used;
    uint64_t removal_retry_ms;
    uint64_t new_key_retry_ms;
    struct keymgr keymgr;
    struct disk *disk; /* NULL without a journal */
    struct log *log;
    struct lease lease;
    struct kek_cache keks;
    struct rewrap rewrap;
    uint32_t prefetch_at;    /* slot: KEKs used before the restart */
    uint32_t journal_oldest; /* segment */
    uint32_t cleaning;       /* segment being emptied; 0 none */
    struct log_writer journal;
    struct catalogue catalogue;
    struct sync sync;
    struct store_settings settings;
    struct scopes scopes;
    uint8_t node[NODE_BYTES];
    struct spare spares[SPARE_KEKS];
    enum keymgr_result new_key_result; /* of the last failure to make a new KEK */
    struct removal removals[REMOVALS];
    uint64_t
        removals_refused; /* old records that the key manager did not let us remove: they pile up there */
    uint64_t removal_denied_ms; /* until then nothing is removed: the right to is missing */
    char removal_why[KEYMGR_WHY];
    struct log_limit limit_full, limit_read, limit_unwrap;
    struct draft *draft; /* of merging and rewrapping */
    uint32_t cleaning_at;
    uint32_t cleaning_first; /* segment in which the appending anew began */
    bool cleaning_drops;     /* all is appended and flushed, the segment is being removed */
    uint64_t cleaning_ticket;
    uint64_t cleaning_failures; /* of the disk when it began */
    bool too_small;             /* the journal did not fit into the catalogue */
    uint64_t commits, commit_failures;
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
 * The object as its next record descends from it: with its own record among the ancestors, when that one was
 * stored. `room` holds them and must live as long as what is returned.
 */
struct object store_descend(const struct store *store, struct handle handle, const struct object *object,
                            uint8_t room[ANCESTORS_BYTES]);

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

/* Whether every record that the key manager has is in the catalogue and was read. */
static inline bool store_complete(const struct store *store)
{
    return store->sync.listed && store->sync.unread == 0;
}

/* Changes that the key manager does not have yet. Looks at every object. */
uint32_t store_on_its_way(const struct store *store);
/* Within this time another node sees what was changed here; 0: there are no other nodes. */
uint64_t store_sync_bound_ms(const struct store *store);
/* Asks the key manager for everything anew: root key, all records. */
void store_refresh(struct store *store);

#endif
