/* SPDX-License-Identifier: Apache-2.0 */
#include "console/wizard.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "console/commands.h"

struct step {
    const char *title;
    enum wizard_way (*run)(struct session *session);
    bool first_only; /* not when the box is set up: there are commands for it */
};

static const struct step steps[WIZARD_STEPS] = {
    {"Name and network", wizard_step_network, false},
    {"Time (always UTC)", wizard_step_time, false},
    {"Administrator passphrase", wizard_step_passphrase, true},
    {"After a power failure", wizard_step_unlock, false},
    {"Key manager", wizard_step_keymanager, false},
    {"KMIP server certificate", wizard_step_certificate, true},
    {"First client", wizard_step_client, true},
};

/* ---- answers ---- */

enum wizard_way wizard_way_of(enum line_end end)
{
    switch (end) {
    case LINE_ENTERED:
    case LINE_PASTED:
        return WIZARD_ON;
    case LINE_BACK:
        return WIZARD_BACK;
    case LINE_STOPPED:
    case LINE_BREAK:
    case LINE_IDLE:
    case LINE_GONE:
        return WIZARD_STOP;
    }
    return WIZARD_STOP;
}

enum wizard_way wizard_read(struct session *s, const char *prompt)
{
    struct line_how how = {.prompt = prompt, .plain = true, .backs = true, .idle_s = session_idle(s)};
    for (;;) {
        enum wizard_way way = wizard_way_of(line_read(&s->line, &how));
        if (way != WIZARD_ON)
            return way;
        struct span line = span_of(s->line.text, s->line.len);
        if (line.len == 1 && line.ptr[0] == '?') {
            term_print(&s->term,
                       "  Enter takes the value in brackets, - empties it; Ctrl-B goes back, Ctrl-C stops\n"
                       "  and keeps the answers; set PATH VALUE changes any other setting\n");
            continue;
        }
        if (line.len < 5 || memcmp(line.ptr, "set ", 4) != 0)
            return WIZARD_ON;
        if (!session_command(s, line, true))
            session_print_why(s);
    }
}

static const struct setting *find_setting(const char *path)
{
    const struct setting *s;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++)
        if (strcmp(s->path, path) == 0)
            return s;
    return setting_at(0);
}

void wizard_value(struct session *s, const char *setting, char *out, size_t cap)
{
    char text[PATH_MAX_BYTES + 8];
    struct buf b = buf_over(text, sizeof text);
    config_show(&s->candidate.now, find_setting(setting), &b);
    size_t len = b.len;
    bool quoted = len >= 2 && text[0] == '"';
    snprintf(out, cap, "%.*s", (int)(quoted ? len - 2 : len), text + quoted);
}

bool wizard_set(struct session *s, const char *setting, const char *value)
{
    char line[2 * PATH_MAX_BYTES];
    struct span words[SETTING_WORDS];
    bool is_client;
    snprintf(line, sizeof line, "%s \"%s\"", setting, value);
    size_t count = config_words(span_of_text(line), words);
    if (count > SETTING_WORDS)
        return session_fail(s, "a value without quotes is wanted");
    return config_set(&s->candidate.now, words, count, &is_client, s->why, sizeof s->why);
}

enum wizard_way wizard_ask(struct session *s, const char *question, const char *setting, const char *normal,
                           bool may_be_empty)
{
    char now[PATH_MAX_BYTES], prompt[PATH_MAX_BYTES + 80];
    for (;;) {
        wizard_value(s, setting, now, sizeof now);
        if (now[0] == 0 && normal != NULL)
            snprintf(now, sizeof now, "%s", normal);
        snprintf(prompt, sizeof prompt, now[0] != 0 ? "%s [%s]: " : "%s%s: ", question, now);
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        bool emptied = strcmp(s->line.text, "-") == 0;
        const char *value = emptied ? "" : s->line.len != 0 ? s->line.text : now;
        if (value[0] == 0 && !may_be_empty)
            term_print(&s->term, "  an answer is needed here\n");
        else if (wizard_set(s, setting, value))
            return WIZARD_ON;
        else
            session_print_why(s);
    }
}

