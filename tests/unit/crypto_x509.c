/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/x509_write and crypto/x509_read, each checked against the openssl command. */
#include "support/check.h"
#include "support/openssl.h"

#include "crypto/der.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "crypto/x509_write.h"

static struct keypair rsa, ec;
static uint8_t certificate[4096];

static int make_keys(void **state)
{
    if (keypair_make_rsa2048(&rsa) != STATUS_OK || keypair_make_p256(&ec) != STATUS_OK)
        return -1;
    return openssl_begin(state);
}

static const char *const names[] = {"kms.example", "kms2.example", NULL};
static const char *const no_names[] = {NULL};

static struct x509_wish wish_of(int64_t from, int64_t until)
{
    static struct span addresses[2];
    addresses[0] = span_of("\xc0\x00\x02\x07", 4);
    addresses[1] = span_of("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    return (struct x509_wish){.common_name = "kms.example",
                              .dns_names = names,
                              .addresses = addresses,
                              .address_count = 2,
                              .not_before_s = from,
                              .not_after_s = until};
}

static struct span write_certificate(const struct keypair *key, const struct x509_wish *wish)
{
    struct buf out = buf_over(certificate, sizeof certificate);
    assert_int_equal(x509_write_self_signed(wish, key, &out), STATUS_OK);
    openssl_put("certificate.der", buf_span(&out));
    return buf_span(&out);
}

static void check_said(const char *printed, const char *what)
{
    if (strstr(printed, what) == NULL)
        fail_msg("openssl does not say \"%s\" but: %s", what, printed);
}

static void openssl_reads_what_we_write(void **state)
{
    (void)state;
    const struct keypair *keys[] = {&rsa, &ec};
    static const char *const algorithms[] = {"Signature Algorithm: sha256WithRSAEncryption",
                                             "Signature Algorithm: ecdsa-with-SHA256"};
    for (int i = 0; i < 2; i++) {
        struct x509_wish wish = wish_of(1795363800, 2110723800);
        write_certificate(keys[i], &wish);
        const char *said = openssl("x509 -inform DER -in certificate.der -noout -text");
        check_said(said, algorithms[i]);
        check_said(said, "Version: 3");
        check_said(said, "Issuer: CN = kms.example");
        check_said(said, "Subject: CN = kms.example");
        check_said(said, "Not Before: Nov 22 16:10:00 2026 GMT");
        check_said(said, "Not After : Nov 19 16:10:00 2036 GMT");
        check_said(said, "CA:FALSE");
        check_said(said, "X509v3 Basic Constraints: critical");
        check_said(said, "Digital Signature, Key Encipherment");
        check_said(said, "TLS Web Server Authentication");
        check_said(
            said, "DNS:kms.example, DNS:kms2.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1");
        openssl("x509 -inform DER -in certificate.der -out certificate.pem");
        check_said(openssl("verify -check_ss_sig -partial_chain -x509_strict -no_check_time -CAfile "
                           "certificate.pem certificate.pem"),
                   "OK");
        openssl("x509 -in certificate.pem -noout -checkhost kms2.example -checkip 192.0.2.7");
    }
}

static void we_read_what_we_write(void **state)
{
    (void)state;
    uint8_t public_key[600];
    struct x509_facts facts;
    struct x509_wish wish = wish_of(1795363800, 2110723800);
    struct span der = write_certificate(&ec, &wish);
    assert_int_equal(x509_read(der, &facts), STATUS_OK);
    check_text(facts.subject_name, "kms.example");
    assert_true(facts.not_before_s == 1795363800);
    assert_true(facts.not_after_s == 2110723800);
    struct buf out = buf_over(public_key, sizeof public_key);
    assert_int_equal(keypair_write_public(&ec, &out), STATUS_OK);
    assert_true(span_equal(facts.public_key, buf_span(&out)));
    assert_int_equal(facts.subject.ptr[0], DER_SEQUENCE);
    assert_int_equal(facts.subject.len, 2u + facts.subject.ptr[1]);
}

