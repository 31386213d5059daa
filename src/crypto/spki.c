/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/spki.h"

#include <bearssl_hash.h>
#include <bearssl_rsa.h>

#include "crypto/der.h"

static bool take(struct span *in, uint8_t wanted, struct span *content)
{
    uint8_t tag;
    return der_next(in, &tag, content) == STATUS_OK && tag == wanted;
}

/* A positive INTEGER in its shortest form, without the zero that keeps it positive (X.690 s8.3). */
static bool take_unsigned(struct span *in, struct span *out)
{
    if (!take(in, DER_INTEGER, out) || out->len == 0 || out->ptr[0] >= 0x80)
        return false;
    if (out->ptr[0] != 0)
        return true;
    *out = span_of(out->ptr + 1, out->len - 1);
    return out->len != 0 && out->ptr[0] >= 0x80;
}

enum status spki_read_rsa(struct span der, struct rsa_public *out)
{
    struct span all, algorithm, oid, none, bits, key, modulus, exponent;
    *out = (struct rsa_public){.modulus_len = 0};
    if (!take(&der, DER_SEQUENCE, &all) || der.len != 0 || !take(&all, DER_SEQUENCE, &algorithm) ||
        !take(&all, DER_BIT_STRING, &bits) || all.len != 0)
        return STATUS_MALFORMED;
    /* rsaEncryption, and NULL (RFC 3279 s2.3.1) */
    if (!take(&algorithm, DER_OID, &oid) ||
        !span_equal(oid, span_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) ||
        !take(&algorithm, DER_NULL, &none) || none.len != 0 || algorithm.len != 0)
        return STATUS_MALFORMED;
    if (bits.len == 0 || bits.ptr[0] != 0)
        return STATUS_MALFORMED;
    bits = span_of(bits.ptr + 1, bits.len - 1);
    if (!take(&bits, DER_SEQUENCE, &key) || bits.len != 0 || !take_unsigned(&key, &modulus) ||
        !take_unsigned(&key, &exponent) || key.len != 0)
        return STATUS_MALFORMED;
    if (modulus.len > sizeof out->modulus || exponent.len > sizeof out->exponent)
        return STATUS_TOO_LARGE;
    memcpy(out->modulus, modulus.ptr, modulus.len);
    memcpy(out->exponent, exponent.ptr, exponent.len);
    out->modulus_len = modulus.len;
    out->exponent_len = exponent.len;
    return STATUS_OK;
}

bool rsa_verify_sha256(const struct rsa_public *key, struct span signature, const uint8_t hash[SHA256_BYTES])
{
    uint8_t signed_hash[SHA256_BYTES], modulus[RSA_MODULUS_MAX], exponent[8];
    memcpy(modulus, key->modulus, sizeof modulus);
    memcpy(exponent, key->exponent, sizeof exponent);
    br_rsa_public_key pk = {.n = modulus, .nlen = key->modulus_len, .e = exponent, .elen = key->exponent_len};
    if (key->modulus_len == 0 || signature.len != key->modulus_len)
        return false;
    return br_rsa_pkcs1_vrfy_get_default()(signature.ptr, signature.len, BR_HASH_OID_SHA256, SHA256_BYTES,
                                           &pk, signed_hash) == 1 &&
           span_equal(span_of(signed_hash, SHA256_BYTES), span_of(hash, SHA256_BYTES));
}
