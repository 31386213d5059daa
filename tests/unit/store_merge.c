/* SPDX-License-Identifier: Apache-2.0 */
/* Two records of one object become one: the same at every node, whichever comes first. */
#include "support/check.h"

#include "store/merge.h"

static struct draft made, again;
static struct merged how;

struct recipe {
    enum state state;
    uint32_t generation;
    uint8_t node;
    int64_t changed;
    const char *const *texts; /* name, value ... NULL */
};

static struct span record_of(const struct recipe *r, uint8_t bytes[RECORD_MAX])
{
    static struct draft d;
    struct object_head head = {.type = OBJECT_SYMMETRIC_KEY, .state = r->state, .generation = r->generation};
    struct draft_parts parts = {.wrapped_kek = span_of_text("wrapped"), .key_format = KEY_FORMAT_RAW};
    memset(head.uid, 0xa0, UUID_BYTES);
    memset(head.node, r->node, NODE_BYTES);
    draft_begin(&d, &head, &parts);
    if (r->changed != 0)
        draft_set_date(&d, TAG_LAST_CHANGE_DATE, r->changed);
    for (const char *const *t = r->texts; t != NULL && *t != NULL; t += 2)
        draft_set(&d, NULL, span_of_text(t[0]), 0, TTLV_TEXT_STRING, span_of_text(t[1]));
    assert_int_equal(draft_end(&d), STATUS_OK);
    memcpy(bytes, d.bytes, d.len);
    return span_of(bytes, d.len);
}

static const char *text_of(struct span record, const char *name)
{
    static char text[1200];
    struct object o;
    struct object_attribute a;
    assert_int_equal(object_check(record, &o), STATUS_OK);
    if (!object_attribute_find(&o, NULL, span_of_text(name), 0, &a))
        return "";
    snprintf(text, sizeof text, "%.*s", (int)a.value.len, (const char *)a.value.ptr);
    return text;
}

static uint8_t one[RECORD_MAX], two[RECORD_MAX];

/* Both ways, and the same bytes. The merged record is in `made`. */
static enum status merge(const struct recipe *a, const struct recipe *b)
{
    struct merged other;
    struct span first = record_of(a, one), second = record_of(b, two);
    memset(&made, 0xaa, sizeof made);
    memset(&again, 0x55, sizeof again);
    enum status status = merge_records(first, second, &made, &how);
    assert_int_equal(merge_records(second, first, &again, &other), status);
    assert_int_equal(made.len, again.len);
    assert_memory_equal(made.bytes, again.bytes, made.len);
    assert_int_equal(how.added, other.added);
    if (!span_equal(first, second))
        assert_int_equal(how.first_leads, !other.first_leads);
    return status;
}

static struct span result(void)
{
    return span_of(made.bytes, made.len);
}

static struct object opened(void)
{
    struct object o;
    assert_int_equal(object_check(result(), &o), STATUS_OK);
    return o;
}

static const char *const none[] = {NULL};
static const char *const left[] = {"x-a", "left a", "x-b", "left b", NULL};
static const char *const right[] = {"x-b", "right b", "x-c", "right c", NULL};

static void attributes_are_united(void **state)
{
    (void)state;
    struct recipe a = {STATE_ACTIVE, 5, 1, 100, left}, b = {STATE_ACTIVE, 5, 2, 200, right};
    assert_int_equal(merge(&a, &b), STATUS_OK);
    assert_false(how.first_leads);
    assert_true(how.added);
    assert_string_equal(text_of(result(), "x-a"), "left a");
    assert_string_equal(text_of(result(), "x-b"), "right b");
    assert_string_equal(text_of(result(), "x-c"), "right c");
    struct object o = opened();
    assert_int_equal(o.head.generation, 6);
    assert_int_equal(o.head.node[0], 2);
    assert_int_equal(object_date(&o, TAG_LAST_CHANGE_DATE), 200);
    check_text(o.wrapped_kek, "wrapped");
}

static void a_state_never_goes_back(void **state)
{
    (void)state;
    static const enum state order[] = {STATE_PRE_ACTIVE,  STATE_ACTIVE,    STATE_DEACTIVATED,
                                       STATE_COMPROMISED, STATE_DESTROYED, STATE_DESTROYED_COMPROMISED};
    for (size_t i = 0; i < COUNT_OF(order); i++)
        for (size_t k = 0; k < COUNT_OF(order); k++) {
            /* the one that is further along is older and of the lesser node */
            struct recipe a = {order[i], 9, i > k ? 1 : 2, i > k ? 100 : 200, none};
            struct recipe b = {order[k], 7, k > i ? 1 : 2, k > i ? 100 : 200, none};
            assert_int_equal(merge(&a, &b), STATUS_OK);
            assert_int_equal(opened().head.state, order[i > k ? i : k]);
            assert_int_equal(opened().head.generation, 10);
            assert_int_equal(how.added, false);
        }
}