enum wizard_way wizard_try(struct session *s, const char *what)
{
    char command[40];
    if (s->state.configured)
        return WIZARD_ON; /* tested by commit confirm, not by taking the network away from the hosts */
    snprintf(command, sizeof command, "try %s", what);
    struct buf body = session_body(s);
    session_add_candidate(s, &body);
    if (s->wizard.api_key.len != 0)
        secret_add(&body, "@api-key", &s->wizard.api_key);
    term_print(&s->term, "\n");
    if (session_init_body(s, &body, command)) {
        term_print(&s->term, "\n");
        return WIZARD_ON;
    }
    term_print(&s->term, "  FAILED: %s\n\n", s->why);
    enum wizard_way way = wizard_read(s, "Enter asks again; keep goes on with these answers: ");
    if (way != WIZARD_ON)
        return way;
    return strcmp(s->line.text, "keep") == 0 ? WIZARD_ON : WIZARD_AGAIN;
}

bool wizard_add_client(struct session *s, struct span name, struct span der)
{
    struct wizard *w = &s->wizard;
    if (w->client_count == WIZARD_CLIENTS)
        return session_fail(s, "%d clients are enough for the setup; add the others after it",
                            WIZARD_CLIENTS);
    if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.ptr, ' ', name.len) != NULL ||
        memchr(name.ptr, '"', name.len) != NULL || der.len > CERTIFICATE_MAX)
        return session_fail(s, "a name is one word of 1 to 64 characters without quotes");
    struct wizard_client *c = &w->clients[w->client_count++];
    snprintf(c->name, sizeof c->name, "%.*s", (int)name.len, (const char *)name.ptr);
    memcpy(c->der, der.ptr, der.len);
    c->der_len = der.len;
    return true;
}

void wizard_forget(struct wizard *w)
{
    wipe(w, sizeof *w);
}

/* ---- all steps ---- */

static void print_title(struct session *s, unsigned step)
{
    static const char keys[] = "? help   Ctrl-B back   Ctrl-C stop";
    char title[80];
    int n = snprintf(title, sizeof title, "Step %u of %u   %s", step, (unsigned)WIZARD_STEPS,
                     steps[step - 1].title);
    term_print(&s->term, "\n%s", title);
    term_print(&s->term, "%*s%s\n\n", n < 44 ? 44 - n : 3, "", n < 44 ? keys : "");
}

static bool is_skipped(const struct session *s, unsigned step)
{
    return s->state.configured && step <= WIZARD_STEPS && steps[step - 1].first_only;
}

/* Steps until the summary is reached; false: stopped. */
static bool run_steps(struct session *s)
{
    struct wizard *w = &s->wizard;
    while (w->step <= WIZARD_STEPS) {
        enum wizard_way way = WIZARD_ON;
        if (!is_skipped(s, w->step)) {
            print_title(s, w->step);
            way = steps[w->step - 1].run(s);
        }
        if (way == WIZARD_STOP)
            return false;
        if (way == WIZARD_ON)
            w->step++;
        if (way == WIZARD_BACK)
            do
                w->step -= w->step > 1;
            while (w->step > 1 && is_skipped(s, w->step));
    }
    return true;
}

void wizard_run(struct session *s)
{
    struct wizard *w = &s->wizard;
    char recovery[120];
    enum wizard_way way;
    session_refresh(s);
    if (!w->begun) {
        w->begun = true;
        w->step = 1;
        w->begun_ms = clock_read().mono_ms;
    }
    do {
        if (!run_steps(s)) {
            term_print(&s->term, "\nStopped at step %u; nothing was changed, the answers are kept.\n",
                       w->step);
            return;
        }
        way = wizard_summary(s);
        if (way == WIZARD_BACK)
            w->step = WIZARD_STEPS;
    } while (way == WIZARD_BACK || way == WIZARD_AGAIN);
    if (way == WIZARD_STOP || !wizard_setup(s, recovery)) {
        if (way != WIZARD_STOP)
            term_print(&s->term,
                       "  FAILED: %s\n  Nothing is in force. Press Enter at the banner to try again.\n",
                       s->why);
        return;
    }
    uint64_t begun = w->begun_ms;
    wizard_forget(w);
    w->begun_ms = begun;
    s->logged_in = true;
    session_refresh(s);
    session_load(s, true);
    wizard_end(s, recovery);
    wipe(recovery, sizeof recovery);
}

