/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keymgr/http and what keymgr/iam needs of disk/disk, played by the test: what is sent is kept, and the test
 * says what comes back. Included by one program only, in place of the real ones.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_FAKE_HTTP_H
#define HOLDFAST_TESTS_SUPPORT_FAKE_HTTP_H

#include <stdio.h>
#include <stdlib.h>

#include "disk/disk.h"
#include "keymgr/http.h"

struct fake_slot {
    bool running, ended;
    char method[8], url[HTTP_URL_MAX], type[80], token[TOKEN_MAX], extra[3][256];
    char body[HTTP_BODY_MAX + 1];
    uint64_t timeout_ms;
    bool fresh;
    void (*piece)(void *self, struct span bytes);
    void *self;
    struct http_answer answer;
    char *text; /* of the answer */
    unsigned begun;
};

struct http {
    struct fake_slot slots[HTTP_CALLS];
    bool full, broken; /* http_begin, http_open say no */
    unsigned begun, turns, forgotten;
};

static struct http fake;

struct http *http_carve(struct region *region)
{
    (void)region;
    return &fake;
}

bool http_open(struct http *h, const struct http_settings *settings)
{
    (void)settings;
    return !h->broken;
}

void http_forget(struct http *h)
{
    h->forgotten++;
}

void http_close(struct http *h)
{
    for (size_t i = 0; i < HTTP_CALLS; i++)
        http_free(h, i);
}

static void fake_copy(char *to, size_t cap, const char *from)
{
    int n = snprintf(to, cap, "%s", from == NULL ? "" : from);
    if (n < 0 || (size_t)n >= cap)
        abort();
}

bool http_begin(struct http *h, size_t slot, const struct http_request *q)
{
    struct fake_slot *s = &h->slots[slot];
    if (s->running || s->ended || slot >= HTTP_CALLS || q->body.len > HTTP_BODY_MAX || q->timeout_ms == 0)
        abort();
    if (h->full)
        return false;
    fake_copy(s->method, sizeof s->method, q->method);
    fake_copy(s->url, sizeof s->url, q->url);
    fake_copy(s->type, sizeof s->type, q->content_type);
    fake_copy(s->token, sizeof s->token, q->token);
    for (size_t i = 0; i < 3; i++)
        s->extra[i][0] = 0;
    for (size_t i = 0; i < 3 && q->extra[i] != NULL; i++)
        fake_copy(s->extra[i], sizeof s->extra[i], q->extra[i]);
    if (q->body.len != 0)
        memcpy(s->body, q->body.ptr, q->body.len);
    s->body[q->body.len] = 0;
    s->timeout_ms = q->timeout_ms;
    s->fresh = q->fresh;
    s->piece = q->piece;
    s->self = q->self;
    s->running = true;
    s->begun++;
    h->begun++;
    return true;
}

bool http_ended(struct http *h, size_t slot, struct http_answer *answer)
{
    if (!h->slots[slot].ended)
        return false;
    *answer = h->slots[slot].answer;
    return true;
}

void http_free(struct http *h, size_t slot)
{
    struct fake_slot *s = &h->slots[slot];
    free(s->text); /* the sanitizer sees who still reads it */
    s->text = NULL;
    s->running = s->ended = false;
}

void http_turn(struct http *h, struct clock now)
{
    (void)now;
    h->turns++;
}

size_t http_poll(struct http *h, struct pollfd *fds, size_t room, struct clock now, uint64_t *deadline_ms)
{
    (void)h, (void)fds, (void)room, (void)now, (void)deadline_ms;
    return 0;
}

/* ---- what the test says ---- */

/* The call of this slot ends with this answer; the body of a good list goes over in two pieces. */
static inline void fake_end(size_t slot, struct http_answer answer, const char *body)
{
    struct fake_slot *s = &fake.slots[slot];
    size_t len = strlen(body);
    if (!s->running)
        abort();
    s->text = malloc(len + 1);
    memcpy(s->text, body, len);
    s->answer = answer;
    if (s->piece != NULL && answer.status == 200) {
        s->piece(s->self, span_of(s->text, len / 2));
        s->piece(s->self, span_of(s->text + len / 2, len - len / 2));
        s->answer.body = span_of(s->text, 0);
    } else {
        s->answer.body = span_of(s->text, len);
    }
    s->running = false;
    s->ended = true;
}

static inline void fake_answer(size_t slot, int status, const char *body)
{
    fake_end(slot,
             (struct http_answer){.outcome = HTTP_ANSWERED, .sent = true, .status = status, .total_us = 2000},
             body);
}

static inline void fake_break(size_t slot, enum http_outcome outcome, bool sent)
{
    struct http_answer answer = {.outcome = outcome, .sent = sent};
    snprintf(answer.why, sizeof answer.why, "host: it broke");
    fake_end(slot, answer, "");
}

static inline void fake_reset(void)
{
    for (size_t i = 0; i < HTTP_CALLS; i++)
        http_free(&fake, i);
    memset(&fake, 0, sizeof fake);
}

/* ---- the disk ---- */

static struct {
    unsigned sent;
    struct disk_request last;
    bool full;
} fake_disk;

uint64_t disk_send(struct disk *disk, struct disk_request *request, struct span bytes)
{
    (void)bytes;
    if (fake_disk.full)
        return 0;
    fake_disk.sent++;
    fake_disk.last = *request;
    return ++disk->next_ticket;
}

enum ask disk_ask(const struct disk *disk, uint64_t ticket, int *error)
{
    *error = 0;
    if (ticket > disk->done_ticket)
        return ASK_WAIT;
    *error = disk->errors[ticket % DISK_QUEUE];
    return *error == 0 ? ASK_READY : ASK_FAILED;
}

/* The disk answers all that it was sent: bytes, or an error. */
static inline void fake_read(struct disk *disk, const char *text, int error)
{
    disk->done_ticket = disk->next_ticket;
    disk->errors[disk->done_ticket % DISK_QUEUE] = error;
    if (error != 0 || text[0] == 0)
        return; /* an answer without bytes leaves the bytes of the last one */
    disk->read_ticket = disk->done_ticket;
    disk->read_len = strlen(text);
    memcpy(disk->read, text, disk->read_len);
}

#endif
