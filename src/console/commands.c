/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"

#include <stdio.h>

#include "base/wipe.h"
#include "console/transfer.h"

enum command_flag {
    TO_SERVE = 1, /* the line goes to serve as it is */
    TO_INIT = 2,  /* to init */
    SECRET = 4,   /* asks for a secret: further words are one that was typed by mistake */
    ENTRY = 8,    /* also in a script of a box that is not set up */
    ANYBODY = 16  /* also before login */
};

struct command {
    const char *pattern;
    const char *help;
    unsigned flags;
    command_run *run;
};

/* Rows with the same beginning stand together. */
static const struct command rows[] = {
    {"cache erase", "wipes every key from memory; they are fetched again when asked for", 0,
     command_box_cache_erase},
    {"cache refresh", "asks the key manager for everything anew", TO_SERVE, NULL},
    {"cert activate", "puts the prepared certificate in force", TO_SERVE, NULL},
    {"cert csr <rsa|ec|name...>", "prints a signing request for a CA", TO_SERVE, NULL},
    {"cert install", "asks for the signed certificate and its CA's", 0, command_cert_install},
    {"cert renew <rsa|ec...>", "prepares a new self-signed certificate", TO_SERVE, NULL},
    {"check", "checks the candidate, changes nothing", ENTRY, command_change_check},
    {"client accept <fingerprint>", "enrols a certificate that was just refused", TO_SERVE, NULL},
    {"client accept <fingerprint> <name>", "the same under this name", TO_SERVE, NULL},
    {"client add <name>", "asks for the certificate's PEM text", ENTRY, command_client_add},
    {"client add <name> from usb", "reads it from <name>.pem on a stick", ENTRY, command_client_add_usb},
    {"client add <name> <base64>", "with the certificate in base64", TO_SERVE, NULL},
    {"client disable <name>", "refuses it from the next handshake on", TO_SERVE, NULL},
    {"client enable <name>", "takes it again", TO_SERVE, NULL},
    {"client remove <name>", "forgets it", TO_SERVE, NULL},
    {"client rename <name> <new>", "its keys stay its own", TO_SERVE, NULL},
    {"client scope <name> <scope>", "clients of one scope share their keys", TO_SERVE, NULL},
    {"client show <name>", "one client, its certificate and use", TO_SERVE, NULL},
    {"client sign <name>", "asks for a CSR (vCenter's), prints a certificate", 0, command_client_sign},
    {"commit <confirm|minutes|note|text...>",
     "puts the candidate in force: commit [confirm MIN] [note \"text\"]", 0, command_change_commit},
    {"config export", "prints the configuration for another box, without secrets", 0, command_export},
    {"config export to usb", "writes it to " TRANSFER_FILE " on a stick", 0, command_export},
    {"config import", "asks for such a text, and loads it as candidate", ENTRY, command_import},
    {"config import from usb", "reads it from a stick", ENTRY, command_import},
    {"confirm", "keeps the revision that is on trial", 0, command_change_confirm},
    {"discard", "drops the changes that are not committed", ENTRY, command_change_discard},
    {"help <topic...>", "help, help rights, revocation, states, paste, setup", ANYBODY, command_help},
    {"history", "lines typed before", 0, command_look_history},
    {"key retire <id>", "destroys an object for good, after telling what is lost", 0, command_key_retire},
    {"key retire <id> <confirmation>", "the same with the word it asks for", TO_SERVE, NULL},
    {"key show <id>", "all about one object but its material", TO_SERVE, NULL},
    {"keymanager credential", "asks for a new API key, as secret apikey", SECRET, command_change_api_key},
    {"login", "in a script: the passphrase is the next line", SECRET | ANYBODY, NULL},
    {"logout", "ends this session", ANYBODY, command_session_logout},
    {"menu", "nine recovery tasks by number", 0, command_box_menu},
    {"passphrase change", "asks for the old and the new one", SECRET, command_change_passphrase},
    {"ping <address>", "whether a machine answers", TO_INIT, NULL},
    {"quit", "as logout", ANYBODY, command_session_logout},
    {"recovery-key new", "makes a new one and shows it once", SECRET, command_change_recovery_key},
    {"resolve <name>", "asks the name servers", TO_INIT, NULL},
    {"rollback <revision>", "loads an earlier revision as candidate", 0, command_change_rollback},
    {"secret apikey", "asks for a new API key of the key manager", SECRET | ENTRY, command_change_api_key},
    {"secret passphrase", "as passphrase change", SECRET | ENTRY, command_change_passphrase},
    {"session end", "ends the line protocol", ANYBODY, command_session_end},
    {"session idle <minutes>", "of this session, until it logs out", 0, command_session_idle_time},
    {"session script", "line protocol: OK or ERR after each command", 0, command_session_begin_script},
    {"session size <80x24>", "columns and rows of this terminal", ENTRY, command_session_size},
    {"session test paste", "measures what this serial line loses", 0, command_session_test_paste},
    {"set <setting...>", "changes the candidate: set PATH VALUE", ENTRY, command_change_set},
    {"setup", "the steps of the first boot again", ENTRY, command_box_setup},
    {"show boot", "the last starts, with slot and reason", TO_INIT, NULL},
    {"show cert", "the server's certificates", TO_SERVE, NULL},
    {"show cert raw", "their SHA-256 without colons", TO_SERVE, NULL},
    {"show changes", "what commit would change", ENTRY, command_look_changes},
    {"show clients", "who is enrolled, and when they were last seen", TO_SERVE, NULL},
    {"show config", "settings in force other than the defaults", 0, command_look_config},
    {"show config <revision|all>", "of a revision, or all settings", 0, command_look_config},
    {"show identity", "serial number, board, software", TO_INIT | ENTRY, NULL},
    {"show interfaces", "links and addresses", TO_INIT | ENTRY, NULL},
    {"show keys", "every object by VM or host: State, age, use", 0, command_look_keys},
    {"show keys count", "how many there are", TO_SERVE, NULL},
    {"show keys orphans", "those that nobody has claimed", 0, command_look_keys},
    {"show keys replaced", "older keys of VMs and hosts that have newer ones", 0, command_look_keys},
    {"show keys <part-of-name>", "those whose name has this part", 0, command_look_keys},
    {"show log", "the last 20 lines", ENTRY, command_look_log},
    {"show log <lines>", "the last lines, at most 200", ENTRY, command_look_log},
    {"show memory", "the memory plan", TO_SERVE, NULL},
    {"show refused", "certificates that were refused lately", TO_SERVE, NULL},
    {"show revisions", "the last 20 configurations", 0, NULL},
    {"show seal", "how the secrets on the disk are protected", TO_INIT, NULL},
    {"show state", "one word", TO_SERVE, NULL},
    {"show status", "state, since when, what bounds hold, warnings", TO_SERVE, NULL},
    {"show thumbprint", "what vCenter and OVHcloud show of the certificate", 0, command_look_thumbprint},
    {"show time", "clock and time servers", TO_INIT | ENTRY, NULL},
    {"show update", "software in both slots", TO_INIT | ENTRY, NULL},
    {"show version", "of the server", ENTRY, command_look_version},
    {"system halt", "powers off", 0, command_box_halt},
    {"system restart", "keys are served again within seconds", 0, command_box_restart},
    {"system wipe", "erases everything local for good", 0, command_box_wipe},
    {"system wipe <serial-number>", "the same", 0, command_box_wipe},
    {"test all", "every test below", 0, command_box_test_all},
    {"test keymanager", "everything the server needs of it, step by step", TO_SERVE, NULL},
    {"test network", "link, gateway, name servers", TO_INIT, NULL},
    {"test seal", "whether the next start will open the secrets", TO_INIT, NULL},
    {"test serving", "creates, gets and destroys a key", TO_SERVE, NULL},
    {"test time", "the time servers", TO_INIT, NULL},
    {"unset <setting...>", "gives a setting its default", ENTRY, command_change_unset},
    {"update apply", "starts the software in the other slot, on trial", 0, command_box_update_apply},
    {"update check", "whether there is newer software at update url", TO_INIT, NULL},
    {"update check <url>", "the same at another address", TO_INIT, NULL},
    {"update from usb", "writes the newest update file of a stick to the other slot", TO_INIT, NULL},
    {"update from usb <file>", "this one, which may be older", TO_INIT, NULL},
    {"update from <url>", "the same over HTTPS", TO_INIT, NULL},
    {"update rollback", "back to the software in the other slot", TO_INIT, NULL},
    {"usb list", "files of the stick", TO_INIT | ENTRY, NULL},
    {"user add <name>", "a KMIP user; asks for the password", SECRET, command_client_user_add},
    {"user scope <name> <scope>", "whose keys it shares", TO_SERVE, NULL},
};

