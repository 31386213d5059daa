/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "crypto/pem.h"

#include "base/text.h"

static const uint8_t *find(struct span in, const char *what)
{
    return memmem(in.ptr, in.len, what, strlen(what));
}

enum status pem_next(struct span *text, struct span *label, uint8_t *out, size_t cap, size_t *len)
{
    const uint8_t *begin = find(*text, "-----BEGIN ");
    if (begin == NULL)
        return STATUS_END;
    const uint8_t *end_of_text = text->ptr + text->len;
    begin += 11;
    const uint8_t *label_end = find(span_of(begin, (size_t)(end_of_text - begin)), "-----");
    if (label_end == NULL || label_end - begin > 40)
        return STATUS_MALFORMED;
    *label = span_of(begin, (size_t)(label_end - begin));
    const uint8_t *body = label_end + 5;
    const uint8_t *end = find(span_of(body, (size_t)(end_of_text - body)), "-----END ");
    if (end == NULL)
        return STATUS_MALFORMED;
    struct span tail = span_of(end + 9, (size_t)(end_of_text - end - 9));
    if (tail.len < label->len + 5 || memcmp(tail.ptr, label->ptr, label->len) != 0 ||
        memcmp(tail.ptr + label->len, "-----", 5) != 0)
        return STATUS_MALFORMED;
    *text = span_of(tail.ptr + label->len + 5, tail.len - label->len - 5);
    return base64_read(span_of(body, (size_t)(end - body)), out, cap, len);
}

void pem_write(struct buf *out, const char *label, struct span der)
{
    buf_print(out, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < der.len; i += 48) {
        base64_write(span_of(der.ptr + i, der.len - i < 48 ? der.len - i : 48), out);
        buf_add(out, "\n", 1);
    }
    buf_print(out, "-----END %s-----\n", label);
}
