/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of a server under test, in nanoseconds: all its threads, those that ended included, and separately
 * its child processes (our server's disk writer, PyKMIP's policy process).
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>
#include <sys/types.h>

struct cpu {
    uint64_t own_ns;
    uint64_t children_ns;
};

/* Both zero for pid 0. A process that is gone counts as zero. */
struct cpu cpu_read(pid_t pid);

struct cpu cpu_since(pid_t pid, struct cpu before);

#endif
