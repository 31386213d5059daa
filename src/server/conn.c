/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "server/conn_parts.h"

/* Lines a minute about refused certificates, and about other trouble. */
#define UNKNOWN_LINES 4
#define TROUBLE_LINES 10

void conn_peer(const struct conn *conn, char out[PEER_TEXT])
{
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(AF_INET6, &conn->peer.sin6_addr, text, sizeof text);
    const char *plain = strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL ? text + 7 : text;
    snprintf(out, PEER_TEXT, "%s", plain);
}

/* ---- slots ---- */

void conn_release_large(struct conn *c)
{
    if (c->large == NULL)
        return;
    wipe(c->large, sizeof *c->large);
    c->large = NULL;
}

void conn_drop(struct server *s, struct conn *c)
{
    conn_release_large(c);
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

bool conn_has_stale(struct server *s)
{
    return find_stale(s) != NULL;
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

void conn_log_trouble(struct server *s, const struct conn *c, const char *what)
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

/* Counts an unknown certificate and keeps it, so that it can be enrolled. Whether it was kept. */
static bool note_unknown(struct server *s, const struct conn *c, const char *peer)
{
    const struct trust *t = &c->tls.trust;
    struct span der = trust_unknown(t);
    s->clients->unknown++;
    s->clients->last_unknown_s = s->now.unix_s;
    memcpy(s->clients->last_unknown, t->fingerprint, SHA256_BYTES);
    if (tls_error(&c->tls) != BR_ERR_X509_NOT_TRUSTED || der.len == 0)
        return false;
    refused_keep(&s->refused, der, t->fingerprint, peer, s->now.unix_s);
    return true;
}

/* The name of the disabled client that tried, or NULL. */
static const char *disabled_client(const struct server *s, const struct conn *c)
{
    int slot = c->tls.trust.client;
    if (slot < 0 || !s->clients->clients[slot].in_use || !s->clients->clients[slot].disabled)
        return NULL;
    return s->clients->clients[slot].name;
}

/* An unknown certificate is a normal event: it is counted, and told in a line that helps to enrol it. */
static void note_refusal(struct server *s, struct conn *c)
{
    uint32_t skipped;
    char peer[PEER_TEXT], print[2 * SHA256_BYTES + 2] = "none", advice[120] = "";
    int error = tls_error(&c->tls);
    const char *disabled = disabled_client(s, c);
    conn_peer(c, peer);
    s->tls.failed++;
    if (c->tls.trust.has_fingerprint && c->tls.trust.client < 0) {
        hex_write(span_of(c->tls.trust.fingerprint, SHA256_BYTES), 0, false, print, sizeof print);
        if (note_unknown(s, c, peer))
            snprintf(advice, sizeof advice, "; if you expect it: client accept %.8s", print);
    } else if (error == BR_ERR_NO_CLIENT_AUTH) {
        s->clients->anonymous++;
    } else if (disabled != NULL) {
        snprintf(advice, sizeof advice, "; the client is disabled: client enable %s", disabled);
    }
    if (error == BR_ERR_IO && !c->tls.trust.has_fingerprint)
        return; /* port scans and certificate fetches */
    if (!log_limit_pass(&s->limit_unknown, s->now.unix_s, UNKNOWN_LINES, &skipped))
        return;
    if (skipped != 0)
        log_write(&s->log, LOG_INFO, "tls", "%u more refusals in the minute before", skipped);
    log_write(&s->log, LOG_INFO, "tls", "%s refused: %s; certificate sha256 %s%s", peer,
              tls_error_text(error), print, advice);
}

/* Lets the peer read our last bytes before the socket goes; without it a reset could overtake them. */
void conn_linger(struct server *s, struct conn *c)
{
    c->phase = CONN_LINGER;
    c->deadline_ms = s->now.mono_ms + LINGER_MS;
    conn_release_large(c);
    if (tls_state(&c->tls) == TLS_OPEN) {
        tls_close(&c->tls);
        tls_flush(&c->tls, c->fd);
    }
    shutdown(c->fd, SHUT_WR);
}

static void end_handshake_failed(struct server *s, struct conn *c)
{
    uint8_t alert[7];
    note_refusal(s, c);
    trust_release(&c->tls.trust);
    size_t len = tls_alert(&c->tls, alert);
    if (tls_error(&c->tls) == BR_ERR_IO) {
        conn_drop(s, c);
        return;
    }
    if (len != 0 && send(c->fd, alert, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        conn_drop(s, c);
        return;
    }
    conn_linger(s, c);
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
    conn_expect_request(s, c);
    struct client *client = trust_client(&c->tls.trust);
    if (client != NULL) {
        client->handshakes++;
        client->last_seen_s = s->now.unix_s;
    }
}

static void end_overdue(struct server *s, struct conn *c)
{
    s->counters.timeouts++;
    if (c->phase == CONN_OPEN && (c->in_len != 0 || c->out_len != 0))
        conn_log_trouble(s, c, "closed: a request was not complete, or its answer not read, in time");
    else if (c->phase == CONN_HANDSHAKE)
        conn_log_trouble(s, c, "closed: no TLS handshake in time");
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
    conn_turn_open(s, c);
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
