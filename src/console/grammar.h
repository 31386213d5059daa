/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be typed, as rows of words: literal ones, <one word>, and <any number of words...> at the end. At
 * a prompt a word may be shortened as long as it is unique where it stands. The rows are somebody's const
 * table.
 */
#ifndef HOLDFAST_CONSOLE_GRAMMAR_H
#define HOLDFAST_CONSOLE_GRAMMAR_H

#include "base/buf.h"
#include "server/config.h"

struct grammar {
    const char *(*pattern)(size_t row); /* NULL behind the last row */
    const char *(*help)(size_t row);
    bool values; /* anything may follow a row: the value of a setting */
};

/* The settings of server/config.h. */
extern const struct grammar grammar_settings;

struct grammar_match {
    size_t row;
    size_t count;
    struct span words[SETTING_WORDS]; /* shortened words in full */
    size_t extra;                     /* words too many, after a failure for that reason; else 0 */
};

/* False with the reason and what would fit in why. */
bool grammar_match(const struct grammar *grammar, const struct span *words, size_t count, bool shortened,
                   struct grammar_match *out, char *why, size_t cap);

/*
 * Calls `each` for every different word that may stand behind `count` words and begins with `part`, with the
 * row it is of, and whether that row ends there. Returns how many there were.
 */
size_t grammar_next(const struct grammar *grammar, const struct span *words, size_t count, struct span part,
                    void (*each)(void *to, struct span word, size_t row, bool ends), void *to);

/* Calls `each` for every row that begins with these words, the last one perhaps shortened. */
size_t grammar_rows(const struct grammar *grammar, const struct span *words, size_t count, struct span part,
                    void (*each)(void *to, size_t row), void *to);

/* Writes what completes `part`: up to where the words that fit differ, and a blank behind a whole one. */
bool grammar_complete(const struct grammar *grammar, const struct span *words, size_t count, struct span part,
                      struct buf *more);

#endif
