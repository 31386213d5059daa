/* SPDX-License-Identifier: Apache-2.0 */
/* The same echo on OpenSSL: what another engine would cost. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <string.h>

#include "echo.h"

struct conn {
    SSL *ssl;
    struct echo_frame frame;
    unsigned due;
};

static const struct echo_settings *settings;
static SSL_CTX *ctx;
static X509 *clients[ECHO_CLIENTS_MAX];
static struct conn conns[ECHO_CONNECTIONS_MAX];

/* As in the other echo: a client is one of the certificates given, no chain is built. */
static int is_client(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509 *presented = X509_STORE_CTX_get0_cert(store);
    for (unsigned i = 0; i < settings->clients; i++)
        if (presented != NULL && X509_cmp(presented, clients[i]) == 0)
            return 1;
    return 0;
}

static void decode_clients(void)
{
    for (unsigned i = 0; i < settings->clients; i++) {
        const unsigned char *der = settings->client[i].bytes;
        clients[i] = d2i_X509(NULL, &der, (long)settings->client[i].len);
        if (clients[i] == NULL || SSL_CTX_add_client_CA(ctx, clients[i]) != 1)
            echo_give_up("client certificate");
    }
}

static bool use_key(void)
{
    const unsigned char *der = settings->key.bytes;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, (long)settings->key.len);
    return key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;
}

void engine_start(const struct echo_settings *s)
{
    settings = s;
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL ||
        SSL_CTX_use_certificate_ASN1(ctx, (int)s->certificate.len, s->certificate.bytes) != 1 || !use_key())
        echo_give_up("server certificate or key");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"echo", 4);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, is_client, NULL);
    SSL_CTX_set_read_ahead(ctx, 1);
    decode_clients();
}

bool engine_open(unsigned slot, int fd)
{
    conns[slot] = (struct conn){.ssl = SSL_new(ctx)};
    if (conns[slot].ssl == NULL || SSL_set_fd(conns[slot].ssl, fd) != 1)
        return false;
    SSL_set_accept_state(conns[slot].ssl);
    return true;
}

void engine_close(unsigned slot)
{
    /* Without this OpenSSL takes the end for a failure and forgets the session. */
    if (conns[slot].ssl != NULL)
        SSL_set_shutdown(conns[slot].ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(conns[slot].ssl);
    conns[slot].ssl = NULL;
}

static short interest(SSL *ssl, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        return 0;
    }
}

/* POLLIN when all answers are written. An answer is far below a record, so it is written whole or not at all.
 */
static short give_answers(struct conn *c)
{
    for (; c->due > 0; c->due--) {
        int n = SSL_write(c->ssl, echo_answer, (int)settings->answer_bytes);
        if (n <= 0)
            return interest(c->ssl, n);
    }
    return POLLIN;
}

short engine_drive(unsigned slot, int fd)
{
    struct conn *c = &conns[slot];
    unsigned char bytes[4096];
    (void)fd;
    ERR_clear_error();
    for (;;) {
        short events = give_answers(c);
        if (events != POLLIN)
            return events;
        int n = SSL_read(c->ssl, bytes, sizeof bytes);
        if (n <= 0)
            return interest(c->ssl, n);
        c->due += echo_frame_take(&c->frame, bytes, (size_t)n);
        /* One request at a time is the rule: a second read would only fail. */
        if (c->due > 0 && SSL_has_pending(c->ssl) == 0)
            return give_answers(c);
    }
}
