/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define ENTRIES_MAX 32
#define PREFIX      "holdfast-"
#define DIGITS      6
/* systemd-boot's own variables: https://systemd.io/BOOT_LOADER_INTERFACE */
#define LOADER_ENTRY "LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/* ---- names ---- */

static bool take(struct span *in, const char *text)
{
    size_t len = strlen(text);
    if (in->len < len || memcmp(in->ptr, text, len) != 0)
        return false;
    *in = span_of(in->ptr + len, in->len - len);
    return true;
}

static bool take_digits(struct span *in, size_t most, uint64_t *out)
{
    size_t n = 0;
    while (n < in->len && in->ptr[n] >= '0' && in->ptr[n] <= '9')
        n++;
    if (n == 0 || n > most || number_read(span_of(in->ptr, n), 999999, out) != STATUS_OK)
        return false;
    *in = span_of(in->ptr + n, in->len - n);
    return true;
}

/* holdfast-NNNNNN.efi, +LEFT or +LEFT-DONE before the dot. */
static bool read_name(const char *name, struct esp_slot *out)
{
    uint64_t number, left = 0, done;
    struct span in = span_of_text(name);
    *out = (struct esp_slot){.tries_left = ESP_KEPT};
    if (in.len >= sizeof out->file || !take(&in, PREFIX) || in.len < DIGITS)
        return false;
    struct span digits = span_of(in.ptr, DIGITS);
    in = span_of(in.ptr + DIGITS, in.len - DIGITS);
    if (!take_digits(&digits, DIGITS, &number) || digits.len != 0 || number == 0)
        return false;
    if (take(&in, "+")) {
        if (!take_digits(&in, 2, &left) || (take(&in, "-") && !take_digits(&in, 2, &done)))
            return false;
        out->tries_left = (int)left;
    }
    if (!take(&in, ".efi") || in.len != 0)
        return false;
    out->number = (uint32_t)number;
    memcpy(out->file, name, strlen(name) + 1);
    return true;
}

static void path_of(const struct esp *esp, const char *file, char out[FAT_PATH_MAX + 64])
{
    snprintf(out, FAT_PATH_MAX + 64, "%s/%s", esp->folder, file);
}

/* ---- what there is ---- */

static void look_inside(const struct esp *esp, struct esp_slot *slot)
{
    char path[FAT_PATH_MAX + 64];
    int block = 0;
    path_of(esp, slot->file, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (!esp_image_version(fd, slot->version))
        snprintf(slot->version, sizeof slot->version, "?");
    if (ioctl(fd, FIBMAP, &block) == 0 && block > 0)
        slot->first_block = (uint64_t)block;
    close(fd);
}

/* The number of the image that the boot loader says it started; 0 when it does not say. It tells the name
 * from before it counted the try. */
static uint32_t number_started(const char *efivars)
{
    char path[FAT_PATH_MAX], name[40];
    uint8_t value[4 + 2 * sizeof name]; /* four bytes of attributes, then UTF-16 */
    struct esp_slot slot;
    if (efivars == NULL)
        return 0;
    snprintf(path, sizeof path, "%s/%s", efivars, LOADER_ENTRY);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, value, sizeof value);
    close(fd);
    size_t len = 0;
    for (ssize_t i = 4; i + 1 < n && len < sizeof name - 1 && (value[i] != 0 || value[i + 1] != 0); i += 2)
        name[len++] =
            value[i + 1] != 0 ? '?' : (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + 32 : value[i]);
    name[len] = 0;
    return read_name(name, &slot) ? slot.number : 0;
}

/*
 * Of two names with the number that the boot loader tells, the one found good: see esp_shares. Without that
 * the newest of the version that runs, but for images that wait to be tried.
 */
static int find_running(const struct esp *esp, const struct esp_place *place)
{
    uint32_t number = number_started(place->efivars);
    int found = -1;
    for (size_t i = 0; i < esp->count && number != 0; i++)
        if (esp->slots[i].number == number && (found < 0 || esp->slots[i].tries_left == ESP_KEPT))
            found = (int)i;
    for (size_t i = 0; i < esp->count && number == 0 && place->version != NULL; i++)
        if (esp->slots[i].tries_left <= 0 && strcmp(esp->slots[i].version, place->version) == 0)
            found = (int)i;
    return found;
}

