/* SPDX-License-Identifier: Apache-2.0 */
/* Get Usage Allocation: KMIP 1.4 s4.18, s11.19. */
#include "support/objects.h"

static void limited_key(struct world *w, uint8_t uid[UUID_BYTES], int64_t total)
{
    struct message *m = create_begin(w);
    put_usage_limits(m, total);
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, uid);
}

static void allocate(struct world *w, int asker, const uint8_t uid[UUID_BYTES], int64_t count)
{
    struct message *m = ask(w, asker);
    item_uid(m, OPERATION_GET_USAGE_ALLOCATION, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, count);
}

static int64_t left(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct ttlv_item count = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    return ttlv_long(&count);
}

static void an_allocation_is_taken_from_the_count(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    limited_key(w, uid, 100);
    world_wait(w, 2000);
    allocate(w, 1, uid, 30);
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
    assert_int_equal(left(w, uid), 70);
    struct ttlv_item field = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_TOTAL);
    assert_int_equal(ttlv_long(&field), 100);
    field = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_UNIT);
    assert_int_equal(ttlv_enumeration(&field), USAGE_BYTE);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    allocate(w, 1, uid, 70);
    check_done(w);
    assert_int_equal(left(w, uid), 0);
    allocate(w, 1, uid, 1);
    check_refused(w, REASON_PERMISSION_DENIED, "fewer units are left");
}

static void more_than_is_left_takes_nothing(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid, 100);
    allocate(w, 1, uid, 101);
    check_refused(w, REASON_PERMISSION_DENIED, "fewer units are left");
    allocate(w, 1, uid, INT64_MAX);
    check_refused(w, REASON_PERMISSION_DENIED, "fewer units are left");
    assert_int_equal(left(w, uid), 100);
}

static void the_count_is_given_and_positive(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid, 100);
    static const int64_t strange[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        allocate(w, 1, uid, strange[i]);
        check_refused(w, REASON_INVALID_FIELD, "not positive");
    }
    item_uid(ask(w, 1), OPERATION_GET_USAGE_ALLOCATION, uid);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    assert_int_equal(left(w, uid), 100);
}

static void it_needs_limits_and_an_active_key(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    allocate(w, 1, uid, 1);
    check_refused(w, REASON_ILLEGAL_OPERATION, "has no Usage Limits");
    struct message *m = create_begin(w);
    put_usage_limits(m, 100);
    put_attribute_date(m, "Protect Stop Date", w->now.unix_s + 1);
    create_end(w, m, uid);
    allocate(w, 1, uid, 1); /* Pre-Active */
    check_refused(w, REASON_ILLEGAL_OPERATION, "may not protect data now");
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    world_wait(w, 2000);
    allocate(w, 1, uid, 1); /* behind its Protect Stop Date */
    check_refused(w, REASON_ILLEGAL_OPERATION, "may not protect data now");
}

/* Answered when the journal has it, so that what was given out is not given out again after a power cut. */
static void an_allocation_is_durable_and_given_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid, 100);
    w->disk_frozen = true;
    allocate(w, 1, uid, 60);
    assert_false(ask_send(w, 1));
    allocate(w, 2, uid, 60);
    assert_false(ask_send(w, 2));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    w->disk_frozen = false;
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_reason(w, 1, 0, REASON_NONE);
    check_reason(w, 2, 0, REASON_PERMISSION_DENIED);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(left(w, uid), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_allocation_is_taken_from_the_count),   STORY(more_than_is_left_takes_nothing),
        STORY(the_count_is_given_and_positive),         STORY(it_needs_limits_and_an_active_key),
        STORY(an_allocation_is_durable_and_given_once),
    };
    return cmocka_run_group_tests_name("op_get_usage_allocation", tests, NULL, NULL);
}
