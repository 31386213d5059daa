/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the catalogue with the key manager's records: what the node does not know is read, what is older
 * than another generation is removed there, what somebody removed there is forgotten here.
 */
#ifndef HOLDFAST_STORE_RECONCILE_H
#define HOLDFAST_STORE_RECONCILE_H

#include "store/store.h"

void reconcile_turn(struct store *store);
void reconcile_listed(struct store *store, const struct keymgr_answer *answer);
void reconcile_got(struct store *store, const struct keymgr_answer *answer);

/* For store.c and reconcile.c: */
/* Takes a record that came from the key manager into the catalogue. */
void store_adopt(struct store *store, const struct keymgr_listed *listed, struct span record);
/* Forgets an object that is no longer in the key manager. */
void store_forget(struct store *store, struct catalogue_entry *entry);
/* Has an object written to the key manager again, whose record there is damaged. */
void store_store_again(struct store *store, struct catalogue_entry *entry);
/* Has a superseded record removed from the key manager. */
void store_remove_record(struct store *store, const uint8_t record_id[RECORD_ID_BYTES]);

#endif
