/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table in DESIGN.md section 6, with a clock of our own. */
#include "support/check.h"

#include "store/lease.h"

#define CHECK_MS   30000
#define OFFLINE_MS 600000

struct bench {
    struct lease lease;
    struct clock now;
};

static void begin(struct bench *b)
{
    b->now = (struct clock){.mono_ms = 1000000, .unix_s = 1767225600};
    lease_init(&b->lease, CHECK_MS, OFFLINE_MS, b->now);
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now.mono_ms += ms;
    b->now.unix_s += (int64_t)(ms / 1000);
}

static bool answer(struct bench *b, enum keymgr_result result)
{
    lease_ask(&b->lease, b->now);
    bool wipe = lease_answer(&b->lease, result, "why", b->now);
    assert_false(b->lease.asked);
    return wipe;
}

static void check(const struct bench *b, enum lease_state state, bool serves, bool creates)
{
    assert_string_equal(lease_state_name(b->lease.state), lease_state_name(state));
    assert_int_equal(lease_serves(&b->lease), serves);
    assert_int_equal(lease_creates(&b->lease), creates);
}

static void starting_serves_nothing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    check(&b, LEASE_STARTING, false, false);
    assert_int_equal(b.lease.next_check_ms, b.now.mono_ms);
    assert_false(lease_tick(&b.lease, b.now));
    pass(&b, 100 * OFFLINE_MS);
    assert_false(lease_tick(&b.lease, b.now)); /* there is nothing to wipe */
    assert_false(answer(&b, KEYMGR_AWAY));
    check(&b, LEASE_STARTING, false, false);
}

static void active_is_ready_and_renews(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    for (int i = 0; i < 50; i++) {
        assert_false(answer(&b, KEYMGR_OK));
        check(&b, LEASE_READY, true, true);
        /* earlier than the interval, so that the answer comes within it */
        assert_in_range(b.lease.next_check_ms, b.now.mono_ms + CHECK_MS / 2, b.now.mono_ms + CHECK_MS - 1);
        pass(&b, CHECK_MS);
        assert_false(lease_tick(&b.lease, b.now));
    }
}

/* The interval runs from question to question: a slow answer does not make it longer. */
static void a_slow_answer_does_not_stretch_the_interval(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    uint64_t asked = b.now.mono_ms;
    lease_ask(&b.lease, b.now);
    pass(&b, 2000);
    assert_false(lease_answer(&b.lease, KEYMGR_OK, "", b.now));
    assert_true(b.lease.next_check_ms < asked + CHECK_MS);
}

static void deactivated_is_read_only_and_renews(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    for (int i = 0; i < 50; i++) {
        assert_false(answer(&b, KEYMGR_ROOT_EXPIRED));
        check(&b, LEASE_READ_ONLY, true, false);
        pass(&b, CHECK_MS);
        assert_false(lease_tick(&b.lease, b.now));
    }
    assert_false(answer(&b, KEYMGR_OK));
    check(&b, LEASE_READY, true, true);
}

static void gone_is_revoked_at_once_and_comes_back_alone(void **state)
{
    (void)state;
    static const enum keymgr_result before[] = {KEYMGR_OK, KEYMGR_ROOT_EXPIRED, KEYMGR_DENIED};
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        struct bench b;
        begin(&b);
        answer(&b, KEYMGR_OK);
        answer(&b, before[i]);
        assert_true(answer(&b, KEYMGR_ROOT_GONE));
        check(&b, LEASE_REVOKED, false, false);
        assert_true(b.lease.next_check_ms < b.now.mono_ms + CHECK_MS); /* it keeps asking, sooner */
        assert_false(answer(&b, KEYMGR_ROOT_GONE));                    /* once is enough */
        assert_false(answer(&b, KEYMGR_AWAY));                         /* silence does not undo a refusal */
        check(&b, LEASE_REVOKED, false, false);
        assert_false(answer(&b, KEYMGR_DENIED));
        check(&b, LEASE_REVOKED, false, false);
        assert_false(answer(&b, KEYMGR_OK));
        check(&b, LEASE_READY, true, true);
        assert_true(answer(&b, KEYMGR_ROOT_GONE)); /* and again */
    }
}

