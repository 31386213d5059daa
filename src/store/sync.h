/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the catalogue in step with the key manager's records. What is there and not here is read, what is
 * older than another generation is removed there, two that were written side by side are merged, and what
 * somebody removed there is forgotten here. Three lists tell: all records, once after start and then now and
 * then; the newest ones, and the newest removals, every sync interval when other nodes write to the same key
 * manager.
 */
#ifndef HOLDFAST_STORE_SYNC_H
#define HOLDFAST_STORE_SYNC_H

#include "store/store.h"

void sync_turn(struct store *store);
void sync_listed(struct store *store, const struct keymgr_answer *answer);
void sync_removed(struct store *store, const struct keymgr_answer *answer);
void sync_got(struct store *store, const struct keymgr_answer *answer);
void sync_found(struct store *store, const struct keymgr_answer *answer);
/* The next moment at which sync_turn has something to do without an answer. */
uint64_t sync_deadline(const struct store *store);

/* Something changes: other nodes may have changed things too. */
void sync_stir(struct store *store);
/* The living records of this object are asked for. */
void sync_doubt(struct store *store, struct catalogue_entry *entry);
/* An unread object is read before the others. */
void sync_read_first(struct store *store, struct catalogue_entry *entry);
/* READY: nobody knows this Unique Identifier. WAIT: the newest records are being read to find out. */
MUST_USE enum ask sync_is_unknown(struct store *store, const uint8_t uid[UUID_BYTES]);

#endif
