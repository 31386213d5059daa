/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of a key manager: the strict reader against a second, recursive one; its questions; and the list
 * reader, fed in pieces, against both. The first byte chooses the pieces.
 */
#include <stdlib.h>

#include "base/text.h"
#include "keymgr/json.h"
#include "keymgr/json_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

/* ---- the second reader: RFC 8259, word by word ---- */

struct second {
    const uint8_t *at, *end;
    size_t values; /* and names */
};

static bool any(struct second *s, unsigned depth);

static void blanks(struct second *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != 0)
        s->at++;
}

static bool sees(struct second *s, char c)
{
    if (s->at == s->end || *s->at != (uint8_t)c)
        return false;
    s->at++;
    return true;
}

static bool string(struct second *s)
{
    s->values++;
    if (!sees(s, '"'))
        return false;
    while (s->at < s->end && *s->at >= 0x20 && *s->at != '"') {
        if (*s->at++ != '\\')
            continue;
        if (s->at == s->end || *s->at == 0 || strchr("\"\\/bfnrtu", *s->at) == NULL)
            return false;
        if (*s->at++ != 'u')
            continue;
        for (int i = 0; i < 4; i++, s->at++)
            if (s->at == s->end || *s->at == 0 || strchr("0123456789abcdefABCDEF", *s->at) == NULL)
                return false;
    }
    return sees(s, '"');
}

static bool some_digits(struct second *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at != from;
}

static bool number_or_word(struct second *s)
{
    static const char *const words[] = {"true", "false", "null"};
    s->values++;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= n && memcmp(s->at, words[i], n) == 0) {
            s->at += n;
            return true;
        }
    }
    sees(s, '-');
    if (!sees(s, '0') && !some_digits(s))
        return false;
    if (sees(s, '.') && !some_digits(s))
        return false;
    if (!sees(s, 'e') && !sees(s, 'E'))
        return true;
    if (!sees(s, '+'))
        sees(s, '-');
    return some_digits(s);
}

static bool container(struct second *s, unsigned depth, bool object)
{
    char close = object ? '}' : ']';
    s->values++;
    s->at++;
    if (depth == JSON_DEPTH)
        return false;
    blanks(s);
    if (sees(s, close))
        return true;
    do {
        blanks(s);
        if (object) {
            if (!string(s))
                return false;
            blanks(s);
            if (!sees(s, ':'))
                return false;
        }
        if (!any(s, depth + 1))
            return false;
    } while (sees(s, ','));
    return sees(s, close);
}

static bool any(struct second *s, unsigned depth)
{
    blanks(s);
    if (s->at == s->end)
        return false;
    bool good;
    if (*s->at == '{' || *s->at == '[')
        good = container(s, depth, *s->at == '{');
    else
        good = *s->at == '"' ? string(s) : number_or_word(s);
    blanks(s);
    return good;
}

static bool second_reader(struct span text, size_t *values)
{
    struct second s = {.at = text.ptr, .end = text.ptr + text.len};
    blanks(&s);
    bool begins = s.at < s.end && (*s.at == '{' || *s.at == '[');
    bool good = begins && any(&s, 0) && s.at == s.end && utf8_valid(text);
    *values = s.values;
    return good;
}

/* ---- questions ---- */

static void try_string(const struct json *json, int token)
{
    static char text[9000], back[9000];
    static uint8_t written[60000], bytes[9000];
    static struct json again;
    size_t len;
    if (json_base64(json, token, bytes, sizeof bytes, &len)) {
        need(json_string(json, token, text, sizeof text) && strlen(text) == (len + 2) / 3 * 4);
        struct buf out = buf_over(written, sizeof written);
        base64_write(span_of(bytes, len), &out);
        need(!out.full && out.len == strlen(text));
    } else {
        need(len == 0);
    }
    if (!json_string(json, token, text, sizeof text)) {
        need(text[0] == 0);
        return;
    }
    need(utf8_valid(span_of_text(text)));
    struct buf out = buf_over(written, sizeof written);
    buf_add_text(&out, "{\"");
    buf_add_text(&out, "x\":");
    json_write_string(&out, span_of_text(text));
    buf_add_text(&out, "}");
    need(json_parse(&again, buf_span(&out)) == STATUS_OK);
    need(json_string(&again, json_member(&again, 0, "x"), back, sizeof back) && strcmp(text, back) == 0);
}

