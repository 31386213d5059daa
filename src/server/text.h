/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's own text in memory. The Makefile links the rooms of the other roles (console, init, seal)
 * before text.c and the server's rooms behind it, so that the server can lock what it runs and leave the
 * rest.
 */
#ifndef HOLDFAST_SERVER_TEXT_H
#define HOLDFAST_SERVER_TEXT_H

/* After mlockall(2): what lies before the server's text need not stay in memory. */
void text_unlock_others(void);

#endif
