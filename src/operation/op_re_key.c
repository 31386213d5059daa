/* SPDX-License-Identifier: Apache-2.0 */
/* Re-key: KMIP 1.4 s4.4 */
#include "base/bytes.h"
#include "operation/make.h"

/* Bytes that make_propose adds: two dates. */
#define DATE_ITEM 16

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    if (fields_take(&fields, TAG_OFFSET, TTLV_INTERVAL, &item)) {
        op->args.make.has_offset = true;
        op->args.make.offset_s = ttlv_enumeration(&item);
    }
    if (fields_take(&fields, TAG_TEMPLATE_ATTRIBUTE, TTLV_STRUCTURE, &item))
        op->args.make.template = item.value;
    return payload_end(op, &fields);
}

static bool is_life_date(uint32_t tag)
{
    return tag == TAG_ACTIVATION_DATE || tag == TAG_PROCESS_START_DATE || tag == TAG_PROTECT_STOP_DATE ||
           tag == TAG_DEACTIVATION_DATE;
}

static bool template_has_dates(struct op *op)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.make.template);
    struct ttlv_item item;
    struct attribute a;
    while (op->args.make.template.len != 0 && ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_ATTRIBUTE &&
            attribute_read(&item, op->minor, false, &a, &op->why) == REASON_NONE && a.row != NULL &&
            is_life_date(a.row->tag))
            return true;
    return false;
}

static bool has_replacement(const struct object *object)
{
    struct ttlv_reader reader = ttlv_reader_trusted(object->attributes);
    struct object_attribute a;
    struct ttlv_item type;
    while (object_attribute_next(&reader, &a)) {
        struct ttlv_reader inner = ttlv_reader_trusted(a.value);
        if (a.row != NULL && a.row->tag == TAG_LINK && ttlv_next(&inner, &type) == STATUS_OK &&
            ttlv_enumeration(&type) == LINK_REPLACEMENT_OBJECT)
            return true;
    }
    return false;
}

static enum result_reason check(struct op *op)
{
    const struct object *o = &op->object;
    if (o->head.type != OBJECT_SYMMETRIC_KEY || o->wrapping_data.len != 0)
        return op_refuse(op, REASON_PERMISSION_DENIED, "only plain Symmetric Keys can be re-keyed");
    if ((o->head.flags & OBJECT_NO_KEY_VALUE) != 0)
        return op_refuse(op, REASON_KEY_VALUE_NOT_PRESENT, "the key value is not on this server");
    if (has_replacement(o))
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "this key has been replaced already; re-key its replacement");
    if (!op->args.make.has_offset)
        return REASON_NONE;
    if (template_has_dates(op))
        return op_refuse(op, REASON_INVALID_MESSAGE, "Offset and dates exclude one another");
    bool dates = object_date(o, TAG_PROCESS_START_DATE) != DATE_NONE ||
                 object_date(o, TAG_PROTECT_STOP_DATE) != DATE_NONE ||
                 object_date(o, TAG_DEACTIVATION_DATE) != DATE_NONE;
    if (dates && object_date(o, TAG_ACTIVATION_DATE) == DATE_NONE)
        return op_refuse(op, REASON_ILLEGAL_OPERATION, "Offset needs an Activation Date in the existing key");
    return REASON_NONE;
}

/* KMIP 1.4 s4.4, Table 173: what the replacement does not take over. Usage Limits and Links are set anew. */
static bool is_copied(const struct object_attribute *a)
{
    if (a->row == NULL)
        return true;
    switch (a->row->tag) {
    case TAG_INITIAL_DATE:
    case TAG_DESTROY_DATE:
    case TAG_COMPROMISE_OCCURRENCE_DATE:
    case TAG_COMPROMISE_DATE:
    case TAG_REVOCATION_REASON:
    case TAG_ARCHIVE_DATE:
    case TAG_LINK:
    case TAG_LAST_CHANGE_DATE:
    case TAG_ORIGINAL_CREATION_DATE:
    case TAG_RANDOM_NUMBER_GENERATOR:
    case TAG_USAGE_LIMITS:
        return false;
    default:
        return true;
    }
}

