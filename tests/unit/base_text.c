/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/text.h"

static void writes_hex_as_asked(void **state)
{
    (void)state;
    char out[40];
    struct span in = span_of("\x00\x1f\xab\xff", 4);
    hex_write(in, 0, false, out, sizeof out);
    assert_string_equal(out, "001fabff");
    hex_write(in, ':', true, out, sizeof out);
    assert_string_equal(out, "00:1F:AB:FF");
    hex_write(span_of(NULL, 0), ':', true, out, sizeof out);
    assert_string_equal(out, "");
}

static void hex_fits_its_exact_room(void **state)
{
    (void)state;
    char *out = (char *)tight_copy("123456789", 9);
    hex_write(span_of("\x01\x02\x03\x04", 4), 0, false, out, 9);
    assert_string_equal(out, "01020304");
    free(out);
    out = (char *)tight_copy("123456789012", 12);
    hex_write(span_of("\x01\x02\x03\x04", 4), ':', false, out, 12);
    assert_string_equal(out, "01:02:03:04");
    free(out);
}

static void hex_never_leaves_its_room(void **state)
{
    (void)state;
    for (size_t room = 1; room < 14; room++) {
        char *out = (char *)tight_copy("12345678901234", room);
        hex_write(span_of("\x01\x02\x03\x04", 4), ':', false, out, room);
        assert_true(strlen(out) < room);
        assert_int_equal(strncmp(out, "01:02:03:04", strlen(out)), 0);
        free(out);
    }
}

