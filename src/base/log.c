/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

void log_write(struct log *log, enum log_level level, const char *room, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > log->level)
        return;
    char text[800], when[TIME_TEXT + 1], line[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    time_write(log->unix_s, when);
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, "%s %-7s %-8s %s\n", when, names[level], room, text);
    /* A log that cannot be written must not stop the server: nobody could be told. */
    ssize_t written = write(log->fd, out.ptr, out.len);
    (void)written;
}

bool log_limit_pass(struct log_limit *limit, int64_t unix_s, uint32_t burst, uint32_t *skipped)
{
    *skipped = 0;
    if (unix_s / 60 != limit->minute) {
        *skipped = limit->skipped;
        *limit = (struct log_limit){.minute = unix_s / 60};
    }
    if (limit->passed < burst) {
        limit->passed++;
        return true;
    }
    limit->skipped++;
    return false;
}
