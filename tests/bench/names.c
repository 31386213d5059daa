/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void give_up(const char *path)
{
    fprintf(stderr, "load: no identifiers in %s\n", path);
    exit(2);
}

static void grow(struct names *n, const char *path)
{
    /* Powers of two: the count alone tells when the room is used up. */
    if ((n->count & (n->count - 1)) != 0)
        return;
    size_t room = n->count == 0 ? 1 : (size_t)n->count * 2;
    void *larger = realloc(n->uid, room * sizeof *n->uid);
    if (larger == NULL)
        give_up(path);
    n->uid = larger;
}

static void add(struct names *n, const char *uid, const char *path)
{
    grow(n, path);
    snprintf(n->uid[n->count], REQUEST_UID_MAX, "%s", uid);
    n->count++;
}

void names_read(struct names *n, const char *path)
{
    *n = (struct names){0};
    if (path == NULL) {
        add(n, "00000000-0000-4000-8000-000000000000", "memory");
        return;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL)
        give_up(path);
    char line[REQUEST_UID_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0')
            add(n, line, path);
    }
    fclose(file);
    if (n->count == 0)
        give_up(path);
}

void names_free(struct names *n)
{
    free(n->uid);
    *n = (struct names){0};
}
