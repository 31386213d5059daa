/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 1 to 4: what the box is in its network, and after a power failure. */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "console/commands.h"

/* ---- 1: name and network ---- */

static enum wizard_way ask_name(struct session *s)
{
    char name[PATH_MAX_BYTES];
    wizard_value(s, "server name", name, sizeof name);
    if (strcmp(name, "holdfast") == 0 && s->state.name[0] != 0)
        (void)wizard_set(s, "server name", s->state.name);
    return wizard_ask(s, "Host name", "server name", NULL, false);
}

static const struct state_port *find_port(struct session *s, const char *text)
{
    for (size_t i = 0; i < s->state.port_count; i++)
        if (strcmp(s->state.ports[i].name, text) == 0 || strcasecmp(s->state.ports[i].mac, text) == 0)
            return &s->state.ports[i];
    return NULL;
}

/* Ports are named by the kernel, and kept by their MAC address. */
static enum wizard_way ask_port(struct session *s)
{
    char mac[PATH_MAX_BYTES], prompt[60];
    wizard_value(s, "interface uplink mac", mac, sizeof mac);
    const struct state_port *now = mac[0] != 0 ? find_port(s, mac) : NULL;
    for (size_t i = 0; now == NULL && i < s->state.port_count; i++)
        now = s->state.ports[i].up ? &s->state.ports[i] : NULL;
    if (now == NULL && s->state.port_count != 0)
        now = &s->state.ports[0];
    if (now == NULL) {
        term_print(&s->term, "  no network port was found; look at the cable and at show log\n");
        return WIZARD_ON;
    }
    for (;;) {
        snprintf(prompt, sizeof prompt, "Network port [%s]: ", now->name);
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        const struct state_port *port = s->line.len == 0 ? now : find_port(s, s->line.text);
        if (port != NULL && wizard_set(s, "interface uplink mac", port->mac))
            return WIZARD_ON;
        term_print(&s->term, "  ports are:");
        for (size_t i = 0; i < s->state.port_count; i++)
            term_print(&s->term, " %s", s->state.ports[i].name);
        term_print(&s->term, "\n");
    }
}

/* The first address of the network: where gateways mostly are. */
static bool first_address(const char *address, char out[20])
{
    char text[40];
    struct in_addr in;
    uint64_t prefix;
    size_t slash = strcspn(address, "/");
    snprintf(text, sizeof text, "%.*s", (int)(slash < 30 ? slash : 30), address);
    if (address[slash] == 0 || inet_pton(AF_INET, text, &in) != 1 ||
        number_read(span_of_text(address + slash + 1), 32, &prefix) != STATUS_OK || prefix == 0)
        return false;
    uint32_t first = (ntohl(in.s_addr) & (uint32_t)(0xffffffffu << (32 - prefix))) | 1u;
    snprintf(out, 20, "%u.%u.%u.%u", first >> 24, first >> 16 & 255, first >> 8 & 255, first & 255);
    return true;
}

static enum wizard_way ask_static(struct session *s)
{
    char address[PATH_MAX_BYTES], gateway[20] = "";
    wizard_value(s, "interface uplink address", address, sizeof address);
    if (strchr(address, '/') == NULL)
        (void)wizard_set(s, "interface uplink address", "none");
    for (;;) {
        bool fresh = strchr(address, '/') == NULL;
        char prompt[PATH_MAX_BYTES + 60];
        snprintf(prompt, sizeof prompt,
                 fresh ? "IPv4 address and prefix length: %s" : "IPv4 address and prefix length [%s]: ",
                 fresh ? "" : address);
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        if (s->line.len != 0)
            snprintf(address, sizeof address, "%.100s", s->line.text);
        if (first_address(address, gateway) && wizard_set(s, "interface uplink address", address))
            break;
        term_print(&s->term, "  an address with its prefix length, as 192.0.2.11/24\n");
        address[0] = 0;
    }
    return wizard_ask(s, "Gateway", "interface uplink gateway", gateway, true);
}