static const char *row_pattern(size_t row)
{
    return row < COUNT_OF(rows) ? rows[row].pattern : NULL;
}

static const char *row_help(size_t row)
{
    return rows[row].help;
}

const struct grammar commands_grammar = {row_pattern, row_help, false};

/* ---- words ---- */

const char *command_word(const struct grammar_match *m, size_t i, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", i < m->count ? (int)m->words[i].len : 0,
             i < m->count ? (const char *)m->words[i].ptr : "");
    return out;
}

void command_join(const struct grammar_match *m, size_t from, struct buf *out)
{
    for (size_t i = from; i < m->count; i++) {
        struct span w = m->words[i];
        bool quoted = w.len == 0 || memchr(w.ptr, ' ', w.len) != NULL || w.ptr[0] == '#';
        buf_print(out, "%s%s", i == from ? "" : " ", quoted ? "\"" : "");
        buf_add(out, w.ptr, w.len);
        buf_add_text(out, quoted ? "\"" : "");
    }
}

static size_t split(struct span line, struct span words[SETTING_WORDS], const char **wrong)
{
    *wrong = NULL;
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != '\t' && (line.ptr[i] < ' ' || line.ptr[i] > '~'))
            *wrong = "control characters, or letters other than ASCII; type it again";
    size_t count = config_words(line, words);
    if (*wrong == NULL && count > SETTING_WORDS)
        *wrong = "more than 8 words, or a quote that is not closed; a value with blanks needs \"quotes\"";
    return *wrong == NULL ? count : 0;
}

