/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_key.h"

#include <bearssl_hash.h>

#include "crypto/der.h"

static bool take(struct span *in, uint8_t wanted, struct span *content)
{
    uint8_t tag;
    return der_next(in, &tag, content) == STATUS_OK && tag == wanted;
}

/* An INTEGER that is positive, without leading zeros. */
static bool take_positive(struct span *in, struct span *number)
{
    if (!take(in, DER_INTEGER, number) || number->len == 0 || number->ptr[0] >= 0x80)
        return false;
    while (number->len > 1 && number->ptr[0] == 0)
        *number = span_of(number->ptr + 1, number->len - 1);
    return number->ptr[0] != 0;
}

/* RFC 8017 A.1.1 */
static enum status read_rsa(struct span bits, struct x509_key *out)
{
    struct span numbers, n, e;
    if (!take(&bits, DER_SEQUENCE, &numbers) || bits.len != 0 || !take_positive(&numbers, &n) ||
        !take_positive(&numbers, &e) || numbers.len != 0)
        return STATUS_MALFORMED;
    unsigned count = (unsigned)n.len * 8;
    for (unsigned high = n.ptr[0]; high < 0x80; high <<= 1)
        count--;
    if (count < 1024 || count > 4096 || e.len > 4)
        return STATUS_NOT_FOUND;
    out->kind = KEYPAIR_RSA;
    out->bits = count;
    out->rsa = (br_rsa_public_key){.n = (unsigned char *)(uintptr_t)n.ptr,
                                   .nlen = n.len,
                                   .e = (unsigned char *)(uintptr_t)e.ptr,
                                   .elen = e.len};
    return STATUS_OK;
}

/* RFC 5480 s2.1.1.1, s2.2: an uncompressed point. */
static enum status read_ec(struct span curve, struct span bits, struct x509_key *out)
{
    static const struct {
        const char *oid;
        size_t oid_len, point;
        int curve;
        unsigned bits;
    } known[] = {{"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, 65, BR_EC_secp256r1, 256},
                 {"\x2b\x81\x04\x00\x22", 5, 97, BR_EC_secp384r1, 384},
                 {"\x2b\x81\x04\x00\x23", 5, 133, BR_EC_secp521r1, 521}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!span_equal(curve, span_of(known[i].oid, known[i].oid_len)))
            continue;
        if (bits.len != known[i].point || bits.ptr[0] != 4)
            return STATUS_MALFORMED;
        out->kind = KEYPAIR_EC;
        out->bits = known[i].bits;
        out->ec = (br_ec_public_key){
            .curve = known[i].curve, .q = (unsigned char *)(uintptr_t)bits.ptr, .qlen = bits.len};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

enum status x509_key_read(struct span public_key, struct x509_key *out)
{
    struct span outer, algorithm, oid, bits, curve;
    *out = (struct x509_key){.kind = KEYPAIR_NONE};
    if (!take(&public_key, DER_SEQUENCE, &outer) || public_key.len != 0 ||
        !take(&outer, DER_SEQUENCE, &algorithm) || !take(&algorithm, DER_OID, &oid) ||
        !take(&outer, DER_BIT_STRING, &bits) || outer.len != 0 || bits.len < 2 || bits.ptr[0] != 0)
        return STATUS_MALFORMED;
    bits = span_of(bits.ptr + 1, bits.len - 1);
    if (span_equal(oid, span_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9))) /* rsaEncryption */
        return read_rsa(bits, out);
    if (!span_equal(oid, span_of("\x2a\x86\x48\xce\x3d\x02\x01", 7))) /* id-ecPublicKey */
        return STATUS_NOT_FOUND;
    return take(&algorithm, DER_OID, &curve) ? read_ec(curve, bits, out) : STATUS_NOT_FOUND;
}

void x509_key_write(const struct x509_key *key, struct buf *out)
{
    if (key->kind == KEYPAIR_NONE)
        buf_add_text(out, "of another kind");
    else
        buf_print(out, "%s%u", key->kind == KEYPAIR_RSA ? "RSA " : "ECDSA P-", key->bits);
}

/* ---- signatures ---- */

struct algorithm {
    const char *oid;
    size_t oid_len;
    enum keypair_kind kind;
    const br_hash_class *hash;
    const unsigned char *hash_oid;
};

/* RFC 8017 A.2.4, RFC 5758 s3.2 */
static const struct algorithm *find_algorithm(struct span identifier)
{
    static const struct algorithm known[] = {
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9, KEYPAIR_RSA, &br_sha256_vtable, BR_HASH_OID_SHA256},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", 9, KEYPAIR_RSA, &br_sha384_vtable, BR_HASH_OID_SHA384},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 9, KEYPAIR_RSA, &br_sha512_vtable, BR_HASH_OID_SHA512},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8, KEYPAIR_EC, &br_sha256_vtable, NULL},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x03", 8, KEYPAIR_EC, &br_sha384_vtable, NULL},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x04", 8, KEYPAIR_EC, &br_sha512_vtable, NULL},
    };
    struct span oid;
    if (!take(&identifier, DER_OID, &oid))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (span_equal(oid, span_of(known[i].oid, known[i].oid_len)))
            return &known[i];
    return NULL;
}

enum status x509_signature_check(struct span identifier, struct span body, struct span signature,
                                 const struct x509_key *key)
{
    const struct algorithm *a = find_algorithm(identifier);
    br_hash_compat_context hash;
    uint8_t digest[64], found[64];
    if (a == NULL || key->kind == KEYPAIR_NONE)
        return STATUS_NOT_FOUND;
    if (a->kind != key->kind || signature.len < 2 || signature.ptr[0] != 0) /* no unused bits */
        return STATUS_REFUSED;
    const unsigned char *bytes = signature.ptr + 1;
    size_t len = signature.len - 1, hash_len = (a->hash->desc >> BR_HASHDESC_OUT_OFF) & BR_HASHDESC_OUT_MASK;
    a->hash->init(&hash.vtable);
    a->hash->update(&hash.vtable, body.ptr, body.len);
    a->hash->out(&hash.vtable, digest);
    if (key->kind == KEYPAIR_EC)
        return br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), digest, hash_len, &key->ec, bytes, len)
                   ? STATUS_OK
                   : STATUS_REFUSED;
    bool good = br_rsa_pkcs1_vrfy_get_default()(bytes, len, a->hash_oid, hash_len, &key->rsa, found) &&
                memcmp(found, digest, hash_len) == 0;
    return good ? STATUS_OK : STATUS_REFUSED;
}
