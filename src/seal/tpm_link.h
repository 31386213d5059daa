/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a TPM: one command out, one answer back, each with a deadline. The kernel's resource manager
 * (/dev/tpmrm0) and an emulator's Unix socket speak the same. */
#ifndef HOLDFAST_SEAL_TPM_LINK_H
#define HOLDFAST_SEAL_TPM_LINK_H

#include "base/span.h"
#include "base/status.h"

/* bytes; the longest command and answer of those in seal/tpm.h have about 600. */
#define TPM_MESSAGE_MAX 2048

/* A device or a Unix socket; the number of the open file, or -1 with errno. */
int tpm_link_open(const char *path);

/*
 * Sends one command and reads one answer of at most TPM_MESSAGE_MAX bytes, until `until_ms` of the monotonic
 * clock. STATUS_OK: *len is at least 10 and is what the answer's header says. STATUS_MALFORMED: the header
 * promises too little, too much, or something else than what came. STATUS_FAILED: errno says why; ETIMEDOUT
 * after the deadline.
 */
MUST_USE enum status tpm_link_exchange(int file, uint64_t until_ms, struct span command,
                                       uint8_t answer[TPM_MESSAGE_MAX], size_t *len);

#endif
