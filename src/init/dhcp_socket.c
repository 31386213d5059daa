/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/dhcp_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <unistd.h>

#define TYPE_IPV4 0x0800
#define READS_MAX 16

void dhcp_socket_init(struct dhcp_socket *s, int index, const char *name)
{
    *s = (struct dhcp_socket){.fd = -1, .way = DHCP_WAY_CLOSED, .index = index};
    snprintf(s->name, sizeof s->name, "%s", name);
}

/* In the kernel already: only UDP to port 68, no fragments. */
static bool filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, DHCP_FRAME_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static int open_raw(const struct dhcp_socket *s)
{
    int on = 1;
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(TYPE_IPV4), .sll_ifindex = s->index};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && filter(fd) && setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_udp(const struct dhcp_socket *s)
{
    int on = 1;
    struct ip any = {.len = 4};
    struct sockaddr_storage at;
    socklen_t len = ip_sockaddr(&any, DHCP_CLIENT_PORT, 0, &at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s->name, (socklen_t)strlen(s->name)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&at, len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void dhcp_socket_use(struct dhcp_socket *s, enum dhcp_way way)
{
    if (s->way == way && (s->fd >= 0 || way == DHCP_WAY_CLOSED))
        return;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = way == DHCP_WAY_RAW ? open_raw(s) : way == DHCP_WAY_UDP ? open_udp(s) : -1;
    s->way = way;
}

void dhcp_socket_send(struct dhcp_socket *s, struct span message, uint32_t to)
{
    ssize_t sent;
    uint8_t frame[DHCP_FRAME_MAX];
    dhcp_socket_use(s, s->way); /* opens what could not be opened before */
    if (s->fd < 0)
        return;
    if (s->way == DHCP_WAY_UDP) {
        struct sockaddr_storage at;
        struct ip server = ip_of4(to);
        socklen_t len = ip_sockaddr(&server, DHCP_SERVER_PORT, 0, &at);
        sent = sendto(s->fd, message.ptr, message.len, 0, (struct sockaddr *)&at, len);
    } else {
        struct sockaddr_ll at = {.sll_family = AF_PACKET,
                                 .sll_protocol = htons(TYPE_IPV4),
                                 .sll_ifindex = s->index,
                                 .sll_halen = MAC_BYTES};
        memset(at.sll_addr, 0xff, MAC_BYTES);
        size_t frame_len = dhcp_frame_write(0, to, message, frame);
        sent = sendto(s->fd, frame, frame_len, 0, (struct sockaddr *)&at, sizeof at);
    }
    (void)sent; /* as good as lost on the way: it is sent again */
}

/* Whether the sender's UDP checksum is in the frame: not when the frame never left this machine. */
static bool has_checksum(struct msghdr *message)
{
    struct tpacket_auxdata aux;
    struct cmsghdr *c = CMSG_FIRSTHDR(message); /* there is only one kind */
    if (c != NULL && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        return (aux.tp_status & TP_STATUS_CSUMNOTREADY) == 0;
    }
    return true;
}

bool dhcp_socket_next(struct dhcp_socket *s, uint8_t buffer[DHCP_FRAME_MAX], struct span *message)
{
    for (int i = 0; s->fd >= 0 && i < READS_MAX; i++) {
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
        struct sockaddr_storage from;
        struct iovec bytes = {.iov_base = buffer, .iov_len = DHCP_FRAME_MAX};
        struct msghdr header = {.msg_name = &from,
                                .msg_namelen = sizeof from,
                                .msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control};
        ssize_t n = recvmsg(s->fd, &header, 0);
        if (n < 0)
            return false;
        if ((header.msg_flags & MSG_TRUNC) != 0)
            continue;
        *message = span_of(buffer, (size_t)n);
        if (s->way == DHCP_WAY_UDP || dhcp_frame_read(*message, has_checksum(&header), message))
            return true;
    }
    return false;
}
