/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/span.h"
#include "console/answer.h"

/* One line of `show keys` (server/inventory.h): nine fields apart by tabs. */
#define FIELDS 9
#define TYPE   24
#define NAME   80

struct row {
    char uid[40];
    char type[TYPE], state[TYPE], component[TYPE];
    char name[NAME], identifier[NAME];
    unsigned generation;
    long long made, served;
    char mark; /* O: nobody has claimed it; R: an older key of the same; ' ' */
};

struct rows {
    struct row *row;
    size_t count, room;
};

/* Where the lines go. */
struct sink {
    void (*put)(void *to, const char *line);
    void *to;
};

static void put(const struct sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(const struct sink *sink, const char *format, ...)
{
    char line[200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    sink->put(sink->to, line);
}

static void copy(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text);
}

static void take_line(void *to, char *line)
{
    struct rows *rows = to;
    char *field[FIELDS];
    size_t n = 0;
    for (char *at = line; at != NULL && n < FIELDS; n++) {
        field[n] = at;
        at = strchr(at, '\t');
        if (at != NULL)
            *at++ = 0;
    }
    if (n < FIELDS || rows->count == rows->room)
        return; /* made since they were counted */
    struct row *r = &rows->row[rows->count++];
    *r = (struct row){.generation = (unsigned)strtoul(field[3], NULL, 10),
                      .made = strtoll(field[4], NULL, 10),
                      .served = strtoll(field[5], NULL, 10),
                      .mark = ' '};
    copy(r->uid, sizeof r->uid, field[0]);
    copy(r->type, sizeof r->type, field[1]);
    copy(r->state, sizeof r->state, field[2]);
    copy(r->component, sizeof r->component, field[6]);
    copy(r->name, sizeof r->name, field[7]);
    copy(r->identifier, sizeof r->identifier, field[8]);
}

static bool is_destroyed(const struct row *r)
{
    return strncmp(r->state, "Destroyed", 9) == 0;
}

static int by_identifier(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->identifier, y->identifier);
    return order != 0 ? order : x->made < y->made ? -1 : x->made > y->made;
}

static int by_name(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->component, y->component);
    if (order == 0)
        order = strcasecmp(x->name, y->name);
    return order != 0 ? order : x->made < y->made ? 1 : x->made > y->made ? -1 : strcmp(x->uid, y->uid);
}

/* Of several living keys of one VM or host the newest is in use; vCenter leaves the older ones behind. */
static void mark_rows(struct rows *rows)
{
    qsort(rows->row, rows->count, sizeof *rows->row, by_identifier);
    const struct row *newest = NULL;
    for (size_t i = rows->count; i-- > 0;) {
        struct row *r = &rows->row[i];
        if (is_destroyed(r))
            continue;
        if (r->identifier[0] == 0)
            r->mark = strcmp(r->state, "Pre-Active") == 0 ? 'O' : ' ';
        else if (newest != NULL && strcmp(newest->identifier, r->identifier) == 0)
            r->mark = r->made < newest->made ? 'R' : ' ';
        else
            newest = r;
    }
    qsort(rows->row, rows->count, sizeof *rows->row, by_name);
}

/* At most four characters: 12s, 5m, 7h, 90d, 3y; - for never. */
static const char *age(long long now, long long then, char out[24])
{
    long long s = now > then ? now - then : 0;
    if (then == 0)
        return "-";
    if (s < 60)
        snprintf(out, 24, "%llds", s);
    else if (s < 3600)
        snprintf(out, 24, "%lldm", s / 60);
    else if (s < 86400)
        snprintf(out, 24, "%lldh", s / 3600);
    else if (s < 999 * 86400LL)
        snprintf(out, 24, "%lldd", s / 86400);
    else
        snprintf(out, 24, "%lldy", s / (365 * 86400LL));
    return out;
}

/* At most four characters: 9999, 10k, 4M. */
static const char *generation(unsigned n, char out[24])
{
    unsigned unit = n < 10000 ? 1 : n < 1000000 ? 1000 : 1000000;
    snprintf(out, 24, "%u%s", n / unit % 10000, unit == 1 ? "" : unit == 1000 ? "k" : "M");
    return out;
}

static bool is_shown(const struct row *r, const char *filter)
{
    if (filter == NULL)
        return true;
    if (strcmp(filter, "orphans") == 0)
        return r->mark == 'O';
    if (strcmp(filter, "replaced") == 0)
        return r->mark == 'R';
    return strcasestr(r->name, filter) != NULL || strcasestr(r->uid, filter) != NULL;
}

static void print_rows(const struct rows *rows, const char *filter, const struct sink *sink)
{
    size_t vms = 0, orphans = 0, replaced = 0, destroyed = 0;
    long long now = time(NULL);
    char made[24], served[24], gen[24];
    put(sink, "%-18s %-7s %4s %4s %4s %-36s", "VM or host", "State", "age", "used", "gen",
        "Unique Identifier");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *r = &rows->row[i];
        const char *name = r->name[0] != 0 ? r->name : r->mark == 'O' ? "(not claimed)" : r->type;
        vms += strcmp(r->component, "Virtual Machine") == 0 && r->mark != 'R' && !is_destroyed(r);
        orphans += r->mark == 'O';
        replaced += r->mark == 'R';
        destroyed += is_destroyed(r);
        if (is_shown(r, filter))
            put(sink, "%-18.18s %-7.7s %4s %4s %4s %s %c", name, r->state, age(now, r->made, made),
                age(now, r->served, served), generation(r->generation, gen), r->uid, r->mark);
    }
    put(sink, "%zu objects: %zu keys of VMs in use, %zu older keys of the same (R),", rows->count, vms,
        replaced);
    put(sink, "%zu that nobody has claimed (O), %zu destroyed", orphans, destroyed);
}

static void take_count(void *to, char *line)
{
    *(size_t *)to = strtoul(line, NULL, 10);
}

int keys_show_to(int fd, const char *filter, void (*take)(void *to, const char *line), void *to)
{
    struct sink sink = {take, to};
    struct rows rows = {.room = 0};
    static const char count[] = "show keys count\n", all[] = "show keys\n";
    if (answer_ask(fd, count, sizeof count - 1, take_count, &rows.room) != 0)
        return 1;
    rows.room += 64;
    size_t size = rows.room * sizeof *rows.row;
    rows.row = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (rows.row == MAP_FAILED) {
        fprintf(stderr, "holdfast: no memory for %zu keys\n", rows.room);
        return 1;
    }
    int result = answer_ask(fd, all, sizeof all - 1, take_line, &rows);
    if (result == 0) {
        mark_rows(&rows);
        print_rows(&rows, filter, &sink);
    }
    munmap(rows.row, size);
    return result;
}

static void put_out(void *to, const char *line)
{
    (void)to;
    puts(line);
}

int keys_show(int fd, const char *filter)
{
    return keys_show_to(fd, filter, put_out, NULL);
}
