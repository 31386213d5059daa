/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets at rest: the server's private keys, its API key and the local root key are files, and on an
 * appliance each is sealed (AES-256-GCM) under one state key, bound to its own name. On a workstation there
 * is no state key and the files hold the secrets themselves. The state key itself is kept by src/seal.
 *
 * A sealed file: the eight bytes "HFsealed", then nonce, ciphertext, tag as crypto/aes.h makes them; the
 * file's name is the associated data, so that one secret cannot be put in another's place.
 */
#ifndef HOLDFAST_CRYPTO_VAULT_H
#define HOLDFAST_CRYPTO_VAULT_H

#include "base/buf.h"
#include "crypto/aes.h"

#define VAULT_MAGIC    "HFsealed"
#define VAULT_OVERHEAD (8 + SEAL_OVERHEAD)

struct vault {
    bool sealed; /* false: secrets are kept as they are */
    uint8_t key[SEAL_KEY_BYTES];
};

/* Appends the content of the file `name` that keeps `secret`; out->full when it does not fit. */
void vault_write(const struct vault *vault, const char *name, struct span secret, struct buf *out);

/*
 * The secret in the content of the file `name`: *len bytes in out. STATUS_REFUSED: sealed under another key
 * or for another name, or sealed and there is no state key; STATUS_MALFORMED: not sealed though there is a
 * state key; STATUS_TOO_LARGE beyond cap. out is wiped unless STATUS_OK.
 */
MUST_USE enum status vault_read(const struct vault *vault, const char *name, struct span file, uint8_t *out,
                                size_t cap, size_t *len);

#endif
