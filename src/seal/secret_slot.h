/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that somebody types: a passphrase, and the recovery key. The state key is sealed (crypto/aes.h)
 * under what is made of it, bound to the kind of slot. */
#ifndef HOLDFAST_SEAL_SECRET_SLOT_H
#define HOLDFAST_SEAL_SECRET_SLOT_H

#include "seal/recovery.h"
#include "seal/slots.h"

/* What one guess costs, in hash iterations that take about half a second here, within these bounds. */
#define SEAL_CALIBRATED_MIN 100000
#define SEAL_CALIBRATED_MAX 4000000
#define SEAL_CALIBRATED_US  500000
uint32_t seal_calibrate(void);

void secret_slot_passphrase(const uint8_t key[SEAL_KEY_BYTES], struct span passphrase, uint32_t iterations,
                            struct seal_slot *out);
void secret_slot_recovery(const uint8_t key[SEAL_KEY_BYTES], const uint8_t recovery[RECOVERY_BYTES],
                          struct seal_slot *out);

/* secret: the passphrase, or the 32 bytes of the recovery key. STATUS_REFUSED: it is not the right one; key
 * is zeros then. */
MUST_USE enum status secret_slot_open(const struct seal_slot *slot, struct span secret,
                                      uint8_t key[SEAL_KEY_BYTES]);

#endif
