/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own keys and certificates: one RSA 2048, one P-256, made at the first start, kept in the state
 * folder. The private keys, and that of the authority which signs clients' requests, are sealed when there is
 * a state key.
 */
#ifndef HOLDFAST_SERVER_IDENTITY_H
#define HOLDFAST_SERVER_IDENTITY_H

#include "server/server.h"

#define CLIENT_AUTHORITY_KEY  "client-ca.key"
#define CLIENT_AUTHORITY_FILE "client-ca.pem"

enum identity_file { IDENTITY_KEY, IDENTITY_CERTIFICATE, IDENTITY_NEXT };
/* "server-rsa.key", "server-rsa.pem", "server-rsa.next.pem" and the same with ec. Constant text. */
const char *identity_file(bool ec, enum identity_file file);

/* Reads or makes them. STATUS_FAILED with a text in why that names the file. */
MUST_USE enum status identity_load(struct server *server, char *why, size_t why_cap);

/* A new self-signed certificate in DER for a key, with names and addresses as they are configured now. */
MUST_USE enum status identity_self_sign(const struct server *server, const struct keypair *key,
                                        struct buf *out);

/* The content of a key's file: PKCS#8 in PEM, not sealed yet. Wiped by the caller. */
MUST_USE enum status identity_write_key(const struct keypair *key, struct buf *out);
/* The content of a certificate's file: every certificate in PEM. */
void identity_write_certificate(const struct tls_certificate *certificate, struct buf *out);
/* Puts one more certificate (DER) behind the others. False: it has no room. */
MUST_USE bool identity_append(struct tls_certificate *certificate, struct span der);

#endif
