/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each boot is written down, and an image on trial is judged: it is kept when the server makes, fetches and
 * destroys a key, or is in the same state as before the restart; it is given up when neither is true after
 * five minutes.
 */
#ifndef HOLDFAST_INIT_SLOT_TRIAL_H
#define HOLDFAST_INIT_SLOT_TRIAL_H

#include "init/box.h"

/* With the data partition there. */
void slot_trial_begin(struct box *box);
void slot_trial_turn(struct box *box, uint64_t *deadline_ms);

#endif
