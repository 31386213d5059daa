/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/secret_slot.h"

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/kdf.h"
#include "crypto/random.h"

#define TRIAL_ITERATIONS 20000
#define TRIALS           3

/* A slot's line cannot be made one of another kind. */
static const char bound_passphrase[] = "holdfast-seal 1 passphrase";
static const char bound_recovery[] = "holdfast-seal 1 recovery";

uint32_t seal_calibrate(void)
{
    static const uint8_t salt[SEAL_SALT_BYTES];
    uint8_t out[SHA256_BYTES];
    uint64_t best_us = UINT64_MAX;
    for (int i = 0; i < TRIALS; i++) {
        uint64_t from_us = clock_mono_us();
        pbkdf2_sha256(span_of("calibration", 11), span_of(salt, sizeof salt), TRIAL_ITERATIONS, out);
        uint64_t took_us = clock_mono_us() - from_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    uint64_t n = (uint64_t)TRIAL_ITERATIONS * SEAL_CALIBRATED_US / (best_us + 1);
    n -= n % 1000;
    return (uint32_t)(n < SEAL_CALIBRATED_MIN   ? SEAL_CALIBRATED_MIN
                      : n > SEAL_CALIBRATED_MAX ? SEAL_CALIBRATED_MAX
                                                : n);
}

/* The key that seals, and what the sealed text is bound to. */
static struct span derive(const struct seal_slot *slot, struct span secret, uint8_t out[SHA256_BYTES])
{
    struct span salt = span_of(slot->salt, sizeof slot->salt);
    if (slot->kind == SEAL_PASSPHRASE) {
        pbkdf2_sha256(secret, salt, slot->iterations, out);
        return span_of_text(bound_passphrase);
    }
    /* 256 random bits cannot be guessed, so one hash is enough. */
    hmac_sha256(secret, &salt, 1, out);
    return span_of_text(bound_recovery);
}

static void fill(struct seal_slot *slot, const uint8_t *key, struct span secret)
{
    uint8_t under[SHA256_BYTES];
    random_bytes(slot->salt, sizeof slot->salt);
    struct span bound = derive(slot, secret, under);
    seal_make(under, bound, span_of(key, SEAL_KEY_BYTES), slot->sealed);
    wipe(under, sizeof under);
}

void secret_slot_passphrase(const uint8_t key[SEAL_KEY_BYTES], struct span passphrase, uint32_t iterations,
                            struct seal_slot *out)
{
    memset(out, 0, sizeof *out);
    out->kind = SEAL_PASSPHRASE;
    out->iterations = iterations;
    fill(out, key, passphrase);
}

void secret_slot_recovery(const uint8_t key[SEAL_KEY_BYTES], const uint8_t recovery[RECOVERY_BYTES],
                          struct seal_slot *out)
{
    memset(out, 0, sizeof *out);
    out->kind = SEAL_RECOVERY;
    fill(out, key, span_of(recovery, RECOVERY_BYTES));
}

enum status secret_slot_open(const struct seal_slot *slot, struct span secret, uint8_t key[SEAL_KEY_BYTES])
{
    uint8_t under[SHA256_BYTES];
    struct span bound = derive(slot, secret, under);
    enum status status = seal_open(under, bound, span_of(slot->sealed, sizeof slot->sealed), key);
    wipe(under, sizeof under);
    return status;
}