static void gone_in_grace_is_revoked(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    answer(&b, KEYMGR_AWAY);
    check(&b, LEASE_GRACE, true, false);
    assert_true(answer(&b, KEYMGR_ROOT_GONE));
    check(&b, LEASE_REVOKED, false, false);
}

static void silence_is_grace_and_then_expired(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    pass(&b, CHECK_MS);
    assert_false(answer(&b, KEYMGR_AWAY));
    check(&b, LEASE_GRACE, true, false);
    assert_true(b.lease.next_check_ms <= b.now.mono_ms + 5000); /* asks more often meanwhile */
    pass(&b, OFFLINE_MS - CHECK_MS - 1);
    assert_false(lease_tick(&b.lease, b.now));
    assert_false(answer(&b, KEYMGR_AWAY));
    check(&b, LEASE_GRACE, true, false);
    pass(&b, 1);
    assert_true(lease_tick(&b.lease, b.now));
    check(&b, LEASE_EXPIRED, false, false);
    assert_false(lease_tick(&b.lease, b.now));
    assert_false(answer(&b, KEYMGR_AWAY));
    assert_false(answer(&b, KEYMGR_DENIED));
    check(&b, LEASE_EXPIRED, false, false);
    assert_false(answer(&b, KEYMGR_OK));
    check(&b, LEASE_READY, true, true);
    pass(&b, OFFLINE_MS - 1);
    assert_false(lease_tick(&b.lease, b.now)); /* a whole new lease */
}

static void the_lease_ends_even_when_no_answer_ever_comes(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    b.lease.asked = true; /* the question is under way for ever */
    pass(&b, OFFLINE_MS - 1);
    assert_false(lease_tick(&b.lease, b.now));
    check(&b, LEASE_READY, true, true);
    pass(&b, 1);
    assert_true(lease_tick(&b.lease, b.now));
    check(&b, LEASE_EXPIRED, false, false);
}

static void an_answer_after_the_end_wipes_as_well(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    pass(&b, OFFLINE_MS);
    assert_true(answer(&b, KEYMGR_AWAY));
    check(&b, LEASE_EXPIRED, false, false);
}

static void read_only_runs_out_like_ready(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_ROOT_EXPIRED);
    answer(&b, KEYMGR_AWAY);
    check(&b, LEASE_GRACE, true, false);
    pass(&b, OFFLINE_MS);
    assert_true(lease_tick(&b.lease, b.now));
}

static void denied_is_wiped_after_three_refusals_over_five_minutes(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    for (uint64_t t = 0; t < LEASE_DENIAL_SPAN_MS; t += 5000) {
        assert_false(answer(&b, KEYMGR_DENIED));
        check(&b, LEASE_DENIED, true, false);
        pass(&b, 5000);
        assert_false(lease_tick(&b.lease, b.now));
    }
    assert_true(answer(&b, KEYMGR_DENIED));
    check(&b, LEASE_DENIED, false, false);
    assert_false(answer(&b, KEYMGR_DENIED));
    assert_false(answer(&b, KEYMGR_OK));
    check(&b, LEASE_READY, true, true);
}

static void two_refusals_far_apart_are_not_three(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    assert_false(answer(&b, KEYMGR_DENIED));
    pass(&b, LEASE_DENIAL_SPAN_MS + 1);
    assert_false(answer(&b, KEYMGR_DENIED));
    check(&b, LEASE_DENIED, true, false);
    assert_true(answer(&b, KEYMGR_DENIED));
}

static void a_good_answer_forgets_the_refusals(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    for (int i = 0; i < 10; i++) {
        assert_false(answer(&b, KEYMGR_DENIED));
        assert_false(answer(&b, KEYMGR_DENIED));
        pass(&b, LEASE_DENIAL_SPAN_MS / 2);
        assert_false(answer(&b, KEYMGR_OK));
    }
    check(&b, LEASE_READY, true, true);
}

