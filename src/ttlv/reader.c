/* SPDX-License-Identifier: Apache-2.0 */
#include "ttlv/reader.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/text.h"

/* KMIP 1.4 s9.1.1.3, Table 266: lengths by type. */
static bool length_fits(enum ttlv_type type, uint32_t len)
{
    switch (type) {
    case TTLV_INTEGER:
    case TTLV_ENUMERATION:
    case TTLV_INTERVAL:
        return len == 4;
    case TTLV_LONG_INTEGER:
    case TTLV_BOOLEAN:
    case TTLV_DATE_TIME:
        return len == 8;
    case TTLV_STRUCTURE:
        return len % 8 == 0;
    case TTLV_BIG_INTEGER:
        return len % 8 == 0 && len != 0;
    case TTLV_TEXT_STRING:
    case TTLV_BYTE_STRING:
        return true;
    }
    return false;
}

/* What KMIP 1.4 s9.1.1 demands of one item whose length has room. */
static bool item_valid(const struct ttlv_item *item)
{
    const uint8_t *at = item->whole.ptr;
    if ((at[0] != 0x42 && at[0] != 0x54) ||
        !length_fits(item->type, (uint32_t)item->value.len)) /* s9.1.1.1 */
        return false;
    for (const uint8_t *pad = item->value.ptr + item->value.len; pad < at + item->whole.len; pad++)
        if (*pad != 0)
            return false;
    if (item->type == TTLV_TEXT_STRING)
        return utf8_valid(item->value);
    return item->type != TTLV_BOOLEAN || be64_get(item->value.ptr) <= 1;
}

enum status ttlv_next_unchecked(struct ttlv_reader *reader, struct ttlv_item *item)
{
    size_t room = (size_t)(reader->end - reader->at);
    if (room == 0)
        return STATUS_END;
    if (room < TTLV_HEADER)
        return STATUS_MALFORMED;
    const uint8_t *at = reader->at;
    uint32_t len = be32_get(at + 4);
    if (len > room - TTLV_HEADER)
        return STATUS_MALFORMED;
    size_t padded = ttlv_padded(len);
    if (padded > room - TTLV_HEADER)
        return STATUS_MALFORMED;
    item->tag = be24_get(at);
    item->type = (enum ttlv_type)at[3];
    item->trusted = false;
    item->value = span_of(at + TTLV_HEADER, len);
    item->whole = span_of(at, TTLV_HEADER + padded);
    if (!item_valid(item))
        return STATUS_MALFORMED;
    reader->at = at + TTLV_HEADER + padded;
    return STATUS_OK;
}

enum status ttlv_check(struct span bytes, unsigned depth)
{
    const uint8_t *ends[TTLV_DEPTH_MAX + 1];
    unsigned level = 0;
    struct ttlv_reader reader = ttlv_reader_over(bytes);
    struct ttlv_item item;
    ends[0] = reader.end;
    for (;;) {
        enum status status = ttlv_next(&reader, &item);
        if (status == STATUS_MALFORMED)
            return status;
        if (status == STATUS_END) {
            if (level == 0)
                return STATUS_OK;
            reader.end = ends[--level];
        } else if (item.type == TTLV_STRUCTURE) {
            if (level >= depth || level >= TTLV_DEPTH_MAX)
                return STATUS_TOO_LARGE;
            ends[++level] = item.value.ptr + item.value.len;
            reader = ttlv_enter(&item);
        }
    }
}

int32_t ttlv_integer(const struct ttlv_item *item)
{
    return (int32_t)be32_get(item->value.ptr);
}

int64_t ttlv_long(const struct ttlv_item *item)
{
    return (int64_t)be64_get(item->value.ptr);
}

uint32_t ttlv_enumeration(const struct ttlv_item *item)
{
    return be32_get(item->value.ptr);
}

bool ttlv_boolean(const struct ttlv_item *item)
{
    return item->value.ptr[7] != 0;
}

static void fields_fail(struct fields *fields, enum fields_error error, uint32_t tag)
{
    if (fields->error == FIELDS_OK) {
        fields->error = error;
        fields->tag = tag;
    }
    fields->has_next = false;
}

static void fields_step(struct fields *fields)
{
    enum status status = ttlv_next(&fields->reader, &fields->next);
    fields->has_next = status == STATUS_OK;
    if (status == STATUS_MALFORMED)
        fields_fail(fields, FIELDS_MALFORMED, fields->last_taken);
}

void fields_begin(struct fields *fields, struct span structure_value)
{
    *fields = (struct fields){.reader = ttlv_reader_over(structure_value)};
    fields_step(fields);
}

void fields_begin_trusted(struct fields *fields, struct span structure_value)
{
    *fields = (struct fields){.reader = ttlv_reader_trusted(structure_value)};
    fields_step(fields);
}

bool fields_peek(const struct fields *fields, uint32_t tag)
{
    return fields->has_next && fields->next.tag == tag;
}

bool fields_take_any(struct fields *fields, uint32_t tag, struct ttlv_item *item)
{
    if (!fields_peek(fields, tag))
        return false;
    *item = fields->next;
    fields->last_taken = tag;
    fields_step(fields);
    return true;
}

bool fields_take(struct fields *fields, uint32_t tag, enum ttlv_type type, struct ttlv_item *item)
{
    if (fields_peek(fields, tag) && fields->next.type != type) {
        fields_fail(fields, FIELDS_WRONG_TYPE, tag);
        return false;
    }
    return fields_take_any(fields, tag, item);
}

/* Whether an item with this tag stands further on. */
static bool stands_later(const struct fields *fields, uint32_t tag)
{
    struct ttlv_reader ahead = fields->reader;
    struct ttlv_item item;
    while (ttlv_next(&ahead, &item) == STATUS_OK)
        if (item.tag == tag)
            return true;
    return false;
}

bool fields_need(struct fields *fields, uint32_t tag, enum ttlv_type type, struct ttlv_item *item)
{
    if (fields_take(fields, tag, type, item))
        return true;
    /* What stands in front of a field that is there does not belong there; otherwise the field is missing. */
    if (fields->has_next && stands_later(fields, tag))
        fields_fail(fields, fields->next.tag == fields->last_taken ? FIELDS_REPEATED : FIELDS_UNKNOWN,
                    fields->next.tag);
    else
        fields_fail(fields, FIELDS_MISSING, tag);
    return false;
}

enum fields_error fields_end(struct fields *fields)
{
    if (fields->has_next)
        fields_fail(fields, fields->next.tag == fields->last_taken ? FIELDS_REPEATED : FIELDS_UNKNOWN,
                    fields->next.tag);
    return fields->error;
}
