/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/net_test.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "init/arp.h"
#include "init/net_kernel.h"
#include "init/ping.h"
#include "init/timekeeper.h"

#define WAIT_MS      20000 /* for an address from DHCP */
#define PROBES       3
#define PROBE_MS     400
#define DNS_NAME     "iam.cloud.ibm.com"
#define NTP_LIMIT_MS 20000
#define OFFSET_WARN  5000000 /* microseconds; TLS and tokens bear a few minutes */

struct test {
    int out;
    bool failed;
    struct net net; /* as it is now */
};

/* "  <what>      ok    <detail>", 79 columns. */
static void say(struct test *t, const char *what, const char *verdict, const char *format, ...)
    PRINTF_LIKE(4, 5);
static void say(struct test *t, const char *what, const char *verdict, const char *format, ...)
{
    char detail[160], line[300];
    struct buf out = buf_over(line, sizeof line);
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    /* A long reason has a line of its own. */
    if (detail[0] == 0)
        buf_print(&out, "  %-44s %s\n", what, verdict);
    else
        buf_print(&out, "  %-44s %-6s%s%s\n", what, verdict, strlen(detail) > 24 ? "\n     " : " ", detail);
    ssize_t written = write(t->out, out.ptr, out.len);
    (void)written;
    t->failed = t->failed || strcmp(verdict, "FAILED") == 0;
}

/* "0.4 ms" */
static void show_ms(uint64_t us, char text[24])
{
    if (us < 100)
        snprintf(text, 24, "under 0.1 ms");
    else if (us < 10000)
        snprintf(text, 24, "%u.%u ms", (unsigned)(us / 1000), (unsigned)(us / 100 % 10));
    else
        snprintf(text, 24, "%u ms", (unsigned)(us / 1000));
}

/* ---- what is in force now ---- */

static size_t read_file(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap);
    if (fd >= 0)
        close(fd);
    return n < 0 ? 0 : (size_t)n;
}

static bool take_word(struct span *line, const char *word)
{
    size_t len = strlen(word);
    if (line->len <= len || memcmp(line->ptr, word, len) != 0)
        return false;
    *line = span_of(line->ptr + len, line->len - len);
    return true;
}

/* The servers that process 1 has written down since. */
static void read_resolv(struct net *n)
{
    char text[512];
    size_t len = read_file(n->resolv_path, text, sizeof text);
    bool times = n->settings.ntp_count == 0;
    n->dns_count = 0;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end == NULL ? len - at : (size_t)(end - text) - at;
        struct span line = span_of(text + at, line_len);
        if (take_word(&line, "nameserver ") && n->dns_count < NET_SERVERS)
            n->dns_count += ip_read(line, &n->dns[n->dns_count]);
        else if (times && take_word(&line, NET_KERNEL_TIME) && n->settings.ntp_count < NET_SERVERS &&
                 line.len <= NET_NAME_MAX)
            snprintf(n->settings.ntp[n->settings.ntp_count++], NET_NAME_MAX + 1, "%.*s", (int)line.len,
                     (const char *)line.ptr);
        at += line_len + 1;
    }
}

