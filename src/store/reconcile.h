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

#endif
