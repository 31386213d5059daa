/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/erase.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "init/fat.h"
#include "init/files.h"

#define MARK_FILE     "/holdfast/reset-asked"
#define BOOT_ID_FILE  "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES 36
#define PRESENT_MS    300000
/* The blocks of the empty file system, as image/data-blocks writes them: a number in 4 bytes, then the block.
 */
#define BLOCKS_FILE RELEASE_FOLDER "/data.blocks"
#define BLOCK_BYTES 4096
#define ZERO_BYTES  65536
/* What the file system of the image takes at most: it grows again at the next start. */
#define FRESH_BYTES (64u << 20)

static bool serial_is(const struct box *box, const struct job_call *call, char *why, size_t cap)
{
    if (call->count == 2 && span_equal(call->words[1], span_of_text(box->serial)))
        return true;
    snprintf(why, cap, "type the serial number behind it, as the banner shows it");
    return false;
}

static bool read_boot_id(const char *path, char id[BOOT_ID_BYTES])
{
    struct buf out = buf_over(id, BOOT_ID_BYTES);
    enum status status = file_read(path, &out);
    return (status == STATUS_OK || status == STATUS_TOO_LARGE) && out.len == BOOT_ID_BYTES;
}

/* True when the mark is there, of an earlier start. Makes it otherwise. */
static bool is_second_step(const struct box *box, const char *folder, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 40], marked[BOOT_ID_BYTES], now[BOOT_ID_BYTES];
    snprintf(path, sizeof path, "%s" MARK_FILE, folder);
    why[0] = 0;
    if (!read_boot_id(BOOT_ID_FILE, now)) {
        snprintf(why, cap, "%s cannot be read", BOOT_ID_FILE);
        return false;
    }
    bool has_mark = read_boot_id(path, marked);
    bool same = has_mark && memcmp(marked, now, BOOT_ID_BYTES) == 0;
    if (has_mark && !same && box->now.mono_ms - box->started_ms <= PRESENT_MS)
        return file_remove(path);
    snprintf(path, sizeof path, "%s/holdfast", folder);
    if (access(path, F_OK) != 0 && mkdir(path, 0755) != 0)
        snprintf(why, cap, "the boot partition cannot be written: %s", strerror(errno));
    snprintf(path, sizeof path, "%s" MARK_FILE, folder);
    if (why[0] == 0 && !file_replace(path, span_of(now, BOOT_ID_BYTES), 0600))
        snprintf(why, cap, "the boot partition cannot be written: %s", strerror(errno));
    return false;
}

/* A box that is not set up, or whose revision cannot be read, has no word on it. */
static const char *what_is_lost(const struct box *box)
{
    if (box->revision != 0 && box->config.keymanager == 0)
        return "ITS KEYS ARE LOST with it: the embedded key manager keeps them on this disk";
    return "Keys in a cloud key manager are safe; those of the embedded one are lost";
}

bool reset_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct fat fat;
    char device[64], flush_why[200];
    if (!serial_is(box, call, why, cap))
        return false;
    if (box->esp_part[0] == 0 || box->data_part[0] == 0) {
        snprintf(why, cap, "the box's own disk was not found: flash the image again");
        return false;
    }
    snprintf(device, sizeof device, "/dev/%s", box->esp_part);
    if (!fat_open(&fat, device, "/run/esp", FAT_OWN, why, cap))
        return false;
    bool second = is_second_step(box, fat.folder, why, cap);
    bool flushed = fat_close(&fat, flush_why, sizeof flush_why);
    if (second && flushed)
        return true;
    if (why[0] == 0 && !flushed)
        snprintf(why, cap, "%s", flush_why);
    else if (why[0] == 0)
        snprintf(
            why, cap,
            "switch the box off and on, then type the same again within five minutes: all on this box is "
            "erased then. %s",
            what_is_lost(box));
    return false;
}

bool wipe_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    if (!serial_is(box, call, why, cap))
        return false;
    if (box->data_part[0] == 0) {
        snprintf(why, cap, "the box's own disk was not found");
        return false;
    }
    dprintf(call->out, "the box goes down, erases its data partition, and starts anew\n%s\n",
            what_is_lost(box));
    return true;
}

void erase_done(struct box *box, bool good)
{
    if (!good)
        return;
    box->erase = true;
    box->phase = PHASE_GOING;
}

static bool write_zeros(int fd, uint64_t bytes)
{
    uint8_t zeros[ZERO_BYTES] = {0};
    for (uint64_t at = 0; at < bytes;) {
        size_t len = bytes - at < sizeof zeros ? (size_t)(bytes - at) : sizeof zeros;
        ssize_t n = pwrite(fd, zeros, len, (off_t)at);
        if (n <= 0)
            return false;
        at += (uint64_t)n;
    }
    return true;
}

static bool write_blocks(int fd, uint64_t bytes)
{
    uint8_t block[4 + BLOCK_BYTES];
    int in = open(BLOCKS_FILE, O_RDONLY | O_CLOEXEC);
    bool good = in >= 0;
    ssize_t n = 0;
    while (good && (n = read(in, block, sizeof block)) == (ssize_t)sizeof block) {
        uint64_t at = (uint64_t)be32_get(block) * BLOCK_BYTES;
        good = at + BLOCK_BYTES <= bytes && pwrite(fd, block + 4, BLOCK_BYTES, (off_t)at) == BLOCK_BYTES;
    }
    if (in >= 0)
        close(in);
    return good && n == 0;
}

bool erase_data(const struct box *box)
{
    char path[64];
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "/dev/%s", box->data_part);
    int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, (int)BLKGETSIZE64, &bytes) != 0)
        return false;
    uint64_t range[2] = {0, bytes};
    bool good = write_zeros(fd, bytes) && fsync(fd) == 0;
    ioctl(fd, BLKDISCARD, range); /* flash forgets what it would keep; not every disk can */
    good = good && write_zeros(fd, bytes < FRESH_BYTES ? bytes : FRESH_BYTES) && write_blocks(fd, bytes) &&
           fsync(fd) == 0;
    close(fd);
    return good;
}
