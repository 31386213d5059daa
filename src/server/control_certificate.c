/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands about the server's own certificates. A new one is prepared first, so that every vCenter can be
 * told to trust it, and then put in force; the keys stay the same.
 */
#include <stdio.h>

#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"
#include "server/control_parts.h"
#include "server/identity.h"
#include "server/identity_names.h"
#include "server/small_file.h"

static const char *const kinds[2] = {"RSA", "ECDSA"};

static struct tls_identity *identity_of(struct server *s, size_t kind)
{
    return kind == 0 ? &s->tls.rsa : &s->tls.ec;
}

/* ---- show ---- */

static void write_facts(const struct tls_certificate *c, int64_t now_s, bool is_new, struct buf *out)
{
    char sha1[SHA1_THUMBPRINT_TEXT + 2], sha256[SHA256_THUMBPRINT_TEXT + 2];
    char from[TIME_TEXT + 1], until[TIME_TEXT + 1];
    struct x509_facts facts;
    struct span der = tls_certificate_der(c, 0);
    if (x509_read(der, &facts) != STATUS_OK)
        return;
    buf_add_text(out, "  Subject  ");
    x509_write_name(facts.subject, out);
    buf_add_text(out, "\n  Names    ");
    x509_write_alternatives(facts.alternatives, out);
    if (!span_equal(facts.subject, facts.issuer)) {
        buf_add_text(out, "\n  Issuer   ");
        x509_write_name(facts.issuer, out);
    }
    time_write(facts.not_before_s, from);
    time_write(facts.not_after_s, until);
    int64_t left = (facts.not_after_s - now_s) / 86400;
    buf_print(out, "\n  Valid    %.10s to %.10s, ", from, until);
    if (facts.not_after_s < now_s)
        buf_add_text(out, "EXPIRED\n");
    else
        buf_print(out, "%lld days left\n", (long long)left);
    if (c->count > 1)
        buf_print(out, "  Chain    %d of authorities sent with it\n", c->count - 1);
    x509_thumbprint_sha1(der, sha1);
    x509_thumbprint_sha256(der, sha256);
    buf_print(out, "%sSHA1 Fingerprint=%s\nsha256 Fingerprint=%s\n", is_new ? "NEW thumbprints\n" : "", sha1,
              sha256);
}

static void write_raw(const struct tls_certificate *c, struct buf *out)
{
    uint8_t digest[SHA256_BYTES];
    char print[2 * SHA256_BYTES + 2];
    sha256(tls_certificate_der(c, 0), digest);
    hex_write(span_of(digest, sizeof digest), 0, false, print, sizeof print);
    buf_print(out, "%s\n", print);
}

void control_show_raw(const struct server *s, struct buf *out)
{
    if (s->tls.rsa.in_use)
        write_raw(tls_current(&s->tls.rsa), out);
    if (s->tls.ec.in_use)
        write_raw(tls_current(&s->tls.ec), out);
}

bool control_show_certificate(const struct server *s, uint32_t i, struct buf *out)
{
    const struct tls_identity *id = i < 2 ? &s->tls.rsa : &s->tls.ec;
    bool prepared = i % 2 == 1;
    if (i >= 4)
        return false;
    if (!id->in_use || (prepared && !id->prepared))
        return true;
    buf_print(out, "%s certificate, %s\n", kinds[i / 2],
              prepared ? "prepared; when every vCenter trusts it: cert activate" : "in force");
    write_facts(&id->certificates[id->current ^ prepared], s->now.unix_s, prepared, out);
    return true;
}

/* ---- preparing one ---- */

/* Another console is at it. */
static bool is_busy(const struct server *s)
{
    for (size_t i = 0; i < CONTROL_SLOTS; i++)
        if (s->controls[i].fd >= 0 && s->controls[i].command == CONTROL_CERTIFICATE)
            return true;
    return false;
}

/* The place for the next certificate, unless a handshake still sends what was in it; that ends in seconds. */
static struct tls_certificate *free_place(struct server *s, struct tls_identity *id)
{
    struct tls_certificate *place = &id->certificates[!id->current];
    for (uint32_t i = 0; i < s->live_count; i++)
        if (tls_uses(&s->conns[s->live[i]].tls, place))
            return NULL;
    return place;
}

static const char *put_file(struct server *s, struct control_conn *c, size_t kind, enum identity_file file,
                            const struct tls_certificate *from)
{
    const char *why;
    char text[DISK_BYTES_MAX];
    struct buf pem = buf_over(text, sizeof text);
    identity_write_certificate(from, &pem);
    if (pem.full)
        return "the certificates together are too large";
    c->certificate.tickets[kind] =
        small_file_replace(s, identity_file(kind == 1, file), buf_span(&pem), &why);
    if (c->certificate.tickets[kind] == 0)
        return why;
    c->command = CONTROL_CERTIFICATE;
    return NULL;
}

