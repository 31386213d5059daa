/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/region.h"

static void carve(struct region *region, void *parts[3])
{
    parts[0] = region_take(region, "one", 1, 1);
    parts[1] = region_take(region, "three", 3, 65);
    parts[2] = region_take(region, "none", 0, 100);
}

static void the_plan_is_the_same_code_run_dry(void **state)
{
    (void)state;
    struct region plan = {.base = NULL}, region;
    void *parts[3];
    carve(&plan, parts);
    assert_null(parts[0]);
    assert_null(parts[1]);
    assert_int_equal(plan.used, 64 + 256);
    assert_int_equal(plan.pool_count, 3);
    assert_string_equal(plan.pools[1].name, "three");
    assert_int_equal(plan.pools[1].slots, 3);
    assert_int_equal(plan.pools[1].slot_bytes, 65);

    bool locked = true;
    assert_int_equal(region_map(&region, plan.used, false, &locked), STATUS_OK);
    assert_false(locked);
    assert_int_equal(region.size, 4096);
    carve(&region, parts);
    assert_int_equal(region.used, plan.used);
    assert_ptr_equal(parts[0], region.base);
    assert_ptr_equal(parts[1], region.base + 64);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal((uintptr_t)parts[i] % 64, 0);
    for (size_t i = 0; i < region.size; i++)
        assert_int_equal(region.base[i], 0);
    munmap(region.base, region.size);
}

static void more_than_the_plan_stops_the_program(void **state)
{
    (void)state;
    struct region region;
    bool locked;
    assert_int_equal(region_map(&region, 4096, false, &locked), STATUS_OK);
    assert_non_null(region_take(&region, "all", 1, 4096));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        void *more = region_take(&region, "more", 1, 1);
        _exit(more == NULL ? 1 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    munmap(region.base, region.size);
}

static void too_many_pools_are_not_named(void **state)
{
    (void)state;
    struct region plan = {.base = NULL};
    for (int i = 0; i < REGION_POOLS + 5; i++)
        assert_null(region_take(&plan, "pool", 1, 64));
    assert_int_equal(plan.pool_count, REGION_POOLS);
    assert_int_equal(plan.used, 64 * (REGION_POOLS + 5));
}

static void locks_when_asked(void **state)
{
    (void)state;
    struct region region;
    bool locked = false;
    assert_int_equal(region_map(&region, 4096, true, &locked), STATUS_OK);
    /* A system that allows no locked memory says so; where it is allowed it has to be true. */
    if (mlock(region.base, region.size) == 0)
        assert_true(locked);
    munmap(region.base, region.size);
}

static void says_when_there_is_no_memory(void **state)
{
    (void)state;
    struct region region;
    bool locked;
    assert_int_equal(region_map(&region, (size_t)1 << 60, false, &locked), STATUS_NO_SPACE);
    assert_null(region.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_the_same_code_run_dry),
        cmocka_unit_test(more_than_the_plan_stops_the_program),
        cmocka_unit_test(too_many_pools_are_not_named),
        cmocka_unit_test(locks_when_asked),
        cmocka_unit_test(says_when_there_is_no_memory),
    };
    return cmocka_run_group_tests_name("base/region", tests, NULL, NULL);
}
