/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/wipe.h"

struct link {
    const struct link_ask *ask;
    int fd;
    size_t part, sent; /* of the pieces that are sent: line, end, body, dot */
    char answer[CONTROL_LINE];
    size_t len;
    bool cut;
    bool done;
    enum link_result result;
    char *why;
    size_t cap;
};

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof address.sun_path)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum link_result end(struct link *l, enum link_result result, const char *why)
{
    l->done = true;
    l->result = result;
    snprintf(l->why, l->cap, "%s", why);
    return result;
}

static struct span piece(const struct link_ask *a, size_t part)
{
    switch (part) {
    case 0:
        return a->line;
    case 1:
        return span_of("\n", 1);
    case 2:
        return a->has_body ? a->body : span_of(NULL, 0);
    case 3:
        return a->has_body ? span_of(".\n", 2) : span_of(NULL, 0);
    default:
        return span_of(NULL, 0);
    }
}

static bool is_sent(const struct link *l)
{
    return l->part > 3;
}

static void send_more(struct link *l)
{
    while (!is_sent(l)) {
        struct span p = piece(l->ask, l->part);
        if (l->sent == p.len) {
            l->part++;
            l->sent = 0;
            continue;
        }
        ssize_t n = send(l->fd, p.ptr + l->sent, p.len - l->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            l->part = 4; /* they may have said why before they hung up */
            return;
        }
        l->sent += (size_t)n;
    }
}

static void take_line(struct link *l)
{
    struct span line = span_of(l->answer, l->len);
    if (line.len != 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (span_equal(line, span_of_text("OK"))) {
        end(l, LINK_OK, "");
    } else if (line.len >= 3 && memcmp(line.ptr, "ERR", 3) == 0 && (line.len == 3 || line.ptr[3] == ' ')) {
        struct buf out = buf_over(l->why, l->cap - 1);
        buf_add_printable(&out, line.len > 4 ? span_of(line.ptr + 4, line.len - 4) : span_of_text("refused"));
        l->why[out.len] = 0;
        l->done = true;
        l->result = LINK_REFUSED;
    } else if (l->ask->take != NULL) {
        l->ask->take(l->ask->to, line);
    }
}

static void read_more(struct link *l)
{
    char in[4096];
    ssize_t n = recv(l->fd, in, sizeof in, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        end(l, LINK_AWAY, "the connection was closed before the answer ended; look at show log, try again");
    for (ssize_t i = 0; i < n && !l->done; i++) {
        if (in[i] != '\n') {
            if (l->len < sizeof l->answer)
                l->answer[l->len++] = in[i];
            continue;
        }
        take_line(l);
        l->len = 0;
    }
    wipe(in, sizeof in); /* it may have been a recovery key */
}

/* One wait for whatever comes first. False: nothing came in time. */
static bool turn(struct link *l)
{
    struct term *t = l->ask->term;
    struct pollfd fds[2] = {{.fd = l->fd, .events = (short)(is_sent(l) ? POLLIN : POLLIN | POLLOUT)},
                            {.fd = t != NULL && !t->gone ? t->in : -1, .events = POLLIN}};
    if (t != NULL && t->head - t->tail >= TERM_RING)
        fds[1].fd = -1;
    int n = poll(fds, 2, l->ask->patience_ms);
    if (n < 0)
        return errno == EINTR;
    if (fds[1].revents != 0)
        term_fill(t, 0);
    if ((fds[0].revents & POLLOUT) != 0)
        send_more(l);
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        read_more(l);
    return n > 0;
}

enum link_result link_ask(const struct link_ask *ask, char *why, size_t cap)
{
    struct link l = {.ask = ask, .fd = connect_to(ask->path), .why = why, .cap = cap};
    if (l.fd < 0)
        return end(&l, LINK_AWAY, strerror(errno));
    if (ask->term != NULL)
        ask->term->interrupted = false;
    while (!l.done) {
        if (!turn(&l))
            end(&l, LINK_AWAY, "no answer came in time; try again, and look at show log");
        else if (!l.done && ask->term != NULL && ask->term->interrupted)
            end(&l, LINK_STOPPED, "stopped");
        else if (!l.done && ask->term != NULL && ask->term->gone && ask->term->tty)
            end(&l, LINK_STOPPED, "the terminal has hung up");
    }
    if (l.result == LINK_STOPPED && !ask->term->gone)
        term_flush(ask->term);
    close(l.fd);
    wipe(l.answer, sizeof l.answer);
    return l.result;
}
