/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/tpm_session.h"

#include "base/wipe.h"
#include "crypto/cfb.h"
#include "crypto/kdf.h"
#include "crypto/random.h"

#define CONTINUE  0x01 /* the session outlives the command: it is flushed by name */
#define NONCE_MIN 16   /* bytes; TCG TPM 2.0 Library Part 1, "Session nonces" */

static const char altered[] = "the TPM's answer was altered on its way: is something between it and us?";

/* The salt, and the public point that tells the TPM alone what it is (Part 1, Annex C "ECC point padding" and
 * "ECDH"). */
static enum status make_salt(const struct tpm_primary *primary, struct buf *encrypted, uint8_t salt[32])
{
    uint8_t own[P256_POINT_BYTES], shared[P256_BYTES];
    enum status status = ecdh_p256(primary->point, own, shared);
    if (status == STATUS_OK) {
        struct span x = span_of(own + 1, P256_BYTES), y = span_of(own + 1 + P256_BYTES, P256_BYTES);
        kdfe_sha256(span_of(shared, sizeof shared), "SECRET", x, span_of(primary->point + 1, P256_BYTES),
                    salt);
        tpm_put16(encrypted, 2 * (2 + P256_BYTES));
        tpm_put_2b(encrypted, x);
        tpm_put_2b(encrypted, y);
    }
    wipe(shared, sizeof shared);
    return status;
}

static enum status read_start(struct tpm *tpm, struct tpm_session *out)
{
    struct tpm_reader in = {.rest = tpm->answer};
    uint32_t handle = tpm_get32(&in);
    if (!in.bad)
        out->handle = handle;
    struct span nonce = tpm_get_2b(&in, TPM_NONCE_BYTES);
    if (in.bad || nonce.len < NONCE_MIN || in.rest.len != 0)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    memcpy(out->nonce_tpm, nonce.ptr, nonce.len);
    out->nonce_tpm_len = nonce.len;
    return STATUS_OK;
}

enum status tpm_session_start(struct tpm *tpm, const struct tpm_primary *primary, enum tpm_session_kind kind,
                              struct tpm_session *out)
{
    uint8_t salt[SHA256_BYTES];
    memset(out, 0, sizeof *out);
    random_bytes(out->nonce_own, sizeof out->nonce_own);
    tpm_begin(tpm, TPM_NO_SESSIONS, TPM_START_AUTH_SESSION);
    struct buf *c = &tpm->command;
    tpm_put32(c, primary->handle);
    tpm_put32(c, TPM_NO_HANDLE); /* bound to nothing */
    tpm_put_2b(c, span_of(out->nonce_own, sizeof out->nonce_own));
    enum status status = make_salt(primary, c, salt);
    if (status != STATUS_OK)
        return tpm_fail(tpm, status, "the TPM's parent key is no point of its curve");
    tpm_put8(c, (uint8_t)kind);
    tpm_put16(c, TPM_AES);
    tpm_put16(c, 128);
    tpm_put16(c, TPM_CFB);
    tpm_put16(c, TPM_SHA256);
    status = tpm_run(tpm);
    if (status == STATUS_OK)
        status = read_start(tpm, out);
    if (status == STATUS_OK)
        kdfa_sha256(span_of(salt, sizeof salt), "ATH", span_of(out->nonce_tpm, out->nonce_tpm_len),
                    span_of(out->nonce_own, sizeof out->nonce_own), out->key);
    wipe(salt, sizeof salt);
    return status;
}

/* Encrypts or decrypts the content of the TPM2B that params begin with. False: there is none. */
static bool hide(const struct tpm_session *s, uint8_t *params, size_t len, bool command)
{
    uint8_t both[SHA256_BYTES]; /* key, then initial value */
    struct span own = span_of(s->nonce_own, sizeof s->nonce_own);
    struct span theirs = span_of(s->nonce_tpm, s->nonce_tpm_len);
    struct tpm_reader in = {.rest = span_of(params, len)};
    size_t content = tpm_get_2b(&in, len).len;
    if (in.bad)
        return false;
    kdfa_sha256(span_of(s->key, sizeof s->key), "CFB", command ? own : theirs, command ? theirs : own, both);
    if (command)
        aes128_cfb_encrypt(both, both + CFB_KEY_BYTES, params + 2, content);
    else
        aes128_cfb_decrypt(both, both + CFB_KEY_BYTES, params + 2, content);
    wipe(both, sizeof both);
    return true;
}

