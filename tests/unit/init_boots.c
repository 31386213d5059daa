/* SPDX-License-Identifier: Apache-2.0 */
/* The record of boots: how each one ended and why the next began, as it is told the morning after. */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "init/boots.h"
#include "init/files.h"

#define START 1798797600 /* 2027-01-01T10:00:00Z */

static char folder[] = "/tmp/holdfast-boots-XXXXXX";
static char path[60];

static int begin(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/boots", folder);
    return 0;
}

static int end(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void fresh(void)
{
    unlink(path);
}

static struct boot_facts facts_at(int64_t minutes, uint32_t slot, const char *version)
{
    return (struct boot_facts){.now_s = START + 60 * minutes, .slot = slot, .version = version};
}

static const char *shown(void)
{
    static char text[8192];
    char name[80];
    snprintf(name, sizeof name, "%s/shown", folder);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    boots_show(path, fd);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    close(fd);
    for (const char *line = text; *line != 0; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 79);
    return text;
}

static void first_boot_then_power_lost(void **state)
{
    (void)state;
    fresh();
    struct boot_facts f = facts_at(0, 1, "1.0.0");
    assert_true(boots_begin(path, &f));
    assert_true(boots_result(path, BOOT_NORMAL, "READY after 9 s"));
    f = facts_at(5, 1, "1.0.0");
    f.last_alive_s = START + 40;
    assert_true(boots_begin(path, &f));
    assert_string_equal(shown(),
                        "#    time (UTC)          slot   version    result why\n"
                        "2    2027-01-01 10:05:00 1      1.0.0      began  power returned\n"
                        "1    2027-01-01 10:00:00 1      1.0.0      normal READY after 9 s; power lost\n"
                        "                                                  after 40 s\n");
}

static void restart_is_told_from_power(void **state)
{
    (void)state;
    fresh();
    struct boot_facts f = facts_at(0, 1, "1.0.0");
    assert_true(boots_begin(path, &f) && boots_end(path, BOOT_RESTART) && boots_begin(path, &f));
    assert_non_null(strstr(shown(), "began  restart asked\n"));
    assert_null(strstr(shown(), "power"));
    assert_true(boots_end(path, BOOT_HALT) && boots_begin(path, &f));
    assert_non_null(strstr(shown(), "began  switched on\n"));
}

/* An update: restart, trial, kept. */
static void a_trial_is_kept(void **state)
{
    (void)state;
    fresh();
    struct boot_facts f = facts_at(0, 1, "1.0.0");
    assert_true(boots_begin(path, &f) && boots_end(path, BOOT_RESTART));
    f = facts_at(2, 2, "1.1.0");
    f.trial = true;
    assert_true(boots_begin(path, &f));
    assert_non_null(strstr(shown(), "2      1.1.0      trial  restart asked\n"));
    assert_true(boots_result(path, BOOT_KEPT, "READY after 21 s"));
    assert_non_null(strstr(shown(), "2      1.1.0      kept   READY after 21 s\n"));
}

static void last_line(char *out, size_t cap)
{
    const char *text = shown();
    const char *line = strchr(text, '\n') + 1; /* newest first */
    snprintf(out, cap, "%s", line);
}

static void a_trial_that_is_given_up(void **state)
{
    (void)state;
    char line[400];
    fresh();
    struct boot_facts f = facts_at(0, 2, "1.1.0");
    f.trial = true;
    assert_true(boots_begin(path, &f));
    assert_true(boots_result(path, BOOT_FAILED, "no key served in 5 min") && boots_end(path, BOOT_RESTART));
    f = facts_at(6, 1, "1.0.0");
    assert_true(boots_begin(path, &f));
    last_line(line, sizeof line);
    assert_non_null(strstr(line, "1      1.0.0      back   1.1.0 was given up: no key"));
    /* The verdict of the boot that came back does not hide that it came back. */
    assert_true(boots_result(path, BOOT_NORMAL, "READY after 9 s"));
    last_line(line, sizeof line);
    assert_non_null(strstr(line, "back   1.1.0 was given up"));
}

static void a_trial_without_a_verdict(void **state)
{
    (void)state;
    char line[400];
    fresh();
    struct boot_facts f = facts_at(0, 2, "1.1.0");
    f.trial = true;
    assert_true(boots_begin(path, &f));
    f = facts_at(1, 1, "1.0.0");
    f.failed = "1.1.0";
    f.failed_slot = 2;
    assert_true(boots_begin(path, &f));
    last_line(line, sizeof line);
    assert_non_null(strstr(line, "back   1.1.0 on trial ended without"));
    assert_non_null(strstr(line, "power lost"));
}

/* The new image never got as far as writing a line. */
static void a_trial_that_never_came_up(void **state)
{
    (void)state;
    char line[400];
    fresh();
    struct boot_facts f = facts_at(0, 1, "1.0.0");
    assert_true(boots_begin(path, &f) && boots_end(path, BOOT_RESTART));
    f.failed = "1.1.0";
    f.failed_slot = 2;
    assert_true(boots_begin(path, &f));
    last_line(line, sizeof line);
    assert_non_null(strstr(line, "back   1.1.0 was started and did not"));
}

static void a_waiting_image_passed_over(void **state)
{
    (void)state;
    char line[400];
    fresh();
    struct boot_facts f = facts_at(0, 1, "1.0.0");
    assert_true(boots_begin(path, &f) && boots_end(path, BOOT_RESTART));
    f.waiting = "1.1.0";
    assert_true(boots_begin(path, &f));
    last_line(line, sizeof line);
    assert_non_null(strstr(line, "back   1.1.0 waits, the boot loader"));
}

static void sixteen_are_kept_and_fit(void **state)
{
    (void)state;
    fresh();
    char why[200];
    memset(why, 'w', sizeof why - 1);
    why[sizeof why - 1] = 0;
    for (int i = 0; i < 40; i++) {
        struct boot_facts f = facts_at(i, 999999, "1.0.0-abcdefghijklmno");
        assert_true(boots_begin(path, &f) && boots_result(path, BOOT_NORMAL, why));
    }
    const char *text = shown();
    assert_non_null(strstr(text, "\n40   2027-01-01 10:39:00"));
    assert_non_null(strstr(text, "\n25   "));
    assert_null(strstr(text, "\n24   "));
}

static void other_lines_are_passed_over(void **state)
{
    (void)state;
    struct boots b;
    static const char text[] = "garbage\n"
                               "0 2027-01-01T10:00:00Z 1 1.0.0 normal running x\n"
                               "1 2027-02-30T10:00:00Z 1 1.0.0 normal running x\n"
                               "2 2027-01-01T10:00:00Z 1 1.0.0 great running x\n"
                               "3 2027-01-01T10:00:00Z 1 1.0.0 normal\n"
                               "4 2027-01-01T10:00:00Z 1 1.0.0 normal running\n"
                               "5 1970-01-01T00:00:00Z 0 ? back lost a\x1b[2J\xffreason";
    uint8_t *tight = tight_copy(text, sizeof text - 1);
    boots_parse(span_of(tight, sizeof text - 1), &b);
    free(tight);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.list[0].number, 4);
    assert_string_equal(b.list[0].why, "");
    assert_int_equal(b.list[1].time_s, 0);
    assert_string_equal(b.list[1].why, "a[2Jreason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_boot_then_power_lost),
        cmocka_unit_test(restart_is_told_from_power),
        cmocka_unit_test(a_trial_is_kept),
        cmocka_unit_test(a_trial_that_is_given_up),
        cmocka_unit_test(a_trial_without_a_verdict),
        cmocka_unit_test(a_trial_that_never_came_up),
        cmocka_unit_test(a_waiting_image_passed_over),
        cmocka_unit_test(sixteen_are_kept_and_fit),
        cmocka_unit_test(other_lines_are_passed_over),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, begin, end);
}
