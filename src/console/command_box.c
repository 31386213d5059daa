/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the box as a whole and about this console. */
#include <stdio.h>

#include "base/text.h"
#include "console/commands.h"
#include "console/pem_paste.h"
#include "crypto/pem.h"

bool command_box_cache_erase(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return session_confirm_loss(s, NULL) && session_serve(s, "cache erase");
}

bool command_box_restart(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return session_confirm_loss(s, "Restart now? Hosts cannot fetch keys meanwhile.") &&
           session_init(s, "restart");
}

bool command_box_halt(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return session_confirm_loss(s, "Power off? Hosts cannot fetch keys until it is on again.") &&
           session_init(s, "halt");
}

bool command_box_update_apply(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return session_confirm_loss(s, "Restart into the other slot now?") && session_init(s, "update apply");
}

bool command_box_wipe(struct session *s, const struct grammar_match *m)
{
    char serial[60];
    command_word(m, 2, serial, sizeof serial);
    if (m->count == 2 && s->term.script)
        return session_fail(s, "in a script: system wipe and the serial number");
    if (!s->term.script) {
        term_print(&s->term,
                   "Everything on this box is erased: passphrase, configuration, API key, certificates.\n"
                   "Keys are safe in the key manager; with the key manager \"local\" they are LOST.\n");
        term_flush(&s->term);
        if (session_question(s, "Type the serial number to go on: ") != LINE_ENTERED || s->line.len == 0)
            return session_fail(s, "not confirmed; nothing was erased");
        snprintf(serial, sizeof serial, "%.59s", s->line.text);
    }
    if (strcmp(serial, s->state.serial) != 0)
        return session_fail(
            s, "this is not the serial number of this box (it is in the banner); nothing was erased");
    return session_init(s, "wipe %s", serial);
}

bool command_box_test_all(struct session *s, const struct grammar_match *m)
{
    static const char *const box[] = {"test network", "test time", "test seal"};
    static const char *const server[] = {"test keymanager", "test serving"};
    size_t bad = 0;
    (void)m;
    for (size_t i = 0; i < COUNT_OF(box) + COUNT_OF(server); i++) {
        bool to_box = i < COUNT_OF(box);
        const char *what = to_box ? box[i] : server[i - COUNT_OF(box)];
        if (to_box && s->init_path == NULL)
            continue;
        term_print(&s->term, "%s\n", what);
        if (to_box ? session_init(s, "%s", what) : session_serve(s, "%s", what))
            continue;
        /* The embedded key manager says so itself; it is no failure. */
        bool local = strncmp(s->why, "the local key manager", 21) == 0;
        term_print(&s->term, "  %s%s\n", local ? "" : "FAILED: ", s->why);
        bad += !local;
    }
    return bad == 0 ||
           session_fail(s, "%zu of these tests failed; correct the first, then test all again", bad);
}

struct task {
    const char *title, *command;
};

bool command_box_menu(struct session *s, const struct grammar_match *m)
{
    static const struct task tasks[9] = {{"State of everything", "show status"},
                                         {"Test everything", "test all"},
                                         {"Addresses and links", "show interfaces"},
                                         {"What happened lately", "show log 50"},
                                         {"A client was refused", "show refused"},
                                         {"New API key of the key manager", "secret apikey"},
                                         {"An earlier configuration", "show revisions"},
                                         {"Thumbprints of the certificate", "show thumbprint"},
                                         {"Restart", "system restart"}};
    (void)m;
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        term_print(&s->term, "  %zu  %-32s %s\n", i + 1, tasks[i].title, tasks[i].command);
    if (s->term.script)
        return true;
    if (session_question(s, "Number (empty: none): ") != LINE_ENTERED || s->line.len == 0)
        return true;
    if (s->line.len != 1 || s->line.text[0] < '1' || s->line.text[0] > '9')
        return session_fail(s, "a number from 1 to 9");
    const char *command = tasks[s->line.text[0] - '1'].command;
    term_print(&s->term, "%s\n", command);
    return session_command(s, span_of_text(command), false);
}

