/* SPDX-License-Identifier: Apache-2.0 */
/* An open connection: requests are read, carried out and answered, one after the other. */
#include "base/bytes.h"
#include "base/text.h"
#include "base/wipe.h"
#include "kmip/tag.h"
#include "server/conn.h"
#include "server/conn_parts.h"

/* Lines a minute about changes by clients. */
#define AUDIT_LINES 600

static uint8_t *in_buffer(struct conn *c)
{
    return c->large != NULL ? c->large->request : c->buffer;
}

/* The request is over; its bytes make room for the next one, which may be here already. */
static void end_request(struct server *s, struct conn *c)
{
    wipe(in_buffer(c), c->in_len);
    c->in_len = c->message_len = 0;
    c->running = c->wants_large = false;
    c->deadline_ms = s->now.mono_ms + s->config.request_timeout_ms;
}

/* Nothing is under way: the client may take its time. */
void conn_expect_request(struct server *s, struct conn *c)
{
    if (c->in_len != 0)
        return;
    conn_release_large(c);
    c->deadline_ms = s->now.mono_ms + s->config.idle_timeout_ms;
}

/* Batches may have long answers; they get a large buffer while one is free. */
static void take_large(struct server *s, struct conn *c)
{
    if (c->large != NULL)
        return;
    for (size_t i = 0; i < MESSAGE_LARGE_SLOTS; i++)
        if (!s->large[i].in_use) {
            c->large = &s->large[i];
            c->large->in_use = true;
            memcpy(c->large->request, c->buffer, c->in_len);
            wipe(c->buffer, c->in_len);
            return;
        }
}

/* What a client sends behind a message that ends the connection is of no interest, but stands in the way of
 * the answer. */
static void drop_readable(struct conn *c)
{
    uint8_t ignored[512];
    while (tls_read(&c->tls, ignored, sizeof ignored) != 0)
        continue;
}

/* Hands the answer to TLS; what it does not take yet is kept where it stays put. */
static void send_answer(struct server *s, struct conn *c, const uint8_t *answer, size_t len)
{
    end_request(s, c);
    if (c->closing)
        drop_readable(c);
    size_t taken = tls_write(&c->tls, answer, len);
    c->out_len = len - taken;
    if (c->out_len != 0) {
        if (c->out_len > CONNECTION_BUFFER - MESSAGE_SMALL)
            take_large(s, c);
        uint8_t *keep = c->large != NULL ? c->large->answer : c->buffer + MESSAGE_SMALL;
        if (c->large == NULL && c->out_len > CONNECTION_BUFFER - MESSAGE_SMALL) {
            conn_log_trouble(
                s, c,
                "closed: no memory for its answer; the client sends more requests than it reads answers");
            c->closing = true;
            c->out_len = 0;
        } else {
            memmove(keep, answer + taken, c->out_len);
            c->out = keep;
        }
    }
    tls_flush(&c->tls, c->fd);
    if (c->out_len == 0 && !c->closing)
        conn_expect_request(s, c);
    else if (c->closing && c->out_len == 0 && !tls_unsent(&c->tls))
        conn_linger(s, c);
}

static void refuse_message(struct server *s, struct conn *c, const struct request_header *header,
                           enum result_reason reason, const char *why, bool and_close)
{
    size_t len = request_refuse(header, reason, why, s->now.unix_s, s->scratch, ANSWER_RECORD);
    s->counters.refused_messages++;
    conn_log_trouble(s, c, why);
    c->closing = and_close;
    c->running = false;
    send_answer(s, c, s->scratch, len);
}

