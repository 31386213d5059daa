/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/http.h"

#include <ares.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/wipe.h"
#include "keymgr/http_memory.h"

/* TLS 1.2 with forward secrecy and authenticated encryption: every endpoint of IBM Cloud has them. */
#define CIPHERS                                                                                              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"               \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CONNECT_MS    5000
#define HEADER_ROOM   256
#define DAY_S         86400
#define HEADERS_MAX   7 /* four of our own, and a request's extra ones */
#define RECEIVE_BYTES 8192
#define SEND_BYTES    16384 /* the least that libcurl takes */
/* fds that libcurl wants watched: one a call, and as many for names being looked up. */
#define FDS_MAX (2 * HTTP_CALLS + 4)

struct http_slot {
    CURL *easy;
    enum { SLOT_FREE, SLOT_RUNNING, SLOT_ENDED } phase;
    CURLcode code;
    void (*piece)(void *self, struct span bytes);
    void *self;
    bool too_large;
    uint64_t retry_after_s;
    int64_t date_s;
    size_t header_count;
    struct curl_slist headers[HEADERS_MAX];
    char text[HEADERS_MAX - 1][HEADER_ROOM];
    char token[TOKEN_MAX + HEADER_ROOM];
    char url[HTTP_URL_MAX];
    bool stale; /* the handle begins anew before its next call */
    char error[CURL_ERROR_SIZE];
    size_t body_len, answer_len;
    uint8_t body[HTTP_BODY_MAX];
    uint8_t answer[HTTP_ANSWER_MAX];
};

struct http {
    CURLM *multi;
    struct http_settings settings;
    size_t running;
    bool begun;                 /* a call since the last turn */
    const struct pollfd *watch; /* of the last http_poll, filled by poll(2) since */
    size_t watch_count;
    uint64_t due_ms; /* when libcurl wants a turn without an event */
    struct http_slot slots[HTTP_CALLS];
    uint8_t memory[HTTP_MEMORY];
};

struct http *http_carve(struct region *region)
{
    return region_take(region, "HTTPS", 1, sizeof(struct http));
}

/* ---- what libcurl calls ---- */

static size_t take_body(char *data, size_t size, size_t count, void *to)
{
    struct http_slot *s = to;
    size_t len = size * count;
    long status = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    if (s->piece != NULL && status == 200) {
        s->piece(s->self, span_of(data, len));
        return len;
    }
    if (len > sizeof s->answer - s->answer_len) {
        s->too_large = true;
        return 0;
    }
    memcpy(s->answer + s->answer_len, data, len);
    s->answer_len += len;
    return len;
}

/* Decimal digits at *text, which goes on behind them and one more character. */
static int take_number(const char **text)
{
    int n = 0;
    for (int i = 0; i < 4 && **text >= '0' && **text <= '9'; i++)
        n = 10 * n + *(*text)++ - '0';
    if (**text != 0)
        (*text)++;
    return n;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 s5.6.7) as seconds since 1970; 0 when it is not that. */
static int64_t read_date(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (strlen(text) < 29 || text[3] != ',')
        return 0;
    text += 5;
    int day = take_number(&text);
    int month = 0;
    while (month < 12 && strncmp(months + 3 * (size_t)month, text, 3) != 0)
        month++;
    text += 4;
    int year = take_number(&text), hour = take_number(&text), minute = take_number(&text);
    int second = take_number(&text);
    if (month == 12 || day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 || second > 60)
        return 0;
    int64_t y = year - (month < 2), m = month < 2 ? month + 10 : month - 2;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

/* Digits as seconds, a day at the most; 0 for what is none. */
static uint64_t read_seconds(const char *text)
{
    uint64_t n = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        n = n < DAY_S ? 10 * n + (uint64_t)(*text - '0') : n;
    return n < DAY_S ? n : DAY_S;
}

static bool header_is(const char *line, size_t len, const char *name, char *value, size_t cap)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0)
        return false;
    while (n < len && line[n] == ' ')
        n++;
    size_t take = len - n < cap - 1 ? len - n : cap - 1;
    memcpy(value, line + n, take);
    value[take] = 0;
    return true;
}

static size_t take_header(char *data, size_t size, size_t count, void *to)
{
    struct http_slot *s = to;
    size_t len = size * count;
    char value[64];
    if (header_is(data, len, "Retry-After:", value, sizeof value))
        s->retry_after_s = read_seconds(value);
    else if (header_is(data, len, "Date:", value, sizeof value))
        s->date_s = read_date(value);
    return len;
}

