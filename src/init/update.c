/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/download.h"

#define PIECE_BYTES 16384
#define FILES_MAX   64
#define TENTHS      10

/* One update on its way: head, then payload, in pieces of any size. */
struct taking {
    const struct update_box *box;
    const char *name;
    int out;
    bool only_head;
    size_t head_len;
    uint8_t head_bytes[UPDATE_HEAD];
    struct update_head head;
    struct esp esp;
    bool open; /* esp */
    struct esp_writer writer;
    unsigned tenths; /* said */
};

static void say_version(const struct taking *t)
{
    const struct update_self *self = &t->box->self;
    int order = version_compare(t->head.version, self->version);
    dprintf(t->out, "version %s %c %s, security epoch %u >= %u\n", t->head.version,
            order > 0   ? '>'
            : order < 0 ? '<'
                        : '=',
            self->version, t->head.epoch, self->epoch);
    if (order < 0)
        dprintf(t->out, "note: this is a downgrade\n");
    if (order == 0)
        dprintf(t->out, "note: this box runs that version already\n");
    if (t->head.notes[0] != 0)
        dprintf(t->out, "notes: %s\n", t->head.notes);
}

/* The signature first: nothing of the text is believed, or shown, before. */
static bool judge_head(struct taking *t, char *why, size_t cap)
{
    struct update_keys keys;
    if (!update_keys_read(&keys, t->box->keys, why, cap))
        return false;
    unsigned key = update_signed_by(&keys, t->head_bytes);
    if (key == 0) {
        snprintf(why, cap, "no release key of this box has signed this file: damaged, or not from the maker");
        return false;
    }
    if (!update_head_read(t->head_bytes, &t->head, why, cap))
        return false;
    dprintf(t->out, "found %s\nsigned by release key %u, ok\n", t->name, key);
    if (!update_allowed(&t->head, &t->box->self, why, cap))
        return false;
    say_version(t);
    return true;
}

static bool begin_slot(struct taking *t, char *why, size_t cap)
{
    if (!esp_open(&t->esp, &t->box->esp, true, why, cap))
        return false;
    t->open = true;
    if (esp_running_is_trial(&t->esp)) {
        snprintf(why, cap, "the image in use is still on trial; wait until it is kept (show boot)");
        return false;
    }
    return esp_write_begin(&t->esp, &t->writer, t->head.size, why, cap);
}

/* Takes what belongs to the head off *bytes; true when the head is complete and good, or not complete yet. */
static bool take_head(struct taking *t, struct span *bytes, char *why, size_t cap)
{
    size_t n = UPDATE_HEAD - t->head_len;
    n = n < bytes->len ? n : bytes->len;
    memcpy(t->head_bytes + t->head_len, bytes->ptr, n);
    t->head_len += n;
    *bytes = span_of(bytes->ptr + n, bytes->len - n);
    if (n == 0 || t->head_len < UPDATE_HEAD)
        return true;
    return judge_head(t, why, cap) && (t->only_head || begin_slot(t, why, cap));
}

static void say_progress(struct taking *t)
{
    unsigned tenths = (unsigned)(t->writer.written * TENTHS / t->writer.size);
    if (tenths != t->tenths && tenths < TENTHS)
        dprintf(t->out, "%u %%\n", TENTHS * tenths);
    t->tenths = tenths;
}

static enum download_word take(void *self, struct span bytes, char *why, size_t cap)
{
    struct taking *t = self;
    if (!take_head(t, &bytes, why, cap))
        return DOWNLOAD_REFUSED;
    if (t->only_head && t->head_len == UPDATE_HEAD)
        return DOWNLOAD_ENOUGH;
    if (bytes.len == 0)
        return DOWNLOAD_MORE;
    if (!esp_write(&t->writer, bytes, why, cap))
        return DOWNLOAD_REFUSED;
    say_progress(t);
    return DOWNLOAD_MORE;
}

/* After the last piece, or after a failure: `good` says which. */
static bool finish(struct taking *t, bool good, char *why, size_t cap)
{
    char ignored[200];
    if (good && t->head_len < UPDATE_HEAD) {
        snprintf(why, cap, "the file has %zu bytes: it is no update file", t->head_len);
        good = false;
    }
    if (!t->open)
        return good;
    if (good)
        good = esp_write_end(&t->esp, &t->writer, t->head.sha256, t->head.version, why, cap);
    else
        esp_write_abort(&t->esp, &t->writer);
    unsigned number = t->writer.number;
    good = esp_close(&t->esp, good ? why : ignored, good ? cap : sizeof ignored) && good;
    if (good)
        dprintf(t->out, "written to slot %u, read back and compared ok\n", number);
    return good;
}

