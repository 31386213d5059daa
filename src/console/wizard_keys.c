/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 5 to 7 and the summary: key manager, certificate, first client. */
#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "console/commands.h"
#include "crypto/digest.h"

/* ---- 5: key manager ---- */

static enum wizard_way ask_region(struct session *s)
{
    char region[PATH_MAX_BYTES], endpoint[PATH_MAX_BYTES], prompt[PATH_MAX_BYTES + 40];
    for (;;) {
        wizard_value(s, "keymanager region", region, sizeof region);
        wizard_value(s, "keymanager endpoint", endpoint, sizeof endpoint);
        const char *now = endpoint[0] != 0 ? endpoint : region;
        snprintf(prompt, sizeof prompt,
                 now[0] != 0 ? "Region or endpoint [%s]: " : "Region or endpoint%s: ", now);
        enum wizard_way way = wizard_read(s, prompt);
        if (way != WIZARD_ON)
            return way;
        if (s->line.len == 0 && now[0] != 0)
            return WIZARD_ON;
        bool url = strncmp(s->line.text, "https://", 8) == 0;
        if (s->line.len != 0 &&
            wizard_set(s, url ? "keymanager endpoint" : "keymanager region", s->line.text) &&
            (url || wizard_set(s, "keymanager endpoint", "")))
            return WIZARD_ON;
        term_print(&s->term, "  a region as eu-de or us-south, or https:// and the host of the instance\n");
    }
}

static enum wizard_way ask_api_key(struct session *s)
{
    struct secret key;
    const char *prompt = s->wizard.api_key.len != 0 ? "API key (not shown) [keep the one typed before]: "
                                                    : "API key (not shown): ";
    enum line_end end = secret_read(&s->line, prompt, true, session_idle(s), &key);
    while (key.len != 0 && key.text[key.len - 1] == ' ')
        key.len--;
    if (end == LINE_ENTERED && key.len != 0)
        s->wizard.api_key = key;
    wipe(&key, sizeof key);
    return end == LINE_ENTERED ? WIZARD_ON : end == LINE_BACK ? WIZARD_BACK : WIZARD_STOP;
}

static enum wizard_way ask_type(struct session *s)
{
    term_print(&s->term, "  keyprotect  IBM Key Protect       hpcs  IBM Hyper Protect Crypto Services\n"
                         "  local       no cloud: the root key is on this box, and lost with it\n");
    char now[PATH_MAX_BYTES];
    wizard_value(s, "keymanager type", now, sizeof now);
    if (strcmp(now, "local") == 0 && !s->state.configured && s->wizard.api_key.len == 0)
        (void)wizard_set(s, "keymanager type", "keyprotect");
    return wizard_ask(s, "Key manager", "keymanager type", NULL, false);
}

enum wizard_way wizard_step_keymanager(struct session *s)
{
    char type[PATH_MAX_BYTES];
    enum wizard_way way = ask_type(s);
    if (way != WIZARD_ON)
        return way;
    wizard_value(s, "keymanager type", type, sizeof type);
    if (strcmp(type, "local") == 0) {
        wipe(&s->wizard.api_key, sizeof s->wizard.api_key);
        term_print(&s->term, "  Nothing in a cloud can revoke keys then; keep the recovery key and a second\n"
                             "  way to your data.\n");
        return WIZARD_ON;
    }
    way = ask_region(s);
    if (way == WIZARD_ON)
        way = wizard_ask(s, "Network public or private", "keymanager network", NULL, false);
    if (way == WIZARD_ON)
        way = wizard_ask(s, "Instance ID", "keymanager instance", NULL, false);
    if (way == WIZARD_ON)
        way = wizard_ask(s, "Root key ID or alias", "keymanager root-key", NULL, false);
    if (way == WIZARD_ON && !s->state.configured)
        way = ask_api_key(s);
    return way == WIZARD_ON ? wizard_try(s, "keymanager") : way;
}

