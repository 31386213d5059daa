/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DHCP client (RFC 2131 s4.4) as a state machine: fed with messages, ARP conflicts, the state of the link
 * and the time; it speaks through `struct dhcp_ops` and changes nothing else. Whoever owns it looks at
 * `serial`: when it has changed, the lease came, changed or went.
 */
#ifndef HOLDFAST_INIT_DHCP_H
#define HOLDFAST_INIT_DHCP_H

#include "base/clock.h"
#include "base/log.h"
#include "init/dhcp_message.h"

enum dhcp_state {
    DHCP_STATE_OFF,
    DHCP_STATE_NO_LINK,
    DHCP_STATE_SELECTING,  /* DISCOVER goes out, offers are waited for */
    DHCP_STATE_REQUESTING, /* an offer was taken, the ACK is waited for */
    DHCP_STATE_PROBING,    /* whether somebody has the address already (RFC 5227) */
    DHCP_STATE_DECLINED,   /* somebody had (RFC 2131 s3.1 asks for a pause), or the server took its offer back
                            */
    DHCP_STATE_BOUND,
    DHCP_STATE_RENEWING, /* by unicast */
    DHCP_STATE_REBINDING /* by broadcast */
};

/* How messages travel. RAW: without an address, by frames; UDP: an address is in force. */
enum dhcp_way { DHCP_WAY_CLOSED, DHCP_WAY_RAW, DHCP_WAY_UDP };

struct dhcp_ops {
    void *self;
    /* Opens what the way needs and closes what it does not. */
    void (*use)(void *self, enum dhcp_way way);
    /* To one server, or to 0xffffffff. A failure shows as silence. */
    void (*send)(void *self, struct span message, uint32_t to);
    /* Asks by ARP who has the address; an answer comes back as dhcp_conflict. */
    void (*probe)(void *self, uint32_t address);
    uint32_t (*random)(void *self);
};

struct dhcp {
    enum dhcp_state state;
    struct dhcp_ops ops;
    struct log *log;
    struct log_limit limit; /* of what a strange server may write into the log */
    uint8_t mac[MAC_BYTES];
    char host[64];
    uint32_t xid;
    unsigned tries;
    uint64_t begun_ms, sent_ms;
    uint64_t next_ms; /* when to do the next thing; UINT64_MAX: never */
    struct dhcp_answer offer;
    bool has_lease;
    struct dhcp_answer lease;
    uint64_t lease_ms; /* counts from here */
    uint32_t serial;
};

/* `host` is told to the server; it may be "". */
void dhcp_begin(struct dhcp *dhcp, const struct dhcp_ops *ops, struct log *log, const uint8_t mac[MAC_BYTES],
                const char *host, bool link, struct clock now);
/* Forgets lease and sockets. */
void dhcp_stop(struct dhcp *dhcp);

/* The cable. A lease stays in force while it lasts; when the link is back it is asked for anew. */
void dhcp_link(struct dhcp *dhcp, bool up, struct clock now);
/* A message to port 68, of unknown origin. */
void dhcp_message(struct dhcp *dhcp, struct span message, struct clock now);
/* Somebody else claims the address that is being probed. */
void dhcp_conflict(struct dhcp *dhcp, uint32_t address, struct clock now);
void dhcp_tick(struct dhcp *dhcp, struct clock now);

/* When dhcp_tick has something to do, in mono_ms; UINT64_MAX: never. */
uint64_t dhcp_deadline(const struct dhcp *dhcp);
/* Seconds; 0 without a lease, DHCP_FOREVER for one without an end. */
uint32_t dhcp_lease_left_s(const struct dhcp *dhcp, struct clock now);
/* "waiting for an offer" ...: constant text. */
const char *dhcp_state_text(const struct dhcp *dhcp);

#endif
