/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"

#include "base/bytes.h"

/* How far a State is along: nothing leads back (KMIP 1.4 s3.22). */
static int rank(enum state state)
{
    switch (state) {
    case STATE_PRE_ACTIVE:
        return 0;
    case STATE_ACTIVE:
        return 1;
    case STATE_DEACTIVATED:
        return 2;
    case STATE_COMPROMISED:
        return 3;
    case STATE_DESTROYED:
        return 4;
    case STATE_DESTROYED_COMPROMISED:
        break;
    }
    return 5;
}

static bool leads(const struct object *a, struct span a_bytes, const struct object *b, struct span b_bytes)
{
    int state = rank(a->head.state) - rank(b->head.state);
    if (state != 0)
        return state > 0;
    int64_t a_date = object_date(a, TAG_LAST_CHANGE_DATE), b_date = object_date(b, TAG_LAST_CHANGE_DATE);
    if (a_date != b_date)
        return a_date > b_date;
    int node = memcmp(a->head.node, b->head.node, NODE_BYTES);
    if (node != 0)
        return node > 0;
    if (a_bytes.len != b_bytes.len)
        return a_bytes.len > b_bytes.len;
    return memcmp(a_bytes.ptr, b_bytes.ptr, a_bytes.len) >= 0;
}

/* A merged record follows both, and what they followed. */
static size_t add_lineage(uint8_t room[ANCESTORS_BYTES], size_t len, const struct object *object,
                          struct span record)
{
    uint8_t digest[ANCESTOR_DIGEST];
    record_digest(record, digest);
    len = ancestors_add(room, len, object->head.generation, digest);
    for (size_t at = 0; at < object->ancestors.len; at += ANCESTOR_BYTES)
        len = ancestors_add(room, len, be32_get(object->ancestors.ptr + at), object->ancestors.ptr + at + 4);
    return len;
}

enum status merge_records(struct span first, struct span second, struct draft *draft, struct merged *out)
{
    struct object a, b;
    struct object_attribute attribute, known;
    *out = (struct merged){.first_leads = true};
    if (object_open(first, &a) != STATUS_OK || object_open(second, &b) != STATUS_OK)
        return STATUS_MALFORMED;
    out->first_leads = leads(&a, first, &b, second);
    const struct object *lead = out->first_leads ? &a : &b, *other = out->first_leads ? &b : &a;
    struct object descendant = *lead;
    uint8_t room[ANCESTORS_BYTES];
    size_t len = add_lineage(room, 0, &a, first);
    len = add_lineage(room, len, &b, second);
    descendant.ancestors = span_of(room, len);
    draft_from(draft, &descendant, lead->head.node);
    if (other->head.generation >= draft->head.generation)
        draft->head.generation = other->head.generation + 1;
    struct ttlv_reader reader = ttlv_reader_trusted(other->attributes);
    while (object_attribute_next(&reader, &attribute)) {
        if (object_attribute_find(lead, attribute.row, attribute.name, attribute.index, &known))
            continue;
        draft_set(draft, attribute.row, attribute.name, attribute.index, attribute.type, attribute.value);
        out->added = true;
    }
    if (draft_end(draft) == STATUS_OK)
        return STATUS_OK;
    out->added = false;
    uint32_t generation = draft->head.generation;
    draft_from(draft, &descendant, lead->head.node);
    draft->head.generation = generation;
    return draft_end(draft) == STATUS_OK ? STATUS_TOO_LARGE : STATUS_MALFORMED;
}
