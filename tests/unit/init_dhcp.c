/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP client with a server and a clock of our own: every state, days in a moment. */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "init/dhcp.h"

#define SERVER  0xc0000201u
#define OTHER   0xc0000202u
#define ADDRESS 0xc0000264u

struct bench {
    struct dhcp dhcp;
    struct log log;
    struct clock now;
    enum dhcp_way way;
    unsigned sent, probes;
    uint8_t last[DHCP_MESSAGE_MAX]; /* that was sent */
    uint32_t to;
};

static void take_way(void *self, enum dhcp_way way)
{
    ((struct bench *)self)->way = way;
}

static void take_message(void *self, struct span message, uint32_t to)
{
    struct bench *b = self;
    assert_true(b->way != DHCP_WAY_CLOSED);
    memcpy(b->last, message.ptr, message.len);
    b->to = to;
    b->sent++;
}

static void take_probe(void *self, uint32_t address)
{
    (void)address;
    ((struct bench *)self)->probes++;
}

static uint32_t fixed(void *self)
{
    (void)self;
    return 0xabcd0000u;
}

static const uint8_t mac[MAC_BYTES] = {2, 0, 0, 0, 0, 1};

static void begin(struct bench *b)
{
    struct dhcp_ops ops = {
        .self = b, .use = take_way, .send = take_message, .probe = take_probe, .random = fixed};
    memset(b, 0, sizeof *b);
    b->log = (struct log){.fd = open("/dev/null", O_WRONLY), .level = LOG_DEBUG};
    b->now = (struct clock){.mono_ms = 5000, .unix_s = 1800000000};
    dhcp_begin(&b->dhcp, &ops, &b->log, mac, "box1.example", true, b->now);
}

static void end(struct bench *b)
{
    close(b->log.fd);
}

static unsigned type_sent(const struct bench *b)
{
    return b->last[242];
}

static void answer(struct bench *b, enum dhcp_type type, uint32_t server, uint32_t address, uint32_t lease_s)
{
    uint8_t m[300] = {2, 1, 6};
    memcpy(m + 4, b->last + 4, 4);
    be32_put(m + 16, address);
    memcpy(m + 28, mac, 6);
    hex_bytes("63825363 350100 360400000000 0104ffffff00 330400000000 ff", m + 236, 40);
    m[242] = (uint8_t)type;
    be32_put(m + 245, server);
    be32_put(m + 257, lease_s);
    dhcp_message(&b->dhcp, span_of(m, sizeof m), b->now);
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now.mono_ms += ms;
    b->now.unix_s += (int64_t)(ms / 1000);
    dhcp_tick(&b->dhcp, b->now);
}

static void to_deadline(struct bench *b)
{
    uint64_t deadline = dhcp_deadline(&b->dhcp);
    assert_true(deadline != UINT64_MAX && deadline >= b->now.mono_ms);
    pass(b, deadline - b->now.mono_ms);
}

static void get_lease(struct bench *b, uint32_t lease_s)
{
    answer(b, DHCP_OFFER, SERVER, ADDRESS, lease_s);
    assert_int_equal(type_sent(b), DHCP_REQUEST);
    uint64_t asked = b->now.mono_ms;
    pass(b, 500);
    answer(b, DHCP_ACK, SERVER, ADDRESS, lease_s);
    assert_int_equal(b->dhcp.lease_ms, asked); /* RFC 2131 s4.4.1: from the request on */
    while (b->dhcp.state == DHCP_STATE_PROBING)
        to_deadline(b);
    assert_int_equal(b->dhcp.state, DHCP_STATE_BOUND);
    assert_true(b->dhcp.has_lease);
}

static void a_lease_comes(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    assert_int_equal(type_sent(&b), DHCP_DISCOVER);
    assert_int_equal(b.way, DHCP_WAY_RAW);
    get_lease(&b, 3600);
    assert_int_equal(b.probes, 2);
    assert_int_equal(b.way, DHCP_WAY_CLOSED); /* nothing listens while nothing is asked */
    assert_int_equal(dhcp_deadline(&b.dhcp), b.dhcp.lease_ms + 1800000);
    assert_in_range(dhcp_lease_left_s(&b.dhcp, b.now), 3590, 3600);
    end(&b);
}

