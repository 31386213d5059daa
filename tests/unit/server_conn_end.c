/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: slots, sources, deadlines by a clock that the test moves, and how they end. */
#include "support/check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn.h"
#include "support/message.h"
#include "support/server_house.h"

static struct peer_identity one, two;
static struct house *h;
static struct server *s;
static struct peer *peer, *crowd;
static uint8_t in[MESSAGE_LARGE], out[MESSAGE_LARGE];

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    peer_identity_make(&two, "two", 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    peer = calloc(1, sizeof *peer);
    crowd = calloc(HOUSE_CONNECTIONS + 1, sizeof *crowd);
    for (int i = 0; i <= HOUSE_CONNECTIONS; i++)
        crowd[i].fd = -1;
    peer->fd = -1;
    assert_int_equal(clients_add(s->clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    peer_end(peer);
    for (int i = 0; i <= HOUSE_CONNECTIONS; i++)
        peer_end(&crowd[i]);
    free(peer);
    free(crowd);
    return 0;
}

static struct conn *open_one(void)
{
    struct conn *c = house_connect(h, peer, 1, &one);
    assert_non_null(c);
    assert_true(house_shake(h, peer));
    return c;
}

static size_t request(int items)
{
    struct message_options options = {.minor = 4};
    struct message m;
    message_open(&m, in, sizeof in, &options);
    for (int i = 0; i < items; i++)
        item_locate_name(&m, "x");
    return message_close(&m);
}

/* Turns up to a moment before `ms` have passed, and behind it. */
static void check_closes_after(struct conn *c, uint64_t from_ms, uint64_t ms)
{
    uint64_t timeouts = s->counters.timeouts;
    while (s->now.mono_ms + 100 < from_ms + ms)
        house_turn(h, 100);
    house_turn(h, from_ms + ms - 1 - s->now.mono_ms);
    assert_int_not_equal(c->phase, CONN_FREE);
    assert_int_equal(s->counters.timeouts, timeouts);
    house_turn(h, 1);
    assert_int_equal(c->phase, CONN_FREE);
    assert_int_equal(s->live_count, 0);
    assert_int_equal(s->counters.timeouts, timeouts + 1);
}

static void a_handshake_has_its_time(void **state)
{
    (void)state;
    struct conn *c = house_connect(h, peer, 1, &one);
    uint64_t from = s->now.mono_ms;
    house_turn(h, 500);
    assert_int_equal(send(peer->fd, "\x16\x03", 2, 0), 2); /* a little does not prolong it */
    check_closes_after(c, from, s->config.handshake_timeout_ms);
    assert_non_null(strstr(house_log(h), "192.0.2.1: closed: no TLS handshake in time"));
}

static void an_idle_client_may_take_its_time(void **state)
{
    (void)state;
    struct conn *c = open_one();
    uint64_t from = s->now.mono_ms;
    while (s->now.mono_ms < from + s->config.idle_timeout_ms / 2)
        house_turn(h, 1000);
    assert_int_equal(c->phase, CONN_OPEN);
    peer_write(peer, in, request(1));
    assert_true(house_answer(h, peer, out, sizeof out) > 0);
    from = c->deadline_ms - s->config.idle_timeout_ms;
    assert_true(from + 5 > s->now.mono_ms); /* it counts from the answer */
    check_closes_after(c, from, s->config.idle_timeout_ms);
}

static void a_request_has_its_time(void **state)
{
    (void)state;
    struct conn *c = open_one();
    size_t len = request(1);
    peer_write(peer, in, 1);
    house_turn(h, 1);
    uint64_t from = s->now.mono_ms;
    for (size_t i = 1; i < 10; i++) { /* a byte a second does not prolong it */
        peer_write(peer, in + i, 1);
        house_turn(h, 1000);
    }
    assert_true(len > 10);
    check_closes_after(c, from, s->config.request_timeout_ms);
    assert_non_null(strstr(house_log(h), "closed: a request was not complete"));
}

/* Pipelines requests until the server cannot get rid of its answers, and reads none. */
static void an_answer_that_nobody_reads(void **state)
{
    (void)state;
    struct conn *c = open_one();
    int small = 4096;
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    struct pollfd p = {.fd = peer->fd, .events = POLLIN};
    size_t len = request(300);
    for (int i = 0; i < 20 && c->out_len == 0 && !tls_unsent(&c->tls); i++) {
        size_t at = 0;
        while (at < len) { /* sends, and reads nothing */
            size_t room;
            unsigned char *into = br_ssl_engine_sendapp_buf(&peer->client.eng, &room);
            if (into != NULL) {
                size_t n = len - at < room ? len - at : room;
                memcpy(into, in + at, n);
                br_ssl_engine_sendapp_ack(&peer->client.eng, n);
                br_ssl_engine_flush(&peer->client.eng, 0);
                at += n;
            }
            unsigned char *bytes = br_ssl_engine_sendrec_buf(&peer->client.eng, &room);
            ssize_t n = bytes == NULL ? 0 : send(peer->fd, bytes, room, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0)
                br_ssl_engine_sendrec_ack(&peer->client.eng, (size_t)n);
            house_turn(h, 1);
        }
        for (int k = 0; k < 60 && c->out_len == 0; k++)
            house_turn(h, 1);
    }
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_true(c->out_len != 0 || tls_unsent(&c->tls));
    assert_int_equal(conn_interest(c) & POLLIN, 0); /* nothing more is read meanwhile */
    uint64_t until = s->now.mono_ms + 2 * s->config.request_timeout_ms;
    while (s->now.mono_ms <= until && c->phase != CONN_FREE)
        house_turn(h, 1000);
    assert_int_equal(c->phase, CONN_FREE);
    assert_int_equal(s->counters.timeouts, 1);
    for (int i = 0; i < MESSAGE_LARGE_SLOTS; i++)
        assert_false(s->large[i].in_use);
}

static void refused_clients_are_counted_and_told(void **state)
{
    (void)state;
    struct conn *c = house_connect(h, peer, 1, &two);
    assert_false(house_shake(h, peer));
    assert_int_equal(peer_error(peer), BR_ERR_RECV_FATAL_ALERT + 48);
    assert_int_equal(s->clients->unknown, 1);
    assert_int_equal(s->clients->last_unknown_s, s->now.unix_s);
    assert_memory_equal(s->clients->last_unknown, two.sha256, SHA256_BYTES);
    assert_int_equal(s->tls.failed, 1);
    char print[2 * SHA256_BYTES + 1];
    hex_write(span_of(two.sha256, SHA256_BYTES), 0, false, print, sizeof print);
    assert_non_null(strstr(house_log(h), print));
    assert_int_equal(c->phase, CONN_LINGER);
    house_turn(h, LINGER_MS);
    assert_int_equal(c->phase, CONN_FREE);
    peer_end(peer);
    assert_non_null(house_connect(h, peer, 2, NULL));
    assert_false(house_shake(h, peer));
    assert_int_equal(peer_error(peer), BR_ERR_RECV_FATAL_ALERT + 40);
    assert_int_equal(s->clients->anonymous, 1);
    assert_int_equal(s->clients->unknown, 1);
}

/* Port scans and certificate fetches leave no line, and free their slot at once. */
static void who_hangs_up_is_forgotten(void **state)
{
    (void)state;
    assert_non_null(house_connect(h, peer, 1, &one));
    peer_end(peer);
    house_turn(h, 1);
    assert_int_equal(s->live_count, 0);
    assert_null(strstr(house_log(h), "192.0.2.1"));
    open_one();
    peer_write(peer, in, 20); /* in the middle of a request */
    house_turn(h, 1);
    peer_end(peer);
    house_turn(h, 1);
    house_turn(h, 1);
    assert_int_equal(s->live_count, 0);
}

static void one_source_does_not_take_every_slot(void **state)
{
    (void)state;
    for (int i = 0; i < HOUSE_PER_SOURCE; i++)
        assert_non_null(house_connect(h, &crowd[i], 1, &one));
    assert_null(house_connect(h, peer, 1, &one));
    assert_int_equal(s->counters.per_source_refused, 1);
    peer_move(peer);
    assert_true(peer->ended);
    peer_end(peer);
    assert_non_null(house_connect(h, peer, 2, &one)); /* others come in */
    assert_true(house_shake(h, &crowd[0]));           /* who has authenticated does not count */
    peer_end(peer);
    assert_non_null(house_connect(h, peer, 1, &one));
}

/* When all slots are taken the one longest without a handshake makes room, once it had its time; an open
 * connection never does. */
static void a_full_house_makes_room(void **state)
{
    (void)state;
    struct conn *first = house_connect(h, &crowd[0], 100, &one);
    assert_true(house_shake(h, &crowd[0]));
    struct conn *oldest = house_connect(h, &crowd[1], 101, &one);
    house_turn(h, 1);
    for (int i = 2; i < HOUSE_CONNECTIONS; i++)
        assert_non_null(house_connect(h, &crowd[i], (uint8_t)(100 + i), &one));
    assert_int_equal(s->live_count, HOUSE_CONNECTIONS);
    assert_false(conn_has_stale(s));
    assert_null(house_connect(h, peer, 1, &one));
    peer_end(peer);
    house_turn(h, UNAUTHENTICATED_GRACE_MS - 1);
    assert_true(conn_has_stale(s));
    struct conn *c = house_connect(h, peer, 1, &one);
    assert_ptr_equal(c, oldest);
    assert_int_equal(s->counters.dropped, 1);
    assert_int_equal(s->live_count, HOUSE_CONNECTIONS);
    assert_int_equal(first->phase, CONN_OPEN);
    assert_true(house_shake(h, peer));
    peer_write(&crowd[0], in, request(1));
    assert_true(house_answer(h, &crowd[0], out, sizeof out) > 0);
}

static void addresses_in_words(void **state)
{
    (void)state;
    char text[PEER_TEXT];
    struct conn *c = house_connect(h, peer, 44, &one);
    conn_peer(c, text);
    assert_string_equal(text, "192.0.2.44");
    memset(&c->peer.sin6_addr, 0, sizeof c->peer.sin6_addr);
    c->peer.sin6_addr.s6_addr[15] = 1;
    conn_peer(c, text);
    assert_string_equal(text, "::1");
    memset(&c->peer.sin6_addr, 0xfd, sizeof c->peer.sin6_addr);
    conn_peer(c, text);
    assert_string_equal(text, "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handshake_has_its_time, begin, end),
        cmocka_unit_test_setup_teardown(an_idle_client_may_take_its_time, begin, end),
        cmocka_unit_test_setup_teardown(a_request_has_its_time, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_that_nobody_reads, begin, end),
        cmocka_unit_test_setup_teardown(refused_clients_are_counted_and_told, begin, end),
        cmocka_unit_test_setup_teardown(who_hangs_up_is_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(one_source_does_not_take_every_slot, begin, end),
        cmocka_unit_test_setup_teardown(a_full_house_makes_room, begin, end),
        cmocka_unit_test_setup_teardown(addresses_in_words, begin, end),
    };
    return cmocka_run_group_tests_name("server/conn: slots, deadlines, ends", tests, begin_group, NULL);
}
