/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sim_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR  512
#define FILES   64
#define HANDLES 64
#define CHANGES 512
#define NAME    48

struct sim_file {
    bool used;
    uint8_t *now;
    uint8_t *flushed;
    size_t len, flushed_len, cap;
    size_t dirty_from, dirty_to;
};

struct sim_name {
    char name[NAME]; /* empty: free */
    int file;
};

/* A change of names that the folder was not flushed for. */
struct sim_change {
    char from[NAME]; /* empty: `to` is made */
    char to[NAME];   /* empty: `from` is removed */
    int file;
};

struct sim_disk {
    struct sim_file files[FILES];
    struct sim_name names[FILES];
    struct sim_name flushed_names[FILES];
    struct sim_change changes[CHANGES];
    size_t change_count;
    int handles[HANDLES]; /* file, or -1 */
    uint64_t events, cut_at;
    bool dead;
    unsigned fail_calls, fail_after, fail_times;
    int fail_error;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

struct sim_disk *sim_disk_new(void)
{
    struct sim_disk *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    for (int i = 0; i < HANDLES; i++)
        s->handles[i] = -1;
    return s;
}

static void free_file(struct sim_file *f)
{
    free(f->now);
    free(f->flushed);
    *f = (struct sim_file){.used = false};
}

void sim_disk_free(struct sim_disk *s)
{
    for (int i = 0; i < FILES; i++)
        free_file(&s->files[i]);
    free(s);
}

void sim_disk_cut_at(struct sim_disk *s, uint64_t event)
{
    s->cut_at = event;
}

uint64_t sim_disk_events(const struct sim_disk *s)
{
    return s->events;
}

bool sim_disk_is_dead(const struct sim_disk *s)
{
    return s->dead;
}

void sim_disk_fail(struct sim_disk *s, unsigned calls, int error, unsigned after, unsigned times)
{
    s->fail_calls = calls;
    s->fail_error = error;
    s->fail_after = after;
    s->fail_times = times;
}

static int injected(struct sim_disk *s, unsigned call)
{
    if (s->dead)
        return -EIO;
    if ((s->fail_calls & call) == 0)
        return 0;
    if (s->fail_after != 0) {
        s->fail_after--;
        return 0;
    }
    int error = s->fail_error;
    if (s->fail_times != 0 && --s->fail_times == 0)
        s->fail_calls = 0;
    return -error;
}

/* Counts an event that has just been done without being flushed. 0, or -EIO when the power went. */
static int event(struct sim_disk *s)
{
    if (++s->events != s->cut_at)
        return 0;
    s->dead = true;
    return -EIO;
}

static struct sim_name *find_name(struct sim_name *names, const char *name)
{
    for (int i = 0; i < FILES; i++)
        if (names[i].name[0] != 0 && strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

static void set_name(struct sim_name *names, const char *name, int file)
{
    struct sim_name *n = find_name(names, name);
    for (int i = 0; n == NULL && i < FILES; i++)
        if (names[i].name[0] == 0)
            n = &names[i];
    if (n == NULL)
        abort();
    snprintf(n->name, sizeof n->name, "%s", name);
    n->file = file;
}

static void drop_name(struct sim_name *names, const char *name)
{
    struct sim_name *n = find_name(names, name);
    if (n != NULL)
        n->name[0] = 0;
}

static void apply_change(struct sim_name *names, const struct sim_change *c)
{
    if (c->from[0] != 0)
        drop_name(names, c->from);
    if (c->to[0] != 0)
        set_name(names, c->to, c->file);
}

static void change_names(struct sim_disk *s, const char *from, const char *to, int file)
{
    if (s->change_count == CHANGES)
        abort();
    struct sim_change *c = &s->changes[s->change_count++];
    *c = (struct sim_change){.file = file};
    snprintf(c->from, sizeof c->from, "%s", from);
    snprintf(c->to, sizeof c->to, "%s", to);
    apply_change(s->names, c);
}

/* Frees the files that no name and no open file leads to any more. */
static void collect(struct sim_disk *s)
{
    for (int i = 0; i < FILES; i++) {
        bool reached = false;
        for (int k = 0; k < FILES; k++)
            reached = reached || (s->names[k].name[0] != 0 && s->names[k].file == i) ||
                      (s->flushed_names[k].name[0] != 0 && s->flushed_names[k].file == i);
        for (int k = 0; k < HANDLES; k++)
            reached = reached || s->handles[k] == i;
        for (size_t k = 0; k < s->change_count; k++)
            reached = reached || s->changes[k].file == i;
        if (s->files[i].used && !reached)
            free_file(&s->files[i]);
    }
}

static int new_file(struct sim_disk *s)
{
    for (int i = 0; i < FILES; i++)
        if (!s->files[i].used) {
            s->files[i] = (struct sim_file){.used = true};
            return i;
        }
    abort();
}

static int sim_open(void *self, const char *name, bool create)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_OPEN);
    if (error != 0)
        return error;
    const struct sim_name *n = find_name(s->names, name);
    if (n == NULL && !create)
        return -ENOENT;
    int file = n != NULL ? n->file : new_file(s);
    if (n == NULL) {
        change_names(s, "", name, file);
        if (event(s) != 0)
            return -EIO;
    }
    for (int i = 0; i < HANDLES; i++)
        if (s->handles[i] < 0) {
            s->handles[i] = file;
            return i;
        }
    abort(); /* files are opened and not closed */
}

static int sim_close(void *self, int handle)
{
    struct sim_disk *s = self;
    if (handle < 0 || handle >= HANDLES || s->handles[handle] < 0)
        return -EBADF;
    s->handles[handle] = -1;
    return 0;
}

static struct sim_file *file_of(struct sim_disk *s, int handle)
{
    if (handle < 0 || handle >= HANDLES || s->handles[handle] < 0)
        abort(); /* the server uses a file that is not open */
    return &s->files[s->handles[handle]];
}

static int64_t sim_read_at(void *self, int handle, void *out, size_t len, uint64_t offset)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_READ);
    if (error != 0)
        return error;
    const struct sim_file *f = file_of(s, handle);
    if (offset >= f->len)
        return 0;
    size_t n = f->len - (size_t)offset < len ? f->len - (size_t)offset : len;
    memcpy(out, f->now + offset, n);
    return (int64_t)n;
}

