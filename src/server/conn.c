/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/wipe.h"
#include "kmip/tag.h"

/* Lines a minute about refused certificates, about other trouble, and about changes by clients. */
#define UNKNOWN_LINES 4
#define TROUBLE_LINES 10
#define AUDIT_LINES   600

void conn_peer(const struct conn *conn, char out[PEER_TEXT])
{
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(AF_INET6, &conn->peer.sin6_addr, text, sizeof text);
    const char *plain = strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL ? text + 7 : text;
    snprintf(out, PEER_TEXT, "%s", plain);
}

/* ---- slots ---- */

static void release_large(struct conn *c)
{
    if (c->large == NULL)
        return;
    wipe(c->large, sizeof *c->large);
    c->large = NULL;
}

void conn_drop(struct server *s, struct conn *c)
{
    release_large(c);
    close(c->fd);
    tls_end(&c->tls);
    wipe(c->buffer, sizeof c->buffer);
    c->phase = CONN_FREE;
    for (uint32_t i = 0; i < s->live_count; i++)
        if (s->live[i] == c->slot) {
            s->live[i] = s->live[--s->live_count];
            break;
        }
}

static bool same_source(const struct conn *c, const struct sockaddr_in6 *peer)
{
    return memcmp(&c->peer.sin6_addr, &peer->sin6_addr, sizeof peer->sin6_addr) == 0;
}

/* The connection that has not authenticated for longest, if it had its time. */
static struct conn *find_stale(struct server *s)
{
    struct conn *oldest = NULL;
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct conn *c = &s->conns[s->live[i]];
        if (c->phase == CONN_OPEN || s->now.mono_ms - c->opened_ms < UNAUTHENTICATED_GRACE_MS)
            continue;
        if (oldest == NULL || c->opened_ms < oldest->opened_ms)
            oldest = c;
    }
    return oldest;
}

static struct conn *find_slot(struct server *s)
{
    if (s->live_count == s->config.connections) {
        struct conn *stale = find_stale(s);
        if (stale == NULL)
            return NULL;
        conn_drop(s, stale);
        s->counters.dropped++;
    }
    for (uint32_t i = 0; i < s->config.connections; i++)
        if (s->conns[i].phase == CONN_FREE) {
            s->conns[i].slot = i;
            return &s->conns[i];
        }
    return NULL;
}

static bool source_is_full(const struct server *s, const struct sockaddr_in6 *peer)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct conn *c = &s->conns[s->live[i]];
        count += c->phase != CONN_OPEN && same_source(c, peer);
    }
    return count >= s->config.per_source;
}

void conn_open(struct server *s, int fd, const struct sockaddr_in6 *peer)
{
    struct conn *c = NULL;
    if (source_is_full(s, peer))
        s->counters.per_source_refused++;
    else
        c = find_slot(s);
    if (c == NULL) {
        close(fd);
        return;
    }
    s->counters.accepted++;
    c->phase = CONN_HANDSHAKE;
    c->running = c->ready = c->closing = c->wants_large = false;
    c->fd = fd;
    c->peer = *peer;
    c->opened_ms = s->now.mono_ms;
    c->deadline_ms = s->now.mono_ms + s->config.handshake_timeout_ms;
    c->large = NULL;
    c->in_len = c->message_len = c->out_len = 0;
    tls_begin(&c->tls, &s->tls);
    s->live[s->live_count++] = c->slot;
}

/* ---- the end ---- */

static void log_trouble(struct server *s, const struct conn *c, const char *what)
{
    uint32_t skipped;
    char peer[PEER_TEXT];
    if (!log_limit_pass(&s->limit_trouble, s->now.unix_s, TROUBLE_LINES, &skipped))
        return;
    conn_peer(c, peer);
    if (skipped != 0)
        log_write(&s->log, LOG_INFO, "conn", "%u more such events in the minute before", skipped);
    log_write(&s->log, LOG_INFO, "conn", "%s: %s", peer, what);
}

