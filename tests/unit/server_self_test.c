/* SPDX-License-Identifier: Apache-2.0 */
/* `test serving` and `show state` (server/control_self_test): what works is said step by step, and no key
 * stays. */
#include "support/check.h"

#include <unistd.h>

#include "support/server_house.h"

static struct house *h;
static struct server *s;
static int console;

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    console = house_console(h);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    if (console >= 0)
        close(console);
    return 0;
}

/* Objects that are not destroyed. */
static unsigned living(void)
{
    uint32_t at = 0;
    unsigned count = 0;
    const struct catalogue_entry *e;
    while ((e = catalogue_next(&s->store.catalogue, &at)) != NULL) {
        struct object object;
        if (e->record != 0 && object_open(catalogue_record(&s->store.catalogue, e), &object) == STATUS_OK)
            count += !state_is_destroyed(object.head.state);
    }
    return count;
}

static void a_good_server(void **state)
{
    (void)state;
    const char *said = house_say(h, console, "test serving\n");
    assert_int_equal(strncmp(said, "create   ok ", 12), 0);
    assert_non_null(strstr(said, " ms\nget      ok "));
    assert_non_null(strstr(said, " ms\ndestroy  ok "));
    assert_non_null(strstr(said, " ms\nOK\n"));
    assert_int_equal(living(), 0);
    assert_int_equal(s->store.catalogue.visible, 1);
    assert_non_null(strstr(house_log(h), "console tests create, get, destroy: ok"));
    assert_int_equal(s->audit.count, 0);
    for (size_t i = 0; i < sizeof s->controls[0].answer; i++)
        assert_int_equal(s->controls[0].answer[i], 0); /* there was a key in it */
}

static void a_server_that_may_not_create(void **state)
{
    (void)state;
    s->store.lease.state = LEASE_REVOKED;
    const char *said = house_say(h, console, "test serving\n");
    assert_int_equal(strncmp(said, "create   FAILED ", 16), 0);
    assert_non_null(strstr(said, "get      not tried\ndestroy  not tried\nERR create: "));
    assert_int_equal(s->store.catalogue.visible, 0);
    assert_string_equal(house_say(h, console, "show state\n"), "REVOKED\nOK\n");
}

/* The key is created and then not served: it is destroyed all the same. */
static void destroy_is_tried_when_get_fails(void **state)
{
    (void)state;
    h->disk_frozen = true;
    assert_string_equal(house_say(h, console, "test serving\n"), "");
    s->store.lease.state = LEASE_REVOKED;
    h->disk_frozen = false;
    const char *said = house_say(h, console, "");
    assert_int_equal(strncmp(said, "create   ok ", 12), 0);
    assert_non_null(strstr(said, "\nget      FAILED "));
    assert_non_null(strstr(said, "\ndestroy  ok "));
    assert_non_null(strstr(said, "\nERR get: "));
    assert_int_equal(living(), 0);
    assert_int_equal(s->store.catalogue.visible, 1);
}

/* Who hangs up in the middle leaves no key behind. */
static void a_console_that_goes_away(void **state)
{
    (void)state;
    const char line[] = "test serving\n";
    h->disk_frozen = true;
    assert_int_equal(write(console, line, sizeof line - 1), sizeof line - 1);
    for (int i = 0; i < 10; i++)
        house_turn(h, 1);
    assert_int_equal(s->controls[0].command, CONTROL_SELF_TEST);
    close(console);
    console = -1;
    for (int i = 0; i < 10; i++)
        house_turn(h, 1);
    h->disk_frozen = false;
    for (int i = 0; i < HOUSE_PATIENCE && s->consoles != 0; i++)
        house_turn(h, 1);
    assert_int_equal(s->consoles, 0);
    assert_int_equal(living(), 0);
    assert_int_equal(s->store.catalogue.visible, 1);
}

static void states_for_programs(void **state)
{
    (void)state;
    struct lease *l = &s->store.lease;
    assert_string_equal(house_say(h, console, "show state\n"), "READY\nOK\n");
    l->state = LEASE_GRACE;
    l->positive_mono_ms = s->now.mono_ms;
    l->next_check_ms = s->now.mono_ms + 100000;
    l->offline_ms = 7200999;
    assert_string_equal(house_say(h, console, "show state\n"), "GRACE 7200\nOK\n");
    l->state = LEASE_READ_ONLY;
    assert_string_equal(house_say(h, console, "show state\n"), "READ-ONLY\nOK\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_server),
        TEST(a_server_that_may_not_create),
        TEST(destroy_is_tried_when_get_fails),
        TEST(a_console_that_goes_away),
        TEST(states_for_programs),
    };
    return cmocka_run_group_tests_name("server/control_self_test", tests, NULL, NULL);
}
