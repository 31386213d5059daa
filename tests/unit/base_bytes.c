/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/bytes.h"
#include "base/wipe.h"

static void most_significant_byte_first(void **state)
{
    (void)state;
    const uint8_t in[8] = {0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8};
    assert_int_equal(be24_get(in), 0xf1f2f3);
    assert_int_equal(be32_get(in), 0xf1f2f3f4u);
    assert_true(be64_get(in) == 0xf1f2f3f4f5f6f7f8u);
    uint8_t out[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0x77};
    be24_put(out, 0xf1f2f3);
    assert_memory_equal(out, "\xf1\xf2\xf3\0", 4);
    be32_put(out, 0xf1f2f3f4u);
    assert_memory_equal(out, in, 4);
    assert_int_equal(out[4], 0);
    be64_put(out, 0xf1f2f3f4f5f6f7f8u);
    assert_memory_equal(out, in, 8);
    assert_int_equal(out[8], 0x77);
}

static void wiping_leaves_zeros_and_nothing_else(void **state)
{
    (void)state;
    uint8_t bytes[5] = {1, 2, 3, 4, 5};
    wipe(bytes + 1, 3);
    assert_memory_equal(bytes, "\1\0\0\0\5", 5);
    wipe(bytes, 0);
    assert_int_equal(bytes[0], 1);
}

static void compares_every_byte(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(bytes_equal_secret(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++)
        for (int bit = 0; bit < 8; bit++) {
            b[i] ^= (uint8_t)(1 << bit);
            assert_false(bytes_equal_secret(a, b, sizeof a));
            assert_true(bytes_equal_secret(a, b, i));
            b[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(bytes_equal_secret(a, b, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_significant_byte_first),
        cmocka_unit_test(wiping_leaves_zeros_and_nothing_else),
        cmocka_unit_test(compares_every_byte),
    };
    return cmocka_run_group_tests_name("base/bytes, base/wipe", tests, NULL, NULL);
}
