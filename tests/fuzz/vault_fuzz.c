/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a secret, as whoever has the disk may have changed it. The first byte chooses reader and room.
 */
#include <stdlib.h>

#include "crypto/vault.h"
#include "fuzz/steady_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct vault plain = {.sealed = false}, sealed = {.sealed = true, .key = {1, 2, 3}};
    if (len < 1)
        return 0;
    steady_random_begin();
    const struct vault *v = (data[0] & 1) != 0 ? &sealed : &plain;
    size_t cap = (data[0] >> 1) * 4u, file_len = len - 1, out_len = 99;
    uint8_t *file = malloc(file_len + 1), *out = malloc(cap + 1);
    memcpy(file, data + 1, file_len);
    memset(out, 0xff, cap);
    enum status status = vault_read(v, "server-rsa.key", span_of(file, file_len), out, cap, &out_len);
    if (status != STATUS_OK) {
        need(out_len == 0);
        for (size_t i = 0; i < cap; i++)
            need(out[i] == 0);
    } else {
        /* Nobody has the key, so what opens was not sealed. */
        need(v == &plain && out_len == file_len && memcmp(out, file, file_len) == 0);
    }
    /* What is written is read again, and under no other name. */
    struct buf made = buf_over(malloc(file_len + VAULT_OVERHEAD + 1), file_len + VAULT_OVERHEAD);
    uint8_t *again = malloc(file_len + 1);
    vault_write(&sealed, "a", span_of(file, file_len), &made);
    need(!made.full && vault_read(&sealed, "a", buf_span(&made), again, file_len, &out_len) == STATUS_OK);
    need(out_len == file_len && memcmp(again, file, file_len) == 0);
    need(vault_read(&sealed, "b", buf_span(&made), again, file_len, &out_len) == STATUS_REFUSED);
    free(again);
    free(made.ptr);
    free(out);
    free(file);
    return 0;
}
