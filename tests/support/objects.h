/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as the tests of operations make them, attributes as a client sees them, and refusals with reason
 * and text. Requests under test are those of asker 1; asker 2 looks at what came of them.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_OBJECTS_H
#define HOLDFAST_TESTS_SUPPORT_OBJECTS_H

#include "support/story.h"

#define SECRET_DATA_PASSWORD 1

/* ---- attributes that are structures ---- */

struct put_structure {
    size_t attribute, value;
};

static inline struct put_structure put_structure_begin(struct message *m, const char *name)
{
    struct put_structure s = {.attribute = ttlv_begin(&m->w, TAG_ATTRIBUTE)};
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    s.value = ttlv_begin(&m->w, TAG_ATTRIBUTE_VALUE);
    return s;
}

static inline void put_structure_end(struct message *m, struct put_structure s)
{
    ttlv_end(&m->w, s.value);
    ttlv_end(&m->w, s.attribute);
}

static inline void put_usage_limits(struct message *m, int64_t total)
{
    struct put_structure s = put_structure_begin(m, "Usage Limits");
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_TOTAL, total);
    ttlv_put_enumeration(&m->w, TAG_USAGE_LIMITS_UNIT, USAGE_BYTE);
    put_structure_end(m, s);
}

static inline void put_link(struct message *m, uint32_t type, const char *to)
{
    struct put_structure s = put_structure_begin(m, "Link");
    if (type != 0)
        ttlv_put_enumeration(&m->w, TAG_LINK_TYPE, type);
    ttlv_put_text(&m->w, TAG_LINKED_OBJECT_IDENTIFIER, span_of_text(to));
    put_structure_end(m, s);
}

/* `data` may be NULL. */
static inline void put_application(struct message *m, const char *space, const char *data)
{
    struct put_structure s = put_structure_begin(m, "Application Specific Information");
    ttlv_put_text(&m->w, TAG_APPLICATION_NAMESPACE, span_of_text(space));
    if (data != NULL)
        ttlv_put_text(&m->w, TAG_APPLICATION_DATA, span_of_text(data));
    put_structure_end(m, s);
}

/* A text attribute with an Attribute Index. */
static inline void put_indexed_text(struct message *m, const char *name, int32_t index, const char *value)
{
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    ttlv_put_integer(&m->w, TAG_ATTRIBUTE_INDEX, index);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_VALUE, span_of_text(value));
    ttlv_end(&m->w, at);
}

/* ---- what comes of a request ---- */

static inline void check_done(struct world *w)
{
    enum result_reason reason = finish(w, 1);
    struct span text = answered(w, 1, 0).text;
    if (reason != REASON_NONE)
        fail_msg("refused: %s: %.*s", result_reason_name(reason), (int)text.len, (const char *)text.ptr);
    check_reason(w, 1, 0, REASON_NONE);
}

/* `words` have to stand in the Result Message: that reason, and for that cause. */
static inline void check_refused(struct world *w, enum result_reason reason, const char *words)
{
    assert_int_equal(finish(w, 1), reason);
    check_reason(w, 1, 0, reason);
    struct span text = answered(w, 1, 0).text;
    if (memmem(text.ptr, text.len, words, strlen(words)) == NULL)
        fail_msg("\"%.*s\" does not say \"%s\"", (int)text.len, (const char *)text.ptr, words);
}

static inline void check_made(struct world *w, uint8_t uid[UUID_BYTES])
{
    check_done(w);
    assert_true(payload_uid(answered(w, 1, 0).payload, uid));
}

/* ---- objects ---- */

/* A Create of an AES key of 256 bits; its template is open. */
static inline struct message *create_begin(struct world *w)
{
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT | USAGE_DECRYPT);
    return m;
}

static inline void create_end(struct world *w, struct message *m, uint8_t uid[UUID_BYTES])
{
    put_template_end(m);
    check_made(w, uid);
}

