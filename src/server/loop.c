/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "server/conn.h"
#include "server/control.h"

/* Even with nothing to do the loop turns now and then, so that no forgotten deadline can stop the world. */
#define LONGEST_SLEEP_MS 1000

static void watch(struct server *s, int fd, short events)
{
    s->fds[s->fds_count++] = (struct pollfd){.fd = fd, .events = events};
}

/*
 * What is seldom ready, in the order in which a turn looks. Every descriptor that is polled, and a time limit
 * of the poll, cost every request some 0.3 us of 12: so these and a timer stand behind one, an epoll that is
 * readable when one of them is. A second one lacks the listener; it is polled while there is no room for a
 * connection.
 */
enum rare { RARE_SIGNALS, RARE_DISK, RARE_CONTROL, RARE_LISTENER, RARE_FDS };

static void list_rare(const struct server *s, bool room, struct pollfd out[RARE_FDS])
{
    out[RARE_SIGNALS] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    out[RARE_DISK] = (struct pollfd){.fd = s->disk.fd, .events = POLLIN};
    out[RARE_CONTROL] = (struct pollfd){.fd = s->control_fd, .events = POLLIN};
    out[RARE_LISTENER] = (struct pollfd){.fd = room ? s->listen_fd : -1, .events = POLLIN};
}

static bool add_rare(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool loop_open(struct server *s)
{
    s->timer_ms = 0;
    s->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC); /* the clock of clock_read */
    if (s->timer_fd < 0)
        return false;
    for (int room = 0; room < 2; room++) {
        struct pollfd rare[RARE_FDS];
        list_rare(s, room == 1, rare);
        s->rare_fds[room] = epoll_create1(EPOLL_CLOEXEC);
        if (!add_rare(s->rare_fds[room], s->timer_fd))
            return false;
        for (size_t i = 0; i < RARE_FDS; i++)
            if (!add_rare(s->rare_fds[room], rare[i].fd))
                return false;
    }
    return true;
}

/* Where things stand among the watched: connections first, so that the i-th place is the i-th live
 * connection.
 */
struct places {
    size_t conns; /* how many */
    size_t rare, consoles;
};

static bool has_room(struct server *s)
{
    if (s->live_count < s->config.connections)
        return true;
    return conn_has_stale(s); /* one that has not authenticated may have to make room */
}

static struct places watch_all(struct server *s, bool room)
{
    struct places at = {.conns = s->live_count};
    s->fds_count = 0;
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct conn *c = &s->conns[s->live[i]];
        watch(s, c->fd, conn_interest(c));
    }
    at.rare = s->fds_count;
    watch(s, s->rare_fds[room], POLLIN);
    at.consoles = s->fds_count;
    for (size_t i = 0; s->consoles != 0 && i < CONTROL_SLOTS; i++)
        watch(s, s->controls[i].fd, control_interest(&s->controls[i]));
    return at;
}

/*
 * Sets the timer when something is due before it, or when it is over. One that is early wakes a turn for
 * nothing and is set anew then, about once a second; setting it makes it unreadable again.
 */
static void set_timer(struct server *s, uint64_t deadline_ms)
{
    if (s->timer_ms > s->now.mono_ms && s->timer_ms <= deadline_ms)
        return;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(deadline_ms / 1000),
                                         .tv_nsec = (long)(deadline_ms % 1000) * 1000000}};
    timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    s->timer_ms = deadline_ms;
}

/* For poll: 0, or -1 with the timer set. The key manager's own sockets come last: how many there are changes.
 */
static int sleep_until_due(struct server *s)
{
    uint64_t deadline = s->now.mono_ms + LONGEST_SLEEP_MS;
    const struct keymgr *k = &s->store.keymgr;
    s->fds_count += k->ops->poll(k->self, s->fds + s->fds_count, KEYMGR_FDS, &deadline);
    uint64_t store = store_deadline(&s->store);
    if (store < deadline)
        deadline = store;
    if (control_is_busy(s))
        return 0;
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct conn *c = &s->conns[s->live[i]];
        if (c->ready)
            return 0;
        if (c->deadline_ms < deadline)
            deadline = c->deadline_ms;
        if (c->running && c->request.deadline_ms < deadline)
            deadline = c->request.deadline_ms;
    }
    if (deadline <= s->now.mono_ms)
        return 0;
    set_timer(s, deadline);
    return -1;
}

