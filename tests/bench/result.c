/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "peer.h"

void settle(double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

void result_begin(struct result *r, const struct options *o)
{
    memset(r, 0, sizeof *r);
    settle(0.005); /* the server may still be busy with the last connection's end */
    r->cpu = cpu_read((pid_t)o->pid);
    r->begun_ns = now_ns();
}

void result_end(struct result *r, const struct options *o)
{
    r->ended_ns = now_ns();
    settle(o->linger); /* it may have more to do, such as writing what was created */
    r->cpu = cpu_since((pid_t)o->pid, r->cpu);
}

static double us(uint64_t ns)
{
    return (double)ns / 1000.0;
}

static double each_us(const struct result *r, uint64_t ns)
{
    return r->done > 0 ? us(ns) / (double)r->done : 0;
}

void result_print(const struct result *r, const struct options *o)
{
    double seconds = (double)(r->ended_ns - r->begun_ns) / 1e9;
    printf("mode=%s connections=%u seconds=%.3f", o->mode, o->connections, seconds);
    printf(" done=%" PRIu64 " failed=%" PRIu64 " lost=%" PRIu64, r->done, r->failed, r->lost);
    printf(" resumed=%" PRIu64 " reason=%" PRIu32, r->resumed, r->reason);
    printf(" rate=%.1f", seconds > 0 ? (double)r->done / seconds : 0);
    printf(" p50_us=%.1f p99_us=%.1f max_us=%.1f", us(histogram_at(&r->latency, 0.50)),
           us(histogram_at(&r->latency, 0.99)), us(r->latency.max_ns));
    printf(" cpu_each_us=%.3f child_each_us=%.3f", each_us(r, r->cpu.own_ns), each_us(r, r->cpu.children_ns));
    printf(" cpu_us=%.0f child_us=%.0f", us(r->cpu.own_ns), us(r->cpu.children_ns));
    printf(" step1_us=%.1f step2_us=%.1f", us(histogram_at(&r->step[0], 0.10)),
           us(histogram_at(&r->step[1], 0.10)));
    printf(" answer_bytes=%zu\n", r->answer_bytes);
    fflush(stdout);
}
