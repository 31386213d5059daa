/* SPDX-License-Identifier: Apache-2.0 */
#include "init/order.h"

static bool is_early(const struct box *box, uint64_t most_ms, uint64_t *deadline)
{
    uint64_t until = box->started_ms + most_ms;
    if (box->now.mono_ms >= until)
        return false;
    if (until < *deadline)
        *deadline = until;
    return true;
}

static bool opens_secrets(const struct box *box)
{
    return box->phase == PHASE_LOCKED && !box->unlock_asked;
}

bool order_consoles_wait(const struct box *box, uint64_t *deadline)
{
    return box->phase == PHASE_DISK || (opens_secrets(box) && is_early(box, ORDER_CONSOLES_MS, deadline));
}

bool order_chores_wait(const struct box *box, uint64_t *deadline)
{
    bool starts = opens_secrets(box) || (box->phase == PHASE_SERVING && box->health.answered_ms == 0);
    if (box->phase == PHASE_DISK || box->phase == PHASE_NO_DATA || box->phase == PHASE_GOING)
        return true;
    return starts && is_early(box, ORDER_CHORES_MS, deadline);
}
