/* SPDX-License-Identifier: Apache-2.0 */
/* `test seal`: every slot, and what the next start and the next update will find (seal/seal.h). */
#include <stdio.h>

#include "base/wipe.h"
#include "seal/predict.h"
#include "seal/seal.h"

static bool is_zero(const uint8_t *value)
{
    for (size_t i = 0; i < SHA256_BYTES; i++)
        if (value[i] != 0)
            return false;
    return true;
}

/* What this start measured. Only for boxes with a tpm2 slot. */
static void report_measurements(const struct seal_place *place, struct buf *report)
{
    struct tpm tpm;
    struct tpm_pcrs now;
    struct event_log log;
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK)
        status = tpm_pcrs_read(&tpm, SEAL_PCRS, &now);
    if (status == STATUS_OK && is_zero(now.value[4]))
        buf_add_text(report, "measured boot: none by this firmware: the seal holds to this TPM alone,\n"
                             "  not to what boots\n");
    else if (status == STATUS_OK) {
        status = predict_check_log(&tpm, place->log, SEAL_PCRS, &log);
        if (status == STATUS_OK)
            buf_print(report, "measured boot: ok, the log of %zu events agrees with the TPM\n", log.count);
        else
            buf_print(report, "measured boot: an update cannot be sealed for beforehand:\n  %s\n", tpm.why);
    }
    tpm_close(&tpm);
}

static void report_typed(const struct seal_slots *slots, struct buf *report)
{
    const struct seal_slot *passphrase = seal_slots_find(slots, SEAL_PASSPHRASE, NULL);
    if (passphrase != NULL)
        buf_print(report, "slot passphrase: there, %u iterations\n", (unsigned)passphrase->iterations);
    if (seal_slots_find(slots, SEAL_RECOVERY, NULL) != NULL)
        buf_add_text(report, "slot recovery: there\n");
    else
        buf_add_text(report, "slot recovery: MISSING: `recovery-key new` makes one\n");
}

enum status seal_test(const struct seal_place *place, const struct seal_slots *slots, struct buf *report)
{
    uint8_t key[SEAL_KEY_BYTES];
    enum status status = seal_open_any(place, slots, key, report);
    wipe(key, sizeof key);
    report_typed(slots, report);
    if (seal_slots_find(slots, SEAL_TPM2, NULL) != NULL)
        report_measurements(place, report);
    bool waits = seal_slots_find(slots, SEAL_PASSPHRASE, NULL) != NULL;
    return status == STATUS_NOT_FOUND && waits ? STATUS_OK : status;
}
