/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <bearssl_hash.h>
#include <bearssl_hmac.h>

#include "base/wipe.h"

void sha1(struct span in, uint8_t out[SHA1_BYTES])
{
    br_sha1_context c;
    br_sha1_init(&c);
    br_sha1_update(&c, in.ptr, in.len);
    br_sha1_out(&c, out);
}

void sha256(struct span in, uint8_t out[SHA256_BYTES])
{
    br_sha256_context c;
    br_sha256_init(&c);
    br_sha256_update(&c, in.ptr, in.len);
    br_sha256_out(&c, out);
    wipe(&c, sizeof c);
}

void pbkdf2_sha256(struct span password, struct span salt, uint32_t iterations, uint8_t out[SHA256_BYTES])
{
    br_hmac_key_context key;
    br_hmac_context mac;
    uint8_t u[SHA256_BYTES];
    static const uint8_t block_one[4] = {0, 0, 0, 1};
    br_hmac_key_init(&key, &br_sha256_vtable, password.ptr, password.len);
    br_hmac_init(&mac, &key, 0);
    br_hmac_update(&mac, salt.ptr, salt.len);
    br_hmac_update(&mac, block_one, sizeof block_one);
    br_hmac_out(&mac, u);
    memcpy(out, u, sizeof u);
    for (uint32_t i = 1; i < iterations; i++) {
        br_hmac_init(&mac, &key, 0);
        br_hmac_update(&mac, u, sizeof u);
        br_hmac_out(&mac, u);
        for (size_t k = 0; k < sizeof u; k++)
            out[k] ^= u[k];
    }
    wipe(&key, sizeof key);
    wipe(&mac, sizeof mac);
    wipe(u, sizeof u);
}
