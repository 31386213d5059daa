/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static void read_all(int fd, char *out, size_t cap)
{
    ssize_t n = read(fd, out, cap - 1);
    assert_true(n >= 0);
    out[n] = 0;
}

static void one_line_one_event(void **state)
{
    (void)state;
    int ends[2];
    char text[3000];
    assert_int_equal(pipe(ends), 0);
    struct log log = {.fd = ends[1], .level = LOG_INFO, .unix_s = 1795363800};
    log_write(&log, LOG_ERROR, "disk", "%s is full", "it");
    log_write(&log, LOG_WARNING, "tls", "two");
    log_write(&log, LOG_INFO, "server", "three");
    log_write(&log, LOG_DEBUG, "server", "not asked for");
    read_all(ends[0], text, sizeof text);
    assert_string_equal(text, "2026-11-22T16:10:00Z error   disk     it is full\n"
                              "2026-11-22T16:10:00Z warning tls      two\n"
                              "2026-11-22T16:10:00Z info    server   three\n");
    log.level = LOG_DEBUG;
    log_write(&log, LOG_DEBUG, "server", "four");
    read_all(ends[0], text, sizeof text);
    assert_string_equal(text, "2026-11-22T16:10:00Z debug   server   four\n");
    close(ends[0]);
    close(ends[1]);
}

static void long_lines_are_cut_but_stay_lines(void **state)
{
    (void)state;
    int ends[2];
    char text[3000], word[2000];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = 0;
    assert_int_equal(pipe(ends), 0);
    struct log log = {.fd = ends[1], .level = LOG_INFO};
    log_write(&log, LOG_INFO, "server", "%s", word);
    read_all(ends[0], text, sizeof text);
    assert_true(strlen(text) <= 1000);
    assert_true(strlen(text) > 500);
    assert_int_equal(text[strlen(text) - 1], '\n');
    close(ends[0]);
    close(ends[1]);
}

static void a_log_that_cannot_be_written_stops_nothing(void **state)
{
    (void)state;
    struct log log = {.fd = -1, .level = LOG_INFO};
    log_write(&log, LOG_INFO, "server", "nobody reads this");
}

static void repeated_events_do_not_flood(void **state)
{
    (void)state;
    struct log_limit limit = {.minute = 0};
    uint32_t skipped = 9;
    for (int i = 0; i < 3; i++) {
        assert_true(log_limit_pass(&limit, 600, 3, &skipped));
        assert_int_equal(skipped, 0);
    }
    for (int i = 0; i < 5; i++)
        assert_false(log_limit_pass(&limit, 659, 3, &skipped));
    assert_true(log_limit_pass(&limit, 660, 3, &skipped));
    assert_int_equal(skipped, 5);
    assert_true(log_limit_pass(&limit, 661, 3, &skipped));
    assert_int_equal(skipped, 0);
    assert_true(log_limit_pass(&limit, 661, 3, &skipped));
    assert_false(log_limit_pass(&limit, 661, 3, &skipped));
    /* A clock set back begins a new minute too. */
    assert_true(log_limit_pass(&limit, 60, 3, &skipped));
    assert_int_equal(skipped, 1);
}

static void the_clock_goes_on(void **state)
{
    (void)state;
    struct clock first = clock_read();
    uint64_t first_us = clock_mono_us();
    struct clock second = clock_read();
    assert_true(second.mono_ms >= first.mono_ms);
    assert_true(clock_mono_us() >= first_us);
    assert_true(first_us / 1000 >= first.mono_ms);
    assert_true(first.unix_s > 1600000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_one_event),
        cmocka_unit_test(long_lines_are_cut_but_stay_lines),
        cmocka_unit_test(a_log_that_cannot_be_written_stops_nothing),
        cmocka_unit_test(repeated_events_do_not_flood),
        cmocka_unit_test(the_clock_goes_on),
    };
    return cmocka_run_group_tests_name("base/log, base/clock", tests, NULL, NULL);
}
