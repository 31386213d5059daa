/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Managed Object as its record: read in place, and changed by way of a draft. FORMAT.md beside this file
 * gives every byte. A record never holds plaintext key material.
 */
#ifndef HOLDFAST_STORE_OBJECT_H
#define HOLDFAST_STORE_OBJECT_H

#include "base/limits.h"
#include "base/text.h"
#include "kmip/attribute.h"
#include "kmip/state.h"

#define RECORD_VERSION 1
#define NODE_BYTES     8

/* Tags of our own, in the range that KMIP leaves to extensions (KMIP 1.4 s9.1.3.1). */
enum record_tag {
    TAG_RECORD = 0x540001,
    TAG_RECORD_HEAD = 0x540002,
    TAG_RECORD_SCOPE = 0x540003,
    TAG_RECORD_WRAPPED_KEK = 0x540004,
    TAG_RECORD_SEALED_MATERIAL = 0x540005,
    TAG_RECORD_DIGEST = 0x540006,
    TAG_RECORD_ROOT_VERSION = 0x540007,
    TAG_RECORD_ANCESTORS = 0x540008
};

enum object_flag {
    OBJECT_MATERIAL_IS_KEK =
        1,                   /* the wrapped KEK is the key itself; otherwise it opens the sealed material */
    OBJECT_NO_KEY_VALUE = 2, /* only attributes were registered */
    OBJECT_FRESH = 4,
    OBJECT_SENSITIVE = 8,
    OBJECT_ALWAYS_SENSITIVE = 16,
    OBJECT_NOT_EXTRACTABLE = 32,
    OBJECT_NEVER_EXTRACTABLE = 64,
    OBJECT_ARCHIVED = 128,
    OBJECT_MADE_HERE = 256 /* by Create or Re-key, not registered */
};

struct object_head {
    uint8_t uid[UUID_BYTES];
    enum object_type type;
    enum state state; /* as stored; object_state tells the State now */
    uint16_t flags;
    uint32_t generation;
    uint8_t node[NODE_BYTES]; /* that wrote this generation */
};

struct object {
    struct object_head head;
    struct span scope; /* empty: the default one */
    struct span wrapped_kek;
    struct span sealed_material;
    struct span wrapping_data; /* whole Key Wrapping Data item, when registered wrapped */
    struct span digest;        /* SHA-256, 32 bytes */
    uint32_t key_format;       /* Key Format Type */
    uint32_t subtype;          /* Secret Data Type or Opaque Data Type */
    struct span root_version;  /* of the root key, that wrapped the KEK; empty: not known */
    struct span ancestors;  /* stored generations that this one follows, newest first; see ancestors_hold */
    struct span attributes; /* items; object_attribute_next steps through them */
};

/*
 * STATUS_MALFORMED when it is no record, STATUS_REFUSED when it is one of another version. Spans point into
 * record. object_open is for records that this server wrote or object_check has seen; object_check for those
 * from outside.
 */
MUST_USE enum status object_open(struct span record, struct object *out);
MUST_USE enum status object_check(struct span record, struct object *out);

/*
 * Ancestors: generation (4 bytes) and digest (the first 8 bytes of the record's SHA-256) of up to ANCESTORS
 * records of this object that were stored in the key manager and that this one follows. They tell a record
 * that was overtaken from one that another node wrote beside it.
 */
#define ANCESTORS       4
#define ANCESTOR_DIGEST 8
#define ANCESTOR_BYTES  (4 + ANCESTOR_DIGEST)
#define ANCESTORS_BYTES (ANCESTORS * ANCESTOR_BYTES)
void record_digest(struct span record, uint8_t out[ANCESTOR_DIGEST]);
/* Whether a record of this generation and digest is one of them, or older than the list reaches. */
bool ancestors_hold(const struct object *object, uint32_t generation, const uint8_t digest[ANCESTOR_DIGEST]);
/* Puts one more into a list of up to ANCESTORS_BYTES, in its order; returns the list's new length. */
size_t ancestors_add(uint8_t list[ANCESTORS_BYTES], size_t len, uint32_t generation,
                     const uint8_t digest[ANCESTOR_DIGEST]);

enum state object_state(const struct object *object, int64_t now);

/* One stored attribute. `row` is NULL for custom attributes, whose name is in `name`. */
struct object_attribute {
    const struct attribute_row *row;
    struct span name;
    int32_t index;
    enum ttlv_type type;
    struct span value;
    struct span whole; /* the item in the record */
};
/* Steps through the attributes: begin with ttlv_reader_over(object->attributes). False at the end. */
bool object_attribute_next(struct ttlv_reader *reader, struct object_attribute *out);
/* The instance with this index of a standard attribute (row) or a custom one (row NULL, name). */
bool object_attribute_find(const struct object *object, const struct attribute_row *row, struct span name,
                           int32_t index, struct object_attribute *out);
/* Values of single attributes; `none` when there is none. */
int64_t object_date(const struct object *object, uint32_t tag);
int32_t object_integer(const struct object *object, uint32_t tag, int32_t none);
uint32_t object_enumeration(const struct object *object, uint32_t tag, uint32_t none);

/* A record in the making. It is large: the server has two, for the object and for the one that it replaces.
 */
struct draft {
    struct object_head head;
    size_t attributes_at; /* everything before is not attributes */
    size_t len;
    size_t cap; /* of bytes: leaves room for what a record may need later, so that every change of it fits */
    bool full;  /* sticky: it grew beyond RECORD_MAX */
    uint8_t bytes[RECORD_MAX];
};

/* The parts of a new object that are no attributes. wrapped KEK and sealed material may be empty. */
struct draft_parts {
    struct span scope;
    struct span wrapped_kek;
    struct span sealed_material;
    struct span wrapping_data;
    struct span digest;
    uint32_t key_format;
    uint32_t subtype;
    struct span root_version;
    struct span ancestors;
};
void draft_begin(struct draft *draft, const struct object_head *head, const struct draft_parts *parts);
/* A draft of the next generation of an object. */
void draft_from(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES]);
/* A copy without wrapped KEK and material: what remains of a destroyed object. */
void draft_without_material(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES]);

/* A copy whose KEK is wrapped under another version of the root key. */
void draft_rewrapped(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES],
                     struct span wrapped_kek, struct span root_version);

/* Sets an instance, in its place if it exists, at the end otherwise. row NULL: a custom attribute with this
 * name. */
void draft_set(struct draft *draft, const struct attribute_row *row, struct span name, int32_t index,
               enum ttlv_type type, struct span value);
void draft_set_date(struct draft *draft, uint32_t tag, int64_t unix_s);
void draft_remove(struct draft *draft, const struct attribute_row *row, struct span name, int32_t index);
/* The lowest index that no instance has, and how many instances there are. */
int32_t draft_free_index(const struct draft *draft, const struct attribute_row *row, struct span name,
                         int *count);

/* Writes head and lengths. STATUS_TOO_LARGE when it is full. The record is draft->bytes, draft->len. */
MUST_USE enum status draft_end(struct draft *draft);
/* A view of an ended or unended draft. */
struct object draft_view(struct draft *draft);

#endif
