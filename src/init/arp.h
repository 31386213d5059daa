/* SPDX-License-Identifier: Apache-2.0 */
/* ARP for IPv4 over Ethernet (RFC 826): asking whether an address is taken, and saying that it is (RFC 5227).
 */
#ifndef HOLDFAST_INIT_ARP_H
#define HOLDFAST_INIT_ARP_H

#include "init/ip.h"

#define ARP_BYTES 28

struct arp {
    bool reply;
    uint8_t sender_mac[MAC_BYTES];
    uint32_t sender, target; /* IPv4 */
};

/* False: no ARP of IPv4 over Ethernet. Longer frames are padding. */
MUST_USE bool arp_read(struct span packet, struct arp *out);
void arp_write(const struct arp *arp, uint8_t out[ARP_BYTES]);

/* A socket for ARP on one interface, not blocking; or a negated errno. */
int arp_open(int index);
/* From now on only packets of whoever uses the address, or probes for it, come in; 0: none at all. */
void arp_watch(int fd, uint32_t address);
/* Asks everybody on the link. sender 0: a probe, which enters nobody's table (RFC 5227 s2.1.1); sender equal
 * to target: an announcement (s2.3). */
void arp_ask(int fd, int index, const uint8_t mac[MAC_BYTES], uint32_t sender, uint32_t target);
/* The next packet that is there; false: none. Passes over what is no ARP. */
MUST_USE bool arp_next(int fd, struct arp *out);

#endif
