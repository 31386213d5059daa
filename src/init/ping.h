/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP echo (RFC 792, RFC 4443 s4): whether a machine answers. Waits; for jobs only. */
#ifndef HOLDFAST_INIT_PING_H
#define HOLDFAST_INIT_PING_H

#include "init/ip.h"

/* Microseconds to the answer, at least 1; 0: none within wait_ms. `scope`: the interface of a link-local
 * address, else 0. */
uint64_t ping_once(const struct ip *ip, unsigned scope, uint16_t sequence, unsigned wait_ms);

#endif
