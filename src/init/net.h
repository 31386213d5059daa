/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The box's network: finds its port, puts the settings in force, notices the cable, keeps the lease. Pulled
 * by process 1's loop; never waits. Only one port is used, the uplink; the others are switched on to see
 * their links, and carry nothing.
 */
#ifndef HOLDFAST_INIT_NET_H
#define HOLDFAST_INIT_NET_H

#include <poll.h>

#include "init/dhcp_socket.h"
#include "init/net_settings.h"
#include "init/netif.h"

#define NET_ADDRESSES 32
#define NET_FDS       3 /* what net_poll asks for at most */

/* The IPv4 address in force with what belongs to it. */
struct net_ipv4 {
    struct ip_net net; /* ip.len 0: none */
    struct ip gateway; /* len 0: none */
    uint8_t route_count;
    struct dhcp_route routes[DHCP_ROUTES];
};

struct net {
    struct log *log;
    char resolv_path[PATH_MAX_BYTES];
    int requests, events, arp; /* sockets; -1: none */
    uint32_t arp_watched;      /* the address whose ARP packets come in */
    bool applied;
    struct net_settings settings;
    size_t port_count, address_count;
    struct netif_port ports[NETIF_PORTS];
    struct netif_address addresses[NET_ADDRESSES];
    int port;   /* the uplink's number; 0: not found yet */
    int device; /* the same, or the VLAN device over it */
    char device_name[NETIF_NAME];
    uint8_t mac[MAC_BYTES];
    bool link;
    bool said_no_port;
    struct log_limit link_limit;
    uint64_t no_link_ms; /* since when there is no link */
    uint64_t look_ms;    /* when to look at the ports again although nothing was heard */
    struct net_ipv4 ipv4;
    unsigned announcements; /* to be sent still */
    uint64_t announce_ms;
    bool conflict; /* somebody else uses the IPv4 address */
    uint8_t conflict_mac[MAC_BYTES];
    uint64_t conflict_ms; /* when that was last seen */
    struct dhcp_socket socket;
    struct dhcp dhcp;
    uint32_t dhcp_seen;  /* dhcp.serial that is in force */
    uint32_t dns_serial; /* counts changes of name servers: who reads resolv_path only once looks again */
    size_t dns_count;    /* in force, as in resolv_path */
    struct ip dns[NET_SERVERS];
    size_t time_count;
    char times[NET_SERVERS][NET_NAME_MAX + 1];
    uint32_t serial; /* counts changes of addresses and servers: look again when it differs */
};

/* Switches the loopback and all ports on, and writes the rules of net_kernel.h. `resolv_path` is written when
 * name servers change. */
void net_init(struct net *net, struct log *log, const char *resolv_path, struct clock now);
/* Puts settings in force, instead of those before. Equal ones change nothing, so connections live on. */
void net_apply(struct net *net, const struct net_settings *settings, struct clock now);

/* What to poll for, at most NET_FDS; returns how many. *deadline_ms (of mono_ms) becomes sooner when time is
 * enough to do something. */
size_t net_poll(const struct net *net, struct pollfd *fds, size_t cap, uint64_t *deadline_ms);
/* `fds` as net_poll gave them. */
void net_turn(struct net *net, const struct pollfd *fds, size_t count, struct clock now);

/* A link, and an address other machines can reach (IPv4 unless it is switched off). */
bool net_is_up(const struct net *net);
/* The port of the uplink; NULL: not found yet. */
const struct netif_port *net_port(const struct net *net);
/* Servers in force: the settings', or those that DHCP named. Return how many. */
size_t net_time_servers(const struct net *net, char out[NET_SERVERS][NET_NAME_MAX + 1]);
size_t net_name_servers(const struct net *net, struct ip out[NET_SERVERS]);

/* net_show.c */
/* show interfaces */
void net_write(const struct net *net, struct clock now, struct buf *out);
/* The lines port and address of the command state (PROTOCOL.md). */
void net_write_state(const struct net *net, struct buf *out);
/* The box's addresses with a blank between them, without prefix lengths and link-local ones. */
void net_addresses(const struct net *net, struct buf *out);
/* One line of what is wrong and what to do; false: nothing is. */
bool net_fault(const struct net *net, struct buf *out);

#endif
