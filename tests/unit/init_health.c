/* SPDX-License-Identifier: Apache-2.0 */
/* When a server hangs, and when only the watchdog helps. */
#include "support/check.h"

#include <signal.h>
#include <sys/wait.h>

#include "init/health.h"

#define MINUTE 60000u

static struct box box;

static void start_at(uint64_t now, pid_t pid)
{
    memset(&box, 0, sizeof box);
    health_init(&box);
    box.now.mono_ms = now;
    box.serve = (struct child){.pid = pid, .started_ms = now};
}

static void one_that_answered_may_be_silent_for_half_a_minute(void **state)
{
    (void)state;
    start_at(MINUTE, 4242);
    box.health.answered_ms = 2 * MINUTE;
    box.now.mono_ms = 2 * MINUTE + 30000;
    assert_false(health_hangs(&box));
    box.now.mono_ms++;
    assert_true(health_hangs(&box));
    box.serve.pid = 0;
    assert_false(health_hangs(&box));
}

static void one_that_starts_has_three_minutes(void **state)
{
    (void)state;
    start_at(MINUTE, 4242);
    box.now.mono_ms = 4 * MINUTE;
    assert_false(health_hangs(&box));
    box.now.mono_ms++;
    assert_true(health_hangs(&box));
}

/* A child that nobody waits for stands for one that a dead disk holds: neither goes when it is killed. */
static void one_that_stays_when_killed_is_hopeless(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    start_at(MINUTE, pid);
    strcpy(box.health.state, "READY");
    box.log = (struct log){.fd = -1};
    uint64_t deadline = UINT64_MAX;
    box.now.mono_ms = 4 * MINUTE + 1;
    health_turn(&box, &deadline);
    siginfo_t end = {0};
    assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
    assert_int_equal(end.si_status, SIGKILL);
    assert_string_equal(box.health.state, "");
    assert_non_null(strstr(box.faults[FAULT_SERVE], "did not answer"));
    uint64_t killed = box.health.killed_ms;
    assert_int_equal(killed, box.now.mono_ms);

    box.now.mono_ms = killed + MINUTE;
    health_turn(&box, &deadline);
    assert_int_equal(box.health.killed_ms, killed);
    assert_false(health_is_hopeless(&box));
    box.now.mono_ms++;
    assert_true(health_is_hopeless(&box));

    assert_int_equal(waitpid(pid, NULL, 0), pid);
    box.serve.pid = 0;
    assert_false(health_is_hopeless(&box));
    box.serve = (struct child){.pid = 4243, .started_ms = box.now.mono_ms};
    assert_false(health_is_hopeless(&box));
    box.now.mono_ms += 2 * MINUTE;
    assert_false(health_is_hopeless(&box));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_answered_may_be_silent_for_half_a_minute),
        cmocka_unit_test(one_that_starts_has_three_minutes),
        cmocka_unit_test(one_that_stays_when_killed_is_hopeless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
