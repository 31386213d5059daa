/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256_stream.h"

void sha256_begin(struct sha256_stream *stream)
{
    br_sha256_init(&stream->context);
}

void sha256_add(struct sha256_stream *stream, struct span piece)
{
    br_sha256_update(&stream->context, piece.ptr, piece.len);
}

void sha256_end(struct sha256_stream *stream, uint8_t out[SHA256_BYTES])
{
    br_sha256_out(&stream->context, out);
}
