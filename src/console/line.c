/* SPDX-License-Identifier: Apache-2.0 */
#include "console/line.h"

#include "base/clock.h"
#include "base/wipe.h"

#define CONTROL(letter) ((letter) - 'A' + 1)
#define DEL             0x7f

void line_init(struct line *l, struct term *term)
{
    memset(l, 0, sizeof *l);
    l->term = term;
}

static bool is_quiet(const struct line *l)
{
    return l->term->script;
}

static void print_prompt(struct line *l)
{
    if (is_quiet(l))
        return;
    term_print(l->term, "%s", l->how->prompt);
    if (!l->how->hidden)
        term_put(l->term, span_of(l->text, l->len));
}

void line_aside(struct line *l)
{
    if (l->aside || is_quiet(l))
        return;
    l->aside = true;
    if (l->term->column > l->term->columns)
        term_print(l->term, "\n"); /* the terminal has wrapped the row: leave it as it is */
    else
        term_erase(l->term, l->term->column);
    l->term->column = 0;
}

static void come_back(struct line *l)
{
    if (l->aside)
        print_prompt(l);
    l->aside = false;
}

/* ---- editing ---- */

/* Makes the line shorter, on the terminal too. */
static void shorten(struct line *l, size_t len)
{
    size_t gone = l->len - len;
    wipe(l->text + len, gone);
    l->len = len;
    if (is_quiet(l) || l->how->hidden)
        return;
    if (l->term->column > l->term->columns) {
        term_print(l->term, "\n");
        print_prompt(l);
    } else {
        term_erase(l->term, (unsigned)gone);
    }
}

static void add(struct line *l, struct span text)
{
    for (size_t i = 0; i < text.len && l->len < sizeof l->text - 1; i++)
        l->text[l->len++] = (char)text.ptr[i];
    l->cut = l->cut || l->len == sizeof l->text - 1;
    if (!is_quiet(l) && !l->how->hidden)
        term_put(l->term, text);
}

static void show_history(struct line *l, bool older)
{
    unsigned most = l->kept < HISTORY_LINES ? l->kept : HISTORY_LINES;
    if (l->how->hidden || l->how->plain || (older ? l->shown == most : l->shown == 0))
        return;
    l->shown += older ? 1u : -1u;
    shorten(l, 0);
    if (l->shown != 0)
        add(l, span_of_text(l->history[(l->kept - l->shown) % HISTORY_LINES]));
}

static bool in_quotes(const struct line *l)
{
    bool quoted = false;
    for (size_t i = 0; i < l->len; i++)
        quoted ^= l->text[i] == '"';
    return quoted;
}

static void help(struct line *l)
{
    term_print(l->term, "?\n");
    l->how->help(l->how->context, span_of(l->text, l->len));
    print_prompt(l);
}

static void complete(struct line *l)
{
    char more[80];
    struct buf out = buf_over(more, sizeof more);
    if (l->how->complete != NULL && l->how->complete(l->how->context, span_of(l->text, l->len), &out)) {
        add(l, buf_span(&out));
    } else if (l->how->help != NULL) {
        term_print(l->term, "\n");
        l->how->help(l->how->context, span_of(l->text, l->len));
        print_prompt(l);
    }
}

static void edit(struct line *l, int key)
{
    const struct line_how *how = l->how;
    bool keys = !how->hidden && !how->plain && !is_quiet(l);
    size_t at = l->len;
    if (key == '\b' || key == DEL) {
        if (at != 0)
            shorten(l, at - 1);
    } else if (key == CONTROL('U')) {
        shorten(l, 0);
    } else if (key == CONTROL('W')) {
        while (at > 0 && l->text[at - 1] == ' ')
            at--;
        while (at > 0 && l->text[at - 1] != ' ')
            at--;
        shorten(l, at);
    } else if (key == CONTROL('R') && !is_quiet(l)) {
        term_print(l->term, "\n");
        print_prompt(l);
    } else if (key == TERM_UP || key == TERM_DOWN) {
        show_history(l, key == TERM_UP);
    } else if (key == '\t' && keys) {
        complete(l);
    } else if (key == '?' && keys && how->help != NULL && !in_quotes(l)) {
        help(l);
    } else if ((key >= ' ' && key < DEL) || (key == '\t' && is_quiet(l))) {
        uint8_t c = (uint8_t)key;
        add(l, span_of(&c, 1));
    }
}

/* ---- a whole line ---- */

static enum line_end finish(struct line *l, enum line_end end)
{
    l->text[l->len] = 0;
    l->how = NULL;
    return end;
}

/* No key came within a tick. */
static bool is_idle(struct line *l)
{
    if (l->how->tick != NULL) {
        l->how->tick(l->how->context);
        come_back(l);
    }
    if (l->how->is_over != NULL && l->len == 0 && l->how->is_over(l->how->context))
        return true;
    return l->how->idle_s != 0 && clock_read().mono_ms - l->term->last_byte_ms >= 1000ull * l->how->idle_s;
}

enum line_end line_read(struct line *l, const struct line_how *how)
{
    l->how = how;
    l->aside = false;
    l->cut = false;
    l->shown = 0;
    wipe(l->text, l->len);
    l->len = 0;
    l->term->interrupted = false;
    print_prompt(l);
    for (;;) {
        int key = term_key(l->term, LINE_TICK_MS);
        if (key == TERM_NONE && is_idle(l))
            return finish(l, LINE_IDLE);
        if (key == TERM_GONE)
            return finish(l, LINE_GONE);
        if (key == TERM_BREAK)
            return finish(l, LINE_BREAK);
        if (key == CONTROL('C') || (key == CONTROL('B') && how->backs)) {
            if (!is_quiet(l))
                term_print(l->term, key == CONTROL('C') ? "^C\n" : "^B\n");
            return finish(l, key == CONTROL('C') ? LINE_STOPPED : LINE_BACK);
        }
        if (key != '\n') {
            edit(l, key);
            continue;
        }
        if (!is_quiet(l))
            term_print(l->term, "\n");
        bool more = how->pastes && l->term->tty && !is_quiet(l) && l->len != 0 && term_is_pasted(l->term);
        return finish(l, more ? LINE_PASTED : LINE_ENTERED);
    }
}

void line_remember(struct line *l)
{
    if (l->len == 0 || l->len >= HISTORY_BYTES)
        return;
    if (l->kept != 0 && strcmp(l->history[(l->kept - 1) % HISTORY_LINES], l->text) == 0)
        return;
    memcpy(l->history[l->kept++ % HISTORY_LINES], l->text, l->len + 1);
}

void line_print_history(const struct line *l)
{
    for (unsigned i = l->kept < HISTORY_LINES ? 0 : l->kept - HISTORY_LINES; i < l->kept; i++)
        term_print(l->term, "  %s\n", l->history[i % HISTORY_LINES]);
}

void line_wipe(struct line *l)
{
    wipe(l->text, sizeof l->text);
    l->len = 0;
}
