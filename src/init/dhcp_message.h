/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP messages (RFC 2131 s2, options of RFC 2132, 3396, 3442) and the IPv4 and UDP headers around them
 * before the box has an address. Pure: bytes to facts and back. What a server says is hostile: an answer is
 * taken only when every part of it is well-formed, and only address, routes, name servers, time servers and
 * MTU are read.
 */
#ifndef HOLDFAST_INIT_DHCP_MESSAGE_H
#define HOLDFAST_INIT_DHCP_MESSAGE_H

#include "base/status.h"
#include "init/ip.h"

#define DHCP_MESSAGE_MAX 1472 /* bytes; what fits one frame of Ethernet */
#define DHCP_FRAME_MAX   (DHCP_MESSAGE_MAX + 28)
#define DHCP_SERVERS     3
#define DHCP_ROUTES      8
#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DHCP_FOREVER     0xffffffffu
#define DHCP_LEASE_LEAST 10 /* seconds; a server that lends for less is not worth the traffic */

/* RFC 2132 s9.6 */
enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER,
    DHCP_REQUEST,
    DHCP_DECLINE,
    DHCP_ACK,
    DHCP_NAK,
    DHCP_RELEASE,
    DHCP_INFORM
};

/* What the box says. Addresses 0: left out. */
struct dhcp_request {
    enum dhcp_type type;
    uint32_t xid;
    uint16_t secs;
    uint8_t mac[MAC_BYTES];
    uint32_t client;    /* ciaddr: the address that is in force while renewing */
    uint32_t requested; /* option 50 */
    uint32_t server;    /* option 54 */
    const char *host;   /* option 12, "" for none; at most 63 characters are sent */
};

struct dhcp_route {
    uint32_t net;
    uint32_t prefix; /* as wide as the others, so that routes can be compared byte for byte */
    uint32_t via;    /* 0: on the link itself */
};

/* What a server says. All checked: see dhcp_read. */
struct dhcp_answer {
    enum dhcp_type type; /* OFFER, ACK or NAK */
    uint32_t server;     /* option 54 */
    /* The rest of OFFER and ACK only. */
    uint32_t address;
    uint8_t prefix;
    uint32_t gateway; /* 0: none */
    uint32_t lease_s, renew_s, rebind_s;
    uint16_t mtu; /* 0: not said */
    uint8_t dns_count, ntp_count, route_count;
    uint32_t dns[DHCP_SERVERS], ntp[DHCP_SERVERS];
    struct dhcp_route routes[DHCP_ROUTES]; /* others than the default */
};

/* Returns how many bytes; at least 300 (RFC 1542 s2.1), at most 576. */
size_t dhcp_write(const struct dhcp_request *request, uint8_t out[DHCP_MESSAGE_MAX]);

/*
 * An answer to the transaction xid of this MAC address. STATUS_NOT_FOUND: for somebody else, or no answer;
 * STATUS_MALFORMED: breaks the rules of the format; STATUS_REFUSED: an address, mask, lease or server that
 * cannot be. Servers and routes that cannot be are left out; the gateway is kept only on the link (or with
 * prefix 32).
 */
MUST_USE enum status dhcp_read(struct span message, uint32_t xid, const uint8_t mac[MAC_BYTES],
                               struct dhcp_answer *out);

/* Puts IPv4 and UDP headers with their checksums before a message: from port 68 to port 67. Returns the
 * bytes, 0 when it does not fit. */
size_t dhcp_frame_write(uint32_t from, uint32_t to, struct span message, uint8_t out[DHCP_FRAME_MAX]);

/* The message in an IPv4 packet to port 68. `checksum` false: the sender's card was to compute the UDP
 * checksum, and did not (frames that never left this machine). */
MUST_USE bool dhcp_frame_read(struct span packet, bool checksum, struct span *message);

#endif
