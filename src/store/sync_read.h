/* SPDX-License-Identifier: Apache-2.0 */
/* Reading records that are news, and looking up objects in doubt; sync.c tells which. */
#ifndef HOLDFAST_STORE_SYNC_READ_H
#define HOLDFAST_STORE_SYNC_READ_H

#include "store/sync.h"

/* Compares a listed record with the catalogue. True: it is known, or older than what is. */
bool sync_look_at(struct store *store, const struct keymgr_listed *listed);
/* The whole list of a key manager of our own does not have this object's record. */
void sync_unseen(struct store *store, struct catalogue_entry *entry);
/* Says so once when the catalogue is complete for the first time. */
void sync_note_complete(struct store *store);
void sync_read_turn(struct store *store);

#endif
