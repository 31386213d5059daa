/* SPDX-License-Identifier: Apache-2.0 */
/* Locate: KMIP 1.4 s4.9 */
#include "operation/match.h"
#include "operation/payload.h"

/* Objects of a group that one Locate puts in order; who asks for fresh or default members takes the first. */
#define ORDERED_MAX 64

static enum result_reason read_wanted(struct op *op, struct attribute wanted[ATTRIBUTES_A_REQUEST],
                                      size_t *count)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.locate.attributes);
    struct ttlv_item item;
    *count = 0;
    while (op->args.locate.attributes.len != 0 && ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag != TAG_ATTRIBUTE)
            return op_refuse(op, REASON_INVALID_FIELD, "Attributes come last in a Locate");
        if (*count == ATTRIBUTES_A_REQUEST)
            return op_refuse(op, REASON_INDEX_OUT_OF_BOUNDS, "more than 96 attributes in one request");
        enum result_reason reason = attribute_read(&item, op->minor, true, &wanted[(*count)++], &op->why);
        if (reason != REASON_NONE)
            return reason;
    }
    return REASON_NONE;
}

static enum result_reason decode(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    op->args.locate.maximum = INT32_MAX;
    op->args.locate.storage = STORAGE_ON_LINE;
    if (fields_take(&fields, TAG_MAXIMUM_ITEMS, TTLV_INTEGER, &item))
        op->args.locate.maximum = ttlv_integer(&item);
    if (op->minor >= 3 && fields_take(&fields, TAG_OFFSET_ITEMS, TTLV_INTEGER, &item))
        op->args.locate.offset = ttlv_integer(&item);
    if (fields_take(&fields, TAG_STORAGE_STATUS_MASK, TTLV_INTEGER, &item))
        op->args.locate.storage = ttlv_integer(&item);
    if (op->minor >= 1 && fields_take(&fields, TAG_OBJECT_GROUP_MEMBER, TTLV_ENUMERATION, &item))
        op->args.locate.member = ttlv_enumeration(&item);
    if (op->args.locate.maximum < 0 || op->args.locate.offset < 0)
        return op_refuse(op, REASON_INVALID_FIELD, "Maximum Items and Offset Items are not negative");
    if (op->args.locate.member > GROUP_MEMBER_DEFAULT)
        return op_refuse(op, REASON_INVALID_FIELD, "unknown Object Group Member");
    if (fields_peek(&fields, TAG_ATTRIBUTE)) {
        const uint8_t *from = fields.next.whole.ptr;
        op->args.locate.attributes = span_of(from, (size_t)(fields.reader.end - from));
        fields.has_next = false;
    }
    return payload_end(op, &fields);
}

/* Whether this entry is in the client's sight and matches. */
static bool is_hit(struct op *op, const struct catalogue_entry *e, const struct attribute *wanted,
                   size_t count)
{
    struct object object;
    const struct store *store = op->env->store;
    if (e->record == 0 || e->scope != op->identity->scope ||
        object_open(catalogue_record(&store->catalogue, e), &object) != STATUS_OK ||
        state_is_destroyed(object.head.state))
        return false;
    bool archived = (object.head.flags & OBJECT_ARCHIVED) != 0;
    if ((op->args.locate.storage & (archived ? STORAGE_ARCHIVAL : STORAGE_ON_LINE)) == 0)
        return false;
    if (op->args.locate.member == GROUP_MEMBER_FRESH &&
        (e->fresh_spent || (object.head.flags & OBJECT_FRESH) == 0))
        return false;
    return match_all(op->env, &object, e->fresh_spent, wanted, count);
}

/* What an attribute that only one object can have leads to, without a scan. True when it decides; *out may be
 * NULL. */
