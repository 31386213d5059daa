/* SPDX-License-Identifier: Apache-2.0 */
/* What the server gives up once it runs: new memory, files, programs, privileges. */
#ifndef HOLDFAST_SERVER_SANDBOX_H
#define HOLDFAST_SERVER_SANDBOX_H

#include <stdbool.h>

/* No core dumps, no debugger, no new privileges. Called first of all. */
void sandbox_early(void);
/*
 * From here on a system call beyond the loop's own ends the process. `network`: those that calls to a key
 * manager need are among them. False when the kernel has no seccomp filters.
 */
bool sandbox_enter(bool network);

#endif
