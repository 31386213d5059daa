/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/fat.h"
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES   100
#define LOCK_STEP_MS 100
#define STALE_MOUNTS 4
#define BUSY_TRIES   20

/* Names and dates as firmware and other systems read them; files are root's alone. */
#define OPTIONS "codepage=437,iocharset=iso8859-1,shortname=mixed,fmask=0177,dmask=0077"

static bool take_lock(struct fat *fat, char *why, size_t cap)
{
    char path[FAT_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s.lock", fat->folder);
    fat->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fat->lock < 0) {
        snprintf(why, cap, "cannot make %s: %s", path, strerror(errno));
        return false;
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fat->lock, LOCK_EX | LOCK_NB) == 0)
            return true;
        poll(NULL, 0, LOCK_STEP_MS);
    }
    close(fat->lock);
    fat->lock = -1;
    snprintf(why, cap, "another command uses %s; try again when it has ended", fat->folder);
    return false;
}

static bool mount_it(struct fat *fat, const char *device, enum fat_use use, char *why, size_t cap)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | (use == FAT_READ ? MS_RDONLY : 0);
    for (int i = 0; i < STALE_MOUNTS && umount2(fat->folder, MNT_DETACH) == 0; i++)
        continue;
    if (mount(device, fat->folder, "vfat", flags,
              use == FAT_OWN ? OPTIONS ",errors=continue" : OPTIONS ",errors=remount-ro") == 0) {
        fat->mounted = true;
        return true;
    }
    if (errno == EROFS || errno == EACCES)
        snprintf(why, cap, "%s is write-protected", device);
    else if (errno == EINVAL)
        snprintf(why, cap, "%s: its FAT file system is damaged; format it anew", device);
    else
        snprintf(why, cap, "cannot mount %s: %s", device, strerror(errno));
    return false;
}

bool fat_open(struct fat *fat, const char *device, const char *folder, enum fat_use use, char *why,
              size_t cap)
{
    *fat = (struct fat){.lock = -1};
    int n = snprintf(fat->folder, sizeof fat->folder, "%s", folder);
    if (n < 0 || (size_t)n >= sizeof fat->folder) {
        snprintf(why, cap, "the path of the mount point is too long");
        return false;
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        snprintf(why, cap, "cannot make %s: %s", folder, strerror(errno));
        return false;
    }
    if (!take_lock(fat, why, cap))
        return false;
    if (device == NULL || mount_it(fat, device, use, why, cap))
        return true;
    close(fat->lock);
    fat->lock = -1;
    return false;
}

bool fat_flush(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = syncfs(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

bool fat_close(struct fat *fat, char *why, size_t cap)
{
    if (fat->lock < 0)
        return true;
    bool good = fat_flush(fat->folder);
    if (!good)
        snprintf(why, cap, "not everything was written: %s", strerror(errno));
    if (fat->mounted) {
        int tries = 0;
        while (umount2(fat->folder, 0) != 0 && errno == EBUSY && ++tries < BUSY_TRIES)
            poll(NULL, 0, LOCK_STEP_MS);
        if (tries == BUSY_TRIES)
            umount2(fat->folder, MNT_DETACH);
    }
    close(fat->lock);
    *fat = (struct fat){.lock = -1};
    return good;
}

/* ---- folders ---- */

/* Puts an entry in its place among `count`; the last falls off when there is no room. */
static size_t insert(struct fat_entry *out, size_t count, size_t room, const struct fat_entry *new)
{
    size_t at = count;
    while (at > 0 && strcmp(out[at - 1].name, new->name) > 0)
        at--;
    if (at == room)
        return count;
    size_t behind = (count < room ? count : room - 1) - at;
    memmove(out + at + 1, out + at, behind * sizeof *out);
    out[at] = *new;
    return count < room ? count + 1 : room;
}

static bool look_at(int folder, const char *name, struct fat_entry *out)
{
    struct stat info;
    if (name[0] == '.' || strlen(name) >= sizeof out->name ||
        fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return false;
    *out = (struct fat_entry){.size = (uint64_t)info.st_size, .is_folder = S_ISDIR(info.st_mode)};
    memcpy(out->name, name, strlen(name) + 1);
    return true;
}

size_t fat_list(const char *folder, struct fat_entry *out, size_t room)
{
    struct folder names;
    const char *name;
    size_t count = 0;
    folder_open(&names, folder);
    for (size_t looked = 0; looked < FAT_LOOKED_MAX && (name = folder_next(&names)) != NULL; looked++) {
        struct fat_entry new;
        if (look_at(names.fd, name, &new))
            count = insert(out, count, room, &new);
    }
    folder_close(&names);
    return count;
}

static bool write_zeros(int fd, uint64_t size)
{
    static const uint8_t zeros[512];
    while (size != 0) {
        ssize_t n = write(fd, zeros, size < sizeof zeros ? (size_t)size : sizeof zeros);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        size -= (uint64_t)n;
    }
    return true;
}

bool fat_erase(const char *path)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT;
    bool good = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && write_zeros(fd, (uint64_t)info.st_size) &&
                fsync(fd) == 0;
    good = unlink(path) == 0 && good;
    good = syncfs(fd) == 0 && good;
    close(fd);
    return good;
}
