/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "support/server_house.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "server/conn.h"
#include "server/control.h"
#include "ttlv/ttlv.h"

#define START_MS 1000000

/* The pools that serve.c carves, as far as nothing else is tested here. */
static void carve(struct server *s, struct region *r)
{
    struct store_settings settings = {.objects = HOUSE_OBJECTS,
                                      .record_bytes = HOUSE_OBJECTS * 1024,
                                      .flush_window_ms = 2000,
                                      .check_interval_ms = 30000,
                                      .offline_ms = 600000,
                                      .journal = true};
    s->conns = region_take(r, "connections", HOUSE_CONNECTIONS, sizeof(struct conn));
    s->live = region_take(r, "connection list", HOUSE_CONNECTIONS, 3 * sizeof(uint32_t));
    s->fds = region_take(r, "poll", HOUSE_CONNECTIONS + 32, sizeof(struct pollfd));
    s->large = region_take(r, "large buffers", MESSAGE_LARGE_SLOTS, sizeof(struct large_buffer));
    s->scratch = region_take(r, "answer", 1, MESSAGE_LARGE);
    s->env.material = region_take(r, "key material", 1, MATERIAL_MAX);
    s->env.drafts = region_take(r, "drafts", 2, sizeof(struct draft));
    s->tls.sessions = region_take(r, "TLS sessions", TLS_SESSIONS, sizeof(struct tls_session));
    s->clients = region_take(r, "clients", 1, sizeof(struct clients));
    s->controls = region_take(r, "consoles", CONTROL_SLOTS, sizeof(struct control_conn));
    s->local = local_carve(r, HOUSE_OBJECTS);
    store_carve(&s->store, r, &settings);
}

static void take_memory(struct house *h)
{
    struct region plan = {.base = NULL};
    struct server *s = &h->server;
    carve(s, &plan);
    h->memory = aligned_alloc(64, plan.used);
    if (h->memory == NULL)
        abort();
    memset(h->memory, 0, plan.used);
    s->region = (struct region){.base = h->memory, .size = plan.used};
    carve(s, &s->region);
}

/* Keys cost time, so every house of a program has the same. */
static void take_identities(struct tls_server *tls)
{
    static struct tls_identity rsa, ec;
    if (!rsa.in_use) {
        peer_server_identity(&rsa, false);
        peer_server_identity(&ec, true);
    }
    for (int i = 0; i < 2; i++) {
        const struct tls_identity *from = i == 0 ? &rsa : &ec;
        struct tls_identity *to = i == 0 ? &tls->rsa : &tls->ec;
        *to = *from; /* its pointers stay with the one that lives on */
    }
}

/* The control socket, under a name that the kernel chooses. */
static int listen_control(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 || listen(fd, 8) != 0)
        abort();
    return fd;
}

static void set_up(struct server *s)
{
    config_defaults(&s->config);
    s->config.connections = HOUSE_CONNECTIONS;
    s->config.per_source = HOUSE_PER_SOURCE;
    s->config.objects = HOUSE_OBJECTS;
    s->now = (struct clock){.mono_ms = START_MS, .unix_s = PEER_NOW};
    s->started_s = s->log.unix_s = PEER_NOW;
    s->port = 5696;
    s->memory_locked = true;
    s->listen_fd = s->signal_fd = s->folder_fd = -1;
    s->control_fd = listen_control();
    s->log.fd = memfd_create("log", MFD_CLOEXEC);
    s->log.level = LOG_DEBUG;
    for (int i = 0; i < CONTROL_SLOTS; i++)
        s->controls[i].fd = -1;
    clients_init(s->clients, &s->store.scopes);
    tls_server_init(&s->tls, s->clients, s->tls.sessions, false);
    take_identities(&s->tls);
    s->tls.trust.now_s = PEER_NOW;
    s->env.store = &s->store;
    s->env.lease_time_s = 3600;
    s->env.vendor = SERVER_VENDOR;
    s->env.server_information = SERVER_VENDOR " " SERVER_VERSION;
    s->env.audit = &s->audit;
}

struct house *house_new(void)
{
    struct house *h = calloc(1, sizeof *h);
    char why[300] = "";
    if (h == NULL)
        abort();
    struct server *s = &h->server;
    take_memory(h);
    set_up(s);
    h->sim = sim_disk_new();
    s->ops = sim_disk_ops(h->sim);
    tame_disk_start(&h->disk, &s->ops);
    s->disk = h->disk.disk;
    if (local_open(s->local, &s->ops, &s->disk, why, sizeof why) != STATUS_OK ||
        store_open(&s->store, local_keymgr(s->local), &s->disk, &s->ops, &s->log, s->now, why, sizeof why) !=
            STATUS_OK)
        abort();
    for (int i = 0; i < 60; i++)
        house_turn(h, 10);
    if (!store_complete(&s->store) || s->store.lease.state != LEASE_READY)
        abort();
    return h;
}

