/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/segment.h"

#include <stdio.h>

#include "base/bytes.h"

static const uint8_t magic[8] = {'H', 'F', 'L', 'O', 'G', 0, 0, 1};

/* CRC-32 of ISO/IEC 3309, four bits at a time. */
static uint32_t crc32(uint32_t crc, struct span in)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    for (size_t i = 0; i < in.len; i++) {
        crc = table[(crc ^ in.ptr[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)(in.ptr[i] >> 4)) & 15] ^ crc >> 4;
    }
    return ~crc;
}

void segment_name(const char *log, uint32_t number, char out[SEGMENT_NAME])
{
    snprintf(out, SEGMENT_NAME, "%s-%08u.log", log, number % 100000000);
}

void segment_header_write(const struct segment_id *id, uint8_t out[SEGMENT_HEADER])
{
    memset(out, 0, SEGMENT_HEADER);
    memcpy(out, magic, sizeof magic);
    be32_put(out + 8, id->number);
    memcpy(out + 16, id->marker, sizeof id->marker);
    be32_put(out + 28, crc32(0, span_of(out, 28)));
}

enum status segment_header_read(const uint8_t in[SEGMENT_HEADER], struct segment_id *id)
{
    if (memcmp(in, magic, sizeof magic - 1) != 0 || be32_get(in + 28) != crc32(0, span_of(in, 28)))
        return STATUS_MALFORMED;
    if (in[sizeof magic - 1] != magic[sizeof magic - 1])
        return STATUS_REFUSED;
    id->number = be32_get(in + 8);
    memcpy(id->marker, in + 16, sizeof id->marker);
    return STATUS_OK;
}

size_t entry_size(size_t payload_len)
{
    return ENTRY_HEADER + ((payload_len + 7) & ~(size_t)7);
}

/* The checksum covers the segment's marker, the header behind the checksum, and the payload. */
static uint32_t entry_crc(const struct segment_id *id, const uint8_t *entry, size_t payload_len)
{
    uint32_t crc = crc32(0, span_of(id->marker, sizeof id->marker));
    return crc32(crc, span_of(entry + 4, ENTRY_HEADER - 4 + payload_len));
}

void entry_write(const struct segment_id *id, uint32_t type, uint64_t serial, struct span first,
                 struct span second, uint8_t *out)
{
    size_t len = first.len + second.len, size = entry_size(len);
    be32_put(out + 4, (uint32_t)len);
    be32_put(out + 8, type);
    be32_put(out + 12, be32_get(id->marker));
    be64_put(out + 16, serial);
    memset(out + size - 8, 0, size > ENTRY_HEADER ? 8 : 0);
    if (first.len != 0)
        memcpy(out + ENTRY_HEADER, first.ptr, first.len);
    if (second.len != 0)
        memcpy(out + ENTRY_HEADER + first.len, second.ptr, second.len);
    be32_put(out, entry_crc(id, out, len));
}

enum status entry_read(const struct segment_id *id, struct span in, struct entry *out, size_t *size)
{
    if (in.len == 0)
        return STATUS_END;
    if (in.len < ENTRY_HEADER)
        return STATUS_MALFORMED;
    size_t len = be32_get(in.ptr + 4);
    if (len > ENTRY_MAX - ENTRY_HEADER || entry_size(len) > in.len ||
        be32_get(in.ptr + 12) != be32_get(id->marker) || be32_get(in.ptr) != entry_crc(id, in.ptr, len))
        return STATUS_MALFORMED;
    *out = (struct entry){.type = be32_get(in.ptr + 8),
                          .serial = be64_get(in.ptr + 16),
                          .payload = span_of(in.ptr + ENTRY_HEADER, len),
                          .segment = id->number};
    *size = entry_size(len);
    return STATUS_OK;
}

void log_replay_begin(struct log_replay *replay, const struct disk_ops *ops, const char *log)
{
    memset(replay, 0, sizeof *replay);
    replay->ops = ops;
    replay->log = log;
    replay->file = -1;
}

/* Opens the next segment whose header is intact. A header that a power cut left half written has no entries
 * behind it. */
static enum status open_next_segment(struct log_replay *r)
{
    char name[SEGMENT_NAME];
    uint8_t header[SEGMENT_HEADER];
    for (;;) {
        uint32_t number = r->ops->next_number(r->ops->self, r->log, r->last_segment);
        if (number == 0)
            return STATUS_END;
        r->last_segment = number;
        segment_name(r->log, number, name);
        r->file = r->ops->open(r->ops->self, name, false);
        if (r->file < 0)
            return STATUS_FAILED;
        int64_t n = r->ops->read_at(r->ops->self, r->file, header, sizeof header, 0);
        enum status status =
            n == SEGMENT_HEADER ? segment_header_read(header, &r->segment) : STATUS_MALFORMED;
        if (status == STATUS_OK && r->segment.number == number) {
            r->segments++;
            r->file_offset = SEGMENT_HEADER;
            r->have = r->at = 0;
            return STATUS_OK;
        }
        uint8_t behind;
        bool more = r->ops->read_at(r->ops->self, r->file, &behind, 1, SEGMENT_HEADER) > 0;
        r->ops->close(r->ops->self, r->file);
        r->file = -1;
        if (more && status == STATUS_MALFORMED)
            r->damaged_bytes += SEGMENT_HEADER; /* and all behind it, which nobody can read any more */
        if (n < 0 || status == STATUS_REFUSED)
            return n < 0 ? STATUS_FAILED : status;
        r->torn_bytes += (uint64_t)n;
    }
}

static enum status refill(struct log_replay *r)
{
    memmove(r->buffer, r->buffer + r->at, r->have - r->at);
    r->file_offset += r->at;
    r->have -= r->at;
    r->at = 0;
    int64_t n = r->ops->read_at(r->ops->self, r->file, r->buffer + r->have, sizeof r->buffer - r->have,
                                r->file_offset + r->have);
    if (n < 0)
        return STATUS_FAILED;
    r->have += (size_t)n;
    return STATUS_OK;
}

enum status log_replay_next(struct log_replay *r, struct entry *out)
{
    uint64_t skipped = 0;
    for (;;) {
        if (r->file < 0) {
            enum status status = open_next_segment(r);
            if (status != STATUS_OK)
                return status;
        }
        if (r->have - r->at < ENTRY_MAX && refill(r) != STATUS_OK)
            return STATUS_FAILED;
        size_t size = 0;
        enum status status = entry_read(&r->segment, span_of(r->buffer + r->at, r->have - r->at), out, &size);
        if (status == STATUS_OK && out->serial > r->last_serial) {
            out->offset = (uint32_t)(r->file_offset + r->at);
            r->last_serial = out->serial;
            r->damaged_bytes += skipped;
            r->at += size;
            return STATUS_OK;
        }
        if (status == STATUS_END) {
            r->torn_bytes += skipped;
            skipped = 0;
            r->ops->close(r->ops->self, r->file);
            r->file = -1;
            continue;
        }
        size_t step = r->have - r->at < 8 ? r->have - r->at : 8;
        r->at += step;
        skipped += step;
    }
}
