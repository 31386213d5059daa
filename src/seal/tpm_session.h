/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A salted session with a TPM: HMAC-SHA-256 over commands and answers, AES-128-CFB over the first parameter
 * (TCG TPM 2.0 Library Part 1, "Session-based encryption"). Its key comes from a Diffie-Hellman exchange with
 * the TPM's primary key, so who listens on the bus between processor and TPM learns nothing, and who changes
 * something is noticed.
 */
#ifndef HOLDFAST_SEAL_TPM_SESSION_H
#define HOLDFAST_SEAL_TPM_SESSION_H

#include "seal/tpm.h"

#define TPM_NONCE_BYTES 32

enum tpm_session_kind { TPM_SESSION_HMAC = 0, TPM_SESSION_POLICY = 1 };

/* Which first parameter is encrypted. The values are the session attributes of Part 2, "TPMA_SESSION". */
enum tpm_secrecy { TPM_COMMAND_SECRET = 0x20, TPM_ANSWER_SECRET = 0x40 };

struct tpm_session {
    uint32_t handle;
    uint8_t key[SHA256_BYTES];
    uint8_t nonce_tpm[TPM_NONCE_BYTES];
    size_t nonce_tpm_len;
    uint8_t nonce_own[TPM_NONCE_BYTES];
};

MUST_USE enum status tpm_session_start(struct tpm *tpm, const struct tpm_primary *primary,
                                       enum tpm_session_kind kind, struct tpm_session *out);

/*
 * Runs a command on the object `handle` called `name` under the session. params begins with a TPM2B when the
 * command is secret, and is encrypted in place. STATUS_OK: *answer is the answer's parameters, checked and
 * decrypted; it lives in tpm->in. STATUS_MALFORMED: the answer is not from the TPM that the session began
 * with.
 */
MUST_USE enum status tpm_session_run(struct tpm *tpm, struct tpm_session *session, enum tpm_command_code code,
                                     uint32_t handle, struct span name, struct buf *params,
                                     enum tpm_secrecy secrecy, struct span *answer);

#endif
