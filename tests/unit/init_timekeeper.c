/* SPDX-License-Identifier: Apache-2.0 */
/* What is believed of a clock: every rule, with a clock of our own. Answers are put into the servers' places;
 * how they come over the network is tried by tests/network. */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "init/timekeeper.h"

#define SECOND  1000000ll
#define DAY     (86400 * SECOND)
#define RELEASE 1790000000ll
#define NOW     1800000000ll

struct bench {
    struct timekeeper t;
    struct log log;
    struct clock now;
    int64_t clock_us; /* beside mono */
    unsigned steps, slews, rtc, stores;
    int64_t stored_s;
};

static int64_t fake_now(void *self)
{
    const struct bench *b = self;
    return b->clock_us + (int64_t)b->now.mono_ms * 1000;
}

static uint64_t fake_mono(void *self)
{
    return ((const struct bench *)self)->now.mono_ms * 1000;
}

static bool fake_step(void *self, int64_t us)
{
    struct bench *b = self;
    b->clock_us = us - (int64_t)b->now.mono_ms * 1000;
    b->steps++;
    return true;
}

static bool fake_slew(void *self, int64_t us)
{
    struct bench *b = self;
    b->clock_us += us;
    b->slews++;
    return true;
}

static bool fake_rtc(void *self, int64_t s)
{
    (void)s;
    ((struct bench *)self)->rtc++;
    return true;
}

static bool fake_store(void *self, int64_t s)
{
    ((struct bench *)self)->stores++;
    ((struct bench *)self)->stored_s = s;
    return true;
}

static void begin(struct bench *b, int64_t clock_s, int64_t stored_s)
{
    memset(b, 0, sizeof *b);
    struct time_ops ops = {.self = b,
                           .now_us = fake_now,
                           .mono_us = fake_mono,
                           .step = fake_step,
                           .slew = fake_slew,
                           .write_rtc = fake_rtc,
                           .store = fake_store};
    b->log = (struct log){.fd = open("/dev/null", O_WRONLY), .level = LOG_DEBUG};
    b->now.mono_ms = 10000;
    b->clock_us = clock_s * SECOND - (int64_t)b->now.mono_ms * 1000;
    timekeeper_init(&b->t, &ops, &b->log, RELEASE, b->now);
    timekeeper_floor(&b->t, stored_s);
    b->t.max_step_ms = 86400000;
}

static void end(struct bench *b)
{
    close(b->log.fd);
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now.mono_ms += ms;
}

/* A round in which these servers say how far the clock is behind. */
static bool hear(struct bench *b, const int64_t *offsets, size_t count)
{
    pass(b, 64000);
    b->t.sntp.count = count;
    b->t.sntp.phase = SNTP_ASKING;
    for (size_t i = 0; i < count; i++) {
        struct sntp_server *s = &b->t.sntp.servers[i];
        snprintf(s->name, sizeof s->name, "192.0.2.%u", (unsigned)i + 1);
        s->answered = s->has_answer = true;
        s->offset_us = offsets[i];
    }
    return timekeeper_turn(&b->t, b->now);
}

static bool hear_one(struct bench *b, int64_t offset_us)
{
    return hear(b, &offset_us, 1);
}

static const char *line(const struct bench *b)
{
    static char text[200];
    struct buf out = buf_over(text, sizeof text - 1);
    memset(text, 0, sizeof text);
    timekeeper_write_line(&b->t, &out);
    return text;
}

static void a_sane_battery_clock_is_left_alone(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, NOW - 3600);
    assert_int_equal(b.steps, 0);
    assert_string_equal(line(&b), "2027-01-15 08:00:00 UTC, from battery clock, not verified");
    pass(&b, 7200000);
    timekeeper_turn(&b.t, b.now);
    timekeeper_store(&b.t);
    assert_int_equal(b.stores + b.rtc, 0); /* nobody vouched for it */
    end(&b);
}

static void a_clock_below_the_floor_is_raised_and_named(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, 946684800, NOW);
    assert_int_equal(fake_now(&b) / SECOND, NOW);
    assert_true(strstr(b.t.fault,
                       "the battery clock says 2000-01-01 00:00:00 UTC: it was set to 2027-01-15") != NULL);
    assert_true(strstr(line(&b), "a guess") != NULL);
    assert_true(hear_one(&b, 1000 * DAY)); /* nothing speaks against it */
    assert_int_equal(b.t.fault[0], 0);
    assert_true(timekeeper_synchronized(&b.t));
    assert_int_equal(b.rtc, 1);
    assert_int_equal(b.stored_s, (NOW + 64) + 1000 * 86400);
    end(&b);
}

