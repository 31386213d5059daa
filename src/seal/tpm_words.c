/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/tpm_words.h"

#include <stddef.h>

#define FORMAT_ONE 0x080

uint32_t tpm_code_plain(uint32_t code)
{
    return code & FORMAT_ONE ? code & 0x0bf : code;
}

bool tpm_code_again(uint32_t code)
{
    return code == TPM_CODE_RETRY || code == TPM_CODE_YIELDED || code == TPM_CODE_TESTING ||
           code == TPM_CODE_CANCELED;
}

const char *tpm_code_words(uint32_t code)
{
    switch (tpm_code_plain(code)) {
    case TPM_CODE_POLICY_FAIL:
        return "the boot chain is not the one it was sealed to";
    case TPM_CODE_PCR_CHANGED:
        return "the boot measurements changed meanwhile: try again";
    case TPM_CODE_INTEGRITY:
        return "sealed by another TPM, or this one was cleared";
    case TPM_CODE_LOCKOUT:
        return "the TPM is in lockout: leave the box powered on, it ends by itself";
    case TPM_CODE_AUTH_FAIL:
        return "the TPM refuses our session: is something between it and us?";
    case TPM_CODE_BAD_AUTH:
        return "the TPM has an owner password: clear the TPM in the firmware setup";
    case TPM_CODE_HIERARCHY:
    case TPM_CODE_DISABLED:
        return "the TPM is switched off: enable it in the firmware setup";
    case TPM_CODE_INITIALIZE:
        return "the firmware did not start the TPM: power cycle the box";
    case TPM_CODE_FAILURE:
        return "the TPM is in failure mode: power cycle the box";
    case TPM_CODE_CURVE:
    case TPM_CODE_COMMAND_CODE:
        return "the TPM lacks what a seal needs (ECC P-256, AES-128, SHA-256)";
    case TPM_CODE_OBJECT_MEMORY:
    case TPM_CODE_SESSION_MEMORY:
    case TPM_CODE_MEMORY:
    case TPM_CODE_SESSION_HANDLES:
    case TPM_CODE_OBJECT_HANDLES:
        return "the TPM's memory is full: power cycle the box";
    case TPM_CODE_YIELDED:
    case TPM_CODE_CANCELED:
    case TPM_CODE_TESTING:
    case TPM_CODE_RETRY:
        return "the TPM stays busy: try again in a minute";
    default:
        return NULL;
    }
}
