/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "server/clients_file.h"
#include "server/keymanager.h"
#include "server/status.h"

/* Lines of `show keys` made in one turn. */
#define KEYS_A_TURN 64
#define KEY_LINE    400

static struct buf out_of(struct control_conn *c)
{
    struct buf out = buf_over(c->out, sizeof c->out);
    out.len = c->out_len;
    return out;
}

static void end_command(struct control_conn *c)
{
    struct buf out = out_of(c);
    if (c->result == NULL)
        buf_add_text(&out, "OK\n");
    else
        buf_print(&out, "ERR %s\n", c->result);
    c->out_len = out.len;
    c->command = CONTROL_NONE;
}

static bool word_is(struct span word, const char *text)
{
    return span_equal(word, span_of_text(text));
}

/* ---- commands ---- */

static void show_memory(const struct server *s, struct buf *out)
{
    status_write_memory(&s->region, s->memory_locked, s->config.memory_lock == 0, out);
    keymanager_write_memory(s, out);
}

static const char *do_show(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct buf out = out_of(c);
    struct span what = count > 1 ? words[1] : span_of_text("");
    if (word_is(what, "status"))
        status_write(s, &out);
    else if (word_is(what, "clients"))
        status_write_clients(s, &out);
    else if (word_is(what, "config"))
        status_write_config(&s->config, &out);
    else if (word_is(what, "version"))
        status_write_version(&out);
    else if (word_is(what, "memory"))
        show_memory(s, &out);
    else if (word_is(what, "keys") && count > 2 && word_is(words[2], "count"))
        buf_print(&out, "%u\n", s->store.catalogue.visible);
    else if (word_is(what, "keys"))
        c->command = CONTROL_KEYS;
    else
        return "show what? status, clients, keys, keys count, config, version, memory";
    c->cursor = 0;
    c->out_len = out.len;
    return NULL;
}

static const char *do_client(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    if (count == 3 && word_is(words[1], "remove")) {
        if (clients_remove(s->clients, words[2]) != STATUS_OK)
            return "no client has this name; see: show clients";
    } else if (count == 4 && word_is(words[1], "add")) {
        struct span line[4] = {span_of_text("client"), words[2], span_of_text("certificate"), words[3]};
        if (!clients_set(s->clients, line, 4, c->why, sizeof c->why))
            return c->why;
    } else if (count == 4 && word_is(words[1], "scope")) {
        struct span line[4] = {span_of_text("client"), words[2], span_of_text("scope"), words[3]};
        if (!clients_set(s->clients, line, 4, c->why, sizeof c->why))
            return c->why;
    } else {
        return "client add <name> <certificate in base64>, client remove <name>, or client scope <name> "
               "<scope>";
    }
    clients_file_changed(s);
    c->command = CONTROL_WRITE_CLIENTS;
    return NULL;
}

static const char *do_user(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    if (count != 4 || (!word_is(words[2], "password-hash") && !word_is(words[2], "scope")))
        return "user <name> password-hash <hash>, or user <name> scope <scope>";
    if (!clients_set(s->clients, words, 4, c->why, sizeof c->why))
        return c->why;
    clients_file_changed(s);
    c->command = CONTROL_WRITE_CLIENTS;
    return NULL;
}

/* A new API key: written by the disk process, read again when the next token is asked for. */
static const char *do_credential(struct server *s, struct control_conn *c, struct span key)
{
    struct disk_request part = {.op = DISK_PART}, replace = {.op = DISK_REPLACE, .name = API_KEY_FILE};
    if (!keymanager_is_cloud(s))
        return "the local key manager needs no credential";
    if (key.len > API_KEY_MAX)
        return "an API key has at most 256 characters";
    if (clients_file_busy(s))
        return "the clients file is being written; try again";
    if (disk_send(&s->disk, &part, key) == 0)
        return "the disk is busy; try again";
    c->ticket = disk_send(&s->disk, &replace, span_of(NULL, 0));
    if (c->ticket == 0)
        return "the disk is busy; try again";
    c->command = CONTROL_CREDENTIAL;
    return NULL;
}

static const char *do_test(struct server *s, struct control_conn *c)
{
    if (!keymanager_is_cloud(s))
        return "the local key manager is a folder on this disk; show status tells how it is";
    if (!keyprotect_test_begin(s->keyprotect))
        return "the key manager is being asked or tested right now; try again";
    c->cursor = 0;
    c->command = CONTROL_TEST;
    return NULL;
}

static void start_command(struct server *s, struct control_conn *c, struct span line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(line, words);
    c->command = CONTROL_TEXT;
    if (count == 0 || count > SETTING_WORDS)
        c->result = count == 0 ? NULL : "too many words";
    else if (word_is(words[0], "show"))
        c->result = do_show(s, c, words, count);
    else if (word_is(words[0], "client"))
        c->result = do_client(s, c, words, count);
    else if (word_is(words[0], "user"))
        c->result = do_user(s, c, words, count);
    else if (word_is(words[0], "cache") && count == 2 && word_is(words[1], "erase"))
        store_erase_keks(&s->store), c->result = NULL;
    else if (word_is(words[0], "cache") && count == 2 && word_is(words[1], "refresh"))
        store_refresh(&s->store), c->result = NULL;
    else if (word_is(words[0], "keymanager") && count == 3 && word_is(words[1], "credential"))
        c->result = do_credential(s, c, words[2]);
    else if (word_is(words[0], "test") && count == 2 && word_is(words[1], "keymanager"))
        c->result = do_test(s, c);
    else
        c->result = "no such command; try help";
    if (c->command == CONTROL_TEXT)
        end_command(c);
}

