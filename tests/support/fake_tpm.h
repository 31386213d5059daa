/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM in this process with the commands of seal/tpm.h: real sessions (ECDH, KDFa, CFB, HMAC), PCRs, a
 * policy and sealed data, so that what a test alters in an answer before its HMAC gets past the HMAC. Handles
 * are not checked closely; what is open is counted.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_FAKE_TPM_H
#define HOLDFAST_TESTS_SUPPORT_FAKE_TPM_H

#include <errno.h>

#include <bearssl_ec.h>

#include "crypto/cfb.h"
#include "crypto/kdf.h"
#include "seal/tpm_seal.h"
#include "seal/tpm_session.h"

struct fake_tpm {
    uint8_t pcr[TPM_PCRS][SHA256_BYTES];
    uint8_t scalar[32]; /* the private key of the primary: not zero */
    uint8_t point[65];
    int open; /* objects and sessions */
    unsigned commands;

    /* What goes wrong: at this command code (0: none), after so many of its kind. */
    uint32_t fail_at;
    uint32_t fail_code;  /* the response code then; 0: the answer is altered by `alter` */
    unsigned fail_times; /* UINT_MAX: always */
    bool no_sha256;      /* the bank is missing */

    /* Alters an answer: parameters before the HMAC (whole false), or all of it behind (whole true). */
    void (*alter)(void *self, uint32_t code, bool whole, uint8_t *bytes, size_t *len, size_t cap);
    void *alter_self;

    /* inside */
    uint8_t session_key[32], nonce_own[32], nonce_caller[32];
    uint8_t policy[32];
    uint8_t loaded_public[TPM_PUBLIC_MAX];
    size_t loaded_public_len;
    uint8_t loaded_secret[32];
    uint32_t bits;
    uint8_t seen[65536]; /* all that went over the wire */
    size_t seen_len;
};

#define FAKE_PRIMARY 0x80000000u
#define FAKE_OBJECT  0x80000001u
#define FAKE_SESSION 0x03000000u

static inline void fake_tpm_init(struct fake_tpm *f, uint8_t seed)
{
    memset(f, 0, sizeof *f);
    memset(f->scalar, seed, sizeof f->scalar);
    memset(f->nonce_own, 0x11, sizeof f->nonce_own);
    f->fail_times = UINT32_MAX;
    br_ec_get_default()->mulgen(f->point, f->scalar, 32, BR_EC_secp256r1);
}

static inline void fake_tpm_primary(struct fake_tpm *f, struct buf *out)
{
    static const uint8_t head[] = {0, 0x23, 0,    0x0b, 0,    3, 4,    0x72, 0, 0, 0,
                                   6, 0,    0x80, 0,    0x43, 0, 0x10, 0,    3, 0, 0x10};
    tpm_put16(out, sizeof head + 68);
    buf_add(out, head, sizeof head);
    tpm_put_2b(out, span_of(f->point + 1, 32));
    tpm_put_2b(out, span_of(f->point + 33, 32));
    tpm_put16(out, 0); /* creation data, hash, ticket, name: not read */
    f->open++;
}

static inline void fake_tpm_start(struct fake_tpm *f, struct tpm_reader *in, struct buf *out)
{
    uint8_t point[65] = {4}, salt[32];
    tpm_get32(in);
    tpm_get32(in);
    struct span nonce = tpm_get_2b(in, 32);
    tpm_get16(in);
    struct span x = tpm_get_2b(in, 32), y = tpm_get_2b(in, 32);
    memcpy(f->nonce_caller, nonce.ptr, 32);
    memcpy(point + 1, x.ptr, 32);
    memcpy(point + 33, y.ptr, 32);
    br_ec_get_default()->mul(point, 65, f->scalar, 32, BR_EC_secp256r1);
    kdfe_sha256(span_of(point + 1, 32), "SECRET", x, span_of(f->point + 1, 32), salt);
    f->nonce_own[0]++;
    kdfa_sha256(span_of(salt, 32), "ATH", span_of(f->nonce_own, 32), nonce, f->session_key);
    memset(f->policy, 0, sizeof f->policy);
    tpm_put32(out, FAKE_SESSION);
    tpm_put_2b(out, span_of(f->nonce_own, 32));
    f->open++;
}

