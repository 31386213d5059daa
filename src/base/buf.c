/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_add(struct buf *b, const void *ptr, size_t len)
{
    size_t room = b->cap - b->len;
    if (len > room) {
        b->full = true;
        len = room;
    }
    if (len != 0)
        memcpy(b->ptr + b->len, ptr, len);
    b->len += len;
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_print(b, "%s", text);
}

void buf_print(struct buf *b, const char *format, ...)
{
    size_t room = b->cap - b->len;
    if (room == 0) {
        b->full = true;
        return;
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf((char *)b->ptr + b->len, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        b->full = true;
        n = (int)room - 1;
    }
    b->len += (size_t)n;
}

void buf_add_printable(struct buf *b, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '\\')
            buf_print(b, "%c", c);
        else
            buf_print(b, "\\x%02x", c);
    }
}
