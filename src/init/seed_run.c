/* SPDX-License-Identifier: Apache-2.0 */
/* A seed from a folder: its files in, the setup, the result and the end of the secret. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "init/files.h"
#include "init/seed.h"

#define RECOVERY "RECOVERY "

static void path_of(const char *folder, const char *file, char out[FAT_PATH_MAX + FAT_NAME_MAX])
{
    snprintf(out, FAT_PATH_MAX + FAT_NAME_MAX, "%s/%s", folder, file);
}

/* ---- what is there ---- */

/* Reads a file; a fault is a line of errors. False when there is none. */
static bool read_one(const char *folder, const char *file, uint8_t *room, size_t cap, struct span *out,
                     struct buf *errors)
{
    char path[FAT_PATH_MAX + FAT_NAME_MAX];
    struct buf in = buf_over(room, cap);
    path_of(folder, file, path);
    enum status status = file_read(path, &in);
    *out = buf_span(&in);
    if (status == STATUS_TOO_LARGE)
        buf_print(errors, "%s: more than %zu bytes\n", file, cap);
    else if (status == STATUS_FAILED)
        buf_print(errors, "%s: cannot be read: %s\n", file, strerror(errno));
    return status != STATUS_NOT_FOUND;
}

static bool is_pem(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && name[len - 4] == '.' && (name[len - 3] | 0x20) == 'p' &&
           (name[len - 2] | 0x20) == 'e' && (name[len - 1] | 0x20) == 'm';
}

static size_t read_clients(const char *folder, struct seed *room, struct buf *errors)
{
    struct fat_entry entries[4 * SETUP_CLIENTS];
    char path[FAT_PATH_MAX];
    size_t count = 0;
    snprintf(path, sizeof path, "%.150s/" SEED_CLIENTS, folder);
    size_t n = fat_list(path, entries, COUNT_OF(entries));
    for (size_t i = 0; i < n; i++) {
        if (entries[i].is_folder || !is_pem(entries[i].name))
            continue;
        if (count == SETUP_CLIENTS) {
            buf_print(errors, SEED_CLIENTS ": more than %d; add the others at the console\n", SETUP_CLIENTS);
            break;
        }
        struct seed_pem *pem = &room->pems[count];
        memcpy(pem->name, entries[i].name, sizeof pem->name);
        if (read_one(path, pem->name, room->pem_text[count], SEED_PEM_MAX, &pem->text, errors))
            count++;
    }
    return count;
}

/* ---- the result ---- */

/* Lines as other systems show them: CR, LF. A recovery key stays behind. */
static void add_lines(struct buf *out, struct span text)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        bool recovery = len >= sizeof RECOVERY - 1 && memcmp(text.ptr, RECOVERY, sizeof RECOVERY - 1) == 0;
        if (recovery)
            buf_add_text(out, "recovery key: not written here; make one at the console: recovery-key new");
        else
            buf_add_printable(out, span_of(text.ptr, len));
        buf_add_text(out, "\r\n");
        len += end != NULL;
        text = span_of(text.ptr + len, text.len - len);
    }
}

/* Behind what the stick has of other boxes; from the beginning when that would be too much. */
static bool write_result(const char *folder, struct seed *room, const struct seed_wish *wish, bool good,
                         struct span report)
{
    char path[FAT_PATH_MAX + FAT_NAME_MAX], time[TIME_TEXT + 1];
    struct buf out = buf_over(room->result, sizeof room->result);
    path_of(folder, SEED_RESULT, path);
    if (file_read(path, &out) != STATUS_OK)
        out.len = 0;
    for (int i = 0; i < 2; i++) {
        time_write(wish->now_s, time);
        buf_print(&out, "Box %s, %s: %s\r\n", wish->serial, time,
                  good ? "set up" : "not set up, nothing was changed");
        add_lines(&out, report);
        buf_add_text(&out, "\r\n");
        if (!out.full)
            break;
        out = buf_over(room->result, sizeof room->result);
    }
    return file_replace(path, buf_span(&out), 0600) && fat_flush(folder);
}

/* What the setup says is kept in memory, so that the recovery key goes neither to the log nor to the stick.
 */
static bool set_up(const struct seed_wish *wish, struct seed *room, struct buf *report, char *why, size_t cap)
{
    int said = memfd_create("setup", MFD_CLOEXEC);
    if (said < 0) {
        snprintf(why, cap, "no memory for the setup: %s", strerror(errno));
        return false;
    }
    bool good = wish->setup(wish->self, &room->wish, said, why, cap);
    ssize_t n = pread(said, report->ptr + report->len, report->cap - report->len, 0);
    report->len += n > 0 ? (size_t)n : 0;
    close(said);
    return good;
}

