/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Key Protect backend against a service that answers anything at any time: the first byte chooses the
 * kind, the rest is a play of calls, turns and answers. With MERGE instead two records that anybody may have
 * written, merged both ways.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keymgr/keyprotect_state.h"
#include "store/merge.h"
#include "support/fake_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HPCS       1
#define NO_TOKEN   2
#define ROOT_KNOWN 4
#define MERGE      128

static struct keyprotect kp;
static struct disk disk;
static struct keymgr keymgr;
static struct clock now;
static size_t submitted, answered;
static const uint8_t no_key[KEK_BYTES];

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* ---- what comes in ---- */

struct input {
    const uint8_t *at, *end;
};

static unsigned take(struct input *in)
{
    return in->at == in->end ? 0 : *in->at++;
}

static struct span take_some(struct input *in, size_t len)
{
    size_t left = (size_t)(in->end - in->at);
    struct span some = span_of(in->at, len < left ? len : left);
    in->at += some.len;
    return some;
}

/* ---- what has to be true at any time ---- */

static bool ends(const char *text, size_t cap)
{
    return memchr(text, 0, cap) != NULL;
}

static bool is_base64(struct span text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_";
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == 0 || strchr(letters, text.ptr[i]) == NULL)
            return false;
    return text.len != 0 && text.len <= WRAPPED_KEK_MAX;
}

static void check_call(const struct kp_call *c, size_t i)
{
    const struct fake_slot *s = &fake.slots[i];
    need(c->phase <= KP_TAKEN && c->step <= STEP_BROKER, "phase");
    need(c->data_len <= RECORD_MAX && c->listed_count <= KEYMGR_PAGE && c->page <= KEYMGR_PAGE, "lengths");
    need(c->failures <= KP_ATTEMPTS + 2, "failures");
    need((c->phase == KP_RUNS) == (s->running || s->ended), "a call and its request");
    need(c->answer.result <= KEYMGR_LOCKED && ends(c->answer.why, KEYMGR_WHY), "answer");
    need(!s->running || strlen(s->url) > 8, "a URL");
    need(c->phase == KP_DONE || memcmp(c->answer.key, no_key, KEK_BYTES) == 0, "a key stays");
}

static void check_all(void)
{
    size_t busy = 0, runs = 0;
    for (size_t i = 0; i < KP_CALLS; i++) {
        check_call(&kp.calls[i], i);
        busy += kp.calls[i].phase != KP_FREE;
        runs += kp.calls[i].phase == KP_RUNS;
    }
    need(kp.busy == busy && kp.facts.in_flight == runs, "counts");
    need(kp.check_len <= WRAPPED_KEK_MAX && kp.root_state >= 0 && kp.root_state <= 5, "the root key");
    need(ends(kp.url, sizeof kp.url) && ends(kp.iam.why, KEYMGR_WHY) && ends(kp.iam.token, TOKEN_MAX),
         "texts");
    need(kp.pause_ms <= now.mono_ms + 30000 && kp.iam.retry_ms <= now.mono_ms + 60000, "pauses");
    need(kp.test.at < TEST_STEPS, "test");
}

static void check_answer(const struct keymgr_answer *a)
{
    bool key = a->kind == KEYMGR_NEW_KEY || a->kind == KEYMGR_UNWRAP;
    need(a->kind >= KEYMGR_NEW_KEY && a->kind <= KEYMGR_DELETE && ends(a->why, KEYMGR_WHY), "kind");
    need(a->result == KEYMGR_OK || a->why[0] != 0 || a->result == KEYMGR_NO_RECORD,
         "a failure without reason");
    if (a->result != KEYMGR_OK || !key)
        need(memcmp(a->key, no_key, KEK_BYTES) == 0, "a key where none belongs");
    if (a->result != KEYMGR_OK) {
        need(a->data.len == 0 && a->listed_count == 0, "something with a failure");
        return;
    }
    if (a->kind == KEYMGR_NEW_KEY || a->kind == KEYMGR_REWRAP)
        need(is_base64(a->data), "a wrapped key");
    if (a->kind == KEYMGR_GET)
        need(a->data.len != 0 && a->data.len <= RECORD_MAX, "a record");
    need(a->listed_count <= KEYMGR_PAGE, "a page");
    for (size_t i = 0; i < a->listed_count; i++)
        need(a->listed[i].generation != 0, "a generation");
}

/* ---- what happens ---- */

