/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/key_block.h"

#include "base/limits.h"
#include "kmip/tag.h"

/* KMIP 1.4 s2.1.7.1: Transparent Symmetric Key is a structure of one Key. */
static enum result_reason read_material(const struct ttlv_item *material, struct key_block *out,
                                        const char **why)
{
    out->material_whole = material->whole;
    if (out->format != KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY) {
        if (material->type != TTLV_BYTE_STRING)
            return refuse(why, REASON_INVALID_FIELD, "Key Material of this Key Format Type is a Byte String");
        out->material = material->value;
        return REASON_NONE;
    }
    struct fields fields;
    struct ttlv_item key;
    if (material->type != TTLV_STRUCTURE)
        return refuse(why, REASON_INVALID_FIELD, "Key Material of a transparent key is a structure");
    fields_begin_trusted(&fields, material->value);
    fields_need(&fields, TAG_KEY, TTLV_BYTE_STRING, &key);
    if (fields_end(&fields) != FIELDS_OK)
        return refuse(why, REASON_INVALID_FIELD, "a Transparent Symmetric Key holds one Key");
    out->material = key.value;
    return REASON_NONE;
}

static enum result_reason read_value(const struct ttlv_item *value, struct key_block *out, const char **why)
{
    out->has_value = true;
    if (out->wrapped) {
        if (value->type != TTLV_BYTE_STRING)
            return refuse(why, REASON_INVALID_FIELD, "a wrapped Key Value is a Byte String");
        out->material = value->value;
        out->material_whole = value->whole;
        return REASON_NONE;
    }
    if (value->type != TTLV_STRUCTURE)
        return refuse(why, REASON_INVALID_FIELD, "Key Value without Key Wrapping Data is a structure");
    struct ttlv_reader reader = ttlv_enter(value);
    struct ttlv_item material;
    if (ttlv_next(&reader, &material) != STATUS_OK || material.tag != TAG_KEY_MATERIAL)
        return refuse(why, REASON_INVALID_MESSAGE, "Key Value without Key Material");
    out->attributes = span_of(reader.at, (size_t)(reader.end - reader.at));
    return read_material(&material, out, why);
}

enum result_reason key_block_read(struct span content, uint8_t minor, struct key_block *out, const char **why)
{
    struct fields fields;
    struct ttlv_item item, value = {.tag = 0};
    *out = (struct key_block){.format = 0};
    fields_begin_trusted(&fields, content);
    if (fields_need(&fields, TAG_KEY_FORMAT_TYPE, TTLV_ENUMERATION, &item))
        out->format = ttlv_enumeration(&item);
    if (fields_take(&fields, TAG_KEY_COMPRESSION_TYPE, TTLV_ENUMERATION, &item))
        return refuse(why, REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED,
                      "Key Compression Type is for elliptic curve keys");
    bool has_value = fields_take_any(&fields, TAG_KEY_VALUE, &value);
    if (fields_take(&fields, TAG_CRYPTOGRAPHIC_ALGORITHM, TTLV_ENUMERATION, &item))
        out->algorithm = ttlv_enumeration(&item);
    if (fields_take(&fields, TAG_CRYPTOGRAPHIC_LENGTH, TTLV_INTEGER, &item))
        out->length_bits = ttlv_integer(&item);
    if (fields_take(&fields, TAG_KEY_WRAPPING_DATA, TTLV_STRUCTURE, &item)) {
        out->wrapped = true;
        out->wrapping_data = item.value;
    }
    if (fields_end(&fields) != FIELDS_OK)
        return refuse(why, REASON_INVALID_MESSAGE, "Key Block does not have the fields that KMIP gives it");
    if (out->format != KEY_FORMAT_RAW && out->format != KEY_FORMAT_OPAQUE &&
        out->format != KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY)
        return refuse(why, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED,
                      "Key Format Types here are Raw, Opaque and Transparent Symmetric Key");
    if (!has_value)
        return minor >= 2 ? REASON_NONE : refuse(why, REASON_INVALID_MESSAGE, "Key Block without Key Value");
    return read_value(&value, out, why);
}