bool update_from_file(const struct update_box *box, int fd, const char *name, int out, char *why, size_t cap)
{
    uint8_t piece[PIECE_BYTES];
    struct taking t = {.box = box, .name = name, .out = out, .writer = {.fd = -1}};
    ssize_t n;
    bool good = true;
    while (good && (n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            snprintf(why, cap, "cannot read %s: %s", name, strerror(errno));
        good = n > 0 && take(&t, span_of(piece, (size_t)n), why, cap) != DOWNLOAD_REFUSED;
    }
    return finish(&t, good, why, cap);
}

/* ---- from a stick ---- */

/* The version in holdfast-<version>-<board>.upd; false for other names and boards. */
static bool version_in(const char *name, const char *board, char version[VERSION_MAX])
{
    size_t len = strlen(name), tail = strlen(board) + 5;
    version[0] = 0;
    if (strncmp(name, "holdfast-", 9) != 0 || len <= 9 + tail || len - 9 - tail >= VERSION_MAX ||
        name[len - tail] != '-' || strncmp(name + len - tail + 1, board, tail - 5) != 0 ||
        strcmp(name + len - 4, ".upd") != 0)
        return false;
    memcpy(version, name + 9, len - 9 - tail);
    version[len - 9 - tail] = 0;
    return version_valid(span_of_text(version));
}

static bool choose(const struct update_box *box, const struct usb *usb, char file[FAT_NAME_MAX], char *why,
                   size_t cap)
{
    struct fat_entry entries[FILES_MAX];
    char best[VERSION_MAX] = "", version[VERSION_MAX];
    size_t n = fat_list(usb->fat.folder, entries, COUNT_OF(entries));
    file[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (entries[i].is_folder || !version_in(entries[i].name, box->self.board, version) ||
            (best[0] != 0 && version_compare(version, best) <= 0))
            continue;
        memcpy(best, version, sizeof best);
        memcpy(file, entries[i].name, FAT_NAME_MAX);
    }
    if (file[0] == 0)
        snprintf(why, cap, "the stick has no file holdfast-VERSION-%s.upd in its root folder",
                 box->self.board);
    else if (version_compare(best, box->self.version) < 0)
        snprintf(why, cap, "%s is older than %s; for a downgrade name it: update from usb %s", file,
                 box->self.version, file);
    else
        return true;
    return false;
}

static bool open_and_take(const struct update_box *box, const struct usb *usb, const char *file, int out,
                          char *why, size_t cap)
{
    char path[FAT_PATH_MAX];
    struct stat info;
    if (!usb_path(usb, file, path, why, cap))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        if (fd >= 0)
            close(fd);
        snprintf(why, cap, "the stick has no file %s in its root folder", file);
        return false;
    }
    bool good = update_from_file(box, fd, file, out, why, cap);
    close(fd);
    return good;
}

bool update_from_usb(const struct update_box *box, const char *file, int out, char *why, size_t cap)
{
    struct usb usb;
    char chosen[FAT_NAME_MAX], ignored[200];
    if (!usb_open(&usb, &box->usb, false, why, cap))
        return false;
    bool good = true;
    if (file[0] == 0) {
        good = choose(box, &usb, chosen, why, cap);
        file = chosen;
    }
    good = good && open_and_take(box, &usb, file, out, why, cap);
    usb_close(&usb, ignored, sizeof ignored);
    return good;
}

/* ---- from the network ---- */

static bool fetch(const struct update_box *box, const char *url, bool only_head, int out, char *why,
                  size_t cap)
{
    const char *slash = strrchr(url, '/');
    struct taking t = {.box = box,
                       .name = slash == NULL ? url : slash + 1,
                       .out = out,
                       .only_head = only_head,
                       .writer = {.fd = -1}};
    struct download wish = {.url = url,
                            .roots = box->roots,
                            .proxy = box->proxy,
                            .timeout_ms = box->timeout_ms,
                            .most = UPDATE_HEAD + UPDATE_MAX,
                            .take = take,
                            .self = &t};
    return finish(&t, download_run(&wish, why, cap), why, cap);
}

bool update_from_url(const struct update_box *box, const char *url, int out, char *why, size_t cap)
{
    return fetch(box, url, false, out, why, cap);
}

bool update_check(const struct update_box *box, const char *url, int out, char *why, size_t cap)
{
    return fetch(box, url, true, out, why, cap);
}

/* ---- the slots ---- */

bool update_ready(const struct update_box *box, char version[VERSION_MAX], char *why, size_t cap)
{
    struct esp esp;
    char ignored[200];
    version[0] = 0;
    if (!esp_open(&esp, &box->esp, false, why, cap))
        return false;
    const struct esp_slot *waiting = esp_waiting(&esp);
    if (waiting != NULL)
        memcpy(version, waiting->version, VERSION_MAX);
    else
        snprintf(why, cap, "no update is waiting; get one with update from usb or update from URL");
    esp_close(&esp, ignored, sizeof ignored);
    return version[0] != 0;
}

bool update_rollback(const struct update_box *box, int out, char *why, size_t cap)
{
    struct esp esp;
    char version[VERSION_MAX], ignored[200];
    if (!esp_open(&esp, &box->esp, true, why, cap))
        return false;
    bool good = esp_rollback(&esp, version, why, cap);
    good = esp_close(&esp, good ? why : ignored, good ? cap : sizeof ignored) && good;
    if (good)
        dprintf(out, "the next start takes version %s\n", version);
    return good;
}

static const char *words_of(const struct esp *esp, size_t i)
{
    const struct esp_slot *s = &esp->slots[i];
    bool running = esp->running == (int)i;
    if (s->tries_left == ESP_KEPT)
        return running ? "running, good" : "good";
    if (running)
        return "running, on trial";
    return s->tries_left > 0 ? "waits to be tried: update apply" : "was tried and not found good";
}

bool update_status(const struct update_box *box, int out, char *why, size_t cap)
{
    struct esp esp;
    struct update_keys keys;
    char ignored[200];
    dprintf(out, "version %s for %s, security epoch %u\n", box->self.version, box->self.board,
            box->self.epoch);
    if (!update_keys_read(&keys, box->keys, ignored, sizeof ignored))
        dprintf(out, "%s\n", ignored);
    if (!esp_open(&esp, &box->esp, false, why, cap))
        return false;
    for (size_t i = esp.count; i-- > 0;)
        dprintf(out, "slot %-6u %-12s %5llu KiB  %s\n", esp.slots[i].number, esp.slots[i].version,
                (unsigned long long)(esp.slots[i].size / 1024), words_of(&esp, i));
    if (esp.running < 0)
        dprintf(out, "it is not known which of them runs\n");
    return esp_close(&esp, why, cap);
}