/* RFC 5280 s4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
static void times_around_2050(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *said;
    } known[] = {
        {2524607999, "notAfter=Dec 31 23:59:59 2049 GMT"},
        {2524608000, "notAfter=Jan  1 00:00:00 2050 GMT"},
        {253402300799, "notAfter=Dec 31 23:59:59 9999 GMT"},
        {951782400, "notAfter=Feb 29 00:00:00 2000 GMT"},
        {4107542400, "notAfter=Mar  1 00:00:00 2100 GMT"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct x509_facts facts;
        struct x509_wish wish = wish_of(0, known[i].unix_s);
        struct span der = write_certificate(&ec, &wish);
        check_said(openssl("x509 -inform DER -in certificate.der -noout -dates"), known[i].said);
        assert_int_equal(x509_read(der, &facts), STATUS_OK);
        assert_true(facts.not_before_s == 0);
        assert_true(facts.not_after_s == known[i].unix_s);
    }
}

static void serial_numbers_are_positive_and_new(void **state)
{
    (void)state;
    char first[100];
    struct x509_wish wish = wish_of(0, 1);
    write_certificate(&ec, &wish);
    snprintf(first, sizeof first, "%s", openssl("x509 -inform DER -in certificate.der -noout -serial"));
    write_certificate(&ec, &wish);
    const char *second = openssl("x509 -inform DER -in certificate.der -noout -serial");
    assert_int_equal(strlen(first), strlen("serial=\n") + 32);
    assert_null(strchr(first, '-'));
    assert_string_not_equal(first, second);
}

static void a_certificate_that_does_not_fit_is_told(void **state)
{
    (void)state;
    struct x509_wish wish = wish_of(0, 1);
    wish.dns_names = no_names;
    size_t len = write_certificate(&rsa, &wish).len;
    for (size_t cap = 0; cap < len; cap += 7) {
        uint8_t *room = malloc(cap == 0 ? 1 : cap);
        struct buf out = buf_over(room, cap);
        assert_int_equal(x509_write_self_signed(&wish, &rsa, &out), STATUS_NO_SPACE);
        free(room);
    }
    /* More names than one certificate takes. */
    static char long_name[300];
    memset(long_name, 'a', sizeof long_name - 1);
    const char *many[] = {long_name, long_name, long_name, long_name, NULL};
    wish.dns_names = many;
    static uint8_t room[8192];
    struct buf out = buf_over(room, sizeof room);
    assert_int_equal(x509_write_self_signed(&wish, &rsa, &out), STATUS_NO_SPACE);
}

static void thumbprints_as_openssl_prints_them(void **state)
{
    (void)state;
    char text[SHA256_THUMBPRINT_TEXT + 2], wanted[200];
    struct x509_wish wish = wish_of(0, 1);
    struct span der = write_certificate(&ec, &wish);
    x509_thumbprint_sha1(der, text);
    snprintf(wanted, sizeof wanted, "Fingerprint=%s\n", text);
    check_said(openssl("x509 -inform DER -in certificate.der -noout -fingerprint -sha1"), wanted);
    x509_thumbprint_sha256(der, text);
    snprintf(wanted, sizeof wanted, "Fingerprint=%s\n", text);
    check_said(openssl("x509 -inform DER -in certificate.der -noout -fingerprint -sha256"), wanted);
}

static struct span certificate_of(const char *command)
{
    openssl(command);
    return span_of(certificate, openssl_get("c.der", certificate, sizeof certificate));
}

static void we_read_what_openssl_writes(void **state)
{
    (void)state;
    struct x509_facts facts;
    struct span der = certificate_of(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 3650 -subj "
        "'/C=DE/O=Some Company/CN=kmipClient20261122161000/CN=second' -outform DER -out c.der");
    assert_int_equal(x509_read(der, &facts), STATUS_OK);
    check_text(facts.subject_name, "kmipClient20261122161000");
    assert_true(facts.not_after_s - facts.not_before_s == 3650 * 86400);
    openssl("x509 -inform DER -in c.der -noout -pubkey -out p.pem");
    static uint8_t theirs[600];
    openssl("pkey -pubin -in p.pem -outform DER -out p.der");
    assert_true(span_equal(facts.public_key, span_of(theirs, openssl_get("p.der", theirs, sizeof theirs))));

    der = certificate_of(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout /dev/null -subj '/O=No Name' "
        "-outform DER -out c.der");
    assert_int_equal(x509_read(der, &facts), STATUS_OK);
    assert_int_equal(facts.subject_name.len, 0);
    der = certificate_of("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null "
                         "-subj / -outform DER -out c.der");
    assert_int_equal(x509_read(der, &facts), STATUS_OK);
    assert_int_equal(facts.subject_name.len, 0);
}

