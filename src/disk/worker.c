/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk process does with one request. */
#include <errno.h>

#include "disk/disk.h"

#define TEMPORARY_NAME "replace.tmp"

void disk_worker_init(struct disk_worker *worker, const struct disk_ops *ops)
{
    memset(worker, 0, sizeof *worker);
    worker->ops = ops;
    for (size_t i = 0; i < COUNT_OF(worker->logs); i++)
        worker->logs[i].file = -1;
}

static struct worker_log *find_log(struct disk_worker *w, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(w->logs); i++) {
        if (strcmp(w->logs[i].name, name) == 0)
            return &w->logs[i];
        if (w->logs[i].name[0] == 0) {
            memcpy(w->logs[i].name, name, strlen(name) + 1);
            return &w->logs[i];
        }
    }
    return NULL;
}

static void flush_log(struct disk_worker *w, struct worker_log *log)
{
    if (!log->dirty)
        return;
    log->dirty = false;
    int n = w->ops->flush(w->ops->self, log->file);
    if (n >= 0)
        return;
    /* After a failed flush nobody knows what the medium holds: the segment is given up. */
    log->failed = true;
    if (w->flush_error == 0)
        w->flush_error = -n;
}

int disk_worker_flush(struct disk_worker *w)
{
    for (size_t i = 0; i < COUNT_OF(w->logs); i++)
        flush_log(w, &w->logs[i]);
    int error = w->flush_error;
    w->flush_error = 0;
    return error;
}

static int make_segment(struct disk_worker *w, struct worker_log *log, const struct disk_request *q,
                        struct span header)
{
    char name[SEGMENT_NAME];
    const struct disk_ops *ops = w->ops;
    flush_log(w, log);
    if (log->file >= 0)
        ops->close(ops->self, log->file);
    segment_name(log->name, q->number, name);
    log->number = q->number;
    log->failed = true;
    log->file = ops->open(ops->self, name, true);
    if (log->file < 0)
        return -log->file;
    int64_t n = ops->write_at(ops->self, log->file, header.ptr, header.len, 0);
    if (n >= 0)
        n = ops->flush(ops->self, log->file);
    if (n >= 0)
        n = ops->flush_folder(ops->self);
    if (n < 0) {
        ops->remove(ops->self, name); /* an empty segment that cannot be used would only pile up */
        return (int)-n;
    }
    log->failed = false;
    log->good = header.len;
    return 0;
}

static int append(struct disk_worker *w, struct worker_log *log, const struct disk_request *q,
                  struct span bytes)
{
    if (log->failed || log->file < 0 || log->number != q->number || q->offset != log->good)
        return EIO;
    int64_t n = w->ops->write_at(w->ops->self, log->file, bytes.ptr, bytes.len, q->offset);
    if (n < 0) {
        log->failed = true;
        w->ops->truncate(w->ops->self, log->file, log->good);
        return (int)-n;
    }
    log->good += bytes.len;
    log->dirty = true;
    return 0;
}

/* The removal is on the medium before it is answered: an older segment must not outlive the entries that undo
 * its own. */
static int drop_segment(struct disk_worker *w, struct worker_log *log, const struct disk_request *q)
{
    char name[SEGMENT_NAME];
    flush_log(w, log);
    segment_name(q->name, q->number, name);
    int n = w->ops->remove(w->ops->self, name);
    if (n == 0 || n == -ENOENT)
        n = w->ops->flush_folder(w->ops->self);
    return -n;
}

static int read_segment(struct disk_worker *w, const struct disk_request *q, uint8_t *out, size_t *out_len)
{
    char name[SEGMENT_NAME];
    if (q->len > DISK_BYTES_MAX)
        return EINVAL;
    segment_name(q->name, q->number, name);
    int file = w->ops->open(w->ops->self, name, false);
    if (file < 0)
        return -file;
    int64_t n = w->ops->read_at(w->ops->self, file, out, q->len, q->offset);
    w->ops->close(w->ops->self, file);
    *out_len = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)-n : 0;
}

/* New content grows in a file of its own, so that the old one stays whole until the new one is. */
static int write_part(struct disk_worker *w, const struct disk_request *q, struct span bytes)
{
    const struct disk_ops *ops = w->ops;
    int file = ops->open(ops->self, TEMPORARY_NAME, true);
    if (file < 0)
        return -file;
    int64_t n = q->offset == 0 ? ops->truncate(ops->self, file, 0) : 0;
    if (n >= 0)
        n = ops->write_at(ops->self, file, bytes.ptr, bytes.len, q->offset);
    ops->close(ops->self, file);
    if (n < 0)
        ops->remove(ops->self, TEMPORARY_NAME); /* half of it replaces nothing */
    return n < 0 ? (int)-n : 0;
}

static int replace_file(struct disk_worker *w, const char *name)
{
    const struct disk_ops *ops = w->ops;
    int file = ops->open(ops->self, TEMPORARY_NAME, false);
    if (file < 0)
        return -file;
    int n = ops->flush(ops->self, file);
    ops->close(ops->self, file);
    if (n >= 0)
        n = ops->rename(ops->self, TEMPORARY_NAME, name);
    if (n >= 0)
        n = ops->flush_folder(ops->self);
    return -n;
}

static int read_file(struct disk_worker *w, const struct disk_request *q, uint8_t *out, size_t *out_len)
{
    int file = w->ops->open(w->ops->self, q->name, false);
    if (file < 0)
        return -file;
    if (q->op == DISK_SECRET && !w->ops->is_private(w->ops->self, file)) {
        w->ops->close(w->ops->self, file);
        return EPERM;
    }
    int64_t n =
        w->ops->read_at(w->ops->self, file, out, q->len < DISK_BYTES_MAX ? q->len : DISK_BYTES_MAX, 0);
    w->ops->close(w->ops->self, file);
    *out_len = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)-n : 0;
}

int disk_worker_do(struct disk_worker *w, const struct disk_request *q, struct span bytes, uint8_t *out,
                   size_t *out_len)
{
    *out_len = 0;
    struct worker_log *log = NULL;
    if (q->op == DISK_SEGMENT || q->op == DISK_APPEND || q->op == DISK_DROP) {
        log = find_log(w, q->name);
        if (log == NULL)
            return EINVAL;
    }
    switch ((enum disk_op)q->op) {
    case DISK_SEGMENT:
        return make_segment(w, log, q, bytes);
    case DISK_APPEND:
        return append(w, log, q, bytes);
    case DISK_DROP:
        return drop_segment(w, log, q);
    case DISK_READ:
        return read_segment(w, q, out, out_len);
    case DISK_PART:
        return write_part(w, q, bytes);
    case DISK_REPLACE:
        return replace_file(w, q->name);
    case DISK_FILE:
    case DISK_SECRET:
        return read_file(w, q, out, out_len);
    }
    return EINVAL;
}
