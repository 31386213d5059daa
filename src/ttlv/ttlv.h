/* SPDX-License-Identifier: Apache-2.0 */
/* The item of KMIP's encoding: Tag, Type, Length, Value (KMIP 1.4 s9.1.1). */
#ifndef HOLDFAST_TTLV_TTLV_H
#define HOLDFAST_TTLV_TTLV_H

#include "base/span.h"

/* KMIP 1.4 s9.1.1.2 */
enum ttlv_type {
    TTLV_STRUCTURE = 1,
    TTLV_INTEGER,
    TTLV_LONG_INTEGER,
    TTLV_BIG_INTEGER,
    TTLV_ENUMERATION,
    TTLV_BOOLEAN,
    TTLV_TEXT_STRING,
    TTLV_BYTE_STRING,
    TTLV_DATE_TIME,
    TTLV_INTERVAL
};

#define TTLV_HEADER 8 /* bytes before every value: tag 3, type 1, length 4 */

struct ttlv_item {
    uint32_t tag;
    enum ttlv_type type;
    bool trusted;      /* it and all inside it has been checked */
    struct span value; /* without padding */
    struct span whole; /* header, value and padding */
};

/* Bytes that a value of this length takes with its padding (KMIP 1.4 s9.1.1.3). */
_Static_assert(sizeof(size_t) == 8, "the greatest length of 32 bits, with header and padding, fits a size_t");
static inline size_t ttlv_padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

#endif
