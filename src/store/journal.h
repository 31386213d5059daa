/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's entries: what the node knows of each record, so that a restart knows it again. */
#ifndef HOLDFAST_STORE_JOURNAL_H
#define HOLDFAST_STORE_JOURNAL_H

#include "store/store.h"

/* Appends the state of one object: its record, and whether the key manager has it. False when the disk's
 * queue is full. */
MUST_USE bool journal_put(struct store *store, struct catalogue_entry *entry, struct span record,
                          uint32_t stored_generation, struct log_place *place);
/* Notes that the key manager has a generation. Not flushed for: losing it costs one write that says the same
 * again. */
void journal_stored(struct store *store, const struct catalogue_entry *entry);
/* Notes that an object was served, about once a day: after a restart its KEK is fetched ahead. */
void journal_served(struct store *store, const struct catalogue_entry *entry);
/* Notes that an object is gone. */
void journal_gone(struct store *store, const uint8_t uid[UUID_BYTES]);

/* Reads the whole journal into the catalogue. STATUS_FAILED with a text in why. */
MUST_USE enum status journal_replay(struct store *store, const struct disk_ops *ops, char *why,
                                    size_t why_cap);

/* Empties the oldest segment when garbage prevails, a few entries a turn. */
void journal_clean(struct store *store);

#endif
