/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the addresses of one name without waiting: a small stub resolver over UDP. Used for time servers and
 * the tests of the console; the server has a resolver of its own. */
#ifndef HOLDFAST_INIT_RESOLVER_H
#define HOLDFAST_INIT_RESOLVER_H

#include "base/clock.h"
#include "init/dns_message.h"
#include "init/net_settings.h"

#define RESOLVER_TRY_MS 2000
#define RESOLVER_ROUNDS 2 /* through all servers, for each kind of address */

struct resolver {
    int fd; /* -1: none */
    bool busy;
    char name[NET_NAME_MAX + 1];
    enum dns_type type;
    uint16_t id;
    unsigned tries;
    uint64_t next_ms;
    size_t server_count;
    struct ip servers[NET_SERVERS];
    size_t count;
    struct ip found[DNS_ADDRESSES];
    const char *why; /* of ASK_FAILED; constant text */
};

void resolver_init(struct resolver *r);
/* Asks for the IPv4 addresses, and without any for the IPv6 ones. */
void resolver_begin(struct resolver *r, const char *name, const struct ip *servers, size_t count,
                    struct clock now);
/* READY: `found` holds 1 to `count` addresses. FAILED: `why` says it. */
enum ask resolver_turn(struct resolver *r, struct clock now);
void resolver_stop(struct resolver *r);
/* UINT64_MAX: never. */
uint64_t resolver_deadline(const struct resolver *r);

#endif