static void cut_certificates_are_refused(void **state)
{
    (void)state;
    struct x509_facts facts;
    struct x509_wish wish = wish_of(0, 1);
    struct span der = write_certificate(&ec, &wish);
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *copy = tight_copy(der.ptr, len);
        assert_int_equal(x509_read(span_of(copy, len), &facts), STATUS_MALFORMED);
        free(copy);
    }
    /* One byte more is not exactly one certificate. */
    certificate[der.len] = 0;
    assert_int_equal(x509_read(span_of(der.ptr, der.len + 1), &facts), STATUS_MALFORMED);
}

/* A certificate's frame with these two times; everything else is as short as it may be. */
static enum status read_times(const char *first, const char *second, struct x509_facts *facts)
{
    static uint8_t room[600];
    struct buf out = buf_over(room, sizeof room);
    size_t whole = der_begin(&out, DER_SEQUENCE), body = der_begin(&out, DER_SEQUENCE);
    der_add(&out, DER_INTEGER, span_of("\1", 1)); /* no version: an old certificate */
    der_add(&out, DER_SEQUENCE, span_of("", 0));
    der_add(&out, DER_SEQUENCE, span_of("", 0));
    size_t validity = der_begin(&out, DER_SEQUENCE);
    der_add(&out, strlen(first) < 15 ? DER_UTC_TIME : DER_GENERALIZED_TIME, span_of_text(first));
    der_add(&out, strlen(second) < 15 ? DER_UTC_TIME : DER_GENERALIZED_TIME, span_of_text(second));
    der_end(&out, validity);
    der_add(&out, DER_SEQUENCE, span_of("", 0));
    der_add(&out, DER_SEQUENCE, span_of("", 0));
    der_end(&out, body);
    der_end(&out, whole);
    return x509_read(buf_span(&out), facts);
}

static void times_have_one_form(void **state)
{
    (void)state;
    struct x509_facts facts;
    assert_int_equal(read_times("700101000000Z", "490101000000Z", &facts), STATUS_OK);
    assert_true(facts.not_before_s == 0);
    assert_true(facts.not_after_s == 2493072000);
    assert_int_equal(read_times("500101000000Z", "20500101000000Z", &facts), STATUS_OK);
    assert_true(facts.not_before_s == -631152000); /* 1950 */
    assert_true(facts.not_after_s == 2524608000);
    static const char *const bad[] = {"7001010000Z",
                                      "700101000000",
                                      "700101000000+0000",
                                      "701301000000Z",
                                      "700001000000Z",
                                      "700100000000Z",
                                      "700132000000Z",
                                      "700101240000Z",
                                      "700101006000Z",
                                      "700101000061Z",
                                      "70010100000aZ",
                                      "7a0101000000Z",
                                      "",
                                      "-70101000000Z",
                                      "700101 00000Z",
                                      "20500101000000",
                                      "2050010100000Z"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(read_times(bad[i], "490101000000Z", &facts), STATUS_MALFORMED);
        assert_int_equal(read_times("490101000000Z", bad[i], &facts), STATUS_MALFORMED);
    }
}

static int end(void **state)
{
    return openssl_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_reads_what_we_write),
        cmocka_unit_test(we_read_what_we_write),
        cmocka_unit_test(times_around_2050),
        cmocka_unit_test(serial_numbers_are_positive_and_new),
        cmocka_unit_test(a_certificate_that_does_not_fit_is_told),
        cmocka_unit_test(thumbprints_as_openssl_prints_them),
        cmocka_unit_test(we_read_what_openssl_writes),
        cmocka_unit_test(cut_certificates_are_refused),
        cmocka_unit_test(times_have_one_form),
    };
    return cmocka_run_group_tests_name("crypto/x509_write, crypto/x509_read", tests, make_keys, end);
}
