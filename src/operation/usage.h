/* SPDX-License-Identifier: Apache-2.0 */
/* Usage Limits (KMIP 1.4 s3.21) and whether an object may protect data now. */
#ifndef HOLDFAST_OPERATION_USAGE_H
#define HOLDFAST_OPERATION_USAGE_H

#include "store/object.h"

/* Units left; -1 without Usage Limits. */
int64_t usage_left(const struct object *object);
/* Active, and before the Protect Stop Date; Process Start Date limits processing only (KMIP 1.4 s3.25,
 * s3.26). */
bool usage_may_protect(const struct object *object, int64_t now);

#endif
