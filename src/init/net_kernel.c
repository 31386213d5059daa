/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/net_kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool put(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return good;
}

unsigned net_kernel_harden(void)
{
    static const struct {
        const char *path, *value;
    } rules[] = {
        {"ipv4/ip_forward", "0"},
        {"ipv4/tcp_syncookies", "1"},
        {"ipv4/tcp_rfc1337", "1"},
        {"ipv4/icmp_echo_ignore_all", "0"}, /* the box answers a ping */
        {"ipv4/icmp_echo_ignore_broadcasts", "1"},
        {"ipv4/conf/all/rp_filter", "1"},
        {"ipv4/conf/default/rp_filter", "1"},
        {"ipv4/conf/all/accept_redirects", "0"},
        {"ipv4/conf/default/accept_redirects", "0"},
        {"ipv4/conf/all/secure_redirects", "0"},
        {"ipv4/conf/default/secure_redirects", "0"},
        {"ipv4/conf/all/send_redirects", "0"},
        {"ipv4/conf/default/send_redirects", "0"},
        {"ipv4/conf/all/accept_source_route", "0"},
        {"ipv4/conf/default/accept_source_route", "0"},
        /* Another port does not answer for the address of this one. */
        {"ipv4/conf/all/arp_ignore", "1"},
        {"ipv4/conf/all/arp_announce", "2"},
        {"ipv6/conf/all/forwarding", "0"},
        {"ipv6/conf/all/accept_redirects", "0"},
        {"ipv6/conf/default/accept_redirects", "0"},
        {"ipv6/conf/all/accept_source_route", "-1"},
        {"ipv6/conf/default/accept_source_route", "-1"},
        {"ipv6/conf/default/accept_ra", "0"},
        {"ipv6/conf/default/autoconf", "0"},
        {"ipv6/conf/default/use_tempaddr", "0"}, /* a server is to be found again */
        {"ipv6/conf/default/disable_ipv6", "1"},
    };
    char path[80];
    unsigned failed = 0;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        snprintf(path, sizeof path, "/proc/sys/net/%s", rules[i].path);
        failed += !put(path, rules[i].value);
    }
    return failed;
}

static void put_ipv6(const char *port, const char *name, const char *value)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", port, name);
    (void)put(path, value); /* a kernel without IPv6 has none of them */
}

void net_kernel_ipv6(const char *port, enum net_mode mode)
{
    const char *on = mode == NET_AUTO ? "1" : "0";
    put_ipv6(port, "accept_ra", on);
    put_ipv6(port, "accept_ra_defrtr", on);
    put_ipv6(port, "autoconf", on);
    put_ipv6(port, "use_tempaddr", "0");
    put_ipv6(port, "accept_redirects", "0");
    put_ipv6(port, "disable_ipv6", mode == NET_NONE ? "1" : "0");
}

bool net_kernel_resolv(const char *path, const struct ip *dns, size_t dns_count,
                       char times[][NET_NAME_MAX + 1], size_t time_count)
{
    char text[512], new_path[PATH_MAX_BYTES + 8], address[IP_TEXT + 1];
    struct buf out = buf_over(text, sizeof text);
    buf_add_text(&out, dns_count == 0 ? "# no name server is set, and none came by DHCP\n"
                                      : "options timeout:2 attempts:2\n");
    for (size_t i = 0; i < dns_count; i++) {
        ip_write(&dns[i], address);
        buf_print(&out, "nameserver %s\n", address);
    }
    for (size_t i = 0; i < time_count; i++)
        buf_print(&out, NET_KERNEL_TIME "%s\n", times[i]);
    snprintf(new_path, sizeof new_path, "%s.new", path);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return false;
    bool good = write(fd, out.ptr, out.len) == (ssize_t)out.len;
    close(fd);
    return good && rename(new_path, path) == 0;
}
