/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live tests of the network, for a job: they wait, each for a bounded time, and write a line each to `out`:
 * what was asked, ok, WARN or FAILED, and the reason. They open sockets of their own and change nothing.
 * `net` is the copy that the job got when it was forked; what has come since (a lease) is read again from the
 * kernel.
 */
#ifndef HOLDFAST_INIT_NET_TEST_H
#define HOLDFAST_INIT_NET_TEST_H

#include "init/net.h"

/* Link, address (waits up to 20 s for one from DHCP), whether it is free, gateway, and each name server asked
 * for `name` (NULL: iam.cloud.ibm.com). True: nothing failed. About 10 s at the longest beside the wait. */
bool net_test_network(const struct net *net, const char *name, int out);
/* Each time server: answer and offset of this machine's clock. */
bool net_test_time(const struct net *net, int out);
/* Four ICMP echo requests to an address. */
bool net_ping(const char *address, int out);
/* The addresses of a name, from the name servers in force. */
bool net_resolve(const struct net *net, const char *name, int out);

#endif
