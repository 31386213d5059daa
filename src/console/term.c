/* SPDX-License-Identifier: Apache-2.0 */
#include "console/term.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define CTRL_C 0x03
#define XON    0x11
#define XOFF   0x13
#define ESC    0x1b
/* milliseconds between the bytes of an escape sequence, at the most. */
#define SEQUENCE_MS 50
/* bytes of an escape sequence; longer ones are taken for typed text. */
#define SEQUENCE_MAX 16

void term_open(struct term *t, int in, int out)
{
    struct termios raw;
    memset(t, 0, sizeof *t);
    t->in = in;
    t->out = out;
    t->columns = TERM_COLUMNS;
    t->rows = TERM_ROWS;
    t->last_byte_ms = clock_read().mono_ms;
    t->tty = tcgetattr(in, &t->before) == 0;
    if (!t->tty)
        return;
    raw = t->before;
    raw.c_iflag &= (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF);
    raw.c_oflag &= (tcflag_t)~OPOST;
    raw.c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag &= (tcflag_t) ~(CSIZE | PARENB);
    raw.c_cflag |= CS8 | CREAD;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(in, TCSANOW, &raw);
}

void term_close(struct term *t)
{
    if (t->tty)
        tcsetattr(t->in, TCSANOW, &t->before);
    t->tty = false;
}

/* ---- in ---- */

static void keep(struct term *t, const uint8_t *bytes, size_t len, bool near)
{
    for (size_t i = 0; i < len && t->head - t->tail < TERM_RING; i++) {
        uint32_t at = t->head % TERM_RING;
        uint8_t bit = (uint8_t)(1u << at % 8);
        t->ring[at] = bytes[i];
        t->near[at / 8] = (uint8_t)((t->near[at / 8] & ~bit) | (near || i != 0 ? bit : 0));
        t->head++;
    }
}

void term_fill(struct term *t, int timeout_ms)
{
    uint8_t bytes[512];
    struct pollfd fd = {.fd = t->in, .events = POLLIN};
    while (!t->gone && t->head - t->tail < TERM_RING && poll(&fd, 1, timeout_ms) > 0) {
        ssize_t n = read(t->in, bytes, sizeof bytes);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0) {
            t->gone = true;
            return;
        }
        uint64_t now = clock_read().mono_ms;
        if (memchr(bytes, CTRL_C, (size_t)n) != NULL)
            t->interrupted = true;
        keep(t, bytes, (size_t)n, now - t->last_byte_ms < TERM_NEAR_MS);
        t->last_byte_ms = now;
        timeout_ms = 0;
    }
}

/* The next byte, or TERM_NONE, TERM_GONE. */
static int next_byte(struct term *t, int timeout_ms)
{
    if (t->head == t->tail)
        term_fill(t, timeout_ms);
    if (t->head == t->tail)
        return t->gone ? TERM_GONE : TERM_NONE;
    uint32_t at = t->tail++ % TERM_RING;
    uint8_t c = t->ring[at];
    t->ring[at] = 0; /* it may have been part of a secret */
    return c;
}

/* ESC [ parameters letter, ESC O letter. The marks of a bracketed paste are no keys. */
static int read_sequence(struct term *t)
{
    int c = next_byte(t, SEQUENCE_MS);
    if (c != '[' && c != 'O')
        return TERM_ODD;
    for (int i = 0; i < SEQUENCE_MAX; i++) {
        c = next_byte(t, SEQUENCE_MS);
        if (c < 0 || (c >= 0x40 && c < 0x7f))
            break;
    }
    return c == 'A' ? TERM_UP : c == 'B' ? TERM_DOWN : TERM_ODD;
}

int term_key(struct term *t, int timeout_ms)
{
    for (;;) {
        int c = next_byte(t, timeout_ms);
        bool after_cr = t->after_cr;
        t->after_cr = c == '\r';
        if (c == XON || c == XOFF || (c == '\n' && after_cr))
            continue;
        if (c == '\r')
            return '\n';
        if (c == 0)
            return t->tty ? TERM_BREAK : TERM_ODD;
        return c == ESC ? read_sequence(t) : c;
    }
}

bool term_is_pasted(struct term *t)
{
    if (t->head == t->tail)
        term_fill(t, TERM_NEAR_MS);
    /* The LF of a CR LF says nothing of what follows. */
    if (t->head != t->tail && t->after_cr && t->ring[t->tail % TERM_RING] == '\n') {
        t->tail++;
        t->after_cr = false;
        if (t->head == t->tail)
            term_fill(t, TERM_NEAR_MS);
    }
    uint32_t at = t->tail % TERM_RING;
    return t->head != t->tail && (t->near[at / 8] >> at % 8 & 1) != 0;
}

