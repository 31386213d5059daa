/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes of KMIP 1.0 to 1.4 that apply to Symmetric Keys, Secret Data and Opaque Objects: one row
 * each with type, rules (the second table of each subsection of KMIP 1.4 s3) and the layout of structures.
 */
#ifndef HOLDFAST_KMIP_ATTRIBUTE_H
#define HOLDFAST_KMIP_ATTRIBUTE_H

#include "kmip/enum.h"
#include "kmip/result.h"
#include "kmip/tag.h"
#include "ttlv/reader.h"
#include "ttlv/writer.h"

/* What an attribute applies to. */
enum attribute_objects {
    ON_KEY = 1,
    ON_SECRET = 2,
    ON_OPAQUE = 4,
    ON_CRYPTOGRAPHIC = ON_KEY | ON_SECRET,
    ON_ALL = ON_KEY | ON_SECRET | ON_OPAQUE
};

/* What a client may do with it. */
enum attribute_rules {
    MAY_CREATE = 1, /* set in the Template-Attribute of Create, Register or Re-key */
    MAY_ADD = 2,    /* set later, when it has no value */
    MAY_MODIFY = 4,
    MAY_DELETE = 8,
    MANY = 16,  /* several instances */
    SERVED = 32 /* not stored: made when asked for (Lease Time) */
};

/* One field of a structure, in order. */
struct attribute_field {
    uint32_t tag;
    enum ttlv_type type;
    bool required;
    uint8_t since;
};

struct attribute_row {
    uint32_t tag;
    const char *name;
    enum ttlv_type type;
    uint8_t since;
    uint8_t objects;
    uint8_t rules;
    const struct attribute_field *fields; /* of structures; ended by tag 0 */
};

/* The row by name, or by tag; NULL when KMIP 1.`minor` has no such attribute for these objects. */
const struct attribute_row *attribute_by_name(struct span name, uint8_t minor);
const struct attribute_row *attribute_by_tag(uint32_t tag);
/* All rows, in the order of KMIP 1.4 s3. */
const struct attribute_row *attribute_rows(size_t *count);

/* KMIP 1.4 s3.39: x- is the client's, y- the server's. */
bool attribute_is_custom(struct span name);

static inline uint8_t attribute_object_bit(enum object_type type)
{
    return type == OBJECT_SYMMETRIC_KEY ? ON_KEY : type == OBJECT_SECRET_DATA ? ON_SECRET : ON_OPAQUE;
}

/*
 * One Attribute structure of a request (KMIP 1.4 s2.1.1). `row` is NULL for a custom attribute. The value's
 * tag is Attribute Value as on the wire.
 */
struct attribute {
    const struct attribute_row *row;
    struct span name;
    bool has_index;
    int32_t index;
    bool has_value;
    struct ttlv_item value;
};

/*
 * Reads and checks the value of a Attribute structure: known name, right type, layout and enumeration values
 * of KMIP 1.`minor`, lengths within base/limits.h. *why gets a text for the Result Message when the reason is
 * not REASON_NONE. With `for_search` (Locate) fields of structures may be missing (KMIP 1.4 s4.9).
 */
MUST_USE enum result_reason attribute_read(const struct ttlv_item *structure, uint8_t minor, bool for_search,
                                           struct attribute *out, const char **why);

/*
 * Writes an Attribute structure as KMIP 1.`minor` knows it: fields of later versions are left out. Writes
 * nothing and returns false when the attribute, or an enumeration value in it, does not exist in that
 * version.
 */
bool attribute_write(struct ttlv_writer *out, const struct attribute_row *row, struct span name,
                     int32_t index, enum ttlv_type type, struct span value, uint8_t minor);

/* Whether a Cryptographic Parameters structure outside of an attribute (KMIP 1.4 s2.1.5) has the fields of
 * KMIP 1.`minor`. */
MUST_USE enum result_reason attribute_check_parameters(const struct ttlv_item *parameters, uint8_t minor,
                                                       const char **why);
/* The fields of a structure that KMIP 1.`minor` knows, under this tag. */
void attribute_write_structure(struct ttlv_writer *out, uint32_t tag, const struct attribute_row *row,
                               struct span value, uint8_t minor);

#endif
