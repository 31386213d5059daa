/* SPDX-License-Identifier: Apache-2.0 */
/* A new image: written beside the others under a name that the boot loader passes over, and read back. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "init/esp.h"

#define ENTRIES_MAX 32
#define SLACK_BYTES 65536 /* for the folder and the table of clusters */
/* bytes between two flushes: what a power cut can leave allocated and without a name, until the box is
 * flashed anew. */
#define FLUSH_BYTES (1u << 20)
#define PIECE_BYTES 65536
#define PIECE_ALIGN 4096

static bool fail(const char *what, char *why, size_t cap)
{
    snprintf(why, cap, "the boot partition: cannot %s: %s", what, strerror(errno));
    return false;
}

static void path_of(const struct esp *esp, uint32_t number, const char *ending, char out[FAT_PATH_MAX + 64])
{
    snprintf(out, FAT_PATH_MAX + 64, "%s/holdfast-%06u%s", esp->folder, number, ending);
}

/* What earlier tries left behind. */
static void remove_leftovers(const struct esp *esp)
{
    struct fat_entry entries[ENTRIES_MAX];
    char path[FAT_PATH_MAX + 1 + FAT_NAME_MAX];
    size_t n = fat_list(esp->folder, entries, COUNT_OF(entries));
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(entries[i].name);
        if (entries[i].is_folder || len < 4 || strncmp(entries[i].name, "holdfast-", 9) != 0 ||
            strcmp(entries[i].name + len - 4, ".new") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", esp->folder, entries[i].name);
        unlink(path);
    }
}

static uint64_t free_bytes(const struct esp *esp)
{
    struct statvfs info;
    return statvfs(esp->folder, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize : 0;
}

/* Removes images until at most `keep` beside the protected one are left, those of no use first. */
static bool drop_down_to(struct esp *esp, size_t keep, uint32_t not_this, char *why, size_t cap)
{
    for (;;) {
        int kept = esp_protected(esp), victim = -1;
        size_t others = 0;
        for (int i = 0; i < (int)esp->count; i++) {
            if (i == kept || esp_shares(&esp->slots[i], &esp->slots[kept]))
                continue;
            others++;
            if (esp->slots[i].number == not_this)
                continue;
            /* Tried and not good goes first, then what waits, then the oldest that is good. */
            bool worse = victim < 0 ||
                         (esp->slots[i].tries_left == 0 && esp->slots[victim].tries_left != 0) ||
                         (esp->slots[i].tries_left > 0 && esp->slots[victim].tries_left == ESP_KEPT);
            victim = worse ? i : victim;
        }
        if (others <= keep || victim < 0)
            return true;
        if (!esp_drop(esp, (size_t)victim, why, cap))
            return false;
    }
}

static bool make_room(struct esp *esp, uint64_t size, char *why, size_t cap)
{
    remove_leftovers(esp);
    if (!fat_flush(esp->folder))
        return fail("write", why, cap);
    if (!drop_down_to(esp, 1, 0, why, cap))
        return false;
    if (free_bytes(esp) < size + SLACK_BYTES && !drop_down_to(esp, 0, 0, why, cap))
        return false;
    if (free_bytes(esp) >= size + SLACK_BYTES)
        return true;
    snprintf(why, cap, "the image has %llu KiB, and the boot partition room for %llu",
             (unsigned long long)(size / 1024), (unsigned long long)(free_bytes(esp) / 1024));
    return false;
}

bool esp_write_begin(struct esp *esp, struct esp_writer *w, uint64_t size, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 64];
    *w = (struct esp_writer){.fd = -1, .size = size};
    if (!make_room(esp, size, why, cap))
        return false;
    w->number = esp->count == 0 ? 1 : esp->slots[esp->count - 1].number + 1;
    if (w->number > 999999) {
        snprintf(why, cap, "the numbers of slots are used up; flash the box anew");
        return false;
    }
    path_of(esp, w->number, ".new", path);
    w->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->fd < 0)
        return fail("make a file", why, cap);
    sha256_begin(&w->stream);
    return true;
}

