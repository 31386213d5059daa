/* SPDX-License-Identifier: Apache-2.0 */
/* One command over a socket: its body, its answer, and every way that it can end. */
#include "support/check.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console/link.h"

static char path[64];
static int listener;
static const char *reply;
static char received[400000];
static size_t received_len;
static char lines[1000], why[100];

static int begin(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(path, sizeof path, "/tmp/console_link_%d", (int)getpid());
    unlink(path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listener, (struct sockaddr *)(void *)&address, sizeof address) != 0 ||
           listen(listener, 1) != 0;
}

static int end(void **state)
{
    (void)state;
    close(listener);
    return unlink(path);
}

/* Takes everything up to "." or the first line, answers, hangs up. */
static void *serve(void *body)
{
    int fd = accept(listener, NULL, NULL);
    received_len = 0;
    for (;;) {
        ssize_t n = read(fd, received + received_len, sizeof received - received_len);
        if (n <= 0)
            break;
        received_len += (size_t)n;
        bool whole = body == NULL ? received[received_len - 1] == '\n'
                                  : received_len > 3 && memcmp(received + received_len - 3, "\n.\n", 3) == 0;
        if (whole)
            break;
    }
    if (reply != NULL)
        assert_int_equal(send(fd, reply, strlen(reply), MSG_NOSIGNAL), strlen(reply));
    close(fd);
    return NULL;
}

static void keep(void *to, struct span line)
{
    struct buf *out = to;
    buf_add(out, line.ptr, line.len);
    buf_add_text(out, "|");
}

static enum link_result ask(const char *answer, bool has_body, struct span body)
{
    struct buf out = buf_over(lines, sizeof lines - 1);
    struct link_ask how = {.path = path,
                           .line = span_of_text("do it"),
                           .has_body = has_body,
                           .body = body,
                           .patience_ms = 20000,
                           .take = keep,
                           .to = &out};
    pthread_t thread;
    reply = answer;
    assert_int_equal(pthread_create(&thread, NULL, serve, has_body ? lines : NULL), 0);
    enum link_result result = link_ask(&how, why, sizeof why);
    pthread_join(thread, NULL);
    lines[out.len] = 0;
    return result;
}

static void answers(void **state)
{
    (void)state;
    assert_int_equal(ask("one\ntwo\r\nOK\nthree\n", false, span_of(NULL, 0)), LINK_OK);
    assert_string_equal(lines, "one|two|");
    assert_memory_equal(received, "do it\n", 6);
    assert_int_equal(ask("ERR try \x1b[2J later\n", false, span_of(NULL, 0)), LINK_REFUSED);
    assert_string_equal(why, "try \\x1b[2J later");
    assert_int_equal(ask("half an answer", false, span_of(NULL, 0)), LINK_AWAY);
    assert_int_equal(ask(NULL, false, span_of(NULL, 0)), LINK_AWAY);
    assert_int_equal(ask("OKAY\nERRATA\nERR\n", false, span_of(NULL, 0)), LINK_REFUSED);
    assert_string_equal(lines, "OKAY|ERRATA|");
}

static void bodies(void **state)
{
    (void)state;
    static char body[300000];
    assert_int_equal(ask("OK\n", true, span_of_text("set a b\n")), LINK_OK);
    assert_memory_equal(received, "do it\nset a b\n.\n", 16);
    assert_int_equal(ask("OK\n", true, span_of_text("")), LINK_OK);
    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = '\n';
    assert_int_equal(ask("OK\n", true, span_of(body, sizeof body)), LINK_OK);
    assert_int_equal(received_len, sizeof body + 8);
}

static void long_answer_lines(void **state)
{
    (void)state;
    static char line[20000];
    memset(line, 'y', sizeof line);
    memcpy(line + sizeof line - 5, "\nOK\n", 5);
    assert_int_equal(ask(line, false, span_of(NULL, 0)), LINK_OK);
}

static void nobody(void **state)
{
    (void)state;
    struct link_ask how = {.path = "/nonexistent/socket", .line = span_of_text("x"), .patience_ms = 1000};
    assert_int_equal(link_ask(&how, why, sizeof why), LINK_AWAY);
    how.path = NULL;
    assert_int_equal(link_ask(&how, why, sizeof why), LINK_AWAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(bodies),
        cmocka_unit_test(long_answer_lines),
        cmocka_unit_test(nobody),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
