/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "support/openssl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static void stop(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", what, which);
    exit(99);
}

int openssl_begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/holdfast-openssl-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

int openssl_end(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

const char *openssl(const char *arguments)
{
    static char printed[20000];
    char command[1000];
    snprintf(command, sizeof command, "cd %s && openssl %s 2>&1", folder, arguments);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        stop("cannot run", command);
    size_t n = fread(printed, 1, sizeof printed - 1, pipe);
    printed[n] = 0;
    if (pclose(pipe) != 0)
        stop(command, printed);
    return printed;
}

static FILE *open_in_folder(const char *name, const char *mode)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (file == NULL)
        stop("cannot open", path);
    return file;
}

void openssl_put(const char *name, struct span bytes)
{
    FILE *file = open_in_folder(name, "w");
    if (fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        stop("cannot write", name);
}

size_t openssl_get(const char *name, void *out, size_t cap)
{
    FILE *file = open_in_folder(name, "r");
    size_t n = fread(out, 1, cap, file);
    fclose(file);
    if (n == cap)
        stop("no room for", name);
    return n;
}
