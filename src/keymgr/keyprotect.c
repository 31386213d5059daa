/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/keyprotect.h"

#include <stdio.h>

#include "base/wipe.h"
#include "keymgr/http_memory.h"
#include "keymgr/keyprotect_state.h"

/* After the first failure of a call; doubles. A host that boots waits: short. */
#define BACKOFF_MS 200
/* Of "too many requests" without a Retry-After, and the most that is believed of one. */
#define PAUSE_MS   1000
#define PAUSE_MOST 30000
/* More keys than a search takes do not become fewer soon. */
#define BROAD_MS 3600000
/* How long an endpoint that the broker told is not doubted. */
#define DISCOVERED_MS 600000

struct keyprotect *keyprotect_carve(struct region *region)
{
    struct keyprotect *kp = region_take(region, "key manager", 1, sizeof *kp);
    struct http *http = http_carve(region);
    if (kp != NULL)
        kp->http = http;
    return kp;
}

bool keyprotect_open(struct keyprotect *kp, const struct keyprotect_settings *s, struct disk *disk, char *why,
                     size_t why_cap)
{
    if (!keyprotect_check(s, why, why_cap))
        return false;
    kp->hpcs = s->hpcs;
    kp->private_network = s->private_network;
    kp->timeout_ms = s->timeout_ms;
    kp->facts.name = s->hpcs ? "HPCS" : "Key Protect";
    kp_name_hosts(kp, s);
    snprintf(kp->instance, sizeof kp->instance, "%s", s->instance);
    snprintf(kp->instance_header, sizeof kp->instance_header, "Bluemix-Instance: %s", s->instance);
    snprintf(kp->root_key, sizeof kp->root_key, "%s", s->root_key);
    if (s->key_ring[0] != 0)
        snprintf(kp->ring_header, sizeof kp->ring_header, "X-Kms-Key-Ring: %s", s->key_ring);
    kp->iam = (struct iam){.http = kp->http,
                           .disk = disk,
                           .json = &kp->json,
                           .slot = KP_CALLS,
                           .url = kp->iam_url,
                           .vault = s->vault};
    struct http_settings http = {.roots = s->roots, .proxy = s->proxy};
    if (!http_open(kp->http, &http)) {
        snprintf(why, why_cap, "libcurl does not begin; the memory for connections is too small");
        return false;
    }
    return true;
}

void keyprotect_close(struct keyprotect *kp)
{
    http_close(kp->http);
}

void keyprotect_credential_changed(struct keyprotect *kp)
{
    iam_renew(&kp->iam);
}

/* ---- calls ---- */

static void fail_call(struct kp_call *c, enum keymgr_result result, const char *why)
{
    if (why != NULL)
        snprintf(c->answer.why, KEYMGR_WHY, "%s", why);
    kp_finish(c, result);
}

static bool is_broad(const struct keyprotect *kp)
{
    return kp->now.mono_ms < kp->too_broad_ms;
}

static enum kp_step first_step(const struct keyprotect *kp, const struct keymgr_call *call)
{
    switch (call->kind) {
    case KEYMGR_NEW_KEY:
        return STEP_WRAP;
    case KEYMGR_UNWRAP:
        return STEP_UNWRAP;
    case KEYMGR_REWRAP:
        return STEP_REWRAP;
    case KEYMGR_PUT:
        return STEP_POST;
    case KEYMGR_GET:
        return STEP_GET;
    case KEYMGR_LIST:
        return STEP_LIST;
    case KEYMGR_LIST_DELETED:
        return STEP_DELETED;
    case KEYMGR_FIND:
        return STEP_FIND;
    case KEYMGR_DELETE:
        return STEP_DELETE;
    case KEYMGR_STATE:
        break;
    }
    return kp->url[0] == 0 ? STEP_BROKER : STEP_META;
}

/* What was wrapped goes into JSON as it is, and a record may come from anybody: it has to be base64. */
static bool is_sound(const struct keymgr_call *call)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_";
    bool wrapped = call->kind == KEYMGR_UNWRAP || call->kind == KEYMGR_REWRAP;
    if (!wrapped)
        return call->data.len <= RECORD_MAX;
    for (size_t i = 0; i < call->data.len; i++)
        if (memchr(base64, call->data.ptr[i], sizeof base64 - 1) == NULL)
            return false;
    return call->data.len != 0 && call->data.len <= WRAPPED_KEK_MAX;
}

