/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that ask for PEM texts or passwords. */
#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "console/commands.h"
#include "console/pem_paste.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/random.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"

/* PBKDF2 iterations of a KMIP user's password: 20 ms of the server, once for each right password after a
 * start. */
#define ITERATIONS 20000
/* milliseconds without a byte inside a text until it is told that its END has not come. */
#define STALLED_MS 20000

static bool refuse_paste(struct session *s, const char *why)
{
    char line[400];
    if (s->term.script)
        return session_fail(s, "not usable: %s; nothing was stored", why);
    snprintf(line, sizeof line, "  not usable: %s.", why);
    term_line(&s->term, span_of_text(line));
    term_print(&s->term, "  If the serial line dropped data, choose one:\n"
                         "    - in the terminal program set a line delay of 20 ms, paste again\n"
                         "    - \"client add NAME from usb\"\n"
                         "    - \"session test paste\" measures what this line loses\n");
    return session_fail(s, "Nothing was stored.");
}

bool command_read_pem(struct session *s, const char *label, bool blank_ends, uint8_t *der, size_t *der_len)
{
    struct pem_paste p;
    char why[300];
    enum pem_step step;
    pem_paste_begin(&p);
    *der_len = 0;
    do {
        int key = term_key(&s->term, p.begun                ? STALLED_MS
                                     : s->init_path != NULL ? (int)session_idle(s) * 1000
                                                            : -1);
        if (key == 0x03 || key == TERM_GONE)
            return session_fail(s, "stopped; nothing was stored");
        if (key == TERM_NONE)
            return session_fail(s, "%s",
                                p.begun ? "no END line came for 20 s; paste again. Nothing was stored."
                                        : "nothing came; nothing was stored");
        step = key > 0 && key < 256 ? pem_paste_byte(&p, (char)key) : PEM_MORE;
        if (step == PEM_BLANK && blank_ends)
            return true;
    } while (step == PEM_MORE || step == PEM_BLANK);
    /* What stands behind the END on its line is part of the paste. */
    for (int rest = ' '; rest == ' ';)
        rest = term_key(&s->term, 50);
    if (step == PEM_FULL)
        return refuse_paste(s, "64 KiB came without an END line");
    if (!pem_paste_take(&p, label, der, der_len, why, sizeof why))
        return refuse_paste(s, why);
    if (!s->term.script)
        term_print(&s->term, "  1 %s read: %zu lines, %zu bytes, nothing lost\n",
                   strcmp(label, "CERTIFICATE") == 0 ? "certificate" : "request", p.lines + 2, *der_len);
    return true;
}

static void print_facts(struct session *s, struct span der, const struct x509_facts *f)
{
    char from[TIME_TEXT + 1], until[TIME_TEXT + 1], print[SHA256_THUMBPRINT_TEXT + 2];
    char name[200];
    struct buf out = buf_over(name, sizeof name - 1);
    buf_add_printable(&out, f->subject_name);
    name[out.len] = 0;
    time_write(f->not_before_s, from);
    time_write(f->not_after_s, until);
    x509_thumbprint_sha256(der, print);
    term_print(&s->term, "\n  Subject   CN=%s\n  Valid     %.10s to %.10s", name, from, until);
    struct x509_key key;
    struct buf kind = buf_over(name, sizeof name - 1);
    if (x509_key_read(f->public_key, &key) == STATUS_OK)
        x509_key_write(&key, &kind);
    name[kind.len] = 0;
    term_print(&s->term, "     Key  %s\n", kind.len != 0 ? name : "of a kind not known here");
    term_print(&s->term, "  SHA-256   %.48s\n            %s\n", print, print + 48);
}

/* Shows what came and asks whether it is to be taken. */
static bool is_accepted(struct session *s, struct span der)
{
    struct x509_facts facts;
    if (x509_read(der, &facts) != STATUS_OK)
        return refuse_paste(s, "its bytes are no X.509 certificate");
    if (s->term.script)
        return true;
    print_facts(s, der, &facts);
    return session_confirm(s, "\nAccept this client?");
}

static bool add(struct session *s, struct span name, struct span der)
{
    char text[4 * CERTIFICATE_MAX / 3 + 8];
    struct buf base64 = buf_over(text, sizeof text);
    if (!is_accepted(s, der))
        return false;
    if (!s->state.configured && s->init_path != NULL)
        return wizard_add_client(s, name, der);
    base64_write(der, &base64);
    return session_serve(s, "client add %.*s %.*s", (int)name.len, (const char *)name.ptr, (int)base64.len,
                         text);
}

bool command_client_add(struct session *s, const struct grammar_match *m)
{
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    if (!s->term.script)
        term_print(&s->term, "Paste the certificate. Reading stops by itself at its END line.\n");
    return command_read_pem(s, "CERTIFICATE", false, der, &len) && add(s, m->words[2], span_of(der, len));
}

