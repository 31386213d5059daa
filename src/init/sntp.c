/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/sntp.h"

#include <stdio.h>
#include <unistd.h>

#include "init/quick_random.h"

#define DENIED_MS    3600000 /* after DENY and RSTR */
#define RATE_MS      1024000 /* after RATE */
#define DELAY_MOST   2000000 /* microseconds there and back; more tells nothing */
#define FORGET_AFTER 3       /* rounds without an answer before a name is looked up again */

void sntp_init(struct sntp *s, const struct time_ops *ops)
{
    memset(s, 0, sizeof *s);
    s->ops = ops;
    s->next_ms = UINT64_MAX;
    s->poll_s = SNTP_POLL_S;
    for (size_t i = 0; i < NET_SERVERS; i++)
        s->servers[i].fd = -1;
    resolver_init(&s->resolver);
}

static void close_server(struct sntp_server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
}

static void stop_round(struct sntp *s)
{
    resolver_stop(&s->resolver);
    for (size_t i = 0; i < NET_SERVERS; i++)
        close_server(&s->servers[i]);
    s->phase = SNTP_IDLE;
}

void sntp_hurry(struct sntp *s, struct clock now)
{
    s->empty_rounds = 0;
    if (s->phase == SNTP_IDLE && s->count != 0)
        s->next_ms = now.mono_ms;
}

void sntp_apply(struct sntp *s, char names[][NET_NAME_MAX + 1], size_t count, const struct ip *dns,
                size_t dns_count, struct clock now)
{
    bool same = count == s->count;
    for (size_t i = 0; i < count && same; i++)
        same = strcmp(names[i], s->servers[i].name) == 0;
    bool new_dns = dns_count != s->dns_count;
    for (size_t i = 0; i < dns_count && !new_dns; i++)
        new_dns = !ip_equal(&dns[i], &s->dns[i]);
    s->dns_count = dns_count;
    for (size_t i = 0; i < dns_count; i++)
        s->dns[i] = dns[i];
    if (same && new_dns && s->phase != SNTP_ASKING) {
        stop_round(s);
        sntp_hurry(s, now);
    }
    if (same)
        return;
    stop_round(s);
    memset(s->servers, 0, sizeof s->servers);
    s->count = count;
    for (size_t i = 0; i < NET_SERVERS; i++)
        s->servers[i].fd = -1;
    for (size_t i = 0; i < count; i++) {
        struct sntp_server *server = &s->servers[i];
        snprintf(server->name, sizeof server->name, "%s", names[i]);
        server->is_name = !ip_read(span_of_text(names[i]), &server->ip);
        if (server->is_name)
            server->ip.len = 0;
    }
    s->next_ms = UINT64_MAX;
    sntp_hurry(s, now);
}

static void set_why(struct sntp_server *server, const char *why)
{
    snprintf(server->why, sizeof server->why, "%s", why);
}

static void ask(struct sntp *s, struct sntp_server *server, struct clock now)
{
    uint8_t bytes[SNTP_BYTES];
    struct sockaddr_storage to;
    server->answered = false;
    if (server->ip.len == 0 || now.mono_ms < server->silent_until_ms)
        return;
    quick_random(server->nonce, sizeof server->nonce);
    sntp_write(server->nonce, bytes);
    /* A socket for each question: another port each time, and only this server's answers come in. */
    socklen_t len = ip_sockaddr(&server->ip, SNTP_PORT, 0, &to);
    server->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->sent_us = s->ops->now_us(s->ops->self);
    server->sent_mono_us = s->ops->mono_us(s->ops->self);
    server->failures++;
    set_why(server, "no answer");
    if (server->fd >= 0 && connect(server->fd, (struct sockaddr *)&to, len) == 0 &&
        send(server->fd, bytes, sizeof bytes, 0) == SNTP_BYTES)
        return;
    set_why(server, "it cannot be reached: no route");
    close_server(server);
}

static void take_kiss(struct sntp_server *server, const char *kiss, struct clock now)
{
    snprintf(server->why, sizeof server->why, kiss[0] != 0 ? "it answers %s" : "it has no time itself", kiss);
    if (strcmp(kiss, "RATE") == 0)
        server->silent_until_ms = now.mono_ms + RATE_MS;
    else if (strcmp(kiss, "DENY") == 0 || strcmp(kiss, "RSTR") == 0)
        server->silent_until_ms = now.mono_ms + DENIED_MS;
}

/* RFC 4330 s5: how far the clock is behind is the mean of both ways. */
static void take_answer(struct sntp *s, struct sntp_server *server, const struct sntp_answer *a,
                        struct clock now)
{
    /* By the clock that nobody sets: what is measured is not changed meanwhile. */
    int64_t t1 = server->sent_us;
    int64_t t4 = t1 + (int64_t)(s->ops->mono_us(s->ops->self) - server->sent_mono_us);
    int64_t delay = (t4 - t1) - (a->transmit_us - a->receive_us);
    if (delay < -1000 || delay > DELAY_MOST) {
        set_why(server, "its answer took too long");
        return;
    }
    server->offset_us = ((a->receive_us - t1) + (a->transmit_us - t4)) / 2;
    server->delay_us = (uint32_t)(delay < 0 ? 0 : delay);
    server->stratum = a->stratum;
    server->answered = server->has_answer = true;
    server->answer_ms = now.mono_ms;
    server->failures = 0;
    server->why[0] = 0;
}

