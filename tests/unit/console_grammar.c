/* SPDX-License-Identifier: Apache-2.0 */
/* Words that may be shortened, and what is said when they do not fit. */
#include "support/check.h"

#include "console/grammar.h"

static const char *const patterns[] = {
    "cert csr <names...>", "client add <name>", "client add <name> from usb", "show keys", "show keys count",
    "show keys <part>",    "show status",       "system wipe <serial>"};

static const char *pattern(size_t row)
{
    return row < COUNT_OF(patterns) ? patterns[row] : NULL;
}

static const char *help(size_t row)
{
    return patterns[row];
}

static const struct grammar grammar = {pattern, help, false};

static struct grammar_match match;
static char why[300];

static bool matches_in(const struct grammar *g, const char *line, bool shortened)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(span_of_text(line), words);
    memset(why, 0x55, sizeof why);
    bool good = grammar_match(g, words, count, shortened, &match, why, sizeof why);
    if (!good)
        assert_non_null(memchr(why, 0, sizeof why));
    return good;
}

static bool matches(const char *line)
{
    return matches_in(&grammar, line, true);
}

static void full_and_shortened(void **state)
{
    (void)state;
    assert_true(matches("show status"));
    assert_int_equal(match.row, 6);
    assert_true(matches("sh st"));
    assert_int_equal(match.row, 6);
    check_text(match.words[0], "show");
    check_text(match.words[1], "status");
    assert_false(matches_in(&grammar, "sh st", false));
    assert_true(matches_in(&grammar, "show status", false));
}

static void ambiguous_unknown_incomplete(void **state)
{
    (void)state;
    assert_false(matches("c add x"));
    assert_string_equal(why, "more than one word begins with \"c\"; here fit: cert, client");
    assert_false(matches("s"));
    assert_false(matches("frob"));
    assert_string_equal(why, "unknown word \"frob\"; here fit: cert, client, show, system");
    assert_false(matches("show"));
    assert_string_equal(why, "more is wanted: keys, status");
    assert_false(matches("client add x from"));
    assert_string_equal(why, "more is wanted: usb");
}

static void open_words(void **state)
{
    (void)state;
    assert_true(matches("cl ad fred"));
    assert_int_equal(match.row, 1);
    check_text(match.words[2], "fred");
    assert_true(matches("client add fred from usb"));
    assert_int_equal(match.row, 2);
    /* Where any word may stand, a literal one has to be whole. */
    assert_true(matches("show keys count"));
    assert_int_equal(match.row, 4);
    assert_true(matches("show keys cou"));
    assert_int_equal(match.row, 5);
    assert_true(matches("cert csr"));
    assert_true(matches("cert csr a b c"));
    assert_int_equal(match.count, 5);
}

static void too_many(void **state)
{
    (void)state;
    assert_false(matches("show status now please"));
    assert_int_equal(match.extra, 2);
    assert_string_equal(why, "words too many behind \"show status\"");
}

static void settings(void **state)
{
    (void)state;
    assert_true(matches_in(&grammar_settings, "keym reg eu-de", true));
    check_text(match.words[0], "keymanager");
    check_text(match.words[1], "region");
    check_text(match.words[2], "eu-de");
    assert_true(matches_in(&grammar_settings, "dns 192.0.2.1 192.0.2.2", false));
    assert_false(matches_in(&grammar_settings, "keymanager r eu-de", true)); /* region, root-key, roots */
}

static void check_completion(const struct grammar *g, const char *line, const char *part, const char *wanted)
{
    struct span words[SETTING_WORDS];
    char text[80];
    struct buf more = buf_over(text, sizeof text);
    size_t count = config_words(span_of_text(line), words);
    bool any = grammar_complete(g, words, count, span_of_text(part), &more);
    assert_int_equal(any, wanted != NULL);
    if (any)
        check_text(buf_span(&more), wanted);
}

static void completion(void **state)
{
    (void)state;
    check_completion(&grammar, "", "sh", "ow ");
    check_completion(&grammar, "", "s", NULL);
    check_completion(&grammar, "show", "k", "eys ");
    check_completion(&grammar, "sh", "", NULL);
    check_completion(&grammar, "nonsense", "x", NULL);
    check_completion(&grammar, "client", "", "add ");
    check_completion(&grammar_settings, "keymanager", "r", NULL);
    check_completion(&grammar_settings, "keymanager", "ro", "ot"); /* root-key, roots */
    check_completion(&grammar_settings, "interface uplink", "add", "ress");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_and_shortened), cmocka_unit_test(ambiguous_unknown_incomplete),
        cmocka_unit_test(open_words),         cmocka_unit_test(too_many),
        cmocka_unit_test(settings),           cmocka_unit_test(completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