/* ---- begin and end ---- */

static bool prepare_slot(struct http_slot *s, const struct http_settings *settings)
{
    struct curl_blob roots = {.data = (void *)(uintptr_t)settings->roots.ptr,
                              .len = settings->roots.len,
                              .flags = CURL_BLOB_NOCOPY};
    CURL *e = s->easy = curl_easy_init();
    if (e == NULL)
        return false;
    bool good = true;
#define SET(option, value) good = curl_easy_setopt(e, option, value) == CURLE_OK && good
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_CIPHER_LIST, CIPHERS);
    SET(CURLOPT_CAINFO_BLOB, &roots);
    SET(CURLOPT_PROXY, settings->proxy); /* empty: none, whatever the environment says */
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
    SET(CURLOPT_USERAGENT, "holdfast");
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, s);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, s);
    SET(CURLOPT_ERRORBUFFER, s->error);
    SET(CURLOPT_PRIVATE, s);
#undef SET
    return good;
}

static bool open_multi(struct http *h)
{
    h->multi = curl_multi_init();
    return h->multi != NULL &&
           curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_CALLS) == CURLM_OK &&
           curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
}

/*
 * A handle keeps the name servers of its first lookup for ever. One that did not get an address begins anew,
 * since the machine may have got others since: on an appliance they come with a lease, after the server's
 * start.
 */
static void renew_slot(struct http *h, struct http_slot *s)
{
    curl_easy_cleanup(s->easy);
    s->stale = !prepare_slot(s, &h->settings);
}

bool http_open(struct http *h, const struct http_settings *settings)
{
    h->settings = *settings;
    http_memory_begin(h->memory, sizeof h->memory);
    if (ares_library_init_mem(ARES_LIB_INIT_ALL, http_memory_alloc, http_memory_free, http_memory_realloc) !=
            ARES_SUCCESS ||
        curl_global_init_mem(CURL_GLOBAL_ALL, http_memory_alloc, http_memory_free, http_memory_realloc,
                             http_memory_strdup, http_memory_calloc) != CURLE_OK)
        return false;
    bool good = open_multi(h);
    for (size_t i = 0; i < HTTP_CALLS; i++)
        good = good && prepare_slot(&h->slots[i], settings);
    return good;
}

void http_close(struct http *h)
{
    for (size_t i = 0; i < HTTP_CALLS; i++) {
        http_free(h, i);
        if (h->slots[i].easy != NULL)
            curl_easy_cleanup(h->slots[i].easy);
    }
    if (h->multi != NULL)
        curl_multi_cleanup(h->multi);
    curl_global_cleanup();
    ares_library_cleanup();
    http_memory_end();
    wipe(h, sizeof *h);
}

/* ---- one call ---- */

/* libcurl does not write to it, though its type could. */
static void add_header(struct http_slot *s, const char *text)
{
    struct curl_slist *h = &s->headers[s->header_count];
    *h = (struct curl_slist){.data = (char *)(uintptr_t)text};
    if (s->header_count++ != 0)
        h[-1].next = h;
}

static bool set_headers(struct http_slot *s, const struct http_request *q)
{
    static const char accept[] = "Accept: application/json", no_expect[] = "Expect:";
    size_t used = 0;
    s->header_count = 0;
    add_header(s, accept);
    if (q->body.len != 0)
        add_header(s, no_expect);
    if (q->token != NULL) {
        int n = snprintf(s->token, sizeof s->token, "Authorization: Bearer %s", q->token);
        if (n < 0 || (size_t)n >= sizeof s->token)
            return false;
        add_header(s, s->token);
    }
    if (q->content_type != NULL) {
        snprintf(s->text[used], HEADER_ROOM, "Content-Type: %s", q->content_type);
        add_header(s, s->text[used++]);
    }
    for (size_t i = 0; i < COUNT_OF(q->extra) && q->extra[i] != NULL; i++) {
        int n = snprintf(s->text[used], HEADER_ROOM, "%s", q->extra[i]);
        if (n < 0 || n >= HEADER_ROOM || s->header_count == HEADERS_MAX)
            return false;
        add_header(s, s->text[used++]);
    }
    return true;
}