static void say(int out, struct span text)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        if (len < sizeof RECOVERY - 1 || memcmp(text.ptr, RECOVERY, sizeof RECOVERY - 1) != 0)
            dprintf(out, "%.*s\n", (int)len, (const char *)text.ptr);
        len += end != NULL;
        text = span_of(text.ptr + len, text.len - len);
    }
}

static void end_secret(const char *folder, bool writable, int out, struct buf *report)
{
    static const char gone[] = SEED_SECRET " was overwritten and removed. Flash may keep old blocks:\n"
                                           "replace the API key when the stick is lost.\n";
    static const char stays[] = SEED_SECRET " could NOT be removed. Do it yourself, now.\n";
    char path[FAT_PATH_MAX + FAT_NAME_MAX];
    path_of(folder, SEED_SECRET, path);
    const char *text = writable && fat_erase(path) ? gone : stays;
    dprintf(out, "%s", text);
    buf_add_text(report, text);
}

/* The first line of the errors, and how many more there are. */
static void first_of(struct span errors, char *why, size_t cap)
{
    size_t lines = 0, len = 0;
    while (len < errors.len && errors.ptr[len] != '\n')
        len++;
    for (size_t i = 0; i < errors.len; i++)
        lines += errors.ptr[i] == '\n';
    if (lines > 1)
        snprintf(why, cap, "%.*s (and %zu more faults in " SEED_RESULT ")", (int)len,
                 (const char *)errors.ptr, lines - 1);
    else
        snprintf(why, cap, "%.*s", (int)len, (const char *)errors.ptr);
}

static bool try_it(const char *folder, bool writable, const struct seed_wish *wish, struct seed *room,
                   int out, struct span conf, struct buf *report, char *why, size_t cap)
{
    struct span secret;
    if (!read_one(folder, SEED_SECRET, room->secret, sizeof room->secret, &secret, report))
        secret = span_of(NULL, 0);
    size_t clients = read_clients(folder, room, report);
    bool good = report->len == 0;
    good = seed_read(conf, secret, room->pems, clients, room, report) && good;
    if (!good) {
        first_of(buf_span(report), why, cap);
        return false;
    }
    if (!set_up(wish, room, report, why, cap)) {
        buf_print(report, "%s\n", why);
        return false;
    }
    say(out, buf_span(report));
    end_secret(folder, writable, out, report);
    return true;
}

enum seed_answer seed_run(const char *folder, bool writable, const struct seed_wish *wish, struct seed *room,
                          int out, char *why, size_t cap)
{
    struct span conf;
    struct buf report = buf_over(room->report, sizeof room->report);
    if (!read_one(folder, SEED_CONF, room->conf, sizeof room->conf, &conf, &report))
        return SEED_NONE;
    bool good = try_it(folder, writable, wish, room, out, conf, &report, why, cap);
    if (!writable || !write_result(folder, room, wish, good, buf_span(&report)))
        dprintf(out, SEED_RESULT " could not be written\n");
    wipe(room, sizeof *room);
    return good ? SEED_DONE : SEED_REFUSED;
}

/* ---- the two places ---- */

static enum seed_answer look_at_stick(const struct usb_place *place, const struct seed_wish *wish,
                                      struct seed *room, int out, char *why, size_t cap)
{
    struct usb usb;
    char ignored[200];
    bool writable = usb_open(&usb, place, true, ignored, sizeof ignored);
    if (!writable && !usb_open(&usb, place, false, ignored, sizeof ignored))
        return SEED_NONE;
    enum seed_answer answer = seed_run(usb.fat.folder, writable, wish, room, out, why, cap);
    if (!usb_close(&usb, ignored, sizeof ignored))
        dprintf(out, "the stick: %s\n", ignored);
    return answer;
}

enum seed_answer seed_look(const struct usb_place *usb, const struct esp_place *esp,
                           const struct seed_wish *wish, struct seed *room, int out, char *why, size_t cap)
{
    struct fat fat;
    char path[FAT_PATH_MAX], ignored[200];
    enum seed_answer answer = look_at_stick(usb, wish, room, out, why, cap);
    if (answer != SEED_NONE || !fat_open(&fat, esp->device, esp->folder, FAT_OWN, ignored, sizeof ignored))
        return answer;
    snprintf(path, sizeof path, "%.150s/" SEED_FOLDER, esp->folder);
    answer = seed_run(path, true, wish, room, out, why, cap);
    if (!fat_close(&fat, ignored, sizeof ignored))
        dprintf(out, "the boot partition: %s\n", ignored);
    return answer;
}
