/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/key_block.h"

#include "base/limits.h"
#include "kmip/attribute.h"
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

/* Encryption Key Information and MAC/Signature Key Information: KMIP 1.4 s2.1.5, Tables 10 and 11. */
static enum result_reason check_information(const struct ttlv_item *information, uint8_t minor,
                                            const char **why)
{
    struct fields fields;
    struct ttlv_item item;
    enum result_reason reason = REASON_NONE;
    fields_begin_trusted(&fields, information->value);
    fields_need(&fields, TAG_UNIQUE_IDENTIFIER, TTLV_TEXT_STRING, &item);
    if (fields_take(&fields, TAG_CRYPTOGRAPHIC_PARAMETERS, TTLV_STRUCTURE, &item))
        reason = attribute_check_parameters(&item, minor, why);
    if (fields_end(&fields) != FIELDS_OK)
        return refuse(why, REASON_INVALID_FIELD,
                      "key information is a Unique Identifier and Cryptographic Parameters");
    return reason;
}

/* KMIP 1.4 s2.1.5, Table 9 */
static enum result_reason check_wrapping(struct span content, uint8_t minor, const char **why)
{
    struct fields fields;
    struct ttlv_item item;
    enum result_reason reason = REASON_NONE;
    fields_begin_trusted(&fields, content);
    if (fields_need(&fields, TAG_WRAPPING_METHOD, TTLV_ENUMERATION, &item) &&
        !enum_known(TAG_WRAPPING_METHOD, ttlv_enumeration(&item), minor))
        return refuse(why, REASON_INVALID_FIELD, "unknown Wrapping Method");
    if (fields_take(&fields, TAG_ENCRYPTION_KEY_INFORMATION, TTLV_STRUCTURE, &item))
        reason = check_information(&item, minor, why);
    if (reason == REASON_NONE &&
        fields_take(&fields, TAG_MAC_SIGNATURE_KEY_INFORMATION, TTLV_STRUCTURE, &item))
        reason = check_information(&item, minor, why);
    if (reason != REASON_NONE)
        return reason;
    fields_take(&fields, TAG_MAC_SIGNATURE, TTLV_BYTE_STRING, &item);
    fields_take(&fields, TAG_IV_COUNTER_NONCE, TTLV_BYTE_STRING, &item);
    if (minor >= 1 && fields_take(&fields, TAG_ENCODING_OPTION, TTLV_ENUMERATION, &item) &&
        !enum_known(TAG_ENCODING_OPTION, ttlv_enumeration(&item), minor))
        return refuse(why, REASON_INVALID_FIELD, "unknown Encoding Option");
    if (fields_end(&fields) != FIELDS_OK)
        return refuse(why, REASON_INVALID_FIELD,
                      "Key Wrapping Data does not have the fields that KMIP gives it");
    return REASON_NONE;
}

static void write_information(struct ttlv_writer *out, const struct ttlv_item *information, uint8_t minor)
{
    struct ttlv_reader reader = ttlv_reader_trusted(information->value);
    struct ttlv_item item;
    size_t at = ttlv_begin(out, information->tag);
    while (ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_CRYPTOGRAPHIC_PARAMETERS)
            attribute_write_structure(out, item.tag, attribute_by_tag(item.tag), item.value, minor);
        else
            ttlv_put_whole(out, item.whole);
    ttlv_end(out, at);
}

void key_block_write_wrapping(struct ttlv_writer *out, struct span content, uint8_t minor)
{
    struct ttlv_reader reader = ttlv_reader_trusted(content);
    struct ttlv_item item;
    size_t at = ttlv_begin(out, TAG_KEY_WRAPPING_DATA);
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_ENCODING_OPTION && minor < 1)
            continue;
        if (item.type == TTLV_STRUCTURE)
            write_information(out, &item, minor);
        else
            ttlv_put_whole(out, item.whole);
    }
    ttlv_end(out, at);
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
    enum result_reason reason = out->wrapped ? check_wrapping(out->wrapping_data, minor, why) : REASON_NONE;
    if (reason != REASON_NONE)
        return reason;
    if (!has_value)
        return minor >= 2 ? REASON_NONE : refuse(why, REASON_INVALID_MESSAGE, "Key Block without Key Value");
    return read_value(&value, out, why);
}