static void take_signals(struct server *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM)
            s->stop = true;
        if (info.ssi_signo == SIGCHLD)
            s->disk.lost = true;
    }
}

/* Whether what a suspended request waits for may have come: the store has news, or the request's time is
 * over. */
static bool may_resume(const struct server *s, const struct conn *c)
{
    return c->running && (c->asked_at != s->store.news || s->now.mono_ms >= c->request.deadline_ms);
}

/* What a connection has to do: an event, a request to ask again for, a deadline. */
static bool is_due(const struct server *s, const struct conn *c, short events)
{
    return events != 0 || c->ready || may_resume(s, c) || c->wants_large || c->out_len != 0 ||
           s->now.mono_ms >= c->deadline_ms;
}

/*
 * Connections that are open come first, whatever the rest does; every turn begins with another one, so that
 * what is scarce goes round. Of those in their handshake a few take a step, since a step may cost a
 * private-key operation; the next turn begins with the ones behind them.
 */
static void turn_conns(struct server *s, const short *events, const uint32_t *slots, size_t count)
{
    size_t first = count == 0 ? 0 : s->turn_number++ % count;
    size_t handshakes = 0;
    for (size_t k = 0; k < count; k++) {
        size_t i = first + k < count ? first + k : first + k - count;
        struct conn *c = &s->conns[slots[i]];
        handshakes += c->phase == CONN_HANDSHAKE;
        if (c->phase != CONN_FREE && c->phase != CONN_HANDSHAKE && is_due(s, c, events[i]))
            conn_turn(s, c, events[i]);
    }
    int steps = 0;
    size_t start = handshakes == 0 ? 0 : s->turn_start % count;
    for (size_t k = 0; handshakes != 0 && k < count; k++) {
        size_t i = start + k < count ? start + k : start + k - count;
        struct conn *c = &s->conns[slots[i]];
        if (c->phase != CONN_HANDSHAKE || !is_due(s, c, events[i]))
            continue;
        if ((events[i] != 0 || c->ready) && steps++ >= HANDSHAKE_STEPS_A_TURN)
            break;
        s->turn_start = (uint32_t)i + 1;
        conn_turn(s, c, events[i]);
    }
}

static void accept_some(struct server *s)
{
    for (int i = 0; i < ACCEPTS_A_TURN && has_room(s); i++) {
        struct sockaddr_in6 peer = {.sin6_family = AF_INET6};
        socklen_t len = sizeof peer;
        int fd = accept4(s->listen_fd, (struct sockaddr *)(void *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        conn_open(s, fd, &peer);
    }
}

void loop_turn(struct server *s)
{
    struct pollfd rare[RARE_FDS];
    bool room = has_room(s);
    struct places at = watch_all(s, room);
    int sleep = sleep_until_due(s);
    poll(s->fds, s->fds_count, sleep);
    list_rare(s, room, rare);
    if (s->fds[at.rare].revents != 0)
        poll(rare, RARE_FDS, 0);
    /* The clock is read once, behind the sleep: everything in this turn happens at the same time. */
    s->now = clock_read();
    s->log.unix_s = s->tls.trust.now_s = s->now.unix_s;
    if (rare[RARE_SIGNALS].revents != 0)
        take_signals(s);
    /* Answers of disk and key manager first, so that requests which wait for them find them in this turn. */
    if (rare[RARE_DISK].revents != 0)
        disk_turn(&s->disk);
    store_turn(&s->store, s->now);
    /* Closing a connection changes the list, so this turn's list is kept. */
    uint32_t *slots = s->live + s->config.connections;
    short *events = (short *)(void *)(s->live + 2 * s->config.connections);
    for (size_t i = 0; i < at.conns; i++) {
        slots[i] = s->live[i];
        events[i] = s->fds[i].revents;
    }
    turn_conns(s, events, slots, at.conns);
    if (rare[RARE_LISTENER].revents != 0)
        accept_some(s);
    control_turn(s, rare[RARE_CONTROL].revents != 0, &s->fds[at.consoles]);
}

void loop_run(struct server *s)
{
    while (!s->stop) {
        loop_turn(s);
        if (s->disk.lost) {
            log_write(&s->log, LOG_ERROR, "disk",
                      "the disk process has ended; the server stops, start it again");
            return;
        }
    }
}
