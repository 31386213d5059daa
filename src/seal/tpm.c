/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/tpm.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "seal/tpm_words.h"

#define HEADER          10
#define AGAIN_MS        20
#define AGAIN_MAX       100
#define PROPERTIES      6 /* TPM_CAP_TPM_PROPERTIES */
#define FAMILY          0x100
#define MANUFACTURER    0x105
#define VENDOR_STRING_1 0x106
#define VENDOR_STRING_4 0x109

static enum status over_link(void *self, uint64_t until_ms, struct span command,
                             uint8_t answer[TPM_MESSAGE_MAX], size_t *len)
{
    const struct tpm *tpm = self;
    return tpm_link_exchange(tpm->file, until_ms, command, answer, len);
}

enum status tpm_fail(struct tpm *tpm, enum status status, const char *why)
{
    snprintf(tpm->why, sizeof tpm->why, "%s", why);
    return status;
}

void tpm_open_with(struct tpm *tpm, tpm_exchange exchange, void *self)
{
    memset(tpm, 0, sizeof *tpm);
    tpm->file = -1;
    tpm->exchange = exchange;
    tpm->self = self;
    tpm->until_ms = clock_read().mono_ms + TPM_PATIENCE_MS;
}

enum status tpm_open(struct tpm *tpm, const char *path)
{
    tpm_open_with(tpm, over_link, tpm);
    tpm->file = tpm_link_open(path);
    if (tpm->file >= 0)
        return STATUS_OK;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        return tpm_fail(tpm, STATUS_FAILED, "there is no TPM 2.0, or the firmware has it switched off");
    snprintf(tpm->why, sizeof tpm->why, "the TPM cannot be opened: %s", strerror(errno));
    return STATUS_FAILED;
}

void tpm_close(struct tpm *tpm)
{
    if (tpm->file >= 0)
        close(tpm->file);
    wipe(tpm->out, sizeof tpm->out);
    wipe(tpm->in, sizeof tpm->in);
    tpm->file = -1;
}

void tpm_begin(struct tpm *tpm, enum tpm_number tag, enum tpm_command_code code)
{
    tpm->command = buf_over(tpm->out, sizeof tpm->out);
    tpm_put16(&tpm->command, (uint16_t)tag);
    tpm_put32(&tpm->command, 0); /* the size: tpm_run */
    tpm_put32(&tpm->command, (uint32_t)code);
}

static enum status exchange_once(struct tpm *tpm, size_t *len)
{
    enum status status = tpm->exchange(tpm->self, tpm->until_ms, buf_span(&tpm->command), tpm->in, len);
    if (status == STATUS_FAILED) {
        snprintf(tpm->why, sizeof tpm->why, "the TPM does not answer: %s", strerror(errno));
        return status;
    }
    if (status != STATUS_OK || *len < HEADER || *len > sizeof tpm->in || be32_get(tpm->in + 2) != *len)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    tpm->code = be32_get(tpm->in + 6);
    return STATUS_OK;
}

static void say_code(struct tpm *tpm)
{
    const char *words = tpm_code_words(tpm->code);
    if (words != NULL)
        snprintf(tpm->why, sizeof tpm->why, "%s (TPM code 0x%03x)", words, (unsigned)tpm->code);
    else
        snprintf(tpm->why, sizeof tpm->why, "the TPM refuses with code 0x%03x", (unsigned)tpm->code);
}

enum status tpm_run(struct tpm *tpm)
{
    size_t len = 0;
    if (tpm->command.full)
        return tpm_fail(tpm, STATUS_TOO_LARGE, "a command to the TPM is too long");
    be32_put(tpm->out + 2, (uint32_t)tpm->command.len);
    uint16_t tag = (uint16_t)(tpm->out[0] << 8 | tpm->out[1]);
    for (unsigned again = 0;; again++) {
        enum status status = exchange_once(tpm, &len);
        if (status != STATUS_OK)
            return status;
        if (!tpm_code_again(tpm->code) || again == AGAIN_MAX)
            break;
        nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
    }
    if (tpm->code != 0) {
        say_code(tpm);
        return STATUS_REFUSED;
    }
    if ((tpm->in[0] << 8 | tpm->in[1]) != tag)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    tpm->answer = span_of(tpm->in + HEADER, len - HEADER);
    return STATUS_OK;
}

