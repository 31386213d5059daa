/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: TLS handshake, requests one after the other, answers, end. Deadlines bound every phase. */
#ifndef HOLDFAST_SERVER_CONN_H
#define HOLDFAST_SERVER_CONN_H

#include "server/server.h"

/* Takes over a socket. Closes it at once when no slot can be had. */
void conn_open(struct server *server, int fd, const struct sockaddr_in6 *peer);
/* Whether a connection that has not authenticated may be dropped for a new one. */
bool conn_has_stale(struct server *server);
/* Carries on what the connection can do now. `events` is what poll saw, 0 without an event. */
void conn_turn(struct server *server, struct conn *conn, short events);
/* What poll should watch for. */
short conn_interest(const struct conn *conn);
/* Closes at once. */
void conn_drop(struct server *server, struct conn *conn);

/* "192.0.2.20", without the port, NUL-terminated. */
#define PEER_TEXT 48
void conn_peer(const struct conn *conn, char out[PEER_TEXT]);

#endif
