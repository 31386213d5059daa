/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is told through /proc/sys, and what the C library and c-ares read in /etc/resolv.conf. */
#ifndef HOLDFAST_INIT_NET_KERNEL_H
#define HOLDFAST_INIT_NET_KERNEL_H

#include "init/net_settings.h"

/* The rules for the whole machine: no forwarding, no redirects, no source routes, SYN cookies; ports that
 * come later speak no IPv6 until they are told. Returns how many settings the kernel did not take. */
unsigned net_kernel_harden(void);
/* IPv6 of one port; NET_NONE also takes its addresses away. */
void net_kernel_ipv6(const char *port, enum net_mode mode);
/* A word of the file that only net_test.c reads: a job was forked before the lease came that named it. */
#define NET_KERNEL_TIME "# time server "
/* Replaces the file at once as a whole: name servers, and as comments the time servers. */
MUST_USE bool net_kernel_resolv(const char *path, const struct ip *dns, size_t dns_count,
                                char times[][NET_NAME_MAX + 1], size_t time_count);

#endif
