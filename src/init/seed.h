/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The setup of a box without a keyboard: holdfast.conf in the root of a stick, or in the folder holdfast of
 * the box's own boot partition, beside it holdfast.secret and clients/NAME.pem. All or nothing; what came of
 * it is written back as holdfast.result.txt. Only a box that is not set up looks for one: a stick in the port
 * is not an administrator.
 *
 * holdfast.secret has lines "passphrase TEXT" and "api-key TEXT". It is overwritten and removed after
 * success.
 */
#ifndef HOLDFAST_INIT_SEED_H
#define HOLDFAST_INIT_SEED_H

#include "base/buf.h"
#include "init/esp.h"
#include "init/setup.h"
#include "init/usb.h"
#include "server/config.h"

#define SEED_CONF    "holdfast.conf"
#define SEED_SECRET  "holdfast.secret"
#define SEED_RESULT  "holdfast.result.txt"
#define SEED_CLIENTS "clients"
#define SEED_FOLDER  "holdfast" /* in the boot partition */

#define SEED_SECRET_MAX 2048  /* bytes of holdfast.secret */
#define SEED_API_KEY    512   /* longest API key */
#define SEED_PEM_MAX    8192  /* bytes of a certificate's file */
#define SEED_REPORT_MAX 16384 /* bytes of errors, or of what the setup said */
#define SEED_RESULT_MAX 65536 /* bytes of the result file: results of one stick's boxes */

/* A file of the folder clients. */
struct seed_pem {
    char name[FAT_NAME_MAX]; /* "vcenter1.pem" */
    struct span text;
};

/* All of it; some 200 KiB, wiped by seed_run at its end. */
struct seed {
    struct setup_wish wish; /* its spans point into the members below */
    struct config config;
    uint8_t config_text[CONFIG_BYTES];
    uint8_t passphrase[PASSPHRASE_MAX];
    uint8_t api_key[SEED_API_KEY];
    /* for reading */
    uint8_t conf[CONFIG_BYTES];
    uint8_t secret[SEED_SECRET_MAX];
    struct seed_pem pems[SETUP_CLIENTS];
    uint8_t pem_text[SETUP_CLIENTS][SEED_PEM_MAX];
    uint8_t report[SEED_REPORT_MAX];
    uint8_t result[SEED_RESULT_MAX];
};

/*
 * Reads the three texts into out->wish. CR, LF, CRLF and a UTF-8 byte order mark are taken; lines that an
 * export has marked with '@' are another box's own and are passed over. `secret` with ptr NULL: there is no
 * such file. False when anything is wrong: then `errors` has a line for each fault, and never what is in the
 * secret.
 */
MUST_USE bool seed_read(struct span conf, struct span secret, const struct seed_pem *pems, size_t pem_count,
                        struct seed *out, struct buf *errors);

/* setup_run, or what a test has in its place. */
typedef bool seed_setup(void *self, const struct setup_wish *wish, int out, char *why, size_t cap);

struct seed_wish {
    const char *serial; /* of the box */
    int64_t now_s;
    seed_setup *setup;
    void *self;
};

enum seed_answer {
    SEED_NONE,   /* there is no holdfast.conf */
    SEED_DONE,   /* the box is set up */
    SEED_REFUSED /* nothing was changed; text in why, more in the result file */
};

/*
 * One folder: reads, checks, sets up, writes the result, removes the secret. What the setup says goes to
 * `out` as well, but for the recovery key. `writable`: false for a stick that is write-protected.
 */
MUST_USE enum seed_answer seed_run(const char *folder, bool writable, const struct seed_wish *wish,
                                   struct seed *room, int out, char *why, size_t cap);

/* The same for the first stick, then for the boot partition. For a job. */
MUST_USE enum seed_answer seed_look(const struct usb_place *usb, const struct esp_place *esp,
                                    const struct seed_wish *wish, struct seed *room, int out, char *why,
                                    size_t cap);

#endif
