/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the clients file in step with the table: rewritten as a whole by the disk process, an entry at a
 * time. */
#ifndef HOLDFAST_SERVER_CLIENTS_FILE_H
#define HOLDFAST_SERVER_CLIENTS_FILE_H

#include "server/server.h"

/* The table has changed: it is written, once more if that happens while it is being written. */
void clients_file_changed(struct server *server);
bool clients_file_busy(const struct server *server);
void clients_file_turn(struct server *server);

#endif
