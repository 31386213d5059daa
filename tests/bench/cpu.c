/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "cpu.h"

#include <stdio.h>
#include <time.h>

/* The CPU clock of a process has nanoseconds and keeps the time of threads that ended; /proc has one or the
 * other. */
static uint64_t process_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t children_ns(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *list = fopen(path, "re");
    if (list == NULL)
        return 0;
    uint64_t sum = 0;
    int child;
    while (fscanf(list, "%d", &child) == 1)
        sum += process_ns((pid_t)child);
    fclose(list);
    return sum;
}

struct cpu cpu_read(pid_t pid)
{
    if (pid == 0)
        return (struct cpu){0, 0};
    return (struct cpu){process_ns(pid), children_ns(pid)};
}

struct cpu cpu_since(pid_t pid, struct cpu before)
{
    struct cpu now = cpu_read(pid);
    return (struct cpu){now.own_ns - before.own_ns, now.children_ns - before.children_ns};
}
