/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net.h"

#include <stdio.h>
#include <unistd.h>

#include "init/arp.h"
#include "init/net_kernel.h"
#include "init/net_parts.h"

#define NEVER         UINT64_MAX
#define CONFLICT_MS   300000
#define OTHER_PORT_MS 5000  /* without a link, before a port is left for another one that has one */
#define LOOK_MS       30000 /* events can be lost, and the counters age */

/* ---- the ports ---- */

static struct netif_port *find_port(struct net *n, int index)
{
    for (size_t i = 0; i < n->port_count; i++)
        if (n->ports[i].index == index)
            return &n->ports[i];
    return NULL;
}

const struct netif_port *net_port(const struct net *net)
{
    for (size_t i = 0; i < net->port_count; i++)
        if (net->ports[i].index == net->port && net->port != 0)
            return &net->ports[i];
    return NULL;
}

static void read_addresses(struct net *n)
{
    struct netif_address before[NET_ADDRESSES];
    size_t count = n->address_count;
    memcpy(before, n->addresses, sizeof before);
    int found = netif_addresses(n->requests, n->addresses, NET_ADDRESSES);
    n->address_count = found < 0 ? 0 : (size_t)found;
    if (count != n->address_count || memcmp(before, n->addresses, count * sizeof before[0]) != 0)
        n->serial++;
}

/* Reads what ports there are; new ones are switched on, without IPv6 until one is the uplink. */
static void read_ports(struct net *n)
{
    struct netif_port all[NETIF_PORTS * 2];
    int count = netif_ports(n->requests, all, COUNT_OF(all));
    int known[NETIF_PORTS];
    size_t known_count = n->port_count;
    for (size_t i = 0; i < known_count; i++)
        known[i] = n->ports[i].index;
    n->port_count = 0;
    for (int i = 0; i < count; i++) {
        if (all[i].is_loopback && !all[i].is_up)
            (void)netif_set_up(n->requests, all[i].index, true);
        if (!all[i].is_port || n->port_count == NETIF_PORTS)
            continue;
        bool is_new = true;
        for (size_t k = 0; k < known_count; k++)
            is_new = is_new && known[k] != all[i].index;
        if (is_new)
            net_kernel_ipv6(all[i].name, NET_NONE);
        if (!all[i].is_up)
            (void)netif_set_up(n->requests, all[i].index, true);
        n->ports[n->port_count++] = all[i];
    }
}

static const struct netif_port *choose(const struct net *n)
{
    for (size_t i = 0; i < n->port_count; i++)
        if (n->settings.has_mac ? mac_equal(n->ports[i].mac, n->settings.mac) : n->ports[i].link)
            return &n->ports[i];
    return NULL;
}

/* ---- the uplink ---- */

static void tear_down(struct net *n, struct clock now)
{
    static const struct net_ipv4 none;
    dhcp_stop(&n->dhcp);
    if (n->device != 0) {
        net_set_ipv4(n, &none, now);
        net_kernel_ipv6(n->device_name, NET_NONE);
        if (n->device != n->port)
            (void)netif_remove(n->requests, n->device);
    }
    if (n->arp >= 0)
        close(n->arp);
    n->arp = -1;
    n->port = n->device = 0;
    n->link = n->conflict = false;
    n->announce_ms = NEVER;
    memset(&n->ipv4, 0, sizeof n->ipv4);
    n->dhcp_seen = n->dhcp.serial;
    n->serial++;
}

/* The device that carries the addresses: the port, or a VLAN over it. */
static bool open_device(struct net *n, const struct netif_port *port)
{
    uint16_t mtu = n->settings.mtu;
    n->port = n->device = port->index;
    memcpy(n->mac, port->mac, MAC_BYTES);
    snprintf(n->device_name, sizeof n->device_name, "%s", port->name);
    int result = port->mtu == mtu ? 0 : netif_set_mtu(n->requests, port->index, mtu);
    if (result != 0)
        log_write(n->log, LOG_WARNING, "network", "%s takes no packets of %u bytes: %s; its own %u are used",
                  port->name, mtu, strerror(-result), (unsigned)port->mtu);
    if (n->settings.vlan == 0)
        return true;
    struct netif_port all[NETIF_PORTS * 2];
    char name[NETIF_NAME];
    snprintf(name, sizeof name, "vlan%u", n->settings.vlan);
    result = netif_add_vlan(n->requests, port->index, n->settings.vlan, result == 0 ? mtu : port->mtu, name);
    int count = netif_ports(n->requests, all, COUNT_OF(all));
    n->device = 0;
    for (int i = 0; i < count && result == 0; i++)
        if (strcmp(all[i].name, name) == 0)
            n->device = all[i].index;
    if (n->device == 0) {
        log_write(n->log, LOG_ERROR, "network", "VLAN %u cannot be made on %s: %s", n->settings.vlan,
                  port->name, strerror(result < 0 ? -result : 19));
        return false;
    }
    memcpy(n->device_name, name, sizeof name);
    net_kernel_ipv6(name, NET_NONE);
    (void)netif_set_up(n->requests, n->device, true);
    return true;
}

