/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that a client may resume, each bound to the client that made it (RFC 5246 s7.3). */
#ifndef HOLDFAST_SERVER_TLS_RESUMPTION_H
#define HOLDFAST_SERVER_TLS_RESUMPTION_H

#include "server/tls.h"

/* Has the engine of the server, set up already, keep its sessions in `sessions`: TLS_SESSIONS of them. */
void tls_resumption_init(struct tls_server *server, struct tls_session *sessions);

#endif
