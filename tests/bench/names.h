/* SPDX-License-Identifier: Apache-2.0 */
/* The Unique Identifiers of a run: read from the file that an earlier fill wrote. */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <stddef.h>

#include "request.h"

struct names {
    unsigned count;
    char (*uid)[REQUEST_UID_MAX];
};

/* One identifier a line. A path of NULL gives one made-up identifier, enough for an echo. Ends the process on
 * errors. */
void names_read(struct names *n, const char *path);

void names_free(struct names *n);

#endif
