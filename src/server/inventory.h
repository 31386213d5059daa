/* SPDX-License-Identifier: Apache-2.0 */
/* What keys there are and whose: for people, and for the console that sorts them. Never any key material. */
#ifndef HOLDFAST_SERVER_INVENTORY_H
#define HOLDFAST_SERVER_INVENTORY_H

#include "server/server.h"
#include "ttlv/writer.h"

/*
 * One object as a line of fields apart by tabs: Unique Identifier, Object Type, State, generation, made and
 * last served (seconds since 1970, 0 never or not known), and VMware's x-Component, x-Name and x-Identifier
 * (empty: none).
 */
void inventory_write_line(const struct server *server, const struct catalogue_entry *entry, struct buf *out);
/* Everything about one object but its material. */
void inventory_write_object(const struct server *server, const struct catalogue_entry *entry,
                            struct buf *out);
bool inventory_is_destroyed(const struct server *server, const struct catalogue_entry *entry);
/* What is lost when its key is destroyed, and the word that confirms it. */
void inventory_write_loss(const struct server *server, const struct catalogue_entry *entry, struct buf *out);
void inventory_confirmation(const struct server *server, const struct catalogue_entry *entry,
                            struct buf *out);

/* The visible object with this Unique Identifier as text, or NULL. */
struct catalogue_entry *inventory_find(struct server *server, struct span uid);

/* The beginning of a Request Message of the server's own, with its header; ttlv_end ends it. */
MUST_USE size_t inventory_request_begin(struct ttlv_writer *writer, int32_t items);

/* A whole Request Message that revokes (when it is Active) and destroys an object; returns its length. */
size_t inventory_retire_request(const struct server *server, const struct catalogue_entry *entry,
                                uint8_t *out, size_t cap);
/* The Result Message of the first Batch Item of an answer that failed; empty when all succeeded. */
struct span inventory_retire_answer(struct span answer);

#endif
