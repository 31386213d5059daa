/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: every command and its answer, lines in pieces and in a row, consoles that come and go;
 * what the server tells of itself (server/status). */
#include "support/check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "server/control.h"
#include "support/message.h"
#include "support/server_house.h"

static struct peer_identity one, two;
static struct house *h;
static struct server *s;
static int console;

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    peer_identity_make(&two, "two", PEER_NOW - 5);
    return 0;
}

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

/* The whole answer. */
static void check_said(const char *command, const char *wanted)
{
    const char *said = house_say(h, console, command);
    if (strcmp(said, wanted) != 0)
        fail_msg("%s said \"%s\", wanted \"%s\"", command, said, wanted);
}

/* The answer ends with OK and has this text in it. */
static const char *check_shows(const char *command, const char *part)
{
    const char *said = house_say(h, console, command);
    size_t len = strlen(said);
    if (strstr(said, part) == NULL)
        fail_msg("%s said \"%s\", without \"%s\"", command, said, part);
    if (len < 3 || strcmp(said + len - 3, "OK\n") != 0 || (len > 3 && said[len - 4] != '\n'))
        fail_msg("%s ends with \"%s\"", command, len > 50 ? said + len - 50 : said);
    return said;
}

static const char *add_command(const char *name, const struct peer_identity *p)
{
    static char line[CONTROL_LINE];
    struct buf out = buf_over(line, sizeof line);
    memset(line, 0, sizeof line);
    buf_print(&out, "client add %s ", name);
    base64_write(peer_der(p), &out);
    buf_add_text(&out, "\n");
    return line;
}

