/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The echo on BearSSL, the engine of the server under test, with what a fast server would do and nothing
 * else: one read and one write a message, a session cache, client certificates compared byte by byte and
 * decoded once at start.
 */
#define _GNU_SOURCE
#include <bearssl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "echo.h"

#define SESSION_CACHE_BYTES 65536
/* A request and a client's handshake flight arrive in one read each. */
#define INPUT_BYTES   4096
#define SUBJECT_BYTES 1024

/* A client certificate that is accepted, with its public key ready for use. */
struct client {
    struct echo_file certificate;
    br_x509_decoder_context decoded;
    unsigned char subject[SUBJECT_BYTES];
    size_t subject_bytes;
};

/* BearSSL's certificate check for one connection: candidate i is alive as long as bit i is set. */
struct check {
    const br_x509_class *vtable;
    unsigned alive;
    unsigned certificates;
    size_t at;
};

struct conn {
    br_ssl_server_context tls;
    struct check check;
    struct echo_frame frame;
    unsigned due; /* answers not yet begun */
    size_t left;  /* of the answer under way */
    size_t in_at;
    size_t in_bytes;
    unsigned char in[INPUT_BYTES];
    unsigned char buffer[BR_SSL_BUFSIZE_MONO];
};

static struct client clients[ECHO_CLIENTS_MAX];
static br_x500_name names[ECHO_CLIENTS_MAX];
static unsigned client_count;
static size_t answer_bytes;
static br_x509_certificate chain;
static br_skey_decoder_context server_key;
static br_ssl_session_cache_lru cache;
static unsigned char cache_bytes[SESSION_CACHE_BYTES];
static struct conn *conns[ECHO_CONNECTIONS_MAX];

static void check_start_chain(const br_x509_class **ctx, const char *server_name)
{
    struct check *c = (struct check *)(void *)ctx;
    (void)server_name;
    c->alive = (1u << client_count) - 1;
    c->certificates = 0;
}

static void check_start_cert(const br_x509_class **ctx, uint32_t length)
{
    struct check *c = (struct check *)(void *)ctx;
    c->at = 0;
    if (++c->certificates > 1)
        return;
    for (unsigned i = 0; i < client_count; i++)
        if (clients[i].certificate.len != length)
            c->alive &= ~(1u << i);
}

static void check_append(const br_x509_class **ctx, const unsigned char *bytes, size_t len)
{
    struct check *c = (struct check *)(void *)ctx;
    if (c->certificates > 1)
        return;
    for (unsigned i = 0; i < client_count; i++)
        if ((c->alive >> i & 1) != 0 && memcmp(clients[i].certificate.bytes + c->at, bytes, len) != 0)
            c->alive &= ~(1u << i);
    c->at += len;
}

static void check_end_cert(const br_x509_class **ctx)
{
    (void)ctx;
}

static unsigned check_end_chain(const br_x509_class **ctx)
{
    const struct check *c = (const struct check *)(const void *)ctx;
    return c->certificates > 0 && c->alive != 0 ? 0 : BR_ERR_X509_NOT_TRUSTED;
}

static const br_x509_pkey *check_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
    const struct check *c = (const struct check *)(const void *)ctx;
    if (usages != NULL)
        *usages = BR_KEYTYPE_SIGN;
    for (unsigned i = 0; i < client_count; i++)
        if ((c->alive >> i & 1) != 0)
            return br_x509_decoder_get_pkey(&clients[i].decoded);
    return NULL;
}

static const br_x509_class check_class = {
    .context_size = sizeof(struct check),
    .start_chain = check_start_chain,
    .start_cert = check_start_cert,
    .append = check_append,
    .end_cert = check_end_cert,
    .end_chain = check_end_chain,
    .get_pkey = check_pkey,
};

static void subject_append(void *context, const void *bytes, size_t len)
{
    struct client *c = context;
    if (len > sizeof c->subject - c->subject_bytes)
        echo_give_up("client certificate");
    memcpy(c->subject + c->subject_bytes, bytes, len);
    c->subject_bytes += len;
}

static void client_decode(struct client *c, struct echo_file certificate, br_x500_name *name)
{
    c->certificate = certificate;
    br_x509_decoder_init(&c->decoded, subject_append, c);
    br_x509_decoder_push(&c->decoded, certificate.bytes, certificate.len);
    if (br_x509_decoder_get_pkey(&c->decoded) == NULL)
        echo_give_up("client certificate");
    *name = (br_x500_name){c->subject, c->subject_bytes};
}

void engine_start(const struct echo_settings *s)
{
    answer_bytes = s->answer_bytes;
    chain = (br_x509_certificate){s->certificate.bytes, s->certificate.len};
    br_skey_decoder_init(&server_key);
    br_skey_decoder_push(&server_key, s->key.bytes, s->key.len);
    if (br_skey_decoder_last_error(&server_key) != 0)
        echo_give_up("server key");
    client_count = s->clients;
    for (unsigned i = 0; i < client_count; i++)
        client_decode(&clients[i], s->client[i], &names[i]);
    br_ssl_session_cache_lru_init(&cache, cache_bytes, sizeof cache_bytes);
}

