/* SPDX-License-Identifier: Apache-2.0 */
/* The little of ITU-T X.690 DER that certificates need: nested writing, and stepping through what others
 * wrote. */
#ifndef HOLDFAST_CRYPTO_DER_H
#define HOLDFAST_CRYPTO_DER_H

#include "base/buf.h"
#include "base/status.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8 = 0x0c,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0xa0,
    DER_CONTEXT_3 = 0xa3
};

/* Opens an element; der_end puts its length, moving the content by the bytes that the length needs. */
MUST_USE size_t der_begin(struct buf *out, uint8_t tag);
void der_end(struct buf *out, size_t begun);
void der_add(struct buf *out, uint8_t tag, struct span content);
/* A non-negative INTEGER from big-endian bytes, in the shortest form. */
void der_add_unsigned(struct buf *out, struct span big_endian);

/*
 * Takes the next element off *in; when content is in itself, the reader steps into the element. Only what
 * certificates use: one-byte tags, definite lengths below 2^24. STATUS_END when nothing is left,
 * STATUS_MALFORMED when it is not DER.
 */
MUST_USE enum status der_next(struct span *in, uint8_t *tag, struct span *content);

#endif
