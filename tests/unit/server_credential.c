/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the console about the key manager (server/control_commands): its API key, and the test of it.
 * What the test finds is said by us. */
#include "support/check.h"

#include <unistd.h>

#include "keymgr/keyprotect_state.h"
#include "server/keymanager.h"
#include "support/server_house.h"

static struct house *h;
static struct server *s;
static int console;

/* Key Protect is set, and nothing of it is called; the store has the local key manager. */
static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    console = house_console(h);
    s->config.keymanager = KEYMANAGER_KEYPROTECT;
    s->keyprotect = calloc(1, sizeof *s->keyprotect);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(s->keyprotect);
    house_free(h);
    close(console);
    return 0;
}

/* ---- the API key ---- */

static void check_said(const char *line, const char *wanted)
{
    const char *said = house_say(h, console, line);
    if (strcmp(said, wanted) != 0)
        fail_msg("%s said \"%s\", wanted \"%s\"", line, said, wanted);
}

static void check_key_file(const char *wanted)
{
    size_t len = 0;
    const uint8_t *file = sim_disk_file(h->sim, API_KEY_FILE, &len);
    if (wanted == NULL)
        assert_null(file);
    else
        check_text(span_of(file, len), wanted);
}

static void the_local_one_needs_no_credential_and_no_test(void **state)
{
    (void)state;
    s->config.keymanager = KEYMANAGER_LOCAL;
    check_said("keymanager credential abc\n", "ERR the local key manager needs no credential\n");
    check_said("test keymanager\n",
               "ERR the local key manager is a folder on this disk; show status tells how it is\n");
    check_said("keymanager\n", "ERR no such command; try help\n");
    check_said("keymanager credential\n", "ERR no such command; try help\n");
    check_said("keymanager credential a b\n", "ERR no such command; try help\n");
    check_said("test keymanager now\n", "ERR no such command; try help\n");
    check_said("test\n", "ERR no such command; try help\n");
    check_key_file(NULL);
}

/* OK comes when it is on disk; then the next token is asked for with it. */
static void a_new_api_key_is_written_and_used(void **state)
{
    (void)state;
    static char line[API_KEY_MAX + 40], key[API_KEY_MAX + 2];
    s->keyprotect->iam.has_token = true;
    h->disk_frozen = true;
    check_said("keymanager credential first-key\n", "");
    assert_true(s->keyprotect->iam.has_token);
    assert_null(memmem(&s->controls[0], sizeof s->controls[0], "first-key", 9)); /* wiped */
    h->disk_frozen = false;
    check_said("", "OK\n");
    check_key_file("first-key");
    assert_false(s->keyprotect->iam.has_token);
    for (size_t len = API_KEY_MAX; len <= API_KEY_MAX + 1; len++) {
        memset(key, 'k', len);
        snprintf(line, sizeof line, "keymanager credential %s\n", key);
        check_said(line, len == API_KEY_MAX ? "OK\n" : "ERR an API key has 1 to 256 characters\n");
    }
    check_said("keymanager credential \"\"\n", "ERR an API key has 1 to 256 characters\n");
    key[API_KEY_MAX] = 0;
    check_key_file(key);
    assert_null(strstr(house_log(h), "first-key"));
}

/* With a state key it is sealed, in its own name. */
static void a_sealed_api_key(void **state)
{
    (void)state;
    uint8_t key[API_KEY_MAX];
    size_t len = 0, key_len = 0;
    s->vault = (struct vault){.sealed = true, .key = {7}};
    check_said("keymanager credential sealed-key\n", "OK\n");
    const uint8_t *file = sim_disk_file(h->sim, API_KEY_FILE, &len);
    assert_int_equal(len, 10 + VAULT_OVERHEAD);
    assert_int_equal(vault_read(&s->vault, API_KEY_FILE, span_of(file, len), key, sizeof key, &key_len),
                     STATUS_OK);
    check_text(span_of(key, key_len), "sealed-key");
    assert_null(memmem(&s->controls[0], sizeof s->controls[0], "sealed-key", 10));
}