static void grow(struct sim_file *f, size_t len)
{
    if (len <= f->cap)
        return;
    size_t cap = f->cap == 0 ? 4096 : f->cap;
    while (cap < len)
        cap *= 2;
    f->now = realloc(f->now, cap);
    f->flushed = realloc(f->flushed, cap);
    if (f->now == NULL || f->flushed == NULL)
        abort();
    memset(f->now + f->cap, 0, cap - f->cap);
    memset(f->flushed + f->cap, 0, cap - f->cap);
    f->cap = cap;
}

static void touch(struct sim_file *f, size_t from, size_t to)
{
    if (f->dirty_from == f->dirty_to) {
        f->dirty_from = from;
        f->dirty_to = to;
    }
    f->dirty_from = from < f->dirty_from ? from : f->dirty_from;
    f->dirty_to = to > f->dirty_to ? to : f->dirty_to;
}

static int64_t sim_write_at(void *self, int handle, const void *in, size_t len, uint64_t offset)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_WRITE);
    struct sim_file *f = file_of(s, handle);
    size_t part = error == 0 ? len : s->dead ? 0 : len / 2; /* a disk that runs full writes a part */
    grow(f, (size_t)offset + part);
    if (part != 0)
        memcpy(f->now + offset, in, part);
    if (offset + part > f->len && part != 0)
        f->len = (size_t)offset + part;
    touch(f, (size_t)offset, (size_t)offset + part);
    if (error != 0)
        return error;
    return event(s) != 0 ? -EIO : (int64_t)len;
}

