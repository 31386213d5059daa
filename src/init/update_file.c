/* SPDX-License-Identifier: Apache-2.0 */
#include "init/update_file.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "init/files.h"

#define PEM_ROOM 4096

/* ---- the keys ---- */

enum status update_key_read(struct span pem, struct rsa_public *out)
{
    uint8_t der[1024];
    size_t len;
    struct span label;
    if (pem_next(&pem, &label, der, sizeof der, &len) != STATUS_OK ||
        !span_equal(label, span_of_text("PUBLIC KEY")) || spki_read_rsa(span_of(der, len), out) != STATUS_OK)
        return STATUS_MALFORMED;
    if (out->modulus_len != UPDATE_KEY_LEN || out->modulus[0] < 0x80 ||
        !span_equal(span_of(out->exponent, out->exponent_len), span_of("\1\0\1", 3)))
        return STATUS_REFUSED;
    return STATUS_OK;
}

bool update_keys_read(struct update_keys *keys, const char *folder, char *why, size_t cap)
{
    bool any = false;
    memset(keys, 0, sizeof *keys);
    for (unsigned i = 0; i < UPDATE_KEYS; i++) {
        char path[200], text[PEM_ROOM];
        struct buf pem = buf_over(text, sizeof text);
        snprintf(path, sizeof path, "%s/release-%u.pem", folder, i + 1);
        keys->known[i] = file_read(path, &pem) == STATUS_OK &&
                         update_key_read(buf_span(&pem), &keys->keys[i]) == STATUS_OK;
        any = any || keys->known[i];
    }
    if (!any)
        snprintf(why, cap, "this image has no release key, so no update can be checked; flash the box anew");
    return any;
}

unsigned update_signed_by(const struct update_keys *keys, const uint8_t head[UPDATE_HEAD])
{
    uint8_t hash[SHA256_BYTES];
    sha256(span_of(head, UPDATE_SIGNED), hash);
    for (unsigned i = 0; i < UPDATE_KEYS; i++)
        if (keys->known[i] &&
            rsa_verify_sha256(&keys->keys[i], span_of(head + UPDATE_SIGNED, UPDATE_KEY_LEN), hash))
            return i + 1;
    return 0;
}

/* ---- versions ---- */

/* Digits without leading zeros, at most 9. */
static bool take_number(struct span *in, uint64_t *out)
{
    size_t n = 0;
    while (n < in->len && in->ptr[n] >= '0' && in->ptr[n] <= '9')
        n++;
    if (n == 0 || n > 9 || (n > 1 && in->ptr[0] == '0') ||
        number_read(span_of(in->ptr, n), 999999999, out) != STATUS_OK)
        return false;
    *in = span_of(in->ptr + n, in->len - n);
    return true;
}

static bool take_version(struct span text, uint64_t part[3], struct span *pre)
{
    *pre = span_of(NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        if (!take_number(&text, &part[i]))
            return false;
        if (i < 2 && (text.len == 0 || text.ptr[0] != '.'))
            return false;
        if (i < 2)
            text = span_of(text.ptr + 1, text.len - 1);
    }
    if (text.len == 0)
        return true;
    *pre = span_of(text.ptr + 1, text.len - 1);
    if (text.ptr[0] != '-' || pre->len == 0 || pre->len > 15)
        return false;
    for (size_t i = 0; i < pre->len; i++) {
        uint8_t c = pre->ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.')
            return false;
    }
    return true;
}

bool version_valid(struct span version)
{
    uint64_t part[3];
    struct span pre;
    return version.len < VERSION_MAX && take_version(version, part, &pre);
}

/* Runs of digits by their value, the rest by letters: rc9 before rc10. */
static int compare_pre(struct span a, struct span b)
{
    while (a.len != 0 && b.len != 0) {
        uint64_t x = 0, y = 0;
        bool digits = *a.ptr >= '0' && *a.ptr <= '9' && *b.ptr >= '0' && *b.ptr <= '9';
        if (!digits) {
            if (*a.ptr != *b.ptr)
                return *a.ptr < *b.ptr ? -1 : 1;
            a = span_of(a.ptr + 1, a.len - 1);
            b = span_of(b.ptr + 1, b.len - 1);
            continue;
        }
        for (; a.len != 0 && *a.ptr >= '0' && *a.ptr <= '9'; a = span_of(a.ptr + 1, a.len - 1))
            x = 10 * x + *a.ptr - '0'; /* 15 digits at the most */
        for (; b.len != 0 && *b.ptr >= '0' && *b.ptr <= '9'; b = span_of(b.ptr + 1, b.len - 1))
            y = 10 * y + *b.ptr - '0';
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.len != 0) - (b.len != 0);
}

