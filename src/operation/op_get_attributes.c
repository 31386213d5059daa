/* SPDX-License-Identifier: Apache-2.0 */
/* Get Attributes and Get Attribute List: KMIP 1.4 s4.12, s4.13 */
#include "operation/payload.h"
#include "operation/show.h"

static bool is_repeated(struct span names, const struct ttlv_item *name)
{
    struct ttlv_reader reader = ttlv_reader_trusted(names);
    struct ttlv_item other;
    int count = 0;
    while (ttlv_next(&reader, &other) == STATUS_OK)
        count += span_equal(other.value, name->value);
    return count > 1;
}

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    const uint8_t *from = fields.has_next ? fields.next.whole.ptr : fields.reader.at;
    while (fields_take(&fields, TAG_ATTRIBUTE_NAME, TTLV_TEXT_STRING, &item))
        op->args.attributes.name_count++;
    enum result_reason reason = payload_end(op, &fields);
    if (reason != REASON_NONE)
        return reason;
    op->args.attributes.names = span_of(from, (size_t)(fields.reader.at - from));
    if (op->args.attributes.name_count > ATTRIBUTES_A_REQUEST)
        return op_refuse(op, REASON_INDEX_OUT_OF_BOUNDS, "more than 96 attribute names in one request");
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.attributes.names);
    while (op->args.attributes.name_count > 1 && ttlv_next(&reader, &item) == STATUS_OK)
        if (is_repeated(op->args.attributes.names, &item))
            return op_refuse(op, REASON_INVALID_MESSAGE, "the same Attribute Name stands twice");
    return REASON_NONE;
}

/* Writes every instance of the attributes with this name, or of all when name.ptr is NULL. */
static void put_attributes(struct op *op, struct ttlv_writer *out, struct span name)
{
    struct show show;
    struct object_attribute a;
    show_begin(&show, op->env, &op->object, op->fresh_spent);
    while (show_next(&show, &a))
        if (name.ptr == NULL || span_equal(a.row != NULL ? span_of_text(a.row->name) : a.name, name))
            attribute_write(out, a.row, a.name, a.index, a.type, a.value, op->minor);
}

static enum result_reason respond_attributes(struct op *op, struct ttlv_writer *out)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.attributes.names);
    struct ttlv_item name;
    payload_put_uid(out, op->object.head.uid);
    if (op->args.attributes.name_count == 0)
        put_attributes(op, out, span_of(NULL, 0));
    else
        while (ttlv_next(&reader, &name) == STATUS_OK)
            put_attributes(op, out, name.value);
    return REASON_NONE;
}

const struct operation op_get_attributes = {.code = OPERATION_GET_ATTRIBUTES,
                                            .name = "Get Attributes",
                                            .needs = NEED_OBJECT | ALLOW_ARCHIVED | ALLOW_DESTROYED,
                                            .decode = decode,
                                            .respond = respond_attributes};

/* A name is listed once, however many instances there are: at the one with the lowest place. */
static bool listed_before(struct op *op, const struct object_attribute *a)
{
    struct show show;
    struct object_attribute other;
    show_begin(&show, op->env, &op->object, op->fresh_spent);
    while (show_next(&show, &other)) {
        if (other.row == a->row && (a->row != NULL || span_equal(other.name, a->name)))
            return a->whole.ptr != NULL && other.whole.ptr != a->whole.ptr;
    }
    return false;
}

static enum result_reason respond_list(struct op *op, struct ttlv_writer *out)
{
    struct show show;
    struct object_attribute a;
    payload_put_uid(out, op->object.head.uid);
    show_begin(&show, op->env, &op->object, op->fresh_spent);
    while (show_next(&show, &a)) {
        if (a.row != NULL && a.row->since > op->minor)
            continue;
        if (!listed_before(op, &a))
            ttlv_put_text(out, TAG_ATTRIBUTE_NAME, a.row != NULL ? span_of_text(a.row->name) : a.name);
    }
    return REASON_NONE;
}

const struct operation op_get_attribute_list = {.code = OPERATION_GET_ATTRIBUTE_LIST,
                                                .name = "Get Attribute List",
                                                .needs = NEED_OBJECT | ALLOW_ARCHIVED | ALLOW_DESTROYED,
                                                .decode = payload_decode_uid,
                                                .respond = respond_list};
