/* SPDX-License-Identifier: Apache-2.0 */
#include "ttlv/reader.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/text.h"

/* KMIP 1.4 s9.1.1.3, Table 266: lengths by type. */
static bool length_fits(enum ttlv_type type, size_t len)
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

/* Padding fills the last eight bytes up. */
static bool padding_is_zero(struct span value)
{
    size_t used = value.len % 8;
    return used == 0 || be64_get(value.ptr + value.len - used) << (8 * used) == 0;
}

bool ttlv_item_valid(const struct ttlv_item *item)
{
    uint32_t range = item->tag >> 16; /* KMIP 1.4 s9.1.1.1 */
    if ((range != 0x42 && range != 0x54) || !length_fits(item->type, item->value.len) ||
        !padding_is_zero(item->value))
        return false;
    if (item->type == TTLV_TEXT_STRING)
        return utf8_valid(item->value);
    return item->type != TTLV_BOOLEAN || be64_get(item->value.ptr) <= 1;
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

static void begin(struct fields *fields, struct ttlv_reader reader)
{
    fields->reader = reader;
    fields->error = FIELDS_OK;
    fields->tag = fields->last_taken = 0;
    fields_step(fields);
}

void fields_begin(struct fields *fields, struct span structure_value)
{
    begin(fields, ttlv_reader_over(structure_value));
}

void fields_begin_trusted(struct fields *fields, struct span structure_value)
{
    begin(fields, ttlv_reader_trusted(structure_value));
}

bool fields_take_next(struct fields *fields, struct ttlv_item *item)
{
    *item = fields->next;
    fields->last_taken = item->tag;
    fields_step(fields);
    return true;
}

bool fields_take_typed(struct fields *fields, enum ttlv_type type, struct ttlv_item *item)
{
    if (fields->next.type == type)
        return fields_take_next(fields, item);
    fields_fail(fields, FIELDS_WRONG_TYPE, fields->next.tag);
    return false;
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

/* What stands in front of a field that is there does not belong there; otherwise the field is missing. */
bool fields_miss(struct fields *fields, uint32_t tag)
{
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
