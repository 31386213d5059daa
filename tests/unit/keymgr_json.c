/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "keymgr/json.h"

/* The text lies on the heap, so that the sanitizer sees a read behind it. */
static enum status parse(struct json *json, const char *text)
{
    static uint8_t *copy;
    free(copy);
    copy = tight_copy(text, strlen(text));
    return json_parse(json, span_of(copy, strlen(text)));
}

static void begin(struct json *json, const char *text)
{
    if (parse(json, text) != STATUS_OK)
        fail_msg("not read: %s", text);
}

/* ---- what is JSON ---- */

static void takes_json(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        " \t\r\n{ } \n",
        "[[],[],{}]",
        "{\"a\":1}",
        "{\"a\" : 1 , \"b\" : [ 1 , 2 ] }",
        "{\"\":\"\"}",
        "[0,-0,1,-1,10,0.5,-0.5e10,1E+2,1e-2,123456789012345678901234567890]",
        "[true,false,null]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"]",
        "[\"{[,:]}\"]",
        "[\"\xc3\xa9\"]",
        "{\"a\":{\"b\":{\"c\":[{\"d\":null}]}},\"e\":\"\"}",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
        "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
    };
    struct json json;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        begin(&json, good[i]);
}

static const char *const not_json[] = {
    "",
    " ",
    "1",
    "\"a\"",
    "true",
    "{",
    "}",
    "[",
    "]",
    "[}",
    "{]",
    "{}}",
    "[]]",
    "{}{}",
    "[],",
    ",[]",
    "[] 1",
    "x[]",
    "[,]",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[1:2]",
    "[:]",
    "[\"a\":1]",
    "[\"a\" \"b\"]",
    "{,}",
    "{:}",
    "{1}",
    "{1:2}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\",}",
    "{\"a\",\"b\"}",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{:\"a\":1}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\":1:2}",
    "{\"a\":\"b\":2}",
    "{\"a\":\"b\" \"c\"}",
    "{\"a\":{}:2}",
    "{\"a\":{\"b\":1}:2}",
    "{\"a\":1,2}",
    "{{}:1}",
    "{[]:1}",
    "{\"a\":1;\"b\":2}",
    "[nix]",
    "[tru]",
    "[truex]",
    "[nullnull]",
    "[True]",
    "[NaN]",
    "[-]",
    "[01]",
    "[-01]",
    "[1.]",
    "[.1]",
    "[+1]",
    "[1e]",
    "[1e+]",
    "[1.e1]",
    "[0x1]",
    "[1-1]",
    "[1.2.3]",
    "[--1]",
    "['a']",
    "[\"a]",
    "[\"\\\"]",
    "[\"\\x\"]",
    "[\"\\u12\"]",
    "[\"\\u123g\"]",
    "[\"\\U0041\"]",
    "[\"a\nb\"]",
    "[\"a\tb\"]",
    "[\"\x01\"]",
    "[\"\xff\"]",
    "[\"\xc3\"]",
    "[\"\xed\xa0\x80\"]",
    "\xef\xbb\xbf[]",
    "[1]/*a*/",
    "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
    "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
};

static void refuses_what_is_not(void **state)
{
    (void)state;
    struct json json;
    for (size_t i = 0; i < COUNT_OF(not_json); i++) {
        begin(&json, "{\"a\":1}");
        if (parse(&json, not_json[i]) != STATUS_MALFORMED)
            fail_msg("not refused: %s", not_json[i]);
        assert_int_equal(json_member(&json, 0, "a"), -1); /* nothing of the one before */
    }
    assert_int_equal(json_parse(&json, span_of("[\"a\0b\"]", 7)), STATUS_MALFORMED);
    assert_int_equal(json_parse(&json, span_of("[]\0", 3)), STATUS_MALFORMED);
}

/* Each beginning of a document is none. */
static void refuses_half_a_document(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\":[1,\"\\u00e9\",{\"b\":true}],\"c\":null,\"d\":{}}";
    struct json json;
    begin(&json, whole);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        uint8_t *half = tight_copy(whole, len);
        assert_int_equal(json_parse(&json, span_of(half, len)), STATUS_MALFORMED);
        free(half);
    }
}

