/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs the requests of clients that want their certificate from the key server (vCenter: New Certificate
 * Signing Request). Exactly that certificate is then enrolled; whatever else the key might sign is worth
 * nothing here.
 */
#ifndef HOLDFAST_SERVER_CLIENT_AUTHORITY_H
#define HOLDFAST_SERVER_CLIENT_AUTHORITY_H

#include "crypto/pkcs10.h"
#include "server/server.h"

/*
 * Makes the key at its first use (RSA 2048: the loop stands still for a second, once in the life of a box)
 * and sends it to the disk; *ticket is 0 when it was there already. False with a text in *why.
 */
MUST_USE bool client_authority_begin(struct server *server, uint64_t *ticket, const char **why);
/* Its file could not be written: the next request makes another one. */
void client_authority_forget(struct server *server);

/* A certificate for five years with subject and key of the request, for clientAuth. `name` is the subject
 * when the request has none. */
MUST_USE enum status client_authority_sign(const struct server *server, const struct pkcs10 *request,
                                           const char *name, struct buf *out);

#endif
