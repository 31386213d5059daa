/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/copy.h"
#include "base/wipe.h"
#include "crypto/random.h"
#include "server/tls_resumption.h"

/* Preference of the server: forward secrecy and authenticated encryption first, RSA certificates before
 * elliptic curve ones. */
static const struct {
    uint16_t suite;
    const char *name;
} suites[] = {
    {BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {BR_TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    {BR_TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
    {BR_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
    {BR_TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
    /* from here on only with `tls compat on` */
    {BR_TLS_RSA_WITH_AES_128_GCM_SHA256, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    {BR_TLS_RSA_WITH_AES_256_GCM_SHA384, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    {BR_TLS_RSA_WITH_AES_128_CBC_SHA256, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
    {BR_TLS_RSA_WITH_AES_256_CBC_SHA256, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
};
#define SUITES_ALWAYS 10

/* ---- which certificate, and signing with its key (bearssl_ssl.h, br_ssl_server_policy_class) ---- */

static int hash_choose(uint32_t hashes)
{
    static const int preferred[] = {br_sha256_ID, br_sha384_ID, br_sha512_ID};
    for (size_t i = 0; i < COUNT_OF(preferred); i++)
        if ((hashes >> preferred[i] & 1) != 0)
            return preferred[i];
    return 0;
}

static int policy_choose(const br_ssl_server_policy_class **context, const br_ssl_server_context *engine,
                         br_ssl_server_choices *choices)
{
    struct tls_policy *policy = (struct tls_policy *)(void *)context;
    struct tls_server *server = policy->server;
    size_t count;
    const br_suite_translated *offered = br_ssl_server_get_client_suites(engine, &count);
    uint32_t hashes = br_ssl_server_get_client_hashes(engine);
    for (size_t i = 0; i < count; i++) {
        unsigned exchange = offered[i][1] >> 12;
        bool ec = exchange == BR_SSLKEYX_ECDHE_ECDSA;
        int hash = hash_choose(ec ? hashes >> 8 : hashes);
        struct tls_identity *identity = ec ? &server->ec : &server->rsa;
        if (!identity->in_use || (exchange != BR_SSLKEYX_RSA && hash == 0))
            continue;
        policy->chosen = identity;
        policy->certificate = tls_current(identity);
        choices->cipher_suite = offered[i][0];
        choices->algo_id = (unsigned)(hash + 0xff00);
        choices->chain = policy->certificate->chain;
        choices->chain_len = policy->certificate->count;
        return 1;
    }
    return 0;
}

static uint32_t policy_do_keyx(const br_ssl_server_policy_class **context, unsigned char *data, size_t *len)
{
    struct tls_server *server = ((struct tls_policy *)(void *)context)->server;
    return br_rsa_ssl_decrypt(br_rsa_private_get_default(), &server->rsa.key.rsa, data, *len);
}

static size_t sign_rsa(const struct keypair *key, unsigned hash_id, unsigned char *data, size_t hash_len,
                       size_t len)
{
    unsigned char hash[64];
    size_t signature_len = (key->rsa.n_bitlen + 7) / 8;
    const unsigned char *oid = hash_id == br_sha256_ID   ? BR_HASH_OID_SHA256
                               : hash_id == br_sha384_ID ? BR_HASH_OID_SHA384
                                                         : BR_HASH_OID_SHA512;
    if (len < signature_len || hash_len > sizeof hash)
        return 0;
    memcpy(hash, data, hash_len);
    return br_rsa_pkcs1_sign_get_default()(oid, hash, hash_len, &key->rsa, data) ? signature_len : 0;
}

static size_t sign_ec(const struct keypair *key, unsigned hash_id, unsigned char *data, size_t hash_len,
                      size_t len)
{
    unsigned char hash[64];
    const br_hash_class *class = hash_id == br_sha256_ID   ? &br_sha256_vtable
                                 : hash_id == br_sha384_ID ? &br_sha384_vtable
                                                           : &br_sha512_vtable;
    if (len < 139 || hash_len > sizeof hash) /* the longest signature of the largest curve */
        return 0;
    memcpy(hash, data, hash_len);
    return br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), class, hash, &key->ec, data);
}

static size_t policy_do_sign(const br_ssl_server_policy_class **context, unsigned algorithm,
                             unsigned char *data, size_t hash_len, size_t len)
{
    const struct keypair *key = &((struct tls_policy *)(void *)context)->chosen->key;
    return key->kind == KEYPAIR_EC ? sign_ec(key, algorithm & 0xff, data, hash_len, len)
                                   : sign_rsa(key, algorithm & 0xff, data, hash_len, len);
}

/* ---- the engine ---- */

static void set_suites(br_ssl_engine_context *eng, bool compat)
{
    uint16_t list[COUNT_OF(suites)];
    size_t count = compat ? COUNT_OF(suites) : SUITES_ALWAYS;
    for (size_t i = 0; i < count; i++)
        list[i] = suites[i].suite;
    br_ssl_engine_set_suites(eng, list, count);
}

static void set_algorithms(br_ssl_engine_context *eng)
{
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(eng, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(eng, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(eng);
    br_ssl_engine_set_default_aes_cbc(eng);
    br_ssl_engine_set_default_chapol(eng);
    br_ssl_engine_set_default_ec(eng);
    br_ssl_engine_set_default_rsavrfy(eng);
    br_ssl_engine_set_default_ecdsa(eng);
}

void tls_server_init(struct tls_server *server, struct clients *clients, struct tls_session *sessions,
                     bool compat)
{
    /* BearSSL asks for a client certificate only when it has a name to send; this is the DER of CN=Holdfast
     * clients. */
    static const unsigned char name[] = "\x30\x1b\x31\x19\x30\x17\x06\x03\x55\x04\x03\x0c\x10"
                                        "Holdfast clients";
    static const br_x500_name names[1] = {{.data = (unsigned char *)(uintptr_t)name, .len = sizeof name - 1}};
    br_ssl_engine_context *eng = &server->engine.eng;
    server->trust.clients = clients;
    br_ssl_server_zero(&server->engine);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    set_suites(eng, compat);
    set_algorithms(eng);
    tls_resumption_init(server, sessions);
    br_ssl_server_set_trust_anchor_names(&server->engine, names, 1);
    br_ssl_engine_set_all_flags(eng, BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_NO_RENEGOTIATION);
}

void tls_begin(struct tls *tls, struct tls_server *server)
{
    static const br_ssl_server_policy_class policy = {.context_size = sizeof(struct tls_policy),
                                                      .choose = policy_choose,
                                                      .do_keyx = policy_do_keyx,
                                                      .do_sign = policy_do_sign};
    uint8_t seed[32];
    br_ssl_engine_context *eng = &tls->engine.eng;
    tls->engine = server->engine;
    tls->server = server;
    tls->resumed = tls->counted = tls->broken = false;
    tls->staged_at = tls->staged_len = 0;
    tls->policy = (struct tls_policy){.vtable = &policy, .server = server};
    trust_init(&tls->trust, &server->trust);
    br_ssl_server_set_policy(&tls->engine, &tls->policy.vtable);
    br_ssl_engine_set_x509(eng, &tls->trust.vtable);
    random_bytes(seed, sizeof seed);
    br_ssl_engine_inject_entropy(eng, seed, sizeof seed);
    wipe(seed, sizeof seed);
    br_ssl_engine_set_buffer(eng, tls->io, sizeof tls->io, 0);
    br_ssl_server_reset(&tls->engine);
}

void tls_end(struct tls *tls)
{
    trust_release(&tls->trust);
    wipe(tls, sizeof *tls);
}

bool tls_uses(const struct tls *tls, const struct tls_certificate *certificate)
{
    return !tls->counted && tls->policy.certificate == certificate;
}

enum tls_state tls_state(const struct tls *tls)
{
    unsigned state = br_ssl_engine_current_state(&tls->engine.eng);
    if (tls->broken || (state & BR_SSL_CLOSED) != 0)
        return TLS_CLOSED;
    return tls->counted ? TLS_OPEN : TLS_HANDSHAKE;
}

/* Asked several times a request; the engine finds its whole state out in four times the time. */
static bool takes_records(const struct tls *tls)
{
    size_t room;
    return br_ssl_engine_recvrec_buf(&tls->engine.eng, &room) != NULL;
}

short tls_interest(const struct tls *tls)
{
    short interest = 0;
    if (tls_unsent(tls))
        interest |= POLLOUT;
    if (takes_records(tls))
        interest |= POLLIN;
    return interest;
}

static bool send_records(struct tls *tls, int fd)
{
    size_t len;
    unsigned char *bytes = br_ssl_engine_sendrec_buf(&tls->engine.eng, &len);
    if (bytes == NULL)
        return false;
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) {
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            tls->broken = true;
        return false;
    }
    br_ssl_engine_sendrec_ack(&tls->engine.eng, (size_t)n);
    return true;
}

/* Reads the socket once, when nothing is left of the last read. */
static void receive(struct tls *tls, int fd)
{
    if (tls->staged_len != 0 || !takes_records(tls))
        return;
    ssize_t n = recv(fd, tls->staged, sizeof tls->staged, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        tls->broken = true;
    tls->staged_at = 0;
    tls->staged_len = n > 0 ? (uint16_t)n : 0;
}

/* Gives the engine what was read: a record's head, then its body. During the handshake one record, since it
 * may cost a signature. */
static void feed(struct tls *tls)
{
    size_t room;
    unsigned char *into;
    int parts = 0;
    while (tls->staged_len != 0 && (into = br_ssl_engine_recvrec_buf(&tls->engine.eng, &room)) != NULL) {
        size_t n = tls->staged_len < room ? tls->staged_len : room;
        copy_short(into, tls->staged + tls->staged_at, n);
        tls->staged_at = (uint16_t)(tls->staged_at + n);
        tls->staged_len = (uint16_t)(tls->staged_len - n);
        br_ssl_engine_recvrec_ack(&tls->engine.eng, n);
        if (!tls->counted && ++parts == 2)
            return;
    }
}

bool tls_staged(const struct tls *tls)
{
    return tls->staged_len != 0 && takes_records(tls);
}

void tls_flush(struct tls *tls, int fd)
{
    while (send_records(tls, fd))
        continue;
}

static void count_handshake(struct tls *tls)
{
    if (tls->counted ||
        (br_ssl_engine_current_state(&tls->engine.eng) & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) == 0)
        return;
    tls->counted = true;
    trust_release(&tls->trust);
    if (tls->resumed)
        tls->server->resumed++;
    else
        tls->server->full++;
}

void tls_move(struct tls *tls, int fd)
{
    tls_flush(tls, fd);
    receive(tls, fd);
    feed(tls);
    tls_flush(tls, fd);
    count_handshake(tls);
}

struct span tls_ahead(const struct tls *tls)
{
    size_t len = 0;
    const unsigned char *bytes = br_ssl_engine_recvapp_buf(&tls->engine.eng, &len);
    return span_of(bytes, bytes == NULL ? 0 : len);
}

bool tls_readable(const struct tls *tls)
{
    return tls_ahead(tls).ptr != NULL;
}

size_t tls_read(struct tls *tls, uint8_t *out, size_t cap)
{
    size_t len;
    unsigned char *bytes = br_ssl_engine_recvapp_buf(&tls->engine.eng, &len);
    if (bytes == NULL)
        return 0;
    size_t n = len < cap ? len : cap;
    copy_short(out, bytes, n);
    wipe(bytes, n); /* it stays in the engine's buffer else, as long as the client stays */
    if (n != 0)
        br_ssl_engine_recvapp_ack(&tls->engine.eng, n);
    return n;
}

size_t tls_write(struct tls *tls, const uint8_t *in, size_t len)
{
    size_t room;
    unsigned char *bytes = br_ssl_engine_sendapp_buf(&tls->engine.eng, &room);
    if (bytes == NULL)
        return 0;
    size_t n = len < room ? len : room;
    copy_short(bytes, in, n);
    br_ssl_engine_sendapp_ack(&tls->engine.eng, n);
    br_ssl_engine_flush(&tls->engine.eng, 0);
    return n;
}

bool tls_unsent(const struct tls *tls)
{
    size_t len;
    return br_ssl_engine_sendrec_buf(&tls->engine.eng, &len) != NULL;
}

void tls_close(struct tls *tls)
{
    br_ssl_engine_close(&tls->engine.eng);
}

int tls_error(const struct tls *tls)
{
    int error = br_ssl_engine_last_error(&tls->engine.eng);
    return error == BR_ERR_OK && tls->broken && !tls->counted ? BR_ERR_IO : error;
}

const char *tls_error_text(int error)
{
    switch (error) {
    case BR_ERR_OK:
        return "closed in order";
    case BR_ERR_IO:
        return "the peer closed or broke the connection";
    case BR_ERR_NO_CLIENT_AUTH:
        return "the client sent no certificate";
    case BR_ERR_X509_NOT_TRUSTED:
        return "the client's certificate is not enrolled";
    case BR_ERR_X509_EXPIRED:
        return "the client's certificate has expired";
    case BR_ERR_UNSUPPORTED_VERSION:
    case BR_ERR_BAD_VERSION:
    case BR_ERR_SEND_FATAL_ALERT + 70: /* protocol_version: the engine has told the client itself */
        return "the client does not speak TLS 1.2";
    case BR_ERR_BAD_CIPHER_SUITE:
    case BR_ERR_SEND_FATAL_ALERT + 40: /* handshake_failure */
    case BR_ERR_BAD_SIGNATURE:
        return error == BR_ERR_BAD_SIGNATURE ? "the client does not have the key of its certificate"
                                             : "no cipher suite in common, or the client speaks only TLS "
                                               "1.3; old vCenters need: set tls compat on";
    default:
        break;
    }
    if (error >= BR_ERR_RECV_FATAL_ALERT && error < BR_ERR_SEND_FATAL_ALERT)
        return "the client refused with an alert; perhaps it does not trust this server's certificate";
    if (error >= BR_ERR_X509_OK && error < BR_ERR_RECV_FATAL_ALERT)
        return "the client's certificate is not valid";
    return "the TLS handshake or a record is malformed";
}

size_t tls_alert(const struct tls *tls, uint8_t out[7])
{
    /* RFC 5246 s7.2.2: handshake_failure 40, bad_certificate 42, certificate_expired 45, unknown_ca 48,
     * protocol_version 70 */
    int error = tls_error(tls);
    uint8_t description = 40;
    if (error == BR_ERR_OK || error == BR_ERR_IO || tls->counted ||
        error >= BR_ERR_RECV_FATAL_ALERT) /* the peer's own alert, or one that the engine has sent */
        return 0;
    if (error == BR_ERR_X509_NOT_TRUSTED)
        description = 48;
    else if (error == BR_ERR_X509_EXPIRED)
        description = 45;
    else if (error >= BR_ERR_X509_OK && error < BR_ERR_RECV_FATAL_ALERT)
        description = 42;
    else if (error == BR_ERR_UNSUPPORTED_VERSION || error == BR_ERR_BAD_VERSION)
        description = 70;
    static const uint8_t head[6] = {21, 3, 3, 0, 2, 2};
    memcpy(out, head, sizeof head);
    out[6] = description;
    return 7;
}

const char *tls_suite_name(const struct tls *tls)
{
    br_ssl_session_parameters parameters;
    br_ssl_engine_get_session_parameters(&tls->engine.eng, &parameters);
    uint16_t suite = parameters.cipher_suite;
    wipe(&parameters, sizeof parameters);
    for (size_t i = 0; i < COUNT_OF(suites); i++)
        if (suites[i].suite == suite)
            return suites[i].name;
    return "none";
}
