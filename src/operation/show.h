/* SPDX-License-Identifier: Apache-2.0 */
/* An object's attributes as clients see them: those in its record, and those that follow from it (State,
 * Digest, Lease Time ...). */
#ifndef HOLDFAST_OPERATION_SHOW_H
#define HOLDFAST_OPERATION_SHOW_H

#include "operation/operation.h"

struct show {
    const struct object *object;
    const struct operation_env *env;
    bool fresh_spent;
    size_t step;
    struct ttlv_reader stored;
    uint8_t bytes[160]; /* of a value made here */
};

void show_begin(struct show *show, const struct operation_env *env, const struct object *object,
                bool fresh_spent);
/* The next instance, valid until the one after it. False at the end. */
bool show_next(struct show *show, struct object_attribute *out);

#endif