int version_compare(const char *a, const char *b)
{
    uint64_t x[3] = {0}, y[3] = {0};
    struct span pre_x, pre_y;
    bool good_x = take_version(span_of_text(a), x, &pre_x), good_y = take_version(span_of_text(b), y, &pre_y);
    if (!good_x || !good_y)
        return good_x - good_y;
    for (size_t i = 0; i < 3; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    if (pre_x.len == 0 || pre_y.len == 0)
        return (pre_x.len == 0) - (pre_y.len == 0);
    return compare_pre(pre_x, pre_y);
}

/* ---- the text ---- */

static bool malformed(const char *what, char *why, size_t cap)
{
    snprintf(why, cap, "the file's head is not as it must be (%s): it is of another format", what);
    return false;
}

/* The value of the next line, when that has this name. */
static bool take_line(struct span *text, const char *name, struct span *value)
{
    size_t len = strlen(name);
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->ptr, '\n', text->len);
    if (end == NULL)
        return false;
    size_t line = (size_t)(end - text->ptr);
    if (line < len + 2 || memcmp(text->ptr, name, len) != 0 || text->ptr[len] != ' ')
        return false;
    *value = span_of(text->ptr + len + 1, line - len - 1);
    for (size_t i = 0; i < value->len; i++)
        if (value->ptr[i] < ' ' || value->ptr[i] > '~')
            return false;
    *text = span_of(end + 1, text->len - line - 1);
    return true;
}

static bool keep(char *out, size_t cap, struct span value)
{
    if (value.len >= cap)
        return false;
    memcpy(out, value.ptr, value.len);
    out[value.len] = 0;
    return true;
}

static bool board_fits(struct span board)
{
    for (size_t i = 0; i < board.len; i++) {
        uint8_t c = board.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return board.len < UPDATE_BOARD;
}

/* A decimal number without leading zeros, 1 to most. */
static bool keep_number(struct span value, uint64_t most, uint64_t *out)
{
    return take_number(&value, out) && value.len == 0 && *out >= 1 && *out <= most;
}

static bool lower_hex(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] >= 'A' && value.ptr[i] <= 'F')
            return false;
    return true;
}

static bool read_fields(struct span *text, struct update_head *out, const char **bad)
{
    struct span value;
    uint64_t epoch;
    *bad = "version";
    if (!take_line(text, "version", &value) || !version_valid(value) ||
        !keep(out->version, sizeof out->version, value))
        return false;
    *bad = "board";
    if (!take_line(text, "board", &value) || !board_fits(value) ||
        !keep(out->board, sizeof out->board, value))
        return false;
    *bad = "arch";
    if (!take_line(text, "arch", &value) || !keep(out->arch, sizeof out->arch, value) ||
        (strcmp(out->arch, "x86_64") != 0 && strcmp(out->arch, "aarch64") != 0))
        return false;
    *bad = "epoch";
    if (!take_line(text, "epoch", &value) || !keep_number(value, 65535, &epoch))
        return false;
    out->epoch = (uint32_t)epoch;
    *bad = "size";
    if (!take_line(text, "size", &value) || !keep_number(value, UPDATE_MAX, &out->size))
        return false;
    *bad = "sha256";
    if (!take_line(text, "sha256", &value) || !lower_hex(value) ||
        hex_read(value, out->sha256, sizeof out->sha256) != STATUS_OK)
        return false;
    *bad = "notes";
    out->notes[0] = 0;
    return !take_line(text, "notes", &value) || keep(out->notes, sizeof out->notes, value);
}

bool update_head_read(const uint8_t head[UPDATE_HEAD], struct update_head *out, char *why, size_t cap)
{
    static const char first[] = "holdfast-update 1\n", end[] = "end\n";
    struct span text = span_of(head, UPDATE_SIGNED);
    const char *bad = "end";
    memset(out, 0, sizeof *out);
    if (memcmp(text.ptr, first, sizeof first - 1) != 0)
        return malformed("holdfast-update 1", why, cap);
    text = span_of(text.ptr + sizeof first - 1, text.len - (sizeof first - 1));
    if (!read_fields(&text, out, &bad))
        return malformed(bad, why, cap);
    if (text.len < sizeof end - 1 || memcmp(text.ptr, end, sizeof end - 1) != 0)
        return malformed("end", why, cap);
    for (size_t i = sizeof end - 1; i < text.len; i++)
        if (text.ptr[i] != '\n')
            return malformed("behind end", why, cap);
    for (size_t i = UPDATE_SIGNED + UPDATE_KEY_LEN; i < UPDATE_HEAD; i++)
        if (head[i] != 0)
            return malformed("behind the signature", why, cap);
    return true;
}

bool update_allowed(const struct update_head *head, const struct update_self *self, char *why, size_t cap)
{
    if (strcmp(head->board, self->board) != 0)
        snprintf(why, cap, "the update is for board %s, this box is %s", head->board, self->board);
    else if (strcmp(head->arch, self->arch) != 0)
        snprintf(why, cap, "the update is for %s, this box is %s", head->arch, self->arch);
    else if (head->epoch < self->epoch)
        snprintf(why, cap,
                 "version %s has security epoch %u, this box %u: it has flaws that were closed since, and is "
                 "refused",
                 head->version, head->epoch, self->epoch);
    else
        return true;
    return false;
}
