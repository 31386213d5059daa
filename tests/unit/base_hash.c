/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/hash.h"

/* The key 000102..0f and the first outputs of the reference implementation's vectors (SipHash-2-4, 64 bits).
 */
static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static void hashes_like_the_reference(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } known[] = {
        {0, 0x726fdb47dd0e0e31u},  {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au},
        {3, 0x85676696d7fb7e2du},  {7, 0xab0200f58b01d137u},  {8, 0x93f5f5799a932462u},
        {9, 0x9e0082df0ba9e4b0u},  {15, 0xa129ca6149be45e5u}, {16, 0x3f2acc7f57c29bdbu},
        {63, 0x958a324ceb064572u},
    };
    uint8_t in[64];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        assert_int_equal(hash_keyed(key, span_of(in, known[i].len)), known[i].hash);
}

static void depends_on_both_halves_of_the_key(void **state)
{
    (void)state;
    const uint64_t other_low[2] = {key[0] ^ 1, key[1]}, other_high[2] = {key[0], key[1] ^ 1};
    struct span in = span_of_text("name");
    assert_int_not_equal(hash_keyed(key, in), hash_keyed(other_low, in));
    assert_int_not_equal(hash_keyed(key, in), hash_keyed(other_high, in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_like_the_reference),
        cmocka_unit_test(depends_on_both_halves_of_the_key),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
