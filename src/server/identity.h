/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own keys and certificates: one RSA 2048, one P-256, made at the first start, kept in the state
 * folder. */
#ifndef HOLDFAST_SERVER_IDENTITY_H
#define HOLDFAST_SERVER_IDENTITY_H

#include "server/server.h"

/* Files server-rsa.key, server-rsa.pem, server-ec.key, server-ec.pem. STATUS_FAILED with a text in why. */
MUST_USE enum status identity_load(struct server *server, char *why, size_t why_cap);

#endif
