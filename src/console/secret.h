/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets are typed at a prompt that shows nothing; afterwards it tells how many characters arrived. */
#ifndef HOLDFAST_CONSOLE_SECRET_H
#define HOLDFAST_CONSOLE_SECRET_H

#include "console/line.h"

/* characters of a passphrase; no other rule. */
#define PASSPHRASE_LEAST 12
#define SECRET_MAX       256

struct secret {
    size_t len;
    char text[SECRET_MAX];
};

/* Reads one; LINE_ENTERED when it is there. `counted`: tells the number of characters. The caller wipes it.
 */
enum line_end secret_read(struct line *line, const char *prompt, bool counted, unsigned idle_s,
                          struct secret *out);
/* A new passphrase, typed twice (once in a script), until it is long enough and the same. */
enum line_end secret_read_new(struct line *line, unsigned idle_s, bool backs, struct secret *out);
/* NULL, or why this cannot be a passphrase. */
const char *secret_passphrase_fault(const struct secret *secret);
/* Adds "@name BASE64" and a line end to a body. */
void secret_add(struct buf *body, const char *name, const struct secret *secret);

#endif
