/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits at the start of a box, so that the server comes first: it is what hosts wait for. Both answer
 * whether it is still too early, and bring the deadline forward to when it no longer is.
 */
#ifndef HOLDFAST_INIT_ORDER_H
#define HOLDFAST_INIT_ORDER_H

#include "init/box.h"

/* milliseconds after the start of the box, at most; but for the disk, which is waited for longer (init.c) */
#define ORDER_CONSOLES_MS 4000
#define ORDER_CHORES_MS   5000

/* Before the disk is found nobody knows whether the box is set up, and a console would say that it is not. */
bool order_consoles_wait(const struct box *box, uint64_t *deadline_ms);

/* Writing down this boot and growing the partition take the disk and the processor. Without data they never
 * begin. */
bool order_chores_wait(const struct box *box, uint64_t *deadline_ms);

#endif
