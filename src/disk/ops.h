/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the disk process asks of the operating system, all inside one folder. The real one is ops_posix.c; the
 * power-cut test has one that forgets what was not flushed.
 */
#ifndef HOLDFAST_DISK_OPS_H
#define HOLDFAST_DISK_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls return 0 (or bytes, or a file number) and a negated errno on failure. */
struct disk_ops {
    void *self;
    int (*open)(void *self, const char *name, bool create);
    int (*close)(void *self, int file);
    int64_t (*read_at)(void *self, int file, void *out, size_t len, uint64_t offset);
    int64_t (*write_at)(void *self, int file, const void *in, size_t len, uint64_t offset);
    int (*truncate)(void *self, int file, uint64_t size);
    int (*flush)(void *self, int file);       /* what was written is on the medium */
    bool (*is_private)(void *self, int file); /* nobody but its owner may read or write it */
    int (*rename)(void *self, const char *from, const char *to);
    int (*remove)(void *self, const char *name);
    int (*flush_folder)(void *self); /* names made, renamed and removed are on the medium */
    /* The smallest number n > after of a file "<prefix>-<8 digits>.log"; 0 when there is none. */
    uint32_t (*next_number)(void *self, const char *prefix, uint32_t after);
};

/* Works in the folder open as `folder_fd`, which *slot keeps. */
struct disk_ops disk_ops_posix(int *slot);

#endif
