/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Key Protect backend share; nobody else includes this. */
#ifndef HOLDFAST_KEYMGR_KEYPROTECT_STATE_H
#define HOLDFAST_KEYMGR_KEYPROTECT_STATE_H

#include "base/buf.h"
#include "keymgr/json_list.h"
#include "keymgr/keyprotect.h"

/* One HTTP request of a call. */
enum kp_step {
    STEP_META, /* of the root key */
    STEP_WRAP, /* a new key */
    STEP_UNWRAP,
    STEP_REWRAP,
    STEP_POST, /* a record */
    STEP_FIND,
    STEP_GET,
    STEP_LIST,
    STEP_DELETED,
    STEP_DELETE,
    STEP_BROKER /* of HPCS: where the instance is */
};

enum kp_phase { KP_FREE, KP_WAITS, KP_RUNS, KP_DONE, KP_TAKEN /* the store still reads the answer */ };

/* In a cursor: it counts all keys, not those that a search finds. */
#define KP_CURSOR_WHOLE ((uint64_t)1 << 63)

/* Of one call, before it is answered as away. */
#define KP_ATTEMPTS 4

struct kp_call {
    enum kp_phase phase;
    enum kp_step step;
    bool testing; /* a step of the test, not a call of the store */
    struct keymgr_call call;
    struct keymgr_answer answer;
    uint64_t deadline_ms;
    uint64_t retry_ms; /* not before */
    unsigned failures;
    bool renewed;      /* another token was asked for already */
    bool whole;        /* all keys are listed, since there are too many for a search */
    uint64_t token_ms; /* when the token came that the request took along */
    size_t data_len;
    uint8_t data[RECORD_MAX]; /* of the request, then of the answer */
    uint64_t offset;          /* of the page */
    size_t page;              /* elements asked for */
    size_t foreign;           /* of these, no records */
    size_t listed_count;
    struct json *json; /* lent while a list comes in */
    struct json_list list;
    struct keymgr_listed listed[KEYMGR_PAGE];
};

#define KP_CALLS (CLOUD_CALLS + CLOUD_STATE_CALLS)
/* The call that has a slot of its own: the root key's state, and the test. */
#define KP_STATE_CALL CLOUD_CALLS

struct keyprotect {
    bool hpcs;
    char url[KEYPROTECT_URL]; /* of the service; empty until HPCS's broker told it */
    char broker[KEYPROTECT_URL];
    char iam_url[KEYPROTECT_URL];
    char instance_header[64];
    char instance[UUID_TEXT + 1];
    char root_key[96];
    char ring_header[128]; /* empty without a key ring */
    bool private_network;
    uint64_t timeout_ms;
    struct http *http;
    struct iam iam;
    struct clock now;
    uint64_t pause_ms;      /* nothing begins before: too many requests */
    uint64_t discovered_ms; /* when HPCS's broker told the endpoint; 0: it was not asked */
    uint64_t too_broad_ms;  /* until then lists are read whole: too many keys for a search */
    int root_state;         /* as last told; 0 not yet */
    uint8_t root_version[ROOT_VERSION_BYTES];
    size_t check_len; /* a key of the root key's, unwrapped again at each question for its state */
    uint8_t check[WRAPPED_KEK_MAX];
    uint8_t check_digest[32];
    struct keyprotect_facts facts;
    struct keyprotect_test test;
    uint64_t test_attempts; /* of iam, when the test began */
    size_t next_take;
    size_t busy; /* calls that are not free */
    struct kp_call calls[KP_CALLS];
    struct json json;
    uint8_t body[HTTP_BODY_MAX];
};

/* ---- keyprotect_settings.c ---- */

/* The hosts of service, broker and IAM. */
void kp_name_hosts(struct keyprotect *kp, const struct keyprotect_settings *settings);

/* ---- keyprotect_request.c ---- */

/* Sends the call's step. False when there is no memory for it. */
bool kp_send(struct keyprotect *kp, struct kp_call *c);
/* The name and the description of a record's standard key; false when it is not one of ours. */
void kp_describe(const struct keymgr_call *call, struct span record, struct buf *name,
                 struct buf *description);
bool kp_read_description(const char *name, const char *description, struct keymgr_listed *out);

/* ---- keyprotect_answer.c ---- */

/* What a good answer (2xx) says. It finishes the call or goes to its next step. */
void kp_take(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a);
void kp_finish(struct kp_call *c, enum keymgr_result result);
void kp_next_step(struct keyprotect *kp, struct kp_call *c, enum kp_step step);
/* The answer to a POST was lost: its record is looked for before it is sent again. */
void kp_look_for_post(struct keyprotect *kp, struct kp_call *c);
void kp_take_element(void *call, struct span element);
/* A piece of a list. */
void kp_take_piece(void *call, struct span bytes);

/* ---- keyprotect_error.c ---- */

enum kp_verdict {
    VERDICT_GOOD,
    VERDICT_AGAIN, /* may be better later */
    VERDICT_TOKEN, /* the token is not accepted */
    VERDICT_BROAD, /* too many keys for a search */
    VERDICT_FINAL  /* result and why are set */
};
/* Judges an answer; sets result and why of the call's answer unless it is good. */
enum kp_verdict kp_judge(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a);

/* ---- keyprotect_test.c ---- */

/* An answer to a step of the test: how long it took. */
void kp_test_timed(struct keyprotect *kp, const struct http_answer *a);
/* Carries the test on when a step has ended. */
void kp_test_turn(struct keyprotect *kp);

#endif
