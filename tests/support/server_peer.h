/* SPDX-License-Identifier: Apache-2.0 */
/* A KMIP client with BearSSL at the other end of a socket pair, and keys and certificates for it. */
#ifndef HOLDFAST_TESTS_SUPPORT_SERVER_PEER_H
#define HOLDFAST_TESTS_SUPPORT_SERVER_PEER_H

#include <bearssl_ssl.h>

#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/keypair.h"
#include "server/tls.h"

#define PEER_NOW 1767225600 /* 2026-01-01 */

/* A key with a certificate of its own signature. Not moved once filled. */
struct peer_identity {
    struct keypair key;
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    uint8_t sha256[SHA256_BYTES];
};

/* P-256; valid from a day before PEER_NOW to `until_s`, 0 for a year later. */
void peer_identity_make(struct peer_identity *identity, const char *name, int64_t until_s);
/* The same for the server's side. */
void peer_server_identity(struct tls_identity *identity, bool ec);
struct span peer_der(const struct peer_identity *identity);

/* Takes whatever certificate the server shows: clients of vCenter's kind pin it elsewhere. */
struct peer_trust {
    const br_x509_class *vtable;
    br_x509_decoder_context decoder;
    int certificates;
};

struct peer {
    int fd;
    bool ended; /* the server's end is closed */
    br_ssl_client_context client;
    struct peer_trust trust;
    br_x509_certificate chain[2];
    uint8_t io[BR_SSL_BUFSIZE_BIDI];
};

/* `identity` NULL: no certificate. `resume` may be NULL. The peer owns fd. */
void peer_begin(struct peer *peer, int fd, const struct peer_identity *identity,
                const br_ssl_session_parameters *resume);
/* A further certificate behind its own, before the handshake begins. */
void peer_add_certificate(struct peer *peer, const struct peer_identity *identity, struct span der);
/* Sends and receives what can be now. */
void peer_move(struct peer *peer);
bool peer_open(const struct peer *peer);
int peer_error(const struct peer *peer);
/* Bytes for the server, as one record if they fit; all of them have to fit the engine. */
void peer_write(struct peer *peer, const void *bytes, size_t len);
/* What has arrived, up to cap bytes. */
size_t peer_read(struct peer *peer, void *out, size_t cap);
void peer_end(struct peer *peer);

/* A pair of sockets that never block. */
void peer_sockets(int pair[2]);

#endif
