/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "init/dns_message.h"

#define ID 0x1234
/* one.test A */
#define QUESTION      "036f6e650474657374 00 0001 0001 "
#define HEAD(answers) "1234 8180 0001 " answers " 0000 0000 " QUESTION

static enum status try(const char *hex, struct ip found[DNS_ADDRESSES], size_t *count)
{
    uint8_t bytes[DNS_MESSAGE_MAX];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);
    uint8_t *copy = tight_copy(bytes, len);
    enum status status = dns_read(span_of(copy, len), ID, "One.test", DNS_A, found, count);
    free(copy);
    return status;
}

static void a_question_by_the_byte(void **state)
{
    (void)state;
    uint8_t out[DNS_MESSAGE_MAX], wanted[64];
    size_t len = dns_write(ID, "one.test.", DNS_A, out);
    size_t n = hex_bytes("1234 0100 0001 0000 0000 0000 " QUESTION, wanted, sizeof wanted);
    assert_int_equal(len, n);
    assert_memory_equal(out, wanted, n);
    char long_label[70], long_name[260];
    memset(long_label, 'a', sizeof long_label);
    long_label[64] = 0;
    for (size_t i = 0; i < sizeof long_name; i++)
        long_name[i] = i % 2 == 0 ? 'a' : '.';
    long_name[255] = 0;
    static const char *const none[] = {"", ".", "a..b", ".a"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_int_equal(dns_write(ID, none[i], DNS_A, out), 0);
    assert_int_equal(dns_write(ID, long_label, DNS_A, out), 0);
    assert_int_equal(dns_write(ID, long_name, DNS_A, out), 0);
}

static void addresses_along_aliases(void **state)
{
    (void)state;
    struct ip found[DNS_ADDRESSES];
    size_t count;
    /* one.test is two.test (compressed), which has two addresses; another name's is passed over */
    assert_int_equal(try(HEAD("0004") "c00c 0005 0001 00000e10 0006 0374776f c010 "
                                      "c026 0001 0001 00000e10 0004 c0000209 "
                                      "c010 0001 0001 00000e10 0004 c0000208 "
                                      "c026 0001 0001 00000e10 0004 c000020a",
                         found, &count),
                     STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ip_get4(&found[0]), 0xc0000209);
    assert_int_equal(ip_get4(&found[1]), 0xc000020a);
}

static void answers_to_others_are_passed_over(void **state)
{
    (void)state;
    struct ip found[DNS_ADDRESSES];
    size_t count;
    static const char *const others[] = {"1235 8180 0001 0000 0000 0000 " QUESTION,
                                         "1234 0180 0001 0000 0000 0000 " QUESTION,
                                         "1234 8980 0001 0000 0000 0000 " QUESTION,
                                         "1234 8180 0000 0000 0000 0000 " QUESTION,
                                         "1234 8180 0001 0000 0000 0000 036f6e660474657374 00 0001 0001",
                                         "1234 8180 0001 0000 0000 0000 036f6e650474657374 00 001c 0001",
                                         "1234 8180 0001 0000 0000 0000 036f6e650474657374 00 0001 0003",
                                         "1234 8180 0001 0000 0000 0000 036f6e65",
                                         "1234 8180"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (try(others[i], found, &count) != STATUS_END)
            fail_msg("%s is an answer", others[i]);
}

static void what_a_server_says_instead(void **state)
{
    (void)state;
    struct ip found[DNS_ADDRESSES];
    size_t count;
    assert_int_equal(try("1234 8183 0001 0000 0000 0000 " QUESTION, found, &count), STATUS_NOT_FOUND);
    assert_int_equal(try("1234 8182 0001 0000 0000 0000 " QUESTION, found, &count), STATUS_REFUSED);
    assert_int_equal(try("1234 8380 0001 0000 0000 0000 " QUESTION, found, &count), STATUS_TOO_LARGE);
    assert_int_equal(try(HEAD("0000"), found, &count), STATUS_NOT_FOUND);
    /* addresses that no server has */
    assert_int_equal(try(HEAD("0001") "c00c 0001 0001 00000e10 0004 7f000001", found, &count),
                     STATUS_NOT_FOUND);
}

static void what_breaks_the_format_is_malformed(void **state)
{
    (void)state;
    struct ip found[DNS_ADDRESSES];
    size_t count;
    static const char *const broken[] = {
        HEAD("0001"),                                                 /* fewer than it says */
        HEAD("0001") "c00c 0001 0001 00000e10 0004 c00002",           /* cut off */
        HEAD("0001") "c00c 0001 0001 00000e10 0003 c00002",           /* not an address */
        HEAD("0001") "c01a 0001 0001 00000e10 0004 c0000209",         /* a pointer to itself */
        HEAD("0001") "c0ff 0001 0001 00000e10 0004 c0000209",         /* ahead */
        HEAD("0001") "c000 0001 0001 00000e10 0004 c0000209",         /* into the header */
        HEAD("0001") "8061 00 0001 0001 00000e10 0004 c0000209",      /* no such kind of label */
        HEAD("0001") "c00c 0005 0001 00000e10 0007 0374776f c010 00", /* more behind the alias */
    };
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        if (try(broken[i], found, &count) != STATUS_MALFORMED)
            fail_msg("%s is not malformed", broken[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_by_the_byte),
        cmocka_unit_test(addresses_along_aliases),
        cmocka_unit_test(answers_to_others_are_passed_over),
        cmocka_unit_test(what_a_server_says_instead),
        cmocka_unit_test(what_breaks_the_format_is_malformed),
    };
    return cmocka_run_group_tests_name("init/dns_message", tests, NULL, NULL);
}
