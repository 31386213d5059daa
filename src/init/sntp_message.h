/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a time server and its answer (RFC 4330 s4 and s5, RFC 5905 s7.3). Pure and strict. */
#ifndef HOLDFAST_INIT_SNTP_MESSAGE_H
#define HOLDFAST_INIT_SNTP_MESSAGE_H

#include "base/span.h"
#include "base/status.h"

#define SNTP_BYTES       48
#define SNTP_NONCE_BYTES 8
#define SNTP_PORT        123

struct sntp_answer {
    int64_t receive_us, transmit_us; /* of the server, microseconds since 1970 */
    uint32_t distance_us;            /* from the server to its root: half the delay and the dispersion */
    uint8_t stratum;
    char kiss[5]; /* STATUS_REFUSED: "RATE", "DENY" ...; "" for a server without a time of its own */
};

/* The nonce stands where others tell their own time: who sees the question learns nothing of this box, and
 * who does not see it cannot answer. */
void sntp_write(const uint8_t nonce[SNTP_NONCE_BYTES], uint8_t out[SNTP_BYTES]);

/* `pivot_s`: seconds since 1970; times are taken within 68 years of it (the 32 bits of NTP turn over in
 * 2036). STATUS_END: not an answer to this question; STATUS_REFUSED: the server has no time for us (kiss);
 * STATUS_MALFORMED. */
MUST_USE enum status sntp_read(struct span message, const uint8_t nonce[SNTP_NONCE_BYTES], int64_t pivot_s,
                               struct sntp_answer *out);

#endif
