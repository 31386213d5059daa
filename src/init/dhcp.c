/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp.h"

#include <stdarg.h>
#include <stdio.h>

#define NEVER         UINT64_MAX
#define BROADCAST     0xffffffffu
#define BACKOFF_LEAST 4000 /* RFC 2131 s4.1 */
#define BACKOFF_MOST  64000
#define REQUEST_TRIES 4
#define RENEW_LEAST   60000 /* RFC 2131 s4.4.5 */
#define DECLINE_MS    10000 /* RFC 2131 s3.1 */
/* Shorter than RFC 5227 s1.1 asks: the box is to serve soon after a power cut, and goes on listening. */
#define PROBES   2
#define PROBE_MS 350

#define LOG_BURST 6

/* A strange server may say much; the log hears LOG_BURST lines of it a minute. */
static void PRINTF_LIKE(3, 4) say(struct dhcp *d, struct clock now, const char *format, ...)
{
    char text[200];
    uint32_t skipped;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (log_limit_pass(&d->limit, now.unix_s, LOG_BURST, &skipped))
        log_write(d->log, LOG_INFO, "network", "DHCP: %s", text);
}

static void text_of(uint32_t address, char text[IP_TEXT + 1])
{
    struct ip ip = ip_of4(address);
    ip_write(&ip, text);
}

/* ---- sending ---- */

static void say_to(struct dhcp *d, enum dhcp_type type, uint32_t client, uint32_t requested, uint32_t server,
                   uint32_t to, struct clock now)
{
    uint8_t bytes[DHCP_MESSAGE_MAX];
    uint64_t secs = (now.mono_ms - d->begun_ms) / 1000;
    struct dhcp_request request = {.type = type,
                                   .xid = d->xid,
                                   .secs = (uint16_t)(secs < 0xffff ? secs : 0xffff),
                                   .client = client,
                                   .requested = requested,
                                   .server = server,
                                   .host = d->host};
    memcpy(request.mac, d->mac, MAC_BYTES);
    size_t len = dhcp_write(&request, bytes);
    d->sent_ms = now.mono_ms;
    d->ops.send(d->ops.self, span_of(bytes, len), to);
}

/* 4, 8, 16, 32, 64 s, each up to a second more or less. */
static uint64_t backoff(struct dhcp *d, unsigned tries)
{
    uint64_t wait = (uint64_t)BACKOFF_LEAST << (tries < 4 ? tries : 4);
    if (wait > BACKOFF_MOST)
        wait = BACKOFF_MOST;
    return wait - 1000 + d->ops.random(d->ops.self) % 2001;
}

static void discover(struct dhcp *d, struct clock now)
{
    say_to(d, DHCP_DISCOVER, 0, d->has_lease ? d->lease.address : 0, 0, BROADCAST, now);
    d->next_ms = now.mono_ms + backoff(d, d->tries);
    d->tries++;
}

/* From the beginning; a lease that still lasts stays in force meanwhile. */
static void begin_selecting(struct dhcp *d, struct clock now)
{
    d->state = DHCP_STATE_SELECTING;
    d->ops.use(d->ops.self, DHCP_WAY_RAW);
    d->xid = d->ops.random(d->ops.self);
    d->begun_ms = now.mono_ms;
    d->tries = 0;
    discover(d, now);
}

static void request(struct dhcp *d, struct clock now)
{
    say_to(d, DHCP_REQUEST, 0, d->offer.address, d->offer.server, BROADCAST, now);
    d->next_ms = now.mono_ms + backoff(d, d->tries);
    d->tries++;
}

/* ---- the lease ---- */

static uint64_t lease_at(const struct dhcp *d, uint32_t after_s)
{
    return d->lease.lease_s == DHCP_FOREVER ? NEVER : d->lease_ms + 1000ull * after_s;
}

static void drop_lease(struct dhcp *d)
{
    if (!d->has_lease)
        return;
    d->has_lease = false;
    d->serial++;
}

static void bind_lease(struct dhcp *d, struct clock now)
{
    char address[IP_TEXT + 1], server[IP_TEXT + 1];
    bool same = d->has_lease && d->lease.address == d->offer.address;
    text_of(d->offer.address, address);
    text_of(d->offer.server, server);
    d->lease = d->offer;
    d->has_lease = true;
    d->serial++;
    d->state = DHCP_STATE_BOUND;
    d->ops.use(d->ops.self, DHCP_WAY_CLOSED);
    d->next_ms = lease_at(d, d->lease.renew_s);
    if (!same)
        say(d, now, "the server %s lends %s/%u for %u s", server, address, d->lease.prefix, d->lease.lease_s);
}