static void refresh(struct net *n, int fd)
{
    struct netif_port all[NETIF_PORTS * 2];
    char name[NETIF_NAME] = "";
    int count = netif_ports(fd, all, COUNT_OF(all));
    n->port_count = 0;
    for (int i = 0; i < count; i++) {
        if (n->port == 0 && all[i].is_port &&
            (n->settings.has_mac ? mac_equal(all[i].mac, n->settings.mac) : all[i].link))
            n->port = all[i].index;
        if (all[i].index != n->port)
            continue;
        n->link = all[i].link;
        memcpy(n->mac, all[i].mac, MAC_BYTES);
        snprintf(name, sizeof name, "%s", all[i].name);
        n->ports[n->port_count++] = all[i];
    }
    if (n->settings.vlan != 0)
        snprintf(name, sizeof name, "vlan%u", n->settings.vlan);
    for (int i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            n->device = all[i].index;
    snprintf(n->device_name, sizeof n->device_name, "%s", name);
    count = netif_addresses(fd, n->addresses, NET_ADDRESSES);
    n->address_count = count < 0 ? 0 : (size_t)count;
    n->ipv4.net.ip.len = 0;
    for (int i = 0; i < count; i++)
        if (n->addresses[i].index == n->device && n->addresses[i].net.ip.len == 4)
            n->ipv4.net = n->addresses[i].net;
    n->ipv4.gateway.len = 0;
    (void)netif_gateway4(fd, n->device, &n->ipv4.gateway);
    read_resolv(n);
}

/* The IPv6 address that others can reach; NULL: none yet. */
static const struct netif_address *address6(const struct net *n)
{
    for (size_t i = 0; i < n->address_count; i++)
        if (n->addresses[i].index == n->device && n->addresses[i].net.ip.len == 16 &&
            !ip_is_link_local(&n->addresses[i].net.ip))
            return &n->addresses[i];
    return NULL;
}

static void begin(struct test *t, const struct net *net, int out)
{
    memset(t, 0, sizeof *t);
    t->out = out;
    t->net = *net;
    int fd = netif_open();
    for (int i = 0; i < WAIT_MS / 250; i++) {
        refresh(&t->net, fd);
        const struct netif_address *six = address6(&t->net);
        bool four = net->settings.mode4 == NET_NONE || t->net.ipv4.net.ip.len != 0;
        bool wanted6 = net->settings.mode4 == NET_NONE && net->settings.mode6 != NET_NONE;
        if (t->net.link && four && (!wanted6 || (six != NULL && !six->tentative)))
            break;
        usleep(250000);
    }
    if (fd >= 0)
        close(fd);
}

/* ---- the tests ---- */

static void test_link(struct test *t)
{
    const struct net *n = &t->net;
    char what[64];
    if (n->port == 0 || n->port_count == 0) {
        say(t, "network port", "FAILED",
            n->settings.has_mac ? "no port has the MAC address that is set; look at show interfaces"
                                : "no port has a link; plug a cable in");
        return;
    }
    snprintf(what, sizeof what, "port %s has a link", n->ports[0].name);
    uint32_t speed = netif_speed(n->ports[0].name);
    if (!n->link)
        say(t, what, "FAILED", "look at the cable and the switch");
    else if (speed != 0)
        say(t, what, "ok", "%u Mbit/s", speed);
    else
        say(t, what, "ok", "%s", "");
}

/* Asks by ARP until somebody answers for `target`; microseconds, 0: nobody. */
static uint64_t ask_arp(const struct net *n, uint32_t sender, uint32_t target, uint8_t mac[MAC_BYTES])
{
    struct arp arp;
    int fd = arp_open(n->device);
    uint64_t found = 0;
    if (fd < 0)
        return 0;
    arp_watch(fd, target);
    for (int i = 0; i < PROBES && found == 0; i++) {
        uint64_t asked = clock_mono_us(), passed = 0;
        arp_ask(fd, n->device, n->mac, sender, target);
        while (found == 0 && (passed = clock_mono_us() - asked) < PROBE_MS * 1000) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            (void)poll(&wait, 1, (int)(PROBE_MS - passed / 1000));
            while (found == 0 && arp_next(fd, &arp))
                if (arp.sender == target && !mac_equal(arp.sender_mac, n->mac)) {
                    memcpy(mac, arp.sender_mac, MAC_BYTES);
                    found = clock_mono_us() - asked + 1;
                }
        }
    }
    close(fd);
    return found;
}