static void the_state_of_a_new_server(void **state)
{
    (void)state;
    const char *said = check_shows("show status\n", "State            ");
    static const char *parts[] = {
        "root key confirmed ",
        "Serving          port 5696, 0 of 12 connections, 0 requests\n",
        "Handshakes       0 full, 0 resumed, 0 failed\n",
        "Objects          0 of 512\n",
        "Clients          0 enrolled\n",
        "RSA certificate, valid until 2027-01-01T00:00:00Z\n",
        "ECDSA certificate, valid until ",
        "  SHA1 Fingerprint=",
        "  sha256 Fingerprint=",
        "Software         " SERVER_VERSION ", running 0 s\n",
        "Warnings         no client is enrolled: nobody can fetch keys\n",
        "Revocation       keys are erased within 30 s while the key manager answers"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strstr(said, parts[i]) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", parts[i], said);
    assert_null(strstr(said, "Last unknown"));
    s->memory_locked = false;
    check_shows("show status\n", "memory is not locked: keys may be swapped to disk");
    s->now.unix_s += 90061;
    s->clients->last_unknown_s = PEER_NOW;
    memset(s->clients->last_unknown, 0xab, SHA256_BYTES);
    check_shows("show status\n", "running 1 d 1 h\n");
    check_shows("show status\n", "Last unknown     ababababababab");
}

static void other_things_to_show(void **state)
{
    (void)state;
    check_said("show version\n", "holdfast " SERVER_VERSION ", KMIP 1.0 to 1.4, TLS 1.2\nOK\n");
    check_said("show clients\n", "OK\n");
    check_said("show keys\n", "OK\n");
    check_said("show keys count\n", "0\nOK\n");
    check_shows("show config\n", "set server listen [::]:5696\n");
    check_shows("show config\n", "set server connections 12\n");
    check_shows("show memory\n", "connections ");
    check_shows("show memory\n", " MiB, locked\n");
}

static void every_fault_has_its_text(void **state)
{
    (void)state;
    static const char show[] =
        "ERR show what? status, state, clients, refused, cert, keys, keys count, config, version, memory\n";
    static const char client[] =
        "ERR client add <name> <certificate in base64>, accept <fingerprint> [name], sign <name> <request in "
        "base64>, show, disable, enable, remove <name>, rename <name> <new>, scope <name> <scope>\n";
    static const char user[] = "ERR user <name> password-hash <hash>, or user <name> scope <scope>\n";
    check_said("dance\n", "ERR no such command; try help\n");
    check_said("cache\n", "ERR no such command; try help\n");
    check_said("cache erase now\n", "ERR no such command; try help\n");
    check_said("show\n", show);
    check_said("show me\n", show);
    check_said("client\n", client);
    check_said("client add x\n", client);
    check_said("client remove\n", client);
    check_said("client remove a b\n", client);
    check_said("client remove nobody\n", "ERR no client has this name; see: show clients\n");
    check_said("client add x AAAA\n", "ERR not an X.509 certificate with an RSA or elliptic curve key, or "
                                      "not a plain name\n");
    check_said("client scope nobody x\n", "ERR the certificate of a client comes before its scope\n");
    check_said("user\n", user);
    check_said("user x colour red\n", user);
    check_said("user x scope y\n", "ERR the password-hash of a user comes before its scope\n");
    check_said("1 2 3 4 5 6 7 8 9\n", "ERR too many words\n");
    check_said("show \"status\n", "ERR too many words\n");
    check_said("\n", "OK\n");
    check_said("# nothing\n", "OK\n");
    assert_false(s->clients_file.busy);
    assert_null(sim_disk_file(h->sim, CLIENTS_FILE, &(size_t){0}));
}

static bool on_disk(const char *text)
{
    size_t len = 0;
    const uint8_t *file = sim_disk_file(h->sim, CLIENTS_FILE, &len);
    return file != NULL && memmem(file, len, text, strlen(text)) != NULL;
}

/* OK is said when the change is on disk. */
static void clients_come_and_go(void **state)
{
    (void)state;
    check_said(add_command("vc", &one), "OK\n");
    assert_true(on_disk("\nset client vc certificate MII"));
    check_said("client scope vc hall\n", "OK\n");
    assert_true(on_disk("\nset client vc scope hall\n"));
    check_said(add_command("vc", &two), "ERR this name or this certificate is enrolled already\n");
    check_said(add_command("old", &two), "OK\n");
    const char *said = check_shows("show clients\n", "vc  sha256 ");
    assert_non_null(strstr(said, "  scope hall, 0 handshakes, 0 requests, last seen never, certificate valid "
                                 "until 2027-01-01T00:00:00Z\n"));
    assert_non_null(strstr(said, "  scope default, "));
    assert_non_null(strstr(said, ", certificate EXPIRED 2025-12-31T23:59:55Z\n"));
    check_said("client remove vc\n", "OK\n");
    assert_false(on_disk("client vc"));
    assert_true(on_disk("set client old certificate"));
    assert_int_equal(clients_count(s->clients), 1);
    check_said("user alice password-hash pbkdf2-sha256:1000:000102030405060708090a0b0c0d0e0f:"
               "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
               "OK\n");
    check_said("user alice scope hall\n", "OK\n");
    assert_true(on_disk("set user alice password-hash pbkdf2-sha256:1000:000102030405060708090a0b0c0d0e0f:"
                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
                        "set user alice scope hall\n"));
    check_shows("show clients\n", "user alice\n");
    check_shows("show status\n", "Clients          1 enrolled\n");
}

static void ok_waits_for_the_disk(void **state)
{
    (void)state;
    h->disk_frozen = true;
    check_said(add_command("vc", &one), "");
    assert_int_equal(clients_count(s->clients), 1); /* in force already */
    int other = house_console(h);
    assert_non_null(strstr(house_say(h, other, "show clients\n"), "vc  sha256"));
    h->disk_frozen = false;
    check_said("", "OK\n");
    close(other);
}

static void a_disk_that_fails_is_told(void **state)
{
    (void)state;
    sim_disk_fail(h->sim, SIM_RENAME, 28, 0, 0);
    check_said(add_command("vc", &one),
               "ERR in force, but not on disk: the file could not be written; see the log\n");
    sim_disk_fail(h->sim, 0, 0, 0, 0);
    check_said(add_command("old", &two), "OK\n");
    assert_true(on_disk("set client vc certificate"));
}

static void lines_in_pieces_and_in_a_row(void **state)
{
    (void)state;
    check_said("show ver", "");
    check_said("sion", "");
    check_said("\n", "holdfast " SERVER_VERSION ", KMIP 1.0 to 1.4, TLS 1.2\nOK\n");
    check_said("show keys count\n\nshow keys\ndance\nshow keys count\r\nshow k",
               "0\nOK\nOK\nOK\n"
               "ERR no such command; try help\n0\nOK\n");
    check_said("eys count\n", "0\nOK\n");
}

/* One answer, and the rest of the line is no command. */
static void too_long_lines(void **state)
{
    (void)state;
    static char line[3 * CONTROL_LINE];
    check_said(add_command("vc", &one), "OK\n");
    memset(line, 'x', sizeof line);
    memcpy(line, "client ", 7);
    strcpy(line + CONTROL_LINE + 1, " remove\nshow keys count\n");
    memcpy(line + CONTROL_LINE - 9, " x x x x ", 9);
    check_said(line, "ERR the line is too long\n0\nOK\n");
    memset(line, ' ', sizeof line);
    strcpy(line + 2 * CONTROL_LINE, "client remove vc\nshow keys count\n");
    check_said(line, "ERR the line is too long\n0\nOK\n");
    assert_int_equal(clients_count(s->clients), 1);
    /* The longest line that fits. */
    memset(line, ' ', sizeof line);
    strcpy(line + CONTROL_LINE - 16, "show keys count\n");
    check_said(line, "0\nOK\n");
}

/* 64 clients with the longest names. */
static void a_full_table_is_shown_whole(void **state)
{
    (void)state;
    static char name[NAME_MAX_BYTES + 1];
    struct clients *all = s->clients;
    memset(name, 'n', NAME_MAX_BYTES);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &all->clients[i];
        memcpy(c->name, name, sizeof name);
        c->in_use = true;
        c->handshakes = c->requests = UINT64_MAX / 3;
        c->last_seen_s = c->not_after_s = PEER_NOW;
    }
    const char *said = check_shows("show clients\n", name);
    int lines = 0;
    for (; *said != 0; said++)
        lines += *said == '\n';
    assert_int_equal(lines, 2 * CLIENTS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_state_of_a_new_server, begin, end),
        cmocka_unit_test_setup_teardown(other_things_to_show, begin, end),
        cmocka_unit_test_setup_teardown(every_fault_has_its_text, begin, end),
        cmocka_unit_test_setup_teardown(clients_come_and_go, begin, end),
        cmocka_unit_test_setup_teardown(ok_waits_for_the_disk, begin, end),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_is_told, begin, end),
        cmocka_unit_test_setup_teardown(lines_in_pieces_and_in_a_row, begin, end),
        cmocka_unit_test_setup_teardown(too_long_lines, begin, end),
        cmocka_unit_test_setup_teardown(a_full_table_is_shown_whole, begin, end),
    };
    return cmocka_run_group_tests_name("server/control, server/status", tests, begin_group, NULL);
}
