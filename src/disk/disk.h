/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of the disk process: requests go out over a socket pair without ever waiting, answers are
 * pulled once a turn. Requests are carried out in order; those that arrive together share one flush.
 */
#ifndef HOLDFAST_DISK_DISK_H
#define HOLDFAST_DISK_DISK_H

#include <sys/types.h>

#include "base/limits.h"
#include "base/span.h"
#include "base/status.h"
#include "disk/ops.h"
#include "disk/segment.h"

enum disk_op {
    DISK_SEGMENT, /* makes segment `number` of a log, with the header given */
    DISK_APPEND,  /* writes bytes at `offset` of the current segment of a log, and flushes */
    DISK_DROP,    /* removes segment `number` of a log */
    DISK_READ,    /* `len` bytes at `offset` of segment `number` */
    DISK_PART,    /* writes bytes at `offset` of the new content of a file; offset 0 begins it */
    DISK_REPLACE, /* puts that content in the place of the file `name`: flush, rename, flush the folder */
    DISK_FILE,    /* reads the whole small file `name` */
    DISK_SECRET   /* the same; EPERM when others than its owner may read it */
};

#define DISK_NAME 32

struct disk_request {
    uint32_t op;
    uint32_t number;
    uint32_t offset;
    uint32_t len; /* of the bytes that follow; of those wanted for reads */
    uint64_t ticket;
    char name[DISK_NAME]; /* of the log, or of the file */
};

struct disk_reply {
    uint64_t ticket;
    int32_t error; /* 0 or an errno */
    uint32_t len;  /* of the bytes that follow */
};

#define DISK_BYTES_MAX ENTRY_MAX

struct disk {
    int fd; /* the server's end of the socket pair */
    pid_t child;
    uint64_t next_ticket;
    uint64_t done_ticket; /* all up to here are answered */
    int32_t errors[DISK_QUEUE];
    uint64_t read_ticket; /* whose bytes `read` holds; 0 none */
    size_t read_len;
    uint64_t failures; /* requests that were answered with an error */
    bool lost;         /* the disk process is gone */
    uint8_t read[DISK_BYTES_MAX];
};

/*
 * Forks the disk process, which works in the folder through `ops` until the server closes its end. It closes
 * `private_fd` (-1: none), which is the server's alone. Called before memory is locked and privileges are
 * dropped. STATUS_FAILED when the system refuses.
 */
MUST_USE enum status disk_start(struct disk *disk, const struct disk_ops *ops, int private_fd);
/* Closes the server's end and waits until the disk process has finished what it was given. */
void disk_stop(struct disk *disk);

/* Sends a request with its bytes. The ticket to ask for, or 0 when the queue is full: try again next turn. */
MUST_USE uint64_t disk_send(struct disk *disk, struct disk_request *request, struct span bytes);
/* Pulls the answers that have arrived. */
void disk_turn(struct disk *disk);
/* READY: done. WAIT. FAILED: *error holds an errno. Tickets answered DISK_QUEUE tickets ago are forgotten. */
MUST_USE enum ask disk_ask(const struct disk *disk, uint64_t ticket, int *error);

/* The work of the disk process on one request; the test of power cuts calls it directly. Flushing is left to
 * the caller. */
struct disk_worker {
    const struct disk_ops *ops;
    struct worker_log {
        char name[DISK_NAME];
        uint32_t number;
        int file;
        bool dirty;
        bool failed;   /* the segment is given up after a failed write; appends fail until the next one */
        uint64_t good; /* bytes known to be whole */
    } logs[4];
    int flush_error; /* the first since disk_worker_flush, wherever the flush happened */
};
void disk_worker_init(struct disk_worker *worker, const struct disk_ops *ops);
/* 0 or an errno. For reads, *out_len bytes are put into out (DISK_BYTES_MAX). */
int disk_worker_do(struct disk_worker *worker, const struct disk_request *request, struct span bytes,
                   uint8_t *out, size_t *out_len);
/* Flushes every log that was appended to. 0 or the first errno: then every append since the last flush has
 * failed. */
int disk_worker_flush(struct disk_worker *worker);

#endif