static void test_address(struct test *t)
{
    const struct net *n = &t->net;
    const struct ip_net *net = n->settings.mode4 == NET_STATIC ? &n->settings.address4 : &n->ipv4.net;
    char what[80], address[IP_TEXT + 1], mac_text[MAC_TEXT + 1];
    uint8_t mac[MAC_BYTES];
    if (n->settings.mode4 == NET_NONE)
        return;
    if (net->ip.len == 0) {
        say(t, "an IPv4 address from DHCP", "FAILED",
            "no DHCP server answers; set an address, or look at the VLAN");
        return;
    }
    ip_write(&net->ip, address);
    if (n->settings.mode4 == NET_AUTO) {
        snprintf(what, sizeof what, "DHCP lends %s/%u", address, net->prefix);
        say(t, what, "ok", "%s", "");
    }
    snprintf(what, sizeof what, "%s is free on this network", address);
    if (ask_arp(n, 0, ip_get4(&net->ip), mac) == 0) {
        say(t, what, "ok", "%s", "");
        return;
    }
    mac_write(mac, mac_text);
    say(t, what, "FAILED", "the machine with the MAC address %s uses it", mac_text);
}

static void test_address6(struct test *t)
{
    const struct netif_address *a = address6(&t->net);
    char what[80], address[IP_TEXT + 1];
    if (t->net.settings.mode6 == NET_NONE)
        return;
    if (a == NULL) {
        /* Beside IPv4 most networks have none, and nobody misses it. */
        if (t->net.settings.mode6 == NET_STATIC || t->net.settings.mode4 == NET_NONE)
            say(t, "an IPv6 address", "FAILED",
                "no router tells the network; set an address, or look at the VLAN");
        return;
    }
    ip_write(&a->net.ip, address);
    snprintf(what, sizeof what, "%s/%u", address, a->net.prefix);
    if (a->duplicate)
        say(t, what, "FAILED", "another machine uses it");
    else
        say(t, what, "ok", "%s", "");
}

static void test_gateway(struct test *t, const struct ip *gateway)
{
    const struct net *n = &t->net;
    char what[80], address[IP_TEXT + 1], took[24];
    uint8_t mac[MAC_BYTES];
    if (gateway->len == 0)
        return;
    ip_write(gateway, address);
    snprintf(what, sizeof what, "gateway %s answers", address);
    uint32_t own = n->ipv4.net.ip.len == 0 ? 0 : ip_get4(&n->ipv4.net.ip);
    uint64_t us = gateway->len == 4 ? ask_arp(n, own, ip_get4(gateway), mac)
                                    : ping_once(gateway, (unsigned)n->device, 1, 1500);
    show_ms(us, took);
    if (us != 0)
        say(t, what, "ok", "%s", took);
    else
        say(t, what, "FAILED", "no answer: is this its address, and is the VLAN right?");
}

/* One name server or all of `count`. Returns the time it took, 0 for none; r->why tells the reason. */
static uint64_t look_up(struct resolver *r, const char *name, const struct ip *servers, size_t count)
{
    uint64_t begun = clock_mono_us();
    resolver_init(r);
    resolver_begin(r, name, servers, count, clock_read());
    for (;;) {
        enum ask state = resolver_turn(r, clock_read());
        if (state != ASK_WAIT) {
            resolver_stop(r);
            return state == ASK_READY ? clock_mono_us() - begun + 1 : 0;
        }
        struct pollfd wait = {.fd = r->fd, .events = POLLIN};
        uint64_t now = clock_read().mono_ms, until = resolver_deadline(r);
        (void)poll(&wait, 1, until > now ? (int)(until - now) : 0);
    }
}

static void test_dns(struct test *t, const char *name)
{
    struct resolver r;
    char what[120], address[IP_TEXT + 1], took[24];
    if (t->net.dns_count == 0)
        say(t, "name servers", "WARN", "none is set, and none came by DHCP");
    for (size_t i = 0; i < t->net.dns_count; i++) {
        ip_write(&t->net.dns[i], address);
        snprintf(what, sizeof what, "DNS %s finds %s", address, name);
        uint64_t us = look_up(&r, name, &t->net.dns[i], 1);
        show_ms(us, took);
        if (us != 0)
            say(t, what, "ok", "%s", took);
        else
            say(t, what, "FAILED", "%s", r.why);
    }
}

