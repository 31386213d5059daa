/* SPDX-License-Identifier: Apache-2.0 */
/* A run of bytes that somebody else owns. Whoever holds a span must not outlive the owner's turn. */
#ifndef HOLDFAST_BASE_SPAN_H
#define HOLDFAST_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE                 __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define COUNT_OF(array)          (sizeof(array) / sizeof((array)[0]))

struct span {
    const uint8_t *ptr;
    size_t len;
};

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){.ptr = ptr, .len = len};
}

static inline struct span span_of_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* Equality of public bytes; secrets are compared with bytes_equal_secret (base/wipe.h). */
static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
