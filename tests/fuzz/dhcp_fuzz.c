/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP server that says anything: pieces of input (two bytes of length before each) come as frames or as
 * messages to a client in any of its states. The first byte of a piece says which, and whether time passes
 * before it. What is taken has to be fit for the kernel.
 */
#include <stdio.h>
#include <stdlib.h>

#include "init/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define XID 0x11223344u
static const uint8_t mac[MAC_BYTES] = {2, 0, 0, 0, 0, 1};

struct peer {
    enum dhcp_way way;
    unsigned sent;
};

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void use(void *self, enum dhcp_way way)
{
    ((struct peer *)self)->way = way;
}

static void send_message(void *self, struct span message, uint32_t to)
{
    struct peer *p = self;
    uint8_t frame[DHCP_FRAME_MAX];
    need(p->way != DHCP_WAY_CLOSED, "a message without a socket");
    need(message.len >= 300 && message.len <= 576, "the length of a message");
    need(dhcp_frame_write(0, to, message, frame) == message.len + 28, "the length of a frame");
    p->sent++;
}

static void probe(void *self, uint32_t address)
{
    (void)self;
    struct ip ip = ip_of4(address);
    need(ip_is_host(&ip), "a probe for what is no machine");
}

static uint32_t fixed(void *self)
{
    (void)self;
    return XID;
}

static void check_lease(const struct dhcp_answer *a)
{
    struct ip_net net = {.ip = ip_of4(a->address), .prefix = a->prefix};
    need(ip_fits_net(&net), "an address that cannot be");
    need(a->lease_s >= DHCP_LEASE_LEAST && a->renew_s > 0 && a->renew_s < a->rebind_s &&
             a->rebind_s < a->lease_s,
         "times in disorder");
    struct ip gateway = ip_of4(a->gateway);
    need(a->gateway == 0 || (ip_is_host(&gateway) && (a->prefix == 32 || ip_in_net(&gateway, &net))),
         "a gateway that is not on the link");
    need(a->dns_count <= DHCP_SERVERS && a->ntp_count <= DHCP_SERVERS && a->route_count <= DHCP_ROUTES,
         "counts");
    for (size_t i = 0; i < a->route_count; i++) {
        struct ip to = ip_of4(a->routes[i].net);
        need(a->routes[i].prefix >= 1 && a->routes[i].prefix <= 32 && ip_is_host(&to), "a route");
    }
    need(a->mtu == 0 || a->mtu >= 1280, "an MTU");
}

static void one_piece(struct dhcp *d, uint8_t how, struct span bytes, struct clock *now)
{
    struct span message = bytes;
    struct dhcp_answer answer;
    uint64_t deadline = dhcp_deadline(d);
    if ((how & 1) != 0 && deadline != UINT64_MAX) {
        now->mono_ms = deadline > now->mono_ms ? deadline : now->mono_ms;
        dhcp_tick(d, *now);
    }
    if ((how & 2) != 0 && !dhcp_frame_read(bytes, (how & 4) != 0, &message))
        return;
    need(message.len == 0 || (message.ptr >= bytes.ptr && message.ptr + message.len <= bytes.ptr + bytes.len),
         "a message outside its frame");
    if (dhcp_read(message, XID, mac, &answer) == STATUS_OK && answer.type != DHCP_NAK)
        check_lease(&answer);
    dhcp_message(d, message, *now);
    if ((how & 8) != 0)
        dhcp_conflict(d, d->offer.address, *now);
    if ((how & 16) != 0)
        dhcp_link(d, (how & 32) != 0, *now);
    if (d->has_lease)
        check_lease(&d->lease);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dhcp d = {0};
    struct peer peer = {0};
    struct log log = {.fd = -1, .level = LOG_ERROR};
    struct clock now = {.mono_ms = 1000, .unix_s = 1800000000};
    struct dhcp_ops ops = {.self = &peer, .use = use, .send = send_message, .probe = probe, .random = fixed};
    dhcp_begin(&d, &ops, &log, mac, "box1", true, now);
    unsigned pieces = 0;
    for (size_t at = 0; len - at >= 3; pieces++) {
        size_t n = (size_t)data[at] << 8 | data[at + 1];
        uint8_t how = data[at + 2];
        at += 3;
        n = n < len - at ? n : len - at;
        uint8_t *copy = malloc(n + 1); /* tight, so that a read behind it is seen */
        uint8_t *tight = n == 0 ? copy : realloc(copy, n);
        memcpy(tight, data + at, n);
        one_piece(&d, how, span_of(tight, n), &now);
        free(tight);
        at += n;
    }
    need(peer.sent <= 1 + 4 * pieces, "more is said than asked for");
    dhcp_stop(&d);
    return 0;
}