bool esp_write(struct esp_writer *w, struct span bytes, char *why, size_t cap)
{
    if (bytes.len > w->size - w->written) {
        snprintf(why, cap, "there is more than the file's head says; it is damaged");
        return false;
    }
    sha256_add(&w->stream, bytes);
    while (bytes.len != 0) {
        ssize_t n = write(w->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail("write the image", why, cap);
        uint64_t before = w->written / FLUSH_BYTES;
        w->written += (uint64_t)n;
        bytes = span_of(bytes.ptr + n, bytes.len - (size_t)n);
        if (w->written / FLUSH_BYTES != before && fsync(w->fd) != 0)
            return fail("write the image", why, cap);
    }
    return true;
}

/* From the medium: past the page cache where the file system can do that, else with the cache dropped. */
static bool read_back(const char *path, uint64_t size, uint8_t out[SHA256_BYTES])
{
    _Alignas(PIECE_ALIGN) uint8_t piece[PIECE_BYTES];
    struct sha256_stream stream;
    uint64_t done = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    sha256_begin(&stream);
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        sha256_add(&stream, span_of(piece, (size_t)n));
        done += (uint64_t)n;
    }
    close(fd);
    sha256_end(&stream, out);
    return n == 0 && done == size;
}

static bool check_written(struct esp_writer *w, const char *folder, const uint8_t wanted[SHA256_BYTES],
                          const char *version, char *why, size_t cap)
{
    uint8_t got[SHA256_BYTES];
    char says[VERSION_MAX];
    sha256_end(&w->stream, got);
    if (w->written != w->size || !span_equal(span_of(got, sizeof got), span_of(wanted, sizeof got))) {
        snprintf(why, cap,
                 w->written != w->size
                     ? "the file ends too early: %llu of %llu bytes; copy it again"
                     : "the image is damaged: its hash is not the signed one; copy it again",
                 (unsigned long long)w->written, (unsigned long long)w->size);
        return false;
    }
    if (fsync(w->fd) != 0 || !fat_flush(folder))
        return fail("write the image", why, cap);
    if (version != NULL && (!esp_image_version(w->fd, says) || strcmp(says, version) != 0)) {
        snprintf(why, cap, "the image says version \"%s\", its head %s: a mistake of the build", says,
                 version);
        return false;
    }
    return true;
}

bool esp_write_end(struct esp *esp, struct esp_writer *w, const uint8_t sha256[SHA256_BYTES],
                   const char *version, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 64], slot[FAT_PATH_MAX + 64];
    uint8_t got[SHA256_BYTES];
    path_of(esp, w->number, ".new", path);
    path_of(esp, w->number, "+1.efi", slot);
    bool good = check_written(w, esp->folder, sha256, version, why, cap);
    close(w->fd);
    w->fd = -1;
    if (good && (!read_back(path, w->size, got) ||
                 !span_equal(span_of(got, sizeof got), span_of(sha256, sizeof got)))) {
        snprintf(why, cap, "what was read back is not what was written: the disk is failing; replace it");
        good = false;
    }
    if (good && (rename(path, slot) != 0 || !fat_flush(esp->folder)))
        good = fail("name the image", why, cap);
    if (!good) {
        unlink(path);
        return false;
    }
    esp_scan(esp, NULL);
    return drop_down_to(esp, 1, w->number, why, cap);
}

void esp_write_abort(struct esp *esp, struct esp_writer *w)
{
    char path[FAT_PATH_MAX + 64];
    if (w->fd < 0)
        return;
    close(w->fd);
    w->fd = -1;
    path_of(esp, w->number, ".new", path);
    unlink(path);
    if (!fat_flush(esp->folder))
        return; /* the next one removes it */
}
