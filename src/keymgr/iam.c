/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/iam.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/wipe.h"

#define TIMEOUT_MS 10000
#define RETRY_MS   1000
#define RETRY_MOST 60000
/* The disk process has as much to do as it takes. */
#define FULL_MS 20
/* A token that was refused so soon after it came will not be better the second time. */
#define FRESH_MS 10000
/* A clock this far from the service's is named: tokens and certificates depend on it. */
#define CLOCK_OFF_S 300

static void fail(struct iam *iam, enum keymgr_result result, struct clock now)
{
    uint64_t wait = RETRY_MS << (iam->failures < 6 ? iam->failures : 6);
    iam->phase = IAM_IDLE;
    iam->result = result;
    iam->retry_ms = now.mono_ms + (wait < RETRY_MOST ? wait : RETRY_MOST);
    iam->failures++;
    iam->attempts++;
    if (iam->has_token && now.mono_ms < iam->expires_ms)
        return; /* the old one is good for some time */
    iam->has_token = false;
    wipe(iam->token, sizeof iam->token);
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static void ask_for_token(struct iam *iam, struct span key, struct clock now)
{
    static const char grant[] = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=";
    char body[sizeof grant + 3 * API_KEY_MAX + 1], url[HTTP_URL_MAX];
    struct buf out = buf_over(body, sizeof body);
    buf_add_text(&out, grant);
    for (size_t i = 0; i < key.len; i++)
        buf_print(&out, is_plain(key.ptr[i]) ? "%c" : "%%%02X", key.ptr[i]);
    snprintf(url, sizeof url, "%s/identity/token", iam->url);
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .content_type = "application/x-www-form-urlencoded",
                                   .body = buf_span(&out),
                                   .timeout_ms = TIMEOUT_MS};
    if (http_begin(iam->http, iam->slot, &request)) {
        iam->phase = IAM_WAITING;
    } else {
        snprintf(iam->why, sizeof iam->why, "no memory for a connection to %s", iam->url);
        fail(iam, KEYMGR_AWAY, now);
    }
    wipe(body, sizeof body);
}

/* The file holds the key on its first line. */
static struct span first_line(struct span text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] > ' ' && text.ptr[len] < 0x7f)
        len++;
    return span_of(text.ptr, len);
}

/* What the disk process has read, opened. A file that is longer than any key has none either way. */
static enum status open_file(const struct iam *iam, uint8_t *out, size_t cap, size_t *len)
{
    static const struct vault none = {.sealed = false};
    struct span file = span_of(iam->disk->read, iam->disk->read_len);
    const struct vault *vault = iam->vault != NULL ? iam->vault : &none;
    if (!vault->sealed && file.len > cap)
        file.len = cap;
    return vault_read(vault, API_KEY_FILE, file, out, cap, len);
}

static void explain_file(struct iam *iam, int error, enum status sealed)
{
    const char *what = NULL;
    if (error == ENOENT)
        what = "there is no API key; type it: keymanager credential, or put it into the file " API_KEY_FILE;
    else if (error == EPERM)
        what = "the file " API_KEY_FILE " may be read by others; chmod 600 it, or type the key anew";
    else if (error == 0 && sealed == STATUS_REFUSED)
        what = "the file " API_KEY_FILE " is sealed under another state key; type the key anew";
    else if (error == 0 && sealed == STATUS_MALFORMED)
        what = "the file " API_KEY_FILE " is not sealed, though there is a state key; type the key anew";
    else if (error == 0)
        what = "the file " API_KEY_FILE " has no API key on its first line; type it: keymanager credential";
    if (what != NULL)
        snprintf(iam->why, sizeof iam->why, "%s", what);
    else
        snprintf(iam->why, sizeof iam->why, "the file " API_KEY_FILE " cannot be read (error %d)", error);
}

static void take_key(struct iam *iam, struct clock now)
{
    int error = 0;
    enum ask ask = disk_ask(iam->disk, iam->ticket, &error);
    if (ask == ASK_WAIT)
        return;
    bool has_bytes = iam->disk->read_ticket == iam->ticket; /* an empty file's answer has none */
    uint8_t text[API_KEY_MAX + 1];
    enum status sealed = STATUS_OK;
    size_t len = 0;
    if (ask == ASK_READY && has_bytes)
        sealed = open_file(iam, text, sizeof text, &len);
    struct span key = first_line(span_of(text, len));
    if (ask == ASK_READY && (iam->outdated || iam->disk->read_ticket > iam->ticket)) {
        iam->phase = IAM_IDLE; /* the file is another one, or another file was read since: once more */
        iam->outdated = false;
    } else if (ask == ASK_READY && key.len != 0 && key.len <= API_KEY_MAX) {
        ask_for_token(iam, key, now);
    } else {
        iam->outdated = false;
        explain_file(iam, error, sealed);
        fail(iam, KEYMGR_LOCKED, now);
    }
    wipe(text, sizeof text);
    if (has_bytes) {
        wipe(iam->disk->read, sizeof iam->disk->read);
        iam->disk->read_len = 0;
    }
}

