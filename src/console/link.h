/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command to serve (server/control.h) or to init (src/init/PROTOCOL.md) over a connection of its own, so
 * that either may restart between two commands. What is typed meanwhile is kept; Ctrl-C hangs up, which ends
 * the command there too.
 */
#ifndef HOLDFAST_CONSOLE_LINK_H
#define HOLDFAST_CONSOLE_LINK_H

#include "console/term.h"

/* milliseconds without a byte of an answer: of commands that work, and of looks that must not be felt. */
#define LINK_WORK_MS 900000
#define LINK_LOOK_MS 3000

enum link_result {
    LINK_OK,
    LINK_REFUSED, /* ERR: the text is in why */
    LINK_AWAY,    /* nobody listens, or they hung up: why says so */
    LINK_STOPPED  /* Ctrl-C */
};

struct link_ask {
    const char *path; /* of the socket; NULL: there is none */
    struct span line; /* without its end */
    bool has_body;
    struct span body;  /* lines, each with its end; the "." is added */
    struct term *term; /* watched meanwhile; may be NULL */
    int patience_ms;
    /* Each line of the answer but the last; NULL: they are passed over. */
    void (*take)(void *to, struct span line);
    void *to;
};

enum link_result link_ask(const struct link_ask *ask, char *why, size_t cap);

#endif
