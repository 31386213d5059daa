/* SPDX-License-Identifier: Apache-2.0 */
#include "init/download.h"

#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>

#include "keymgr/http.h"

#define FDS_ROOM  (2 * HTTP_CALLS + 4)
#define TURN_MS   1000 /* the longest wait: time is looked at this often */
#define URL_START "https://"

struct run {
    const struct download *wish;
    enum download_word word;
    uint64_t come;
    char *why;
    size_t cap;
};

bool download_url_fits(const char *url, char *why, size_t cap)
{
    size_t len = strlen(url), host = sizeof URL_START - 1;
    bool good = strncmp(url, URL_START, host) == 0;
    if (!good) {
        snprintf(why, cap, "the address has to begin with https://");
        return false;
    }
    good = len < HTTP_URL_MAX && strcspn(url + host, "/:?#") != 0;
    for (size_t i = 0; i < len && good; i++)
        good = url[i] > ' ' && url[i] < 0x7f && url[i] != '"' && url[i] != '\\' && url[i] != '@';
    if (!good)
        snprintf(why, cap,
                 "the address is https://HOST/PATH of at most %d printable characters, without a password",
                 HTTP_URL_MAX - 1);
    return good;
}

static void take_piece(void *self, struct span bytes)
{
    struct run *r = self;
    if (r->word != DOWNLOAD_MORE)
        return;
    r->come += bytes.len;
    if (r->come > r->wish->most) {
        r->word = DOWNLOAD_REFUSED;
        snprintf(r->why, r->cap, "the file has more than %llu bytes; it is no update for this box",
                 (unsigned long long)r->wish->most);
        return;
    }
    r->word = r->wish->take(r->wish->self, bytes, r->why, r->cap);
}

/* Carries the call on until it ends, or nobody wants more. False: it was not ended. */
static bool carry_on(struct http *http, struct run *r, uint64_t until_ms, struct http_answer *answer)
{
    struct pollfd fds[FDS_ROOM];
    for (;;) {
        struct clock now = clock_read();
        uint64_t deadline = now.mono_ms + TURN_MS;
        http_turn(http, now);
        if (r->word != DOWNLOAD_MORE)
            return false;
        if (http_ended(http, 0, answer))
            return true;
        if (now.mono_ms >= until_ms) {
            r->word = DOWNLOAD_REFUSED;
            snprintf(r->why, r->cap, "the file did not come in time; try again, or use a stick");
            return false;
        }
        size_t n = http_poll(http, fds, COUNT_OF(fds), now, &deadline);
        poll(fds, n, deadline > now.mono_ms ? (int)(deadline - now.mono_ms) : 0);
    }
}

static bool judge(const struct http_answer *a, const char *url, char *why, size_t cap)
{
    int host = (int)strcspn(url + sizeof URL_START - 1, "/");
    url += sizeof URL_START - 1;
    if (a->outcome != HTTP_ANSWERED)
        snprintf(why, cap, "%s", a->why);
    else if (a->status >= 300 && a->status < 400)
        snprintf(why, cap, "%.*s sends to another address (%d); use that one", host, url, a->status);
    else if (a->status == 404)
        snprintf(why, cap, "%.*s has no such file (404); check the address", host, url);
    else if (a->status != 200)
        snprintf(why, cap, "%.*s refuses (HTTP %d)", host, url, a->status);
    else
        return true;
    return false;
}

static bool call(struct http *http, const struct download *wish, char *why, size_t cap)
{
    struct http_answer answer;
    struct run run = {.wish = wish, .word = DOWNLOAD_MORE, .why = why, .cap = cap};
    struct http_request request = {
        .method = "GET", .url = wish->url, .timeout_ms = wish->timeout_ms, .piece = take_piece, .self = &run};
    if (!http_begin(http, 0, &request)) {
        snprintf(why, cap, "there is no memory for the connection");
        return false;
    }
    uint64_t until_ms = clock_read().mono_ms + wish->timeout_ms + TURN_MS;
    bool ended = carry_on(http, &run, until_ms, &answer);
    bool good = ended ? judge(&answer, wish->url, why, cap) : run.word == DOWNLOAD_ENOUGH;
    http_free(http, 0);
    return good;
}

bool download_run(const struct download *wish, char *why, size_t cap)
{
    struct region plan = {.base = NULL}, region;
    bool locked;
    if (!download_url_fits(wish->url, why, cap))
        return false;
    http_carve(&plan);
    if (region_map(&region, plan.used, false, &locked) != STATUS_OK) {
        snprintf(why, cap, "there is no memory for the connection");
        return false;
    }
    struct http *http = http_carve(&region);
    struct http_settings settings = {.roots = wish->roots, .proxy = wish->proxy};
    bool good = http_open(http, &settings);
    if (!good)
        snprintf(why, cap, "there is no memory for the connection");
    good = good && call(http, wish, why, cap);
    http_close(http);
    munmap(region.base, region.size);
    return good;
}
