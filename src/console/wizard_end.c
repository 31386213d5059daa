/* SPDX-License-Identifier: Apache-2.0 */
/* The recovery key, shown once, and the wait for the first key. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "console/commands.h"

#define PROOF_LETTERS 8
#define PROOF_TRIES   3
/* milliseconds that the first key is waited for; Enter ends it earlier. */
#define FIRST_KEY_MS 1800000

/* The letters alone. */
static size_t letters_of(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    for (; *text != 0 && n < cap - 1; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
        if (c >= 'a' && c <= 'z')
            out[n++] = c;
    }
    out[n] = 0;
    return n;
}

static void print_groups(struct session *s, const char *letters, size_t n)
{
    term_print(&s->term, "\n");
    for (size_t i = 0; i < n; i += 8)
        term_print(&s->term, "%s%.8s",
                   i % 32 == 0   ? "    "
                   : i % 16 == 0 ? "   "
                                 : "-",
                   letters + i),
            i % 32 == 24 || i + 8 >= n ? term_print(&s->term, "\n") : (void)0;
    term_print(&s->term, "\n");
}

/* Asks for the last letters; false: stopped. */
static bool is_proved(struct session *s, const char *letters, size_t n)
{
    char typed[40];
    for (int i = 0; i < PROOF_TRIES; i++) {
        if (session_question(s, "Type the last 8 letters to prove that you wrote it down: ") != LINE_ENTERED)
            return false;
        size_t len = letters_of(s->line.text, typed, sizeof typed);
        bool same = len == PROOF_LETTERS && n >= len && bytes_equal_secret(typed, letters + n - len, len);
        wipe(typed, sizeof typed);
        line_wipe(&s->line);
        if (same) {
            term_print(&s->term, "  ok\n");
            return true;
        }
        term_print(&s->term, "  these are not the last 8 letters\n");
        if (i == PROOF_TRIES - 2)
            print_groups(s, letters, n);
    }
    return false;
}

void wizard_show_recovery(struct session *s, char recovery[120])
{
    char letters[120];
    size_t n = letters_of(recovery, letters, sizeof letters);
    if (s->term.script) {
        term_print(&s->term, "RECOVERY %s\n", recovery);
        wipe(letters, sizeof letters);
        return;
    }
    term_print(&s->term, "\nRECOVERY KEY. It replaces a lost passphrase or a broken TPM seal.\n"
                         "It is shown once and is not stored. If your terminal program writes a log\n"
                         "file, stop the log now.\n\n");
    s->term.paging = false;
    term_flush(&s->term);
    for (bool asked = false; !asked;) {
        enum line_end end = session_question(s, "Show it? [y/N/never]: ");
        if (end != LINE_ENTERED || strcmp(s->line.text, "never") == 0) {
            term_print(&s->term, "  Not shown. A new one can be made at any time: recovery-key new\n");
            break;
        }
        asked = s->line.text[0] == 'y' || s->line.text[0] == 'Y';
        if (!asked) {
            term_print(&s->term, "  y when pen and paper are at hand; never to go without\n");
            continue;
        }
        print_groups(s, letters, n);
        if (!is_proved(s, letters, n))
            term_print(&s->term, "  Not proved. Make a new one when there is time: recovery-key new\n");
    }
    wipe(letters, sizeof letters);
}

/* ---- the first key ---- */

static void take_served(void *to, struct span line)
{
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.ptr);
    const char *served = strstr(text, ", served ");
    if (strncmp(text, "Keys in memory", 14) == 0 && served != NULL)
        *(unsigned long long *)to = strtoull(served + 9, NULL, 10);
}

static void print_span(struct session *s, uint64_t seconds)
{
    term_print(&s->term, "%llu min %llu s", (unsigned long long)(seconds / 60),
               (unsigned long long)(seconds % 60));
}

static void wait_for_key(struct session *s)
{
    struct timespec up;
    uint64_t begun = clock_read().mono_ms;
    unsigned long long served = 0;
    while (clock_read().mono_ms - begun < FIRST_KEY_MS) {
        notices_tick(s);
        s->line.aside = false;
        session_get(s, false, "show status", take_served, &served);
        if (served != 0) {
            clock_gettime(CLOCK_BOOTTIME, &up);
            term_print(&s->term, "First key served ");
            print_span(s, (uint64_t)up.tv_sec);
            term_print(&s->term, " after power on.\n");
            return;
        }
        int key = term_key(&s->term, 1000);
        if (key == '\n' || key == 0x03 || key == TERM_GONE)
            return;
    }
}

void wizard_end(struct session *s, char recovery[120])
{
    wizard_show_recovery(s, recovery);
    uint64_t took = (clock_read().mono_ms - s->wizard.begun_ms) / 1000;
    /* The server starts now. */
    for (int i = 0; i < 30 && s->state.serving[0] == 0 && !s->term.gone; i++) {
        term_fill(&s->term, 500);
        session_refresh(s);
    }
    s->log_seen = s->state.newest_log;
    term_print(&s->term, "\n%s.  State: %s\n",
               strcmp(s->state.serving, "READY") == 0 ? "READY" : "Set up, but not READY: see show status",
               s->state.serving[0] != 0 ? s->state.serving : "the server does not answer yet");
    term_print(&s->term, "Setup took ");
    print_span(s, took);
    term_print(&s->term, ". Waiting for the first key request; Enter ends the wait.\n");
    wait_for_key(s);
}
