/* SPDX-License-Identifier: Apache-2.0 */
#include "console/paste.h"

static void add(struct paste *p, char c)
{
    if (p->len < sizeof p->text)
        p->text[p->len++] = c;
    else
        p->refused = "it is longer than 64 KiB";
}

void paste_collect(struct paste *p, struct term *term, struct span first)
{
    int key;
    p->len = p->lines = 0;
    p->refused = NULL;
    for (size_t i = 0; i < first.len; i++)
        add(p, (char)first.ptr[i]);
    add(p, '\n');
    while ((key = term_key(term, PASTE_QUIET_MS)) != TERM_NONE && key != TERM_GONE) {
        if (key == '\n' || (key >= ' ' && key < 0x7f))
            add(p, (char)key);
        else if (key == '\t')
            add(p, ' ');
        else if (key != TERM_ODD)
            p->refused = "there are control characters or letters other than ASCII in it";
    }
    add(p, '\n');
    struct span line;
    for (size_t at = 0; paste_next(p, &at, &line);)
        p->lines++;
}

bool paste_next(const struct paste *p, size_t *at, struct span *line)
{
    while (*at < p->len) {
        const char *from = p->text + *at, *end = memchr(from, '\n', p->len - *at);
        size_t len = end == NULL ? p->len - *at : (size_t)(end - from);
        *at += len + 1;
        while (len != 0 && *from == ' ') {
            from++;
            len--;
        }
        while (len != 0 && from[len - 1] == ' ')
            len--;
        *line = span_of(from, len);
        if (len != 0)
            return true;
    }
    return false;
}
