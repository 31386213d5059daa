/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an object has what is asked for: KMIP 1.4 s4.9. Asked of match_all itself, with attributes read as
 * a Locate reads them. */
#include "support/objects.h"

#include "operation/match.h"

struct wanted {
    uint8_t bytes[4096];
    struct message m;
    struct attribute list[8];
    size_t count;
};

static struct message *want(struct wanted *wanted)
{
    memset(wanted, 0, sizeof *wanted);
    wanted->m.w = ttlv_writer_over(wanted->bytes, sizeof wanted->bytes);
    return &wanted->m;
}

static void want_presence(struct message *m, const char *name)
{
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    ttlv_end(&m->w, at);
}

static bool matches_when(struct world *w, const uint8_t uid[UUID_BYTES], struct wanted *wanted,
                         bool fresh_spent)
{
    struct ttlv_reader reader = ttlv_reader_over(span_of(wanted->bytes, wanted->m.w.len));
    struct ttlv_item item;
    struct object object;
    const char *why = "";
    assert_false(wanted->m.w.full);
    wanted->count = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK)
        if (attribute_read(&item, 4, true, &wanted->list[wanted->count++], &why) != REASON_NONE)
            fail_msg("%s", why);
    w->env.now = w->now;
    assert_int_equal(object_open(catalogue_record(&w->store.catalogue, entry_of_uid(w, uid)), &object),
                     STATUS_OK);
    return match_all(&w->env, &object, fresh_spent, wanted->list, wanted->count);
}

static bool matches(struct world *w, const uint8_t uid[UUID_BYTES], struct wanted *wanted)
{
    return matches_when(w, uid, wanted, false);
}

static void nothing_asked_for_is_always_there(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    want(&wanted);
    assert_true(matches(w, uid, &wanted));
}

static void every_attribute_has_to_match(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "x-a", "1");
    put_attribute_text(m, "Contact Information", "desk");
    create_end(w, m, uid);
    put_attribute_text(want(&wanted), "x-a", "1");
    assert_true(matches(w, uid, &wanted));
    put_attribute_text(&wanted.m, "Contact Information", "desk");
    assert_true(matches(w, uid, &wanted));
    put_attribute_text(&wanted.m, "Contact Information", "door");
    assert_false(matches(w, uid, &wanted));
    put_attribute_text(want(&wanted), "x-a", "2");
    assert_false(matches(w, uid, &wanted));
    put_attribute_text(want(&wanted), "x-b", "1"); /* the same value under another name */
    assert_false(matches(w, uid, &wanted));
    m = want(&wanted); /* the same bytes of another type */
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text("x-a"));
    ttlv_put_bytes(&m->w, TAG_ATTRIBUTE_VALUE, span_of_text("1"));
    ttlv_end(&m->w, at);
    assert_false(matches(w, uid, &wanted));
    put_attribute_text(want(&wanted), "x-a", "");
    assert_false(matches(w, uid, &wanted));
}

static void any_of_several_instances_will_do(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Object Group", "g0");
    put_attribute_text(m, "Object Group", "g1");
    create_end(w, m, uid);
    put_attribute_text(want(&wanted), "Object Group", "g1");
    assert_true(matches(w, uid, &wanted));
    put_attribute_text(&wanted.m, "Object Group", "g0"); /* and both at once */
    assert_true(matches(w, uid, &wanted));
    put_attribute_text(&wanted.m, "Object Group", "g2");
    assert_false(matches(w, uid, &wanted));
}

static void an_attribute_without_value_asks_whether_it_is_there(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "x-a", "1");
    create_end(w, m, uid);
    want_presence(want(&wanted), "x-a");
    assert_true(matches(w, uid, &wanted));
    want_presence(want(&wanted), "Initial Date");
    assert_true(matches(w, uid, &wanted));
    want_presence(want(&wanted), "Activation Date");
    assert_false(matches(w, uid, &wanted));
    want_presence(want(&wanted), "x-b");
    assert_false(matches(w, uid, &wanted));
}

