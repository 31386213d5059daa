/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1: brings the box up and keeps it running. One poll loop that never waits for anything else. */
#ifndef HOLDFAST_INIT_INIT_H
#define HOLDFAST_INIT_INIT_H

#include "init/box.h"

/* Does not return. */
_Noreturn void init_run(struct box *box);

/* Puts a stored revision in force: network, clock, and the server when its settings have changed. False with
 * a text in why; nothing has changed then. */
MUST_USE bool init_apply(struct box *box, uint32_t revision, char *why, size_t cap);

/* After a job that may have opened the key slots, or set the box up: goes on to serving when it can. */
void init_go_on(struct box *box);

/* Whether the state key has been put into its file in memory. */
bool init_has_key(const struct box *box);

#endif
