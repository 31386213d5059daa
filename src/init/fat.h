/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FAT volume, mounted only while a job needs it: the boot partition and sticks. One job at a time uses a
 * mount point, and what a killed job left mounted is unmounted first.
 *
 * FAT has no journal. It is mounted without `sync`, and everything is flushed at the points that matter: a
 * rename changes two entries of a folder, and where both lie in one sector, as in the small folder of the
 * boot partition, one flush writes both at once.
 */
#ifndef HOLDFAST_INIT_FAT_H
#define HOLDFAST_INIT_FAT_H

#include "base/span.h"

#define FAT_NAME_MAX   64   /* bytes of a name that is looked at, with its NUL */
#define FAT_PATH_MAX   200  /* bytes of a path, with its NUL */
#define FAT_LOOKED_MAX 4096 /* entries of a folder that are looked at: a stick is not ours */

enum fat_use {
    FAT_READ,
    FAT_WRITE,
    FAT_OWN /* writes, and goes on past errors of the file system: the boot partition has to stay usable */
};

struct fat {
    int lock; /* -1: not open */
    bool mounted;
    char folder[FAT_PATH_MAX];
};

struct fat_entry {
    char name[FAT_NAME_MAX];
    uint64_t size;
    bool is_folder;
};

/*
 * Mounts the device on the folder, which is made when it is missing. Without a device (NULL) the folder is
 * used as it is. Waits up to 10 s for another job. False with a text in why.
 */
MUST_USE bool fat_open(struct fat *fat, const char *device, const char *folder, enum fat_use use, char *why,
                       size_t cap);
/* Flushes and unmounts. False with a text in why when not everything has reached the medium. */
bool fat_close(struct fat *fat, char *why, size_t cap);

/* Everything written has reached the medium. False with errno. */
MUST_USE bool fat_flush(const char *folder);

/* Up to `room` entries of a folder in the order of their names; others are left out. 0 also when it cannot be
 * read. Names of FAT_NAME_MAX bytes and longer are passed over. */
size_t fat_list(const char *folder, struct fat_entry *out, size_t room);

/* Overwrites a file with zeros, flushes, removes it, flushes. True as well when it was not there. Flash may
 * keep old blocks all the same. */
MUST_USE bool fat_erase(const char *path);

#endif
