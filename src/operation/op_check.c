/* SPDX-License-Identifier: Apache-2.0 */
/* Check: KMIP 1.4 s4.10 */
#include "operation/payload.h"
#include "operation/usage.h"

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    op->args.check.has_count = fields_take(&fields, TAG_USAGE_LIMITS_COUNT, TTLV_LONG_INTEGER, &item);
    op->args.check.count = op->args.check.has_count ? ttlv_long(&item) : 0;
    op->args.check.has_mask = fields_take(&fields, TAG_CRYPTOGRAPHIC_USAGE_MASK, TTLV_INTEGER, &item);
    op->args.check.mask = op->args.check.has_mask ? ttlv_integer(&item) : 0;
    op->args.check.has_lease = fields_take(&fields, TAG_LEASE_TIME, TTLV_INTERVAL, &item);
    op->args.check.lease_s = op->args.check.has_lease ? ttlv_enumeration(&item) : 0;
    return payload_end(op, &fields);
}

static enum result_reason check(struct op *op)
{
    const struct object *o = &op->object;
    op->clear_placeholder = true; /* unless all is well: KMIP 1.4 s4.10 */
    if (op->args.check.has_count) {
        int64_t left = usage_left(o);
        if (left < 0 || !usage_may_protect(o, op->env->now.unix_s))
            return op_refuse(op, REASON_ILLEGAL_OPERATION,
                             "the object has no Usage Limits, or may not protect data now");
        if (op->args.check.count > left)
            return op_refuse(op, REASON_PERMISSION_DENIED, "Usage Limits Count is more than is left");
    }
    if (op->args.check.has_mask &&
        (object_integer(o, TAG_CRYPTOGRAPHIC_USAGE_MASK, 0) & op->args.check.mask) != op->args.check.mask)
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "the object's Cryptographic Usage Mask does not allow this use");
    if (op->args.check.has_lease && op->args.check.lease_s > op->env->lease_time_s)
        return op_refuse(op, REASON_PERMISSION_DENIED, "the server does not grant so long a lease");
    op->clear_placeholder = false;
    return REASON_NONE;
}

const struct operation op_check = {.code = OPERATION_CHECK,
                                   .name = "Check",
                                   .needs = NEED_OBJECT,
                                   .decode = decode,
                                   .check = check,
                                   .respond = payload_respond_uid};