bool commands_hold_secret(struct span line)
{
    struct span words[SETTING_WORDS];
    struct grammar_match m;
    char why[200];
    const char *wrong;
    size_t count = split(line, words, &wrong);
    if (count > 2 &&
        (span_equal(words[0], span_of_text("secret")) || span_equal(words[0], span_of_text("passphrase"))))
        return true;
    /* The longest beginning that is a command: "secret apikey XYZ" fails for its third word. */
    for (size_t n = count; n >= 1 && n <= SETTING_WORDS; n--)
        if (grammar_match(&commands_grammar, words, n, true, &m, why, sizeof why))
            return (rows[m.row].flags & SECRET) != 0 && n < count;
    return false;
}

/* The command that a line is; m->count is 0 for a blank line. */
static bool understand(struct session *s, struct span line, bool shortened, struct grammar_match *m)
{
    struct span words[SETTING_WORDS];
    const char *wrong;
    m->count = 0;
    size_t count = split(line, words, &wrong);
    if (wrong != NULL)
        return session_fail(s, "%s", wrong);
    if (commands_hold_secret(line))
        return session_fail(s, "type the command alone: it asks for the secret, and shows nothing of it");
    return count == 0 || grammar_match(&commands_grammar, words, count, shortened, m, s->why, sizeof s->why);
}

bool commands_check(struct session *s, struct span line)
{
    struct grammar_match m;
    if (!understand(s, line, true, &m))
        return false;
    if (m.count == 0 || rows[m.row].run != command_change_set)
        return true;
    /* Tried on a copy: what is pasted is run as a whole or not at all. */
    struct config copy = s->candidate.now;
    struct grammar_match setting;
    bool is_client;
    if (!grammar_match(&grammar_settings, m.words + 1, m.count - 1, true, &setting, s->why, sizeof s->why))
        return false;
    if (command_asks_for_root(&setting))
        return session_fail(s, "type set keymanager root alone: it asks for the certificate");
    return config_set(&copy, setting.words, setting.count, &is_client, s->why, sizeof s->why);
}

/* ---- running ---- */

/* Without a login: what anybody may, and what sets a box up that is not. */
static bool is_allowed(struct session *s, const struct command *c)
{
    if (s->logged_in || (c->flags & ANYBODY) != 0)
        return true;
    session_refresh(s); /* somebody else may have set the box up since */
    bool entry = s->state.answered && !s->state.configured;
    if (entry && (c->flags & ENTRY) != 0)
        return true;
    if (entry)
        return session_fail(
            s, "this box is not set up: set, secret passphrase, secret apikey, client add, setup");
    return session_fail(s, "log in first: type login, and the passphrase on the next line");
}

static bool script_login(struct session *s)
{
    struct secret secret;
    enum line_end end = secret_read(&s->line, "Passphrase: ", false, session_idle(s), &secret);
    struct buf body = session_body(s);
    secret_add(&body, "@passphrase", &secret);
    wipe(&secret, sizeof secret);
    if (end != LINE_ENTERED || !session_init_body(s, &body, "login"))
        return end == LINE_ENTERED ? false : session_fail(s, "stopped");
    s->logged_in = true;
    session_refresh(s);
    session_load(s, true);
    return true;
}

static bool run(struct session *s, const struct command *c, const struct grammar_match *m)
{
    char text[CONTROL_LINE];
    struct buf line = buf_over(text, sizeof text);
    if (!is_allowed(s, c))
        return false;
    if (c->run != NULL)
        return c->run(s, m);
    if (strcmp(c->pattern, "login") == 0)
        return script_login(s);
    if (strcmp(c->pattern, "show revisions") == 0)
        return session_init(s, "revisions");
    command_join(m, 0, &line);
    if (line.full)
        return session_fail(s, "the line is too long");
    if ((c->flags & TO_SERVE) != 0)
        return session_serve(s, "%.*s", (int)line.len, text);
    return session_init(s, "%.*s", (int)line.len, text);
}

bool session_command(struct session *s, struct span line, bool shortened)
{
    struct grammar_match m;
    return understand(s, line, shortened, &m) && (m.count == 0 || run(s, &rows[m.row], &m));
}