static void begin_probing(struct dhcp *d, struct clock now)
{
    d->lease_ms = d->sent_ms; /* RFC 2131 s4.4.1: from the request on */
    if (d->has_lease && d->lease.address == d->offer.address) {
        bind_lease(d, now); /* it is in use: by this box */
        return;
    }
    drop_lease(d);
    d->state = DHCP_STATE_PROBING;
    d->tries = 1;
    d->ops.probe(d->ops.self, d->offer.address);
    d->next_ms = now.mono_ms + PROBE_MS;
}

/* ---- messages ---- */

static void take_offer(struct dhcp *d, const struct dhcp_answer *a, struct clock now)
{
    d->offer = *a;
    d->state = DHCP_STATE_REQUESTING;
    d->tries = 0;
    request(d, now);
}

static void take_nak(struct dhcp *d, const struct dhcp_answer *a, struct clock now)
{
    /* Only the server that was asked may refuse; while rebinding, any (RFC 2131 s4.4.5). */
    bool asked = (d->state == DHCP_STATE_REQUESTING && a->server == d->offer.server) ||
                 (d->state == DHCP_STATE_RENEWING && a->server == d->lease.server) ||
                 d->state == DHCP_STATE_REBINDING;
    if (!asked)
        return;
    say(d, now, "the server refuses the address that was asked for; asking for another");
    drop_lease(d);
    if (d->state != DHCP_STATE_REQUESTING) {
        begin_selecting(d, now);
        return;
    }
    /* A server that offers and refuses in turn must not keep the box busy. */
    d->state = DHCP_STATE_DECLINED;
    d->next_ms = now.mono_ms + backoff(d, 0);
}

static void take_ack(struct dhcp *d, const struct dhcp_answer *a, struct clock now)
{
    if (d->state == DHCP_STATE_REQUESTING && a->server == d->offer.server && a->address == d->offer.address) {
        d->offer = *a;
        begin_probing(d, now);
        return;
    }
    bool renewing = d->state == DHCP_STATE_RENEWING && a->server == d->lease.server;
    if ((renewing || d->state == DHCP_STATE_REBINDING) && a->address == d->lease.address) {
        d->offer = *a;
        d->lease_ms = d->sent_ms;
        bind_lease(d, now);
    }
}

void dhcp_message(struct dhcp *d, struct span message, struct clock now)
{
    struct dhcp_answer answer;
    if (d->state == DHCP_STATE_OFF || d->state == DHCP_STATE_NO_LINK)
        return;
    enum status status = dhcp_read(message, d->xid, d->mac, &answer);
    if (status == STATUS_REFUSED || status == STATUS_MALFORMED)
        say(d, now, "an answer was not taken: %s",
            status == STATUS_REFUSED ? "its address, mask, lease or server cannot be"
                                     : "it breaks the rules of the protocol");
    if (status != STATUS_OK)
        return;
    if (answer.type == DHCP_OFFER && d->state == DHCP_STATE_SELECTING)
        take_offer(d, &answer, now);
    else if (answer.type == DHCP_ACK)
        take_ack(d, &answer, now);
    else if (answer.type == DHCP_NAK)
        take_nak(d, &answer, now);
}

void dhcp_conflict(struct dhcp *d, uint32_t address, struct clock now)
{
    if (d->state != DHCP_STATE_PROBING || address != d->offer.address)
        return;
    char text[IP_TEXT + 1];
    text_of(address, text);
    say(d, now, "%s was offered, but another machine uses it; declined", text);
    say_to(d, DHCP_DECLINE, 0, address, d->offer.server, BROADCAST, now);
    d->state = DHCP_STATE_DECLINED;
    d->next_ms = now.mono_ms + DECLINE_MS;
}

/* ---- time ---- */

/* Half of what is left until `until`, but not less than a minute (RFC 2131 s4.4.5). */
static void ask_again(struct dhcp *d, uint64_t until, struct clock now)
{
    uint64_t wait = until == NEVER ? RENEW_LEAST : (until - now.mono_ms) / 2;
    wait = wait < RENEW_LEAST ? RENEW_LEAST : wait;
    d->next_ms = now.mono_ms + wait < until ? now.mono_ms + wait : until;
}

