/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/bytes.h"
#include "init/sntp_message.h"

#define PIVOT 1800000000
static const uint8_t nonce[SNTP_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

/* 2027-01-15 08:00:00.5 */
#define GOOD                                                                                                 \
    "24 02 06 ec 00000100 00000200 c0000201 0000000000000000 0102030405060708 ef140c0080000000 "             \
    "ef140c0080000000"

static enum status try(const uint8_t *bytes, size_t len, int64_t pivot, struct sntp_answer *a)
{
    uint8_t *copy = tight_copy(bytes, len);
    enum status status = sntp_read(span_of(copy, len), nonce, pivot, a);
    free(copy);
    return status;
}

static void a_question_tells_nothing(void **state)
{
    (void)state;
    uint8_t out[SNTP_BYTES];
    sntp_write(nonce, out);
    assert_int_equal(out[0], 0x23);
    for (size_t i = 1; i < 40; i++)
        assert_int_equal(out[i], 0);
    assert_memory_equal(out + 40, nonce, 8);
}

static void an_answer_is_read(void **state)
{
    (void)state;
    uint8_t m[SNTP_BYTES];
    struct sntp_answer a;
    hex_bytes(GOOD, m, sizeof m);
    assert_int_equal(try(m, sizeof m, PIVOT, &a), STATUS_OK);
    assert_true(a.receive_us == ((int64_t)0xef140c00 - 2208988800) * 1000000 + 500000);
    assert_int_equal(a.stratum, 2);
    assert_int_equal(a.distance_us, 0x100 * 1000000ll / 65536 / 2 + 0x200 * 1000000ll / 65536);
    for (size_t len = 0; len < sizeof m; len++)
        assert_int_equal(try(m, len, PIVOT, &a), STATUS_END);
}

/* RFC 5905 s6: the 32 bits turn over on 2036-02-07 06:28:16. */
static void after_2036(void **state)
{
    (void)state;
    uint8_t m[SNTP_BYTES];
    struct sntp_answer a;
    hex_bytes(GOOD, m, sizeof m);
    be32_put(m + 32, 0x00000010);
    be32_put(m + 40, 0x00000010);
    assert_int_equal(try(m, sizeof m, PIVOT, &a), STATUS_OK);
    assert_true(a.receive_us / 1000000 == 2085978496ll + 16);
    assert_int_equal(try(m, sizeof m, 2085978496ll + 86400, &a), STATUS_OK);
    assert_true(a.receive_us / 1000000 == 2085978496ll + 16);
    be32_put(m + 32, 0xfffffff0);
    be32_put(m + 40, 0xfffffff0);
    assert_int_equal(try(m, sizeof m, 2085978496ll + 86400, &a), STATUS_OK);
    assert_true(a.receive_us / 1000000 == 2085978496ll - 16);
}

static void what_is_no_answer(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum status status;
    } rows[] = {{24, 0, STATUS_END},         {31, 9, STATUS_END},         {0, 0x23, STATUS_MALFORMED},
                {0, 0x25, STATUS_MALFORMED}, {0, 0x14, STATUS_MALFORMED}, {0, 0xe4, STATUS_REFUSED},
                {1, 16, STATUS_REFUSED},     {9, 2, STATUS_REFUSED},      {4, 1, STATUS_REFUSED},
                {47, 0, STATUS_OK},          {40, 0xee, STATUS_MALFORMED}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t m[SNTP_BYTES];
        struct sntp_answer a;
        hex_bytes(GOOD, m, sizeof m);
        m[rows[i].at] = rows[i].value;
        if (try(m, sizeof m, PIVOT, &a) != rows[i].status)
            fail_msg("row %zu", i);
    }
    uint8_t m[SNTP_BYTES];
    struct sntp_answer a;
    hex_bytes(GOOD, m, sizeof m);
    memset(m + 32, 0, 8);
    assert_int_equal(try(m, sizeof m, PIVOT, &a), STATUS_MALFORMED);
}

static void kisses(void **state)
{
    (void)state;
    uint8_t m[SNTP_BYTES];
    struct sntp_answer a;
    hex_bytes(GOOD, m, sizeof m);
    m[1] = 0;
    memcpy(m + 12, "RATE", 4);
    assert_int_equal(try(m, sizeof m, PIVOT, &a), STATUS_REFUSED);
    assert_string_equal(a.kiss, "RATE");
    memcpy(m + 12, "A\x1b[m", 4); /* it goes to a terminal */
    assert_int_equal(try(m, sizeof m, PIVOT, &a), STATUS_REFUSED);
    assert_string_equal(a.kiss, "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_tells_nothing),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(after_2036),
        cmocka_unit_test(what_is_no_answer),
        cmocka_unit_test(kisses),
    };
    return cmocka_run_group_tests_name("init/sntp_message", tests, NULL, NULL);
}
