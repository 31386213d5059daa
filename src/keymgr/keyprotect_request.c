/* SPDX-License-Identifier: Apache-2.0 */
/* What each step sends (Key Protect API v2; HPCS has the same, but for the additional authenticated data). */
#include <inttypes.h>
#include <stdio.h>

#include "crypto/digest.h"
#include "keymgr/keyprotect_state.h"

/*
 * A record's standard key is found by people under its name, vmware_kmip_<Unique Identifier>, and its
 * description tells other nodes what they need before they read it: the generation, and the beginning of its
 * SHA-256.
 */
#define NAME_PREFIX "vmware_kmip_"
#define TEST_PREFIX "holdfast_test_"
#define DESCRIPTION "Holdfast record 1, generation "
#define DIGEST      ", digest "
#define API         "/api/v2/keys"
#define KEY_TYPE    "application/vnd.ibm.kms.key+json"
#define ACTION_TYPE "application/vnd.ibm.kms.key_action+json"
/* Records of one object that live at once are one or two; more are left for the next time. */
#define FIND_PAGE 50

void kp_describe(const struct keymgr_call *call, struct span record, struct buf *name,
                 struct buf *description)
{
    char uid[UUID_TEXT + 1], digest[2 * RECORD_DIGEST_BYTES + 1];
    uint8_t hash[SHA256_BYTES];
    uuid_write(call->uid, uid);
    sha256(record, hash);
    hex_write(span_of(hash, RECORD_DIGEST_BYTES), 0, false, digest, sizeof digest);
    buf_print(name, NAME_PREFIX "%s", uid);
    buf_print(description, DESCRIPTION "%" PRIu32 DIGEST "%s", call->generation, digest);
}

bool kp_read_description(const char *name, const char *description, struct keymgr_listed *out)
{
    uint64_t generation;
    if (strncmp(name, NAME_PREFIX, sizeof NAME_PREFIX - 1) != 0 ||
        strncmp(description, DESCRIPTION, sizeof DESCRIPTION - 1) != 0 ||
        uuid_read(span_of_text(name + sizeof NAME_PREFIX - 1), out->uid) != STATUS_OK)
        return false;
    const char *number = description + sizeof DESCRIPTION - 1;
    size_t digits = strspn(number, "0123456789");
    if (number_read(span_of(number, digits), UINT32_MAX, &generation) != STATUS_OK || generation == 0 ||
        strncmp(number + digits, DIGEST, sizeof DIGEST - 1) != 0)
        return false;
    out->generation = (uint32_t)generation;
    struct span digest = span_of_text(number + digits + sizeof DIGEST - 1);
    return digest.len == 2 * RECORD_DIGEST_BYTES &&
           hex_read(digest, out->digest, sizeof out->digest) == STATUS_OK;
}

/* The key that is wrapped and unwrapped to see whether the root key does so: it is of no object. */
static bool is_check(const struct kp_call *c)
{
    return c->call.kind == KEYMGR_STATE || c->testing;
}

/* Key Protect binds a wrapped key to the Unique Identifier; HPCS knows no additional data. */
static void add_aad(const struct keyprotect *kp, const struct kp_call *c, struct buf *body)
{
    static const uint8_t no_object[UUID_BYTES];
    char uid[UUID_TEXT + 1];
    if (kp->hpcs)
        return;
    uuid_write(is_check(c) ? no_object : c->call.uid, uid);
    buf_print(body, "%s\"aad\":[\"%s\"]", body->len > 1 ? "," : "", uid);
}

static void write_action(const struct keyprotect *kp, const struct kp_call *c, struct buf *body)
{
    buf_add_text(body, "{");
    if (c->step != STEP_WRAP) {
        struct span wrapped = is_check(c) ? span_of(kp->check, kp->check_len) : span_of(c->data, c->data_len);
        buf_print(body, "\"ciphertext\":\"%.*s\"", (int)wrapped.len, (const char *)wrapped.ptr);
    }
    add_aad(kp, c, body);
    buf_add_text(body, "}");
}

