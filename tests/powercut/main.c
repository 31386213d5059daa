/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "powercut.h"

#include <time.h>

#define KILLS 20
/* Complaints printed for one workload. */
#define SHOWN 5

static unsigned passed, failed;

static const char *const survival_names[SIM_VARIANTS] = {"nothing", "all",     "names",
                                                         "bytes",   "sectors", "stale"};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test(const struct workload *w)
{
    unsigned cuts = 0, restarts = 0, wrong = 0;
    double start = seconds();
    for (uint64_t seed = 1; seed <= w->seeds; seed++) {
        struct verdict whole = {.wrong = false};
        uint64_t events = w->run(seed, 0, SIM_ALL, &whole);
        if (whole.wrong) {
            printf("%s: without a cut: %s\n", w->name, whole.what);
            failed++;
            return;
        }
        for (uint64_t cut = 1; cut <= events; cut++) {
            cuts++;
            for (int s = 0; s < SIM_VARIANTS; s++) {
                struct verdict verdict = {.wrong = false};
                if (w->few && s > SIM_ALL && (uint64_t)s != SIM_NAMES + cut % (SIM_VARIANTS - SIM_NAMES))
                    continue;
                w->run(seed, cut, (enum sim_survival)s, &verdict);
                restarts++;
                if (!verdict.wrong)
                    continue;
                if (wrong++ < SHOWN)
                    printf("%s: seed %u, cut at event %u of %u, %s survives: %s\n", w->name, (unsigned)seed,
                           (unsigned)cut, (unsigned)events, survival_names[s], verdict.what);
            }
        }
    }
    printf("%s: %u cuts, %u restarts, %u wrong, %.1f s\n", w->name, cuts, restarts, wrong, seconds() - start);
    fflush(stdout);
    passed += restarts - wrong;
    failed += wrong;
}

int main(int argc, char **argv)
{
    const struct workload *const workloads[] = {&workload_log, &workload_replace, &workload_local,
                                                &workload_server_local, &workload_server_cloud};
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++)
        if (argc < 2 || strcmp(argv[1], workloads[i]->name) == 0)
            test(workloads[i]);
    if (argc < 2 || strcmp(argv[1], "kill") == 0) {
        unsigned wrong = kill_rounds(KILLS);
        printf("kill: %d rounds, %u wrong\n", KILLS, wrong);
        passed += KILLS - wrong;
        failed += wrong;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
