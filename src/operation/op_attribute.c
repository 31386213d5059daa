/* SPDX-License-Identifier: Apache-2.0 */
/* Add Attribute, Modify Attribute, Delete Attribute: KMIP 1.4 s4.14 to s4.16 */
#include "operation/change.h"

static enum result_reason decode_value(struct op *op)
{
    struct fields fields;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    fields_need(&fields, TAG_ATTRIBUTE, TTLV_STRUCTURE, &op->args.attribute.structure);
    return payload_end(op, &fields);
}

static enum result_reason decode_name(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    if (fields_need(&fields, TAG_ATTRIBUTE_NAME, TTLV_TEXT_STRING, &item))
        op->args.attribute.name = item.value;
    op->args.attribute.has_index = fields_take(&fields, TAG_ATTRIBUTE_INDEX, TTLV_INTEGER, &item);
    op->args.attribute.index = op->args.attribute.has_index ? ttlv_integer(&item) : 0;
    return payload_end(op, &fields);
}

static enum result_reason finish(struct op *op, struct draft *draft)
{
    enum result_reason reason = change_check_dates(op, draft);
    if (reason != REASON_NONE)
        return reason;
    memcpy(op->result.uid, op->object.head.uid, UUID_BYTES);
    return op_propose(op, draft, op->handle, COMMIT_JOURNAL);
}

static enum result_reason execute_add(struct op *op)
{
    struct attribute a;
    enum result_reason reason = attribute_read(&op->args.attribute.structure, op->minor, false, &a, &op->why);
    if (reason != REASON_NONE)
        return reason;
    if (a.has_index)
        return op_refuse(op, REASON_INVALID_FIELD, "Add Attribute chooses the Attribute Index itself");
    struct draft *draft = op_draft(op);
    reason = change_set(op, draft, &a, CHANGE_ADD, &op->result.index);
    return reason == REASON_NONE ? finish(op, draft) : reason;
}

/* Whether the object has any instance, and this one. Attributes in the record's head always have their one
 * instance. */
static enum result_reason find_instance(struct op *op, const struct attribute_row *row, struct span name,
                                        int32_t index, enum result_reason none)
{
    struct object_attribute found;
    struct ttlv_reader reader = ttlv_reader_trusted(op->object.attributes);
    bool any = row != NULL && (row->tag == TAG_SENSITIVE || row->tag == TAG_EXTRACTABLE);
    if (any && index == 0)
        return REASON_NONE;
    while (!any && object_attribute_next(&reader, &found))
        any = found.row == row && (row != NULL || span_equal(found.name, name));
    if (!any)
        return op_refuse(op, none, "the object has no such attribute");
    if (!object_attribute_find(&op->object, row, name, index, &found))
        return op_refuse(op, REASON_ITEM_NOT_FOUND,
                         "the attribute has no instance with this Attribute Index");
    return REASON_NONE;
}

static enum result_reason execute_modify(struct op *op)
{
    struct attribute a;
    enum result_reason reason = attribute_read(&op->args.attribute.structure, op->minor, false, &a, &op->why);
    if (reason != REASON_NONE)
        return reason;
    if (a.row != NULL && (a.row->rules & MAY_MODIFY) == 0)
        return op_refuse(op, REASON_PERMISSION_DENIED, "this attribute is not changed by clients");
    reason = find_instance(op, a.row, a.name, a.index, REASON_INVALID_FIELD);
    if (reason != REASON_NONE)
        return reason;
    struct draft *draft = op_draft(op);
    op->result.index = a.index;
    reason = change_set(op, draft, &a, CHANGE_MODIFY, &op->result.index);
    return reason == REASON_NONE ? finish(op, draft) : reason;
}

/* The answer to Add and Modify: the attribute as the draft has it, with its index. */
static enum result_reason respond_value(struct op *op, struct ttlv_writer *out)
{
    struct attribute a;
    enum result_reason reason = attribute_read(&op->args.attribute.structure, op->minor, false, &a, &op->why);
    if (reason != REASON_NONE)
        return reason;
    payload_put_uid(out, op->result.uid);
    struct object_attribute now;
    struct object view = draft_view(&op->env->drafts[0]);
    bool stored = object_attribute_find(&view, a.row, a.name, op->result.index, &now);
    attribute_write(out, a.row, a.name, op->result.index, stored ? now.type : a.value.type,
                    stored ? now.value : a.value.value, op->minor);
    return REASON_NONE;
}

const struct operation op_add_attribute = {.code = OPERATION_ADD_ATTRIBUTE,
                                           .name = "Add Attribute",
                                           .needs = NEED_OBJECT | NEED_IDLE,
                                           .decode = decode_value,
                                           .execute = execute_add,
                                           .respond = respond_value};

const struct operation op_modify_attribute = {.code = OPERATION_MODIFY_ATTRIBUTE,
                                              .name = "Modify Attribute",
                                              .needs = NEED_OBJECT | NEED_IDLE,
                                              .decode = decode_value,
                                              .execute = execute_modify,
                                              .respond = respond_value};

/* The row of the name, or a refusal. Custom attributes have none. */
static enum result_reason deletable(struct op *op, const struct attribute_row **row)
{
    struct span name = op->args.attribute.name;
    *row = attribute_by_name(name, op->minor);
    if (*row == NULL && !attribute_is_custom(name))
        return op_refuse(op, REASON_ITEM_NOT_FOUND, "unknown attribute name");
    if ((*row != NULL && ((*row)->rules & MAY_DELETE) == 0) || (*row == NULL && name.ptr[0] == 'y'))
        return op_refuse(op, REASON_PERMISSION_DENIED, "this attribute is not deleted by clients");
    return REASON_NONE;
}

static enum result_reason execute_delete(struct op *op)
{
    const struct attribute_row *row;
    enum result_reason reason = deletable(op, &row);
    if (reason == REASON_NONE)
        reason =
            find_instance(op, row, op->args.attribute.name, op->args.attribute.index, REASON_ITEM_NOT_FOUND);
    if (reason == REASON_NONE)
        reason = change_check_usage(op, row);
    if (reason != REASON_NONE)
        return reason;
    struct draft *draft = op_draft(op);
    draft_remove(draft, row, op->args.attribute.name, op->args.attribute.index);
    return finish(op, draft);
}

/* The record still holds it while the answer is written. */
static enum result_reason respond_deleted(struct op *op, struct ttlv_writer *out)
{
    const struct attribute_row *row = attribute_by_name(op->args.attribute.name, op->minor);
    struct object_attribute deleted;
    payload_put_uid(out, op->object.head.uid);
    if (object_attribute_find(&op->object, row, op->args.attribute.name, op->args.attribute.index, &deleted))
        attribute_write(out, deleted.row, deleted.name, deleted.index, deleted.type, deleted.value,
                        op->minor);
    return REASON_NONE;
}

const struct operation op_delete_attribute = {.code = OPERATION_DELETE_ATTRIBUTE,
                                              .name = "Delete Attribute",
                                              .needs = NEED_OBJECT | NEED_IDLE,
                                              .decode = decode_name,
                                              .execute = execute_delete,
                                              .respond = respond_deleted};
