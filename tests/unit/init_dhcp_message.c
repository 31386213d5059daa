/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP messages by the byte: what goes out, and what is taken of what comes in. */
#include "support/check.h"

#include "init/dhcp_message.h"

#define XID 0x11223344u
static const uint8_t mac[MAC_BYTES] = {2, 0, 0, 0, 0, 1};

struct packet {
    uint8_t bytes[DHCP_MESSAGE_MAX];
    size_t len;
};

/* The head of an answer that offers 192.0.2.100. */
static void begin(struct packet *p)
{
    memset(p, 0, sizeof *p);
    p->bytes[0] = 2;
    p->bytes[1] = 1;
    p->bytes[2] = 6;
    be32_put(p->bytes + 4, XID);
    be32_put(p->bytes + 16, 0xc0000264);
    memcpy(p->bytes + 28, mac, 6);
    be32_put(p->bytes + 236, 0x63825363);
    p->len = 240;
}

static void add(struct packet *p, const char *hex)
{
    p->len += hex_bytes(hex, p->bytes + p->len, sizeof p->bytes - p->len);
}

/* type, server 192.0.2.1, mask /24, lease 3600 */
#define OFFER "350102 3604c0000201 0104ffffff00 330400000e10 "

static enum status try(const struct packet *p, struct dhcp_answer *a)
{
    uint8_t *copy = tight_copy(p->bytes, p->len);
    enum status status = dhcp_read(span_of(copy, p->len), XID, mac, a);
    free(copy);
    return status;
}

static enum status read_hex(const char *hex, struct dhcp_answer *a)
{
    struct packet p;
    begin(&p);
    add(&p, hex);
    return try(&p, a);
}

static void a_discover_by_the_byte(void **state)
{
    (void)state;
    uint8_t out[DHCP_MESSAGE_MAX], options[64];
    struct dhcp_request r = {
        .type = DHCP_DISCOVER, .xid = XID, .secs = 7, .mac = {2, 0, 0, 0, 0, 1}, .host = "box1"};
    size_t len = dhcp_write(&r, out);
    assert_in_range(len, 300, 576);
    assert_int_equal(out[0], 1);
    assert_int_equal(be32_get(out + 4), XID);
    assert_int_equal(be32_get(out + 8), 7u << 16); /* secs, and no broadcast flag */
    assert_memory_equal(out + 28, mac, 6);
    size_t n =
        hex_bytes("63825363 350101 3d0701020000000001 390205dc 0c04626f7831 370a01790306 1a2a333a3b1c ff",
                  options, sizeof options);
    assert_memory_equal(out + 236, options, n);
}

static void a_renewal_names_neither_server_nor_address(void **state)
{
    (void)state;
    uint8_t out[DHCP_MESSAGE_MAX];
    struct dhcp_request r = {.type = DHCP_REQUEST, .client = 0xc0000264, .host = ""};
    dhcp_write(&r, out);
    assert_int_equal(be32_get(out + 12), 0xc0000264);
    for (size_t i = 240; out[i] != 255; i += 2u + out[i + 1])
        assert_true(out[i] != 50 && out[i] != 54 && out[i] != 12);
    r = (struct dhcp_request){
        .type = DHCP_REQUEST, .requested = 0xc0000264, .server = 0xc0000201, .host = ""};
    dhcp_write(&r, out);
    unsigned seen = 0;
    for (size_t i = 240; out[i] != 255; i += 2u + out[i + 1])
        seen += out[i] == 50 || out[i] == 54;
    assert_int_equal(seen, 2);
}

static void an_offer_is_read(void **state)
{
    (void)state;
    struct dhcp_answer a;
    assert_int_equal(read_hex(OFFER "0304c0000201 0608c0000235c0000236 2a04c0000205 1a0205dc "
                                    "3a0400000384 3b0400000a8c 00 ff",
                              &a),
                     STATUS_OK);
    assert_int_equal(a.type, DHCP_OFFER);
    assert_int_equal(a.address, 0xc0000264);
    assert_int_equal(a.prefix, 24);
    assert_int_equal(a.gateway, 0xc0000201);
    assert_int_equal(a.lease_s, 3600);
    assert_int_equal(a.renew_s, 900);
    assert_int_equal(a.rebind_s, 2700);
    assert_int_equal(a.mtu, 1500);
    assert_int_equal(a.dns_count, 2);
    assert_int_equal(a.dns[1], 0xc0000236);
    assert_int_equal(a.ntp_count, 1);
}

