/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console. With words, or without a terminal: sends lines to a running server's control socket and prints
 * its answers. On a terminal: a session with editing and help. --box: the console of an appliance, with
 * banner and login
 * (--socket and --init name other sockets than /run/serve/control.sock and /run/init/control.sock).
 */
#ifndef HOLDFAST_CONSOLE_CONSOLE_H
#define HOLDFAST_CONSOLE_CONSOLE_H

/* argv holds what follows `console`. Returns an exit code: 0 every command was done, 1 one was not, 2 wrong
 * usage. */
int console_main(int argc, char **argv);

#endif
