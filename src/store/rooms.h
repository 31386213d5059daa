/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the store ask of one another; nobody outside src/store includes this. */
#ifndef HOLDFAST_STORE_ROOMS_H
#define HOLDFAST_STORE_ROOMS_H

#include "store/store.h"

/* A call's ticket names the entry it is about, so that an answer for an entry that is gone finds nobody. */
static inline uint64_t rooms_ticket(const struct store *s, const struct catalogue_entry *e)
{
    return (uint64_t)e->serial << 32 | catalogue_slot(&s->catalogue, e);
}

static inline struct catalogue_entry *rooms_entry(const struct store *s, uint64_t ticket)
{
    return catalogue_get(&s->catalogue,
                         (struct handle){.slot = (uint32_t)ticket, .serial = (uint32_t)(ticket >> 32)});
}

/* ---- upload.c ---- */

/* The record goes to the key manager at due_ms; entries are listed in the order in which they are due. */
void upload_add(struct store *s, struct catalogue_entry *e, uint64_t due_ms);
/* When that is, within 24 days of now. */
uint64_t upload_due_ms(const struct store *s, const struct catalogue_entry *e);
void upload_remove(struct store *s, struct catalogue_entry *e);
/* Submits one record. False when no call is free. */
bool upload_put(struct store *s, struct catalogue_entry *e, struct span record, uint32_t generation);
/* Has a superseded record removed from the key manager. */
void upload_supersede(struct store *s, const uint8_t record_id[RECORD_ID_BYTES]);
/* The key manager has `generation`; the record that held an older one goes. */
void upload_note_stored(struct store *s, struct catalogue_entry *e, uint32_t generation,
                        const uint8_t record_id[RECORD_ID_BYTES]);
void upload_answered(struct store *s, const struct keymgr_answer *a);
void upload_removal_answered(struct store *s, const struct keymgr_answer *a);
void upload_send(struct store *s);
void upload_send_removals(struct store *s);

/* ---- change.c ---- */

/* The change is durable: the next record becomes the record. */
void change_apply(struct store *s, struct catalogue_entry *e);
/* The change was not taken: all is as it was before it. */
void change_undo(struct store *s, struct catalogue_entry *e, const char *why);
/* The key manager's answer to a change that waits for it. */
void change_answered(struct store *s, struct catalogue_entry *e, const struct keymgr_answer *a);
/* Carries on every change under way. */
void change_turn(struct store *s);

/* ---- keys.c ---- */

void keys_new_answered(struct store *s, struct keymgr_answer *a);
void keys_unwrap_answered(struct store *s, struct keymgr_answer *a);
void keys_state_answered(struct store *s, const struct keymgr_answer *a);
void keys_refill_spares(struct store *s);
void keys_fetch(struct store *s);
void keys_check_lease(struct store *s);
/* Fetches the KEKs that were served before the restart, while nobody waits for another one. */
void keys_prefetch(struct store *s);

#endif
