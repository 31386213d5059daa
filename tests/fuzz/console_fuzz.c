/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over a serial line: keys for the editor with its help, PEM texts, lines of configuration, and
 * what init and serve answer. The first byte picks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "console/candidate.h"
#include "console/grammar.h"
#include "console/line.h"
#include "console/paste.h"
#include "console/pem_paste.h"
#include "console/state.h"
#include "fuzz/steady_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct term term;
static struct line line;
static struct paste paste;
static struct candidate candidate;

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_match(struct span text)
{
    struct span words[SETTING_WORDS];
    struct grammar_match match;
    char why[120], more[80];
    struct buf out = buf_over(more, sizeof more);
    size_t count = config_words(text, words);
    if (count == 0 || count > SETTING_WORDS)
        return;
    memset(why, 0x55, sizeof why);
    if (!grammar_match(&grammar_settings, words, count, true, &match, why, sizeof why))
        need(memchr(why, 0, sizeof why) != NULL && why[0] != 0, "a refusal without a reason");
    else
        need(match.count == count, "a match of other words");
    grammar_complete(&grammar_settings, words, count - 1, words[count - 1], &out);
}

static void help(void *context, struct span text)
{
    (void)context;
    check_match(text);
}

static bool complete(void *context, struct span text, struct buf *more)
{
    (void)context;
    check_match(text);
    buf_add_text(more, "x ");
    return true;
}

/* Keys through a pipe, everything that is sent thrown away. */
static void edit(const uint8_t *data, size_t len)
{
    struct line_how how = {.prompt = "> ", .help = help, .complete = complete, .backs = true, .pastes = true};
    int fds[2];
    if (len > 4000 || pipe(fds) != 0)
        return;
    need(write(fds[1], data, len) == (ssize_t)len, "a pipe");
    close(fds[1]);
    term_open(&term, fds[0], open("/dev/null", O_WRONLY | O_CLOEXEC));
    line_init(&line, &term);
    enum line_end end;
    while ((end = line_read(&line, &how)) != LINE_GONE) {
        need(line.len < sizeof line.text && line.text[line.len] == 0, "a line without an end");
        for (size_t i = 0; i < line.len; i++)
            need(line.text[i] >= ' ' && line.text[i] < 0x7f, "a control character in a line");
        check_match(span_of(line.text, line.len));
        line_remember(&line);
        if (line.len % 7 == 3)
            paste_collect(&paste, &term, span_of(line.text, line.len));
    }
    close(term.out);
    close(fds[0]);
}

static void read_pem(const uint8_t *data, size_t len)
{
    static uint8_t der[CERTIFICATE_MAX];
    struct pem_paste p;
    size_t der_len;
    char why[300];
    pem_paste_begin(&p);
    for (size_t i = 0; i < len; i++) {
        enum pem_step step = pem_paste_byte(&p, (char)data[i]);
        if (step == PEM_FULL)
            return;
        if (step != PEM_DONE)
            continue;
        memset(why, 0x55, sizeof why);
        if (pem_paste_take(&p, "CERTIFICATE", der, &der_len, why, sizeof why))
            need(der_len >= 2 && der[0] == 0x30, "what is taken is no SEQUENCE");
        else
            need(memchr(why, 0, sizeof why) != NULL && why[0] != 0, "damage that is not told");
        pem_paste_begin(&p);
    }
}

static void count_line(void *to, struct span text)
{
    *(size_t *)to += text.len;
}

static void read_base(const struct buf *text)
{
    candidate_base_begin(&candidate);
    for (size_t at = 0; at < text->len;) {
        const uint8_t *end = memchr(text->ptr + at, '\n', text->len - at);
        size_t n = (size_t)(end - text->ptr) - at;
        candidate_base_line(&candidate, span_of(text->ptr + at, n));
        at += n + 1;
    }
    candidate_base_end(&candidate, false);
}

static void take_lines(const uint8_t *data, size_t len)
{
    struct box_state state;
    struct thumbprints prints = {.count = 0};
    static char text[CANDIDATE_MAX];
    struct buf out = buf_over(text, sizeof text);
    char why[400];
    size_t shown = 0;
    candidate_init(&candidate);
    state_clear(&state);
    for (size_t at = 0; at < len;) {
        const uint8_t *end = memchr(data + at, '\n', len - at);
        struct span one = span_of(data + at, end == NULL ? len - at : (size_t)(end - data) - at);
        (void)!candidate_line(&candidate, one, why, sizeof why);
        candidate_base_line(&candidate, one);
        state_take(&state, one);
        state_take_serving(&state, one);
        thumbprints_take(&prints, one);
        at += one.len + 1;
    }
    candidate_changes(&candidate, count_line, &shown);
    candidate.clients_len = 0;
    /* What is written is the same when it is read again; the first time blanks in lists may go. */
    for (int pass = 0; pass < 2; pass++) {
        out.len = 0;
        candidate_write(&candidate, &out);
        need(!out.full, "a candidate does not fit");
        read_base(&out);
        need(candidate.unknown == 0, "a written line is not read again");
        need(pass == 0 || !candidate_is_changed(&candidate), "a candidate changes");
        candidate_discard(&candidate);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    steady_random_begin();
    if (len == 0)
        return 0;
    uint8_t *copy = malloc(len);
    memcpy(copy, data + 1, len - 1);
    if (data[0] % 3 == 0)
        edit(copy, len - 1);
    else if (data[0] % 3 == 1)
        read_pem(copy, len - 1);
    else
        take_lines(copy, len - 1);
    free(copy);
    return 0;
}
