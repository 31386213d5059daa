/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/x509_key and crypto/x509_text: keys, signatures and names of certificates that openssl makes. */
#include "support/check.h"
#include "support/openssl.h"

#include "crypto/x509_key.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"

static struct span certificate_of(const char *words)
{
    static uint8_t der[4096];
    char command[600];
    snprintf(command, sizeof command, "req -x509 -nodes -keyout k.pem -outform DER -out c.der %s", words);
    openssl(command);
    return span_of(der, openssl_get("c.der", der, sizeof der));
}

static void keys_and_their_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *words, *text;
        enum status key, signature;
    } cases[] = {
        {"-newkey rsa:2048 -subj /CN=x", "RSA 2048", STATUS_OK, STATUS_OK},
        {"-newkey rsa:1024 -subj /CN=x", "RSA 1024", STATUS_OK, STATUS_OK},
        {"-newkey rsa:2041 -sha512 -subj /CN=x", "RSA 2041", STATUS_OK, STATUS_OK},
        {"-newkey rsa:2048 -sha1 -subj /CN=x", "RSA 2048", STATUS_OK, STATUS_NOT_FOUND},
        {"-newkey rsa:512 -subj /CN=x", "of another kind", STATUS_NOT_FOUND, STATUS_NOT_FOUND},
        {"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=x", "ECDSA P-256", STATUS_OK, STATUS_OK},
        {"-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha512 -subj /CN=x", "ECDSA P-384", STATUS_OK,
         STATUS_OK},
        {"-newkey ec -pkeyopt ec_paramgen_curve:P-521 -sha384 -subj /CN=x", "ECDSA P-521", STATUS_OK,
         STATUS_OK},
        {"-newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -subj /CN=x", "of another kind", STATUS_NOT_FOUND,
         STATUS_NOT_FOUND},
        {"-newkey ed25519 -subj /CN=x", "of another kind", STATUS_NOT_FOUND, STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct x509_facts facts;
        struct x509_key key;
        char text[40];
        struct buf out = buf_over(text, sizeof text);
        assert_int_equal(x509_read(certificate_of(cases[i].words), &facts), STATUS_OK);
        assert_int_equal(x509_key_read(facts.public_key, &key), cases[i].key);
        x509_key_write(&key, &out);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(x509_check_issuer(&facts, &facts), cases[i].signature);
    }
}

static void cut_keys_are_malformed(void **state)
{
    (void)state;
    struct x509_facts facts;
    struct x509_key key;
    assert_int_equal(x509_read(certificate_of("-newkey rsa:2048 -subj /CN=x"), &facts), STATUS_OK);
    for (size_t len = 0; len < facts.public_key.len; len++) {
        uint8_t *copy = tight_copy(facts.public_key.ptr, len);
        assert_int_equal(x509_key_read(span_of(copy, len), &key), STATUS_MALFORMED);
        assert_int_equal(key.kind, KEYPAIR_NONE);
        free(copy);
    }
}

static void a_signature_of_another_length_is_none(void **state)
{
    (void)state;
    struct x509_facts facts;
    struct x509_key key;
    assert_int_equal(x509_read(certificate_of("-newkey rsa:2048 -subj /CN=x"), &facts), STATUS_OK);
    assert_int_equal(x509_key_read(facts.public_key, &key), STATUS_OK);
    for (size_t len = 0; len < facts.signature.len; len += 16)
        assert_int_equal(
            x509_signature_check(facts.algorithm, facts.body, span_of(facts.signature.ptr, len), &key),
            STATUS_REFUSED);
    assert_int_equal(x509_signature_check(facts.algorithm, facts.body, facts.signature, &key), STATUS_OK);
    struct span less = span_of(facts.body.ptr, facts.body.len - 1);
    assert_int_equal(x509_signature_check(facts.algorithm, less, facts.signature, &key), STATUS_REFUSED);
    assert_int_equal(x509_signature_check(span_of("", 0), facts.body, facts.signature, &key),
                     STATUS_NOT_FOUND);
}

static void names_as_text(void **state)
{
    (void)state;
    char text[300];
    struct x509_facts facts;
    struct span der =
        certificate_of("-newkey ec -pkeyopt ec_paramgen_curve:P-256 -utf8 -subj '/DC=example/C=DE/O=Zwei "
                       "S\xc3\xa4tze/serialNumber=7/CN=kms1' -addext "
                       "'subjectAltName=DNS:kms1.example,email:x@y.z,IP:192.0.2.7,IP:2001:db8::7'");
    assert_int_equal(x509_read(der, &facts), STATUS_OK);
    struct buf out = buf_over(text, sizeof text);
    x509_write_name(facts.subject, &out);
    assert_string_equal(text, "DC=example, C=DE, O=Zwei S\\xc3\\xa4tze, CN=kms1");
    out = buf_over(text, sizeof text);
    x509_write_alternatives(facts.alternatives, &out);
    assert_string_equal(text, "kms1.example, 192.0.2.7, 2001:db8::7");
    out = buf_over(text, sizeof text);
    x509_write_name(span_of("\x30\x00", 2), &out);
    x509_write_name(span_of("\x31\x00", 2), &out);
    x509_write_alternatives(span_of("\x87\x03\x01\x02\x03", 5), &out);
    x509_write_alternatives(span_of("\x82\xff", 2), &out);
    assert_int_equal(out.len <= 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_their_signatures),
        cmocka_unit_test(cut_keys_are_malformed),
        cmocka_unit_test(a_signature_of_another_length_is_none),
        cmocka_unit_test(names_as_text),
    };
    return cmocka_run_group_tests_name("crypto/x509_key, crypto/x509_text", tests, openssl_begin,
                                       openssl_end);
}
