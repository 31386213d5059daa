/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/attribute.h"

#include "base/limits.h"

#define FIELDS_OF(...)                                                                                       \
    (const struct attribute_field[])                                                                         \
    {                                                                                                        \
        __VA_ARGS__,                                                                                         \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

/* KMIP 1.4 s2.1.18 */
#define RNG_FIELDS                                                                                           \
    {TAG_RNG_ALGORITHM, TTLV_ENUMERATION, true, 3},                                                          \
        {TAG_CRYPTOGRAPHIC_ALGORITHM, TTLV_ENUMERATION, false, 3},                                           \
        {TAG_CRYPTOGRAPHIC_LENGTH, TTLV_INTEGER, false, 3},                                                  \
        {TAG_HASHING_ALGORITHM, TTLV_ENUMERATION, false, 3},                                                 \
        {TAG_DRBG_ALGORITHM, TTLV_ENUMERATION, false, 3},                                                    \
        {TAG_RECOMMENDED_CURVE, TTLV_ENUMERATION, false, 3},                                                 \
        {TAG_FIPS186_VARIATION, TTLV_ENUMERATION, false, 3},                                                 \
    {                                                                                                        \
        TAG_PREDICTION_RESISTANCE, TTLV_BOOLEAN, false, 3                                                    \
    }

/* KMIP 1.4 s3.6; 1.2 and 1.4 added the later fields. */
#define CRYPTOGRAPHIC_PARAMETERS_FIELDS                                                                      \
    {TAG_BLOCK_CIPHER_MODE, TTLV_ENUMERATION, false, 0}, {TAG_PADDING_METHOD, TTLV_ENUMERATION, false, 0},   \
        {TAG_HASHING_ALGORITHM, TTLV_ENUMERATION, false, 0},                                                 \
        {TAG_KEY_ROLE_TYPE, TTLV_ENUMERATION, false, 0},                                                     \
        {TAG_DIGITAL_SIGNATURE_ALGORITHM, TTLV_ENUMERATION, false, 2},                                       \
        {TAG_CRYPTOGRAPHIC_ALGORITHM, TTLV_ENUMERATION, false, 2}, {TAG_RANDOM_IV, TTLV_BOOLEAN, false, 2},  \
        {TAG_IV_LENGTH, TTLV_INTEGER, false, 2}, {TAG_TAG_LENGTH, TTLV_INTEGER, false, 2},                   \
        {TAG_FIXED_FIELD_LENGTH, TTLV_INTEGER, false, 2},                                                    \
        {TAG_INVOCATION_FIELD_LENGTH, TTLV_INTEGER, false, 2}, {TAG_COUNTER_LENGTH, TTLV_INTEGER, false, 2}, \
        {TAG_INITIAL_COUNTER_VALUE, TTLV_INTEGER, false, 2}, {TAG_SALT_LENGTH, TTLV_INTEGER, false, 4},      \
        {TAG_MASK_GENERATOR, TTLV_ENUMERATION, false, 4},                                                    \
        {TAG_MASK_GENERATOR_HASHING_ALGORITHM, TTLV_ENUMERATION, false, 4},                                  \
        {TAG_P_SOURCE, TTLV_BYTE_STRING, false, 4},                                                          \
    {                                                                                                        \
        TAG_TRAILER_FIELD, TTLV_INTEGER, false, 4                                                            \
    }

#define TEXT_CHANGEABLE (MAY_CREATE | MAY_ADD | MAY_MODIFY | MAY_DELETE)
#define DATE_CHANGEABLE (MAY_CREATE | MAY_ADD | MAY_MODIFY)

static const struct attribute_row rows[] = {
    {TAG_UNIQUE_IDENTIFIER, "Unique Identifier", TTLV_TEXT_STRING, 0, ON_ALL, 0, NULL},
    {TAG_NAME, "Name", TTLV_STRUCTURE, 0, ON_ALL, TEXT_CHANGEABLE | MANY,
     FIELDS_OF({TAG_NAME_VALUE, TTLV_TEXT_STRING, true, 0}, {TAG_NAME_TYPE, TTLV_ENUMERATION, true, 0})},
    {TAG_OBJECT_TYPE, "Object Type", TTLV_ENUMERATION, 0, ON_ALL, 0, NULL},
    {TAG_CRYPTOGRAPHIC_ALGORITHM, "Cryptographic Algorithm", TTLV_ENUMERATION, 0, ON_CRYPTOGRAPHIC,
     MAY_CREATE, NULL},
    {TAG_CRYPTOGRAPHIC_LENGTH, "Cryptographic Length", TTLV_INTEGER, 0, ON_CRYPTOGRAPHIC, MAY_CREATE, NULL},
    {TAG_CRYPTOGRAPHIC_PARAMETERS, "Cryptographic Parameters", TTLV_STRUCTURE, 0, ON_CRYPTOGRAPHIC,
     TEXT_CHANGEABLE | MANY, FIELDS_OF(CRYPTOGRAPHIC_PARAMETERS_FIELDS)},
    {TAG_DIGEST, "Digest", TTLV_STRUCTURE, 0, ON_ALL, MANY,
     FIELDS_OF({TAG_HASHING_ALGORITHM, TTLV_ENUMERATION, true, 0},
               {TAG_DIGEST_VALUE, TTLV_BYTE_STRING, false, 0},
               {TAG_KEY_FORMAT_TYPE, TTLV_ENUMERATION, false, 1})},
    {TAG_OPERATION_POLICY_NAME, "Operation Policy Name", TTLV_TEXT_STRING, 0, ON_ALL, MAY_CREATE, NULL},
    {TAG_CRYPTOGRAPHIC_USAGE_MASK, "Cryptographic Usage Mask", TTLV_INTEGER, 0, ON_CRYPTOGRAPHIC, MAY_CREATE,
     NULL},
    {TAG_LEASE_TIME, "Lease Time", TTLV_INTERVAL, 0, ON_CRYPTOGRAPHIC, SERVED, NULL},
    {TAG_USAGE_LIMITS, "Usage Limits", TTLV_STRUCTURE, 0, ON_KEY, TEXT_CHANGEABLE,
     FIELDS_OF({TAG_USAGE_LIMITS_TOTAL, TTLV_LONG_INTEGER, true, 0},
               {TAG_USAGE_LIMITS_COUNT, TTLV_LONG_INTEGER, false, 0},
               {TAG_USAGE_LIMITS_UNIT, TTLV_ENUMERATION, true, 0})},
    {TAG_STATE, "State", TTLV_ENUMERATION, 0, ON_CRYPTOGRAPHIC, 0, NULL},
    {TAG_INITIAL_DATE, "Initial Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_ACTIVATION_DATE, "Activation Date", TTLV_DATE_TIME, 0, ON_CRYPTOGRAPHIC, DATE_CHANGEABLE, NULL},
    {TAG_PROCESS_START_DATE, "Process Start Date", TTLV_DATE_TIME, 0, ON_KEY, DATE_CHANGEABLE, NULL},
    {TAG_PROTECT_STOP_DATE, "Protect Stop Date", TTLV_DATE_TIME, 0, ON_KEY, DATE_CHANGEABLE, NULL},
    {TAG_DEACTIVATION_DATE, "Deactivation Date", TTLV_DATE_TIME, 0, ON_CRYPTOGRAPHIC, DATE_CHANGEABLE, NULL},
    {TAG_DESTROY_DATE, "Destroy Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_COMPROMISE_OCCURRENCE_DATE, "Compromise Occurrence Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_COMPROMISE_DATE, "Compromise Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_REVOCATION_REASON, "Revocation Reason", TTLV_STRUCTURE, 0, ON_ALL, 0,
     FIELDS_OF({TAG_REVOCATION_REASON_CODE, TTLV_ENUMERATION, true, 0},
               {TAG_REVOCATION_MESSAGE, TTLV_TEXT_STRING, false, 0})},
    {TAG_ARCHIVE_DATE, "Archive Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_OBJECT_GROUP, "Object Group", TTLV_TEXT_STRING, 0, ON_ALL, TEXT_CHANGEABLE | MANY, NULL},
    {TAG_FRESH, "Fresh", TTLV_BOOLEAN, 1, ON_CRYPTOGRAPHIC, MAY_CREATE, NULL},
    {TAG_LINK, "Link", TTLV_STRUCTURE, 0, ON_CRYPTOGRAPHIC, TEXT_CHANGEABLE | MANY,
     FIELDS_OF({TAG_LINK_TYPE, TTLV_ENUMERATION, true, 0},
               {TAG_LINKED_OBJECT_IDENTIFIER, TTLV_TEXT_STRING, true, 0})},
    {TAG_APPLICATION_SPECIFIC_INFORMATION, "Application Specific Information", TTLV_STRUCTURE, 0, ON_ALL,
     TEXT_CHANGEABLE | MANY,
     FIELDS_OF({TAG_APPLICATION_NAMESPACE, TTLV_TEXT_STRING, true, 0},
               {TAG_APPLICATION_DATA, TTLV_TEXT_STRING, false, 0})},
    {TAG_CONTACT_INFORMATION, "Contact Information", TTLV_TEXT_STRING, 0, ON_ALL, TEXT_CHANGEABLE, NULL},
    {TAG_LAST_CHANGE_DATE, "Last Change Date", TTLV_DATE_TIME, 0, ON_ALL, 0, NULL},
    {TAG_ALTERNATIVE_NAME, "Alternative Name", TTLV_STRUCTURE, 2, ON_ALL, TEXT_CHANGEABLE | MANY,
     FIELDS_OF({TAG_ALTERNATIVE_NAME_VALUE, TTLV_TEXT_STRING, true, 2},
               {TAG_ALTERNATIVE_NAME_TYPE, TTLV_ENUMERATION, true, 2})},
    {TAG_KEY_VALUE_PRESENT, "Key Value Present", TTLV_BOOLEAN, 2, ON_CRYPTOGRAPHIC, 0, NULL},
    {TAG_KEY_VALUE_LOCATION, "Key Value Location", TTLV_STRUCTURE, 2, ON_CRYPTOGRAPHIC,
     TEXT_CHANGEABLE | MANY,
     FIELDS_OF({TAG_KEY_VALUE_LOCATION_VALUE, TTLV_TEXT_STRING, true, 2},
               {TAG_KEY_VALUE_LOCATION_TYPE, TTLV_ENUMERATION, true, 2})},
    {TAG_ORIGINAL_CREATION_DATE, "Original Creation Date", TTLV_DATE_TIME, 2, ON_ALL, MAY_CREATE | MAY_ADD,
     NULL},
    {TAG_RANDOM_NUMBER_GENERATOR, "Random Number Generator", TTLV_STRUCTURE, 3, ON_CRYPTOGRAPHIC,
     MAY_CREATE | MAY_ADD, FIELDS_OF(RNG_FIELDS)},
    {TAG_PKCS_12_FRIENDLY_NAME, "PKCS#12 Friendly Name", TTLV_TEXT_STRING, 4, ON_CRYPTOGRAPHIC,
     TEXT_CHANGEABLE, NULL},
    {TAG_DESCRIPTION, "Description", TTLV_TEXT_STRING, 4, ON_ALL, TEXT_CHANGEABLE, NULL},
    {TAG_COMMENT, "Comment", TTLV_TEXT_STRING, 4, ON_ALL, TEXT_CHANGEABLE, NULL},
    {TAG_SENSITIVE, "Sensitive", TTLV_BOOLEAN, 4, ON_ALL, MAY_CREATE | MAY_MODIFY, NULL},
    {TAG_ALWAYS_SENSITIVE, "Always Sensitive", TTLV_BOOLEAN, 4, ON_ALL, 0, NULL},
    {TAG_EXTRACTABLE, "Extractable", TTLV_BOOLEAN, 4, ON_ALL, MAY_CREATE | MAY_MODIFY, NULL},
    {TAG_NEVER_EXTRACTABLE, "Never Extractable", TTLV_BOOLEAN, 4, ON_ALL, 0, NULL},
};

const struct attribute_row *attribute_rows(size_t *count)
{
    *count = COUNT_OF(rows);
    return rows;
}

const struct attribute_row *attribute_by_name(struct span name, uint8_t minor)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].since <= minor && strlen(rows[i].name) == name.len &&
            memcmp(rows[i].name, name.ptr, name.len) == 0)
            return &rows[i];
    return NULL;
}

