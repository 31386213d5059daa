/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

size_t der_begin(struct buf *out, uint8_t tag)
{
    buf_add(out, &tag, 1);
    buf_add(out, "\0", 1);
    return out->len;
}

void der_end(struct buf *out, size_t begun)
{
    size_t len = out->len - begun;
    size_t more = len < 0x80 ? 0 : len < 0x100 ? 1 : 2;
    if (out->full || more > out->cap - out->len) {
        out->full = true;
        return;
    }
    uint8_t *at = out->ptr + begun - 1;
    memmove(at + 1 + more, at + 1, len);
    out->len += more;
    if (more == 0) {
        at[0] = (uint8_t)len;
        return;
    }
    at[0] = (uint8_t)(0x80 | more);
    for (size_t i = 0; i < more; i++)
        at[1 + i] = (uint8_t)(len >> (8 * (more - 1 - i)));
}

void der_add(struct buf *out, uint8_t tag, struct span content)
{
    size_t begun = der_begin(out, tag);
    buf_add(out, content.ptr, content.len);
    der_end(out, begun);
}

void der_add_unsigned(struct buf *out, struct span big_endian)
{
    while (big_endian.len > 1 && big_endian.ptr[0] == 0) {
        big_endian.ptr++;
        big_endian.len--;
    }
    size_t begun = der_begin(out, DER_INTEGER);
    if (big_endian.ptr[0] >= 0x80)
        buf_add(out, "\0", 1);
    buf_add(out, big_endian.ptr, big_endian.len);
    der_end(out, begun);
}

enum status der_next(struct span *in, uint8_t *tag, struct span *content)
{
    struct span all = *in; /* in and content may be the same */
    if (all.len == 0)
        return STATUS_END;
    if (all.len < 2 || (all.ptr[0] & 0x1f) == 0x1f)
        return STATUS_MALFORMED;
    size_t header = 2, len = all.ptr[1];
    if (len >= 0x80) {
        size_t more = len & 0x7f;
        if (more == 0 || more > 3 || all.len < 2 + more)
            return STATUS_MALFORMED;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | all.ptr[2 + i];
        header += more;
    }
    if (len > all.len - header)
        return STATUS_MALFORMED;
    *tag = all.ptr[0];
    *in = span_of(all.ptr + header + len, all.len - header - len);
    *content = span_of(all.ptr + header, len);
    return STATUS_OK;
}
