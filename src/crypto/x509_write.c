/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_write.h"

#include <bearssl_hash.h>

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/random.h"

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

static void add_extensions(struct buf *out, const struct x509_wish *wish)
{
    size_t context = der_begin(out, DER_CONTEXT_3);
    size_t list = der_begin(out, DER_SEQUENCE);
    add_extension(out, "\x55\x1d\x13", true, span_of("\x30\x00", 2)); /* Basic Constraints: no CA */
    add_extension(out, "\x55\x1d\x0f", true,
                  span_of("\x03\x02\x05\xa0", 4)); /* digitalSignature, keyEncipherment */
    add_extension(out, "\x55\x1d\x25", false,
                  span_of("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12)); /* id-kp-serverAuth */
    uint8_t names[600];
    struct buf san = buf_over(names, sizeof names);
    size_t at = der_begin(&san, DER_SEQUENCE);
    for (const char *const *name = wish->dns_names; *name != NULL; name++)
        der_add(&san, 0x82, span_of_text(*name)); /* dNSName, RFC 5280 s4.2.1.6 */
    for (size_t i = 0; i < wish->address_count; i++)
        der_add(&san, 0x87, wish->addresses[i]); /* iPAddress */
    der_end(&san, at);
    if (san.full)
        out->full = true;
    add_extension(out, "\x55\x1d\x11", false, buf_span(&san));
    der_end(out, list);
    der_end(out, context);
}

static void add_body(struct buf *out, const struct x509_wish *wish, const struct keypair *key)
{
    uint8_t serial[16];
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, 16 bytes: RFC 5280 s4.1.2.2 allows 20 */
    size_t body = der_begin(out, DER_SEQUENCE);
    size_t version = der_begin(out, DER_CONTEXT_0);
    der_add(out, DER_INTEGER, span_of("\x02", 1));
    der_end(out, version);
    der_add(out, DER_INTEGER, span_of(serial, sizeof serial));
    add_algorithm(out, key);
    add_name(out, wish->common_name);
    size_t validity = der_begin(out, DER_SEQUENCE);
    add_time(out, wish->not_before_s);
    add_time(out, wish->not_after_s);
    der_end(out, validity);
    add_name(out, wish->common_name);
    if (keypair_write_public(key, out) != STATUS_OK)
        out->full = true;
    add_extensions(out, wish);
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

enum status x509_write_self_signed(const struct x509_wish *wish, const struct keypair *key, struct buf *out)
{
    uint8_t body_bytes[1400];
    struct buf body = buf_over(body_bytes, sizeof body_bytes);
    add_body(&body, wish, key);
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