static void times_that_make_no_sense_are_our_own(void **state)
{
    (void)state;
    struct dhcp_answer a;
    /* T1 behind T2 behind the end */
    assert_int_equal(read_hex(OFFER "3a0400000e11 3b0400000e12 ff", &a), STATUS_OK);
    assert_int_equal(a.renew_s, 1800);
    assert_int_equal(a.rebind_s, 3150);
    assert_int_equal(read_hex(OFFER "3a0400000000 3b0400000001 ff", &a), STATUS_OK);
    assert_int_equal(a.renew_s, 1800);
    assert_int_equal(read_hex("350105 3604c0000201 0104ffffff00 3304ffffffff ff", &a), STATUS_OK);
    assert_true(a.lease_s == DHCP_FOREVER && a.renew_s < a.rebind_s && a.rebind_s < a.lease_s);
}

static void leases_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "350102 3604c0000201 330400000e10 ff",              /* no mask */
        "350102 3604c0000201 0104ff00ff00 330400000e10 ff", /* holes in it */
        "350102 3604c0000201 010400000000 330400000e10 ff", /* everything */
        "350102 3604c0000201 0104ffffff00 ff",              /* no lease */
        "350102 3604c0000201 0104ffffff00 330400000009 ff", /* too short */
        "350102 0104ffffff00 330400000e10 ff",              /* no server */
        "350102 36047f000001 0104ffffff00 330400000e10 ff", /* a server here */
        "350102 3604c0000201 0104fffffffc 330400000e10 ff", /* .100/30 is a network's own */
    };
    struct dhcp_answer a;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (read_hex(refused[i], &a) != STATUS_REFUSED)
            fail_msg("%s is taken", refused[i]);
    static const uint32_t addresses[] = {0,          0x7f000001, 0xe0000001, 0xffffffff,
                                         0xf0000001, 0xc00002ff, 0xc0000200};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct packet p;
        begin(&p);
        add(&p, OFFER "ff");
        be32_put(p.bytes + 16, addresses[i]);
        assert_int_equal(try(&p, &a), STATUS_REFUSED);
    }
}

static void what_breaks_the_format_is_malformed(void **state)
{
    (void)state;
    static const char *const broken[] = {
        OFFER,                /* no end */
        OFFER "03",           /* no length */
        OFFER "0304c00002",   /* longer than the message */
        "350100 ff",          /* no such type */
        "350101 ff",          /* a question */
        "35020202 ff",        /* two bytes of type */
        "350102 350102 ff",   /* two types put together */
        "340103 " OFFER "ff", /* overload, and nothing well-formed there: no END in sname and file */
    };
    struct dhcp_answer a;
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        if (read_hex(broken[i], &a) != STATUS_MALFORMED)
            fail_msg("%s is not malformed", broken[i]);
    struct packet p;
    begin(&p);
    p.bytes[236] = 0;
    add(&p, OFFER "ff");
    assert_int_equal(try(&p, &a), STATUS_MALFORMED);
    p.len = 239;
    assert_int_equal(try(&p, &a), STATUS_MALFORMED);
}

static void answers_to_others_are_passed_over(void **state)
{
    (void)state;
    struct packet p;
    struct dhcp_answer a;
    static const size_t places[] = {0, 1, 2, 4, 7, 28, 33};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        begin(&p);
        add(&p, OFFER "ff");
        p.bytes[places[i]] ^= 1;
        assert_int_equal(try(&p, &a), STATUS_NOT_FOUND);
    }
}

static void options_may_overflow_into_file_and_name(void **state)
{
    (void)state;
    struct packet p;
    struct dhcp_answer a;
    begin(&p);
    hex_bytes("330400000e10 ff", p.bytes + 108, 16);
    hex_bytes("0604c0000235 ff", p.bytes + 44, 16);
    add(&p, "340103 350102 3604c0000201 0104ffffff00 ff");
    assert_int_equal(try(&p, &a), STATUS_OK);
    assert_int_equal(a.lease_s, 3600);
    assert_int_equal(a.dns_count, 1);
    p.bytes[242] = 1; /* file alone */
    assert_int_equal(try(&p, &a), STATUS_OK);
    assert_int_equal(a.dns_count, 0);
}

