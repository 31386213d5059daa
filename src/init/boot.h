/* SPDX-License-Identifier: Apache-2.0 */
/* From the kernel's first call to a box with its folders, devices and partitions. */
#ifndef HOLDFAST_INIT_BOOT_H
#define HOLDFAST_INIT_BOOT_H

#include "init/box.h"

/* Mounts what the kernel offers, makes the folders of /run, reads what the image says of itself. */
void boot_begin(struct box *box);

/*
 * Looks for the box's partitions by their names in the partition table (holdfast-data, holdfast-esp) and
 * mounts the data partition. STATUS_NOT_FOUND while there is none; STATUS_FAILED with a fault when it cannot
 * be mounted.
 */
MUST_USE enum status boot_mount_data(struct box *box);

/* Flushes and unmounts it; false when something still uses it. */
bool boot_unmount_data(void);

#endif