bool http_begin(struct http *h, size_t slot, const struct http_request *q)
{
    struct http_slot *s = &h->slots[slot];
    bool post = q->body.len != 0 || q->content_type != NULL;
    int n = snprintf(s->url, sizeof s->url, "%s", q->url);
    if (n < 0 || (size_t)n >= sizeof s->url || q->body.len > sizeof s->body || !set_headers(s, q)) {
        wipe(s->token, sizeof s->token);
        return false;
    }
    if (s->stale)
        renew_slot(h, s);
    if (s->easy == NULL || s->stale)
        return false;
    s->piece = q->piece;
    s->self = q->self;
    s->too_large = false;
    s->retry_after_s = 0;
    s->date_s = 0;
    s->error[0] = 0;
    s->answer_len = 0;
    s->body_len = q->body.len;
    if (q->body.len != 0)
        memcpy(s->body, q->body.ptr, q->body.len);
    bool good = curl_easy_setopt(s->easy, CURLOPT_URL, s->url) == CURLE_OK;
    good = curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK && good;
    good = curl_easy_setopt(s->easy, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L) == CURLE_OK && good;
    if (post) {
        good = curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)s->body_len) == CURLE_OK && good;
        good = curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, (char *)s->body) == CURLE_OK && good;
    }
    good = curl_easy_setopt(s->easy, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK && good;
    good = curl_easy_setopt(s->easy, CURLOPT_FRESH_CONNECT, (long)q->fresh) == CURLE_OK && good;
    good = curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms) == CURLE_OK && good;
    if (h->multi == NULL)
        good = open_multi(h) && good;
    if (!good || curl_multi_add_handle(h->multi, s->easy) != CURLM_OK) {
        wipe(s->body, s->body_len);
        wipe(s->token, sizeof s->token);
        return false;
    }
    s->phase = SLOT_RUNNING;
    h->running++;
    h->begun = true;
    return true;
}

static enum http_outcome outcome_of(const struct http_slot *s)
{
    if (s->too_large)
        return HTTP_TOO_LARGE;
    switch ((int)s->code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_NO_NAME;
    case CURLE_COULDNT_CONNECT:
        return HTTP_NO_ROUTE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_UNTRUSTED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_OVERDUE;
    case CURLE_OUT_OF_MEMORY:
        return HTTP_NO_MEMORY;
    default:
        return HTTP_BROKEN;
    }
}

/* What the operator is told: the host, and libcurl's words without what nobody needs. */
static void explain(const struct http_slot *s, struct http_answer *a)
{
    static const char *const texts[] = {
        [HTTP_NO_NAME] = "the name is not found; check the name servers",
        [HTTP_NO_ROUTE] = "no connection; check network, firewall and proxy",
        [HTTP_UNTRUSTED] = "its certificate is not trusted",
        [HTTP_OVERDUE] = "no answer in time",
        [HTTP_BROKEN] = "the connection broke",
        [HTTP_TOO_LARGE] = "its answer is too large",
        [HTTP_NO_MEMORY] = "no memory for another connection",
    };
    const char *host = strstr(s->url, "//");
    host = host == NULL ? s->url : host + 2;
    const char *more = "";
    if (s->code == CURLE_SSL_CONNECT_ERROR)
        more = " in the TLS handshake";
    if (a->outcome == HTTP_UNTRUSTED && strstr(s->error, "expired") != NULL)
        more = ": expired or not yet valid; check this machine's clock";
    else if (a->outcome == HTTP_UNTRUSTED && strstr(s->error, "name") != NULL)
        more = ": it is for another name";
    else if (a->outcome == HTTP_UNTRUSTED && strstr(s->error, "IP address") != NULL)
        more = ": it proves names, not IP addresses; use a name";
    else if (a->outcome == HTTP_UNTRUSTED && s->code == CURLE_SSL_CACERT_BADFILE)
        more = ": one of our roots cannot be used; see keymanager root and keymanager roots";
    else if (a->outcome == HTTP_UNTRUSTED)
        more = ": none of the roots signed it; see keymanager roots";
    snprintf(a->why, sizeof a->why, "%.*s: %s%s", (int)strcspn(host, "/"), host, texts[a->outcome], more);
}