const struct attribute_row *attribute_by_tag(uint32_t tag)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].tag == tag)
            return &rows[i];
    return NULL;
}

bool attribute_is_custom(struct span name)
{
    return name.len > 2 && (name.ptr[0] == 'x' || name.ptr[0] == 'y') && name.ptr[1] == '-';
}

static enum result_reason check_leaf(const struct ttlv_item *item, uint32_t meaning, uint8_t minor,
                                     const char **why)
{
    if (item->type == TTLV_ENUMERATION && !enum_known(meaning, ttlv_enumeration(item), minor))
        return refuse(why, REASON_INVALID_FIELD,
                      "an enumeration value in an attribute is not known in this version of KMIP");
    if (item->value.len > ATTRIBUTE_VALUE_MAX)
        return refuse(why, REASON_INVALID_FIELD, "an attribute value is longer than 1,024 bytes");
    return REASON_NONE;
}

static enum result_reason check_structure(const struct attribute_row *row, const struct ttlv_item *value,
                                          uint8_t minor, bool for_search, const char **why)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, value->value);
    for (const struct attribute_field *f = row->fields; f->tag != 0; f++) {
        if (f->since > minor)
            continue;
        bool there = f->required && !for_search ? fields_need(&fields, f->tag, f->type, &item)
                                                : fields_take(&fields, f->tag, f->type, &item);
        if (!there)
            continue;
        enum result_reason reason = check_leaf(&item, f->tag, minor, why);
        if (reason != REASON_NONE)
            return reason;
    }
    if (fields_end(&fields) != FIELDS_OK || value->value.len > ATTRIBUTE_VALUE_MAX + 64)
        return refuse(why, REASON_INVALID_FIELD,
                      "an attribute value does not have the fields that KMIP gives it");
    return REASON_NONE;
}

