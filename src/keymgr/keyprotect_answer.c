/* SPDX-License-Identifier: Apache-2.0 */
/* What good answers say. Every one comes from outside: nothing in it is believed before it is checked. */
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/digest.h"
#include "keymgr/keyprotect_state.h"

/* Records of a deletion or a change at the same moment shift a page's beginning: pages overlap by this much.
 */
#define OVERLAP 16

void kp_finish(struct kp_call *c, enum keymgr_result result)
{
    c->answer.result = result;
    c->phase = KP_DONE;
}

void kp_next_step(struct keyprotect *kp, struct kp_call *c, enum kp_step step)
{
    c->step = step;
    c->phase = KP_WAITS;
    c->retry_ms = kp->now.mono_ms;
}

static void no_answer(const struct keyprotect *kp, struct kp_call *c)
{
    snprintf(c->answer.why, KEYMGR_WHY, "%s: the answer is not what this request gives", kp->facts.name);
    kp_finish(c, KEYMGR_AWAY);
}

void kp_look_for_post(struct keyprotect *kp, struct kp_call *c)
{
    kp_next_step(kp, c, STEP_FIND);
    c->offset = 0;
}

/* ---- the root key ---- */

static void read_version(const struct json *j, const char *name, uint8_t out[ROOT_VERSION_BYTES])
{
    char text[UUID_TEXT + 2];
    uint8_t id[UUID_BYTES];
    int version = json_member(j, 0, name);
    if (json_string(j, json_member(j, version, "id"), text, sizeof text) &&
        uuid_read(span_of_text(text), id) == STATUS_OK)
        memcpy(out, id, ROOT_VERSION_BYTES);
}

/* A ciphertext goes back into JSON as it came, so it has to be base64. */
static bool read_ciphertext(const struct json *j, uint8_t *out, size_t *len)
{
    char text[WRAPPED_KEK_MAX + 1];
    if (!json_string(j, json_member(j, 0, "ciphertext"), text, sizeof text) || text[0] == 0)
        return false;
    *len = strlen(text);
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_") != *len)
        return false;
    memcpy(out, text, *len);
    return true;
}

static bool read_key(const struct json *j, uint8_t key[KEK_BYTES])
{
    size_t len = 0;
    if (json_base64(j, json_member(j, 0, "plaintext"), key, KEK_BYTES, &len) && len == KEK_BYTES)
        return true;
    wipe(key, KEK_BYTES);
    return false;
}

static void take_wrap(struct keyprotect *kp, struct kp_call *c)
{
    const struct json *j = &kp->json;
    bool check = c->call.kind == KEYMGR_STATE || c->testing;
    if (!read_key(j, c->answer.key) ||
        !read_ciphertext(j, check ? kp->check : c->data, check ? &kp->check_len : &c->data_len)) {
        kp->check_len = check ? 0 : kp->check_len;
        wipe(c->answer.key, KEK_BYTES);
        no_answer(kp, c);
        return;
    }
    read_version(j, "keyVersion", c->answer.root_version);
    if (check) {
        sha256(span_of(c->answer.key, KEK_BYTES), kp->check_digest);
        wipe(c->answer.key, KEK_BYTES);
        memcpy(c->answer.root_version, kp->root_version, ROOT_VERSION_BYTES);
    } else {
        c->answer.data = span_of(c->data, c->data_len);
    }
    kp_finish(c, KEYMGR_OK);
}

static void take_check(struct keyprotect *kp, struct kp_call *c)
{
    uint8_t digest[SHA256_BYTES];
    bool good = read_key(&kp->json, c->answer.key);
    sha256(span_of(c->answer.key, KEK_BYTES), digest);
    wipe(c->answer.key, KEK_BYTES);
    if (!good || memcmp(digest, kp->check_digest, sizeof digest) != 0) {
        no_answer(kp, c);
        return;
    }
    memcpy(c->answer.root_version, kp->root_version, ROOT_VERSION_BYTES);
    kp_finish(c, kp->root_state == 3 ? KEYMGR_ROOT_EXPIRED : KEYMGR_OK);
    if (kp->root_state == 3)
        snprintf(c->answer.why, KEYMGR_WHY, "the root key %s has expired: keys are unwrapped, none is made",
                 kp->root_key);
}

static void take_unwrap(struct keyprotect *kp, struct kp_call *c)
{
    if (c->call.kind == KEYMGR_STATE || c->testing) {
        take_check(kp, c);
        return;
    }
    if (!read_key(&kp->json, c->answer.key)) {
        no_answer(kp, c);
        return;
    }
    kp_finish(c, KEYMGR_OK);
}

