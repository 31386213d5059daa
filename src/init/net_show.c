/* SPDX-License-Identifier: Apache-2.0 */
/* The network as people and other processes read it. */
#include <unistd.h>

#include "init/net.h"

static void add_ip(struct buf *out, const struct ip *ip)
{
    char text[IP_TEXT + 1];
    ip_write(ip, text);
    buf_add_text(out, text);
}

static void add_mac(struct buf *out, const uint8_t mac[MAC_BYTES])
{
    char text[MAC_TEXT + 1];
    mac_write(mac, text);
    buf_add_text(out, text);
}

static void add_lease(const struct net *n, struct clock now, struct buf *out)
{
    uint32_t left = dhcp_lease_left_s(&n->dhcp, now);
    buf_add_text(out, "from DHCP server ");
    struct ip server = ip_of4(n->dhcp.lease.server);
    add_ip(out, &server);
    if (left == DHCP_FOREVER)
        buf_add_text(out, ", without an end");
    else if (left >= 7200)
        buf_print(out, ", %u h %u min left", left / 3600, left / 60 % 60);
    else if (left >= 120)
        buf_print(out, ", %u min left", left / 60);
    else
        buf_print(out, ", %u s left", left);
}

static void add_address(const struct net *n, const struct netif_address *a, struct clock now, struct buf *out)
{
    buf_print(out, "  %-12s", a->net.ip.len == 4 ? "IPv4" : "IPv6");
    add_ip(out, &a->net.ip);
    buf_print(out, "/%u  ", a->net.prefix);
    if (a->net.ip.len == 4 && n->dhcp.has_lease)
        add_lease(n, now, out);
    else if (ip_is_link_local(&a->net.ip))
        buf_add_text(out, "link-local");
    else
        buf_add_text(out, a->permanent ? "set" : "automatic");
    if (a->duplicate)
        buf_add_text(out, ", NOT USED: another machine has it");
    else if (a->tentative)
        buf_add_text(out, ", being checked");
    buf_add_text(out, "\n");
}

/* Counters as they are now: those of the last event are old. */
static size_t fresh_ports(const struct net *n, struct netif_port out[NETIF_PORTS * 2])
{
    int fd = netif_open();
    int count = fd < 0 ? fd : netif_ports(fd, out, NETIF_PORTS * 2);
    if (fd >= 0)
        close(fd);
    if (count > 0)
        return (size_t)count;
    memcpy(out, n->ports, sizeof n->ports);
    return n->port_count;
}

static void add_port(const struct net *n, const struct netif_port *p, struct buf *out)
{
    char driver[32];
    uint32_t speed = p->link ? netif_speed(p->name) : 0;
    netif_driver(p->name, driver);
    buf_print(out, "%-12s  ", p->name);
    add_mac(out, p->mac);
    buf_add_text(out, p->link ? "  link up" : "  no link");
    if (speed != 0)
        buf_print(out, ", %u Mbit/s", speed);
    buf_print(out, "  %s%s\n", driver, p->index == n->port ? "  uplink" : "");
    buf_print(out, "  received    %llu packets, %llu errors, %llu dropped\n",
              (unsigned long long)p->rx_packets, (unsigned long long)p->rx_errors,
              (unsigned long long)p->rx_dropped);
    buf_print(out, "  sent        %llu packets, %llu errors, %llu dropped\n",
              (unsigned long long)p->tx_packets, (unsigned long long)p->tx_errors,
              (unsigned long long)p->tx_dropped);
    if (p->index != n->port)
        return;
    buf_print(out, "  MTU         %u\n", (unsigned)p->mtu);
    if (n->settings.vlan != 0)
        buf_print(out, "  VLAN        %u\n", n->settings.vlan);
}

void net_write(const struct net *n, struct clock now, struct buf *out)
{
    struct netif_port ports[NETIF_PORTS * 2];
    size_t count = fresh_ports(n, ports);
    for (size_t i = 0; i < count; i++) {
        if (!ports[i].is_port)
            continue;
        add_port(n, &ports[i], out);
        for (size_t k = 0; k < n->address_count && ports[i].index == n->port; k++)
            if (n->addresses[k].index == n->device)
                add_address(n, &n->addresses[k], now, out);
    }
    if (n->applied && n->settings.mode4 == NET_AUTO && !n->dhcp.has_lease)
        buf_print(out, "DHCP          %s\n", dhcp_state_text(&n->dhcp));
    const struct ip *gateways[] = {&n->ipv4.gateway, &n->settings.gateway6};
    for (size_t i = 0; i < COUNT_OF(gateways); i++)
        if (gateways[i]->len != 0) {
            buf_add_text(out, "gateway       ");
            add_ip(out, gateways[i]);
            buf_add_text(out, "\n");
        }
    buf_add_text(out, "name servers ");
    for (size_t i = 0; i < n->dns_count; i++) {
        buf_add_text(out, " ");
        add_ip(out, &n->dns[i]);
    }
    buf_add_text(out, n->dns_count == 0 ? " none\n" : "\n");
    if (net_fault(n, out))
        buf_add_text(out, "\n");
}

static bool is_shown(const struct net *n, const struct netif_address *a)
{
    return n->device != 0 && a->index == n->device && !a->duplicate && !ip_is_link_local(&a->net.ip);
}

void net_write_state(const struct net *n, struct buf *out)
{
    for (size_t i = 0; i < n->port_count; i++) {
        const struct netif_port *p = &n->ports[i];
        uint32_t speed = p->link ? netif_speed(p->name) : 0;
        buf_print(out, "port %s ", p->name);
        add_mac(out, p->mac);
        buf_add_text(out, p->link ? " up" : " down");
        if (speed != 0)
            buf_print(out, " %u Mbit/s", speed);
        buf_add_text(out, "\n");
    }
    for (size_t i = 0; i < n->address_count; i++) {
        const struct netif_address *a = &n->addresses[i];
        if (!is_shown(n, a))
            continue;
        buf_add_text(out, "address ");
        add_ip(out, &a->net.ip);
        buf_print(out, "/%u %s\n", a->net.prefix,
                  a->net.ip.len == 4 && n->dhcp.has_lease ? "dhcp"
                  : a->permanent                          ? "static"
                                                          : "automatic");
    }
}

void net_addresses(const struct net *n, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < n->address_count; i++)
        if (is_shown(n, &n->addresses[i])) {
            buf_add_text(out, first ? "" : " ");
            add_ip(out, &n->addresses[i].net.ip);
            first = false;
        }
}

bool net_fault(const struct net *n, struct buf *out)
{
    if (!n->applied)
        return false;
    if (n->port == 0) {
        buf_add_text(out, n->settings.has_mac
                              ? "no network port has the MAC address that is set; look at show "
                                "interfaces and set interface uplink mac"
                              : "no network port has a link; plug a cable in");
        return true;
    }
    if (!n->link) {
        buf_add_text(out, "the network port has no link; look at the cable and the switch");
        return true;
    }
    if (n->conflict) {
        buf_add_text(out, "the address ");
        add_ip(out, &n->ipv4.net.ip);
        buf_add_text(out, " is also used by ");
        add_mac(out, n->conflict_mac);
        buf_add_text(out, "; give one of the two another address");
        return true;
    }
    if (n->settings.mode4 == NET_AUTO && !n->dhcp.has_lease) {
        buf_print(out, "no address from DHCP yet: %s", dhcp_state_text(&n->dhcp));
        return true;
    }
    return false;
}