static void silence_is_asked_again_later_and_later_for_ever(void **state)
{
    (void)state;
    struct bench b;
    static const uint64_t waits[] = {4000, 8000, 16000, 32000, 64000, 64000, 64000};
    begin(&b);
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        assert_in_range(dhcp_deadline(&b.dhcp) - b.now.mono_ms, waits[i] - 1000, waits[i] + 1000);
        unsigned sent = b.sent;
        pass(&b, dhcp_deadline(&b.dhcp) - b.now.mono_ms - 1);
        assert_int_equal(b.sent, sent);
        pass(&b, 1);
        assert_int_equal(b.sent, sent + 1);
        assert_int_equal(type_sent(&b), DHCP_DISCOVER);
    }
    end(&b);
}

static void a_server_that_offers_and_falls_silent_is_left(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, DHCP_OFFER, SERVER, ADDRESS, 3600);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(type_sent(&b), DHCP_REQUEST);
        to_deadline(&b);
    }
    to_deadline(&b);
    assert_int_equal(type_sent(&b), DHCP_DISCOVER);
    answer(&b, DHCP_ACK, SERVER, ADDRESS, 3600); /* to a request of before */
    assert_false(b.dhcp.has_lease);
    end(&b);
}

static void only_the_server_that_was_chosen_counts(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    answer(&b, DHCP_OFFER, SERVER, ADDRESS, 3600);
    answer(&b, DHCP_OFFER, OTHER, ADDRESS + 1, 3600);
    answer(&b, DHCP_NAK, OTHER, 0, 0);
    answer(&b, DHCP_ACK, OTHER, ADDRESS, 3600);
    answer(&b, DHCP_ACK, SERVER, ADDRESS + 1, 3600);
    assert_int_equal(b.dhcp.state, DHCP_STATE_REQUESTING);
    assert_int_equal(b.dhcp.offer.server, SERVER);
    answer(&b, DHCP_NAK, SERVER, 0, 0);
    assert_int_equal(b.dhcp.state, DHCP_STATE_DECLINED);
    to_deadline(&b);
    assert_int_equal(b.dhcp.state, DHCP_STATE_SELECTING);
    end(&b);
}

static void it_renews_by_unicast_then_by_broadcast_and_then_ends(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    get_lease(&b, 7200);
    uint32_t serial = b.dhcp.serial;
    to_deadline(&b);
    assert_int_equal(b.dhcp.state, DHCP_STATE_RENEWING);
    assert_int_equal(b.way, DHCP_WAY_UDP);
    assert_int_equal(b.to, SERVER);
    assert_int_equal(be32_get(b.last + 12), ADDRESS);
    while (b.dhcp.state == DHCP_STATE_RENEWING) {
        assert_true(b.dhcp.has_lease);
        to_deadline(&b);
    }
    assert_int_equal(b.dhcp.state, DHCP_STATE_REBINDING);
    assert_int_equal(b.to, 0xffffffff);
    unsigned sent = b.sent;
    while (b.dhcp.has_lease)
        to_deadline(&b);
    assert_in_range(b.sent - sent, 2, 10); /* half of the rest each time, not less than a minute */
    assert_int_equal(b.now.mono_ms, b.dhcp.lease_ms + 7200000);
    assert_int_equal(b.dhcp.state, DHCP_STATE_SELECTING);
    assert_int_equal(b.dhcp.serial, serial + 1);
    end(&b);
}

static void a_renewal_counts_from_its_question(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    get_lease(&b, 7200);
    to_deadline(&b);
    uint64_t asked = b.now.mono_ms;
    pass(&b, 3000);
    answer(&b, DHCP_ACK, OTHER, ADDRESS, 7200); /* not while renewing by unicast */
    assert_int_equal(b.dhcp.state, DHCP_STATE_RENEWING);
    answer(&b, DHCP_ACK, SERVER, ADDRESS + 1, 7200); /* an address cannot change so */
    assert_int_equal(b.dhcp.state, DHCP_STATE_RENEWING);
    answer(&b, DHCP_ACK, SERVER, ADDRESS, 7200);
    assert_int_equal(b.dhcp.state, DHCP_STATE_BOUND);
    assert_int_equal(b.dhcp.lease_ms, asked);
    end(&b);
}

