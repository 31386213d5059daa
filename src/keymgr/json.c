/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsmn finds the tokens and checks the strings; it lets pass what is not JSON around them (commas that are
 * missing or too many, names without values, words like "nix"). So every token is checked again here, with
 * the bytes between it and the one before.
 */
#include "keymgr/json.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "base/text.h"
#include "base/wipe.h"

/* ---- whether it is JSON ---- */

/* What is known of a token while those inside it are checked. */
struct part {
    uint32_t seen; /* the text up to here was checked */
    uint16_t depth;
    uint16_t inside; /* tokens directly inside that were checked */
};

struct review {
    struct span text;
    const jsmntok_t *tokens;
    struct part parts[JSON_TOKENS];
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether white space, and one separator if any (0: none), is all from `from` to `to`. */
static bool only(struct span text, uint32_t from, uint32_t to, uint8_t separator)
{
    for (uint32_t i = from; i < to; i++) {
        if (text.ptr[i] == separator && separator != 0)
            separator = 0;
        else if (!is_blank(text.ptr[i]))
            return false;
    }
    return separator == 0;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(struct span text, size_t from)
{
    size_t n = 0;
    while (from + n < text.len && is_digit(text.ptr[from + n]))
        n++;
    return n;
}

/* RFC 8259 s6. */
static bool is_number(struct span text)
{
    size_t at = text.len != 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t n = digits(text, at);
    if (n == 0 || (n > 1 && text.ptr[at] == '0'))
        return false;
    at += n;
    if (at < text.len && text.ptr[at] == '.') {
        n = digits(text, ++at);
        if (n == 0)
            return false;
        at += n;
    }
    if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
        at++;
        if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-'))
            at++;
        n = digits(text, at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == text.len;
}

static bool is_other(struct span text)
{
    return span_equal(text, span_of_text("true")) || span_equal(text, span_of_text("false")) ||
           span_equal(text, span_of_text("null")) || is_number(text);
}

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20)
            return true;
    return false;
}

/* The token itself, without what is around and inside it. */
static bool good_alone(const struct review *r, const jsmntok_t *t)
{
    struct span text = span_of(r->text.ptr + t->start, (size_t)(t->end - t->start));
    if (t->type == JSMN_STRING)
        return !has_control(text);
    return t->type == JSMN_PRIMITIVE ? is_other(text) : t->type != JSMN_UNDEFINED;
}

static uint32_t begin_of(const jsmntok_t *t)
{
    return (uint32_t)t->start - (t->type == JSMN_STRING ? 1 : 0);
}

static uint32_t end_of(const jsmntok_t *t)
{
    return (uint32_t)t->end + (t->type == JSMN_STRING ? 1 : 0);
}

/* A token that is not the document: its place among the tokens of the one it is inside. A value of an object
 * is inside its name. */
static bool good_inside(struct review *r, int token)
{
    const jsmntok_t *t = &r->tokens[token];
    if (t->parent < 0 || t->parent >= token)
        return false;
    const jsmntok_t *outer = &r->tokens[t->parent];
    struct part *part = &r->parts[t->parent];
    bool named = outer->type == JSMN_STRING;
    if (outer->type == JSMN_OBJECT && t->type != JSMN_STRING)
        return false;
    if (!only(r->text, part->seen, begin_of(t), named ? ':' : part->inside != 0 ? ',' : 0))
        return false;
    part->inside++;
    part->seen = end_of(t);
    if (named)
        r->parts[outer->parent].seen = end_of(t);
    r->parts[token].depth = (uint16_t)(part->depth + (named ? 0 : 1));
    bool holds_others = t->type == JSMN_OBJECT || t->type == JSMN_ARRAY;
    return !holds_others || r->parts[token].depth < JSON_DEPTH;
}

/* After all tokens: nothing is missing inside this one, and only the name of a member has a value inside. */
static bool good_end(const struct review *r, int token)
{
    const jsmntok_t *t = &r->tokens[token];
    if (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY)
        return only(r->text, r->parts[token].seen, (uint32_t)t->end - 1, 0);
    bool is_name = t->parent >= 0 && r->tokens[t->parent].type == JSMN_OBJECT;
    return r->parts[token].inside == (is_name ? 1 : 0);
}

static bool is_json(struct span text, const jsmntok_t *tokens, int count)
{
    struct review r = {.text = text, .tokens = tokens};
    if (count < 1 || (tokens[0].type != JSMN_OBJECT && tokens[0].type != JSMN_ARRAY) ||
        !only(text, 0, begin_of(&tokens[0]), 0) || !only(text, end_of(&tokens[0]), (uint32_t)text.len, 0))
        return false;
    for (int i = 0; i < count; i++) {
        if (!good_alone(&r, &tokens[i]) || (i != 0 && !good_inside(&r, i)))
            return false;
        r.parts[i].seen = tokens[i].type == JSMN_STRING ? end_of(&tokens[i]) : begin_of(&tokens[i]) + 1;
    }
    for (int i = 0; i < count; i++)
        if (!good_end(&r, i))
            return false;
    return true;
}

/* ---- tokens ---- */

static enum json_kind kind_of(jsmntype_t type)
{
    return type == JSMN_OBJECT   ? JSON_OBJECT
           : type == JSMN_ARRAY  ? JSON_ARRAY
           : type == JSMN_STRING ? JSON_STRING
                                 : JSON_OTHER;
}

enum status json_parse(struct json *json, struct span text)
{
    jsmntok_t tokens[JSON_TOKENS];
    jsmn_parser parser;
    json->text = text;
    json->count = 0;
    if (text.len > INT32_MAX / 2)
        return STATUS_TOO_LARGE;
    if (text.len == 0 || !utf8_valid(text))
        return STATUS_MALFORMED;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, (const char *)text.ptr, text.len, tokens, JSON_TOKENS);
    if (count == JSMN_ERROR_NOMEM)
        return STATUS_TOO_LARGE;
    if (!is_json(text, tokens, count))
        return STATUS_MALFORMED;
    /* From the last to the first: each hands the end of all inside it outwards. */
    for (int i = count - 1; i >= 0; i--)
        json->tokens[i].next = (uint16_t)(i + 1);
    for (int i = count - 1; i >= 0; i--) {
        struct json_token *t = &json->tokens[i];
        t->kind = kind_of(tokens[i].type);
        t->begin = (uint32_t)tokens[i].start;
        t->end = (uint32_t)tokens[i].end;
        if (i != 0 && json->tokens[tokens[i].parent].next < t->next)
            json->tokens[tokens[i].parent].next = t->next;
    }
    json->count = count;
    return STATUS_OK;
}

