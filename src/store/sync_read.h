/* SPDX-License-Identifier: Apache-2.0 */
/* Reading records that are news, and looking up objects in doubt; sync.c tells which. */
#ifndef HOLDFAST_STORE_SYNC_READ_H
#define HOLDFAST_STORE_SYNC_READ_H

#include "store/sync.h"

static inline bool sync_same_id(const uint8_t a[RECORD_ID_BYTES], const uint8_t b[RECORD_ID_BYTES])
{
    return memcmp(a, b, RECORD_ID_BYTES) == 0;
}

static inline bool sync_is_under_way(const struct catalogue_entry *e)
{
    return e->change.phase != CHANGE_NONE || e->uploading != 0;
}

/* ---- sync_read.c ---- */

/* A record that has to be read. */
void sync_add_news(struct store *store, const struct keymgr_listed *listed);
/* An object that is in the key manager and not here. Returns its entry, or NULL: the catalogue is full. */
struct catalogue_entry *sync_add_unread(struct store *store, const struct keymgr_listed *listed);
/* Compares a listed record with the catalogue. True: it is known, or older than what is. */
bool sync_look_at(struct store *store, const struct keymgr_listed *listed);
void sync_read_turn(struct store *store);

/* ---- sync_adopt.c ---- */

/* Whether this node's record follows the listed one: then that one is to go. */
bool sync_follows(const struct store *store, const struct catalogue_entry *entry,
                  const struct keymgr_listed *listed);
/* Whether a record was found to be unreadable: it is left where it is, and not read again. */
bool sync_is_bad(const struct sync *sync, const uint8_t id[RECORD_ID_BYTES]);
/* A listed record was read. */
void sync_adopt(struct store *store, struct keymgr_listed *listed, struct span record);
/* The record that was to be read is not there any more. */
void sync_vanished(struct store *store, const struct keymgr_listed *listed);
void sync_forget(struct store *store, struct catalogue_entry *entry);
/* The whole list of a key manager of our own does not have this object's record. */
void sync_unseen(struct store *store, struct catalogue_entry *entry);
/* Says so once when the catalogue is complete for the first time. */
void sync_note_complete(struct store *store);

/* The listed record is the one that this node has. Several nodes may have written the same bytes: of these
 * records the one with the least identifier stays, for every node. */
void sync_note_own(struct store *store, struct catalogue_entry *entry, const struct keymgr_listed *listed);

#endif
