/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first revision of a box: state key, key slots, state folder, administrator, configuration. From the
 * wizard, from a script at the console, or from a seed; all or nothing.
 */
#ifndef HOLDFAST_INIT_SETUP_H
#define HOLDFAST_INIT_SETUP_H

#include "base/limits.h"
#include "base/span.h"

#define SETUP_CLIENTS  8
#define CONFIG_BYTES   65536 /* of one revision */
#define PASSPHRASE_MIN 12
#define PASSPHRASE_MAX 256

struct setup_client {
    char name[NAME_MAX_BYTES + 1];
    size_t len;
    uint8_t der[CERTIFICATE_MAX];
};

struct setup_wish {
    struct span config;     /* `set` lines, LF at the end of each */
    struct span passphrase; /* the administrator's, PASSPHRASE_MIN to PASSPHRASE_MAX bytes */
    struct span api_key;    /* empty: none */
    size_t client_count;
    struct setup_client clients[SETUP_CLIENTS];
};

struct box;

/*
 * Runs in a job, as root, with the data partition mounted and no revision on it yet. Lines of what was done
 * go to `out`; the recovery key is the line "RECOVERY <key>". False with a text in why: nothing is in force,
 * and it may be tried again. A power cut at any moment leaves a box that is not set up, or one that is.
 */
MUST_USE bool setup_run(struct box *box, const struct setup_wish *wish, int out, char *why, size_t cap);

#endif
