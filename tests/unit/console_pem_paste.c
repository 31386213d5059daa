/* SPDX-License-Identifier: Apache-2.0 */
/* PEM texts as serial lines deliver them, whole and damaged. */
#include "support/check.h"

#include "base/text.h"
#include "console/pem_paste.h"
#include "crypto/pem.h"

/* 1,000 bytes that are one DER SEQUENCE: 21 lines of base64, the last one of 56 characters. */
#define BYTES 1000

static char text[4000], damaged[8000];
static uint8_t der[CERTIFICATE_MAX], known[BYTES];
static size_t der_len;
static char why[300];

static int make(void **state)
{
    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        known[i] = (uint8_t)(i * 37 + 11);
    known[0] = 0x30;
    known[1] = 0x82;
    known[2] = (BYTES - 4) >> 8;
    known[3] = (BYTES - 4) & 0xff;
    struct buf out = buf_over(text, sizeof text);
    pem_write(&out, "CERTIFICATE", span_of(known, BYTES));
    return 0;
}

/* Reads bytes up to the END; the rest is not taken. */
static bool takes(const char *from)
{
    struct pem_paste p;
    pem_paste_begin(&p);
    for (size_t i = 0; from[i] != 0; i++)
        if (pem_paste_byte(&p, from[i]) == PEM_DONE)
            return pem_paste_take(&p, "CERTIFICATE", der, &der_len, why, sizeof why);
    fail_msg("no end was seen");
    return false;
}

/* A copy with `what` (of this length) put at a place where `gone` bytes are taken out. */
static const char *change(size_t at, size_t gone, const char *what)
{
    size_t len = strlen(what);
    memcpy(damaged, text, at);
    memcpy(damaged + at, what, len);
    strcpy(damaged + at + len, text + at + gone);
    return damaged;
}

/* Where the n-th line of base64 begins. */
static size_t line_at(size_t n)
{
    return strlen("-----BEGIN CERTIFICATE-----\n") + (n - 1) * 65;
}

static void check_good(const char *from)
{
    memset(der, 0, sizeof der);
    if (!takes(from))
        fail_msg("%s", why);
    assert_int_equal(der_len, BYTES);
    assert_memory_equal(der, known, BYTES);
}

static void whole(void **state)
{
    (void)state;
    check_good(text);
    snprintf(damaged, sizeof damaged, "Subject: something\n\n%s", text);
    check_good(damaged);
}

static void other_line_ends_and_quotes(void **state)
{
    (void)state;
    size_t n = 0;
    static const char *const ends[] = {"\r", "\r\n", "\n\n", "\r\n> ", "\n   \t"};
    for (size_t e = 0; e < COUNT_OF(ends); e++) {
        n = (size_t)snprintf(damaged, sizeof damaged, "%s", ends[e]);
        for (size_t i = 0; text[i] != 0; i++)
            n += text[i] == '\n' ? (size_t)snprintf(damaged + n, sizeof damaged - n, "%s", ends[e])
                                 : (size_t)snprintf(damaged + n, sizeof damaged - n, "%c", text[i]);
        check_good(damaged);
    }
}

static void one_long_line(void **state)
{
    (void)state;
    size_t begin = line_at(1), end = (size_t)(strstr(text, "-----END") - text), n = begin;
    memcpy(damaged, text, begin);
    for (size_t i = begin; i < end; i++)
        if (text[i] != '\n')
            damaged[n++] = text[i];
    snprintf(damaged + n, sizeof damaged - n, "\n%s", text + end);
    check_good(damaged);
}

static void check_damage(const char *from, const char *wanted)
{
    assert_false(takes(from));
    assert_string_equal(why, wanted);
}

static void lost_characters(void **state)
{
    (void)state;
    check_damage(change(line_at(9) + 20, 3, ""),
                 "line 9 has 61 characters, its neighbours have 64; 3 were lost");
    check_damage(change(line_at(1) + 1, 1, ""),
                 "line 1 has 63 characters, its neighbours have 64; 1 were lost");
    check_damage(change(line_at(5) + 60, 8, ""),
                 "line 5 has 121 characters, its neighbours have 64; a line end and 7 were lost");
    /* Line ends alone carry nothing. */
    check_good(change(line_at(5) + 64, 1, ""));
}

static void lost_lines(void **state)
{
    (void)state;
    check_damage(change(line_at(7), 65, ""),
                 "48 of 1000 bytes are missing at the end or between: 20 lines came, and "
                 "the last ones or a whole line were lost");
    check_damage(change(line_at(1), 21 * 65 - 8, ""), "nothing came between BEGIN and END");
}

static void wrong_characters(void **state)
{
    (void)state;
    check_damage(change(line_at(3) + 5, 1, "\x7f"),
                 "line 3 has a character that is none of base64 (code 127); others may be wrong too");
    check_damage(change(line_at(1), 1, "N"), "all 21 lines came, but characters in them are wrong");
}

static void damaged_end(void **state)
{
    (void)state;
    char *end = strstr(text, "-----END");
    size_t at = (size_t)(end - text);
    check_good(change(at + 3, 4, ""));
    /* A new BEGIN starts anew: the operator pastes again. */
    snprintf(damaged, sizeof damaged, "%.300s\n%s", text, text);
    check_good(damaged);
}

static void other_labels(void **state)
{
    (void)state;
    assert_false(takes("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"));
    assert_non_null(strstr(why, "private key"));
    assert_false(takes("-----BEGIN X-----\nAAAA\n-----END X-----\n"));
    assert_string_equal(why, "it begins with \"BEGIN X\", wanted is \"BEGIN CERTIFICATE\"");
}

static void too_large(void **state)
{
    (void)state;
    struct pem_paste p;
    const char *begin = "-----BEGIN CERTIFICATE-----\n";
    pem_paste_begin(&p);
    for (size_t i = 0; begin[i] != 0; i++)
        assert_int_equal(pem_paste_byte(&p, begin[i]), PEM_MORE);
    size_t n = 0;
    while (pem_paste_byte(&p, 'A') == PEM_MORE)
        assert_true(n++ < 2 * PEM_BYTES);
    assert_true(n > PEM_BYTES - 100);
    assert_false(pem_paste_take(&p, "CERTIFICATE", der, &der_len, why, sizeof why));
    assert_non_null(strstr(why, "larger than"));
}

static void blank_lines_outside(void **state)
{
    (void)state;
    struct pem_paste p;
    pem_paste_begin(&p);
    assert_int_equal(pem_paste_byte(&p, '\n'), PEM_BLANK);
    assert_int_equal(pem_paste_byte(&p, 'x'), PEM_MORE);
    assert_int_equal(pem_paste_byte(&p, '\n'), PEM_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),         cmocka_unit_test(other_line_ends_and_quotes),
        cmocka_unit_test(one_long_line), cmocka_unit_test(lost_characters),
        cmocka_unit_test(lost_lines),    cmocka_unit_test(wrong_characters),
        cmocka_unit_test(damaged_end),   cmocka_unit_test(other_labels),
        cmocka_unit_test(too_large),     cmocka_unit_test(blank_lines_outside),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