static void submit(struct input *in)
{
    static uint8_t copy[RECORD_MAX];
    unsigned kind = take(in), more = take(in);
    struct keymgr_call call = {.kind = (enum keymgr_call_kind)(1 + kind % KEYMGR_DELETE),
                               .ticket = submitted,
                               .generation = 1 + more % 4,
                               .wanted = kind / 16 * 7,
                               .cursor = more / 64 * 240};
    memset(call.uid, 0xa0 + (int)(more & 1), UUID_BYTES);
    memset(call.record_id, 0xb0, RECORD_ID_BYTES);
    struct span data = take_some(in, more < 16 ? take(in) : 0);
    if (more >= 16)
        data = span_of_text("Y2lwaGVy");
    memcpy(copy, data.ptr, data.len);
    call.data = span_of(copy, data.len);
    submitted += keymgr_submit(&keymgr, &call);
    memset(copy, 0, sizeof copy); /* it was copied */
}

static void turn(uint64_t ms)
{
    uint64_t due = UINT64_MAX;
    now.mono_ms += ms;
    now.unix_s += (int64_t)(ms / 1000);
    keymgr.ops->turn(keymgr.self, now);
    (void)keymgr.ops->poll(keymgr.self, NULL, 0, &due);
}

static void take_answers(void)
{
    struct keymgr_answer a;
    while (keymgr_take(&keymgr, &a)) {
        answered++;
        check_answer(&a);
    }
}

/* Bodies that a play would hardly find; @ stands for the description that the record of the call has. */
static const char *const bodies[] = {
    "{\"resources\":[{\"state\":1,\"keyVersion\":{\"id\":\"c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf\"}}]}",
    "{\"resources\":[{\"state\":3}]}",
    "{\"plaintext\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\",\"ciphertext\":\"Y2lwaGVy\"}",
    "{\"resources\":[{\"id\":\"b0b0b0b0-b0b0-b0b0-b0b0-b0b0b0b0b0b0\",\"payload\":\"cmVjb3Jk\"}]}",
    "{\"resources\":[{\"id\":\"b0b0b0b0-b0b0-b0b0-b0b0-b0b0b0b0b0b0\",\"name\":\"vmware_kmip_"
    "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0\",\"description\":\"Holdfast record 1, generation 2, digest "
    "0011223344556677\"}]}",
    "{\"kms\":{\"public\":\"host:1\"}}",
    "{\"resources\":[{\"reasons\":[{\"code\":\"KEY_SEARCH_TOO_BROAD\",\"message\":\"m\"}]}]}",
    "{\"resources\":[{\"reasons\":[{\"code\":\"KEY_ACTION_INVALID_STATE_ERR\",\"message\":\"m\"}]}]}",
    "{\"access_token\":\"new\",\"expires_in\":30}",
    "{\"resources\":[]}",
    "{\"resources\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}",
    "",
};

static void answer(struct input *in)
{
    static const int statuses[] = {200, 201, 204, 400, 401, 403, 404, 409,
                                   410, 422, 429, 500, 503, 302, 408, 202};
    static char text[HTTP_ANSWER_MAX + 1];
    unsigned slot = take(in) % HTTP_CALLS, how = take(in), which = take(in);
    struct http_answer a = {.outcome = HTTP_ANSWERED, .sent = (how & 128) == 0, .status = statuses[how & 15]};
    if (!fake.slots[slot].running)
        return;
    if ((how & 16) != 0) {
        a.outcome = (enum http_outcome)(1 + how % 7);
        a.status = 0;
        snprintf(a.why, sizeof a.why, "host: broken");
    }
    a.retry_after_s = (how & 32) != 0 ? which * 100 : 0;
    a.date_s = (how & 64) != 0 ? (int64_t)which * 1000 : 0;
    if (which < COUNT_OF(bodies)) {
        fake_end(slot, a, bodies[which]);
        return;
    }
    struct span body = take_some(in, (size_t)(which - COUNT_OF(bodies)) * 8);
    for (size_t i = 0; i < body.len; i++)
        text[i] = body.ptr[i] == 0 ? ' ' : (char)body.ptr[i];
    text[body.len] = 0;
    fake_end(slot, a, text);
}

static void read_file(struct input *in)
{
    static const char *const files[] = {"", "key", " ", "another key\nline"};
    if (disk.done_ticket == disk.next_ticket)
        return;
    unsigned which = take(in);
    fake_read(&disk, files[which & 3], which < 16 ? (int)which / 4 : 0);
}

static void step(struct input *in)
{
    unsigned op = take(in);
    switch (op & 7) {
    case 0:
        submit(in);
        break;
    case 1:
    case 2:
        answer(in);
        break;
    case 3:
        turn((uint64_t)(op >> 3) * (op >> 3) * 16);
        break;
    case 4:
        take_answers();
        break;
    case 5:
        read_file(in);
        break;
    case 6:
        if ((op & 8) != 0)
            (void)!keyprotect_test_begin(&kp);
        if ((op & 16) != 0)
            keyprotect_credential_changed(&kp);
        fake.full = (op & 32) != 0;
        fake_disk.full = (op & 64) != 0;
        break;
    default:
        turn(op >> 3);
        break;
    }
    check_all();
}

