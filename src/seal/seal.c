/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/wipe.h"
#include "crypto/random.h"
#include "seal/predict.h"
#include "seal/secret_slot.h"

struct seal_place seal_place_default(void)
{
    return (struct seal_place){.tpm = SEAL_TPM_PATH, .log = EVENT_LOG_PATH};
}

void seal_new(uint8_t key[SEAL_KEY_BYTES])
{
    random_bytes(key, SEAL_KEY_BYTES);
}

bool seal_probe(const struct seal_place *place, char *text, size_t cap)
{
    struct tpm tpm;
    struct tpm_pcrs now;
    char name[TPM_TEXT];
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK)
        status = tpm_describe(&tpm, name);
    if (status == STATUS_OK)
        status = tpm_pcrs_read(&tpm, SEAL_PCRS, &now);
    snprintf(text, cap, "%s", status == STATUS_OK ? name : tpm.why);
    tpm_close(&tpm);
    return status == STATUS_OK;
}

/* ---- opening ---- */

static enum status open_tpm2(const struct seal_place *place, const struct seal_slot *slot,
                             uint8_t key[SEAL_KEY_BYTES], char why[SEAL_WHY])
{
    struct tpm tpm;
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK)
        status = tpm_unseal(&tpm, &slot->tpm2, key);
    memcpy(why, tpm.why, SEAL_WHY);
    tpm_close(&tpm);
    return status;
}

/* "slot tpm2 1.0.0: what": cut into lines of 79 columns at blanks. */
static void report_slot(struct buf *report, const struct seal_slot *slot, const char *what)
{
    char line[SEAL_WHY + 64];
    bool has_label = slot->kind == SEAL_TPM2;
    snprintf(line, sizeof line, "slot %s%s%s: %s", seal_kind_name(slot->kind), has_label ? " " : "",
             slot->label, what);
    const char *rest = line;
    unsigned width = 79;
    while (strlen(rest) > width) {
        unsigned at = width;
        while (at > 0 && rest[at] != ' ')
            at--;
        if (at == 0)
            at = width;
        buf_print(report, "%.*s\n  ", (int)at, rest);
        rest += rest[at] == ' ' ? at + 1 : at;
        width = 77;
    }
    buf_print(report, "%s\n", rest);
}

/* One slot that opens by itself; key is what the first good one gave, if *opened. */
static void try_slot(const struct seal_place *place, const struct seal_slot *slot,
                     uint8_t key[SEAL_KEY_BYTES], bool *opened, struct buf *report)
{
    uint8_t got[SEAL_KEY_BYTES] = {0};
    char why[SEAL_WHY] = "ok";
    enum status status = STATUS_OK;
    if (slot->kind == SEAL_FILE) {
        memcpy(got, slot->key, sizeof got);
        snprintf(why, sizeof why, "ok, but unprotected: who has the disk has the key");
    } else {
        status = open_tpm2(place, slot, got, why);
        if (status == STATUS_OK)
            snprintf(why, sizeof why, "ok");
    }
    if (status == STATUS_OK && *opened && !bytes_equal_secret(got, key, sizeof got))
        snprintf(why, sizeof why, "opens, but to another key than the slot before it: remove it");
    if (status == STATUS_OK && !*opened) {
        memcpy(key, got, sizeof got);
        *opened = true;
    }
    report_slot(report, slot, why);
    wipe(got, sizeof got);
}

enum status seal_open_any(const struct seal_place *place, const struct seal_slots *slots,
                          uint8_t key[SEAL_KEY_BYTES], struct buf *report)
{
    bool opened = false, any = false;
    static const enum seal_kind order[] = {SEAL_FILE, SEAL_TPM2};
    memset(key, 0, SEAL_KEY_BYTES);
    for (size_t k = 0; k < COUNT_OF(order); k++) {
        for (size_t i = 0; i < slots->count; i++) {
            if (slots->slot[i].kind != order[k])
                continue;
            any = true;
            try_slot(place, &slots->slot[i], key, &opened, report);
        }
    }
    return opened ? STATUS_OK : any ? STATUS_REFUSED : STATUS_NOT_FOUND;
}

enum status seal_open_passphrase(const struct seal_slots *slots, struct span passphrase,
                                 uint8_t key[SEAL_KEY_BYTES])
{
    const struct seal_slot *slot = seal_slots_find(slots, SEAL_PASSPHRASE, NULL);
    memset(key, 0, SEAL_KEY_BYTES);
    return slot == NULL ? STATUS_NOT_FOUND : secret_slot_open(slot, passphrase, key);
}

enum status seal_open_recovery(const struct seal_slots *slots, struct span text, uint8_t key[SEAL_KEY_BYTES],
                               char why[SEAL_WHY])
{
    uint8_t recovery[RECOVERY_BYTES];
    char wrong[RECOVERY_WHY];
    memset(key, 0, SEAL_KEY_BYTES);
    const struct seal_slot *slot = seal_slots_find(slots, SEAL_RECOVERY, NULL);
    enum status status = recovery_read(text, recovery, wrong);
    if (status != STATUS_OK) {
        snprintf(why, SEAL_WHY, "%s", wrong);
    } else if (slot == NULL) {
        snprintf(why, SEAL_WHY, "this box has no recovery key");
        status = STATUS_NOT_FOUND;
    } else {
        status = secret_slot_open(slot, span_of(recovery, sizeof recovery), key);
        snprintf(why, SEAL_WHY, "%s",
                 status == STATUS_OK ? "ok" : "well formed, but not the recovery key of this box");
    }
    wipe(recovery, sizeof recovery);
    return status;
}

