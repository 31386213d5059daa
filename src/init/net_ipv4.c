/* SPDX-License-Identifier: Apache-2.0 */
/* The IPv4 address of the uplink: from the settings or from DHCP, announced, defended, with name servers. */
#include <string.h>

#include "init/arp.h"
#include "init/net_kernel.h"
#include "init/net_parts.h"
#include "init/quick_random.h"

#define NEVER         UINT64_MAX
#define ANNOUNCEMENTS 2 /* RFC 5227 s1.1 */
#define ANNOUNCE_MS   2000
#define DEFEND_MS     10000 /* RFC 5227 s1.1: at most one answer to a conflict in this time */
#define MTU_LEAST     1280

void net_announce(struct net *n, struct clock now)
{
    if (n->arp >= 0 && n->ipv4.net.ip.len != 0 && n->link) {
        uint32_t own = ip_get4(&n->ipv4.net.ip);
        arp_ask(n->arp, n->device, n->mac, own, own);
        n->announcements -= n->announcements != 0;
    }
    n->announce_ms = n->announcements != 0 && n->link ? now.mono_ms + ANNOUNCE_MS : NEVER;
}

void net_begin_announcing(struct net *n, struct clock now)
{
    n->announcements = ANNOUNCEMENTS;
    net_announce(n, now);
}

static void watch_arp(struct net *n)
{
    if (n->arp < 0)
        return;
    bool probing = n->dhcp.state == DHCP_STATE_PROBING;
    uint32_t own = n->ipv4.net.ip.len != 0 ? ip_get4(&n->ipv4.net.ip) : 0;
    uint32_t wanted = probing ? n->dhcp.offer.address : own;
    if (wanted != n->arp_watched)
        arp_watch(n->arp, wanted);
    n->arp_watched = wanted;
}

/* Puts the address with its routes in force, instead of the one before. */
void net_set_ipv4(struct net *n, const struct net_ipv4 *wanted, struct clock now)
{
    if (memcmp(&n->ipv4, wanted, sizeof *wanted) == 0)
        return;
    /* Without its last address an interface loses its routes as well. */
    (void)netif_flush_addresses(n->requests, n->device, 4);
    n->ipv4 = *wanted;
    n->conflict = false;
    n->serial++;
    watch_arp(n);
    if (wanted->net.ip.len == 0)
        return;
    int result = netif_add_address(n->requests, n->device, &wanted->net);
    struct ip_net all = {.ip = {.len = 4}};
    if (result == 0 && wanted->gateway.len != 0)
        result = netif_add_route(n->requests, n->device, &all, &wanted->gateway, true);
    for (size_t i = 0; i < wanted->route_count && result == 0; i++) {
        const struct dhcp_route *route = &wanted->routes[i];
        struct ip_net net = {.ip = ip_of4(route->net), .prefix = (uint8_t)route->prefix};
        struct ip via = route->via == 0 ? (struct ip){0} : ip_of4(route->via);
        (void)netif_add_route(n->requests, n->device, &net, &via, route->via != 0);
    }
    char text[IP_TEXT + 1];
    ip_write(&wanted->net.ip, text);
    if (result != 0)
        log_write(n->log, LOG_ERROR, "network", "the address %s/%u or its gateway was not taken: %s", text,
                  wanted->net.prefix, strerror(-result));
    else
        log_write(n->log, LOG_INFO, "network", "IPv4 address %s/%u on %s", text, wanted->net.prefix,
                  n->device_name);
    /* Who has the address already answers this: process 1 goes on meanwhile. */
    if (n->arp >= 0)
        arp_ask(n->arp, n->device, n->mac, 0, ip_get4(&wanted->net.ip));
    net_begin_announcing(n, now);
}

