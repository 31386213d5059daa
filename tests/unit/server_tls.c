/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between the server's side and a client in memory: handshakes, records, ends. Resumption and alerts:
 * server_tls_refusal.c. */
#include "support/check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/server_peer.h"

#define PATIENCE 300

static struct peer_identity one;
static struct scopes scopes;
static struct clients *clients;
static struct tls_server *server;
static struct tls *tls;
static struct peer *peer;
static int fd; /* the server's end */

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    server = calloc(1, sizeof *server);
    peer_server_identity(&server->rsa, false);
    peer_server_identity(&server->ec, true);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    free(server);
    return 0;
}

static void connect_peer(void)
{
    int pair[2];
    peer_sockets(pair);
    fd = pair[0];
    tls_begin(tls, server);
    peer_begin(peer, pair[1], &one, NULL);
}

static void start_server(bool compat)
{
    tls_server_init(server, clients, server->sessions, compat);
    server->trust.now_s = PEER_NOW;
}

static int begin(void **state)
{
    (void)state;
    memset(&scopes, 0, sizeof scopes);
    clients = calloc(1, sizeof *clients);
    tls = calloc(1, sizeof *tls);
    peer = calloc(1, sizeof *peer);
    server->sessions = calloc(TLS_SESSIONS, sizeof *server->sessions);
    server->full = server->resumed = 0;
    server->rsa.in_use = server->ec.in_use = true;
    clients_init(clients, &scopes);
    assert_int_equal(clients_add(clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    start_server(false);
    connect_peer();
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (fd >= 0)
        close(fd);
    peer_end(peer);
    free(tls);
    free(peer);
    free(clients);
    free(server->sessions);
    return 0;
}

static bool shake(void)
{
    for (int i = 0; i < PATIENCE && tls_state(tls) == TLS_HANDSHAKE; i++) {
        peer_move(peer);
        tls_move(tls, fd);
    }
    peer_move(peer);
    return tls_state(tls) == TLS_OPEN && peer_open(peer);
}

/* Reads what the peer has sent, in portions of `portion` bytes. */
static size_t take(uint8_t *out, size_t len, size_t portion)
{
    size_t got = 0;
    for (int i = 0; i < 50 * PATIENCE && got < len; i++) {
        size_t n = tls_read(tls, out + got, len - got < portion ? len - got : portion);
        if (n == 0) {
            peer_move(peer);
            tls_move(tls, fd);
        }
        got += n;
    }
    return got;
}

static void a_full_handshake(void **state)
{
    (void)state;
    assert_int_equal(tls_state(tls), TLS_HANDSHAKE);
    assert_int_equal(tls_interest(tls), POLLIN);
    assert_string_equal(tls_suite_name(tls), "none");
    assert_true(shake());
    assert_int_equal(tls->trust.client, 0);
    assert_ptr_equal(trust_client(&tls->trust), &clients->clients[0]);
    assert_memory_equal(tls->trust.fingerprint, one.sha256, SHA256_BYTES);
    assert_false(tls->resumed);
    assert_int_equal(server->full, 1);
    assert_int_equal(server->resumed, 0);
    assert_int_equal(tls_error(tls), BR_ERR_OK);
    assert_false(tls_readable(tls));
    assert_false(tls_unsent(tls));
    assert_int_equal(tls_interest(tls), POLLIN);
    assert_string_equal(tls_suite_name(tls), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
}

static bool shake_with(uint16_t suite)
{
    if (fd >= 0)
        close(fd);
    peer_end(peer);
    connect_peer();
    br_ssl_engine_set_suites(&peer->client.eng, &suite, 1);
    br_ssl_client_reset(&peer->client, NULL, 0);
    return shake();
}

static void every_suite_that_is_offered(void **state)
{
    (void)state;
    static const struct {
        uint16_t suite;
        const char *name;
        bool old;
    } suites[] = {
        {BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", false},
        {BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
         false},
        {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false},
        {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", false},
        {BR_TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", false},
        {BR_TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", false},
        {BR_TLS_RSA_WITH_AES_128_GCM_SHA256, "TLS_RSA_WITH_AES_128_GCM_SHA256", true},
        {BR_TLS_RSA_WITH_AES_256_CBC_SHA256, "TLS_RSA_WITH_AES_256_CBC_SHA256", true},
    };
    for (size_t i = 0; i < COUNT_OF(suites); i++) {
        start_server(false);
        assert_int_equal(shake_with(suites[i].suite), !suites[i].old);
        if (suites[i].old)
            start_server(true); /* tls compat on */
        if (suites[i].old)
            assert_true(shake_with(suites[i].suite));
        assert_string_equal(tls_suite_name(tls), suites[i].name);
    }
    assert_false(shake_with(BR_TLS_RSA_WITH_AES_128_CBC_SHA)); /* SHA-1: never */
}

static void the_key_that_is_not_there_is_not_chosen(void **state)
{
    (void)state;
    server->rsa.in_use = false;
    assert_true(shake());
    assert_string_equal(tls_suite_name(tls), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}

static void bytes_in_both_directions(void **state)
{
    (void)state;
    static uint8_t sent[5000], got[5000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7);
    assert_true(shake());
    peer_write(peer, sent, sizeof sent);
    assert_int_equal(take(got, sizeof got, 999), sizeof got);
    assert_memory_equal(got, sent, sizeof got);
    assert_false(tls_readable(tls));
    memset(got, 0, sizeof got);
    assert_int_equal(tls_write(tls, sent, sizeof sent), sizeof sent);
    assert_true(tls_unsent(tls));
    assert_int_equal(tls_interest(tls) & POLLOUT, POLLOUT);
    tls_flush(tls, fd);
    assert_false(tls_unsent(tls));
    size_t have = 0, n;
    while ((n = peer_read(peer, got + have, sizeof got - have)) != 0)
        have += n;
    assert_int_equal(have, sizeof got);
    assert_memory_equal(got, sent, sizeof got);
}

/* Records whose length on the wire is around the size of one read, alone and in a row. */
static void records_around_the_stage(void **state)
{
    (void)state;
    uint8_t sent[TLS_STAGE + 64], got[2 * sizeof sent];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 3 + 1);
    assert_true(shake());
    for (size_t len = TLS_STAGE - 40; len <= TLS_STAGE + 8; len++) {
        peer_write(peer, sent, len);
        assert_int_equal(take(got, len, sizeof got), len);
        assert_memory_equal(got, sent, len);
        assert_false(tls_staged(tls));
        peer_write(peer, sent, len);
        peer_write(peer, sent + 1, len);
        assert_int_equal(take(got, 2 * len, sizeof got), 2 * len);
        assert_memory_equal(got, sent, len);
        assert_memory_equal(got + len, sent + 1, len);
        assert_false(tls_staged(tls));
    }
}

/* Many small records that came in one read are there one after the other, without a further event. */
static void pipelined_records_need_no_event(void **state)
{
    (void)state;
    uint8_t got[8];
    assert_true(shake());
    for (int i = 0; i < 10; i++)
        peer_write(peer, &(char){(char)('a' + i)}, 1);
    tls_move(tls, fd);
    for (int i = 0; i < 10; i++) {
        assert_true(tls_readable(tls));
        assert_int_equal(tls_read(tls, got, sizeof got), 1);
        assert_int_equal(got[0], 'a' + i);
        if (i < 9) {
            assert_true(tls_staged(tls));
            tls_move(tls, fd);
        }
    }
    assert_false(tls_staged(tls));
    assert_false(tls_readable(tls));
}

/* The handshake comes byte by byte, as over a very slow link. */
static void bytes_one_by_one(void **state)
{
    (void)state;
    int pair[2];
    uint8_t byte;
    int server_side = fd;
    peer_sockets(pair);
    fd = pair[0]; /* the test carries the bytes from server_side to pair[1] */
    for (int i = 0; i < 60 * PATIENCE && !peer_open(peer); i++) {
        peer_move(peer);
        if (recv(server_side, &byte, 1, MSG_DONTWAIT) == 1)
            assert_int_equal(send(pair[1], &byte, 1, 0), 1);
        tls_move(tls, fd);
        if (recv(pair[1], &byte, 1, MSG_DONTWAIT) == 1)
            assert_int_equal(send(server_side, &byte, 1, 0), 1);
    }
    assert_true(peer_open(peer));
    assert_int_equal(tls_state(tls), TLS_OPEN);
    close(server_side);
    close(pair[1]);
}

static void broken_records_close(void **state)
{
    (void)state;
    uint8_t record[200];
    assert_true(shake());
    int through[2], own = peer->fd;
    peer_sockets(through);
    peer->fd = through[0]; /* what the peer sends passes through the test */
    peer_write(peer, "a request", 9);
    ssize_t n = recv(through[1], record, sizeof record, MSG_DONTWAIT);
    assert_true(n > 20);
    record[n - 1] ^= 1;
    assert_int_equal(send(own, record, (size_t)n, 0), n);
    peer->fd = own;
    tls_move(tls, fd);
    assert_int_equal(tls_state(tls), TLS_CLOSED);
    assert_int_equal(tls_error(tls), BR_ERR_BAD_MAC);
    assert_false(tls_readable(tls));
    uint8_t alert[7];
    assert_int_equal(tls_alert(tls, alert), 0); /* not in the clear once keys are there */
    close(through[0]);
    close(through[1]);
}

static void goodbye_from_either_side(void **state)
{
    (void)state;
    assert_true(shake());
    tls_close(tls);
    tls_flush(tls, fd);
    peer_move(peer);
    assert_true((br_ssl_engine_current_state(&peer->client.eng) & BR_SSL_CLOSED) != 0 ||
                peer_error(peer) == 0);
    tls_move(tls, fd);
    assert_int_equal(tls_state(tls), TLS_CLOSED);
    assert_int_equal(tls_error(tls), BR_ERR_OK);
    close(fd);
    peer_end(peer);
    connect_peer();
    assert_true(shake());
    peer_end(peer);
    tls_move(tls, fd);
    assert_int_equal(tls_state(tls), TLS_CLOSED);
    tls_end(tls);
    static const struct tls none;
    assert_memory_equal(tls, &none, sizeof none);
}

/* The session with the number `n`; all numbers are for the same places of the cache. */
static br_ssl_session_parameters session_numbered(uint8_t n)
{
    br_ssl_session_parameters session = {.session_id_len = 32, .version = BR_TLS12};
    memset(session.session_id, 0, sizeof session.session_id);
    session.session_id[4] = session.session_id[31] = n;
    return session;
}

/* Of more sessions than have a place, those that were made last are kept. */
static void the_oldest_session_is_forgotten(void **state)
{
    (void)state;
    const br_ssl_session_cache_class **cache = &server->cache.vtable;
    tls->trust.client = 0;
    tls->trust.client_serial = clients->clients[0].serial;
    for (uint8_t n = 1; n <= 50; n++) {
        br_ssl_session_parameters made = session_numbered(n);
        (*cache)->save(cache, &tls->engine, &made);
        for (uint8_t k = 1; k <= n; k++) {
            br_ssl_session_parameters offered = session_numbered(k);
            assert_int_equal((*cache)->load(cache, &tls->engine, &offered), k + 4 > n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_handshake, begin, end),
        cmocka_unit_test_setup_teardown(every_suite_that_is_offered, begin, end),
        cmocka_unit_test_setup_teardown(the_key_that_is_not_there_is_not_chosen, begin, end),
        cmocka_unit_test_setup_teardown(bytes_in_both_directions, begin, end),
        cmocka_unit_test_setup_teardown(records_around_the_stage, begin, end),
        cmocka_unit_test_setup_teardown(pipelined_records_need_no_event, begin, end),
        cmocka_unit_test_setup_teardown(bytes_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(broken_records_close, begin, end),
        cmocka_unit_test_setup_teardown(goodbye_from_either_side, begin, end),
        cmocka_unit_test_setup_teardown(the_oldest_session_is_forgotten, begin, end),
    };
    return cmocka_run_group_tests_name("server/tls", tests, begin_group, end_group);
}
