/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>

/* The value of a digit with 0x10 added, 0 for everything else: a table, since branches on random digits are
 * mispredicted. */
#define DIGIT 0x10
static const uint8_t hex_values[256] = {
    ['0'] = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, /* to 9 */
    ['A'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,                         /* to F */
    ['a'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,                         /* to f */
};

/* The byte of two digits; *good loses DIGIT when one is none. */
static uint8_t hex_byte(const uint8_t *digits, unsigned *good)
{
    unsigned high = hex_values[digits[0]], low = hex_values[digits[1]];
    *good &= high & low;
    return (uint8_t)(high << 4 | (low & 15));
}

void hex_write(struct span in, char separator, bool upper, char *out, size_t out_cap)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < in.len && n + 3 + (i != 0 && separator != 0) <= out_cap; i++) {
        if (i != 0 && separator != 0)
            out[n++] = separator;
        out[n++] = digits[in.ptr[i] >> 4];
        out[n++] = digits[in.ptr[i] & 15];
    }
    out[n] = 0;
}

enum status hex_read(struct span text, uint8_t *out, size_t len)
{
    unsigned good = DIGIT;
    if (text.len != 2 * len)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < len; i++)
        out[i] = hex_byte(text.ptr + 2 * i, &good);
    return good == DIGIT ? STATUS_OK : STATUS_MALFORMED;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t v = (uint32_t)in.ptr[i] << 16;
        if (i + 1 < in.len)
            v |= (uint32_t)in.ptr[i + 1] << 8;
        if (i + 2 < in.len)
            v |= in.ptr[i + 2];
        char quad[4] = {base64_alphabet[v >> 18], base64_alphabet[v >> 12 & 63],
                        i + 1 < in.len ? base64_alphabet[v >> 6 & 63] : '=',
                        i + 2 < in.len ? base64_alphabet[v & 63] : '='};
        buf_add(out, quad, sizeof quad);
    }
}

static int base64_digit(uint8_t c)
{
    if (c == 0)
        return -1;
    const char *at = strchr(base64_alphabet, c);
    return at == NULL ? -1 : (int)(at - base64_alphabet);
}

enum status base64_read(struct span text, uint8_t *out, size_t cap, size_t *len)
{
    uint32_t bits = 0;
    unsigned digits = 0, padding = 0;
    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        int value = c == '=' ? 0 : base64_digit(c);
        if (value < 0 || (c != '=' && padding != 0) || padding > 2)
            return STATUS_MALFORMED;
        padding += c == '=';
        bits = bits << 6 | (uint32_t)value;
        if (++digits % 4 != 0)
            continue;
        size_t bytes = 3 - padding;
        if (padding > 2 || *len + bytes > cap)
            return padding > 2 ? STATUS_MALFORMED : STATUS_TOO_LARGE;
        for (size_t k = 0; k < bytes; k++)
            out[(*len)++] = (uint8_t)(bits >> (16 - 8 * k));
        bits = 0;
    }
    return digits % 4 == 0 ? STATUS_OK : STATUS_MALFORMED;
}

/* Where the digits of each byte of a UUID stand in its text. */
static const uint8_t uuid_places[UUID_BYTES] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

void uuid_write(const uint8_t uuid[UUID_BYTES], char text[UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < UUID_BYTES; i++) {
        char *at = text + uuid_places[i];
        at[0] = digits[uuid[i] >> 4];
        at[1] = digits[uuid[i] & 15];
    }
    text[8] = text[13] = text[18] = text[23] = '-';
    text[UUID_TEXT] = 0;
}

enum status uuid_read(struct span text, uint8_t uuid[UUID_BYTES])
{
    unsigned good = DIGIT;
    if (text.len != UUID_TEXT || text.ptr[8] != '-' || text.ptr[13] != '-' || text.ptr[18] != '-' ||
        text.ptr[23] != '-')
        return STATUS_MALFORMED;
    for (size_t i = 0; i < UUID_BYTES; i++)
        uuid[i] = hex_byte(text.ptr + uuid_places[i], &good);
    return good == DIGIT ? STATUS_OK : STATUS_MALFORMED;
}

bool utf8_valid(struct span text)
{
    size_t i = 0;
    while (i < text.len) {
        uint64_t word;
        /* Eight bytes of ASCII at once: no high bit, and none is zero. */
        if (text.len - i >= 8) {
            memcpy(&word, text.ptr + i, 8);
            if ((word & 0x8080808080808080u) == 0 &&
                ((word - 0x0101010101010101u) & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        uint8_t c = text.ptr[i];
        if (c == 0)
            return false;
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || i + more >= text.len)
            return false;
        uint32_t point = (uint32_t)(c & (0x3f >> more));
        for (size_t k = 1; k <= more; k++) {
            if ((text.ptr[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (text.ptr[i + k] & 0x3f);
        }
        static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
        if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

enum status number_read(struct span text, uint64_t max, uint64_t *out)
{
    if (text.len == 0 || text.len > 19)
        return STATUS_MALFORMED;
    uint64_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return STATUS_MALFORMED;
        v = v * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (v > max)
        return STATUS_TOO_LARGE;
    *out = v;
    return STATUS_OK;
}

void time_write(int64_t unix_s, char text[TIME_TEXT + 1])
{
    /* Days to civil date by 400-year eras of 146,097 days that begin on 1 March; no time zone, no C library
     * state. */
    if (unix_s < 0 || unix_s > 253402300799)
        unix_s = 0;
    uint32_t days = (uint32_t)(unix_s / 86400), rest = (uint32_t)(unix_s % 86400);
    uint32_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint32_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    uint32_t year = yoe + era * 400 + (month <= 2);
    snprintf(text, TIME_TEXT + 1, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000, month % 100, day % 100,
             rest / 3600 % 100, rest / 60 % 60, rest % 60);
}

bool line_next(struct span *text, struct span *line)
{
    if (text->len == 0)
        return false;
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->ptr);
    size_t taken = len + (end != NULL);
    *line = span_of(text->ptr, len);
    *text = span_of(text->ptr + taken, text->len - taken);
    return true;
}
