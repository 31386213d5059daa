/* SPDX-License-Identifier: Apache-2.0 */
/* In a job: asks a server over its control socket and passes on what it answers. */
#ifndef HOLDFAST_INIT_RELAY_H
#define HOLDFAST_INIT_RELAY_H

#include "base/span.h"

/*
 * Sends one line to the socket at `path`, trying for `seconds` until it is there, and writes the lines of the
 * answer to `out` (-1: nowhere). True: OK; false with the server's own reason, or "it does not answer", in
 * why.
 */
MUST_USE bool relay_ask(const char *path, const char *line, unsigned seconds, int out, char *why, size_t cap);

#endif