/* KMIP 1.4 s3.39: any type; a structure only without sub-structures. */
static enum result_reason check_custom(const struct ttlv_item *value, const char **why)
{
    if (value->value.len > ATTRIBUTE_VALUE_MAX)
        return refuse(why, REASON_INVALID_FIELD, "a custom attribute's value is longer than 1,024 bytes");
    if (value->type == TTLV_STRUCTURE && ttlv_check(value->value, 0) != STATUS_OK)
        return refuse(why, REASON_INVALID_FIELD, "a custom attribute's structure may not hold structures");
    return REASON_NONE;
}

static enum result_reason check_value(const struct attribute *a, uint8_t minor, bool for_search,
                                      const char **why)
{
    if (a->row == NULL)
        return check_custom(&a->value, why);
    if (a->value.type != a->row->type)
        return refuse(why, REASON_INVALID_FIELD, "an attribute value has the wrong type");
    if (a->row->fields != NULL)
        return check_structure(a->row, &a->value, minor, for_search, why);
    return check_leaf(&a->value, a->row->tag, minor, why);
}

enum result_reason attribute_check_parameters(const struct ttlv_item *parameters, uint8_t minor,
                                              const char **why)
{
    return check_structure(attribute_by_tag(TAG_CRYPTOGRAPHIC_PARAMETERS), parameters, minor, false, why);
}

