/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a log on disk. A log is a row of segment files "<name>-00000001.log"; each begins with a
 * header and goes on with entries, appended and never changed. What a power cut leaves half written fails its
 * checksum and is passed over. The layout is documented bit by bit in FORMAT.md beside this file.
 */
#ifndef HOLDFAST_DISK_SEGMENT_H
#define HOLDFAST_DISK_SEGMENT_H

#include "base/span.h"
#include "base/status.h"
#include "disk/ops.h"

#define SEGMENT_HEADER 32
#define ENTRY_HEADER   24
#define ENTRY_MAX      8192 /* bytes of one entry with its header */
#define SEGMENT_NAME   32   /* bytes of a file name and its NUL */

struct segment_id {
    uint32_t number; /* from 1 */
    uint8_t
        marker[8]; /* random: entries of another segment, or bytes that only look like entries, never fit */
};

struct entry {
    uint32_t type;   /* the log's own meaning */
    uint64_t serial; /* counts up through all segments of the log */
    struct span payload;
    uint32_t segment;
    uint32_t offset; /* of the entry in its segment */
};

void segment_name(const char *log, uint32_t number, char out[SEGMENT_NAME]);
void segment_header_write(const struct segment_id *id, uint8_t out[SEGMENT_HEADER]);
/* STATUS_MALFORMED when it is none, STATUS_REFUSED when it is of another format version. */
MUST_USE enum status segment_header_read(const uint8_t in[SEGMENT_HEADER], struct segment_id *id);

/* Bytes that an entry with this payload takes. */
size_t entry_size(size_t payload_len);
/* Writes one entry of entry_size bytes. The payload is given in two parts that follow one another. */
void entry_write(const struct segment_id *id, uint32_t type, uint64_t serial, struct span first,
                 struct span second, uint8_t *out);
/* STATUS_OK, STATUS_END when in.len is 0, STATUS_MALFORMED when no whole, intact entry stands at the start of
 * `in`. */
MUST_USE enum status entry_read(const struct segment_id *id, struct span in, struct entry *out, size_t *size);

/* Reads every entry of a log in the order of writing, once, at start. */
struct log_replay {
    const struct disk_ops *ops;
    const char *log;
    struct segment_id segment;
    int file;
    uint64_t file_offset; /* of buffer[0] */
    size_t have, at;
    uint64_t last_serial;
    bool at_damage;
    uint32_t segments;      /* segment files read */
    uint64_t damaged_bytes; /* passed over, but for what a power cut leaves at the end of a segment */
    uint64_t torn_bytes;    /* at the ends of segments */
    uint32_t last_segment;
    uint8_t buffer[4 * ENTRY_MAX];
};
void log_replay_begin(struct log_replay *replay, const struct disk_ops *ops, const char *log);
/*
 * STATUS_OK with the next entry (valid until the next call), STATUS_END, STATUS_FAILED when a file cannot be
 * read, STATUS_REFUSED when segment `last_segment` has another format version.
 */
MUST_USE enum status log_replay_next(struct log_replay *replay, struct entry *out);

#endif
