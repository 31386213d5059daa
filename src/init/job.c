/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "init/control.h"
#include "init/supervise.h"

/* The box's own jobs have the places behind those of the connections. */
static size_t place_of(int conn)
{
    return conn >= 0 ? (size_t)conn : (size_t)(INIT_CONNS - conn - 1);
}

/* Everything that process 1 has open stays there, but for the output, the log and the state key. */
static void close_others(const struct box *box, int out)
{
    for (int fd = 3; fd < 256; fd++)
        if (fd != out && fd != box->key_fd && fd != box->log_pipe[1])
            close(fd);
}

static void run_in_child(struct box *box, job_run *run, const struct job_call *call, bool own, char *why)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    close_others(box, call->out);
    bool good = run(box, call, why, JOB_WHY);
    if (!good && own)
        log_write(&box->log, LOG_WARNING, "init", "%s", why);
    _exit(good ? 0 : 1);
}

bool job_start(struct box *box, int conn, job_run *run, const struct job_call *call, unsigned seconds,
               void (*done)(struct box *box, bool good))
{
    struct job *job = &box->jobs[place_of(conn)];
    if (job->pid != 0)
        return false;
    struct job_call own = *call;
    if (conn < 0)
        own.out = box->log_pipe[1];
    else if (fcntl(own.out, F_SETFL, 0) !=
             0) /* the job writes at leisure; a console that stalls stalls itself */
        return false;
    char *why = mmap(NULL, JOB_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (why == MAP_FAILED)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        run_in_child(box, run, &own, conn < 0, why);
    if (pid < 0) {
        munmap(why, JOB_WHY);
        return false;
    }
    *job = (struct job){.pid = pid,
                        .conn = conn,
                        .deadline_ms = box->now.mono_ms + 1000ull * seconds,
                        .done = done,
                        .why = why};
    return true;
}

/* NULL when it was good. What the job left is text for a console, whatever the job was. */
static const char *error_of(const struct job *job, int status)
{
    bool by_itself = WIFEXITED(status);
    if (by_itself && WEXITSTATUS(status) == 0)
        return NULL;
    if (!by_itself)
        return "it took too long and was stopped; see show log";
    job->why[JOB_WHY - 1] = 0;
    return job->why[0] != 0 ? job->why : "it did not work";
}

bool job_ended(struct box *box, pid_t pid, int status)
{
    for (size_t i = 0; i < COUNT_OF(box->jobs); i++) {
        struct job *job = &box->jobs[i];
        if (job->pid != pid)
            continue;
        struct job ended = *job;
        const char *error = error_of(&ended, status);
        job->pid = 0;
        if (ended.done != NULL)
            ended.done(box, error == NULL);
        if (ended.conn >= 0)
            init_control_job_ended(box, ended.conn, error);
        munmap(ended.why, JOB_WHY);
        return true;
    }
    return false;
}

void job_turn(struct box *box)
{
    for (size_t i = 0; i < COUNT_OF(box->jobs); i++)
        if (box->jobs[i].pid != 0 && box->now.mono_ms >= box->jobs[i].deadline_ms)
            kill(-box->jobs[i].pid, SIGKILL);
}

void job_abandon(struct box *box, int conn)
{
    struct job *job = &box->jobs[place_of(conn)];
    if (job->pid == 0)
        return;
    job->conn = -1;
    kill(-job->pid, SIGTERM);
}

bool job_is_running(const struct box *box, int conn)
{
    return box->jobs[place_of(conn)].pid != 0;
}

struct span job_secret(struct span body, const char *key)
{
    struct span line;
    size_t len = strlen(key);
    while (line_next(&body, &line))
        if (line.len > len + 1 && line.ptr[0] == '@' && memcmp(line.ptr + 1, key, len) == 0 &&
            line.ptr[len + 1] == ' ')
            return span_of(line.ptr + len + 2, line.len - len - 2);
    return span_of(NULL, 0);
}

bool job_secret_bytes(struct span body, const char *key, uint8_t *out, size_t cap, size_t *len)
{
    struct span text = job_secret(body, key);
    *len = 0;
    return text.len == 0 || base64_read(text, out, cap, len) == STATUS_OK;
}

bool job_next_line(struct span *body, struct span *line)
{
    while (line_next(body, line))
        if (line->len == 0 || line->ptr[0] != '@')
            return true;
    return false;
}

int job_execute(char *const *words, int out, int extra_fd)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        supervise_become_serve(extra_fd);
        execv("/proc/self/exe", words);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