static void has_room_for_so_many_tokens(void **state)
{
    (void)state;
    static char text[2 * JSON_TOKENS + 10];
    struct json json;
    for (size_t elements = JSON_TOKENS - 2; elements <= JSON_TOKENS; elements++) {
        size_t len = 0;
        text[len++] = '[';
        for (size_t i = 0; i < elements; i++) {
            text[len++] = '7';
            text[len++] = i + 1 < elements ? ',' : ']';
        }
        text[len] = 0;
        enum status status = parse(&json, text);
        assert_int_equal(status, elements < JSON_TOKENS ? STATUS_OK : STATUS_TOO_LARGE);
        int64_t v = 0;
        assert_int_equal(json_integer(&json, json_element(&json, 0, elements - 1), &v), status == STATUS_OK);
        assert_int_equal(json_element(&json, 0, elements), -1);
    }
}

/* ---- finding values ---- */

static void finds_members_and_elements(void **state)
{
    (void)state;
    struct json json;
    int64_t v;
    begin(&json, "{\"skip\":{\"b\":[1,{\"a\":2}],\"a\":3},\"list\":[[],{\"a\":4},\"a\",5],\"a\":6,\"a\":7,"
                 "\"\\u0065\\/\":8,\"b\":\"a\"}");
    assert_true(json_integer(&json, json_member(&json, 0, "a"), &v));
    assert_int_equal(v, 6);
    int skip = json_member(&json, 0, "skip"), list = json_member(&json, 0, "list");
    assert_true(json_integer(&json, json_member(&json, skip, "a"), &v));
    assert_int_equal(v, 3);
    assert_true(json_integer(&json, json_member(&json, json_element(&json, list, 1), "a"), &v));
    assert_int_equal(v, 4);
    assert_true(json_integer(&json, json_element(&json, list, 3), &v));
    assert_int_equal(v, 5);
    assert_true(json_integer(&json, json_member(&json, 0, "e/"), &v));
    assert_int_equal(v, 8);
    assert_int_equal(json_element(&json, list, 4), -1);
    assert_int_equal(json_element(&json, json_element(&json, list, 0), 0), -1);
    assert_int_equal(json_element(&json, skip, 0), -1);
    assert_int_equal(json_member(&json, list, "a"), -1);
    assert_int_equal(json_member(&json, 0, "lis"), -1);
    assert_int_equal(json_member(&json, 0, "lists"), -1);
    assert_int_equal(json_member(&json, 0, ""), -1);
    assert_int_equal(json_member(&json, -1, "a"), -1);
    assert_int_equal(json_member(&json, 1, "a"), -1);
    assert_int_equal(json_member(&json, 100000, "a"), -1);
    assert_int_equal(json_element(&json, -1, 0), -1);
    assert_false(json_integer(&json, -1, &v));
}

static void a_value_is_no_name(void **state)
{
    (void)state;
    struct json json;
    begin(&json, "{\"x\":\"a\",\"y\":[\"a\",\"b\"]}");
    assert_int_equal(json_member(&json, 0, "a"), -1);
    assert_int_equal(json_member(&json, 0, "b"), -1);
}

/* ---- values ---- */

static void check_string(const char *text, const char *wanted)
{
    struct json json;
    char out[64];
    begin(&json, text);
    assert_true(json_string(&json, json_element(&json, 0, 0), out, sizeof out));
    assert_string_equal(out, wanted);
}

