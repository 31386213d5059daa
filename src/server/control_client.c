/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about clients: who is enrolled, and how they come to be. */
#include <stdio.h>

#include "crypto/pem.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"
#include "server/client_authority.h"
#include "server/clients_file.h"
#include "server/control_parts.h"

static const char no_such_client[] = "no client has this name; see: show clients";

/* The table has changed: OK is said when it is on disk. */
static const char *write_clients(struct server *s, struct control_conn *c)
{
    clients_file_changed(s);
    c->command = CONTROL_WRITE_CLIENTS;
    return NULL;
}

static const char *set(struct server *s, struct control_conn *c, const struct span *words, const char *what)
{
    struct span line[4] = {span_of_text("client"), words[2], span_of_text(what), words[3]};
    return clients_set(s->clients, line, 4, c->why, sizeof c->why) ? write_clients(s, c) : c->why;
}

static const char *rename_client(struct server *s, struct control_conn *c, struct span name, struct span new)
{
    switch (clients_rename(s->clients, name, new)) {
    case STATUS_OK:
        return write_clients(s, c);
    case STATUS_NOT_FOUND:
        return no_such_client;
    case STATUS_REFUSED:
        return "another client is called so already";
    case STATUS_END:
    case STATUS_MALFORMED:
    case STATUS_TOO_LARGE:
    case STATUS_NO_SPACE:
    case STATUS_FAILED:
        break;
    }
    return "a name has 1 to 64 printable characters without blanks and quotes";
}

/* ---- show ---- */

static void write_time(int64_t unix_s, struct buf *out)
{
    char text[TIME_TEXT + 1];
    time_write(unix_s, text);
    buf_add_text(out, unix_s == 0 ? "never" : text);
}

static void write_certificate(const struct server *s, struct span der, struct buf *out)
{
    char sha1[SHA1_THUMBPRINT_TEXT + 2], sha256[SHA256_THUMBPRINT_TEXT + 2];
    struct x509_facts facts;
    struct x509_key key;
    if (x509_read(der, &facts) != STATUS_OK)
        return;
    buf_add_text(out, "Subject      ");
    x509_write_name(facts.subject, out);
    if (!span_equal(facts.subject, facts.issuer)) {
        buf_add_text(out, "\nIssuer       ");
        x509_write_name(facts.issuer, out);
    }
    buf_add_text(out, "\nKey          ");
    if (x509_key_read(facts.public_key, &key) != STATUS_OK)
        key.kind = KEYPAIR_NONE;
    x509_key_write(&key, out);
    buf_add_text(out, "\nValid        ");
    write_time(facts.not_before_s, out);
    buf_add_text(out, " to ");
    write_time(facts.not_after_s, out);
    buf_add_text(out, facts.not_after_s < s->now.unix_s ? ", EXPIRED\n" : "\n");
    x509_thumbprint_sha1(der, sha1);
    x509_thumbprint_sha256(der, sha256);
    buf_print(out, "SHA1 Fingerprint=%s\nsha256 Fingerprint=%s\n", sha1, sha256);
}

static const char *show(const struct server *s, struct control_conn *c, struct span name)
{
    const struct client *k = clients_named(s->clients, name);
    struct buf out = control_answer(c);
    if (k == NULL)
        return no_such_client;
    struct span scope = scopes_name(s->clients->scopes, k->scope);
    buf_print(&out, "Name         %s\nState        %s\n", k->name,
              k->disabled ? "DISABLED: it is refused" : "enrolled");
    buf_print(&out, "Scope        %.*s\n", scope.len != 0 ? (int)scope.len : 7,
              scope.len != 0 ? (const char *)scope.ptr : "default");
    buf_print(&out, "Since start  %llu handshakes, %llu requests\nLast seen    ",
              (unsigned long long)k->handshakes, (unsigned long long)k->requests);
    write_time(k->last_seen_s, &out);
    buf_add_text(&out, "\n");
    write_certificate(s, span_of(k->der, k->der_len), &out);
    c->out_len = out.len;
    return NULL;
}

/* ---- accept ---- */

