/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define RETRY_NS      10000000u

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

void crowd_make(struct crowd *c, const struct options *o, unsigned peers, crowd_rule *rule, void *context)
{
    *c = (struct crowd){.options = o, .peers = peers, .rule = rule, .context = context};
    c->identity = peer_identity(o->certificate, o->key, o->ciphers);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->peer = calloc(peers, sizeof *c->peer);
    c->retry_ns = calloc(peers, sizeof *c->retry_ns);
    if (c->epoll < 0 || c->peer == NULL || c->retry_ns == NULL)
        give_up("load");
    for (unsigned i = 0; i < peers; i++) {
        c->peer[i].index = i;
        c->peer[i].source = i;
        c->peer[i].fd = -1;
    }
}

void crowd_end(struct crowd *c)
{
    for (unsigned i = 0; i < c->peers; i++) {
        peer_close(&c->peer[i]);
        SSL_SESSION_free(c->peer[i].session);
    }
    close(c->epoll);
    free(c->peer);
    free(c->retry_ns);
    SSL_CTX_free(c->identity);
}

static void watch(struct crowd *c, struct peer *p, int operation)
{
    struct epoll_event e = {.events = p->wants_write ? EPOLLOUT : EPOLLIN, .data.ptr = p};
    if (epoll_ctl(c->epoll, operation, p->fd, &e) != 0)
        give_up("epoll_ctl");
}

void crowd_open_later(struct crowd *c, struct peer *p)
{
    c->retry_ns[p->index] = now_ns() + RETRY_NS;
    c->waiting++;
}

void crowd_open(struct crowd *c, struct peer *p)
{
    if (peer_open(p, c->identity, (uint16_t)c->options->port))
        watch(c, p, EPOLL_CTL_ADD);
    else
        crowd_open_later(c, p);
}

void crowd_open_all(struct crowd *c)
{
    for (unsigned i = 0; i < c->peers; i++)
        crowd_open(c, &c->peer[i]);
}

void crowd_ask(struct crowd *c, struct peer *p)
{
    bool before = p->wants_write;
    enum peer_event event = peer_ask(p);
    if (event != PEER_NOTHING)
        c->rule(c->context, c, p, event);
    else if (p->wants_write != before)
        watch(c, p, EPOLL_CTL_MOD);
}

static void open_due(struct crowd *c)
{
    uint64_t now = now_ns();
    for (unsigned i = 0; i < c->peers && c->waiting > 0; i++) {
        if (c->retry_ns[i] == 0 || c->retry_ns[i] > now)
            continue;
        c->retry_ns[i] = 0;
        c->waiting--;
        crowd_open(c, &c->peer[i]);
    }
}

static int timeout_ms(const struct crowd *c, uint64_t until_ns)
{
    uint64_t now = now_ns();
    uint64_t left = until_ns > now ? (until_ns - now) / 1000000u + 1 : 0;
    uint64_t most = c->waiting > 0 ? 5 : 1000;
    return (int)(left < most ? left : most);
}

static void advance(struct crowd *c, struct peer *p)
{
    bool before = p->wants_write;
    enum peer_event event = peer_advance(p);
    if (p->state != PEER_CLOSED && p->wants_write != before)
        watch(c, p, EPOLL_CTL_MOD);
    if (event != PEER_NOTHING)
        c->rule(c->context, c, p, event);
}

void crowd_turn(struct crowd *c, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_A_TURN];
    if (c->waiting > 0)
        open_due(c);
    int ready = epoll_wait(c->epoll, events, EVENTS_A_TURN, timeout_ms(c, until_ns));
    for (int i = 0; i < ready; i++)
        advance(c, events[i].data.ptr);
}
