/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that change the candidate, put it in force, or replace secrets. */
#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "console/commands.h"

static bool match_setting(struct session *s, const struct grammar_match *m, struct grammar_match *setting)
{
    if (m->count < 2)
        return session_fail(s, "set PATH VALUE; set ? lists the settings");
    return grammar_match(&grammar_settings, m->words + 1, m->count - 1, !s->term.script, setting, s->why,
                         sizeof s->why);
}

bool command_asks_for_root(const struct grammar_match *setting)
{
    return setting_at(setting->row)->type == SETTING_ROOT && setting->count == 2;
}

/* `set keymanager root` without a value: the certificate follows as PEM. */
static bool set_root(struct session *s, struct grammar_match *setting)
{
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    char text[4 * CERTIFICATE_MAX / 3 + 8];
    struct buf base64 = buf_over(text, sizeof text);
    if (!s->term.script)
        term_print(&s->term, "Paste the root certificate as PEM. Reading stops by itself.\n");
    if (!command_read_pem(s, "CERTIFICATE", false, der, &len))
        return false;
    base64_write(span_of(der, len), &base64);
    setting->words[setting->count++] = buf_span(&base64);
    return candidate_set(&s->candidate, setting->words, setting->count, s->why, sizeof s->why);
}

bool command_change_set(struct session *s, const struct grammar_match *m)
{
    struct grammar_match setting;
    bool client = m->count > 1 && (span_equal(m->words[1], span_of_text("client")) ||
                                   span_equal(m->words[1], span_of_text("user")));
    if (client)
        return session_fail(s, "clients and users are no settings: client add NAME, user add NAME");
    if (!match_setting(s, m, &setting))
        return false;
    if (command_asks_for_root(&setting))
        return set_root(s, &setting);
    return candidate_set(&s->candidate, setting.words, setting.count, s->why, sizeof s->why);
}

bool command_change_unset(struct session *s, const struct grammar_match *m)
{
    struct grammar_match setting;
    return match_setting(s, m, &setting) &&
           candidate_unset(&s->candidate, setting.words, setting.count, s->why, sizeof s->why);
}

static bool needs_box(struct session *s)
{
    return s->init_path != NULL ||
           session_fail(
               s, "this server runs without an appliance: its settings are in the file that it was started "
                  "with; change them there and restart it");
}

bool command_change_check(struct session *s, const struct grammar_match *m)
{
    (void)m;
    if (!needs_box(s))
        return false;
    struct buf body = session_body(s);
    session_add_candidate(s, &body);
    if (!session_init_body(s, &body, "check"))
        return false;
    if (!s->term.script)
        term_print(&s->term, "  good\n");
    return true;
}

/* "client NAME certificate B64" becomes "client add NAME B64" and so on: what an import left to be done. */
static bool send_client_line(struct session *s, struct span line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(line, words);
    const char *verb = "";
    if (count != 4)
        return session_fail(s, "a line of clients is not understood: %.*s",
                            (int)(line.len < 60 ? line.len : 60), (const char *)line.ptr);
    bool client = span_equal(words[0], span_of_text("client"));
    if (client && span_equal(words[2], span_of_text("certificate")))
        verb = "add";
    else if (client && span_equal(words[2], span_of_text("scope")))
        verb = "scope";
    else
        return session_serve(s, "%.*s", (int)line.len, (const char *)line.ptr);
    return session_serve(s, "client %s %.*s %.*s", verb, (int)words[1].len, (const char *)words[1].ptr,
                         (int)words[3].len, (const char *)words[3].ptr);
}

static bool send_clients(struct session *s)
{
    struct span text = span_of(s->candidate.clients, s->candidate.clients_len);
    size_t at = 0, bad = 0;
    while (at < text.len) {
        const uint8_t *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = (size_t)(end - text.ptr) - at;
        if (!send_client_line(s, span_of(text.ptr + at, len))) {
            session_print_why(s);
            bad++;
        }
        at += len + 1;
    }
    s->candidate.clients_len = 0;
    return bad == 0 ||
           session_fail(s, "the settings are in force, but %zu lines of clients were refused", bad);
}

bool command_change_commit(struct session *s, const struct grammar_match *m)
{
    char line[400];
    struct buf out = buf_over(line, sizeof line);
    struct grammar_match full = *m;
    if (!needs_box(s))
        return false;
    for (size_t i = 1; i < m->count; i++)
        if (m->words[i].len >= 2 &&
            memcmp(m->words[i].ptr, "confirm", m->words[i].len < 7 ? m->words[i].len : 7) == 0 &&
            m->words[i].len <= 7)
            full.words[i] = span_of_text("confirm");
    command_join(&full, 0, &out);
    if (out.full || out.len >= sizeof line)
        return session_fail(s, "the note is too long");
    line[out.len] = 0;
    if (!s->term.script && !candidate_is_changed(&s->candidate))
        return session_fail(s, "nothing to commit: the candidate is what is in force");
    if (!config_serves_alike(&s->candidate.base, &s->candidate.now) && !session_confirm_loss(s, NULL))
        return false;
    struct secret passphrase = {.len = 0};
    if (s->candidate.now.unlock == UNLOCK_PASSPHRASE && s->candidate.base.unlock != UNLOCK_PASSPHRASE &&
        secret_read(&s->line, "Passphrase: ", false, session_idle(s), &passphrase) != LINE_ENTERED)
        return session_fail(s, "stopped; nothing was changed");
    struct buf body = session_body(s);
    session_add_candidate(s, &body);
    if (passphrase.len != 0)
        secret_add(&body, "@passphrase", &passphrase);
    wipe(&passphrase, sizeof passphrase);
    if (!session_init_body(s, &body, line))
        return false;
    bool good = send_clients(s);
    session_load(s, true);
    session_refresh(s);
    return good;
}