/* Not renewed: refusals do not lengthen the lease. */
static void denied_ends_with_the_lease_at_the_latest(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    lease_init(&b.lease, CHECK_MS, 60000, b.now);
    answer(&b, KEYMGR_OK);
    pass(&b, 30000);
    answer(&b, KEYMGR_DENIED);
    pass(&b, 29999);
    assert_false(lease_tick(&b.lease, b.now));
    pass(&b, 1);
    assert_true(lease_tick(&b.lease, b.now));
    check(&b, LEASE_DENIED, false, false);
    assert_false(lease_tick(&b.lease, b.now));
}

static void denied_from_the_start_serves_nothing(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    (void)answer(&b, KEYMGR_DENIED);
    if (lease_serves(&b.lease)) /* for the rest of that turn at the most, when nothing is in memory */
        assert_true(lease_tick(&b.lease, b.now));
    check(&b, LEASE_DENIED, false, false);
}

static void silence_after_a_refusal_is_still_a_refusal(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    answer(&b, KEYMGR_DENIED);
    assert_false(answer(&b, KEYMGR_AWAY));
    check(&b, LEASE_DENIED, true, false);
}

static void locked_until_there_is_a_credential(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    assert_false(answer(&b, KEYMGR_LOCKED));
    check(&b, LEASE_LOCKED, false, false);
    assert_false(answer(&b, KEYMGR_OK));
    check(&b, LEASE_READY, true, true);
}

static void locked_later_runs_out(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    pass(&b, OFFLINE_MS - 1);
    (void)answer(&b, KEYMGR_LOCKED);
    assert_true(lease_serves(&b.lease));
    assert_false(lease_tick(&b.lease, b.now));
    pass(&b, 1);
    assert_true(lease_tick(&b.lease, b.now));
    assert_false(lease_serves(&b.lease));
}

static void since_is_the_moment_of_the_change(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, KEYMGR_OK);
    uint64_t ready = b.now.mono_ms;
    pass(&b, 60000);
    answer(&b, KEYMGR_OK);
    assert_int_equal(b.lease.since_mono_ms, ready);
    pass(&b, 1000);
    answer(&b, KEYMGR_AWAY);
    assert_int_equal(b.lease.since_mono_ms, b.now.mono_ms);
    assert_int_equal(b.lease.since_unix_s, b.now.unix_s);
    assert_string_equal(b.lease.why, "why");
}

static void every_state_has_a_name_and_a_text(void **state)
{
    (void)state;
    static const char *const names[] = {"STARTING", "READY",  "READ-ONLY", "GRACE",
                                        "EXPIRED",  "DENIED", "REVOKED",   "LOCKED"};
    for (int s = LEASE_STARTING; s <= LEASE_LOCKED; s++) {
        assert_string_equal(lease_state_name((enum lease_state)s), names[s]);
        assert_true(strlen(lease_refusal((enum lease_state)s)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starting_serves_nothing),
        cmocka_unit_test(active_is_ready_and_renews),
        cmocka_unit_test(a_slow_answer_does_not_stretch_the_interval),
        cmocka_unit_test(deactivated_is_read_only_and_renews),
        cmocka_unit_test(gone_is_revoked_at_once_and_comes_back_alone),
        cmocka_unit_test(gone_in_grace_is_revoked),
        cmocka_unit_test(silence_is_grace_and_then_expired),
        cmocka_unit_test(the_lease_ends_even_when_no_answer_ever_comes),
        cmocka_unit_test(an_answer_after_the_end_wipes_as_well),
        cmocka_unit_test(read_only_runs_out_like_ready),
        cmocka_unit_test(denied_is_wiped_after_three_refusals_over_five_minutes),
        cmocka_unit_test(two_refusals_far_apart_are_not_three),
        cmocka_unit_test(a_good_answer_forgets_the_refusals),
        cmocka_unit_test(denied_ends_with_the_lease_at_the_latest),
        cmocka_unit_test(denied_from_the_start_serves_nothing),
        cmocka_unit_test(silence_after_a_refusal_is_still_a_refusal),
        cmocka_unit_test(locked_until_there_is_a_credential),
        cmocka_unit_test(locked_later_runs_out),
        cmocka_unit_test(since_is_the_moment_of_the_change),
        cmocka_unit_test(every_state_has_a_name_and_a_text),
    };
    return cmocka_run_group_tests_name("store/lease", tests, NULL, NULL);
}
