/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
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
    if (text.len != 2 * len)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.ptr[2 * i]);
        int low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return STATUS_MALFORMED;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return STATUS_OK;
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

void uuid_write(const uint8_t uuid[UUID_BYTES], char text[UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[uuid[i] >> 4];
        *at++ = digits[uuid[i] & 15];
    }
    *at = 0;
}

enum status uuid_read(struct span text, uint8_t uuid[UUID_BYTES])
{
    if (text.len != UUID_TEXT)
        return STATUS_MALFORMED;
    const uint8_t *at = text.ptr;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*at++ != '-')
                return STATUS_MALFORMED;
        }
        int high = hex_digit(at[0]), low = hex_digit(at[1]);
        if (high < 0 || low < 0)
            return STATUS_MALFORMED;
        uuid[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return STATUS_OK;
}

bool utf8_valid(struct span text)
{
    size_t i = 0;
    while (i < text.len) {
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
