/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PATH_MAX 240

enum status file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED;
    ssize_t n = 0;
    while (out->len < out->cap && (n = read(fd, out->ptr + out->len, out->cap - out->len)) > 0)
        out->len += (size_t)n;
    char more;
    bool longer = n > 0 && read(fd, &more, 1) > 0;
    close(fd);
    if (n < 0)
        return STATUS_FAILED;
    return longer ? STATUS_TOO_LARGE : STATUS_OK;
}

static bool write_all(int fd, struct span bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool flush_folder_of(const char *path)
{
    char folder[FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path),
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0;
    close(fd);
    return good;
}

bool file_replace(const char *path, struct span bytes, unsigned mode)
{
    char temporary[FILE_PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return false;
    bool good = write_all(fd, bytes) && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (good && rename(temporary, path) == 0)
        return flush_folder_of(path);
    error = good ? errno : error;
    unlink(temporary);
    errno = error;
    return false;
}

bool file_poke(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = write_all(fd, span_of_text(text));
    close(fd);
    return good;
}

bool file_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    return flush_folder_of(path);
}
