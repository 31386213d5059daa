/* SPDX-License-Identifier: Apache-2.0 */
/* The candidate: lines in, differences out. */
#include "support/check.h"

#include "console/candidate.h"

static struct candidate candidate;
static char why[400], shown[4000];

static int begin(void **state)
{
    (void)state;
    candidate_init(&candidate);
    return 0;
}

static bool line(const char *text)
{
    return candidate_line(&candidate, span_of_text(text), why, sizeof why);
}

static void show(void *to, struct span text)
{
    struct buf *out = to;
    buf_add(out, text.ptr, text.len);
    buf_add_text(out, "\n");
}

static void check_changes(const char *wanted)
{
    struct buf out = buf_over(shown, sizeof shown);
    candidate_changes(&candidate, show, &out);
    check_text(buf_span(&out), wanted);
}

static void base(const char *const *lines)
{
    candidate_base_begin(&candidate);
    for (; *lines != NULL; lines++)
        candidate_base_line(&candidate, span_of_text(*lines));
    candidate_base_end(&candidate, true);
}

static void set_unset_discard(void **state)
{
    (void)state;
    base((const char *const[]){"# revision 3", "set dns 192.0.2.53", "set sync idle 20s", NULL});
    assert_int_equal(candidate.unknown, 0);
    assert_false(candidate_is_changed(&candidate));
    assert_true(line("set dns 192.0.2.53 192.0.2.54"));
    assert_true(line("unset sync idle"));
    assert_true(line("set admin banner \"keep out\""));
    assert_true(line("# nothing"));
    assert_true(line(""));
    check_changes(
        "- sync idle 20s\n- dns 192.0.2.53\n+ dns 192.0.2.53 192.0.2.54\n+ admin banner \"keep out\"\n");
    assert_true(candidate_is_changed(&candidate));
    candidate_discard(&candidate);
    check_changes("");
}

static void refusals(void **state)
{
    (void)state;
    assert_false(line("set sync idle never"));
    assert_false(line("set nothing here"));
    assert_false(line("unset nothing"));
    assert_false(line("show status"));
    assert_string_equal(why, "a line begins with set or unset");
    assert_false(line("set dns \x01"));
    assert_false(line("set dns \"open"));
    assert_false(candidate_is_changed(&candidate));
}

static void unknown_lines_are_counted(void **state)
{
    (void)state;
    base((const char *const[]){"set something newer 5", "set dns 192.0.2.53", "gibberish", NULL});
    assert_int_equal(candidate.unknown, 2);
}

static void written_and_read_again(void **state)
{
    (void)state;
    char text[4000];
    struct buf out = buf_over(text, sizeof text);
    assert_true(line("set server name kms1.lab.example"));
    assert_true(line("set cache offline-lease 12h"));
    candidate_write(&candidate, &out);
    check_text(buf_span(&out), "set server name kms1.lab.example\nset cache offline-lease 12h\n");
}

static void clients_wait_for_the_commit(void **state)
{
    (void)state;
    static char big[1200];
    size_t n = 0;
    assert_true(line("set client vcenter1 certificate AAAA"));
    assert_true(line("set user kms scope lab"));
    check_changes("+ client vcenter1 certificate AAAA\n+ user kms scope lab\n");
    memset(big, 'A', sizeof big - 1);
    memcpy(big, "set client x certificate ", 25);
    while (n < 100 && line(big))
        n++;
    assert_in_range(n, 50, 60); /* 64 KiB */
    assert_true(candidate.clients_len <= CANDIDATE_MAX);
    candidate_discard(&candidate);
    assert_int_equal(candidate.clients_len, 0);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup(test, begin)
    const struct CMUnitTest tests[] = {
        ONE(set_unset_discard),           ONE(refusals),
        ONE(unknown_lines_are_counted),   ONE(written_and_read_again),
        ONE(clients_wait_for_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
