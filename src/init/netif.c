/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/netif.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REQUEST_BYTES 256
#define REPLY_BYTES   32768 /* what the kernel puts into one datagram of a dump */
#define DUMP_READS    64    /* datagrams of one dump */

/* ---- requests ---- */

struct request {
    _Alignas(struct nlmsghdr) uint8_t bytes[REQUEST_BYTES];
    size_t len;
};

/* A header of its own kind behind the message's. */
static void begin(struct request *r, uint16_t type, uint16_t flags, const void *head, size_t head_len)
{
    struct nlmsghdr h = {
        .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = 1};
    memset(r, 0, sizeof *r);
    memcpy(r->bytes, &h, sizeof h);
    memcpy(r->bytes + NLMSG_HDRLEN, head, head_len);
    r->len = NLMSG_HDRLEN + NLMSG_ALIGN(head_len);
}

static size_t add(struct request *r, uint16_t type, const void *value, size_t len)
{
    struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    size_t at = r->len;
    if (RTA_SPACE(len) > sizeof r->bytes - at)
        return at; /* nothing here comes near it */
    memcpy(r->bytes + at, &a, sizeof a);
    if (len != 0)
        memcpy(r->bytes + at + RTA_LENGTH(0), value, len);
    r->len += RTA_SPACE(len);
    return at;
}

/* The attribute that began at `at` holds everything since. */
static void enclose(struct request *r, size_t at)
{
    uint16_t len = (uint16_t)(r->len - at);
    memcpy(r->bytes + at, &len, sizeof len);
}

static int send_request(int fd, struct request *r)
{
    uint32_t len = (uint32_t)r->len;
    memcpy(r->bytes, &len, sizeof len);
    ssize_t n = send(fd, r->bytes, r->len, 0); /* to the kernel, as the socket is not connected */
    return n < 0 ? -errno : 0;
}

/* One datagram that the kernel itself has sent. */
static ssize_t receive(int fd, void *bytes, size_t cap)
{
    struct sockaddr_nl from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(fd, bytes, cap, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    if (n < 0)
        return -errno;
    return from_len == sizeof from && from.nl_pid == 0 ? n : 0;
}

/* Sends, and reads the kernel's verdict. */
static int call(int fd, struct request *r)
{
    _Alignas(struct nlmsghdr) uint8_t reply[1024];
    int result = send_request(fd, r);
    for (int i = 0; i < 8 && result == 0; i++) {
        ssize_t n = receive(fd, reply, sizeof reply);
        if (n < 0)
            return (int)n;
        const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)reply;
        if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
            continue;
        struct nlmsgerr verdict;
        memcpy(&verdict, reply + NLMSG_HDRLEN, sizeof verdict);
        return verdict.error;
    }
    return result == 0 ? -EPROTO : result;
}

