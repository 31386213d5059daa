/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One non-blocking TLS 1.2 connection to the server under test, with at most one request under way. Nothing
 * here waits: peer_advance() is called when the socket is ready and says what has become of the connection.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

/* A Create batch of 32 answers about 6 KB. */
#define PEER_ANSWER_MAX 16384

enum peer_state { PEER_CLOSED, PEER_CONNECTING, PEER_SHAKING, PEER_IDLE, PEER_ASKING, PEER_AWAITING };

/* What happened in peer_advance(). */
enum peer_event { PEER_NOTHING, PEER_CONNECTED, PEER_ANSWERED, PEER_LOST };

struct peer {
    enum peer_state state;
    unsigned index;
    unsigned source; /* which loopback address it connects from */
    int fd;
    bool wants_write;
    SSL *ssl;
    SSL_SESSION *session; /* offered at the next peer_open() when set */
    uint64_t begun_ns;    /* when the connect or the request under way began */
    uint64_t flight_ns;   /* when our last handshake flight began */
    uint64_t step_ns[2];  /* the server's answer to Client Hello, and to our Finished */
    size_t request_bytes;
    size_t answer_bytes;
    unsigned tag;   /* the caller's: which object the request under way concerns */
    unsigned turns; /* the caller's; 0 when it connects */
    unsigned char request[REQUEST_BYTES_MAX];
    unsigned char answer[PEER_ANSWER_MAX];
};

uint64_t now_ns(void);

/* The client's TLS settings, shared by all its connections. Ends the process if a file cannot be read. */
SSL_CTX *peer_identity(const char *certificate, const char *key, const char *ciphers);

/* Starts to connect from a loopback address of this peer's own, as if every peer were another host. */
bool peer_open(struct peer *p, SSL_CTX *identity, uint16_t port);

/* Sends what stands in request[0 .. request_bytes). The peer must be idle. */
enum peer_event peer_ask(struct peer *p);

enum peer_event peer_advance(struct peer *p);

/* Keeps the session of a connected peer for the next peer_open(). */
void peer_keep_session(struct peer *p);

/* Says goodbye as a well-behaved client does, and closes. */
void peer_close(struct peer *p);

#endif
