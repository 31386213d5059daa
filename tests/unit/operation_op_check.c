/* SPDX-License-Identifier: Apache-2.0 */
/* Check: KMIP 1.4 s4.10, s11.11. */
#include "support/objects.h"

static struct message *check_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_CHECK, uid);
    return m;
}

/* An Active key of 100 bytes of use. */
static void limited_key(struct world *w, uint8_t uid[UUID_BYTES])
{
    struct message *m = create_begin(w);
    put_usage_limits(m, 100);
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, uid);
}

static void what_is_allowed_is_answered_with_the_identifier(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct ttlv_item item;
    limited_key(w, uid);
    struct message *m = check_begin(w, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 100);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_USAGE_MASK, USAGE_ENCRYPT);
    ttlv_put_interval(&m->w, TAG_LEASE_TIME, 3600);
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
    check_begin(w, uid); /* nothing in particular */
    check_done(w);
}

static void usage_has_to_be_left(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid);
    struct message *m = check_begin(w, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 101);
    check_refused(w, REASON_PERMISSION_DENIED, "more than is left");
    for (int i = 0; i < 2; i++) { /* it takes nothing */
        m = check_begin(w, uid);
        ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 100);
        check_done(w);
    }
}

static void usage_needs_limits_and_an_active_key(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, uid);
    m = check_begin(w, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 1);
    check_refused(w, REASON_ILLEGAL_OPERATION, "has no Usage Limits");
    m = create_begin(w);
    put_usage_limits(m, 100);
    create_end(w, m, uid);
    m = check_begin(w, uid); /* Pre-Active */
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 1);
    check_refused(w, REASON_ILLEGAL_OPERATION, "may not protect data now");
}

static void every_use_has_to_be_in_the_mask(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid);
    static const struct {
        int32_t mask;
        bool allowed;
    } rows[] = {{USAGE_ENCRYPT, true},
                {USAGE_ENCRYPT | USAGE_DECRYPT, true},
                {0, true},
                {USAGE_SIGN, false},
                {USAGE_ENCRYPT | USAGE_SIGN, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct message *m = check_begin(w, uid);
        ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_USAGE_MASK, rows[i].mask);
        if (rows[i].allowed)
            check_done(w);
        else
            check_refused(w, REASON_PERMISSION_DENIED, "does not allow this use");
    }
}

static void leases_are_no_longer_than_the_servers(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    limited_key(w, uid);
    struct message *m = check_begin(w, uid);
    ttlv_put_interval(&m->w, TAG_LEASE_TIME, 3601);
    check_refused(w, REASON_PERMISSION_DENIED, "so long a lease");
    m = check_begin(w, uid);
    ttlv_put_interval(&m->w, TAG_LEASE_TIME, UINT32_MAX);
    check_refused(w, REASON_PERMISSION_DENIED, "so long a lease");
}

/* A denial empties the ID Placeholder, so that a Get behind it gets nothing; a Check that passes keeps it. */
static void a_denial_empties_the_id_placeholder(void **state)
{
    struct world *w = *state;
    w->askers[1].options.continuation = BATCH_CONTINUE;
    for (int allowed = 0; allowed <= 1; allowed++) {
        struct message *m = ask(w, 1);
        item_create(m, NULL);
        message_item(m, OPERATION_CHECK);
        ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_USAGE_MASK, allowed ? USAGE_ENCRYPT : USAGE_SIGN);
        item_get(m, NULL);
        check_done(w);
        check_reason(w, 1, 1, allowed ? REASON_NONE : REASON_PERMISSION_DENIED);
        check_reason(w, 1, 2, allowed ? REASON_NONE : REASON_ITEM_NOT_FOUND);
    }
}

static void destroyed_objects_are_not_checked(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    check_begin(w, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "destroyed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_allowed_is_answered_with_the_identifier),
        STORY(usage_has_to_be_left),
        STORY(usage_needs_limits_and_an_active_key),
        STORY(every_use_has_to_be_in_the_mask),
        STORY(leases_are_no_longer_than_the_servers),
        STORY(a_denial_empties_the_id_placeholder),
        STORY(destroyed_objects_are_not_checked),
    };
    return cmocka_run_group_tests_name("op_check", tests, NULL, NULL);
}