static inline void fake_tpm_hide(struct fake_tpm *f, uint8_t *params, bool command)
{
    uint8_t both[32];
    struct span a = span_of(f->nonce_caller, 32), b = span_of(f->nonce_own, 32);
    kdfa_sha256(span_of(f->session_key, 32), "CFB", command ? a : b, command ? b : a, both);
    size_t len = (size_t)(params[0] << 8 | params[1]);
    if (command)
        aes128_cfb_decrypt(both, both + 16, params + 2, len);
    else
        aes128_cfb_encrypt(both, both + 16, params + 2, len);
}

static inline void fake_tpm_mac(struct fake_tpm *f, const uint8_t *digest, bool command, uint8_t attributes,
                                uint8_t *out)
{
    struct span a = span_of(f->nonce_caller, 32), b = span_of(f->nonce_own, 32);
    struct span parts[] = {span_of(digest, 32), command ? a : b, command ? b : a, span_of(&attributes, 1)};
    hmac_sha256(span_of(f->session_key, 32), parts, 4, out);
}

/* The response code for a command under our session; its parameters are decrypted. */
static inline uint32_t fake_tpm_session(struct fake_tpm *f, uint32_t code, struct tpm_reader *in,
                                        struct span name, uint8_t *attributes, uint8_t *params, size_t *len)
{
    uint8_t code_bytes[4], digest[32], mac[32];
    tpm_get32(in); /* size */
    tpm_get32(in); /* handle */
    struct span nonce = tpm_get_2b(in, 32);
    *attributes = tpm_get8(in);
    struct span got = tpm_get_2b(in, 32);
    if (in->bad || nonce.len != 32 || got.len != 32)
        return 0x095;
    memcpy(f->nonce_caller, nonce.ptr, 32);
    *len = in->rest.len;
    memcpy(params, in->rest.ptr, *len);
    be32_put(code_bytes, code);
    struct span hashed[] = {span_of(code_bytes, 4), name, in->rest};
    sha256_parts(hashed, 3, digest);
    fake_tpm_mac(f, digest, true, *attributes, mac);
    if (memcmp(mac, got.ptr, 32) != 0)
        return 0x98e;
    if (*attributes & TPM_COMMAND_SECRET)
        fake_tpm_hide(f, params, true);
    return 0;
}

static inline void fake_tpm_change(struct fake_tpm *f, uint32_t code, bool whole, struct buf *b)
{
    if (f->alter != NULL && (f->fail_at == 0 || f->fail_at == code) && f->fail_code == 0)
        f->alter(f->alter_self, code, whole, b->ptr, &b->len, b->cap);
}

/* Puts size, parameters, and the authorization behind. */
static inline void fake_tpm_finish(struct fake_tpm *f, uint32_t code, uint8_t attributes, struct buf *params,
                                   struct buf *out)
{
    uint8_t codes[8] = {0}, digest[32], mac[32];
    f->nonce_own[1]++;
    if (attributes & TPM_ANSWER_SECRET && params->len >= 2 &&
        (size_t)(params->ptr[0] << 8 | params->ptr[1]) <= params->len - 2)
        fake_tpm_hide(f, params->ptr, false);
    be32_put(codes + 4, code);
    struct span hashed[] = {span_of(codes, 8), buf_span(params)};
    sha256_parts(hashed, 2, digest);
    fake_tpm_mac(f, digest, false, attributes, mac);
    tpm_put32(out, (uint32_t)params->len);
    buf_add(out, params->ptr, params->len);
    tpm_put_2b(out, span_of(f->nonce_own, 32));
    tpm_put8(out, attributes);
    tpm_put_2b(out, span_of(mac, 32));
}

