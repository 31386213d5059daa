/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "init/files.h"
#include "init/order.h"
#include "init/revisions.h"

#define LONGEST_WAIT_MS 30000
#define SETTLED_MS      60000 /* a child that ran this long has not failed to start */
#define DEVICE_WAIT_MS  3000  /* until a console's device is looked for again */
#define STOP_TENTHS     100

static void fresh_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void become(uid_t user, gid_t group)
{
    if (setgroups(0, NULL) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(126);
}

void supervise_become_serve(int extra_fd)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY}, files = {8192, 8192};
    setrlimit(RLIMIT_MEMLOCK, &all);
    setrlimit(RLIMIT_NOFILE, &files);
    if (extra_fd >= 0)
        fcntl(extra_fd, F_SETFD, 0);
    umask(077);
    become(USER_SERVE, USER_SERVE);
}

static void exec_serve(const struct box *box)
{
    char number[16];
    char *words[] = {"holdfast", "serve", "--config", RUN_CONFIG, "--state-key-fd", number, NULL};
    snprintf(number, sizeof number, "%d", box->key_fd);
    fresh_signals();
    setsid();
    dup2(box->log_pipe[1], STDOUT_FILENO);
    dup2(box->log_pipe[1], STDERR_FILENO);
    supervise_become_serve(box->key_fd);
    execv("/proc/self/exe", words);
    dprintf(STDERR_FILENO, "holdfast: the server cannot be started: %s\n", strerror(errno));
    _exit(127);
}

/* 115200 8N1, raw: the console does its own editing. A screen's console ignores the speed. */
static void prepare_line(int fd)
{
    struct termios line;
    if (tcgetattr(fd, &line) != 0)
        return;
    cfmakeraw(&line);
    line.c_cflag = (line.c_cflag & ~(tcflag_t)(CSIZE | PARENB | CSTOPB | CRTSCTS)) | CS8 | CREAD | HUPCL;
    /* Without carrier detection: three wires are enough. A line that is cut is ended by its idle time. */
    line.c_cflag |= CLOCAL;
    cfsetispeed(&line, B115200);
    cfsetospeed(&line, B115200);
    tcsetattr(fd, TCSAFLUSH, &line);
}

static void exec_console(const struct console_line *console)
{
    char path[64];
    char *words[] = {"holdfast", "console", "--box", NULL};
    snprintf(path, sizeof path, "/dev/%s", console->device);
    fresh_signals();
    setsid();
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        _exit(errno == ENOENT || errno == ENODEV || errno == ENXIO ? 3 : 1);
    fcntl(fd, F_SETFL, O_RDWR);
    ioctl(fd, TIOCSCTTY, 1);
    prepare_line(fd);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    for (int i = 3; i < 256; i++)
        close(i);
    become(USER_CONSOLE, USER_CONSOLE);
    execv("/proc/self/exe", words);
    _exit(127);
}

static void note_start(struct box *box, struct child *child, pid_t pid)
{
    child->pid = pid > 0 ? pid : 0;
    child->started_ms = box->now.mono_ms;
    if (pid < 0)
        child->next_ms = box->now.mono_ms + LONGEST_WAIT_MS;
}

static void start_serve(struct box *box)
{
    box->health.answered_ms = 0;
    box->health.state[0] = 0;
    pid_t pid = fork();
    if (pid == 0)
        exec_serve(box);
    note_start(box, &box->serve, pid);
}

static void start_console(struct box *box, struct console_line *console)
{
    pid_t pid = fork();
    if (pid == 0)
        exec_console(console);
    note_start(box, &console->child, pid);
}

static bool is_due(const struct box *box, const struct child *child, uint64_t *deadline)
{
    if (child->pid != 0)
        return false;
    if (child->next_ms > box->now.mono_ms) {
        if (child->next_ms < *deadline)
            *deadline = child->next_ms;
        return false;
    }
    return true;
}

