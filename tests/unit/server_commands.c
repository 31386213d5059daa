/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the console about one key, and about the cache (server/control_commands). */
#include "support/check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "server/inventory.h"
#include "support/house_keys.h"

static struct house *h;
static struct server *s;
static int console;
static char uid[UUID_TEXT + 1];

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

/* Sends a line with the Unique Identifier of a key in it. */
static const char *say(const char *before, const struct catalogue_entry *e, const char *behind)
{
    char line[200];
    uuid_write(e->uid, uid);
    snprintf(line, sizeof line, "%s %s%s\n", before, uid, behind);
    return house_say(h, console, line);
}

static void check_said(const char *said, const char *wanted)
{
    if (strcmp(said, wanted) != 0)
        fail_msg("said \"%s\", wanted \"%s\"", said, wanted);
}

/* Told what is lost, and what to type. */
static void check_guides(const char *said, const struct catalogue_entry *e, const char *word)
{
    char wanted[300];
    uuid_write(e->uid, uid);
    snprintf(wanted, sizeof wanted, "\nERR to destroy it for good: key retire %s %s\n", uid, word);
    assert_int_equal(strncmp(said, "State ", 6), 0);
    assert_non_null(strstr(said, "\nLost for good: "));
    const char *last = strstr(said, "\nERR ");
    assert_non_null(last);
    check_said(last, wanted);
    assert_false(inventory_is_destroyed(s, e));
}

static bool has_logged(const char *text)
{
    return strstr(house_log(h), text) != NULL;
}

static void wrong_usage_is_told(void **state)
{
    (void)state;
    static const char usage[] = "ERR key show <Unique Identifier>, or key retire <Unique Identifier>\n";
    static const char *const lines[] = {"key\n",          "key show\n",    "key retire\n",
                                        "key show a b\n", "key dance a\n", "key retire a b c\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        check_said(house_say(h, console, lines[i]), usage);
    static const char unknown[] = "ERR no object has this Unique Identifier; see: show keys\n";
    check_said(house_say(h, console, "key show x\n"), unknown);
    check_said(house_say(h, console, "key show 00000000-0000-0000-0000-000000000000\n"), unknown);
    check_said(house_say(h, console, "key retire 00000000-0000-0000-0000-000000000000\n"), unknown);
    check_said(house_say(h, console, "key retire 00000000-0000-0000-0000-000000000000 x\n"), unknown);
}

static void a_key_is_shown(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, "Virtual Machine", "web", "vm-1");
    const char *said = say("key show", e, "");
    assert_int_equal(strncmp(said, "Unique Identifier ", 18), 0);
    assert_non_null(strstr(said, uid));
    assert_non_null(strstr(said, "\nx-Name                       web\n"));
    check_said(said + strlen(said) - 4, "\nOK\n");
    assert_false(inventory_is_destroyed(s, e));
}

/* However much there is to tell, it ends with OK: the console waits for it. */
static void the_largest_object_is_shown_up_to_its_ok(void **state)
{
    (void)state;
    static char odd[1025];
    char name[20];
    memset(odd, '\n', 200);
    struct message *m = house_create_begin();
    for (int i = 0; i < 27; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        put_attribute_text(m, name, odd);
    }
    struct catalogue_entry *e = house_create_end(h);
    const char *said = say("key show", e, "");
    assert_true(strlen(said) > 4500);
    assert_non_null(strstr(said, " attributes are left out: too much for a console\n"));
    check_said(said + strlen(said) - 4, "\nOK\n");
    memset(odd, '\n', 1024);
    struct catalogue_entry *vm = house_key(h, odd, odd, "vm-1"), *newer = house_key(h, odd, odd, "vm-1");
    assert_non_null(newer);
    said = say("key retire", vm, "");
    assert_true(strlen(said) > 1000);
    assert_non_null(strstr(said, " newer key of the same one"));
    char word[9] = "";
    memcpy(word, uid, 8);
    check_guides(said, vm, word);
}

static void retiring_is_guided(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, "Virtual Machine", "web", "vm-1");
    check_guides(say("key retire", e, ""), e, "web");
    check_guides(say("key retire", e, " yes"), e, "web");
    check_guides(say("key retire", e, " we"), e, "web");
    check_guides(say("key retire", e, " webs"), e, "web");
    check_guides(say("key retire", e, " \"\""), e, "web");
    check_guides(say("key retire", e, " WEB"), e, "web");
    assert_non_null(strstr(say("key retire", e, ""), "It is a key of: Virtual Machine web\n"));
    assert_false(has_logged("console retires"));
    check_said(say("key retire", e, " web"), "OK\n");
    assert_true(inventory_is_destroyed(s, e));
    char line[100];
    snprintf(line, sizeof line, "console retires %s: ok", uid);
    assert_true(has_logged(line));
    check_said(say("key retire", e, " web"), "ERR it is destroyed already\n");
    check_said(say("key retire", e, ""), "ERR it is destroyed already\n");
    const char *said = say("key show", e, "");
    assert_non_null(strstr(said, "Destroyed\n"));
}

static void a_key_of_nobody_is_confirmed_by_its_identifier(void **state)
{
    (void)state;
    char word[12] = " ";
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    uuid_write(e->uid, uid);
    memcpy(word + 1, uid, 8);
    check_guides(say("key retire", e, ""), e, word + 1);
    check_said(say("key retire", e, word), "OK\n");
    assert_true(inventory_is_destroyed(s, e));
}