static void who_leads(void **state)
{
    (void)state;
    static const char *const shorter[] = {"x-b", "right", NULL};
    static const char *const greater[] = {"x-b", "right c", NULL};
    static const char *const lesser[] = {"x-b", "right b", NULL};
    const struct {
        struct recipe a, b;
        bool first;
    } pairs[] = {
        {{STATE_ACTIVE, 5, 1, 101, left}, {STATE_ACTIVE, 9, 2, 100, right}, true},
        {{STATE_ACTIVE, 5, 1, 0, left}, {STATE_ACTIVE, 5, 2, 100, right}, false},
        {{STATE_ACTIVE, 5, 3, 100, left}, {STATE_ACTIVE, 5, 2, 100, right}, true},
        {{STATE_ACTIVE, 5, 255, 100, left}, {STATE_ACTIVE, 5, 2, 100, right}, true},
        {{STATE_ACTIVE, 5, 2, 100, left}, {STATE_ACTIVE, 5, 2, 100, shorter}, true},
        {{STATE_ACTIVE, 5, 2, 100, greater}, {STATE_ACTIVE, 5, 2, 100, lesser}, true},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_int_equal(merge(&pairs[i].a, &pairs[i].b), STATUS_OK);
        assert_int_equal(how.first_leads, pairs[i].first);
    }
}

static void the_generation_is_after_both(void **state)
{
    (void)state;
    static const uint32_t numbers[][3] = {{1, 1, 2}, {1, 9, 10}, {9, 1, 10}, {9, 10, 11}, {10, 9, 11}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct recipe a = {STATE_ACTIVE, numbers[i][0], 1, 100, left};
        struct recipe b = {STATE_ACTIVE, numbers[i][1], 2, 200, right};
        assert_int_equal(merge(&a, &b), STATUS_OK);
        assert_int_equal(opened().head.generation, numbers[i][2]);
    }
}

/* A record with itself adds nothing; neither does a part with the whole. */
static void merging_again_adds_nothing(void **state)
{
    (void)state;
    static uint8_t whole[RECORD_MAX];
    struct recipe a = {STATE_ACTIVE, 5, 1, 100, left}, b = {STATE_ACTIVE, 5, 2, 200, right};
    assert_int_equal(merge(&a, &a), STATUS_OK);
    assert_false(how.added);
    assert_int_equal(opened().head.generation, 6);
    assert_int_equal(merge(&a, &b), STATUS_OK);
    memcpy(whole, made.bytes, made.len);
    struct span merged = span_of(whole, made.len);
    assert_int_equal(merge_records(merged, record_of(&a, one), &made, &how), STATUS_OK);
    assert_true(how.first_leads && !how.added);
    assert_int_equal(merge_records(record_of(&b, two), merged, &made, &how), STATUS_OK);
    assert_false(how.added && how.first_leads);
    struct object o = opened(), was;
    assert_int_equal(object_check(merged, &was), STATUS_OK);
    assert_int_equal(o.attributes.len, was.attributes.len);
}

static void instances_are_attributes_of_their_own(void **state)
{
    (void)state;
    struct draft *d = calloc(2, sizeof *d);
    struct object_head head = {.type = OBJECT_SYMMETRIC_KEY, .state = STATE_ACTIVE, .generation = 1};
    struct draft_parts parts = {.wrapped_kek = span_of_text("w"), .key_format = KEY_FORMAT_RAW};
    const struct attribute_row *group = attribute_by_tag(TAG_OBJECT_GROUP);
    for (int i = 0; i < 2; i++) {
        head.node[0] = (uint8_t)i;
        draft_begin(&d[i], &head, &parts);
        draft_set(&d[i], group, span_of(NULL, 0), 0, TTLV_TEXT_STRING, span_of_text(i == 0 ? "a" : "b"));
        draft_set(&d[i], group, span_of(NULL, 0), 2 + i, TTLV_TEXT_STRING, span_of_text("c"));
        assert_int_equal(draft_end(&d[i]), STATUS_OK);
    }
    assert_int_equal(merge_records(span_of(d[0].bytes, d[0].len), span_of(d[1].bytes, d[1].len), &made, &how),
                     STATUS_OK);
    struct object o = opened();
    struct object_attribute a;
    assert_true(object_attribute_find(&o, group, span_of(NULL, 0), 0, &a));
    check_text(a.value, "b");
    assert_true(object_attribute_find(&o, group, span_of(NULL, 0), 2, &a));
    assert_true(object_attribute_find(&o, group, span_of(NULL, 0), 3, &a));
    assert_false(object_attribute_find(&o, group, span_of(NULL, 0), 1, &a));
    free(d);
}