static void write_record(const struct kp_call *c, struct buf *body)
{
    char name[64], description[128];
    struct buf n = buf_over(name, sizeof name), d = buf_over(description, sizeof description);
    struct span record = span_of(c->data, c->data_len);
    kp_describe(&c->call, record, &n, &d);
    if (c->testing) {
        char uid[UUID_TEXT + 1];
        uuid_write(c->call.uid, uid);
        snprintf(name, sizeof name, TEST_PREFIX "%s", uid);
        snprintf(description, sizeof description, "Test of the rights of Holdfast; may be deleted");
    }
    buf_print(body,
              "{\"metadata\":{\"collectionType\":\"" KEY_TYPE "\",\"collectionTotal\":1},\"resources\":[{"
              "\"type\":\"" KEY_TYPE
              "\",\"name\":\"%s\",\"description\":\"%s\",\"extractable\":true,\"payload\":\"",
              name, description);
    base64_write(record, body);
    buf_add_text(body, "\"}]}");
}

static void write_query(const struct kp_call *c, struct buf *url)
{
    char uid[UUID_TEXT + 1];
    uuid_write(c->call.uid, uid);
    buf_print(url, "?limit=%zu&offset=%" PRIu64 "&extractable=true&sort=%s", c->page, c->offset,
              c->step == STEP_DELETED ? "-deletionDate&state=5" : "-creationDate");
    if (c->step == STEP_FIND && !c->whole)
        buf_print(url, "&search=exact:name:" NAME_PREFIX "%s", uid);
    else if (!c->whole)
        buf_add_text(url, "&search=name:" NAME_PREFIX);
}

static void begin_page(struct kp_call *c)
{
    c->page = c->step == STEP_FIND && !c->whole ? FIND_PAGE : KEYMGR_PAGE;
    if (c->call.wanted != 0 && c->call.wanted < c->page)
        c->page = c->call.wanted;
    c->foreign = 0;
    if (c->step != STEP_FIND || c->offset == 0)
        c->listed_count = 0;
    json_list_begin(&c->list, kp_take_element, c);
}

static void write_url(struct keyprotect *kp, struct kp_call *c, struct buf *url)
{
    static const char *const actions[] = {
        [STEP_WRAP] = "wrap", [STEP_UNWRAP] = "unwrap", [STEP_REWRAP] = "rewrap"};
    char id[UUID_TEXT + 1];
    uuid_write(c->call.record_id, id);
    if (c->step == STEP_BROKER) {
        buf_print(url, "%s/crypto_v2/instances/%s", kp->broker, kp->instance);
        return;
    }
    buf_print(url, "%s" API, kp->url);
    switch (c->step) {
    case STEP_META:
        buf_print(url, "/%s/metadata", kp->root_key);
        break;
    case STEP_WRAP:
    case STEP_UNWRAP:
    case STEP_REWRAP:
        buf_print(url, "/%s/actions/%s", kp->root_key, actions[c->step]);
        break;
    case STEP_FIND:
    case STEP_LIST:
    case STEP_DELETED:
        begin_page(c);
        write_query(c, url);
        break;
    case STEP_GET:
    case STEP_DELETE:
        buf_print(url, "/%s", id);
        break;
    case STEP_POST:
    case STEP_BROKER:
        break;
    }
}

bool kp_send(struct keyprotect *kp, struct kp_call *c)
{
    char text[HTTP_URL_MAX];
    size_t slot = (size_t)(c - kp->calls);
    struct buf url = buf_over(text, sizeof text), body = buf_over(kp->body, sizeof kp->body);
    struct http_request q = {.method = "GET",
                             .token = kp->iam.token,
                             .timeout_ms = c->deadline_ms - kp->now.mono_ms,
                             .fresh = c->testing && c->step == STEP_META};
    c->token_ms = kp->iam.got_ms;
    write_url(kp, c, &url);
    q.url = text;
    if (c->step != STEP_BROKER)
        q.extra[0] = kp->instance_header;
    if (c->step == STEP_WRAP || c->step == STEP_UNWRAP || c->step == STEP_REWRAP) {
        q.method = "POST";
        q.content_type = ACTION_TYPE;
        write_action(kp, c, &body);
    } else if (c->step == STEP_POST) {
        q.method = "POST";
        q.content_type = KEY_TYPE;
        write_record(c, &body);
    } else if (c->step == STEP_DELETE) {
        q.method = "DELETE";
    } else if (c->step == STEP_FIND || c->step == STEP_LIST || c->step == STEP_DELETED) {
        q.piece = kp_take_piece;
        q.self = c;
    }
    if (kp->ring_header[0] != 0 && (c->step == STEP_POST || q.piece != NULL))
        q.extra[1] = kp->ring_header;
    q.body = buf_span(&body);
    return !url.full && !body.full && http_begin(kp->http, slot, &q);
}
