/* SPDX-License-Identifier: Apache-2.0 */
#include "console/candidate.h"

#include <stdio.h>

/* bytes; a setting as a line. */
#define SETTING_LINE (SETTING_VALUE + 80)

void candidate_init(struct candidate *c)
{
    memset(c, 0, sizeof *c);
    config_defaults(&c->base);
    c->now = c->base;
}

void candidate_base_begin(struct candidate *c)
{
    config_defaults(&c->base);
    c->unknown = 0;
}

/* Words behind "set"; 0: nothing is set here. */
static size_t split(struct span line, struct span words[SETTING_WORDS], const char **why)
{
    *why = NULL;
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] < ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            *why = "control characters in the line";
    size_t count = config_words(line, words);
    if (count > SETTING_WORDS)
        *why = "too many words, or a quote that is not closed";
    return *why == NULL ? count : 0;
}

static bool is_word(struct span word, const char *text)
{
    return span_equal(word, span_of_text(text));
}

void candidate_base_line(struct candidate *c, struct span line)
{
    struct span words[SETTING_WORDS];
    const char *wrong;
    char why[400];
    bool is_client;
    size_t count = split(line, words, &wrong);
    if (count == 0 && wrong == NULL)
        return;
    if (count == 0 || !is_word(words[0], "set") ||
        !config_set(&c->base, words + 1, count - 1, &is_client, why, sizeof why))
        c->unknown++;
}

void candidate_base_end(struct candidate *c, bool discard)
{
    if (discard)
        candidate_discard(c);
}

void candidate_discard(struct candidate *c)
{
    c->now = c->base;
    c->clients_len = 0;
}

static bool keep_client(struct candidate *c, const struct span *words, size_t count, char *why, size_t cap)
{
    struct buf out = buf_over(c->clients + c->clients_len, sizeof c->clients - c->clients_len);
    for (size_t i = 0; i < count; i++)
        buf_print(&out, "%s%.*s", i == 0 ? "" : " ", (int)words[i].len, (const char *)words[i].ptr);
    buf_add_text(&out, "\n");
    if (out.full) {
        snprintf(why, cap, "the lines of clients are more than 64 KiB; take them over in two parts");
        return false;
    }
    c->clients_len += out.len;
    return true;
}

bool candidate_set(struct candidate *c, const struct span *words, size_t count, char *why, size_t cap)
{
    bool is_client = false;
    if (!config_set(&c->now, words, count, &is_client, why, cap))
        return false;
    return !is_client || keep_client(c, words, count, why, cap);
}

bool candidate_unset(struct candidate *c, const struct span *words, size_t count, char *why, size_t cap)
{
    char path[SETTING_LINE], ignored[8];
    struct buf joined = buf_over(path, sizeof path);
    for (size_t i = 0; i < count; i++)
        buf_print(&joined, "%s%.*s", i == 0 ? "" : " ", (int)words[i].len, (const char *)words[i].ptr);
    const struct setting *s;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        struct span line[SETTING_WORDS];
        char text[SETTING_LINE];
        if (strcmp(s->path, path) != 0)
            continue;
        snprintf(text, sizeof text, "%s \"%s\"", s->path, s->normal);
        size_t n = config_words(span_of_text(text), line);
        bool is_client;
        return config_set(&c->now, line, n, &is_client, ignored, sizeof ignored);
    }
    snprintf(why, cap, "no such setting: %.60s; type: unset ?", path);
    return false;
}

bool candidate_line(struct candidate *c, struct span line, char *why, size_t cap)
{
    struct span words[SETTING_WORDS];
    const char *wrong;
    size_t count = split(line, words, &wrong);
    if (wrong != NULL) {
        snprintf(why, cap, "%s", wrong);
        return false;
    }
    if (count == 0)
        return true;
    if (is_word(words[0], "set"))
        return candidate_set(c, words + 1, count - 1, why, cap);
    if (is_word(words[0], "unset"))
        return candidate_unset(c, words + 1, count - 1, why, cap);
    snprintf(why, cap, "a line begins with set or unset");
    return false;
}

/* ---- shown ---- */

static void show(const struct config *config, const struct setting *s, char text[SETTING_LINE])
{
    struct buf out = buf_over(text, SETTING_LINE);
    buf_print(&out, "%s ", s->path);
    config_show(config, s, &out);
}

static bool is_same(const struct config *a, const struct config *b, const struct setting *s)
{
    char x[SETTING_LINE], y[SETTING_LINE];
    show(a, s, x);
    show(b, s, y);
    return strcmp(x, y) == 0;
}

bool candidate_is_changed(const struct candidate *c)
{
    const struct setting *s;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++)
        if (!is_same(&c->base, &c->now, s))
            return true;
    return c->clients_len != 0;
}

/* What another box must not have the same. */
static bool is_own(const struct setting *s)
{
    return strncmp(s->path, "server name", 11) == 0 || strncmp(s->path, "server listen", 13) == 0 ||
           strncmp(s->path, "server addresses", 16) == 0 || strncmp(s->path, "interface ", 10) == 0;
}

void candidate_each(const struct config *config, void (*each)(void *to, struct span line, bool own), void *to)
{
    struct config normal;
    const struct setting *s;
    config_defaults(&normal);
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        char text[SETTING_LINE], line[SETTING_LINE + 8];
        if (is_same(config, &normal, s))
            continue;
        show(config, s, text);
        int n = snprintf(line, sizeof line, "set %s", text);
        each(to, span_of(line, (size_t)n), is_own(s));
    }
}

static void add_line(void *to, struct span line, bool own)
{
    (void)own;
    buf_add(to, line.ptr, line.len);
    buf_add(to, "\n", 1);
}

void candidate_write(const struct candidate *c, struct buf *out)
{
    candidate_each(&c->now, add_line, out);
}

/* A certificate's beginning is enough. */
static void tell(const char *mark, const char *text, void (*each)(void *to, struct span line), void *to)
{
    char line[SETTING_LINE + 8];
    bool cut = strlen(text) > PATH_MAX_BYTES + 80;
    int n =
        snprintf(line, sizeof line, "%s %.*s%s", mark, cut ? 60 : (int)strlen(text), text, cut ? "..." : "");
    each(to, span_of(line, (size_t)n));
}

size_t candidate_changes(const struct candidate *c, void (*each)(void *to, struct span line), void *to)
{
    struct config normal;
    const struct setting *s;
    size_t count = 0;
    config_defaults(&normal);
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        char text[SETTING_LINE];
        if (is_same(&c->base, &c->now, s))
            continue;
        count++;
        show(&c->base, s, text);
        if (!is_same(&c->base, &normal, s))
            tell("-", text, each, to);
        show(&c->now, s, text);
        if (!is_same(&c->now, &normal, s))
            tell("+", text, each, to);
    }
    for (const char *at = c->clients; at < c->clients + c->clients_len; count++) {
        const char *end = memchr(at, '\n', (size_t)(c->clients + c->clients_len - at));
        char text[SETTING_LINE];
        snprintf(text, sizeof text, "%.*s%s", (int)(end - at < 60 ? end - at : 60), at,
                 end - at > 60 ? "..." : "");
        tell("+", text, each, to);
        at = end + 1;
    }
    return count;
}
