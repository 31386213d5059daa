/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the box's state key is kept: what the jobs of process 1 call. A job is root in a process of its own;
 * these functions may take a second, for a TPM in trouble up to half a minute.
 *
 *     Setting up, sealed to the TPM:             Starting:
 *         seal_new(key);                             seal_slots_read(text, &slots, &line);
 *         seal_add_tpm(&slots, ...);                 seal_open_any(place, &slots, key, &report);
 *         seal_add_recovery(&slots, key, shown);
 *         seal_slots_write(&slots, &out);
 *
 * Updating: seal_add_tpm_for with both images before the restart; seal_slots_remove of the old version's slot
 * when the new image is found good, or of the new one's when it is not. The caller writes the file `seal`,
 * wipes the key, and wipes slots with a file slot.
 *
 * A report is lines of at most 79 columns, each ended by a line feed. why is one sentence.
 */
#ifndef HOLDFAST_SEAL_SEAL_H
#define HOLDFAST_SEAL_SEAL_H

#include "seal/recovery.h"
#include "seal/slots.h"

#define SEAL_TPM_PATH "/dev/tpmrm0"
#define SEAL_WHY      TPM_WHY

/*
 * What a tpm2 slot is bound to. PCR 4: every program that the firmware started, which is the boot loader and
 * our image. PCR 12: the kernel's command line, where the image lets another one be handed in. Neither
 * changes with a firmware update, firmware settings or keys of Secure Boot (PCR 0 to 3 and 7).
 */
#define SEAL_PCRS (UINT32_C(1) << 4 | UINT32_C(1) << 12)

/* Where things are: constants on a box, an emulator's in tests. */
struct seal_place {
    const char *tpm; /* SEAL_TPM_PATH */
    const char *log; /* EVENT_LOG_PATH of seal/event_log.h */
};
struct seal_place seal_place_default(void);

/* "TPM 2.0, IBM SW TPM", or why there is none. True: a tpm2 slot can be made. */
bool seal_probe(const struct seal_place *place, char *text, size_t cap);

/* A new state key. */
void seal_new(uint8_t key[SEAL_KEY_BYTES]);

/*
 * Tries the file slot, then each tpm2 slot, all of them to the end whatever fails, and reports a line for
 * each. STATUS_OK: key is what the first good one gave. STATUS_REFUSED: there are such slots and none opened;
 * STATUS_NOT_FOUND: there is none, somebody has to type something.
 */
MUST_USE enum status seal_open_any(const struct seal_place *place, const struct seal_slots *slots,
                                   uint8_t key[SEAL_KEY_BYTES], struct buf *report);

/* STATUS_REFUSED: not the right one; STATUS_NOT_FOUND: no such slot. */
MUST_USE enum status seal_open_passphrase(const struct seal_slots *slots, struct span passphrase,
                                          uint8_t key[SEAL_KEY_BYTES]);
/* text as typed; STATUS_MALFORMED: why names the group that is wrong. */
MUST_USE enum status seal_open_recovery(const struct seal_slots *slots, struct span text,
                                        uint8_t key[SEAL_KEY_BYTES], char why[SEAL_WHY]);

/* Each takes the place of the slot of its kind (and label). */
void seal_add_file(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES]);
void seal_add_passphrase(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES], struct span passphrase);
/* Makes a new recovery key and writes it to shown, which is wiped after it was shown. */
void seal_add_recovery(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES],
                       char shown[RECOVERY_TEXT + 1]);

/* Seals to what booted now, and tries it. */
MUST_USE enum status seal_add_tpm(const struct seal_place *place, struct seal_slots *slots,
                                  const uint8_t key[SEAL_KEY_BYTES], const char *label, char why[SEAL_WHY]);

/*
 * Seals to what the next start from new_image (a file that is complete) will be; running_image is the file
 * that this start came from. Refused with the reason when that cannot be foretold: then the next start asks
 * for the passphrase or the recovery key. Refused too when the label is that of the running image's own slot
 * and the new image is another one.
 */
MUST_USE enum status seal_add_tpm_for(const struct seal_place *place, struct seal_slots *slots,
                                      const uint8_t key[SEAL_KEY_BYTES], const char *running_image,
                                      const char *new_image, const char *label, char why[SEAL_WHY]);

/*
 * For `test seal` and before a restart: every slot a line, what this start measured, whether an update can be
 * sealed for. STATUS_OK: the next start opens by itself, or is meant to wait for a passphrase.
 */
MUST_USE enum status seal_test(const struct seal_place *place, const struct seal_slots *slots,
                               struct buf *report);

#endif
