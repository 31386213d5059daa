/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk process without the process: the same code takes its requests from the same socket pair, in this
 * process and when the test says so.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_TAME_DISK_H
#define HOLDFAST_TESTS_SUPPORT_TAME_DISK_H

#include "disk/disk.h"

struct tame_disk {
    struct disk disk; /* what the server is given */
    int far_end;      /* -1: dead */
    struct disk_worker worker;
};

void tame_disk_start(struct tame_disk *tame, const struct disk_ops *ops);
/* Carries out and answers what waits, in groups as the disk process does. Returns the number of groups. */
size_t tame_disk_step(struct tame_disk *tame);
/* The disk process dies, without a last word. */
void tame_disk_kill(struct tame_disk *tame);
void tame_disk_stop(struct tame_disk *tame);

#endif
