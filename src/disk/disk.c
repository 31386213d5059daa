/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "disk/disk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wipe.h"

/* Requests done before one flush; their answers wait for it. */
#define GROUP_MAX 64

_Static_assert(GROUP_MAX <= DISK_QUEUE, "a group is part of the queue");
_Static_assert(sizeof(struct disk_request) % 8 == 0, "the bytes that follow are aligned");

struct packet {
    union {
        struct disk_request request;
        struct disk_reply reply;
    } head;
    uint8_t bytes[DISK_BYTES_MAX];
};

static void send_reply(int fd, const struct disk_reply *reply, const uint8_t *bytes)
{
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)reply, .iov_len = sizeof *reply},
                             {.iov_base = (void *)(uintptr_t)bytes, .iov_len = reply->len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            _exit(0); /* the server is gone; all that it was told is on the medium */
    }
}

/* What passes through the disk process: mostly ciphertext, but the local root key too, so it is locked and
 * wiped. */
struct child {
    struct disk_worker worker;
    struct disk_reply replies[GROUP_MAX];
    struct packet packet;
    uint8_t out[DISK_BYTES_MAX];
};

/* Takes requests until none is there, does them, flushes once, answers. False when the server has closed its
 * end. */
static bool do_group(struct child *c, int fd)
{
    size_t count = 0, out_len = 0;
    bool open = true;
    while (count < GROUP_MAX && out_len == 0) {
        ssize_t n = recv(fd, &c->packet, sizeof c->packet, count == 0 ? 0 : MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            open = n < 0 && count != 0;
            break;
        }
        const struct disk_request *q = &c->packet.head.request;
        size_t len = (size_t)n - sizeof c->packet.head;
        int error = disk_worker_do(&c->worker, q, span_of(c->packet.bytes, len), c->out, &out_len);
        c->replies[count++] =
            (struct disk_reply){.ticket = q->ticket, .error = error, .len = (uint32_t)out_len};
    }
    int error = disk_worker_flush(&c->worker);
    for (size_t i = 0; i < count; i++) {
        if (c->replies[i].error == 0)
            c->replies[i].error = error;
        send_reply(fd, &c->replies[i], c->out);
    }
    wipe(c->out, out_len);
    return open;
}

_Noreturn static void child_main(int fd, const struct disk_ops *ops)
{
    struct child child;
    memset(&child, 0, sizeof child);
    mlock(&child, sizeof child); /* as far as the system allows; the server itself insists */
    disk_worker_init(&child.worker, ops);
    /* Ctrl-C reaches the whole group; what the server still sends has to be written. It ends when the server
     * does. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_NAME, "holdfast-disk");
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    while (do_group(&child, fd))
        continue;
    _exit(0);
}

enum status disk_start(struct disk *disk, const struct disk_ops *ops, int private_fd)
{
    int pair[2];
    memset(disk, 0, sizeof *disk);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return STATUS_FAILED;
    disk->child = fork();
    if (disk->child < 0)
        return STATUS_FAILED;
    if (disk->child == 0) {
        close(pair[0]);
        if (private_fd >= 0)
            close(private_fd);
        child_main(pair[1], ops);
    }
    close(pair[1]);
    disk->fd = pair[0];
    disk->next_ticket = 1;
    return STATUS_OK;
}

void disk_stop(struct disk *disk)
{
    struct packet packet;
    shutdown(disk->fd, SHUT_WR);
    while (recv(disk->fd, &packet, sizeof packet, 0) > 0)
        continue; /* answers that nobody takes must not keep the disk process from its end */
    wipe(&packet, sizeof packet);
    while (waitpid(disk->child, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(disk->fd);
}

uint64_t disk_send(struct disk *disk, struct disk_request *request, struct span bytes)
{
    if (disk->lost || disk->next_ticket - disk->done_ticket > DISK_QUEUE - GROUP_MAX)
        return 0;
    request->ticket = disk->next_ticket;
    struct iovec parts[2] = {{.iov_base = request, .iov_len = sizeof *request},
                             {.iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(disk->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        disk->lost = errno != EAGAIN && errno != EINTR && errno != ENOBUFS;
        return 0;
    }
    return disk->next_ticket++;
}

void disk_turn(struct disk *disk)
{
    struct packet packet;
    for (;;) {
        ssize_t n = recv(disk->fd, &packet, sizeof packet, MSG_DONTWAIT);
        if (n <= 0) {
            if (n == 0 || (errno != EAGAIN && errno != EINTR))
                disk->lost = true;
            return;
        }
        const struct disk_reply *reply = &packet.head.reply;
        disk->done_ticket = reply->ticket;
        disk->errors[reply->ticket % DISK_QUEUE] = reply->error;
        disk->failures += reply->error != 0;
        if (reply->len != 0) {
            memcpy(disk->read, (const uint8_t *)&packet + sizeof *reply, reply->len);
            disk->read_len = reply->len;
            disk->read_ticket = reply->ticket;
            wipe(&packet, sizeof packet);
            return; /* one answer with bytes a turn: whoever asked for them takes them before the next */
        }
    }
}

enum ask disk_ask(const struct disk *disk, uint64_t ticket, int *error)
{
    *error = 0;
    if (ticket > disk->done_ticket) {
        *error = EIO;
        return disk->lost ? ASK_FAILED : ASK_WAIT;
    }
    *error = disk->errors[ticket % DISK_QUEUE];
    return *error == 0 ? ASK_READY : ASK_FAILED;
}