/* An unknown certificate is a normal event: it is counted, and told in a line that helps to enrol it. */
static void note_refusal(struct server *s, struct conn *c)
{
    uint32_t skipped;
    char peer[PEER_TEXT], print[2 * SHA256_BYTES + 2] = "none";
    int error = tls_error(&c->tls);
    s->tls.failed++;
    if (c->tls.trust.has_fingerprint && c->tls.trust.client < 0) {
        s->clients->unknown++;
        s->clients->last_unknown_s = s->now.unix_s;
        memcpy(s->clients->last_unknown, c->tls.trust.fingerprint, SHA256_BYTES);
        hex_write(span_of(c->tls.trust.fingerprint, SHA256_BYTES), 0, false, print, sizeof print);
    } else if (error == BR_ERR_NO_CLIENT_AUTH) {
        s->clients->anonymous++;
    }
    if (error == BR_ERR_IO && !c->tls.trust.has_fingerprint)
        return; /* port scans and certificate fetches */
    if (!log_limit_pass(&s->limit_unknown, s->now.unix_s, UNKNOWN_LINES, &skipped))
        return;
    conn_peer(c, peer);
    if (skipped != 0)
        log_write(&s->log, LOG_INFO, "tls", "%u more refusals in the minute before", skipped);
    log_write(&s->log, LOG_INFO, "tls", "%s refused: %s; certificate sha256 %s", peer, tls_error_text(error),
              print);
}

/* Lets the peer read our last bytes before the socket goes; without it a reset could overtake them. */
static void begin_linger(struct server *s, struct conn *c)
{
    c->phase = CONN_LINGER;
    c->deadline_ms = s->now.mono_ms + LINGER_MS;
    release_large(c);
    shutdown(c->fd, SHUT_WR);
}

