/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM that answers what it likes, through sealing, unsealing, describing and reading PCRs. The input is a
 * row of changes, six bytes each: which answer, whether behind or before the HMAC, what is done, where, with
 * what. A first byte with its highest bit set: the rest is one raw answer to every command.
 */
#include <stdlib.h>

#include "fuzz/steady_random.h"
#include "support/fake_tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t secret[TPM_SECRET_BYTES] = "thirty-two bytes of state key!!";
static struct fake_tpm fake;
static struct tpm tpm;

struct script {
    const uint8_t *bytes;
    size_t len;
};

static void need(bool good)
{
    if (!good)
        abort();
}

static void change(const uint8_t *c, uint8_t *bytes, size_t *len, size_t cap)
{
    size_t at = (size_t)c[3] << 8 | c[4];
    switch (c[2] % 5) {
    case 0:
        if (at < *len)
            bytes[at] ^= c[5];
        break;
    case 1:
        if (at < *len)
            bytes[at] = c[5];
        break;
    case 2:
        if (at < *len)
            *len = at;
        break;
    case 3:
        while (*len < cap && *len < at)
            bytes[(*len)++] = c[5];
        break;
    default:
        if (at + 1 < *len) {
            bytes[at] = 0xff;
            bytes[at + 1] = c[5];
        }
        break;
    }
}

static void alter(void *self, uint32_t code, bool whole, uint8_t *bytes, size_t *len, size_t cap)
{
    const struct script *s = self;
    bool sized = false;
    if (s->len != 0 && s->bytes[0] & 0x80) {
        if (!whole)
            return;
        *len = s->len - 1 < cap ? s->len - 1 : cap;
        memcpy(bytes, s->bytes + 1, *len);
        return;
    }
    for (size_t i = 0; i + 6 <= s->len && i < 16 * 6; i += 6) {
        const uint8_t *c = s->bytes + i;
        if ((c[0] & 0x7f) != (code & 0x7f) || (c[1] & 1) != whole)
            continue;
        change(c, bytes, len, cap);
        sized = sized || (c[1] & 2) == 0;
    }
    if (whole && sized && *len >= 6)
        be32_put(bytes + 2, (uint32_t)*len);
}

/* Once, since curves cost most of the time: a TPM, and what it sealed. */
static struct fake_tpm fresh;
static struct tpm_sealed first;

static void prepare(void)
{
    struct tpm_pcrs now;
    fake_tpm_init(&fresh, 3);
    tpm_open_with(&tpm, fake_tpm_exchange, &fresh);
    need(tpm_pcrs_read(&tpm, 1u << 4 | 1u << 12, &now) == STATUS_OK);
    need(tpm_seal(&tpm, &now, secret, &first) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tpm_pcrs now;
    uint8_t out[TPM_SECRET_BYTES];
    char text[TPM_TEXT];
    struct script script = {.bytes = data, .len = len};
    steady_random_begin();
    if (first.public_len == 0)
        prepare();
    struct tpm_sealed sealed = first;
    fake = fresh;
    tpm_open_with(&tpm, fake_tpm_exchange, &fake);
    fake.alter = alter;
    fake.alter_self = &script;
    memset(out, 1, sizeof out);
    enum status status = tpm_unseal(&tpm, &sealed, out);
    static const uint8_t zeros[sizeof out];
    if (status != STATUS_OK)
        need(tpm.why[0] != 0 && memcmp(out, zeros, sizeof out) == 0);
    if (tpm_pcrs_read(&tpm, 1u << 4 | 1u << 12, &now) == STATUS_OK &&
        tpm_seal(&tpm, &now, secret, &sealed) == STATUS_OK)
        need(sealed.public_len >= 42 && sealed.public_len <= TPM_PUBLIC_MAX && sealed.private_len >= 1 &&
             sealed.private_len <= TPM_PRIVATE_MAX);
    if (tpm_describe(&tpm, text) == STATUS_OK)
        need(memchr(text, 0, sizeof text) != NULL);
    tpm_close(&tpm);
    return 0;
}