static void strings_lose_their_escapes(void **state)
{
    (void)state;
    check_string("[\"\"]", "");
    check_string("[\"plain \xc3\xa9\"]", "plain \xc3\xa9");
    check_string("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "\"\\/\b\f\n\r\t");
    check_string("[\"\\u0041\\u00e9\\u20AC\\uFFFF\\ud83d\\uDE00\\uDBFF\\uDFFF\"]",
                 "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
    check_string("[\"\\u007f\\u0080\\u07ff\\u0800\\ud7ff\\ue000\\ud800\\udc00\"]",
                 "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80");
    check_string("[\"\\\\u0041\"]", "\\u0041");
}

static void strings_with_no_text_in_them_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[\"\\u0000\"]",
        "[\"ab\\u0000cd\"]",
        "[\"\\ud800\"]",
        "[\"\\udc00\"]",
        "[\"\\ud800\\ud800\"]",
        "[\"\\udc00\\ud800\"]",
        "[\"\\udc00\\udc00\"]",
        "[\"\\ud800x\\udc00\"]",
        "[\"\\ud800\\n12345\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"\\ud800\\ue000\"]",
        "[1]",
        "[true]",
        "[[\"a\"]]",
        "[{\"a\":\"b\"}]",
    };
    struct json json;
    char out[64];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        begin(&json, bad[i]);
        memset(out, 'x', sizeof out);
        if (json_string(&json, json_element(&json, 0, 0), out, sizeof out) || out[0] != 0)
            fail_msg("not refused: %s", bad[i]);
    }
    assert_false(json_string(&json, -1, out, sizeof out));
}

static void a_string_fits_its_exact_room(void **state)
{
    (void)state;
    struct json json;
    begin(&json, "[\"abc\\u20ac\"]");
    for (size_t cap = 0; cap < 9; cap++) {
        char *out = (char *)tight_copy("xxxxxxxxxx", cap);
        assert_int_equal(json_string(&json, 1, out, cap), cap >= 7);
        if (cap >= 7)
            assert_string_equal(out, "abc\xe2\x82\xac");
        else
            for (size_t i = 0; i < cap; i++)
                assert_true(out[i] == 0 || out[i] == 'x'); /* nothing of it */
        free(out);
    }
}

static bool base64(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    struct json json;
    begin(&json, text);
    return json_base64(&json, json_element(&json, 0, 0), out, cap, len);
}

static void reads_base64(void **state)
{
    (void)state;
    uint8_t out[64];
    size_t len;
    assert_true(base64("[\"\"]", out, 64, &len) && len == 0);
    assert_true(base64("[\"Zm9vYmE=\"]", out, 5, &len) && len == 5);
    assert_memory_equal(out, "fooba", 5);
    assert_true(base64("[\"\\u0050z8\\/\"]", out, 3, &len) && len == 3);
    assert_memory_equal(out, "??\?", 3);
    /* 48 bytes are 64 characters, one chunk. */
    static char text[200] = "[\"";
    for (size_t chars = 60; chars <= 72; chars += 4) {
        memset(text + 2, 'B', chars);
        strcpy(text + 2 + chars, "\"]");
        assert_true(base64(text, out, chars / 4 * 3, &len));
        assert_int_equal(len, chars / 4 * 3);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(out[i], i % 3 == 0 ? 0x04 : i % 3 == 1 ? 0x10 : 0x41);
        assert_false(base64(text, out, chars / 4 * 3 - 1, &len));
        assert_int_equal(len, 0);
        memcpy(text + chars, "==", 2);
        assert_true(base64(text, out, sizeof out, &len));
        assert_int_equal(len, chars / 4 * 3 - 2);
    }
}

