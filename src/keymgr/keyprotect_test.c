/* SPDX-License-Identifier: Apache-2.0 */
/* The test of all that the server needs, one step after the other, in the slot of the root key's state. */
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/random.h"
#include "keymgr/keyprotect_state.h"

static const enum kp_step steps[TEST_STEPS] = {
    [TEST_ROOT] = STEP_META,   [TEST_WRAP] = STEP_WRAP, [TEST_UNWRAP] = STEP_UNWRAP, [TEST_LIST] = STEP_LIST,
    [TEST_CREATE] = STEP_POST, [TEST_READ] = STEP_GET,  [TEST_DELETE] = STEP_DELETE,
};

const char *keyprotect_test_name(enum keyprotect_test_step step)
{
    static const char *const names[] = {"IAM token",    "root key",        "wrap a new key", "unwrap it",
                                        "list records", "create a record", "read it",        "delete it"};
    return names[step];
}

bool keyprotect_test_begin(struct keyprotect *kp)
{
    if (kp->test.running)
        return false;
    memset(&kp->test, 0, sizeof kp->test);
    kp->test.running = true;
    kp->test.at = TEST_TOKEN;
    iam_refresh(&kp->iam); /* the rest goes on with the token that is there */
    kp->test_attempts = kp->iam.attempts;
    return true;
}

/* The question for the root key's state may have the slot still. */
static void take_slot(struct keyprotect *kp, struct kp_call *c)
{
    c->testing = true;
    c->renewed = true; /* a token is only seconds old: a refusal is one */
    c->whole = kp->now.mono_ms < kp->too_broad_ms;
    c->phase = KP_DONE;
    memset(&c->call, 0, sizeof c->call);
    random_uuid(c->call.uid);
    c->json = &kp->json;
    c->deadline_ms = kp->now.mono_ms + kp->timeout_ms;
    kp->busy++;
}

const struct keyprotect_test *keyprotect_test(const struct keyprotect *kp)
{
    return &kp->test;
}

void kp_test_timed(struct keyprotect *kp, const struct http_answer *a)
{
    kp->test.steps[kp->test.at].ms = a->total_us / 1000;
    if (a->tls_us > a->connect_us)
        kp->test.steps[kp->test.at].tls_ms = a->tls_us / 1000;
}

static void end_step(struct keyprotect *kp, bool good, const char *why)
{
    kp->test.steps[kp->test.at].done = true;
    kp->test.steps[kp->test.at].good = good;
    snprintf(kp->test.steps[kp->test.at].why, KEYMGR_WHY, "%s", why);
}

static void end_test(struct keyprotect *kp, struct kp_call *c)
{
    kp->test.running = false;
    c->testing = false;
    wipe(c->data, c->data_len);
    c->phase = KP_FREE;
    kp->busy--;
}

/* The key that the steps create, read and delete again holds no secret. */
static void begin_step(struct keyprotect *kp, struct kp_call *c)
{
    static const char content[] = "test of rights";
    c->failures = KP_ATTEMPTS; /* a test shows failures, it does not hide them */
    c->answer = (struct keymgr_answer){.kind = KEYMGR_STATE};
    c->call.kind = KEYMGR_STATE;
    c->call.wanted = 1;
    c->offset = 0;
    c->deadline_ms = kp->now.mono_ms + kp->timeout_ms;
    if (kp->test.at == TEST_CREATE) {
        c->data_len = sizeof content - 1;
        memcpy(c->data, content, c->data_len);
    }
    kp_next_step(kp, c, kp->test.at == TEST_ROOT && kp->url[0] == 0 ? STEP_BROKER : steps[kp->test.at]);
}

/* Without the record that one step makes, the next ones have nothing to work on. */
static bool can_go_on(const struct keyprotect *kp)
{
    bool good = kp->test.steps[kp->test.at].good;
    return good || kp->test.at == TEST_UNWRAP || kp->test.at == TEST_LIST || kp->test.at == TEST_READ;
}

void kp_test_turn(struct keyprotect *kp)
{
    struct kp_call *c = &kp->calls[KP_STATE_CALL];
    if (kp->test.running && !c->testing && c->phase == KP_FREE)
        take_slot(kp, c);
    if (!kp->test.running || !c->testing || c->phase != KP_DONE)
        return;
    if (kp->test.at == TEST_TOKEN) {
        if (kp->iam.attempts == kp->test_attempts)
            return;
        kp->test.steps[TEST_TOKEN].ms = kp->iam.took_us / 1000;
        end_step(kp, kp->iam.result == KEYMGR_OK, kp->iam.why);
    } else {
        bool expired = c->answer.result == KEYMGR_ROOT_EXPIRED &&
                       (kp->test.at == TEST_ROOT || kp->test.at == TEST_UNWRAP);
        bool good = c->answer.result == KEYMGR_OK || expired;
        if (good && kp->test.at == TEST_CREATE)
            memcpy(c->call.record_id, c->answer.record_id, RECORD_ID_BYTES);
        end_step(kp, good, c->answer.why);
    }
    if (!can_go_on(kp) || kp->test.at + 1 == TEST_STEPS) {
        end_test(kp, c);
        return;
    }
    kp->test.at++;
    begin_step(kp, c);
}