static bool find_directly(struct op *op, const struct attribute *wanted, size_t count,
                          struct catalogue_entry **out)
{
    const struct catalogue *c = &op->env->store->catalogue;
    for (size_t i = 0; i < count; i++) {
        uint8_t uid[UUID_BYTES];
        struct ttlv_item value;
        if (wanted[i].row == NULL || !wanted[i].has_value)
            continue;
        if (wanted[i].row->tag == TAG_UNIQUE_IDENTIFIER) {
            *out = uuid_read(wanted[i].value.value, uid) == STATUS_OK ? catalogue_find(c, uid) : NULL;
            return true;
        }
        struct ttlv_reader reader = ttlv_enter(&wanted[i].value);
        if (wanted[i].row->tag == TAG_NAME && ttlv_next(&reader, &value) == STATUS_OK &&
            value.tag == TAG_NAME_VALUE) {
            *out = catalogue_find_name(c, op->identity->scope, value.value);
            return true;
        }
    }
    return false;
}

struct hits {
    struct ttlv_writer *out;
    int32_t found;
    int32_t written;
    uint8_t last[UUID_BYTES];
};

static void add_hit(struct op *op, struct hits *hits, const struct catalogue_entry *e)
{
    int32_t number = hits->found++;
    if (number < op->args.locate.offset || hits->written >= op->args.locate.maximum ||
        hits->out->cap - hits->out->len < 64)
        return;
    payload_put_uid(hits->out, e->uid);
    memcpy(hits->last, e->uid, UUID_BYTES);
    hits->written++;
}

/* Fresh members oldest first; default members the least recently served first, so that Gets go round. */
static bool comes_before(const struct op *op, const struct catalogue_entry *a,
                         const struct catalogue_entry *b)
{
    if (op->args.locate.member == GROUP_MEMBER_DEFAULT && a->served != b->served)
        return a->served < b->served;
    return a->created < b->created;
}

static void scan_ordered(struct op *op, struct hits *hits, const struct attribute *wanted, size_t count)
{
    const struct catalogue_entry *best[ORDERED_MAX];
    size_t n = 0;
    uint32_t at = 0;
    const struct catalogue_entry *e;
    while ((e = catalogue_next(&op->env->store->catalogue, &at)) != NULL) {
        if (!is_hit(op, e, wanted, count) || (n == ORDERED_MAX && !comes_before(op, e, best[n - 1])))
            continue;
        size_t i = n < ORDERED_MAX ? n++ : n - 1;
        for (; i > 0 && comes_before(op, e, best[i - 1]); i--)
            best[i] = best[i - 1];
        best[i] = e;
    }
    for (size_t i = 0; i < n; i++)
        add_hit(op, hits, best[i]);
}

static void scan(struct op *op, struct hits *hits, const struct attribute *wanted, size_t count)
{
    uint32_t at = 0;
    const struct catalogue_entry *e;
    while ((e = catalogue_next(&op->env->store->catalogue, &at)) != NULL)
        if (is_hit(op, e, wanted, count))
            add_hit(op, hits, e);
}

static enum result_reason respond(struct op *op, struct ttlv_writer *out)
{
    struct attribute wanted[ATTRIBUTES_A_REQUEST];
    size_t count;
    enum result_reason reason = read_wanted(op, wanted, &count);
    if (reason != REASON_NONE)
        return reason;
    /* Located Items stands before the Unique Identifiers, so it is put first and patched by writing again. */
    struct hits hits = {.out = out};
    size_t start = out->len;
    if (op->minor >= 3)
        ttlv_put_integer(out, TAG_LOCATED_ITEMS, 0);
    struct catalogue_entry *direct = NULL;
    if (find_directly(op, wanted, count, &direct)) {
        if (direct != NULL && is_hit(op, direct, wanted, count))
            add_hit(op, &hits, direct);
    } else if (op->args.locate.member != 0) {
        scan_ordered(op, &hits, wanted, count);
    } else {
        scan(op, &hits, wanted, count);
    }
    if (op->minor >= 3 && !out->full) {
        struct ttlv_writer again = ttlv_writer_over(out->start + start, 16);
        ttlv_put_integer(&again, TAG_LOCATED_ITEMS, hits.found);
    }
    op->set_placeholder = hits.written == 1;
    op->clear_placeholder = hits.written != 1;
    memcpy(op->result.uid, hits.last, UUID_BYTES);
    return REASON_NONE;
}

const struct operation op_locate = {.code = OPERATION_LOCATE,
                                    .name = "Locate",
                                    .needs = NEED_CATALOGUE,
                                    .decode = decode,
                                    .respond = respond};
