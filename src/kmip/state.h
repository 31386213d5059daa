/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a cryptographic object (KMIP 1.4 s3.22): dates move it on by themselves, operations by request.
 */
#ifndef HOLDFAST_KMIP_STATE_H
#define HOLDFAST_KMIP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kmip/enum.h"

/* A date that is not set. KMIP dates are seconds since 1970; none that a client sets can be this. */
#define DATE_NONE INT64_MIN

/* The State at `now` of an object whose stored State is `stored`: transitions 4 (Activation Date) and 6
 * (Deactivation Date). */
enum state state_at(enum state stored, int64_t activation_date, int64_t deactivation_date, int64_t now);

/* Whether one of transitions 1 to 10 leads from one to the other. */
bool state_may_become(enum state from, enum state to);

static inline bool state_is_destroyed(enum state state)
{
    return state == STATE_DESTROYED || state == STATE_DESTROYED_COMPROMISED;
}

#endif
