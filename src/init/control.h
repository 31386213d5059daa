/* SPDX-License-Identifier: Apache-2.0 */
/* Init's control socket: see PROTOCOL.md. */
#ifndef HOLDFAST_INIT_CONTROL_H
#define HOLDFAST_INIT_CONTROL_H

#include <poll.h>

#include "init/box.h"

MUST_USE bool init_control_open(struct box *box);
/* Fills INIT_CONNS + 1 places. */
void init_control_watch(const struct box *box, struct pollfd fds[INIT_CONNS + 1]);
void init_control_turn(struct box *box, const struct pollfd fds[INIT_CONNS + 1]);

/* The job of a connection has ended: OK, or ERR and the text. */
void init_control_job_ended(struct box *box, int conn, const char *error);

/* What a command is answered with: lines behind those already in c->out. */
void init_control_answer(struct init_conn *conn, const struct buf *lines);
void init_control_end(struct init_conn *conn, const char *error);

#endif
