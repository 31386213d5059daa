/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/buf.h"
#include "keymgr/json_list.h"

struct taken {
    char text[4096];
    size_t len;
    size_t count;
    size_t longest;
};

/* Elements one after the other, each on a line. */
static void take(void *self, struct span object)
{
    struct taken *t = self;
    t->count++;
    if (object.len > t->longest)
        t->longest = object.len;
    if (t->len + object.len + 1 < sizeof t->text) {
        memcpy(t->text + t->len, object.ptr, object.len);
        t->len += object.len;
        t->text[t->len++] = '\n';
        t->text[t->len] = 0;
    }
}

/* Feeds a piece that lies alone on the heap, so that the sanitizer sees a read behind it. */
static void feed(struct json_list *list, const char *bytes, size_t len)
{
    uint8_t *piece = tight_copy(bytes, len);
    json_list_feed(list, span_of(piece, len));
    free(piece);
}

static const struct {
    const char *text;
    bool done;
    bool found;
    const char *elements;
} documents[] = {
    {"{\"resources\":[]}", true, true, ""},
    {"{}", true, false, ""},
    {" \r\n\t{ \"metadata\" : { \"resources\" : [ { \"a\" : 1 } ] } } \n", true, false, ""},
    {"{\"metadata\":{\"collectionTotal\":2},\"resources\":[{\"a\":1},{\"b\":2}]}", true, true,
     "{\"a\":1}\n{\"b\":2}\n"},
    {"{ \"resources\" : [ { \"a\" : 1 } , { } ] , \"more\" : [ { \"c\" : 3 } ] }", true, true,
     "{ \"a\" : 1 }\n{ }\n"},
    {"{\"resources\":[{\"n\":\"}{][\",\"e\":\"\\\"}\\\\\",\"l\":[[{\"x\":[]}],{}]},{\"t\":\"\\\\\\\"]\"}]}",
     true, true, "{\"n\":\"}{][\",\"e\":\"\\\"}\\\\\",\"l\":[[{\"x\":[]}],{}]}\n{\"t\":\"\\\\\\\"]\"}\n"},
    /* the name elsewhere */
    {"{\"x\":\"resources\",\"y\":[{\"a\":1}]}", true, false, ""},
    {"{\"x\":[\"resources\",{\"resources\":[{}]}]}", true, false, ""},
    {"{\"resource\":[{}],\"resources2\":[{}],\"xresources\":[{}],\"Resources\":[{}]}", true, false, ""},
    {"{\"x\":\"resources\",\"resources\":[{\"resources\":[{}]}]}", true, true, "{\"resources\":[{}]}\n"},
    {"{\"a\\\"resources\":[{}]}", true, false, ""},
    {"{\"resources\" 1:[{}]}", true, false, ""},
    /* no end */
    {"", false, false, ""},
    {"  ", false, false, ""},
    {"{", false, false, ""},
    {"{\"resources\":[{\"a\":1}", false, true, "{\"a\":1}\n"},
    {"{\"resources\":[{\"a\":1}]", false, true, "{\"a\":1}\n"},
    {"{\"a\":\"}", false, false, ""},
    /* no such document */
    {"[{\"resources\":[{}]}]", false, false, ""},
    {"x{}", false, false, ""},
    {"\"resources\":[{}]", false, false, ""},
    {",", false, false, ""},
    {"<html>Bad Gateway</html>", false, false, ""},
    {"}", false, false, ""},
    {"{}x", false, false, ""},
    {"{}{\"resources\":[{}]}", false, false, ""},
    {"{]", false, false, ""},
    {"{\"a\":[}]}", false, false, ""},
    {"{\"a\":{]}}", false, false, ""},
    {"{\"resources\":{}}", false, false, ""},
    {"{\"resources\":null}", false, false, ""},
    {"{\"resources\":\"[{}]\"}", false, false, ""},
    {"{\"resources\":}", false, false, ""},
    {"{\"resources\":[{}],\"resources\":[{\"a\":1}]}", false, true, "{}\n"},
    {"{\"resources\":[1]}", false, true, ""},
    {"{\"resources\":[\"a\"]}", false, true, ""},
    {"{\"resources\":[[{}]]}", false, true, ""},
    {"{\"resources\":[null]}", false, true, ""},
    {"{\"resources\":[,{}]}", false, true, ""},
    {"{\"resources\":[{},]}", false, true, "{}\n"},
    {"{\"resources\":[{},,{}]}", false, true, "{}\n"},
    {"{\"resources\":[{}{}]}", false, true, "{}\n"},
    {"{\"resources\":[{} {}]}", false, true, "{}\n"},
    {"{\"resources\":[}", false, true, ""},
    {"{\"resources\":[{]}]}", false, true, ""},
    {"{\"resources\":[{\"a\":[}]}", false, true, ""},
    {"{\"a\":\"\n\"}", false, false, ""},
    {"{\"resources\":[{\"a\":\"\x01\"}]}", false, true, ""},
};

