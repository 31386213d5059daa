/* SPDX-License-Identifier: Apache-2.0 */
/* Create: KMIP 1.4 s4.1 */
#include "base/bytes.h"
#include "operation/make.h"

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    if (fields_need(&fields, TAG_OBJECT_TYPE, TTLV_ENUMERATION, &item))
        op->args.make.object_type = ttlv_enumeration(&item);
    if (fields_need(&fields, TAG_TEMPLATE_ATTRIBUTE, TTLV_STRUCTURE, &item))
        op->args.make.template = item.value;
    enum result_reason reason = payload_end(op, &fields);
    if (reason == REASON_NONE && op->args.make.object_type != OBJECT_SYMMETRIC_KEY)
        return op_refuse(op, REASON_INVALID_FIELD, "Create makes Symmetric Keys; register other objects");
    return reason;
}

/* Algorithm and length stand in the template; they decide the material, so they are read before the draft
 * begins. */
static enum result_reason read_kind(struct op *op, uint32_t *algorithm, int32_t *bits, bool *has_mask)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.make.template);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        struct attribute a;
        if (item.tag != TAG_ATTRIBUTE)
            continue;
        enum result_reason reason = attribute_read(&item, op->minor, false, &a, &op->why);
        if (reason != REASON_NONE)
            return reason;
        if (a.row == NULL || !a.has_value)
            continue;
        if (a.row->tag == TAG_CRYPTOGRAPHIC_ALGORITHM)
            *algorithm = ttlv_enumeration(&a.value);
        if (a.row->tag == TAG_CRYPTOGRAPHIC_LENGTH)
            *bits = ttlv_integer(&a.value);
        if (a.row->tag == TAG_CRYPTOGRAPHIC_USAGE_MASK)
            *has_mask = true;
    }
    return REASON_NONE;
}

static enum result_reason execute(struct op *op)
{
    uint32_t algorithm = 0;
    int32_t bits = 0;
    bool has_mask = false;
    enum result_reason reason = read_kind(op, &algorithm, &bits, &has_mask);
    if (reason != REASON_NONE)
        return reason;
    if (algorithm == 0 || !has_mask)
        return op_refuse(op, REASON_INVALID_FIELD,
                         "Create needs the attributes Cryptographic Algorithm and Cryptographic Usage Mask");
    bool chosen = bits == 0;
    if (chosen)
        bits = make_default_length(algorithm);
    size_t key_bytes = make_key_bytes(algorithm, bits);
    if (key_bytes == 0)
        return op_refuse(op, REASON_INVALID_FIELD,
                         "this server makes AES 128, 192, 256, 3DES 112, 168 and HMAC-SHA keys");
    struct draft *draft = &op->env->drafts[0];
    struct draft_parts parts = {.scope = make_scope(op), .key_format = KEY_FORMAT_RAW};
    uint16_t flags = OBJECT_MADE_HERE;
    uint8_t room[MAKE_ROOM];
    make_key(op, algorithm, key_bytes, &parts, &flags, room);
    struct object_head head = make_head(op, OBJECT_SYMMETRIC_KEY, flags);
    draft_begin(draft, &head, &parts);
    reason = change_set_template(op, draft, op->args.make.template);
    if (reason != REASON_NONE)
        return reason;
    if (chosen) {
        uint8_t bytes[4];
        be32_put(bytes, (uint32_t)bits);
        draft_set(draft, attribute_by_tag(TAG_CRYPTOGRAPHIC_LENGTH), span_of(NULL, 0), 0, TTLV_INTEGER,
                  span_of(bytes, sizeof bytes));
    }
    return make_propose(op, draft);
}

static enum result_reason respond(struct op *op, struct ttlv_writer *out)
{
    ttlv_put_enumeration(out, TAG_OBJECT_TYPE, op->args.make.object_type);
    payload_put_uid(out, op->result.uid);
    return REASON_NONE;
}

const struct operation op_create = {.code = OPERATION_CREATE,
                                    .name = "Create",
                                    .needs = NEED_NEW_KEK | NEED_CATALOGUE,
                                    .decode = decode,
                                    .execute = execute,
                                    .respond = respond};
