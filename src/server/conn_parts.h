/* SPDX-License-Identifier: Apache-2.0 */
/* What conn.c and conn_request.c share; nobody else includes this. */
#ifndef HOLDFAST_SERVER_CONN_PARTS_H
#define HOLDFAST_SERVER_CONN_PARTS_H

#include "server/server.h"

/* ---- conn.c ---- */

/* A line on something that a peer did wrong, as long as there are not too many. */
void conn_log_trouble(struct server *s, const struct conn *c, const char *what);
/* Lets the peer read our last bytes before the socket goes; without it a reset could overtake them. */
void conn_linger(struct server *s, struct conn *c);
void conn_release_large(struct conn *c);

/* ---- conn_request.c ---- */

/* One turn of an open connection: an answer that waits goes first, then the next request. */
void conn_turn_open(struct server *s, struct conn *c);
/* Nothing is under way: the client may take its time. */
void conn_expect_request(struct server *s, struct conn *c);

#endif
