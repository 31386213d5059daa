/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/esp_image.h"

#include <unistd.h>

#define SECTIONS_MAX  32
#define SECTION_BYTES 40
#define COFF_BYTES    24 /* "PE", two zeros, and the header behind */
#define OSREL_MAX     1024

/* PE is little-endian (PE format, "COFF File Header"). */
static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_at(int fd, uint64_t offset, void *out, size_t len)
{
    return offset <= INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

static bool fits(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '+' || c == '_' || c == '~';
}

bool esp_image_version_of(struct span osrel, char version[VERSION_MAX])
{
    static const char name[] = "PRETTY_NAME=";
    const uint8_t *at = osrel.ptr, *end = osrel.ptr + osrel.len;
    version[0] = 0;
    while (at < end) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        struct span line = span_of(at, (size_t)((line_end == NULL ? end : line_end) - at));
        at = line_end == NULL ? end : line_end + 1;
        if (line.len < sizeof name || memcmp(line.ptr, name, sizeof name - 1) != 0)
            continue;
        while (line.len != 0 && !fits((char)line.ptr[line.len - 1]))
            line.len--;
        size_t from = line.len;
        while (from > sizeof name - 1 && fits((char)line.ptr[from - 1]))
            from--;
        size_t len = line.len - from;
        if (line.len <= sizeof name - 1 || len == 0 || len >= VERSION_MAX)
            return false;
        memcpy(version, line.ptr + from, len);
        version[len] = 0;
        return true;
    }
    return false;
}

bool esp_image_version(int fd, char version[VERSION_MAX])
{
    uint8_t head[64], coff[COFF_BYTES], section[SECTION_BYTES], osrel[OSREL_MAX];
    version[0] = 0;
    if (!read_at(fd, 0, head, sizeof head) || head[0] != 'M' || head[1] != 'Z')
        return false;
    uint64_t at = le32(head + 0x3c);
    if (!read_at(fd, at, coff, sizeof coff) || memcmp(coff, "PE\0\0", 4) != 0)
        return false;
    size_t count = coff[6] | (size_t)coff[7] << 8;
    at += COFF_BYTES + (coff[20] | (uint64_t)coff[21] << 8);
    for (size_t i = 0; i < count && i < SECTIONS_MAX; i++, at += SECTION_BYTES) {
        if (!read_at(fd, at, section, sizeof section))
            return false;
        if (memcmp(section, ".osrel\0", 8) != 0)
            continue;
        uint32_t len = le32(section + 8), stored = le32(section + 16);
        len = len < stored ? len : stored;
        if (len > sizeof osrel || !read_at(fd, le32(section + 20), osrel, len))
            return false;
        return esp_image_version_of(span_of(osrel, len), version);
    }
    return false;
}
