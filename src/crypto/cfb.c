/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cfb.h"

#include <bearssl_block.h>

#include "base/wipe.h"

/* The constant-time code has no single block, so one is CBC of a block of zeros: E(0 xor feedback). */
static void cfb(const uint8_t *key, const uint8_t *iv, uint8_t *data, size_t len, bool encrypt)
{
    br_aes_ct64_cbcenc_keys keys;
    uint8_t feedback[CFB_BLOCK_BYTES], stream[CFB_BLOCK_BYTES];
    br_aes_ct64_cbcenc_init(&keys, key, CFB_KEY_BYTES);
    memcpy(feedback, iv, sizeof feedback);
    for (size_t at = 0; at < len; at += CFB_BLOCK_BYTES) {
        size_t n = len - at < CFB_BLOCK_BYTES ? len - at : CFB_BLOCK_BYTES;
        memset(stream, 0, sizeof stream);
        br_aes_ct64_cbcenc_run(&keys, feedback, stream, sizeof stream);
        for (size_t i = 0; i < n; i++) {
            uint8_t in = data[at + i];
            data[at + i] = in ^ stream[i];
            feedback[i] = encrypt ? data[at + i] : in;
        }
    }
    wipe(&keys, sizeof keys);
    wipe(feedback, sizeof feedback);
    wipe(stream, sizeof stream);
}

void aes128_cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], const uint8_t iv[CFB_BLOCK_BYTES], uint8_t *data,
                        size_t len)
{
    cfb(key, iv, data, len, true);
}

void aes128_cfb_decrypt(const uint8_t key[CFB_KEY_BYTES], const uint8_t iv[CFB_BLOCK_BYTES], uint8_t *data,
                        size_t len)
{
    cfb(key, iv, data, len, false);
}
