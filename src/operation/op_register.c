/* SPDX-License-Identifier: Apache-2.0 */
/* Register: KMIP 1.4 s4.3 */
#include "base/bytes.h"
#include "crypto/digest.h"
#include "kmip/key_block.h"
#include "operation/make.h"

static enum tag object_tag(uint32_t type)
{
    return type == OBJECT_SYMMETRIC_KEY ? TAG_SYMMETRIC_KEY
           : type == OBJECT_SECRET_DATA ? TAG_SECRET_DATA
                                        : TAG_OPAQUE_OBJECT;
}

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    if (fields_need(&fields, TAG_OBJECT_TYPE, TTLV_ENUMERATION, &item))
        op->args.make.object_type = ttlv_enumeration(&item);
    uint32_t type = op->args.make.object_type;
    if (fields.error == FIELDS_OK && type != OBJECT_SYMMETRIC_KEY && type != OBJECT_SECRET_DATA &&
        type != OBJECT_OPAQUE_OBJECT)
        return op_refuse(op, REASON_INVALID_FIELD,
                         "this server holds Symmetric Keys, Secret Data and Opaque Objects");
    if (fields_need(&fields, TAG_TEMPLATE_ATTRIBUTE, TTLV_STRUCTURE, &item))
        op->args.make.template = item.value;
    if (fields.has_next && !fields_peek(&fields, object_tag(type)))
        return op_refuse(op, REASON_INVALID_FIELD, "the object is not of the Object Type given");
    if (fields_need(&fields, object_tag(type), TTLV_STRUCTURE, &item))
        op->args.make.object = item.value;
    return payload_end(op, &fields);
}

/* What is being registered, whatever its type. */
struct registered {
    struct key_block block;
    uint32_t subtype;
};

static enum result_reason read_object(struct op *op, struct registered *out)
{
    struct fields fields;
    struct ttlv_item item;
    *out = (struct registered){.subtype = 0};
    fields_begin_trusted(&fields, op->args.make.object);
    if (op->args.make.object_type == OBJECT_OPAQUE_OBJECT) {
        if (fields_need(&fields, TAG_OPAQUE_DATA_TYPE, TTLV_ENUMERATION, &item))
            out->subtype = ttlv_enumeration(&item);
        if (fields_need(&fields, TAG_OPAQUE_DATA_VALUE, TTLV_BYTE_STRING, &item))
            out->block.material = item.value;
        out->block.has_value = true;
        out->block.format = KEY_FORMAT_RAW;
        return payload_end(op, &fields);
    }
    if (op->args.make.object_type == OBJECT_SECRET_DATA) {
        if (fields_need(&fields, TAG_SECRET_DATA_TYPE, TTLV_ENUMERATION, &item))
            out->subtype = ttlv_enumeration(&item);
        if (fields.error == FIELDS_OK && !enum_known(TAG_SECRET_DATA_TYPE, out->subtype, op->minor))
            return op_refuse(op, REASON_INVALID_FIELD, "unknown Secret Data Type");
    }
    if (!fields_need(&fields, TAG_KEY_BLOCK, TTLV_STRUCTURE, &item))
        return payload_end(op, &fields);
    enum result_reason reason = key_block_read(item.value, op->minor, &out->block, &op->why);
    return reason == REASON_NONE ? payload_end(op, &fields) : reason;
}

static void set_number(struct draft *draft, uint32_t tag, enum ttlv_type type, uint32_t value)
{
    uint8_t bytes[4];
    be32_put(bytes, value);
    draft_set(draft, attribute_by_tag(tag), span_of(NULL, 0), 0, type, span_of(bytes, sizeof bytes));
}

/* Algorithm and length may stand in the template, in the Key Block, or both; then they agree. KMIP 1.4 s4.3,
 * Table 171. */
