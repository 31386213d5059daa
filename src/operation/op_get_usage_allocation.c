/* SPDX-License-Identifier: Apache-2.0 */
/* Get Usage Allocation: KMIP 1.4 s4.18 */
#include "operation/payload.h"
#include "operation/usage.h"

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    if (fields_need(&fields, TAG_USAGE_LIMITS_COUNT, TTLV_LONG_INTEGER, &item))
        op->args.check.count = ttlv_long(&item);
    enum result_reason reason = payload_end(op, &fields);
    if (reason == REASON_NONE && op->args.check.count <= 0)
        return op_refuse(op, REASON_INVALID_FIELD, "Usage Limits Count is not positive");
    return reason;
}

static enum result_reason check(struct op *op)
{
    int64_t left = usage_left(&op->object);
    if (left < 0 || !usage_may_protect(&op->object, op->env->now.unix_s))
        return op_refuse(op, REASON_ILLEGAL_OPERATION,
                         "the object has no Usage Limits, or may not protect data now");
    if (op->args.check.count > left)
        return op_refuse(op, REASON_PERMISSION_DENIED, "fewer units are left than asked for");
    return REASON_NONE;
}

static enum result_reason execute(struct op *op)
{
    uint8_t bytes[64];
    struct ttlv_writer w = ttlv_writer_over(bytes, sizeof bytes);
    struct object_attribute limits;
    struct ttlv_item item;
    const struct attribute_row *row = attribute_by_tag(TAG_USAGE_LIMITS);
    if (!object_attribute_find(&op->object, row, span_of(NULL, 0), 0, &limits))
        return REASON_ILLEGAL_OPERATION;
    struct ttlv_reader reader = ttlv_reader_trusted(limits.value);
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_USAGE_LIMITS_COUNT)
            ttlv_put_long(&w, TAG_USAGE_LIMITS_COUNT, ttlv_long(&item) - op->args.check.count);
        else
            ttlv_put_whole(&w, item.whole);
    }
    struct draft *draft = op_draft(op);
    draft_set(draft, row, span_of(NULL, 0), 0, TTLV_STRUCTURE, span_of(w.start, w.len));
    return op_propose(op, draft, op->handle, COMMIT_JOURNAL);
}

const struct operation op_get_usage_allocation = {.code = OPERATION_GET_USAGE_ALLOCATION,
                                                  .name = "Get Usage Allocation",
                                                  .needs = NEED_OBJECT | NEED_IDLE,
                                                  .decode = decode,
                                                  .check = check,
                                                  .execute = execute,
                                                  .respond = payload_respond_uid};
