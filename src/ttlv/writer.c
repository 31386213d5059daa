/* SPDX-License-Identifier: Apache-2.0 */
#include "ttlv/writer.h"

#include "base/bytes.h"
#include "base/copy.h"

/* Room for len bytes behind what is written, or NULL. */
static uint8_t *reserve(struct ttlv_writer *writer, size_t len)
{
    if (writer->full || len > writer->cap - writer->len) {
        writer->full = true;
        return NULL;
    }
    uint8_t *at = writer->start + writer->len;
    writer->len += len;
    return at;
}

/* An item without its value: where that goes, with its padding, or NULL. */
static uint8_t *put_head(struct ttlv_writer *writer, uint32_t tag, enum ttlv_type type, size_t len)
{
    uint8_t *at = reserve(writer, TTLV_HEADER + ttlv_padded(len));
    if (at == NULL)
        return NULL;
    be64_put(at, (uint64_t)tag << 40 | (uint64_t)type << 32 | (uint32_t)len);
    return at + TTLV_HEADER;
}

size_t ttlv_begin(struct ttlv_writer *writer, uint32_t tag)
{
    put_head(writer, tag, TTLV_STRUCTURE, 0);
    return writer->len;
}

void ttlv_end(struct ttlv_writer *writer, size_t begun)
{
    if (!writer->full)
        be32_put(writer->start + begun - 4, (uint32_t)(writer->len - begun));
}

void ttlv_put_value(struct ttlv_writer *writer, uint32_t tag, enum ttlv_type type, struct span value)
{
    uint8_t *at = put_head(writer, tag, type, value.len);
    if (at == NULL || value.len == 0)
        return;
    be64_put(at + ttlv_padded(value.len) - 8, 0); /* whatever padding there is stands here */
    copy_short(at, value.ptr, value.len);
}

static void put_four(struct ttlv_writer *writer, uint32_t tag, enum ttlv_type type, uint32_t value)
{
    uint8_t *at = put_head(writer, tag, type, 4);
    if (at != NULL)
        be64_put(at, (uint64_t)value << 32); /* and padding */
}

static void put_eight(struct ttlv_writer *writer, uint32_t tag, enum ttlv_type type, uint64_t value)
{
    uint8_t *at = put_head(writer, tag, type, 8);
    if (at != NULL)
        be64_put(at, value);
}

void ttlv_put_integer(struct ttlv_writer *writer, uint32_t tag, int32_t value)
{
    put_four(writer, tag, TTLV_INTEGER, (uint32_t)value);
}

void ttlv_put_long(struct ttlv_writer *writer, uint32_t tag, int64_t value)
{
    put_eight(writer, tag, TTLV_LONG_INTEGER, (uint64_t)value);
}

void ttlv_put_enumeration(struct ttlv_writer *writer, uint32_t tag, uint32_t value)
{
    put_four(writer, tag, TTLV_ENUMERATION, value);
}

void ttlv_put_boolean(struct ttlv_writer *writer, uint32_t tag, bool value)
{
    put_eight(writer, tag, TTLV_BOOLEAN, value ? 1 : 0);
}

void ttlv_put_text(struct ttlv_writer *writer, uint32_t tag, struct span value)
{
    ttlv_put_value(writer, tag, TTLV_TEXT_STRING, value);
}

void ttlv_put_bytes(struct ttlv_writer *writer, uint32_t tag, struct span value)
{
    ttlv_put_value(writer, tag, TTLV_BYTE_STRING, value);
}

void ttlv_put_date_time(struct ttlv_writer *writer, uint32_t tag, int64_t unix_s)
{
    put_eight(writer, tag, TTLV_DATE_TIME, (uint64_t)unix_s);
}

void ttlv_put_interval(struct ttlv_writer *writer, uint32_t tag, uint32_t seconds)
{
    put_four(writer, tag, TTLV_INTERVAL, seconds);
}

void ttlv_put_whole(struct ttlv_writer *writer, struct span whole)
{
    uint8_t *at = reserve(writer, whole.len);
    if (at != NULL && whole.len != 0)
        copy_short(at, whole.ptr, whole.len);
}
