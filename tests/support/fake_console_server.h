/* SPDX-License-Identifier: Apache-2.0 */
/* A server at the other end of a console's socket, in a process of its own, and what the console prints. */
#ifndef HOLDFAST_TESTS_SUPPORT_FAKE_CONSOLE_SERVER_H
#define HOLDFAST_TESTS_SUPPORT_FAKE_CONSOLE_SERVER_H

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fake_server {
    pid_t pid;
    int asked; /* a file with what it was asked */
};

static inline void fake_send(int fd, const char *text, size_t piece)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, text + at, piece < len - at ? piece : len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

/* Answers one line after the other and hangs up; `piece`: bytes sent at once. Returns the console's end. */
static inline int fake_serve(struct fake_server *f, const char *const *answers, size_t count, size_t piece)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    f->asked = memfd_create("asked", MFD_CLOEXEC);
    fflush(stdout);
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid == 0) {
        char c;
        close(pair[0]);
        for (size_t i = 0; i < count; i++) {
            while (read(pair[1], &c, 1) == 1 && write(f->asked, &c, 1) == 1 && c != '\n')
                continue;
            fake_send(pair[1], answers[i], piece);
        }
        _exit(0);
    }
    close(pair[1]);
    return pair[0];
}

/* Waits for its end; what it was asked. */
static inline void fake_end(struct fake_server *f, int fd, char *asked, size_t cap)
{
    close(fd);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
    ssize_t n = pread(f->asked, asked, cap - 1, 0);
    asked[n > 0 ? n : 0] = 0;
    close(f->asked);
}

/* ---- what is printed ---- */

struct printed {
    int kept[2], to[2];
};

static inline void print_begin(struct printed *p)
{
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        p->kept[i] = dup(1 + i);
        p->to[i] = memfd_create("printed", MFD_CLOEXEC);
        assert_true(p->kept[i] >= 0 && p->to[i] >= 0);
        dup2(p->to[i], 1 + i);
    }
}

/* No check between the two: its text would be lost. */
static inline void print_end(struct printed *p, char *out, char *err, size_t cap)
{
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        char *text = i == 0 ? out : err;
        ssize_t n = pread(p->to[i], text, cap - 1, 0);
        text[n > 0 ? n : 0] = 0;
        dup2(p->kept[i], 1 + i);
        close(p->kept[i]);
        close(p->to[i]);
    }
}

#endif