static void set_ipv6(struct net *n)
{
    const struct net_settings *s = &n->settings;
    net_kernel_ipv6(n->device_name, s->mode6);
    if (s->mode6 != NET_STATIC)
        return;
    struct ip_net all = {.ip = {.len = 16}};
    int result = netif_add_address(n->requests, n->device, &s->address6);
    if (result == 0 && s->gateway6.len != 0)
        result = netif_add_route(n->requests, n->device, &all, &s->gateway6, true);
    if (result != 0)
        log_write(n->log, LOG_ERROR, "network", "the IPv6 address or its gateway was not taken: %s",
                  strerror(-result));
}

static void set_up(struct net *n, const struct netif_port *port, struct clock now)
{
    const struct net_settings *s = &n->settings;
    char mac[MAC_TEXT + 1];
    mac_write(port->mac, mac);
    log_write(n->log, LOG_INFO, "network", "the uplink is %s, %s, %s", port->name, mac,
              port->link ? "with a link" : "without a link: plug the cable in");
    n->said_no_port = false;
    n->link = port->link;
    n->no_link_ms = now.mono_ms;
    bool good = open_device(n, port);
    n->serial++;
    if (!good)
        return;
    n->arp = arp_open(n->device);
    n->arp_watched = 1; /* nobody's: whatever is wanted differs */
    set_ipv6(n);
    if (s->mode4 == NET_STATIC) {
        struct net_ipv4 wanted;
        memset(&wanted, 0, sizeof wanted);
        wanted.net = s->address4;
        wanted.gateway = s->gateway4;
        net_set_ipv4(n, &wanted, now);
    } else if (s->mode4 == NET_AUTO) {
        net_begin_dhcp(n, now);
    }
}

static void follow_link(struct net *n, const struct netif_port *port, struct clock now)
{
    if (port->link == n->link)
        return;
    n->link = port->link;
    n->no_link_ms = now.mono_ms;
    n->serial++;
    /* A link that comes and goes many times a minute does not fill the log. */
    uint32_t skipped;
    if (log_limit_pass(&n->link_limit, now.unix_s, 6, &skipped))
        log_write(n->log, port->link ? LOG_INFO : LOG_WARNING, "network", "%s: the link is %s", port->name,
                  port->link ? "up" : "down; look at the cable and the switch");
    dhcp_link(&n->dhcp, port->link, now);
    if (port->link && n->settings.mode4 == NET_STATIC)
        net_begin_announcing(n, now); /* the switch may be another one */
}

static void look(struct net *n, struct clock now)
{
    read_ports(n);
    n->look_ms = now.mono_ms + LOOK_MS;
    if (!n->applied)
        return;
    const struct netif_port *port = find_port(n, n->port);
    if (n->port != 0 && port == NULL) {
        log_write(n->log, LOG_WARNING, "network", "the network port %s is gone", n->device_name);
        tear_down(n, now);
    }
    if (port != NULL)
        follow_link(n, port, now);
    const struct netif_port *other = choose(n);
    bool leave = n->port != 0 && !n->link && !n->settings.has_mac && other != NULL &&
                 now.mono_ms - n->no_link_ms >= OTHER_PORT_MS;
    if (leave)
        tear_down(n, now);
    if (n->port == 0 && other != NULL)
        set_up(n, other, now);
    if (n->port == 0 && !n->said_no_port) {
        n->said_no_port = true;
        log_write(n->log, LOG_WARNING, "network", "%s",
                  n->settings.has_mac ? "there is no port with the MAC address that is set; waiting for it"
                                      : "no network port has a link; waiting for one");
    }
    if (n->port != 0 && !n->link && !n->settings.has_mac && now.mono_ms + 1000 < n->look_ms)
        n->look_ms = now.mono_ms + 1000;
    read_addresses(n);
}

