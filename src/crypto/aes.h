/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES as the rest of the server needs it: sealing with AES-256-GCM (NIST SP 800-38D) and key wrapping (RFC
 * 3394, which KMIP calls NIST Key Wrap). Uses the processor's instructions where it has them. Every context
 * is wiped before return.
 */
#ifndef HOLDFAST_CRYPTO_AES_H
#define HOLDFAST_CRYPTO_AES_H

#include "base/span.h"
#include "base/status.h"

#define SEAL_KEY_BYTES   32
#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES   16
#define SEAL_OVERHEAD    (SEAL_NONCE_BYTES + SEAL_TAG_BYTES)

/*
 * out receives nonce, ciphertext, tag: plain.len + SEAL_OVERHEAD bytes. The nonce is random: under one key at
 * most 2^32 sealings are safe, far beyond what one object or one node makes.
 */
void seal_make(const uint8_t key[SEAL_KEY_BYTES], struct span bound, struct span plain, uint8_t *out);

/* out receives sealed.len - SEAL_OVERHEAD bytes. STATUS_REFUSED when the tag does not match; out is then
 * zeros. */
MUST_USE enum status seal_open(const uint8_t key[SEAL_KEY_BYTES], struct span bound, struct span sealed,
                               uint8_t *out);

/*
 * RFC 3394 s2.2.1 with the default initial value. key: 16, 24 or 32 bytes; plain: a multiple of 8, 16 to
 * KEYWRAP_MAX bytes; out receives plain.len + 8 bytes. STATUS_MALFORMED for other lengths.
 */
#define KEYWRAP_MAX 4096
MUST_USE enum status keywrap_make(struct span key, struct span plain, uint8_t *out);
/* RFC 3394 s2.2.2; out receives wrapped.len - 8 bytes. STATUS_REFUSED when the integrity check fails. */
MUST_USE enum status keywrap_open(struct span key, struct span wrapped, uint8_t *out);

#endif
