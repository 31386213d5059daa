/* SPDX-License-Identifier: Apache-2.0 */
/* The line editor and its terminal, over a pseudo terminal: bytes typed, and what is sent back. */
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include "console/line.h"
#include "console/paste.h"
#include "console/secret.h"

struct bench {
    int typist, tty;
    struct term term;
    struct line line;
    unsigned ticks, helps;
};

static struct bench bench;
static struct paste paste;

static int begin(void **state)
{
    struct winsize none = {.ws_row = 0};
    *state = &bench;
    if (openpty(&bench.typist, &bench.tty, NULL, NULL, &none) != 0)
        return -1;
    term_open(&bench.term, bench.tty, bench.tty);
    line_init(&bench.line, &bench.term);
    bench.ticks = bench.helps = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    term_close(&bench.term);
    close(bench.typist);
    close(bench.tty);
    return 0;
}

static void type_bytes(const char *bytes, size_t len)
{
    assert_int_equal(write(bench.typist, bytes, len), len);
}

static void type(const char *text)
{
    type_bytes(text, strlen(text));
}

/* What was sent to the terminal so far. */
static const char *sent(void)
{
    static char text[70000];
    size_t len = 0;
    struct pollfd fd = {.fd = bench.typist, .events = POLLIN};
    while (len < sizeof text - 1 && poll(&fd, 1, 20) > 0) {
        ssize_t n = read(bench.typist, text + len, sizeof text - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = 0;
    for (size_t i = 0; i < len; i++)
        if ((text[i] < ' ' || text[i] == 0x7f) && strchr("\r\n\b", text[i]) == NULL)
            fail_msg("byte %d was sent", text[i]);
    return text;
}

static void helps(void *context, struct span text)
{
    struct bench *b = context;
    (void)text;
    b->helps++;
    term_print(&b->term, "what fits\n");
}

static bool completes(void *context, struct span text, struct buf *more)
{
    (void)context;
    if (!span_equal(text, span_of_text("sta")))
        return false;
    buf_add_text(more, "tus ");
    return true;
}

static void ticks(void *context)
{
    struct bench *b = context;
    if (b->ticks++ != 0)
        return;
    line_aside(&b->line);
    term_print(&b->term, "NOTICE\n");
    type("\r");
}

static enum line_end read_line(const char *typed)
{
    struct line_how how = {
        .prompt = "> ", .context = &bench, .help = helps, .complete = completes, .pastes = true};
    type(typed);
    return line_read(&bench.line, &how);
}

static void check_line(const char *typed, const char *wanted)
{
    assert_int_equal(read_line(typed), LINE_ENTERED);
    assert_string_equal(bench.line.text, wanted);
}

static void editing(void **state)
{
    (void)state;
    check_line("abc\r", "abc");
    assert_string_equal(sent(), "> abc\r\n");
    check_line("abx\x7f"
               "c\n",
               "abc");
    assert_string_equal(sent(), "> abx\b \bc\r\n");
    check_line("\b\x7f"
               "a\r",
               "a");
    check_line("one two  \x17three\r", "one three");
    check_line("gone\x15here\r", "here");
    check_line("a\xc3\xa4\x01z\r", "az");
    check_line("\r", "");
}

static void flow_control_and_sequences(void **state)
{
    (void)state;
    check_line("a\x11\x13"
               "b\r",
               "ab");
    check_line("\x1b[D\x1b[1;5C\x1b[3~\x1bOHab\x1b[200~cd\x1b[201~\r", "abcd");
    assert_string_equal(sent() + strlen("> ab\r\n> "), "abcd\r\n");
}

static void ends(void **state)
{
    (void)state;
    assert_int_equal(read_line("abc\x03"), LINE_STOPPED);
    struct line_how how = {.prompt = "", .backs = true};
    type("x\x02");
    assert_int_equal(line_read(&bench.line, &how), LINE_BACK);
    type_bytes("ab\0", 3);
    assert_int_equal(line_read(&bench.line, &how), LINE_BREAK);
    close(bench.typist);
    assert_int_equal(line_read(&bench.line, &how), LINE_GONE);
    bench.typist = dup(bench.tty);
}

static void history(void **state)
{
    (void)state;
    check_line("first\r", "first");
    line_remember(&bench.line);
    check_line("second\r", "second");
    line_remember(&bench.line);
    line_remember(&bench.line);
    check_line("\x1b[A\r", "second");
    check_line("\x1b[A\x1b[A\x1b[A\r", "first");
    check_line("\x1b[A\x1b[A\x1b[B!\r", "second!");
    check_line("\x1b[A\x1b[Bx\r", "x");
}

static void help_and_completion(void **state)
{
    (void)state;
    check_line("sta\t?\r", "status ");
    assert_int_equal(bench.helps, 1);
    assert_string_equal(sent(), "> status ?\r\nwhat fits\r\n> status \r\n");
    check_line("note \"why?\"\r", "note \"why?\"");
    assert_int_equal(bench.helps, 1);
}

static void hidden(void **state)
{
    (void)state;
    struct secret secret;
    type("s3cret?\tx\x7f word\r");
    assert_int_equal(secret_read(&bench.line, "Secret: ", true, 0, &secret), LINE_ENTERED);
    assert_int_equal(secret.len, 12);
    assert_memory_equal(secret.text, "s3cret? word", 12);
    assert_string_equal(sent(), "Secret: \r\n  12 characters received\r\n");
    assert_int_equal(bench.line.len, 0);
    for (size_t i = 0; i < sizeof bench.line.text; i++)
        assert_int_equal(bench.line.text[i], 0);
    assert_null(memmem(bench.term.ring, sizeof bench.term.ring, "s3cret", 6));
}

static void new_passphrase(void **state)
{
    (void)state;
    struct secret secret;
    type("short\rlong enough 12\rnot the same\rlong enough 12\rlong enough 12\r");
    assert_int_equal(secret_read_new(&bench.line, 0, false, &secret), LINE_ENTERED);
    assert_int_equal(secret.len, 14);
    const char *said = sent();
    assert_non_null(strstr(said, "5 characters received: a passphrase has 12"));
    assert_non_null(strstr(said, "not the same"));
    assert_null(strstr(said, "enough"));
}

static void notices_between_lines(void **state)
{
    (void)state;
    struct line_how how = {.prompt = "> ", .context = &bench, .tick = ticks};
    type("typed");
    assert_int_equal(line_read(&bench.line, &how), LINE_ENTERED);
    assert_string_equal(bench.line.text, "typed");
    assert_string_equal(sent(), "> typed\b \b\b \b\b \b\b \b\b \b\b \b\b \bNOTICE\r\n> typed\r\n");
}

static void idle(void **state)
{
    (void)state;
    struct line_how how = {.prompt = "", .idle_s = 1};
    assert_int_equal(line_read(&bench.line, &how), LINE_IDLE);
}

static void pasted_lines(void **state)
{
    (void)state;
    assert_int_equal(read_line("one\r\n\r\n  two  \r\nthree"), LINE_PASTED);
    assert_string_equal(bench.line.text, "one");
    paste_collect(&paste, &bench.term, span_of_text(bench.line.text));
    assert_int_equal(paste.lines, 3);
    assert_null(paste.refused);
    struct span line;
    size_t at = 0;
    assert_true(paste_next(&paste, &at, &line));
    check_text(line, "one");
    assert_true(paste_next(&paste, &at, &line));
    check_text(line, "two");
    assert_true(paste_next(&paste, &at, &line));
    check_text(line, "three");
    assert_false(paste_next(&paste, &at, &line));
    assert_int_equal(read_line("one\rt\x01wo\r"), LINE_PASTED);
    paste_collect(&paste, &bench.term, span_of_text("one"));
    assert_non_null(paste.refused);
    assert_int_equal(read_line("one\rt\x11w\x13o\r"), LINE_PASTED);
    paste_collect(&paste, &bench.term, span_of_text("one"));
    assert_null(paste.refused); /* flow control of some adapter is no part of the text */
}

static void typed_ahead_is_kept(void **state)
{
    (void)state;
    type("next");
    term_fill(&bench.term, 1000);
    usleep(20000);
    type(" line\r");
    check_line("", "next line");
    type("dropped\r");
    term_fill(&bench.term, 1000);
    term_flush(&bench.term);
    check_line("asked\r", "asked");
}

static void long_lines(void **state)
{
    (void)state;
    bench.term.script = true; /* nobody reads the echo */
    for (size_t done = 0; done < CONTROL_LINE + 100; done += 1000) {
        char part[1001];
        memset(part, 'x', 1000);
        type_bytes(part, 1000);
        term_fill(&bench.term, 100);
    }
    assert_int_equal(read_line("\r"), LINE_ENTERED);
    assert_true(bench.line.cut);
    assert_int_equal(bench.line.len, CONTROL_LINE - 1);
    sent();
}

static void pages(void **state)
{
    (void)state;
    bench.term.rows = 5;
    type(" ");
    term_page_begin(&bench.term, 0);
    for (int i = 0; i < 6; i++)
        term_print(&bench.term, "line %d\n", i);
    const char *said = sent();
    assert_non_null(strstr(said, "line 3\r\n-- more (Enter, q) --\b \b"));
    type("q");
    for (int i = 6; i < 20; i++)
        term_print(&bench.term, "line %d\n", i);
    term_page_end(&bench.term);
    assert_null(strstr(sent(), "line 19"));
    term_print(&bench.term, "after\n");
    assert_non_null(strstr(sent(), "after\r\n"));
}

static void wrapping(void **state)
{
    (void)state;
    term_line(&bench.term,
              span_of_text(
                  "Label            the words behind a label go on below themselves when the row is full"));
    assert_string_equal(sent(),
                        "Label            the words behind a label go on below themselves when the row\r\n"
                        "                 is full\r\n");
    term_line(&bench.term, span_of_text("\x1b[2Jx\ty"));
    assert_string_equal(sent(), ".[2Jx y\r\n");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        ONE(editing),
        ONE(flow_control_and_sequences),
        ONE(ends),
        ONE(history),
        ONE(help_and_completion),
        ONE(hidden),
        ONE(new_passphrase),
        ONE(notices_between_lines),
        ONE(idle),
        ONE(pasted_lines),
        ONE(typed_ahead_is_kept),
        ONE(long_lines),
        ONE(pages),
        ONE(wrapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
