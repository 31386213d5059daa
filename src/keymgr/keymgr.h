/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key manager: whoever holds the root key and the records. Two halves, both without waiting: calls are
 * submitted, carried on by turns, and their answers pulled. An answer names the ticket of its call, so a late
 * one can be dropped.
 */
#ifndef HOLDFAST_KEYMGR_KEYMGR_H
#define HOLDFAST_KEYMGR_KEYMGR_H

#include <poll.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/span.h"
#include "base/text.h"

enum keymgr_call_kind {
    /* the root key */
    KEYMGR_NEW_KEY = 1, /* 32 bytes made and wrapped by the key manager, bound to the Unique Identifier */
    KEYMGR_UNWRAP,
    KEYMGR_REWRAP, /* the same key under the newest version of the root key */
    KEYMGR_STATE,  /* of the root key, with a test unwrap */
    /* the records */
    KEYMGR_PUT,
    KEYMGR_GET,
    KEYMGR_LIST,         /* living records, newest first, a page at a time */
    KEYMGR_LIST_DELETED, /* removed records, newest first, a page at a time */
    KEYMGR_FIND,         /* living records of one object */
    KEYMGR_DELETE
};
#define KEYMGR_KINDS (KEYMGR_DELETE + 1)

/* What an answer says. "Away" and "refused" are never confused: they lead to different states of the lease.
 */
enum keymgr_result {
    KEYMGR_OK = 0,
    KEYMGR_AWAY,         /* no answer, too many requests, or a failure on its side: ask again later */
    KEYMGR_DENIED,       /* it does not accept who we are (401, 403) */
    KEYMGR_ROOT_EXPIRED, /* the root key is Deactivated: unwrap works, wrap does not */
    KEYMGR_ROOT_GONE,    /* the root key is Suspended, Destroyed or not there */
    KEYMGR_NO_RECORD,    /* get, delete: there is no such record */
    KEYMGR_REFUSED,      /* this call, for a reason of its own: asking again will not help */
    KEYMGR_LOCKED        /* no credential to ask with yet */
};

#define KEYMGR_WHY          160 /* bytes of the text for the operator, with its NUL */
#define ROOT_VERSION_BYTES  16  /* the identifier of one version of the root key */
#define RECORD_DIGEST_BYTES 8   /* the beginning of the SHA-256 of a record */

struct keymgr_call {
    enum keymgr_call_kind kind;
    uint64_t ticket;
    uint8_t uid[UUID_BYTES];            /* binds wrapped keys; names records */
    uint8_t record_id[RECORD_ID_BYTES]; /* get, delete */
    uint32_t generation;                /* put */
    struct span data; /* put: the record; unwrap, rewrap: the wrapped key. Copied before submit returns. */
    uint64_t cursor;  /* list: where the last page ended; 0 begins */
    size_t wanted;    /* list: records in a page; 0 or more than KEYMGR_PAGE: KEYMGR_PAGE */
};

/* One record in a list. */
struct keymgr_listed {
    uint8_t uid[UUID_BYTES];
    uint8_t record_id[RECORD_ID_BYTES];
    uint32_t generation;
    uint8_t digest[RECORD_DIGEST_BYTES]; /* of a key manager that others write to; zeros otherwise */
};
#define KEYMGR_PAGE 256

struct keymgr_answer {
    enum keymgr_call_kind kind;
    uint64_t ticket;
    enum keymgr_result result;
    char why[KEYMGR_WHY];
    uint8_t key[KEK_BYTES];             /* new key, unwrap; the taker wipes it */
    uint8_t record_id[RECORD_ID_BYTES]; /* put */
    uint8_t
        root_version[ROOT_VERSION_BYTES]; /* state: the newest; new key, rewrap: that wrapped; else zeros */
    struct span data; /* wrapped key (new key, rewrap) or record; valid until the next take */
    const struct keymgr_listed *listed;
    size_t listed_count;
    uint64_t cursor; /* list: where to go on; 0 at the end */
};

struct keymgr {
    const struct keymgr_ops *ops;
    void *self;
    bool shared; /* other nodes and administrators write and remove records too */
};

struct keymgr_ops {
    /* Every key was erased: what is left of answers goes too; calls under way fail. NULL: nothing is left. */
    void (*forget)(void *self);
    /* Whether KEYMGR_FIND costs as much as a whole list. NULL: it never does. */
    bool (*find_is_dear)(void *self);
    /* False when no call slot is free: nothing was done, ask again next turn. */
    bool (*submit)(void *self, const struct keymgr_call *call);
    /* The next finished call. False when there is none. */
    bool (*take)(void *self, struct keymgr_answer *answer);
    /* Carries calls on. */
    void (*turn)(void *self, struct clock now);
    /* Adds what it waits for, whose `revents` the next turn looks at; returns how many. *deadline_ms is
     * lowered to the next moment it wants a turn.
     */
    size_t (*poll)(void *self, struct pollfd *fds, size_t room, uint64_t *deadline_ms);
};

static inline bool keymgr_submit(struct keymgr *k, const struct keymgr_call *call)
{
    return k->ops->submit(k->self, call);
}

static inline bool keymgr_take(struct keymgr *k, struct keymgr_answer *answer)
{
    return k->ops->take(k->self, answer);
}

#endif
