/* SPDX-License-Identifier: Apache-2.0 */
#include "init/ring.h"

void ring_init(struct ring *r)
{
    *r = (struct ring){.first = 1, .next = 1};
}

static void drop_oldest(struct ring *r)
{
    const char *end = memchr(r->bytes, '\n', r->used);
    size_t len = (size_t)(end - r->bytes) + 1;
    memmove(r->bytes, r->bytes + len, r->used - len);
    r->used -= len;
    r->first++;
}

static void keep_line(struct ring *r)
{
    while (r->used + r->partial + 1 > RING_BYTES)
        drop_oldest(r);
    memcpy(r->bytes + r->used, r->line, r->partial);
    r->used += r->partial;
    r->bytes[r->used++] = '\n';
    r->partial = 0;
    r->next++;
}

void ring_take(struct ring *r, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = (char)bytes.ptr[i];
        if (c == '\n')
            keep_line(r);
        else if (r->partial < RING_LINE_MAX)
            r->line[r->partial++] = c >= ' ' && c < 0x7f ? c : '?';
    }
}

void ring_write(const struct ring *r, uint64_t from, struct buf *out)
{
    uint64_t number = r->first;
    for (size_t at = 0; at < r->used; number++) {
        const char *line = r->bytes + at;
        size_t len = (size_t)((const char *)memchr(line, '\n', r->used - at) - line);
        at += len + 1;
        if (number < from)
            continue;
        if (out->cap - out->len < len + 24)
            return;
        buf_print(out, "%llu %.*s\n", (unsigned long long)number, (int)len, line);
    }
}
