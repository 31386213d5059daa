/* SPDX-License-Identifier: Apache-2.0 */
/* One command and its answer (console/answer): lines in pieces, of any length, and how they end. */
#include "support/check.h"

#include "base/limits.h"
#include "console/answer.h"
#include "support/fake_console_server.h"

#define LINES 16

static char out[40000], err[40000], asked[20000];
static struct taken {
    int count;
    char line[LINES][64];
    size_t len[LINES];
} taken;

/* It may change the line. */
static void take(void *to, char *line)
{
    struct taken *t = to;
    if (t->count < LINES) {
        t->len[t->count] = strlen(line);
        snprintf(t->line[t->count], sizeof t->line[0], "%.60s", line);
    }
    t->count++;
    memset(line, 'x', strlen(line));
}

/* The result; whatever was printed and taken is at hand then. */
static int ask_in_pieces(const char *answer, bool taking, size_t piece)
{
    struct fake_server server;
    struct printed printed;
    const char *const answers[] = {answer};
    memset(&taken, 0, sizeof taken);
    int fd = fake_serve(&server, answers, 1, piece);
    print_begin(&printed);
    int result = answer_ask(fd, "a line\n", 7, taking ? take : NULL, &taken);
    print_end(&printed, out, err, sizeof out);
    fake_end(&server, fd, asked, sizeof asked);
    assert_string_equal(asked, "a line\n");
    return result;
}

static int ask(const char *answer, bool taking)
{
    return ask_in_pieces(answer, taking, 1000000);
}

static void check_gone(void)
{
    assert_string_equal(err, "holdfast: the server has closed the console\n");
}

static void lines_are_printed_or_taken(void **state)
{
    (void)state;
    assert_int_equal(ask("one\n\nthree\nOK\n", false), 0);
    assert_string_equal(out, "one\n\nthree\n");
    assert_string_equal(err, "");
    assert_int_equal(ask("one\n\nthree\nOK\n", true), 0);
    assert_string_equal(out, "");
    assert_int_equal(taken.count, 3);
    assert_string_equal(taken.line[0], "one");
    assert_string_equal(taken.line[1], "");
    assert_string_equal(taken.line[2], "three");
    assert_int_equal(ask("OK\n", true), 0);
    assert_int_equal(taken.count, 0);
}

static void a_refusal_goes_to_standard_error(void **state)
{
    (void)state;
    assert_int_equal(ask("some\nERR no key has this name\n", false), 1);
    assert_string_equal(out, "some\n");
    assert_string_equal(err, "no key has this name\n");
    assert_int_equal(ask("ERR no\n", true), 1);
    assert_int_equal(taken.count, 0);
    assert_string_equal(err, "no\n");
}

/* Only a whole line that is OK, or begins with ERR and a blank, is the end. */
static void ok_inside_is_no_end(void **state)
{
    (void)state;
    static const char lines[] = "OK \n OK\nOKAY\nok\nNOT OK\nERR\nERROR x\n ERR x\n";
    char answer[100];
    snprintf(answer, sizeof answer, "%sOK\n", lines);
    assert_int_equal(ask(answer, false), 0);
    assert_string_equal(out, lines);
    assert_int_equal(ask("one\nOK\ntwo\nERR three\n", false), 0); /* nothing is read behind the end */
    assert_string_equal(out, "one\n");
    assert_string_equal(err, "");
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 6; piece++) {
        assert_int_equal(ask_in_pieces("first\nsecond\nOK\n", false, piece), 0);
        assert_string_equal(out, "first\nsecond\n");
        assert_int_equal(ask_in_pieces("first\nERR second\n", true, piece), 1);
        assert_int_equal(taken.count, 1);
        assert_string_equal(err, "second\n");
    }
}

static void a_server_that_is_gone_is_told(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "one\n", "OK", "ERR no", "one\nO"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        assert_int_equal(ask(answers[i], false), 1);
        check_gone();
    }
    struct printed printed;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    close(pair[1]);
    print_begin(&printed);
    int result = answer_ask(pair[0], "a line\n", 7, NULL, NULL);
    print_end(&printed, out, err, sizeof out);
    close(pair[0]);
    assert_int_equal(result, 1);
    check_gone();
}

/* A server that refuses a console says why, and does not read. */
static void what_a_server_said_before_it_closed_is_read(void **state)
{
    (void)state;
    struct printed printed;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fake_send(pair[1], "ERR four consoles are open already\n", 100);
    close(pair[1]);
    print_begin(&printed);
    int result = answer_ask(pair[0], "a line\n", 7, NULL, NULL);
    print_end(&printed, out, err, sizeof out);
    close(pair[0]);
    assert_int_equal(result, 1);
    assert_string_equal(err, "four consoles are open already\n");
}

/* Lines that are too long are cut, and what is behind the cut is no line of its own. */
static void long_lines_are_cut(void **state)
{
    (void)state;
    static char answer[3 * CONTROL_LINE + 100];
    static const size_t lengths[] = {CONTROL_LINE - 1, CONTROL_LINE, CONTROL_LINE + 1, 3 * CONTROL_LINE};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t len = lengths[i];
        memset(answer, 'l', len);
        strcpy(answer + len, "\nshort\nOK\n");
        assert_int_equal(ask(answer, true), 0);
        assert_int_equal(taken.count, 2);
        assert_int_equal(taken.len[0], len < CONTROL_LINE ? len : CONTROL_LINE);
        assert_string_equal(taken.line[1], "short");
    }
    memset(answer, 'l', 2 * CONTROL_LINE);
    strcpy(answer + 2 * CONTROL_LINE, "OK\nERR x\n");
    assert_int_equal(ask(answer, true), 1);
    assert_int_equal(taken.count, 1);
}

static void thousands_of_lines_come_through(void **state)
{
    (void)state;
    static char answer[200000];
    size_t len = 0;
    for (int i = 0; i < 20000; i++)
        len += (size_t)snprintf(answer + len, sizeof answer - len, "%d\n", i);
    strcpy(answer + len, "OK\n");
    assert_int_equal(ask(answer, true), 0);
    assert_int_equal(taken.count, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_printed_or_taken),
        cmocka_unit_test(a_refusal_goes_to_standard_error),
        cmocka_unit_test(ok_inside_is_no_end),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(a_server_that_is_gone_is_told),
        cmocka_unit_test(what_a_server_said_before_it_closed_is_read),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(thousands_of_lines_come_through),
    };
    return cmocka_run_group_tests_name("console/answer", tests, NULL, NULL);
}
