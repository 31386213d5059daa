/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/pe.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/kdf.h"

#define DOS_HEADER_BYTES 64
#define DOS_TO_PE        60 /* e_lfanew */
#define COFF_BYTES       24 /* "PE\0\0" and the COFF header */
#define CHECKSUM_AT      64 /* in the optional header */
#define DIRECTORY_BYTES  8
#define SECURITY_ENTRY   4
#define SECTION_BYTES    40
#define SECTIONS_MAX     64
#define PART_BYTES       4096

struct section {
    char name[8];
    uint32_t memory_len;
    uint32_t file_len;
    uint32_t file_at;
};

struct headers {
    uint32_t checksum_at;    /* of four bytes that are not hashed */
    uint32_t security_at;    /* of the directory entry that is not hashed; 0: there is none */
    uint32_t signatures_len; /* at the end of the file, not hashed */
    uint32_t headers_len;
    size_t count;
    struct section section[SECTIONS_MAX];
};

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

enum status pe_open(int file, struct pe_file *out)
{
    struct stat s;
    if (fstat(file, &s) != 0)
        return STATUS_FAILED;
    *out = (struct pe_file){.file = file, .len = s.st_size < 0 ? 0 : (uint64_t)s.st_size};
    return out->len > PE_FILE_MAX ? STATUS_TOO_LARGE : STATUS_OK;
}