static void audit(struct server *s, struct conn *c)
{
    char peer[PEER_TEXT], uid[UUID_TEXT + 1];
    const struct client *client = trust_client(&c->tls.trust);
    const char *name = client != NULL                ? client->name
                       : c->tls.trust.authority >= 0 ? s->clients->authorities[c->tls.trust.authority].name
                                                     : "removed";
    conn_peer(c, peer);
    for (size_t i = 0; i < s->audit.count; i++) {
        const struct audit_note *n = &s->audit.notes[i];
        const struct operation *row = operation_find(n->operation, KMIP_MINOR_MAX);
        uint32_t skipped;
        if (!log_limit_pass(&s->limit_audit, s->now.unix_s, AUDIT_LINES, &skipped))
            continue;
        if (skipped != 0)
            log_write(&s->log, LOG_INFO, "audit", "%u more in the minute before", skipped);
        if (n->has_uid)
            uuid_write(n->uid, uid);
        log_write(&s->log, LOG_INFO, "audit", "%s %s %s %s %s", name, peer,
                  row != NULL ? row->name : "unknown operation", n->has_uid ? uid : "-",
                  n->reason == REASON_NONE ? "ok" : result_reason_name(n->reason));
    }
    s->audit.count = 0;
}

/* Where the answer is written: in its large buffer, or in the scratch that all small ones share. */
static uint8_t *answer_buffer(struct server *s, struct conn *c)
{
    return c->large != NULL ? c->large->answer : s->scratch;
}

static size_t answer_room(const struct conn *c)
{
    if (c->large != NULL)
        return MESSAGE_LARGE;
    return c->request.header.batch_count > 1 ? CONNECTION_BUFFER - MESSAGE_SMALL : ANSWER_RECORD;
}

static void run_request(struct server *s, struct conn *c)
{
    uint8_t *answer = answer_buffer(s, c);
    size_t kept = c->request.response_len;
    if (c->large == NULL && kept != 0) {
        memcpy(s->scratch, c->buffer + MESSAGE_SMALL, kept);
        wipe(c->buffer + MESSAGE_SMALL, kept);
    }
    s->env.now = s->now;
    c->asked_at = s->store.news;
    enum request_state state = request_run(&c->request, &s->env, answer, answer_room(c), BATCH_ITEMS_A_TURN);
    if (s->audit.count != 0)
        audit(s, c);
    size_t len = c->request.response_len;
    c->ready = state == REQUEST_AGAIN;
    if (state == REQUEST_DONE) {
        s->counters.requests++;
        c->running = false;
        send_answer(s, c, answer, len);
    } else if (c->large == NULL) {
        memcpy(c->buffer + MESSAGE_SMALL, s->scratch, len);
    }
    wipe(s->scratch, len > kept ? len : kept);
}

/* Who the client is: its enrolment, or the user whose password it gives (KMIP 1.4 s6.6). */
static enum result_reason identify(struct server *s, struct conn *c, const char **why)
{
    const struct trust *trust = &c->tls.trust;
    struct client *client = trust_client(trust);
    uint8_t scope;
    if (client != NULL) {
        scope = client->scope;
        client->requests++;
        client->last_seen_s = s->now.unix_s;
    } else if (trust->client < 0 && trust->authority >= 0) {
        scope = s->clients->authorities[trust->authority].scope;
    } else {
        return refuse(why, REASON_AUTHENTICATION_NOT_SUCCESSFUL, "this client is no longer enrolled");
    }
    enum result_reason reason = clients_authenticate(s->clients, &c->request.header.credential, &scope, why);
    c->request.identity.scope = scope;
    return reason;
}

static void start_request(struct server *s, struct conn *c)
{
    const char *why = NULL;
    struct span message = span_of(in_buffer(c), c->message_len);
    uint64_t deadline = c->request_ms + s->config.request_timeout_ms;
    enum result_reason reason = request_begin(&c->request, message, deadline, &why);
    if (reason == REASON_NONE && c->request.header.batch_count > 1 && c->large == NULL) {
        take_large(s, c);
        if (c->large != NULL)
            reason = request_begin(&c->request, span_of(in_buffer(c), c->message_len), deadline, &why);
    }
    if (reason == REASON_NONE)
        reason = identify(s, c, &why);
    if (reason != REASON_NONE) {
        struct request_header header = c->request.header;
        refuse_message(s, c, &header, reason, why,
                       trust_client(&c->tls.trust) == NULL && c->tls.trust.client >= 0);
        return;
    }
    c->running = true;
    /* The request's own deadline answers first; this one ends a connection whose answer nobody reads. */
    c->deadline_ms = deadline + s->config.request_timeout_ms;
    run_request(s, c);
}

