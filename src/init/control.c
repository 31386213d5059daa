/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "init/commands.h"
#include "init/job.h"

bool init_control_open(struct box *box)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = INIT_SOCKET};
    box->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(address.sun_path);
    for (size_t i = 0; i < INIT_CONNS; i++)
        box->conns[i].fd = -1;
    return bind(box->listen_fd, (struct sockaddr *)(void *)&address, sizeof address) == 0 &&
           chown(INIT_SOCKET, 0, USER_CONSOLE) == 0 && chmod(INIT_SOCKET, 0660) == 0 &&
           listen(box->listen_fd, INIT_CONNS) == 0;
}

static void drop(struct box *box, int i)
{
    struct init_conn *c = &box->conns[i];
    job_abandon(box, i);
    close(c->fd);
    wipe(c, sizeof *c);
    c->fd = -1;
}

void init_control_answer(struct init_conn *c, const struct buf *lines)
{
    size_t room = sizeof c->out - c->out_len;
    size_t len = lines->len < room ? lines->len : room;
    memcpy(c->out + c->out_len, lines->ptr, len);
    c->out_len += len;
}

void init_control_end(struct init_conn *c, const char *error)
{
    char text[500];
    struct buf line = buf_over(text, sizeof text);
    if (error == NULL)
        buf_add_text(&line, "OK\n");
    else
        buf_print(&line, "ERR %s\n", error);
    if (sizeof c->out - c->out_len < line.len)
        c->out_len = sizeof c->out - line.len; /* an end is worth more than the last of its lines */
    init_control_answer(c, &line);
}

void init_control_job_ended(struct box *box, int i, const char *error)
{
    struct init_conn *c = &box->conns[i];
    if (c->fd < 0)
        return;
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    init_control_end(c, error);
}

/* The command of which the body is whole. */
static void carry_out(struct box *box, int i)
{
    struct init_conn *c = &box->conns[i];
    c->in_body = false;
    command_begin(box, i, span_of_text(c->command), span_of(c->body, c->body_len));
    wipe(c->body, c->body_len); /* a job has its own copy */
    c->body_len = 0;
}

static void take_body_line(struct box *box, int i, struct span line)
{
    struct init_conn *c = &box->conns[i];
    if (span_equal(line, span_of_text("."))) {
        if (c->skipping)
            init_control_end(c, "it is longer than 80 KiB");
        else
            carry_out(box, i);
        c->in_body = c->skipping = false;
        return;
    }
    if (c->body_len + line.len + 1 > sizeof c->body) {
        c->skipping = true;
        return;
    }
    if (line.len != 0)
        memcpy(c->body + c->body_len, line.ptr, line.len);
    c->body[c->body_len + line.len] = '\n';
    c->body_len += line.len + 1;
}

static void take_line(struct box *box, int i, struct span line)
{
    struct init_conn *c = &box->conns[i];
    if (c->in_body) {
        take_body_line(box, i, line);
        return;
    }
    if (line.len >= sizeof c->command) {
        init_control_end(c, "the command is too long");
        return;
    }
    memcpy(c->command, line.ptr, line.len);
    c->command[line.len] = 0;
    if (command_has_body(span_of_text(c->command)))
        c->in_body = true;
    else
        command_begin(box, i, span_of_text(c->command), span_of(NULL, 0));
}

static void take_lines(struct box *box, int i)
{
    struct init_conn *c = &box->conns[i];
    while (c->fd >= 0 && !job_is_running(box, i) && c->out_len == 0) {
        char *end = memchr(c->in, '\n', c->in_len);
        if (end == NULL && c->in_len == sizeof c->in) {
            init_control_end(c, "the line is too long");
            c->in_len = 0;
            return;
        }
        if (end == NULL)
            return;
        size_t len = (size_t)(end - c->in) + 1;
        take_line(box, i, span_of(c->in, len - 1));
        memmove(c->in, c->in + len, c->in_len - len);
        c->in_len -= len;
        wipe(c->in + c->in_len, len);
    }
}

static void read_in(struct init_conn *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        c->eof = true;
    c->in_len += n > 0 ? (size_t)n : 0;
}

static void send_out(struct init_conn *c)
{
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool gone = n < 0 && errno != EAGAIN && errno != EINTR;
    c->eof = c->eof || gone;
    c->out_at += n > 0 ? (size_t)n : 0;
    if (gone || c->out_at == c->out_len) /* what nobody takes must not keep the place */
        c->out_at = c->out_len = 0;
}

static void accept_one(struct box *box)
{
    int fd = accept4(box->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < INIT_CONNS; i++)
        if (box->conns[i].fd < 0 && !job_is_running(box, i)) {
            box->conns[i].fd = fd;
            return;
        }
    if (fd < 0)
        return;
    static const char full[] = "ERR too many consoles are open\n";
    ssize_t ignored = send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    close(fd);
}

void init_control_watch(const struct box *box, struct pollfd fds[INIT_CONNS + 1])
{
    for (int i = 0; i < INIT_CONNS; i++) {
        const struct init_conn *c = &box->conns[i];
        bool writes = c->out_len != 0 && !job_is_running(box, i);
        bool reads = c->in_len < sizeof c->in && !c->eof;
        fds[i] =
            (struct pollfd){.fd = c->fd, .events = (short)((writes ? POLLOUT : 0) | (reads ? POLLIN : 0))};
    }
    fds[INIT_CONNS] = (struct pollfd){.fd = box->listen_fd, .events = POLLIN};
}

void init_control_turn(struct box *box, const struct pollfd fds[INIT_CONNS + 1])
{
    for (int i = 0; i < INIT_CONNS; i++) {
        struct init_conn *c = &box->conns[i];
        if (c->fd < 0)
            continue;
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && c->in_len < sizeof c->in)
            read_in(c);
        if (c->out_len == 0)
            take_lines(box, i);
        if (c->out_len != 0 && !job_is_running(box, i))
            send_out(c);
        if (c->eof && (job_is_running(box, i) || c->out_len == 0))
            drop(box, i);
    }
    if ((fds[INIT_CONNS].revents & POLLIN) != 0)
        accept_one(box);
}
