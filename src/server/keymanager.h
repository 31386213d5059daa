/* SPDX-License-Identifier: Apache-2.0 */
/* The key manager that the configuration names: its memory, its start, and what a person is told about it. */
#ifndef HOLDFAST_SERVER_KEYMANAGER_H
#define HOLDFAST_SERVER_KEYMANAGER_H

#include "server/server.h"

enum keymanager_type { KEYMANAGER_LOCAL, KEYMANAGER_KEYPROTECT, KEYMANAGER_HPCS };

static inline bool keymanager_is_cloud(const struct server *s)
{
    return s->config.keymanager != KEYMANAGER_LOCAL;
}

void keymanager_carve(struct server *s);
/* Whether the server could begin with these settings. False with a text in why. Asks nobody. */
MUST_USE bool keymanager_check(const struct server *s, char *why, size_t cap);
/* Begins with it. False with a text in why. */
MUST_USE bool keymanager_open(struct server *s, struct keymgr *out, char *why, size_t cap);
void keymanager_close(struct server *s);

/* "local", or "Key Protect at https://..., root key ...". */
void keymanager_write(const struct server *s, struct buf *out);
/* Of libcurl's memory; nothing for the local one. */
void keymanager_write_memory(const struct server *s, struct buf *out);
/* Warnings that concern it, one a line; nothing when there are none. */
void keymanager_write_warnings(const struct server *s, struct buf *out);
/* The steps of the test of it that ended, from *from on. */
void keymanager_write_test(const struct server *s, size_t *from, struct buf *out);

/* bytes; what keymanager_roots writes at most. */
#define KEYMANAGER_ROOTS (ROOTS_MAX + ROOT_TEXT + 200)

/*
 * The root certificates that these settings trust, as PEM: of the file that they name, else those that are
 * built in; and the one more among the settings. `room` has KEYMANAGER_ROOTS bytes; what is answered lies
 * there. False with a text in why, and *out is what is built in.
 */
MUST_USE bool keymanager_roots(const struct config *config, char *room, struct span *out, char *why,
                               size_t cap);

#endif