static const char *prepare(struct server *s, struct control_conn *c, size_t kind,
                           const struct tls_certificate *new)
{
    struct tls_identity *id = identity_of(s, kind);
    struct tls_certificate *place = free_place(s, id);
    if (place == NULL)
        return "a handshake still uses the certificate before; try again in a few seconds";
    id->prepared = false;
    place->count = 0;
    for (size_t i = 0; i < new->count; i++)
        if (!identity_append(place, tls_certificate_der(new, i)))
            return "the certificates together are too large";
    return put_file(s, c, kind, IDENTITY_NEXT, place);
}

static const char *fail(struct control_conn *c, size_t number, const char *what)
{
    snprintf(c->why, sizeof c->why, "certificate %u %s", (unsigned)number, what);
    return c->why;
}

/* Every certificate has to be signed by the next; what cannot be checked is said. */
static const char *check_chain(struct control_conn *c, const struct tls_certificate *new)
{
    struct x509_facts facts, issuer;
    c->certificate.checked = true;
    for (size_t i = 0; i < new->count; i++) {
        bool last = i + 1 == new->count;
        if (x509_read(tls_certificate_der(new, i), &facts) != STATUS_OK ||
            (!last && x509_read(tls_certificate_der(new, i + 1), &issuer) != STATUS_OK))
            return fail(c, i + 1 + !last, "is not an X.509 certificate");
        if (!last && !issuer.is_authority)
            return fail(c, i + 2, "is not of an authority; the order is: the server's own, then its issuers");
        if (last && !span_equal(facts.issuer, facts.subject))
            return NULL; /* its issuer is at the clients */
        enum status status = x509_check_issuer(&facts, last ? &facts : &issuer);
        if (status == STATUS_REFUSED)
            return fail(c, i + 1,
                        "is not signed by the one behind it; the order is: the server's own, then "
                        "its issuers");
        c->certificate.checked = c->certificate.checked && status == STATUS_OK;
    }
    return NULL;
}

/* Which key it is for; 2: none of this device. */
static size_t find_kind(struct server *s, struct span public_key)
{
    for (size_t kind = 0; kind < 2; kind++) {
        uint8_t bytes[800];
        struct buf mine = buf_over(bytes, sizeof bytes);
        const struct tls_identity *id = identity_of(s, kind);
        if (id->in_use && keypair_write_public(&id->key, &mine) == STATUS_OK &&
            span_equal(buf_span(&mine), public_key))
            return kind;
    }
    return 2;
}

static const char *install(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct tls_certificate new = {.count = 0};
    uint8_t der[CERTIFICATE_MAX];
    struct x509_facts facts;
    size_t len;
    if (count < 3 || count > 2 + TLS_CHAIN)
        return "cert install <certificate in base64> [<its authority's> [<the next one's>]]";
    for (size_t i = 2; i < count; i++)
        if (base64_read(words[i], der, sizeof der, &len) != STATUS_OK ||
            !identity_append(&new, span_of(der, len)))
            return fail(c, i - 1, "is not base64, larger than 3,072 bytes, or all are larger than 5,120");
    if (x509_read(tls_certificate_der(&new, 0), &facts) != STATUS_OK)
        return fail(c, 1, "is not an X.509 certificate");
    size_t kind = find_kind(s, facts.public_key);
    if (kind == 2)
        return fail(c, 1,
                    "is not for a key of this device; have the request of cert csr signed, and give the "
                    "server's own certificate first");
    if (facts.not_after_s < s->now.unix_s)
        return fail(c, 1, "has expired");
    const char *why = check_chain(c, &new);
    return why != NULL ? why : prepare(s, c, kind, &new);
}

static const char *renew(struct server *s, struct control_conn *c, bool wanted[2])
{
    for (size_t kind = 0; kind < 2; kind++) {
        struct tls_certificate new = {.count = 0};
        uint8_t der[CERTIFICATE_MAX];
        struct buf made = buf_over(der, sizeof der);
        if (!wanted[kind])
            continue;
        if (identity_self_sign(s, &identity_of(s, kind)->key, &made) != STATUS_OK ||
            !identity_append(&new, buf_span(&made)))
            return "the certificate cannot be made: its names take more than 1,000 bytes";
        const char *why = prepare(s, c, kind, &new);
        if (why != NULL)
            return why;
    }
    c->certificate.checked = true;
    return NULL;
}

/* ---- putting it in force ---- */

