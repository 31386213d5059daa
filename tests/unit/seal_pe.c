/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticode digests of small files made here; tests/seal compares with what real firmware measures. */
#include "support/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "crypto/kdf.h"
#include "seal/pe.h"

#define PE_AT    128
#define OPTIONAL (PE_AT + 24)
#define SECTIONS (OPTIONAL + 240)
#define HEADERS  1024
#define FILE_LEN (HEADERS + 512 + 1024 + 100 + 64)

static uint8_t file[FILE_LEN];

static void put32(size_t at, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        file[at + i] = (uint8_t)(v >> 8 * i);
}

static void section(size_t i, const char *name, uint32_t memory, uint32_t len, uint32_t at)
{
    memset(file + SECTIONS + 40 * i, 0, 40);
    memcpy(file + SECTIONS + 40 * i, name, strlen(name));
    put32(SECTIONS + 40 * i + 8, memory);
    put32(SECTIONS + 40 * i + 16, len);
    put32(SECTIONS + 40 * i + 20, at);
}

/* Two sections out of order, one without content, 100 bytes behind them, 64 of signatures. */
static void make(void)
{
    for (size_t i = 0; i < sizeof file; i++)
        file[i] = (uint8_t)(i * 7 + i / 256);
    file[0] = 'M', file[1] = 'Z';
    put32(60, PE_AT);
    memcpy(file + PE_AT, "PE\0\0", 4);
    file[PE_AT + 6] = 3, file[PE_AT + 7] = 0;
    file[PE_AT + 20] = 240, file[PE_AT + 21] = 0;
    file[OPTIONAL] = 0x0b, file[OPTIONAL + 1] = 0x02;
    put32(OPTIONAL + 60, HEADERS);
    put32(OPTIONAL + 108, 16);
    put32(OPTIONAL + 112 + 4 * 8, FILE_LEN - 64);
    put32(OPTIONAL + 112 + 4 * 8 + 4, 64);
    section(0, ".linux", 1000, 1024, HEADERS + 512);
    section(1, ".bss", 4096, 0, 0);
    section(2, ".cmdline", 20, 512, HEADERS);
}

static enum status digest(size_t len, uint64_t offset, uint8_t out[SHA256_BYTES])
{
    int f = memfd_create("pe", 0);
    assert_int_equal(ftruncate(f, (off_t)offset), 0);
    assert_int_equal(pwrite(f, file, len, (off_t)offset), (ssize_t)len);
    struct pe_file pe;
    assert_int_equal(pe_open(f, &pe), STATUS_OK);
    pe.offset = offset;
    pe.len -= offset;
    enum status status = pe_digest(&pe, out);
    close(f);
    return status;
}

static void the_right_ranges_are_hashed(void **state)
{
    (void)state;
    uint8_t out[SHA256_BYTES], wanted[SHA256_BYTES];
    make();
    size_t sum = OPTIONAL + 64, entry = OPTIONAL + 112 + 32;
    struct span parts[] = {span_of(file, sum), span_of(file + sum + 4, entry - sum - 4),
                           span_of(file + entry + 8, HEADERS - entry - 8),
                           span_of(file + HEADERS, 512 + 1024 + 100)};
    sha256_parts(parts, COUNT_OF(parts), wanted);
    assert_int_equal(digest(sizeof file, 0, out), STATUS_OK);
    assert_memory_equal(out, wanted, sizeof wanted);
    assert_int_equal(digest(sizeof file, 12345, out), STATUS_OK);
    assert_memory_equal(out, wanted, sizeof wanted);
    /* Checksum and signatures do not count, all else does. */
    file[sum + 1] ^= 1;
    file[FILE_LEN - 1] ^= 1;
    assert_int_equal(digest(sizeof file, 0, out), STATUS_OK);
    assert_memory_equal(out, wanted, sizeof wanted);
    file[FILE_LEN - 65] ^= 1;
    assert_int_equal(digest(sizeof file, 0, out), STATUS_OK);
    assert_memory_not_equal(out, wanted, sizeof wanted);
}

static void sections_are_found(void **state)
{
    (void)state;
    make();
    int f = memfd_create("pe", 0);
    assert_int_equal(write(f, file, sizeof file), sizeof file);
    struct pe_file pe, inner;
    assert_int_equal(pe_open(f, &pe), STATUS_OK);
    assert_int_equal(pe_section(&pe, ".linux", &inner), STATUS_OK);
    assert_int_equal(inner.offset, HEADERS + 512);
    assert_int_equal(inner.len, 1000);
    assert_int_equal(pe_section(&pe, ".cmdline", &inner), STATUS_OK);
    assert_int_equal(inner.len, 20);
    assert_int_equal(pe_section(&pe, ".linu", &inner), STATUS_NOT_FOUND);
    uint8_t out[SHA256_BYTES];
    assert_int_equal(pe_digest(&inner, out), STATUS_MALFORMED); /* no program */
    close(f);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    uint8_t out[SHA256_BYTES];
    static const struct {
        size_t at;
        uint32_t value;
    } rows[] = {
        {0, 0},
        {60, 0},
        {60, 0xfffffff0},
        {60, FILE_LEN - 10},
        {PE_AT, 0},
        {PE_AT + 4, 0xffff0000}, /* sections */
        {OPTIONAL, 0x020c},
        {OPTIONAL + 60, 100}, /* headers shorter than themselves */
        {OPTIONAL + 60, FILE_LEN + 1},
        {OPTIONAL + 112 + 4 * 8 + 4, 101 + 64}, /* signatures over the sections */
        {SECTIONS + 16, FILE_LEN},
        {SECTIONS + 20, 0xffffff00},
        {SECTIONS + 20, FILE_LEN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        make();
        put32(rows[i].at, rows[i].value);
        if (digest(sizeof file, 0, out) != STATUS_MALFORMED)
            fail_msg("row %zu is taken", i);
    }
    make();
    for (size_t len = 0; len < HEADERS + 512 + 1024; len += 17)
        assert_int_equal(digest(len, 0, out), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_ranges_are_hashed),
        cmocka_unit_test(sections_are_found),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
