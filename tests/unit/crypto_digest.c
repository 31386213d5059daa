/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/digest and crypto/random. */
#include "support/check.h"

#include "crypto/digest.h"
#include "crypto/random.h"

static void check_bytes(const uint8_t *got, size_t len, const char *hex)
{
    uint8_t wanted[64];
    assert_int_equal(hex_bytes(hex, wanted, sizeof wanted), len);
    assert_memory_equal(got, wanted, len);
}

/* FIPS 180-4: the examples of its first edition and NIST's for the empty message. */
static void digests_as_fips_180_4(void **state)
{
    (void)state;
    static const char *const known[][3] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint8_t out[SHA256_BYTES];
        sha1(span_of_text(known[i][0]), out);
        check_bytes(out, SHA1_BYTES, known[i][1]);
        sha256(span_of_text(known[i][0]), out);
        check_bytes(out, SHA256_BYTES, known[i][2]);
    }
}

/* RFC 7914 s11, and the vectors of RFC 6070 with SHA-256 in the place of SHA-1. */
static void stretches_passwords_as_rfc_8018(void **state)
{
    (void)state;
    static const struct {
        const char *password, *salt;
        uint32_t iterations;
        const char *hex;
    } known[] = {
        {"passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"},
        {"Password", "NaCl", 80000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"},
        {"password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"},
        {"password", "salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"},
        {"password", "salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint8_t out[SHA256_BYTES];
        pbkdf2_sha256(span_of_text(known[i].password), span_of_text(known[i].salt), known[i].iterations, out);
        check_bytes(out, sizeof out, known[i].hex);
    }
}

static void random_bytes_are_not_the_same_twice(void **state)
{
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0}, guard[3] = {7, 7, 7};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_bytes(guard + 1, 1);
    assert_int_equal(guard[0], 7);
    assert_int_equal(guard[2], 7);
    random_bytes(guard, 0);
    assert_int_equal(guard[0], 7);
}

/* RFC 4122 s4.4 */
static void random_uuids_say_what_they_are(void **state)
{
    (void)state;
    uint8_t seen_or[UUID_BYTES] = {0}, seen_and[UUID_BYTES];
    memset(seen_and, 0xff, sizeof seen_and);
    for (int i = 0; i < 200; i++) {
        uint8_t uuid[UUID_BYTES];
        random_uuid(uuid);
        for (int k = 0; k < UUID_BYTES; k++) {
            seen_or[k] |= uuid[k];
            seen_and[k] &= uuid[k];
        }
    }
    for (int k = 0; k < UUID_BYTES; k++) {
        assert_int_equal(seen_or[k], k == 6 ? 0x4f : k == 8 ? 0xbf : 0xff);
        assert_int_equal(seen_and[k], k == 6 ? 0x40 : k == 8 ? 0x80 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_as_fips_180_4),
        cmocka_unit_test(stretches_passwords_as_rfc_8018),
        cmocka_unit_test(random_bytes_are_not_the_same_twice),
        cmocka_unit_test(random_uuids_say_what_they_are),
    };
    return cmocka_run_group_tests_name("crypto/digest, crypto/random", tests, NULL, NULL);
}
