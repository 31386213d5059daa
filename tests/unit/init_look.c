/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 tells the consoles of itself, in every phase of a box. */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "init/look.h"

#define NOW_MS  100000u
#define RELEASE 1767225600 /* 2026-01-01 */

static struct box box;
static char text[8000];

static int64_t one_time(void *self)
{
    (void)self;
    return (int64_t)RELEASE * 1000000 + 3600000000;
}

static uint64_t one_moment(void *self)
{
    (void)self;
    return NOW_MS * 1000ull;
}

static bool is_done(void *self, int64_t us)
{
    (void)self;
    (void)us;
    return true;
}

static int begin(void **state)
{
    (void)state;
    struct time_ops ops = {.now_us = one_time,
                           .mono_us = one_moment,
                           .step = is_done,
                           .slew = is_done,
                           .write_rtc = is_done,
                           .store = is_done};
    memset(&box, 0, sizeof box);
    box.now.mono_ms = NOW_MS;
    box.started_ms = 1000;
    box.log = (struct log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
    ring_init(&box.ring);
    config_defaults(&box.config);
    strcpy(box.name, "kms1");
    strcpy(box.serial, "4F2A-91C0-77DE");
    timekeeper_init(&box.time, &ops, &box.log, RELEASE, box.now);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(box.log.fd);
    return 0;
}

/* Whether the answer has this line. */
static bool tells(const char *line)
{
    char wanted[300];
    struct buf out = buf_over(text + 1, sizeof text - 1);
    text[0] = '\n';
    assert_null(look_state(&box, NULL, 0, &out));
    assert_false(out.full);
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return strstr(text, wanted) != NULL;
}

static void a_box_that_is_not_set_up(void **state)
{
    (void)state;
    box.phase = PHASE_ENTRY;
    assert_true(tells("name kms1"));
    assert_true(tells("serial 4F2A-91C0-77DE"));
    assert_true(tells("configured no"));
    assert_true(tells("locked no"));
    assert_true(tells("data yes"));
    assert_true(tells("revision 0"));
    assert_true(tells("trial 0"));
    assert_true(tells("idle 600"));
    assert_true(tells("login-wait 0"));
    box.phase = PHASE_NO_DATA;
    assert_true(tells("configured no"));
    assert_true(tells("data no"));
}

/* Until its slots were tried, a box with secrets starts; only then it is locked. */
static void a_box_that_opens_its_secrets(void **state)
{
    (void)state;
    box.phase = PHASE_LOCKED;
    assert_true(tells("configured yes"));
    assert_true(tells("locked no"));
    assert_true(tells("serve starting"));
    box.unlock_asked = true;
    assert_true(tells("locked yes"));
    assert_true(tells("serve -"));
    box.phase = PHASE_SERVING;
    assert_true(tells("locked no"));
    assert_true(tells("serve starting"));
    box.health.answered_ms = NOW_MS;
    strcpy(box.health.state, "READY");
    assert_true(tells("serve READY"));
    box.health = (struct health){.fd = -1};
    box.serve.failures = 1;
    assert_true(tells("serve -"));
}

static void what_counts_down(void **state)
{
    (void)state;
    box.phase = PHASE_SERVING;
    box.trial_ms = NOW_MS + 59001;
    box.login_ms = NOW_MS + 1;
    assert_true(tells("trial 60"));
    assert_true(tells("login-wait 1"));
    box.trial_ms = NOW_MS - 1;
    box.login_ms = NOW_MS;
    assert_true(tells("trial 0"));
    assert_true(tells("login-wait 0"));
}

static void randomness_and_clock(void **state)
{
    (void)state;
    assert_true(tells("random waiting for the kernel's generator: no key is made before"));
    box.random_ms = box.started_ms + 2340;
    assert_true(tells("random ready after 2.3 s"));
    assert_true(tells("clock 2026-01-01 01:00:00 UTC, from battery clock, not verified"));
}

static void faults_are_told_until_they_are_over(void **state)
{
    (void)state;
    char long_fault[2 * FAULT_TEXT];
    memset(long_fault, 'x', sizeof long_fault - 1);
    long_fault[sizeof long_fault - 1] = 0;
    box_fault(&box, FAULT_CLOCK, "the clock is wrong");
    box_fault(&box, FAULT_NET, long_fault);
    assert_true(tells("fault the clock is wrong"));
    assert_int_equal(strlen(box.faults[FAULT_NET]), FAULT_TEXT - 1);
    box_fault(&box, FAULT_CLOCK, NULL);
    assert_false(tells("fault the clock is wrong"));
    assert_non_null(strstr(text, "\nfault xxx"));
}

static void the_log_from_a_line_on(void **state)
{
    (void)state;
    const struct span words[] = {span_of_text("log"), span_of_text("24")},
                      bad[] = {words[0], span_of_text("x")};
    char line[40];
    for (int i = 1; i <= 25; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        ring_take(&box.ring, span_of_text(line));
    }
    assert_true(tells("log 25"));
    struct buf out = buf_over(text, sizeof text);
    assert_null(look_log(&box, words, 2, &out));
    assert_string_equal(text, "24 line 24\n25 line 25\n");
    out.len = 0;
    assert_null(look_log(&box, words, 1, &out));
    assert_int_equal(strncmp(text, "6 line 6\n", 9), 0);
    assert_non_null(look_log(&box, bad, 2, &out));
}

static void nothing_on_trial_is_not_confirmed(void **state)
{
    (void)state;
    struct buf out = buf_over(text, sizeof text);
    assert_string_equal(look_confirm(&box, NULL, 0, &out), "no revision is on trial");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_box_that_is_not_set_up),
        TEST(a_box_that_opens_its_secrets),
        TEST(what_counts_down),
        TEST(randomness_and_clock),
        TEST(faults_are_told_until_they_are_over),
        TEST(the_log_from_a_line_on),
        TEST(nothing_on_trial_is_not_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
