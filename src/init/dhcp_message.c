/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp_message.h"

/* RFC 2131 s2: places in the message. */
enum {
    AT_XID = 4,
    AT_SECS = 8,
    AT_CIADDR = 12,
    AT_YIADDR = 16,
    AT_CHADDR = 28,
    AT_SNAME = 44,
    AT_FILE = 108
};
enum { AT_COOKIE = 236, AT_OPTIONS = 240, LEAST_BYTES = 300 };
static const uint8_t cookie[4] = {99, 130, 83, 99};

/* RFC 2132, 3442 */
enum option {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_HOST = 12,
    OPTION_MTU = 26,
    OPTION_BROADCAST = 28,
    OPTION_NTP = 42,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_MAX_SIZE = 57,
    OPTION_RENEW = 58,
    OPTION_REBIND = 59,
    OPTION_CLIENT = 61,
    OPTION_ROUTES = 121,
    OPTION_END = 255
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* ---- writing ---- */

static size_t add_option(uint8_t *out, size_t at, enum option option, const void *value, size_t len)
{
    out[at++] = (uint8_t)option;
    out[at++] = (uint8_t)len;
    memcpy(out + at, value, len);
    return at + len;
}

static size_t add_address(uint8_t *out, size_t at, enum option option, uint32_t address)
{
    uint8_t bytes[4];
    be32_put(bytes, address);
    return address == 0 ? at : add_option(out, at, option, bytes, sizeof bytes);
}

size_t dhcp_write(const struct dhcp_request *r, uint8_t out[DHCP_MESSAGE_MAX])
{
    /* RFC 3442: the classless routes come before the router. */
    static const uint8_t wanted[] = {OPTION_MASK,   OPTION_ROUTES,   OPTION_ROUTER, OPTION_DNS,
                                     OPTION_MTU,    OPTION_NTP,      OPTION_LEASE,  OPTION_RENEW,
                                     OPTION_REBIND, OPTION_BROADCAST};
    uint8_t type = (uint8_t)r->type, client[1 + MAC_BYTES] = {1}, size[2];
    memset(out, 0, DHCP_MESSAGE_MAX);
    out[0] = 1; /* BOOTREQUEST */
    out[1] = 1; /* Ethernet */
    out[2] = MAC_BYTES;
    be32_put(out + AT_XID, r->xid);
    put16(out + AT_SECS, r->secs);
    be32_put(out + AT_CIADDR, r->client);
    memcpy(out + AT_CHADDR, r->mac, MAC_BYTES);
    memcpy(out + AT_COOKIE, cookie, sizeof cookie);
    size_t at = add_option(out, AT_OPTIONS, OPTION_TYPE, &type, 1);
    memcpy(client + 1, r->mac, MAC_BYTES);
    at = add_option(out, at, OPTION_CLIENT, client, sizeof client);
    at = add_address(out, at, OPTION_REQUESTED, r->requested);
    at = add_address(out, at, OPTION_SERVER, r->server);
    if (r->type == DHCP_DISCOVER || r->type == DHCP_REQUEST) {
        size_t host = strlen(r->host) < 63 ? strlen(r->host) : 63;
        put16(size, DHCP_MESSAGE_MAX + 28);
        at = add_option(out, at, OPTION_MAX_SIZE, size, sizeof size);
        if (host != 0)
            at = add_option(out, at, OPTION_HOST, r->host, host);
        at = add_option(out, at, OPTION_PARAMETERS, wanted, sizeof wanted);
    }
    out[at++] = OPTION_END;
    return at < LEAST_BYTES ? LEAST_BYTES : at;
}

/* ---- reading ---- */

/* The places that hold options: the options field, and with option 52 file and sname (RFC 2131 s4.1). */
struct areas {
    struct span area[3];
    size_t count;
};

/* Options follow one another up to an END, and fill no more than their area. */
static bool is_well_formed(struct span area)
{
    for (size_t i = 0; i < area.len;) {
        uint8_t option = area.ptr[i++];
        if (option == OPTION_END)
            return true;
        if (option == OPTION_PAD)
            continue;
        if (i == area.len || area.ptr[i] > area.len - i - 1)
            return false;
        i += 1u + area.ptr[i];
    }
    return false;
}

/* The value of an option, its parts put together (RFC 3396). False when it is not there or has more than cap
 * bytes. */
static bool find(const struct areas *areas, enum option option, uint8_t *out, size_t cap, size_t *len)
{
    bool found = false;
    *len = 0;
    for (size_t a = 0; a < areas->count; a++) {
        const uint8_t *p = areas->area[a].ptr;
        while (*p != OPTION_END) {
            if (*p == OPTION_PAD) {
                p++;
                continue;
            }
            if (*p == option) {
                if (p[1] > cap - *len)
                    return false;
                memcpy(out + *len, p + 2, p[1]);
                *len += p[1];
                found = true;
            }
            p += 2u + p[1];
        }
    }
    return found;
}

static bool find_exact(const struct areas *areas, enum option option, uint8_t *out, size_t wanted)
{
    size_t len;
    return find(areas, option, out, wanted, &len) && len == wanted;
}

static uint32_t find_number(const struct areas *areas, enum option option)
{
    uint8_t bytes[4];
    return find_exact(areas, option, bytes, sizeof bytes) ? be32_get(bytes) : 0;
}

static bool is_host(uint32_t address)
{
    struct ip ip = ip_of4(address);
    return ip_is_host(&ip);
}

static uint8_t find_servers(const struct areas *areas, enum option option, uint32_t out[DHCP_SERVERS])
{
    uint8_t bytes[255];
    size_t len;
    uint8_t count = 0;
    if (!find(areas, option, bytes, sizeof bytes, &len) || len % 4 != 0)
        return 0;
    for (size_t i = 0; i < len && count < DHCP_SERVERS; i += 4)
        if (is_host(be32_get(bytes + i)))
            out[count++] = be32_get(bytes + i);
    return count;
}

static bool find_prefix(const struct areas *areas, uint8_t *prefix)
{
    uint8_t bytes[4];
    if (!find_exact(areas, OPTION_MASK, bytes, sizeof bytes))
        return false;
    for (*prefix = 1; *prefix <= 32; ++*prefix)
        if (ip_mask4(*prefix) == be32_get(bytes))
            return true;
    return false;
}

static bool is_near(const struct dhcp_answer *a, uint32_t address)
{
    if (!is_host(address) || address == a->address)
        return false;
    return a->prefix == 32 || ((address ^ a->address) & ip_mask4(a->prefix)) == 0;
}

static void keep_route(struct dhcp_answer *a, const struct dhcp_route *route)
{
    if (route->prefix == 0 && is_near(a, route->via)) {
        a->gateway = route->via;
        return;
    }
    bool sound = is_host(route->net) && (route->net & ~ip_mask4((uint8_t)route->prefix)) == 0 &&
                 (route->via == 0 || is_near(a, route->via));
    /* A route that covers half of all addresses is a default route in disguise; it is one all the same. */
    if (route->prefix != 0 && sound && a->route_count < DHCP_ROUTES)
        a->routes[a->route_count++] = *route;
}

/* RFC 3442: prefix, its significant bytes, router; several. With it the router option does not count. */
static bool find_routes(const struct areas *areas, struct dhcp_answer *a)
{
    uint8_t bytes[255];
    size_t len, at = 0;
    if (!find(areas, OPTION_ROUTES, bytes, sizeof bytes, &len) || len == 0)
        return false;
    while (at < len) {
        struct dhcp_route route = {.prefix = bytes[at++]};
        size_t significant = (route.prefix + 7u) / 8;
        if (route.prefix > 32 || significant + 4 > len - at)
            return false;
        uint8_t net[4] = {0};
        memcpy(net, bytes + at, significant);
        route.net = be32_get(net);
        route.via = be32_get(bytes + at + significant);
        at += significant + 4;
        keep_route(a, &route);
    }
    return true;
}

/* RFC 2131 s4.4.5: T1 is half of the lease, T2 seven eighths, unless the server says something sensible. */
static void read_times(const struct areas *areas, struct dhcp_answer *a)
{
    a->renew_s = find_number(areas, OPTION_RENEW);
    a->rebind_s = find_number(areas, OPTION_REBIND);
    if (a->rebind_s < DHCP_LEASE_LEAST / 2 || a->rebind_s >= a->lease_s)
        a->rebind_s = a->lease_s - a->lease_s / 8;
    if (a->renew_s < DHCP_LEASE_LEAST / 4 || a->renew_s >= a->rebind_s)
        a->renew_s = a->lease_s / 2 < a->rebind_s ? a->lease_s / 2 : a->rebind_s - 1;
}

static enum status read_lease(const struct areas *areas, struct span message, struct dhcp_answer *a)
{
    uint8_t bytes[2];
    a->address = be32_get(message.ptr + AT_YIADDR);
    a->lease_s = find_number(areas, OPTION_LEASE);
    struct ip_net net = {.ip = ip_of4(a->address)};
    if (!find_prefix(areas, &net.prefix) || !ip_fits_net(&net) || a->lease_s < DHCP_LEASE_LEAST ||
        !is_host(a->server))
        return STATUS_REFUSED;
    a->prefix = net.prefix;
    read_times(areas, a);
    a->dns_count = find_servers(areas, OPTION_DNS, a->dns);
    a->ntp_count = find_servers(areas, OPTION_NTP, a->ntp);
    if (find_exact(areas, OPTION_MTU, bytes, sizeof bytes) && get16(bytes) >= 1280)
        a->mtu = (uint16_t)get16(bytes);
    uint32_t routers[DHCP_SERVERS];
    if (!find_routes(areas, a)) {
        a->route_count = 0;
        uint8_t count = find_servers(areas, OPTION_ROUTER, routers);
        a->gateway = count != 0 && is_near(a, routers[0]) ? routers[0] : 0;
    }
    return STATUS_OK;
}

enum status dhcp_read(struct span m, uint32_t xid, const uint8_t mac[MAC_BYTES], struct dhcp_answer *out)
{
    struct areas areas = {.count = 1};
    uint8_t type, overload;
    memset(out, 0, sizeof *out);
    if (m.len < AT_OPTIONS || m.len > DHCP_MESSAGE_MAX)
        return STATUS_MALFORMED;
    if (m.ptr[0] != 2 || m.ptr[1] != 1 || m.ptr[2] != MAC_BYTES || be32_get(m.ptr + AT_XID) != xid ||
        !mac_equal(m.ptr + AT_CHADDR, mac))
        return STATUS_NOT_FOUND;
    areas.area[0] = span_of(m.ptr + AT_OPTIONS, m.len - AT_OPTIONS);
    if (memcmp(m.ptr + AT_COOKIE, cookie, sizeof cookie) != 0 || !is_well_formed(areas.area[0]))
        return STATUS_MALFORMED;
    if (find_exact(&areas, OPTION_OVERLOAD, &overload, 1)) {
        size_t count = 1; /* file before sname */
        if ((overload & 1) != 0)
            areas.area[count++] = span_of(m.ptr + AT_FILE, AT_COOKIE - AT_FILE);
        if ((overload & 2) != 0)
            areas.area[count++] = span_of(m.ptr + AT_SNAME, AT_FILE - AT_SNAME);
        for (size_t i = 1; i < count; i++)
            if (!is_well_formed(areas.area[i]))
                return STATUS_MALFORMED;
        areas.count = count;
    }
    if (!find_exact(&areas, OPTION_TYPE, &type, 1) ||
        (type != DHCP_OFFER && type != DHCP_ACK && type != DHCP_NAK))
        return STATUS_MALFORMED;
    out->type = (enum dhcp_type)type;
    out->server = find_number(&areas, OPTION_SERVER);
    return type == DHCP_NAK ? STATUS_OK : read_lease(&areas, m, out);
}

/* ---- the packet around it ---- */

/* RFC 1071 */
static uint32_t sum(struct span bytes, uint32_t start)
{
    for (size_t i = 0; i + 1 < bytes.len; i += 2)
        start += get16(bytes.ptr + i);
    return bytes.len % 2 == 0 ? start : start + ((uint32_t)bytes.ptr[bytes.len - 1] << 8);
}

static unsigned fold(uint32_t total)
{
    while (total >> 16 != 0)
        total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
}

/* RFC 768: over addresses, protocol and length too. `ip` is the IPv4 header. */
static unsigned udp_sum(const uint8_t *ip, struct span udp)
{
    return fold(sum(udp, sum(span_of(ip + 12, 8), 17 + (uint32_t)udp.len)));
}

size_t dhcp_frame_write(uint32_t from, uint32_t to, struct span message, uint8_t out[DHCP_FRAME_MAX])
{
    if (message.len > DHCP_MESSAGE_MAX)
        return 0;
    uint8_t *udp = out + 20;
    size_t udp_len = 8 + message.len;
    memset(out, 0, 28);
    out[0] = 0x45;
    put16(out + 2, (unsigned)(20 + udp_len));
    out[8] = 64; /* time to live */
    out[9] = 17; /* UDP */
    be32_put(out + 12, from);
    be32_put(out + 16, to);
    put16(out + 10, fold(sum(span_of(out, 20), 0)));
    put16(udp, DHCP_CLIENT_PORT);
    put16(udp + 2, DHCP_SERVER_PORT);
    put16(udp + 4, (unsigned)udp_len);
    memcpy(udp + 8, message.ptr, message.len);
    unsigned checksum = udp_sum(out, span_of(udp, udp_len));
    put16(udp + 6, checksum == 0 ? 0xffff : checksum); /* RFC 768: 0 means none */
    return 20 + udp_len;
}

bool dhcp_frame_read(struct span p, bool checksum, struct span *message)
{
    if (p.len < 28 || p.ptr[0] >> 4 != 4)
        return false;
    size_t header = (p.ptr[0] & 15u) * 4, total = get16(p.ptr + 2);
    /* Ethernet pads short frames; fragments are not put together. */
    if (header < 20 || total > p.len || total < header + 8 || (get16(p.ptr + 6) & 0x3fff) != 0 ||
        p.ptr[9] != 17 || fold(sum(span_of(p.ptr, header), 0)) != 0)
        return false;
    struct span udp = span_of(p.ptr + header, total - header);
    size_t len = get16(udp.ptr + 4);
    if (get16(udp.ptr) != DHCP_SERVER_PORT || get16(udp.ptr + 2) != DHCP_CLIENT_PORT || len < 8 ||
        len > udp.len)
        return false;
    udp.len = len;
    if (checksum && get16(udp.ptr + 6) != 0 && udp_sum(p.ptr, udp) != 0)
        return false;
    *message = span_of(udp.ptr + 8, len - 8);
    return true;
}
