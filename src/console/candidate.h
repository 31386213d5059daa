/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration in force and the one being edited. Lines of clients and users are no settings: an import
 * keeps them here until the commit has succeeded.
 */
#ifndef HOLDFAST_CONSOLE_CANDIDATE_H
#define HOLDFAST_CONSOLE_CANDIDATE_H

#include "server/config.h"

/* bytes; the candidate in lines, and the lines of clients: a dozen certificates. */
#define CANDIDATE_MAX 65536

struct candidate {
    struct config base, now;
    unsigned unknown; /* lines of the base that this software does not know */
    size_t clients_len;
    char clients[CANDIDATE_MAX]; /* "client NAME ..." and "user NAME ..." lines, each with its end */
};

void candidate_init(struct candidate *candidate);

/* The base anew: candidate_base_begin, a line for each of the revision, candidate_base_end (which makes the
 * candidate the same when `discard`). Lines that are not understood are counted. */
void candidate_base_begin(struct candidate *candidate);
void candidate_base_line(struct candidate *candidate, struct span line);
void candidate_base_end(struct candidate *candidate, bool discard);

/* One line "set ...", "unset ...", a comment or nothing. False with the reason in why. Lines of clients are
 * kept. */
bool candidate_line(struct candidate *candidate, struct span line, char *why, size_t cap);
/* words: path and value, path alone. */
bool candidate_set(struct candidate *candidate, const struct span *words, size_t count, char *why,
                   size_t cap);
bool candidate_unset(struct candidate *candidate, const struct span *words, size_t count, char *why,
                     size_t cap);

bool candidate_is_changed(const struct candidate *candidate);
void candidate_discard(struct candidate *candidate);
/* `set` lines other than the defaults, without those of clients. */
void candidate_write(const struct candidate *candidate, struct buf *out);
/* The same, a line at a time, each handed over without its end; settings that belong to one device are told
 * apart. */
void candidate_each(const struct config *config, void (*each)(void *to, struct span line, bool own),
                    void *to);
/* "- path value", "+ path value". Returns how many settings differ. */
size_t candidate_changes(const struct candidate *candidate, void (*each)(void *to, struct span line),
                         void *to);

#endif
