/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last boots, each with its slot and the reason for what happened: /data/boots, a line each, replaced as
 * a whole:
 *
 *     NUMBER TIME SLOT VERSION RESULT END WHY...
 *
 * A boot has a line from its beginning on, RESULT `began` or `trial`; the verdict replaces it. END is
 * `running` until the box says that it goes; a boot that never said so ended without power.
 */
#ifndef HOLDFAST_INIT_BOOTS_H
#define HOLDFAST_INIT_BOOTS_H

#include "base/buf.h"
#include "base/status.h"
#include "init/esp.h"

#define BOOTS_MAX   16
#define BOOT_WHY    120 /* bytes of a reason, with its NUL */
#define BOOTS_BYTES 4096

enum boot_result {
    BOOT_BEGAN,
    BOOT_TRIAL,  /* an image on trial, without a verdict yet */
    BOOT_NORMAL, /* serves */
    BOOT_KEPT,   /* an image on trial was found good */
    BOOT_BACK,   /* the image on trial was left for this one */
    BOOT_FAILED  /* an image on trial was found not good */
};

enum boot_end { BOOT_RUNNING, BOOT_RESTART, BOOT_HALT, BOOT_LOST /* of power, or by the watchdog */ };

struct boot {
    uint32_t number;
    int64_t time_s;
    uint32_t slot; /* 0: not known */
    char version[VERSION_MAX];
    enum boot_result result;
    enum boot_end end;
    char why[BOOT_WHY];
};

struct boots {
    size_t count;
    struct boot list[BOOTS_MAX]; /* oldest first */
};

/* Reads the text of the file. Lines that are none are passed over: what is left is shown. */
void boots_parse(struct span text, struct boots *out);
/* The text of the file; BOOTS_BYTES hold it. */
void boots_print(const struct boots *boots, struct buf *out);

/* What is known at the beginning of a boot. */
struct boot_facts {
    int64_t now_s;
    int64_t last_alive_s; /* the last time known good before this boot (/data/clock); 0: none */
    uint32_t slot;        /* that runs; 0 not known */
    const char *version;
    bool trial;         /* the image that runs is on trial */
    const char *failed; /* version of a newer image tried and not found good, or NULL (esp_failed) */
    uint32_t failed_slot;
    const char *waiting; /* version of an image that waits to be tried, or NULL (esp_waiting) */
};

/* The facts that the slots tell; texts point into esp. */
void boots_facts(const struct esp *esp, struct boot_facts *facts);

/* Adds a boot: says how the one before ended, and why this one is what it is. */
void boots_add(struct boots *boots, const struct boot_facts *facts);

/* The same on the file. False with errno when it cannot be written. Called once a boot. */
MUST_USE bool boots_begin(const char *path, const struct boot_facts *facts);
/* The verdict on the boot under way. */
MUST_USE bool boots_result(const char *path, enum boot_result result, const char *why);
/* The boot under way ends by intention. */
MUST_USE bool boots_end(const char *path, enum boot_end end);

/* The table of `show boot`, newest first, lines of at most 79 columns. */
void boots_write(const struct boots *boots, int out);
void boots_show(const char *path, int out);

#endif
