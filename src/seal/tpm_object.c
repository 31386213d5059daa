/* SPDX-License-Identifier: Apache-2.0 */
/* The parent key, and loading what it sealed (seal/tpm.h). */
#include "crypto/kdf.h"
#include "seal/tpm.h"

/* bytes; a public area, and the other parts of the answers, which are read over. */
#define AREA_MAX 512

/* fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt */
#define PRIMARY_ATTRIBUTES 0x00030472u

void tpm_name(struct span public_area, uint8_t name[TPM_NAME_BYTES])
{
    name[0] = TPM_SHA256 >> 8;
    name[1] = TPM_SHA256 & 0xff;
    sha256(public_area, name + 2);
}

/* TPMT_PUBLIC up to the unique part, which is the TPM's to fill. */
static void put_template(struct buf *out)
{
    tpm_put16(out, TPM_ECC);
    tpm_put16(out, TPM_SHA256);
    tpm_put32(out, PRIMARY_ATTRIBUTES);
    tpm_put16(out, 0); /* no policy */
    tpm_put16(out, TPM_AES);
    tpm_put16(out, 128);
    tpm_put16(out, TPM_CFB);
    tpm_put16(out, TPM_NULL); /* no scheme */
    tpm_put16(out, TPM_P256);
    tpm_put16(out, TPM_NULL); /* no key derivation */
}

static bool put_coordinate(struct span from, uint8_t out[P256_BYTES])
{
    if (from.len > P256_BYTES)
        return false;
    memset(out, 0, P256_BYTES - from.len);
    if (from.len != 0)
        memcpy(out + P256_BYTES - from.len, from.ptr, from.len);
    return true;
}

static bool read_primary(struct span area, struct tpm_primary *out)
{
    uint8_t wanted[32];
    struct buf template = buf_over(wanted, sizeof wanted);
    put_template(&template);
    struct tpm_reader in = {.rest = area};
    struct span head = tpm_get(&in, template.len);
    struct span x = tpm_get_2b(&in, P256_BYTES), y = tpm_get_2b(&in, P256_BYTES);
    if (in.bad || in.rest.len != 0 || !span_equal(head, buf_span(&template)))
        return false;
    out->point[0] = 0x04;
    tpm_name(area, out->name);
    return put_coordinate(x, out->point + 1) && put_coordinate(y, out->point + 1 + P256_BYTES);
}

enum status tpm_create_primary(struct tpm *tpm, struct tpm_primary *out)
{
    memset(out, 0, sizeof *out);
    tpm_begin(tpm, TPM_SESSIONS, TPM_CREATE_PRIMARY);
    struct buf *c = &tpm->command;
    tpm_put32(c, TPM_OWNER);
    tpm_put_no_password(c);
    tpm_put16(c, 4); /* sensitive: no password, no data */
    tpm_put32(c, 0);
    uint8_t area_bytes[40];
    struct buf template = buf_over(area_bytes, sizeof area_bytes);
    put_template(&template);
    tpm_put32(&template, 0); /* unique: an empty point */
    tpm_put_2b(c, buf_span(&template));
    tpm_put16(c, 0); /* no outside information */
    tpm_put32(c, 0); /* no PCRs of creation */
    enum status status = tpm_run(tpm);
    if (status != STATUS_OK)
        return status;
    struct tpm_reader in = {.rest = tpm->answer};
    uint32_t handle = tpm_get32(&in);
    if (!in.bad)
        out->handle = handle;
    uint32_t size = tpm_get32(&in);
    struct span area = tpm_get_2b(&in, AREA_MAX);
    if (in.bad || size > tpm->answer.len || !read_primary(area, out))
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM made another parent key than was asked for");
    return STATUS_OK;
}

enum status tpm_load(struct tpm *tpm, const struct tpm_primary *parent, struct span private_part,
                     struct span public_area, uint32_t *handle)
{
    uint8_t wanted[TPM_NAME_BYTES];
    tpm_begin(tpm, TPM_SESSIONS, TPM_LOAD);
    tpm_put32(&tpm->command, parent->handle);
    tpm_put_no_password(&tpm->command);
    tpm_put_2b(&tpm->command, private_part);
    tpm_put_2b(&tpm->command, public_area);
    enum status status = tpm_run(tpm);
    if (status != STATUS_OK)
        return status;
    struct tpm_reader in = {.rest = tpm->answer};
    uint32_t loaded = tpm_get32(&in);
    if (!in.bad)
        *handle = loaded;
    tpm_get32(&in); /* the size of the parameters */
    struct span name = tpm_get_2b(&in, TPM_NAME_BYTES);
    tpm_name(public_area, wanted);
    if (in.bad || !span_equal(name, span_of(wanted, sizeof wanted)))
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM loaded something else than was asked for");
    return STATUS_OK;
}
