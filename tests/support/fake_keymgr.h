/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key manager that does what a test tells it: each kind of call is answered at once, after some turns,
 * never, or with a failure. Records live in memory. Wrapping is a toy: the Unique Identifier beside the key
 * mixed with a pad and with the first byte of the root key's version.
 *
 * A fake may be another node's door to the records and the root key of a first one, its home: calls, rules
 * and counts are its own, all else is the home's.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_FAKE_KEYMGR_H
#define HOLDFAST_TESTS_SUPPORT_FAKE_KEYMGR_H

#include "keymgr/keymgr.h"

#define FAKE_KINDS   KEYMGR_KINDS
#define FAKE_RECORDS 2048
#define FAKE_WRAPPED (1 + UUID_BYTES + KEK_BYTES)

#define FAKE_NEVER (-1)

struct fake_rule {
    enum keymgr_result result;
    int turns;        /* until the answer can be taken; 0: at once; FAKE_NEVER: when fake_release is called */
    bool takes_place; /* the call has its effect although the result says that it failed: a lost answer */
    unsigned times;   /* answers that the rule is for, then all is well again; 0: until changed */
};

struct fake_record {
    bool used;
    bool hidden;      /* from lists that are not of one object: they lag */
    uint64_t removed; /* order of removal; 0: it lives */
    uint64_t put_ms;  /* when it was put */
    uint64_t id;      /* counts up: greater is newer */
    uint8_t uid[UUID_BYTES];
    uint32_t generation;
    size_t len;
    uint8_t data[RECORD_MAX];
};

struct fake_call {
    bool used;
    int turns;
    uint64_t order;
    struct keymgr_call call;
    uint8_t data[RECORD_MAX];
};

struct fake_keymgr {
    struct fake_keymgr *home; /* whose records these are; NULL: its own */
    uint64_t events;          /* calls submitted and answers taken */
    uint64_t stop_at;         /* event at which `stop` is called, which does not come back; 0: never */
    void (*stop)(void *self);
    void *stop_self;
    bool wrong_key; /* unwrap gives another key */
    bool blind;     /* the right to see records is gone: lists are empty, GET is denied */
    struct fake_rule rules[FAKE_KINDS];
    unsigned calls[FAKE_KINDS];   /* submitted, by kind */
    unsigned answers[FAKE_KINDS]; /* taken, by kind */
    unsigned room;                /* calls under way at most; 0: KEYMGR_CALLS */
    unsigned most[FAKE_KINDS];    /* under way at once so far, by kind */
    bool full;                    /* no call is accepted */
    /* from here on the home's counts */
    bool shared;                              /* other nodes write to it too */
    uint64_t now_ms;                          /* latest of all doors */
    uint64_t list_lag_ms;                     /* lists tell of a record so much later, */
    uint64_t find_lag_ms;                     /* and so do those of one object */
    uint8_t root_version[ROOT_VERSION_BYTES]; /* newest; zeros: it has none */
    uint64_t next_removed;
    size_t page;            /* records in one page of a list; at most KEYMGR_PAGE */
    uint8_t pad[KEK_BYTES]; /* the root key, so to say */
    uint64_t next_id;
    uint64_t next_order;
    uint64_t next_key;
    size_t high; /* records ever used */
    struct fake_record records[FAKE_RECORDS];
    struct fake_call slots[KEYMGR_CALLS];
    uint8_t out[RECORD_MAX]; /* what the last answer's data points to */
    struct keymgr_listed listed[KEYMGR_PAGE];
};

/* The memory has to be zeros: a test that makes thousands does not want to touch it all. */
void fake_init(struct fake_keymgr *fake);
struct keymgr fake_keymgr(struct fake_keymgr *fake);

/* Answers of this kind from now on. */
void fake_answer(struct fake_keymgr *fake, enum keymgr_call_kind kind, enum keymgr_result result, int turns);
/* The next `times` answers of this kind fail; then they are as before. */
void fake_fail(struct fake_keymgr *fake, enum keymgr_call_kind kind, enum keymgr_result result,
               unsigned times);
/* The next answer of this kind is lost: the call takes place, the result says AWAY. */
void fake_lose_answer(struct fake_keymgr *fake, enum keymgr_call_kind kind);
/* Calls of this kind that are held back are answered. */
void fake_release(struct fake_keymgr *fake, enum keymgr_call_kind kind);
/* Calls of this kind that have no answer yet. */
unsigned fake_waiting(const struct fake_keymgr *fake, enum keymgr_call_kind kind);
/* Forgets every call under way, as after a restart of the server. */
void fake_hang_up(struct fake_keymgr *fake);
/* The same, but every call under way takes place: its answer finds nobody. */
void fake_finish(struct fake_keymgr *fake);

size_t fake_record_count(const struct fake_keymgr *fake);
/* The newest record of an object, or NULL. */
struct fake_record *fake_find(struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES]);
/* Puts a record in by hand, as another node or an administrator would. */
struct fake_record *fake_put(struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES], uint32_t generation,
                             struct span data);
/* A record of this generation, or NULL. */
struct fake_record *fake_find_generation(struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES],
                                         uint32_t generation);
/* How many records of an object live. */
unsigned fake_living(const struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES]);
/* Removes every record of an object by hand. */
void fake_remove(struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES]);
/* An administrator restores what was removed last of an object. */
void fake_restore(struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES]);
/* The toy wrap: FAKE_WRAPPED bytes. */
void fake_wrap(const struct fake_keymgr *fake, const uint8_t uid[UUID_BYTES], const uint8_t key[KEK_BYTES],
               uint8_t out[FAKE_WRAPPED]);

#endif
