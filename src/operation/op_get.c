/* SPDX-License-Identifier: Apache-2.0 */
/* Get: KMIP 1.4 s4.11 */
#include "base/wipe.h"
#include "crypto/aes.h"
#include "kmip/key_block.h"
#include "operation/payload.h"
#include "operation/show.h"

static enum result_reason decode_wrapping(struct op *op, const struct ttlv_item *specification)
{
    struct fields fields, inner;
    struct ttlv_item item;
    fields_begin_trusted(&fields, specification->value);
    uint32_t method =
        fields_need(&fields, TAG_WRAPPING_METHOD, TTLV_ENUMERATION, &item) ? ttlv_enumeration(&item) : 0;
    if (fields_take(&fields, TAG_ENCRYPTION_KEY_INFORMATION, TTLV_STRUCTURE, &item)) {
        op->has_other = true;
        fields_begin_trusted(&inner, item.value);
        if (fields_need(&inner, TAG_UNIQUE_IDENTIFIER, TTLV_TEXT_STRING, &item))
            op->other_uid_known = uuid_read(item.value, op->other_uid) == STATUS_OK;
        if (fields_take(&inner, TAG_CRYPTOGRAPHIC_PARAMETERS, TTLV_STRUCTURE, &item)) {
            op->args.get.parameters = item.whole;
            enum result_reason reason = attribute_check_parameters(&item, op->minor, &op->why);
            if (reason != REASON_NONE)
                return reason;
        }
        enum result_reason reason = payload_end(op, &inner);
        if (reason != REASON_NONE)
            return reason;
    }
    bool has_mac = fields_take(&fields, TAG_MAC_SIGNATURE_KEY_INFORMATION, TTLV_STRUCTURE, &item);
    const uint8_t *names = fields.has_next ? fields.next.whole.ptr : fields.reader.at;
    while (fields_take(&fields, TAG_ATTRIBUTE_NAME, TTLV_TEXT_STRING, &item))
        op->args.get.name_count++;
    const uint8_t *names_end = fields.has_next ? fields.next.whole.ptr : fields.reader.at;
    op->args.get.names = span_of(names, (size_t)(names_end - names));
    op->args.get.encoding = ENCODING_TTLV;
    if (op->minor >= 1 && fields_take(&fields, TAG_ENCODING_OPTION, TTLV_ENUMERATION, &item))
        op->args.get.encoding = ttlv_enumeration(&item);
    enum result_reason reason = payload_end(op, &fields);
    if (reason != REASON_NONE)
        return reason;
    if (method != WRAPPING_ENCRYPT || has_mac || !op->has_other)
        return op_refuse(op, REASON_FEATURE_NOT_SUPPORTED,
                         "keys are wrapped by encryption with one key, nothing else");
    op->args.get.wrap = true;
    return REASON_NONE;
}

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    if (fields_take(&fields, TAG_KEY_FORMAT_TYPE, TTLV_ENUMERATION, &item))
        op->args.get.format = ttlv_enumeration(&item);
    if (op->minor >= 4 && fields_take(&fields, TAG_KEY_WRAP_TYPE, TTLV_ENUMERATION, &item))
        op->args.get.wrap_type = ttlv_enumeration(&item);
    if (fields_take(&fields, TAG_KEY_COMPRESSION_TYPE, TTLV_ENUMERATION, &item))
        return op_refuse(op, REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED,
                         "Key Compression Type is for elliptic curve keys");
    if (fields_take(&fields, TAG_KEY_WRAPPING_SPECIFICATION, TTLV_STRUCTURE, &item)) {
        enum result_reason reason = decode_wrapping(op, &item);
        if (reason != REASON_NONE)
            return reason;
    }
    return payload_end(op, &fields);
}

/* Whether Cryptographic Parameters (content) ask for NIST Key Wrap, or leave the mode open. */
static bool parameters_fit(struct span content)
{
    struct ttlv_reader reader = ttlv_reader_trusted(content);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_BLOCK_CIPHER_MODE && ttlv_enumeration(&item) != MODE_NIST_KEY_WRAP)
            return false;
    return true;
}