enum result_reason attribute_read(const struct ttlv_item *structure, uint8_t minor, bool for_search,
                                  struct attribute *out, const char **why)
{
    struct fields fields;
    struct ttlv_item name, index;
    *out = (struct attribute){.row = NULL};
    if (structure->type != TTLV_STRUCTURE)
        return refuse(why, REASON_INVALID_MESSAGE, "Attribute is not a structure");
    fields_begin_trusted(&fields, structure->value);
    if (!fields_need(&fields, TAG_ATTRIBUTE_NAME, TTLV_TEXT_STRING, &name))
        return refuse(why, REASON_INVALID_MESSAGE, "Attribute without Attribute Name");
    out->name = name.value;
    out->has_index = fields_take(&fields, TAG_ATTRIBUTE_INDEX, TTLV_INTEGER, &index);
    out->index = out->has_index ? ttlv_integer(&index) : 0;
    out->has_value = fields_take_any(&fields, TAG_ATTRIBUTE_VALUE, &out->value);
    if (fields_end(&fields) != FIELDS_OK)
        return refuse(why, REASON_INVALID_MESSAGE,
                      "Attribute is not Attribute Name, Attribute Index, Attribute Value");
    out->row = attribute_by_name(out->name, minor);
    if (out->row == NULL && !attribute_is_custom(out->name))
        return refuse(why, REASON_INVALID_FIELD,
                      "unknown attribute name; names of custom attributes begin with x-");
    if (out->name.len > ATTRIBUTE_NAME_MAX)
        return refuse(why, REASON_INVALID_FIELD, "an attribute name is longer than 256 bytes");
    return out->has_value ? check_value(out, minor, for_search, why) : REASON_NONE;
}

