/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/pkcs10, and the requests and signed certificates of crypto/x509_write; the openssl command is the
 * judge. */
#include "support/check.h"
#include "support/openssl.h"

#include "crypto/pkcs10.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"
#include "crypto/x509_write.h"

static struct keypair rsa, ec;

static int make_keys(void **state)
{
    if (keypair_make_rsa2048(&rsa) != STATUS_OK || keypair_make_p256(&ec) != STATUS_OK)
        return -1;
    return openssl_begin(state);
}

static int end(void **state)
{
    return openssl_end(state);
}

/* A request that openssl makes with these words. */
static struct span request_of(const char *words)
{
    static uint8_t der[4096];
    char command[500];
    snprintf(command, sizeof command, "req -new -nodes -keyout k.pem -outform DER -out r.der %s", words);
    openssl(command);
    return span_of(der, openssl_get("r.der", der, sizeof der));
}

static void requests_of_openssl_are_good(void **state)
{
    (void)state;
    static const char *const words[] = {
        "-newkey rsa:2048 -sha256 -subj /C=US/CN=vcenter1.lab.example",
        "-newkey rsa:2048 -sha384 -subj /CN=vcenter1.lab.example",
        "-newkey rsa:3072 -sha512 -subj /CN=vcenter1.lab.example -addext subjectAltName=DNS:a.example",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /CN=vcenter1.lab.example",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384 -subj /CN=vcenter1.lab.example",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha512 -subj /CN=vcenter1.lab.example",
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct pkcs10 r;
        assert_int_equal(pkcs10_read(request_of(words[i]), &r), STATUS_OK);
        check_text(r.subject_name, "vcenter1.lab.example");
        assert_int_equal(pkcs10_verify(&r), STATUS_OK);
    }
}

static void what_is_not_taken(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        enum status status;
    } cases[] = {
        {"-newkey rsa:1024 -subj /CN=x", STATUS_REFUSED},
        {"-newkey rsa:2048 -sha1 -subj /CN=x", STATUS_NOT_FOUND},
        {"-newkey rsa:2048 -sigopt rsa_padding_mode:pss -subj /CN=x", STATUS_NOT_FOUND},
        {"-newkey ec -pkeyopt ec_paramgen_curve:P-521 -subj /CN=x", STATUS_NOT_FOUND},
        {"-newkey ed25519 -subj /CN=x", STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pkcs10 r;
        assert_int_equal(pkcs10_read(request_of(cases[i].words), &r), STATUS_OK);
        assert_int_equal(pkcs10_verify(&r), cases[i].status);
    }
}

/* Every byte counts: a changed request is malformed, of another kind, or not signed with its key. */
static void a_changed_request_is_refused(void **state)
{
    (void)state;
    struct pkcs10 r;
    struct span der = request_of("-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /O=Some/CN=vc");
    uint8_t *copy = tight_copy(der.ptr, der.len);
    for (size_t i = 0; i < der.len; i++) {
        copy[i] ^= 0x01;
        if (pkcs10_read(span_of(copy, der.len), &r) == STATUS_OK)
            assert_int_not_equal(pkcs10_verify(&r), STATUS_OK);
        copy[i] ^= 0x01;
    }
    free(copy);
    for (size_t len = 0; len < der.len; len++) {
        copy = tight_copy(der.ptr, len);
        assert_int_equal(pkcs10_read(span_of(copy, len), &r), STATUS_MALFORMED);
        free(copy);
    }
}

static void a_certificate_is_no_request(void **state)
{
    (void)state;
    static uint8_t der[4096];
    struct pkcs10 r;
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout k.pem -subj /CN=x -outform DER -out c.der");
    struct span c = span_of(der, openssl_get("c.der", der, sizeof der));
    assert_int_equal(pkcs10_read(c, &r), STATUS_MALFORMED);
}

/* ---- ours ---- */

static const char *const names[] = {"kms.example", "kms2.example", NULL};

static struct x509_wish wish_of(struct span addresses[2])
{
    addresses[0] = span_of("\xc0\x00\x02\x07", 4);
    addresses[1] = span_of("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    return (struct x509_wish){.common_name = "kms.example",
                              .dns_names = names,
                              .addresses = addresses,
                              .address_count = 2,
                              .not_before_s = 1700000000,
                              .not_after_s = 4102444800};
}

