/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/change.h"

#include "base/bytes.h"

static enum result_reason not_allowed(struct op *op, enum change_kind kind, const char *why)
{
    return op_refuse(op, kind == CHANGE_CREATE ? REASON_INVALID_FIELD : REASON_PERMISSION_DENIED, why);
}

/* Dates may move only while they still decide something. KMIP 1.4 s3.24 to s3.27. */
static enum result_reason check_date_rule(struct op *op, struct draft *draft, const struct attribute_row *row)
{
    struct object view = draft_view(draft);
    enum state state = object_state(&op->object, op->env->now.unix_s);
    int64_t old = object_date(&view, row->tag);
    bool reached = old != DATE_NONE && old <= op->env->now.unix_s;
    switch (row->tag) {
    case TAG_ACTIVATION_DATE:
        if (state == STATE_PRE_ACTIVE)
            return REASON_NONE;
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "Activation Date changes only while the object is Pre-Active");
    case TAG_PROCESS_START_DATE:
    case TAG_PROTECT_STOP_DATE:
        if (state <= STATE_ACTIVE && !reached)
            return REASON_NONE;
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "this date has been reached, or the object is no longer Active");
    case TAG_DEACTIVATION_DATE:
        if (state <= STATE_ACTIVE)
            return REASON_NONE;
        return op_refuse(op, REASON_PERMISSION_DENIED, "Deactivation Date changes only before deactivation");
    default:
        return REASON_NONE;
    }
}

enum result_reason change_check_usage(struct op *op, const struct attribute_row *row)
{
    struct object_attribute old;
    if (row == NULL || row->tag != TAG_USAGE_LIMITS ||
        !object_attribute_find(&op->object, row, span_of(NULL, 0), 0, &old))
        return REASON_NONE;
    int64_t total = -1, count = -1;
    struct ttlv_reader reader = ttlv_reader_trusted(old.value);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_USAGE_LIMITS_TOTAL)
            total = ttlv_long(&item);
        if (item.tag == TAG_USAGE_LIMITS_COUNT)
            count = ttlv_long(&item);
    }
    return total == count
               ? REASON_NONE
               : op_refuse(op, REASON_PERMISSION_DENIED, "usage has been allocated; the limits stand");
}

static enum result_reason check_name(struct op *op, const struct attribute *a, struct draft *draft,
                                     enum change_kind kind)
{
    struct ttlv_reader reader = ttlv_enter(&a->value);
    struct ttlv_item value;
    if (ttlv_next(&reader, &value) != STATUS_OK)
        return REASON_INVALID_FIELD;
    struct object view = draft_view(draft);
    struct store *store = op->env->store;
    uint8_t scope = scopes_number(&store->scopes, view.scope);
    const struct catalogue_entry *other = catalogue_find_name(&store->catalogue, scope, value.value);
    if (other == NULL || memcmp(other->uid, draft->head.uid, UUID_BYTES) == 0)
        return REASON_NONE;
    return op_refuse(op, kind == CHANGE_CREATE ? REASON_INVALID_FIELD : REASON_ILLEGAL_OPERATION,
                     "another object has this Name");
}

/* KMIP 1.4 s3.21: the count begins at the total, whatever the client sends. */
static enum result_reason set_usage_limits(struct op *op, struct draft *draft, const struct attribute *a)
{
    uint8_t bytes[64];
    struct ttlv_writer w = ttlv_writer_over(bytes, sizeof bytes);
    struct ttlv_reader reader = ttlv_enter(&a->value);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_USAGE_LIMITS_TOTAL) {
            if (ttlv_long(&item) <= 0)
                return op_refuse(op, REASON_INVALID_FIELD, "Usage Limits Total is not positive");
            ttlv_put_long(&w, TAG_USAGE_LIMITS_TOTAL, ttlv_long(&item));
            ttlv_put_long(&w, TAG_USAGE_LIMITS_COUNT, ttlv_long(&item));
        } else if (item.tag == TAG_USAGE_LIMITS_UNIT) {
            ttlv_put_whole(&w, item.whole);
        }
    }
    draft_set(draft, a->row, a->name, 0, TTLV_STRUCTURE, span_of(w.start, w.len));
    return REASON_NONE;
}