static enum wizard_way ask_address(struct session *s)
{
    char now[PATH_MAX_BYTES], prompt[60];
    wizard_value(s, "interface uplink address", now, sizeof now);
    bool dhcp = strcmp(now, "dhcp") == 0 && (s->state.configured || s->wizard.dhcp);
    for (;;) {
        snprintf(prompt, sizeof prompt, "Address by dhcp or static [%s]: ", dhcp ? "dhcp" : "static");
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        const char *answer = s->line.len != 0 ? s->line.text : dhcp ? "dhcp" : "static";
        s->wizard.dhcp = strcasecmp(answer, "dhcp") == 0;
        if (s->wizard.dhcp) {
            (void)wizard_set(s, "interface uplink gateway", "");
            return wizard_set(s, "interface uplink address", "dhcp") ? WIZARD_ON : WIZARD_AGAIN;
        }
        if (strcasecmp(answer, "static") == 0)
            return ask_static(s);
        term_print(&s->term, "  dhcp or static\n");
    }
}

enum wizard_way wizard_step_network(struct session *s)
{
    enum wizard_way way = ask_name(s);
    session_refresh(s); /* a cable may have been plugged in */
    if (way == WIZARD_ON)
        way = ask_port(s);
    if (way == WIZARD_ON)
        way = ask_address(s);
    if (way == WIZARD_ON)
        way = wizard_ask(s, "DNS servers, blank for those of DHCP or none", "dns", NULL, true);
    return way == WIZARD_ON ? wizard_try(s, "network") : way;
}

/* ---- 2: time ---- */

enum wizard_way wizard_step_time(struct session *s)
{
    char gateway[PATH_MAX_BYTES];
    wizard_value(s, "interface uplink gateway", gateway, sizeof gateway);
    enum wizard_way way = wizard_ask(s, "Time servers, - for those of DHCP", "time ntp",
                                     gateway[0] != 0 ? gateway : NULL, true);
    return way == WIZARD_ON ? wizard_try(s, "network") : way;
}

/* ---- 3: passphrase ---- */

enum wizard_way wizard_step_passphrase(struct session *s)
{
    term_print(&s->term, "12 characters or more; not shown. This device has no default passphrase\n"
                         "and no maintenance account.\n");
    return wizard_way_of(secret_read_new(&s->line, session_idle(s), true, &s->wizard.passphrase));
}

/* ---- 4: after a power failure ---- */

static enum wizard_way ask_lease(struct session *s)
{
    term_print(&s->term, "\nIf the key manager cannot be reached, keys already held here are served for a\n"
                         "limited time. The same time is the longest that a key can live on here after\n"
                         "you delete the root key while this box is cut off.\n");
    return wizard_ask(s, "Time, as 1h, 4h, 12h or 3d", "cache offline-lease", NULL, false);
}

enum wizard_way wizard_step_unlock(struct session *s)
{
    static const char *const words[] = {"tpm", "passphrase", "file"};
    char now[PATH_MAX_BYTES], prompt[40];
    bool tpm = strncmp(s->state.tpm, "TPM", 3) == 0 || strncmp(s->state.tpm, "2.0", 3) == 0;
    wizard_value(s, "unlock", now, sizeof now);
    unsigned normal = strcmp(now, "passphrase") == 0 ? 2 : strcmp(now, "tpm") == 0 || tpm ? 1 : 2;
    term_print(&s->term,
               "  1  start by itself; secrets are sealed to the TPM of this device%s\n"
               "  2  wait for the passphrase on this console\n"
               "  3  start by itself; secrets lie open on its disk: whoever steals it has them\n",
               tpm ? "" : "\n     (there is no TPM here)");
    for (;;) {
        snprintf(prompt, sizeof prompt, "Choose [%u]: ", normal);
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        unsigned choice = s->line.len == 0   ? normal
                          : s->line.len == 1 ? (unsigned)(s->line.text[0] - '0')
                                             : 0;
        if (choice >= 1 && choice <= 3 && !(choice == 1 && !tpm) &&
            wizard_set(s, "unlock", words[choice - 1]))
            return ask_lease(s);
        term_print(&s->term, "  %s\n", tpm ? "1, 2 or 3" : "2 or 3");
    }
}
