/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "init/files.h"

#define SMALL_FILE 4096

struct mount_point {
    const char *source, *target, *type;
    unsigned long flags;
    const char *options;
};

static const struct mount_point mount_points[] = {
    {"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2"},
    {"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755"},
    {"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=32m"},
    /* Not every kernel has these two: the event log of the TPM, and what the boot loader left. */
    {"securityfs", "/sys/kernel/security", "securityfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"efivarfs", "/sys/firmware/efi/efivars", "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL},
};

/* "key=value" or "key value" lines of the image's own files. */
static bool value_of(const char *text, const char *key, char *out, size_t cap)
{
    size_t len = strlen(key);
    for (const char *line = text; line != NULL && *line != 0; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) != 0 || (line[len] != '=' && line[len] != ' '))
            continue;
        snprintf(out, cap, "%.*s", (int)strcspn(line + len + 1, "\n"), line + len + 1);
        return true;
    }
    return false;
}

static bool read_text(const char *path, char *text, size_t cap)
{
    struct buf out = buf_over(text, cap - 1);
    enum status status = file_read(path, &out);
    text[out.len] = 0;
    return status == STATUS_OK;
}

/* The consoles of the board, in order: its first is the kernel's own. */
static void read_consoles(struct box *box, const char *list)
{
    size_t count = 0;
    while (*list != 0 && count < CONSOLES_MAX) {
        size_t len = strcspn(list, " ,");
        if (len != 0)
            snprintf(box->consoles[count++].device, sizeof box->consoles[0].device, "%.*s", (int)len, list);
        list += len;
        list += *list != 0;
    }
}

static void read_release(struct box *box)
{
    char text[SMALL_FILE], list[200] = "console", epoch[16] = "0", built[24] = "0";
    uint64_t number = 0;
    struct utsname system;
    if (read_text(RELEASE_FOLDER "/board", text, sizeof text)) {
        (void)value_of(text, "board", box->board, sizeof box->board);
        (void)value_of(text, "consoles", list, sizeof list);
    }
    if (read_text(RELEASE_FOLDER "/version", text, sizeof text)) {
        (void)value_of(text, "version", box->version, sizeof box->version);
        (void)value_of(text, "epoch", epoch, sizeof epoch);
        (void)value_of(text, "built", built, sizeof built);
    }
    if (number_read(span_of_text(built), INT64_MAX, &number) == STATUS_OK)
        box->release_s = (int64_t)number;
    if (number_read(span_of_text(epoch), UINT32_MAX, &number) == STATUS_OK)
        box->epoch = (uint32_t)number;
    if (uname(&system) == 0)
        snprintf(box->architecture, sizeof box->architecture, "%.15s", system.machine);
    read_consoles(box, list);
}

