/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes first: cmocka with the headers it wants, and comparisons in our own words. */
#ifndef HOLDFAST_TESTS_SUPPORT_CHECK_H
#define HOLDFAST_TESTS_SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"

/* Equality of a span and a string. */
static inline void check_text(struct span got, const char *wanted)
{
    if (!span_equal(got, span_of_text(wanted)))
        fail_msg("got \"%.*s\", wanted \"%s\"", (int)got.len, (const char *)got.ptr, wanted);
}

/*
 * A copy on the heap of exactly this size, so that the address sanitizer sees a read of the first byte behind
 * it. Freed by the caller.
 */
static inline uint8_t *tight_copy(const void *ptr, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    if (len == 0)
        return copy;
    return memcpy(copy, ptr, len);
}

/* Bytes from hexadecimal text; blanks and line ends are passed over. Returns how many; fails the test on
 * other text. */
static inline size_t hex_bytes(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    unsigned high = 0;
    int digits = 0;
    for (; *text != 0; text++) {
        if (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r')
            continue;
        const char *digit = strchr("0123456789abcdef", *text | 0x20);
        if (digit == NULL || *digit == 0)
            fail_msg("not hexadecimal: %c", *text);
        unsigned value = (unsigned)(digit - "0123456789abcdef");
        if (digits++ % 2 == 0) {
            high = value;
            continue;
        }
        assert_true(n < cap);
        out[n++] = (uint8_t)(high << 4 | value);
    }
    assert_int_equal(digits % 2, 0);
    return n;
}

#endif
