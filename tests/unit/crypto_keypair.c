/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "support/openssl.h"

#include "crypto/der.h"
#include "crypto/keypair.h"

static uint8_t der[8192];

/* OpenSSL derives the same public key from the private one in key.der. */
static void check_public_key(const struct keypair *key)
{
    uint8_t ours[600], theirs[600];
    struct buf out = buf_over(ours, sizeof ours);
    assert_int_equal(keypair_write_public(key, &out), STATUS_OK);
    openssl("pkey -inform DER -in key.der -pubout -outform DER -out theirs.der");
    size_t len = openssl_get("theirs.der", theirs, sizeof theirs);
    assert_true(span_equal(span_of(theirs, len), buf_span(&out)));
}

static void check_written_key(const struct keypair *key, const char *wanted_text)
{
    struct buf out = buf_over(der, sizeof der);
    assert_int_equal(keypair_write_der(key, &out), STATUS_OK);
    openssl_put("key.der", buf_span(&out));
    assert_non_null(strstr(openssl("pkey -inform DER -in key.der -noout -check"), "valid"));
    assert_non_null(strstr(openssl("pkey -inform DER -in key.der -noout -text"), wanted_text));
    check_public_key(key);
}

static void check_same_key(const struct keypair *a, const struct keypair *b)
{
    uint8_t first[600], second[600];
    struct buf one = buf_over(first, sizeof first), two = buf_over(second, sizeof second);
    assert_int_equal(keypair_write_public(a, &one), STATUS_OK);
    assert_int_equal(keypair_write_public(b, &two), STATUS_OK);
    assert_true(span_equal(buf_span(&one), buf_span(&two)));
}

static void makes_keys_that_openssl_takes(void **state)
{
    (void)state;
    static struct keypair key, back;
    assert_int_equal(keypair_make_p256(&key), STATUS_OK);
    check_written_key(&key, "prime256v1");
    struct buf out = buf_over(der, sizeof der);
    assert_int_equal(keypair_write_der(&key, &out), STATUS_OK);
    assert_int_equal(keypair_read_der(buf_span(&out), &back), STATUS_OK);
    assert_int_equal(back.kind, KEYPAIR_EC);
    check_same_key(&key, &back);

    assert_int_equal(keypair_make_rsa2048(&key), STATUS_OK);
    check_written_key(&key, "2048 bit");
    out = buf_over(der, sizeof der);
    assert_int_equal(keypair_write_der(&key, &out), STATUS_OK);
    assert_int_equal(keypair_read_der(buf_span(&out), &back), STATUS_OK);
    assert_int_equal(back.kind, KEYPAIR_RSA);
    check_same_key(&key, &back);
}

static void keys_are_not_the_same_twice(void **state)
{
    (void)state;
    static struct keypair a, b;
    assert_int_equal(keypair_make_p256(&a), STATUS_OK);
    assert_int_equal(keypair_make_p256(&b), STATUS_OK);
    assert_memory_not_equal(a.bytes, b.bytes, 32);
}

static enum status read_openssl(const char *command, struct keypair *key)
{
    openssl(command);
    size_t len = openssl_get("key.der", der, sizeof der);
    uint8_t *copy = tight_copy(der, len);
    enum status status = keypair_read_der(span_of(copy, len), key);
    free(copy);
    return status;
}

static void reads_what_openssl_makes(void **state)
{
    (void)state;
    static struct keypair key;
    static const char *const good[] = {
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -outform DER -out key.der",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -outform DER -out key.der",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out key.der",
        "ec -inform DER -in key.der -outform DER -out key.der", /* the last one as of RFC 5915 */
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -outform DER -out key.der",
        /* Several, since not every function for RSA keys takes every pair of primes. */
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out key.der",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out key.der",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out key.der",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out key.der",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -outform DER -out "
        "key.der",
        "rsa -inform DER -in key.der -outform DER -traditional -out key.der", /* the last one as of RFC 8017
                                                                                 A.1.2 */
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        enum status status = read_openssl(good[i], &key);
        if (status != STATUS_OK)
            fail_msg("status %d for openssl %s", (int)status, good[i]);
        check_public_key(&key);
    }
}