static bool is_a(const struct json *json, int token, enum json_kind kind)
{
    return token >= 0 && token < json->count && json->tokens[token].kind == kind;
}

static struct span text_of(const struct json *json, int token)
{
    const struct json_token *t = &json->tokens[token];
    return span_of(json->text.ptr + t->begin, t->end - t->begin);
}

/* ---- strings ---- */

static uint32_t hex4(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return v;
}

static size_t utf8_write(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
    out[0] = (uint8_t)(lead[n] | point);
    return n;
}

/* Behind the u of an escape, which has its four digits. 0: no character, or NUL. */
static uint32_t escaped_point(struct span *in)
{
    uint32_t point = hex4(in->ptr);
    *in = span_of(in->ptr + 4, in->len - 4);
    if (point < 0xd800 || point > 0xdfff)
        return point;
    if (point > 0xdbff || in->len < 6 || in->ptr[0] != '\\' || in->ptr[1] != 'u')
        return 0;
    uint32_t low = hex4(in->ptr + 2);
    *in = span_of(in->ptr + 6, in->len - 6);
    return low < 0xdc00 || low > 0xdfff ? 0 : 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
}

/* The next bytes of a string, 1 to 4; 0: what stands there is no character that we take. */
static size_t next_bytes(struct span *in, uint8_t out[4])
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint8_t c = in->ptr[0];
    *in = span_of(in->ptr + 1, in->len - 1);
    out[0] = c;
    if (c != '\\')
        return 1;
    c = in->ptr[0];
    *in = span_of(in->ptr + 1, in->len - 1);
    if (c == 'u') {
        uint32_t point = escaped_point(in);
        return point == 0 ? 0 : utf8_write(point, out);
    }
    out[0] = (uint8_t)values[strchr(names, c) - names];
    return 1;
}

