/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/grow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "init/files.h"

#define GROW_MAX   (UINT64_C(1) << 30)
#define WORTH      (UINT64_C(16) << 20) /* bytes; less is not worth a table */
#define MIB        2048                 /* sectors */
#define TABLE_ROOM 32                   /* sectors of the entries */
#define BLOCK      4096                 /* bytes; of our ext4 */

/* Offsets within the header and within an entry. */
enum {
    AT_SIZE = 12,
    AT_CRC = 16,
    AT_OWN = 24,
    AT_OTHER = 32,
    AT_LAST_USABLE = 48,
    AT_ENTRIES = 72,
    AT_COUNT = 80,
    AT_ENTRY_SIZE = 84,
    AT_ENTRIES_CRC = 88,
    HEADER_BYTES = 92,
    ENTRY_FIRST = 32,
    ENTRY_LAST = 40
};

static uint64_t get(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static void put(uint8_t *at, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* CRC-32 of the specification (reflected, polynomial 0xedb88320). */
static uint32_t crc32(const uint8_t *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t header_crc(const struct gpt *gpt)
{
    uint8_t header[HEADER_BYTES];
    memcpy(header, gpt->header, sizeof header);
    put(header + AT_CRC, 4, 0);
    return crc32(header, sizeof header);
}

bool gpt_is_good(const struct gpt *gpt)
{
    const uint8_t *h = gpt->header;
    return memcmp(h, "EFI PART", 8) == 0 && get(h + AT_SIZE, 4) == HEADER_BYTES &&
           get(h + AT_COUNT, 4) == GPT_ENTRIES && get(h + AT_ENTRY_SIZE, 4) == GPT_ENTRY_BYTES &&
           get(h + AT_CRC, 4) == header_crc(gpt) &&
           get(h + AT_ENTRIES_CRC, 4) == crc32(gpt->entries, sizeof gpt->entries);
}

static void finish(struct gpt *gpt, uint64_t own, uint64_t other, uint64_t entries, uint64_t last_usable)
{
    put(gpt->header + AT_OWN, 8, own);
    put(gpt->header + AT_OTHER, 8, other);
    put(gpt->header + AT_LAST_USABLE, 8, last_usable);
    put(gpt->header + AT_ENTRIES, 8, entries);
    put(gpt->header + AT_ENTRIES_CRC, 4, crc32(gpt->entries, sizeof gpt->entries));
    put(gpt->header + AT_CRC, 4, header_crc(gpt));
}

bool gpt_grow(const struct gpt *gpt, unsigned index, uint64_t sectors, uint64_t most, struct gpt *first,
              struct gpt *second, uint64_t *bytes)
{
    if (index >= GPT_ENTRIES || sectors < 2 * MIB || !gpt_is_good(gpt))
        return false;
    const uint8_t *entry = gpt->entries + index * GPT_ENTRY_BYTES;
    uint64_t begin = get(entry + ENTRY_FIRST, 8), last = get(entry + ENTRY_LAST, 8);
    for (unsigned i = 0; i < GPT_ENTRIES; i++)
        if (get(gpt->entries + i * GPT_ENTRY_BYTES + ENTRY_FIRST, 8) > begin)
            return false;
    uint64_t last_usable = sectors - TABLE_ROOM - 2;
    uint64_t end = begin + most / GPT_SECTOR;
    if (end > last_usable + 1)
        end = last_usable + 1;
    end -= end % MIB;
    if (begin == 0 || last < begin || last > last_usable || end < last + 1 + WORTH / GPT_SECTOR)
        return false;
    *first = *gpt;
    put(first->entries + index * GPT_ENTRY_BYTES + ENTRY_LAST, 8, end - 1);
    *second = *first;
    finish(first, 1, sectors - 1, 2, last_usable);
    finish(second, sectors - 1, 1, sectors - 1 - TABLE_ROOM, last_usable);
    *bytes = (end - begin) * GPT_SECTOR;
    return true;
}

/* ---- on the disk ---- */

static bool write_at(int fd, const void *bytes, size_t len, uint64_t sector)
{
    return pwrite(fd, bytes, len, (off_t)(sector * GPT_SECTOR)) == (ssize_t)len;
}

/* The second copy first: one of them is whole at any moment, and the kernel is told to look at both ("gpt").
 */
static bool write_tables(int fd, const struct gpt *first, const struct gpt *second, uint64_t sectors)
{
    return write_at(fd, second->entries, sizeof second->entries, sectors - 1 - TABLE_ROOM) &&
           write_at(fd, second->header, sizeof second->header, sectors - 1) && fsync(fd) == 0 &&
           write_at(fd, first->entries, sizeof first->entries, 2) &&
           write_at(fd, first->header, sizeof first->header, 1) && fsync(fd) == 0;
}

static bool resize_partition(int fd, unsigned number, uint64_t begin, uint64_t bytes)
{
    struct blkpg_partition partition = {
        .start = (long long)begin, .length = (long long)bytes, .pno = (int)number};
    struct blkpg_ioctl_arg call = {
        .op = BLKPG_RESIZE_PARTITION, .datalen = (int)sizeof partition, .data = &partition};
    return ioctl(fd, BLKPG, &call) == 0;
}

static bool read_number(const struct box *box, const char *name, uint64_t *number)
{
    char path[100], text[24];
    struct buf in = buf_over(text, sizeof text);
    snprintf(path, sizeof path, "/sys/class/block/%s/%s", box->data_part, name);
    return file_read(path, &in) == STATUS_OK && in.len > 1 &&
           number_read(span_of(text, in.len - 1), UINT64_MAX / GPT_SECTOR, number) == STATUS_OK;
}

static bool grow_partition(struct box *box, int fd, char *why, size_t cap)
{
    struct gpt table, first, second;
    uint64_t number, begin, disk_bytes = 0, bytes;
    if (ioctl(fd, (int)BLKGETSIZE64, &disk_bytes) != 0 || !read_number(box, "partition", &number) ||
        number == 0 || !read_number(box, "start", &begin) ||
        pread(fd, &table, sizeof table, GPT_SECTOR) != (ssize_t)sizeof table ||
        !gpt_grow(&table, (unsigned)number - 1, disk_bytes / GPT_SECTOR, GROW_MAX, &first, &second, &bytes))
        return true; /* nothing to gain, or none of our tables: it stays as it is */
    if (!write_tables(fd, &first, &second, disk_bytes / GPT_SECTOR) ||
        !resize_partition(fd, (unsigned)number, begin * GPT_SECTOR, bytes)) {
        snprintf(why, cap, "the data partition cannot be grown: %s", strerror(errno));
        return false;
    }
    log_write(&box->log, LOG_INFO, "init", "the data partition has %llu MiB now",
              (unsigned long long)(bytes >> 20));
    return true;
}

/* EXT4_IOC_RESIZE_FS of the kernel's fs/ext4/ext4.h: the number of blocks that the file system shall have. */
#define RESIZE_FILE_SYSTEM _IOW('f', 16, uint64_t)

static bool grow_file_system(const struct box *box, char *why, size_t cap)
{
    uint64_t sectors, blocks;
    if (!read_number(box, "size", &sectors))
        return true;
    blocks = sectors * GPT_SECTOR / BLOCK;
    int fd = open(DATA_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && ioctl(fd, (int)RESIZE_FILE_SYSTEM, &blocks) == 0;
    if (!good)
        snprintf(why, cap, "the data partition's file system cannot be grown: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

bool grow_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    char path[64];
    (void)call;
    snprintf(path, sizeof path, "/dev/%s", box->disk);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return true;
    bool good = grow_partition(box, fd, why, cap);
    close(fd);
    return good && grow_file_system(box, why, cap);
}