static void set_algorithms(br_ssl_engine_context *e)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,       BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    };
    br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_suites(e, suites, sizeof suites / sizeof suites[0]);
    br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_prf_sha256(e, br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(e, br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(e);
    br_ssl_engine_set_default_chapol(e);
    br_ssl_engine_set_default_ec(e);
    br_ssl_engine_set_default_rsavrfy(e);
    br_ssl_engine_set_default_ecdsa(e);
    br_ssl_engine_add_flags(e, BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_NO_RENEGOTIATION);
}

static void set_key(br_ssl_server_context *tls)
{
    if (br_skey_decoder_key_type(&server_key) == BR_KEYTYPE_RSA)
        br_ssl_server_set_single_rsa(tls, &chain, 1, br_skey_decoder_get_rsa(&server_key), BR_KEYTYPE_SIGN,
                                     br_rsa_private_get_default(), br_rsa_pkcs1_sign_get_default());
    else
        br_ssl_server_set_single_ec(tls, &chain, 1, br_skey_decoder_get_ec(&server_key), BR_KEYTYPE_SIGN,
                                    BR_KEYTYPE_EC, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
}

bool engine_open(unsigned slot, int fd)
{
    unsigned char seed[32];
    (void)fd;
    if (conns[slot] == NULL)
        conns[slot] = malloc(sizeof *conns[slot]);
    struct conn *c = conns[slot];
    if (c == NULL || getrandom(seed, sizeof seed, 0) != sizeof seed)
        return false;
    memset(c, 0, offsetof(struct conn, in));
    br_ssl_server_zero(&c->tls);
    set_algorithms(&c->tls.eng);
    set_key(&c->tls);
    c->check.vtable = &check_class;
    br_ssl_engine_set_x509(&c->tls.eng, &c->check.vtable);
    br_ssl_server_set_trust_anchor_names(&c->tls, names, client_count);
    br_ssl_server_set_cache(&c->tls, &cache.vtable);
    br_ssl_engine_set_buffer(&c->tls.eng, c->buffer, sizeof c->buffer, 0);
    br_ssl_engine_inject_entropy(&c->tls.eng, seed, sizeof seed);
    return br_ssl_server_reset(&c->tls) == 1;
}

void engine_close(unsigned slot)
{
    (void)slot; /* the memory serves the next connection in the slot */
}

enum moved { MOVED, BLOCKED, BROKEN };

static enum moved move_out(struct conn *c, int fd)
{
    size_t len;
    const unsigned char *bytes = br_ssl_engine_sendrec_buf(&c->tls.eng, &len);
    ssize_t n = write(fd, bytes, len);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? BLOCKED : BROKEN;
    br_ssl_engine_sendrec_ack(&c->tls.eng, (size_t)n);
    return MOVED;
}

static enum moved refill(struct conn *c, int fd, bool *emptied)
{
    if (*emptied)
        return BLOCKED;
    ssize_t n = read(fd, c->in, sizeof c->in);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? BLOCKED : BROKEN;
    c->in_at = 0;
    c->in_bytes = (size_t)n;
    /* A short read has emptied the socket: poll tells when there is more, a read that fails need not. */
    *emptied = c->in_bytes < sizeof c->in;
    return MOVED;
}

static enum moved move_in(struct conn *c, int fd, bool *emptied)
{
    size_t room;
    unsigned char *bytes = br_ssl_engine_recvrec_buf(&c->tls.eng, &room);
    if (c->in_at == c->in_bytes) {
        enum moved m = refill(c, fd, emptied);
        if (m != MOVED)
            return m;
    }
    size_t n = c->in_bytes - c->in_at < room ? c->in_bytes - c->in_at : room;
    memcpy(bytes, c->in + c->in_at, n);
    c->in_at += n;
    br_ssl_engine_recvrec_ack(&c->tls.eng, n);
    return MOVED;
}

static void take_requests(struct conn *c)
{
    size_t len;
    const unsigned char *bytes = br_ssl_engine_recvapp_buf(&c->tls.eng, &len);
    c->due += echo_frame_take(&c->frame, bytes, len);
    br_ssl_engine_recvapp_ack(&c->tls.eng, len);
}

static void give_answer(struct conn *c)
{
    size_t room;
    unsigned char *bytes = br_ssl_engine_sendapp_buf(&c->tls.eng, &room);
    if (c->left == 0) {
        c->due--;
        c->left = answer_bytes;
    }
    size_t n = c->left < room ? c->left : room;
    memcpy(bytes, echo_answer + answer_bytes - c->left, n);
    c->left -= n;
    br_ssl_engine_sendapp_ack(&c->tls.eng, n);
    if (c->left == 0)
        br_ssl_engine_flush(&c->tls.eng, 0);
}

short engine_drive(unsigned slot, int fd)
{
    struct conn *c = conns[slot];
    bool emptied = false;
    for (;;) {
        unsigned state = br_ssl_engine_current_state(&c->tls.eng);
        enum moved m = MOVED;
        if ((state & BR_SSL_CLOSED) != 0)
            return 0;
        if ((state & BR_SSL_SENDREC) != 0)
            m = move_out(c, fd);
        else if ((state & BR_SSL_RECVAPP) != 0)
            take_requests(c);
        else if ((state & BR_SSL_SENDAPP) != 0 && (c->due > 0 || c->left > 0))
            give_answer(c);
        else if ((state & BR_SSL_RECVREC) != 0)
            m = move_in(c, fd, &emptied);
        else
            return POLLIN;
        if (m == BLOCKED)
            return (state & BR_SSL_SENDREC) != 0 ? POLLOUT : POLLIN;
        if (m == BROKEN)
            return 0;
    }
}