void house_free(struct house *h)
{
    struct server *s = &h->server;
    while (s->live_count != 0)
        conn_drop(s, &s->conns[s->live[0]]);
    for (int i = 0; i < CONTROL_SLOTS; i++)
        if (s->controls[i].fd >= 0)
            close(s->controls[i].fd);
    close(s->control_fd);
    close(s->log.fd);
    tame_disk_stop(&h->disk);
    sim_disk_free(h->sim);
    free(h->memory);
    free(h);
}

static short events_of(int fd, short interest)
{
    struct pollfd p = {.fd = fd, .events = interest};
    return fd >= 0 && poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static void turn_consoles(struct server *s)
{
    struct pollfd fds[CONTROL_SLOTS];
    for (int i = 0; i < CONTROL_SLOTS; i++) {
        struct control_conn *c = &s->controls[i];
        fds[i].revents = c->fd >= 0 ? events_of(c->fd, control_interest(c)) : 0;
    }
    control_turn(s, events_of(s->control_fd, POLLIN) != 0, fds);
}

void house_turn(struct house *h, uint64_t ms)
{
    struct server *s = &h->server;
    uint32_t slots[HOUSE_CONNECTIONS], count = s->live_count;
    uint64_t before_s = s->now.mono_ms / 1000;
    s->now.mono_ms += ms;
    s->now.unix_s += (int64_t)(s->now.mono_ms / 1000 - before_s);
    s->log.unix_s = s->tls.trust.now_s = s->now.unix_s;
    if (!h->disk_frozen)
        tame_disk_step(&h->disk);
    disk_turn(&s->disk);
    store_turn(&s->store, s->now);
    memcpy(slots, s->live, count * sizeof slots[0]);
    for (uint32_t i = 0; i < count; i++) {
        struct conn *c = &s->conns[slots[i]];
        if (c->phase != CONN_FREE)
            conn_turn(s, c, events_of(c->fd, conn_interest(c)));
    }
    turn_consoles(s);
}

const char *house_log(struct house *h)
{
    ssize_t n = pread(h->server.log.fd, h->log, sizeof h->log - 1, 0);
    h->log[n > 0 ? n : 0] = 0;
    return h->log;
}

/* ---- connections ---- */

struct conn *house_connect(struct house *h, struct peer *p, uint8_t host,
                           const struct peer_identity *identity)
{
    int pair[2];
    struct server *s = &h->server;
    struct sockaddr_in6 from = {.sin6_family = AF_INET6};
    uint8_t address[16] = {[10] = 0xff, 0xff, 192, 0, 2, host};
    memcpy(&from.sin6_addr, address, sizeof address);
    peer_sockets(pair);
    peer_begin(p, pair[1], identity, NULL);
    uint64_t accepted = s->counters.accepted;
    conn_open(s, pair[0], &from);
    return s->counters.accepted == accepted ? NULL : &s->conns[s->live[s->live_count - 1]];
}

bool house_shake(struct house *h, struct peer *p)
{
    for (int i = 0; i < HOUSE_PATIENCE && !peer_open(p) && !p->ended && peer_error(p) == 0; i++) {
        peer_move(p);
        house_turn(h, 1);
    }
    house_turn(h, 1);
    return peer_open(p);
}

size_t house_receive(struct house *h, struct peer *p, uint8_t *out, size_t len)
{
    size_t got = 0;
    for (int i = 0; i < HOUSE_PATIENCE && got < len; i++) {
        house_turn(h, 1);
        size_t n = peer_read(p, out + got, len - got);
        got += n;
        if (n == 0 && p->ended)
            break;
    }
    return got;
}

size_t house_answer(struct house *h, struct peer *p, uint8_t *out, size_t cap)
{
    if (house_receive(h, p, out, TTLV_HEADER) != TTLV_HEADER)
        return 0;
    size_t len = be32_get(out + 4);
    if (len > cap - TTLV_HEADER)
        abort();
    return house_receive(h, p, out + TTLV_HEADER, len) == len ? TTLV_HEADER + len : 0;
}

bool house_closed(struct house *h, struct peer *p)
{
    for (int i = 0; i < HOUSE_PATIENCE && !p->ended; i++) {
        house_turn(h, 1);
        peer_move(p);
    }
    return p->ended;
}

/* ---- consoles ---- */

int house_console(struct house *h)
{
    struct sockaddr_un address;
    socklen_t len = sizeof address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (getsockname(h->server.control_fd, (struct sockaddr *)&address, &len) != 0 ||
        connect(fd, (struct sockaddr *)&address, len) != 0)
        abort();
    house_turn(h, 1);
    return fd;
}

const char *house_say(struct house *h, int fd, const char *text)
{
    static char said[300000];
    size_t len = 0, sent = 0, wanted = strlen(text);
    int quiet = 0;
    for (int i = 0; i < 100 * HOUSE_PATIENCE && quiet < 20 && len < sizeof said - 1; i++) {
        ssize_t n = sent < wanted ? send(fd, text + sent, wanted - sent, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        house_turn(h, 1);
        n = recv(fd, said + len, sizeof said - 1 - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
        bool writing = h->server.clients_file.busy && !h->disk_frozen;
        quiet = n > 0 || sent < wanted || writing ? 0 : quiet + 1;
    }
    said[len] = 0;
    return said;
}
