/* SPDX-License-Identifier: Apache-2.0 */
/* KMIP users: the lines that set them, and passwords right, wrong and right again at no cost. */
#include "support/check.h"

#include "base/text.h"
#include "kmip/enum.h"
#include "server/clients.h"
#include "server/config.h"

#define SALT "000102030405060708090a0b0c0d0e0f"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct scopes scopes;
static struct clients *clients;
static char why[200];

static int begin(void **state)
{
    (void)state;
    memset(&scopes, 0, sizeof scopes);
    clients = calloc(1, sizeof *clients);
    clients_init(clients, &scopes);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(clients);
    return 0;
}

static bool set(const char *line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(span_of_text(line), words);
    return clients_set(clients, words, count, why, sizeof why);
}

static bool set_password(const char *name, const char *password, unsigned iterations)
{
    uint8_t salt[16], hash[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1], line[300];
    assert_int_equal(hex_read(span_of_text(SALT), salt, sizeof salt), STATUS_OK);
    pbkdf2_sha256(span_of_text(password), span_of(salt, sizeof salt), iterations, hash);
    hex_write(span_of(hash, sizeof hash), 0, false, digits, sizeof digits);
    snprintf(line, sizeof line, "user %s password-hash pbkdf2-sha256:%u:" SALT ":%s", name, iterations,
             digits);
    return set(line);
}

static enum result_reason enter(const char *name, struct span password, uint8_t *scope)
{
    const char *text = NULL;
    struct credential credential = {.present = true,
                                    .type = CREDENTIAL_USERNAME_AND_PASSWORD,
                                    .username = span_of_text(name),
                                    .password = password};
    enum result_reason reason = clients_authenticate(clients, &credential, scope, &text);
    if (reason != REASON_NONE)
        assert_non_null(text);
    return reason;
}

static void check_wrong(const char *name, const char *password)
{
    uint8_t scope = 9;
    assert_int_equal(enter(name, span_of_text(password), &scope), REASON_AUTHENTICATION_NOT_SUCCESSFUL);
    assert_int_equal(scope, 9);
}

static void check_right(const char *name, const char *password, uint8_t wanted)
{
    uint8_t scope = 9;
    assert_int_equal(enter(name, span_of_text(password), &scope), REASON_NONE);
    assert_int_equal(scope, wanted);
}

static void hashes_have_one_form(void **state)
{
    (void)state;
    static const char *bad[] = {
        "pbkdf2-sha256:999:" SALT ":" HASH,
        "pbkdf2-sha256:100001:" SALT ":" HASH,
        "pbkdf2-sha256::" SALT ":" HASH,
        "pbkdf2-sha256:1k:" SALT ":" HASH,
        "pbkdf2-sha512:1000:" SALT ":" HASH,
        "pbkdf2-sha256:1000:" SALT "00:" HASH,
        "pbkdf2-sha256:1000:" SALT ":" HASH "0",
        "pbkdf2-sha256:1000:" SALT ":" HASH ":",
        "pbkdf2-sha256:1000:" SALT,
        "pbkdf2-sha256:1000:" HASH ":" SALT,
        "pbkdf2-sha256",
        "secret",
        "\"\"",
    };
    char line[300];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(line, sizeof line, "user vc password-hash %s", bad[i]);
        if (set(line))
            fail_msg("%s", line);
        assert_non_null(strstr(why, "pbkdf2-sha256:<1000 to 100000>"));
        assert_false(clients->users[0].in_use);
    }
    assert_true(set("user vc password-hash pbkdf2-sha256:1000:" SALT ":" HASH));
    assert_true(set("user vc password-hash pbkdf2-sha256:100000:" SALT ":" HASH));
    assert_int_equal(clients->users[0].iterations, 100000);
    assert_false(clients->users[1].in_use);
}

static void passwords_right_and_wrong(void **state)
{
    (void)state;
    assert_true(set_password("vc", "open sesame", 1000) && set("user vc scope hall"));
    assert_true(set_password("other", "other word", 1500));
    for (int round = 0; round < 2; round++) { /* the slow way, then the quick one */
        check_wrong("vc", "open sesame ");
        check_wrong("vc", "");
        check_wrong("vc", "other word");
        check_wrong("nobody", "open sesame");
        check_wrong("", "open sesame");
        check_right("vc", "open sesame", 1);
        check_right("other", "other word", SCOPE_DEFAULT);
        assert_true(clients->users[0].verified);
    }
}

