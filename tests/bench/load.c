/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: one process, one thread, one core. What it found is one line of key=value on standard
 * output. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "modes.h"
#include "options.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *mode;
        int (*run)(const struct options *o);
    } modes[] = {
        {"get", exchange_run},        {"echo", exchange_run},
        {"create", exchange_run},     {"locate-name", exchange_run},
        {"locate-uid", exchange_run}, {"fill", exchange_run},
        {"describe", exchange_run},   {"handshake", handshakes_run},
        {"resume", handshakes_run},   {"storm", storm_run},
        {"hold", hold_run},
    };
    struct options o;
    options_read(&o, argc, argv);
    /* A server that has closed is an error of the write, not our end. */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(o.mode, modes[i].mode) == 0)
            return modes[i].run(&o);
    fprintf(stderr, "load: unknown mode %s\n", o.mode);
    return 2;
}
