/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_write.h"

#include <bearssl_hash.h>

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/random.h"

/* bytes; all names of one certificate, and the part of it that is signed */
#define NAMES_MAX      1000
#define BODY_MAX       2700
#define KEY_IDENTIFIER 20

/* A wish with its keys at hand. */
struct parts {
    const struct x509_wish *wish;
    struct span public_key; /* that is certified */
    struct span signer_key; /* the public half of the one that signs */
};

static void add_algorithm(struct buf *out, const struct keypair *key)
{
    size_t at = der_begin(out, DER_SEQUENCE);
    if (key->kind == KEYPAIR_RSA) {
        der_add(out, DER_OID,
                span_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9)); /* sha256WithRSAEncryption */
        der_add(out, DER_NULL, span_of("", 0));
    } else {
        der_add(out, DER_OID, span_of("\x2a\x86\x48\xce\x3d\x04\x03\x02", 8)); /* ecdsa-with-SHA256 */
    }
    der_end(out, at);
}

static void add_name(struct buf *out, const char *common_name)
{
    size_t name = der_begin(out, DER_SEQUENCE);
    size_t set = der_begin(out, DER_SET);
    size_t pair = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_OID, span_of("\x55\x04\x03", 3));
    der_add(out, DER_UTF8, span_of_text(common_name));
    der_end(out, pair);
    der_end(out, set);
    der_end(out, name);
}

/* RFC 5280 s4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
static void add_time(struct buf *out, int64_t unix_s)
{
    char text[TIME_TEXT + 1], packed[16];
    time_write(unix_s, text);
    size_t n = 0;
    for (const char *c = text; *c != 0; c++)
        if (*c != '-' && *c != ':' && *c != 'T')
            packed[n++] = *c;
    if (memcmp(packed, "2050", 4) < 0)
        der_add(out, DER_UTC_TIME, span_of(packed + 2, n - 2));
    else
        der_add(out, DER_GENERALIZED_TIME, span_of(packed, n));
}

static void add_extension(struct buf *out, const char *oid, bool critical, struct span value)
{
    size_t at = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_OID, span_of(oid, 3));
    if (critical)
        der_add(out, DER_BOOLEAN, span_of("\xff", 1));
    der_add(out, DER_OCTET_STRING, value);
    der_end(out, at);
}

/* Twenty bytes that tell keys apart (RFC 5280 s4.2.1.2 leaves the method open). */
static void key_identifier(struct span public_key, uint8_t out[KEY_IDENTIFIER])
{
    uint8_t hash[SHA256_BYTES];
    sha256(public_key, hash);
    memcpy(out, hash, KEY_IDENTIFIER);
}

static void add_key_identifiers(struct buf *out, const struct parts *p)
{
    uint8_t bytes[4 + KEY_IDENTIFIER] = {DER_SEQUENCE, 2 + KEY_IDENTIFIER, 0x80, KEY_IDENTIFIER};
    if (p->wish->use == X509_AUTHORITY) {
        key_identifier(p->public_key, bytes + 4);
        bytes[2] = DER_OCTET_STRING;
        add_extension(out, "\x55\x1d\x0e", false, span_of(bytes + 2, 2 + KEY_IDENTIFIER));
    } else if (p->wish->issuer_name != NULL) {
        key_identifier(p->signer_key, bytes + 4);
        add_extension(out, "\x55\x1d\x23", false, span_of(bytes, sizeof bytes));
    }
}

static void add_alternatives(struct buf *out, const struct x509_wish *wish)
{
    uint8_t names[NAMES_MAX];
    struct buf san = buf_over(names, sizeof names);
    bool has_names = wish->dns_names != NULL && wish->dns_names[0] != NULL;
    if (!has_names && wish->address_count == 0)
        return;
    size_t at = der_begin(&san, DER_SEQUENCE);
    for (const char *const *name = wish->dns_names; has_names && *name != NULL; name++)
        der_add(&san, 0x82, span_of_text(*name)); /* dNSName, RFC 5280 s4.2.1.6 */
    for (size_t i = 0; i < wish->address_count; i++)
        der_add(&san, 0x87, wish->addresses[i]); /* iPAddress */
    der_end(&san, at);
    if (san.full)
        out->full = true;
    add_extension(out, "\x55\x1d\x11", false, buf_span(&san));
}