/* KMIP 1.4 s11.12: what the wrapping key has to be. */
static enum result_reason check_wrapping_key(struct op *op)
{
    const struct object *k = &op->other;
    if (k->head.type != OBJECT_SYMMETRIC_KEY)
        return op_refuse(op, REASON_ILLEGAL_OPERATION, "the wrapping object is not a Symmetric Key");
    if ((object_integer(k, TAG_CRYPTOGRAPHIC_USAGE_MASK, 0) & USAGE_WRAP_KEY) == 0 ||
        object_enumeration(k, TAG_CRYPTOGRAPHIC_ALGORITHM, 0) != ALGORITHM_AES ||
        object_state(k, op->env->now.unix_s) != STATE_ACTIVE || k->wrapping_data.len != 0)
        return op_refuse(
            op, REASON_PERMISSION_DENIED,
            "the wrapping key is not an Active AES key with Wrap Key in its Cryptographic Usage Mask");
    if ((k->head.flags & OBJECT_NO_KEY_VALUE) != 0)
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "the wrapping key cannot wrap: its value is not on this server");
    if (op->args.get.parameters.len != 0 &&
        !parameters_fit(
            span_of(op->args.get.parameters.ptr + TTLV_HEADER, op->args.get.parameters.len - TTLV_HEADER)))
        return op_refuse(op, REASON_ITEM_NOT_FOUND,
                         "keys are wrapped with NIST Key Wrap; no other parameters are associated");
    return REASON_NONE;
}

static enum result_reason check_wrapping(struct op *op)
{
    const struct object *o = &op->object;
    if (o->head.type == OBJECT_OPAQUE_OBJECT || o->wrapping_data.len != 0)
        return op_refuse(op, REASON_ILLEGAL_OPERATION,
                         "Opaque Objects and keys registered wrapped are not wrapped again");
    if (op->args.get.encoding != ENCODING_NONE && op->args.get.encoding != ENCODING_TTLV)
        return op_refuse(op, REASON_ENCODING_OPTION_ERROR, "unknown Encoding Option");
    if (op->args.get.encoding == ENCODING_NONE && op->args.get.name_count != 0)
        return op_refuse(op, REASON_ENCODING_OPTION_ERROR, "No Encoding leaves no room for attributes");
    return check_wrapping_key(op);
}

static enum result_reason check_format(struct op *op)
{
    const struct object *o = &op->object;
    uint32_t format = op->args.get.format;
    if (format == 0 || format == o->key_format || o->head.type == OBJECT_OPAQUE_OBJECT)
        return REASON_NONE;
    bool symmetric = o->head.type == OBJECT_SYMMETRIC_KEY && o->wrapping_data.len == 0;
    if (symmetric && (format == KEY_FORMAT_RAW || format == KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY) &&
        o->key_format != KEY_FORMAT_OPAQUE)
        return REASON_NONE;
    return op_refuse(op, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED,
                     "Symmetric Keys come as Raw or Transparent Symmetric Key, other objects as registered");
}

static enum result_reason check(struct op *op)
{
    const struct object *o = &op->object;
    enum result_reason reason = check_format(op);
    if (reason != REASON_NONE)
        return reason;
    if ((o->head.flags & OBJECT_NOT_EXTRACTABLE) != 0)
        return op_refuse(op, REASON_NOT_EXTRACTABLE, "the object is not Extractable");
    if ((o->head.flags & OBJECT_SENSITIVE) != 0 && !op->args.get.wrap && o->wrapping_data.len == 0)
        return op_refuse(op, REASON_SENSITIVE, "the object is Sensitive; ask for it wrapped");
    if (op->args.get.wrap_type == KEY_WRAP_NOT_WRAPPED && o->wrapping_data.len != 0)
        return op_refuse(op, REASON_FEATURE_NOT_SUPPORTED,
                         "this server does not unwrap what was registered wrapped");
    if ((o->head.flags & OBJECT_NO_KEY_VALUE) != 0 && op->args.get.wrap)
        return op_refuse(op, REASON_KEY_VALUE_NOT_PRESENT, "the key value is not on this server");
    return op->args.get.wrap ? check_wrapping(op) : REASON_NONE;
}

/* Serving an object for the first time ends its freshness. A group hands it out once, so there the change is
 * waited for. */
static enum result_reason execute(struct op *op)
{
    struct store *store = op->env->store;
    struct catalogue_entry *e = catalogue_get(&store->catalogue, op->handle);
    store_served(store, op->handle);
    if (e->fresh_spent || (op->object.head.flags & OBJECT_FRESH) == 0)
        return REASON_NONE;
    e->fresh_spent = true;
    struct object_attribute group;
    bool grouped =
        object_attribute_find(&op->object, attribute_by_tag(TAG_OBJECT_GROUP), span_of(NULL, 0), 0, &group);
    if (store_busy(store, op->handle) || (store->keymgr.shared && !grouped))
        return REASON_NONE; /* the next change says so in the record; until then the journal knows */
    struct draft *draft = &op->env->drafts[0];
    uint8_t room[ANCESTORS_BYTES];
    struct object next = store_descend(store, op->handle, &op->object, room);
    draft_from(draft, &next, store->node);
    draft->head.flags &= (uint16_t)~OBJECT_FRESH;
    enum result_reason reason = op_propose(op, draft, op->handle, COMMIT_JOURNAL);
    if (grouped &&
        op->object.sealed_material.len <= MESSAGE_SMALL / 2) /* the answer has to be kept meanwhile */
        return reason;
    op->commit_count = 0;
    return REASON_NONE;
}