static void set_flag(struct draft *draft, uint16_t flag, bool on)
{
    draft->head.flags = (uint16_t)(on ? draft->head.flags | flag : draft->head.flags & ~flag);
}

/* Attributes that live in the head of the record. True when this was one. */
static bool set_head(struct draft *draft, const struct attribute *a, enum change_kind kind)
{
    if (a->row == NULL || a->row->type != TTLV_BOOLEAN)
        return false;
    bool value = ttlv_boolean(&a->value);
    switch (a->row->tag) {
    case TAG_FRESH:
        set_flag(draft, OBJECT_FRESH, value);
        return true;
    case TAG_SENSITIVE:
        set_flag(draft, OBJECT_SENSITIVE, value);
        if (!value || kind == CHANGE_CREATE)
            set_flag(draft, OBJECT_ALWAYS_SENSITIVE, value);
        return true;
    case TAG_EXTRACTABLE:
        set_flag(draft, OBJECT_NOT_EXTRACTABLE, !value);
        if (value || kind == CHANGE_CREATE)
            set_flag(draft, OBJECT_NEVER_EXTRACTABLE, !value);
        return true;
    default:
        return false;
    }
}

/* Values that only some servers can honour. */
static enum result_reason check_promise(struct op *op, const struct attribute *a, const struct draft *draft)
{
    if (a->row == NULL)
        return REASON_NONE;
    bool made_here = (draft->head.flags & OBJECT_MADE_HERE) != 0;
    if (a->row->tag == TAG_OPERATION_POLICY_NAME && !span_equal(a->value.value, span_of_text("default")))
        return op_refuse(op, REASON_INVALID_FIELD, "the only Operation Policy Name is default");
    if (made_here &&
        (a->row->tag == TAG_ORIGINAL_CREATION_DATE || a->row->tag == TAG_RANDOM_NUMBER_GENERATOR))
        return op_refuse(op, REASON_INVALID_FIELD, "the server sets this attribute of keys that it makes");
    if (a->row->tag == TAG_APPLICATION_SPECIFIC_INFORMATION) {
        struct ttlv_reader reader = ttlv_enter(&a->value);
        struct ttlv_item item;
        int count = 0;
        while (ttlv_next(&reader, &item) == STATUS_OK)
            count++;
        if (count < 2)
            return op_refuse(op, REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED,
                             "this server makes no Application Data; send it");
    }
    return REASON_NONE;
}

static enum result_reason check_rules(struct op *op, const struct attribute *a, struct draft *draft,
                                      enum change_kind kind)
{
    static const uint8_t needed[] = {MAY_CREATE, MAY_ADD, MAY_MODIFY};
    if (!a->has_value)
        return op_refuse(op, REASON_INVALID_MESSAGE, "Attribute without Attribute Value");
    if (a->row == NULL) {
        if (a->name.ptr[0] == 'y')
            return not_allowed(op, kind, "attributes named y- are the server's");
        return REASON_NONE;
    }
    if ((a->row->rules & needed[kind]) == 0)
        return not_allowed(op, kind, "this attribute is set by the server, or only when the object is made");
    if ((a->row->objects & attribute_object_bit(draft->head.type)) == 0)
        return not_allowed(op, kind, "this attribute does not apply to this type of object");
    if (kind == CHANGE_CREATE)
        return REASON_NONE;
    enum result_reason reason = check_date_rule(op, draft, a->row);
    return reason == REASON_NONE ? change_check_usage(op, a->row) : reason;
}

/* Whether an instance with the same value stands in the draft already. */
static bool has_same_value(struct draft *draft, const struct attribute *a)
{
    struct object view = draft_view(draft);
    struct ttlv_reader reader = ttlv_reader_trusted(view.attributes);
    struct object_attribute other;
    while (object_attribute_next(&reader, &other))
        if (other.row == a->row && (a->row != NULL || span_equal(other.name, a->name)) &&
            other.type == a->value.type && span_equal(other.value, a->value.value))
            return true;
    return false;
}