/* Nothing comes any more: every call is answered all the same, and soon. */
static void end(void)
{
    for (int i = 0; i < 60; i++) {
        for (size_t slot = 0; slot < HTTP_CALLS; slot++)
            if (fake.slots[slot].running && i % 2 == 0)
                fake_break(slot, HTTP_OVERDUE, true);
        turn(2000);
        check_all();
        take_answers();
    }
    need(submitted == answered, "a call was not answered");
    need(kp.busy == 0 || kp.test.running, "a slot is not free");
    for (size_t i = 0; i < KP_CALLS; i++)
        for (size_t k = 0; k < RECORD_MAX && kp.calls[i].phase == KP_FREE && k < kp.calls[i].data_len; k++)
            need(kp.calls[i].data[k] == 0, "data stays");
}

static void play(unsigned flags, struct input *in)
{
    char why[KEYMGR_WHY];
    struct keyprotect_settings settings = {.hpcs = (flags & HPCS) != 0,
                                           .region = "eu-de",
                                           .endpoint = "",
                                           .iam = "",
                                           .broker = "",
                                           .instance = "0647c737-906d-438a-8a68-2c187e11b29b",
                                           .root_key = "alias",
                                           .key_ring = "ring",
                                           .proxy = "",
                                           .roots = span_of_text("roots"),
                                           .timeout_ms = 10000};
    fake_reset();
    memset(&kp, 0, sizeof kp);
    memset(&disk, 0, sizeof disk);
    memset(&fake_disk, 0, sizeof fake_disk);
    kp.http = &fake;
    need(keyprotect_open(&kp, &settings, &disk, why, sizeof why), "settings");
    keymgr = keyprotect_keymgr(&kp);
    submitted = answered = 0;
    now = (struct clock){.mono_ms = 1000000, .unix_s = 1800000000};
    kp.iam.has_token = (flags & NO_TOKEN) == 0;
    kp.iam.refresh_ms = now.mono_ms + 60000;
    kp.iam.expires_ms = now.mono_ms + 90000;
    if ((flags & ROOT_KNOWN) != 0) {
        snprintf(kp.url, sizeof kp.url, "https://host");
        memcpy(kp.check, "Y2lwaGVy", kp.check_len = 8);
    }
    turn(0);
    while (in->at != in->end)
        step(in);
    end();
    fake_reset();
}

/* ---- records ---- */

static void check_merged(struct span a, struct span b)
{
    static struct draft one, two;
    struct merged how, other;
    struct object o, x, y;
    enum status status = merge_records(a, b, &one, &how);
    need(merge_records(b, a, &two, &other) == status && how.added == other.added, "merged both ways");
    need(one.len == two.len && memcmp(one.bytes, two.bytes, one.len) == 0, "other bytes the other way");
    if (status != STATUS_OK && status != STATUS_TOO_LARGE)
        return;
    struct span merged = span_of(one.bytes, one.len);
    need(object_check(a, &x) == STATUS_OK && object_check(b, &y) == STATUS_OK, "merged what is no record");
    need(object_check(merged, &o) == STATUS_OK, "no record came of it");
    uint32_t most = x.head.generation > y.head.generation ? x.head.generation : y.head.generation;
    need(o.head.generation == most + 1, "the generation");
    need(o.head.state == x.head.state || o.head.state == y.head.state, "the state");
    struct ttlv_reader reader = ttlv_reader_over(o.attributes);
    struct object_attribute attribute, found;
    while (object_attribute_next(&reader, &attribute))
        need(object_attribute_find(&o, attribute.row, attribute.name, attribute.index, &found),
             "an attribute");
    if (status != STATUS_OK)
        return;
    uint8_t *copy = malloc(merged.len);
    memcpy(copy, merged.ptr, merged.len);
    for (int i = 0; i < 2 && o.head.generation != UINT32_MAX; i++) {
        status = merge_records(span_of(copy, merged.len), i == 0 ? a : b, &two, &other);
        need(status == STATUS_OK && !(other.added && other.first_leads), "merged again it grew");
    }
    free(copy);
}

static void merge(struct input *in)
{
    size_t len = (size_t)take(in) << 8;
    len |= take(in);
    struct span first = take_some(in, len), second = span_of(in->at, (size_t)(in->end - in->at));
    struct object o;
    uint8_t *a = malloc(first.len + 1), *b = malloc(second.len + 1);
    memcpy(a, first.ptr, first.len);
    memcpy(b, second.ptr, second.len);
    first.ptr = a;
    second.ptr = b;
    bool good = object_check(first, &o) == STATUS_OK;
    if (good && object_check(second, &o) == STATUS_OK)
        check_merged(first, second);
    free(a);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {.at = data, .end = data + len};
    if (len > 16384)
        return 0;
    unsigned flags = take(&in);
    if ((flags & MERGE) != 0)
        merge(&in);
    else
        play(flags, &in);
    return 0;
}
