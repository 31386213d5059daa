/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of init's control socket, as PROTOCOL.md lists them. */
#ifndef HOLDFAST_INIT_COMMANDS_H
#define HOLDFAST_INIT_COMMANDS_H

#include "init/box.h"

bool command_has_body(struct span line);
/* Answers at once, or starts the job that does. */
void command_begin(struct box *box, int conn, struct span line, struct span body);

#endif