static bool is_named(const struct json *json, int token, const char *name)
{
    struct span in = text_of(json, token);
    uint8_t bytes[4];
    while (in.len != 0) {
        size_t n = next_bytes(&in, bytes);
        if (n == 0 || strncmp(name, (const char *)bytes, n) != 0)
            return false;
        name += n;
    }
    return *name == 0;
}

int json_member(const struct json *json, int object, const char *name)
{
    if (!is_a(json, object, JSON_OBJECT))
        return -1;
    for (int i = object + 1; i < json->tokens[object].next; i = json->tokens[i].next)
        if (is_named(json, i, name))
            return i + 1;
    return -1;
}

int json_element(const struct json *json, int array, size_t index)
{
    if (!is_a(json, array, JSON_ARRAY))
        return -1;
    for (int i = array + 1; i < json->tokens[array].next; i = json->tokens[i].next)
        if (index-- == 0)
            return i;
    return -1;
}

bool json_string(const struct json *json, int token, char *out, size_t cap)
{
    if (cap == 0)
        return false;
    out[0] = 0;
    if (!is_a(json, token, JSON_STRING))
        return false;
    struct span in = text_of(json, token);
    size_t len = 0;
    while (in.len != 0) {
        uint8_t bytes[4];
        size_t n = next_bytes(&in, bytes);
        if (n == 0 || n >= cap - len) {
            wipe(out, len);
            return false;
        }
        memcpy(out + len, bytes, n);
        len += n;
    }
    out[len] = 0;
    return true;
}

/* Takes up to 64 characters out of their escapes; escapes can only be those of ASCII. */
static bool next_chunk(struct span *in, uint8_t chunk[64], size_t *len)
{
    for (*len = 0; *len < 64 && in->len != 0; ++*len) {
        uint8_t bytes[4];
        if (next_bytes(in, bytes) != 1 || is_blank(bytes[0]))
            return false;
        chunk[*len] = bytes[0];
    }
    return true;
}

bool json_base64(const struct json *json, int token, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t chunk[64];
    size_t chunk_len, n;
    bool good = is_a(json, token, JSON_STRING), padded = false;
    struct span in = good ? text_of(json, token) : span_of(NULL, 0);
    *len = 0;
    while (good && in.len != 0) {
        good = !padded && next_chunk(&in, chunk, &chunk_len) &&
               base64_read(span_of(chunk, chunk_len), out + *len, cap - *len, &n) == STATUS_OK;
        if (good)
            *len += n;
        padded = good && n != 48;
    }
    wipe(chunk, sizeof chunk);
    if (!good) {
        wipe(out, cap);
        *len = 0;
    }
    return good;
}

/* ---- the others ---- */

bool json_integer(const struct json *json, int token, int64_t *out)
{
    if (!is_a(json, token, JSON_OTHER))
        return false;
    struct span text = text_of(json, token);
    bool negative = text.ptr[0] == '-';
    int64_t v = 0;
    for (size_t i = negative ? 1 : 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return false;
        /* Counted downwards, where the range is one larger. */
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, text.ptr[i] - '0', &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

bool json_true(const struct json *json, int token)
{
    return is_a(json, token, JSON_OTHER) && json->text.ptr[json->tokens[token].begin] == 't';
}

/* RFC 8259 s7: what has to be escaped, and DEL, which terminals act on. */
void json_write_string(struct buf *out, struct span text)
{
    buf_add(out, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            static const char hex[] = "0123456789abcdef";
            char escaped[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            buf_add(out, escaped, sizeof escaped);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_add(out, "\\", 1);
        buf_add(out, &text.ptr[i], 1);
    }
    buf_add(out, "\"", 1);
}
