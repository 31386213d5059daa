/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32 bytes sealed to one TPM and to what booted (TCG TPM 2.0 Library Part 1, "Sealed data"): the TPM gives
 * them back only while its PCRs hold the values that they were sealed to. All that is kept is public or
 * encrypted by the TPM.
 */
#ifndef HOLDFAST_SEAL_TPM_SEAL_H
#define HOLDFAST_SEAL_TPM_SEAL_H

#include "seal/tpm.h"

#define TPM_SECRET_BYTES 32

/* bytes; our public area has 78, and a private part about 160. */
#define TPM_PUBLIC_MAX  96
#define TPM_PRIVATE_MAX 320

struct tpm_sealed {
    uint32_t pcrs;                /* the mask of those that must have their values */
    uint8_t parent[SHA256_BYTES]; /* the digest in the name of the primary key: which TPM */
    size_t public_len;
    uint8_t public_area[TPM_PUBLIC_MAX];
    size_t private_len;
    uint8_t private_part[TPM_PRIVATE_MAX];
};

/* Values of PCRs of the SHA-256 bank; those not in the mask have none. */
struct tpm_pcrs {
    uint32_t mask;
    uint8_t value[TPM_PCRS][SHA256_BYTES];
};

/* What they are now. */
MUST_USE enum status tpm_pcrs_read(struct tpm *tpm, uint32_t mask, struct tpm_pcrs *out);

/* Seals to the values given, which need not be those of now. tpm->why says what failed. */
MUST_USE enum status tpm_seal(struct tpm *tpm, const struct tpm_pcrs *to,
                              const uint8_t secret[TPM_SECRET_BYTES], struct tpm_sealed *out);

/* Whether it is sealed to these values, and so will open when the TPM has them. */
bool tpm_sealed_to(const struct tpm_sealed *sealed, const struct tpm_pcrs *values);

/* secret is wiped unless STATUS_OK; tpm->why says what failed. */
MUST_USE enum status tpm_unseal(struct tpm *tpm, const struct tpm_sealed *sealed,
                                uint8_t secret[TPM_SECRET_BYTES]);

#endif