bool command_change_confirm(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return session_init(s, "confirm");
}

bool command_change_discard(struct session *s, const struct grammar_match *m)
{
    (void)m;
    candidate_discard(&s->candidate);
    return true;
}

static void take_rollback(void *to, struct span line)
{
    struct session *s = to;
    char why[300];
    if (!candidate_line(&s->candidate, line, why, sizeof why))
        term_print(&s->term, "  not taken: %s\n", why);
}

bool command_change_rollback(struct session *s, const struct grammar_match *m)
{
    char command[40];
    uint64_t number;
    if (number_read(m->words[1], UINT32_MAX, &number) != STATUS_OK)
        return session_fail(s, "rollback and a number of: show revisions");
    struct config before = s->candidate.now;
    config_defaults(&s->candidate.now);
    s->candidate.clients_len = 0;
    snprintf(command, sizeof command, "config %llu", (unsigned long long)number);
    if (!session_get(s, true, command, take_rollback, s)) {
        s->candidate.now = before;
        return false;
    }
    if (s->term.script)
        return true;
    term_print(&s->term, "Revision %llu is the candidate. Commit changes:\n", (unsigned long long)number);
    return command_look_changes(s, m);
}

/* ---- secrets ---- */

static bool is_word(const char *text, const struct secret *secret)
{
    bool plain = secret->len != 0;
    for (size_t i = 0; i < secret->len; i++)
        plain = plain && text[i] > ' ' && text[i] < 0x7f && text[i] != '"';
    return plain;
}

bool command_change_api_key(struct session *s, const struct grammar_match *m)
{
    (void)m;
    struct secret key;
    enum line_end end = secret_read(&s->line, "API key (not shown): ", true, session_idle(s), &key);
    bool good = end == LINE_ENTERED && is_word(key.text, &key);
    if (good && !s->state.configured && s->init_path != NULL)
        s->wizard.api_key = key;
    else if (good)
        good = session_serve(s, "keymanager credential %.*s", (int)key.len, key.text) &&
               (s->term.script || session_serve(s, "test keymanager"));
    else
        session_fail(s, "%s",
                     end == LINE_ENTERED ? "an API key is one word of 1 to 256 characters; nothing was stored"
                                         : "stopped; nothing was stored");
    wipe(&key, sizeof key);
    return good;
}

static bool keep_passphrase(struct session *s)
{
    enum line_end end = secret_read_new(&s->line, session_idle(s), false, &s->wizard.passphrase);
    const char *fault = secret_passphrase_fault(&s->wizard.passphrase);
    if (end == LINE_ENTERED && fault == NULL)
        return true;
    wipe(&s->wizard.passphrase, sizeof s->wizard.passphrase);
    return session_fail(s, "%s", end == LINE_ENTERED ? fault : "stopped");
}

bool command_change_passphrase(struct session *s, const struct grammar_match *m)
{
    (void)m;
    struct secret old, new = {.len = 0};
    if (!s->state.configured && s->init_path != NULL)
        return keep_passphrase(s);
    bool good = secret_read(&s->line, "Passphrase now: ", false, session_idle(s), &old) == LINE_ENTERED &&
                secret_read_new(&s->line, session_idle(s), false, &new) == LINE_ENTERED;
    const char *fault = good ? secret_passphrase_fault(&new) : "stopped; the passphrase is as it was";
    struct buf body = session_body(s);
    secret_add(&body, "@old", &old);
    secret_add(&body, "@passphrase", &new);
    wipe(&old, sizeof old);
    wipe(&new, sizeof new);
    if (fault == NULL)
        return session_init_body(s, &body, "passphrase");
    wipe(s->body, body.len);
    return session_fail(s, "%s", fault);
}

static void print_recovery(void *to, struct span line)
{
    struct session *s = to;
    struct span mark = span_of_text("RECOVERY ");
    if (line.len > mark.len && memcmp(line.ptr, mark.ptr, mark.len) == 0)
        snprintf(s->why, sizeof s->why, "%.*s", (int)(line.len - mark.len),
                 (const char *)line.ptr + mark.len);
    else
        term_line(&s->term, line);
}

bool command_change_recovery_key(struct session *s, const struct grammar_match *m)
{
    (void)m;
    struct secret now;
    char recovery[120], why[500];
    term_print(&s->term, "%s", s->term.script ? "" : "The recovery key before this one stops working.\n");
    if (secret_read(&s->line, "Passphrase: ", false, session_idle(s), &now) != LINE_ENTERED)
        return session_fail(s, "stopped; the recovery key is as it was");
    struct buf body = session_body(s);
    secret_add(&body, "@passphrase", &now);
    wipe(&now, sizeof now);
    struct link_ask how = {.path = s->init_path,
                           .line = span_of_text("recovery-key"),
                           .has_body = true,
                           .body = buf_span(&body),
                           .term = &s->term,
                           .patience_ms = LINK_WORK_MS,
                           .take = print_recovery,
                           .to = s};
    s->why[0] = 0;
    enum link_result result = link_ask(&how, why, sizeof why);
    wipe(s->body, body.len);
    snprintf(recovery, sizeof recovery, "%.119s", s->why);
    wipe(s->why, sizeof s->why);
    if (result != LINK_OK)
        return session_fail(s, "%s", s->init_path == NULL ? "this server runs without an appliance" : why);
    wizard_show_recovery(s, recovery);
    wipe(recovery, sizeof recovery);
    return true;
}
