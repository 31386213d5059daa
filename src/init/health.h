/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the server is alive and what its state is: asked over its control socket every two seconds, more
 * often while it starts, so that a server that hangs is told from one that serves. One that hangs is killed
 * and started again.
 */
#ifndef HOLDFAST_INIT_HEALTH_H
#define HOLDFAST_INIT_HEALTH_H

#include <poll.h>

#include "init/box.h"

void health_init(struct box *box);
struct pollfd health_watch(const struct box *box);
/* What poll told about its place. */
void health_take(struct box *box, short events);
void health_turn(struct box *box, uint64_t *deadline_ms);

/* It has not answered for too long. */
bool health_hangs(const struct box *box);
/* It was killed for that and is still there, as a process that waits for a dead disk is: only a restart
 * helps. */
bool health_is_hopeless(const struct box *box);

/* Connects to the server's control socket. -1: it is not there. */
int health_connect(void);

#endif
