/* SPDX-License-Identifier: Apache-2.0 */
/* The file of key slots, and what a person types as a recovery key: what is read is written and read again.
 */
#include <stdlib.h>

#include "fuzz/steady_random.h"
#include "seal/recovery.h"
#include "seal/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

static void try_slots(struct span text)
{
    static struct seal_slots slots, again;
    static char out_bytes[SEAL_TEXT_MAX];
    size_t line;
    if (seal_slots_read(text, &slots, &line) != STATUS_OK) {
        need(slots.count == 0);
        return;
    }
    need(slots.count >= 1 && slots.count <= SEAL_SLOTS_MAX);
    struct buf out = buf_over(out_bytes, sizeof out_bytes);
    seal_slots_write(&slots, &out);
    need(!out.full && out.len <= text.len);
    need(seal_slots_read(buf_span(&out), &again, &line) == STATUS_OK);
    need(memcmp(&slots, &again, sizeof slots) == 0);
    while (slots.count != 0) {
        struct seal_slot first = slots.slot[0];
        need(seal_slots_find(&slots, first.kind, first.label) == &slots.slot[0]);
        need(seal_slots_remove(&slots, first.kind, first.label) == STATUS_OK);
    }
}

static void try_recovery(struct span text)
{
    uint8_t key[RECOVERY_BYTES], again[RECOVERY_BYTES];
    char why[RECOVERY_WHY], shown[RECOVERY_TEXT + 1];
    memset(why, 0x55, sizeof why);
    if (recovery_read(text, key, why) != STATUS_OK) {
        need(memchr(why, 0, sizeof why) != NULL && why[0] != 0);
        return;
    }
    recovery_write(key, shown);
    need(recovery_read(span_of(shown, RECOVERY_TEXT), again, why) == STATUS_OK);
    need(memcmp(key, again, sizeof key) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    steady_random_begin();
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, data, len);
    try_slots(span_of(copy, len));
    try_recovery(span_of(copy, len));
    free(copy);
    return 0;
}
