/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an object has what a Locate asks for (KMIP 1.4 s4.9). */
#ifndef HOLDFAST_OPERATION_MATCH_H
#define HOLDFAST_OPERATION_MATCH_H

#include "operation/show.h"

/* Whether every attribute wanted is there. Two values of one date are a range. */
bool match_all(const struct operation_env *env, const struct object *object, bool fresh_spent,
               const struct attribute *wanted, size_t count);

#endif
