/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/match.h"

/* KMIP 1.4 s4.9: a Date at its largest possible value is the same as no such attribute. */
#define DATE_UNDEFINED INT64_MAX

static bool usage_limits_enough(struct span have, const struct ttlv_item *want)
{
    struct ttlv_reader a = ttlv_reader_trusted(have);
    struct ttlv_item item;
    while (ttlv_next(&a, &item) == STATUS_OK)
        if (item.tag == want->tag && want->type == TTLV_LONG_INTEGER)
            return ttlv_long(&item) >= ttlv_long(want);
        else if (item.tag == want->tag)
            return span_equal(item.value, want->value);
    return false;
}

/* Fields of a structure that are not given do not matter. */
static bool structure_matches(const struct attribute_row *row, struct span have, struct span want)
{
    struct ttlv_reader w = ttlv_reader_trusted(want);
    struct ttlv_item wanted, item;
    while (ttlv_next(&w, &wanted) == STATUS_OK) {
        if (row != NULL && row->tag == TAG_USAGE_LIMITS) {
            if (!usage_limits_enough(have, &wanted))
                return false;
            continue;
        }
        struct ttlv_reader h = ttlv_reader_trusted(have);
        bool found = false;
        while (!found && ttlv_next(&h, &item) == STATUS_OK)
            found = item.tag == wanted.tag && span_equal(item.whole, wanted.whole);
        if (!found)
            return false;
    }
    return true;
}

static bool value_matches(const struct object_attribute *have, const struct attribute *want)
{
    if (have->type != want->value.type)
        return false;
    if (have->type == TTLV_STRUCTURE)
        return structure_matches(have->row, have->value, want->value.value);
    if (have->row != NULL && have->row->tag == TAG_CRYPTOGRAPHIC_USAGE_MASK) {
        struct ttlv_item mine = {.value = have->value};
        int32_t mask = ttlv_integer(&want->value);
        return (ttlv_integer(&mine) & mask) == mask;
    }
    return span_equal(have->value, want->value.value);
}

static bool same_name(const struct attribute *a, const struct attribute_row *row, struct span name)
{
    return a->row == row && (row != NULL || span_equal(a->name, name));
}

/* Of the specification: custom attributes that hold a date are compared as they are. */
static bool is_date(const struct attribute *a)
{
    return a->row != NULL && a->row->type == TTLV_DATE_TIME && a->has_value;
}

/* The other limit of a range: the same date attribute, given a second time. A single date is its own. */
static const struct attribute *range_limit(const struct attribute *wanted, size_t count, size_t i)
{
    for (size_t k = 0; k < count; k++)
        if (k != i && wanted[k].row == wanted[i].row && wanted[k].has_value)
            return &wanted[k];
    return &wanted[i];
}

static bool in_range(int64_t date, const struct attribute *a, const struct attribute *b)
{
    int64_t x = ttlv_long(&a->value), y = ttlv_long(&b->value);
    return date >= (x < y ? x : y) && date <= (x < y ? y : x);
}

static bool match_one(const struct operation_env *env, const struct object *object, bool fresh_spent,
                      const struct attribute *wanted, size_t count, size_t i)
{
    struct show show;
    struct object_attribute have;
    bool date = is_date(&wanted[i]), found = false;
    const struct attribute *other = date ? range_limit(wanted, count, i) : NULL;
    show_begin(&show, env, object, fresh_spent);
    while (show_next(&show, &have)) {
        if (!same_name(&wanted[i], have.row, have.name))
            continue;
        if (!wanted[i].has_value)
            return true;
        struct ttlv_item mine = {.value = have.value};
        if (date ? in_range(ttlv_long(&mine), &wanted[i], other) : value_matches(&have, &wanted[i]))
            return true;
        found = true;
    }
    return date && !found && in_range(DATE_UNDEFINED, &wanted[i], other);
}

bool match_all(const struct operation_env *env, const struct object *object, bool fresh_spent,
               const struct attribute *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!match_one(env, object, fresh_spent, wanted, count, i))
            return false;
    return true;
}
