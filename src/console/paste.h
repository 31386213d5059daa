/* SPDX-License-Identifier: Apache-2.0 */
/* Several lines that arrived together: collected before anything of them runs. */
#ifndef HOLDFAST_CONSOLE_PASTE_H
#define HOLDFAST_CONSOLE_PASTE_H

#include "console/term.h"

#define PASTE_MAX 65536
/* milliseconds without a byte that end a paste. */
#define PASTE_QUIET_MS 200

struct paste {
    size_t len;
    size_t lines;        /* that are not blank */
    const char *refused; /* why nothing of it may be run; NULL */
    char text[PASTE_MAX];
};

/* `first` is the line that is there already. Blocks until nothing comes for PASTE_QUIET_MS. */
void paste_collect(struct paste *paste, struct term *term, struct span first);
/* The next line that is not blank; at begins with 0. False behind the last. */
bool paste_next(const struct paste *paste, size_t *at, struct span *line);

#endif
