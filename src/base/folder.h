/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a folder, one after the other, by getdents64(2): the C library's opendir would allocate. */
#ifndef HOLDFAST_BASE_FOLDER_H
#define HOLDFAST_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct folder {
    int fd; /* -1: it cannot be read, and has no names */
    bool own;
    size_t at, len;
    _Alignas(8) char entries[4096];
};

/* A folder that is not there has no names. */
void folder_open(struct folder *folder, const char *path);
/* The same for one that is open and stays open; from its beginning. */
void folder_of_fd(struct folder *folder, int fd);
/* The next name, without "." and ".."; good until the next call. NULL at the end. */
const char *folder_next(struct folder *folder);
void folder_close(struct folder *folder);

#endif
