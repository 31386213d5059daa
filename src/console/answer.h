/* SPDX-License-Identifier: Apache-2.0 */
/* One command over the control socket, and its answer. */
#ifndef HOLDFAST_CONSOLE_ANSWER_H
#define HOLDFAST_CONSOLE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sends a line (its end included) and hands over every line of the answer, without its end, to `take`, which
 * may change it; NULL prints them. Returns 0 after OK, 1 after ERR, whose text goes to standard error, or
 * when the server is gone.
 */
int answer_ask(int fd, const char *line, size_t len, void (*take)(void *to, char *line), void *to);

#endif