static void walk(const struct json *json)
{
    int64_t number;
    char small[3];
    for (int i = 0; i < json->count; i++) {
        const struct json_token *t = &json->tokens[i];
        need(t->begin <= t->end && t->end <= json->text.len && t->next > i && t->next <= json->count);
        need(t->kind == JSON_OBJECT || t->kind == JSON_ARRAY || i + 1 == t->next ||
             json->tokens[i + 1].begin > t->end);
        if (json_string(json, i, small, sizeof small))
            need(strlen(small) < sizeof small);
        if (t->kind == JSON_STRING)
            try_string(json, i);
        need(!json_integer(json, i, &number) || !json_true(json, i));
        size_t count = 0;
        while (json_element(json, i, count) > i)
            count++;
        need(count == 0 || t->kind == JSON_ARRAY);
        int member = json_member(json, i, "resources");
        need(member == -1 || (t->kind == JSON_OBJECT && member > i && member < t->next));
    }
    need(!json_true(json, json->count) && !json_true(json, -1));
}

/* ---- lists ---- */

struct taken {
    uint8_t bytes[9000];
    size_t len;
};

static void take(void *self, struct span object)
{
    struct taken *t = self;
    need(object.len >= 2 && object.len <= HTTP_ELEMENT_MAX && t->len + object.len <= sizeof t->bytes);
    need(object.ptr[0] == '{' && object.ptr[object.len - 1] == '}');
    memcpy(t->bytes + t->len, object.ptr, object.len);
    t->len += object.len;
}

static void feed(struct json_list *list, struct span in, unsigned pieces)
{
    while (in.len != 0) {
        pieces = pieces * 1103515245u + 12345;
        size_t n = pieces >> 16 & 15;
        if ((pieces >> 24 & 7) == 0)
            n *= 16;
        n = n < in.len ? n : in.len;
        uint8_t *piece = malloc(n + 1);
        memcpy(piece, in.ptr, n);
        json_list_feed(list, span_of(piece, n));
        free(piece);
        in = span_of(in.ptr + n, in.len - n);
    }
}

static bool is_called(const struct json *json, int token, const char *name)
{
    const struct json_token *t = &json->tokens[token];
    return span_equal(span_of(json->text.ptr + t->begin, t->end - t->begin), span_of_text(name));
}

/* What the list has to be like when the document is JSON. */
static void compare(const struct json *json, const struct json_list *list, const struct taken *taken)
{
    int array = -1, arrays = 0;
    size_t len = 0;
    if (json->tokens[0].kind != JSON_OBJECT) {
        need(list->failed);
        return;
    }
    for (int i = 1; i < json->count; i = json->tokens[i].next)
        if (is_called(json, i, "resources") && arrays++ == 0)
            array = i + 1;
    bool good = arrays == 0 || (arrays == 1 && json->tokens[array].kind == JSON_ARRAY);
    for (int i = 0; good && arrays == 1; i++) {
        int element = json_element(json, array, (size_t)i);
        if (element < 0)
            break;
        const struct json_token *t = &json->tokens[element];
        good = t->kind == JSON_OBJECT;
        if (!good || t->end - t->begin > HTTP_ELEMENT_MAX)
            continue;
        need(len + t->end - t->begin <= taken->len);
        need(memcmp(taken->bytes + len, json->text.ptr + t->begin, t->end - t->begin) == 0);
        len += t->end - t->begin;
    }
    need(json_list_done(list) == good);
    need(!good || (list->found == (arrays == 1) && taken->len == len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct json json;
    static struct json_list list, whole;
    static struct taken taken, taken_whole;
    if (len < 1 || len > 8192)
        return 0;
    uint8_t *copy = malloc(len);
    memcpy(copy, data + 1, len - 1);
    struct span in = span_of(copy, len - 1);

    size_t values;
    bool good = second_reader(in, &values);
    enum status status = json_parse(&json, in);
    need(status == STATUS_OK ? good && values == (size_t)json.count : json.count == 0);
    need(!good || status == (values <= JSON_TOKENS ? STATUS_OK : STATUS_TOO_LARGE));
    walk(&json);

    taken.len = taken_whole.len = 0;
    json_list_begin(&list, take, &taken);
    json_list_begin(&whole, take, &taken_whole);
    feed(&list, in, data[0]);
    json_list_feed(&whole, in);
    need(taken.len == taken_whole.len && memcmp(taken.bytes, taken_whole.bytes, taken.len) == 0);
    need(json_list_done(&list) == json_list_done(&whole) && list.too_large == whole.too_large);
    need(list.elements == whole.elements && list.found == whole.found && list.failed == whole.failed);
    if (status == STATUS_OK)
        compare(&json, &list, &taken);
    free(copy);
    return 0;
}
