/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles that come and go, and those that read slowly; the clients file, written while the table changes
 * and the disk fails (server/clients_file). */
#include "support/check.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "server/clients_file.h"
#include "server/control.h"
#include "support/message.h"
#include "support/server_house.h"

static struct peer_identity one, two;
static struct house *h;
static struct server *s;

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    peer_identity_make(&two, "two", 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    assert_int_equal(clients_add(s->clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    return 0;
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text != 0; text++)
        lines += *text == '\n';
    return lines;
}

static void make_keys(int count)
{
    static uint8_t in[MESSAGE_LARGE], out[MESSAGE_LARGE];
    struct peer *peer = calloc(1, sizeof *peer);
    struct message_options options = {.minor = 4};
    assert_non_null(house_connect(h, peer, 1, &one));
    assert_true(house_shake(h, peer));
    for (int left = count; left > 0; left -= 50) {
        struct message m;
        message_open(&m, in, sizeof in, &options);
        for (int i = 0; i < (left < 50 ? left : 50); i++)
            item_create(&m, NULL);
        size_t len = message_close(&m);
        peer_write(peer, in, len);
        assert_true(house_answer(h, peer, out, sizeof out) > 0);
    }
    assert_int_equal(s->store.catalogue.visible, count);
    peer_end(peer);
    free(peer);
}

/* Hundreds of keys are more than a console's buffer holds; all of them come, each once. */
static void hundreds_of_keys_are_shown(void **state)
{
    (void)state;
    int console = house_console(h), slow = house_console(h);
    make_keys(400);
    assert_string_equal(house_say(h, console, "show keys count\n"), "400\nOK\n");
    const char *said = house_say(h, console, "show keys\nshow keys count\n");
    assert_int_equal(lines_of(said), 400 + 1 + 2);
    assert_int_equal(strcmp(said + strlen(said) - strlen("\nOK\n400\nOK\n"), "\nOK\n400\nOK\n"), 0);
    if (strstr(said, "\tSymmetric Key\tPre-Active\t1\t") == NULL)
        fail_msg("%.200s", said);
    for (const char *line = said; line - said < 300 * 60; line = strchr(line, '\n') + 1)
        assert_null(memmem(line + 1, strlen(line + 1), line, UUID_TEXT)); /* once */
    int small = 4096;
    char first[16];
    assert_int_equal(setsockopt(s->controls[1].fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(send(slow, "show keys\n", 10, 0), 10);
    for (int i = 0; i < 50; i++)
        house_turn(h, 1); /* it does not read: others are served meanwhile */
    assert_string_equal(house_say(h, console, "show keys count\n"), "400\nOK\n");
    assert_false(control_is_busy(s));
    assert_int_equal(recv(slow, first, 10, 0), 10);
    said = house_say(h, slow, "");
    assert_int_equal(lines_of(said), 400 + 1);
    close(console);
    close(slow);
}

/* A console that hangs up is forgotten, in whatever it was. */
static void consoles_hang_up(void **state)
{
    (void)state;
    static const char *lasts[] = {"", "show sta", "show status\n", "client remove one\n", "show keys\n"};
    make_keys(100);
    for (size_t i = 0; i < COUNT_OF(lasts); i++) {
        int console = house_console(h);
        assert_int_equal(send(console, lasts[i], strlen(lasts[i]), 0), (ssize_t)strlen(lasts[i]));
        close(console);
        for (int k = 0; k < HOUSE_PATIENCE && s->controls[0].fd >= 0; k++)
            house_turn(h, 1);
        assert_int_equal(s->controls[0].fd, -1);
        assert_false(control_is_busy(s));
    }
    assert_int_equal(clients_count(s->clients), 0); /* the command before the end was done */
    int console = house_console(h);
    assert_int_equal(send(console, "show keys count\n", 16, 0), 16);
    assert_int_equal(shutdown(console, SHUT_WR), 0); /* no more commands, but it reads */
    assert_string_equal(house_say(h, console, ""), "100\nOK\n");
    assert_int_equal(s->controls[0].fd, -1);
    close(console);
}

static void four_consoles_and_no_more(void **state)
{
    (void)state;
    int fds[CONTROL_SLOTS + 1];
    char said[100] = "";
    for (int i = 0; i <= CONTROL_SLOTS; i++)
        fds[i] = house_console(h);
    for (int i = 0; i < CONTROL_SLOTS; i++)
        assert_string_equal(house_say(h, fds[i], "show keys count\n"), "0\nOK\n");
    assert_true(recv(fds[CONTROL_SLOTS], said, sizeof said - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(said, "ERR six consoles are open already\n");
    assert_int_equal(recv(fds[CONTROL_SLOTS], said, sizeof said, MSG_DONTWAIT), 0);
    close(fds[2]);
    house_turn(h, 1);
    fds[2] = house_console(h); /* there is room again */
    assert_string_equal(house_say(h, fds[2], "show keys count\n"), "0\nOK\n");
    for (int i = 0; i <= CONTROL_SLOTS; i++)
        close(fds[i]);
}

static void erasing_what_is_in_memory(void **state)
{
    (void)state;
    int console = house_console(h);
    make_keys(3);
    assert_string_equal(house_say(h, console, "show keys count\n"), "3\nOK\n"); /* spares are there again */
    uint32_t before = s->store.keks.ready;
    assert_string_equal(house_say(h, console, "cache erase\n"), "OK\n");
    assert_int_equal(s->store.keks.ready, before - 3); /* spares are made anew */
    close(console);
}

/* ---- the clients file ---- */

static bool on_disk(const char *text)
{
    size_t len = 0;
    const uint8_t *file = sim_disk_file(h->sim, CLIENTS_FILE, &len);
    return file != NULL && memmem(file, len, text, strlen(text)) != NULL;
}

static void settle(void)
{
    for (int i = 0; i < HOUSE_PATIENCE && clients_file_busy(s); i++)
        house_turn(h, 1);
    assert_false(clients_file_busy(s));
}

static void the_file_is_the_table(void **state)
{
    (void)state;
    static char wanted[60000];
    struct buf out = buf_over(wanted, sizeof wanted);
    size_t len = 0;
    clients_file_changed(s);
    assert_true(clients_file_busy(s));
    settle();
    assert_false(s->clients_file.failed);
    for (size_t i = 0; clients_write_entry(s->clients, i, &out); i++)
        continue;
    const uint8_t *file = sim_disk_file(h->sim, CLIENTS_FILE, &len);
    assert_non_null(file);
    assert_true(span_equal(span_of(file, len), buf_span(&out)));
    assert_int_equal(clients_remove(s->clients, span_of_text("one")), STATUS_OK);
    clients_file_changed(s);
    settle();
    assert_false(on_disk("client one")); /* a shorter file has no rest of the longer */
}

/* A change behind the entry that is written, or before it, at any moment: the file ends up right. */
static void changed_while_it_is_written(void **state)
{
    (void)state;
    for (int turns = 0; turns < 100; turns += 3) {
        clients_file_changed(s);
        for (int i = 0; i < turns; i++)
            house_turn(h, 1);
        assert_int_equal(clients_add(s->clients, span_of_text("two"), peer_der(&two)), STATUS_OK);
        clients_file_changed(s);
        settle();
        assert_true(on_disk("client one certificate") && on_disk("client two certificate"));
        clients_file_changed(s);
        for (int i = 0; i < turns; i++)
            house_turn(h, 1);
        assert_int_equal(clients_remove(s->clients, span_of_text("two")), STATUS_OK);
        clients_file_changed(s);
        settle();
        assert_true(on_disk("client one certificate"));
        assert_false(on_disk("client two"));
    }
}

static void failures_keep_the_old_file(void **state)
{
    (void)state;
    static const unsigned calls[] = {SIM_OPEN, SIM_WRITE, SIM_FLUSH, SIM_RENAME};
    clients_file_changed(s);
    settle();
    assert_int_equal(clients_add(s->clients, span_of_text("two"), peer_der(&two)), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(h->sim, calls[i], ENOSPC, 0, 0);
        clients_file_changed(s);
        settle();
        if (!s->clients_file.failed)
            fail_msg("number %zu was not told", i);
        assert_true(on_disk("client one certificate"));
        assert_false(on_disk("client two"));
        sim_disk_fail(h->sim, 0, 0, 0, 0);
    }
    assert_non_null(strstr(house_log(h), "clients.conf could not be written"));
    clients_file_changed(s);
    settle();
    assert_false(s->clients_file.failed);
    assert_true(on_disk("client two certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hundreds_of_keys_are_shown, begin, end),
        cmocka_unit_test_setup_teardown(consoles_hang_up, begin, end),
        cmocka_unit_test_setup_teardown(four_consoles_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(erasing_what_is_in_memory, begin, end),
        cmocka_unit_test_setup_teardown(the_file_is_the_table, begin, end),
        cmocka_unit_test_setup_teardown(changed_while_it_is_written, begin, end),
        cmocka_unit_test_setup_teardown(failures_keep_the_old_file, begin, end),
    };
    return cmocka_run_group_tests_name("server/control: consoles, server/clients_file", tests, begin_group,
                                       NULL);
}
