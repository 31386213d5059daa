/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a workstation: what it sends to the control socket, prints, and returns. The console runs in
 * a process of its own; the test is the server. */
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "console/console.h"
#include "crypto/digest.h"

#define WORDS_MAX   12
#define PATIENCE_MS 5000

struct talk {
    const char *words[WORDS_MAX]; /* behind --socket and its path */
    bool bare;                    /* without --socket */
    const char *input;            /* of the terminal; NULL: empty */
    bool held;                    /* the terminal stays open behind it */
    const char *answers[4];       /* to each line; NULL: the server closes instead */
    int status;
    bool connected;
    char received[2 * CONTROL_LINE];
    char out[8192];
    char err[8192];
};

static char folder[] = "/tmp/console_XXXXXX";
static char socket_path[64], pem_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/control", folder);
    snprintf(pem_path, sizeof pem_path, "%s/pem", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(socket_path);
    unlink(pem_path);
    return rmdir(folder);
}

static int listen_here(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    unlink(socket_path);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* An unlinked file with this text, to be read from its beginning. */
static int file_of(const char *text)
{
    char name[] = "/tmp/console_file_XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    size_t len = text == NULL ? 0 : strlen(text);
    if (len != 0)
        assert_int_equal(write(fd, text, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void read_back(int fd, char *out, size_t cap)
{
    ssize_t n = pread(fd, out, cap - 1, 0);
    out[n < 0 ? 0 : n] = 0;
    close(fd);
}

static _Noreturn void be_console(const struct talk *t, int in, int out, int err)
{
    char *argv[WORDS_MAX + 3];
    int argc = 0;
    static char option[] = "--socket";
    if (!t->bare) {
        argv[argc++] = option;
        argv[argc++] = socket_path;
    }
    for (int i = 0; i < WORDS_MAX && t->words[i] != NULL; i++)
        argv[argc++] = strdup(t->words[i]);
    argv[argc] = NULL;
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    int status = console_main(argc, argv);
    fflush(stdout);
    _exit(status);
}

/* Takes lines and answers them until the console hangs up. */
static void be_server(struct talk *t, int fd)
{
    size_t len = 0, lines = 0;
    char c;
    struct timeval timeout = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    while (read(fd, &c, 1) == 1) {
        assert_true(len < sizeof t->received - 1);
        t->received[len++] = c;
        if (c != '\n')
            continue;
        const char *answer = lines < COUNT_OF(t->answers) ? t->answers[lines++] : NULL;
        if (answer == NULL)
            break;
        ssize_t sent = send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        assert_int_equal(sent, strlen(answer));
    }
    t->received[len] = 0;
    close(fd);
}

static void talk(struct talk *t)
{
    int held[2] = {-1, -1};
    int server = listen_here(), in = file_of(t->input), out = file_of(NULL), err = file_of(NULL), status = 0;
    if (t->held) {
        assert_int_equal(pipe2(held, O_CLOEXEC), 0);
        assert_int_equal(write(held[1], t->input, strlen(t->input)), strlen(t->input));
        dup2(held[0], in);
    }
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_console(t, in, out, err);
    int ms = 0;
    for (; ms < PATIENCE_MS && waitpid(child, &status, WNOHANG) == 0; ms += 10) {
        struct pollfd ready = {.fd = server, .events = POLLIN};
        if (poll(&ready, 1, 10) != 1)
            continue;
        t->connected = true;
        be_server(t, accept(server, NULL, NULL));
    }
    if (ms >= PATIENCE_MS)
        kill(child, SIGKILL);
    assert_true(ms < PATIENCE_MS);
    close(server);
    close(in);
    close(held[0]);
    close(held[1]);
    assert_true(WIFEXITED(status));
    t->status = WEXITSTATUS(status);
    read_back(out, t->out, sizeof t->out);
    read_back(err, t->err, sizeof t->err);
}

static void check_said(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void put_pem(const char *text)
{
    FILE *f = fopen(pem_path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void words_become_one_line_and_the_answer_is_printed(void **state)
{
    (void)state;
    struct talk t = {.words = {"show", "status"}, .answers = {"state READY\nsince noon\nOK\n"}};
    talk(&t);
    assert_string_equal(t.received, "show status\n");
    assert_string_equal(t.out, "state READY\nsince noon\n");
    assert_string_equal(t.err, "");
    assert_int_equal(t.status, 0);
}

static void a_refusal_is_told_and_returned(void **state)
{
    (void)state;
    struct talk t = {.words = {"client", "remove", "x"}, .answers = {"ERR no client has this name\n"}};
    talk(&t);
    assert_string_equal(t.received, "client remove x\n");
    assert_string_equal(t.out, "");
    assert_string_equal(t.err, "no client has this name\n");
    assert_int_equal(t.status, 1);
    struct talk gone = {.words = {"show", "status"}};
    talk(&gone);
    check_said(gone.err, "has closed the console");
    assert_int_equal(gone.status, 1);
}

static void help_asks_nobody(void **state)
{
    (void)state;
    struct talk t = {.words = {"help"}};
    talk(&t);
    assert_string_equal(t.received, "");
    assert_int_equal(t.status, 0);
    static const char *const commands[] = {"show status",   "show clients",      "show keys",
                                           "show config",   "show memory",       "show version",
                                           "client add",    "client remove",     "client scope",
                                           "user add",      "user scope",        "key show",
                                           "key retire",    "show keys orphans", "cache erase",
                                           "cache refresh", "test keymanager",   "keymanager credential"};
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        check_said(t.out, commands[i]);
}

static void a_certificate_is_sent_as_base64(void **state)
{
    (void)state;
    put_pem("-----BEGIN CERTIFICATE-----\nAQIDBAUG\n-----END CERTIFICATE-----\n");
    struct talk t = {.words = {"client", "add", "vc", pem_path}, .answers = {"enrolled\nOK\n"}};
    talk(&t);
    assert_string_equal(t.received, "client add vc AQIDBAUG\n");
    assert_string_equal(t.out, "enrolled\n");
    assert_int_equal(t.status, 0);
    struct talk pasted = {.words = {"client", "add", "vc", "-"},
                          .input = "-----BEGIN CERTIFICATE-----\r\nAQID\r\n-----END CERTIFICATE-----\r\n",
                          .answers = {"OK\n"}};
    talk(&pasted);
    assert_string_equal(pasted.received, "client add vc AQID\n");
    assert_int_equal(pasted.status, 0);
}

/* A terminal does not end behind the paste: the END line does. */
static void a_paste_ends_with_its_last_line(void **state)
{
    (void)state;
    struct talk t = {.words = {"client", "add", "vc", "-"},
                     .input = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
                     .held = true,
                     .answers = {"OK\n"}};
    talk(&t);
    assert_string_equal(t.received, "client add vc AQID\n");
    assert_int_equal(t.status, 0);
}

static void what_is_no_certificate_is_not_sent(void **state)
{
    (void)state;
    static const char *const others[] = {"", "just text\n",
                                         "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n",
                                         "-----BEGIN CERTIFICATE-----\nAQID\n"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        put_pem(others[i]);
        struct talk t = {.words = {"client", "add", "vc", pem_path}};
        talk(&t);
        assert_string_equal(t.received, "");
        assert_int_equal(t.status, 1);
    }
    struct talk missing = {.words = {"client", "add", "vc", "/nowhere/at/all.pem"}};
    talk(&missing);
    check_said(missing.err, "/nowhere/at/all.pem: No such file");
    assert_int_equal(missing.status, 1);
}

/* The hash that the server keeps can be checked against the password; the password itself was not sent. */
static void a_password_is_hashed_before_it_leaves(void **state)
{
    (void)state;
    char salts[2][33];
    for (int i = 0; i < 2; i++) {
        struct talk t = {.words = {"user", "add", "bob"}, .input = "s3cret word\n", .answers = {"OK\n"}};
        char hash[65];
        uint8_t salt[16], wanted[SHA256_BYTES], got[SHA256_BYTES];
        talk(&t);
        assert_int_equal(t.status, 0);
        assert_null(strstr(t.received, "s3cret"));
        assert_int_equal(sscanf(t.received,
                                "user bob password-hash pbkdf2-sha256:20000:%32[0-9a-f]:%64[0-9a-f]\n",
                                salts[i], hash),
                         2);
        assert_int_equal(hex_read(span_of_text(salts[i]), salt, sizeof salt), STATUS_OK);
        assert_int_equal(hex_read(span_of_text(hash), got, sizeof got), STATUS_OK);
        pbkdf2_sha256(span_of_text("s3cret word"), span_of(salt, sizeof salt), 20000, wanted);
        assert_memory_equal(got, wanted, sizeof wanted);
        assert_int_equal(strlen(t.received),
                         strlen("user bob password-hash pbkdf2-sha256:20000:") + 32 + 1 + 64 + 1);
    }
    assert_string_not_equal(salts[0], salts[1]);
    struct talk empty = {.words = {"user", "add", "bob"}, .input = "\n"};
    talk(&empty);
    assert_string_equal(empty.received, "");
    check_said(empty.err, "1 to 256 characters");
    assert_int_equal(empty.status, 1);
}

/* It is asked for, never an argument: those of a process are seen by others. */
static void an_api_key_is_asked_for_and_sent(void **state)
{
    (void)state;
    struct talk t = {.words = {"keymanager", "credential"}, .input = "abc-DEF_123\r\n", .answers = {"OK\n"}};
    talk(&t);
    assert_string_equal(t.received, "keymanager credential abc-DEF_123\n");
    assert_null(strstr(t.out, "abc-DEF"));
    assert_null(strstr(t.err, "abc-DEF"));
    assert_int_equal(t.status, 0);
    struct talk argument = {.words = {"keymanager", "credential", "abc-DEF_123"}};
    talk(&argument);
    assert_string_equal(argument.received, "");
    check_said(argument.err, "never an argument");
    assert_int_equal(argument.status, 2);
}

static void an_api_key_is_one_word(void **state)
{
    (void)state;
    static char text[API_KEY_MAX + 3];
    static const char *const strange[] = {"\n",         "two words\n",       "quo\"ted\n",
                                          "tab\tbed\n", "umlaut-\xc3\xa4\n", "del\x7f\n"};
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        struct talk t = {.words = {"keymanager", "credential"}, .input = strange[i]};
        talk(&t);
        assert_string_equal(t.received, "");
        check_said(t.err, "is one word");
        assert_int_equal(t.status, 1);
    }
    for (size_t len = API_KEY_MAX; len <= API_KEY_MAX + 1; len++) {
        memset(text, 'k', len);
        memcpy(text + len, "\n", 2);
        struct talk t = {.words = {"keymanager", "credential"}, .input = text, .answers = {"OK\n"}};
        talk(&t);
        assert_int_equal(strlen(t.received),
                         len == API_KEY_MAX ? strlen("keymanager credential ") + len + 1 : 0);
        assert_int_equal(t.status, len != API_KEY_MAX);
    }
}

static void user_scope_is_said_in_the_servers_order(void **state)
{
    (void)state;
    struct talk t = {.words = {"user", "scope", "bob", "lab"}, .answers = {"OK\n"}};
    talk(&t);
    assert_string_equal(t.received, "user bob scope lab\n");
}

/* Without words it reads commands; one that failed shows in what it returns, those behind it are still done.
 */
static void without_words_it_reads_commands(void **state)
{
    (void)state;
    struct talk t = {.input = "show  status\n\n \t\nshow clients\nhelp\nshow\tversion\nquit\nshow never\n",
                     .answers = {"OK\n", "ERR no\n", "a key\nOK\n"}};
    talk(&t);
    assert_string_equal(t.received, "show status\nshow clients\nshow version\n");
    check_said(t.out, "a key\n");
    check_said(t.out, "cache erase");
    assert_string_equal(t.err, "no\n"); /* no prompt: this is no terminal */
    assert_int_equal(t.status, 1);
    struct talk last = {.input = "show status", .answers = {"OK\n"}}; /* no end of line */
    talk(&last);
    assert_string_equal(last.received, "show status\n");
    assert_int_equal(last.status, 0);
    struct talk nothing = {.input = ""};
    talk(&nothing);
    assert_string_equal(nothing.received, "");
    assert_int_equal(nothing.status, 0);
}

static void a_line_that_is_too_long_is_not_sent(void **state)
{
    (void)state;
    static char word[CONTROL_LINE + 1];
    memset(word, 'x', CONTROL_LINE);
    struct talk t = {.words = {"show", word}};
    talk(&t);
    assert_string_equal(t.received, "");
    check_said(t.err, "line is too long");
    assert_int_equal(t.status, 1);
}

static void wrong_usage_is_2_and_no_server_1(void **state)
{
    (void)state;
    struct talk no_path = {.bare = true, .words = {"--socket"}};
    talk(&no_path);
    assert_int_equal(no_path.status, 2);
    check_said(no_path.err, "needs a path");
    struct talk many = {.words = {"1", "2", "3", "4", "5", "6", "7", "8", "9"}};
    talk(&many);
    assert_int_equal(many.status, 2);
    assert_false(many.connected);
    check_said(many.err, "too many words");
    struct talk nobody = {.bare = true, .words = {"--socket", "/nowhere/at/all", "show", "status"}};
    talk(&nobody);
    assert_int_equal(nobody.status, 1);
    check_said(nobody.err, "/nowhere/at/all: No such file");
    static char path[200];
    memset(path, 'p', sizeof path - 1);
    struct talk long_path = {.bare = true, .words = {"--socket", path, "show", "status"}};
    talk(&long_path);
    assert_int_equal(long_path.status, 1);
    check_said(long_path.err, "path of the socket is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_one_line_and_the_answer_is_printed),
        cmocka_unit_test(a_refusal_is_told_and_returned),
        cmocka_unit_test(help_asks_nobody),
        cmocka_unit_test(a_certificate_is_sent_as_base64),
        cmocka_unit_test(a_paste_ends_with_its_last_line),
        cmocka_unit_test(what_is_no_certificate_is_not_sent),
        cmocka_unit_test(a_password_is_hashed_before_it_leaves),
        cmocka_unit_test(an_api_key_is_asked_for_and_sent),
        cmocka_unit_test(an_api_key_is_one_word),
        cmocka_unit_test(user_scope_is_said_in_the_servers_order),
        cmocka_unit_test(without_words_it_reads_commands),
        cmocka_unit_test(a_line_that_is_too_long_is_not_sent),
        cmocka_unit_test(wrong_usage_is_2_and_no_server_1),
    };
    return cmocka_run_group_tests_name("console", tests, make_folder, remove_folder);
}
