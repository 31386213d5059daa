/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/log_writer.h"

#include <stdio.h>

#include "crypto/random.h"

void log_writer_init(struct log_writer *log, struct disk *disk, const char *name,
                     const struct log_replay *replayed)
{
    *log = (struct log_writer){
        .disk = disk, .name = name, .newest = replayed->last_segment, .serial = replayed->last_serial};
}

static uint64_t send(struct log_writer *log, struct disk_request *request, struct span bytes)
{
    snprintf(request->name, sizeof request->name, "%s", log->name);
    return disk_send(log->disk, request, bytes);
}

static bool make_segment(struct log_writer *log)
{
    uint8_t header[SEGMENT_HEADER];
    struct segment_id id = {.number = log->newest + 1};
    random_bytes(id.marker, sizeof id.marker);
    segment_header_write(&id, header);
    struct disk_request request = {.op = DISK_SEGMENT, .number = id.number};
    if (send(log, &request, span_of(header, sizeof header)) == 0)
        return false;
    log->newest = id.number;
    log->segment = id;
    log->offset = SEGMENT_HEADER;
    return true;
}

bool log_append(struct log_writer *log, uint32_t type, struct span first, struct span second,
                struct log_place *place)
{
    uint8_t entry[ENTRY_MAX];
    size_t size = entry_size(first.len + second.len);
    bool failed = log->disk->failures != log->failures_seen;
    if (failed || log->segment.number == 0 || log->offset + size > LOG_SEGMENT_BYTES) {
        if (!make_segment(log))
            return false;
        log->failures_seen = log->disk->failures;
    }
    entry_write(&log->segment, type, log->serial + 1, first, second, entry);
    struct disk_request request = {.op = DISK_APPEND, .number = log->segment.number, .offset = log->offset};
    place->ticket = send(log, &request, span_of(entry, size));
    if (place->ticket == 0)
        return false;
    place->segment = log->segment.number;
    place->offset = log->offset;
    log->offset += (uint32_t)size;
    log->serial++;
    return true;
}

bool log_drop(struct log_writer *log, uint32_t segment, uint64_t *ticket)
{
    struct disk_request request = {.op = DISK_DROP, .number = segment};
    *ticket = send(log, &request, span_of(NULL, 0));
    return *ticket != 0;
}
