/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer of fixed capacity that somebody else owns. Appending past the end sets `full` and keeps what
 * fitted, so a caller appends at will and looks once. Text buffers always end in a NUL that `len` does not
 * count.
 */
#ifndef HOLDFAST_BASE_BUF_H
#define HOLDFAST_BASE_BUF_H

#include "base/span.h"

struct buf {
    uint8_t *ptr;
    size_t cap;
    size_t len;
    bool full;
};

static inline struct buf buf_over(void *ptr, size_t cap)
{
    return (struct buf){.ptr = ptr, .cap = cap};
}

static inline struct span buf_span(const struct buf *b)
{
    return span_of(b->ptr, b->len);
}

void buf_add(struct buf *b, const void *ptr, size_t len);
void buf_add_text(struct buf *b, const char *text);
void buf_print(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* Appends text of unknown origin for a log or a terminal: what is not printable ASCII becomes \xNN. */
void buf_add_printable(struct buf *b, struct span text);

#endif
