/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first FAT volume that is not on the box's own disk: a stick, usually. Found by reading boot sectors,
 * since labels and kinds of partitions say little. Everything on it is somebody else's.
 */
#ifndef HOLDFAST_INIT_USB_H
#define HOLDFAST_INIT_USB_H

#include "base/buf.h"
#include "init/fat.h"

#define USB_DEVICE    48
#define USB_LIST_MAX  200        /* lines of a list */
#define USB_FILE_NAME 40         /* longest name of a file to write */
#define USB_FILE_MAX  (1u << 20) /* bytes of a file written */

/* Where things are. */
struct usb_place {
    const char *classes; /* "/sys/class/block" */
    const char *devices; /* "/dev" */
    const char *own; /* a name as "vda1" or "vda": its disk is the box's own and passed over; "" for none */
    const char *folder;  /* mount point, "/run/usb" */
    const char *already; /* a folder that is used as the stick: nothing is looked for or mounted; or NULL */
};

struct usb {
    struct fat fat;
    char device[USB_DEVICE]; /* "sda1" */
};

/* What a volume begins with: "FAT", "NTFS", "exFAT" and so on, or NULL when it is nothing known. `head` is
 * its first 2,048 bytes or less. */
const char *usb_sniff(struct span head);

/*
 * Puts the name of the first FAT volume in device; removable disks go first, then by name. False with a text
 * in why, which names another file system when that is what there is.
 */
MUST_USE bool usb_find(const struct usb_place *place, char device[USB_DEVICE], char *why, size_t cap);

/* Finds and mounts it. False with a text in why; then nothing is to be closed. */
MUST_USE bool usb_open(struct usb *usb, const struct usb_place *place, bool write, char *why, size_t cap);
/* Flushes and unmounts: the stick can be removed. */
bool usb_close(struct usb *usb, char *why, size_t cap);

/* The path of a file in the stick's root, or in a folder of it ("clients/vc.pem"). False with a text in why
 * for names that are not plain: no "..", no blanks at the ends, no bytes beyond printable ASCII. */
MUST_USE bool usb_path(const struct usb *usb, const char *file, char path[FAT_PATH_MAX], char *why,
                       size_t cap);

/* Files and folders of the root, a line each, to a job's output. */
void usb_list(const struct usb *usb, int out);
/* Reads a whole file behind out->len. False with a text in why, also when it does not fit. */
MUST_USE bool usb_read(const struct usb *usb, const char *file, struct buf *out, char *why, size_t cap);
/* Replaces a file of the root: written beside it, flushed, renamed, flushed. */
MUST_USE bool usb_write(const struct usb *usb, const char *file, struct span bytes, char *why, size_t cap);

#endif
