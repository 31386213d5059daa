/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"
#include "server/clients_file.h"
#include "server/control_parts.h"

static void drop(struct server *s, struct control_conn *c)
{
    close(c->fd);
    c->fd = -1;
    s->consoles--;
}

static void send_out(struct server *s, struct control_conn *c)
{
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(s, c);
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
            drop(s, c);
        return;
    }
    size_t len = (size_t)(end - c->in) + 1;
    if (c->skipping) {
        c->result = "the line is too long";
        control_end(c);
    } else {
        control_begin(s, c, span_of(c->in, len - 1));
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
            s->consoles++;
            return;
        }
    static const char full[] = "ERR six consoles are open already\n";
    ssize_t ignored = send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    close(fd);
}

void control_turn(struct server *s, bool connecting, const struct pollfd fds[CONTROL_SLOTS])
{
    clients_file_turn(s);
    for (size_t i = 0; s->consoles != 0 && i < CONTROL_SLOTS; i++) {
        struct control_conn *c = &s->controls[i];
        if (c->fd < 0)
            continue;
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !c->eof && c->in_len < sizeof c->in)
            read_in(c);
        if (c->command == CONTROL_NONE && c->out_len == 0)
            take_line(s, c);
        if (c->fd >= 0 && c->command != CONTROL_NONE)
            control_step(s, c);
        if (c->fd >= 0 && c->out_len != 0)
            send_out(s, c);
    }
    clients_file_turn(s);
    if (connecting)
        accept_console(s);
}

/* Needs no event to go on, only room for its lines. */
static bool is_list(const struct control_conn *c)
{
    return c->command >= CONTROL_KEYS && c->command <= CONTROL_LIST_CERTIFICATES;
}

short control_interest(const struct control_conn *c)
{
    if (c->out_len != 0)
        return POLLOUT;
    bool waits = c->command != CONTROL_NONE && c->command != CONTROL_TEXT && !is_list(c);
    return c->eof || c->in_len == sizeof c->in || waits ? 0 : POLLIN;
}

bool control_is_busy(const struct server *s)
{
    for (size_t i = 0; s->consoles != 0 && i < CONTROL_SLOTS; i++) {
        const struct control_conn *c = &s->controls[i];
        if (c->fd < 0 || c->out_len != 0)
            continue;
        bool line = c->command == CONTROL_NONE &&
                    (c->eof || (c->in_len != 0 && memchr(c->in, '\n', c->in_len) != NULL));
        if (line || is_list(c))
            return true;
    }
    return false;
}
