/* SPDX-License-Identifier: Apache-2.0 */
/* AES-128 in CFB mode with full blocks of feedback (NIST SP 800-38A s6.3): what a TPM's encrypted sessions
 * use. It hides and does not protect against change: the session's HMAC does that. */
#ifndef HOLDFAST_CRYPTO_CFB_H
#define HOLDFAST_CRYPTO_CFB_H

#include "base/span.h"

#define CFB_KEY_BYTES   16
#define CFB_BLOCK_BYTES 16

/* Both work in place on any number of bytes. */
void aes128_cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], const uint8_t iv[CFB_BLOCK_BYTES], uint8_t *data,
                        size_t len);
void aes128_cfb_decrypt(const uint8_t key[CFB_KEY_BYTES], const uint8_t iv[CFB_BLOCK_BYTES], uint8_t *data,
                        size_t len);

#endif
