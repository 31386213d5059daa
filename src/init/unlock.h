/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs about the state key and who may open it: the key slots of src/seal, the administrator's passphrase,
 * and the file in memory that hands the key to the server. Process 1 itself never has the key.
 *
 * Which slots there are follows from the setting `unlock`: file: a file slot; tpm: one of the TPM;
 * passphrase: one of the passphrase. A recovery slot is always there.
 */
#ifndef HOLDFAST_INIT_UNLOCK_H
#define HOLDFAST_INIT_UNLOCK_H

#include "crypto/aes.h"
#include "init/job.h"

/* The box's own try after its start: every slot that needs nobody. */
job_run unlock_job;
/* login (body: @passphrase); opens a locked box as well. */
job_run login_job;
/* recover (body: @recovery, perhaps @passphrase) */
job_run recover_job;
/* In process 1: counts, and goes on when the box has been opened. */
void login_done(struct box *box, bool good);
job_run passphrase_job;
job_run recovery_key_job;
job_run show_seal_job;
job_run test_seal_job;

/* The first slots of a box; the line RECOVERY goes to `out`. */
MUST_USE bool unlock_enrol(struct box *box, const uint8_t key[SEAL_KEY_BYTES], enum unlock_mode mode,
                           struct span passphrase, int out, char *why, size_t cap);
/* Another mode for a box that is open; `call` may bring the @passphrase. */
MUST_USE bool unlock_change(struct box *box, enum unlock_mode mode, const struct job_call *call, char *why,
                            size_t cap);
/* A slot for an image that is tried next, when the TPM opens this box; true when it does not. */
MUST_USE bool unlock_prepare(struct box *box, const char *running_image, const char *next_image,
                             const char *label, int out, char *why, size_t cap);

/* Into the file in memory, for the server. */
MUST_USE bool unlock_put_key(struct box *box, const uint8_t key[SEAL_KEY_BYTES], char *why, size_t cap);

#endif