static void take_rewrap(struct keyprotect *kp, struct kp_call *c)
{
    if (!read_ciphertext(&kp->json, c->data, &c->data_len)) {
        no_answer(kp, c);
        return;
    }
    read_version(&kp->json, "rewrappedKeyVersion", c->answer.root_version);
    c->answer.data = span_of(c->data, c->data_len);
    kp_finish(c, KEYMGR_OK);
}

/* Key states: 0 Pre-Active, 1 Active, 2 Suspended, 3 Deactivated, 5 Destroyed. */
static void take_meta(struct keyprotect *kp, struct kp_call *c)
{
    static const char *const words[] = {"is not active yet",
                                        "",
                                        "is disabled; enable it to go on",
                                        "",
                                        "",
                                        "was deleted; within 30 days it can be restored"};
    const struct json *j = &kp->json;
    int64_t state;
    int key = json_element(j, json_member(j, 0, "resources"), 0);
    if (!json_integer(j, json_member(j, key, "state"), &state) || state < 0 || state > 5) {
        no_answer(kp, c);
        return;
    }
    kp->root_state = (int)state;
    if (json_true(j, json_member(j, key, "extractable"))) {
        snprintf(c->answer.why, KEYMGR_WHY, "keymanager root-key %s names a standard key; name a root key",
                 kp->root_key);
        kp_finish(c, KEYMGR_ROOT_GONE);
        return;
    }
    if (state != 1 && state != 3) {
        snprintf(c->answer.why, KEYMGR_WHY, "the root key %s %s", kp->root_key, words[state]);
        kp_finish(c, KEYMGR_ROOT_GONE);
        return;
    }
    char text[UUID_TEXT + 2];
    int version = json_member(j, key, "keyVersion");
    if (json_string(j, json_member(j, version, "id"), text, sizeof text))
        (void)!uuid_read(span_of_text(text), kp->root_version);
    if (c->testing) {
        kp_finish(c, KEYMGR_OK);
    } else if (kp->check_len != 0) {
        kp_next_step(kp, c, STEP_UNWRAP);
    } else if (state == 1) {
        kp_next_step(kp, c, STEP_WRAP);
    } else {
        memcpy(c->answer.root_version, kp->root_version, ROOT_VERSION_BYTES);
        snprintf(c->answer.why, KEYMGR_WHY, "the root key %s has expired: keys are unwrapped, none is made",
                 kp->root_key);
        kp_finish(c, KEYMGR_ROOT_EXPIRED);
    }
}

/* ---- records ---- */

static bool read_id(const struct json *j, int key, uint8_t id[RECORD_ID_BYTES])
{
    char text[UUID_TEXT + 2];
    return json_string(j, json_member(j, key, "id"), text, sizeof text) &&
           uuid_read(span_of_text(text), id) == STATUS_OK;
}

static void take_post(struct keyprotect *kp, struct kp_call *c)
{
    int key = json_element(&kp->json, json_member(&kp->json, 0, "resources"), 0);
    if (!read_id(&kp->json, key, c->answer.record_id)) {
        if (c->testing) {
            no_answer(kp, c);
            return;
        }
        snprintf(c->answer.why, KEYMGR_WHY, "%s did not say whether the record was stored", kp->facts.name);
        kp_look_for_post(kp, c); /* it was stored, and only its ID is unknown */
        return;
    }
    kp_finish(c, KEYMGR_OK);
}

static void take_get(struct keyprotect *kp, struct kp_call *c)
{
    const struct json *j = &kp->json;
    int64_t state = 0;
    int key = json_element(j, json_member(j, 0, "resources"), 0);
    if (json_integer(j, json_member(j, key, "state"), &state) && state == 5) {
        kp_finish(c, KEYMGR_NO_RECORD);
        return;
    }
    if (!json_base64(j, json_member(j, key, "payload"), c->data, sizeof c->data, &c->data_len) ||
        c->data_len == 0) {
        no_answer(kp, c);
        return;
    }
    c->answer.data = span_of(c->data, c->data_len);
    kp_finish(c, KEYMGR_OK);
}

void kp_take_element(void *call, struct span element)
{
    struct kp_call *c = call;
    struct json *j = c->json;
    struct keymgr_listed *out = &c->listed[c->listed_count];
    char name[96], description[256];
    if (c->listed_count == KEYMGR_PAGE || json_parse(j, element) != STATUS_OK ||
        !json_string(j, json_member(j, 0, "name"), name, sizeof name) ||
        !json_string(j, json_member(j, 0, "description"), description, sizeof description) ||
        !kp_read_description(name, description, out) || !read_id(j, 0, out->record_id)) {
        c->foreign++;
        return;
    }
    bool known = false; /* pages of a look-up overlap, and are asked for again */
    for (size_t i = 0; c->step == STEP_FIND && !known && i < c->listed_count; i++)
        known = memcmp(out->record_id, c->listed[i].record_id, RECORD_ID_BYTES) == 0;
    if (known || (c->step == STEP_FIND && memcmp(out->uid, c->call.uid, UUID_BYTES) != 0))
        return;
    c->listed_count++;
}

