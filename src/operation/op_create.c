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

static enum result_reason execute(struct op *op)
{
    struct key_kind kind = {.algorithm = 0};
    enum result_reason reason = make_read_kind(op, &kind);
    if (reason != REASON_NONE)
        return reason;
    if (kind.algorithm == 0 || !kind.has_mask)
        return op_refuse(op, REASON_INVALID_FIELD,
                         "Create needs the attributes Cryptographic Algorithm and Cryptographic Usage Mask");
    bool chosen = kind.length_bits == 0;
    if (chosen)
        kind.length_bits = make_default_length(kind.algorithm);
    size_t key_bytes = make_key_bytes(kind.algorithm, kind.length_bits);
    if (key_bytes == 0)
        return op_refuse(op, REASON_INVALID_FIELD,
                         "this server makes AES 128, 192, 256, 3DES 112, 168 and HMAC-SHA keys");
    struct draft *draft = &op->env->drafts[0];
    struct draft_parts parts = {.scope = make_scope(op), .key_format = KEY_FORMAT_RAW};
    uint16_t flags = OBJECT_MADE_HERE;
    uint8_t room[MAKE_ROOM];
    make_key(op, kind.algorithm, key_bytes, &parts, &flags, room);
    struct object_head head = make_head(op, OBJECT_SYMMETRIC_KEY, flags);
    draft_begin(draft, &head, &parts);
    reason = change_set_template(op, draft, op->args.make.template);
    if (reason != REASON_NONE)
        return reason;
    if (chosen) {
        uint8_t bytes[4];
        be32_put(bytes, (uint32_t)kind.length_bits);
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
                                    .needs = NEED_NEW_KEK | NEED_NAMES,
                                    .decode = decode,
                                    .execute = execute,
                                    .respond = respond};