static void read_answers(struct sntp *s, struct sntp_server *server, struct clock now)
{
    uint8_t bytes[512];
    struct sntp_answer answer;
    for (int i = 0; i < 8 && server->fd >= 0; i++) {
        ssize_t n = recv(server->fd, bytes, sizeof bytes, 0);
        if (n < 0)
            return;
        enum status status = sntp_read(span_of(bytes, (size_t)n), server->nonce, s->pivot_s, &answer);
        if (status == STATUS_END)
            continue; /* not the answer: somebody guesses */
        if (status == STATUS_OK)
            take_answer(s, server, &answer, now);
        else if (status == STATUS_REFUSED)
            take_kiss(server, answer.kiss, now);
        else
            set_why(server, "its answer breaks the rules of the protocol");
        close_server(server);
    }
}

/* The median; of two in the middle the one that changes less. */
static bool agree(const struct sntp *s, size_t *best)
{
    size_t order[NET_SERVERS], count = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!s->servers[i].answered)
            continue;
        size_t at = count++;
        for (; at > 0 && s->servers[order[at - 1]].offset_us > s->servers[i].offset_us; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    if (count == 0)
        return false;
    *best = order[count / 2];
    if (count % 2 == 0) {
        int64_t low = s->servers[order[count / 2 - 1]].offset_us, high = s->servers[*best].offset_us;
        if ((low < 0 ? -low : low) < (high < 0 ? -high : high))
            *best = order[count / 2 - 1];
    }
    return true;
}

/* The next name without an address; false when there is none. */
static bool resolve_next(struct sntp *s, struct clock now)
{
    for (; s->resolving < s->count; s->resolving++) {
        struct sntp_server *server = &s->servers[s->resolving];
        if (server->is_name && server->failures >= FORGET_AFTER)
            server->ip.len = 0; /* it may have moved */
        if (server->ip.len != 0 || now.mono_ms < server->silent_until_ms)
            continue;
        resolver_begin(&s->resolver, server->name, s->dns, s->dns_count, now);
        return true;
    }
    return false;
}

static void begin_asking(struct sntp *s, struct clock now)
{
    s->phase = SNTP_ASKING;
    s->next_ms = now.mono_ms + SNTP_WAIT_MS;
    for (size_t i = 0; i < s->count; i++)
        ask(s, &s->servers[i], now);
}

static void turn_resolving(struct sntp *s, struct clock now)
{
    for (;;) {
        enum ask state = resolver_turn(&s->resolver, now);
        struct sntp_server *server = &s->servers[s->resolving];
        if (state == ASK_WAIT)
            return;
        if (state == ASK_READY)
            server->ip = s->resolver.found[quick_random32() % s->resolver.count];
        else
            snprintf(server->why, sizeof server->why, "%s", s->resolver.why);
        s->resolving++;
        if (!resolve_next(s, now)) {
            begin_asking(s, now);
            return;
        }
    }
}

static bool end_round(struct sntp *s, struct clock now, int64_t *offset_us, size_t *best)
{
    stop_round(s);
    s->next_ms = now.mono_ms + 1000ull * s->poll_s;
    if (agree(s, best)) {
        s->empty_rounds = 0;
        *offset_us = s->servers[*best].offset_us;
        return true;
    }
    /* 2, 4 ... 64 s: the network, or a lease, may come any moment. */
    uint64_t wait = 2000ull << (s->empty_rounds < 5 ? s->empty_rounds : 5);
    s->empty_rounds++;
    s->next_ms = now.mono_ms + wait;
    return false;
}

bool sntp_turn(struct sntp *s, int64_t pivot_s, struct clock now, int64_t *offset_us, size_t *best)
{
    s->pivot_s = pivot_s;
    if (s->phase == SNTP_IDLE && s->count != 0 && now.mono_ms >= s->next_ms) {
        s->phase = SNTP_RESOLVING;
        s->resolving = 0;
        s->next_ms = UINT64_MAX;
        if (!resolve_next(s, now))
            begin_asking(s, now);
    }
    if (s->phase == SNTP_RESOLVING)
        turn_resolving(s, now);
    if (s->phase != SNTP_ASKING)
        return false;
    bool waiting = false;
    for (size_t i = 0; i < s->count; i++) {
        read_answers(s, &s->servers[i], now);
        waiting = waiting || s->servers[i].fd >= 0;
    }
    return (!waiting || now.mono_ms >= s->next_ms) && end_round(s, now, offset_us, best);
}

void sntp_settle(struct sntp *s, bool steady, struct clock now)
{
    s->poll_s = !steady ? SNTP_POLL_S : s->poll_s * 2 < SNTP_POLL_MOST ? s->poll_s * 2 : SNTP_POLL_MOST;
    s->next_ms = now.mono_ms + 1000ull * s->poll_s;
}

size_t sntp_poll(const struct sntp *s, struct pollfd *fds, size_t cap, uint64_t *deadline_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->servers[i].fd >= 0 && count < cap)
            fds[count++] = (struct pollfd){.fd = s->servers[i].fd, .events = POLLIN};
    if (s->resolver.fd >= 0 && count < cap)
        fds[count++] = (struct pollfd){.fd = s->resolver.fd, .events = POLLIN};
    uint64_t resolver_ms = resolver_deadline(&s->resolver);
    uint64_t own_ms = s->next_ms < resolver_ms ? s->next_ms : resolver_ms;
    if (own_ms < *deadline_ms)
        *deadline_ms = own_ms;
    return count;
}
