/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full handshakes on all connections, as after a power cut, while one established connection does warm Gets.
 * Its latency is the figure. The handshakes run in a child process and the Gets before it in the scheduler's
 * queue: in one process every Get would also wait for our own private-key work, which the server has nothing
 * to do with.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"
#include "modes.h"
#include "names.h"
#include "result.h"

/* Time for the storm to reach its full strength, and left over at its end. */
#define RISE_NS 500000000u

/* An address that none of the storm's peers has. */
#define PROBE_SOURCE 10000
#define ANSWER_NS    (30 * 1000000000ull)

struct probe {
    struct names names;
    bool connected;
    bool answered;
    bool lost;
    struct result *result;
};

static void rule(void *context, struct crowd *c, struct peer *p, enum peer_event event)
{
    struct probe *probe = context;
    struct answer a;
    (void)c;
    if (event == PEER_CONNECTED)
        probe->connected = true;
    if (event == PEER_LOST)
        probe->lost = true;
    if (event != PEER_ANSWERED)
        return;
    probe->answered = true;
    if (answer_read(&a, p->answer, p->answer_bytes) && a.failed > 0) {
        probe->result->failed++;
        probe->result->reason = a.reason;
    }
}

static bool get_once(struct probe *probe, struct crowd *c, unsigned i)
{
    struct peer *p = &c->peer[0];
    uint64_t until = now_ns() + ANSWER_NS;
    probe->answered = false;
    p->request_bytes = request_get(p->request, probe->names.uid[i % probe->names.count]);
    crowd_ask(c, p);
    while (!probe->answered && !probe->lost && now_ns() < until)
        crowd_turn(c, until);
    return probe->answered;
}

static void go_first(void)
{
    struct sched_param first = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &first) != 0)
        fprintf(stderr, "load: no real-time priority; the storm's latencies include our own scheduling\n");
}

/* The child: prints nothing, so that there is one result line; what it did goes through the pipe. */
static _Noreturn void storm(const struct options *o, int pipe_end)
{
    struct options handshakes = *o;
    handshakes.mode = "handshake";
    handshakes.warmup = 0;
    handshakes.each = 0;
    if (dup2(pipe_end, STDOUT_FILENO) < 0)
        _exit(2);
    setpriority(PRIO_PROCESS, 0, 10);
    int status = handshakes_run(&handshakes);
    fflush(stdout);
    _exit(status);
}

static void probe_for(struct probe *probe, struct crowd *c, const struct options *o, uint64_t until)
{
    struct timespec pause = {.tv_sec = (time_t)o->pace,
                             .tv_nsec = (long)((o->pace - (double)(time_t)o->pace) * 1e9)};
    for (unsigned i = 0; now_ns() < until; i++) {
        uint64_t begun = now_ns();
        if (!get_once(probe, c, i))
            return;
        probe->result->done++;
        histogram_add(&probe->result->latency, now_ns() - begun);
        nanosleep(&pause, NULL);
    }
}

static void relay_storm(int pipe_end)
{
    char line[1024];
    ssize_t n = read(pipe_end, line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    unsigned long long done = 0, lost = 0;
    double rate = 0;
    sscanf(
        line,
        "mode=%*s connections=%*u seconds=%*f done=%llu failed=%*u lost=%llu resumed=%*u reason=%*u rate=%lf",
        &done, &lost, &rate);
    printf("handshakes=%llu refused=%llu handshake_rate=%.1f ", done, lost, rate);
}

static int probe_through_storm(struct probe *probe, struct crowd *c, const struct options *o)
{
    int ends[2];
    if (pipe(ends) != 0)
        return 2;
    uint64_t begun = now_ns();
    pid_t child = fork();
    if (child == 0)
        storm(o, ends[1]);
    close(ends[1]);
    go_first();
    while (now_ns() < begun + RISE_NS)
        crowd_turn(c, begun + RISE_NS);
    result_begin(probe->result, o);
    probe_for(probe, c, o, begun + (uint64_t)(o->seconds * 1e9));
    result_end(probe->result, o);
    if (probe->lost)
        probe->result->lost++;
    if (child < 0 || waitpid(child, NULL, 0) != child)
        return 2;
    relay_storm(ends[0]);
    result_print(probe->result, o);
    return probe->lost ? 1 : 0;
}

int storm_run(const struct options *o)
{
    static struct result result;
    struct probe probe = {.result = &result};
    struct crowd c;
    uint64_t until = now_ns() + ANSWER_NS;
    names_read(&probe.names, o->uids);
    crowd_make(&c, o, 1, rule, &probe);
    c.peer[0].source = PROBE_SOURCE;
    crowd_open(&c, &c.peer[0]);
    while (!probe.connected && !probe.lost && now_ns() < until)
        crowd_turn(&c, until);
    bool warm = probe.connected && get_once(&probe, &c, 0);
    int status = warm ? probe_through_storm(&probe, &c, o) : 1;
    crowd_end(&c);
    names_free(&probe.names);
    return status;
}
