/* SPDX-License-Identifier: Apache-2.0 */
#include "console/console.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/plain.h"
#include "console/session.h"

#define DEFAULT_SOCKET "control.sock"
#define BOX_SERVE      "/run/serve/control.sock"
#define BOX_INIT       "/run/init/control.sock"

struct options {
    const char *serve, *init;
    bool box;
};

/* Takes the options off the words; false with a message. */
static bool read_options(int *argc, char ***argv, struct options *out)
{
    while (*argc >= 1 && (*argv)[0][0] == '-') {
        const char *option = (*argv)[0];
        bool is_box = strcmp(option, "--box") == 0;
        if (!is_box && strcmp(option, "--socket") != 0 && strcmp(option, "--init") != 0)
            return true;
        if (!is_box && *argc < 2) {
            fprintf(stderr, "holdfast: %s needs a path\n", option);
            return false;
        }
        if (is_box)
            out->box = true;
        else
            *(strcmp(option, "--socket") == 0 ? &out->serve : &out->init) = (*argv)[1];
        *argc -= is_box ? 1 : 2;
        *argv += is_box ? 1 : 2;
    }
    return true;
}

/* A session holds half a MiB, most of it for what is pasted and typed ahead. */
static int run_session(const struct options *o)
{
    struct session session;
    signal(SIGPIPE, SIG_IGN);
    session_run(&session, o->serve, o->box ? o->init : NULL, STDIN_FILENO, STDOUT_FILENO);
    return 0;
}

int console_main(int argc, char **argv)
{
    struct options o = {.serve = NULL};
    if (!read_options(&argc, &argv, &o))
        return 2;
    if (o.serve == NULL)
        o.serve = o.box ? BOX_SERVE : DEFAULT_SOCKET;
    if (o.init == NULL)
        o.init = BOX_INIT;
    if (argc > 8) {
        fprintf(stderr, "holdfast: too many words\n");
        return 2;
    }
    if (o.box || (argc == 0 && isatty(STDIN_FILENO) == 1 && access(o.serve, F_OK) == 0))
        return run_session(&o);
    return plain_main(o.serve, argc, argv);
}