/* Those that no record holds: State, Object Type, Fresh, Unique Identifier ... */
static void attributes_that_are_made_match_too(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    char text[UUID_TEXT + 1];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s + 2);
    create_end(w, m, uid);
    put_attribute_enumeration(want(&wanted), "State", STATE_PRE_ACTIVE);
    assert_true(matches(w, uid, &wanted));
    put_attribute_enumeration(want(&wanted), "Object Type", OBJECT_SYMMETRIC_KEY);
    assert_true(matches(w, uid, &wanted));
    put_attribute_enumeration(want(&wanted), "Object Type", OBJECT_SECRET_DATA);
    assert_false(matches(w, uid, &wanted));
    put_attribute_boolean(want(&wanted), "Fresh", true);
    assert_true(matches(w, uid, &wanted));
    assert_false(matches_when(w, uid, &wanted, true)); /* served, though the record does not say so yet */
    uuid_write(uid, text);
    put_attribute_text(want(&wanted), "Unique Identifier", text);
    assert_true(matches(w, uid, &wanted));
    put_attribute_enumeration(want(&wanted), "State", STATE_ACTIVE);
    assert_false(matches(w, uid, &wanted));
    world_wait(w, 3000);
    assert_true(matches(w, uid, &wanted));
}

/* The masks of the example in KMIP 1.4 s4.9: every bit asked for has to be there, others may. */
static void a_usage_mask_may_have_more_bits(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES], key[16] = {0};
    register_key(w, span_of(key, 16), 0x2110, uid);                           /* 10000100010000 */
    put_attribute_integer(want(&wanted), "Cryptographic Usage Mask", 0x2310); /* 10001100010000 */
    assert_false(matches(w, uid, &wanted));
    put_attribute_integer(want(&wanted), "Cryptographic Usage Mask", 0x2110);
    assert_true(matches(w, uid, &wanted));
    put_attribute_integer(want(&wanted), "Cryptographic Usage Mask", 0x0110);
    assert_true(matches(w, uid, &wanted));
    put_attribute_integer(want(&wanted), "Cryptographic Usage Mask", 0);
    assert_true(matches(w, uid, &wanted));
    put_attribute_integer(want(&wanted), "Cryptographic Length", 0); /* other Integers are equal or not */
    assert_false(matches(w, uid, &wanted));
}

static void one_date_is_a_moment_and_two_are_a_range(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", 1000);
    create_end(w, m, uid);
    static const struct {
        int64_t from, to;
        bool inside;
    } ranges[] = {{1000, 1000, true}, {900, 1100, true}, {1100, 900, true},   {1000, 1100, true},
                  {900, 1000, true},  {900, 999, false}, {1001, 1100, false}, {INT64_MIN, INT64_MAX, true},
                  {-5, 999, false}};
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        put_attribute_date(want(&wanted), "Activation Date", ranges[i].from);
        put_attribute_date(&wanted.m, "Activation Date", ranges[i].to);
        if (matches(w, uid, &wanted) != ranges[i].inside)
            fail_msg("range %zu", i);
    }
    put_attribute_date(want(&wanted), "Activation Date", 1000);
    assert_true(matches(w, uid, &wanted));
    put_attribute_date(want(&wanted), "Activation Date", 1001);
    assert_false(matches(w, uid, &wanted));
    m = create_begin(w);
    put_attribute_date(m, "Activation Date", 1000);
    put_attribute_date(m, "Deactivation Date", 2000);
    create_end(w, m, uid);
    put_attribute_date(want(&wanted), "Activation Date", 900); /* two dates of two names are no range */
    put_attribute_date(&wanted.m, "Deactivation Date", 2100);
    assert_false(matches(w, uid, &wanted));
}

/* Total and Count equal to or larger than asked for; the Unit is the same. */
static void usage_limits_are_enough_or_not(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_usage_limits(m, 100);
    create_end(w, m, uid);
    static const struct {
        int64_t total, count; /* -1: not asked for */
        uint32_t unit;
        bool enough;
    } rows[] = {{100, 100, USAGE_BYTE, true}, {50, -1, 0, true},  {101, -1, 0, false},
                {-1, 101, 0, false},          {-1, 100, 0, true}, {100, 101, 0, false},
                {-1, -1, USAGE_OBJECT, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        m = want(&wanted);
        struct put_structure s = put_structure_begin(m, "Usage Limits");
        if (rows[i].total >= 0)
            ttlv_put_long(&m->w, TAG_USAGE_LIMITS_TOTAL, rows[i].total);
        if (rows[i].count >= 0)
            ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, rows[i].count);
        if (rows[i].unit != 0)
            ttlv_put_enumeration(&m->w, TAG_USAGE_LIMITS_UNIT, rows[i].unit);
        put_structure_end(m, s);
        if (matches(w, uid, &wanted) != rows[i].enough)
            fail_msg("row %zu", i);
    }
}