/* The plaintext material of an object: its KEK, or what that opens. */
static enum result_reason open_material(struct op *op, const struct object *object, const uint8_t *kek,
                                        uint8_t *room, struct span *material)
{
    if ((object->head.flags & OBJECT_MATERIAL_IS_KEK) != 0) {
        *material = span_of(kek, KEK_BYTES);
        return REASON_NONE;
    }
    if (object->sealed_material.len > MATERIAL_MAX + SEAL_OVERHEAD ||
        seal_open(kek, span_of(object->head.uid, UUID_BYTES), object->sealed_material, room) != STATUS_OK)
        return op_refuse(op, REASON_CRYPTOGRAPHIC_FAILURE,
                         "the object's record is damaged: its material does not open");
    *material = span_of(room, object->sealed_material.len - SEAL_OVERHEAD);
    if (room == op->env->material)
        op->material_len = material->len;
    return REASON_NONE;
}

static void put_key_material(struct ttlv_writer *out, uint32_t format, struct span material)
{
    if (format != KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY) {
        ttlv_put_bytes(out, TAG_KEY_MATERIAL, material);
        return;
    }
    size_t at = ttlv_begin(out, TAG_KEY_MATERIAL);
    ttlv_put_bytes(out, TAG_KEY, material);
    ttlv_end(out, at);
}

/* The attributes named in the Key Wrapping Specification, inside the Key Value. */
static void put_named_attributes(struct op *op, struct ttlv_writer *out)
{
    struct ttlv_reader names = ttlv_reader_trusted(op->args.get.names);
    struct ttlv_item name;
    while (ttlv_next(&names, &name) == STATUS_OK) {
        struct show show;
        struct object_attribute a;
        show_begin(&show, op->env, &op->object, op->fresh_spent);
        while (show_next(&show, &a))
            if (span_equal(a.row != NULL ? span_of_text(a.row->name) : a.name, name.value))
                attribute_write(out, a.row, a.name, a.index, a.type, a.value, op->minor);
    }
}

/* KMIP 1.4 s2.1.5: wraps the material itself, or the encoded Key Value, into `out` as the Key Value. */
static enum result_reason put_wrapped_value(struct op *op, struct ttlv_writer *out, uint32_t format,
                                            struct span material)
{
    uint8_t plain[KEYWRAP_MAX], wrapped[KEYWRAP_MAX + 8], wrapping_key[64];
    struct span key;
    enum result_reason reason = REASON_NONE;
    if (op->other.sealed_material.len > sizeof wrapping_key)
        reason = op_refuse(op, REASON_PERMISSION_DENIED, "the wrapping key is too long");
    else
        reason = open_material(op, &op->other, op->other_kek, wrapping_key, &key);
    if (reason != REASON_NONE)
        return reason;
    struct ttlv_writer w = ttlv_writer_over(plain, sizeof plain);
    if (op->args.get.encoding == ENCODING_TTLV) {
        size_t at = ttlv_begin(&w, TAG_KEY_VALUE);
        put_key_material(&w, format, material);
        put_named_attributes(op, &w);
        ttlv_end(&w, at);
        material = span_of(w.start, w.len);
    }
    if (w.full || material.len > KEYWRAP_MAX || keywrap_make(key, material, wrapped) != STATUS_OK)
        reason = op_refuse(
            op, REASON_CRYPTOGRAPHIC_FAILURE,
            "NIST Key Wrap takes 16 to 4,096 bytes, in multiples of 8; TTLV Encoding always fits the latter");
    else
        ttlv_put_bytes(out, TAG_KEY_VALUE, span_of(wrapped, material.len + 8));
    wipe(plain, sizeof plain);
    wipe(wrapping_key, sizeof wrapping_key);
    return reason;
}

