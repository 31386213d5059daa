/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: lines of text from a console on this machine. A command is one line; the answer is
 * lines, the last one "OK" or "ERR <what to do>". An API key goes in; nothing secret comes out.
 */
#ifndef HOLDFAST_SERVER_CONTROL_H
#define HOLDFAST_SERVER_CONTROL_H

#include <poll.h>

#include "server/server.h"

void control_turn(struct server *server, bool connecting, const struct pollfd fds[CONTROL_SLOTS]);
short control_interest(const struct control_conn *control);
/* Whether anything goes on that needs no event. */
bool control_is_busy(const struct server *server);

#endif