/* Exactly len bytes at `at` of the PE file. */
static enum status read_at(const struct pe_file *pe, uint64_t at, uint8_t *out, size_t len)
{
    if (at > pe->len || len > pe->len - at)
        return STATUS_MALFORMED;
    for (size_t got = 0; got < len;) {
        ssize_t n = pread(pe->file, out + got, len - got, (off_t)(pe->offset + at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return STATUS_FAILED; /* also when it became shorter */
        got += (size_t)n;
    }
    return STATUS_OK;
}

/* The optional header: its format decides where the directories are. */
static enum status read_optional(const struct pe_file *pe, uint64_t at, size_t len, struct headers *out)
{
    uint8_t head[112 + (SECURITY_ENTRY + 1) * DIRECTORY_BYTES] = {0};
    enum status status = read_at(pe, at, head, len < sizeof head ? len : sizeof head);
    if (status != STATUS_OK)
        return status;
    size_t directories;
    if (len >= 96 && le16(head) == 0x10b)
        directories = 96; /* PE32 */
    else if (len >= 112 && le16(head) == 0x20b)
        directories = 112; /* PE32+ */
    else
        return STATUS_MALFORMED;
    out->headers_len = le32(head + 60);
    out->checksum_at = (uint32_t)at + CHECKSUM_AT;
    size_t security = directories + SECURITY_ENTRY * DIRECTORY_BYTES;
    if (le32(head + directories - 4) > SECURITY_ENTRY && len >= security + DIRECTORY_BYTES) {
        out->security_at = (uint32_t)(at + security);
        out->signatures_len = le32(head + security + 4);
    }
    return STATUS_OK;
}

static enum status read_sections(const struct pe_file *pe, uint64_t at, struct headers *out)
{
    for (size_t i = 0; i < out->count; i++) {
        uint8_t raw[SECTION_BYTES];
        struct section *s = &out->section[i];
        enum status status = read_at(pe, at + i * SECTION_BYTES, raw, sizeof raw);
        if (status != STATUS_OK)
            return status;
        memcpy(s->name, raw, sizeof s->name);
        s->memory_len = le32(raw + 8);
        s->file_len = le32(raw + 16);
        s->file_at = le32(raw + 20);
        if (s->file_len != 0 && (s->file_at > pe->len || s->file_len > pe->len - s->file_at))
            return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status read_headers(const struct pe_file *pe, struct headers *out)
{
    uint8_t dos[DOS_HEADER_BYTES], coff[COFF_BYTES];
    memset(out, 0, sizeof *out);
    enum status status = read_at(pe, 0, dos, sizeof dos);
    if (status != STATUS_OK)
        return status;
    uint32_t pe_at = le32(dos + DOS_TO_PE);
    if (dos[0] != 'M' || dos[1] != 'Z' || pe_at < DOS_HEADER_BYTES || pe_at > PE_FILE_MAX)
        return STATUS_MALFORMED;
    status = read_at(pe, pe_at, coff, sizeof coff);
    if (status != STATUS_OK)
        return status;
    size_t optional_len = le16(coff + 20);
    out->count = le16(coff + 6);
    if (memcmp(coff, "PE\0\0", 4) != 0 || out->count > SECTIONS_MAX)
        return STATUS_MALFORMED;
    status = read_optional(pe, pe_at + COFF_BYTES, optional_len, out);
    if (status == STATUS_OK)
        status = read_sections(pe, pe_at + COFF_BYTES + optional_len, out);
    uint64_t sections_end = pe_at + COFF_BYTES + optional_len + out->count * SECTION_BYTES;
    if (status == STATUS_OK && (out->headers_len < sections_end || out->headers_len > pe->len))
        status = STATUS_MALFORMED;
    return status;
}

static enum status hash_range(const struct pe_file *pe, uint64_t from, uint64_t to, struct sha256_stream *run)
{
    uint8_t part[PART_BYTES];
    while (from < to) {
        size_t n = to - from < sizeof part ? (size_t)(to - from) : sizeof part;
        enum status status = read_at(pe, from, part, n);
        if (status != STATUS_OK)
            return status;
        sha256_add(run, span_of(part, n));
        from += n;
    }
    return STATUS_OK;
}

/* In the order in which they lie in the file; those without content there count for nothing. */
static void sort_sections(struct headers *h)
{
    for (size_t i = 1; i < h->count; i++) {
        struct section moved = h->section[i];
        size_t at = i;
        for (; at > 0 && h->section[at - 1].file_at > moved.file_at; at--)
            h->section[at] = h->section[at - 1];
        h->section[at] = moved;
    }
}

enum status pe_digest(const struct pe_file *pe, uint8_t out[SHA256_BYTES])
{
    struct headers h;
    struct sha256_stream run;
    enum status status = read_headers(pe, &h);
    if (status != STATUS_OK)
        return status;
    sha256_begin(&run);
    status = hash_range(pe, 0, h.checksum_at, &run);
    uint64_t from = h.checksum_at + 4;
    if (status == STATUS_OK && h.security_at != 0) {
        status = hash_range(pe, from, h.security_at, &run);
        from = h.security_at + DIRECTORY_BYTES;
    }
    if (status == STATUS_OK)
        status = hash_range(pe, from, h.headers_len, &run);
    uint64_t hashed = h.headers_len;
    sort_sections(&h);
    for (size_t i = 0; status == STATUS_OK && i < h.count; i++) {
        const struct section *s = &h.section[i];
        hashed += s->file_len;
        /* More than there is: sections that lie over each other, which nobody makes. */
        status = hashed > pe->len ? STATUS_MALFORMED
                                  : hash_range(pe, s->file_at, (uint64_t)s->file_at + s->file_len, &run);
    }
    /* What is behind the sections, but for the signatures. */
    if (status == STATUS_OK && pe->len > hashed) {
        if (h.signatures_len > pe->len - hashed)
            return STATUS_MALFORMED;
        status = hash_range(pe, hashed, pe->len - h.signatures_len, &run);
    }
    if (status == STATUS_OK)
        sha256_end(&run, out);
    return status;
}

enum status pe_section(const struct pe_file *pe, const char *name, struct pe_file *out)
{
    struct headers h;
    char wanted[8] = {0};
    memcpy(wanted, name, strlen(name) < sizeof wanted ? strlen(name) : sizeof wanted);
    enum status status = read_headers(pe, &h);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < h.count; i++) {
        const struct section *s = &h.section[i];
        if (memcmp(s->name, wanted, sizeof wanted) != 0)
            continue;
        uint32_t len = s->memory_len < s->file_len ? s->memory_len : s->file_len;
        *out = (struct pe_file){.file = pe->file, .offset = pe->offset + s->file_at, .len = len};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}
