/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_read.h"

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/x509_key.h"

/* The next element if it has this tag; anything else is malformed. */
static enum status take(struct span *in, uint8_t wanted, struct span *content)
{
    uint8_t tag;
    if (der_next(in, &tag, content) != STATUS_OK || tag != wanted)
        return STATUS_MALFORMED;
    return STATUS_OK;
}

/* The next element with its header. */
static enum status take_whole(struct span *in, uint8_t wanted, struct span *whole)
{
    struct span content;
    const uint8_t *start = in->ptr;
    if (take(in, wanted, &content) != STATUS_OK)
        return STATUS_MALFORMED;
    *whole = span_of(start, (size_t)(in->ptr - start));
    return STATUS_OK;
}

static int64_t days_before(int64_t year, unsigned month)
{
    static const uint16_t days[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - 1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162 + days[month - 1] + (leap && month > 2 ? 1 : 0);
}

/* RFC 5280 s4.1.2.5: UTCTime YYMMDDHHMMSSZ, GeneralizedTime YYYYMMDDHHMMSSZ. */
static enum status read_time(struct span *in, int64_t *out)
{
    uint8_t tag;
    struct span text;
    if (der_next(in, &tag, &text) != STATUS_OK || (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME))
        return STATUS_MALFORMED;
    size_t year_digits = tag == DER_UTC_TIME ? 2 : 4;
    if (text.len != year_digits + 11 || text.ptr[text.len - 1] != 'Z')
        return STATUS_MALFORMED;
    uint64_t year, part[5];
    if (number_read(span_of(text.ptr, year_digits), 9999, &year) != STATUS_OK)
        return STATUS_MALFORMED;
    static const uint8_t most[5] = {12, 31, 23, 59, 60};
    for (size_t i = 0; i < 5; i++)
        if (number_read(span_of(text.ptr + year_digits + 2 * i, 2), most[i], &part[i]) != STATUS_OK)
            return STATUS_MALFORMED;
    if (part[0] == 0 || part[1] == 0)
        return STATUS_MALFORMED;
    if (tag == DER_UTC_TIME)
        year += year < 50 ? 2000 : 1900;
    int64_t days = days_before((int64_t)year, (unsigned)part[0]) + (int64_t)part[1] - 1;
    *out = days * 86400 + (int64_t)(part[2] * 3600 + part[3] * 60 + part[4]);
    return STATUS_OK;
}

/* id-at-commonName, RFC 5280 A.1. */
struct span x509_common_name(struct span name)
{
    struct span set, pair, oid, value;
    uint8_t tag;
    if (take(&name, DER_SEQUENCE, &name) != STATUS_OK)
        return span_of(NULL, 0);
    while (take(&name, DER_SET, &set) == STATUS_OK) {
        if (take(&set, DER_SEQUENCE, &pair) == STATUS_OK && take(&pair, DER_OID, &oid) == STATUS_OK &&
            span_equal(oid, span_of("\x55\x04\x03", 3)) && der_next(&pair, &tag, &value) == STATUS_OK)
            return value;
    }
    return span_of(NULL, 0);
}

/* Behind the public key: unique identifiers that nobody uses, and extensions (RFC 5280 s4.2). */
static void read_extensions(struct span rest, struct x509_facts *out)
{
    struct span list = span_of(NULL, 0), extension, oid, value, constraints;
    uint8_t tag;
    while (der_next(&rest, &tag, &list) == STATUS_OK && tag != DER_CONTEXT_3)
        list = span_of(NULL, 0);
    if (take(&list, DER_SEQUENCE, &list) != STATUS_OK)
        return;
    while (take(&list, DER_SEQUENCE, &extension) == STATUS_OK) {
        if (take(&extension, DER_OID, &oid) != STATUS_OK || der_next(&extension, &tag, &value) != STATUS_OK ||
            (tag == DER_BOOLEAN && der_next(&extension, &tag, &value) != STATUS_OK) ||
            tag != DER_OCTET_STRING || take(&value, DER_SEQUENCE, &constraints) != STATUS_OK)
            continue;
        if (span_equal(oid, span_of("\x55\x1d\x11", 3)))
            out->alternatives = constraints;
        else if (span_equal(oid, span_of("\x55\x1d\x13", 3)))
            out->is_authority =
                take(&constraints, DER_BOOLEAN, &value) == STATUS_OK && value.len == 1 && value.ptr[0] != 0;
    }
}

static enum status read_body(struct span body, struct x509_facts *out)
{
    struct span skipped, validity, peek = body;
    uint8_t tag;
    if (der_next(&peek, &tag, &skipped) == STATUS_OK && tag == DER_CONTEXT_0)
        body = peek;
    if (take(&body, DER_INTEGER, &skipped) != STATUS_OK || take(&body, DER_SEQUENCE, &skipped) != STATUS_OK ||
        take_whole(&body, DER_SEQUENCE, &out->issuer) != STATUS_OK ||
        take(&body, DER_SEQUENCE, &validity) != STATUS_OK ||
        read_time(&validity, &out->not_before_s) != STATUS_OK ||
        read_time(&validity, &out->not_after_s) != STATUS_OK ||
        take_whole(&body, DER_SEQUENCE, &out->subject) != STATUS_OK ||
        take_whole(&body, DER_SEQUENCE, &out->public_key) != STATUS_OK)
        return STATUS_MALFORMED;
    out->subject_name = x509_common_name(out->subject);
    read_extensions(body, out);
    return STATUS_OK;
}

enum status x509_read(struct span der, struct x509_facts *out)
{
    struct span certificate, body;
    *out = (struct x509_facts){.not_after_s = 0};
    if (take(&der, DER_SEQUENCE, &certificate) != STATUS_OK || der.len != 0)
        return STATUS_MALFORMED;
    const uint8_t *start = certificate.ptr;
    if (take(&certificate, DER_SEQUENCE, &body) != STATUS_OK)
        return STATUS_MALFORMED;
    out->body = span_of(start, (size_t)(certificate.ptr - start));
    if (take(&certificate, DER_SEQUENCE, &out->algorithm) != STATUS_OK ||
        take(&certificate, DER_BIT_STRING, &out->signature) != STATUS_OK)
        out->algorithm = out->signature = span_of(NULL, 0);
    return read_body(body, out);
}

enum status x509_check_issuer(const struct x509_facts *certificate, const struct x509_facts *issuer)
{
    struct x509_key key;
    if (!span_equal(certificate->issuer, issuer->subject))
        return STATUS_REFUSED;
    if (x509_key_read(issuer->public_key, &key) != STATUS_OK)
        return STATUS_NOT_FOUND;
    return x509_signature_check(certificate->algorithm, certificate->body, certificate->signature, &key);
}

void x509_thumbprint_sha1(struct span der, char out[SHA1_THUMBPRINT_TEXT + 2])
{
    uint8_t digest[SHA1_BYTES];
    sha1(der, digest);
    hex_write(span_of(digest, sizeof digest), ':', true, out, SHA1_THUMBPRINT_TEXT + 2);
}

void x509_thumbprint_sha256(struct span der, char out[SHA256_THUMBPRINT_TEXT + 2])
{
    uint8_t digest[SHA256_BYTES];
    sha256(der, digest);
    hex_write(span_of(digest, sizeof digest), ':', true, out, SHA256_THUMBPRINT_TEXT + 2);
}