static inline uint32_t fake_tpm_create(struct fake_tpm *f, struct tpm_reader *in, struct buf *out)
{
    uint8_t params[512], attributes, name[TPM_NAME_BYTES], area[600], answer[900];
    struct buf primary = buf_over(area, sizeof area);
    size_t len;
    tpm_get32(in);
    fake_tpm_primary(f, &primary);
    f->open--;
    tpm_name(span_of(area + 2, (size_t)(area[0] << 8 | area[1])), name);
    uint32_t code =
        fake_tpm_session(f, TPM_CREATE, in, span_of(name, sizeof name), &attributes, params, &len);
    if (code != 0)
        return code;
    struct tpm_reader p = {.rest = span_of(params, len)};
    tpm_get16(&p);
    tpm_get16(&p);
    struct span secret = tpm_get_2b(&p, 32), public_area = tpm_get_2b(&p, 200);
    struct buf b = buf_over(answer, sizeof answer);
    uint8_t private_part[40] = "fake";
    private_part[4] = f->scalar[0];
    for (size_t i = 0; i < secret.len; i++)
        private_part[8 + i] = secret.ptr[i] ^ 0xa7;
    tpm_put_2b(&b, span_of(private_part, sizeof private_part));
    tpm_put16(&b, (uint16_t)(public_area.len + 32));
    buf_add(&b, public_area.ptr, public_area.len - 2);
    tpm_put_2b(&b, span_of(name + 2, 32)); /* unique */
    tpm_put32(&b, 0);
    fake_tpm_change(f, TPM_CREATE, false, &b);
    fake_tpm_finish(f, TPM_CREATE, attributes, &b, out);
    return 0;
}

static inline uint32_t fake_tpm_load(struct fake_tpm *f, struct tpm_reader *in, struct buf *out)
{
    uint8_t name[TPM_NAME_BYTES];
    tpm_get32(in);
    tpm_get(in, 4 + 9);
    struct span private_part = tpm_get_2b(in, 400), area = tpm_get_2b(in, TPM_PUBLIC_MAX);
    if (in->bad || private_part.len != 40 || private_part.ptr[4] != f->scalar[0])
        return 0x1df; /* integrity, parameter 1 */
    memcpy(f->loaded_public, area.ptr, area.len);
    f->loaded_public_len = area.len;
    for (size_t i = 0; i < 32; i++)
        f->loaded_secret[i] = private_part.ptr[8 + i] ^ 0xa7;
    tpm_name(area, name);
    tpm_put32(out, FAKE_OBJECT);
    tpm_put32(out, 2 + sizeof name);
    tpm_put_2b(out, span_of(name, sizeof name));
    f->open++;
    return 0;
}

static inline void fake_tpm_policy(struct fake_tpm *f, struct tpm_reader *in)
{
    struct span chosen[TPM_PCRS];
    size_t n = 0;
    uint8_t digest[32], code[4];
    tpm_get32(in);
    tpm_get16(in);
    struct span selection = tpm_get(in, 10);
    for (unsigned i = 0; i < TPM_PCRS; i++)
        if (selection.ptr[7 + i / 8] >> i % 8 & 1)
            chosen[n++] = span_of(f->pcr[i], 32);
    sha256_parts(chosen, n, digest);
    be32_put(code, TPM_POLICY_PCR);
    struct span parts[] = {span_of(f->policy, 32), span_of(code, 4), selection, span_of(digest, 32)};
    uint8_t next[32];
    sha256_parts(parts, 4, next);
    memcpy(f->policy, next, 32);
}

static inline uint32_t fake_tpm_unseal(struct fake_tpm *f, struct tpm_reader *in, struct buf *out)
{
    uint8_t params[512], attributes, name[TPM_NAME_BYTES], answer[300];
    size_t len;
    tpm_get32(in);
    tpm_name(span_of(f->loaded_public, f->loaded_public_len), name);
    uint32_t code =
        fake_tpm_session(f, TPM_UNSEAL, in, span_of(name, sizeof name), &attributes, params, &len);
    if (code != 0)
        return code;
    if (f->loaded_public_len < 42 || memcmp(f->loaded_public + 10, f->policy, 32) != 0)
        return 0x99d;
    struct buf b = buf_over(answer, sizeof answer);
    tpm_put_2b(&b, span_of(f->loaded_secret, 32));
    fake_tpm_change(f, TPM_UNSEAL, false, &b);
    fake_tpm_finish(f, TPM_UNSEAL, attributes, &b, out);
    return 0;
}