static int sim_truncate(void *self, int handle, uint64_t size)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_TRUNCATE);
    if (error != 0)
        return error;
    struct sim_file *f = file_of(s, handle);
    grow(f, (size_t)size);
    size_t from = size < f->len ? (size_t)size : f->len, to = size < f->len ? f->len : (size_t)size;
    if (to > from)
        memset(f->now + from, 0, to - from);
    touch(f, from, to);
    f->len = (size_t)size;
    return event(s);
}

static int sim_flush(void *self, int handle)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_FLUSH);
    struct sim_file *f = file_of(s, handle);
    if (error != 0) {
        f->dirty_from = f->dirty_to = 0; /* as Linux does: the next flush will not write these bytes either */
        return error;
    }
    if (event(s) != 0)
        return -EIO;
    if (f->dirty_to > f->dirty_from)
        memcpy(f->flushed + f->dirty_from, f->now + f->dirty_from, f->dirty_to - f->dirty_from);
    f->flushed_len = f->len;
    f->dirty_from = f->dirty_to = 0;
    return 0;
}

static int sim_rename(void *self, const char *from, const char *to)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_RENAME);
    if (error != 0)
        return error;
    const struct sim_name *n = find_name(s->names, from);
    if (n == NULL)
        return -ENOENT;
    change_names(s, from, to, n->file);
    return event(s);
}

static int sim_remove(void *self, const char *name)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_REMOVE);
    if (error != 0)
        return error;
    if (find_name(s->names, name) == NULL)
        return -ENOENT;
    change_names(s, name, "", -1);
    return event(s);
}

static int sim_flush_folder(void *self)
{
    struct sim_disk *s = self;
    int error = injected(s, SIM_FLUSH_FOLDER);
    if (error != 0)
        return error;
    if (event(s) != 0)
        return -EIO;
    memcpy(s->flushed_names, s->names, sizeof s->names);
    s->change_count = 0;
    collect(s);
    return 0;
}

static uint32_t sim_next_number(void *self, const char *prefix, uint32_t after)
{
    struct sim_disk *s = self;
    uint32_t best = 0;
    size_t len = strlen(prefix);
    for (int i = 0; i < FILES; i++) {
        const char *name = s->names[i].name;
        unsigned number;
        if (name[0] == 0 || strncmp(name, prefix, len) != 0 || sscanf(name + len, "-%8u.log", &number) != 1)
            continue;
        if (number > after && (best == 0 || number < best))
            best = number;
    }
    return best;
}

struct disk_ops sim_disk_ops(struct sim_disk *s)
{
    return (struct disk_ops){.self = s,
                             .open = sim_open,
                             .close = sim_close,
                             .read_at = sim_read_at,
                             .write_at = sim_write_at,
                             .truncate = sim_truncate,
                             .flush = sim_flush,
                             .rename = sim_rename,
                             .remove = sim_remove,
                             .flush_folder = sim_flush_folder,
                             .next_number = sim_next_number};
}

void sim_disk_close_all(struct sim_disk *s)
{
    for (int i = 0; i < HANDLES; i++)
        s->handles[i] = -1;
}

/* What stands in a sector of a file that grew there but never got its bytes: zeros, or what the blocks held
 * before. */
static void fill_unwritten(struct sim_disk *s, struct sim_file *f, size_t at, size_t len,
                           enum sim_survival survival, uint64_t *seed)
{
    memset(f->now + at, 0, len);
    if (survival != SIM_STALE)
        return;
    const struct sim_file *other = &s->files[next_random(seed) % FILES];
    for (size_t i = 0; i < len; i++)
        if (other != f && other->used && at + i < other->flushed_len)
            f->now[at + i] = other->flushed[at + i];
        else
            f->now[at + i] = (uint8_t)next_random(seed);
}

static bool survives(enum sim_survival survival, bool named, uint64_t *seed)
{
    switch (survival) {
    case SIM_ALL:
        return true;
    case SIM_BYTES:
        return named;
    case SIM_SECTORS:
    case SIM_STALE:
        return (next_random(seed) >> 20 & 1) != 0;
    case SIM_NOTHING:
    case SIM_NAMES:
    case SIM_VARIANTS:
        break;
    }
    return false;
}