/* Each bound from both sides. */
static void the_floor_and_max_step(void **state)
{
    (void)state;
    static const struct {
        int64_t offset_us;
        bool taken;
    } rows[] = {
        {DAY - SECOND, true},
        {DAY + SECOND, false},
        {1500 * DAY, false},
        {-(NOW - RELEASE) * SECOND, true},
        {-(NOW - RELEASE + 66) * SECOND, false},
        {-9000 * DAY, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bench b;
        begin(&b, NOW, 0);
        if (hear_one(&b, rows[i].offset_us) != rows[i].taken)
            fail_msg("row %zu", i);
        assert_int_equal(b.steps, rows[i].taken);
        assert_int_equal(b.t.fault[0] != 0, !rows[i].taken);
        end(&b);
    }
}

static void a_refusal_says_who_and_what(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    hear_one(&b, 1500 * DAY);
    assert_string_equal(b.t.fault,
                        "time server 192.0.2.1 says 2031-02-23, 1500 days ahead; not believed; see set "
                        "time max-step");
    hear_one(&b, -1000 * DAY);
    assert_string_equal(
        b.t.fault, "time server 192.0.2.1 says 2024-04-20, before this release of 2026-09-21; not believed");
    assert_true(hear_one(&b, 2 * SECOND));
    assert_int_equal(b.t.fault[0], 0);
    end(&b);
}

static void small_offsets_are_slewed(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    assert_true(hear_one(&b, 200000)); /* the first may step: nobody counts on the clock yet */
    assert_false(hear_one(&b, 400000));
    assert_false(hear_one(&b, -499999));
    assert_true(hear_one(&b, 600000));
    assert_int_equal(b.steps, 2);
    assert_int_equal(b.slews, 2);
    end(&b);
}

static void many_steps_ahead_are_one_large_one(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    assert_true(hear_one(&b, DAY / 2)); /* the first: from now on it counts */
    assert_true(hear_one(&b, DAY - SECOND));
    assert_false(hear_one(&b, 3 * SECOND));
    assert_true(b.t.fault[0] != 0);
    /* Back is allowed, and ahead again as far as before. */
    assert_true(hear_one(&b, -DAY));
    assert_true(hear_one(&b, DAY - SECOND));
    assert_false(hear_one(&b, DAY / 2));
    end(&b);
}

static void a_battery_clock_ahead_is_set_back_once_for_all(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW + 3000 * 86400, 0);
    assert_true(hear_one(&b, -3000 * DAY));
    assert_false(hear_one(&b, 2999 * DAY)); /* what it had said counts no more */
    assert_true(b.t.fault[0] != 0);
    end(&b);
}

static void of_several_the_median(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    assert_true(hear(&b, (const int64_t[]){5 * SECOND, 80000 * SECOND, 6 * SECOND}, 3));
    assert_int_equal(b.t.offset_us, 6 * SECOND);
    begin(&b, NOW, 0);
    assert_true(hear(&b, (const int64_t[]){-80000 * SECOND, 6 * SECOND}, 2)); /* the one that changes less */
    assert_int_equal(b.t.offset_us, 6 * SECOND);
    end(&b);
}

static void rounds_become_rarer_and_the_hour_is_written(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    hear_one(&b, 1000);
    assert_int_equal(b.stores, 1);
    for (int i = 0; i < 6; i++)
        hear_one(&b, 1000);
    assert_int_equal(b.t.sntp.poll_s, SNTP_POLL_MOST);
    hear_one(&b, 50000);
    assert_int_equal(b.t.sntp.poll_s, SNTP_POLL_S);
    pass(&b, 3600000);
    timekeeper_turn(&b.t, b.now);
    assert_int_equal(b.stores, 2);
    assert_int_equal(b.rtc, 2);
    end(&b);
}

static void a_floor_that_comes_late_counts(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, NOW, 0);
    timekeeper_floor(&b.t, NOW + 500);
    assert_int_equal(fake_now(&b) / SECOND, NOW + 500);
    assert_true(b.t.fault[0] != 0);
    timekeeper_floor(&b.t, NOW - 500); /* an older one changes nothing */
    assert_int_equal(b.t.floor_s, NOW + 500);
    end(&b);
}

static void the_file_of_the_last_good_time(void **state)
{
    (void)state;
    char path[] = "/tmp/clock-XXXXXX", other[40];
    int fd = mkstemp(path);
    struct time_ops ops = time_ops_linux(path);
    assert_true(ops.store(ops.self, NOW));
    assert_int_equal(time_stored_read(path), NOW);
    static const char *const bad[] = {"", "\n", "-5\n", "12", "1800000000 \n", "99999999999999\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int out = open(path, O_WRONLY | O_TRUNC);
        assert_true(write(out, bad[i], strlen(bad[i])) >= 0);
        close(out);
        assert_int_equal(time_stored_read(path), 0);
    }
    snprintf(other, sizeof other, "%s.none", path);
    assert_int_equal(time_stored_read(other), 0);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sane_battery_clock_is_left_alone),
        cmocka_unit_test(a_clock_below_the_floor_is_raised_and_named),
        cmocka_unit_test(the_floor_and_max_step),
        cmocka_unit_test(a_refusal_says_who_and_what),
        cmocka_unit_test(small_offsets_are_slewed),
        cmocka_unit_test(many_steps_ahead_are_one_large_one),
        cmocka_unit_test(a_battery_clock_ahead_is_set_back_once_for_all),
        cmocka_unit_test(of_several_the_median),
        cmocka_unit_test(rounds_become_rarer_and_the_hour_is_written),
        cmocka_unit_test(a_floor_that_comes_late_counts),
        cmocka_unit_test(the_file_of_the_last_good_time),
    };
    return cmocka_run_group_tests_name("init/timekeeper", tests, NULL, NULL);
}
