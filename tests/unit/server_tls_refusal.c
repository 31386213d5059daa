/* SPDX-License-Identifier: Apache-2.0 */
/* Who does not get in, and what is said to whom: certificates, sessions of clients that are gone, bytes that
 * are no TLS; whose certificate is good (server/tls_trust). */
#include "support/check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "support/server_peer.h"

#define PATIENCE 300

static struct peer_identity one, two, expired;
static struct scopes scopes;
static struct clients *clients;
static struct tls_server *server;
static struct tls *tls;
static struct peer *peer;
static int fd;

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    peer_identity_make(&two, "two", 0);
    peer_identity_make(&expired, "expired", PEER_NOW - 1);
    server = calloc(1, sizeof *server);
    peer_server_identity(&server->ec, true);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    free(server);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    memset(&scopes, 0, sizeof scopes);
    clients = calloc(1, sizeof *clients);
    tls = calloc(1, sizeof *tls);
    peer = calloc(1, sizeof *peer);
    peer->fd = fd = -1;
    server->sessions = calloc(TLS_SESSIONS, sizeof *server->sessions);
    server->full = server->resumed = 0;
    clients_init(clients, &scopes);
    assert_int_equal(clients_add(clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    assert_int_equal(clients_add(clients, span_of_text("expired"), peer_der(&expired)), STATUS_OK);
    tls_server_init(server, clients, server->sessions, false);
    server->trust.now_s = PEER_NOW;
    server->trust.refuse_expired = false;
    memset(server->trust.chains, 0, sizeof server->trust.chains);
    return 0;
}

static void hang_up(void)
{
    if (fd >= 0)
        close(fd);
    peer_end(peer);
    fd = -1;
}

static int end(void **state)
{
    (void)state;
    hang_up();
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        assert_false(server->trust.chains[i].in_use); /* given back, however it ended */
    free(tls);
    free(peer);
    free(clients);
    free(server->sessions);
    return 0;
}

static void call(const struct peer_identity *identity, const br_ssl_session_parameters *resume)
{
    int pair[2];
    hang_up();
    peer_sockets(pair);
    fd = pair[0];
    tls_begin(tls, server);
    peer_begin(peer, pair[1], identity, resume);
}

static bool shake(void)
{
    for (int i = 0; i < PATIENCE && tls_state(tls) == TLS_HANDSHAKE; i++) {
        peer_move(peer);
        tls_move(tls, fd);
    }
    peer_move(peer);
    trust_release(&tls->trust);
    return tls_state(tls) == TLS_OPEN && peer_open(peer);
}

/* The handshake fails on our side with `error`, and the peer is told with this alert. */
static void check_refused(int error, uint8_t description)
{
    uint8_t alert[7];
    static const uint8_t head[6] = {21, 3, 3, 0, 2, 2};
    assert_false(shake());
    assert_int_equal(tls_state(tls), TLS_CLOSED);
    assert_int_equal(tls_error(tls), error);
    assert_int_equal(tls_alert(tls, alert), 7);
    assert_memory_equal(alert, head, sizeof head);
    assert_int_equal(alert[6], description);
    assert_int_equal(send(fd, alert, sizeof alert, 0), 7);
    peer_move(peer);
    assert_int_equal(peer_error(peer), BR_ERR_RECV_FATAL_ALERT + description);
    assert_int_equal(server->full, 0);
}

static void unknown_certificates_are_refused(void **state)
{
    (void)state;
    call(&two, NULL);
    check_refused(BR_ERR_X509_NOT_TRUSTED, 48);
    assert_true(tls->trust.has_fingerprint);
    assert_memory_equal(tls->trust.fingerprint, two.sha256, SHA256_BYTES);
    assert_int_equal(tls->trust.client, -1);
    assert_null(trust_client(&tls->trust));
    assert_non_null(strstr(tls_error_text(tls_error(tls)), "not enrolled"));
}

static void nobody_comes_without_a_certificate(void **state)
{
    (void)state;
    call(NULL, NULL);
    check_refused(BR_ERR_NO_CLIENT_AUTH, 40);
    assert_false(tls->trust.has_fingerprint);
}

/* The certificate is public: who shows it has to have its key. */
static void a_certificate_without_its_key(void **state)
{
    (void)state;
    static struct peer_identity thief;
    memcpy(&thief, &two, sizeof thief);
    memcpy(thief.der, one.der, one.len);
    thief.len = one.len;
    call(&thief, NULL);
    check_refused(BR_ERR_BAD_SIGNATURE, 40);
}

/* An enrolled certificate further behind in the chain says nothing. */
static void only_the_first_certificate_counts(void **state)
{
    (void)state;
    call(&two, NULL);
    peer_add_certificate(peer, &two, peer_der(&one));
    check_refused(BR_ERR_X509_NOT_TRUSTED, 48);
    call(&one, NULL);
    peer_add_certificate(peer, &one, peer_der(&two));
    assert_true(shake());
    assert_int_equal(tls->trust.client, 0);
    assert_memory_equal(tls->trust.fingerprint, one.sha256, SHA256_BYTES);
}

static void expired_certificates_by_either_policy(void **state)
{
    (void)state;
    call(&expired, NULL);
    assert_true(shake());
    server->full = 0;
    server->trust.refuse_expired = true;
    call(&expired, NULL);
    check_refused(BR_ERR_X509_EXPIRED, 45);
    call(&one, NULL);
    assert_true(shake());
    server->full = 0;
    server->trust.now_s = PEER_NOW + 366 * 86400;
    call(&one, NULL);
    check_refused(BR_ERR_X509_EXPIRED, 45);
}

static void a_session_is_resumed(void **state)
{
    (void)state;
    br_ssl_session_parameters session;
    call(&one, NULL);
    assert_true(shake());
    br_ssl_engine_get_session_parameters(&peer->client.eng, &session);
    assert_int_equal(session.session_id_len, 32);
    call(&one, &session);
    assert_true(shake());
    assert_true(tls->resumed);
    assert_int_equal(server->full, 1);
    assert_int_equal(server->resumed, 1);
    assert_ptr_equal(trust_client(&tls->trust), &clients->clients[0]);
    assert_false(tls->trust.has_fingerprint); /* no certificate was asked for */
    session.master_secret[0] ^= 1;            /* somebody who only knows the identifier */
    call(&one, &session);
    assert_false(shake());
}

static void check_full_again(const br_ssl_session_parameters *session)
{
    uint64_t full = server->full, resumed = server->resumed;
    call(&one, session);
    assert_true(shake());
    assert_false(tls->resumed);
    assert_int_equal(server->full, full + 1);
    assert_int_equal(server->resumed, resumed);
}

static void sessions_end_with_their_client(void **state)
{
    (void)state;
    br_ssl_session_parameters session;
    call(&one, NULL);
    assert_true(shake());
    br_ssl_engine_get_session_parameters(&peer->client.eng, &session);
    assert_int_equal(clients_remove(clients, span_of_text("one")), STATUS_OK);
    assert_null(trust_client(&tls->trust));
    server->full = 0;
    call(&one, &session);
    check_refused(BR_ERR_X509_NOT_TRUSTED, 48);
    assert_false(tls->resumed);
    /* Enrolled anew, in the same slot: the old session stays dead. */
    assert_int_equal(clients_add(clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    check_full_again(&session);
}

/* Another client in the slot does not inherit the session. */
static void a_slot_taken_over_has_no_sessions(void **state)
{
    (void)state;
    br_ssl_session_parameters session;
    call(&one, NULL);
    assert_true(shake());
    br_ssl_engine_get_session_parameters(&peer->client.eng, &session);
    assert_int_equal(clients_remove(clients, span_of_text("one")), STATUS_OK);
    assert_int_equal(clients_add(clients, span_of_text("two"), peer_der(&two)), STATUS_OK);
    assert_int_equal(clients_find(clients, two.sha256), 0);
    server->full = 0;
    call(&one, &session);
    check_refused(BR_ERR_X509_NOT_TRUSTED, 48);
    assert_int_equal(server->resumed, 0);
}

static void sessions_end_with_the_certificate(void **state)
{
    (void)state;
    br_ssl_session_parameters session;
    call(&expired, NULL);
    assert_true(shake());
    br_ssl_engine_get_session_parameters(&peer->client.eng, &session);
    call(&expired, &session);
    assert_true(shake());
    assert_true(tls->resumed);
    server->trust.refuse_expired = true;
    server->full = 0;
    call(&expired, &session);
    check_refused(BR_ERR_X509_EXPIRED, 45);
}

/* More sessions than there is room for: the last ones are there, and each with its own client. */
static void many_sessions(void **state)
{
    (void)state;
    br_ssl_session_parameters session;
    for (int i = 0; i < 12; i++) {
        const struct peer_identity *who = i % 2 == 0 ? &one : &expired;
        call(who, NULL);
        assert_true(shake());
        br_ssl_engine_get_session_parameters(&peer->client.eng, &session);
        call(who, &session);
        assert_true(shake());
        assert_true(tls->resumed);
        assert_int_equal(tls->trust.client, i % 2);
    }
}

static void removed_between_certificate_and_end(void **state)
{
    (void)state;
    const br_x509_class **trust = &tls->trust.vtable;
    trust_init(&tls->trust, &server->trust);
    (*trust)->start_chain(trust, NULL);
    assert_int_equal((*trust)->end_chain(trust), BR_ERR_X509_EMPTY_CHAIN);
    (*trust)->start_chain(trust, NULL);
    (*trust)->start_cert(trust, (uint32_t)one.len);
    for (size_t i = 0; i < one.len; i++)
        (*trust)->append(trust, one.der + i, 1);
    (*trust)->end_cert(trust);
    assert_int_equal((*trust)->end_chain(trust), 0);
    assert_ptr_equal((*trust)->get_pkey(trust, NULL), &clients->clients[0].public_key.key);
    assert_int_equal(clients_remove(clients, span_of_text("one")), STATUS_OK);
    assert_int_equal((*trust)->end_chain(trust), BR_ERR_X509_NOT_TRUSTED);
    assert_int_equal(clients_add(clients, span_of_text("two"), peer_der(&two)), STATUS_OK);
    assert_int_equal((*trust)->end_chain(trust), BR_ERR_X509_NOT_TRUSTED);
    assert_null(trust_client(&tls->trust));
}

/* What port scans and lost clients send. */
static void bytes_that_are_no_handshake(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } strange[] = {{"GET / HTTP/1.1\r\nHost: kms\r\n\r\n", 29},
                   {"\x16\x03\x01\xff\xff\0\0", 7},
                   {"\x17\x03\x03\x00\x05hello", 10},
                   {"\x80\x2e\x01\x00\x02\x00\x15\x00", 8},
                   {"\x42\x00\x78\x01\x00\x00\x00\x60", 8}};
    uint8_t alert[7];
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        call(&one, NULL);
        assert_int_equal(send(peer->fd, strange[i].bytes, strange[i].len, 0), (ssize_t)strange[i].len);
        for (int k = 0; k < 10; k++)
            tls_move(tls, fd);
        if (tls_state(tls) != TLS_CLOSED)
            fail_msg("number %zu is taken", i);
        assert_true(tls_error(tls) != BR_ERR_OK);
        assert_non_null(tls_error_text(tls_error(tls)));
        assert_int_equal(tls_alert(tls, alert), 7);
    }
    call(&one, NULL);
    peer_end(peer);
    tls_move(tls, fd);
    assert_int_equal(tls_state(tls), TLS_CLOSED);
    assert_int_equal(tls_error(tls), BR_ERR_IO);
    assert_int_equal(tls_alert(tls, alert), 0);
}

/* BearSSL tells the peer itself: one alert, not two. */
static void check_told(uint8_t description, const char *text)
{
    uint8_t alert[7];
    assert_false(shake());
    assert_int_equal(tls_error(tls), BR_ERR_SEND_FATAL_ALERT + description);
    assert_int_equal(tls_alert(tls, alert), 0);
    if (strstr(tls_error_text(tls_error(tls)), text) == NULL)
        fail_msg("%s", tls_error_text(tls_error(tls)));
}

static void old_versions_are_told(void **state)
{
    (void)state;
    call(&one, NULL);
    br_ssl_engine_set_versions(&peer->client.eng, BR_TLS10, BR_TLS11);
    br_ssl_client_reset(&peer->client, NULL, 0);
    check_told(70, "TLS 1.2");
}

static void no_suite_in_common_names_the_setting(void **state)
{
    (void)state;
    static const uint16_t old = BR_TLS_RSA_WITH_AES_128_GCM_SHA256;
    call(&one, NULL);
    br_ssl_engine_set_suites(&peer->client.eng, &old, 1);
    br_ssl_client_reset(&peer->client, NULL, 0);
    check_told(40, "set tls compat on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_certificates_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(nobody_comes_without_a_certificate, begin, end),
        cmocka_unit_test_setup_teardown(a_certificate_without_its_key, begin, end),
        cmocka_unit_test_setup_teardown(only_the_first_certificate_counts, begin, end),
        cmocka_unit_test_setup_teardown(expired_certificates_by_either_policy, begin, end),
        cmocka_unit_test_setup_teardown(a_session_is_resumed, begin, end),
        cmocka_unit_test_setup_teardown(sessions_end_with_their_client, begin, end),
        cmocka_unit_test_setup_teardown(a_slot_taken_over_has_no_sessions, begin, end),
        cmocka_unit_test_setup_teardown(sessions_end_with_the_certificate, begin, end),
        cmocka_unit_test_setup_teardown(many_sessions, begin, end),
        cmocka_unit_test_setup_teardown(removed_between_certificate_and_end, begin, end),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_handshake, begin, end),
        cmocka_unit_test_setup_teardown(old_versions_are_told, begin, end),
        cmocka_unit_test_setup_teardown(no_suite_in_common_names_the_setting, begin, end),
    };
    return cmocka_run_group_tests_name("server/tls: refusals, server/tls_trust", tests, begin_group,
                                       end_group);
}