void net_set_name_servers(struct net *n)
{
    size_t count = n->settings.dns_count;
    struct ip servers[NET_SERVERS] = {{0}};
    memcpy(servers, n->settings.dns, sizeof servers);
    if (count == 0 && n->dhcp.has_lease) {
        count = n->dhcp.lease.dns_count;
        for (size_t i = 0; i < count; i++)
            servers[i] = ip_of4(n->dhcp.lease.dns[i]);
    }
    char times[NET_SERVERS][NET_NAME_MAX + 1];
    size_t time_count = net_time_servers(n, times);
    bool same =
        n->dns_count == count && memcmp(servers, n->dns, sizeof servers) == 0 && n->time_count == time_count;
    for (size_t i = 0; i < time_count && same; i++)
        same = strcmp(times[i], n->times[i]) == 0;
    if (same)
        return;
    n->dns_serial += n->dns_count != count || memcmp(servers, n->dns, sizeof servers) != 0;
    n->time_count = time_count;
    memcpy(n->times, times, sizeof times);
    n->dns_count = count;
    memcpy(n->dns, servers, sizeof servers);
    n->serial++;
    if (!net_kernel_resolv(n->resolv_path, servers, count, times, time_count))
        log_write(n->log, LOG_ERROR, "network", "%s cannot be written: names are not found", n->resolv_path);
}

/* What DHCP has to say since it was last looked at. */
void net_follow_dhcp(struct net *n, struct clock now)
{
    watch_arp(n);
    if (n->dhcp_seen == n->dhcp.serial)
        return;
    n->dhcp_seen = n->dhcp.serial;
    struct net_ipv4 wanted;
    const struct dhcp_answer *lease = &n->dhcp.lease;
    memset(&wanted, 0, sizeof wanted);
    if (n->dhcp.has_lease) {
        wanted.net = (struct ip_net){.ip = ip_of4(lease->address), .prefix = lease->prefix};
        if (lease->gateway != 0)
            wanted.gateway = ip_of4(lease->gateway);
        wanted.route_count = lease->route_count;
        memcpy(wanted.routes, lease->routes, sizeof wanted.routes);
        if (lease->mtu >= MTU_LEAST && lease->mtu < n->settings.mtu)
            (void)netif_set_mtu(n->requests, n->device, lease->mtu);
    }
    net_set_ipv4(n, &wanted, now);
    net_set_name_servers(n);
    n->serial++;
}

static void dhcp_use(void *self, enum dhcp_way way)
{
    struct net *n = self;
    dhcp_socket_use(&n->socket, way);
}

static void dhcp_send(void *self, struct span message, uint32_t to)
{
    struct net *n = self;
    dhcp_socket_send(&n->socket, message, to);
}

static void dhcp_probe(void *self, uint32_t address)
{
    struct net *n = self;
    if (n->arp < 0)
        return;
    n->arp_watched = address;
    arp_watch(n->arp, address);
    arp_ask(n->arp, n->device, n->mac, 0, address);
}

static uint32_t dhcp_random(void *self)
{
    (void)self;
    return quick_random32();
}

void net_begin_dhcp(struct net *n, struct clock now)
{
    struct dhcp_ops ops = {
        .self = n, .use = dhcp_use, .send = dhcp_send, .probe = dhcp_probe, .random = dhcp_random};
    dhcp_socket_init(&n->socket, n->device, n->device_name);
    dhcp_begin(&n->dhcp, &ops, n->log, n->mac, n->settings.host, n->link, now);
}

static void take_conflict(struct net *n, const struct arp *arp, struct clock now)
{
    char text[IP_TEXT + 1], mac[MAC_TEXT + 1];
    bool known = n->conflict && mac_equal(n->conflict_mac, arp->sender_mac);
    bool defend = !n->conflict || now.mono_ms - n->conflict_ms >= DEFEND_MS;
    ip_write(&n->ipv4.net.ip, text);
    mac_write(arp->sender_mac, mac);
    if (!known && defend)
        log_write(n->log, LOG_WARNING, "network",
                  "the address %s of this box is also used by the machine with the MAC address %s", text,
                  mac);
    memcpy(n->conflict_mac, arp->sender_mac, MAC_BYTES);
    n->conflict = true;
    if (!defend)
        return;
    n->conflict_ms = now.mono_ms;
    net_announce(n, now); /* RFC 5227 s2.4 (b) */
}

void net_read_arp(struct net *n, struct clock now)
{
    struct arp arp;
    for (int i = 0; i < 64 && arp_next(n->arp, &arp); i++) {
        if (mac_equal(arp.sender_mac, n->mac))
            continue;
        if (n->ipv4.net.ip.len != 0 && arp.sender == ip_get4(&n->ipv4.net.ip))
            take_conflict(n, &arp, now);
        dhcp_conflict(&n->dhcp, arp.sender != 0 ? arp.sender : arp.target, now);
    }
}
