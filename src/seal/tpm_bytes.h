/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM's messages are made of: big-endian numbers, and bytes behind a 16-bit length ("TPM2B"; TCG TPM
 * 2.0 Library Part 2). Reading past the end is sticky: everything after it is zero or empty, and the caller
 * looks once. */
#ifndef HOLDFAST_SEAL_TPM_BYTES_H
#define HOLDFAST_SEAL_TPM_BYTES_H

#include "base/buf.h"
#include "base/bytes.h"

static inline void tpm_put8(struct buf *out, uint8_t v)
{
    buf_add(out, &v, 1);
}

static inline void tpm_put16(struct buf *out, uint16_t v)
{
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    buf_add(out, b, sizeof b);
}

static inline void tpm_put32(struct buf *out, uint32_t v)
{
    uint8_t b[4];
    be32_put(b, v);
    buf_add(out, b, sizeof b);
}

static inline void tpm_put_2b(struct buf *out, struct span bytes)
{
    tpm_put16(out, (uint16_t)bytes.len);
    buf_add(out, bytes.ptr, bytes.len);
}

struct tpm_reader {
    struct span rest;
    bool bad;
};

static inline struct span tpm_get(struct tpm_reader *in, size_t len)
{
    if (in->bad || in->rest.len < len) {
        in->bad = true;
        return span_of(NULL, 0);
    }
    struct span got = span_of(in->rest.ptr, len);
    in->rest = span_of(in->rest.ptr + len, in->rest.len - len);
    return got;
}

static inline uint8_t tpm_get8(struct tpm_reader *in)
{
    struct span got = tpm_get(in, 1);
    return in->bad ? 0 : got.ptr[0];
}

static inline uint16_t tpm_get16(struct tpm_reader *in)
{
    struct span got = tpm_get(in, 2);
    return in->bad ? 0 : (uint16_t)(got.ptr[0] << 8 | got.ptr[1]);
}

static inline uint32_t tpm_get32(struct tpm_reader *in)
{
    struct span got = tpm_get(in, 4);
    return in->bad ? 0 : be32_get(got.ptr);
}

/* At most max bytes; more is bad. */
static inline struct span tpm_get_2b(struct tpm_reader *in, size_t max)
{
    size_t len = tpm_get16(in);
    if (len > max)
        in->bad = true;
    return tpm_get(in, len);
}

#endif