static const char *accept_refused(struct server *s, struct control_conn *c, const struct span *words,
                                  size_t count)
{
    const char *why;
    char name[NAME_MAX_BYTES + 1];
    struct buf out = control_answer(c);
    const struct refused_certificate *r = refused_find(&s->refused, words[2], &why);
    if (r == NULL)
        return why;
    refused_name(r, true, name);
    if (clients_named(s->clients, span_of_text(name)) != NULL)
        refused_name(r, false, name);
    struct span chosen = count == 4 ? words[3] : span_of_text(name);
    struct span der = span_of(r->der, r->der_len);
    if (!clients_enrol(s->clients, chosen, der, c->why, sizeof c->why))
        return c->why;
    buf_print(&out, "Name         %.*s\n", (int)chosen.len, (const char *)chosen.ptr);
    write_certificate(s, der, &out);
    c->out_len = out.len;
    refused_forget(&s->refused, r);
    return write_clients(s, c);
}

/* ---- sign ---- */

static const char *check_request(const struct server *s, struct span name, struct span der,
                                 struct pkcs10 *request)
{
    if (!clients_name_fits(name))
        return "a name has 1 to 64 printable characters without blanks and quotes";
    if (clients_named(s->clients, name) != NULL)
        return "another client is called so already";
    if (pkcs10_read(der, request) != STATUS_OK)
        return "not a certificate signing request (PKCS#10)";
    switch (pkcs10_verify(request)) {
    case STATUS_OK:
        return NULL;
    case STATUS_NOT_FOUND:
        return "the request needs a key of RSA 2048 to 4096, P-256 or P-384, and a signature with SHA-256 "
               "to SHA-512";
    case STATUS_END:
    case STATUS_MALFORMED:
    case STATUS_TOO_LARGE:
    case STATUS_NO_SPACE:
    case STATUS_REFUSED:
    case STATUS_FAILED:
        break;
    }
    return "the request is not signed with its own key, or that is RSA below 2048; make a new one";
}

static const char *sign(struct server *s, struct control_conn *c, struct span name, struct span base64)
{
    uint8_t der[CERTIFICATE_MAX], made[CERTIFICATE_MAX];
    size_t len;
    struct pkcs10 request;
    char plain[NAME_MAX_BYTES + 1];
    struct buf cert = buf_over(made, sizeof made), out = control_answer(c);
    if (base64_read(base64, der, sizeof der, &len) != STATUS_OK)
        return "the request is not base64 of at most 3,072 bytes";
    const char *why = check_request(s, name, span_of(der, len), &request);
    if (why != NULL || !client_authority_begin(s, &c->ticket, &why))
        return why;
    snprintf(plain, sizeof plain, "%.*s", (int)name.len, (const char *)name.ptr);
    if (client_authority_sign(s, &request, plain, &cert) != STATUS_OK)
        return "the certificate would be larger than 3,072 bytes; ask for one with a shorter subject";
    if (!clients_enrol(s->clients, name, buf_span(&cert), c->why, sizeof c->why))
        return c->why;
    pem_write(&out, "CERTIFICATE", buf_span(&cert));
    c->out_len = out.len;
    log_write(&s->log, LOG_INFO, "clients", "a certificate was signed and enrolled as %s", plain);
    return write_clients(s, c);
}

/* ---- all ---- */

static const char *disable(struct server *s, struct control_conn *c, struct span name, bool disabled)
{
    return clients_disable(s->clients, name, disabled) == STATUS_OK ? write_clients(s, c) : no_such_client;
}

const char *control_client(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct span verb = count > 2 ? words[1] : span_of(NULL, 0);
    if (count == 3 && control_word_is(verb, "remove"))
        return clients_remove(s->clients, words[2]) == STATUS_OK ? write_clients(s, c) : no_such_client;
    if (count == 3 && control_word_is(verb, "show"))
        return show(s, c, words[2]);
    if (count == 3 && control_word_is(verb, "disable"))
        return disable(s, c, words[2], true);
    if (count == 3 && control_word_is(verb, "enable"))
        return disable(s, c, words[2], false);
    if ((count == 3 || count == 4) && control_word_is(verb, "accept"))
        return accept_refused(s, c, words, count);
    if (count == 4 && control_word_is(verb, "add"))
        return set(s, c, words, "certificate");
    if (count == 4 && control_word_is(verb, "scope"))
        return set(s, c, words, "scope");
    if (count == 4 && control_word_is(verb, "sign"))
        return sign(s, c, words[2], words[3]);
    if (count == 4 && control_word_is(verb, "rename"))
        return rename_client(s, c, words[2], words[3]);
    return "client add <name> <certificate in base64>, accept <fingerprint> [name], sign <name> <request in "
           "base64>, show, disable, enable, remove <name>, rename <name> <new>, scope <name> <scope>";
}