static bool kp_submit(void *self, const struct keymgr_call *call)
{
    struct keyprotect *kp = self;
    size_t first = call->kind == KEYMGR_STATE ? KP_STATE_CALL : 0;
    size_t end = call->kind == KEYMGR_STATE ? KP_CALLS : CLOUD_CALLS;
    for (size_t i = first; i < end; i++) {
        struct kp_call *c = &kp->calls[i];
        if (c->phase != KP_FREE)
            continue;
        c->call = *call;
        c->answer = (struct keymgr_answer){.kind = call->kind, .ticket = call->ticket};
        c->testing = c->renewed = false;
        c->failures = 0;
        c->offset = call->cursor & ~KP_CURSOR_WHOLE;
        c->whole = call->cursor != 0 ? (call->cursor & KP_CURSOR_WHOLE) != 0 : is_broad(kp);
        c->json = &kp->json;
        c->data_len = is_sound(call) ? call->data.len : 0;
        if (c->data_len != 0)
            memcpy(c->data, call->data.ptr, call->data.len);
        c->call.data = span_of(c->data, c->data_len);
        c->retry_ms = 0;
        c->deadline_ms = kp->now.mono_ms + kp->timeout_ms;
        c->step = first_step(kp, call);
        c->phase = KP_WAITS;
        kp->busy++;
        if (!is_sound(call))
            fail_call(c, KEYMGR_REFUSED,
                      "the record is damaged: its wrapped key is none of this key manager");
        return true;
    }
    return false;
}

/* Too many requests pause everything but the question about the root key: the lease hangs on its answer. */
static uint64_t begins_at(const struct keyprotect *kp, const struct kp_call *c)
{
    bool pauses = c->call.kind != KEYMGR_STATE || c->testing;
    return pauses && kp->pause_ms > c->retry_ms ? kp->pause_ms : c->retry_ms;
}

static void begin(struct keyprotect *kp, struct kp_call *c)
{
    uint64_t now = kp->now.mono_ms;
    if (now >= c->deadline_ms) {
        fail_call(c, KEYMGR_AWAY, c->answer.why[0] != 0 ? NULL : "no answer in time");
        return;
    }
    if (now < begins_at(kp, c) || (kp->url[0] == 0 && c->step != STEP_BROKER))
        return;
    switch (iam_ask(&kp->iam, kp->now)) {
    case ASK_WAIT:
        return;
    case ASK_FAILED:
        fail_call(c, kp->iam.result, kp->iam.why);
        return;
    case ASK_READY:
        break;
    }
    if (kp_send(kp, c)) {
        c->phase = KP_RUNS;
        kp->facts.in_flight++;
    } else {
        c->retry_ms = now + BACKOFF_MS; /* memory comes back when another call ends */
        snprintf(c->answer.why, KEYMGR_WHY, "no memory for another connection");
    }
}

/* Whether a failed POST may have had its effect all the same. */
static bool may_be_stored(const struct kp_call *c, const struct http_answer *a)
{
    bool refused = a->outcome == HTTP_ANSWERED && a->status >= 400 && a->status < 500 && a->status != 408;
    return c->step == STEP_POST && a->sent && !refused;
}

/* An instance that does not answer for long may have moved: HPCS's broker is asked again. */
static void doubt_endpoint(struct keyprotect *kp, const struct kp_call *c)
{
    if (c->call.kind == KEYMGR_STATE && !c->testing && kp->discovered_ms != 0 &&
        kp->now.mono_ms - kp->discovered_ms >= DISCOVERED_MS)
        kp->url[0] = 0;
}

static void try_again(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a)
{
    uint64_t wait = (uint64_t)BACKOFF_MS << c->failures, now = kp->now.mono_ms;
    if (a->status == 429 || (a->status == 503 && a->retry_after_s != 0)) {
        uint64_t pause = a->retry_after_s != 0 ? a->retry_after_s * 1000 : PAUSE_MS;
        uint64_t until = now + (pause < PAUSE_MOST ? pause : PAUSE_MOST);
        kp->pause_ms = until > kp->pause_ms ? until : kp->pause_ms;
        wait = kp->pause_ms - now;
    }
    if (a->outcome == HTTP_BROKEN && c->failures == 0)
        wait = 0; /* most likely a kept connection that the other side had closed */
    if (may_be_stored(c, a))
        kp_look_for_post(kp, c);
    if (++c->failures >= KP_ATTEMPTS || now + wait >= c->deadline_ms) {
        doubt_endpoint(kp, c);
        fail_call(c, KEYMGR_AWAY, NULL);
        return;
    }
    c->phase = KP_WAITS;
    c->retry_ms = now + wait;
}

static void note_answer(struct keyprotect *kp, const struct http_answer *a)
{
    kp->facts.calls++;
    kp->facts.in_flight--;
    kp->facts.last_ms = a->total_us / 1000;
    if (a->outcome != HTTP_ANSWERED || a->status >= 500 || a->status == 429)
        kp->facts.failures++;
    if (a->date_s != 0)
        kp->facts.clock_off_s = kp->now.unix_s - a->date_s;
}