static const char *activate(struct server *s, struct control_conn *c)
{
    bool any = false;
    c->certificate.activate = true;
    for (size_t kind = 0; kind < 2; kind++) {
        struct tls_identity *id = identity_of(s, kind);
        const struct tls_certificate *next = &id->certificates[!id->current];
        struct x509_facts facts;
        if (!id->prepared)
            continue;
        any = true;
        if (x509_read(tls_certificate_der(next, 0), &facts) != STATUS_OK || facts.not_after_s < s->now.unix_s)
            return "the prepared certificate has expired; prepare another one";
        const char *why = put_file(s, c, kind, IDENTITY_CERTIFICATE, next);
        if (why != NULL)
            return why;
    }
    return any ? NULL : "no certificate is prepared: cert renew, or cert csr and cert install";
}

/* ---- the disk has answered ---- */

static void finish(struct server *s, struct control_conn *c, size_t kind, bool good)
{
    struct tls_identity *id = identity_of(s, kind);
    struct buf out = control_answer(c);
    bool activates = c->certificate.activate;
    if (!good) {
        c->result = activates ? "not in force: the file could not be written; see the log"
                              : "not prepared: the file could not be written; see the log";
        return;
    }
    if (activates)
        id->current = !id->current;
    id->prepared = !activates;
    buf_print(&out, "%s certificate, %s\n", kinds[kind], activates ? "in force" : "prepared");
    write_facts(&id->certificates[id->current ^ !activates], s->now.unix_s, !activates, &out);
    if (!activates && !c->certificate.checked)
        buf_add_text(&out, "  Warning  a signature in it is of a kind that is not checked here\n");
    c->out_len = out.len;
    log_write(&s->log, LOG_WARNING, "audit", "console %s a new %s server certificate",
              activates ? "puts in force" : "prepares", kinds[kind]);
}

void control_step_certificate(struct server *s, struct control_conn *c)
{
    bool good[2] = {false, false};
    int error;
    for (size_t kind = 0; kind < 2; kind++) {
        uint64_t ticket = c->certificate.tickets[kind];
        enum ask ask = ticket == 0 ? ASK_READY : disk_ask(&s->disk, ticket, &error);
        if (ask == ASK_WAIT)
            return;
        good[kind] = ask == ASK_READY;
    }
    for (size_t kind = 0; kind < 2; kind++)
        if (c->certificate.tickets[kind] != 0)
            finish(s, c, kind, good[kind]);
    struct buf out = control_answer(c);
    if (c->result == NULL)
        buf_add_text(&out, c->certificate.activate
                               ? "New handshakes get it from now on; open connections go on.\n"
                               : "Let every vCenter trust it BEFORE it is put in force: cert activate\n");
    c->out_len = out.len;
    control_end(c);
}

/* ---- requests ---- */

static const char *write_request(struct server *s, struct control_conn *c, size_t kind,
                                 const struct span *more, size_t count)
{
    struct identity_names names;
    uint8_t der[CERTIFICATE_MAX];
    struct buf request = buf_over(der, sizeof der), out = control_answer(c);
    if (!identity_names_begin(&names, &s->config, c->why, sizeof c->why))
        return c->why;
    for (size_t i = 0; i < count; i++)
        if (!identity_names_add(&names, more[i], c->why, sizeof c->why))
            return c->why;
    if (x509_write_request(&names.wish, &identity_of(s, kind)->key, &request) != STATUS_OK)
        return "the request cannot be made: its names take more than 1,000 bytes";
    pem_write(&out, "CERTIFICATE REQUEST", buf_span(&request));
    c->out_len = out.len;
    return NULL;
}

const char *control_certificate(struct server *s, struct control_conn *c, const struct span *words,
                                size_t count)
{
    struct span verb = count > 1 ? words[1] : span_of(NULL, 0);
    bool rsa = count > 2 && control_word_is(words[2], "rsa"),
         ec = count > 2 && control_word_is(words[2], "ec");
    if (control_word_is(verb, "csr")) {
        size_t taken = rsa || ec ? 3 : 2;
        return write_request(s, c, ec, words + taken, count - taken);
    }
    if (is_busy(s))
        return "another console changes the certificates; try again";
    const char *why =
        "cert csr [rsa|ec] [names], cert install <certificates in base64>, cert renew [rsa|ec], or "
        "cert activate";
    c->certificate = (struct control_certificate){.activate = false};
    if (control_word_is(verb, "install"))
        why = install(s, c, words, count);
    else if (control_word_is(verb, "renew") && count == 2)
        why = renew(s, c, (bool[2]){true, true});
    else if (control_word_is(verb, "renew") && count == 3 && (rsa || ec))
        why = renew(s, c, (bool[2]){rsa, ec});
    else if (control_word_is(verb, "activate") && count == 2)
        why = activate(s, c);
    return why;
}