/* Whether every enumeration in the value exists in this version. */
static bool value_known(const struct attribute_row *row, enum ttlv_type type, struct span value,
                        uint8_t minor)
{
    struct ttlv_item item = {.tag = row->tag, .type = type, .value = value};
    if (type == TTLV_ENUMERATION)
        return enum_known(row->tag, ttlv_enumeration(&item), minor);
    if (type != TTLV_STRUCTURE)
        return true;
    struct ttlv_reader reader = ttlv_reader_trusted(value);
    while (ttlv_next(&reader, &item) == STATUS_OK)
        for (const struct attribute_field *f = row->fields; f->tag != 0; f++)
            if (f->tag == item.tag && f->since <= minor && item.type == TTLV_ENUMERATION &&
                !enum_known(item.tag, ttlv_enumeration(&item), minor))
                return false;
    return true;
}

void attribute_write_structure(struct ttlv_writer *out, uint32_t tag, const struct attribute_row *row,
                               struct span value, uint8_t minor)
{
    struct ttlv_reader reader = ttlv_reader_trusted(value);
    struct ttlv_item item;
    size_t at = ttlv_begin(out, tag);
    while (ttlv_next(&reader, &item) == STATUS_OK)
        for (const struct attribute_field *f = row->fields; f->tag != 0; f++)
            if (f->tag == item.tag && f->since <= minor)
                ttlv_put_whole(out, item.whole);
    ttlv_end(out, at);
}

bool attribute_write(struct ttlv_writer *out, const struct attribute_row *row, struct span name,
                     int32_t index, enum ttlv_type type, struct span value, uint8_t minor)
{
    if (row != NULL && (row->since > minor || !value_known(row, type, value, minor)))
        return false;
    size_t at = ttlv_begin(out, TAG_ATTRIBUTE);
    ttlv_put_text(out, TAG_ATTRIBUTE_NAME, row != NULL ? span_of_text(row->name) : name);
    if (index != 0)
        ttlv_put_integer(out, TAG_ATTRIBUTE_INDEX, index);
    if (row != NULL && row->fields != NULL)
        attribute_write_structure(out, TAG_ATTRIBUTE_VALUE, row, value, minor);
    else
        ttlv_put_value(out, TAG_ATTRIBUTE_VALUE, type, value);
    ttlv_end(out, at);
    return true;
}
