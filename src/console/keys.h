/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory as people read it: keys sorted by the VM or host that they belong to, 80 columns wide. */
#ifndef HOLDFAST_CONSOLE_KEYS_H
#define HOLDFAST_CONSOLE_KEYS_H

/*
 * Asks the server at `fd` for every object and prints them. `filter` is NULL, "orphans" (nobody has claimed
 * them), "replaced" (an older key of a VM or host that has a newer one), or part of a name. Returns 0, or 1
 * with a message on standard error.
 */
int keys_show(int fd, const char *filter);
/* The same, each line handed over without its end. */
int keys_show_to(int fd, const char *filter, void (*take)(void *to, const char *line), void *to);

#endif