bool http_ended(struct http *h, size_t slot, struct http_answer *a)
{
    struct http_slot *s = &h->slots[slot];
    long status = 0, sent = 0;
    curl_off_t connect = 0, tls = 0, total = 0;
    if (s->phase != SLOT_ENDED)
        return false;
    *a = (struct http_answer){
        .outcome = outcome_of(s), .retry_after_s = s->retry_after_s, .date_s = s->date_s};
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(s->easy, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(s->easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(s->easy, CURLINFO_TOTAL_TIME_T, &total);
    a->sent = sent != 0;
    a->status = a->outcome == HTTP_ANSWERED ? (int)status : 0;
    a->body = span_of(s->answer, s->answer_len);
    a->connect_us = (uint32_t)connect;
    a->tls_us = (uint32_t)tls;
    a->total_us = (uint32_t)total;
    if (a->outcome != HTTP_ANSWERED)
        explain(s, a);
    return true;
}

void http_free(struct http *h, size_t slot)
{
    struct http_slot *s = &h->slots[slot];
    if (s->phase == SLOT_RUNNING) {
        curl_multi_remove_handle(h->multi, s->easy);
        h->running--;
    }
    wipe(s->body, s->body_len);
    wipe(s->answer, s->answer_len);
    wipe(s->token, sizeof s->token);
    s->body_len = s->answer_len = 0;
    s->phase = SLOT_FREE;
    if (s->stale && s->easy != NULL && h->multi != NULL)
        renew_slot(h, s);
}

void http_forget(struct http *h)
{
    for (size_t i = 0; i < HTTP_CALLS; i++) {
        struct http_slot *s = &h->slots[i];
        if (s->phase != SLOT_RUNNING)
            continue;
        curl_multi_remove_handle(h->multi, s->easy);
        s->code = CURLE_GOT_NOTHING;
        s->phase = SLOT_ENDED;
        h->running--;
    }
    curl_multi_cleanup(h->multi);
    h->watch_count = 0;
    if (!open_multi(h))
        h->multi = NULL; /* http_begin tries again */
}

/* The loop turns for every client's request; libcurl is asked only when it has something to do. */
static bool is_due(const struct http *h, struct clock now)
{
    bool event = h->begun || now.mono_ms >= h->due_ms;
    for (size_t i = 0; i < h->watch_count; i++)
        event = event || h->watch[i].revents != 0;
    return event;
}

void http_turn(struct http *h, struct clock now)
{
    int still, left;
    const CURLMsg *message;
    if (h->running == 0 || !is_due(h, now))
        return;
    h->begun = false;
    h->watch_count = 0;
    h->due_ms = UINT64_MAX;
    curl_multi_perform(h->multi, &still);
    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct http_slot *s = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &s);
        curl_multi_remove_handle(h->multi, message->easy_handle);
        curl_off_t lookup = 0;
        curl_easy_getinfo(s->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
        s->stale = code != CURLE_OK && lookup == 0;
        s->code = code;
        s->phase = SLOT_ENDED;
        h->running--;
    }
}

size_t http_poll(struct http *h, struct pollfd *fds, size_t room, struct clock now, uint64_t *deadline_ms)
{
    struct curl_waitfd wait[FDS_MAX];
    unsigned count = 0;
    long ms = -1;
    for (size_t i = 0; i < HTTP_CALLS; i++)
        if (h->slots[i].phase == SLOT_ENDED)
            *deadline_ms = now.mono_ms; /* it ended in the turn that began it, and nobody has looked yet */
    h->watch_count = 0;
    h->due_ms = UINT64_MAX;
    if (h->running == 0)
        return 0;
    curl_multi_waitfds(h->multi, wait, (unsigned)(room < FDS_MAX ? room : FDS_MAX), &count);
    if (count > room || count > FDS_MAX)
        count = (unsigned)(room < FDS_MAX ? room : FDS_MAX);
    for (unsigned i = 0; i < count; i++)
        fds[i] =
            (struct pollfd){.fd = wait[i].fd,
                            .events = (short)(((wait[i].events & CURL_WAIT_POLLIN) != 0 ? POLLIN : 0) |
                                              ((wait[i].events & CURL_WAIT_POLLOUT) != 0 ? POLLOUT : 0))};
    curl_multi_timeout(h->multi, &ms);
    if (ms >= 0)
        h->due_ms = now.mono_ms + (uint64_t)ms;
    if (h->due_ms < *deadline_ms)
        *deadline_ms = h->due_ms;
    h->watch = fds;
    h->watch_count = count;
    return count;
}
