/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workload is run again and again; each time the power is cut at another event of the disk, and what
 * survives of unflushed data is chosen in several ways. Then everything acknowledged has to be there and
 * nothing may be invented.
 */
#ifndef HOLDFAST_TESTS_POWERCUT_H
#define HOLDFAST_TESTS_POWERCUT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/sim_disk.h"

/* What a workload says about one restart. */
struct verdict {
    bool wrong;
    char what[512];
};
#define COMPLAIN(verdict, ...)                                                                               \
    do {                                                                                                     \
        if (!(verdict)->wrong)                                                                               \
            snprintf((verdict)->what, sizeof(verdict)->what, __VA_ARGS__);                                   \
        (verdict)->wrong = true;                                                                             \
    } while (0)

struct workload {
    const char *name;
    unsigned seeds; /* the workload is run with so many different seeds */
    bool few;       /* three of the survivals at each event, in turns, since a run takes long */
    /*
     * Runs with the power cut at event `cut` (0: not at all), then with what survives, checks. Returns the
     * events that there were until the cut.
     */
    uint64_t (*run)(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *verdict);
};

extern const struct workload workload_log, workload_replace, workload_local, workload_server_local,
    workload_server_cloud;

/* Rounds with a real disk process in a real folder, killed at random moments. Returns how many were wrong. */
unsigned kill_rounds(unsigned rounds);

static inline uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 11;
}

#endif
