/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* RFC 5246 s6.2.1 and s7.4 */
enum { HANDSHAKE = 22 };
enum { CLIENT_HELLO = 1, SERVER_HELLO_DONE = 14, FINISHED = 20 };

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Times the server's two private-key steps: from our flight to the last message of its answer. */
static void watch(int ours, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
    struct peer *p = SSL_get_app_data(ssl);
    int message = type == HANDSHAKE && len > 0 ? ((const unsigned char *)bytes)[0] : -1;
    (void)version;
    (void)arg;
    if (ours && (message == CLIENT_HELLO || message == FINISHED))
        p->flight_ns = now_ns();
    if (!ours && message == SERVER_HELLO_DONE)
        p->step_ns[0] = now_ns() - p->flight_ns;
    if (!ours && message == FINISHED)
        p->step_ns[1] = now_ns() - p->flight_ns;
}

static _Noreturn void unusable(const char *what)
{
    fprintf(stderr, "load: cannot use %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

SSL_CTX *peer_identity(const char *certificate, const char *key, const char *ciphers)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        unusable("OpenSSL");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    /* Without tickets every server resumes by session identifier, the one way that BearSSL has. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_msg_callback(ctx, watch);
    if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
        unusable(ciphers);
    if (SSL_CTX_use_certificate_file(ctx, certificate, SSL_FILETYPE_PEM) != 1)
        unusable(certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        unusable(key);
    return ctx;
}

/* 127.1.x.y: a server that limits what one source may do before it has authenticated sees as many sources. */
static bool bind_source(int fd, unsigned source)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(0x7F010000u + source / 250 * 256 + source % 250 + 1);
    /* The port is chosen at connect, so that the same one can be used again towards another server. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool tcp_connect(struct peer *p, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return false;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!bind_source(p->fd, p->source))
        return false;
    return connect(p->fd, (struct sockaddr *)&server, sizeof server) == 0 || errno == EINPROGRESS;
}

static void discard(struct peer *p)
{
    SSL_free(p->ssl);
    p->ssl = NULL;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->state = PEER_CLOSED;
}

bool peer_open(struct peer *p, SSL_CTX *identity, uint16_t port)
{
    p->begun_ns = now_ns();
    p->wants_write = true;
    p->turns = 0;
    p->state = PEER_CONNECTING;
    p->ssl = SSL_new(identity);
    p->fd = -1;
    if (p->ssl == NULL || !tcp_connect(p, port) || SSL_set_fd(p->ssl, p->fd) != 1) {
        discard(p);
        return false;
    }
    SSL_set_app_data(p->ssl, p);
    SSL_set_connect_state(p->ssl);
    if (p->session != NULL)
        SSL_set_session(p->ssl, p->session);
    return true;
}

void peer_keep_session(struct peer *p)
{
    SSL_SESSION_free(p->session);
    p->session = SSL_get1_session(p->ssl);
}

void peer_close(struct peer *p)
{
    if (p->ssl != NULL && p->state >= PEER_IDLE) {
        ERR_clear_error();
        SSL_shutdown(p->ssl);
    }
    discard(p);
}

/* PEER_NOTHING if the call only has to be made again when the socket is ready. */
static enum peer_event wait_or_lose(struct peer *p, int result)
{
    switch (SSL_get_error(p->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        p->wants_write = false;
        return PEER_NOTHING;
    case SSL_ERROR_WANT_WRITE:
        p->wants_write = true;
        return PEER_NOTHING;
    default:
        discard(p);
        return PEER_LOST;
    }
}

static enum peer_event shake(struct peer *p)
{
    ERR_clear_error();
    int result = SSL_do_handshake(p->ssl);
    if (result != 1)
        return wait_or_lose(p, result);
    p->wants_write = false;
    p->state = PEER_IDLE;
    return PEER_CONNECTED;
}

static enum peer_event await(struct peer *p)
{
    for (;;) {
        size_t wanted = p->answer_bytes < 8 ? 8 : message_bytes(p->answer);
        if (p->answer_bytes >= 8 && p->answer_bytes == wanted) {
            p->state = PEER_IDLE;
            p->wants_write = false;
            return PEER_ANSWERED;
        }
        if (wanted > sizeof p->answer) {
            discard(p);
            return PEER_LOST;
        }
        ERR_clear_error();
        int result = SSL_read(p->ssl, p->answer + p->answer_bytes, (int)(wanted - p->answer_bytes));
        if (result <= 0)
            return wait_or_lose(p, result);
        p->answer_bytes += (size_t)result;
    }
}

static enum peer_event ask(struct peer *p)
{
    ERR_clear_error();
    int result = SSL_write(p->ssl, p->request, (int)p->request_bytes);
    if (result <= 0)
        return wait_or_lose(p, result);
    p->wants_write = false;
    p->state = PEER_AWAITING;
    return PEER_NOTHING; /* the answer cannot be here yet: do not spend a system call on it */
}

enum peer_event peer_ask(struct peer *p)
{
    p->begun_ns = now_ns();
    p->answer_bytes = 0;
    p->state = PEER_ASKING;
    return ask(p);
}

/* Something came although nothing was asked: the server has closed, or speaks out of turn. */
static enum peer_event overhear(struct peer *p)
{
    unsigned char byte;
    ERR_clear_error();
    int result = SSL_read(p->ssl, &byte, 1);
    if (result <= 0)
        return wait_or_lose(p, result);
    discard(p);
    return PEER_LOST;
}

enum peer_event peer_advance(struct peer *p)
{
    switch (p->state) {
    case PEER_CONNECTING:
        p->state = PEER_SHAKING;
        return shake(p);
    case PEER_SHAKING:
        return shake(p);
    case PEER_ASKING:
        return ask(p);
    case PEER_AWAITING:
        return await(p);
    case PEER_IDLE:
        return overhear(p);
    case PEER_CLOSED:
        break;
    }
    return PEER_NOTHING;
}