bool net_test_network(const struct net *net, const char *name, int out)
{
    struct test t;
    begin(&t, net, out);
    test_link(&t);
    if (t.net.device != 0 && t.net.link) {
        const struct net_settings *s = &t.net.settings;
        test_address(&t);
        test_address6(&t);
        test_gateway(&t, s->mode4 == NET_STATIC ? &s->gateway4 : &t.net.ipv4.gateway);
        test_gateway(&t, &s->gateway6);
        test_dns(&t, name == NULL ? DNS_NAME : name);
    }
    return !t.failed;
}

/* ---- time ---- */

static void say_server(struct test *t, const struct sntp_server *s)
{
    char what[100];
    snprintf(what, sizeof what, "%s answers", s->name);
    uint64_t off = (uint64_t)(s->offset_us < 0 ? -s->offset_us : s->offset_us);
    if (!s->answered)
        say(t, what, "FAILED", "%s", s->why);
    else
        say(t, what, off > OFFSET_WARN ? "WARN" : "ok", "offset %c%llu.%03u s", s->offset_us < 0 ? '-' : '+',
            (unsigned long long)(off / 1000000), (unsigned)(off / 1000 % 1000));
}

bool net_test_time(const struct net *net, int out)
{
    struct test t = {.out = out, .net = *net};
    struct time_ops ops = time_ops_linux(NULL);
    struct sntp sntp;
    char names[NET_SERVERS][NET_NAME_MAX + 1];
    int64_t offset_us;
    size_t best;
    struct clock now = clock_read();
    uint64_t end_ms = now.mono_ms + NTP_LIMIT_MS;
    read_resolv(&t.net);
    size_t count = net_time_servers(&t.net, names);
    if (count == 0)
        say(&t, "time servers", "WARN", "none is set, and none came by DHCP; set time ntp");
    sntp_init(&sntp, &ops);
    sntp_apply(&sntp, names, count, t.net.dns, t.net.dns_count, now);
    do {
        struct pollfd fds[SNTP_FDS];
        uint64_t until = end_ms;
        (void)sntp_turn(&sntp, now.unix_s, now, &offset_us, &best);
        size_t fd_count = sntp_poll(&sntp, fds, COUNT_OF(fds), &until);
        if (sntp.phase == SNTP_IDLE)
            break;
        (void)poll(fds, fd_count, until > now.mono_ms ? (int)(until - now.mono_ms) : 0);
        now = clock_read();
    } while (now.mono_ms < end_ms);
    for (size_t i = 0; i < count; i++)
        say_server(&t, &sntp.servers[i]);
    sntp_apply(&sntp, names, 0, NULL, 0, now); /* closes what is open */
    return !t.failed;
}

/* ---- ping and resolve ---- */

bool net_ping(const char *address, int out)
{
    struct test t = {.out = out};
    struct ip ip;
    char what[80], took[24];
    if (!ip_read(span_of_text(address), &ip)) {
        say(&t, "ping", "FAILED", "this is not an address; resolve finds one for a name");
        return false;
    }
    unsigned answers = 0;
    for (uint16_t i = 1; i <= 4; i++) {
        uint64_t us = ping_once(&ip, 0, i, 1000);
        snprintf(what, sizeof what, "%s answers", address);
        show_ms(us, took);
        say(&t, what, us != 0 ? "ok" : "FAILED", "%s", us != 0 ? took : "no answer in 1 s");
        answers += us != 0;
        if (i < 4 && us != 0)
            usleep(200000);
    }
    return answers != 0;
}

bool net_resolve(const struct net *net, const char *name, int out)
{
    struct test t = {.out = out, .net = *net};
    struct resolver r;
    char what[120], took[24];
    read_resolv(&t.net);
    uint64_t us = look_up(&r, name, t.net.dns, t.net.dns_count);
    show_ms(us, took);
    for (size_t i = 0; i < r.count; i++) {
        char address[IP_TEXT + 1];
        ip_write(&r.found[i], address);
        snprintf(what, sizeof what, "%s", address);
        say(&t, what, "ok", "%s", took);
    }
    if (us == 0)
        say(&t, "no address", "FAILED", "%s", r.why);
    return us != 0;
}
