/* SPDX-License-Identifier: Apache-2.0 */
/* The server on a disk whose every flush takes a while: FLUSH_MS in the environment, 200 without it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/serve.h"

static struct disk_ops fast;
static long flush_ms = 200;

/* serve_run opens the folder later; its number is in this struct by then. */
static struct server server;

static void wait_a_while(void)
{
    struct timespec left = {.tv_sec = flush_ms / 1000, .tv_nsec = flush_ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static int slow_flush(void *self, int file)
{
    wait_a_while();
    return fast.flush(self, file);
}

int main(int argc, char **argv)
{
    char why[700];
    const char *wanted = getenv("FLUSH_MS");
    if (argc != 4 || strcmp(argv[1], "serve") != 0 || strcmp(argv[2], "--config") != 0)
        return 2;
    if (wanted != NULL)
        flush_ms = strtol(wanted, NULL, 10);
    if (!serve_read_config(&server, argv[3], why, sizeof why)) {
        fprintf(stderr, "slow disk: %s\n", why);
        return 1;
    }
    fast = disk_ops_posix(&server.folder_fd);
    struct disk_ops slow = fast;
    slow.flush = slow_flush;
    return serve_run(&server, &slow);
}
