/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "init/ip.h"

static struct ip_net net_of(const char *text)
{
    struct ip_net net;
    if (!ip_net_read(span_of_text(text), &net))
        fail_msg("%s is not read", text);
    return net;
}

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    static const char *const good[] = {"192.0.2.1", "255.255.255.255", "2001:db8::1", "::", "fe80::1"};
    static const char *const bad[] = {
        "",          "192.0.2", "192.0.2.256",       "192.0.2.1 ",   " 192.0.2.1", "192.0.02.1x",
        "2001:db8:", "g::1",    "1:2:3:4:5:6:7:8:9", "192.0.2.1/24", "::1%lo"};
    char text[IP_TEXT + 1];
    struct ip ip;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(ip_read(span_of_text(good[i]), &ip));
        ip_write(&ip, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ip_read(span_of_text(bad[i]), &ip))
            fail_msg("%s is read", bad[i]);
    struct ip_net net;
    assert_false(ip_net_read(span_of_text("192.0.2.1"), &net));
    assert_false(ip_net_read(span_of_text("192.0.2.1/33"), &net));
    assert_false(ip_net_read(span_of_text("192.0.2.1/"), &net));
    assert_false(ip_net_read(span_of_text("2001:db8::1/129"), &net));
    assert_int_equal(net_of("2001:db8::1/128").prefix, 128);
}

static void what_lies_in_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *net, *ip;
        bool in;
    } rows[] = {
        {"192.0.2.11/24", "192.0.2.255", true},   {"192.0.2.11/24", "192.0.3.1", false},
        {"192.0.2.11/25", "192.0.2.128", false},  {"192.0.2.11/32", "192.0.2.11", true},
        {"192.0.2.11/32", "192.0.2.10", false},   {"192.0.2.11/0", "10.0.0.1", true},
        {"2001:db8::1/64", "2001:db8::ff", true}, {"2001:db8::1/64", "2001:db8:0:1::", false},
        {"2001:db8::1/127", "2001:db8::", true},  {"2001:db8::1/64", "192.0.2.1", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ip_net net = net_of(rows[i].net);
        struct ip ip;
        assert_true(ip_read(span_of_text(rows[i].ip), &ip));
        if (ip_in_net(&ip, &net) != rows[i].in)
            fail_msg("%s in %s", rows[i].ip, rows[i].net);
    }
}

static void what_may_be_one_machine(void **state)
{
    (void)state;
    static const char *const good[] = {"192.0.2.1/24", "192.0.2.0/31",  "192.0.2.0/32",
                                       "10.0.0.255/8", "2001:db8::/64", "fe80::1/64"};
    static const char *const bad[] = {
        "192.0.2.0/24", "192.0.2.255/24", "0.0.0.0/24",        "127.0.0.1/8",
        "224.0.0.1/24", "240.0.0.1/8",    "192.0.2.1/0",       "::/64",
        "::1/128",      "ff02::1/64",     "::ffff:1.2.3.4/96", "255.255.255.255/32"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct ip_net net = net_of(good[i]);
        if (!ip_fits_net(&net))
            fail_msg("%s is refused", good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct ip_net net = net_of(bad[i]);
        if (ip_fits_net(&net))
            fail_msg("%s is taken", bad[i]);
    }
}

static void mac_addresses(void **state)
{
    (void)state;
    uint8_t mac[MAC_BYTES];
    char text[MAC_TEXT + 1];
    assert_true(mac_read(span_of_text("00-E0-67-2c-41-9A"), mac));
    mac_write(mac, text);
    assert_string_equal(text, "00:e0:67:2c:41:9a");
    static const char *const bad[] = {"",
                                      "00:e0:67:2c:41:9",
                                      "00:e0:67:2c:41:9ag",
                                      "00e0672c419a",
                                      "00:e0:67:2c:41:9g",
                                      "00 e0 67 2c 41 9a"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(mac_read(span_of_text(bad[i]), mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(what_lies_in_a_network),
        cmocka_unit_test(what_may_be_one_machine),
        cmocka_unit_test(mac_addresses),
    };
    return cmocka_run_group_tests_name("init/ip", tests, NULL, NULL);
}