static void reads_hex_of_exactly_that_length(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_int_equal(hex_read(span_of_text("00Ff1bA0"), out, 4), STATUS_OK);
    assert_memory_equal(out, "\x00\xff\x1b\xa0", 4);
    assert_int_equal(hex_read(span_of_text("00ff1b"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("00ff1ba01"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("00ff1bag"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("0x0ff1ba"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text(" 00ff1ba"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("00ff:1ba"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("00ff1ba/"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text("00ff1ba`"), out, 4), STATUS_MALFORMED);
    assert_int_equal(hex_read(span_of_text(""), out, 0), STATUS_OK);
}

/* RFC 4648 s10 */
static const struct {
    const char *plain, *coded;
} base64_known[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void base64_as_rfc_4648_s10(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(base64_known); i++) {
        char text[20];
        uint8_t bytes[20];
        size_t len = 99;
        struct buf out = buf_over(text, sizeof text);
        base64_write(span_of_text(base64_known[i].plain), &out);
        check_text(buf_span(&out), base64_known[i].coded);
        assert_int_equal(base64_read(span_of_text(base64_known[i].coded), bytes, sizeof bytes, &len),
                         STATUS_OK);
        check_text(span_of(bytes, len), base64_known[i].plain);
    }
}

static void base64_knows_its_whole_alphabet(void **state)
{
    (void)state;
    const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[48];
    char text[64];
    size_t len;
    assert_int_equal(base64_read(span_of_text(all), bytes, sizeof bytes, &len), STATUS_OK);
    assert_int_equal(len, 48);
    assert_memory_equal(bytes, "\x00\x10\x83\x10\x51\x87", 6);
    struct buf out = buf_over(text, sizeof text);
    base64_write(span_of(bytes, len), &out);
    check_text(buf_span(&out), all);
    assert_false(out.full);
}

static void base64_skips_white_space_only(void **state)
{
    (void)state;
    uint8_t bytes[16];
    size_t len;
    assert_int_equal(base64_read(span_of_text(" Zm\r\n9v\tYm Fy\n"), bytes, sizeof bytes, &len), STATUS_OK);
    check_text(span_of(bytes, len), "foobar");
    assert_int_equal(base64_read(span_of_text("Zm9v\vYmFy"), bytes, sizeof bytes, &len), STATUS_MALFORMED);
    assert_int_equal(base64_read(span_of("Zm9v\0YmFy", 9), bytes, sizeof bytes, &len), STATUS_MALFORMED);
}

static void base64_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",      "Zg",      "Zg=",        "Zm9",      "Zm9vY",    "Z===",
                                      "====",   "=",       "=Zm9",       "Zg=g",     "Zg==Zg==", "Zm9v=",
                                      "Zm9v==", "Zm9v===", "Zm9v====",   "Zm9vYg==", "Zm8=Zm8=", "Zm-v",
                                      "Zm_v",   "Zm9v!",   "Zm\xc3\xa4v"};
    uint8_t bytes[32];
    size_t len;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (strcmp(bad[i], "Zm9vYg==") != 0)
            assert_int_equal(base64_read(span_of_text(bad[i]), bytes, sizeof bytes, &len), STATUS_MALFORMED);
}

static void base64_never_leaves_its_room(void **state)
{
    (void)state;
    size_t len;
    for (size_t room = 0; room < 6; room++) {
        uint8_t *bytes = tight_copy("......", room);
        assert_int_equal(base64_read(span_of_text("Zm9vYmFy"), bytes, room, &len), STATUS_TOO_LARGE);
        assert_true(len <= room);
        free(bytes);
    }
    uint8_t *bytes = tight_copy("....", 4);
    assert_int_equal(base64_read(span_of_text("Zm9vYg=="), bytes, 4, &len), STATUS_OK);
    assert_int_equal(len, 4);
    free(bytes);
    char *text = (char *)tight_copy(".......", 7);
    struct buf out = buf_over(text, 7);
    base64_write(span_of_text("foob"), &out);
    assert_true(out.full);
    free(text);
}

static void uuids_there_and_back(void **state)
{
    (void)state;
    static const uint8_t bytes[UUID_BYTES] = {0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0,
                                              0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e, 0x6b, 0xf6};
    char text[UUID_TEXT + 1];
    uint8_t back[UUID_BYTES];
    uuid_write(bytes, text);
    assert_string_equal(text, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"); /* RFC 4122 s3 */
    assert_int_equal(uuid_read(span_of_text(text), back), STATUS_OK);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(uuid_read(span_of_text("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), back), STATUS_OK);
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void uuids_of_another_form_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf66",
        "f81d4fae7dec11d0a76500a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
        "f81d4faeg7dec-11d0-a765-00a0c91e6bf6",
        "f81d4fae-7decg11d0-a765-00a0c91e6bf6",
        "f81d4fae-7dec-11d0ga765-00a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765g00a0c91e6bf6",
        "-81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "{81d4fae-7dec-11d0-a765-00a0c91e6bf}",
        "f81d4fae-7dec-11d0-a765-00a0c91e6b 6",
    };
    uint8_t back[UUID_BYTES];
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(uuid_read(span_of_text(bad[i]), back), STATUS_MALFORMED);
}

static bool utf8(const char *text)
{
    size_t len = strlen(text);
    uint8_t *copy = tight_copy(text, len);
    bool valid = utf8_valid(span_of(copy, len));
    free(copy);
    return valid;
}

/* RFC 3629 s4 */
static void takes_well_formed_utf8(void **state)
{
    (void)state;
    assert_true(utf8(""));
    assert_true(utf8("plain"));
    assert_true(utf8("\x7f"));
    assert_true(utf8("\xc2\x80"));
    assert_true(utf8("\xdf\xbf"));
    assert_true(utf8("\xe0\xa0\x80"));
    assert_true(utf8("\xed\x9f\xbf"));
    assert_true(utf8("\xee\x80\x80"));
    assert_true(utf8("\xef\xbf\xbf"));
    assert_true(utf8("\xf0\x90\x80\x80"));
    assert_true(utf8("\xf4\x8f\xbf\xbf"));
    assert_true(utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91z"));
}

static void refuses_every_other_sequence(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80", /* continuation alone */
        "\xbf",
        "\xc0\x80", /* longer than needed */
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3", /* cut off */
        "\xe2\x82",
        "\xe2",
        "\xf0\x9f\x94",
        "a\xf0",
        "\xc3z", /* no continuation */
        "\xc3\xc3",
        "\xe2z\xac",
        "\xe2\x82z",
        "\xf0z\x94\x91",
        "\xf0\x9fz\x91",
        "\xf0\x9f\x94z",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(utf8(bad[i]));
    assert_false(utf8_valid(span_of("a\0b", 3))); /* KMIP 1.4 s9.1.1.4 */
    assert_false(utf8_valid(span_of("\0", 1)));
}

static void reads_numbers_within_bounds(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_int_equal(number_read(span_of_text("0"), 0, &out), STATUS_OK);
    assert_true(out == 0);
    assert_int_equal(number_read(span_of_text("5696"), 65535, &out), STATUS_OK);
    assert_true(out == 5696);
    assert_int_equal(number_read(span_of_text("65535"), 65535, &out), STATUS_OK);
    out = 7;
    assert_int_equal(number_read(span_of_text("65536"), 65535, &out), STATUS_TOO_LARGE);
    assert_true(out == 7);
    assert_int_equal(number_read(span_of_text("9999999999999999999"), UINT64_MAX, &out), STATUS_OK);
    assert_true(out == 9999999999999999999u);
    static const char *const bad[] = {
        "", " 1", "1 ", "-1", "+1", "0x1", "1.5", "1/", "1:", "10000000000000000000", "18446744073709551617"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(number_read(span_of_text(bad[i]), UINT64_MAX, &out), STATUS_MALFORMED);
}

static void writes_times(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *text;
    } known[] = {
        {0, "1970-01-01T00:00:00Z"},
        {951782399, "2000-02-28T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {951868800, "2000-03-01T00:00:00Z"},
        {1205495800, "2008-03-14T11:56:40Z"}, /* KMIP 1.1 s9.1.2 */
        {1798761599, "2026-12-31T23:59:59Z"},
        {4107542399, "2100-02-28T23:59:59Z"}, /* no leap year */
        {4107542400, "2100-03-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
        {253402300800, "1970-01-01T00:00:00Z"}, /* out of range: the text has a fixed length */
        {-1, "1970-01-01T00:00:00Z"},
        {INT64_MIN, "1970-01-01T00:00:00Z"},
        {INT64_MAX, "1970-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        char text[TIME_TEXT + 1];
        time_write(known[i].unix_s, text);
        assert_string_equal(text, known[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_hex_as_asked),
        cmocka_unit_test(hex_fits_its_exact_room),
        cmocka_unit_test(hex_never_leaves_its_room),
        cmocka_unit_test(reads_hex_of_exactly_that_length),
        cmocka_unit_test(base64_as_rfc_4648_s10),
        cmocka_unit_test(base64_knows_its_whole_alphabet),
        cmocka_unit_test(base64_skips_white_space_only),
        cmocka_unit_test(base64_refuses_what_is_none),
        cmocka_unit_test(base64_never_leaves_its_room),
        cmocka_unit_test(uuids_there_and_back),
        cmocka_unit_test(uuids_of_another_form_are_none),
        cmocka_unit_test(takes_well_formed_utf8),
        cmocka_unit_test(refuses_every_other_sequence),
        cmocka_unit_test(reads_numbers_within_bounds),
        cmocka_unit_test(writes_times),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
