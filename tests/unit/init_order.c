/* SPDX-License-Identifier: Apache-2.0 */
/* The server first, then consoles and chores; and nothing waits for ever. */
#include "support/check.h"

#include "init/order.h"

#define START 7000u

static struct box box;
static uint64_t deadline;

static void at(enum box_phase phase, uint64_t after_ms)
{
    memset(&box, 0, sizeof box);
    box.phase = phase;
    box.started_ms = START;
    box.now.mono_ms = START + after_ms;
    deadline = UINT64_MAX;
}

static void before_the_disk_is_found_both_wait(void **state)
{
    (void)state;
    at(PHASE_DISK, 14999);
    assert_true(order_consoles_wait(&box, &deadline));
    assert_true(order_chores_wait(&box, &deadline));
    assert_true(deadline == UINT64_MAX); /* the disk is looked for anyway */
}

static void while_secrets_are_opened_both_wait_for_a_moment(void **state)
{
    (void)state;
    at(PHASE_LOCKED, 0);
    assert_true(order_chores_wait(&box, &deadline));
    assert_int_equal(deadline, START + ORDER_CHORES_MS);
    assert_true(order_consoles_wait(&box, &deadline));
    assert_int_equal(deadline, START + ORDER_CONSOLES_MS);
    assert_true(order_chores_wait(&box, &deadline));
    assert_int_equal(deadline, START + ORDER_CONSOLES_MS); /* never put off */

    at(PHASE_LOCKED, ORDER_CONSOLES_MS);
    assert_false(order_consoles_wait(&box, &deadline));
    assert_true(order_chores_wait(&box, &deadline));
    at(PHASE_LOCKED, ORDER_CHORES_MS);
    assert_false(order_chores_wait(&box, &deadline));

    at(PHASE_LOCKED, 0);
    box.unlock_asked = true; /* and they stayed shut */
    assert_false(order_consoles_wait(&box, &deadline));
    assert_false(order_chores_wait(&box, &deadline));
    assert_true(deadline == UINT64_MAX);
}

static void while_the_server_starts_chores_wait(void **state)
{
    (void)state;
    at(PHASE_SERVING, 0);
    assert_false(order_consoles_wait(&box, &deadline));
    assert_true(order_chores_wait(&box, &deadline));
    box.health.answered_ms = START + 1;
    assert_false(order_chores_wait(&box, &deadline));
    at(PHASE_SERVING, ORDER_CHORES_MS);
    assert_false(order_chores_wait(&box, &deadline));
}

static void a_new_box_waits_for_nothing(void **state)
{
    (void)state;
    at(PHASE_ENTRY, 0);
    assert_false(order_consoles_wait(&box, &deadline));
    assert_false(order_chores_wait(&box, &deadline));
}

static void without_data_there_are_consoles_and_no_chores(void **state)
{
    (void)state;
    at(PHASE_NO_DATA, 3600000);
    assert_false(order_consoles_wait(&box, &deadline));
    assert_true(order_chores_wait(&box, &deadline));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_disk_is_found_both_wait),
        cmocka_unit_test(while_secrets_are_opened_both_wait_for_a_moment),
        cmocka_unit_test(while_the_server_starts_chores_wait),
        cmocka_unit_test(a_new_box_waits_for_nothing),
        cmocka_unit_test(without_data_there_are_consoles_and_no_chores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