void wizard_run_again(struct session *s)
{
    s->wizard.step = 1;
    if (!run_steps(s)) {
        term_print(&s->term, "Stopped; the answers are in the candidate: show changes, or discard.\n");
        return;
    }
    term_print(&s->term, "\nThe answers are in the candidate. See them with: show changes\n"
                         "Put them in force with a way back: commit confirm 5\n"
                         "API key: secret apikey   certificate: cert renew   clients: client add\n");
    s->wizard.step = 1;
}

/* ---- the end of it ---- */

struct answer {
    struct session *s;
    char *recovery;
};

static void take_setup(void *to, struct span line)
{
    struct answer *a = to;
    struct span mark = span_of_text("RECOVERY ");
    if (line.len > mark.len && memcmp(line.ptr, mark.ptr, mark.len) == 0) {
        snprintf(a->recovery, 120, "%.*s", (int)(line.len - mark.len), (const char *)line.ptr + mark.len);
        return;
    }
    term_print(&a->s->term, "  ");
    term_line(&a->s->term, line);
}

static void add_clients(struct session *s, struct buf *body)
{
    for (size_t i = 0; i < s->wizard.client_count; i++) {
        const struct wizard_client *c = &s->wizard.clients[i];
        buf_print(body, "@client %s ", c->name);
        base64_write(span_of(c->der, c->der_len), body);
        buf_add_text(body, "\n");
    }
    /* Those of an import: "client NAME certificate BASE64". */
    struct span rest = span_of(s->candidate.clients, s->candidate.clients_len);
    while (rest.len != 0) {
        struct span words[SETTING_WORDS];
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = (size_t)(end - rest.ptr);
        size_t count = config_words(span_of(rest.ptr, len), words);
        if (count == 4 && span_equal(words[0], span_of_text("client")) &&
            span_equal(words[2], span_of_text("certificate")))
            buf_print(body, "@client %.*s %.*s\n", (int)words[1].len, (const char *)words[1].ptr,
                      (int)words[3].len, (const char *)words[3].ptr);
        rest = span_of(end + 1, rest.len - len - 1);
    }
}

bool wizard_setup(struct session *s, char recovery[120])
{
    struct wizard *w = &s->wizard;
    char why[500];
    recovery[0] = 0;
    if (secret_passphrase_fault(&w->passphrase) != NULL)
        return session_fail(
            s, "no passphrase yet: secret passphrase, with 12 characters or more on the next line");
    struct buf body = session_body(s);
    session_add_candidate(s, &body);
    secret_add(&body, "@passphrase", &w->passphrase);
    if (w->api_key.len != 0)
        secret_add(&body, "@api-key", &w->api_key);
    add_clients(s, &body);
    struct answer answer = {s, recovery};
    struct link_ask how = {.path = s->init_path,
                           .line = span_of_text("setup"),
                           .has_body = true,
                           .body = buf_span(&body),
                           .term = &s->term,
                           .patience_ms = LINK_WORK_MS,
                           .take = take_setup,
                           .to = &answer};
    if (body.full) {
        wipe(s->body, body.len);
        return session_fail(s,
                            "the configuration with its clients is larger than 96 KiB; add clients after it");
    }
    enum link_result result = link_ask(&how, why, sizeof why);
    wipe(s->body, body.len);
    return result == LINK_OK || session_fail(s, "%s", why);
}
