/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's log of what it measured into the TPM (TCG PC Client Platform Firmware Profile, "Event
 * Logging"; crypto-agile: TCG_PCR_EVENT2 behind a Spec ID event). Only the SHA-256 digests of the PCRs asked
 * for are kept; their replay gives the values that the TPM must have, and, with some digests swapped, those
 * that it will have.
 */
#ifndef HOLDFAST_SEAL_EVENT_LOG_H
#define HOLDFAST_SEAL_EVENT_LOG_H

#include "base/status.h"
#include "seal/tpm_seal.h"

/* Where the kernel shows it. */
#define EVENT_LOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

/* events of the PCRs asked for; a boot of ours has about eight. */
#define EVENT_LOG_EVENTS 64
/* bytes; the largest firmware log seen has about 100 KiB. */
#define EVENT_LOG_BYTES (4u << 20)

struct measured {
    uint32_t pcr;
    uint32_t type;
    uint8_t digest[SHA256_BYTES];
};

struct event_log {
    size_t count;
    struct measured event[EVENT_LOG_EVENTS];
};

/*
 * Reads an open log from where it stands to its end. STATUS_MALFORMED: it breaks its own rules or is of the
 * old kind; STATUS_NOT_FOUND: it has no SHA-256 digests; STATUS_TOO_LARGE: over one of the limits above;
 * STATUS_FAILED: errno.
 */
MUST_USE enum status event_log_read(int file, uint32_t pcrs, struct event_log *out);

/* A digest that will be another one after an update. */
struct event_swap {
    uint8_t from[SHA256_BYTES];
    uint8_t to[SHA256_BYTES];
    unsigned used; /* how many events had it: set by event_log_replay */
};

/* What the PCRs of the mask come to. */
void event_log_replay(const struct event_log *log, uint32_t pcrs, struct event_swap *swaps, size_t count,
                      struct tpm_pcrs *out);

#endif
