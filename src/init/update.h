/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An update: checked, written to the other slot, read back; tried at the next start. For jobs. What was found
 * goes to `out` line by line; a refusal is one sentence in why, and then the slots are as they were.
 */
#ifndef HOLDFAST_INIT_UPDATE_H
#define HOLDFAST_INIT_UPDATE_H

#include "init/esp.h"
#include "init/update_file.h"
#include "init/usb.h"

/* What a job knows of its box. */
struct update_box {
    struct esp_place esp;
    struct usb_place usb;
    struct update_self self;
    const char *keys;    /* folder of the release keys, "/etc/holdfast" */
    struct span roots;   /* PEM, for HTTPS */
    const char *proxy;   /* "" for none */
    uint64_t timeout_ms; /* of a download */
};

/* From an open file; `name` is for its lines only. */
MUST_USE bool update_from_file(const struct update_box *box, int fd, const char *name, int out, char *why,
                               size_t cap);
/* From a stick: this file, or with "" the newest holdfast-*.upd for this board. An older version than the
 * running one has to be named. */
MUST_USE bool update_from_usb(const struct update_box *box, const char *file, int out, char *why, size_t cap);
MUST_USE bool update_from_url(const struct update_box *box, const char *url, int out, char *why, size_t cap);
/* Reads the head at the address and says what it is, and whether this box takes it. */
MUST_USE bool update_check(const struct update_box *box, const char *url, int out, char *why, size_t cap);

/* Whether a restart brings something to try: *version is its version. False with a text in why. */
MUST_USE bool update_ready(const struct update_box *box, char version[VERSION_MAX], char *why, size_t cap);
/* The next start takes the other image found good. */
MUST_USE bool update_rollback(const struct update_box *box, int out, char *why, size_t cap);
/* Lines for `show update`. */
MUST_USE bool update_status(const struct update_box *box, int out, char *why, size_t cap);

#endif
