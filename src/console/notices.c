/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>

#include "base/text.h"
#include "console/session.h"

/* Whether a line of the log is worth interrupting somebody. */
static bool is_notice(struct span text)
{
    return memmem(text.ptr, text.len, " warning ", 9) != NULL ||
           memmem(text.ptr, text.len, " error ", 7) != NULL ||
           memmem(text.ptr, text.len, "client accept", 13) != NULL;
}

/* "NUMBER 2026-11-22T16:10:00Z level room text": the date is known, the number of no interest. */
static void take_line(void *to, struct span line)
{
    struct session *s = to;
    const uint8_t *blank = memchr(line.ptr, ' ', line.len);
    uint64_t number;
    if (blank == NULL ||
        number_read(span_of(line.ptr, (size_t)(blank - line.ptr)), UINT64_MAX, &number) != STATUS_OK ||
        number <= s->log_seen)
        return;
    s->log_seen = number;
    struct span text = span_of(blank + 1, (size_t)(line.ptr + line.len - blank - 1));
    if (!is_notice(text))
        return;
    if (text.len > 21 && text.ptr[10] == 'T' && text.ptr[19] == 'Z') {
        char out[1100];
        snprintf(out, sizeof out, "%.8s %.*s", (const char *)text.ptr + 11, (int)(text.len - 21),
                 (const char *)text.ptr + 21);
        line_aside(&s->line);
        term_line(&s->term, span_of_text(out));
    } else {
        line_aside(&s->line);
        term_line(&s->term, text);
    }
}

void notices_tick(void *context)
{
    struct session *s = context;
    char line[40];
    if (s->init_path == NULL)
        return;
    snprintf(line, sizeof line, "log %llu", (unsigned long long)s->log_seen + 1);
    session_get(s, true, line, take_line, s);
}