/* Of every scope, and Active ones too: each in one go. */
static void an_active_key_of_another_scope_is_retired(void **state)
{
    (void)state;
    house_scope = scopes_number(&s->store.scopes, span_of_text("hall"));
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    house_do(h, OPERATION_ACTIVATE, e);
    house_scope = 0;
    assert_int_not_equal(e->scope, 0);
    check_said(say("key retire", e, " web"), "OK\n");
    struct object object;
    assert_int_equal(object_open(catalogue_record(&s->store.catalogue, e), &object), STATUS_OK);
    assert_int_equal(object.head.state, STATE_DESTROYED);
    assert_int_equal(e->generation, 4); /* made, activated, revoked, destroyed */
}

static void what_the_store_refuses_is_told(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    house_do(h, OPERATION_ARCHIVE, e);
    const char *said = say("key retire", e, " web");
    assert_int_equal(strncmp(said, "ERR ", 4), 0);
    assert_non_null(strstr(said, "rchive"));
    assert_false(inventory_is_destroyed(s, e));
    char line[100];
    snprintf(line, sizeof line, "console retires %s: ", uid);
    assert_true(has_logged(line));
    assert_false(has_logged(": ok"));
}

/* OK is said when it is done; nothing of it is left for the audit of whoever runs next. */
static void retiring_waits_for_the_disk(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    house_do(h, OPERATION_ACTIVATE, e);
    h->disk_frozen = true;
    check_said(say("key retire", e, " web"), "");
    int other = house_console(h);
    check_said(house_say(h, other, "show keys count\n"), "1\nOK\n");
    close(other);
    h->disk_frozen = false;
    char answer[16] = "";
    for (int i = 0; i < HOUSE_PATIENCE && answer[0] == 0; i++) {
        house_turn(h, 1);
        assert_int_equal(s->audit.count, 0);
        ssize_t n = recv(console, answer, sizeof answer - 1, MSG_DONTWAIT);
        answer[n > 0 ? n : 0] = 0;
    }
    assert_string_equal(answer, "OK\n");
    assert_true(inventory_is_destroyed(s, e));
}

static void retiring_has_an_end(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    h->disk_frozen = true;
    check_said(say("key retire", e, " web"), "");
    s->now.mono_ms += s->config.request_timeout_ms - 1000;
    check_said(house_say(h, console, ""), "");
    s->now.mono_ms += 1000;
    check_said(house_say(h, console, ""), "ERR not confirmed in time; the change may still be stored\n");
    h->disk_frozen = false;
    house_turn(h, 1);
}

static void a_console_that_hangs_up_retires_all_the_same(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    h->disk_frozen = true;
    say("key retire", e, " web");
    close(console);
    console = -1;
    h->disk_frozen = false;
    for (int i = 0; i < HOUSE_PATIENCE && s->consoles != 0; i++)
        house_turn(h, 1);
    assert_int_equal(s->consoles, 0);
    assert_true(inventory_is_destroyed(s, e));
}

/* ---- the cache ---- */

/* The key manager is asked at once, long before its time. */
static void the_cache_is_refreshed(void **state)
{
    (void)state;
    house_turn(h, 5000);
    house_turn(h, 1);
    uint64_t confirmed = s->store.lease.positive_mono_ms;
    uint32_t pass = s->store.sync.pass;
    check_said(house_say(h, console, ""), "");
    assert_int_equal(s->store.lease.positive_mono_ms, confirmed);
    assert_int_equal(s->store.sync.pass, pass);
    check_said(house_say(h, console, "cache refresh now\n"), "ERR no such command; try help\n");
    assert_int_equal(s->store.lease.positive_mono_ms, confirmed);
    check_said(house_say(h, console, "cache refresh\n"), "OK\n");
    assert_true(s->store.lease.positive_mono_ms > confirmed);
    assert_true(s->store.sync.pass > pass);
}

static void the_cache_is_erased(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, "web", NULL);
    house_do(h, OPERATION_GET, e);
    assert_true(s->store.keks.ready > 0);
    assert_int_equal(send(console, "cache erase\n", 12, 0), 12);
    uint32_t least = s->store.keks.ready;
    for (int i = 0; i < 5; i++) {
        house_turn(h, 1);
        least = s->store.keks.ready < least ? s->store.keks.ready : least;
    }
    assert_int_equal(least, 0);
    check_said(house_say(h, console, ""), "OK\n");
    house_do(h, OPERATION_GET, e); /* fetched again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_usage_is_told),
        TEST(a_key_is_shown),
        TEST(the_largest_object_is_shown_up_to_its_ok),
        TEST(retiring_is_guided),
        TEST(a_key_of_nobody_is_confirmed_by_its_identifier),
        TEST(an_active_key_of_another_scope_is_retired),
        TEST(what_the_store_refuses_is_told),
        TEST(retiring_waits_for_the_disk),
        TEST(retiring_has_an_end),
        TEST(a_console_that_hangs_up_retires_all_the_same),
        TEST(the_cache_is_refreshed),
        TEST(the_cache_is_erased),
    };
    return cmocka_run_group_tests_name("server/control_commands: keys", tests, NULL, NULL);
}