bool command_box_setup(struct session *s, const struct grammar_match *m)
{
    char recovery[120];
    (void)m;
    if (s->init_path == NULL)
        return session_fail(s, "this server runs without an appliance: its settings are in its file");
    if (s->state.configured) {
        if (s->term.script)
            return session_fail(s, "this box is set up; in a script use set and commit");
        wizard_run_again(s);
        return true;
    }
    if (!wizard_setup(s, recovery))
        return false;
    term_print(&s->term, "RECOVERY %s\n", recovery);
    memset(recovery, 0, sizeof recovery);
    wizard_forget(&s->wizard);
    s->logged_in = true;
    session_refresh(s);
    session_load(s, true);
    return true;
}

/* ---- this console ---- */

bool command_session_size(struct session *s, const struct grammar_match *m)
{
    char word[20];
    uint64_t columns, rows;
    command_word(m, 2, word, sizeof word);
    size_t x = strcspn(word, "xX");
    if (word[x] == 0 || number_read(span_of(word, x), 500, &columns) != STATUS_OK ||
        number_read(span_of_text(word + x + 1), 500, &rows) != STATUS_OK || columns < 40 || rows < 5)
        return session_fail(s, "columns and rows from 40x5 to 500x500, as: session size 80x24");
    s->term.columns = (unsigned)columns - 1;
    s->term.rows = (unsigned)rows;
    return true;
}

bool command_session_idle_time(struct session *s, const struct grammar_match *m)
{
    uint64_t minutes;
    if (number_read(m->words[2], 1440, &minutes) != STATUS_OK || minutes == 0)
        return session_fail(s, "minutes from 1 to 1440; for every session: set admin idle 10m");
    s->idle_s = (unsigned)minutes * 60;
    return true;
}

bool command_session_begin_script(struct session *s, const struct grammar_match *m)
{
    (void)m;
    if (!s->term.script)
        session_script(s);
    return true;
}

bool command_session_end(struct session *s, const struct grammar_match *m)
{
    (void)m;
    s->script_ended = true;
    return true;
}

bool command_session_logout(struct session *s, const struct grammar_match *m)
{
    (void)m;
    s->logged_in = false;
    s->leaving = s->init_path == NULL;
    s->script_ended = true;
    return true;
}

/* A text that everybody knows, to be pasted back: what is missing was lost on the way. */
bool command_session_test_paste(struct session *s, const struct grammar_match *m)
{
    uint8_t known[768], back[CERTIFICATE_MAX];
    char pem[1300];
    struct buf out = buf_over(pem, sizeof pem - 1);
    size_t len;
    (void)m;
    if (s->term.script)
        return session_fail(s, "not in a script");
    for (size_t i = 0; i < sizeof known; i++)
        known[i] = (uint8_t)(i * 167 + i / 256);
    known[0] = 0x30; /* one DER SEQUENCE, so that every byte counts */
    known[1] = 0x82;
    known[2] = (sizeof known - 4) >> 8;
    known[3] = (sizeof known - 4) & 0xff;
    term_print(&s->term, "Copy the 18 lines from BEGIN to END, and paste them here. Ctrl-C stops.\n");
    pem_write(&out, "PASTE TEST", span_of(known, sizeof known));
    s->term.paging = false;
    term_put(&s->term, buf_span(&out));
    if (!command_read_pem(s, "PASTE TEST", false, back, &len))
        return false;
    if (len != sizeof known || memcmp(back, known, len) != 0)
        return session_fail(
            s, "characters were changed on the way: check the cable, and 115200 8N1. Set a line delay "
               "of 20 ms in your terminal program and test again");
    term_print(&s->term, "  this line loses nothing; pastes need no delay\n");
    return true;
}
