/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots of the boot partition: which images there are, which one runs, which one is started next. Names
 * are as image/UPDATE-FORMAT.md has them: the boot loader starts the highest number, unless its tries are
 * used up. An image gets such a name only when all of it is on the disk, and the running one is never
 * removed, so a power cut at any moment leaves a box that starts.
 *
 * For jobs, as root. Every change is flushed before the function returns.
 */
#ifndef HOLDFAST_INIT_ESP_H
#define HOLDFAST_INIT_ESP_H

#include "crypto/sha256_stream.h"
#include "init/esp_image.h"
#include "init/fat.h"

#define ESP_SLOTS  8 /* normally two, three while one is written */
#define ESP_FOLDER "EFI/Linux"
#define ESP_KEPT   (-1) /* of tries_left: found good */

struct esp_slot {
    char file[40];
    uint32_t number; /* 1 to 999999 */
    int tries_left;  /* ESP_KEPT; above 0: waits to be tried; 0: on trial now, or tried and not found good */
    uint64_t size;
    uint64_t first_block; /* on the medium; 0: not known */
    char version[VERSION_MAX];
};

/* Where things are. */
struct esp_place {
    const char *device;  /* "/dev/vda1"; NULL: `folder` is used as it is */
    const char *folder;  /* mount point, "/run/esp" */
    const char *efivars; /* "/sys/firmware/efi/efivars", or NULL */
    const char *version; /* of the running image, "1.0.0" */
};

struct esp {
    struct fat fat;
    char folder[FAT_PATH_MAX]; /* of the slots */
    size_t count;
    struct esp_slot slots[ESP_SLOTS]; /* by number */
    int running;                      /* place in slots; -1: not known */
};

/* Mounts the partition and reads the slots. False with a text in why; then nothing is to be closed. */
MUST_USE bool esp_open(struct esp *esp, const struct esp_place *place, bool write, char *why, size_t cap);
/* Flushes and unmounts. False with a text in why when something may not be on the disk. */
bool esp_close(struct esp *esp, char *why, size_t cap);

/* The image in use has not been found good yet. */
bool esp_running_is_trial(const struct esp *esp);
/* The image that will be tried at the next start, or NULL. */
const struct esp_slot *esp_waiting(const struct esp *esp);
/* The newest image found good that does not run, or NULL: what a rollback goes to. */
const struct esp_slot *esp_other(const struct esp *esp);
/* An image newer than the running one that was tried and not found good, or NULL. */
const struct esp_slot *esp_failed(const struct esp *esp);

/* The image in use is found good: it loses its counter. True as well when it had none. */
MUST_USE bool esp_bless(struct esp *esp, char *why, size_t cap);
/* The image in use, on trial, is not good: it is removed. Refused when no other image was found good. */
MUST_USE bool esp_give_up(struct esp *esp, char *why, size_t cap);
/* Removes the images that were tried and not found good, but for the running one. */
MUST_USE bool esp_drop_failed(struct esp *esp, char *why, size_t cap);
/*
 * The other image found good becomes the one that is started next, by a number above all others; an image
 * that waits to be tried is removed instead. *version gets the version that the next start brings.
 */
MUST_USE bool esp_rollback(struct esp *esp, char version[VERSION_MAX], char *why, size_t cap);

/* An image being written. */
struct esp_writer {
    int fd; /* -1: none */
    uint64_t size, written;
    uint32_t number;
    struct sha256_stream stream;
};

/* Begins the file of a new image of `size` bytes; removes what earlier tries left, and the other image only
 * when there is no room otherwise. */
MUST_USE bool esp_write_begin(struct esp *esp, struct esp_writer *writer, uint64_t size, char *why,
                              size_t cap);
MUST_USE bool esp_write(struct esp_writer *writer, struct span bytes, char *why, size_t cap);
/*
 * Reads the image back from the disk, compares its hash and its version, and gives it the name of a slot that
 * is tried at the next start. Images beyond two are removed afterwards. The writer is closed in any case.
 */
MUST_USE bool esp_write_end(struct esp *esp, struct esp_writer *writer, const uint8_t sha256[SHA256_BYTES],
                            const char *version, char *why, size_t cap);
void esp_write_abort(struct esp *esp, struct esp_writer *writer);

/* Of esp_write.c: what esp.c does for it. */
void esp_scan(struct esp *esp, const struct esp_place *place);
MUST_USE bool esp_drop(struct esp *esp, size_t slot, char *why, size_t cap);
/* The slot that nothing may remove: the running one, or when that is not known the newest found good. -1:
 * none. */
int esp_protected(const struct esp *esp);
/*
 * Two names of one content, as a power cut within a rename can leave them: to remove one of them would free
 * the clusters of both. Such names are removed together or not at all.
 */
bool esp_shares(const struct esp_slot *a, const struct esp_slot *b);

#endif
