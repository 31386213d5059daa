/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, edited at its end: Backspace and DEL, Ctrl-U the line, Ctrl-W a word, Ctrl-R prints it again,
 * Ctrl-C gives it up, Up and Down are the history, Tab completes, `?` lists what fits. Nothing typed at a
 * hidden prompt is shown or remembered.
 */
#ifndef HOLDFAST_CONSOLE_LINE_H
#define HOLDFAST_CONSOLE_LINE_H

#include "base/limits.h"
#include "console/term.h"

/* lines remembered, and bytes of one; longer ones (certificates) are not. */
#define HISTORY_LINES 32
#define HISTORY_BYTES 200
/* milliseconds between two looks at what happened meanwhile. */
#define LINE_TICK_MS 2000

enum line_end {
    LINE_ENTERED,
    LINE_STOPPED, /* Ctrl-C */
    LINE_BACK,    /* Ctrl-B */
    LINE_BREAK,   /* BREAK: the banner is wanted again */
    LINE_PASTED,  /* further lines are there already: console/paste.h */
    LINE_IDLE,    /* nobody has pressed a key for idle_s */
    LINE_GONE     /* the terminal has hung up */
};

struct line_how {
    const char *prompt;
    bool hidden;
    bool plain;  /* `?` and Tab are no keys of help */
    bool pastes; /* LINE_PASTED may be returned */
    bool backs;  /* LINE_BACK may be returned */
    unsigned idle_s;
    void *context;
    /* Prints what fits behind the text; the line is printed again afterwards. */
    void (*help)(void *context, struct span text);
    /* Writes what may be added to the text; false: nothing, or more than one thing. */
    bool (*complete)(void *context, struct span text, struct buf *more);
    /* Called every LINE_TICK_MS. Calls line_aside before it prints. */
    void (*tick)(void *context);
    /* Asked every LINE_TICK_MS: true ends the question as LINE_IDLE, since what it asks is over. */
    bool (*is_over)(void *context);
};

struct line {
    struct term *term;
    const struct line_how *how; /* while a line is read */
    bool aside;
    bool cut; /* more was typed than fits: the line is not to be used */
    size_t len;
    char text[CONTROL_LINE];
    unsigned kept, shown;
    char history[HISTORY_LINES][HISTORY_BYTES];
};

void line_init(struct line *line, struct term *term);
/* Reads a line into line->text (ended by NUL, len without it). */
enum line_end line_read(struct line *line, const struct line_how *how);
/* Takes the typed line off the row, so that a notice can be printed; it comes back after the tick. */
void line_aside(struct line *line);
/* Remembers line->text; the same line twice once. */
void line_remember(struct line *line);
void line_print_history(const struct line *line);
/* Overwrites what was typed last. */
void line_wipe(struct line *line);

#endif
