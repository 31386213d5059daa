/* SPDX-License-Identifier: Apache-2.0 */
#include "console/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/wipe.h"
#include "console/commands.h"
#include "console/help.h"

bool session_fail(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->why, sizeof s->why, format, args);
    va_end(args);
    return false;
}

/* ---- questions to serve and init ---- */

static bool ask(struct session *s, bool box, const struct link_ask *how)
{
    char why[500];
    enum link_result result = link_ask(how, why, sizeof why);
    switch (result) {
    case LINK_OK:
        return true;
    case LINK_REFUSED:
    case LINK_STOPPED:
        return session_fail(s, "%s", why);
    case LINK_AWAY:
        break;
    }
    if (box && s->init_path == NULL)
        return session_fail(s, "this server runs without an appliance: no such command here; see help");
    if (box)
        return session_fail(s, "process 1 does not answer (%s); try again in a few seconds", why);
    if (s->init_path == NULL)
        return session_fail(s, "the server does not answer on %.200s (%s); is it running?", s->serve_path,
                            why);
    if (!s->state.configured)
        return session_fail(s, "no server runs yet: this box is not set up; press Enter at the banner");
    if (s->state.locked)
        return session_fail(s, "no server runs: the box is locked; log in, or look at show log");
    return session_fail(s, "the server does not answer (%s); it is restarted within seconds; see show log",
                        why);
}

static bool begins_with(struct span line, const char *text)
{
    size_t len = strlen(text);
    return line.len >= len && memcmp(line.ptr, text, len) == 0;
}

/* SHA-256 thumbprints take two rows of 16 bytes: no line is longer than a terminal. A person needs no more of
 * a root certificate than its beginning; config export has all of it. */
static void print_line(void *to, struct span line)
{
    struct session *s = to;
    size_t mark = 0;
    if (!s->term.script && line.len > 80 && begins_with(line, "set keymanager root ")) {
        term_print(&s->term, "%.60s...\n", (const char *)line.ptr);
        return;
    }
    while (mark < line.len && line.ptr[mark] != '=')
        mark++;
    bool thumbprint =
        line.len > s->term.columns && mark < 30 && line.len == mark + 96 && line.ptr[mark + 48] == ':';
    if (!thumbprint || s->term.script) {
        term_line(&s->term, line);
        return;
    }
    term_line(&s->term, span_of(line.ptr, mark + 49));
    term_print(&s->term, "%*s%.47s\n", (int)mark + 1, "", (const char *)line.ptr + mark + 49);
}

static bool send_text(struct session *s, bool box, const char *format, va_list args)
{
    char line[CONTROL_LINE];
    int n = vsnprintf(line, sizeof line, format, args);
    if (n < 0 || (size_t)n >= sizeof line - 1)
        return session_fail(s, "the line is too long: at most %d characters go to the server",
                            CONTROL_LINE - 2);
    struct link_ask how = {.path = box ? s->init_path : s->serve_path,
                           .line = span_of(line, (size_t)n),
                           .term = &s->term,
                           .patience_ms = LINK_WORK_MS,
                           .take = print_line,
                           .to = s};
    bool good = ask(s, box, &how);
    wipe(line, sizeof line);
    return good;
}

bool session_serve(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool good = send_text(s, false, format, args);
    va_end(args);
    return good;
}

bool session_init(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool good = send_text(s, true, format, args);
    va_end(args);
    return good;
}

struct buf session_body(struct session *s)
{
    return buf_over(s->body, sizeof s->body);
}

void session_add_candidate(struct session *s, struct buf *body)
{
    candidate_write(&s->candidate, body);
}

bool session_init_body(struct session *s, struct buf *body, const char *line)
{
    struct link_ask how = {.path = s->init_path,
                           .line = span_of_text(line),
                           .has_body = true,
                           .body = buf_span(body),
                           .term = &s->term,
                           .patience_ms = LINK_WORK_MS,
                           .take = print_line,
                           .to = s};
    bool good = !body->full ? ask(s, true, &how) : session_fail(s, "the configuration is larger than 64 KiB");
    wipe(s->body, body->len);
    return good;
}

bool session_get(struct session *s, bool box, const char *line, void (*take)(void *to, struct span line),
                 void *to)
{
    struct link_ask how = {.path = box ? s->init_path : s->serve_path,
                           .line = span_of_text(line),
                           .term = &s->term,
                           .patience_ms = LINK_LOOK_MS,
                           .take = take,
                           .to = to};
    return ask(s, box, &how);
}

/* ---- state ---- */

static void take_state(void *to, struct span line)
{
    state_take(to, line);
}

static void take_serving(void *to, struct span line)
{
    state_take_serving(to, line);
}

