/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations of a box, numbered from 1; the last 20 are kept. Files: PROTOCOL.md. */
#ifndef HOLDFAST_INIT_REVISIONS_H
#define HOLDFAST_INIT_REVISIONS_H

#include "base/buf.h"
#include "base/status.h"
#include "server/config.h"

#define REVISIONS_KEPT 20
#define NOTE_MAX       120

/* The number of the one in force; 0: the box is not set up. STATUS_FAILED: it cannot be told. */
MUST_USE enum status revision_current(uint32_t *number);
/* Appends its text. */
MUST_USE enum status revision_read(uint32_t number, struct buf *out);

/*
 * Checks `set` lines: every word, and the network's addresses. `config` is then what they say. False with
 * "line N: ..." in why.
 */
MUST_USE bool revision_check(struct span text, struct config *config, char *why, size_t cap);

/* Stores the next revision without putting it in force; its number. 0 with a text in why. */
MUST_USE uint32_t revision_store(struct span text, const char *note, int64_t now_s, char *why, size_t cap);
/* Puts it in force from the next start on. */
MUST_USE bool revision_keep(uint32_t number, char *why, size_t cap);

/* The newest that is stored, from one that is on. */
uint32_t revision_newest(uint32_t from);
/* The newest in the folder, when it cannot be told which one is in force; 0: there is none. */
uint32_t revision_newest_of_all(void);

/* A line each, newest first: number, time, note; the one in force is marked. */
void revision_list(uint32_t in_force, struct buf *out);

#endif
