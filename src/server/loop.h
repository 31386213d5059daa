/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one thread, one poll. */
#ifndef HOLDFAST_SERVER_LOOP_H
#define HOLDFAST_SERVER_LOOP_H

#include "server/server.h"

/* Once, when the sockets of the server are open. False, with errno, when the kernel refuses. */
bool loop_open(struct server *server);
/* One turn; sleeps at most until the nearest deadline. */
void loop_turn(struct server *server);
/* Turns until a signal asks to stop, or the disk process is lost. */
void loop_run(struct server *server);

/* Places in the poll array beside connections: what is seldom ready, consoles, key manager. */
#define KEYMGR_FDS     24
#define LOOP_OTHER_FDS (16 + KEYMGR_FDS)

#endif
