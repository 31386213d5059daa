/* SPDX-License-Identifier: Apache-2.0 */
#include "server/refused.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"

/* digits of a fingerprint that tell one certificate from the others */
#define PREFIX_LEAST 6
#define PREFIX_SHOWN 8

void refused_keep(struct refused *r, struct span der, const uint8_t sha256[SHA256_BYTES], const char *address,
                  int64_t unix_s)
{
    struct refused_certificate *place = &r->list[0];
    if (der.len == 0 || der.len > CERTIFICATE_MAX)
        return;
    for (size_t i = 0; i < REFUSED_CERTIFICATES; i++) {
        struct refused_certificate *c = &r->list[i];
        if (c->serial != 0 && memcmp(c->sha256, sha256, SHA256_BYTES) == 0) {
            place = c;
            break;
        }
        if (c->serial < place->serial)
            place = c;
    }
    place->serial = ++r->serial;
    place->unix_s = unix_s;
    place->der_len = (uint16_t)der.len;
    memcpy(place->der, der.ptr, der.len);
    memcpy(place->sha256, sha256, SHA256_BYTES);
    snprintf(place->address, sizeof place->address, "%s", address);
}

/* The digits of a prefix, lower case and without colons; 0 when it has anything else. */
static size_t read_prefix(struct span text, char out[2 * SHA256_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == ':')
            continue;
        if (c >= 'A' && c <= 'F')
            c = (uint8_t)(c - 'A' + 'a');
        if (len == 2 * SHA256_BYTES || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return 0;
        out[len++] = (char)c;
    }
    return len;
}

const struct refused_certificate *refused_find(const struct refused *r, struct span prefix, const char **why)
{
    char digits[2 * SHA256_BYTES], print[2 * SHA256_BYTES + 2];
    const struct refused_certificate *found = NULL;
    size_t len = read_prefix(prefix, digits);
    *why = "the beginning of a SHA-256 is 6 to 64 hexadecimal digits; see: show refused";
    if (len < PREFIX_LEAST)
        return NULL;
    *why = "no certificate with this fingerprint was refused lately; see: show refused";
    for (size_t i = 0; i < REFUSED_CERTIFICATES; i++) {
        const struct refused_certificate *c = &r->list[i];
        hex_write(span_of(c->sha256, SHA256_BYTES), 0, false, print, sizeof print);
        if (c->serial == 0 || memcmp(print, digits, len) != 0)
            continue;
        if (found != NULL) {
            *why = "more than one fingerprint begins so; type more of it, see: show refused";
            return NULL;
        }
        found = c;
    }
    return found;
}

void refused_forget(struct refused *r, const struct refused_certificate *certificate)
{
    for (size_t i = 0; i < REFUSED_CERTIFICATES; i++)
        if (&r->list[i] == certificate)
            r->list[i].serial = 0;
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

void refused_name(const struct refused_certificate *c, bool from_certificate, char out[NAME_MAX_BYTES + 1])
{
    struct x509_facts facts;
    char print[2 * SHA256_BYTES + 2];
    size_t len = 0;
    if (from_certificate && x509_read(span_of(c->der, c->der_len), &facts) == STATUS_OK)
        for (; len < facts.subject_name.len && len < NAME_MAX_BYTES; len++)
            out[len] = (char)(is_plain(facts.subject_name.ptr[len]) ? facts.subject_name.ptr[len] : '-');
    out[len] = 0;
    if (len != 0)
        return;
    hex_write(span_of(c->sha256, SHA256_BYTES), 0, false, print, sizeof print);
    snprintf(out, NAME_MAX_BYTES + 1, "client-%.*s", PREFIX_SHOWN, print);
}

static void write_one(const struct refused_certificate *c, struct buf *out)
{
    struct x509_facts facts;
    char when[TIME_TEXT + 1], print[2 * SHA256_BYTES + 2], subject[200];
    struct buf name = buf_over(subject, sizeof subject);
    time_write(c->unix_s, when);
    hex_write(span_of(c->sha256, SHA256_BYTES), 0, false, print, sizeof print);
    buf_print(out, "%s  %s\n", when, c->address);
    if (x509_read(span_of(c->der, c->der_len), &facts) == STATUS_OK)
        x509_write_name(facts.subject, &name);
    buf_print(out, "  subject  %.60s\n  sha256   %.*s...\n  to enrol it: client accept %.*s\n",
              name.len == 0 ? "none" : subject, 2 * PREFIX_SHOWN, print, PREFIX_SHOWN, print);
}

void refused_write(const struct refused *r, struct buf *out)
{
    uint64_t below = UINT64_MAX;
    for (size_t k = 0; k < REFUSED_CERTIFICATES; k++) {
        const struct refused_certificate *newest = NULL;
        for (size_t i = 0; i < REFUSED_CERTIFICATES; i++) {
            const struct refused_certificate *c = &r->list[i];
            if (c->serial != 0 && c->serial < below && (newest == NULL || c->serial > newest->serial))
                newest = c;
        }
        if (newest == NULL)
            return;
        write_one(newest, out);
        below = newest->serial;
    }
}
