/* SPDX-License-Identifier: Apache-2.0 */
/* An IPv4 or IPv6 address as a value, and its text. IPv4 alone is a uint32_t, most significant byte first. */
#ifndef HOLDFAST_INIT_IP_H
#define HOLDFAST_INIT_IP_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/bytes.h"

#define MAC_BYTES 6
#define MAC_TEXT  17 /* 00:e0:67:2c:41:9a, without a NUL */
#define IP_TEXT   45 /* the longest IPv6 address, without a NUL */

struct ip {
    uint8_t len; /* 4, 16, or 0 for none */
    uint8_t bytes[16];
};

/* An address and the length of its network's prefix in bits. */
struct ip_net {
    struct ip ip;
    uint8_t prefix;
};

/* "192.0.2.1" or "2001:db8::1" (RFC 4291 s2.2), nothing around it. */
MUST_USE bool ip_read(struct span text, struct ip *out);
/* The same with "/24" behind it. */
MUST_USE bool ip_net_read(struct span text, struct ip_net *out);
void ip_write(const struct ip *ip, char text[IP_TEXT + 1]);
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_in_net(const struct ip *ip, const struct ip_net *net);
/* May be the address of one machine: not unspecified, loopback, multicast, reserved or broadcast. */
bool ip_is_host(const struct ip *ip);
/* Also not the network's own or broadcast address. */
bool ip_fits_net(const struct ip_net *net);
bool ip_is_link_local(const struct ip *ip);

struct ip ip_of4(uint32_t address);
static inline uint32_t ip_get4(const struct ip *ip)
{
    return be32_get(ip->bytes);
}
static inline uint32_t ip_mask4(uint8_t prefix)
{
    return prefix == 0 ? 0 : 0xffffffffu << (32 - prefix);
}

/* A socket's address; returns its length. `scope` is the interface's number for link-local addresses. */
socklen_t ip_sockaddr(const struct ip *ip, uint16_t port, unsigned scope, struct sockaddr_storage *out);

/* Six bytes in hexadecimal with colons or dashes, either case. */
MUST_USE bool mac_read(struct span text, uint8_t mac[MAC_BYTES]);
static inline bool mac_equal(const uint8_t a[MAC_BYTES], const uint8_t b[MAC_BYTES])
{
    return memcmp(a, b, MAC_BYTES) == 0;
}
void mac_write(const uint8_t mac[MAC_BYTES], char text[MAC_TEXT + 1]);

#endif