static void what_fits_no_record_is_the_leading_one(void **state)
{
    (void)state;
    static char value[1001];
    memset(value, 'v', 1000);
    const char *const much[] = {"x-1", value, "x-2", value, "x-3", value, "x-4", value, NULL};
    const char *const more[] = {"x-5", value, "x-6", value, "x-7", value, "x-8", value, NULL};
    struct recipe a = {STATE_ACTIVE, 5, 1, 100, much}, b = {STATE_DEACTIVATED, 8, 2, 50, more};
    assert_int_equal(merge(&a, &b), STATUS_TOO_LARGE);
    assert_false(how.added);
    assert_int_equal(opened().head.generation, 9);
    assert_int_equal(opened().head.state, STATE_DEACTIVATED);
    assert_string_equal(text_of(result(), "x-1"), "");
    assert_string_equal(text_of(result(), "x-8"), value);
}

/* ---- ancestors ---- */

static bool follows(struct span record, uint32_t generation, struct span ancestor)
{
    struct object o;
    uint8_t digest[ANCESTOR_DIGEST];
    assert_int_equal(object_check(record, &o), STATUS_OK);
    record_digest(ancestor, digest);
    return ancestors_hold(&o, generation, digest);
}

static void the_merged_record_follows_both(void **state)
{
    (void)state;
    static uint8_t three[RECORD_MAX], whole[RECORD_MAX];
    struct recipe a = {STATE_ACTIVE, 5, 1, 100, left}, b = {STATE_ACTIVE, 6, 2, 200, right};
    struct recipe c = {STATE_ACTIVE, 6, 3, 50, left};
    assert_int_equal(merge(&a, &b), STATUS_OK);
    assert_true(follows(result(), 5, span_of(one, record_of(&a, one).len)));
    assert_true(follows(result(), 6, span_of(two, record_of(&b, two).len)));
    assert_false(follows(result(), 6, record_of(&c, three)));
    assert_false(follows(result(), 5, span_of(two, record_of(&b, two).len)));
    assert_false(follows(record_of(&a, one), 5, record_of(&a, one)));
    memcpy(whole, made.bytes, made.len);
    struct span merged = span_of(whole, made.len);
    assert_int_equal(merge_records(merged, record_of(&c, three), &made, &how), STATUS_OK);
    assert_int_equal(merge_records(record_of(&c, three), merged, &again, &how), STATUS_OK);
    assert_int_equal(made.len, again.len);
    assert_memory_equal(made.bytes, again.bytes, made.len);
    assert_true(follows(result(), 5, record_of(&a, one)));
    assert_true(follows(result(), 6, record_of(&c, three)));
    assert_true(follows(result(), 7, merged));
}

/* The newest few are kept, in one order, each once, however they came. */
static void ancestors_are_kept_in_order(void **state)
{
    (void)state;
    static const uint32_t orders[][6] = {{1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1}, {3, 6, 1, 5, 2, 4}};
    uint8_t wanted[ANCESTORS_BYTES], digest[ANCESTOR_DIGEST];
    memset(digest, 7, sizeof digest);
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        uint8_t list[ANCESTORS_BYTES];
        size_t len = 0;
        for (size_t k = 0; k < 12; k++)
            len = ancestors_add(list, len, orders[i][k % 6], digest);
        assert_int_equal(len, ANCESTORS_BYTES);
        if (i == 0)
            memcpy(wanted, list, sizeof list);
        assert_memory_equal(list, wanted, sizeof list);
        struct object o = {.ancestors = span_of(list, len)};
        for (uint32_t generation = 1; generation <= 7; generation++)
            assert_int_equal(ancestors_hold(&o, generation, digest), generation <= 6);
        digest[0]++;
        assert_false(ancestors_hold(&o, 6, digest));
        assert_true(ancestors_hold(&o, 2, digest)); /* older than the list reaches */
        digest[0]--;
        o.ancestors.len -= ANCESTOR_BYTES;
        assert_false(ancestors_hold(&o, 2, digest)); /* a list with room is all there is */
    }
}

static void what_is_no_record(void **state)
{
    (void)state;
    struct recipe a = {STATE_ACTIVE, 5, 1, 100, left};
    struct span good = record_of(&a, one);
    memcpy(two, one, good.len);
    two[TTLV_HEADER * 2] = 9; /* a version of its own */
    struct span bad = span_of(two, good.len);
    assert_int_equal(merge_records(good, bad, &made, &how), STATUS_MALFORMED);
    assert_int_equal(merge_records(bad, good, &made, &how), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_united),
        cmocka_unit_test(a_state_never_goes_back),
        cmocka_unit_test(who_leads),
        cmocka_unit_test(the_generation_is_after_both),
        cmocka_unit_test(merging_again_adds_nothing),
        cmocka_unit_test(instances_are_attributes_of_their_own),
        cmocka_unit_test(what_fits_no_record_is_the_leading_one),
        cmocka_unit_test(the_merged_record_follows_both),
        cmocka_unit_test(ancestors_are_kept_in_order),
        cmocka_unit_test(what_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