static void add_extensions(struct buf *out, const struct parts *p)
{
    static const struct span constraints[] = {{(const uint8_t *)"\x30\x00", 2},
                                              {(const uint8_t *)"\x30\x00", 2}, /* no CA */
                                              {(const uint8_t *)"\x30\x06\x01\x01\xff\x02\x01\x00", 8}};
    static const struct span usages[] = {
        {(const uint8_t *)"\x03\x02\x05\xa0", 4}, /* digitalSignature, keyEncipherment */
        {(const uint8_t *)"\x03\x02\x05\xa0", 4},
        {(const uint8_t *)"\x03\x02\x02\x04", 4}}; /* keyCertSign */
    static const struct span extended[] = {
        {(const uint8_t *)"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12},  /* id-kp-serverAuth */
        {(const uint8_t *)"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 12}}; /* id-kp-clientAuth */
    enum x509_use use = p->wish->use;
    size_t list = der_begin(out, DER_SEQUENCE);
    add_extension(out, "\x55\x1d\x13", true, constraints[use]);
    add_extension(out, "\x55\x1d\x0f", true, usages[use]);
    if (use != X509_AUTHORITY)
        add_extension(out, "\x55\x1d\x25", false, extended[use]);
    add_alternatives(out, p->wish);
    add_key_identifiers(out, p);
    der_end(out, list);
}

static void add_subject(struct buf *out, const struct x509_wish *wish)
{
    if (wish->subject.len != 0)
        buf_add(out, wish->subject.ptr, wish->subject.len);
    else
        add_name(out, wish->common_name);
}

static void add_body(struct buf *out, const struct parts *p, const struct keypair *key)
{
    const struct x509_wish *wish = p->wish;
    uint8_t serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, 16 bytes: RFC 5280 s4.1.2.2 allows 20 */
    size_t body = der_begin(out, DER_SEQUENCE);
    size_t version = der_begin(out, DER_CONTEXT_0);
    der_add(out, DER_INTEGER, span_of("\x02", 1));
    der_end(out, version);
    der_add(out, DER_INTEGER, span_of(serial, sizeof serial));
    add_algorithm(out, key);
    if (wish->issuer_name != NULL)
        add_name(out, wish->issuer_name);
    else
        add_subject(out, wish);
    size_t validity = der_begin(out, DER_SEQUENCE);
    add_time(out, wish->not_before_s);
    add_time(out, wish->not_after_s);
    der_end(out, validity);
    add_subject(out, wish);
    buf_add(out, p->public_key.ptr, p->public_key.len);
    size_t context = der_begin(out, DER_CONTEXT_3);
    add_extensions(out, p);
    der_end(out, context);
    der_end(out, body);
}

/* RFC 2986 s4.1; the extensions are an attribute, RFC 2985 s5.4.2. */
static void add_request_body(struct buf *out, const struct parts *p)
{
    size_t body = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_INTEGER, span_of("\x00", 1));
    add_subject(out, p->wish);
    buf_add(out, p->public_key.ptr, p->public_key.len);
    size_t attributes = der_begin(out, DER_CONTEXT_0);
    size_t attribute = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_OID, span_of("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9)); /* extensionRequest */
    size_t values = der_begin(out, DER_SET);
    add_extensions(out, p);
    der_end(out, values);
    der_end(out, attribute);
    der_end(out, attributes);
    der_end(out, body);
}

static enum status add_signature(struct buf *out, struct span body, const struct keypair *key)
{
    uint8_t hash[SHA256_BYTES], signature[512];
    size_t len;
    sha256(body, hash);
    if (key->kind == KEYPAIR_RSA) {
        len = (key->rsa.n_bitlen + 7) / 8;
        if (!br_rsa_pkcs1_sign_get_default()(BR_HASH_OID_SHA256, hash, sizeof hash, &key->rsa, signature))
            return STATUS_FAILED;
    } else {
        len = br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, hash, &key->ec,
                                               signature);
        if (len == 0)
            return STATUS_FAILED;
    }
    size_t bits = der_begin(out, DER_BIT_STRING);
    buf_add(out, "\0", 1);
    buf_add(out, signature, len);
    der_end(out, bits);
    return STATUS_OK;
}

static enum status write_signed(const struct x509_wish *wish, const struct keypair *key, bool request,
                                struct buf *out)
{
    uint8_t body_bytes[BODY_MAX], key_bytes[600];
    struct buf body = buf_over(body_bytes, sizeof body_bytes), own = buf_over(key_bytes, sizeof key_bytes);
    if (keypair_write_public(key, &own) != STATUS_OK)
        return STATUS_NO_SPACE;
    struct parts parts = {.wish = wish,
                          .signer_key = buf_span(&own),
                          .public_key = wish->public_key.len != 0 ? wish->public_key : buf_span(&own)};
    if (request)
        add_request_body(&body, &parts);
    else
        add_body(&body, &parts, key);
    if (body.full)
        return STATUS_NO_SPACE;
    size_t outer = der_begin(out, DER_SEQUENCE);
    buf_add(out, body.ptr, body.len);
    add_algorithm(out, key);
    enum status status = add_signature(out, buf_span(&body), key);
    der_end(out, outer);
    if (status == STATUS_OK && out->full)
        status = STATUS_NO_SPACE;
    return status;
}

enum status x509_write_certificate(const struct x509_wish *wish, const struct keypair *key, struct buf *out)
{
    return write_signed(wish, key, false, out);
}

enum status x509_write_request(const struct x509_wish *wish, const struct keypair *key, struct buf *out)
{
    return write_signed(wish, key, true, out);
}