void supervise_turn(struct box *box, uint64_t *deadline)
{
    if (box->phase == PHASE_GOING)
        return;
    if (box->phase == PHASE_SERVING && is_due(box, &box->serve, deadline))
        start_serve(box);
    if (order_consoles_wait(box, deadline))
        return;
    for (size_t i = 0; i < CONSOLES_MAX && box->consoles[i].device[0] != 0; i++)
        if (is_due(box, &box->consoles[i].child, deadline))
            start_console(box, &box->consoles[i]);
}

/* 0.1, 0.2, 0.4 ... 30 s for one that ends soon after its start. */
static void plan_next(struct box *box, struct child *child, int status, bool worked)
{
    child->pid = 0;
    child->status = status;
    bool settled = worked && box->now.mono_ms - child->started_ms >= SETTLED_MS;
    child->failures = settled ? 0 : child->failures + 1;
    uint32_t shift = child->failures < 10 ? child->failures : 9;
    uint64_t wait = 50ull << shift;
    child->next_ms = box->now.mono_ms + (wait < LONGEST_WAIT_MS ? wait : LONGEST_WAIT_MS);
}

static void serve_ended(struct box *box, int status)
{
    char text[FAULT_TEXT];
    plan_next(box, &box->serve, status, box->health.answered_ms != 0);
    bool asked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (asked) {
        box->serve.failures = 0;
        box->serve.next_ms = box->now.mono_ms;
        return;
    }
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "the server was ended by signal %d and is started again",
                 WTERMSIG(status));
    else
        snprintf(text, sizeof text, "the server ended with code %d and is started again; see show log",
                 WEXITSTATUS(status));
    log_write(&box->log, LOG_ERROR, "init", "%s", text);
    if (box->serve.failures > 1)
        box_fault(box, FAULT_SERVE, text);
}

void supervise_ended(struct box *box, pid_t pid, int status)
{
    if (pid == box->serve.pid) {
        serve_ended(box, status);
        return;
    }
    for (size_t i = 0; i < CONSOLES_MAX; i++) {
        struct console_line *console = &box->consoles[i];
        if (console->child.pid != pid)
            continue;
        plan_next(box, &console->child, status, true);
        console->absent = WIFEXITED(status) && WEXITSTATUS(status) == 3;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            console->child.failures = 0, console->child.next_ms = box->now.mono_ms + 100;
        if (console->absent)
            console->child.next_ms = box->now.mono_ms + DEVICE_WAIT_MS;
    }
}

bool supervise_write_config(struct box *box)
{
    char text[CONFIG_BYTES + 1024], known[PATH_MAX_BYTES] = "";
    struct buf out = buf_over(text, sizeof text), addresses = buf_over(known, sizeof known);
    if (revision_read(box->revision, &out) != STATUS_OK)
        return false;
    buf_print(&out, "\nset state folder " STATE_FOLDER "\nset control socket " SERVE_SOCKET "\n");
    net_addresses(&box->net, &addresses);
    if (box->config.server_addresses[0] == 0 && known[0] != 0)
        buf_print(&out, "set server addresses %s\n", known);
    return !out.full && file_replace(RUN_CONFIG, buf_span(&out), 0644);
}

void supervise_stop_serve(struct box *box)
{
    if (box->serve.pid != 0)
        kill(box->serve.pid, SIGTERM);
}

/* The server first, so that its disk process has finished before the disk goes away. */
void supervise_stop_all(struct box *box)
{
    int status;
    supervise_stop_serve(box);
    for (int i = 0; i < STOP_TENTHS && box->serve.pid != 0; i++) {
        if (waitpid(box->serve.pid, &status, WNOHANG) == box->serve.pid)
            box->serve.pid = 0;
        else
            usleep(100000);
    }
    kill(-1, SIGTERM);
    usleep(300000);
    kill(-1, SIGKILL);
    while (waitpid(-1, &status, 0) > 0)
        ;
}
