/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one line, one event, to one file descriptor: "2026-11-22T16:10:00Z warning tls  text".
 * Text from outside is made printable by the caller (buf_add_printable). Secrets never come here.
 */
#ifndef HOLDFAST_BASE_LOG_H
#define HOLDFAST_BASE_LOG_H

#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
    int fd;
    enum log_level level;
    int64_t unix_s; /* the turn's time, set by the loop */
};

/* `room` is the part of the program that speaks, at most 8 characters. Lines over 1,000 bytes are cut. */
void log_write(struct log *log, enum log_level level, const char *room, const char *format, ...)
    PRINTF_LIKE(4, 5);

/*
 * Keeps a repeated event from flooding the log: the first `burst` of a minute are written, the rest counted.
 * log_limit_pass says whether this one may be written; at the start of a new minute *skipped tells how many
 * were not.
 */
struct log_limit {
    int64_t minute;
    uint32_t passed;
    uint32_t skipped;
};
bool log_limit_pass(struct log_limit *limit, int64_t unix_s, uint32_t burst, uint32_t *skipped);

#endif