static void without_a_credential_nothing_is_asked(void **state)
{
    (void)state;
    const char *text = NULL;
    uint8_t scope = 3;
    struct credential credential = {.present = false};
    assert_int_equal(clients_authenticate(clients, &credential, &scope, &text), REASON_NONE);
    assert_int_equal(scope, 3);
    credential = (struct credential){.present = true, .type = 2};
    assert_int_equal(clients_authenticate(clients, &credential, &scope, &text),
                     REASON_AUTHENTICATION_NOT_SUCCESSFUL);
    assert_non_null(strstr(text, "Username and Password"));
    assert_int_equal(scope, 3);
}

/* Later requests with the right password cost one digest: the stored hash is not looked at. */
static void the_quick_way_does_without_iterations(void **state)
{
    (void)state;
    assert_true(set_password("vc", "word", 1000));
    check_right("vc", "word", SCOPE_DEFAULT);
    clients->users[0].hash[0] ^= 1;
    check_right("vc", "word", SCOPE_DEFAULT);
    check_wrong("vc", "sword");
    clients->users[0].verified = false;
    check_wrong("vc", "word");
}

static void a_new_password_ends_the_old_one(void **state)
{
    (void)state;
    assert_true(set_password("vc", "old", 1000) && set("user vc scope hall"));
    check_right("vc", "old", 1);
    assert_true(set_password("vc", "new", 1000));
    check_wrong("vc", "old");
    check_right("vc", "new", 1);
    check_wrong("vc", "old");
}

/* A line that is refused leaves the user as it was. */
static void a_bad_line_changes_nothing(void **state)
{
    (void)state;
    assert_true(set_password("vc", "word", 1000));
    struct user before = clients->users[0];
    assert_false(set("user vc password-hash pbkdf2-sha256:2000:ffffffffffffffffffffffffffffffff:short"));
    assert_memory_equal(&clients->users[0], &before, sizeof before);
    check_right("vc", "word", SCOPE_DEFAULT);
}

static void long_passwords_have_an_end(void **state)
{
    (void)state;
    char text[300];
    uint8_t scope = 9;
    memset(text, 'p', sizeof text);
    text[256] = 0;
    assert_true(set_password("vc", text, 1000));
    check_right("vc", text, SCOPE_DEFAULT);
    check_right("vc", text, SCOPE_DEFAULT);
    text[256] = 'p';
    uint8_t *tight = tight_copy(text, 257);
    assert_int_equal(enter("vc", span_of(tight, 257), &scope), REASON_AUTHENTICATION_NOT_SUCCESSFUL);
    free(tight);
    assert_int_equal(enter("vc", span_of(NULL, 0), &scope), REASON_AUTHENTICATION_NOT_SUCCESSFUL);
}

static void there_are_16_users(void **state)
{
    (void)state;
    char line[200];
    for (int i = 0; i <= USERS_MAX; i++) {
        snprintf(line, sizeof line, "user u%d password-hash pbkdf2-sha256:1000:" SALT ":" HASH, i);
        assert_int_equal(set(line), i < USERS_MAX);
    }
    assert_non_null(strstr(why, "at most 16"));
    assert_true(set("user u3 password-hash pbkdf2-sha256:1001:" SALT ":" HASH));
    assert_int_equal(clients->users[3].iterations, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hashes_have_one_form, begin, end),
        cmocka_unit_test_setup_teardown(passwords_right_and_wrong, begin, end),
        cmocka_unit_test_setup_teardown(without_a_credential_nothing_is_asked, begin, end),
        cmocka_unit_test_setup_teardown(the_quick_way_does_without_iterations, begin, end),
        cmocka_unit_test_setup_teardown(a_new_password_ends_the_old_one, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_line_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(long_passwords_have_an_end, begin, end),
        cmocka_unit_test_setup_teardown(there_are_16_users, begin, end),
    };
    return cmocka_run_group_tests_name("server/clients: users", tests, NULL, NULL);
}
