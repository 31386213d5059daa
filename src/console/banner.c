/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody at the console may know: where the box is, what state it is in, what its certificates look
 * like. No names of keys or clients. */
#include <stdio.h>

#include "base/text.h"
#include "console/commands.h"
#include "console/session.h"
#include "server/status.h"

static void print_network(struct session *s)
{
    const struct box_state *b = &s->state;
    for (size_t i = 0; i < b->port_count; i++) {
        const struct state_port *p = &b->ports[i];
        term_print(&s->term, "  %-15s %-5s %s  %s%s%s\n", i == 0 ? "Network" : "", p->name, p->mac,
                   p->up ? "link up" : "no link", p->up && p->speed[0] != 0 ? ", " : "",
                   p->up ? p->speed : "");
    }
    for (size_t i = 0; i < b->address_count; i++)
        term_print(&s->term, "  %-15s %s\n", i == 0 ? "Address" : "", b->addresses[i]);
}

static void print_word(struct session *s, const char *what, const char *text)
{
    if (text[0] != 0)
        term_print(&s->term, "  %-15s %s\n", what, text);
}

/* As many rows as it takes. */
static void print_fault(struct session *s, const char *text)
{
    char line[STATE_TEXT + 20];
    int n = snprintf(line, sizeof line, "  %-15s %s", "Fault", text);
    term_line(&s->term, span_of(line, n > 0 ? (size_t)n : 0));
}

static void print_state(struct session *s)
{
    const struct box_state *b = &s->state;
    if (!b->answered)
        print_word(s, "State", "process 1 does not answer; it may be starting");
    else if (b->no_data)
        print_word(s, "State", "NO DATA: the data partition cannot be used");
    else if (!b->configured)
        print_word(s, "State", "NOT SET UP");
    else if (b->locked)
        print_word(s, "State", "LOCKED: no keys are served until somebody logs in here");
    else if (b->serving[0] != 0)
        print_word(s, "State", b->serving);
    else if (b->starting)
        print_word(s, "State", "the server is starting");
    else
        print_word(s, "State", "the server does not answer; it is being restarted");
}

void banner_print(struct session *s, bool detailed)
{
    struct box_state *b = &s->state;
    session_refresh(s);
    term_print(&s->term, "\nHoldfast %s   KMIP key server   %s\n\n",
               b->version[0] != 0 ? b->version : SERVER_VERSION, b->board);
    print_word(s, "Name", b->name);
    print_word(s, "Serial number", b->serial);
    print_network(s);
    print_word(s, "TPM", b->tpm);
    if (detailed || !b->configured)
        print_word(s, "Randomness", b->random);
    print_word(s, "Clock", b->clock);
    print_state(s);
    for (size_t i = 0; i < b->fault_count; i++)
        print_fault(s, b->faults[i]);
    if (b->configured && !b->locked)
        commands_print_thumbprints(s);
    if (b->banner[0] != 0)
        term_print(&s->term, "\n%s\n", b->banner);
}