void session_refresh(struct session *s)
{
    struct box_state before = s->state;
    state_clear(&s->state);
    if (s->init_path != NULL)
        session_get(s, true, "state", take_state, &s->state);
    else
        s->state.configured = true;
    if (s->init_path != NULL && !s->state.answered) {
        s->state = before; /* what was known stays; a box that says nothing is not a new one */
        s->state.answered = false;
        s->state.serving[0] = 0;
    }
    if (s->state.configured && !s->state.locked)
        session_get(s, false, "show state", take_serving, &s->state);
}

static void take_base(void *to, struct span line)
{
    candidate_base_line(to, line);
}

bool session_load(struct session *s, bool discard)
{
    s->loaded = s->state.revision;
    candidate_base_begin(&s->candidate);
    bool good = session_get(s, s->init_path != NULL, s->init_path != NULL ? "config" : "show config",
                            take_base, &s->candidate);
    candidate_base_end(&s->candidate, discard);
    return good;
}

unsigned session_idle(const struct session *s)
{
    if (s->init_path == NULL)
        return s->idle_s;
    return s->idle_s != 0 ? s->idle_s : s->state.idle_s;
}

/* ---- questions to the operator ---- */

enum line_end session_question(struct session *s, const char *prompt)
{
    struct line_how how = {.prompt = prompt, .plain = true, .idle_s = session_idle(s)};
    return line_read(&s->line, &how);
}

/* The box was set up, locked or opened by somebody else: a seed, another console. */
static bool has_changed(void *context)
{
    struct session *s = context;
    bool configured = s->state.configured, locked = s->state.locked;
    session_refresh(s);
    return s->state.answered && (s->state.configured != configured || s->state.locked != locked);
}

enum line_end session_first_question(struct session *s, const char *prompt)
{
    struct line_how how = {
        .prompt = prompt, .plain = true, .idle_s = session_idle(s), .context = s, .is_over = has_changed};
    return line_read(&s->line, &how);
}

bool session_confirm(struct session *s, const char *question)
{
    char prompt[200];
    if (s->term.script)
        return true;
    term_flush(&s->term);
    snprintf(prompt, sizeof prompt, "%s [y/N]: ", question);
    if (session_question(s, prompt) != LINE_ENTERED)
        return session_fail(s, "stopped; nothing was done");
    if (strcmp(s->line.text, "y") == 0 || strcmp(s->line.text, "Y") == 0 || strcmp(s->line.text, "yes") == 0)
        return true;
    return session_fail(s, "not confirmed; nothing was done");
}

bool session_confirm_loss(struct session *s, const char *question)
{
    session_refresh(s);
    bool away = strcmp(s->state.serving, "GRACE") == 0 || strcmp(s->state.serving, "DENIED") == 0;
    if (away && !s->term.script)
        term_print(&s->term,
                   "  The state is %s: keys are served from memory alone. After this no key is served until\n"
                   "  the key manager answers again.\n",
                   s->state.serving);
    return question == NULL ? !away || session_confirm(s, "Do it all the same?")
                            : session_confirm(s, question);
}

void session_print_why(struct session *s)
{
    char text[sizeof s->why + 8];
    snprintf(text, sizeof text, s->term.script ? "ERR %s" : "  %s", s->why);
    term_line(&s->term, span_of_text(text));
}

/* ---- the prompt ---- */

static void write_prompt(struct session *s, char *out, size_t cap)
{
    const char *name = s->init_path == NULL || s->state.name[0] == 0 ? "holdfast" : s->state.name;
    size_t len = strcspn(name, ".");
    struct buf b = buf_over(out, cap);
    buf_print(&b, "%.*s%s", (int)(len < 32 ? len : 32), name, candidate_is_changed(&s->candidate) ? "*" : "");
    if (s->state.trial_s != 0)
        buf_print(&b, " (confirm %um)", (s->state.trial_s + 59) / 60);
    if (s->init_path != NULL && s->state.serving[0] == 0)
        buf_add_text(&b, " [NO SERVER]");
    else if (s->state.serving[0] != 0 && strcmp(s->state.serving, "READY") != 0)
        buf_print(&b, " [%s]", s->state.serving);
    buf_add_text(&b, "> ");
}

static void run_shown(struct session *s, struct span line)
{
    term_page_begin(&s->term, session_idle(s));
    bool good = session_command(s, line, true);
    term_page_end(&s->term);
    if (!good)
        session_print_why(s);
}