/* The first network port's address, for boxes whose board tells no identity. */
static bool read_first_mac(char *text, size_t cap)
{
    struct folder folder;
    const char *name;
    bool found = false;
    folder_open(&folder, "/sys/class/net");
    while (!found && (name = folder_next(&folder)) != NULL) {
        char path[300];
        if (strncmp(name, "eth", 3) != 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/net/%s/address", name);
        found = read_text(path, text, cap);
    }
    folder_close(&folder);
    return found;
}

/* Boards without an identity say nothing, or nothing but zeros. */
static bool is_identity(const char *text)
{
    return text[strspn(text, "0- \n")] != 0 && strlen(text) > 8;
}

/* "4F2A-91C0-77DE": of the board's own identity, so that it outlives image and disk. */
static void make_serial(struct box *box)
{
    char identity[SMALL_FILE];
    uint8_t digest[SHA256_BYTES];
    char hex[16];
    static const char *const files[] = {"/sys/class/dmi/id/product_uuid",
                                        "/sys/firmware/devicetree/base/serial-number"};
    bool found = false;
    for (size_t i = 0; !found && i < COUNT_OF(files); i++)
        found = read_text(files[i], identity, sizeof identity) && is_identity(identity);
    if (!found && !read_first_mac(identity, sizeof identity))
        identity[0] = 0;
    sha256(span_of_text(identity), digest);
    hex_write(span_of(digest, 6), 0, true, hex, sizeof hex);
    snprintf(box->serial, sizeof box->serial, "%.4s-%.4s-%.4s", hex, hex + 4, hex + 8);
}

static void make_folders(void)
{
    static const struct {
        const char *path;
        mode_t mode;
        uid_t user;
        gid_t group;
    } folders[] = {
        {SERVE_FOLDER, 02750, USER_SERVE, USER_CONSOLE},
        {INIT_FOLDER, 0750, 0, USER_CONSOLE},
        {TRY_FOLDER, 0755, 0, 0},
        {"/run/usb", 0700, 0, 0},
        {"/run/esp", 0700, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        mkdir(folders[i].path, folders[i].mode);
        if (chown(folders[i].path, folders[i].user, folders[i].group) != 0 ||
            chmod(folders[i].path, folders[i].mode) != 0)
            continue; /* a folder without its rights refuses later, by name */
    }
}

void boot_begin(struct box *box)
{
    umask(022);
    for (size_t i = 0; i < COUNT_OF(mount_points); i++) {
        const struct mount_point *m = &mount_points[i];
        mkdir(m->target, 0755);
        if (mount(m->source, m->target, m->type, m->flags, m->options) != 0)
            log_write(&box->log, LOG_INFO, "init", "%s is not mounted: %s", m->target, strerror(errno));
    }
    mkdir(DATA_FOLDER, 0755);
    make_folders();
    if (symlink(RESOLV_FILE, "/etc/resolv.conf") != 0 && errno != EEXIST)
        log_write(&box->log, LOG_WARNING, "init", "/etc/resolv.conf cannot be made: %s", strerror(errno));
    /* No core dumps, no kernel messages into a prompt, no tracing, no addresses of the kernel. */
    file_poke("/proc/sys/kernel/core_pattern", "|/nothing\n");
    file_poke("/proc/sys/kernel/printk", "1 4 1 1\n");
    file_poke("/proc/sys/kernel/yama/ptrace_scope", "3\n");
    file_poke("/proc/sys/kernel/kptr_restrict", "2\n");
    file_poke("/proc/sys/kernel/dmesg_restrict", "1\n");
    file_poke("/proc/sys/kernel/sysrq", "0\n");
    read_release(box);
    make_serial(box);
    snprintf(box->name, sizeof box->name, "holdfast-%.4s", box->serial + 10);
    if (sethostname(box->name, strlen(box->name)) != 0)
        log_write(&box->log, LOG_WARNING, "init", "the host name cannot be set: %s", strerror(errno));
}

/* Whether the block device has this partition name in its table. */
static bool is_partition(const char *device, const char *name)
{
    char path[300], text[SMALL_FILE], value[64];
    snprintf(path, sizeof path, "/sys/class/block/%s/uevent", device);
    return read_text(path, text, sizeof text) && value_of(text, "PARTNAME", value, sizeof value) &&
           strcmp(value, name) == 0;
}

/* The disk of a partition: the folder above it in the tree of devices. */
static void disk_of(const char *partition, char *out, size_t cap)
{
    char path[300], target[512];
    snprintf(path, sizeof path, "/sys/class/block/%s", partition);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    char *last = strrchr(target, '/');
    if (last == NULL)
        return;
    *last = 0;
    char *parent = strrchr(target, '/');
    snprintf(out, cap, "%.*s", (int)cap - 1, parent == NULL ? target : parent + 1);
}

/* Two disks with a data partition, as with a stick that was flashed too: nobody guesses which. */
static size_t find_partitions(struct box *box)
{
    struct folder folder;
    const char *name;
    size_t count = 0;
    folder_open(&folder, "/sys/class/block");
    while ((name = folder_next(&folder)) != NULL) {
        if (strlen(name) >= sizeof box->data_part)
            continue;
        if (is_partition(name, "holdfast-data") && count++ == 0)
            memcpy(box->data_part, name, strlen(name) + 1);
        if (is_partition(name, "holdfast-esp"))
            memcpy(box->esp_part, name, strlen(name) + 1);
    }
    folder_close(&folder);
    if (count == 1)
        disk_of(box->data_part, box->disk, sizeof box->disk);
    return count;
}

enum status boot_mount_data(struct box *box)
{
    char device[64], text[FAULT_TEXT];
    size_t count = find_partitions(box);
    if (count == 0)
        return STATUS_NOT_FOUND;
    if (count > 1) {
        box_fault(box, FAULT_DATA, "two disks have a data partition of Holdfast: take one out and restart");
        return STATUS_FAILED;
    }
    snprintf(device, sizeof device, "/dev/%s", box->data_part);
    /* With checksums in its journal, ext4 refuses to mount after a power cut tore the last commit block: a
     * disk writes 512 bytes at once, the block has 4,096. Without them the header in its first sector counts,
     * and all that it commits was flushed before. */
    if (mount(device, DATA_FOLDER, "ext4", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
              "errors=remount-ro,nojournal_checksum") != 0) {
        snprintf(text, sizeof text,
                 "the data partition %s cannot be mounted (%s): log in as reset to make it anew",
                 box->data_part, strerror(errno));
        box_fault(box, FAULT_DATA, text);
        return STATUS_FAILED;
    }
    box_fault(box, FAULT_DATA, NULL);
    return STATUS_OK;
}

bool boot_unmount_data(void)
{
    sync();
    return umount2(DATA_FOLDER, 0) == 0 || errno == EINVAL;
}
