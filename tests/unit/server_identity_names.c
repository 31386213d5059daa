/* SPDX-License-Identifier: Apache-2.0 */
/* By which names and addresses certificates name the server (server/identity_names). */
#include "support/check.h"

#include "server/identity_names.h"

static struct identity_names names;
static struct config config;
static char why[200];

static bool begin_with(const char *listen, const char *addresses)
{
    config_defaults(&config);
    snprintf(config.listen, sizeof config.listen, "%s", listen);
    snprintf(config.server_addresses, sizeof config.server_addresses, "%s", addresses);
    return identity_names_begin(&names, &config, why, sizeof why);
}

static void check_addresses(const char *wanted)
{
    char text[300] = "";
    struct buf out = buf_over(text, sizeof text);
    for (size_t i = 0; i < names.wish.address_count; i++) {
        const struct span *a = &names.wish.addresses[i];
        for (size_t k = 0; k < a->len; k++)
            buf_print(&out, "%02x", a->ptr[k]);
        buf_add_text(&out, " ");
    }
    assert_string_equal(text, wanted);
}

static void what_the_configuration_says(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *addresses, *wanted;
    } cases[] = {
        {"[::]:5696", "", "7f000001 "},
        {"0.0.0.0:5696", "", "7f000001 "},
        {"192.0.2.7:5696", "", "c0000207 7f000001 "},
        {"127.0.0.1:0", "", "7f000001 "},
        {"[2001:db8::7]:5696", "", "20010db8000000000000000000000007 7f000001 "},
        {"[::1]:5696", "  192.0.2.7   ::1 192.0.2.7 127.0.0.1 ",
         "00000000000000000000000000000001 7f000001 c0000207 "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(begin_with(cases[i].listen, cases[i].addresses));
        check_addresses(cases[i].wanted);
        assert_string_equal(names.wish.dns_names[0], "holdfast");
        assert_string_equal(names.wish.dns_names[1], "localhost");
        assert_null(names.wish.dns_names[2]);
    }
}

static void addresses_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"192.0.2.300",  "kms.example",
                                      "192.0.2.7/24", "192.0.2.7,192.0.2.8",
                                      "1:2",          "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(begin_with("[::]:5696", bad[i]));
        assert_non_null(strstr(why, "server addresses: not an IPv4 or IPv6 address: "));
        assert_non_null(strstr(why, bad[i]));
    }
}

static void sixteen_addresses(void **state)
{
    (void)state;
    char list[200] = "";
    struct buf out = buf_over(list, sizeof list);
    for (int i = 1; i <= 15; i++)
        buf_print(&out, "10.0.0.%d ", i);
    assert_true(begin_with("[::]:5696", list));
    assert_int_equal(names.wish.address_count, 16);
    assert_false(identity_names_add(&names, span_of_text("10.0.0.16"), why, sizeof why));
    assert_true(identity_names_add(&names, span_of_text("10.0.0.15"), why, sizeof why));
    buf_print(&out, "10.0.0.16");
    assert_false(begin_with("[::]:5696", list));
    assert_non_null(strstr(why, "at most 16"));
}

static void further_names(void **state)
{
    (void)state;
    static const char *const good[] = {"kms.site.example", "KMS-2",   "*.site.example",
                                       "10.0.0.9",         "fe80::1", "kms.site.example"};
    static const char *const bad[] = {"", "a b", "a/b", "a*", "-\x80", "a:b"};
    assert_true(begin_with("[::]:5696", ""));
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(identity_names_add(&names, span_of_text(good[i]), why, sizeof why));
    assert_int_equal(names.dns_count, 5);
    assert_null(names.wish.dns_names[5]);
    check_addresses("7f000001 0a000009 fe800000000000000000000000000001 ");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(identity_names_add(&names, span_of_text(bad[i]), why, sizeof why));
    char name[260];
    memset(name, 'a', sizeof name);
    assert_false(identity_names_add(&names, span_of(name, 254), why, sizeof why));
    assert_true(identity_names_add(&names, span_of(name, 253), why, sizeof why));
    name[0] = 'b';
    assert_true(identity_names_add(&names, span_of(name, 253), why, sizeof why));
    name[0] = 'c';
    assert_false(identity_names_add(&names, span_of(name, 253), why, sizeof why)); /* no room for its text */
    for (int i = 0; names.dns_count < IDENTITY_NAMES; i++) {
        char one[8];
        snprintf(one, sizeof one, "n%d", i);
        assert_true(identity_names_add(&names, span_of_text(one), why, sizeof why));
    }
    assert_false(identity_names_add(&names, span_of_text("more"), why, sizeof why));
    assert_non_null(strstr(why, "at most 12"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_configuration_says),
        cmocka_unit_test(addresses_that_are_none),
        cmocka_unit_test(sixteen_addresses),
        cmocka_unit_test(further_names),
    };
    return cmocka_run_group_tests_name("server/identity_names", tests, NULL, NULL);
}
