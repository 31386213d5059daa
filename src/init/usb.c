/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/usb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/files.h"

#define HEAD_BYTES  2048
#define DISKS_MAX   128
#define DEVICE_PATH 128

/* ---- what a volume begins with ---- */

static bool has(struct span head, size_t at, const char *text)
{
    size_t len = strlen(text);
    return head.len >= at + len && memcmp(head.ptr + at, text, len) == 0;
}

static bool power_of_two(unsigned n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* The BIOS parameter block as FAT has it: what a table of partitions has there does not fit. */
static bool is_fat(struct span head)
{
    const uint8_t *b = head.ptr;
    if (head.len < 512 || b[510] != 0x55 || b[511] != 0xaa || (b[0] != 0xeb && b[0] != 0xe9))
        return false;
    unsigned sector = b[11] | (unsigned)b[12] << 8, reserved = b[14] | (unsigned)b[15] << 8;
    return power_of_two(sector) && sector >= 512 && sector <= 4096 && power_of_two(b[13]) && reserved != 0 &&
           (b[16] == 1 || b[16] == 2) && (b[21] == 0xf0 || b[21] >= 0xf8);
}

const char *usb_sniff(struct span head)
{
    if (has(head, 3, "NTFS    "))
        return "NTFS";
    if (has(head, 3, "EXFAT   "))
        return "exFAT";
    if (is_fat(head))
        return "FAT";
    if (has(head, 1080, "\x53\xef"))
        return "ext4";
    if (has(head, 1024, "H+") || has(head, 1024, "HX"))
        return "HFS+";
    if (has(head, 32, "NXSB"))
        return "APFS";
    if (has(head, 0, "XFSB"))
        return "XFS";
    if (has(head, 0, "LUKS\xba\xbe") || has(head, 3, "-FVE-FS-"))
        return "an encrypted volume";
    return NULL;
}

/* ---- looking for it ---- */

struct candidate {
    char name[USB_DEVICE];
    bool removable;
};

/* The disk of a partition, or the disk itself: its folder in /sys lies within the disk's. */
static bool disk_of(const char *classes, const char *name, char out[USB_DEVICE])
{
    char path[256], target[512];
    snprintf(path, sizeof path, "%s/%s/partition", classes, name);
    bool partition = access(path, F_OK) == 0;
    snprintf(path, sizeof path, "%s/%s", classes, name);
    ssize_t n = readlink(path, target, sizeof target - 1);
    snprintf(out, USB_DEVICE, "%s", name);
    if (!partition || n <= 0)
        return !partition;
    target[n] = 0;
    char *end = strrchr(target, '/');
    if (end == NULL)
        return false;
    *end = 0;
    const char *disk = strrchr(target, '/');
    int len = snprintf(out, USB_DEVICE, "%s", disk == NULL ? target : disk + 1);
    return len > 0 && len < USB_DEVICE;
}

static bool is_removable(const char *classes, const char *disk)
{
    char path[256], target[512], value = '0';
    snprintf(path, sizeof path, "%s/%s/removable", classes, disk);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &value, 1) != 1)
            value = '0';
        close(fd);
    }
    snprintf(path, sizeof path, "%s/%s", classes, disk);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    return value == '1' || strstr(target, "/usb") != NULL;
}

static bool passed_over(const char *name)
{
    static const char *const kinds[] = {"loop", "ram", "zram", "dm-", "md", "mtd", "nbd", "fd"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return name[0] == '.' || strlen(name) >= USB_DEVICE;
}

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    return a->removable != b->removable ? a->removable : strcmp(a->name, b->name) < 0;
}

