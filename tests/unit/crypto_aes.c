/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "crypto/aes.h"

/* RFC 3394 s4.1 to s4.6: key, plaintext, ciphertext. */
static const char *const wraps[][3] = {
    {"000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
    {"000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF",
     "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", "00112233445566778899AABBCCDDEEFF",
     "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"},
    {"000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF0001020304050607",
     "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF0001020304050607",
     "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
     "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"},
};

static void wraps_keys_as_rfc_3394_s4(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wraps); i++) {
        uint8_t key[32], plain[40], wanted[48], out[48];
        size_t key_len = hex_bytes(wraps[i][0], key, sizeof key);
        size_t plain_len = hex_bytes(wraps[i][1], plain, sizeof plain);
        size_t wrapped_len = hex_bytes(wraps[i][2], wanted, sizeof wanted);
        assert_int_equal(keywrap_make(span_of(key, key_len), span_of(plain, plain_len), out), STATUS_OK);
        assert_memory_equal(out, wanted, wrapped_len);
        uint8_t back[40];
        assert_int_equal(keywrap_open(span_of(key, key_len), span_of(wanted, wrapped_len), back), STATUS_OK);
        assert_memory_equal(back, plain, plain_len);
        /* In place, plaintext behind the room for the integrity block. */
        memcpy(out + 8, plain, plain_len);
        assert_int_equal(keywrap_make(span_of(key, key_len), span_of(out + 8, plain_len), out), STATUS_OK);
        assert_memory_equal(out, wanted, wrapped_len);
    }
}

static void a_changed_wrap_is_refused_and_leaves_zeros(void **state)
{
    (void)state;
    uint8_t key[16], wrapped[24], out[16];
    static const uint8_t zeros[16];
    hex_bytes(wraps[0][0], key, sizeof key);
    hex_bytes(wraps[0][2], wrapped, sizeof wrapped);
    for (size_t i = 0; i < sizeof wrapped; i++) {
        wrapped[i] ^= 1;
        memset(out, 0x55, sizeof out);
        assert_int_equal(keywrap_open(span_of(key, 16), span_of(wrapped, 24), out), STATUS_REFUSED);
        assert_memory_equal(out, zeros, sizeof out);
        wrapped[i] ^= 1;
    }
    key[0] ^= 1;
    assert_int_equal(keywrap_open(span_of(key, 16), span_of(wrapped, 24), out), STATUS_REFUSED);
}

static void wraps_only_lengths_of_rfc_3394(void **state)
{
    (void)state;
    static uint8_t key[40], plain[KEYWRAP_MAX + 8], out[KEYWRAP_MAX + 16], back[KEYWRAP_MAX];
    for (size_t len = 0; len <= 40; len++) {
        bool fits = len == 16 || len == 24 || len == 32;
        assert_int_equal(keywrap_make(span_of(key, len), span_of(plain, 16), out),
                         fits ? STATUS_OK : STATUS_MALFORMED);
        fits = len >= 16 && len % 8 == 0;
        assert_int_equal(keywrap_make(span_of(key, 16), span_of(plain, len), out),
                         fits ? STATUS_OK : STATUS_MALFORMED);
        fits = len >= 24 && len % 8 == 0;
        assert_int_equal(keywrap_open(span_of(key, 16), span_of(plain, len), back),
                         fits ? STATUS_REFUSED : STATUS_MALFORMED);
    }
    assert_int_equal(keywrap_open(span_of(key, 8), span_of(plain, 24), back), STATUS_MALFORMED);
    assert_int_equal(keywrap_make(span_of(key, 32), span_of(plain, KEYWRAP_MAX), out), STATUS_OK);
    assert_int_equal(keywrap_open(span_of(key, 32), span_of(out, KEYWRAP_MAX + 8), back), STATUS_OK);
    assert_memory_equal(back, plain, KEYWRAP_MAX);
    assert_int_equal(keywrap_make(span_of(key, 32), span_of(plain, KEYWRAP_MAX + 8), out), STATUS_MALFORMED);
    assert_int_equal(keywrap_open(span_of(key, 32), span_of(out, KEYWRAP_MAX + 16), back), STATUS_MALFORMED);
}

