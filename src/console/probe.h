/* SPDX-License-Identifier: Apache-2.0 */
/* A KMIP client that does what vCenter does for one key, each step on a connection of its own, and times it.
 */
#ifndef HOLDFAST_CONSOLE_PROBE_H
#define HOLDFAST_CONSOLE_PROBE_H

/* argv holds what follows `probe`. Returns an exit code: 0 every step was right, 1 one was not, 2 wrong
 * usage. */
int probe_main(int argc, char **argv);

#endif