static size_t add_candidate(struct candidate *list, size_t count, const struct candidate *new)
{
    size_t at = count;
    if (count == DISKS_MAX)
        return count;
    for (; at > 0 && goes_before(new, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = *new;
    return count + 1;
}

static void consider(const struct usb_place *place, const char *own_disk, const char *name,
                     struct candidate *list, size_t *count)
{
    char disk[USB_DEVICE];
    struct candidate new = {.removable = false};
    if (passed_over(name) || !disk_of(place->classes, name, disk) || strcmp(disk, own_disk) == 0)
        return;
    snprintf(new.name, sizeof new.name, "%s", name);
    new.removable = is_removable(place->classes, disk);
    *count = add_candidate(list, *count, &new);
}

static size_t find_candidates(const struct usb_place *place, struct candidate *list)
{
    struct kernel_entry {
        uint64_t inode;
        int64_t offset;
        uint16_t size;
        uint8_t type;
        char name[];
    };
    union {
        struct kernel_entry align;
        char bytes[4096];
    } piece;
    char own_disk[USB_DEVICE] = "";
    size_t count = 0;
    long n;
    if (place->own[0] != 0 && !disk_of(place->classes, place->own, own_disk))
        return 0;
    int fd = open(place->classes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while ((n = syscall(SYS_getdents64, fd, piece.bytes, sizeof piece.bytes)) > 0)
        for (long at = 0; at < n;) {
            const struct kernel_entry *e = (const void *)(piece.bytes + at);
            consider(place, own_disk, e->name, list, &count);
            at += e->size;
        }
    close(fd);
    return count;
}

static const char *sniff_device(const struct usb_place *place, const char *name)
{
    uint8_t head[HEAD_BYTES];
    char path[DEVICE_PATH];
    snprintf(path, sizeof path, "%.70s/%.47s", place->devices, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    return n <= 0 ? NULL : usb_sniff(span_of(head, (size_t)n));
}

bool usb_find(const struct usb_place *place, char device[USB_DEVICE], char *why, size_t cap)
{
    struct candidate list[DISKS_MAX];
    const char *other = NULL;
    size_t count = find_candidates(place, list);
    for (size_t i = 0; i < count; i++) {
        const char *kind = sniff_device(place, list[i].name);
        if (kind != NULL && strcmp(kind, "FAT") == 0) {
            memcpy(device, list[i].name, USB_DEVICE);
            return true;
        }
        if (other == NULL && kind != NULL && list[i].removable)
            other = kind;
    }
    if (other != NULL)
        snprintf(why, cap, "the stick has %s; it must be FAT (FAT32)", other);
    else
        snprintf(why, cap, "no stick with a FAT file system is plugged in");
    return false;
}

bool usb_open(struct usb *usb, const struct usb_place *place, bool write, char *why, size_t cap)
{
    char path[DEVICE_PATH];
    enum fat_use use = write ? FAT_WRITE : FAT_READ;
    *usb = (struct usb){.fat = {.lock = -1}};
    if (place->already != NULL)
        return fat_open(&usb->fat, NULL, place->already, use, why, cap);
    if (!usb_find(place, usb->device, why, cap))
        return false;
    snprintf(path, sizeof path, "%.70s/%s", place->devices, usb->device);
    return fat_open(&usb->fat, path, place->folder, use, why, cap);
}

bool usb_close(struct usb *usb, char *why, size_t cap)
{
    return fat_close(&usb->fat, why, cap);
}

/* ---- files ---- */

bool usb_path(const struct usb *usb, const char *file, char path[FAT_PATH_MAX], char *why, size_t cap)
{
    size_t len = strlen(file);
    bool good = len != 0 && len < FAT_NAME_MAX && file[0] != '/' && file[0] != '.' && file[0] != ' ' &&
                file[len - 1] != ' ' && file[len - 1] != '.' && file[len - 1] != '/' &&
                strstr(file, "/.") == NULL && strstr(file, "//") == NULL;
    for (size_t i = 0; i < len && good; i++)
        good = file[i] >= ' ' && file[i] < 0x7f && strchr("\\:*?\"<>|", file[i]) == NULL;
    int n = good ? snprintf(path, FAT_PATH_MAX, "%s/%s", usb->fat.folder, file) : 0;
    good = good && n > 0 && n < FAT_PATH_MAX;
    if (!good)
        snprintf(why, cap, "not the name of a file on a stick: letters, digits, dot and hyphen");
    return good;
}

void usb_list(const struct usb *usb, int out)
{
    struct fat_entry entries[USB_LIST_MAX];
    size_t n = fat_list(usb->fat.folder, entries, COUNT_OF(entries));
    for (size_t i = 0; i < n; i++) {
        char text[4 * FAT_NAME_MAX + 1];
        struct buf name = buf_over(text, sizeof text);
        buf_add_printable(&name, span_of_text(entries[i].name));
        if (entries[i].is_folder)
            dprintf(out, "%10s  %.60s/\n", "", (const char *)name.ptr);
        else
            dprintf(out, "%10llu  %.60s\n", (unsigned long long)entries[i].size, (const char *)name.ptr);
    }
    if (n == 0)
        dprintf(out, "no files\n");
    if (n == USB_LIST_MAX)
        dprintf(out, "more than %d; the others are not shown\n", USB_LIST_MAX);
}

bool usb_read(const struct usb *usb, const char *file, struct buf *out, char *why, size_t cap)
{
    char path[FAT_PATH_MAX];
    struct stat info;
    if (!usb_path(usb, file, path, why, cap))
        return false;
    if (lstat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        snprintf(why, cap, "%s on the stick is not a file", file);
        return false;
    }
    switch (file_read(path, out)) {
    case STATUS_OK:
        return true;
    case STATUS_NOT_FOUND:
        snprintf(why, cap, "the stick has no file %s in its root folder", file);
        break;
    case STATUS_TOO_LARGE:
        snprintf(why, cap, "%s is too large: %llu bytes, at most %zu", file, (unsigned long long)info.st_size,
                 out->cap);
        break;
    case STATUS_END:
    case STATUS_MALFORMED:
    case STATUS_NO_SPACE:
    case STATUS_REFUSED:
    case STATUS_FAILED:
        snprintf(why, cap, "cannot read %s from the stick: %s", file, strerror(errno));
        break;
    }
    return false;
}

bool usb_write(const struct usb *usb, const char *file, struct span bytes, char *why, size_t cap)
{
    char path[FAT_PATH_MAX];
    if (strchr(file, '/') != NULL || strlen(file) > USB_FILE_NAME || bytes.len > USB_FILE_MAX) {
        snprintf(why, cap, "a file on a stick has a name of at most %d characters and at most 1 MiB",
                 USB_FILE_NAME);
        return false;
    }
    if (!usb_path(usb, file, path, why, cap))
        return false;
    if (file_replace(path, bytes, 0600) && fat_flush(usb->fat.folder))
        return true;
    snprintf(why, cap, "cannot write %s to the stick: %s", file, strerror(errno));
    return false;
}
