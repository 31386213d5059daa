/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that takes time or touches secrets is done by a job: a process forked for one command, with the box as
 * it was at that moment. It writes lines to the connection that asked and says at its end whether it is good;
 * process 1 only waits for that.
 */
#ifndef HOLDFAST_INIT_JOB_H
#define HOLDFAST_INIT_JOB_H

#include "init/box.h"

struct job_call {
    const struct span *words;
    size_t count;
    struct span body;
    int out; /* lines for whoever asked */
};

/* In the job's own process. False with a text in why, which becomes the ERR line. */
typedef bool job_run(struct box *box, const struct job_call *call, char *why, size_t cap);

/* The box's own jobs, in the place of a connection: one of each at a time. */
enum { OWN_UNLOCK = -1, OWN_SLOTS = -2, OWN_SEED = -3, OWN_GROW = -4 };

/*
 * Starts one for connection `conn` (its socket is `out`), or for the box itself (-1; lines go to the log). It
 * is killed after `seconds`. `done` may be NULL; it runs in process 1 before OK or ERR is sent. False when
 * the system has no process for it, or the box's own job is still under way.
 */
MUST_USE bool job_start(struct box *box, int conn, job_run *run, const struct job_call *call,
                        unsigned seconds, void (*done)(struct box *box, bool good));

/* A child has ended: true when it was a job, which is then finished. */
bool job_ended(struct box *box, pid_t pid, int status);

/* Kills jobs that are overdue. */
void job_turn(struct box *box);
/* Kills the job of a connection that has gone. */
void job_abandon(struct box *box, int conn);
bool job_is_running(const struct box *box, int conn);

/* The value of the body's first line "@key value"; empty when there is none. */
struct span job_secret(struct span body, const char *key);
/* The same decoded from base64 into out; *len 0 when there is none. False when it is not base64 or longer
 * than cap. */
MUST_USE bool job_secret_bytes(struct span body, const char *key, uint8_t *out, size_t cap, size_t *len);
/* Steps through the body's lines that do not begin with '@'. */
bool job_next_line(struct span *body, struct span *line);

/* Runs another role of this binary as user serve and waits; its standard error goes to `out`. The exit
 * status. */
int job_execute(char *const *words, int out, int extra_fd);

#endif
