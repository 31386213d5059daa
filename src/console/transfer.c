/* SPDX-License-Identifier: Apache-2.0 */
#include "console/transfer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "console/commands.h"
#include "crypto/digest.h"

/* bytes of the digest that are shown: it guards against lost lines, not against people. */
#define DIGEST_BYTES 4
#define END_MARK     "# end "

/* ---- out ---- */

struct export
{
    struct buf text;
    size_t lines;
};

static void add_setting(void *to, struct span line, bool own)
{
    struct export *e = to;
    buf_print(&e->text, "%s%.*s\n", own ? "@" : "", (int)line.len, (const char *)line.ptr);
    e->lines++;
}

static void add_client(void *to, struct span line)
{
    add_setting(to, line, false);
}

static void add_end(struct export *e)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * DIGEST_BYTES + 2];
    sha256(buf_span(&e->text), digest);
    hex_write(span_of(digest, DIGEST_BYTES), 0, false, hex, sizeof hex);
    buf_print(&e->text, END_MARK "%zu lines sha256 %s\n", e->lines, hex);
}

/* The text over session->body; full when it does not fit. An export without its clients would make a box that
 * knows nobody. */
static bool make_export(struct session *s, struct buf *text)
{
    struct export e = {.text = session_body(s)};
    char time[TIME_TEXT + 1];
    time_write(clock_read().unix_s, time);
    buf_print(&e.text, "# holdfast config 1  %s  revision %u  %s\n", s->state.name, s->state.revision, time);
    buf_add_text(&e.text, "# no secrets; lines marked @ belong to one device\n");
    candidate_each(&s->candidate.base, add_setting, &e);
    if (s->state.locked)
        buf_add_text(&e.text, "# without its clients: the box is locked\n");
    else if (!session_get(s, false, "clients export", add_client, &e))
        return session_fail(s, "the server does not say who its clients are; try again in some seconds");
    add_end(&e);
    *text = e.text;
    return true;
}

bool command_export(struct session *s, const struct grammar_match *m)
{
    if (s->init_path == NULL && !session_load(s, false))
        return false;
    session_refresh(s);
    struct buf text;
    if (!make_export(s, &text))
        return false;
    if (text.full)
        return session_fail(s, "the configuration with its clients is larger than 96 KiB");
    if (m->count == 4)
        return session_init_body(s, &text, "usb write " TRANSFER_FILE) &&
               (term_print(&s->term, "  " TRANSFER_FILE " written; the stick can be removed\n"), true);
    s->term.paging = false; /* it is copied from the terminal as a whole */
    term_put(&s->term, buf_span(&text));
    return true;
}

/* ---- in ---- */

struct import {
    struct session *s;
    struct buf text; /* what came, line by line, up to the trailer */
    size_t lines;    /* that are not comments */
    bool ended;
    char end[60];
};

static void take_line(void *to, struct span line)
{
    struct import *in = to;
    size_t mark = strlen(END_MARK);
    while (line.len != 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0)
        line = span_of(line.ptr + 3, line.len - 3); /* a byte order mark of an editor */
    if (in->ended || line.len == 0)
        return;
    if (line.len > mark && memcmp(line.ptr, END_MARK, mark) == 0) {
        in->ended = true;
        snprintf(in->end, sizeof in->end, "%.*s", (int)(line.len - mark), (const char *)line.ptr + mark);
        return;
    }
    in->lines += line.ptr[0] != '#';
    buf_add(&in->text, line.ptr, line.len);
    buf_add(&in->text, "\n", 1);
}

static bool read_paste(struct session *s, struct import *in)
{
    char line[CONTROL_LINE];
    size_t len = 0;
    if (!s->term.script)
        term_print(&s->term, "Paste the export. Reading stops by itself at its last line, \"# end ...\".\n");
    while (!in->ended) {
        int key = term_key(&s->term, 60000);
        if (key == 0x03 || key == TERM_GONE || key == TERM_NONE)
            return session_fail(s, "%s; nothing was changed",
                                key == TERM_NONE ? "no line \"# end ...\" came for a minute" : "stopped");
        if (key == '\n') {
            take_line(in, span_of(line, len));
            len = 0;
        } else if (key >= ' ' && key < 0x7f && len < sizeof line) {
            line[len++] = (char)key;
        } else if (key < 256 && key != '\t') {
            in->text.full = in->text.full || len == sizeof line;
        }
    }
    return true;
}

static bool check_end(struct session *s, const struct import *in)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * DIGEST_BYTES + 2], wanted[60];
    sha256(buf_span(&in->text), digest);
    hex_write(span_of(digest, DIGEST_BYTES), 0, false, hex, sizeof hex);
    if (in->text.full)
        return session_fail(s, "it is larger than 96 KiB; nothing was changed");
    if (!in->ended)
        return session_fail(s, "its last line \"# end ...\" is missing: it was cut off; nothing was changed");
    snprintf(wanted, sizeof wanted, "%zu lines sha256 %s", in->lines, hex);
    if (strcmp(wanted, in->end) == 0)
        return true;
    return session_fail(
        s,
        "%zu lines came, it says \"%s\": lines were lost or changed; set a line delay of 20 ms and "
        "paste again, or use a stick. Nothing was changed.",
        in->lines, in->end);
}

/* Applies every line to the candidate; false at the first bad one. */
static bool apply(struct session *s, const struct import *in, bool own, size_t counts[3])
{
    struct span rest = buf_span(&in->text), line;
    char why[400];
    for (size_t number = 1; rest.len != 0; number++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        line = span_of(rest.ptr, (size_t)(end - rest.ptr));
        rest = span_of(end + 1, rest.len - line.len - 1);
        bool mine = line.ptr[0] == '@';
        if (line.ptr[0] == '#' || (mine && !own)) {
            counts[2] += mine;
            continue;
        }
        size_t clients = s->candidate.clients_len;
        if (!candidate_line(&s->candidate, span_of(line.ptr + mine, line.len - mine), why, sizeof why))
            return session_fail(s, "line %zu: %s; nothing was changed", number, why);
        counts[clients != s->candidate.clients_len]++;
    }
    return true;
}

static bool has_own_lines(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '@' && (i == 0 || text.ptr[i - 1] == '\n'))
            return true;
    return false;
}

bool transfer_import(struct session *s, const char *file)
{
    struct import in = {.s = s, .text = session_body(s)};
    struct config before = s->candidate.now;
    size_t clients = s->candidate.clients_len, counts[3] = {0, 0, 0};
    char command[120];
    bool own = false;
    if (file != NULL) {
        snprintf(command, sizeof command, "usb read %.80s", file);
        if (!session_get(s, true, command, take_line, &in))
            return false;
    } else if (!read_paste(s, &in)) {
        return false;
    }
    if (!check_end(s, &in))
        return false;
    if (!s->term.script && has_own_lines(buf_span(&in.text)))
        own = session_confirm(s, "Lines marked @ belong to one device. Is this that device?");
    if (!apply(s, &in, own, counts)) {
        s->candidate.now = before;
        s->candidate.clients_len = clients;
        return false;
    }
    term_print(&s->term,
               "  %zu settings and %zu lines of clients loaded; %zu lines of the other device left out\n",
               counts[0], counts[1], counts[2]);
    if (!s->term.script && s->state.configured)
        term_print(&s->term, "  nothing is in force yet: show changes, check, commit\n");
    return true;
}

bool command_import(struct session *s, const struct grammar_match *m)
{
    return transfer_import(s, m->count == 4 ? TRANSFER_FILE : NULL);
}