/* ---- 6: certificate ---- */

enum wizard_way wizard_step_certificate(struct session *s)
{
    term_print(&s->term, "The key pair is made here and the private key never leaves this device.\n"
                         "Self-signed for now; \"cert csr\" replaces it with a CA-signed one later.\n");
    enum wizard_way way = wizard_try(s, "certificate");
    if (way != WIZARD_ON)
        return way;
    term_print(&s->term, "  OVHcloud asks for the IP address and the SHA-1 line.\n"
                         "  vCenter shows a thumbprint in its Trust dialog; compare it with these.\n\n");
    return wizard_read(s, "Press Enter to go on: ");
}

/* ---- 7: clients ---- */

static enum wizard_way ask_client(struct session *s, bool *more)
{
    char line[NAME_MAX_BYTES + 40];
    *more = false;
    enum wizard_way way =
        wizard_read(s, s->wizard.client_count == 0 ? "Client name: " : "Next client (blank: none): ");
    if (way != WIZARD_ON || s->line.len == 0)
        return way;
    *more = true;
    if (s->line.len > NAME_MAX_BYTES || strpbrk(s->line.text, " \"#") != NULL) {
        term_print(&s->term, "  a name is one word of 1 to 64 characters\n");
        return WIZARD_ON;
    }
    snprintf(line, sizeof line, "client add %.64s", s->line.text);
    if (!session_command(s, span_of_text(line), false))
        session_print_why(s);
    return s->term.gone ? WIZARD_STOP : WIZARD_ON;
}

enum wizard_way wizard_step_client(struct session *s)
{
    bool more = true;
    enum wizard_way way = WIZARD_ON;
    term_print(&s->term, "A blank name leaves this for later.\n\n"
                         "In vCenter: Configure, Key Providers, Add standard key provider:\n"
                         "  the address of this box   port 5696   no user name   no proxy\n"
                         "Then \"Make KMS trust vCenter\", \"vCenter Certificate\". Let the page finish\n"
                         "loading before you copy the certificate.\n\n");
    for (size_t i = 0; i < s->wizard.client_count; i++)
        term_print(&s->term, "  %s is there already\n", s->wizard.clients[i].name);
    while (more && way == WIZARD_ON)
        way = ask_client(s, &more);
    return way;
}

/* ---- summary ---- */

static void print_setting(void *to, struct span line, bool own)
{
    struct session *s = to;
    (void)own;
    term_print(&s->term, "  ");
    term_line(&s->term, line);
}

enum wizard_way wizard_summary(struct session *s)
{
    term_print(&s->term, "\nSummary: these commands will be run. Nothing has been changed yet.\n\n");
    candidate_each(&s->candidate.now, print_setting, s);
    for (size_t i = 0; i < s->wizard.client_count; i++) {
        const struct wizard_client *c = &s->wizard.clients[i];
        uint8_t digest[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 2];
        sha256(span_of(c->der, c->der_len), digest);
        hex_write(span_of(digest, sizeof digest), 0, false, hex, sizeof hex);
        term_print(&s->term, "  client add %s, sha256 %.8s...%s\n", c->name, hex, hex + 56);
    }
    term_print(&s->term, "\n");
    for (;;) {
        term_flush(&s->term);
        enum wizard_way way = wizard_read(s, "Commit? [y/N, or a step from 1 to 7]: ");
        if (way != WIZARD_ON)
            return way;
        char c = s->line.text[0];
        if (s->line.len == 1 && (c == 'y' || c == 'Y'))
            return WIZARD_ON;
        if (s->line.len == 1 && c >= '1' && c <= '7') {
            s->wizard.step = (unsigned)(c - '0');
            return WIZARD_AGAIN;
        }
        if (s->line.len == 0 || c == 'n' || c == 'N')
            term_print(&s->term, "  Ctrl-B goes back, Ctrl-C stops and keeps the answers\n");
    }
}