/* The GCM specification's test cases 13, 14, 16 (AES-256): key, bound, plaintext; nonce, ciphertext, tag in
 * one. */
static const char *const seals[][4] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "", "",
     "000000000000000000000000 530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "",
     "00000000000000000000000000000000",
     "000000000000000000000000 cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf"
     "5aa0de657ba637b39",
     "cafebabefacedbaddecaf888 "
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void opens_what_others_sealed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(seals); i++) {
        uint8_t key[32], bound[32], plain[64], sealed[100], out[64];
        hex_bytes(seals[i][0], key, sizeof key);
        size_t bound_len = hex_bytes(seals[i][1], bound, sizeof bound);
        size_t plain_len = hex_bytes(seals[i][2], plain, sizeof plain);
        size_t sealed_len = hex_bytes(seals[i][3], sealed, sizeof sealed);
        assert_int_equal(sealed_len, plain_len + SEAL_OVERHEAD);
        assert_int_equal(seal_open(key, span_of(bound, bound_len), span_of(sealed, sealed_len), out),
                         STATUS_OK);
        assert_memory_equal(out, plain, plain_len);
    }
}

static void seals_and_opens(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, plain[100], sealed[100 + SEAL_OVERHEAD], again[100 + SEAL_OVERHEAD], out[100];
    memset(plain, 0x77, sizeof plain);
    for (size_t len = 0; len <= sizeof plain; len++) {
        seal_make(key, span_of_text("bound"), span_of(plain, len), sealed);
        assert_int_equal(seal_open(key, span_of_text("bound"), span_of(sealed, len + SEAL_OVERHEAD), out),
                         STATUS_OK);
        assert_memory_equal(out, plain, len);
    }
    /* Another nonce every time. */
    seal_make(key, span_of_text("bound"), span_of(plain, sizeof plain), again);
    assert_memory_not_equal(sealed, again, SEAL_NONCE_BYTES);
}

static void a_changed_seal_is_refused_and_leaves_zeros(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, plain[20] = {9}, sealed[20 + SEAL_OVERHEAD], out[20];
    static const uint8_t zeros[20];
    seal_make(key, span_of_text("bound"), span_of(plain, sizeof plain), sealed);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 0x80;
        memset(out, 0x55, sizeof out);
        assert_int_equal(seal_open(key, span_of_text("bound"), span_of(sealed, sizeof sealed), out),
                         STATUS_REFUSED);
        assert_memory_equal(out, zeros, sizeof out);
        sealed[i] ^= 0x80;
    }
    assert_int_equal(seal_open(key, span_of_text("bounD"), span_of(sealed, sizeof sealed), out),
                     STATUS_REFUSED);
    assert_int_equal(seal_open(key, span_of_text("boun"), span_of(sealed, sizeof sealed), out),
                     STATUS_REFUSED);
    assert_int_equal(seal_open(key, span_of_text("bound"), span_of(sealed, sizeof sealed - 1), out),
                     STATUS_REFUSED);
    key[31] ^= 1;
    assert_int_equal(seal_open(key, span_of_text("bound"), span_of(sealed, sizeof sealed), out),
                     STATUS_REFUSED);
    for (size_t len = 0; len < SEAL_OVERHEAD; len++) {
        uint8_t *copy = tight_copy(sealed, len);
        assert_int_equal(seal_open(key, span_of_text("bound"), span_of(copy, len), out), STATUS_MALFORMED);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wraps_keys_as_rfc_3394_s4),
        cmocka_unit_test(a_changed_wrap_is_refused_and_leaves_zeros),
        cmocka_unit_test(wraps_only_lengths_of_rfc_3394),
        cmocka_unit_test(opens_what_others_sealed),
        cmocka_unit_test(seals_and_opens),
        cmocka_unit_test(a_changed_seal_is_refused_and_leaves_zeros),
    };
    return cmocka_run_group_tests_name("crypto/aes", tests, NULL, NULL);
}