/* HMAC(key, digest, newer nonce, older nonce, attributes): Part 1, "HMAC computation". */
static void authenticate(const struct tpm_session *s, const uint8_t digest[SHA256_BYTES], bool command,
                         uint8_t attributes, uint8_t out[SHA256_BYTES])
{
    struct span own = span_of(s->nonce_own, sizeof s->nonce_own);
    struct span theirs = span_of(s->nonce_tpm, s->nonce_tpm_len);
    const struct span parts[] = {span_of(digest, SHA256_BYTES), command ? own : theirs,
                                 command ? theirs : own, span_of(&attributes, 1)};
    hmac_sha256(span_of(s->key, sizeof s->key), parts, COUNT_OF(parts), out);
}

static void put_authorization(struct buf *out, const struct tpm_session *s, enum tpm_command_code code,
                              struct span name, struct span params, uint8_t attributes)
{
    uint8_t code_bytes[4], digest[SHA256_BYTES], mac[SHA256_BYTES];
    be32_put(code_bytes, (uint32_t)code);
    const struct span hashed[] = {span_of(code_bytes, sizeof code_bytes), name, params};
    sha256_parts(hashed, COUNT_OF(hashed), digest);
    authenticate(s, digest, true, attributes, mac);
    tpm_put32(out, 4 + 2 + TPM_NONCE_BYTES + 1 + 2 + SHA256_BYTES);
    tpm_put32(out, s->handle);
    tpm_put_2b(out, span_of(s->nonce_own, sizeof s->nonce_own));
    tpm_put8(out, attributes);
    tpm_put_2b(out, span_of(mac, sizeof mac));
}

/* Takes the answer apart and believes it only with its HMAC. */
static enum status check_answer(struct tpm *tpm, struct tpm_session *s, enum tpm_command_code code,
                                uint8_t attributes, struct span *params)
{
    struct tpm_reader in = {.rest = tpm->answer};
    uint32_t size = tpm_get32(&in);
    *params = tpm_get(&in, size);
    struct span nonce = tpm_get_2b(&in, TPM_NONCE_BYTES);
    uint8_t got_attributes = tpm_get8(&in);
    struct span got = tpm_get_2b(&in, SHA256_BYTES);
    if (in.bad || in.rest.len != 0 || nonce.len < NONCE_MIN || got.len != SHA256_BYTES)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    memcpy(s->nonce_tpm, nonce.ptr, nonce.len);
    s->nonce_tpm_len = nonce.len;

    uint8_t codes[8], digest[SHA256_BYTES], mac[SHA256_BYTES];
    be32_put(codes, 0); /* success */
    be32_put(codes + 4, (uint32_t)code);
    const struct span hashed[] = {span_of(codes, sizeof codes), *params};
    sha256_parts(hashed, COUNT_OF(hashed), digest);
    authenticate(s, digest, false, got_attributes, mac);
    if (!bytes_equal_secret(mac, got.ptr, sizeof mac) || got_attributes != attributes)
        return tpm_fail(tpm, STATUS_MALFORMED, altered);
    return STATUS_OK;
}

enum status tpm_session_run(struct tpm *tpm, struct tpm_session *s, enum tpm_command_code code,
                            uint32_t handle, struct span name, struct buf *params, enum tpm_secrecy secrecy,
                            struct span *answer)
{
    uint8_t attributes = (uint8_t)(CONTINUE | secrecy);
    random_bytes(s->nonce_own, sizeof s->nonce_own);
    if (params->full || (secrecy == TPM_COMMAND_SECRET && !hide(s, params->ptr, params->len, true)))
        return tpm_fail(tpm, STATUS_TOO_LARGE, "a command to the TPM is too long");
    tpm_begin(tpm, TPM_SESSIONS, code);
    tpm_put32(&tpm->command, handle);
    put_authorization(&tpm->command, s, code, name, buf_span(params), attributes);
    buf_add(&tpm->command, params->ptr, params->len);
    enum status status = tpm_run(tpm);
    if (status == STATUS_OK)
        status = check_answer(tpm, s, code, attributes, answer);
    if (status == STATUS_OK && secrecy == TPM_ANSWER_SECRET &&
        !hide(s, tpm->in + (answer->ptr - tpm->in), answer->len, false))
        status = tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    return status;
}
