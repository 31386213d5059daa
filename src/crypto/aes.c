/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aes.h"

#include <bearssl_aead.h>
#include <bearssl_block.h>
#include <bearssl_hash.h>

#include "base/bytes.h"
#include "base/wipe.h"
#include "crypto/random.h"

#if defined(__x86_64__)
/* Asked once by the C runtime; BearSSL's own question executes CPUID each time, which traps in a virtual
 * machine. */
static bool has_instructions(void)
{
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("sse4.1");
}
#endif

struct gcm {
    br_aes_gen_ctr_keys keys;
    br_gcm_context context;
};

static void gcm_begin(struct gcm *g, const uint8_t key[SEAL_KEY_BYTES], const uint8_t *nonce,
                      struct span bound)
{
    const br_block_ctr_class *ctr = &br_aes_ct64_ctr_vtable;
    br_ghash hash = br_ghash_ctmul64;
#if defined(__x86_64__)
    if (has_instructions()) {
        ctr = &br_aes_x86ni_ctr_vtable;
        hash = br_ghash_pclmul;
    }
#endif
    ctr->init(&g->keys.vtable, key, SEAL_KEY_BYTES);
    br_gcm_init(&g->context, &g->keys.vtable, hash);
    br_gcm_reset(&g->context, nonce, SEAL_NONCE_BYTES);
    br_gcm_aad_inject(&g->context, bound.ptr, bound.len);
    br_gcm_flip(&g->context);
}

void seal_make(const uint8_t key[SEAL_KEY_BYTES], struct span bound, struct span plain, uint8_t *out)
{
    struct gcm g;
    random_bytes(out, SEAL_NONCE_BYTES);
    gcm_begin(&g, key, out, bound);
    memmove(out + SEAL_NONCE_BYTES, plain.ptr, plain.len);
    br_gcm_run(&g.context, 1, out + SEAL_NONCE_BYTES, plain.len);
    br_gcm_get_tag(&g.context, out + SEAL_NONCE_BYTES + plain.len);
    wipe(&g, sizeof g);
}

enum status seal_open(const uint8_t key[SEAL_KEY_BYTES], struct span bound, struct span sealed, uint8_t *out)
{
    if (sealed.len < SEAL_OVERHEAD)
        return STATUS_MALFORMED;
    struct gcm g;
    size_t len = sealed.len - SEAL_OVERHEAD;
    gcm_begin(&g, key, sealed.ptr, bound);
    memmove(out, sealed.ptr + SEAL_NONCE_BYTES, len);
    br_gcm_run(&g.context, 0, out, len);
    bool good = br_gcm_check_tag(&g.context, sealed.ptr + sealed.len - SEAL_TAG_BYTES) != 0;
    wipe(&g, sizeof g);
    if (!good)
        wipe(out, len);
    return good ? STATUS_OK : STATUS_REFUSED;
}

/* One AES block is CBC of one block with a zero initial value; the portable constant-time code has nothing
 * smaller. */
static bool keywrap_lengths_fit(size_t key_len, size_t plain_len)
{
    return (key_len == 16 || key_len == 24 || key_len == 32) && plain_len % 8 == 0 && plain_len >= 16 &&
           plain_len <= KEYWRAP_MAX;
}

enum status keywrap_make(struct span key, struct span plain, uint8_t *out)
{
    if (!keywrap_lengths_fit(key.len, plain.len))
        return STATUS_MALFORMED;
    const br_block_cbcenc_class *enc = &br_aes_ct64_cbcenc_vtable;
#if defined(__x86_64__)
    if (has_instructions())
        enc = &br_aes_x86ni_cbcenc_vtable;
#endif
    br_aes_gen_cbcenc_keys keys;
    enc->init(&keys.vtable, key.ptr, key.len);
    size_t n = plain.len / 8;
    uint8_t block[16];
    memset(block, 0xa6, 8);
    memmove(out + 8, plain.ptr, plain.len);
    for (uint64_t t = 1; t <= 6 * n; t++) {
        uint8_t *part = out + 8 + 8 * ((t - 1) % n);
        uint8_t iv[16] = {0};
        memcpy(block + 8, part, 8);
        enc->run(&keys.vtable, iv, block, sizeof block);
        memcpy(part, block + 8, 8);
        be64_put(block, be64_get(block) ^ t);
    }
    memcpy(out, block, 8);
    wipe(&keys, sizeof keys);
    wipe(block, sizeof block);
    return STATUS_OK;
}

enum status keywrap_open(struct span key, struct span wrapped, uint8_t *out)
{
    if (wrapped.len < 8 || !keywrap_lengths_fit(key.len, wrapped.len - 8))
        return STATUS_MALFORMED;
    const br_block_cbcdec_class *dec = &br_aes_ct64_cbcdec_vtable;
#if defined(__x86_64__)
    if (has_instructions())
        dec = &br_aes_x86ni_cbcdec_vtable;
#endif
    br_aes_gen_cbcdec_keys keys;
    dec->init(&keys.vtable, key.ptr, key.len);
    size_t n = wrapped.len / 8 - 1;
    uint8_t block[16];
    static const uint8_t initial[8] = {0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6};
    memcpy(block, wrapped.ptr, 8);
    memmove(out, wrapped.ptr + 8, 8 * n);
    for (uint64_t t = 6 * n; t >= 1; t--) {
        uint8_t *part = out + 8 * ((t - 1) % n);
        uint8_t iv[16] = {0};
        be64_put(block, be64_get(block) ^ t);
        memcpy(block + 8, part, 8);
        dec->run(&keys.vtable, iv, block, sizeof block);
        memcpy(part, block + 8, 8);
    }
    bool good = bytes_equal_secret(block, initial, sizeof initial);
    wipe(&keys, sizeof keys);
    wipe(block, sizeof block);
    if (!good)
        wipe(out, 8 * n);
    return good ? STATUS_OK : STATUS_REFUSED;
}
