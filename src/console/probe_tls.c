/* SPDX-License-Identifier: Apache-2.0 */
#include "console/probe_tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"

/* vCenter's own limit is not known; this one only keeps the probe from hanging. */
#define TIMEOUT_S 30

static struct probe_trust *trust_of(const br_x509_class **context)
{
    return (struct probe_trust *)(void *)context;
}

static void start_chain(const br_x509_class **context, const char *server_name)
{
    (void)server_name;
    trust_of(context)->certificates = 0;
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
    struct probe_trust *t = trust_of(context);
    (void)length;
    if (t->certificates != 0)
        return;
    br_x509_decoder_init(&t->decoder, NULL, NULL);
    br_sha256_init(&t->sha256);
    br_sha1_init(&t->sha1);
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
    struct probe_trust *t = trust_of(context);
    if (t->certificates != 0)
        return;
    br_x509_decoder_push(&t->decoder, bytes, len);
    br_sha256_update(&t->sha256, bytes, len);
    br_sha1_update(&t->sha1, bytes, len);
}

static void end_cert(const br_x509_class **context)
{
    struct probe_trust *t = trust_of(context);
    if (t->certificates++ != 0)
        return;
    br_sha256_out(&t->sha256, t->seen_sha256);
    br_sha1_out(&t->sha1, t->seen_sha1);
}

/* As vCenter does, it trusts the certificate that the operator trusts: by thumbprint, or any, which is then
 * shown. */
static unsigned end_chain(const br_x509_class **context)
{
    struct probe_trust *t = trust_of(context);
    if (t->pinned && memcmp(t->pin, t->seen_sha256, SHA256_BYTES) != 0)
        return BR_ERR_X509_NOT_TRUSTED;
    return (unsigned)br_x509_decoder_last_error(&t->decoder);
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *context, unsigned *usages)
{
    const struct probe_trust *t = (const struct probe_trust *)(const void *)context;
    if (usages != NULL)
        *usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
    return br_x509_decoder_get_pkey((br_x509_decoder_context *)(void *)(uintptr_t)&t->decoder);
}

static int low_read(void *context, unsigned char *bytes, size_t len)
{
    ssize_t n;
    do
        n = recv(*(int *)context, bytes, len, 0);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (int)n : -1;
}

static int low_write(void *context, const unsigned char *bytes, size_t len)
{
    ssize_t n;
    do
        n = send(*(int *)context, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (int)n : -1;
}

static void set_client_key(struct probe_tls *tls)
{
    if (tls->key.kind == KEYPAIR_RSA)
        br_ssl_client_set_single_rsa(&tls->client, tls->chain, 1, &tls->key.rsa,
                                     br_rsa_pkcs1_sign_get_default());
    else
        br_ssl_client_set_single_ec(&tls->client, tls->chain, 1, &tls->key.ec, BR_KEYTYPE_SIGN, 0,
                                    br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
}

static const char *error_text(int error)
{
    if (error == BR_ERR_X509_NOT_TRUSTED)
        return "the server's certificate does not have the thumbprint given";
    if (error == BR_ERR_IO || error == 0)
        return "the server closed the connection, or did not answer within 30 s";
    if (error >= BR_ERR_RECV_FATAL_ALERT)
        return "the server refused the TLS handshake; is this client certificate enrolled there?";
    return "the TLS handshake failed";
}

const char *probe_connect(struct probe_tls *tls, const struct sockaddr_in6 *address)
{
    static const br_x509_class class = {.context_size = sizeof(struct probe_trust),
                                        .start_chain = start_chain,
                                        .start_cert = start_cert,
                                        .append = append,
                                        .end_cert = end_cert,
                                        .end_chain = end_chain,
                                        .get_pkey = get_pkey};
    br_x509_minimal_context unused;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int on = 1;
    tls->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(tls->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(tls->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(tls->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(tls->fd, (const struct sockaddr *)(const void *)address, sizeof *address) != 0)
        return strerror(errno);
    br_ssl_client_init_full(&tls->client, &unused, NULL, 0);
    br_ssl_engine_set_versions(&tls->client.eng, BR_TLS12, BR_TLS12);
    tls->trust.vtable = &class;
    br_ssl_engine_set_x509(&tls->client.eng, &tls->trust.vtable);
    set_client_key(tls);
    br_ssl_engine_set_buffer(&tls->client.eng, tls->buffer, sizeof tls->buffer, 1);
    br_ssl_client_reset(&tls->client, NULL, 0);
    br_sslio_init(&tls->io, &tls->client.eng, low_read, &tls->fd, low_write, &tls->fd);
    if (br_sslio_flush(&tls->io) != 0 || (br_ssl_engine_current_state(&tls->client.eng) & BR_SSL_CLOSED) != 0)
        return error_text(br_ssl_engine_last_error(&tls->client.eng));
    return NULL;
}

void probe_close(struct probe_tls *tls)
{
    br_ssl_engine_close(&tls->client.eng);
    br_sslio_flush(&tls->io);
    close(tls->fd);
}

const char *probe_exchange(struct probe_tls *tls, struct span request, uint8_t *answer, size_t cap,
                           size_t *len)
{
    if (br_sslio_write_all(&tls->io, request.ptr, request.len) != 0 || br_sslio_flush(&tls->io) != 0 ||
        br_sslio_read_all(&tls->io, answer, 8) != 0)
        return error_text(br_ssl_engine_last_error(&tls->client.eng));
    *len = 8 + (size_t)be32_get(answer + 4);
    if (*len > cap)
        return "the answer is longer than any that vCenter needs";
    if (br_sslio_read_all(&tls->io, answer + 8, *len - 8) != 0)
        return error_text(br_ssl_engine_last_error(&tls->client.eng));
    return NULL;
}
