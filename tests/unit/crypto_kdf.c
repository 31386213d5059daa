/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC, KDFa, KDFe, CFB and ECDH against published vectors and against themselves. */
#include "support/check.h"

#include <bearssl_ec.h>

#include "crypto/cfb.h"
#include "crypto/ecdh.h"
#include "crypto/kdf.h"

/* RFC 4231 s4.3, test case 2. */
static void hmac_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t out[32], wanted[32];
    struct span parts[] = {span_of_text("what do ya want "), span_of_text("for nothing?")};
    hex_bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", wanted, 32);
    hmac_sha256(span_of_text("Jefe"), parts, 2, out);
    assert_memory_equal(out, wanted, 32);
}

/* Both as their definitions say, byte for byte. */
static void derivations_are_built_as_defined(void **state)
{
    (void)state;
    uint8_t out[32], wanted[32];
    struct span whole = span_of("\0\0\0\1ATH\0UVW\0\0\1\0", 15);
    hmac_sha256(span_of_text("key"), &whole, 1, wanted);
    kdfa_sha256(span_of_text("key"), "ATH", span_of_text("UV"), span_of_text("W"), out);
    assert_memory_equal(out, wanted, 32);
    sha256(span_of("\0\0\0\1ZZSECRET\0UV", 15), wanted);
    kdfe_sha256(span_of_text("ZZ"), "SECRET", span_of_text("U"), span_of_text("V"), out);
    assert_memory_equal(out, wanted, 32);
}

/* NIST SP 800-38A F.3.13 and F.3.14. */
static void cfb_of_sp_800_38a(void **state)
{
    (void)state;
    uint8_t key[16], iv[16], plain[64], wanted[64], data[64];
    hex_bytes("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
    hex_bytes("000102030405060708090a0b0c0d0e0f", iv, 16);
    hex_bytes("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
              "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710",
              plain, 64);
    hex_bytes("3b3fd92eb72dad20333449f8e83cfb4a c8a64537a0b3a93fcde3cdad9f1ce58b"
              "26751f67a3cbb140b1808cf187a4f4df c04b05357c5d1c0eeac4c66f9ff7f2e6",
              wanted, 64);
    for (size_t len = 0; len <= 64; len++) {
        memcpy(data, plain, 64);
        aes128_cfb_encrypt(key, iv, data, len);
        assert_memory_equal(data, wanted, len);
        assert_memory_equal(data + len, plain + len, 64 - len);
        aes128_cfb_decrypt(key, iv, data, len);
        assert_memory_equal(data, plain, 64);
    }
}

static void both_sides_share_a_secret(void **state)
{
    (void)state;
    uint8_t scalar[32], theirs[65], own[65], shared[32];
    for (int i = 1; i <= 5; i++) {
        memset(scalar, i, sizeof scalar);
        br_ec_get_default()->mulgen(theirs, scalar, 32, BR_EC_secp256r1);
        assert_int_equal(ecdh_p256(theirs, own, shared), STATUS_OK);
        assert_int_equal(br_ec_get_default()->mul(own, 65, scalar, 32, BR_EC_secp256r1), 1);
        assert_memory_equal(own + 1, shared, 32);
    }
    theirs[64] ^= 1; /* not on the curve */
    assert_int_equal(ecdh_p256(theirs, own, shared), STATUS_MALFORMED);
    theirs[64] ^= 1;
    theirs[0] = 2;
    assert_int_equal(ecdh_p256(theirs, own, shared), STATUS_MALFORMED);
    memset(theirs, 0, 65);
    theirs[0] = 4;
    assert_int_equal(ecdh_p256(theirs, own, shared), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(derivations_are_built_as_defined),
        cmocka_unit_test(cfb_of_sp_800_38a),
        cmocka_unit_test(both_sides_share_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
