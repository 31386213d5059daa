/* SPDX-License-Identifier: Apache-2.0 */
#include "console/help.h"

#include <stdio.h>

#include "console/commands.h"

struct topic {
    const char *name, *text;
};

static const struct topic topics[] = {
    {"rights", "The API key belongs to a service ID of its own. It needs, on the one instance of the\n"
               "key manager: Manager on a key ring of its own (set keymanager key-ring). With\n"
               "Reader and Writer alone it works, but superseded records stay behind.\n"
               "test keymanager tries every right and names the missing one.\n"},
    {"revocation", "Deleting or disabling the root key in the cloud revokes every key here: keys in\n"
                   "memory are erased within cache check-interval while the key manager answers, and\n"
                   "within cache offline-lease when it cannot be reached. ESXi hosts keep the keys that\n"
                   "they have until they reboot. show status prints both bounds.\n"},
    {"states", "READY      all is well\n"
               "READ-ONLY  the root key has expired: no new keys; rotate or replace it\n"
               "GRACE      the key manager is away: keys in memory are served for a while\n"
               "EXPIRED    it was away for too long: keys were erased, and come back with it\n"
               "DENIED     the API key is refused: secret apikey, or restore its rights\n"
               "REVOKED    the root key is disabled or deleted: enable or restore it\n"
               "LOCKED     no API key yet, or the box waits for the passphrase: log in here\n"},
    {"paste", "PEM texts end by themselves at their END line. Several lines pasted at the prompt\n"
              "are counted and checked before any of them runs. When characters get lost, set a\n"
              "line delay of 20 ms in the terminal program; session test paste measures it.\n"},
    {"setup", "Every answer of the setup is a set line; at any of its questions a set line may be\n"
              "typed too. Ctrl-B goes back, Ctrl-C stops and keeps the answers, Enter takes the\n"
              "value in brackets, - empties it.\n"},
};

static void print_row(void *to, size_t row)
{
    struct session *s = to;
    char line[300];
    snprintf(line, sizeof line, "  %-34s %s", commands_grammar.pattern(row), commands_grammar.help(row));
    term_line(&s->term, span_of_text(line));
}

static void print_word(void *to, struct span word, size_t row, bool ends)
{
    struct session *s = to;
    (void)row;
    (void)ends;
    if (s->term.column + word.len + 2 > s->term.columns)
        term_print(&s->term, "\n");
    term_print(&s->term, "  %.*s", (int)word.len, (const char *)word.ptr);
}

static void print_setting(void *to, struct span word, size_t row, bool ends)
{
    struct session *s = to;
    const struct setting *setting = setting_at(row);
    char line[500], value[PATH_MAX_BYTES + 3];
    struct buf out = buf_over(value, sizeof value);
    if (word.len != 0 && word.ptr[0] == '<') {
        config_show(&s->candidate.now, setting, &out);
        if (out.full)
            snprintf(value, sizeof value, "a certificate; show config has its beginning");
        snprintf(line, sizeof line, "  now %s   default %s   %s", value,
                 setting->normal[0] == 0 ? "\"\"" : setting->normal,
                 setting->type == SETTING_CHOICE ? setting->choices : "");
        term_line(&s->term, span_of_text(line));
        snprintf(line, sizeof line, "  %s", setting->help);
    } else if (ends) {
        snprintf(line, sizeof line, "  %-20.*s %s", (int)word.len, (const char *)word.ptr, setting->help);
    } else {
        snprintf(line, sizeof line, "  %-20.*s ...", (int)word.len, (const char *)word.ptr);
    }
    term_line(&s->term, span_of_text(line));
}

/* The words that are whole, and the part of the one being typed. */
static size_t split(struct span text, struct span words[SETTING_WORDS], struct span *part)
{
    size_t count = config_words(text, words);
    *part = span_of("", 0);
    if (count > SETTING_WORDS)
        return SETTING_WORDS + 1;
    if (count != 0 && text.ptr[text.len - 1] != ' ')
        *part = words[--count];
    return count;
}

/* Whether the line is about a setting: behind set or unset. */
static bool is_setting(const struct span *words, size_t count)
{
    struct grammar_match m;
    char why[200];
    return count >= 1 && grammar_match(&commands_grammar, words, 1, true, &m, why, sizeof why) &&
           (span_equal(m.words[0], span_of_text("set")) || span_equal(m.words[0], span_of_text("unset")));
}

void help_line(void *session, struct span text)
{
    struct session *s = session;
    struct span words[SETTING_WORDS], part;
    size_t count = split(text, words, &part), shown;
    term_page_begin(&s->term, session_idle(s));
    if (count > SETTING_WORDS) {
        shown = 0;
    } else if (count == 0 && part.len == 0) {
        shown = grammar_next(&commands_grammar, words, 0, part, print_word, s);
        term_print(&s->term,
                   "\nA word and ? tells more, Tab completes; help rights, revocation, states, paste\n");
    } else if (is_setting(words, count)) {
        shown = grammar_next(&grammar_settings, words + 1, count - 1, part, print_setting, s);
    } else {
        shown = grammar_rows(&commands_grammar, words, count, part, print_row, s);
    }
    if (shown == 0)
        term_print(&s->term, "  nothing fits here; Ctrl-U empties the line\n");
    term_page_end(&s->term);
}

bool help_complete(void *session, struct span text, struct buf *more)
{
    struct span words[SETTING_WORDS], part;
    size_t count = split(text, words, &part);
    (void)session;
    if (count > SETTING_WORDS)
        return false;
    if (is_setting(words, count))
        return grammar_complete(&grammar_settings, words + 1, count - 1, part, more);
    return grammar_complete(&commands_grammar, words, count, part, more);
}

bool command_help(struct session *s, const struct grammar_match *m)
{
    if (m->count == 1) {
        grammar_rows(&commands_grammar, NULL, 0, span_of("", 0), print_row, s);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(topics); i++)
        if (m->words[1].len != 0 && strlen(topics[i].name) >= m->words[1].len &&
            memcmp(topics[i].name, m->words[1].ptr, m->words[1].len) == 0) {
            term_print(&s->term, "%s", topics[i].text);
            return true;
        }
    if (grammar_rows(&commands_grammar, m->words + 1, m->count - 2, m->words[m->count - 1], print_row, s) !=
        0)
        return true;
    return session_fail(
        s, "no such topic; there are rights, revocation, states, paste, setup, and every command");
}
