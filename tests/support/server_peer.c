/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "support/server_peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/random.h"
#include "crypto/x509_write.h"

#define DAY_S  86400
#define YEAR_S (365 * DAY_S)

static size_t sign_own(const struct keypair *key, const char *name, int64_t until_s, uint8_t *out)
{
    const char *names[] = {name, NULL};
    struct x509_wish wish = {.common_name = name,
                             .dns_names = names,
                             .not_before_s = PEER_NOW - DAY_S,
                             .not_after_s = until_s == 0 ? PEER_NOW + YEAR_S : until_s};
    struct buf der = buf_over(out, CERTIFICATE_MAX);
    if (x509_write_self_signed(&wish, key, &der) != STATUS_OK)
        abort();
    return der.len;
}

void peer_identity_make(struct peer_identity *p, const char *name, int64_t until_s)
{
    if (keypair_make_p256(&p->key) != STATUS_OK)
        abort();
    p->len = sign_own(&p->key, name, until_s, p->der);
    sha256(peer_der(p), p->sha256);
}

void peer_server_identity(struct tls_identity *id, bool ec)
{
    if ((ec ? keypair_make_p256(&id->key) : keypair_make_rsa2048(&id->key)) != STATUS_OK)
        abort();
    struct tls_certificate *own = &id->certificates[0];
    size_t len = sign_own(&id->key, "holdfast", 0, own->der);
    own->chain[own->count++] = (br_x509_certificate){.data = own->der, .data_len = len};
    id->in_use = true;
}

struct span peer_der(const struct peer_identity *p)
{
    return span_of(p->der, p->len);
}

/* ---- trust in everybody ---- */

static struct peer_trust *trust_of(const br_x509_class **context)
{
    return (struct peer_trust *)(void *)context;
}

static void start_chain(const br_x509_class **context, const char *name)
{
    (void)name;
    trust_of(context)->certificates = 0;
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
    struct peer_trust *t = trust_of(context);
    (void)length;
    if (t->certificates == 0)
        br_x509_decoder_init(&t->decoder, NULL, NULL);
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
    struct peer_trust *t = trust_of(context);
    if (t->certificates == 0)
        br_x509_decoder_push(&t->decoder, bytes, len);
}

static void end_cert(const br_x509_class **context)
{
    trust_of(context)->certificates++;
}

static unsigned end_chain(const br_x509_class **context)
{
    return (unsigned)br_x509_decoder_last_error(&trust_of(context)->decoder);
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *context, unsigned *usages)
{
    const struct peer_trust *t = (const struct peer_trust *)(const void *)context;
    if (usages != NULL)
        *usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
    return br_x509_decoder_get_pkey((br_x509_decoder_context *)(uintptr_t)&t->decoder);
}

/* ---- the client ---- */

void peer_begin(struct peer *p, int fd, const struct peer_identity *identity,
                const br_ssl_session_parameters *resume)
{
    static const br_x509_class everybody = {.context_size = sizeof(struct peer_trust),
                                            .start_chain = start_chain,
                                            .start_cert = start_cert,
                                            .append = append,
                                            .end_cert = end_cert,
                                            .end_chain = end_chain,
                                            .get_pkey = get_pkey};
    br_x509_minimal_context unused;
    uint8_t seed[32];
    memset(p, 0, sizeof *p);
    p->fd = fd;
    p->trust.vtable = &everybody;
    br_ssl_client_init_full(&p->client, &unused, NULL, 0);
    br_ssl_engine_set_x509(&p->client.eng, &p->trust.vtable);
    br_ssl_engine_set_versions(&p->client.eng, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_buffer(&p->client.eng, p->io, sizeof p->io, 1);
    random_bytes(seed, sizeof seed);
    br_ssl_engine_inject_entropy(&p->client.eng, seed, sizeof seed);
    if (identity != NULL)
        peer_add_certificate(p, identity, span_of(NULL, 0));
    if (resume != NULL)
        br_ssl_engine_set_session_parameters(&p->client.eng, resume);
    br_ssl_client_reset(&p->client, NULL, resume != NULL);
}

void peer_add_certificate(struct peer *p, const struct peer_identity *identity, struct span der)
{
    p->chain[0].data = (unsigned char *)(uintptr_t)identity->der;
    p->chain[0].data_len = identity->len;
    p->chain[1].data = (unsigned char *)(uintptr_t)der.ptr;
    p->chain[1].data_len = der.len;
    br_ssl_client_set_single_ec(&p->client, p->chain, der.len == 0 ? 1 : 2, &identity->key.ec,
                                BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ec_get_default(),
                                br_ecdsa_sign_asn1_get_default());
}

static bool send_some(struct peer *p)
{
    size_t len;
    unsigned char *bytes = br_ssl_engine_sendrec_buf(&p->client.eng, &len);
    ssize_t n = bytes == NULL ? 0 : send(p->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        br_ssl_engine_sendrec_ack(&p->client.eng, (size_t)n);
    return n > 0;
}

static bool receive_some(struct peer *p)
{
    size_t len;
    unsigned char *room = br_ssl_engine_recvrec_buf(&p->client.eng, &len);
    uint8_t ignored[64];
    ssize_t n = room == NULL ? recv(p->fd, ignored, sizeof ignored, MSG_PEEK | MSG_DONTWAIT)
                             : recv(p->fd, room, len, MSG_DONTWAIT);
    p->ended = p->ended || n == 0;
    if (room == NULL || n <= 0)
        return false;
    br_ssl_engine_recvrec_ack(&p->client.eng, (size_t)n);
    return true;
}

void peer_move(struct peer *p)
{
    bool moved = true;
    while (moved) {
        moved = send_some(p);
        moved = receive_some(p) || moved;
    }
}

bool peer_open(const struct peer *p)
{
    return (br_ssl_engine_current_state(&p->client.eng) & BR_SSL_SENDAPP) != 0;
}

int peer_error(const struct peer *p)
{
    return br_ssl_engine_last_error(&p->client.eng);
}

void peer_write(struct peer *p, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    while (len != 0) {
        size_t room;
        unsigned char *into = br_ssl_engine_sendapp_buf(&p->client.eng, &room);
        if (into == NULL)
            abort();
        size_t n = len < room ? len : room;
        memcpy(into, from, n);
        br_ssl_engine_sendapp_ack(&p->client.eng, n);
        br_ssl_engine_flush(&p->client.eng, 0);
        from += n;
        len -= n;
        peer_move(p);
    }
}

size_t peer_read(struct peer *p, void *out, size_t cap)
{
    size_t len;
    peer_move(p);
    unsigned char *bytes = br_ssl_engine_recvapp_buf(&p->client.eng, &len);
    if (bytes == NULL)
        return 0;
    size_t n = len < cap ? len : cap;
    memcpy(out, bytes, n);
    br_ssl_engine_recvapp_ack(&p->client.eng, n);
    return n;
}

void peer_end(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void peer_sockets(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        abort();
}
