/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys and signatures as openssl makes them; digests that come in pieces. */
#include "support/check.h"
#include "support/openssl.h"

#include "crypto/sha256_stream.h"
#include "crypto/spki.h"

static void signatures_of_openssl(void **state)
{
    (void)state;
    static const int sizes[] = {2048, 3072, 4096};
    static const char text[] = "what was signed";
    uint8_t der[1024], signature[RSA_MODULUS_MAX + 1], hash[SHA256_BYTES];
    struct rsa_public key;
    char command[200];
    openssl_put("text", span_of(text, sizeof text - 1));
    sha256(span_of(text, sizeof text - 1), hash);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        snprintf(command, sizeof command,
                 "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:%d -out key", sizes[i]);
        openssl(command);
        openssl("pkey -in key -pubout -outform DER -out public");
        openssl("dgst -sha256 -sign key -out signature text");
        size_t len = openssl_get("public", der, sizeof der);
        assert_int_equal(spki_read_rsa(span_of(der, len), &key), STATUS_OK);
        assert_int_equal(key.modulus_len, sizes[i] / 8);
        size_t n = openssl_get("signature", signature, sizeof signature);
        assert_true(rsa_verify_sha256(&key, span_of(signature, n), hash));
        assert_false(rsa_verify_sha256(&key, span_of(signature, n - 1), hash));
        hash[0] ^= 1;
        assert_false(rsa_verify_sha256(&key, span_of(signature, n), hash));
        hash[0] ^= 1;
        signature[n / 2] ^= 1;
        assert_false(rsa_verify_sha256(&key, span_of(signature, n), hash));
        assert_int_equal(spki_read_rsa(span_of(der, len - 1), &key), STATUS_MALFORMED);
        assert_false(rsa_verify_sha256(&key, span_of(signature, 0), hash)); /* no key at all */
    }
    openssl("genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key");
    openssl("pkey -in key -pubout -outform DER -out public");
    size_t len = openssl_get("public", der, sizeof der);
    assert_int_equal(spki_read_rsa(span_of(der, len), &key), STATUS_MALFORMED);
}

static void pieces(void **state)
{
    (void)state;
    uint8_t bytes[300], whole[SHA256_BYTES], out[SHA256_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    sha256(span_of(bytes, sizeof bytes), whole);
    for (size_t step = 1; step < sizeof bytes; step += 7) {
        struct sha256_stream stream;
        sha256_begin(&stream);
        for (size_t at = 0; at < sizeof bytes; at += step)
            sha256_add(&stream, span_of(bytes + at, sizeof bytes - at < step ? sizeof bytes - at : step));
        sha256_end(&stream, out);
        assert_memory_equal(out, whole, sizeof out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signatures_of_openssl), cmocka_unit_test(pieces)};
    return cmocka_run_group_tests(tests, openssl_begin, openssl_end);
}