static int open_socket(uint32_t groups)
{
    struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int netif_open(void)
{
    return open_socket(0);
}

int netif_open_events(void)
{
    return open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
}

bool netif_drain_events(int fd)
{
    _Alignas(struct nlmsghdr) uint8_t bytes[8192];
    bool changed = false;
    for (int i = 0; i < DUMP_READS; i++) {
        ssize_t n = receive(fd, bytes, sizeof bytes);
        if (n < 0 && n != -ENOBUFS)
            break;
        changed = true; /* also when events were lost: everything is read again anyway */
    }
    return changed;
}

/* ---- dumps ---- */

/* Calls `take` for each message of a dump until it says no. */
static int dump(int fd, struct request *r, bool (*take)(const struct nlmsghdr *h, void *context),
                void *context)
{
    _Alignas(struct nlmsghdr) uint8_t bytes[REPLY_BYTES];
    int result = send_request(fd, r);
    for (int i = 0; i < DUMP_READS && result == 0; i++) {
        ssize_t n = receive(fd, bytes, sizeof bytes);
        if (n < 0)
            return (int)n;
        for (size_t at = 0; (size_t)n - at >= sizeof(struct nlmsghdr);) {
            const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(bytes + at);
            if (h->nlmsg_len < sizeof *h || h->nlmsg_len > (size_t)n - at)
                return -EPROTO;
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return -EPROTO;
            if (!take(h, context))
                context = NULL; /* full: the rest is read and passed over */
            at += NLMSG_ALIGN(h->nlmsg_len) < (size_t)n - at ? NLMSG_ALIGN(h->nlmsg_len) : (size_t)n - at;
        }
    }
    return result;
}

/* The attributes behind a header of head_len bytes; *len is what is left of them. */
static const struct rtattr *attributes(const struct nlmsghdr *h, size_t head_len, size_t *len)
{
    size_t at = NLMSG_LENGTH(NLMSG_ALIGN(head_len));
    *len = h->nlmsg_len > at ? h->nlmsg_len - at : 0;
    return (const struct rtattr *)(const void *)((const uint8_t *)h + at);
}

static bool is_sound(const struct rtattr *a, size_t len)
{
    return len >= sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= len;
}

static const struct rtattr *next(const struct rtattr *a, size_t *len)
{
    size_t step = RTA_ALIGN(a->rta_len) < *len ? RTA_ALIGN(a->rta_len) : *len;
    *len -= step;
    return (const struct rtattr *)(const void *)((const uint8_t *)a + step);
}

static struct span value(const struct rtattr *a)
{
    return span_of((const uint8_t *)a + RTA_LENGTH(0), a->rta_len - RTA_LENGTH(0));
}

static void copy_exact(struct span from, void *to, size_t len)
{
    if (from.len >= len)
        memcpy(to, from.ptr, len);
}

static void copy_name(struct span from, char *to, size_t cap)
{
    snprintf(to, cap, "%.*s", (int)from.len, (const char *)from.ptr);
}

/* What kind of device without hardware it is: "vlan", "bridge", "veth" ... */
static bool is_kind(struct span info, const char *kind)
{
    size_t len = info.len;
    for (const struct rtattr *a = (const struct rtattr *)(const void *)info.ptr; is_sound(a, len);
         a = next(a, &len))
        if (a->rta_type == IFLA_INFO_KIND)
            return strncmp((const char *)value(a).ptr, kind, value(a).len) == 0;
    return false;
}

static void take_stats(struct span from, struct netif_port *port)
{
    struct rtnl_link_stats64 s = {0};
    copy_exact(from, &s, from.len < sizeof s ? from.len : sizeof s); /* older kernels know fewer */
    port->rx_packets = s.rx_packets;
    port->tx_packets = s.tx_packets;
    port->rx_errors = s.rx_errors;
    port->tx_errors = s.tx_errors;
    port->rx_dropped = s.rx_dropped;
    port->tx_dropped = s.tx_dropped;
}

struct list {
    void *out;
    size_t count, cap;
};

static bool take_port(const struct nlmsghdr *h, void *context)
{
    struct list *list = context;
    struct ifinfomsg head;
    if (list == NULL || h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof head))
        return list != NULL;
    memcpy(&head, (const uint8_t *)h + NLMSG_HDRLEN, sizeof head);
    struct netif_port *port = (struct netif_port *)list->out + list->count;
    memset(port, 0, sizeof *port);
    port->index = head.ifi_index;
    port->is_loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
    port->is_port = head.ifi_type == ARPHRD_ETHER && !port->is_loopback;
    port->is_up = (head.ifi_flags & IFF_UP) != 0;
    size_t len;
    uint8_t carrier = 0;
    for (const struct rtattr *a = attributes(h, sizeof head, &len); is_sound(a, len); a = next(a, &len)) {
        if (a->rta_type == IFLA_IFNAME)
            copy_name(value(a), port->name, sizeof port->name);
        else if (a->rta_type == IFLA_ADDRESS && value(a).len == MAC_BYTES)
            memcpy(port->mac, value(a).ptr, MAC_BYTES);
        else if (a->rta_type == IFLA_MTU)
            copy_exact(value(a), &port->mtu, sizeof port->mtu);
        else if (a->rta_type == IFLA_CARRIER)
            copy_exact(value(a), &carrier, 1);
        else if (a->rta_type == IFLA_STATS64)
            take_stats(value(a), port);
        else if ((a->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO && !is_kind(value(a), "veth"))
            port->is_port = false;
    }
    port->link = port->is_up && carrier == 1;
    list->count++;
    return list->count < list->cap;
}

static bool take_address(const struct nlmsghdr *h, void *context)
{
    struct list *list = context;
    struct ifaddrmsg head;
    if (list == NULL || h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof head))
        return list != NULL;
    memcpy(&head, (const uint8_t *)h + NLMSG_HDRLEN, sizeof head);
    struct netif_address *address = (struct netif_address *)list->out + list->count;
    uint8_t bytes = head.ifa_family == AF_INET ? 4 : 16;
    uint32_t flags = head.ifa_flags;
    memset(address, 0, sizeof *address);
    address->index = (int)head.ifa_index;
    address->net.prefix = head.ifa_prefixlen;
    size_t len;
    for (const struct rtattr *a = attributes(h, sizeof head, &len); is_sound(a, len); a = next(a, &len)) {
        if (a->rta_type == IFA_FLAGS)
            copy_exact(value(a), &flags, sizeof flags);
        bool own = a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && address->net.ip.len == 0);
        if (own && value(a).len == bytes) {
            address->net.ip.len = bytes;
            memcpy(address->net.ip.bytes, value(a).ptr, bytes);
        }
    }
    address->tentative = (flags & IFA_F_TENTATIVE) != 0;
    address->duplicate = (flags & IFA_F_DADFAILED) != 0;
    address->permanent = (flags & IFA_F_PERMANENT) != 0;
    list->count++;
    return list->count < list->cap;
}

