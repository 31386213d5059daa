/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the server and the consoles, and starts them again: at once, then later and later up to half a
 * minute. */
#ifndef HOLDFAST_INIT_SUPERVISE_H
#define HOLDFAST_INIT_SUPERVISE_H

#include "init/box.h"

/* Starts what should run and does not. The nearest time that something has to be done goes to *deadline_ms.
 */
void supervise_turn(struct box *box, uint64_t *deadline_ms);

/* A child has ended. */
void supervise_ended(struct box *box, pid_t pid, int status);

/* The configuration in force goes to the file that the server reads. */
MUST_USE bool supervise_write_config(struct box *box);
/* Ends the server, which then starts anew at once (its configuration has changed), or stays away. */
void supervise_stop_serve(struct box *box);
/* Ends everything, for a restart; waits at most ten seconds. */
void supervise_stop_all(struct box *box);

/*
 * In a child: gives up root for user serve, with memory to lock. `extra_fd` (or -1) stays open across exec.
 * The child is ended when the system refuses.
 */
void supervise_become_serve(int extra_fd);

#endif
