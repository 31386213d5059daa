/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/tpm_seal.h"

#include "base/wipe.h"
#include "crypto/kdf.h"
#include "seal/tpm_session.h"

/*
 * fixedTPM, fixedParent, noDA. Nothing says userWithAuth, so the policy is the only way in; there is no
 * password that could be guessed, so the TPM's protection against guessing (which anybody could set off, to
 * keep the box from starting) does not apply.
 */
#define SEALED_ATTRIBUTES 0x00000412u

enum status tpm_pcrs_read(struct tpm *tpm, uint32_t mask, struct tpm_pcrs *out)
{
    memset(out, 0, sizeof *out);
    out->mask = mask;
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        enum status status = tpm_pcr_read(tpm, i, out->value[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* What TPM2_PolicyPCR makes of a fresh session (Part 3, "TPM2_PolicyPCR"). */
static void policy_digest(const struct tpm_pcrs *to, uint8_t out[SHA256_BYTES])
{
    struct span chosen[TPM_PCRS];
    size_t count = 0;
    uint8_t values[SHA256_BYTES], selection_bytes[10], code[4];
    static const uint8_t fresh[SHA256_BYTES];
    for (unsigned i = 0; i < TPM_PCRS; i++)
        if ((to->mask >> i & 1) != 0)
            chosen[count++] = span_of(to->value[i], SHA256_BYTES);
    sha256_parts(chosen, count, values);
    struct buf selection = buf_over(selection_bytes, sizeof selection_bytes);
    tpm_put_pcrs(&selection, to->mask);
    be32_put(code, TPM_POLICY_PCR);
    const struct span parts[] = {span_of(fresh, sizeof fresh), span_of(code, sizeof code),
                                 buf_span(&selection), span_of(values, sizeof values)};
    sha256_parts(parts, COUNT_OF(parts), out);
}

static void put_public(struct buf *out, const struct tpm_pcrs *to)
{
    uint8_t policy[SHA256_BYTES];
    policy_digest(to, policy);
    tpm_put16(out, TPM_KEYEDHASH);
    tpm_put16(out, TPM_SHA256);
    tpm_put32(out, SEALED_ATTRIBUTES);
    tpm_put_2b(out, span_of(policy, sizeof policy));
    tpm_put16(out, TPM_NULL); /* no scheme: data, not a key */
}

bool tpm_sealed_to(const struct tpm_sealed *sealed, const struct tpm_pcrs *values)
{
    uint8_t area_bytes[TPM_PUBLIC_MAX];
    struct buf area = buf_over(area_bytes, sizeof area_bytes);
    put_public(&area, values);
    return sealed->pcrs == values->mask && sealed->public_len >= area.len &&
           memcmp(sealed->public_area, area_bytes, area.len) == 0;
}

/* Keeps the two parts of the answer to Create. The public one must be what was asked for. */
static bool keep_created(struct span answer, struct span asked, struct tpm_sealed *out)
{
    struct tpm_reader in = {.rest = answer};
    struct span private_part = tpm_get_2b(&in, sizeof out->private_part);
    struct span area = tpm_get_2b(&in, sizeof out->public_area);
    if (in.bad || private_part.len == 0 || area.len < asked.len ||
        !span_equal(span_of(area.ptr, asked.len), asked))
        return false;
    memcpy(out->private_part, private_part.ptr, private_part.len);
    memcpy(out->public_area, area.ptr, area.len);
    out->private_len = private_part.len;
    out->public_len = area.len;
    return true;
}

static enum status create(struct tpm *tpm, const struct tpm_primary *primary, struct tpm_session *session,
                          const struct tpm_pcrs *to, const uint8_t *secret, struct tpm_sealed *out)
{
    uint8_t params_bytes[256], area_bytes[TPM_PUBLIC_MAX];
    struct buf params = buf_over(params_bytes, sizeof params_bytes);
    struct buf area = buf_over(area_bytes, sizeof area_bytes);
    put_public(&area, to);
    size_t asked = area.len;
    tpm_put16(&area, 0); /* unique: the TPM's to fill */

    tpm_put16(&params, 2 + 2 + TPM_SECRET_BYTES);
    tpm_put16(&params, 0); /* no password */
    tpm_put_2b(&params, span_of(secret, TPM_SECRET_BYTES));
    tpm_put_2b(&params, buf_span(&area));
    tpm_put16(&params, 0); /* no outside information */
    tpm_put32(&params, 0); /* no PCRs of creation */

    struct span answer;
    enum status status =
        tpm_session_run(tpm, session, TPM_CREATE, primary->handle,
                        span_of(primary->name, sizeof primary->name), &params, TPM_COMMAND_SECRET, &answer);
    if (status == STATUS_OK && !keep_created(answer, span_of(area_bytes, asked), out))
        status = tpm_fail(tpm, STATUS_MALFORMED, "the TPM sealed something else than was asked for");
    wipe(params_bytes, sizeof params_bytes);
    return status;
}

enum status tpm_seal(struct tpm *tpm, const struct tpm_pcrs *to, const uint8_t secret[TPM_SECRET_BYTES],
                     struct tpm_sealed *out)
{
    struct tpm_primary primary;
    struct tpm_session session = {.handle = TPM_NOTHING_OPEN};
    memset(out, 0, sizeof *out);
    out->pcrs = to->mask;
    enum status status = tpm_create_primary(tpm, &primary);
    if (status == STATUS_OK) {
        memcpy(out->parent, primary.name + 2, sizeof out->parent);
        status = tpm_session_start(tpm, &primary, TPM_SESSION_HMAC, &session);
    }
    if (status == STATUS_OK)
        status = create(tpm, &primary, &session, to, secret, out);
    tpm_flush(tpm, session.handle);
    tpm_flush(tpm, primary.handle);
    wipe(&session, sizeof session);
    return status;
}

static enum status policy_pcr(struct tpm *tpm, const struct tpm_session *session, uint32_t pcrs)
{
    tpm_begin(tpm, TPM_NO_SESSIONS, TPM_POLICY_PCR);
    tpm_put32(&tpm->command, session->handle);
    tpm_put16(&tpm->command, 0); /* whatever they are now */
    tpm_put_pcrs(&tpm->command, pcrs);
    return tpm_run(tpm);
}

static enum status unseal(struct tpm *tpm, struct tpm_session *session, uint32_t handle,
                          const struct tpm_sealed *sealed, uint8_t *secret)
{
    uint8_t name[TPM_NAME_BYTES], nothing[1];
    struct span answer;
    struct buf none = buf_over(nothing, 0);
    tpm_name(span_of(sealed->public_area, sealed->public_len), name);
    enum status status = tpm_session_run(tpm, session, TPM_UNSEAL, handle, span_of(name, sizeof name), &none,
                                         TPM_ANSWER_SECRET, &answer);
    if (status != STATUS_OK)
        return status;
    struct tpm_reader in = {.rest = answer};
    struct span data = tpm_get_2b(&in, TPM_SECRET_BYTES);
    if (in.bad || in.rest.len != 0 || data.len != TPM_SECRET_BYTES)
        return tpm_fail(tpm, STATUS_MALFORMED, "what the TPM unsealed is no key of 32 bytes");
    memcpy(secret, data.ptr, TPM_SECRET_BYTES);
    return STATUS_OK;
}

/* Another TPM has another primary key. Asked before anything is sent to it, so that a device put in between
 * learns nothing from a session of ours either. */
static enum status is_ours(struct tpm *tpm, const struct tpm_primary *primary,
                           const struct tpm_sealed *sealed)
{
    if (memcmp(primary->name + 2, sealed->parent, sizeof sealed->parent) == 0)
        return STATUS_OK;
    return tpm_fail(tpm, STATUS_REFUSED, "sealed by another TPM, or this one was cleared");
}

enum status tpm_unseal(struct tpm *tpm, const struct tpm_sealed *sealed, uint8_t secret[TPM_SECRET_BYTES])
{
    struct tpm_primary primary;
    struct tpm_session session = {.handle = TPM_NOTHING_OPEN};
    uint32_t loaded = TPM_NOTHING_OPEN;
    enum status status = tpm_create_primary(tpm, &primary);
    if (status == STATUS_OK)
        status = is_ours(tpm, &primary, sealed);
    if (status == STATUS_OK)
        status = tpm_load(tpm, &primary, span_of(sealed->private_part, sealed->private_len),
                          span_of(sealed->public_area, sealed->public_len), &loaded);
    if (status == STATUS_OK)
        status = tpm_session_start(tpm, &primary, TPM_SESSION_POLICY, &session);
    if (status == STATUS_OK)
        status = policy_pcr(tpm, &session, sealed->pcrs);
    if (status == STATUS_OK)
        status = unseal(tpm, &session, loaded, sealed, secret);
    wipe(tpm->in, sizeof tpm->in); /* the key was there */
    tpm_flush(tpm, loaded);
    tpm_flush(tpm, session.handle);
    tpm_flush(tpm, primary.handle);
    wipe(&session, sizeof session);
    if (status != STATUS_OK)
        wipe(secret, TPM_SECRET_BYTES);
    return status;
}
