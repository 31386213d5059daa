/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keypair.h"

#include <bearssl_rand.h>
#include <bearssl_x509.h>

#include "base/wipe.h"
#include "crypto/der.h"
#include "crypto/random.h"

#define PUBLIC_EXPONENT 65537

static void generator_seed(br_hmac_drbg_context *generator)
{
    uint8_t seed[48];
    random_bytes(seed, sizeof seed);
    br_hmac_drbg_init(generator, &br_sha256_vtable, seed, sizeof seed);
    wipe(seed, sizeof seed);
}

enum status keypair_make_rsa2048(struct keypair *out)
{
    br_hmac_drbg_context generator;
    generator_seed(&generator);
    *out = (struct keypair){.kind = KEYPAIR_RSA, .rsa_exponent = PUBLIC_EXPONENT};
    uint32_t ok = br_rsa_keygen_get_default()(&generator.vtable, &out->rsa, out->bytes, NULL, NULL, 2048,
                                              PUBLIC_EXPONENT);
    wipe(&generator, sizeof generator);
    if (ok)
        out->rsa_modulus_len = br_rsa_compute_modulus_get_default()(out->rsa_modulus, &out->rsa);
    return out->rsa_modulus_len != 0 ? STATUS_OK : STATUS_FAILED;
}

enum status keypair_make_p256(struct keypair *out)
{
    br_hmac_drbg_context generator;
    generator_seed(&generator);
    *out = (struct keypair){.kind = KEYPAIR_EC};
    size_t len = br_ec_keygen(&generator.vtable, br_ec_get_default(), &out->ec, out->bytes, BR_EC_secp256r1);
    wipe(&generator, sizeof generator);
    return len != 0 ? STATUS_OK : STATUS_FAILED;
}

static void keep(struct keypair *k, size_t *used, unsigned char **part, size_t len)
{
    memcpy(k->bytes + *used, *part, len);
    *part = k->bytes + *used;
    *used += len;
}

static enum status keep_rsa(const br_rsa_private_key *from, struct keypair *out)
{
    if (from->plen + from->qlen + from->dplen + from->dqlen + from->iqlen > sizeof out->bytes ||
        from->n_bitlen > 4096)
        return STATUS_TOO_LARGE;
    if (from->n_bitlen < 2048)
        return STATUS_REFUSED;
    size_t used = 0;
    out->kind = KEYPAIR_RSA;
    out->rsa = *from;
    keep(out, &used, &out->rsa.p, from->plen);
    keep(out, &used, &out->rsa.q, from->qlen);
    keep(out, &used, &out->rsa.dp, from->dplen);
    keep(out, &used, &out->rsa.dq, from->dqlen);
    keep(out, &used, &out->rsa.iq, from->iqlen);
    return STATUS_OK;
}

static bool step_into(struct span *in, uint8_t wanted)
{
    uint8_t tag;
    return der_next(in, &tag, in) == STATUS_OK && tag == wanted;
}

static bool skip(struct span *in, uint8_t wanted)
{
    uint8_t tag;
    struct span content;
    return der_next(in, &tag, &content) == STATUS_OK && tag == wanted;
}

/* The next INTEGER, without leading zeros; empty when there is none. */
static struct span take_unsigned(struct span *in)
{
    uint8_t tag;
    struct span number;
    if (der_next(in, &tag, &number) != STATUS_OK || tag != DER_INTEGER)
        return span_of(NULL, 0);
    while (number.len > 1 && number.ptr[0] == 0)
        number = span_of(number.ptr + 1, number.len - 1);
    return number;
}

/* Modulus and public exponent, which BearSSL's decoder passes over: RFC 8017 A.1.2, alone or inside RFC 5208.
 */
static enum status read_public(struct span der, struct keypair *out)
{
    struct span peek;
    if (!step_into(&der, DER_SEQUENCE) || !skip(&der, DER_INTEGER))
        return STATUS_MALFORMED;
    peek = der;
    if (skip(&peek, DER_SEQUENCE)) {
        der = peek;
        if (!step_into(&der, DER_OCTET_STRING) || !step_into(&der, DER_SEQUENCE) || !skip(&der, DER_INTEGER))
            return STATUS_MALFORMED;
    }
    struct span modulus = take_unsigned(&der);
    struct span exponent = take_unsigned(&der);
    if (modulus.len == 0 || modulus.len > sizeof out->rsa_modulus || exponent.len == 0 || exponent.len > 4)
        return STATUS_MALFORMED;
    memcpy(out->rsa_modulus, modulus.ptr, modulus.len);
    out->rsa_modulus_len = modulus.len;
    out->rsa_exponent = 0;
    for (size_t i = 0; i < exponent.len; i++)
        out->rsa_exponent = out->rsa_exponent << 8 | exponent.ptr[i];
    return STATUS_OK;
}

static enum status keep_ec(const br_ec_private_key *from, struct keypair *out)
{
    size_t most = from->curve == BR_EC_secp256r1 ? 32 : from->curve == BR_EC_secp384r1 ? 48 : 0;
    if (most == 0)
        return STATUS_REFUSED;
    if (from->xlen == 0 || from->xlen > most)
        return STATUS_MALFORMED;
    size_t used = 0;
    out->kind = KEYPAIR_EC;
    out->ec = *from;
    keep(out, &used, &out->ec.x, from->xlen);
    return STATUS_OK;
}

