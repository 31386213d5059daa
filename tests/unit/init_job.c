/* SPDX-License-Identifier: Apache-2.0 */
/* What jobs take out of a body: `set` lines on one side, secrets on the other. */
#include "support/check.h"

#include "init/commit.h"
#include "init/job.h"

static const char body[] = "set server name kms1\n"
                           "@passphrase Y29ycmVjdCBob3JzZQ==\n"
                           "\n"
                           "@api-key !!\n"
                           "set dns 192.0.2.1\n"
                           "@recovery cbde fgh\n"
                           "@passphrase-other QQ==\n";

static void lines_without_secrets(void **state)
{
    (void)state;
    static const char *const lines[] = {"set server name kms1", "", "set dns 192.0.2.1"};
    struct span rest = span_of_text(body), line;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_true(job_next_line(&rest, &line));
        assert_true(span_equal(line, span_of_text(lines[i])));
    }
    assert_false(job_next_line(&rest, &line));
}

static void secrets_by_their_whole_name(void **state)
{
    (void)state;
    assert_true(span_equal(job_secret(span_of_text(body), "recovery"), span_of_text("cbde fgh")));
    assert_true(span_equal(job_secret(span_of_text(body), "passphrase-other"), span_of_text("QQ==")));
    assert_int_equal(job_secret(span_of_text(body), "pass").len, 0);
    assert_int_equal(job_secret(span_of(NULL, 0), "pass").len, 0);
    assert_int_equal(job_secret(span_of_text("@passphrase\n@passphrase "), "passphrase").len, 0);
}

static void secrets_are_decoded_within_bounds(void **state)
{
    (void)state;
    uint8_t out[20];
    size_t len;
    assert_true(job_secret_bytes(span_of_text(body), "passphrase", out, sizeof out, &len));
    assert_int_equal(len, 13);
    assert_memory_equal(out, "correct horse", 13);
    assert_false(job_secret_bytes(span_of_text(body), "passphrase", out, 12, &len));
    assert_false(job_secret_bytes(span_of_text(body), "api-key", out, sizeof out, &len));
    assert_true(job_secret_bytes(span_of_text(body), "old", out, sizeof out, &len));
    assert_int_equal(len, 0);
}

static unsigned minutes_of(const char *line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(span_of_text(line), words);
    return commit_minutes(words, count);
}

static void minutes_of_a_trial(void **state)
{
    (void)state;
    assert_int_equal(minutes_of("commit"), 0);
    assert_int_equal(minutes_of("commit confirm 5"), 5);
    assert_int_equal(minutes_of("commit note \"confirm 5\" confirm 7"), 7);
    assert_int_equal(minutes_of("commit confirm"), 0);
    assert_int_equal(minutes_of("commit confirm 1440"), 1440);
    assert_int_equal(minutes_of("commit confirm 1441"), 0);
    assert_int_equal(minutes_of("commit confirm -1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_without_secrets),
        cmocka_unit_test(secrets_by_their_whole_name),
        cmocka_unit_test(secrets_are_decoded_within_bounds),
        cmocka_unit_test(minutes_of_a_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
