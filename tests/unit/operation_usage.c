/* SPDX-License-Identifier: Apache-2.0 */
/* Usage Limits that are left, and whether an object may protect data now: KMIP 1.4 s3.21, s3.26. */
#include "support/check.h"

#include "operation/usage.h"

static struct draft draft;

/* A key with what a test sets behind it. */
static void begin(enum state state)
{
    struct object_head head = {.type = OBJECT_SYMMETRIC_KEY, .state = state, .generation = 1};
    struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
    draft_begin(&draft, &head, &parts);
}

static void set_limits(int64_t total, int64_t count)
{
    uint8_t bytes[64];
    struct ttlv_writer w = ttlv_writer_over(bytes, sizeof bytes);
    ttlv_put_long(&w, TAG_USAGE_LIMITS_TOTAL, total);
    if (count >= 0)
        ttlv_put_long(&w, TAG_USAGE_LIMITS_COUNT, count);
    ttlv_put_enumeration(&w, TAG_USAGE_LIMITS_UNIT, USAGE_BYTE);
    draft_set(&draft, attribute_by_tag(TAG_USAGE_LIMITS), span_of(NULL, 0), 0, TTLV_STRUCTURE,
              span_of(w.start, w.len));
}

static void the_count_is_what_is_left(void **state)
{
    (void)state;
    begin(STATE_ACTIVE);
    struct object object = draft_view(&draft);
    assert_int_equal(usage_left(&object), -1); /* no limits */
    set_limits(100, 100);
    object = draft_view(&draft);
    assert_int_equal(usage_left(&object), 100);
    set_limits(100, 0);
    object = draft_view(&draft);
    assert_int_equal(usage_left(&object), 0);
    set_limits(INT64_MAX, INT64_MAX - 1);
    object = draft_view(&draft);
    assert_int_equal(usage_left(&object), INT64_MAX - 1);
    set_limits(100, -1);
    object = draft_view(&draft);
    assert_int_equal(usage_left(&object), -1);
}

static void only_active_objects_protect(void **state)
{
    (void)state;
    for (int s = STATE_PRE_ACTIVE; s <= STATE_DESTROYED_COMPROMISED; s++) {
        begin((enum state)s);
        struct object object = draft_view(&draft);
        assert_int_equal(usage_may_protect(&object, 1000), s == STATE_ACTIVE);
    }
    begin(STATE_PRE_ACTIVE); /* by its dates */
    draft_set_date(&draft, TAG_ACTIVATION_DATE, 1000);
    draft_set_date(&draft, TAG_DEACTIVATION_DATE, 2000);
    struct object object = draft_view(&draft);
    assert_false(usage_may_protect(&object, 999));
    assert_true(usage_may_protect(&object, 1000));
    assert_true(usage_may_protect(&object, 1999));
    assert_false(usage_may_protect(&object, 2000));
}

/* The Process Start Date does not matter: what is protected now is processed later. */
static void protection_ends_with_the_protect_stop_date(void **state)
{
    (void)state;
    begin(STATE_ACTIVE);
    draft_set_date(&draft, TAG_PROTECT_STOP_DATE, 1500);
    draft_set_date(&draft, TAG_PROCESS_START_DATE, 1400);
    struct object object = draft_view(&draft);
    assert_true(usage_may_protect(&object, 1000));
    assert_true(usage_may_protect(&object, 1499));
    assert_false(usage_may_protect(&object, 1500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_is_what_is_left),
        cmocka_unit_test(only_active_objects_protect),
        cmocka_unit_test(protection_ends_with_the_protect_stop_date),
    };
    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
