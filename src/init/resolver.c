/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/resolver.h"

#include <stdio.h>
#include <unistd.h>

#include "init/quick_random.h"

void resolver_init(struct resolver *r)
{
    memset(r, 0, sizeof *r);
    r->fd = -1;
}

void resolver_stop(struct resolver *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->busy = false;
}

/* The next try: another server, another port, another number; each is one thing more to guess. */
static void ask(struct resolver *r, struct clock now)
{
    uint8_t bytes[DNS_MESSAGE_MAX];
    struct sockaddr_storage to;
    struct ip *server = &r->servers[r->tries % r->server_count];
    if (r->fd >= 0)
        close(r->fd);
    socklen_t to_len = ip_sockaddr(server, 53, 0, &to);
    r->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    r->id = (uint16_t)quick_random32();
    r->tries++;
    r->next_ms = now.mono_ms + RESOLVER_TRY_MS;
    size_t len = dns_write(r->id, r->name, r->type, bytes);
    /* No route and the like: the next server is tried soon. */
    if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&to, to_len) != 0 ||
        send(r->fd, bytes, len, 0) != (ssize_t)len)
        r->next_ms = now.mono_ms + 100;
}

void resolver_begin(struct resolver *r, const char *name, const struct ip *servers, size_t count,
                    struct clock now)
{
    uint8_t bytes[DNS_MESSAGE_MAX];
    resolver_stop(r);
    resolver_init(r);
    snprintf(r->name, sizeof r->name, "%s", name);
    r->server_count = count < NET_SERVERS ? count : NET_SERVERS;
    for (size_t i = 0; i < r->server_count; i++)
        r->servers[i] = servers[i];
    r->type = DNS_A;
    r->why = r->server_count == 0 ? "no name server is set, and none came by DHCP" : "this is not a name";
    r->busy = r->server_count != 0 && dns_write(0, r->name, r->type, bytes) != 0;
    if (r->busy) {
        r->why = "no name server answers";
        ask(r, now);
    }
}

static enum ask fail(struct resolver *r)
{
    resolver_stop(r);
    return ASK_FAILED;
}

/* No more for this kind of address: the other kind, or the end. */
static enum ask go_on(struct resolver *r, struct clock now)
{
    if (r->type == DNS_AAAA)
        return fail(r);
    r->type = DNS_AAAA;
    r->tries = 0;
    ask(r, now);
    return ASK_WAIT;
}

enum ask resolver_turn(struct resolver *r, struct clock now)
{
    uint8_t bytes[DNS_MESSAGE_MAX];
    if (!r->busy)
        return r->count != 0 ? ASK_READY : ASK_FAILED;
    for (int i = 0; i < 16 && r->fd >= 0; i++) {
        ssize_t n = recv(r->fd, bytes, sizeof bytes, MSG_TRUNC);
        if (n < 0)
            break;
        size_t len = (size_t)n < sizeof bytes ? (size_t)n : sizeof bytes;
        enum status status = dns_read(span_of(bytes, len), r->id, r->name, r->type, r->found, &r->count);
        if (status == STATUS_END)
            continue; /* somebody guesses */
        if (status == STATUS_OK) {
            resolver_stop(r);
            return ASK_READY;
        }
        r->count = 0;
        if (status == STATUS_NOT_FOUND) {
            r->why = "there is no such name, or it has no address";
            return go_on(r, now);
        }
        r->why = "the name server cannot say";
        r->next_ms = now.mono_ms; /* the next one, perhaps */
        break;
    }
    if (now.mono_ms < r->next_ms)
        return ASK_WAIT;
    if (r->tries < RESOLVER_ROUNDS * r->server_count) {
        ask(r, now);
        return ASK_WAIT;
    }
    /* Silence about one kind is silence about the other. */
    return fail(r);
}

uint64_t resolver_deadline(const struct resolver *r)
{
    return r->busy ? r->next_ms : UINT64_MAX;
}