/* Whatever fails, the one that worked stays. */
static void an_api_key_that_is_not_written_changes_nothing(void **state)
{
    (void)state;
    static const unsigned calls[] = {SIM_OPEN, SIM_TRUNCATE, SIM_WRITE, SIM_FLUSH, SIM_RENAME};
    check_said("keymanager credential good\n", "OK\n");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        s->keyprotect->iam.has_token = true;
        sim_disk_fail(h->sim, calls[i], 28, 0, 1);
        check_said("keymanager credential other\n", "ERR the API key could not be written; see the log\n");
        check_key_file("good");
        assert_true(s->keyprotect->iam.has_token);
    }
    s->disk.lost = true;
    check_said("keymanager credential other\n", "ERR the disk is busy; try again\n");
    s->disk.lost = false;
    s->clients_file.busy = true;
    h->disk_frozen = true;
    check_said("keymanager credential other\n", "ERR the clients file is being written; try again\n");
    h->disk_frozen = false;
    check_said("", "");
    check_key_file("good");
    check_said("keymanager credential other\n", "OK\n");
    check_key_file("other");
}

/* ---- the test of it ---- */

static void step_ends(enum keyprotect_test_step step, bool good, uint32_t tls_ms, const char *reason)
{
    struct keyprotect_test *test = &s->keyprotect->test;
    test->steps[step].done = true;
    test->steps[step].good = good;
    test->steps[step].ms = 10 + step;
    test->steps[step].tls_ms = tls_ms;
    snprintf(test->steps[step].why, sizeof test->steps[step].why, "%s", reason);
}

static void a_good_test_is_told_step_by_step(void **state)
{
    (void)state;
    check_said("test keymanager\n", "");
    assert_true(s->keyprotect->test.running);
    step_ends(TEST_TOKEN, true, 0, "");
    check_said("", "IAM token        ok         10 ms\n");
    step_ends(TEST_ROOT, true, 7, "");
    step_ends(TEST_WRAP, true, 0, "");
    check_said("",
               "root key         ok         11 ms  (TLS after 7 ms)\nwrap a new key   ok         12 ms\n");
    for (enum keyprotect_test_step i = TEST_UNWRAP; i < TEST_STEPS; i++)
        step_ends(i, true, 0, "");
    s->keyprotect->test.running = false;
    const char *said = house_say(h, console, "");
    assert_non_null(strstr(said, "unwrap it        ok         13 ms\n"));
    assert_string_equal(said + strlen(said) - 3, "OK\n");
}

static void a_step_that_failed_is_told_with_its_cause(void **state)
{
    (void)state;
    static const char not_ready[] = "ERR the key manager is not ready for use\n";
    check_said("test keymanager\n", "");
    step_ends(TEST_TOKEN, false, 0, "the API key is not known");
    s->keyprotect->test.running = false;
    check_said("", "IAM token        FAILED     10 ms  the API key is not known\n"
                   "ERR the key manager is not ready for use\n");
    check_said("test keymanager\n", "");
    for (enum keyprotect_test_step i = TEST_TOKEN; i < TEST_STEPS; i++)
        step_ends(i, i != TEST_LIST, 0, "");
    s->keyprotect->test.running = false;
    const char *said = house_say(h, console, "");
    assert_non_null(strstr(said, "list records     FAILED     14 ms\n"));
    assert_string_equal(said + strlen(said) - strlen(not_ready), not_ready);
}

/* Two consoles test one after the other. */
static void a_second_test_waits(void **state)
{
    (void)state;
    int other = house_console(h);
    check_said("test keymanager\n", "");
    step_ends(TEST_TOKEN, true, 0, "");
    check_said("", "IAM token        ok         10 ms\n");
    assert_string_equal(house_say(h, other, "test keymanager\n"), "");
    step_ends(TEST_ROOT, false, 0, "");
    s->keyprotect->test.running = false;
    check_said("", "root key         FAILED     11 ms\nERR the key manager is not ready for use\n");
    assert_true(s->keyprotect->test.running); /* anew */
    assert_false(s->keyprotect->test.steps[TEST_TOKEN].done);
    s->keyprotect->test.running = false;
    assert_string_equal(house_say(h, other, ""), "ERR the key manager is not ready for use\n");
    close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_local_one_needs_no_credential_and_no_test),
        TEST(a_new_api_key_is_written_and_used),
        TEST(an_api_key_that_is_not_written_changes_nothing),
        TEST(a_good_test_is_told_step_by_step),
        TEST(a_sealed_api_key),
        TEST(a_good_test_is_told_step_by_step),
        TEST(a_step_that_failed_is_told_with_its_cause),
        TEST(a_second_test_waits),
    };
    return cmocka_run_group_tests_name("server/control_commands: the key manager", tests, NULL, NULL);
}
