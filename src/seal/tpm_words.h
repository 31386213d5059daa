/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM's response codes (TCG TPM 2.0 Library Part 2, "TPM_RC") in words for the person at the console. */
#ifndef HOLDFAST_SEAL_TPM_WORDS_H
#define HOLDFAST_SEAL_TPM_WORDS_H

#include <stdbool.h>
#include <stdint.h>

enum tpm_code {
    TPM_CODE_INITIALIZE = 0x100,
    TPM_CODE_FAILURE = 0x101,
    TPM_CODE_DISABLED = 0x120,
    TPM_CODE_PCR_CHANGED = 0x128,
    TPM_CODE_COMMAND_CODE = 0x143,
    /* of format one: without the number of the handle, session or parameter that they are about */
    TPM_CODE_HIERARCHY = 0x085,
    TPM_CODE_AUTH_FAIL = 0x08e,
    TPM_CODE_POLICY_FAIL = 0x09d,
    TPM_CODE_INTEGRITY = 0x09f,
    TPM_CODE_BAD_AUTH = 0x0a2,
    TPM_CODE_CURVE = 0x0a6,
    /* warnings */
    TPM_CODE_OBJECT_MEMORY = 0x902,
    TPM_CODE_SESSION_MEMORY = 0x903,
    TPM_CODE_MEMORY = 0x904,
    TPM_CODE_SESSION_HANDLES = 0x905,
    TPM_CODE_OBJECT_HANDLES = 0x906,
    TPM_CODE_YIELDED = 0x908,
    TPM_CODE_CANCELED = 0x909,
    TPM_CODE_TESTING = 0x90a,
    TPM_CODE_LOCKOUT = 0x921,
    TPM_CODE_RETRY = 0x922
};

/* The code without what it is about: one of the above, or another. */
uint32_t tpm_code_plain(uint32_t response_code);

/* The TPM is busy with itself: the same command may be sent again. */
bool tpm_code_again(uint32_t response_code);

/* What it means for a seal, and what to do; NULL when there is nothing better to say than its number. */
const char *tpm_code_words(uint32_t response_code);

#endif
