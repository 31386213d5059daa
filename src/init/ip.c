/* SPDX-License-Identifier: Apache-2.0 */
#include "init/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/text.h"

bool ip_read(struct span text, struct ip *out)
{
    char copy[IP_TEXT + 1];
    if (text.len == 0 || text.len > IP_TEXT)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    memset(out, 0, sizeof *out);
    out->len = strchr(copy, ':') != NULL ? 16 : 4;
    return inet_pton(out->len == 16 ? AF_INET6 : AF_INET, copy, out->bytes) == 1;
}

bool ip_net_read(struct span text, struct ip_net *out)
{
    const uint8_t *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    uint64_t prefix;
    if (slash == NULL)
        return false;
    size_t at = (size_t)(slash - text.ptr);
    if (!ip_read(span_of(text.ptr, at), &out->ip) ||
        number_read(span_of(slash + 1, text.len - at - 1), 8u * out->ip.len, &prefix) != STATUS_OK)
        return false;
    out->prefix = (uint8_t)prefix;
    return true;
}

void ip_write(const struct ip *ip, char text[IP_TEXT + 1])
{
    text[0] = 0;
    if (ip->len != 0)
        inet_ntop(ip->len == 16 ? AF_INET6 : AF_INET, ip->bytes, text, IP_TEXT + 1);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool ip_in_net(const struct ip *ip, const struct ip_net *net)
{
    if (ip->len != net->ip.len)
        return false;
    for (unsigned i = 0, bits = net->prefix; bits > 0 && i < ip->len; i++) {
        unsigned mask = bits >= 8 ? 0xff : 0xff00u >> bits & 0xff;
        if (((ip->bytes[i] ^ net->ip.bytes[i]) & mask) != 0)
            return false;
        bits = bits >= 8 ? bits - 8 : 0;
    }
    return true;
}

bool ip_is_host(const struct ip *ip)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (ip->len == 4) /* RFC 6890: 0/8 this network, 127/8 loopback, 224/4 multicast, 240/4 reserved */
        return ip->bytes[0] != 0 && ip->bytes[0] != 127 && ip->bytes[0] < 224;
    if (ip->len != 16 || ip->bytes[0] == 0xff || memcmp(ip->bytes, mapped, sizeof mapped) == 0)
        return false;
    return memcmp(ip->bytes, loopback6, 15) != 0 || ip->bytes[15] > 1;
}

bool ip_fits_net(const struct ip_net *net)
{
    if (!ip_is_host(&net->ip) || net->prefix == 0)
        return false;
    if (net->ip.len == 16 || net->prefix >= 31) /* RFC 3021: /31 has neither */
        return true;
    uint32_t rest = ip_get4(&net->ip) & ~ip_mask4(net->prefix);
    return rest != 0 && rest != ~ip_mask4(net->prefix);
}

bool ip_is_link_local(const struct ip *ip)
{
    return ip->len == 16 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

struct ip ip_of4(uint32_t address)
{
    struct ip ip = {.len = 4};
    be32_put(ip.bytes, address);
    return ip;
}

socklen_t ip_sockaddr(const struct ip *ip, uint16_t port, unsigned scope, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (ip->len == 16) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        in6->sin6_scope_id = ip_is_link_local(ip) ? scope : 0;
        memcpy(&in6->sin6_addr, ip->bytes, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, ip->bytes, 4);
    return sizeof *in;
}

bool mac_read(struct span text, uint8_t mac[MAC_BYTES])
{
    if (text.len != MAC_TEXT)
        return false;
    for (size_t i = 0; i < MAC_BYTES; i++) {
        const uint8_t *at = text.ptr + 3 * i;
        if ((i + 1 < MAC_BYTES && at[2] != ':' && at[2] != '-') ||
            hex_read(span_of(at, 2), mac + i, 1) != STATUS_OK)
            return false;
    }
    return true;
}

void mac_write(const uint8_t mac[MAC_BYTES], char text[MAC_TEXT + 1])
{
    hex_write(span_of(mac, MAC_BYTES), ':', false, text, MAC_TEXT + 1);
}
