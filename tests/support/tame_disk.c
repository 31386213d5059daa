/* SPDX-License-Identifier: Apache-2.0 */
/* The group of requests, with its flush before its answers, is the server's own code, taken in as it stands.
 */
#define disk_start tame_unused_start
#define disk_stop  tame_unused_stop
#define disk_send  tame_unused_send
#define disk_turn  tame_unused_turn
#define disk_ask   tame_unused_ask
#include "disk/disk.c"
#undef disk_start
#undef disk_stop
#undef disk_send
#undef disk_turn
#undef disk_ask

#include "support/tame_disk.h"

void tame_disk_start(struct tame_disk *t, const struct disk_ops *ops)
{
    int pair[2];
    memset(t, 0, sizeof *t);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    t->disk.fd = pair[0];
    t->disk.next_ticket = 1;
    t->far_end = pair[1];
    disk_worker_init(&t->worker, ops);
}

size_t tame_disk_step(struct tame_disk *t)
{
    static struct child child; /* large, and empty between groups but for its worker */
    size_t groups = 0;
    struct pollfd p = {.fd = t->far_end, .events = POLLIN};
    while (t->far_end >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0) {
        child.worker = t->worker;
        bool open = do_group(&child, t->far_end);
        t->worker = child.worker;
        if (!open)
            break;
        groups++;
    }
    return groups;
}

void tame_disk_kill(struct tame_disk *t)
{
    if (t->far_end >= 0)
        close(t->far_end);
    t->far_end = -1;
}

void tame_disk_stop(struct tame_disk *t)
{
    tame_disk_kill(t);
    close(t->disk.fd);
}