static void put_wrapping_data(struct op *op, struct ttlv_writer *out)
{
    if (op->object.wrapping_data.len != 0) {
        struct span whole = op->object.wrapping_data;
        key_block_write_wrapping(out, span_of(whole.ptr + TTLV_HEADER, whole.len - TTLV_HEADER), op->minor);
        return;
    }
    size_t data = ttlv_begin(out, TAG_KEY_WRAPPING_DATA);
    ttlv_put_enumeration(out, TAG_WRAPPING_METHOD, WRAPPING_ENCRYPT);
    size_t information = ttlv_begin(out, TAG_ENCRYPTION_KEY_INFORMATION);
    payload_put_uid(out, op->other_uid);
    if (op->args.get.parameters.len != 0)
        ttlv_put_whole(out, op->args.get.parameters);
    ttlv_end(out, information);
    if (op->args.get.encoding == ENCODING_NONE)
        ttlv_put_enumeration(out, TAG_ENCODING_OPTION, ENCODING_NONE);
    ttlv_end(out, data);
}

static enum result_reason put_key_block(struct op *op, struct ttlv_writer *out, struct span material)
{
    const struct object *o = &op->object;
    uint32_t format = op->args.get.format != 0 ? op->args.get.format : o->key_format;
    bool wrapped = op->args.get.wrap || o->wrapping_data.len != 0;
    enum result_reason reason = REASON_NONE;
    size_t block = ttlv_begin(out, TAG_KEY_BLOCK);
    ttlv_put_enumeration(out, TAG_KEY_FORMAT_TYPE, format);
    if (op->args.get.wrap) {
        reason = put_wrapped_value(op, out, format, material);
    } else if (o->wrapping_data.len != 0) {
        ttlv_put_bytes(out, TAG_KEY_VALUE, material);
    } else if ((o->head.flags & OBJECT_NO_KEY_VALUE) == 0) {
        size_t value = ttlv_begin(out, TAG_KEY_VALUE);
        put_key_material(out, format, material);
        ttlv_end(out, value);
    }
    uint32_t algorithm = object_enumeration(o, TAG_CRYPTOGRAPHIC_ALGORITHM, 0);
    int32_t bits = object_integer(o, TAG_CRYPTOGRAPHIC_LENGTH, 0);
    if (algorithm != 0)
        ttlv_put_enumeration(out, TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm);
    if (bits != 0)
        ttlv_put_integer(out, TAG_CRYPTOGRAPHIC_LENGTH, bits);
    if (wrapped)
        put_wrapping_data(op, out);
    ttlv_end(out, block);
    return reason;
}

static enum result_reason put_object(struct op *op, struct ttlv_writer *out, struct span material)
{
    enum result_reason reason = REASON_NONE;
    size_t at;
    switch (op->object.head.type) {
    case OBJECT_SYMMETRIC_KEY:
        at = ttlv_begin(out, TAG_SYMMETRIC_KEY);
        reason = put_key_block(op, out, material);
        break;
    case OBJECT_SECRET_DATA:
        at = ttlv_begin(out, TAG_SECRET_DATA);
        ttlv_put_enumeration(out, TAG_SECRET_DATA_TYPE, op->object.subtype);
        reason = put_key_block(op, out, material);
        break;
    case OBJECT_OPAQUE_OBJECT:
        at = ttlv_begin(out, TAG_OPAQUE_OBJECT);
        ttlv_put_enumeration(out, TAG_OPAQUE_DATA_TYPE, op->object.subtype);
        ttlv_put_bytes(out, TAG_OPAQUE_DATA_VALUE, material);
        break;
    case OBJECT_CERTIFICATE:
    case OBJECT_PUBLIC_KEY:
    case OBJECT_PRIVATE_KEY:
    case OBJECT_SPLIT_KEY:
    case OBJECT_TEMPLATE:
    case OBJECT_PGP_KEY:
    default:
        return REASON_GENERAL_FAILURE;
    }
    ttlv_end(out, at);
    return reason;
}

static enum result_reason respond(struct op *op, struct ttlv_writer *out)
{
    struct span material = span_of(NULL, 0);
    if ((op->object.head.flags & OBJECT_NO_KEY_VALUE) == 0) {
        enum result_reason reason = open_material(op, &op->object, op->kek, op->env->material, &material);
        if (reason != REASON_NONE)
            return reason;
    }
    ttlv_put_enumeration(out, TAG_OBJECT_TYPE, (uint32_t)op->object.head.type);
    payload_put_uid(out, op->object.head.uid);
    return put_object(op, out, material);
}

const struct operation op_get = {.code = OPERATION_GET,
                                 .name = "Get",
                                 .needs = NEED_OBJECT | NEED_KEK,
                                 .decode = decode,
                                 .check = check,
                                 .execute = execute,
                                 .respond = respond};