static void settle_file(struct sim_disk *s, struct sim_file *f, bool named, enum sim_survival survival,
                        uint64_t *seed)
{
    size_t most = f->len > f->flushed_len ? f->len : f->flushed_len;
    if (most == 0)
        return;
    bool longer = survival == SIM_NAMES || survives(survival, named, seed);
    size_t len = longer ? f->len : f->flushed_len;
    for (size_t at = 0; at < most; at += SECTOR) {
        size_t n = most - at < SECTOR ? most - at : SECTOR;
        if (memcmp(f->now + at, f->flushed + at, n) == 0 || survives(survival, named, seed))
            continue;
        size_t old = at < f->flushed_len ? f->flushed_len - at : 0;
        old = old < n ? old : n;
        fill_unwritten(s, f, at, n, survival, seed);
        memcpy(f->now + at, f->flushed + at, old);
    }
    f->len = len;
    if (len < f->cap)
        memset(f->now + len, 0, f->cap - len);
}

void sim_disk_power_on(struct sim_disk *s, enum sim_survival survival, uint64_t seed)
{
    seed = seed * 0x9e3779b97f4a7c15u + 0x1234567;
    size_t kept = 0;
    if (survival == SIM_ALL || survival == SIM_NAMES)
        kept = s->change_count;
    else if (survival == SIM_SECTORS || survival == SIM_STALE)
        kept = next_random(&seed) % (s->change_count + 1);
    for (int i = 0; i < FILES; i++) {
        bool named = false;
        for (int k = 0; k < FILES; k++)
            named = named || (s->flushed_names[k].name[0] != 0 && s->flushed_names[k].file == i);
        if (s->files[i].used)
            settle_file(s, &s->files[i], named, survival, &seed);
    }
    for (size_t i = 0; i < kept; i++)
        apply_change(s->flushed_names, &s->changes[i]);
    memcpy(s->names, s->flushed_names, sizeof s->names);
    s->change_count = 0;
    s->dead = false;
    s->events = s->cut_at = 0;
    s->fail_calls = 0;
    sim_disk_close_all(s);
    collect(s);
    for (int i = 0; i < FILES; i++) {
        struct sim_file *f = &s->files[i];
        if (!f->used)
            continue;
        if (f->cap != 0)
            memcpy(f->flushed, f->now, f->cap);
        f->flushed_len = f->len;
        f->dirty_from = f->dirty_to = 0;
    }
}

uint8_t *sim_disk_file(struct sim_disk *s, const char *name, size_t *len)
{
    const struct sim_name *n = find_name(s->names, name);
    *len = n == NULL ? 0 : s->files[n->file].len;
    if (n == NULL)
        return NULL;
    grow(&s->files[n->file], 1); /* an empty file is a file */
    return s->files[n->file].now;
}

void sim_disk_set_length(struct sim_disk *s, const char *name, size_t len)
{
    struct sim_file *f = &s->files[find_name(s->names, name)->file];
    grow(f, len);
    if (len < f->len)
        memset(f->now + len, 0, f->len - len);
    f->len = len;
}

void sim_disk_put_file(struct sim_disk *s, const char *name, const void *bytes, size_t len)
{
    const struct sim_name *n = find_name(s->names, name);
    int file = n != NULL ? n->file : new_file(s);
    struct sim_file *f = &s->files[file];
    grow(f, len);
    memcpy(f->now, bytes, len);
    memcpy(f->flushed, bytes, len);
    f->len = f->flushed_len = len;
    f->dirty_from = f->dirty_to = 0;
    set_name(s->names, name, file);
    set_name(s->flushed_names, name, file);
}

bool sim_disk_remove_file(struct sim_disk *s, const char *name)
{
    bool there = find_name(s->names, name) != NULL;
    drop_name(s->names, name);
    drop_name(s->flushed_names, name);
    return there;
}

size_t sim_disk_count(const struct sim_disk *s, const char *prefix)
{
    size_t n = 0;
    for (int i = 0; i < FILES; i++)
        n += s->names[i].name[0] != 0 && strncmp(s->names[i].name, prefix, strlen(prefix)) == 0;
    return n;
}
