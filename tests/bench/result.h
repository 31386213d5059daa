/* SPDX-License-Identifier: Apache-2.0 */
/* What one measured window has yielded, and the one line of key=value that tells it to the driver. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdint.h>

#include "cpu.h"
#include "histogram.h"
#include "options.h"

struct result {
    uint64_t begun_ns;
    uint64_t ended_ns;
    uint64_t done;
    uint64_t failed;     /* answered, but not with Success or not about what was asked */
    uint64_t lost;       /* connections that ended before their time */
    uint64_t resumed;    /* of the handshakes done */
    uint32_t reason;     /* the last Result Reason seen */
    size_t answer_bytes; /* length of the last answer */
    struct cpu cpu;
    struct histogram latency;
    struct histogram step[2];
};

/* Sleeps. */
void settle(double seconds);

/* Clears, and takes time and the server's CPU time. */
void result_begin(struct result *r, const struct options *o);

/* Time and CPU time since result_begin(). Nothing may be under way any more. */
void result_end(struct result *r, const struct options *o);

void result_print(const struct result *r, const struct options *o);

#endif
