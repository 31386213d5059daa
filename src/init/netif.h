/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's network ports, addresses and routes over rtnetlink (rtnetlink(7)). The kernel answers each
 * request before the call that sends it returns, so nothing here waits. Calls return 0, or a negated errno.
 */
#ifndef HOLDFAST_INIT_NETIF_H
#define HOLDFAST_INIT_NETIF_H

#include "init/ip.h"

#define NETIF_NAME  16
#define NETIF_PORTS 16 /* ports of one box; further ones are not seen */

/* One port, as the kernel describes it. */
struct netif_port {
    int index;
    char name[NETIF_NAME];
    uint8_t mac[MAC_BYTES];
    bool is_port; /* Ethernet with hardware (or a test's veth) under it; false: loopback, VLAN device, bridge
                   */
    bool is_loopback;
    bool is_up; /* switched on */
    bool link;  /* the cable is in and the other side is there */
    uint32_t mtu;
    uint64_t rx_packets, tx_packets, rx_errors, tx_errors, rx_dropped, tx_dropped;
};

struct netif_address {
    int index;
    struct ip_net net;
    bool tentative; /* IPv6: duplicate address detection is not over */
    bool duplicate; /* IPv6: it found one */
    bool permanent; /* set here, not by a router's advertisement */
};

/* A socket for requests and dumps. Negative: an errno. */
int netif_open(void);
/* A socket that becomes readable when ports or addresses change. */
int netif_open_events(void);
/* Takes in what has happened; true: something has, and ports and addresses are to be read again. */
bool netif_drain_events(int fd);

/* Everything there is now, at most cap; returns how many, or a negated errno. */
int netif_ports(int fd, struct netif_port *out, size_t cap);
int netif_addresses(int fd, struct netif_address *out, size_t cap);

/* The IPv4 default route of an interface; -ENOENT: there is none. */
int netif_gateway4(int fd, int index, struct ip *out);

int netif_set_up(int fd, int index, bool up);
int netif_set_mtu(int fd, int index, uint32_t mtu);
/* IEEE 802.1Q: `name` is made over the port; its frames carry the tag. */
int netif_add_vlan(int fd, int index, uint16_t vlan, uint32_t mtu, const char *name);
int netif_remove(int fd, int index);

/* The IPv4 broadcast address goes with it. */
int netif_add_address(int fd, int index, const struct ip_net *net);
int netif_remove_address(int fd, int index, const struct ip_net *net);
/* Every address of the family (4 or 16 bytes) on this interface. */
int netif_flush_addresses(int fd, int index, uint8_t len);
/* To `net` through `via` (len 0: on the link itself). on_link: `via` is reached without a route to it. */
int netif_add_route(int fd, int index, const struct ip_net *net, const struct ip *via, bool on_link);
int netif_remove_route(int fd, int index, const struct ip_net *net, const struct ip *via);

/* Mbit/s, 0 unknown or no link; and the driver's name ("" unknown). `name` is the port's. */
uint32_t netif_speed(const char *name);
void netif_driver(const char *name, char out[32]);

#endif
