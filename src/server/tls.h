/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2 on the server's side (RFC 5246), behind an interface that another engine could stand behind. Never
 * waits: it moves what the socket has and takes, and says what it waits for.
 */
#ifndef HOLDFAST_SERVER_TLS_H
#define HOLDFAST_SERVER_TLS_H

#include "crypto/keypair.h"
#include "server/tls_trust.h"

/* A certificate of the server, and behind it those of the authorities that lead to it, as they are sent. */
struct tls_certificate {
    uint8_t count; /* 0: none */
    br_x509_certificate chain[TLS_CHAIN];
    uint8_t der[TLS_CHAIN_BYTES];
};

/*
 * A key of the server. Its certificate is one of two: a handshake under way keeps pointers into the one that
 * it began with, so another one goes into the other place, and that place is filled anew only when nobody
 * uses it.
 */
struct tls_identity {
    bool in_use;
    bool prepared;   /* the other place has a certificate that waits to be put in force */
    uint8_t current; /* the place in force */
    struct keypair key;
    struct tls_certificate certificates[2];
};

static inline const struct tls_certificate *tls_current(const struct tls_identity *identity)
{
    return &identity->certificates[identity->current];
}

/* The i-th certificate in DER. */
static inline struct span tls_certificate_der(const struct tls_certificate *certificate, size_t i)
{
    return span_of(certificate->chain[i].data, certificate->chain[i].data_len);
}

/* A resumable session, and whose it is. */
struct tls_session {
    br_ssl_session_parameters parameters;
    int client;
    uint32_t client_serial;
    int authority;
};

struct tls_server;

/* The class pointer stands first, as BearSSL wants it. */
struct tls_policy {
    const br_ssl_server_policy_class *vtable;
    struct tls_server *server;
    const struct tls_identity *chosen; /* for this connection */
    const struct tls_certificate *certificate;
};
struct tls_cache {
    const br_ssl_session_cache_class *vtable;
    struct tls_server *server;
};

/* One read of the socket. BearSSL asks for a record's head and its body apart, which would be two reads for a
 * request. */
#define TLS_STAGE 512

/* What all connections share. */
struct tls_server {
    struct tls_identity rsa, ec;
    struct trust_shared trust;
    struct tls_cache cache;
    br_ssl_server_context engine; /* set up once; every connection begins with a copy */
    struct tls_session *sessions; /* TLS_SESSIONS */
    uint64_t full, resumed, failed;
};

struct tls {
    br_ssl_server_context engine;
    struct trust trust;
    struct tls_policy policy;
    struct tls_server *server;
    bool broken; /* the socket failed or ended */
    bool resumed;
    bool counted;
    uint16_t staged_at, staged_len; /* received, and not given to the engine yet */
    uint8_t staged[TLS_STAGE];
    uint8_t io[BR_SSL_BUFSIZE_MONO];
};

enum tls_state {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_CLOSED /* in order, or by an error: tls_error tells */
};

void tls_server_init(struct tls_server *server, struct clients *clients, struct tls_session *sessions,
                     bool compat);

void tls_begin(struct tls *tls, struct tls_server *server);
/* Wipes everything. */
void tls_end(struct tls *tls);

/* Whether the handshake under way may still send this certificate. */
bool tls_uses(const struct tls *tls, const struct tls_certificate *certificate);

enum tls_state tls_state(const struct tls *tls);
/* Poll interest: POLLIN, POLLOUT, or 0. */
short tls_interest(const struct tls *tls);

/* Sends what waits to be sent, as far as the socket takes it. */
void tls_flush(struct tls *tls, int fd);
/*
 * Receives what one read brings, and sends what waits. During the handshake at most one record is taken up. A
 * handshake step, the costly part of which is one private-key operation, is done inside.
 */
void tls_move(struct tls *tls, int fd);

/* Whether bytes were received that tls_move has not given to the engine yet, though it would take them. */
bool tls_staged(const struct tls *tls);
/* The peer's bytes that wait to be taken by tls_read, as far as they lie together; empty when there are none.
 */
struct span tls_ahead(const struct tls *tls);
/* Whether there are such bytes. */
bool tls_readable(const struct tls *tls);
/* Takes up to `cap` bytes that the peer sent. */
size_t tls_read(struct tls *tls, uint8_t *out, size_t cap);
/* Gives up to `len` bytes to the engine; what it takes is sent by tls_move. */
size_t tls_write(struct tls *tls, const uint8_t *in, size_t len);
/* Whether anything given is still unsent. */
bool tls_unsent(const struct tls *tls);
/* Says goodbye (close_notify), once all is sent. */
void tls_close(struct tls *tls);

/* 0, or BearSSL's error number; and words for it. */
int tls_error(const struct tls *tls);
const char *tls_error_text(int error);
/* The alert (RFC 5246 s7.2) that tells the peer of this error, as a record in the clear; its length, 0
 * without one. */
size_t tls_alert(const struct tls *tls, uint8_t out[7]);
/* "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" ... Constant text. */
const char *tls_suite_name(const struct tls *tls);

#endif
