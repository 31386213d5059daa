/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the role. The one struct that holds the server lives here and is handed down. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "console/console.h"
#include "console/probe.h"
#include "init/init.h"
#include "server/identity_names.h"
#include "server/keymanager.h"
#include "server/serve.h"
#include "server/status.h"

/* Exit codes, everywhere: */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
    "usage: holdfast <command>\n"
    "\n"
    "  serve --config FILE [--state-key-fd N]\n"
    "                             runs the key server until it is told to stop; with the open file N,\n"
    "                             32 bytes, as the key that seals the secrets in its state folder\n"
    "  check --config FILE        checks a configuration, prints settings and the memory plan\n"
    "  check --table              prints the table of all settings in Markdown\n"
    "  console [--socket PATH] [COMMAND ...]\n"
    "                             speaks to a running server; without a command it asks for them\n"
    "  probe HOST:PORT --cert FILE --key FILE [--server-sha256 HEX]\n"
    "                             does what vCenter does for one key, and times each step\n"
    "  version                    prints the version\n"
    "\n"
    "exit codes: 0 good, 1 failed, 2 wrong usage, 3 stopped by trouble with the disk\n";

static int usage(const char *what)
{
    if (what != NULL)
        fprintf(stderr, "holdfast: %s\n\n", what);
    fputs(usage_text, what == NULL ? stdout : stderr);
    return what == NULL ? EXIT_GOOD : EXIT_USAGE;
}

static void print(const struct buf *out)
{
    fwrite(out->ptr, 1, out->len, stdout);
}

static int run_check(struct server *server)
{
    static const char note[] = "# good\n";
    char text[CONTROL_OUT], why[400];
    struct buf out = buf_over(text, sizeof text);
    struct identity_names names;
    if (!identity_names_begin(&names, &server->config, why, sizeof why) ||
        !keymanager_check(server, why, sizeof why)) {
        fprintf(stderr, "holdfast: %s\n", why);
        return EXIT_FAILED;
    }
    serve_plan(server);
    buf_add_text(&out, note);
    status_write_config(&server->config, &out);
    buf_add_text(&out, "\n");
    status_write_memory(&server->region, false, server->config.memory_lock == 0, &out);
    print(&out);
    return EXIT_GOOD;
}

/* "--state-key-fd N" */
static bool read_state_key_fd(int argc, char **argv, int *fd)
{
    uint64_t number;
    if (argc != 2 || strcmp(argv[0], "--state-key-fd") != 0 ||
        number_read(span_of_text(argv[1]), 65535, &number) != STATUS_OK || number <= STDERR_FILENO)
        return false;
    *fd = (int)number;
    return true;
}

/* serve and check both begin with the configuration. */
static int run_with_config(int argc, char **argv, bool serve)
{
    static struct server server;
    char why[700];
    if (argc == 3 && strcmp(argv[2], "--table") == 0 && !serve) {
        char text[CONTROL_OUT];
        struct buf out = buf_over(text, sizeof text);
        config_write_table(&out);
        print(&out);
        return EXIT_GOOD;
    }
    if (argc < 4 || strcmp(argv[2], "--config") != 0 || (argc != 4 && !serve))
        return usage(serve ? "serve needs --config FILE" : "check needs --config FILE");
    if (argc != 4 && !read_state_key_fd(argc - 4, argv + 4, &server.state_key_fd))
        return usage("--state-key-fd needs the number of an open file, from 3 on");
    if (!serve_read_config(&server, argv[3], why, sizeof why)) {
        fprintf(stderr, "holdfast: %s\n", why);
        return EXIT_FAILED;
    }
    return serve ? serve_run(&server, NULL) : run_check(&server);
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return argc == 2 && strcmp(argv[1], "help") == 0;
}

/* The kernel's first process: see src/init/PROTOCOL.md. Its struct is not a part of the program, which the
 * server locks in memory. */
static _Noreturn void run_init(void)
{
    struct box *box = mmap(NULL, sizeof *box, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (box == MAP_FAILED)
        _exit(EXIT_FAILED); /* the kernel restarts the machine */
    init_run(box);
}

int main(int argc, char **argv)
{
    /* In a container somebody else's command may be process 1. */
    if (getpid() == 1 && argc >= 1 && strcmp(argv[0], "/init") == 0)
        run_init();
    if (argc < 2)
        return usage("no command");
    if (wants_help(argc, argv))
        return usage(NULL);
    if (strcmp(argv[1], "serve") == 0)
        return run_with_config(argc, argv, true);
    if (strcmp(argv[1], "check") == 0)
        return run_with_config(argc, argv, false);
    if (strcmp(argv[1], "console") == 0)
        return console_main(argc - 2, argv + 2);
    if (strcmp(argv[1], "probe") == 0)
        return probe_main(argc - 2, argv + 2);
    if (strcmp(argv[1], "version") == 0) {
        puts("holdfast " SERVER_VERSION ", KMIP 1.0 to 1.4, TLS 1.2");
        return EXIT_GOOD;
    }
    return usage("no such command");
}
