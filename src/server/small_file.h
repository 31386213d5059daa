/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of the state folder that the running server replaces, through the disk process. */
#ifndef HOLDFAST_SERVER_SMALL_FILE_H
#define HOLDFAST_SERVER_SMALL_FILE_H

#include "server/server.h"

/*
 * Sends the whole new content (at most DISK_BYTES_MAX bytes) of the file `name`: after a power cut it is the
 * old one or the new one. The ticket to ask for; 0 with a text in *why when that is not possible just now.
 */
MUST_USE uint64_t small_file_replace(struct server *server, const char *name, struct span content,
                                     const char **why);

/* The same for a secret: sealed when the server has a state key. */
MUST_USE uint64_t small_file_replace_secret(struct server *server, const char *name, struct span secret,
                                            const char **why);

#endif
