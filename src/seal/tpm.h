/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of a TPM 2.0 (TCG TPM 2.0 Library Part 3), as few as sealing needs. Every answer is read with
 * bounds; a failure is kept as a sentence in `why`. One struct is one opened TPM, owned by the caller (about
 * 4 KiB).
 */
#ifndef HOLDFAST_SEAL_TPM_H
#define HOLDFAST_SEAL_TPM_H

#include "crypto/digest.h"
#include "crypto/ecdh.h"
#include "seal/tpm_bytes.h"
#include "seal/tpm_link.h"

#define TPM_WHY 160
/* bytes; "TPM 2.0, " with a vendor's 4 and 16 letters. */
#define TPM_TEXT 48
/* milliseconds; one opened TPM has this long for everything. A slow one makes a primary key in about one
 * second. */
#define TPM_PATIENCE_MS 30000

#define TPM_NAME_BYTES (2 + SHA256_BYTES) /* nameAlg, digest of the public area */

/* PCRs are chosen as a mask: bit n for PCR n, 0 to 23. */
#define TPM_PCRS 24

enum tpm_command_code {
    TPM_CREATE_PRIMARY = 0x131,
    TPM_CREATE = 0x153,
    TPM_LOAD = 0x157,
    TPM_UNSEAL = 0x15e,
    TPM_FLUSH_CONTEXT = 0x165,
    TPM_START_AUTH_SESSION = 0x176,
    TPM_GET_CAPABILITY = 0x17a,
    TPM_PCR_READ = 0x17e,
    TPM_POLICY_PCR = 0x17f
};

enum tpm_number {
    TPM_NO_SESSIONS = 0x8001,
    TPM_SESSIONS = 0x8002,
    TPM_ECC = 0x0023,
    TPM_KEYEDHASH = 0x0008,
    TPM_AES = 0x0006,
    TPM_SHA256 = 0x000b,
    TPM_NULL = 0x0010,
    TPM_CFB = 0x0043,
    TPM_P256 = 0x0003
};

#define TPM_OWNER        0x40000001u
#define TPM_NO_HANDLE    0x40000007u
#define TPM_BY_PASSWORD  0x40000009u
#define TPM_NOTHING_OPEN 0u

/* How a message reaches the TPM: tests put a TPM of their own here. As tpm_link_exchange. */
typedef enum status (*tpm_exchange)(void *self, uint64_t until_ms, struct span command,
                                    uint8_t answer[TPM_MESSAGE_MAX], size_t *len);

struct tpm {
    int file; /* -1: none of ours */
    tpm_exchange exchange;
    void *self;
    uint64_t until_ms;
    uint32_t code; /* the last answer's response code */
    char why[TPM_WHY];
    struct buf command;
    struct span answer; /* the parameters of the last answer: in `in` */
    uint8_t out[TPM_MESSAGE_MAX];
    uint8_t in[TPM_MESSAGE_MAX];
};

/* STATUS_FAILED: there is none, or it does not answer; why says so. */
MUST_USE enum status tpm_open(struct tpm *tpm, const char *path);
/* The same with an exchange of the caller's. */
void tpm_open_with(struct tpm *tpm, tpm_exchange exchange, void *self);
/* Also wipes what was said. */
void tpm_close(struct tpm *tpm);

/* Begins a command in tpm->command; parameters are appended there. */
void tpm_begin(struct tpm *tpm, enum tpm_number tag, enum tpm_command_code code);
/*
 * Sends it; sent again while the TPM is busy with itself. STATUS_OK: tpm->answer is what follows the header.
 * STATUS_REFUSED: tpm->code and why say what the TPM answered; STATUS_MALFORMED or STATUS_FAILED as the link.
 */
MUST_USE enum status tpm_run(struct tpm *tpm);
/* An authorization area of one empty password, for the owner and for our parent key, which have none. */
void tpm_put_no_password(struct buf *out);
/* Keeps the sentence and returns status. */
enum status tpm_fail(struct tpm *tpm, enum status status, const char *why);

/* "TPM 2.0, IBM SW TPM": family, manufacturer, vendor's text, printable. */
MUST_USE enum status tpm_describe(struct tpm *tpm, char text[TPM_TEXT]);

/* Lines of TPML_PCR_SELECTION for the SHA-256 bank. */
void tpm_put_pcrs(struct buf *out, uint32_t pcrs);
/* STATUS_REFUSED: the TPM has no SHA-256 bank. */
MUST_USE enum status tpm_pcr_read(struct tpm *tpm, unsigned pcr, uint8_t value[SHA256_BYTES]);

struct tpm_primary {
    uint32_t handle;
    uint8_t point[P256_POINT_BYTES];
    uint8_t name[TPM_NAME_BYTES];
};

/*
 * The storage key of the owner hierarchy (ECC P-256, the template of the TCG's provisioning guidance, no
 * password): the TPM derives the same one each time until it is cleared, so its name tells one TPM from
 * another. STATUS_MALFORMED when the TPM made something else than was asked for.
 */
MUST_USE enum status tpm_create_primary(struct tpm *tpm, struct tpm_primary *out);

/* The name of an object: nameAlg SHA-256 and the digest of its public area (Part 1, "Names"). */
void tpm_name(struct span public_area, uint8_t name[TPM_NAME_BYTES]);

/* Loads an object under the primary key. STATUS_MALFORMED when its name is not what its public area gives. */
MUST_USE enum status tpm_load(struct tpm *tpm, const struct tpm_primary *parent, struct span private_part,
                              struct span public_area, uint32_t *handle);

/* Frees what a handle names; TPM_NOTHING_OPEN is passed over, and failures are too: the TPM is closed next.
 * tpm->code and why stay as they are. */
void tpm_flush(struct tpm *tpm, uint32_t handle);

#endif