static void renew(struct dhcp *d, struct clock now)
{
    uint64_t rebind_ms = lease_at(d, d->lease.rebind_s), end_ms = lease_at(d, d->lease.lease_s);
    if (d->state == DHCP_STATE_BOUND) {
        d->xid = d->ops.random(d->ops.self);
        d->begun_ms = now.mono_ms;
        d->ops.use(d->ops.self, DHCP_WAY_UDP);
    }
    d->state = now.mono_ms < rebind_ms ? DHCP_STATE_RENEWING : DHCP_STATE_REBINDING;
    bool rebinding = d->state == DHCP_STATE_REBINDING;
    say_to(d, DHCP_REQUEST, d->lease.address, 0, 0, rebinding ? BROADCAST : d->lease.server, now);
    ask_again(d, rebinding ? end_ms : rebind_ms, now);
}

static void act(struct dhcp *d, struct clock now)
{
    switch (d->state) {
    case DHCP_STATE_OFF:
    case DHCP_STATE_NO_LINK:
        d->next_ms = NEVER;
        break;
    case DHCP_STATE_SELECTING:
        discover(d, now);
        break;
    case DHCP_STATE_REQUESTING:
        if (d->tries < REQUEST_TRIES)
            request(d, now);
        else
            begin_selecting(d, now);
        break;
    case DHCP_STATE_PROBING:
        if (d->tries++ == PROBES) {
            bind_lease(d, now);
            break;
        }
        d->ops.probe(d->ops.self, d->offer.address);
        d->next_ms = now.mono_ms + PROBE_MS;
        break;
    case DHCP_STATE_DECLINED:
        begin_selecting(d, now);
        break;
    case DHCP_STATE_BOUND:
    case DHCP_STATE_RENEWING:
    case DHCP_STATE_REBINDING:
        renew(d, now);
        break;
    }
}

void dhcp_tick(struct dhcp *d, struct clock now)
{
    if (d->has_lease && now.mono_ms >= lease_at(d, d->lease.lease_s)) {
        char text[IP_TEXT + 1];
        text_of(d->lease.address, text);
        say(d, now, "the lease of %s has ended and no server renewed it", text);
        drop_lease(d);
        if (d->state != DHCP_STATE_NO_LINK)
            begin_selecting(d, now);
    }
    if (now.mono_ms >= d->next_ms)
        act(d, now);
}

void dhcp_begin(struct dhcp *d, const struct dhcp_ops *ops, struct log *log, const uint8_t mac[MAC_BYTES],
                const char *host, bool link, struct clock now)
{
    uint32_t serial = d->serial;
    memset(d, 0, sizeof *d);
    d->serial = serial;
    d->ops = *ops;
    d->log = log;
    d->next_ms = NEVER;
    memcpy(d->mac, mac, MAC_BYTES);
    snprintf(d->host, sizeof d->host, "%.*s", (int)strcspn(host, "."), host);
    d->state = DHCP_STATE_NO_LINK;
    if (link)
        begin_selecting(d, now);
}

void dhcp_stop(struct dhcp *d)
{
    if (d->state == DHCP_STATE_OFF)
        return;
    d->ops.use(d->ops.self, DHCP_WAY_CLOSED);
    d->state = DHCP_STATE_OFF;
    d->next_ms = NEVER;
    drop_lease(d);
}

void dhcp_link(struct dhcp *d, bool up, struct clock now)
{
    if (d->state == DHCP_STATE_OFF || up == (d->state != DHCP_STATE_NO_LINK))
        return;
    if (up) {
        begin_selecting(d, now);
        return;
    }
    d->ops.use(d->ops.self, DHCP_WAY_CLOSED);
    d->state = DHCP_STATE_NO_LINK;
    d->next_ms = NEVER;
}

uint64_t dhcp_deadline(const struct dhcp *d)
{
    uint64_t end_ms = d->has_lease ? lease_at(d, d->lease.lease_s) : NEVER;
    if (d->state == DHCP_STATE_OFF)
        return NEVER;
    return end_ms < d->next_ms ? end_ms : d->next_ms;
}

uint32_t dhcp_lease_left_s(const struct dhcp *d, struct clock now)
{
    if (!d->has_lease)
        return 0;
    uint64_t end_ms = lease_at(d, d->lease.lease_s);
    if (end_ms == NEVER)
        return DHCP_FOREVER;
    return end_ms <= now.mono_ms ? 0 : (uint32_t)((end_ms - now.mono_ms) / 1000);
}

const char *dhcp_state_text(const struct dhcp *d)
{
    static const char *const texts[] = {"off",
                                        "waiting for a link",
                                        "waiting for an offer",
                                        "waiting for the server's consent",
                                        "looking whether the address is free",
                                        "the offered address was not to be had, waiting",
                                        "bound",
                                        "renewing",
                                        "renewing by broadcast"};
    return texts[d->state];
}