/* Lines that came together: nothing of them runs before all of them were looked at. */
static void run_paste(struct session *s)
{
    struct span line;
    char question[100];
    size_t wrong = 0, number = 0;
    paste_collect(&s->paste, &s->term, span_of(s->line.text, s->line.len));
    for (size_t at = 0; paste_next(&s->paste, &at, &line);) {
        number++;
        if (commands_check(s, line))
            continue;
        wrong++;
        term_print(&s->term, "  line %zu: %s\n", number, s->why);
    }
    if (s->paste.refused != NULL) {
        term_print(&s->term, "  nothing of what was pasted was run: %s\n", s->paste.refused);
    } else if (wrong != 0) {
        term_print(&s->term, "%zu lines read, %zu errors. Nothing was run; correct them and paste again.\n",
                   s->paste.lines, wrong);
    } else {
        snprintf(question, sizeof question, "%zu lines read, 0 errors. Run them?", s->paste.lines);
        bool run = session_confirm(s, question);
        if (!run)
            session_print_why(s);
        for (size_t at = 0; run && paste_next(&s->paste, &at, &line);)
            run_shown(s, line);
    }
    wipe(s->paste.text, s->paste.len);
}

static void logged_out(struct session *s, const char *why)
{
    s->logged_in = false;
    s->leaving = s->init_path == NULL;
    if (candidate_is_changed(&s->candidate))
        term_print(&s->term, "Changes that are not committed stay here until the next login.\n");
    if (why != NULL)
        term_print(&s->term, "%s\n", why);
}

static void take_line(struct session *s)
{
    struct span line = span_of(s->line.text, s->line.len);
    if (s->line.cut) {
        term_print(&s->term, "  the line is longer than %d characters and was not run\n", CONTROL_LINE - 1);
        return;
    }
    char copy[CONTROL_LINE];
    memcpy(copy, s->line.text, s->line.len);
    if (commands_hold_secret(line))
        term_print(&s->term, "  A secret is never an argument: it was shown here, so change it where\n"
                             "  it is from.\n");
    else
        line_remember(&s->line);
    run_shown(s, span_of(copy, line.len));
    wipe(copy, line.len);
}

static void prompt_once(struct session *s)
{
    char prompt[120];
    session_refresh(s);
    if (s->state.answered &&
        s->state.revision != s->loaded) /* another console's, or a trial that went back */
        session_load(s, !candidate_is_changed(&s->candidate));
    write_prompt(s, prompt, sizeof prompt);
    struct line_how how = {.prompt = prompt,
                           .pastes = true,
                           .idle_s = session_idle(s),
                           .context = s,
                           .help = help_line,
                           .complete = help_complete,
                           .tick = notices_tick};
    switch (line_read(&s->line, &how)) {
    case LINE_ENTERED:
        take_line(s);
        break;
    case LINE_PASTED:
        run_paste(s);
        break;
    case LINE_BREAK:
        banner_print(s, false);
        break;
    case LINE_IDLE:
        term_print(&s->term, "\n");
        logged_out(s, "Logged out: nobody has pressed a key.");
        break;
    case LINE_STOPPED:
    case LINE_BACK:
        break;
    case LINE_GONE:
        s->leaving = true;
        break;
    }
    if (!s->logged_in && !s->leaving)
        logged_out(s, NULL);
}

void session_run(struct session *s, const char *serve_path, const char *init_path, int in, int out)
{
    memset(s, 0, sizeof *s);
    s->serve_path = serve_path;
    s->init_path = init_path;
    term_open(&s->term, in, out);
    line_init(&s->line, &s->term);
    candidate_init(&s->candidate);
    s->logged_in = init_path == NULL;
    session_refresh(s);
    if (s->logged_in)
        session_load(s, true);
    while (!s->leaving && !s->term.gone) {
        if (s->logged_in)
            prompt_once(s);
        else
            login_run(s);
    }
    term_close(&s->term);
    wizard_forget(&s->wizard);
    line_wipe(&s->line);
}

/* ---- line protocol ---- */

void session_script(struct session *s)
{
    struct line_how how = {.prompt = "", .plain = true, .idle_s = session_idle(s)};
    s->term.script = true;
    s->script_ended = false;
    term_print(&s->term, "OK\n");
    while (!s->script_ended && !s->term.gone) {
        enum line_end end = line_read(&s->line, &how);
        if (end == LINE_IDLE)
            break;
        if (end == LINE_GONE && s->line.len == 0)
            break;
        if (end != LINE_ENTERED && end != LINE_GONE)
            continue;
        char copy[CONTROL_LINE];
        size_t len = s->line.len;
        memcpy(copy, s->line.text, len);
        bool good = s->line.cut ? session_fail(s, "the line is too long")
                                : session_command(s, span_of(copy, len), false);
        wipe(copy, len);
        if (s->script_ended)
            break;
        if (good)
            term_print(&s->term, "OK\n");
        else
            session_print_why(s);
    }
    s->term.script = false;
}
