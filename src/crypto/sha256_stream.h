/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4 s6.2) of bytes that come in pieces and are not secret. */
#ifndef HOLDFAST_CRYPTO_SHA256_STREAM_H
#define HOLDFAST_CRYPTO_SHA256_STREAM_H

#include <bearssl_hash.h>

#include "crypto/digest.h"

struct sha256_stream {
    br_sha256_context context;
};

void sha256_begin(struct sha256_stream *stream);
void sha256_add(struct sha256_stream *stream, struct span piece);
void sha256_end(struct sha256_stream *stream, uint8_t out[SHA256_BYTES]);

#endif
