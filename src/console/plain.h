/* SPDX-License-Identifier: Apache-2.0 */
/* The console without a terminal: one command of the command line, or lines from standard input. */
#ifndef HOLDFAST_CONSOLE_PLAIN_H
#define HOLDFAST_CONSOLE_PLAIN_H

/* Exit codes as console_main's. */
int plain_main(const char *path, int argc, char **argv);

#endif
