/* SPDX-License-Identifier: Apache-2.0 */
#include "console/grammar.h"

#include <stdio.h>

static const char *setting_pattern(size_t row)
{
    const struct setting *s = setting_at(row);
    return s == NULL ? NULL : s->path;
}

static const char *setting_help(size_t row)
{
    return setting_at(row)->help;
}

const struct grammar grammar_settings = {setting_pattern, setting_help, true};

/* What was typed so far, each word in full. */
struct way {
    size_t count;
    struct span word[SETTING_WORDS];
    bool literal[SETTING_WORDS];
};

static bool is_open(struct span word)
{
    return word.len != 0 && word.ptr[0] == '<';
}

static bool takes_rest(struct span word)
{
    return word.len > 4 && memcmp(word.ptr + word.len - 4, "...>", 4) == 0;
}

/* The k-th word of a row; empty behind its end. */
static struct span word_of(const struct grammar *g, size_t row, size_t k)
{
    const char *at = g->pattern(row);
    struct span word = span_of(at, 0);
    for (size_t i = 0;; i++) {
        word = span_of(at, strcspn(at, " "));
        if (i == k || word.len == 0 || takes_rest(word))
            break;
        at += word.len;
        at += *at == ' ';
    }
    if (word.len == 0 && g->values)
        return span_of_text("<value...>");
    return word;
}

static bool row_fits(const struct grammar *g, size_t row, const struct way *way)
{
    for (size_t k = 0; k < way->count; k++) {
        struct span word = word_of(g, row, k);
        if (way->literal[k] ? !span_equal(word, way->word[k]) : !is_open(word))
            return false;
    }
    return true;
}

static bool begins_with(struct span word, struct span part)
{
    return part.len <= word.len && (part.len == 0 || memcmp(word.ptr, part.ptr, part.len) == 0);
}

/* What a typed word may mean behind `way`. */
struct meaning {
    struct span exact, first; /* literal words: the same, and the first that begins so */
    size_t different;         /* how many begin so */
    bool open;                /* any word may stand here */
};

static struct meaning look_up(const struct grammar *g, const struct way *way, struct span typed)
{
    struct meaning m = {.open = false};
    for (size_t row = 0; g->pattern(row) != NULL; row++) {
        struct span word = word_of(g, row, way->count);
        if (word.len == 0 || !row_fits(g, row, way))
            continue;
        m.open = m.open || is_open(word);
        if (is_open(word) || !begins_with(word, typed))
            continue;
        if (span_equal(word, typed))
            m.exact = word;
        /* Rows of a group stand together: the same word again is no second one. */
        if (m.different == 0 || !span_equal(m.first, word))
            m.different++;
        m.first = word;
    }
    return m;
}

static void tell_choices(const struct grammar *g, const struct way *way, struct span part, struct buf *out);

static bool step(const struct grammar *g, struct way *way, struct span typed, bool shortened, char *why,
                 size_t cap)
{
    struct meaning m = look_up(g, way, typed);
    struct buf out = buf_over(why, cap);
    bool literal = m.exact.len != 0 || (shortened && typed.len != 0 && m.different == 1 && !m.open);
    if (literal || m.open) {
        way->word[way->count] = m.exact.len != 0 ? m.exact : literal ? m.first : typed;
        way->literal[way->count++] = literal;
        return true;
    }
    buf_add_text(&out, m.different > 1 ? "more than one word begins with " : "unknown word ");
    buf_add_text(&out, "\"");
    buf_add_printable(&out, span_of(typed.ptr, typed.len < 40 ? typed.len : 40));
    buf_add_text(&out, "\"; here fit: ");
    tell_choices(g, way, m.different > 1 ? typed : span_of(NULL, 0), &out);
    return false;
}

/* ---- what may follow ---- */

static size_t next_of(const struct grammar *g, const struct way *way, struct span part,
                      void (*each)(void *to, struct span word, size_t row, bool ends), void *to)
{
    struct span last = span_of(NULL, 0);
    size_t count = 0;
    for (size_t row = 0; g->pattern(row) != NULL; row++) {
        struct span word = word_of(g, row, way->count);
        if (word.len == 0 || !row_fits(g, row, way) || (count != 0 && span_equal(word, last)))
            continue;
        if (is_open(word) ? part.len != 0 : !begins_with(word, part))
            continue;
        each(to, word, row, word_of(g, row, way->count + 1).len == 0);
        last = word;
        count++;
    }
    return count;
}