/* IAM's own codes (BXNIM....E), told apart by what the operator has to do. */
static void explain(struct iam *iam, const struct http_answer *a, struct clock now)
{
    static const struct {
        const char *code;
        const char *text;
    } known[] = {
        {"BXNIM0415E", "IAM does not know this API key: deleted, disabled or mistyped"},
        {"BXNIM0410E", "IAM: the service ID of this API key is deleted or not active"},
        {"BXNIM0109E", "IAM: the account of this API key is not active"},
    };
    char code[16] = "";
    bool denied = a->status == 400 || a->status == 401 || a->status == 403;
    if (json_parse(iam->json, a->body) == STATUS_OK)
        (void)json_string(iam->json, json_member(iam->json, 0, "errorCode"), code, sizeof code);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(code, known[i].code) == 0) {
            snprintf(iam->why, sizeof iam->why, "%s", known[i].text);
            fail(iam, KEYMGR_DENIED, now);
            return;
        }
    for (char *c = code; *c != 0; c++)
        *c = *c > ' ' && *c < 0x7f ? *c : '?';
    snprintf(iam->why, sizeof iam->why, "IAM answered %d %.15s%s", a->status, code,
             a->status == 429 ? ": too many requests"
             : denied         ? ": it refuses this API key"
                              : ": trouble on its side");
    fail(iam, denied ? KEYMGR_DENIED : KEYMGR_AWAY, now);
    if (a->retry_after_s != 0 && a->retry_after_s * 1000 <= RETRY_MOST)
        iam->retry_ms = now.mono_ms + a->retry_after_s * 1000;
}

static void keep_token(struct iam *iam, const struct http_answer *a, struct clock now)
{
    char token[TOKEN_MAX];
    int64_t life_s = 0;
    const struct json *j = iam->json;
    bool good = json_parse(iam->json, a->body) == STATUS_OK;
    good = good && json_string(j, json_member(j, 0, "access_token"), token, sizeof token);
    good = good && json_integer(j, json_member(j, 0, "expires_in"), &life_s) && life_s > 0 && life_s <= 86400;
    good = good && token[0] != 0 && first_line(span_of_text(token)).len == strlen(token);
    if (good) {
        wipe(iam->token, sizeof iam->token);
        memcpy(iam->token, token, strlen(token) + 1);
    }
    wipe(token, sizeof token);
    if (!good) {
        snprintf(iam->why, sizeof iam->why, "%s: the answer is no token", iam->url);
        fail(iam, KEYMGR_AWAY, now);
        return;
    }
    iam->phase = IAM_IDLE;
    iam->has_token = true;
    iam->result = KEYMGR_OK;
    iam->failures = 0;
    iam->attempts++;
    iam->retry_ms = 0;
    iam->got_ms = now.mono_ms;
    iam->refresh_ms = now.mono_ms + (uint64_t)life_s * 800;
    iam->expires_ms = now.mono_ms + (uint64_t)life_s * 1000 - (life_s > 20 ? 10000 : 0);
    iam->why[0] = 0;
}

static void name_clock(struct iam *iam, const struct http_answer *a, struct clock now)
{
    int64_t off = a->date_s - now.unix_s;
    if (iam->result != KEYMGR_DENIED || a->date_s == 0 || (off < CLOCK_OFF_S && off > -CLOCK_OFF_S))
        return;
    snprintf(iam->why, sizeof iam->why, "this machine's clock is %lld minutes %s; IAM refuses it",
             (long long)(off < 0 ? -off : off) / 60, off < 0 ? "ahead" : "behind");
}

static void take_token(struct iam *iam, struct clock now)
{
    struct http_answer a;
    if (!http_ended(iam->http, iam->slot, &a))
        return;
    iam->took_us = a.total_us;
    if (iam->outdated) {
        iam->outdated = false;
        iam->phase = IAM_IDLE;
    } else if (a.outcome != HTTP_ANSWERED) {
        snprintf(iam->why, sizeof iam->why, "%s", a.why);
        fail(iam, KEYMGR_AWAY, now);
    } else if (a.status == 200) {
        keep_token(iam, &a, now);
    } else {
        explain(iam, &a, now);
        name_clock(iam, &a, now);
    }
    http_free(iam->http, iam->slot);
}

void iam_turn(struct iam *iam, struct clock now)
{
    if (iam->phase == IAM_IDLE && now.mono_ms >= iam->retry_ms &&
        (!iam->has_token || now.mono_ms >= iam->refresh_ms)) {
        struct disk_request request = {
            .op = DISK_SECRET, .len = API_KEY_MAX + 1 + VAULT_OVERHEAD, .name = API_KEY_FILE};
        iam->ticket = disk_send(iam->disk, &request, span_of(NULL, 0));
        if (iam->ticket != 0)
            iam->phase = IAM_READING;
        else
            iam->retry_ms = now.mono_ms + FULL_MS;
    }
    if (iam->phase == IAM_READING)
        take_key(iam, now);
    if (iam->phase == IAM_WAITING)
        take_token(iam, now);
}

enum ask iam_ask(const struct iam *iam, struct clock now)
{
    if (iam->has_token && now.mono_ms < iam->expires_ms)
        return ASK_READY;
    if (iam->result != KEYMGR_OK && now.mono_ms < iam->retry_ms)
        return ASK_FAILED;
    return ASK_WAIT;
}

bool iam_reject(struct iam *iam, uint64_t got_ms, struct clock now)
{
    if (!iam->has_token || got_ms != iam->got_ms)
        return true;
    if (now.mono_ms - iam->got_ms < FRESH_MS)
        return false;
    iam->has_token = false;
    wipe(iam->token, sizeof iam->token);
    return true;
}

void iam_renew(struct iam *iam)
{
    iam->has_token = false;
    wipe(iam->token, sizeof iam->token);
    iam->retry_ms = 0;
    iam->failures = 0;
    iam->outdated = iam->phase != IAM_IDLE;
}

void iam_refresh(struct iam *iam)
{
    iam->refresh_ms = 0;
    iam->retry_ms = 0;
    iam->failures = 0;
}

uint64_t iam_deadline(const struct iam *iam)
{
    if (iam->phase != IAM_IDLE)
        return UINT64_MAX; /* an answer comes first */
    uint64_t due = iam->has_token ? iam->refresh_ms : 0;
    return due > iam->retry_ms ? due : iam->retry_ms;
}
