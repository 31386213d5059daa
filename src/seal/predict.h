/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the PCRs will be after the next start from a new image: the firmware's log replayed with what it
 * measured of the running image (the unified kernel image, the kernel inside of it, its command line)
 * replaced by the same of the new one.
 */
#ifndef HOLDFAST_SEAL_PREDICT_H
#define HOLDFAST_SEAL_PREDICT_H

#include "seal/event_log.h"

/*
 * The log is at log_path; the images are open files. Refused, with the reason in tpm->why, when the log is
 * missing, when it does not come to what the TPM has now, or when the running image is not in it.
 */
MUST_USE enum status predict_pcrs(struct tpm *tpm, const char *log_path, uint32_t pcrs, int running_image,
                                  int new_image, struct tpm_pcrs *out);

/* Whether the log at log_path comes to what the TPM has now; if not, tpm->why says what is wrong. */
MUST_USE enum status predict_check_log(struct tpm *tpm, const char *log_path, uint32_t pcrs,
                                       struct event_log *log);

#endif