/* ---- commands that take more than one turn ---- */

static void step_keys(struct server *s, struct control_conn *c)
{
    struct buf out = out_of(c);
    for (int i = 0; i < KEYS_A_TURN && out.cap - out.len > KEY_LINE; i++) {
        const struct catalogue_entry *e = catalogue_next(&s->store.catalogue, &c->cursor);
        if (e == NULL) {
            c->out_len = out.len;
            end_command(c);
            return;
        }
        status_write_key(s, e, &out);
    }
    c->out_len = out.len;
}

static void step_credential(struct server *s, struct control_conn *c)
{
    int error;
    enum ask ask = disk_ask(&s->disk, c->ticket, &error);
    if (ask == ASK_WAIT)
        return;
    if (ask == ASK_READY) {
        keyprotect_credential_changed(s->keyprotect);
        store_refresh(&s->store);
    }
    c->result = ask == ASK_READY ? NULL : "the API key could not be written; see the log";
    end_command(c);
}

static void step_test(struct server *s, struct control_conn *c)
{
    struct buf out = out_of(c);
    size_t from = c->cursor;
    keymanager_write_test(s, &from, &out);
    c->cursor = (uint32_t)from;
    c->out_len = out.len;
    if (keyprotect_test(s->keyprotect)->running)
        return;
    c->result = from == TEST_STEPS ? NULL : "the key manager is not ready for use";
    for (size_t i = 0; i < from; i++)
        if (!keyprotect_test(s->keyprotect)->steps[i].good)
            c->result = "the key manager is not ready for use";
    end_command(c);
}

static void step_command(struct server *s, struct control_conn *c)
{
    if (c->command == CONTROL_CREDENTIAL)
        step_credential(s, c);
    if (c->command == CONTROL_TEST)
        step_test(s, c);
    if (c->command == CONTROL_KEYS) {
        step_keys(s, c);
    } else if (c->command == CONTROL_WRITE_CLIENTS && !clients_file_busy(s)) {
        c->result = s->clients_file.failed
                        ? "in force, but not on disk: the file could not be written; see the log"
                        : NULL;
        end_command(c);
    }
}

/* ---- sockets ---- */

static void drop(struct control_conn *c)
{
    close(c->fd);
    c->fd = -1;
}

static void send_out(struct control_conn *c)
{
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    c->out_at += n > 0 ? (size_t)n : 0;
    if (c->out_at == c->out_len)
        c->out_at = c->out_len = 0;
}

static void read_in(struct control_conn *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        c->eof = true;
    c->in_len += n > 0 ? (size_t)n : 0;
}

static void take_line(struct server *s, struct control_conn *c)
{
    const char *end = memchr(c->in, '\n', c->in_len);
    if (end == NULL && c->in_len == sizeof c->in) {
        c->in_len = 0;
        c->skipping = true;
        return;
    }
    if (end == NULL) {
        if (c->eof)
            drop(c);
        return;
    }
    size_t len = (size_t)(end - c->in) + 1;
    if (c->skipping) {
        c->result = "the line is too long";
        end_command(c);
    } else {
        start_command(s, c, span_of(c->in, len - 1));
    }
    c->skipping = false;
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
    wipe(c->in + c->in_len, len); /* it may have been an API key */
}

static void accept_console(struct server *s)
{
    int fd = accept4(s->control_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < CONTROL_SLOTS; i++)
        if (s->controls[i].fd < 0) {
            s->controls[i] = (struct control_conn){.fd = fd};
            return;
        }
    static const char full[] = "ERR four consoles are open already\n";
    ssize_t ignored = send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    close(fd);
}

void control_turn(struct server *s, bool connecting, const struct pollfd fds[CONTROL_SLOTS])
{
    clients_file_turn(s);
    for (size_t i = 0; i < CONTROL_SLOTS; i++) {
        struct control_conn *c = &s->controls[i];
        if (c->fd < 0)
            continue;
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !c->eof && c->in_len < sizeof c->in)
            read_in(c);
        if (c->command == CONTROL_NONE && c->out_len == 0)
            take_line(s, c);
        if (c->fd >= 0 && c->command != CONTROL_NONE)
            step_command(s, c);
        if (c->fd >= 0 && c->out_len != 0)
            send_out(c);
    }
    clients_file_turn(s);
    if (connecting)
        accept_console(s);
}

short control_interest(const struct control_conn *c)
{
    if (c->out_len != 0)
        return POLLOUT;
    bool waits =
        c->command == CONTROL_WRITE_CLIENTS || c->command == CONTROL_CREDENTIAL || c->command == CONTROL_TEST;
    return c->eof || c->in_len == sizeof c->in || waits ? 0 : POLLIN;
}

bool control_is_busy(const struct server *s)
{
    for (size_t i = 0; i < CONTROL_SLOTS; i++) {
        const struct control_conn *c = &s->controls[i];
        if (c->fd < 0 || c->out_len != 0)
            continue;
        bool line = c->command == CONTROL_NONE &&
                    (c->eof || (c->in_len != 0 && memchr(c->in, '\n', c->in_len) != NULL));
        if (line || c->command == CONTROL_KEYS)
            return true;
    }
    return false;
}
