/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key slots: each keeps the box's state key in a way of its own, and any one of them opens it. As text
 * (the file `seal`, replaced as a whole):
 *
 *     holdfast-seal 1
 *     slot file KEY                                the key itself: no protection
 *     slot passphrase ITERATIONS SALT SEALED       sealed under PBKDF2-HMAC-SHA256 of a passphrase
 *     slot recovery SALT SEALED                    sealed under HMAC-SHA256 of a 256-bit recovery key
 *     slot tpm2 PCRS PARENT PUBLIC PRIVATE LABEL   sealed by a TPM 2.0 to what booted; LABEL is that image
 *
 * Binary is hexadecimal, PCRS are numbers joined by '+', words are separated by one blank, every line ends in
 * a line feed. There is at most one file, one passphrase and one recovery slot, and two tpm2 slots of
 * different labels: for the image that runs and for the one being tried.
 */
#ifndef HOLDFAST_SEAL_SLOTS_H
#define HOLDFAST_SEAL_SLOTS_H

#include "crypto/aes.h"
#include "seal/tpm_seal.h"

#define SEAL_SLOTS_MAX  5
#define SEAL_TPM2_MAX   2
#define SEAL_SALT_BYTES 16
#define SEAL_LABEL_MAX  32 /* bytes; letters, digits and ".-_+": a version */
/* bytes; all slots as text. A tpm2 slot has up to 950. */
#define SEAL_TEXT_MAX 4096
/* What a file may ask for is bounded, so that an altered one costs seconds and not days. */
#define SEAL_ITERATIONS_MIN 1000
#define SEAL_ITERATIONS_MAX 10000000

enum seal_kind { SEAL_FILE, SEAL_PASSPHRASE, SEAL_RECOVERY, SEAL_TPM2 };

struct seal_slot {
    enum seal_kind kind;
    uint32_t iterations;                            /* passphrase */
    uint8_t salt[SEAL_SALT_BYTES];                  /* passphrase, recovery */
    uint8_t sealed[SEAL_KEY_BYTES + SEAL_OVERHEAD]; /* passphrase, recovery */
    uint8_t key[SEAL_KEY_BYTES];                    /* file */
    struct tpm_sealed tpm2;                         /* tpm2 */
    char label[SEAL_LABEL_MAX + 1];                 /* tpm2; otherwise empty */
};

/* Owned by the caller, about 3 KiB; wiped by it when there is a file slot. All zeros: no slots. */
struct seal_slots {
    size_t count;
    struct seal_slot slot[SEAL_SLOTS_MAX];
};

/* "file", "passphrase", "recovery", "tpm2". Constant text. */
const char *seal_kind_name(enum seal_kind kind);

/*
 * STATUS_OK: every line was understood. STATUS_MALFORMED: *line is the first (from 1) that was not, and out
 * has no slots; STATUS_TOO_LARGE: more than SEAL_TEXT_MAX bytes. A file without slots is none of ours.
 */
MUST_USE enum status seal_slots_read(struct span text, struct seal_slots *out, size_t *line);
/* Appends the text; SEAL_TEXT_MAX bytes of room are enough for any. */
void seal_slots_write(const struct seal_slots *slots, struct buf *out);

/* The slot of this kind, and for tpm2 of this label (NULL: the first); NULL when there is none. */
const struct seal_slot *seal_slots_find(const struct seal_slots *slots, enum seal_kind kind,
                                        const char *label);
/* Puts a slot in, in the place of the one that seal_slots_find gives. STATUS_NO_SPACE: two other tpm2 slots
 * are there. STATUS_MALFORMED: a label that the file cannot hold. */
MUST_USE enum status seal_slots_put(struct seal_slots *slots, const struct seal_slot *slot);
/* STATUS_NOT_FOUND without one. label as for seal_slots_find. */
MUST_USE enum status seal_slots_remove(struct seal_slots *slots, enum seal_kind kind, const char *label);

/* "4+12" of a mask of PCRs. */
#define SEAL_PCRS_TEXT 64
void seal_pcrs_write(uint32_t pcrs, char text[SEAL_PCRS_TEXT]);

#endif
