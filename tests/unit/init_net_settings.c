/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "init/net_settings.h"

static struct config config;

static bool try(struct net_settings *out, char why[200], const char *const *lines, size_t count)
{
    struct span words[SETTING_WORDS];
    bool is_client;
    config_defaults(&config);
    for (size_t i = 0; i < count; i++) {
        size_t n = config_words(span_of_text(lines[i]), words);
        if (!config_set(&config, words, n, &is_client, why, 200))
            fail_msg("%s: %s", lines[i], why);
    }
    why[0] = 0;
    return net_settings_read(&config, out, why, 200);
}

#define TRY(out, why, ...)                                                                                   \
    try(out, why, (const char *const[]){__VA_ARGS__}, COUNT_OF(((const char *const[]){__VA_ARGS__})))

static void the_defaults_are_dhcp_and_automatic(void **state)
{
    (void)state;
    struct net_settings s;
    char why[200];
    assert_true(TRY(&s, why, "server name kms1.lab.example"));
    assert_true(s.mode4 == NET_AUTO && s.mode6 == NET_AUTO && !s.has_mac && s.vlan == 0 && s.mtu == 1500);
    assert_string_equal(s.host, "kms1.lab.example");
}

static void everything_set(void **state)
{
    (void)state;
    struct net_settings s, again;
    char why[200];
    for (struct net_settings *out = &s; out != NULL; out = out == &s ? &again : NULL) {
        memset(out, out == &s ? 0x55 : 0xaa, sizeof *out);
        assert_true(TRY(out, why, "interface uplink mac 00:e0:67:2c:41:9a",
                        "interface uplink address 192.0.2.11/24", "interface uplink gateway 192.0.2.1",
                        "interface uplink address6 2001:db8::11/64", "interface uplink gateway6 fe80::1",
                        "interface uplink vlan 5", "interface uplink mtu 9000", "dns 192.0.2.53 2001:db8::53",
                        "time ntp 192.0.2.1 ntp.example.org"));
    }
    assert_memory_equal(&s, &again, sizeof s); /* compared byte for byte in net_apply */
    assert_true(s.mode4 == NET_STATIC && s.mode6 == NET_STATIC && s.has_mac && s.vlan == 5 && s.mtu == 9000);
    assert_int_equal(s.dns_count, 2);
    assert_int_equal(s.ntp_count, 2);
    assert_string_equal(s.ntp[1], "ntp.example.org");
}

static void a_refusal_names_the_setting(void **state)
{
    (void)state;
    static const struct {
        const char *line, *other, *begins;
    } rows[] = {
        {"interface uplink mac 00:e0", NULL, "interface uplink mac:"},
        {"interface uplink address 192.0.2.11", NULL, "interface uplink address:"},
        {"interface uplink address static", NULL, "interface uplink address:"},
        {"interface uplink address auto", NULL, "interface uplink address:"},
        {"interface uplink address 192.0.2.0/24", NULL, "interface uplink address: this cannot be"},
        {"interface uplink address 2001:db8::1/64", NULL, "interface uplink address:"},
        {"interface uplink address6 192.0.2.1/24", NULL, "interface uplink address6:"},
        {"interface uplink address6 dhcp", NULL, "interface uplink address6:"},
        {"interface uplink gateway 192.0.2.1", NULL, "interface uplink gateway: only beside"},
        {"interface uplink gateway 192.0.3.1", "interface uplink address 192.0.2.11/24",
         "interface uplink gateway: it is not inside"},
        {"interface uplink gateway 192.0.2.11", "interface uplink address 192.0.2.11/24",
         "interface uplink gateway: this is the box's own"},
        {"interface uplink gateway router", "interface uplink address 192.0.2.11/24",
         "interface uplink gateway:"},
        {"dns router", NULL, "dns:"},
        {"dns 127.0.0.1", NULL, "dns:"},
        {"dns 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4", NULL, "dns: at most three"},
        {"time ntp 192.0.2.300", NULL, "time ntp:"},
        {"time ntp a..b", NULL, "time ntp:"},
        {"time ntp .org", NULL, "time ntp:"},
        {"time ntp pool!", NULL, "time ntp:"},
        {"time ntp a b c d", NULL, "time ntp: at most three"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct net_settings s;
        char why[200];
        const char *lines[] = {rows[i].line, rows[i].other};
        if (try(&s, why, lines, rows[i].other == NULL ? 1 : 2))
            fail_msg("%s is taken", rows[i].line);
        if (strncmp(why, rows[i].begins, strlen(rows[i].begins)) != 0)
            fail_msg("%s: %s", rows[i].line, why);
    }
}

static void a_gateway_outside_is_taken_beside_a_network_of_one(void **state)
{
    (void)state;
    struct net_settings s;
    char why[200];
    assert_true(
        TRY(&s, why, "interface uplink address 192.0.2.11/32", "interface uplink gateway 198.51.100.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_dhcp_and_automatic),
        cmocka_unit_test(everything_set),
        cmocka_unit_test(a_refusal_names_the_setting),
        cmocka_unit_test(a_gateway_outside_is_taken_beside_a_network_of_one),
    };
    return cmocka_run_group_tests_name("init/net_settings", tests, NULL, NULL);
}