static enum result_reason choose_index(struct op *op, struct draft *draft, const struct attribute *a,
                                       enum change_kind kind, int32_t *index)
{
    int count;
    *index = draft_free_index(draft, a->row, a->name, &count);
    bool many = a->row == NULL || (a->row->rules & MANY) != 0;
    enum result_reason exists = kind == CHANGE_CREATE ? REASON_INVALID_FIELD : REASON_ILLEGAL_OPERATION;
    if (!many && count != 0)
        return op_refuse(op, exists, "the attribute exists already and has one value; use Modify Attribute");
    if (many && has_same_value(draft, a))
        return op_refuse(op, exists, "the attribute exists already with this value");
    if (*index >= ATTRIBUTE_INSTANCES_MAX)
        return op_refuse(op, REASON_INDEX_OUT_OF_BOUNDS, "an attribute has at most 64 instances here");
    return REASON_NONE;
}

enum result_reason change_set(struct op *op, struct draft *draft, const struct attribute *a,
                              enum change_kind kind, int32_t *index)
{
    enum result_reason reason = check_rules(op, a, draft, kind);
    if (reason == REASON_NONE)
        reason = check_promise(op, a, draft);
    if (reason == REASON_NONE && a->row != NULL && a->row->tag == TAG_NAME)
        reason = check_name(op, a, draft, kind);
    if (reason != REASON_NONE)
        return reason;
    if (set_head(draft, a, kind)) {
        *index = 0;
        return REASON_NONE;
    }
    if (kind != CHANGE_MODIFY) {
        reason = choose_index(op, draft, a, kind, index);
        if (reason != REASON_NONE)
            return reason;
    }
    if (a->row != NULL && a->row->tag == TAG_USAGE_LIMITS)
        return set_usage_limits(op, draft, a);
    draft_set(draft, a->row, a->name, *index, a->value.type, a->value.value);
    return REASON_NONE;
}

enum result_reason change_set_template(struct op *op, struct draft *draft, struct span template_content)
{
    struct ttlv_reader reader = ttlv_reader_trusted(template_content);
    struct ttlv_item item;
    int count = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        struct attribute attribute;
        int32_t index;
        if (item.tag == TAG_NAME)
            return op_refuse(op, REASON_ITEM_NOT_FOUND,
                             "there is no Template of this Name; send the attributes themselves");
        if (item.tag != TAG_ATTRIBUTE)
            return op_refuse(op, REASON_INVALID_FIELD, "a Template-Attribute holds Attributes");
        if (++count > ATTRIBUTES_A_REQUEST)
            return op_refuse(op, REASON_INDEX_OUT_OF_BOUNDS, "more than 96 attributes in one request");
        enum result_reason reason = attribute_read(&item, op->minor, false, &attribute, &op->why);
        if (reason == REASON_NONE)
            reason = change_set(op, draft, &attribute, CHANGE_CREATE, &index);
        if (reason != REASON_NONE)
            return reason;
        if (attribute.has_index && attribute.index != index)
            return op_refuse(op, REASON_INVALID_FIELD, "Attribute Index of a new object counts from 0");
    }
    return REASON_NONE;
}

enum result_reason change_check_dates(struct op *op, struct draft *draft)
{
    struct object view = draft_view(draft);
    int64_t activation = object_date(&view, TAG_ACTIVATION_DATE);
    int64_t deactivation = object_date(&view, TAG_DEACTIVATION_DATE);
    int64_t start = object_date(&view, TAG_PROCESS_START_DATE);
    int64_t stop = object_date(&view, TAG_PROTECT_STOP_DATE);
    if (start != DATE_NONE && activation != DATE_NONE && start < activation)
        return op_refuse(op, REASON_INVALID_FIELD, "Process Start Date is before Activation Date");
    if (stop != DATE_NONE && deactivation != DATE_NONE && stop > deactivation)
        return op_refuse(op, REASON_INVALID_FIELD, "Protect Stop Date is after Deactivation Date");
    if (activation != DATE_NONE && deactivation != DATE_NONE && deactivation < activation)
        return op_refuse(op, REASON_INVALID_FIELD, "Deactivation Date is before Activation Date");
    return REASON_NONE;
}
