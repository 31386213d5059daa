/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an update file, as image/UPDATE-FORMAT.md has it byte by byte: who signed it, what it says, and
 * whether this box takes it. Nothing of its text is read before its signature was found good.
 */
#ifndef HOLDFAST_INIT_UPDATE_FILE_H
#define HOLDFAST_INIT_UPDATE_FILE_H

#include "crypto/spki.h"
#include "init/esp_image.h"

#define UPDATE_SIGNED  512
#define UPDATE_HEAD    1024
#define UPDATE_MAX     33554432 /* bytes of the payload */
#define UPDATE_KEYS    2
#define UPDATE_NOTES   129
#define UPDATE_BOARD   32
#define UPDATE_ARCH    16
#define UPDATE_KEY_LEN 384 /* bytes: RSA 3072 */

struct update_keys {
    bool known[UPDATE_KEYS]; /* release-1.pem, release-2.pem */
    struct rsa_public keys[UPDATE_KEYS];
};

struct update_head {
    char version[VERSION_MAX];
    char board[UPDATE_BOARD];
    char arch[UPDATE_ARCH];
    uint32_t epoch;
    uint64_t size; /* of the payload */
    uint8_t sha256[SHA256_BYTES];
    char notes[UPDATE_NOTES]; /* "" when there are none */
};

/* The running image. */
struct update_self {
    const char *version, *board, *arch;
    uint32_t epoch;
};

/* Reads release-1.pem and release-2.pem of the folder. False with a text in why when none can be used. */
MUST_USE bool update_keys_read(struct update_keys *keys, const char *folder, char *why, size_t cap);
/* One key from PEM: RSA 3072 with the exponent 65537. */
MUST_USE enum status update_key_read(struct span pem, struct rsa_public *out);

/* The number of the release key (1 or 2) that signed the head (UPDATE_HEAD bytes); 0: none of them. */
unsigned update_signed_by(const struct update_keys *keys, const uint8_t head[UPDATE_HEAD]);

/* Reads a head whose signature was found good. False with a text in why. */
MUST_USE bool update_head_read(const uint8_t head[UPDATE_HEAD], struct update_head *out, char *why,
                               size_t cap);

/* Whether this box takes it. False with one sentence in why. */
MUST_USE bool update_allowed(const struct update_head *head, const struct update_self *self, char *why,
                             size_t cap);

/* A version as the format has it. */
bool version_valid(struct span version);
/* Below, at or above 0 as a is older than, the same as or newer than b; both valid. "1.1.0-rc1" is older than
 * "1.1.0". */
int version_compare(const char *a, const char *b);

#endif