static void check_pieces(size_t n, size_t first, size_t second)
{
    const char *text = documents[n].text;
    size_t len = strlen(text);
    struct taken taken = {.len = 0};
    struct json_list list;
    json_list_begin(&list, take, &taken);
    feed(&list, text, first);
    feed(&list, text + first, second - first);
    feed(&list, text + second, len - second);
    if (json_list_done(&list) != documents[n].done || list.found != documents[n].found ||
        strcmp(taken.text, documents[n].elements) != 0 || list.elements != taken.count || list.too_large != 0)
        fail_msg("%s in pieces at %zu and %zu: done %d, found %d, elements %s", text, first, second,
                 json_list_done(&list), list.found, taken.text);
}

static void finds_the_same_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(documents); n++) {
        size_t len = strlen(documents[n].text);
        for (size_t first = 0; first <= len; first++)
            for (size_t second = first; second <= len; second += len < 80 ? 1 : 7)
                check_pieces(n, first, second);
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    for (size_t n = 0; n < COUNT_OF(documents); n++) {
        struct taken taken = {.len = 0};
        struct json_list list;
        json_list_begin(&list, take, &taken);
        for (const char *at = documents[n].text; *at != 0; at++) {
            assert_false(json_list_done(&list) && strchr(" \n", *at) == NULL && documents[n].done);
            feed(&list, at, 1);
        }
        assert_int_equal(json_list_done(&list), documents[n].done);
        assert_string_equal(taken.text, documents[n].elements);
    }
}

static void elements_up_to_the_limit_are_taken(void **state)
{
    (void)state;
    static char text[3 * HTTP_ELEMENT_MAX];
    for (size_t size = HTTP_ELEMENT_MAX - 2; size <= HTTP_ELEMENT_MAX + 3000;
         size += size < HTTP_ELEMENT_MAX + 3 ? 1 : 700) {
        struct buf out = buf_over(text, sizeof text);
        buf_add_text(&out, "{\"resources\":[{\"a\":1},{\"b\":\"");
        memset(text + out.len, 'x', size - 8);
        out.len += size - 8;
        buf_add_text(&out, "\"},{\"c\":3}]}");
        assert_false(out.full);
        struct taken taken = {.len = 0};
        struct json_list list;
        json_list_begin(&list, take, &taken);
        feed(&list, text, out.len / 2);
        feed(&list, text + out.len / 2, out.len - out.len / 2);
        assert_true(json_list_done(&list));
        bool fits = size <= HTTP_ELEMENT_MAX;
        assert_int_equal(list.too_large, fits ? 0 : 1);
        assert_int_equal(list.elements, fits ? 3 : 2);
        assert_int_equal(taken.longest, fits ? size : 7);
        assert_non_null(strstr(taken.text, "{\"c\":3}\n"));
    }
}

/* 32 brackets inside one another are taken, not 33. */
static void brackets_nest_so_deep(void **state)
{
    (void)state;
    for (size_t inside = 28; inside < 70; inside++) {
        char text[300];
        struct buf out = buf_over(text, sizeof text);
        struct taken taken = {.len = 0};
        struct json_list list;
        buf_add_text(&out, "{\"resources\":[{\"a\":");
        for (size_t i = 0; i < inside; i++)
            buf_add_text(&out, "[");
        for (size_t i = 0; i < inside; i++)
            buf_add_text(&out, "]");
        buf_add_text(&out, "}]}");
        json_list_begin(&list, take, &taken);
        feed(&list, text, out.len);
        assert_int_equal(json_list_done(&list), inside <= 29);
        assert_int_equal(taken.count, inside <= 29 ? 1 : 0);
    }
}

static void begins_anew(void **state)
{
    (void)state;
    struct taken taken = {.len = 0};
    struct json_list list;
    json_list_begin(&list, take, &taken);
    feed(&list, "{\"resources\":[{\"a", 17);
    json_list_begin(&list, take, &taken);
    feed(&list, "{\"resources\":[{}]}", 18);
    assert_true(json_list_done(&list));
    assert_string_equal(taken.text, "{}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_same_wherever_it_is_cut),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(elements_up_to_the_limit_are_taken),
        cmocka_unit_test(brackets_nest_so_deep),
        cmocka_unit_test(begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