static void put_in_place(struct esp *esp, const struct esp_slot *slot)
{
    size_t at = esp->count++;
    while (at > 0 && esp->slots[at - 1].number > slot->number) {
        esp->slots[at] = esp->slots[at - 1];
        at--;
    }
    esp->slots[at] = *slot;
}

void esp_scan(struct esp *esp, const struct esp_place *place)
{
    struct fat_entry entries[ENTRIES_MAX];
    struct esp_slot slot;
    uint32_t running = esp->running < 0 ? 0 : esp->slots[esp->running].number;
    esp->count = 0;
    esp->running = -1;
    size_t n = fat_list(esp->folder, entries, COUNT_OF(entries));
    for (size_t i = 0; i < n && esp->count < ESP_SLOTS; i++) {
        if (entries[i].is_folder || !read_name(entries[i].name, &slot))
            continue;
        slot.size = entries[i].size;
        look_inside(esp, &slot);
        put_in_place(esp, &slot);
    }
    if (place != NULL)
        esp->running = find_running(esp, place);
    for (size_t i = 0; i < esp->count && place == NULL; i++)
        if (running != 0 && esp->slots[i].number == running &&
            (esp->running < 0 || esp->slots[i].tries_left == ESP_KEPT))
            esp->running = (int)i;
}

bool esp_open(struct esp *esp, const struct esp_place *place, bool write, char *why, size_t cap)
{
    *esp = (struct esp){.running = -1};
    if (!fat_open(&esp->fat, place->device, place->folder, write ? FAT_OWN : FAT_READ, why, cap))
        return false;
    int n = snprintf(esp->folder, sizeof esp->folder, "%s/" ESP_FOLDER, place->folder);
    if (n > 0 && (size_t)n < sizeof esp->folder && access(esp->folder, F_OK) == 0) {
        esp_scan(esp, place);
        return true;
    }
    char ignored[8];
    fat_close(&esp->fat, ignored, sizeof ignored);
    snprintf(why, cap, "the boot partition has no folder " ESP_FOLDER "; flash the box anew");
    return false;
}

bool esp_close(struct esp *esp, char *why, size_t cap)
{
    return fat_close(&esp->fat, why, cap);
}

bool esp_running_is_trial(const struct esp *esp)
{
    return esp->running >= 0 && esp->slots[esp->running].tries_left != ESP_KEPT;
}

static const struct esp_slot *newest(const struct esp *esp, int least, int most)
{
    for (size_t i = esp->count; i-- > 0;) {
        const struct esp_slot *s = &esp->slots[i];
        if ((int)i != esp->running && s->tries_left >= least && s->tries_left <= most)
            return s;
    }
    return NULL;
}

const struct esp_slot *esp_waiting(const struct esp *esp)
{
    return newest(esp, 1, 99);
}

const struct esp_slot *esp_other(const struct esp *esp)
{
    return newest(esp, ESP_KEPT, ESP_KEPT);
}

const struct esp_slot *esp_failed(const struct esp *esp)
{
    const struct esp_slot *s = newest(esp, 0, 0);
    return s != NULL && esp->running >= 0 && s->number > esp->slots[esp->running].number ? s : NULL;
}

int esp_protected(const struct esp *esp)
{
    const struct esp_slot *other = esp_other(esp);
    if (esp->running >= 0)
        return esp->running;
    return other == NULL ? (int)esp->count - 1 : (int)(other - esp->slots);
}

/* ---- changes ---- */

static bool fail(const char *what, char *why, size_t cap)
{
    snprintf(why, cap, "the boot partition: cannot %s: %s", what, strerror(errno));
    return false;
}

