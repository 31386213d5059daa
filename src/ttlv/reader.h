/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that reads network bytes. Every item is checked as it is taken: type, length for the type,
 * room, padding of zeros, Boolean 0 or 1, UTF-8. A structure is entered by a reader narrowed to its length.
 */
#ifndef HOLDFAST_TTLV_READER_H
#define HOLDFAST_TTLV_READER_H

#include "base/bytes.h"
#include "base/status.h"
#include "ttlv/ttlv.h"

struct ttlv_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool trusted; /* ttlv_check has seen these bytes: only lengths are looked at */
};

static inline struct ttlv_reader ttlv_reader_over(struct span bytes)
{
    return (struct ttlv_reader){.at = bytes.ptr, .end = bytes.len == 0 ? bytes.ptr : bytes.ptr + bytes.len};
}

/* Over bytes that ttlv_check has found good, a part of a message or a record. Never over what just came in.
 */
static inline struct ttlv_reader ttlv_reader_trusted(struct span bytes)
{
    struct ttlv_reader reader = ttlv_reader_over(bytes);
    reader.trusted = true;
    return reader;
}

static inline struct ttlv_reader ttlv_enter(const struct ttlv_item *structure)
{
    struct ttlv_reader reader = ttlv_reader_over(structure->value);
    reader.trusted = structure->trusted;
    return reader;
}

/* For ttlv_next alone: whether an item that has room is what KMIP 1.4 s9.1.1 demands. */
bool ttlv_item_valid(const struct ttlv_item *item);

/*
 * STATUS_OK with the next item, STATUS_END behind the last, STATUS_MALFORMED when its bytes break KMIP 1.4
 * s9.1.1. It is taken some fifty times for a Get, mostly over bytes that ttlv_check has seen: there only the
 * length is looked at.
 */
MUST_USE static inline enum status ttlv_next(struct ttlv_reader *reader, struct ttlv_item *item)
{
    size_t room = (size_t)(reader->end - reader->at);
    const uint8_t *at = reader->at;
    if (room < TTLV_HEADER)
        return room == 0 ? STATUS_END : STATUS_MALFORMED;
    uint32_t head = be32_get(at);
    size_t len = be32_get(at + 4), whole = TTLV_HEADER + ttlv_padded(len);
    if (whole > room)
        return STATUS_MALFORMED;
    item->tag = head >> 8;
    item->type = (enum ttlv_type)(head & 0xff);
    item->trusted = reader->trusted;
    item->value = span_of(at + TTLV_HEADER, len);
    item->whole = span_of(at, whole);
    if (!item->trusted && !ttlv_item_valid(item))
        return STATUS_MALFORMED;
    reader->at = at + whole;
    return STATUS_OK;
}

/*
 * Walks everything inside, at most `depth` structures deep, without recursion.
 * STATUS_MALFORMED, or STATUS_TOO_LARGE when nested deeper. depth is at most TTLV_DEPTH_MAX.
 */
MUST_USE enum status ttlv_check(struct span bytes, unsigned depth);

/* Values of items whose type the caller has looked at. */
static inline int32_t ttlv_integer(const struct ttlv_item *item)
{
    return (int32_t)be32_get(item->value.ptr);
}

/* Long Integer and Date-Time */
static inline int64_t ttlv_long(const struct ttlv_item *item)
{
    return (int64_t)be64_get(item->value.ptr);
}

/* Enumeration and Interval */
static inline uint32_t ttlv_enumeration(const struct ttlv_item *item)
{
    return be32_get(item->value.ptr);
}

static inline bool ttlv_boolean(const struct ttlv_item *item)
{
    return item->value.ptr[7] != 0;
}

/*
 * The fields of a structure in the order that the specification gives them. Each take looks whether the next
 * item has this tag; errors stick, and fields_end tells of the first one.
 */
enum fields_error {
    FIELDS_OK,
    FIELDS_MALFORMED,  /* not TTLV */
    FIELDS_WRONG_TYPE, /* the tag is right, the type is not */
    FIELDS_MISSING,    /* a field that has to be there is not */
    FIELDS_REPEATED,   /* a field that may stand once stands again */
    FIELDS_UNKNOWN     /* an item that does not belong here */
};

struct fields {
    struct ttlv_reader reader;
    struct ttlv_item next;
    bool has_next;
    enum fields_error error;
    uint32_t tag; /* what the error is about */
    uint32_t last_taken;
};

void fields_begin(struct fields *fields, struct span structure_value);
/* The same over checked bytes, as ttlv_reader_trusted. */
void fields_begin_trusted(struct fields *fields, struct span structure_value);

/* Whether the next item has this tag, without taking it. */
static inline bool fields_peek(const struct fields *fields, uint32_t tag)
{
    return fields->has_next && fields->next.tag == tag;
}

/* For the three below. Takes the next item, which is there: true; of this type: true, or it has another one.
 */
bool fields_take_next(struct fields *fields, struct ttlv_item *item);
bool fields_take_typed(struct fields *fields, enum ttlv_type type, struct ttlv_item *item);
/* The error that a field which has to be there is not the next one: false. */
bool fields_miss(struct fields *fields, uint32_t tag);

/* True and the item when the next one has this tag and type. Most fields are optional and not there, which is
 * found out here at once. */
static inline bool fields_take(struct fields *fields, uint32_t tag, enum ttlv_type type,
                               struct ttlv_item *item)
{
    return fields_peek(fields, tag) && fields_take_typed(fields, type, item);
}

/* The same for a field of any type (Attribute Value). */
static inline bool fields_take_any(struct fields *fields, uint32_t tag, struct ttlv_item *item)
{
    return fields_peek(fields, tag) && fields_take_next(fields, item);
}

/* The same for a field that has to be there. */
static inline bool fields_need(struct fields *fields, uint32_t tag, enum ttlv_type type,
                               struct ttlv_item *item)
{
    return fields_peek(fields, tag) ? fields_take_typed(fields, type, item) : fields_miss(fields, tag);
}

/* Demands that nothing is left. */
enum fields_error fields_end(struct fields *fields);

#endif