static void routes_replace_the_router(void **state)
{
    (void)state;
    struct dhcp_answer a;
    /* default via .1, 198.51.100/24 via .2, on two pieces of the option; router .9 */
    assert_int_equal(read_hex(OFFER "0304c0000209 790700c0000201 18c6 7906 3364c0000202 ff", &a), STATUS_OK);
    assert_int_equal(a.gateway, 0xc0000201);
    assert_int_equal(a.route_count, 1);
    assert_int_equal(a.routes[0].net, 0xc6336400);
    assert_int_equal(a.routes[0].prefix, 24);
    assert_int_equal(a.routes[0].via, 0xc0000202);
    /* loopback, multicast, bits behind the prefix, a router elsewhere, the box itself: left out */
    assert_int_equal(read_hex(OFFER "7927 087fc0000202 08e0c0000202 07c1c0000202 180a00000a090909 "
                                    "180a0000c0000264 00 0a090909 ff",
                              &a),
                     STATUS_OK);
    assert_int_equal(a.route_count, 0);
    assert_int_equal(a.gateway, 0);
    /* cut off in the middle: the router counts */
    assert_int_equal(read_hex(OFFER "0304c0000209 790318c633 ff", &a), STATUS_OK);
    assert_int_equal(a.gateway, 0xc0000209);
    assert_int_equal(a.route_count, 0);
    /* a router that is not on the link */
    assert_int_equal(read_hex(OFFER "03040a000001 ff", &a), STATUS_OK);
    assert_int_equal(a.gateway, 0);
}

static void servers_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    struct dhcp_answer a;
    assert_int_equal(
        read_hex(OFFER "0614 7f000001 e0000001 00000000 c0000235 c0000236 2a05c000020100 1a020044 ff", &a),
        STATUS_OK);
    assert_int_equal(a.dns_count, 2);
    assert_int_equal(a.dns[0], 0xc0000235);
    assert_int_equal(a.ntp_count, 0);
    assert_int_equal(a.mtu, 0);
    assert_int_equal(read_hex(OFFER "0614 c0000201c0000202c0000203c0000204c0000205 ff", &a), STATUS_OK);
    assert_int_equal(a.dns_count, DHCP_SERVERS);
}

static void a_nak_needs_no_lease(void **state)
{
    (void)state;
    struct dhcp_answer a;
    assert_int_equal(read_hex("350106 3604c0000201 ff", &a), STATUS_OK);
    assert_int_equal(a.type, DHCP_NAK);
    assert_int_equal(a.server, 0xc0000201);
}

/* RFC 1071's sums, made here and made wrong at every byte. */
static void frames_have_checksums(void **state)
{
    (void)state;
    uint8_t frame[DHCP_FRAME_MAX];
    struct span message;
    size_t len = dhcp_frame_write(0xc0000201, 0xffffffff, span_of("hello", 5), frame);
    assert_int_equal(len, 33);
    assert_false(dhcp_frame_read(span_of(frame, len), true, &message)); /* it is ours: 68 to 67 */
    frame[21] = 67;
    frame[23] = 68;
    uint8_t *copy = tight_copy(frame, len);
    assert_true(dhcp_frame_read(span_of(copy, len), true, &message));
    check_text(message, "hello");
    for (size_t i = 0; i < len; i++) {
        copy[i] ^= 4;
        assert_false(dhcp_frame_read(span_of(copy, len), true, &message));
        copy[i] ^= 4;
    }
    for (size_t i = 0; i < len; i++)
        assert_false(dhcp_frame_read(span_of(copy, i), true, &message));
    copy[30] ^= 4; /* in the message, which has no checksum yet */
    assert_true(dhcp_frame_read(span_of(copy, len), false, &message));
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_discover_by_the_byte),
        cmocka_unit_test(a_renewal_names_neither_server_nor_address),
        cmocka_unit_test(an_offer_is_read),
        cmocka_unit_test(times_that_make_no_sense_are_our_own),
        cmocka_unit_test(leases_that_cannot_be_are_refused),
        cmocka_unit_test(what_breaks_the_format_is_malformed),
        cmocka_unit_test(answers_to_others_are_passed_over),
        cmocka_unit_test(options_may_overflow_into_file_and_name),
        cmocka_unit_test(routes_replace_the_router),
        cmocka_unit_test(servers_that_cannot_be_are_left_out),
        cmocka_unit_test(a_nak_needs_no_lease),
        cmocka_unit_test(frames_have_checksums),
    };
    return cmocka_run_group_tests_name("init/dhcp_message", tests, NULL, NULL);
}
