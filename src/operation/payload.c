/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/payload.h"

void payload_take_uid(struct op *op, struct fields *fields)
{
    struct ttlv_item item;
    if (!fields_take(fields, TAG_UNIQUE_IDENTIFIER, TTLV_TEXT_STRING, &item))
        return;
    op->has_uid = true;
    op->uid_known = uuid_read(item.value, op->uid) == STATUS_OK;
}

enum result_reason payload_end(struct op *op, struct fields *fields)
{
    switch (fields_end(fields)) {
    case FIELDS_OK:
        return REASON_NONE;
    case FIELDS_UNKNOWN:
        return op_refuse(op, REASON_INVALID_FIELD,
                         "the payload has a field that this operation does not have in this version of KMIP");
    case FIELDS_REPEATED:
        return op_refuse(op, REASON_INVALID_MESSAGE, "the payload has a field twice");
    case FIELDS_MISSING:
        return op_refuse(op, REASON_INVALID_MESSAGE, "the payload lacks a required field");
    case FIELDS_WRONG_TYPE:
        return op_refuse(op, REASON_INVALID_MESSAGE, "a field of the payload has the wrong type");
    case FIELDS_MALFORMED:
        break;
    }
    return op_refuse(op, REASON_INVALID_MESSAGE, "the payload is not well-formed TTLV");
}

enum result_reason payload_decode_uid(struct op *op)
{
    struct fields fields;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    return payload_end(op, &fields);
}

void payload_put_uid(struct ttlv_writer *out, const uint8_t uid[UUID_BYTES])
{
    char text[UUID_TEXT + 1];
    uuid_write(uid, text);
    ttlv_put_text(out, TAG_UNIQUE_IDENTIFIER, span_of(text, UUID_TEXT));
}

enum result_reason payload_respond_uid(struct op *op, struct ttlv_writer *out)
{
    payload_put_uid(out, op->result.uid);
    return REASON_NONE;
}

enum result_reason op_propose(struct op *op, struct draft *draft, struct handle handle,
                              enum commit_level level)
{
    if (draft_end(draft) != STATUS_OK)
        return op_refuse(op, REASON_INDEX_OUT_OF_BOUNDS,
                         "the object with all its attributes would not fit into one record of 7,500 bytes");
    struct object view = draft_view(draft);
    uint8_t scope = scopes_number(&op->env->store->scopes, view.scope);
    struct commit *commit = &op->commits[op->commit_count];
    if (store_propose(op->env->store, handle, span_of(draft->bytes, draft->len), scope, level,
                      &commit->number) != STATUS_OK)
        return op_refuse(op, REASON_GENERAL_FAILURE,
                         "the memory for records is full; raise store record-bytes");
    commit->handle = handle;
    op->commit_count++;
    return REASON_NONE;
}

struct draft *op_draft(struct op *op)
{
    struct draft *draft = &op->env->drafts[0];
    uint8_t room[ANCESTORS_BYTES];
    struct object next = store_descend(op->env->store, op->handle, &op->object, room);
    draft_from(draft, &next, op->env->store->node);
    draft_set_date(draft, TAG_LAST_CHANGE_DATE, op->env->now.unix_s);
    if (op->fresh_spent)
        draft->head.flags &= (uint16_t)~OBJECT_FRESH;
    return draft;
}
