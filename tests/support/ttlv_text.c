/* SPDX-License-Identifier: Apache-2.0 */
#include "support/ttlv_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "kmip/tag.h"

static const char kinds[] = "?{ilnebtxdv"; /* by Item Type, KMIP 1.4 s9.1.1.2 */

static void stop(const char *what, const char *at)
{
    fprintf(stderr, "not TTLV text, %s: %.60s\n", what, at);
    exit(99);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == 0 ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* The name of a tag without what is neither letter nor digit: "PKCS#12 Friendly Name" is PKCS12FriendlyName.
 */
static void name_of(uint32_t tag, char out[64])
{
    size_t n = 0;
    if (tag_since(tag) == 255) {
        snprintf(out, 64, "%06x", (unsigned)tag & 0xffffff);
        return;
    }
    for (const char *c = tag_name(tag); *c != 0 && n < 63; c++)
        if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z'))
            out[n++] = *c;
    out[n] = 0;
}

static uint32_t tag_of(const char *word, size_t len)
{
    static char names[0x200][64];
    if (names[1][0] == 0)
        for (uint32_t i = 1; i < 0x200; i++)
            name_of(0x420000 + i, names[i]);
    for (uint32_t i = 1; i < 0x200; i++)
        if (strncmp(names[i], word, len) == 0 && names[i][len] == 0)
            return 0x420000 + i;
    uint32_t tag = 0;
    for (size_t i = 0; i < len; i++) {
        if (len != 6 || digit(word[i]) < 0)
            stop("no tag has this name", word);
        tag = tag << 4 | (uint32_t)digit(word[i]);
    }
    return tag;
}

struct assembly {
    uint8_t *out;
    size_t cap, len;
    size_t open[64];
    size_t depth;
};

static void put(struct assembly *a, uint8_t byte)
{
    if (a->len == a->cap)
        stop("no room", "");
    a->out[a->len++] = byte;
}

static void put_number(struct assembly *a, uint64_t value, unsigned bytes)
{
    while (bytes-- != 0)
        put(a, (uint8_t)(value >> (8 * bytes)));
}

static void patch_length(struct assembly *a, size_t at, size_t len)
{
    for (unsigned i = 0; i < 4; i++)
        a->out[at + i] = (uint8_t)(len >> (8 * (3 - i)));
}

static const char *put_hex(struct assembly *a, const char *at)
{
    for (; digit(*at) >= 0; at += 2) {
        if (digit(at[1]) < 0)
            stop("half a byte", at);
        put(a, (uint8_t)(digit(at[0]) << 4 | digit(at[1])));
    }
    return at;
}

static const char *put_quoted(struct assembly *a, const char *at)
{
    if (*at++ != '"')
        stop("text without quotes", at);
    for (; *at != '"'; at++) {
        if (*at == 0)
            stop("no closing quote", at);
        if (*at != '\\') {
            put(a, (uint8_t)*at);
        } else if (at[1] == 'x' && digit(at[2]) >= 0 && digit(at[3]) >= 0) {
            put(a, (uint8_t)(digit(at[2]) << 4 | digit(at[3])));
            at += 3;
        } else {
            put(a, (uint8_t) * ++at);
        }
    }
    return at + 1;
}

static const char *put_value(struct assembly *a, char kind, const char *at)
{
    char *end = NULL;
    switch (kind) {
    case 'i':
    case 'e':
    case 'v':
        put_number(a, (uint64_t)strtoll(at, &end, 0), 4);
        return end;
    case 'l':
    case 'b':
    case 'd':
        put_number(a, at[0] == '-' ? (uint64_t)strtoll(at, &end, 0) : strtoull(at, &end, 0), 8);
        return end;
    case 't':
        return put_quoted(a, at);
    default:
        return put_hex(a, at);
    }
}

static const char *put_item(struct assembly *a, const char *at)
{
    size_t len = strcspn(at, "{= \n\t\r");
    put_number(a, tag_of(at, len), 3);
    const char *mark = at + len;
    if (*mark == '{') {
        put(a, 1);
        if (a->depth == 64)
            stop("nested too deep", at);
        a->open[a->depth++] = a->len;
        put_number(a, 0, 4);
        return mark + 1;
    }
    const char *kind = *mark == '=' && mark[1] != 0 ? strchr(kinds + 2, mark[1]) : NULL;
    if (kind == NULL || mark[2] != ':')
        stop("no value", at);
    put(a, (uint8_t)(kind - kinds));
    size_t length_at = a->len;
    put_number(a, 0, 4);
    const char *end = put_value(a, *kind, mark + 3);
    if (*end != 0 && *end != '}' && !is_blank(*end))
        stop("a value of this kind does not look like that", at);
    patch_length(a, length_at, a->len - length_at - 4);
    while ((a->len - length_at - 4) % 8 != 0)
        put(a, 0);
    return end;
}

size_t ttlv_assemble(const char *text, uint8_t *out, size_t cap)
{
    struct assembly a = {.out = out, .cap = cap};
    while (*text != 0) {
        if (is_blank(*text)) {
            text++;
        } else if (*text == '#') {
            text = put_hex(&a, text + 1);
        } else if (*text == '}') {
            if (a.depth == 0)
                stop("too many }", text);
            size_t at = a.open[--a.depth];
            patch_length(&a, at, a.len - at - 4);
            text++;
        } else {
            text = put_item(&a, text);
        }
    }
    if (a.depth != 0)
        stop("a } is missing", text);
    return a.len;
}

static uint64_t number_at(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

static void print_value(struct buf *out, uint8_t type, struct span value)
{
    uint64_t v = number_at(value.ptr, value.len < 8 ? value.len : 8);
    switch (kinds[type]) {
    case 'i':
        buf_print(out, "%d", (int)(int32_t)v);
        return;
    case 'e':
        buf_print(out, v < 10 ? "%u" : "0x%02X", (unsigned)v);
        return;
    case 'v':
    case 'b':
        buf_print(out, "%u", (unsigned)v);
        return;
    case 'l':
    case 'd':
        buf_print(out, "%lld", (long long)v);
        return;
    case 't':
        buf_add_text(out, "\"");
        for (size_t i = 0; i < value.len; i++)
            buf_print(out, value.ptr[i] == '"' || value.ptr[i] == '\\' ? "\\%c" : "%c", value.ptr[i]);
        buf_add_text(out, "\"");
        return;
    default:
        for (size_t i = 0; i < value.len; i++)
            buf_print(out, "%02x", value.ptr[i]);
    }
}

bool ttlv_disassemble(struct span in, struct buf *out)
{
    size_t ends[64], depth = 0, at = 0;
    char name[64];
    while (at < in.len) {
        if (in.len - at < 8)
            return false;
        uint8_t type = in.ptr[at + 3];
        size_t len = (size_t)number_at(in.ptr + at + 4, 4), padded = (len + 7) / 8 * 8;
        size_t limit = depth == 0 ? in.len : ends[depth - 1];
        if (type == 0 || type > 10 || padded > limit - at - 8)
            return false;
        name_of((uint32_t)number_at(in.ptr + at, 3), name);
        buf_print(out, "%s%s", out->len == 0 ? "" : " ", name);
        at += 8;
        if (type == 1) {
            if (depth == 64)
                return false;
            buf_add_text(out, "{");
            ends[depth++] = at + len;
        } else {
            buf_print(out, "=%c:", kinds[type]);
            print_value(out, type, span_of(in.ptr + at, len));
            at += padded;
        }
        while (depth != 0 && at == ends[depth - 1]) {
            buf_add_text(out, " }");
            depth--;
        }
    }
    return depth == 0;
}

/* The next word; quoted text may hold blanks. */
static size_t word(const char **at)
{
    while (is_blank(**at))
        (*at)++;
    bool quoted = false;
    size_t n = 0;
    for (const char *c = *at; c[n] != 0 && (quoted || !is_blank(c[n])); n++) {
        if (quoted && c[n] == '\\' && c[n + 1] != 0)
            n++;
        else if (c[n] == '"')
            quoted = !quoted;
    }
    return n;
}

static bool word_fits(const char *got, size_t got_len, const char *want, size_t want_len,
                      struct ttlv_text_names *names)
{
    if (got_len == want_len && memcmp(got, want, got_len) == 0)
        return true;
    const char *mark = memchr(want, '=', want_len);
    size_t head = mark == NULL ? 0 : (size_t)(mark - want) + 1;
    if (mark == NULL || got_len < head || memcmp(got, want, head) != 0)
        return false;
    if (want_len == head + 1 && want[head] == '*')
        return true;
    if (want_len < head + 2 || want[head] != '$')
        return false;
    size_t number = (size_t)atoi(want + head + 1), len = got_len - head;
    if (number >= TTLV_TEXT_NAMES || len >= sizeof names->values[0])
        return false;
    char *value = names->values[number];
    if (value[0] == 0)
        memcpy(value, got + head, len);
    return strlen(value) == len && memcmp(value, got + head, len) == 0;
}

/* Passes over the rest of a structure, up to its }. */
static const char *skip_rest(const char *at)
{
    for (int depth = 0;;) {
        size_t n = word(&at);
        if (n == 0 || (depth == 0 && n == 1 && *at == '}'))
            return at;
        if (at[n - 1] == '{')
            depth++;
        else if (n == 1 && *at == '}')
            depth--;
        at += n;
    }
}

const char *ttlv_text_compare(const char *got, const char *wanted, struct ttlv_text_names *names)
{
    for (;;) {
        size_t g = word(&got), w = word(&wanted);
        if (w == 1 && *wanted == '*') {
            got = skip_rest(got);
            wanted += w;
            continue;
        }
        if (g == 0 && w == 0)
            return NULL;
        if (!word_fits(got, g, wanted, w, names))
            return got;
        got += g;
        wanted += w;
    }
}

void ttlv_text_fill(const char *text, const struct ttlv_text_names *names, struct buf *out)
{
    for (; *text != 0; text++) {
        size_t number = text[0] == '=' && text[1] == '$' ? (size_t)atoi(text + 2) : TTLV_TEXT_NAMES;
        if (number >= TTLV_TEXT_NAMES) {
            buf_print(out, "%c", *text);
            continue;
        }
        buf_print(out, "=%s", names->values[number]);
        text++;
        while (digit(text[1]) >= 0 && digit(text[1]) < 10)
            text++;
    }
}