/* ---- adding ---- */

/* These kinds have one place each, so there is always room. */
static void put(struct seal_slots *slots, struct seal_slot *slot)
{
    enum status ignored = seal_slots_put(slots, slot);
    (void)ignored;
    wipe(slot, sizeof *slot);
}

void seal_add_file(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES])
{
    struct seal_slot slot = {.kind = SEAL_FILE};
    memcpy(slot.key, key, sizeof slot.key);
    put(slots, &slot);
}

void seal_add_passphrase(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES], struct span passphrase)
{
    struct seal_slot slot;
    secret_slot_passphrase(key, passphrase, seal_calibrate(), &slot);
    put(slots, &slot);
}

void seal_add_recovery(struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES],
                       char shown[RECOVERY_TEXT + 1])
{
    uint8_t recovery[RECOVERY_BYTES];
    struct seal_slot slot;
    random_bytes(recovery, sizeof recovery);
    secret_slot_recovery(key, recovery, &slot);
    recovery_write(recovery, shown);
    put(slots, &slot);
    wipe(recovery, sizeof recovery);
}

static enum status add_sealed(struct tpm *tpm, struct seal_slots *slots, const uint8_t *key,
                              const struct tpm_pcrs *to, const char *label)
{
    struct seal_slot slot = {.kind = SEAL_TPM2};
    if (strlen(label) > SEAL_LABEL_MAX)
        return tpm_fail(tpm, STATUS_MALFORMED, "the slot's label is too long");
    memcpy(slot.label, label, strlen(label) + 1);
    enum status status = tpm_seal(tpm, to, key, &slot.tpm2);
    if (status != STATUS_OK)
        return status;
    status = seal_slots_put(slots, &slot);
    if (status == STATUS_NO_SPACE)
        return tpm_fail(tpm, status, "there are two tpm2 slots already: remove the one not in use");
    return status == STATUS_OK ? status : tpm_fail(tpm, status, "the slot's label has a wrong character");
}

enum status seal_add_tpm(const struct seal_place *place, struct seal_slots *slots,
                         const uint8_t key[SEAL_KEY_BYTES], const char *label, char why[SEAL_WHY])
{
    struct tpm tpm;
    struct tpm_pcrs now;
    uint8_t again[SEAL_KEY_BYTES] = {0};
    struct seal_slots before = *slots;
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK)
        status = tpm_pcrs_read(&tpm, SEAL_PCRS, &now);
    if (status == STATUS_OK)
        status = add_sealed(&tpm, slots, key, &now, label);
    if (status == STATUS_OK)
        status = tpm_unseal(&tpm, &seal_slots_find(slots, SEAL_TPM2, label)->tpm2, again);
    if (status == STATUS_OK && !bytes_equal_secret(again, key, sizeof again))
        status = tpm_fail(&tpm, STATUS_FAILED, "the TPM gives back something else than it sealed");
    if (status != STATUS_OK)
        *slots = before;
    memcpy(why, tpm.why, SEAL_WHY);
    tpm_close(&tpm);
    wipe(again, sizeof again);
    wipe(&before, sizeof before);
    return status;
}

/* Opens an image to read; -1 with the reason. */
static int open_image(struct tpm *tpm, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        snprintf(tpm->why, sizeof tpm->why, "the image %.64s cannot be opened: %s", path, strerror(errno));
    return file;
}

/* A new image of the same label must not take the place of the slot that opens for this one: if the new one
 * is not found good, this one starts again. */
static enum status check_label(struct tpm *tpm, const struct seal_slots *slots, const struct tpm_pcrs *then,
                               const char *label)
{
    struct tpm_pcrs now;
    const struct seal_slot *old = seal_slots_find(slots, SEAL_TPM2, label);
    if (old == NULL || tpm_sealed_to(&old->tpm2, then))
        return STATUS_OK;
    enum status status = tpm_pcrs_read(tpm, SEAL_PCRS, &now);
    if (status != STATUS_OK || !tpm_sealed_to(&old->tpm2, &now))
        return status;
    return tpm_fail(tpm, STATUS_REFUSED,
                    "another image of the same version runs now, and keeps its slot: have the recovery key "
                    "at hand");
}

enum status seal_add_tpm_for(const struct seal_place *place, struct seal_slots *slots,
                             const uint8_t key[SEAL_KEY_BYTES], const char *running_image,
                             const char *new_image, const char *label, char why[SEAL_WHY])
{
    struct tpm tpm;
    struct tpm_pcrs then;
    int running = -1, next = -1;
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK) {
        running = open_image(&tpm, running_image);
        next = running < 0 ? -1 : open_image(&tpm, new_image);
        status = next < 0 ? STATUS_FAILED : predict_pcrs(&tpm, place->log, SEAL_PCRS, running, next, &then);
    }
    if (status == STATUS_OK)
        status = check_label(&tpm, slots, &then, label);
    if (status == STATUS_OK)
        status = add_sealed(&tpm, slots, key, &then, label);
    if (running >= 0)
        close(running);
    if (next >= 0)
        close(next);
    memcpy(why, tpm.why, SEAL_WHY);
    tpm_close(&tpm);
    return status;
}