static void copy_usage_limits(struct draft *draft, const struct object_attribute *a)
{
    uint8_t bytes[64];
    struct ttlv_writer w = ttlv_writer_over(bytes, sizeof bytes);
    struct ttlv_reader reader = ttlv_reader_trusted(a->value);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_USAGE_LIMITS_COUNT)
            continue;
        ttlv_put_whole(&w, item.whole);
        if (item.tag == TAG_USAGE_LIMITS_TOTAL)
            ttlv_put_long(&w, TAG_USAGE_LIMITS_COUNT, ttlv_long(&item));
    }
    draft_set(draft, a->row, a->name, 0, TTLV_STRUCTURE, span_of(w.start, w.len));
}

static void copy_attributes(struct op *op, struct draft *draft)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->object.attributes);
    struct object_attribute a;
    while (object_attribute_next(&reader, &a)) {
        if (is_copied(&a))
            draft_set(draft, a.row, a.name, a.index, a.type, a.value);
        else if (a.row->tag == TAG_USAGE_LIMITS)
            copy_usage_limits(draft, &a);
    }
}

/* A date at the end of time stays there. */
static int64_t moved(int64_t date, int64_t from, int64_t to)
{
    int64_t by, at;
    return __builtin_sub_overflow(to, from, &by) || __builtin_add_overflow(date, by, &at) ? date : at;
}

/* KMIP 1.4 s4.4, Table 172: every date moves by as much as the Activation Date does. */
static void move_dates(struct op *op, struct draft *draft)
{
    static const uint32_t following[] = {TAG_PROCESS_START_DATE, TAG_PROTECT_STOP_DATE,
                                         TAG_DEACTIVATION_DATE};
    if (!op->args.make.has_offset)
        return;
    int64_t activation = op->env->now.unix_s + op->args.make.offset_s;
    int64_t before = object_date(&op->object, TAG_ACTIVATION_DATE);
    draft_set_date(draft, TAG_ACTIVATION_DATE, activation);
    for (size_t i = 0; i < COUNT_OF(following); i++) {
        int64_t date = object_date(&op->object, following[i]);
        if (date != DATE_NONE && before != DATE_NONE)
            draft_set_date(draft, following[i], moved(date, before, activation));
    }
}

/* A date in the template takes the place of the one copied. */
static void drop_overridden(struct op *op, struct draft *draft)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.make.template);
    struct ttlv_item item;
    struct attribute a;
    while (op->args.make.template.len != 0 && ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_ATTRIBUTE &&
            attribute_read(&item, op->minor, false, &a, &op->why) == REASON_NONE && a.row != NULL &&
            (a.row->rules & MANY) == 0)
            draft_remove(draft, a.row, a.name, 0);
}

static void add_link(struct draft *draft, enum link_type type, const uint8_t uid[UUID_BYTES])
{
    uint8_t bytes[80];
    char text[UUID_TEXT + 1];
    int count;
    struct ttlv_writer w = ttlv_writer_over(bytes, sizeof bytes);
    const struct attribute_row *row = attribute_by_tag(TAG_LINK);
    uuid_write(uid, text);
    ttlv_put_enumeration(&w, TAG_LINK_TYPE, (uint32_t)type);
    ttlv_put_text(&w, TAG_LINKED_OBJECT_IDENTIFIER, span_of(text, UUID_TEXT));
    draft_set(draft, row, span_of(NULL, 0), draft_free_index(draft, row, span_of(NULL, 0), &count),
              TTLV_STRUCTURE, span_of(w.start, w.len));
}

