/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/bytes.h"
#include "base/copy.h"
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

/* Longer than any block that they are made of. */
#define MOST   150
#define AROUND 40

/* `bytes` has `len` zeros, or bytes of `from`, at AROUND; what it had stays around them. */
static void check_middle(const uint8_t bytes[MOST + 2 * AROUND], const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < MOST + 2 * AROUND; i++) {
        bool inside = i >= AROUND && i < AROUND + len;
        uint8_t expected = !inside ? 0xaa : from != NULL ? from[i - AROUND] : 0;
        assert_int_equal(bytes[i], expected);
    }
}

static void wiping_leaves_zeros_and_nothing_else(void **state)
{
    (void)state;
    uint8_t bytes[MOST + 2 * AROUND];
    for (size_t len = 0; len <= MOST; len++) {
        memset(bytes, 0xaa, sizeof bytes);
        wipe(bytes + AROUND, len);
        check_middle(bytes, NULL, len);
    }
}

static void copying_takes_every_byte_and_no_other(void **state)
{
    (void)state;
    uint8_t from[MOST], to[MOST + 2 * AROUND];
    for (size_t i = 0; i < MOST; i++)
        from[i] = (uint8_t)(i + 1);
    for (size_t at = 0; at < 3; at++)
        for (size_t len = 0; at + len <= MOST; len++) {
            memset(to, 0xaa, sizeof to);
            copy_short(to + AROUND, from + at, len);
            check_middle(to, from + at, len);
        }
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
        cmocka_unit_test(copying_takes_every_byte_and_no_other),
        cmocka_unit_test(compares_every_byte),
    };
    return cmocka_run_group_tests_name("base/bytes, base/copy, base/wipe", tests, NULL, NULL);
}
