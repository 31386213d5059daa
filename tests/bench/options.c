/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: load MODE --port P --certificate PEM --key PEM [--option VALUE ...]\n"
                            "  get echo create locate-name locate-uid   requests on warm connections\n"
                            "  handshake resume                         a new connection each time\n"
                            "  storm                  handshakes on all connections, Gets on one more\n"
                            "  hold                   keep connections until standard input ends\n"
                            "  fill                   create objects, write their identifiers to --uids\n"
                            "  describe               add vCenter's six attributes to all of --uids\n"
                            "The options and their meaning stand in options.h.\n";

enum kind { TEXT, NUMBER, SECONDS };

/* most: the largest value; for seconds and numbers. */
static const struct row {
    const char *name;
    enum kind kind;
    unsigned most;
    size_t field;
} rows[] = {
    {"--certificate", TEXT, 0, offsetof(struct options, certificate)},
    {"--key", TEXT, 0, offsetof(struct options, key)},
    {"--ciphers", TEXT, 0, offsetof(struct options, ciphers)},
    {"--uids", TEXT, 0, offsetof(struct options, uids)},
    {"--seconds", SECONDS, 3600, offsetof(struct options, seconds)},
    {"--warmup", SECONDS, 3600, offsetof(struct options, warmup)},
    {"--pace", SECONDS, 3600, offsetof(struct options, pace)},
    {"--pause", SECONDS, 3600, offsetof(struct options, pause)},
    {"--linger", SECONDS, 3600, offsetof(struct options, linger)},
    {"--port", NUMBER, 65535, offsetof(struct options, port)},
    {"--pid", NUMBER, 1u << 22, offsetof(struct options, pid)},
    {"--connections", NUMBER, 4096, offsetof(struct options, connections)},
    {"--requests", NUMBER, 100000000, offsetof(struct options, requests)},
    {"--steered", NUMBER, 1, offsetof(struct options, steered)},
    {"--sequential", NUMBER, 1, offsetof(struct options, sequential)},
    {"--each", NUMBER, 1000, offsetof(struct options, each)},
    {"--first", NUMBER, 10000000, offsetof(struct options, first)},
    {"--count", NUMBER, 10000000, offsetof(struct options, count)},
    {"--batch", NUMBER, 32, offsetof(struct options, batch)},
    {"--name-every", NUMBER, 10000000, offsetof(struct options, name_every)},
};

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "load: %s is not usable\n%s", what, usage);
    exit(2);
}

static const struct row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    refuse(name);
}

static void set(struct options *o, const struct row *row, const char *value)
{
    void *field = (char *)o + row->field;
    char *end;
    double number = strtod(value, &end);
    bool usable = row->kind == TEXT || (*value != '\0' && *end == '\0' && number >= 0 && number <= row->most);
    if (!usable)
        refuse(row->name);
    if (row->kind == TEXT)
        *(const char **)field = value;
    else if (row->kind == SECONDS)
        *(double *)field = number;
    else
        *(unsigned *)field = (unsigned)number;
}

void options_read(struct options *o, int argc, char **argv)
{
    *o = (struct options){
        .ciphers = "ECDHE-RSA-AES128-GCM-SHA256",
        .connections = 1,
        .seconds = 1.0,
        .warmup = 0.1,
        .batch = 1,
        .pace = 0.001,
        .linger = 0.005,
    };
    if (argc < 2)
        refuse("no mode");
    o->mode = argv[1];
    for (int i = 2; i < argc; i += 2)
        set(o, row_of(argv[i]), i + 1 < argc ? argv[i + 1] : "");
    if (o->port == 0 || o->certificate == NULL || o->key == NULL)
        refuse("a load without --port, --certificate and --key");
    if (o->connections == 0 || o->batch == 0)
        refuse("a load of nothing");
}