static inline void fake_tpm_pcr(struct fake_tpm *f, struct tpm_reader *in, struct buf *out)
{
    struct span selection = tpm_get(in, 10);
    tpm_put32(out, 7);
    if (f->no_sha256) {
        tpm_put32(out, 0);
        tpm_put32(out, 0);
        return;
    }
    buf_add(out, selection.ptr, selection.len);
    tpm_put32(out, 1);
    for (unsigned i = 0; i < TPM_PCRS; i++)
        if (selection.ptr[7 + i / 8] >> i % 8 & 1)
            tpm_put_2b(out, span_of(f->pcr[i], 32));
}

static inline void fake_tpm_capability(struct buf *out)
{
    static const uint32_t values[] = {0x100, 0x322e3000, 0x105, 0x46414b45,
                                      0x106, 0x54657374, 0x107, 0x20202000};
    tpm_put8(out, 0);
    tpm_put32(out, 6);
    tpm_put32(out, COUNT_OF(values) / 2);
    for (size_t i = 0; i < COUNT_OF(values); i++)
        tpm_put32(out, values[i]);
}

static inline uint32_t fake_tpm_do(struct fake_tpm *f, uint32_t code, struct tpm_reader *in, struct buf *out)
{
    switch (code) {
    case TPM_GET_CAPABILITY:
        fake_tpm_capability(out);
        return 0;
    case TPM_PCR_READ:
        fake_tpm_pcr(f, in, out);
        return 0;
    case TPM_CREATE_PRIMARY:
        tpm_put32(out, FAKE_PRIMARY);
        tpm_put32(out, 100);
        fake_tpm_primary(f, out);
        return 0;
    case TPM_START_AUTH_SESSION:
        fake_tpm_start(f, in, out);
        return 0;
    case TPM_CREATE:
        return fake_tpm_create(f, in, out);
    case TPM_LOAD:
        return fake_tpm_load(f, in, out);
    case TPM_POLICY_PCR:
        fake_tpm_policy(f, in);
        return 0;
    case TPM_UNSEAL:
        return fake_tpm_unseal(f, in, out);
    case TPM_FLUSH_CONTEXT:
        f->open--;
        return 0;
    default:
        return 0x143;
    }
}

static inline void fake_tpm_see(struct fake_tpm *f, const void *bytes, size_t len)
{
    if (len <= sizeof f->seen - f->seen_len) {
        memcpy(f->seen + f->seen_len, bytes, len);
        f->seen_len += len;
    }
}

/* A tpm_exchange. */
static inline enum status fake_tpm_exchange(void *self, uint64_t until_ms, struct span command,
                                            uint8_t answer[TPM_MESSAGE_MAX], size_t *len)
{
    struct fake_tpm *f = self;
    (void)until_ms;
    f->commands++;
    fake_tpm_see(f, command.ptr, command.len);
    struct tpm_reader in = {.rest = command};
    uint16_t tag = tpm_get16(&in);
    tpm_get32(&in);
    uint32_t code = tpm_get32(&in), response = 0;
    struct buf out = buf_over(answer, TPM_MESSAGE_MAX);
    tpm_put16(&out, tag);
    tpm_put32(&out, 0);
    tpm_put32(&out, 0);
    if (f->fail_at == code && f->fail_code != 0 && f->fail_times != 0) {
        response = f->fail_code;
        f->fail_times -= f->fail_times != UINT32_MAX;
    } else {
        response = fake_tpm_do(f, code, &in, &out);
    }
    if (response != 0) {
        out.len = 10;
        be32_put(answer + 6, response);
        answer[0] = 0x80, answer[1] = 0x01;
    }
    be32_put(answer + 2, (uint32_t)out.len);
    fake_tpm_change(f, code, true, &out);
    fake_tpm_see(f, answer, out.len);
    *len = out.len;
    errno = EIO;
    return out.len == 0 ? STATUS_FAILED : STATUS_OK;
}

#endif
