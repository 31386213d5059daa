/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that writes network bytes. Lengths of structures are reserved and patched. Running out of
 * room is sticky: later writes do nothing and the caller looks at `full` once.
 */
#ifndef HOLDFAST_TTLV_WRITER_H
#define HOLDFAST_TTLV_WRITER_H

#include "ttlv/ttlv.h"

struct ttlv_writer {
    uint8_t *start;
    size_t cap;
    size_t len;
    bool full;
};

static inline struct ttlv_writer ttlv_writer_over(void *start, size_t cap)
{
    return (struct ttlv_writer){.start = start, .cap = cap};
}

/* Opens a structure; the result is handed to ttlv_end. */
MUST_USE size_t ttlv_begin(struct ttlv_writer *writer, uint32_t tag);
void ttlv_end(struct ttlv_writer *writer, size_t begun);

void ttlv_put_integer(struct ttlv_writer *writer, uint32_t tag, int32_t value);
void ttlv_put_long(struct ttlv_writer *writer, uint32_t tag, int64_t value);
void ttlv_put_enumeration(struct ttlv_writer *writer, uint32_t tag, uint32_t value);
void ttlv_put_boolean(struct ttlv_writer *writer, uint32_t tag, bool value);
void ttlv_put_text(struct ttlv_writer *writer, uint32_t tag, struct span value);
void ttlv_put_bytes(struct ttlv_writer *writer, uint32_t tag, struct span value);
void ttlv_put_date_time(struct ttlv_writer *writer, uint32_t tag, int64_t unix_s);
void ttlv_put_interval(struct ttlv_writer *writer, uint32_t tag, uint32_t seconds);

/* Any value that was read before, under another tag or the same. */
void ttlv_put_value(struct ttlv_writer *writer, uint32_t tag, enum ttlv_type type, struct span value);
/* Bytes that are TTLV already. */
void ttlv_put_whole(struct ttlv_writer *writer, struct span whole);

#endif
