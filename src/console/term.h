/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal that may be a serial line: bytes in, printable lines out. What is sent is printable ASCII, CR LF
 * and backspace; what comes in is taken off the line at once and kept in a ring. Nothing is assumed of the
 * terminal's kind or size. On anything that is not a terminal lines end in LF alone.
 */
#ifndef HOLDFAST_CONSOLE_TERM_H
#define HOLDFAST_CONSOLE_TERM_H

#include <termios.h>

#include "base/buf.h"

/* bytes of type-ahead: any paste that the line can carry while a command runs. */
#define TERM_RING 65536
/* characters of a row that are used; the 80th makes some terminals wrap. */
#define TERM_COLUMNS 79
#define TERM_ROWS    24
/* milliseconds: bytes that follow one another closer than this were not typed. */
#define TERM_NEAR_MS 5

/* What term_key returns beside bytes 1 to 255. */
enum term_key {
    TERM_NONE = -1,  /* nothing came in time */
    TERM_GONE = -2,  /* the line has hung up, or the input has ended */
    TERM_BREAK = -3, /* BREAK, or a NUL */
    TERM_UP = 256,
    TERM_DOWN,
    TERM_ODD /* an escape sequence that means nothing here */
};

struct term {
    int in, out;
    bool tty;    /* in raw mode until term_close */
    bool script; /* line protocol: no echo, no pages, no wrapping */
    bool gone;
    bool interrupted; /* Ctrl-C came while nobody read keys */
    struct termios before;
    uint32_t head, tail; /* of the ring: read at tail, written at head; they only grow */
    bool after_cr;
    uint64_t last_byte_ms; /* when a byte came last, on the monotonic clock */
    unsigned columns, rows;
    unsigned column; /* of the cursor, as far as we wrote */
    bool paging, dropped;
    unsigned page_rows; /* written since the last page */
    unsigned page_idle_s;
    uint8_t ring[TERM_RING];
    uint8_t near[TERM_RING / 8]; /* one bit a byte: it came within TERM_NEAR_MS of the one before */
};

/* Puts a terminal into raw mode; 115200 8N1 is left as it is. */
void term_open(struct term *term, int in, int out);
void term_close(struct term *term);

/* Takes what has come, after waiting at most timeout_ms for the first byte. */
void term_fill(struct term *term, int timeout_ms);
/* The next key; waits at most timeout_ms. CR, LF and CR LF are '\n'; XON and XOFF are swallowed. */
int term_key(struct term *term, int timeout_ms);
/* Whether the next byte is there and came so close behind the last one read that it was pasted; waits
 * TERM_NEAR_MS for it. */
bool term_is_pasted(struct term *term);
/* Drops what was typed ahead, before a question that must not be answered by accident. */
void term_flush(struct term *term);

/* Writes text: "\n" becomes CR LF on a terminal, what is not printable becomes '.'. */
void term_put(struct term *term, struct span text);
void term_print(struct term *term, const char *format, ...) PRINTF_LIKE(2, 3);
/* One line of an answer, its end added: wrapped at a blank before the last column, further rows indented. */
void term_line(struct term *term, struct span text);
/* Takes back `count` characters of this row. */
void term_erase(struct term *term, unsigned count);

/* Between these two the output stops at full pages; `q` drops the rest. idle_s: when nobody presses a key. */
void term_page_begin(struct term *term, unsigned idle_s);
void term_page_end(struct term *term);

#endif
