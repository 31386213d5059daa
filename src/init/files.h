/* SPDX-License-Identifier: Apache-2.0 */
/* Small files by path: read whole, replaced whole. */
#ifndef HOLDFAST_INIT_FILES_H
#define HOLDFAST_INIT_FILES_H

#include "base/buf.h"
#include "base/status.h"

/* Reads a whole file behind out->len. STATUS_NOT_FOUND, STATUS_TOO_LARGE when it does not fit, STATUS_FAILED
 * (errno). */
MUST_USE enum status file_read(const char *path, struct buf *out);

/*
 * Replaces a file: written beside it as "<path>.new", flushed, renamed, the folder flushed. A power cut
 * leaves the old content or the new. False with errno set.
 */
MUST_USE bool file_replace(const char *path, struct span bytes, unsigned mode);

/* Writes into a file that exists, as those of /proc and /sys. False when it is not there or refuses. */
bool file_poke(const char *path, const char *text);

/* Removes a file and flushes its folder; true as well when it was not there. */
MUST_USE bool file_remove(const char *path);

#endif