void kp_take_piece(void *call, struct span bytes)
{
    struct kp_call *c = call;
    json_list_feed(&c->list, bytes);
}

/* A record whose POST may have arrived: it is there when one with its generation and digest is. */
static void settle_post(struct keyprotect *kp, struct kp_call *c)
{
    char name[64], description[128];
    struct keymgr_listed own = {.generation = 0};
    struct buf n = buf_over(name, sizeof name), d = buf_over(description, sizeof description);
    kp_describe(&c->call, span_of(c->data, c->data_len), &n, &d);
    if (!kp_read_description(name, description, &own)) {
        kp_finish(c, KEYMGR_REFUSED); /* it has no generation, so nobody would find it */
        return;
    }
    for (size_t i = 0; i < c->listed_count; i++)
        if (c->listed[i].generation == own.generation &&
            memcmp(c->listed[i].digest, own.digest, sizeof own.digest) == 0) {
            memcpy(c->answer.record_id, c->listed[i].record_id, RECORD_ID_BYTES);
            kp_finish(c, KEYMGR_OK);
            return;
        }
    if (++c->failures > KP_ATTEMPTS)
        kp_finish(c, KEYMGR_AWAY);
    else
        kp_next_step(kp, c, STEP_POST);
}

static void take_list(struct keyprotect *kp, struct kp_call *c)
{
    if (!json_list_done(&c->list)) {
        no_answer(kp, c);
        return;
    }
    size_t came = c->list.elements + c->list.too_large;
    bool last = came < c->page;
    came = came < c->page ? came : c->page;
    uint64_t next = c->offset + came - (came > OVERLAP ? OVERLAP : 0);
    c->foreign += c->list.too_large;
    if (c->step == STEP_FIND && !last && c->whole) {
        c->offset = next; /* among all keys */
        kp_next_step(kp, c, STEP_FIND);
        return;
    }
    if (c->step == STEP_FIND && c->call.kind == KEYMGR_PUT) {
        settle_post(kp, c);
        return;
    }
    kp->facts.foreign = c->offset == 0 ? c->foreign : kp->facts.foreign + c->foreign;
    c->answer.listed = c->listed;
    c->answer.listed_count = c->listed_count;
    c->answer.cursor = last || c->step == STEP_FIND ? 0 : next | (c->whole ? KP_CURSOR_WHOLE : 0);
    kp_finish(c, KEYMGR_OK);
}

static void take_broker(struct keyprotect *kp, struct kp_call *c)
{
    char host[KEYPROTECT_URL - 10];
    const struct json *j = &kp->json;
    int kms = json_member(j, 0, "kms");
    if (!json_string(j, json_member(j, kms, kp->private_network ? "private" : "public"), host, sizeof host) ||
        host[0] == 0 ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") != strlen(host)) {
        no_answer(kp, c);
        return;
    }
    snprintf(kp->url, sizeof kp->url, "https://%s", host);
    kp->discovered_ms = kp->now.mono_ms;
    kp_next_step(kp, c, STEP_META);
}

void kp_take(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a)
{
    bool parsed =
        c->step != STEP_DELETE && c->step != STEP_FIND && c->step != STEP_LIST && c->step != STEP_DELETED;
    if (parsed && json_parse(&kp->json, a->body) != STATUS_OK && c->step != STEP_POST) {
        no_answer(kp, c);
        return;
    }
    switch (c->step) {
    case STEP_META:
        take_meta(kp, c);
        break;
    case STEP_WRAP:
        take_wrap(kp, c);
        break;
    case STEP_UNWRAP:
        take_unwrap(kp, c);
        break;
    case STEP_REWRAP:
        take_rewrap(kp, c);
        break;
    case STEP_POST:
        take_post(kp, c);
        break;
    case STEP_FIND:
    case STEP_LIST:
    case STEP_DELETED:
        take_list(kp, c);
        break;
    case STEP_GET:
        take_get(kp, c);
        break;
    case STEP_DELETE:
        kp_finish(c, KEYMGR_OK);
        break;
    case STEP_BROKER:
        take_broker(kp, c);
        break;
    }
}
