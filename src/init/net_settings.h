/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says about the network, checked and as values. */
#ifndef HOLDFAST_INIT_NET_SETTINGS_H
#define HOLDFAST_INIT_NET_SETTINGS_H

#include "init/ip.h"
#include "server/config.h"

#define NET_SERVERS  3
#define NET_NAME_MAX 63 /* bytes; name or address of a time server */

enum net_mode {
    NET_NONE,
    NET_STATIC,
    NET_AUTO /* IPv4: DHCP; IPv6: router advertisements */
};

struct net_settings {
    bool has_mac;
    uint8_t mac[MAC_BYTES];
    enum net_mode mode4, mode6;
    struct ip_net address4, address6;
    struct ip gateway4, gateway6; /* len 0: none */
    uint16_t vlan;                /* 0: none */
    uint16_t mtu;
    char host[NET_NAME_MAX + 1];
    size_t dns_count, ntp_count;
    struct ip dns[NET_SERVERS];
    char ntp[NET_SERVERS][NET_NAME_MAX + 1];
};

/* Every setting of the network from the configuration. False with a text in why that begins with the
 * setting's path. *out is fit to be compared with memcmp. */
MUST_USE bool net_settings_read(const struct config *config, struct net_settings *out, char *why, size_t cap);

#endif
