/* SPDX-License-Identifier: Apache-2.0 */
/* Before anybody has logged in. */
#include <poll.h>
#include <stdio.h>
#include <strings.h>

#include "base/wipe.h"
#include "console/commands.h"
#include "console/session.h"
#include "console/transfer.h"

/* half seconds that process 1 is waited for */
#define ANSWER_TRIES 20

static void welcome(struct session *s)
{
    bool changed = candidate_is_changed(&s->candidate);
    s->logged_in = true;
    session_refresh(s);
    session_load(s, !changed);
    s->log_seen = s->state.newest_log;
    if (changed)
        term_print(&s->term, "Changes of an earlier session are not committed: show changes, or discard.\n");
    if (s->state.trial_s != 0)
        term_print(&s->term, "Revision %u is on trial and goes back in %u s unless you type: confirm\n",
                   s->state.revision, s->state.trial_s);
}

static void log_in(struct session *s)
{
    struct secret secret;
    if (s->state.login_wait_s != 0)
        term_print(&s->term, "After wrong passphrases: wait %u s.\n", s->state.login_wait_s);
    if (secret_read(&s->line, "Passphrase: ", false, session_idle(s), &secret) != LINE_ENTERED ||
        secret.len == 0) {
        wipe(&secret, sizeof secret);
        return;
    }
    struct buf body = session_body(s);
    secret_add(&body, "@passphrase", &secret);
    wipe(&secret, sizeof secret);
    if (session_init_body(s, &body, "login"))
        welcome(s);
    else
        session_print_why(s);
}

static void recover(struct session *s)
{
    struct secret key, passphrase;
    term_print(&s->term, "The recovery key: 8 groups of 8 letters, with or without dashes and blanks.\n");
    if (secret_read(&s->line, "Recovery key: ", true, session_idle(s), &key) != LINE_ENTERED || key.len == 0)
        return;
    term_print(&s->term, "A new passphrase of 12 characters or more.\n");
    struct buf body = session_body(s);
    buf_print(&body, "@recovery %.*s\n", (int)key.len, key.text);
    wipe(&key, sizeof key);
    if (secret_read_new(&s->line, session_idle(s), false, &passphrase) == LINE_ENTERED) {
        secret_add(&body, "@passphrase", &passphrase);
        if (session_init_body(s, &body, "recover")) {
            term_print(&s->term, "The passphrase is changed. The recovery key stays as it is.\n");
            welcome(s);
        } else {
            session_print_why(s);
        }
    }
    wipe(&passphrase, sizeof passphrase);
    wipe(s->body, body.len);
}

static void reset(struct session *s)
{
    char line[120];
    term_print(&s->term, "\nReset erases everything on this box: passphrase, configuration, API key, its\n"
                         "certificates. Keys are safe: they are in the key manager, and a box that is\n"
                         "set up again with the same key manager serves them again. With the key manager\n"
                         "\"local\" they are on this box and are LOST.\n"
                         "It takes two steps: type the serial number now, switch the power off and on,\n"
                         "type \"reset\" and the serial number again.\n");
    if (session_question(s, "Serial number (empty: do nothing): ") != LINE_ENTERED || s->line.len == 0)
        return;
    snprintf(line, sizeof line, "reset %.60s", s->line.text);
    if (strpbrk(s->line.text, " \"#") != NULL || !session_init(s, "%s", line))
        session_print_why(s);
}

static bool is_typed(const struct session *s, const char *word)
{
    return strcasecmp(s->line.text, word) == 0;
}

static void entry_help(struct session *s)
{
    term_print(&s->term, "Other ways to set up this box:\n"
                         "  USB stick   a FAT volume with the file holdfast.conf, before power on; the\n"
                         "              result is written beside it\n"
                         "  import      type import, then paste the export of another box: its answers\n"
                         "              become the defaults of the setup\n"
                         "  script      type session script, then paste lines: set ..., secret apikey\n"
                         "              and the key on the next line, secret passphrase and the\n"
                         "              passphrase, client add NAME and the PEM, setup\n"
                         "  reset       erases everything local\n"
                         "  s           state\n");
}

/* Nobody can log in without the data partition, and nothing can be set up. */
static bool no_data(struct session *s)
{
    term_print(&s->term, "\nThis box does not find what it knows. Nothing was erased by it.\n"
                         "  s        shows the banner again\n"
                         "  restart  when the disk was only late, or a second one was taken out\n"
                         "  reset    makes the data partition anew\n");
    if (session_first_question(s, "\ns, restart or reset: ") != LINE_ENTERED)
        return true;
    if (is_typed(s, "reset"))
        reset(s);
    else if (is_typed(s, "session script"))
        session_script(s);
    else if (is_typed(s, "restart") && !session_init(s, "restart"))
        session_print_why(s);
    return is_typed(s, "s");
}

/* Both return whether the banner is wanted again. The first screen of a box that is not set up. */
static bool entry(struct session *s)
{
    if (s->state.no_data)
        return no_data(s);
    term_print(&s->term, "\nThis device is not set up. No network port is open.\n\n"
                         "Setup takes about 5 minutes. Have ready:\n"
                         "  1. an IP address, or DHCP, and a time server\n"
                         "  2. of the key manager: region, instance ID, root key ID, API key\n"
                         "  3. from vCenter, when the address is known: its client certificate\n"
                         "Nothing is changed until the last step. You can stop and come back.\n\n");
    if (s->wizard.begun)
        term_print(&s->term, "Answers of an earlier start are kept; it goes on where it stopped.\n");
    enum line_end end = session_first_question(
        s, "Press Enter to start, or type ? for other ways (USB stick, pasted file): ");
    if (end == LINE_IDLE)
        term_print(&s->term, "\n");
    if (end != LINE_ENTERED)
        return true;
    if (s->line.len == 0)
        wizard_run(s);
    else if (is_typed(s, "?") || is_typed(s, "help"))
        entry_help(s);
    else if (is_typed(s, "import"))
        transfer_import(s, NULL);
    else if (is_typed(s, "session script"))
        session_script(s);
    else if (is_typed(s, "reset"))
        reset(s);
    else if (!is_typed(s, "s"))
        term_print(&s->term, "  press Enter to start the setup, or type ?\n");
    return is_typed(s, "s");
}

static bool log_in_or(struct session *s)
{
    enum line_end end = session_first_question(s, "\nEnter logs in; s status, recover, reset: ");
    if (end == LINE_IDLE)
        term_print(&s->term, "\n");
    if (end != LINE_ENTERED)
        return true;
    if (s->line.len == 0)
        log_in(s);
    else if (is_typed(s, "recover"))
        recover(s);
    else if (is_typed(s, "reset"))
        reset(s);
    else if (is_typed(s, "session script"))
        session_script(s);
    else if (is_typed(s, "s"))
        banner_print(s, true);
    else
        term_print(&s->term, "  Enter asks for the passphrase; there are no user names\n");
    return false;
}

void login_run(struct session *s)
{
    for (int i = 0; i < ANSWER_TRIES && !s->state.answered && !s->term.gone; i++) {
        session_refresh(s);
        if (!s->state.answered)
            poll(NULL, 0, 500);
    }
    banner_print(s, false);
    /* The banner comes again when the state has changed, or on BREAK. */
    bool again, configured = s->state.configured, locked = s->state.locked;
    do {
        again = s->state.configured ? log_in_or(s) : entry(s);
        session_refresh(s);
    } while (!again && !s->logged_in && !s->term.gone && configured == s->state.configured &&
             locked == s->state.locked && s->state.answered);
}
