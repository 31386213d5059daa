/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of clients: who reads the same keys. Names are kept once, the catalogue holds numbers. */
#ifndef HOLDFAST_STORE_SCOPES_H
#define HOLDFAST_STORE_SCOPES_H

#include "base/limits.h"
#include "base/span.h"

#define SCOPE_DEFAULT 0
#define SCOPE_NOBODY  255 /* of records whose scope no longer fits the table: no client has it */

struct scopes {
    uint8_t count;
    uint8_t len[SCOPES_MAX];
    char names[SCOPES_MAX][NAME_MAX_BYTES];
};

/* The number of a scope, new if it is not known; the empty name is the default scope. SCOPE_NOBODY when the
 * table is full. */
static inline uint8_t scopes_number(struct scopes *scopes, struct span name)
{
    if (name.len == 0 || span_equal(name, span_of_text("default")))
        return SCOPE_DEFAULT;
    if (name.len > NAME_MAX_BYTES)
        return SCOPE_NOBODY;
    for (uint8_t i = 0; i < scopes->count; i++)
        if (span_equal(name, span_of(scopes->names[i], scopes->len[i])))
            return (uint8_t)(i + 1);
    if (scopes->count == SCOPES_MAX)
        return SCOPE_NOBODY;
    memcpy(scopes->names[scopes->count], name.ptr, name.len);
    scopes->len[scopes->count] = (uint8_t)name.len;
    return ++scopes->count;
}

/* The name that records of this scope bear; empty for the default scope. */
static inline struct span scopes_name(const struct scopes *scopes, uint8_t number)
{
    if (number == SCOPE_DEFAULT || number > scopes->count)
        return span_of(NULL, 0);
    return span_of(scopes->names[number - 1], scopes->len[number - 1]);
}

#endif
