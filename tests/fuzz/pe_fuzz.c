/* SPDX-License-Identifier: Apache-2.0 */
/* A program image from an update: its digest, its sections, and the digest of the program inside. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/steady_random.h"
#include "seal/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pe_file image, part;
    uint8_t digest[SHA256_BYTES];
    steady_random_begin();
    int file = memfd_create("pe", 0);
    need(file >= 0 && write(file, data, len) == (ssize_t)len);
    need(pe_open(file, &image) == STATUS_OK && image.len == len);
    enum status status = pe_digest(&image, digest);
    need(status == STATUS_OK || status == STATUS_MALFORMED);
    static const char *const names[] = {".linux", ".cmdline"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (pe_section(&image, names[i], &part) != STATUS_OK)
            continue;
        need(part.len == 0 || (part.offset <= len && part.len <= len - part.offset));
        status = pe_digest(&part, digest);
        need(status == STATUS_OK || status == STATUS_MALFORMED);
    }
    close(file);
    return 0;
}