static void answered(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a)
{
    note_answer(kp, a);
    if (c->testing)
        kp_test_timed(kp, a);
    switch (kp_judge(kp, c, a)) {
    case VERDICT_GOOD:
        kp_take(kp, c, a);
        break;
    case VERDICT_AGAIN:
        try_again(kp, c, a);
        break;
    case VERDICT_TOKEN:
        if (!c->renewed && iam_reject(&kp->iam, c->token_ms, kp->now)) {
            c->renewed = true;
            c->phase = KP_WAITS;
        } else {
            fail_call(c, KEYMGR_DENIED, NULL);
        }
        break;
    case VERDICT_BROAD:
        kp->too_broad_ms = kp->now.mono_ms + BROAD_MS;
        c->whole = true;
        c->offset = 0;
        c->phase = KP_WAITS;
        break;
    case VERDICT_FINAL:
        c->phase = KP_DONE;
        break;
    }
}

/* What the store was handed it has read by now. Freed here, so that a test that waits comes before the next
 * question. */
static void free_taken(struct keyprotect *kp)
{
    for (size_t k = 0; kp->busy != 0 && k < KP_CALLS; k++) {
        struct kp_call *c = &kp->calls[k];
        if (c->phase != KP_TAKEN)
            continue;
        wipe(c->data, c->data_len);
        c->phase = KP_FREE;
        kp->busy--;
    }
}

static void kp_turn(void *self, struct clock now)
{
    struct keyprotect *kp = self;
    kp->now = now;
    free_taken(kp);
    http_turn(kp->http, now);
    iam_turn(&kp->iam, now);
    for (size_t i = 0; kp->busy != 0 && i < KP_CALLS; i++) {
        struct kp_call *c = &kp->calls[i];
        struct http_answer a;
        if (c->phase == KP_RUNS && http_ended(kp->http, i, &a)) {
            answered(kp, c, &a);
            http_free(kp->http, i);
        }
        if (c->phase == KP_WAITS)
            begin(kp, c);
    }
    kp_test_turn(kp);
    http_turn(kp->http, now); /* what was begun is on its way in this turn already */
}

static bool kp_take_answer(void *self, struct keymgr_answer *answer)
{
    struct keyprotect *kp = self;
    free_taken(kp);
    for (size_t k = 0; kp->busy != 0 && k < KP_CALLS; k++) {
        size_t i = (kp->next_take + k) % KP_CALLS;
        struct kp_call *c = &kp->calls[i];
        if (c->phase != KP_DONE || c->testing)
            continue;
        *answer = c->answer;
        wipe(c->answer.key, KEK_BYTES);
        c->phase = KP_TAKEN;
        kp->next_take = (i + 1) % KP_CALLS;
        return true;
    }
    return false;
}

/* Whether a call that waits for nothing else could begin, or end, in the next turn. */
static bool is_ready(const struct keyprotect *kp, const struct kp_call *c)
{
    return (kp->url[0] != 0 || c->step == STEP_BROKER) && iam_ask(&kp->iam, kp->now) != ASK_WAIT;
}

static size_t kp_poll(void *self, struct pollfd *fds, size_t room, uint64_t *deadline_ms)
{
    struct keyprotect *kp = self;
    uint64_t due = iam_deadline(&kp->iam);
    for (size_t i = 0; kp->busy != 0 && i < KP_CALLS; i++) {
        const struct kp_call *c = &kp->calls[i];
        uint64_t at = begins_at(kp, c);
        if (c->phase == KP_DONE && c->testing && kp->test.at != TEST_TOKEN)
            due = kp->now.mono_ms;
        if (c->phase != KP_WAITS)
            continue;
        if (at <= kp->now.mono_ms && !is_ready(kp, c)) /* it waits for a token or for the broker */
            at = c->deadline_ms;
        at = at < c->deadline_ms ? at : c->deadline_ms;
        due = at < due ? at : due;
    }
    if (due < *deadline_ms)
        *deadline_ms = due;
    return http_poll(kp->http, fds, room, kp->now, deadline_ms);
}

static bool kp_find_is_dear(void *self)
{
    const struct keyprotect *kp = self;
    return kp->now.mono_ms < kp->too_broad_ms;
}

static void kp_forget(void *self)
{
    struct keyprotect *kp = self;
    http_forget(kp->http);
}

struct keymgr keyprotect_keymgr(struct keyprotect *kp)
{
    static const struct keymgr_ops ops = {.find_is_dear = kp_find_is_dear,
                                          .forget = kp_forget,
                                          .submit = kp_submit,
                                          .take = kp_take_answer,
                                          .turn = kp_turn,
                                          .poll = kp_poll};
    return (struct keymgr){.ops = &ops, .self = kp, .shared = true};
}

struct keyprotect_facts keyprotect_facts(const struct keyprotect *kp)
{
    struct keyprotect_facts facts = kp->facts;
    facts.endpoint = kp->url;
    struct http_memory_use use = http_memory_use();
    facts.memory_most = use.most;
    facts.memory_refused = use.refused;
    facts.search_refused = is_broad(kp);
    return facts;
}