void term_flush(struct term *t)
{
    do {
        t->tail = t->head;
        term_fill(t, 0);
    } while (t->tail != t->head);
    memset(t->ring, 0, sizeof t->ring);
    t->interrupted = false;
}

/* ---- out ---- */

static void write_all(struct term *t, const char *bytes, size_t len)
{
    while (len != 0 && !t->gone) {
        ssize_t n = write(t->out, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            struct pollfd fd = {.fd = t->out, .events = POLLOUT};
            t->gone = n == 0 || errno != EAGAIN || poll(&fd, 1, 10000) <= 0;
            continue;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

void term_erase(struct term *t, unsigned count)
{
    for (; count != 0; count--) {
        write_all(t, "\b \b", 3);
        t->column -= t->column != 0;
    }
}

/* A page is full: waits for Enter, or drops the rest. */
static void end_page(struct term *t)
{
    static const char more[] = "-- more (Enter, q) --";
    int key;
    write_all(t, more, sizeof more - 1);
    do
        key = term_key(t, t->page_idle_s == 0 ? -1 : (int)t->page_idle_s * 1000);
    while (key == TERM_ODD || key == TERM_UP || key == TERM_DOWN);
    t->dropped = key < 0 || key == 'q' || key == 'Q' || key == CTRL_C;
    t->column = sizeof more - 1;
    term_erase(t, sizeof more - 1);
    t->page_rows = 0;
}

static void end_row(struct term *t)
{
    if (t->tty)
        write_all(t, "\r\n", 2);
    else
        write_all(t, "\n", 1);
    t->column = 0;
    if (!t->paging || t->script || !t->tty)
        return;
    if (++t->page_rows + 1 >= t->rows)
        end_page(t);
}

void term_put(struct term *t, struct span text)
{
    char row[256];
    size_t used = 0;
    for (size_t i = 0; i < text.len && !t->dropped; i++) {
        uint8_t c = text.ptr[i];
        if (c != '\n') {
            row[used++] = (char)(c == '\t' ? ' ' : c >= ' ' && c < 0x7f ? c : '.');
            t->column++;
        }
        if (used == sizeof row || c == '\n') {
            write_all(t, row, used);
            used = 0;
        }
        if (c == '\n')
            end_row(t);
    }
    if (used != 0 && !t->dropped)
        write_all(t, row, used);
}

void term_print(struct term *t, const char *format, ...)
{
    char text[1600];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0)
        term_put(t, span_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

/* Where further rows begin: below the text behind a label, or a little behind the first row. */
static unsigned indent_of(struct span text)
{
    unsigned leading = 0, at = 0;
    while (leading < text.len && text.ptr[leading] == ' ')
        leading++;
    for (unsigned i = leading + 1; i + 1 < text.len && i < TERM_COLUMNS / 2; i++)
        if (text.ptr[i - 1] == ' ' && text.ptr[i] == ' ' && text.ptr[i + 1] != ' ')
            at = i + 1;
    return at != 0 ? at : leading < TERM_COLUMNS / 2 ? leading + 2 : 2;
}

void term_line(struct term *t, struct span text)
{
    size_t room = t->script || !t->tty ? text.len : t->columns;
    unsigned indent = indent_of(text);
    while (text.len > room) {
        size_t cut = room;
        while (cut > 0 && text.ptr[cut] != ' ')
            cut--;
        if (cut <= indent) {
            /* One long word: it stays whole, to be copied. */
            const uint8_t *blank = memchr(text.ptr + room, ' ', text.len - room);
            cut = blank == NULL ? text.len : (size_t)(blank - text.ptr);
        }
        term_put(t, span_of(text.ptr, cut));
        text = span_of(text.ptr + cut, text.len - cut);
        while (text.len != 0 && text.ptr[0] == ' ')
            text = span_of(text.ptr + 1, text.len - 1);
        if (text.len == 0)
            break;
        room = t->columns - indent;
        indent = 0; /* it is part of the room from now on */
        term_print(t, "\n%*s", (int)(t->columns - room), "");
    }
    term_put(t, text);
    term_put(t, span_of("\n", 1));
}

void term_page_begin(struct term *t, unsigned idle_s)
{
    t->paging = true;
    t->dropped = false;
    t->page_rows = 0;
    t->page_idle_s = idle_s;
}

void term_page_end(struct term *t)
{
    t->paging = false;
    t->dropped = false;
}