int netif_ports(int fd, struct netif_port *out, size_t cap)
{
    struct list list = {.out = out, .cap = cap};
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    struct request r;
    begin(&r, RTM_GETLINK, NLM_F_DUMP, &head, sizeof head);
    int result = dump(fd, &r, take_port, &list);
    return result < 0 ? result : (int)list.count;
}

int netif_addresses(int fd, struct netif_address *out, size_t cap)
{
    struct list list = {.out = out, .cap = cap};
    struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};
    struct request r;
    begin(&r, RTM_GETADDR, NLM_F_DUMP, &head, sizeof head);
    int result = dump(fd, &r, take_address, &list);
    return result < 0 ? result : (int)list.count;
}

struct gateway {
    uint32_t index;
    struct ip ip;
};

static bool take_route(const struct nlmsghdr *h, void *context)
{
    struct gateway *wanted = context;
    struct rtmsg head;
    if (wanted == NULL || h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof head))
        return wanted != NULL;
    memcpy(&head, (const uint8_t *)h + NLMSG_HDRLEN, sizeof head);
    size_t len;
    uint32_t out = 0;
    struct ip via = {0};
    for (const struct rtattr *a = attributes(h, sizeof head, &len); is_sound(a, len); a = next(a, &len)) {
        if (a->rta_type == RTA_OIF)
            copy_exact(value(a), &out, sizeof out);
        else if (a->rta_type == RTA_GATEWAY && value(a).len == 4)
            via = ip_of4(be32_get(value(a).ptr));
    }
    if (head.rtm_dst_len == 0 && head.rtm_table == RT_TABLE_MAIN && out == wanted->index && via.len == 4)
        wanted->ip = via;
    return true;
}

int netif_gateway4(int fd, int index, struct ip *out)
{
    struct gateway wanted = {.index = (uint32_t)index};
    struct rtmsg head = {.rtm_family = AF_INET};
    struct request r;
    begin(&r, RTM_GETROUTE, NLM_F_DUMP, &head, sizeof head);
    int result = dump(fd, &r, take_route, &wanted);
    *out = wanted.ip;
    return result < 0 ? result : wanted.ip.len == 0 ? -ENOENT : 0;
}

/* ---- changes ---- */

int netif_set_up(int fd, int index, bool up)
{
    struct ifinfomsg head = {.ifi_index = index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};
    struct request r;
    begin(&r, RTM_NEWLINK, NLM_F_ACK, &head, sizeof head);
    return call(fd, &r);
}

int netif_set_mtu(int fd, int index, uint32_t mtu)
{
    struct ifinfomsg head = {.ifi_index = index};
    struct request r;
    begin(&r, RTM_NEWLINK, NLM_F_ACK, &head, sizeof head);
    add(&r, IFLA_MTU, &mtu, sizeof mtu);
    return call(fd, &r);
}

