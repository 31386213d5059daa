/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: refused with the name of the one to change, and the hosts that follow from them. */
#include "support/check.h"

#include "support/keyprotect_house.h"

static void settings_are_refused_by_name(void **state)
{
    (void)state;
    char why[KEYMGR_WHY], long_name[102];
    memset(long_name, 'a', 101);
    long_name[101] = 0;
#define CHECK_REFUSED(member, value, name)                                                                   \
    do {                                                                                                     \
        struct keyprotect_settings s = house_settings();                                                     \
        s.member = value;                                                                                    \
        assert_false(house_open(&s, why, sizeof why));                                                       \
        assert_non_null(strstr(why, name));                                                                  \
    } while (0)
    CHECK_REFUSED(instance, "", "keymanager instance");
    CHECK_REFUSED(instance, "0647c737-906d-438a-8a68-2c187e11b29", "keymanager instance");
    CHECK_REFUSED(root_key, "", "keymanager root-key");
    CHECK_REFUSED(root_key, "a/b", "keymanager root-key");
    CHECK_REFUSED(root_key, "a?b", "keymanager root-key");
    CHECK_REFUSED(root_key, long_name + 10, "keymanager root-key");
    CHECK_REFUSED(key_ring, "a b", "keymanager key-ring");
    CHECK_REFUSED(key_ring, "a\r\nX: y", "keymanager key-ring");
    CHECK_REFUSED(key_ring, long_name, "keymanager key-ring");
    CHECK_REFUSED(region, "", "keymanager region");
    CHECK_REFUSED(region, "eu.de", "keymanager region");
    CHECK_REFUSED(region, long_name, "keymanager region");
    CHECK_REFUSED(endpoint, "http://host", "keymanager endpoint");
    CHECK_REFUSED(endpoint, "https://", "keymanager endpoint");
    CHECK_REFUSED(endpoint, "https://host/path", "keymanager endpoint");
    CHECK_REFUSED(endpoint, "https://192.0.2.1", "with a name for HOST");
    CHECK_REFUSED(endpoint, "https://192.0.2.1:443", "with a name for HOST");
    CHECK_REFUSED(endpoint, "https://[2001:db8::1]", "with a name for HOST");
    CHECK_REFUSED(endpoint, "https://:443", "with a name for HOST");
    CHECK_REFUSED(iam, "https://192.0.2.1", "keymanager iam");
    CHECK_REFUSED(broker, "https://192.0.2.1", "keymanager broker");
    CHECK_REFUSED(iam, "https://user@host", "keymanager iam");
    CHECK_REFUSED(broker, "host", "keymanager broker");
    CHECK_REFUSED(proxy, "https://host", "keymanager proxy");
    CHECK_REFUSED(proxy, "http://", "keymanager proxy");
    CHECK_REFUSED(proxy, "http://name:word@host:8080", "keymanager proxy"); /* a secret is no setting */
    CHECK_REFUSED(roots, span_of(NULL, 0), "keymanager roots");
    struct keyprotect_settings s = house_settings();
    s.key_ring = long_name + 1;
    s.root_key = long_name + 11;
    s.region = "";
    s.endpoint = "https://h:1";
    assert_true(house_open(&s, why, sizeof why));
    assert_int_equal(strlen(kp.ring_header), 16 + 100);
    assert_string_equal(keyprotect_facts(&kp).endpoint, "https://h:1");
}

static void hosts_follow_from_region_and_network(void **state)
{
    (void)state;
    char why[KEYMGR_WHY];
    struct keyprotect_settings s = house_settings();
    assert_true(house_open(&s, why, sizeof why));
    assert_string_equal(kp.url, "https://eu-de.kms.cloud.ibm.com");
    assert_string_equal(kp.iam_url, "https://iam.cloud.ibm.com");
    assert_string_equal(keyprotect_facts(&kp).name, "Key Protect");
    s.private_network = true;
    assert_true(house_open(&s, why, sizeof why));
    assert_string_equal(kp.url, "https://private.eu-de.kms.cloud.ibm.com");
    assert_string_equal(kp.iam_url, "https://private.iam.cloud.ibm.com");
    s.iam = "https://iam:1";
    s.broker = "https://broker:2";
    s.hpcs = true;
    assert_true(house_open(&s, why, sizeof why));
    assert_string_equal(kp.url, "");
    assert_string_equal(kp.iam_url, "https://iam:1");
    assert_string_equal(kp.broker, "https://broker:2");
    assert_string_equal(keyprotect_facts(&kp).name, "HPCS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_refused_by_name),
        cmocka_unit_test(hosts_follow_from_region_and_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