/* The Link of the specification's own example: the identifier without the type. */
static void fields_left_out_of_a_structure_do_not_matter(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_link(m, 0x101, "there");
    put_link(m, 0x104, "elsewhere");
    create_end(w, m, uid);
    put_link(want(&wanted), 0, "elsewhere");
    assert_true(matches(w, uid, &wanted));
    put_link(want(&wanted), 0x104, "elsewhere");
    assert_true(matches(w, uid, &wanted));
    put_link(want(&wanted), 0x101, "elsewhere"); /* fields of one instance, not of two */
    assert_false(matches(w, uid, &wanted));
    put_link(want(&wanted), 0, "nowhere");
    assert_false(matches(w, uid, &wanted));
    m = want(&wanted);
    struct put_structure s = put_structure_begin(m, "Link");
    ttlv_put_enumeration(&m->w, TAG_LINK_TYPE, 0x101);
    put_structure_end(m, s);
    assert_true(matches(w, uid, &wanted));
    m = want(&wanted);
    s = put_structure_begin(m, "Link");
    put_structure_end(m, s);
    assert_true(matches(w, uid, &wanted));
}

/* KMIP 1.4 s4.9: "equivalent to an undefined attribute", alone and as the limit of a range. */
static void the_largest_date_is_one_that_is_not_set(void **state)
{
    struct world *w = *state;
    struct wanted wanted;
    uint8_t without[UUID_BYTES], with[UUID_BYTES], largest[UUID_BYTES];
    create_end(w, create_begin(w), without);
    struct message *m = create_begin(w);
    put_attribute_date(m, "Deactivation Date", 2000);
    create_end(w, m, with);
    m = create_begin(w);
    put_attribute_date(m, "Deactivation Date", INT64_MAX);
    create_end(w, m, largest);
    put_attribute_date(want(&wanted), "Deactivation Date", INT64_MAX);
    assert_true(matches(w, without, &wanted));
    assert_true(matches(w, largest, &wanted));
    assert_false(matches(w, with, &wanted));
    put_attribute_date(&wanted.m, "Deactivation Date", 1000); /* from then on, or never */
    assert_true(matches(w, without, &wanted));
    assert_true(matches(w, largest, &wanted));
    assert_true(matches(w, with, &wanted));
    put_attribute_date(want(&wanted), "Deactivation Date", 2001);
    put_attribute_date(&wanted.m, "Deactivation Date", INT64_MAX);
    assert_true(matches(w, without, &wanted));
    assert_false(matches(w, with, &wanted));
    put_attribute_date(want(&wanted), "Deactivation Date", 1000);
    put_attribute_date(&wanted.m, "Deactivation Date", INT64_MAX - 1);
    assert_false(matches(w, without, &wanted));
    assert_true(matches(w, with, &wanted));
    put_attribute_date(want(&wanted), "Deactivation Date", INT64_MAX - 1);
    assert_false(matches(w, without, &wanted));
    want_presence(want(&wanted), "Deactivation Date");
    assert_false(matches(w, without, &wanted));
    put_attribute_date(want(&wanted), "x-date", INT64_MAX); /* a client's own date is a value as others */
    assert_false(matches(w, without, &wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(nothing_asked_for_is_always_there),
        STORY(every_attribute_has_to_match),
        STORY(any_of_several_instances_will_do),
        STORY(an_attribute_without_value_asks_whether_it_is_there),
        STORY(attributes_that_are_made_match_too),
        STORY(a_usage_mask_may_have_more_bits),
        STORY(one_date_is_a_moment_and_two_are_a_range),
        STORY(usage_limits_are_enough_or_not),
        STORY(fields_left_out_of_a_structure_do_not_matter),
        STORY(the_largest_date_is_one_that_is_not_set),
    };
    return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