static enum result_reason settle_kind(struct op *op, struct draft *draft, const struct key_block *block)
{
    struct object view = draft_view(draft);
    uint32_t algorithm = object_enumeration(&view, TAG_CRYPTOGRAPHIC_ALGORITHM, 0);
    int32_t bits = object_integer(&view, TAG_CRYPTOGRAPHIC_LENGTH, 0);
    bool key = draft->head.type == OBJECT_SYMMETRIC_KEY;
    if ((algorithm != 0 && block->algorithm != 0 && algorithm != block->algorithm) ||
        (bits != 0 && block->length_bits != 0 && bits != block->length_bits))
        return op_refuse(op, REASON_INVALID_FIELD,
                         "Cryptographic Algorithm or Length differ between attributes and Key Block");
    if (algorithm == 0 && block->algorithm != 0)
        set_number(draft, TAG_CRYPTOGRAPHIC_ALGORITHM, TTLV_ENUMERATION, algorithm = block->algorithm);
    if (bits == 0 && block->length_bits != 0)
        set_number(draft, TAG_CRYPTOGRAPHIC_LENGTH, TTLV_INTEGER, (uint32_t)(bits = block->length_bits));
    if (key && (algorithm == 0 || bits == 0))
        return op_refuse(op, REASON_INVALID_FIELD,
                         "a key needs Cryptographic Algorithm and Cryptographic Length");
    if (!enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm, op->minor) && algorithm != 0)
        return op_refuse(op, REASON_INVALID_FIELD, "unknown Cryptographic Algorithm");
    if (bits < 0)
        return op_refuse(op, REASON_INVALID_FIELD, "Cryptographic Length is negative");
    size_t expected = make_key_bytes(algorithm, bits);
    bool plain = block->has_value && !block->wrapped;
    if (key && plain && expected != 0 && expected != block->material.len)
        return op_refuse(op, REASON_INVALID_FIELD, "Cryptographic Length is not that of the key material");
    if (key && plain && expected == 0 && (int64_t)block->material.len * 8 < bits)
        return op_refuse(op, REASON_INVALID_FIELD, "the key material is shorter than Cryptographic Length");
    return REASON_NONE;
}

static enum result_reason check_material(struct op *op, const struct key_block *block)
{
    if (block->material.len > MATERIAL_MAX)
        return op_refuse(op, REASON_INVALID_FIELD, "the object is longer than 6,144 bytes");
    if (block->has_value && block->material.len == 0)
        return op_refuse(op, REASON_INVALID_FIELD, "the object is empty");
    if (block->wrapping_data.len > ATTRIBUTE_VALUE_MAX)
        return op_refuse(op, REASON_INVALID_FIELD, "Key Wrapping Data is longer than 1,024 bytes");
    return REASON_NONE;
}

/* KMIP 1.4 s3.17: the digest is that of the Key Material, of transparent keys that of its encoding. */
static struct span digest_of(const struct registered *r, uint8_t room[SHA256_BYTES])
{
    bool transparent = r->block.format == KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY && !r->block.wrapped;
    sha256(transparent ? r->block.material_whole : r->block.material, room);
    return span_of(room, SHA256_BYTES);
}

static enum result_reason begin_draft(struct op *op, const struct registered *r, struct draft *draft)
{
    uint8_t room[MAKE_ROOM], digest[SHA256_BYTES], wrapping[ATTRIBUTE_VALUE_MAX + TTLV_HEADER];
    struct draft_parts parts = {
        .scope = make_scope(op), .key_format = r->block.format, .subtype = r->subtype};
    uint16_t flags = 0;
    if (r->block.has_value) {
        make_sealed(op, r->block.material, &parts, room);
        parts.digest = digest_of(r, digest);
    } else {
        flags = OBJECT_NO_KEY_VALUE;
        make_wrapped(op, &parts);
    }
    if (r->block.wrapped) {
        struct ttlv_writer w = ttlv_writer_over(wrapping, sizeof wrapping);
        ttlv_put_value(&w, TAG_KEY_WRAPPING_DATA, TTLV_STRUCTURE, r->block.wrapping_data);
        parts.wrapping_data = span_of(w.start, w.len);
    }
    struct object_head head = make_head(op, (enum object_type)op->args.make.object_type, flags);
    draft_begin(draft, &head, &parts);
    return REASON_NONE;
}

static enum result_reason execute(struct op *op)
{
    struct registered r;
    enum result_reason reason = read_object(op, &r);
    if (reason == REASON_NONE)
        reason = check_material(op, &r.block);
    if (reason != REASON_NONE)
        return reason;
    struct draft *draft = &op->env->drafts[0];
    reason = begin_draft(op, &r, draft);
    if (reason == REASON_NONE)
        reason = change_set_template(op, draft, op->args.make.template);
    if (reason == REASON_NONE && r.block.attributes.len != 0)
        reason = change_set_template(op, draft, r.block.attributes);
    if (reason == REASON_NONE && op->args.make.object_type != OBJECT_OPAQUE_OBJECT)
        reason = settle_kind(op, draft, &r.block);
    if (reason != REASON_NONE)
        return reason;
    struct object view = draft_view(draft);
    if (op->args.make.object_type != OBJECT_OPAQUE_OBJECT &&
        object_integer(&view, TAG_CRYPTOGRAPHIC_USAGE_MASK, -1) < 0)
        return op_refuse(op, REASON_INVALID_FIELD, "Register needs the attribute Cryptographic Usage Mask");
    return make_propose(op, draft);
}

const struct operation op_register = {.code = OPERATION_REGISTER,
                                      .name = "Register",
                                      .needs = NEED_NEW_KEK | NEED_CATALOGUE,
                                      .decode = decode,
                                      .execute = execute,
                                      .respond = payload_respond_uid};
