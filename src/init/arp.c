/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netpacket/packet.h>
#include <unistd.h>

#define TYPE_ARP  0x0806
#define READS_MAX 64 /* packets in one go; a flood has to wait for the next turn */

bool arp_read(struct span p, struct arp *out)
{
    static const uint8_t head[7] = {0, 1, 8, 0, 6, 4, 0};
    if (p.len < ARP_BYTES || memcmp(p.ptr, head, sizeof head) != 0 || p.ptr[7] < 1 || p.ptr[7] > 2)
        return false;
    out->reply = p.ptr[7] == 2;
    memcpy(out->sender_mac, p.ptr + 8, MAC_BYTES);
    out->sender = be32_get(p.ptr + 14);
    out->target = be32_get(p.ptr + 24);
    return true;
}

void arp_write(const struct arp *arp, uint8_t out[ARP_BYTES])
{
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    memset(out, 0, ARP_BYTES);
    memcpy(out, head, sizeof head);
    out[7] = arp->reply ? 2 : 1;
    memcpy(out + 8, arp->sender_mac, MAC_BYTES);
    be32_put(out + 14, arp->sender);
    be32_put(out + 24, arp->target);
}

int arp_open(int index)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(TYPE_ARP), .sll_ifindex = index};
    /* Protocol 0 until it is bound: nothing of other interfaces comes in between. */
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

void arp_watch(int fd, uint32_t address)
{
    /* In the kernel, so that the chatter of a large network does not wake anybody. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14), /* sender */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, address, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24), /* target */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, address, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, address == 0 ? 0 : 64),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    /* Without it more comes in, which is looked at and dropped. */
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void arp_ask(int fd, int index, const uint8_t mac[MAC_BYTES], uint32_t sender, uint32_t target)
{
    uint8_t bytes[ARP_BYTES];
    struct arp arp = {.sender = sender, .target = target};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(TYPE_ARP),
                             .sll_ifindex = index,
                             .sll_halen = MAC_BYTES};
    memset(to.sll_addr, 0xff, MAC_BYTES);
    memcpy(arp.sender_mac, mac, MAC_BYTES);
    arp_write(&arp, bytes);
    /* What is not sent is as what is lost: asked again, or not missed. */
    ssize_t sent = sendto(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&to, sizeof to);
    (void)sent;
}

bool arp_next(int fd, struct arp *out)
{
    uint8_t bytes[64];
    for (int i = 0; i < READS_MAX; i++) {
        struct sockaddr_ll from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0)
            return false;
        if (from.sll_pkttype != PACKET_OUTGOING && arp_read(span_of(bytes, (size_t)n), out))
            return true;
    }
    return false;
}
