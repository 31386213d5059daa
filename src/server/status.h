/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of itself, for people. */
#ifndef HOLDFAST_SERVER_STATUS_H
#define HOLDFAST_SERVER_STATUS_H

#include "server/server.h"

void status_write(const struct server *server, struct buf *out);
/* The i-th enrolled client, authority or user; nothing for a free place. False behind the last. */
bool status_write_client(const struct server *server, uint32_t i, struct buf *out);
void status_write_memory(const struct region *region, bool locked, bool required, struct buf *out);
/* The i-th setting as a `set` line. False behind the last. */
bool status_write_setting(const struct config *config, uint32_t i, struct buf *out);
void status_write_config(const struct config *config, struct buf *out);
void status_write_version(struct buf *out);
/* SHA-1 and SHA-256 thumbprints of the server's certificates. */
void status_write_thumbprints(const struct tls_server *tls, struct buf *out);

#endif