int netif_add_vlan(int fd, int index, uint16_t vlan, uint32_t mtu, const char *name)
{
    struct ifinfomsg head = {0};
    struct request r;
    uint32_t under = (uint32_t)index;
    begin(&r, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
    add(&r, IFLA_IFNAME, name, strlen(name) + 1);
    add(&r, IFLA_LINK, &under, sizeof under);
    add(&r, IFLA_MTU, &mtu, sizeof mtu);
    size_t info = add(&r, IFLA_LINKINFO, NULL, 0);
    add(&r, IFLA_INFO_KIND, "vlan", 4);
    size_t data = add(&r, IFLA_INFO_DATA, NULL, 0);
    add(&r, IFLA_VLAN_ID, &vlan, sizeof vlan);
    enclose(&r, data);
    enclose(&r, info);
    return call(fd, &r);
}

int netif_remove(int fd, int index)
{
    struct ifinfomsg head = {.ifi_index = index};
    struct request r;
    begin(&r, RTM_DELLINK, NLM_F_ACK, &head, sizeof head);
    return call(fd, &r);
}

static int change_address(int fd, int index, const struct ip_net *net, uint16_t type, uint16_t flags)
{
    struct ifaddrmsg head = {.ifa_family = net->ip.len == 4 ? AF_INET : AF_INET6,
                             .ifa_prefixlen = net->prefix,
                             .ifa_index = (uint32_t)index};
    struct request r;
    begin(&r, type, (uint16_t)(NLM_F_ACK | flags), &head, sizeof head);
    add(&r, IFA_LOCAL, net->ip.bytes, net->ip.len);
    add(&r, IFA_ADDRESS, net->ip.bytes, net->ip.len);
    if (net->ip.len == 4 && net->prefix < 31) {
        uint8_t broadcast[4];
        be32_put(broadcast, ip_get4(&net->ip) | ~ip_mask4(net->prefix));
        add(&r, IFA_BROADCAST, broadcast, sizeof broadcast);
    }
    return call(fd, &r);
}

int netif_add_address(int fd, int index, const struct ip_net *net)
{
    return change_address(fd, index, net, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

int netif_remove_address(int fd, int index, const struct ip_net *net)
{
    return change_address(fd, index, net, RTM_DELADDR, 0);
}

int netif_flush_addresses(int fd, int index, uint8_t len)
{
    struct netif_address all[NETIF_PORTS * 4];
    int count = netif_addresses(fd, all, COUNT_OF(all)), result = count < 0 ? count : 0;
    for (int i = 0; i < count; i++)
        if (all[i].index == index && all[i].net.ip.len == len) {
            int one = netif_remove_address(fd, index, &all[i].net);
            result =
                one == 0 || one == -EADDRNOTAVAIL ? result : one; /* secondary ones went with the first */
        }
    return result;
}

static int change_route(int fd, int index, const struct ip_net *net, const struct ip *via, uint16_t type,
                        uint16_t flags, bool on_link)
{
    struct rtmsg head = {.rtm_family = net->ip.len == 4 ? AF_INET : AF_INET6,
                         .rtm_dst_len = net->prefix,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = via->len != 0 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST,
                         .rtm_flags = on_link ? RTNH_F_ONLINK : 0};
    struct request r;
    uint32_t out = (uint32_t)index;
    begin(&r, type, (uint16_t)(NLM_F_ACK | flags), &head, sizeof head);
    if (net->prefix != 0)
        add(&r, RTA_DST, net->ip.bytes, net->ip.len);
    if (via->len != 0)
        add(&r, RTA_GATEWAY, via->bytes, via->len);
    add(&r, RTA_OIF, &out, sizeof out);
    return call(fd, &r);
}

int netif_add_route(int fd, int index, const struct ip_net *net, const struct ip *via, bool on_link)
{
    return change_route(fd, index, net, via, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, on_link);
}

int netif_remove_route(int fd, int index, const struct ip_net *net, const struct ip *via)
{
    return change_route(fd, index, net, via, RTM_DELROUTE, 0, false);
}

/* ---- what rtnetlink does not tell ---- */

static bool ask_driver(const char *name, void *command)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    request.ifr_data = command;
    bool good = ioctl(fd, SIOCETHTOOL, &request) == 0;
    close(fd);
    return good;
}

uint32_t netif_speed(const char *name)
{
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    if (!ask_driver(name, &command))
        return 0;
    uint32_t speed = ethtool_cmd_speed(&command);
    return speed == (uint32_t)SPEED_UNKNOWN || speed == 0xffff ? 0 : speed;
}

void netif_driver(const char *name, char out[32])
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    snprintf(out, 32, "%s", ask_driver(name, &info) ? info.driver : "");
}