static void refuses_weak_and_strange_keys(void **state)
{
    (void)state;
    static struct keypair key;
    assert_int_equal(
        read_openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -outform DER -out key.der", &key),
        STATUS_REFUSED);
    assert_int_equal(key.kind, KEYPAIR_NONE);
    assert_int_equal(
        read_openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -outform DER -out key.der",
                     &key),
        STATUS_REFUSED);
    assert_int_equal(key.kind, KEYPAIR_NONE);
    assert_int_not_equal(
        read_openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -outform DER -out key.der",
                     &key),
        STATUS_OK);
    assert_int_not_equal(read_openssl("genpkey -algorithm ED25519 -outform DER -out key.der", &key),
                         STATUS_OK);
    assert_int_equal(
        read_openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4104 -outform DER -out key.der", &key),
        STATUS_TOO_LARGE);
}

static void refuses_what_is_no_key(void **state)
{
    (void)state;
    static struct keypair key;
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out key.der");
    size_t len = openssl_get("key.der", der, sizeof der);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = tight_copy(der, cut);
        assert_int_not_equal(keypair_read_der(span_of(copy, cut), &key), STATUS_OK);
        assert_int_equal(key.kind, KEYPAIR_NONE);
        free(copy);
    }
    assert_int_equal(keypair_read_der(span_of_text("no key at all"), &key), STATUS_MALFORMED);
}

/* RFC 5915 with a private value of this many bytes. */
static enum status read_ec_of(size_t bytes, struct keypair *key)
{
    static const uint8_t value[2000] = {1};
    struct buf out = buf_over(der, sizeof der);
    size_t whole = der_begin(&out, DER_SEQUENCE);
    der_add(&out, DER_INTEGER, span_of("\1", 1));
    der_add(&out, DER_OCTET_STRING, span_of(value, bytes));
    size_t curve = der_begin(&out, DER_CONTEXT_0);
    der_add(&out, DER_OID, span_of("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8));
    der_end(&out, curve);
    der_end(&out, whole);
    assert_false(out.full);
    return keypair_read_der(buf_span(&out), key);
}

static void private_values_have_the_size_of_their_curve(void **state)
{
    (void)state;
    /* On the heap, so that the address sanitizer sees a write behind it. */
    struct keypair *key = malloc(sizeof *key);
    assert_int_equal(read_ec_of(32, key), STATUS_OK);
    static const size_t bad[] = {0, 49, 66, 1279, 1280, 1281, 1400, 1536, 1537, 1600};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_not_equal(read_ec_of(bad[i], key), STATUS_OK);
    free(key);
}

static void keys_that_do_not_fit_are_told(void **state)
{
    (void)state;
    static struct keypair key;
    uint8_t room[40];
    assert_int_equal(keypair_make_p256(&key), STATUS_OK);
    struct buf out = buf_over(room, sizeof room);
    assert_int_equal(keypair_write_der(&key, &out), STATUS_NO_SPACE);
    out = buf_over(room, sizeof room);
    assert_int_equal(keypair_write_public(&key, &out), STATUS_NO_SPACE);
    keypair_wipe(&key);
    static const struct keypair zeros;
    assert_memory_equal(&key, &zeros, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_keys_that_openssl_takes),
        cmocka_unit_test(keys_are_not_the_same_twice),
        cmocka_unit_test(reads_what_openssl_makes),
        cmocka_unit_test(refuses_weak_and_strange_keys),
        cmocka_unit_test(refuses_what_is_no_key),
        cmocka_unit_test(private_values_have_the_size_of_their_curve),
        cmocka_unit_test(keys_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests_name("crypto/keypair", tests, openssl_begin, openssl_end);
}