static void a_nak_takes_the_lease(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    get_lease(&b, 7200);
    answer(&b, DHCP_NAK, SERVER, 0, 0); /* nothing was asked */
    assert_true(b.dhcp.has_lease);
    to_deadline(&b);
    answer(&b, DHCP_NAK, OTHER, 0, 0);
    assert_true(b.dhcp.has_lease);
    answer(&b, DHCP_NAK, SERVER, 0, 0);
    assert_false(b.dhcp.has_lease);
    assert_int_equal(b.dhcp.state, DHCP_STATE_SELECTING);
    end(&b);
}

static void an_address_in_use_is_declined_and_waited_out(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    dhcp_conflict(&b.dhcp, ADDRESS, b.now); /* too early to matter */
    answer(&b, DHCP_OFFER, SERVER, ADDRESS, 3600);
    answer(&b, DHCP_ACK, SERVER, ADDRESS, 3600);
    dhcp_conflict(&b.dhcp, ADDRESS + 1, b.now);
    assert_int_equal(b.dhcp.state, DHCP_STATE_PROBING);
    dhcp_conflict(&b.dhcp, ADDRESS, b.now);
    assert_int_equal(type_sent(&b), DHCP_DECLINE);
    assert_false(b.dhcp.has_lease);
    assert_int_equal(dhcp_deadline(&b.dhcp), b.now.mono_ms + 10000);
    to_deadline(&b);
    assert_int_equal(type_sent(&b), DHCP_DISCOVER);
    end(&b);
}

static void the_cable_keeps_the_lease_and_asks_again(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    get_lease(&b, 3600);
    dhcp_link(&b.dhcp, false, b.now);
    assert_int_equal(b.way, DHCP_WAY_CLOSED);
    pass(&b, 60000);
    assert_true(b.dhcp.has_lease);
    dhcp_link(&b.dhcp, true, b.now);
    assert_int_equal(type_sent(&b), DHCP_DISCOVER);
    uint32_t serial = b.dhcp.serial;
    unsigned probes = b.probes;
    get_lease(&b, 3600);
    assert_int_equal(b.probes, probes); /* nobody else has it: the box itself has */
    assert_int_equal(b.dhcp.serial, serial + 1);
    dhcp_link(&b.dhcp, false, b.now);
    unsigned sent = b.sent;
    pass(&b, 3600000);
    assert_false(b.dhcp.has_lease); /* it ends without a cable as well */
    assert_int_equal(b.sent, sent);
    end(&b);
}

static void a_lease_for_ever_never_renews(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    get_lease(&b, DHCP_FOREVER);
    assert_true(dhcp_deadline(&b.dhcp) == UINT64_MAX);
    assert_true(dhcp_lease_left_s(&b.dhcp, b.now) == DHCP_FOREVER);
    dhcp_stop(&b.dhcp);
    assert_false(b.dhcp.has_lease);
    end(&b);
}

/* A server that refuses every request it invited gets one question in four seconds, not thousands. */
static void offers_and_refusals_in_turn_do_not_keep_it_busy(void **state)
{
    (void)state;
    struct bench b;
    begin(&b);
    for (int i = 0; i < 100; i++) {
        if (b.dhcp.state == DHCP_STATE_SELECTING)
            answer(&b, DHCP_OFFER, SERVER, ADDRESS, 3600);
        answer(&b, DHCP_NAK, SERVER, 0, 0);
    }
    assert_int_equal(b.sent, 2);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_comes),
        cmocka_unit_test(silence_is_asked_again_later_and_later_for_ever),
        cmocka_unit_test(a_server_that_offers_and_falls_silent_is_left),
        cmocka_unit_test(only_the_server_that_was_chosen_counts),
        cmocka_unit_test(it_renews_by_unicast_then_by_broadcast_and_then_ends),
        cmocka_unit_test(a_renewal_counts_from_its_question),
        cmocka_unit_test(a_nak_takes_the_lease),
        cmocka_unit_test(an_address_in_use_is_declined_and_waited_out),
        cmocka_unit_test(the_cable_keeps_the_lease_and_asks_again),
        cmocka_unit_test(a_lease_for_ever_never_renews),
        cmocka_unit_test(offers_and_refusals_in_turn_do_not_keep_it_busy),
    };
    return cmocka_run_group_tests_name("init/dhcp", tests, NULL, NULL);
}