static void refuses_what_is_no_base64(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[\"Zg\"]",
        "[\"Zg=\"]",
        "[\"Z===\"]",
        "[\"Zg==Zg==\"]",
        "[\"Zm9v Zm9v\"]",
        "[\"Zm9v\\n\"]",
        "[\"Zm-_\"]",
        "[\"Zm9\\u00e9\"]",
        "[\"Zm9\xc3\xa9\"]",
        "[1]",
        "[[]]",
        "[\"Zm\\u00009\"]",
        /* padding at the end of the first chunk */
        "[\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB==BBBB\"]",
    };
    uint8_t out[100];
    size_t len;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (base64(bad[i], out, sizeof out, &len) || len != 0)
            fail_msg("not refused: %s", bad[i]);
}

static void no_part_of_a_key_stays_behind_in_refused_base64(void **state)
{
    (void)state;
    uint8_t out[60] = {0};
    size_t len;
    assert_false(base64("[\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB!\"]", out,
                        sizeof out, &len));
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);
    uint8_t *tight = tight_copy(out, 48);
    assert_false(base64("[\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\\u00e9\"]",
                        tight, 48, &len));
    for (size_t i = 0; i < 48; i++)
        assert_int_equal(tight[i], 0);
    free(tight);
}

static void reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"[0]", true, 0},
        {"[-0]", true, 0},
        {"[3600]", true, 3600},
        {"[-5]", true, -5},
        {"[9223372036854775807]", true, INT64_MAX},
        {"[-9223372036854775808]", true, INT64_MIN},
        {"[9223372036854775808]", false, 0},
        {"[-9223372036854775809]", false, 0},
        {"[99999999999999999999999]", false, 0},
        {"[1.0]", false, 0},
        {"[1e2]", false, 0},
        {"[\"1\"]", false, 0},
        {"[true]", false, 0},
        {"[null]", false, 0},
        {"[[1]]", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json json;
        int64_t v = 77;
        begin(&json, cases[i].text);
        assert_int_equal(json_integer(&json, 1, &v), cases[i].good);
        assert_int_equal(v, cases[i].good ? cases[i].value : 77);
    }
}

static void only_true_is_true(void **state)
{
    (void)state;
    struct json json;
    begin(&json, "[true,false,null,1,\"true\",\"t\",[true]]");
    assert_true(json_true(&json, json_element(&json, 0, 0)));
    for (size_t i = 1; i < 8; i++)
        assert_false(json_true(&json, json_element(&json, 0, i)));
}

/* ---- writing ---- */

static void writes_strings_that_it_reads_back(void **state)
{
    (void)state;
    char room[100];
    struct buf out = buf_over(room, sizeof room);
    json_write_string(&out, span_of_text("a\"b\\c/\n\x01\x1f\x7f\xc3\xa9"));
    check_text(buf_span(&out), "\"a\\\"b\\\\c/\\u000a\\u0001\\u001f\\u007f\xc3\xa9\"");
    char text[128], back[128];
    for (unsigned c = 1; c < 128; c++) {
        char one[3] = {(char)c, 'x', 0};
        out = buf_over(text, sizeof text - 1);
        buf_add_text(&out, "[");
        json_write_string(&out, span_of_text(one));
        buf_add_text(&out, "]");
        text[out.len] = 0;
        struct json json;
        begin(&json, text);
        assert_true(json_string(&json, 1, back, sizeof back));
        assert_string_equal(back, one);
    }
    out = buf_over(room, 5);
    json_write_string(&out, span_of_text("abcd"));
    assert_true(out.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_json),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(refuses_half_a_document),
        cmocka_unit_test(has_room_for_so_many_tokens),
        cmocka_unit_test(finds_members_and_elements),
        cmocka_unit_test(a_value_is_no_name),
        cmocka_unit_test(strings_lose_their_escapes),
        cmocka_unit_test(strings_with_no_text_in_them_are_refused),
        cmocka_unit_test(a_string_fits_its_exact_room),
        cmocka_unit_test(reads_base64),
        cmocka_unit_test(refuses_what_is_no_base64),
        cmocka_unit_test(no_part_of_a_key_stays_behind_in_refused_base64),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(only_true_is_true),
        cmocka_unit_test(writes_strings_that_it_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