enum status keypair_read_der(struct span der, struct keypair *out)
{
    br_skey_decoder_context decoder;
    *out = (struct keypair){.kind = KEYPAIR_NONE};
    br_skey_decoder_init(&decoder);
    br_skey_decoder_push(&decoder, der.ptr, der.len);
    enum status status = STATUS_MALFORMED;
    if (br_skey_decoder_last_error(&decoder) == 0) {
        if (br_skey_decoder_key_type(&decoder) == BR_KEYTYPE_RSA) {
            status = keep_rsa(br_skey_decoder_get_rsa(&decoder), out);
            if (status == STATUS_OK)
                status = read_public(der, out);
        } else {
            const br_ec_private_key *from = br_skey_decoder_get_ec(&decoder);
            status = keep_ec(from, out);
        }
    }
    wipe(&decoder, sizeof decoder);
    if (status != STATUS_OK)
        keypair_wipe(out);
    return status;
}

static enum status write_rsa_der(const struct keypair *key, struct buf *out)
{
    uint32_t e = key->rsa_exponent;
    uint8_t n[512], e_bytes[4] = {(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8), (uint8_t)e},
                    d[512];
    memcpy(n, key->rsa_modulus, key->rsa_modulus_len);
    br_rsa_public_key pub = {.n = n, .nlen = key->rsa_modulus_len, .e = e_bytes, .elen = sizeof e_bytes};
    size_t d_len = br_rsa_compute_privexp_get_default()(d, &key->rsa, e);
    size_t len = br_encode_rsa_pkcs8_der(NULL, &key->rsa, &pub, d, d_len);
    bool fits = d_len != 0 && len <= out->cap - out->len;
    if (fits)
        out->len += br_encode_rsa_pkcs8_der(out->ptr + out->len, &key->rsa, &pub, d, d_len);
    wipe(d, sizeof d);
    return fits ? STATUS_OK : STATUS_NO_SPACE;
}

static enum status write_ec_der(const struct keypair *key, struct buf *out)
{
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    br_ec_public_key pub;
    if (br_ec_compute_pub(br_ec_get_default(), &pub, point, &key->ec) == 0)
        return STATUS_FAILED;
    size_t len = br_encode_ec_pkcs8_der(NULL, &key->ec, &pub);
    if (len == 0 || len > out->cap - out->len)
        return STATUS_NO_SPACE;
    out->len += br_encode_ec_pkcs8_der(out->ptr + out->len, &key->ec, &pub);
    return STATUS_OK;
}

enum status keypair_write_der(const struct keypair *key, struct buf *out)
{
    return key->kind == KEYPAIR_RSA ? write_rsa_der(key, out) : write_ec_der(key, out);
}

static void write_public_rsa(struct buf *out, struct span n, uint32_t e)
{
    uint8_t e_bytes[4] = {(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8), (uint8_t)e};
    size_t algorithm = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_OID,
            span_of("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)); /* rsaEncryption, RFC 8017 A.1 */
    der_add(out, DER_NULL, span_of("", 0));
    der_end(out, algorithm);
    size_t bits = der_begin(out, DER_BIT_STRING);
    buf_add(out, "\0", 1);
    size_t key = der_begin(out, DER_SEQUENCE);
    der_add_unsigned(out, n);
    der_add_unsigned(out, span_of(e_bytes, sizeof e_bytes));
    der_end(out, key);
    der_end(out, bits);
}

static void write_public_ec(struct buf *out, const br_ec_public_key *pub)
{
    size_t algorithm = der_begin(out, DER_SEQUENCE);
    der_add(out, DER_OID, span_of("\x2a\x86\x48\xce\x3d\x02\x01", 7)); /* id-ecPublicKey, RFC 5480 s2.1.1 */
    if (pub->curve == BR_EC_secp256r1)
        der_add(out, DER_OID,
                span_of("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8)); /* secp256r1, RFC 5480 s2.1.1.1 */
    else
        der_add(out, DER_OID, span_of("\x2b\x81\x04\x00\x22", 5)); /* secp384r1 */
    der_end(out, algorithm);
    size_t bits = der_begin(out, DER_BIT_STRING);
    buf_add(out, "\0", 1);
    buf_add(out, pub->q, pub->qlen);
    der_end(out, bits);
}

enum status keypair_write_public(const struct keypair *key, struct buf *out)
{
    size_t outer = der_begin(out, DER_SEQUENCE);
    if (key->kind == KEYPAIR_RSA) {
        write_public_rsa(out, span_of(key->rsa_modulus, key->rsa_modulus_len), key->rsa_exponent);
    } else {
        uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
        br_ec_public_key pub;
        if (br_ec_compute_pub(br_ec_get_default(), &pub, point, &key->ec) == 0)
            return STATUS_FAILED;
        write_public_ec(out, &pub);
    }
    der_end(out, outer);
    return out->full ? STATUS_NO_SPACE : STATUS_OK;
}

void keypair_wipe(struct keypair *key)
{
    wipe(key, sizeof *key);
}
