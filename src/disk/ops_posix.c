/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "disk/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"

static int folder_of(void *self)
{
    return *(int *)self;
}

static int op_open(void *self, const char *name, bool create)
{
    int fd =
        openat(folder_of(self), name, (create ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

static int op_close(void *self, int file)
{
    (void)self;
    return close(file) == 0 ? 0 : -errno;
}

static int64_t op_read_at(void *self, int file, void *out, size_t len, uint64_t offset)
{
    (void)self;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(file, (uint8_t *)out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int64_t op_write_at(void *self, int file, const void *in, size_t len, uint64_t offset)
{
    (void)self;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(file, (const uint8_t *)in + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int op_truncate(void *self, int file, uint64_t size)
{
    (void)self;
    return ftruncate(file, (off_t)size) == 0 ? 0 : -errno;
}

static int op_flush(void *self, int file)
{
    (void)self;
    return fdatasync(file) == 0 ? 0 : -errno;
}

static bool op_is_private(void *self, int file)
{
    struct stat info;
    (void)self;
    return fstat(file, &info) == 0 && (info.st_mode & 077) == 0;
}

static int op_rename(void *self, const char *from, const char *to)
{
    return renameat(folder_of(self), from, folder_of(self), to) == 0 ? 0 : -errno;
}

static int op_remove(void *self, const char *name)
{
    return unlinkat(folder_of(self), name, 0) == 0 ? 0 : -errno;
}

static int op_flush_folder(void *self)
{
    return fsync(folder_of(self)) == 0 ? 0 : -errno;
}

/* The number in "<prefix>-<8 digits>.log"; 0 when the name is another. */
static uint32_t number_in(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    uint64_t number;
    if (strncmp(name, prefix, len) != 0 || strlen(name) != len + 13 || name[len] != '-' ||
        strcmp(name + len + 9, ".log") != 0 ||
        number_read(span_of(name + len + 1, 8), UINT32_MAX, &number) != STATUS_OK)
        return 0;
    return (uint32_t)number;
}

static uint32_t op_next_number(void *self, const char *prefix, uint32_t after)
{
    struct folder folder;
    const char *name;
    uint32_t best = 0;
    folder_of_fd(&folder, folder_of(self));
    while ((name = folder_next(&folder)) != NULL) {
        uint32_t number = number_in(name, prefix);
        if (number > after && (best == 0 || number < best))
            best = number;
    }
    return best;
}

struct disk_ops disk_ops_posix(int *slot)
{
    return (struct disk_ops){.self = slot,
                             .open = op_open,
                             .close = op_close,
                             .read_at = op_read_at,
                             .write_at = op_write_at,
                             .truncate = op_truncate,
                             .flush = op_flush,
                             .is_private = op_is_private,
                             .rename = op_rename,
                             .remove = op_remove,
                             .flush_folder = op_flush_folder,
                             .next_number = op_next_number};
}