static void openssl_verifies_our_requests(void **state)
{
    (void)state;
    const struct keypair *keys[] = {&rsa, &ec};
    struct span addresses[2];
    for (int i = 0; i < 2; i++) {
        static uint8_t der[3072];
        struct pkcs10 r;
        struct buf out = buf_over(der, sizeof der);
        struct x509_wish wish = wish_of(addresses);
        assert_int_equal(x509_write_request(&wish, keys[i], &out), STATUS_OK);
        openssl_put("ours.der", buf_span(&out));
        const char *said = openssl("req -inform DER -in ours.der -verify -noout -text");
        static const char *const parts[] = {
            "self-signature verify OK", "Subject: CN = kms.example", "TLS Web Server Authentication",
            "DNS:kms.example, DNS:kms2.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1"};
        for (size_t k = 0; k < COUNT_OF(parts); k++)
            if (strstr(said, parts[k]) == NULL)
                fail_msg("\"%s\" is not in: %s", parts[k], said);
        assert_int_equal(pkcs10_read(buf_span(&out), &r), STATUS_OK);
        assert_int_equal(pkcs10_verify(&r), STATUS_OK);
    }
}

static struct span authority_certificate(const struct keypair *key, const char *name)
{
    static uint8_t der[3072];
    struct buf out = buf_over(der, sizeof der);
    struct x509_wish wish = {
        .use = X509_AUTHORITY, .common_name = name, .not_before_s = 1700000000, .not_after_s = 4102444800};
    assert_int_equal(x509_write_certificate(&wish, key, &out), STATUS_OK);
    openssl_put("ca.der", buf_span(&out));
    openssl("x509 -inform DER -in ca.der -out ca.pem");
    return buf_span(&out);
}

static void openssl_verifies_what_our_authority_signs(void **state)
{
    (void)state;
    static uint8_t der[3072];
    const struct keypair *keys[] = {&rsa, &ec};
    struct pkcs10 r;
    struct x509_facts facts, issuer;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(x509_read(authority_certificate(keys[i], "Ours"), &issuer), STATUS_OK);
        assert_true(issuer.is_authority);
        assert_int_equal(x509_check_issuer(&issuer, &issuer), STATUS_OK);
        assert_int_equal(pkcs10_read(request_of("-newkey rsa:2048 -subj /C=US/O=VMware/CN=vc"), &r),
                         STATUS_OK);
        struct buf out = buf_over(der, sizeof der);
        struct x509_wish wish = {.use = X509_CLIENT,
                                 .subject = r.subject,
                                 .public_key = r.public_key,
                                 .issuer_name = "Ours",
                                 .not_before_s = 1700000000,
                                 .not_after_s = 4102444800};
        assert_int_equal(x509_write_certificate(&wish, keys[i], &out), STATUS_OK);
        openssl_put("vc.der", buf_span(&out));
        openssl("x509 -inform DER -in vc.der -out vc.pem");
        assert_non_null(strstr(
            openssl("verify -x509_strict -purpose sslclient -no_check_time -CAfile ca.pem vc.pem"), "OK"));
        assert_int_equal(x509_read(buf_span(&out), &facts), STATUS_OK);
        assert_true(span_equal(facts.subject, r.subject) && span_equal(facts.public_key, r.public_key));
        assert_false(facts.is_authority);
        assert_int_equal(x509_check_issuer(&facts, &issuer), STATUS_OK);
        der[out.len - 1] ^= 1;
        assert_int_equal(x509_check_issuer(&facts, &issuer), STATUS_REFUSED);
    }
    /* Another authority of the same name has not signed it. */
    assert_int_equal(x509_read(authority_certificate(&rsa, "Ours"), &issuer), STATUS_OK);
    assert_int_equal(x509_check_issuer(&facts, &issuer), STATUS_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_openssl_are_good),
        cmocka_unit_test(what_is_not_taken),
        cmocka_unit_test(a_changed_request_is_refused),
        cmocka_unit_test(a_certificate_is_no_request),
        cmocka_unit_test(openssl_verifies_our_requests),
        cmocka_unit_test(openssl_verifies_what_our_authority_signs),
    };
    return cmocka_run_group_tests_name("crypto/pkcs10", tests, make_keys, end);
}
