/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control socket ask of one another; nobody else includes this. */
#ifndef HOLDFAST_SERVER_CONTROL_PARTS_H
#define HOLDFAST_SERVER_CONTROL_PARTS_H

#include "server/control.h"

/* Begins the command of a line; one that needs no other turn ends at once. */
void control_begin(struct server *server, struct control_conn *control, struct span line);
/* Carries a command on that takes more than one turn. */
void control_step(struct server *server, struct control_conn *control);
/* Writes the last line of the answer, from control->result. */
void control_end(struct control_conn *control);

#endif
