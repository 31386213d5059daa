/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/net_settings.h"

#include <stdio.h>

struct reader {
    struct net_settings *out;
    char *why;
    size_t cap;
};

static bool fail(const struct reader *r, const char *path, const char *text)
{
    snprintf(r->why, r->cap, "%s: %s", path, text);
    return false;
}

static bool read_address(const struct reader *r, const char *path, const char *text, const char *automatic,
                         uint8_t len, enum net_mode *mode, struct ip_net *out)
{
    if (strcmp(text, automatic) == 0 || strcmp(text, "none") == 0) {
        *mode = text[0] == 'n' ? NET_NONE : NET_AUTO;
        return true;
    }
    *mode = NET_STATIC;
    if (!ip_net_read(span_of_text(text), out) || out->ip.len != len)
        return fail(r, path,
                    len == 4 ? "dhcp, none, or an IPv4 address with its prefix length, as 192.0.2.11/24"
                             : "auto, none, or an IPv6 address with its prefix length, as 2001:db8::11/64");
    if (!ip_fits_net(out))
        return fail(r, path,
                    "this cannot be the address of one machine (loopback, multicast, or the first or last "
                    "address of its network)");
    return true;
}

static bool read_gateway(const struct reader *r, const char *path, const char *text, enum net_mode mode,
                         const struct ip_net *net, struct ip *out)
{
    if (text[0] == 0)
        return true;
    if (mode != NET_STATIC)
        return fail(r, path, "only beside an address that is set; otherwise it comes with the address");
    if (!ip_read(span_of_text(text), out) || out->len != net->ip.len || !ip_is_host(out))
        return fail(r, path,
                    net->ip.len == 4 ? "an IPv4 address, as 192.0.2.1" : "an IPv6 address, as fe80::1");
    if (ip_equal(out, &net->ip))
        return fail(r, path, "this is the box's own address");
    bool whole = net->prefix == 8 * net->ip.len; /* a network of one: the gateway is elsewhere by nature */
    if (!whole && !ip_in_net(out, net) && !ip_is_link_local(out))
        return fail(r, path, "it is not inside the network of the address; look at the prefix length");
    return true;
}

/* The next word of a text; its length 0 at the end. */
static struct span take_word(const char **text)
{
    *text += strspn(*text, " \t");
    struct span word = span_of(*text, strcspn(*text, " \t"));
    *text += word.len;
    return word;
}

static bool read_dns(const struct reader *r, const char *text)
{
    struct span word;
    while ((word = take_word(&text)).len != 0) {
        if (r->out->dns_count == NET_SERVERS)
            return fail(r, "dns", "at most three name servers");
        struct ip *ip = &r->out->dns[r->out->dns_count++];
        if (!ip_read(word, ip) || !ip_is_host(ip))
            return fail(r, "dns", "addresses of name servers, as 192.0.2.53 or 2001:db8::53");
    }
    return true;
}

static bool is_name(struct span word)
{
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.ptr[i], lower = c | 0x20;
        bool good = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                    (c == '.' && i != 0 && word.ptr[i - 1] != '.');
        if (!good)
            return false;
    }
    /* 192.0.2.300 is no name: the last label of a name is not a number (RFC 3696 s2). */
    uint8_t last = word.ptr[word.len - 1];
    return !(last >= '0' && last <= '9');
}

static bool read_ntp(const struct reader *r, const char *text)
{
    struct span word;
    struct ip ip;
    while ((word = take_word(&text)).len != 0) {
        if (r->out->ntp_count == NET_SERVERS)
            return fail(r, "time ntp", "at most three time servers");
        if (word.len > NET_NAME_MAX || !(ip_read(word, &ip) ? ip_is_host(&ip) : is_name(word)))
            return fail(r, "time ntp", "names or addresses of time servers, of at most 63 characters");
        memcpy(r->out->ntp[r->out->ntp_count++], word.ptr, word.len);
    }
    return true;
}

bool net_settings_read(const struct config *c, struct net_settings *out, char *why, size_t cap)
{
    struct reader r = {.out = out, .why = why, .cap = cap};
    memset(out, 0, sizeof *out);
    out->vlan = (uint16_t)c->uplink_vlan;
    out->mtu = (uint16_t)c->uplink_mtu;
    memcpy(out->host, c->server_name, strnlen(c->server_name, NET_NAME_MAX));
    out->has_mac = c->uplink_mac[0] != 0;
    if (out->has_mac && !mac_read(span_of_text(c->uplink_mac), out->mac))
        return fail(&r, "interface uplink mac", "a MAC address, as 00:e0:67:2c:41:9a");
    return read_address(&r, "interface uplink address", c->uplink_address, "dhcp", 4, &out->mode4,
                        &out->address4) &&
           read_address(&r, "interface uplink address6", c->uplink_address6, "auto", 16, &out->mode6,
                        &out->address6) &&
           read_gateway(&r, "interface uplink gateway", c->uplink_gateway, out->mode4, &out->address4,
                        &out->gateway4) &&
           read_gateway(&r, "interface uplink gateway6", c->uplink_gateway6, out->mode6, &out->address6,
                        &out->gateway6) &&
           read_dns(&r, c->dns) && read_ntp(&r, c->ntp);
}
