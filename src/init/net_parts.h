/* SPDX-License-Identifier: Apache-2.0 */
/* What net.c and net_ipv4.c share. */
#ifndef HOLDFAST_INIT_NET_PARTS_H
#define HOLDFAST_INIT_NET_PARTS_H

#include "init/net.h"

/* Puts the address with its routes in force, instead of the one before; none: only takes it away. */
void net_set_ipv4(struct net *net, const struct net_ipv4 *wanted, struct clock now);
void net_begin_dhcp(struct net *net, struct clock now);
/* Does what DHCP has to say since it was last looked at. */
void net_follow_dhcp(struct net *net, struct clock now);
void net_set_name_servers(struct net *net);
/* Gratuitous ARP (RFC 5227 s2.3): switches and neighbours learn where the address is. */
void net_begin_announcing(struct net *net, struct clock now);
void net_announce(struct net *net, struct clock now);
/* Who else uses the address. */
void net_read_arp(struct net *net, struct clock now);

#endif