void net_init(struct net *n, struct log *log, const char *resolv_path, struct clock now)
{
    memset(n, 0, sizeof *n);
    n->log = log;
    n->arp = n->socket.fd = -1;
    n->announce_ms = NEVER;
    snprintf(n->resolv_path, sizeof n->resolv_path, "%s", resolv_path);
    unsigned failed = net_kernel_harden();
    if (failed != 0)
        log_write(log, LOG_WARNING, "network", "the kernel did not take %u of the network's rules", failed);
    n->events = netif_open_events();
    n->requests = netif_open();
    if (n->events < 0 || n->requests < 0)
        log_write(log, LOG_ERROR, "network", "no netlink socket: the network cannot be set up");
    if (!net_kernel_resolv(resolv_path, NULL, 0, NULL, 0))
        log_write(log, LOG_ERROR, "network", "%s cannot be written", resolv_path);
    look(n, now);
}

void net_apply(struct net *n, const struct net_settings *settings, struct clock now)
{
    struct net_settings before = n->settings;
    bool first = !n->applied;
    n->settings = *settings;
    n->applied = true;
    /* Servers alone do not touch the addresses. */
    memcpy(before.dns, settings->dns, sizeof before.dns);
    memcpy(before.ntp, settings->ntp, sizeof before.ntp);
    before.dns_count = settings->dns_count;
    before.ntp_count = settings->ntp_count;
    if (first || memcmp(&before, settings, sizeof before) != 0) {
        tear_down(n, now);
        n->said_no_port = false;
        look(n, now);
    }
    net_set_name_servers(n);
    n->serial++;
}

/* ---- the loop ---- */

size_t net_poll(const struct net *n, struct pollfd *fds, size_t cap, uint64_t *deadline_ms)
{
    int all[NET_FDS] = {n->events, n->arp, n->socket.fd};
    size_t count = 0;
    for (size_t i = 0; i < NET_FDS; i++)
        if (all[i] >= 0 && count < cap)
            fds[count++] = (struct pollfd){.fd = all[i], .events = POLLIN};
    uint64_t times[] = {dhcp_deadline(&n->dhcp), n->announce_ms, n->look_ms};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (times[i] < *deadline_ms)
            *deadline_ms = times[i];
    return count;
}

static bool is_ready(const struct pollfd *fds, size_t count, int fd)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i].fd == fd && fd >= 0 && fds[i].revents != 0)
            return true;
    return false;
}

void net_turn(struct net *n, const struct pollfd *fds, size_t count, struct clock now)
{
    uint8_t buffer[DHCP_FRAME_MAX];
    struct span message;
    bool changed = is_ready(fds, count, n->events) && netif_drain_events(n->events);
    if (changed || now.mono_ms >= n->look_ms)
        look(n, now);
    if (is_ready(fds, count, n->arp))
        net_read_arp(n, now);
    /* The socket may be another one after a message. */
    for (int i = 0; i < 16 && is_ready(fds, count, n->socket.fd); i++) {
        if (!dhcp_socket_next(&n->socket, buffer, &message))
            break;
        dhcp_message(&n->dhcp, message, now);
    }
    if (now.mono_ms >= dhcp_deadline(&n->dhcp))
        dhcp_tick(&n->dhcp, now);
    net_follow_dhcp(n, now);
    if (now.mono_ms >= n->announce_ms)
        net_announce(n, now);
    if (n->conflict && now.mono_ms - n->conflict_ms >= CONFLICT_MS)
        n->conflict = false; /* it has been silent */
}

bool net_is_up(const struct net *n)
{
    if (!n->link || n->device == 0)
        return false;
    if (n->ipv4.net.ip.len != 0)
        return true;
    for (size_t i = 0; i < n->address_count && n->settings.mode4 == NET_NONE; i++) {
        const struct netif_address *a = &n->addresses[i];
        if (a->index == n->device && a->net.ip.len == 16 && !ip_is_link_local(&a->net.ip) && !a->tentative &&
            !a->duplicate)
            return true;
    }
    return false;
}

size_t net_name_servers(const struct net *n, struct ip out[NET_SERVERS])
{
    memcpy(out, n->dns, sizeof n->dns);
    return n->dns_count;
}

size_t net_time_servers(const struct net *n, char out[NET_SERVERS][NET_NAME_MAX + 1])
{
    memcpy(out, n->settings.ntp, sizeof n->settings.ntp);
    if (n->settings.ntp_count != 0 || !n->dhcp.has_lease)
        return n->settings.ntp_count;
    for (size_t i = 0; i < n->dhcp.lease.ntp_count; i++) {
        struct ip ip = ip_of4(n->dhcp.lease.ntp[i]);
        ip_write(&ip, out[i]);
    }
    return n->dhcp.lease.ntp_count;
}
