/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that look and change nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "console/commands.h"
#include "console/keys.h"
#include "server/status.h"

bool command_look_log(struct session *s, const struct grammar_match *m)
{
    uint64_t lines = 20;
    char command[40];
    if (m->count == 3 && (number_read(m->words[2], 200, &lines) != STATUS_OK || lines == 0))
        return session_fail(s, "a number of lines from 1 to 200, as: show log 50");
    if (s->init_path == NULL)
        return session_fail(s, "this server writes its log to standard error; there is no log to show here");
    session_refresh(s);
    uint64_t newest = s->state.newest_log;
    snprintf(command, sizeof command, "log %llu",
             (unsigned long long)(newest >= lines ? newest - lines + 1 : 1));
    return session_init(s, "%s", command);
}

bool command_look_version(struct session *s, const struct grammar_match *m)
{
    (void)m;
    term_print(&s->term, "holdfast " SERVER_VERSION ", KMIP 1.0 to 1.4, TLS 1.2\n");
    return true;
}

bool command_look_config(struct session *s, const struct grammar_match *m)
{
    char word[20];
    uint64_t number;
    if (m->count == 2)
        return s->init_path == NULL ? session_serve(s, "show config") : session_init(s, "config");
    command_word(m, 2, word, sizeof word);
    if (strcmp(word, "all") == 0)
        return session_serve(s, "show config");
    if (number_read(m->words[2], UINT32_MAX, &number) != STATUS_OK)
        return session_fail(s, "show config, show config all, or show config and a number of show revisions");
    return session_init(s, "config %llu", (unsigned long long)number);
}

static void print_change(void *to, struct span line)
{
    struct session *s = to;
    term_line(&s->term, line);
}

bool command_look_changes(struct session *s, const struct grammar_match *m)
{
    (void)m;
    if (candidate_changes(&s->candidate, print_change, s) == 0)
        term_print(&s->term, "  none: the candidate is what is in force\n");
    if (s->candidate.unknown != 0)
        term_print(&s->term, "  %u lines in force are not known to this software and would be lost\n",
                   s->candidate.unknown);
    return true;
}

static void print_key(void *to, const char *line)
{
    struct session *s = to;
    term_put(&s->term, span_of_text(line));
    term_put(&s->term, span_of("\n", 1));
}

bool command_look_keys(struct session *s, const struct grammar_match *m)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char filter[80];
    /* Says it in our words when the server is away. */
    if (!session_get(s, false, "show keys count", NULL, NULL))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", s->serve_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
        close(fd);
        return session_fail(s, "the server does not answer; try again in a few seconds");
    }
    command_word(m, 2, filter, sizeof filter);
    int result = keys_show_to(fd, m->count == 3 ? filter : NULL, print_key, s);
    close(fd);
    return result == 0 || session_fail(s, "the list could not be read; try again");
}

/* ---- thumbprints ---- */

static void take_print(void *to, struct span line)
{
    thumbprints_take(to, line);
}

bool commands_print_thumbprints(struct session *s)
{
    struct thumbprints t = {.count = 0};
    char text[100];
    if (!session_get(s, false, "show cert", take_print, &t) || t.count == 0)
        return false;
    for (size_t i = 0; i < t.count; i++) {
        const struct thumbprint *p = &t.print[i];
        if (p->has_sha1) {
            hex_write(span_of(p->sha1, 20), ':', true, text, sizeof text);
            term_print(&s->term, "  %-5s SHA-1    %s\n", p->kind, text);
        }
        if (p->has_sha256) {
            hex_write(span_of(p->sha256, 16), ':', true, text, sizeof text);
            term_print(&s->term, "  %-5s SHA-256  %s:\n", p->kind, text);
            hex_write(span_of(p->sha256 + 16, 16), ':', true, text, sizeof text);
            term_print(&s->term, "                 %s\n", text);
        }
    }
    return true;
}

bool command_look_thumbprint(struct session *s, const struct grammar_match *m)
{
    (void)m;
    return commands_print_thumbprints(s) || session_fail(s, "the server does not answer; see show status");
}

bool command_look_history(struct session *s, const struct grammar_match *m)
{
    (void)m;
    line_print_history(&s->line);
    return true;
}
