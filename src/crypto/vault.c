/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/vault.h"

#include "base/wipe.h"

#define MAGIC_BYTES (sizeof VAULT_MAGIC - 1)

void vault_write(const struct vault *v, const char *name, struct span secret, struct buf *out)
{
    if (!v->sealed) {
        buf_add(out, secret.ptr, secret.len);
        return;
    }
    if (out->cap - out->len < secret.len + VAULT_OVERHEAD) {
        out->full = true;
        return;
    }
    buf_add(out, VAULT_MAGIC, MAGIC_BYTES);
    seal_make(v->key, span_of_text(name), secret, out->ptr + out->len);
    out->len += secret.len + SEAL_OVERHEAD;
}

static enum status open_sealed(const struct vault *v, const char *name, struct span sealed, uint8_t *out,
                               size_t cap, size_t *len)
{
    if (!v->sealed || sealed.len < SEAL_OVERHEAD)
        return STATUS_REFUSED;
    if (sealed.len - SEAL_OVERHEAD > cap)
        return STATUS_TOO_LARGE;
    *len = sealed.len - SEAL_OVERHEAD;
    return seal_open(v->key, span_of_text(name), sealed, out);
}

enum status vault_read(const struct vault *v, const char *name, struct span file, uint8_t *out, size_t cap,
                       size_t *len)
{
    bool is_sealed = file.len >= MAGIC_BYTES && memcmp(file.ptr, VAULT_MAGIC, MAGIC_BYTES) == 0;
    enum status status = STATUS_MALFORMED;
    *len = 0;
    if (is_sealed) {
        struct span sealed = span_of(file.ptr + MAGIC_BYTES, file.len - MAGIC_BYTES);
        status = open_sealed(v, name, sealed, out, cap, len);
    } else if (!v->sealed) {
        status = file.len <= cap ? STATUS_OK : STATUS_TOO_LARGE;
        *len = status == STATUS_OK ? file.len : 0;
        if (*len != 0)
            memcpy(out, file.ptr, file.len);
    }
    if (status != STATUS_OK) {
        wipe(out, cap);
        *len = 0;
    }
    return status;
}