/* The 8 bytes before every message tell its length. */
static bool read_header(struct server *s, struct conn *c)
{
    static const struct request_header oldest = {.major = 1};
    const uint8_t *head = in_buffer(c);
    uint32_t len = be32_get(head + 4);
    if (be24_get(head) != TAG_REQUEST_MESSAGE || head[3] != TTLV_STRUCTURE) {
        refuse_message(s, c, &oldest, REASON_INVALID_MESSAGE, "this is not a KMIP request", true);
        return false;
    }
    if (len > MESSAGE_LARGE - TTLV_HEADER) {
        refuse_message(s, c, &oldest, REASON_INVALID_MESSAGE,
                       "a request is at most 65,536 bytes; send smaller batches", true);
        return false;
    }
    c->message_len = TTLV_HEADER + len;
    return true;
}

/* How much of a request to read at first: its header, or all of it when it is small and here. */
static size_t first_bytes(const struct conn *c)
{
    struct span ahead = tls_ahead(&c->tls);
    if (ahead.len < TTLV_HEADER)
        return TTLV_HEADER;
    size_t whole = TTLV_HEADER + (size_t)be32_get(ahead.ptr + 4);
    return whole <= MESSAGE_SMALL && whole <= ahead.len ? whole : TTLV_HEADER;
}

/* Reads what TLS has of the current request. True when it is whole. */
static bool read_request(struct server *s, struct conn *c)
{
    for (;;) {
        size_t wanted = c->message_len != 0 ? c->message_len : c->in_len != 0 ? TTLV_HEADER : first_bytes(c);
        if (c->in_len == wanted && c->message_len != 0)
            return true;
        if (wanted > MESSAGE_SMALL && c->large == NULL) {
            take_large(s, c);
            c->wants_large = c->large == NULL;
            if (c->wants_large)
                return false;
        }
        size_t n = tls_read(&c->tls, in_buffer(c) + c->in_len, wanted - c->in_len);
        if (n == 0)
            return false;
        if (c->in_len == 0) {
            c->request_ms = s->now.mono_ms;
            c->deadline_ms = s->now.mono_ms + s->config.request_timeout_ms;
        }
        c->in_len += n;
        if (c->message_len == 0 && c->in_len >= TTLV_HEADER && !read_header(s, c))
            return false;
    }
}

/*
 * The TLS buffer serves both directions in turn: what the client has sent ahead has to be taken out of it
 * before more of the answer goes in.
 */
static void send_rest(struct server *s, struct conn *c)
{
    if (c->closing) {
        drop_readable(c);
    } else if (tls_readable(&c->tls) && read_request(s, c) && tls_readable(&c->tls)) {
        conn_log_trouble(s, c, "closed: the client sends more requests than it reads answers");
        c->closing = true;
        c->out_len = 0;
        return;
    }
    size_t taken = tls_write(&c->tls, c->out, c->out_len);
    wipe((uint8_t *)(uintptr_t)c->out, taken);
    c->out += taken;
    c->out_len -= taken;
    tls_flush(&c->tls, c->fd);
    if (c->out_len == 0 && !c->closing)
        conn_expect_request(s, c);
}

/* More requests may be decrypted already, which poll cannot see; an answer may wait only for them to be
 * taken. */
static bool wants_turn(const struct conn *c)
{
    if (c->out_len != 0)
        return tls_readable(&c->tls) && !c->wants_large;
    if (c->closing)
        return !tls_unsent(&c->tls);
    return !c->running && !c->wants_large && (tls_readable(&c->tls) || tls_staged(&c->tls));
}

/* An answer that waits goes first; then, as far as it is here, the next request. */
void conn_turn_open(struct server *s, struct conn *c)
{
    if (c->out_len != 0)
        send_rest(s, c);
    if (c->out_len != 0) {
        c->ready = wants_turn(c);
        return;
    }
    if (c->closing) {
        if (!tls_unsent(&c->tls))
            conn_linger(s, c);
        return;
    }
    if (c->running)
        run_request(s, c);
    else if (read_request(s, c))
        start_request(s, c);
    c->ready = c->ready || wants_turn(c);
}
