/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether cached KEKs may be served: a pure state machine fed with the key manager's answers about the root
 * key and with the time. "Unreachable" runs on the lease; "refused" does not.
 */
#ifndef HOLDFAST_STORE_LEASE_H
#define HOLDFAST_STORE_LEASE_H

#include "keymgr/keymgr.h"

enum lease_state {
    LEASE_STARTING,  /* no answer since start */
    LEASE_READY,     /* the root key is Active, test unwrap works */
    LEASE_READ_ONLY, /* the root key is Deactivated: Get is served, Create is refused */
    LEASE_GRACE,     /* no answer: cached KEKs are served until the lease ends */
    LEASE_EXPIRED,   /* no answer for longer than the lease: KEKs wiped */
    LEASE_DENIED,    /* who we are is refused: not renewed, wiped after 3 refusals over 5 minutes */
    LEASE_REVOKED,   /* the root key is suspended, destroyed or not there: KEKs wiped at once */
    LEASE_LOCKED     /* no credential yet to ask with */
};

#define LEASE_DENIALS        3
#define LEASE_DENIAL_SPAN_MS 300000

struct lease {
    enum lease_state state;
    uint64_t check_interval_ms; /* between two questions while answers come */
    uint64_t offline_ms;        /* how long KEKs are served after the last positive answer */
    uint64_t since_mono_ms;
    int64_t since_unix_s;
    uint64_t positive_mono_ms; /* the last positive answer; 0 none */
    int64_t positive_unix_s;
    uint64_t next_check_ms;
    bool asked;        /* a question is under way */
    uint64_t asked_ms; /* since then */
    bool wiped;        /* in DENIED: the KEKs are gone */
    uint32_t denials;
    uint64_t first_denial_ms;
    char why[KEYMGR_WHY];
};

void lease_init(struct lease *lease, uint64_t check_interval_ms, uint64_t offline_ms, struct clock now);

/* A question about the root key is under way. */
void lease_ask(struct lease *lease, struct clock now);
/* An answer about the root key. True: every KEK has to be wiped now. */
MUST_USE bool lease_answer(struct lease *lease, enum keymgr_result result, const char *why, struct clock now);
/* Time goes on. True: every KEK has to be wiped now. */
MUST_USE bool lease_tick(struct lease *lease, struct clock now);

/* The next moment at which time alone changes something; UINT64_MAX: none. */
uint64_t lease_deadline(const struct lease *lease);
/* Whether cached KEKs may be served, and whether new ones may be asked for. */
bool lease_serves(const struct lease *lease);
bool lease_creates(const struct lease *lease);

/* "READY", "READ-ONLY" ...: the same word everywhere. Constant text. */
const char *lease_state_name(enum lease_state state);
/* What a client is told when the lease does not serve it. Constant text. */
const char *lease_refusal(enum lease_state state);

#endif