struct file {
    struct pem_paste paste;
    bool done;
};

static void take_file(void *to, struct span line)
{
    struct file *f = to;
    for (size_t i = 0; i <= line.len && !f->done; i++)
        f->done = pem_paste_byte(&f->paste, i < line.len ? (char)line.ptr[i] : '\n') == PEM_DONE;
}

bool command_client_add_usb(struct session *s, const struct grammar_match *m)
{
    struct file f = {.done = false};
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    char command[120], why[300];
    snprintf(command, sizeof command, "usb read %.*s.pem", (int)(m->words[2].len < 64 ? m->words[2].len : 64),
             (const char *)m->words[2].ptr);
    pem_paste_begin(&f.paste);
    if (!session_get(s, true, command, take_file, &f))
        return false;
    if (!f.done)
        return session_fail(s, "the file has no whole certificate in PEM");
    if (!pem_paste_take(&f.paste, "CERTIFICATE", der, &len, why, sizeof why))
        return session_fail(s, "the file is not usable: %s", why);
    return add(s, m->words[2], span_of(der, len));
}

bool command_client_sign(struct session *s, const struct grammar_match *m)
{
    uint8_t der[CERTIFICATE_MAX];
    char text[4 * CERTIFICATE_MAX / 3 + 8];
    struct buf base64 = buf_over(text, sizeof text);
    size_t len;
    if (!s->term.script)
        term_print(&s->term, "Paste vCenter's certificate signing request. Reading stops by itself.\n");
    if (!command_read_pem(s, "CERTIFICATE REQUEST", false, der, &len))
        return false;
    base64_write(span_of(der, len), &base64);
    return session_serve(s, "client sign %.*s %.*s", (int)m->words[2].len, (const char *)m->words[2].ptr,
                         (int)base64.len, text);
}

bool command_cert_install(struct session *s, const struct grammar_match *m)
{
    (void)m;
    uint8_t der[CERTIFICATE_MAX];
    char text[CONTROL_LINE];
    struct buf line = buf_over(text, sizeof text - 2);
    size_t len, count = 0;
    if (!s->term.script)
        term_print(&s->term, "Paste the certificate, then its CA certificates. An empty line ends.\n");
    buf_add_text(&line, "cert install");
    for (;;) {
        if (!command_read_pem(s, "CERTIFICATE", count != 0, der, &len))
            return false;
        if (len == 0)
            break;
        buf_add_text(&line, " ");
        base64_write(span_of(der, len), &line);
        count++;
    }
    if (line.full || count + 2 > SETTING_WORDS)
        return session_fail(s, "these certificates together are too large; leave out the root's");
    return session_serve(s, "%.*s", (int)line.len, text);
}

/* The password is hashed here; it does not leave this process. */
bool command_client_user_add(struct session *s, const struct grammar_match *m)
{
    struct secret password;
    char salt_text[40], hash_text[72];
    uint8_t salt[16], hash[SHA256_BYTES];
    if (secret_read(&s->line, "Password (not shown): ", true, session_idle(s), &password) != LINE_ENTERED ||
        password.len == 0)
        return session_fail(s, "a password has 1 to 256 characters; nothing was stored");
    random_bytes(salt, sizeof salt);
    pbkdf2_sha256(span_of(password.text, password.len), span_of(salt, sizeof salt), ITERATIONS, hash);
    wipe(&password, sizeof password);
    hex_write(span_of(salt, sizeof salt), 0, false, salt_text, sizeof salt_text);
    hex_write(span_of(hash, sizeof hash), 0, false, hash_text, sizeof hash_text);
    return session_serve(s, "user %.*s password-hash pbkdf2-sha256:%d:%s:%s", (int)m->words[2].len,
                         (const char *)m->words[2].ptr, ITERATIONS, salt_text, hash_text);
}

/* The server tells what would be lost, and the word that confirms it. */
bool command_key_retire(struct session *s, const struct grammar_match *m)
{
    char command[120];
    if (session_serve(s, "key retire %.*s", (int)m->words[2].len, (const char *)m->words[2].ptr))
        return true;
    const char *word = strrchr(s->why, ' ');
    if (s->term.script || strncmp(s->why, "to destroy it for good", 22) != 0 || word == NULL)
        return false;
    snprintf(command, sizeof command, "Type %.60s to destroy it for good: ", word + 1);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "%s", word + 1);
    term_flush(&s->term);
    if (session_question(s, command) != LINE_ENTERED || strcmp(s->line.text, wanted) != 0)
        return session_fail(s, "not confirmed; nothing was destroyed");
    return session_serve(s, "key retire %.*s %s", (int)m->words[2].len, (const char *)m->words[2].ptr,
                         wanted);
}
