/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/state.h"

enum state state_at(enum state stored, int64_t activation_date, int64_t deactivation_date, int64_t now)
{
    if (stored == STATE_PRE_ACTIVE && activation_date != DATE_NONE && activation_date <= now)
        stored = STATE_ACTIVE;
    if (stored == STATE_ACTIVE && deactivation_date != DATE_NONE && deactivation_date <= now)
        stored = STATE_DEACTIVATED;
    return stored;
}

bool state_may_become(enum state from, enum state to)
{
    /* KMIP 1.4 s3.22, Figure 1. Row: from; bit: to. */
    static const uint8_t next[] = {
        [STATE_PRE_ACTIVE] = 1 << STATE_ACTIVE | 1 << STATE_COMPROMISED | 1 << STATE_DESTROYED,
        [STATE_ACTIVE] = 1 << STATE_DEACTIVATED | 1 << STATE_COMPROMISED,
        [STATE_DEACTIVATED] = 1 << STATE_COMPROMISED | 1 << STATE_DESTROYED,
        [STATE_COMPROMISED] = 1 << STATE_DESTROYED_COMPROMISED,
        [STATE_DESTROYED] = 1 << STATE_DESTROYED_COMPROMISED,
        [STATE_DESTROYED_COMPROMISED] = 0,
    };
    return from >= STATE_PRE_ACTIVE && from <= STATE_DESTROYED_COMPROMISED && (next[from] >> to & 1) != 0;
}
