/* SPDX-License-Identifier: Apache-2.0 */
/* The next start foretold from a log, two images made here and a TPM in this process; and each reason why it
 * cannot be. tests/seal shows that a machine that boots agrees. */
#include "support/check.h"
#include "support/fake_tpm.h"

#include <sys/mman.h>
#include <unistd.h>

#include "seal/pe.h"
#include "seal/predict.h"

#define PCRS (1u << 4 | 1u << 12)

static struct fake_tpm fake;
static struct tpm tpm;
static uint8_t bytes[8192];
static char log_path[64];
static int log_file;

static void put32(uint8_t *at, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

/* A PE32+ file of 1,024 bytes of headers and sections of 512. */
static size_t make_pe(uint8_t *out, size_t count, const char *const *names, const void *const *content,
                      const size_t *lens)
{
    memset(out, 0, 4096);
    memcpy(out, "MZ", 2);
    put32(out + 60, 64);
    memcpy(out + 64, "PE\0\0", 4);
    out[64 + 6] = (uint8_t)count, out[64 + 20] = 240;
    out[88] = 0x0b, out[89] = 0x02;
    put32(out + 88 + 60, 1024);
    put32(out + 88 + 108, 16);
    size_t at = 1024;
    for (size_t i = 0; i < count; i++) {
        uint8_t *s = out + 88 + 240 + 40 * i;
        size_t room = (lens[i] + 511) / 512 * 512;
        memcpy(s, names[i], strlen(names[i]));
        put32(s + 8, (uint32_t)lens[i]);
        put32(s + 16, (uint32_t)room);
        put32(s + 20, (uint32_t)at);
        memcpy(out + at, content[i], lens[i]);
        at += room;
    }
    return at;
}

static int make_image(const char *kernel, const char *command_line)
{
    static uint8_t inner[4096];
    const char *text = ".text";
    const void *code = kernel;
    size_t len = strlen(kernel);
    len = make_pe(inner, 1, &text, &code, &len);
    const char *const names[] = {".cmdline", ".linux"};
    const void *const content[] = {command_line, inner};
    const size_t lens[] = {strlen(command_line), len};
    len = make_pe(bytes, 2, names, content, lens);
    int file = memfd_create("image", 0);
    assert_int_equal(write(file, bytes, len), (ssize_t)len);
    return file;
}

static void digests(int file, const char *command_line, uint8_t out[3][32])
{
    struct pe_file image, inner;
    uint8_t wide[200] = {0};
    assert_int_equal(pe_open(file, &image), STATUS_OK);
    assert_int_equal(pe_digest(&image, out[0]), STATUS_OK);
    assert_int_equal(pe_section(&image, ".linux", &inner), STATUS_OK);
    assert_int_equal(pe_digest(&inner, out[1]), STATUS_OK);
    for (size_t i = 0; i < strlen(command_line); i++)
        wide[2 * i] = (uint8_t)command_line[i];
    sha256(span_of(wide, 2 * (strlen(command_line) + 1)), out[2]);
}

/* Into the log, and into the TPM's PCR. */
static void measure(uint32_t pcr, const uint8_t digest[32], uint8_t value[32])
{
    uint8_t e[4 + 4 + 4 + 2 + 32 + 4] = {0};
    put32(e, pcr), put32(e + 4, 0x80000003), put32(e + 8, 1);
    e[12] = 0x0b;
    memcpy(e + 14, digest, 32);
    if (log_file >= 0)
        assert_int_equal(write(log_file, e, sizeof e), sizeof e);
    struct span parts[] = {span_of(value, 32), span_of(digest, 32)};
    sha256_parts(parts, 2, value);
}

static void boot_with(uint8_t d[3][32], uint8_t four[32], uint8_t twelve[32])
{
    uint8_t loader[32] = "the boot loader's digest";
    measure(4, loader, four);
    measure(4, d[0], four);
    measure(12, d[2], twelve);
    measure(12, d[2], twelve);
    measure(4, d[1], four);
}

static void begin(uint8_t running[3][32])
{
    uint8_t spec[32 + 37] = {0};
    fake_tpm_init(&fake, 3);
    tpm_open_with(&tpm, fake_tpm_exchange, &fake);
    log_file = memfd_create("log", 0);
    snprintf(log_path, sizeof log_path, "/proc/self/fd/%d", log_file);
    put32(spec + 4, 3), put32(spec + 28, 33);
    memcpy(spec + 32, "Spec ID Event03", 16);
    put32(spec + 56, 1), put32(spec + 60, 0x0020000b);
    assert_int_equal(write(log_file, spec, 65), 65);
    boot_with(running, fake.pcr[4], fake.pcr[12]);
}

static void the_next_start_is_foretold(void **state)
{
    (void)state;
    uint8_t old[3][32], new[3][32], four[32] = {0}, twelve[32] = {0};
    struct tpm_pcrs out;
    int running = make_image("kernel one", "quiet"), next = make_image("kernel two", "quiet panic=10 \n");
    digests(running, "quiet", old);
    digests(next, "quiet panic=10", new);
    begin(old);
    assert_int_equal(predict_pcrs(&tpm, log_path, PCRS, running, next, &out), STATUS_OK);
    close(log_file);
    log_file = -1;
    boot_with(new, four, twelve);
    assert_memory_equal(out.value[4], four, 32);
    assert_memory_equal(out.value[12], twelve, 32);
    assert_int_equal(out.mask, PCRS);
    close(running), close(next);
}

static void each_reason_is_named(void **state)
{
    (void)state;
    uint8_t old[3][32];
    struct tpm_pcrs out;
    int running = make_image("kernel one", "quiet"), next = make_image("kernel two", "quiet");
    int none = memfd_create("none", 0);
    digests(running, "quiet", old);
    begin(old);
    assert_int_equal(predict_pcrs(&tpm, "/nonexistent", PCRS, running, next, &out), STATUS_NOT_FOUND);
    assert_non_null(strstr(tpm.why, "no log"));
    assert_int_equal(predict_pcrs(&tpm, log_path, PCRS, next, running, &out), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "does not name the running image"));
    assert_int_not_equal(predict_pcrs(&tpm, log_path, PCRS, none, next, &out), STATUS_OK);
    assert_non_null(strstr(tpm.why, "the running image cannot be read"));
    assert_int_not_equal(predict_pcrs(&tpm, log_path, PCRS, running, none, &out), STATUS_OK);
    assert_non_null(strstr(tpm.why, "the new image cannot be read"));
    fake.pcr[12][5] ^= 1;
    assert_int_equal(predict_pcrs(&tpm, log_path, PCRS, running, next, &out), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "PCR 12"));
    fake.pcr[12][5] ^= 1;
    assert_int_equal(ftruncate(log_file, 100), 0);
    assert_int_equal(predict_pcrs(&tpm, log_path, PCRS, running, next, &out), STATUS_MALFORMED);
    assert_non_null(strstr(tpm.why, "log of measurements cannot be read"));
    close(log_file), close(running), close(next), close(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_start_is_foretold),
        cmocka_unit_test(each_reason_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
