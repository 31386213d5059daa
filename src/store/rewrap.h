/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a rotation of the root key every KEK is wrapped under its newest version, one after the other and
 * slowly: old versions still unwrap, so nothing hurries. Other nodes see the new records as any other change.
 */
#ifndef HOLDFAST_STORE_REWRAP_H
#define HOLDFAST_STORE_REWRAP_H

#include "store/store.h"

/* The key manager's newest version of the root key; zeros: it has none. */
void rewrap_version(struct store *store, const uint8_t version[ROOT_VERSION_BYTES]);
void rewrap_turn(struct store *store);
void rewrap_answered(struct store *store, const struct keymgr_answer *answer);
/* The next moment at which rewrap_turn has something to do; UINT64_MAX: none. */
uint64_t rewrap_deadline(const struct store *store);

#endif