/* The existing key gives its Names away and points to its replacement. */
static struct draft *draft_old(struct op *op, const uint8_t new_uid[UUID_BYTES])
{
    struct draft *old = &op->env->drafts[1];
    const struct attribute_row *name = attribute_by_tag(TAG_NAME);
    uint8_t room[ANCESTORS_BYTES];
    struct object next = store_descend(op->env->store, op->handle, &op->object, room);
    draft_from(old, &next, op->env->store->node);
    draft_set_date(old, TAG_LAST_CHANGE_DATE, op->env->now.unix_s);
    for (int32_t i = 0; i < ATTRIBUTE_INSTANCES_MAX; i++)
        draft_remove(old, name, span_of(NULL, 0), i);
    add_link(old, LINK_REPLACEMENT_OBJECT, new_uid);
    return old;
}

/* Algorithm and length are those of the existing key, but for what the template asks for (KMIP 1.4 s4.4). */
static enum result_reason settle_kind(struct op *op, uint32_t *algorithm, size_t *key_bytes)
{
    const struct key_kind old = {.algorithm = object_enumeration(&op->object, TAG_CRYPTOGRAPHIC_ALGORITHM, 0),
                                 .length_bits = object_integer(&op->object, TAG_CRYPTOGRAPHIC_LENGTH, 0)};
    struct key_kind kind = old;
    enum result_reason reason = make_read_kind(op, &kind);
    if (reason != REASON_NONE)
        return reason;
    *algorithm = kind.algorithm;
    *key_bytes = make_key_bytes(kind.algorithm, kind.length_bits);
    if (*key_bytes != 0)
        return REASON_NONE;
    bool asked = kind.algorithm != old.algorithm || kind.length_bits != old.length_bits;
    return op_refuse(op, asked ? REASON_INVALID_FIELD : REASON_CRYPTOGRAPHIC_FAILURE,
                     "this server does not make keys of this algorithm and length");
}

static enum result_reason execute(struct op *op)
{
    uint32_t algorithm;
    size_t key_bytes;
    enum result_reason reason = settle_kind(op, &algorithm, &key_bytes);
    if (reason != REASON_NONE)
        return reason;
    struct draft *draft = &op->env->drafts[0];
    struct draft_parts parts = {.scope = op->object.scope, .key_format = op->object.key_format};
    uint16_t kept =
        OBJECT_SENSITIVE | OBJECT_ALWAYS_SENSITIVE | OBJECT_NOT_EXTRACTABLE | OBJECT_NEVER_EXTRACTABLE;
    uint16_t flags = (uint16_t)((op->object.head.flags & kept) | OBJECT_MADE_HERE);
    uint8_t room[MAKE_ROOM];
    make_key(op, algorithm, key_bytes, &parts, &flags, room);
    parts.key_format = KEY_FORMAT_RAW;
    struct object_head head = make_head(op, OBJECT_SYMMETRIC_KEY, flags);
    draft_begin(draft, &head, &parts);
    copy_attributes(op, draft);
    move_dates(op, draft);
    drop_overridden(op, draft);
    if (op->args.make.template.len != 0)
        reason = change_set_template(op, draft, op->args.make.template);
    if (reason != REASON_NONE)
        return reason;
    add_link(draft, LINK_REPLACED_OBJECT, op->object.head.uid);
    /* Two records change together: there has to be room for both before the first one does. */
    struct draft *old = draft_old(op, head.uid);
    if (old->full || draft->full || !store_has_room(op->env->store, draft->len + 2 * DATE_ITEM, old->len))
        return op_refuse(op, REASON_GENERAL_FAILURE,
                         "the memory for records is full; raise store record-bytes");
    reason = make_propose(op, draft);
    return reason == REASON_NONE ? op_propose(op, old, op->handle, COMMIT_KEYMGR) : reason;
}

const struct operation op_re_key = {.code = OPERATION_RE_KEY,
                                    .name = "Re-key",
                                    .needs = NEED_OBJECT | NEED_IDLE | NEED_NEW_KEK,
                                    .decode = decode,
                                    .check = check,
                                    .execute = execute,
                                    .respond = payload_respond_uid};
