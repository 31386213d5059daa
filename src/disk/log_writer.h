/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of one log: knows where the next entry goes, and which segments exist. */
#ifndef HOLDFAST_DISK_LOG_WRITER_H
#define HOLDFAST_DISK_LOG_WRITER_H

#include "disk/disk.h"

struct log_writer {
    struct disk *disk;
    const char *name;
    struct segment_id segment; /* number 0: none made yet since start */
    uint32_t offset;
    uint32_t newest; /* greatest segment number that exists or existed */
    uint64_t serial; /* of the newest entry */
    uint64_t failures_seen;
};

/* Where an entry went. */
struct log_place {
    uint64_t ticket; /* to ask the disk for */
    uint32_t segment;
    uint32_t offset;
};

/* Begins behind what a replay has read; the first append makes a new segment. */
void log_writer_init(struct log_writer *log, struct disk *disk, const char *name,
                     const struct log_replay *replayed);

/*
 * Appends one entry; after a failure of the disk in a new segment, since nobody knows where the last one
 * ends. False when the disk's queue is full: nothing was done, try again next turn.
 */
MUST_USE bool log_append(struct log_writer *log, uint32_t type, struct span first, struct span second,
                         struct log_place *place);
/* Asks for the removal of a segment. False as log_append. */
MUST_USE bool log_drop(struct log_writer *log, uint32_t segment, uint64_t *ticket);

#endif