/* A Register up to its open template. */
static inline struct message *register_begin(struct world *w, enum object_type type)
{
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_REGISTER);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, (uint32_t)type);
    put_template_begin(m);
    return m;
}

static inline void put_secret(struct message *m, uint32_t type, uint32_t format, struct span material)
{
    size_t object = ttlv_begin(&m->w, TAG_SECRET_DATA);
    ttlv_put_enumeration(&m->w, TAG_SECRET_DATA_TYPE, type);
    size_t block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, format);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_put_bytes(&m->w, TAG_KEY_MATERIAL, material);
    ttlv_end(&m->w, value);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
}

static inline void put_opaque(struct message *m, uint32_t type, struct span material)
{
    size_t object = ttlv_begin(&m->w, TAG_OPAQUE_OBJECT);
    ttlv_put_enumeration(&m->w, TAG_OPAQUE_DATA_TYPE, type);
    ttlv_put_bytes(&m->w, TAG_OPAQUE_DATA_VALUE, material);
    ttlv_end(&m->w, object);
}

/* Key Block of a plain key; 0 leaves algorithm or length out, a NULL material the Key Value. */
static inline void put_key(struct message *m, struct span material, uint32_t algorithm, int32_t bits)
{
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY);
    size_t block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_RAW);
    if (material.ptr != NULL) {
        size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
        ttlv_put_bytes(&m->w, TAG_KEY_MATERIAL, material);
        ttlv_end(&m->w, value);
    }
    if (algorithm != 0)
        ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm);
    if (bits != 0)
        ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, bits);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
}

static inline void register_secret(struct world *w, const char *text, uint8_t uid[UUID_BYTES])
{
    struct message *m = register_begin(w, OBJECT_SECRET_DATA);
    put_attribute_integer(m, "Cryptographic Usage Mask", 0);
    put_template_end(m);
    put_secret(m, SECRET_DATA_PASSWORD, KEY_FORMAT_OPAQUE, span_of_text(text));
    check_made(w, uid);
}

static inline void register_opaque(struct world *w, const char *text, uint8_t uid[UUID_BYTES])
{
    struct message *m = register_begin(w, OBJECT_OPAQUE_OBJECT);
    put_template_end(m);
    put_opaque(m, 0x80000001, span_of_text(text));
    check_made(w, uid);
}

static inline void register_key(struct world *w, struct span material, int32_t mask, uint8_t uid[UUID_BYTES])
{
    item_register_key(ask(w, 1), NULL, material, mask);
    check_made(w, uid);
}

/* ---- attributes as a client sees them ---- */

/* How many instances; *first gets the value of the first. */
static inline int shown(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                        struct ttlv_item *first)
{
    item_get_attributes(ask(w, 2), uid, name);
    assert_int_equal(finish(w, 2), REASON_NONE);
    return payload_attributes(answered(w, 2, 0).payload, name, first);
}

/* DATE_NONE without one. */
static inline int64_t shown_date(struct world *w, const uint8_t uid[UUID_BYTES], const char *name)
{
    struct ttlv_item value;
    return shown(w, uid, name, &value) == 1 ? ttlv_long(&value) : DATE_NONE;
}

/* Of Boolean attributes: 0 or 1; -1 without one. */
static inline int shown_flag(struct world *w, const uint8_t uid[UUID_BYTES], const char *name)
{
    struct ttlv_item value;
    return shown(w, uid, name, &value) == 1 ? ttlv_boolean(&value) : -1;
}

/* Of Integers and Enumerations; -1 without one. */
static inline int64_t shown_number(struct world *w, const uint8_t uid[UUID_BYTES], const char *name)
{
    struct ttlv_item value;
    return shown(w, uid, name, &value) == 1 ? (int64_t)ttlv_enumeration(&value) : -1;
}

/* A field of a structure's first instance. */
static inline struct ttlv_item shown_field(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                                           uint32_t tag)
{
    struct ttlv_item value, field;
    assert_true(shown(w, uid, name, &value) >= 1);
    assert_true(find_deep(value.value, tag, &field));
    return field;
}

#endif
