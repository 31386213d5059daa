/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/folder.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel writes them. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

void folder_open(struct folder *f, const char *path)
{
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->own = true;
    f->at = f->len = 0;
}

void folder_of_fd(struct folder *f, int fd)
{
    f->fd = lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
    f->own = false;
    f->at = f->len = 0;
}

static const struct entry *next_entry(struct folder *f)
{
    if (f->at == f->len) {
        long n = f->fd < 0 ? 0 : syscall(SYS_getdents64, f->fd, f->entries, sizeof f->entries);
        f->at = 0;
        f->len = n > 0 ? (size_t)n : 0;
    }
    if (f->len == 0)
        return NULL;
    const struct entry *e = (const struct entry *)(const void *)(f->entries + f->at);
    f->at += e->size;
    return e;
}

const char *folder_next(struct folder *f)
{
    const struct entry *e;
    while ((e = next_entry(f)) != NULL)
        if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
            return e->name;
    return NULL;
}

void folder_close(struct folder *f)
{
    if (f->own && f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}
