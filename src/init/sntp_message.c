/* SPDX-License-Identifier: Apache-2.0 */
#include "init/sntp_message.h"

#include "base/bytes.h"

/* RFC 5905 figure 8 */
enum { AT_STRATUM = 1, AT_ROOT_DELAY = 4, AT_DISPERSION = 8, AT_REFERENCE = 12, AT_ORIGIN = 24 };
enum { AT_RECEIVE = 32, AT_TRANSMIT = 40 };
#define SECONDS_1900_TO_1970 2208988800u
#define DISTANCE_MOST        1500000 /* microseconds; RFC 5905 s11.1 MAXDIST */

void sntp_write(const uint8_t nonce[SNTP_NONCE_BYTES], uint8_t out[SNTP_BYTES])
{
    memset(out, 0, SNTP_BYTES);
    out[0] = 4 << 3 | 3; /* version 4, client */
    memcpy(out + AT_TRANSMIT, nonce, SNTP_NONCE_BYTES);
}

/* The era is the one that brings the time nearest to the pivot. */
static int64_t time_at(const uint8_t *p, int64_t pivot_s)
{
    uint32_t seconds = be32_get(p) - SECONDS_1900_TO_1970;
    int32_t ahead = (int32_t)(seconds - (uint32_t)pivot_s);
    return (pivot_s + ahead) * 1000000 + (int64_t)((uint64_t)be32_get(p + 4) * 1000000 >> 32);
}

/* 16 bits of seconds and 16 of fractions. */
static uint64_t short_us(const uint8_t *p)
{
    return (uint64_t)be32_get(p) * 1000000 >> 16;
}

enum status sntp_read(struct span m, const uint8_t nonce[SNTP_NONCE_BYTES], int64_t pivot_s,
                      struct sntp_answer *out)
{
    memset(out, 0, sizeof *out);
    /* What is behind 48 bytes are extensions and digests that were not asked for. */
    if (m.len < SNTP_BYTES || memcmp(m.ptr + AT_ORIGIN, nonce, SNTP_NONCE_BYTES) != 0)
        return STATUS_END;
    unsigned leap = m.ptr[0] >> 6, version = m.ptr[0] >> 3 & 7, mode = m.ptr[0] & 7;
    if (mode != 4 || version < 3 || version > 4)
        return STATUS_MALFORMED;
    out->stratum = m.ptr[AT_STRATUM];
    if (out->stratum == 0) { /* RFC 5905 s7.4: a kiss, four letters */
        for (size_t i = 0; i < 4; i++) {
            uint8_t c = m.ptr[AT_REFERENCE + i];
            if (c < 'A' || c > 'Z')
                break;
            out->kiss[i] = (char)c;
        }
        return STATUS_REFUSED;
    }
    if (leap == 3 || out->stratum > 15)
        return STATUS_REFUSED;
    uint64_t distance = short_us(m.ptr + AT_ROOT_DELAY) / 2 + short_us(m.ptr + AT_DISPERSION);
    out->receive_us = time_at(m.ptr + AT_RECEIVE, pivot_s);
    out->transmit_us = time_at(m.ptr + AT_TRANSMIT, pivot_s);
    if (be64_get(m.ptr + AT_RECEIVE) == 0 || be64_get(m.ptr + AT_TRANSMIT) == 0 ||
        out->transmit_us < out->receive_us)
        return STATUS_MALFORMED;
    if (distance > DISTANCE_MOST)
        return STATUS_REFUSED;
    out->distance_us = (uint32_t)distance;
    return STATUS_OK;
}