static bool rename_slot(struct esp *esp, size_t slot, const char *name, char *why, size_t cap)
{
    char from[FAT_PATH_MAX + 64], to[FAT_PATH_MAX + 64];
    path_of(esp, esp->slots[slot].file, from);
    path_of(esp, name, to);
    if (access(to, F_OK) == 0) {
        snprintf(why, cap, "the boot partition has %s twice; nothing was changed", name);
        return false;
    }
    if (rename(from, to) != 0 || !fat_flush(esp->folder))
        return fail("rename an image", why, cap);
    esp_scan(esp, NULL);
    return true;
}

bool esp_shares(const struct esp_slot *a, const struct esp_slot *b)
{
    return a->first_block != 0 && a->first_block == b->first_block;
}

bool esp_drop(struct esp *esp, size_t slot, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 64];
    struct esp_slot gone = esp->slots[slot];
    int kept = esp_protected(esp);
    if (kept >= 0 && (slot == (size_t)kept || esp_shares(&gone, &esp->slots[kept]))) {
        snprintf(why, cap, "slot %u is the image in use; it is not removed", gone.number);
        return false;
    }
    for (size_t i = 0; i < esp->count; i++) {
        if (i != slot && !esp_shares(&gone, &esp->slots[i]))
            continue;
        path_of(esp, esp->slots[i].file, path);
        if (unlink(path) != 0 && errno != ENOENT)
            return fail("remove an image", why, cap);
    }
    if (!fat_flush(esp->folder))
        return fail("write", why, cap);
    esp_scan(esp, NULL);
    return true;
}

bool esp_bless(struct esp *esp, char *why, size_t cap)
{
    char name[40];
    if (esp->running < 0) {
        snprintf(why, cap, "it is not known which image runs; nothing was changed");
        return false;
    }
    if (!esp_running_is_trial(esp))
        return true;
    snprintf(name, sizeof name, PREFIX "%06u.efi", esp->slots[esp->running].number);
    return rename_slot(esp, (size_t)esp->running, name, why, cap);
}

bool esp_give_up(struct esp *esp, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 64];
    const struct esp_slot *other = esp_other(esp);
    if (!esp_running_is_trial(esp)) {
        snprintf(why, cap, "the image in use is not on trial");
        return false;
    }
    const struct esp_slot *mine = &esp->slots[esp->running];
    if (other == NULL || esp_shares(other, mine)) {
        snprintf(why, cap, "no other image was found good; the one in use is kept");
        return false;
    }
    path_of(esp, mine->file, path);
    if (unlink(path) != 0 || !fat_flush(esp->folder))
        return fail("remove the image on trial", why, cap);
    esp_scan(esp, NULL);
    return true;
}

bool esp_drop_failed(struct esp *esp, char *why, size_t cap)
{
    for (size_t i = 0; i < esp->count;) {
        int kept = esp_protected(esp);
        if (esp->slots[i].tries_left != 0 || (int)i == kept ||
            esp_shares(&esp->slots[i], &esp->slots[kept])) {
            i++;
            continue;
        }
        if (!esp_drop(esp, i, why, cap))
            return false;
        i = 0;
    }
    return true;
}

bool esp_rollback(struct esp *esp, char version[VERSION_MAX], char *why, size_t cap)
{
    char name[40];
    const struct esp_slot *waiting = esp_waiting(esp), *other = esp_other(esp);
    if (waiting != NULL && esp->running >= 0) {
        memcpy(version, esp->slots[esp->running].version, VERSION_MAX);
        return esp_drop(esp, (size_t)(waiting - esp->slots), why, cap);
    }
    if (other == NULL || esp->running < 0) {
        snprintf(why, cap,
                 other == NULL ? "there is no other image to go back to"
                               : "it is not known which image runs; nothing was changed");
        return false;
    }
    uint32_t number = esp->slots[esp->count - 1].number + 1;
    if (number > 999999) {
        snprintf(why, cap, "the numbers of slots are used up; flash the box anew");
        return false;
    }
    memcpy(version, other->version, VERSION_MAX);
    snprintf(name, sizeof name, PREFIX "%06u.efi", number);
    return rename_slot(esp, (size_t)(other - esp->slots), name, why, cap);
}
