/* SPDX-License-Identifier: Apache-2.0 */
/* Key Block and Key Value (KMIP 1.4 s2.1.3, s2.1.4), as a client registers them. */
#ifndef HOLDFAST_KMIP_KEY_BLOCK_H
#define HOLDFAST_KMIP_KEY_BLOCK_H

#include "kmip/enum.h"
#include "kmip/result.h"
#include "ttlv/reader.h"
#include "ttlv/writer.h"

struct key_block {
    uint32_t format;            /* Key Format Type */
    bool has_value;             /* false: only attributes are registered (1.2) */
    struct span material;       /* the bytes of a key or secret, or of a Key Value that is wrapped */
    struct span material_whole; /* Key Material as TTLV, for the Digest of transparent keys */
    uint32_t algorithm;         /* 0: not given */
    int32_t length_bits;        /* 0: not given */
    bool wrapped;
    struct span wrapping_data; /* content of Key Wrapping Data, when wrapped */
    struct span attributes;    /* Attribute structures inside the Key Value, one after the other */
};

/* Reads the content of a Key Block. Spans point into it. *why gets a text when the reason is not REASON_NONE.
 */
MUST_USE enum result_reason key_block_read(struct span content, uint8_t minor, struct key_block *out,
                                           const char **why);

/* Writes Key Wrapping Data (content, as key_block_read found it good) with the fields that KMIP 1.`minor`
 * knows. */
void key_block_write_wrapping(struct ttlv_writer *out, struct span content, uint8_t minor);

#endif