static void end_handshake_failed(struct server *s, struct conn *c)
{
    uint8_t alert[7];
    note_refusal(s, c);
    size_t len = tls_alert(&c->tls, alert);
    if (tls_error(&c->tls) == BR_ERR_IO) {
        conn_drop(s, c);
        return;
    }
    if (len != 0 && send(c->fd, alert, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        conn_drop(s, c);
        return;
    }
    begin_linger(s, c);
}

/* ---- requests ---- */

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
static void expect_request(struct server *s, struct conn *c)
{
    if (c->in_len != 0)
        return;
    release_large(c);
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

/* Hands the answer to TLS; what it does not take yet is kept where it stays put. */
static void send_answer(struct server *s, struct conn *c, const uint8_t *answer, size_t len)
{
    end_request(s, c);
    size_t taken = tls_write(&c->tls, answer, len);
    c->out_len = len - taken;
    if (c->out_len != 0) {
        if (c->out_len > CONNECTION_BUFFER - MESSAGE_SMALL)
            take_large(s, c);
        uint8_t *keep = c->large != NULL ? c->large->answer : c->buffer + MESSAGE_SMALL;
        if (c->large == NULL && c->out_len > CONNECTION_BUFFER - MESSAGE_SMALL) {
            log_trouble(
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
        expect_request(s, c);
}

static void refuse_message(struct server *s, struct conn *c, const struct request_header *header,
                           enum result_reason reason, const char *why, bool and_close)
{
    size_t len = request_refuse(header, reason, why, s->now.unix_s, s->scratch, ANSWER_RECORD);
    s->counters.refused_messages++;
    log_trouble(s, c, why);
    c->closing = and_close;
    c->running = false;
    send_answer(s, c, s->scratch, len);
}

static void audit(struct server *s, struct conn *c)
{
    char peer[PEER_TEXT], uid[UUID_TEXT + 1];
    const char *name = c->tls.trust.client >= 0 ? s->clients->clients[c->tls.trust.client].name
                                                : s->clients->authorities[c->tls.trust.authority].name;
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
    if (c->large == NULL && kept != 0)
        memcpy(s->scratch, c->buffer + MESSAGE_SMALL, kept);
    s->env.now = s->now;
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
    uint8_t scope;
    if (trust->client >= 0) {
        struct client *client = &s->clients->clients[trust->client];
        scope = client->scope;
        client->requests++;
        client->last_seen_s = s->now.unix_s;
    } else {
        scope = s->clients->authorities[trust->authority].scope;
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
        refuse_message(s, c, &header, reason, why, false);
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

/* Reads what TLS has of the current request. True when it is whole. */
static bool read_request(struct server *s, struct conn *c)
{
    for (;;) {
        size_t wanted = c->message_len != 0 ? c->message_len : TTLV_HEADER;
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
        if (c->message_len == 0 && c->in_len == TTLV_HEADER && !read_header(s, c))
            return false;
    }
}

/*
 * The TLS buffer serves both directions in turn: what the client has sent ahead has to be taken out of it
 * before more of the answer goes in.
 */
static void send_rest(struct server *s, struct conn *c)
{
    if (tls_readable(&c->tls) && read_request(s, c) && tls_readable(&c->tls)) {
        log_trouble(s, c, "closed: the client sends more requests than it reads answers");
        c->closing = true;
        c->out_len = 0;
        return;
    }
    size_t taken = tls_write(&c->tls, c->out, c->out_len);
    c->out += taken;
    c->out_len -= taken;
    tls_flush(&c->tls, c->fd);
    if (c->out_len == 0 && !c->closing)
        expect_request(s, c);
}

/* An answer that waits goes first; then, as far as it is here, the next request. */
static void turn_open(struct server *s, struct conn *c)
{
    if (c->out_len != 0)
        send_rest(s, c);
    if (c->out_len != 0)
        return;
    if (c->closing) {
        if (!tls_unsent(&c->tls))
            begin_linger(s, c);
        return;
    }
    if (c->running)
        run_request(s, c);
    else if (read_request(s, c))
        start_request(s, c);
    /* More requests may be decrypted already, which poll cannot see. */
    c->ready = c->ready || (!c->running && c->out_len == 0 && !c->closing &&
                            (tls_readable(&c->tls) || tls_staged(&c->tls)) && !c->wants_large);
}

static void turn_linger(struct server *s, struct conn *c)
{
    uint8_t ignored[512];
    ssize_t n = recv(c->fd, ignored, sizeof ignored, MSG_DONTWAIT);
    if (n == 0)
        conn_drop(s, c);
}

static void turn_handshake(struct server *s, struct conn *c)
{
    switch (tls_state(&c->tls)) {
    case TLS_HANDSHAKE:
        return;
    case TLS_CLOSED:
        end_handshake_failed(s, c);
        return;
    case TLS_OPEN:
        break;
    }
    c->phase = CONN_OPEN;
    expect_request(s, c);
    if (c->tls.trust.client >= 0) {
        struct client *client = &s->clients->clients[c->tls.trust.client];
        client->handshakes++;
        client->last_seen_s = s->now.unix_s;
    }
}

static void end_overdue(struct server *s, struct conn *c)
{
    s->counters.timeouts++;
    if (c->phase == CONN_OPEN && c->in_len != 0)
        log_trouble(s, c, "closed: a request was not complete, or its answer not read, in time");
    else if (c->phase == CONN_HANDSHAKE)
        log_trouble(s, c, "closed: no TLS handshake in time");
    conn_drop(s, c);
}

void conn_turn(struct server *s, struct conn *c, short events)
{
    c->ready = false;
    if (s->now.mono_ms >= c->deadline_ms) {
        end_overdue(s, c);
        return;
    }
    if (c->phase == CONN_LINGER) {
        if (events != 0)
            turn_linger(s, c);
        return;
    }
    /* One thing after the other: the next request is not taken up while this one has no answer. */
    bool engaged = c->phase == CONN_OPEN && (c->running || c->out_len != 0 || c->wants_large || c->closing);
    if (engaged)
        tls_flush(&c->tls, c->fd);
    else if (events != 0 || tls_staged(&c->tls))
        tls_move(&c->tls, c->fd);
    if (c->phase == CONN_HANDSHAKE)
        turn_handshake(s, c);
    if (c->phase == CONN_HANDSHAKE)
        c->ready = tls_staged(&c->tls);
    if (c->phase != CONN_OPEN)
        return;
    turn_open(s, c);
    if (c->phase == CONN_OPEN && tls_state(&c->tls) == TLS_CLOSED)
        conn_drop(s, c);
}

short conn_interest(const struct conn *c)
{
    if (c->phase == CONN_LINGER)
        return POLLIN;
    short interest = tls_interest(&c->tls);
    /* While a request runs or an answer waits nothing is read: the client has to take its answer first. */
    if (c->phase == CONN_OPEN && (c->running || c->closing || c->wants_large || c->out_len != 0))
        interest &= (short)~POLLIN;
    return interest;
}