void tpm_put_no_password(struct buf *out)
{
    tpm_put32(out, 9); /* the bytes of the area */
    tpm_put32(out, TPM_BY_PASSWORD);
    tpm_put16(out, 0); /* no nonce */
    tpm_put8(out, 0);  /* no attributes */
    tpm_put16(out, 0); /* no password */
}

static void add_letters(char *text, size_t cap, uint32_t letters)
{
    size_t n = strlen(text);
    for (int shift = 24; shift >= 0; shift -= 8) {
        char c = (char)(letters >> shift & 0xff);
        bool blank = c == ' ' && (n == 0 || text[n - 1] == ' ');
        if (c >= ' ' && c <= '~' && !blank && n + 1 < cap)
            text[n++] = c;
    }
    text[n] = 0;
}

enum status tpm_describe(struct tpm *tpm, char text[TPM_TEXT])
{
    tpm_begin(tpm, TPM_NO_SESSIONS, TPM_GET_CAPABILITY);
    tpm_put32(&tpm->command, PROPERTIES);
    tpm_put32(&tpm->command, FAMILY);
    tpm_put32(&tpm->command, VENDOR_STRING_4 - FAMILY + 1);
    enum status status = tpm_run(tpm);
    if (status != STATUS_OK)
        return status;
    struct tpm_reader in = {.rest = tpm->answer};
    tpm_get8(&in); /* whether there is more */
    bool right = tpm_get32(&in) == PROPERTIES;
    uint32_t count = tpm_get32(&in);
    if (in.bad || !right || count > 64)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    snprintf(text, TPM_TEXT, "TPM ");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t property = tpm_get32(&in), value = tpm_get32(&in);
        if (in.bad)
            return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
        if (property == MANUFACTURER)
            add_letters(text, TPM_TEXT, 0x2c200000); /* ", " */
        if (property == FAMILY || (property >= MANUFACTURER && property <= VENDOR_STRING_4))
            add_letters(text, TPM_TEXT, value);
        if (property == MANUFACTURER)
            add_letters(text, TPM_TEXT, 0x20000000); /* a blank, unless there is one */
    }
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
        text[n - 1] = 0;
    return STATUS_OK;
}

void tpm_put_pcrs(struct buf *out, uint32_t pcrs)
{
    tpm_put32(out, 1); /* one bank */
    tpm_put16(out, TPM_SHA256);
    tpm_put8(out, TPM_PCRS / 8);
    for (unsigned byte = 0; byte < TPM_PCRS / 8; byte++)
        tpm_put8(out, (uint8_t)(pcrs >> 8 * byte));
}

enum status tpm_pcr_read(struct tpm *tpm, unsigned pcr, uint8_t value[SHA256_BYTES])
{
    uint8_t wanted[10];
    struct buf selection = buf_over(wanted, sizeof wanted);
    tpm_put_pcrs(&selection, UINT32_C(1) << pcr);
    tpm_begin(tpm, TPM_NO_SESSIONS, TPM_PCR_READ);
    buf_add(&tpm->command, wanted, sizeof wanted);
    enum status status = tpm_run(tpm);
    if (status != STATUS_OK)
        return status;
    struct tpm_reader in = {.rest = tpm->answer};
    tpm_get32(&in); /* the counter of updates */
    /* A TPM without the bank answers with a selection of nothing, in one of two forms. */
    struct span selected = tpm_get(&in, sizeof wanted);
    if (in.bad || !span_equal(selected, span_of(wanted, sizeof wanted)))
        return tpm_fail(tpm, STATUS_REFUSED,
                        "the TPM keeps no SHA-256 measurements: enable that bank in the firmware setup");
    uint32_t count = tpm_get32(&in);
    struct span digest = tpm_get_2b(&in, SHA256_BYTES);
    if (in.bad || count != 1 || digest.len != SHA256_BYTES || in.rest.len != 0)
        return tpm_fail(tpm, STATUS_MALFORMED, "the TPM's answer is garbled");
    memcpy(value, digest.ptr, SHA256_BYTES);
    return STATUS_OK;
}

void tpm_flush(struct tpm *tpm, uint32_t handle)
{
    if (handle == TPM_NOTHING_OPEN)
        return;
    char why[TPM_WHY];
    uint32_t code = tpm->code;
    memcpy(why, tpm->why, sizeof why);
    tpm_begin(tpm, TPM_NO_SESSIONS, TPM_FLUSH_CONTEXT);
    tpm_put32(&tpm->command, handle);
    enum status ignored = tpm_run(tpm);
    (void)ignored;
    tpm->code = code;
    memcpy(tpm->why, why, sizeof why);
}