static void add_choice(void *to, struct span word, size_t row, bool ends)
{
    struct buf *out = to;
    (void)row;
    (void)ends;
    if (out->len != 0 && out->ptr[out->len - 1] != ' ')
        buf_add_text(out, ", ");
    if (out->cap - out->len > word.len + 3)
        buf_add(out, word.ptr, word.len);
}

static void tell_choices(const struct grammar *g, const struct way *way, struct span part, struct buf *out)
{
    if (next_of(g, way, part, add_choice, out) == 0)
        buf_add_text(out, "nothing more");
    if (out->len < out->cap)
        out->ptr[out->len] = 0;
    else
        out->ptr[out->cap - 1] = 0;
}

/* ---- the four questions ---- */

bool grammar_match(const struct grammar *g, const struct span *words, size_t count, bool shortened,
                   struct grammar_match *out, char *why, size_t cap)
{
    struct way way = {.count = 0};
    struct buf text = buf_over(why, cap);
    out->extra = 0;
    for (size_t i = 0; i < count && i < SETTING_WORDS; i++) {
        struct meaning m = look_up(g, &way, span_of(NULL, 0));
        if (i != 0 && m.different == 0 && !m.open) {
            out->extra = count - i;
            buf_add_text(&text, "words too many behind \"");
            for (size_t k = 0; k < way.count; k++)
                buf_print(&text, "%s%.*s", k == 0 ? "" : " ", (int)way.word[k].len,
                          (const char *)way.word[k].ptr);
            buf_add_text(&text, "\"");
            return false;
        }
        if (!step(g, &way, words[i], shortened, why, cap))
            return false;
    }
    for (size_t row = 0; g->pattern(row) != NULL; row++) {
        struct span behind = word_of(g, row, way.count);
        if (!row_fits(g, row, &way) || (behind.len != 0 && !takes_rest(behind)))
            continue;
        out->row = row;
        out->count = way.count;
        memcpy(out->words, way.word, sizeof out->words);
        return true;
    }
    buf_add_text(&text, "more is wanted: ");
    tell_choices(g, &way, span_of(NULL, 0), &text);
    return false;
}

static bool walk(const struct grammar *g, const struct span *words, size_t count, struct way *way)
{
    char why[200];
    way->count = 0;
    for (size_t i = 0; i < count; i++)
        if (i == SETTING_WORDS || !step(g, way, words[i], true, why, sizeof why))
            return false;
    return count < SETTING_WORDS;
}

size_t grammar_next(const struct grammar *g, const struct span *words, size_t count, struct span part,
                    void (*each)(void *to, struct span word, size_t row, bool ends), void *to)
{
    struct way way;
    return walk(g, words, count, &way) ? next_of(g, &way, part, each, to) : 0;
}

size_t grammar_rows(const struct grammar *g, const struct span *words, size_t count, struct span part,
                    void (*each)(void *to, size_t row), void *to)
{
    struct way way;
    size_t rows = 0;
    if (!walk(g, words, count, &way))
        return 0;
    for (size_t row = 0; g->pattern(row) != NULL; row++) {
        struct span word = word_of(g, row, count);
        if (!row_fits(g, row, &way) || (part.len != 0 && (is_open(word) || !begins_with(word, part))))
            continue;
        each(to, row);
        rows++;
    }
    return rows;
}

struct common {
    struct span word;
    size_t len, count;
};

static void narrow(void *to, struct span word, size_t row, bool ends)
{
    struct common *c = to;
    (void)row;
    (void)ends;
    if (is_open(word))
        return;
    if (c->count++ == 0) {
        c->word = word;
        c->len = word.len;
    }
    while (!begins_with(word, span_of(c->word.ptr, c->len)))
        c->len--;
}

bool grammar_complete(const struct grammar *g, const struct span *words, size_t count, struct span part,
                      struct buf *more)
{
    struct common c = {.count = 0};
    grammar_next(g, words, count, part, narrow, &c);
    if (c.count == 0 || (c.len == part.len && c.count > 1))
        return false;
    buf_add(more, c.word.ptr + part.len, c.len - part.len);
    if (c.count == 1)
        buf_add(more, " ", 1);
    return true;
}
