/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity.h"

#include <errno.h>
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "server/identity_names.h"

/* Clients pin the certificate, so a new one means work at every vCenter: it lives long. */
#define VALID_DAYS 3650
#define FILE_BYTES 8192

const char *identity_file(bool ec, enum identity_file file)
{
    static const char *const names[2][3] = {{"server-rsa.key", "server-rsa.pem", "server-rsa.next.pem"},
                                            {"server-ec.key", "server-ec.pem", "server-ec.next.pem"}};
    return names[ec][file];
}

/* ---- files ---- */

static int64_t read_file(const struct disk_ops *ops, const char *name, uint8_t *out, size_t cap)
{
    int file = ops->open(ops->self, name, false);
    if (file < 0)
        return file;
    int64_t n = ops->read_at(ops->self, file, out, cap, 0);
    ops->close(ops->self, file);
    return n;
}

/* Under a temporary name first, so that a power cut leaves the whole file or none. */
static int64_t write_file(const struct disk_ops *ops, const char *name, struct span bytes)
{
    static const char temporary[] = "server.tmp";
    int file = ops->open(ops->self, temporary, true);
    if (file < 0)
        return file;
    int64_t n = ops->truncate(ops->self, file, 0);
    if (n >= 0)
        n = ops->write_at(ops->self, file, bytes.ptr, bytes.len, 0);
    if (n >= 0)
        n = ops->flush(ops->self, file);
    ops->close(ops->self, file);
    if (n >= 0)
        n = ops->rename(ops->self, temporary, name);
    return n >= 0 ? ops->flush_folder(ops->self) : n;
}

enum status identity_write_key(const struct keypair *key, struct buf *out)
{
    uint8_t der[2600];
    struct buf plain = buf_over(der, sizeof der);
    enum status status = keypair_write_der(key, &plain);
    if (status == STATUS_OK)
        pem_write(out, "PRIVATE KEY", buf_span(&plain));
    wipe(der, sizeof der);
    return status == STATUS_OK && out->full ? STATUS_NO_SPACE : status;
}

static int64_t write_key(struct server *s, const char *name, const struct keypair *key)
{
    char text[FILE_BYTES];
    uint8_t sealed[FILE_BYTES];
    struct buf pem = buf_over(text, sizeof text), content = buf_over(sealed, sizeof sealed);
    enum status status = identity_write_key(key, &pem);
    vault_write(&s->vault, name, buf_span(&pem), &content);
    int64_t n = status == STATUS_OK && !content.full ? write_file(&s->ops, name, buf_span(&content)) : -EIO;
    wipe(text, sizeof text);
    wipe(sealed, sizeof sealed);
    return n;
}

void identity_write_certificate(const struct tls_certificate *c, struct buf *out)
{
    for (size_t i = 0; i < c->count; i++)
        pem_write(out, "CERTIFICATE", tls_certificate_der(c, i));
}

bool identity_append(struct tls_certificate *c, struct span der)
{
    size_t used = 0;
    for (size_t i = 0; i < c->count; i++)
        used += c->chain[i].data_len;
    if (c->count == TLS_CHAIN || der.len == 0 || der.len > CERTIFICATE_MAX || der.len > sizeof c->der - used)
        return false;
    memcpy(c->der + used, der.ptr, der.len);
    c->chain[c->count++] = (br_x509_certificate){.data = c->der + used, .data_len = der.len};
    return true;
}

/* ---- made at the first start ---- */

enum status identity_self_sign(const struct server *s, const struct keypair *key, struct buf *out)
{
    struct identity_names names;
    char why[200];
    if (!identity_names_begin(&names, &s->config, why, sizeof why))
        return STATUS_FAILED;
    names.wish.not_before_s = s->now.unix_s - 86400;
    names.wish.not_after_s = s->now.unix_s + (int64_t)VALID_DAYS * 86400;
    return x509_write_certificate(&names.wish, key, out);
}

static enum status make(struct server *s, struct tls_identity *id, bool ec)
{
    uint8_t der[CERTIFICATE_MAX];
    char text[FILE_BYTES];
    struct buf cert = buf_over(der, sizeof der), pem = buf_over(text, sizeof text);
    if ((ec ? keypair_make_p256(&id->key) : keypair_make_rsa2048(&id->key)) != STATUS_OK ||
        identity_self_sign(s, &id->key, &cert) != STATUS_OK)
        return STATUS_FAILED;
    id->current = 0;
    id->certificates[0].count = 0;
    if (!identity_append(&id->certificates[0], buf_span(&cert)))
        return STATUS_FAILED;
    /* The key comes last: where it is missing, both are made anew. */
    identity_write_certificate(&id->certificates[0], &pem);
    int64_t n = write_file(&s->ops, identity_file(ec, IDENTITY_CERTIFICATE), buf_span(&pem));
    if (n >= 0)
        n = write_key(s, identity_file(ec, IDENTITY_KEY), &id->key);
    return n >= 0 ? STATUS_OK : STATUS_FAILED;
}

/* ---- read at later starts ---- */

static void explain(const struct server *s, char *why, size_t cap, const char *name, enum status status)
{
    const char *what = "is not a private key of RSA 2048 to 4096 or P-256, P-384";
    if (status == STATUS_REFUSED)
        what = s->vault.sealed ? "is sealed under another state key" : "is sealed, and there is no state key";
    else if (status == STATUS_END)
        what = "is not sealed, though there is a state key: it was put there by somebody else";
    snprintf(why, cap, "%s %s", name, what);
}

/* STATUS_NOT_FOUND: there is none. Otherwise STATUS_FAILED with a text in why. */
static enum status read_key(const struct server *s, const char *name, struct keypair *out, char *why,
                            size_t cap)
{
    uint8_t file[FILE_BYTES], text[FILE_BYTES], der[FILE_BYTES];
    size_t len = 0;
    struct span label;
    int64_t n = read_file(&s->ops, name, file, sizeof file);
    if (n == -ENOENT)
        return STATUS_NOT_FOUND;
    enum status status = n < 0 ? STATUS_FAILED : STATUS_OK;
    if (status == STATUS_OK)
        status = vault_read(&s->vault, name, span_of(file, (size_t)n), text, sizeof text, &len);
    if (status == STATUS_MALFORMED && s->vault.sealed)
        status = STATUS_END; /* told apart from what is sealed and is no key */
    struct span rest = span_of(text, len);
    if (status == STATUS_OK && (pem_next(&rest, &label, der, sizeof der, &len) != STATUS_OK ||
                                keypair_read_der(span_of(der, len), out) != STATUS_OK))
        status = STATUS_FAILED;
    wipe(file, sizeof file);
    wipe(text, sizeof text);
    wipe(der, sizeof der);
    if (status == STATUS_OK)
        return status;
    explain(s, why, cap, name, status);
    return STATUS_FAILED;
}

/* The certificate has to be that of the key; what stands behind it in the file is sent with it. */
static enum status read_certificate(const struct disk_ops *ops, const char *name, const struct keypair *key,
                                    struct tls_certificate *out)
{
    uint8_t text[FILE_BYTES], der[CERTIFICATE_MAX], public[800];
    int64_t n = read_file(ops, name, text, sizeof text);
    struct span rest = span_of(text, n > 0 ? (size_t)n : 0), label;
    struct x509_facts facts;
    struct buf mine = buf_over(public, sizeof public);
    size_t len = 0;
    out->count = 0;
    while (n >= 0 && out->count < TLS_CHAIN && pem_next(&rest, &label, der, sizeof der, &len) == STATUS_OK)
        if (!identity_append(out, span_of(der, len)))
            break;
    if (out->count == 0 || x509_read(tls_certificate_der(out, 0), &facts) != STATUS_OK ||
        keypair_write_public(key, &mine) != STATUS_OK || !span_equal(buf_span(&mine), facts.public_key)) {
        out->count = 0;
        return n == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED;
    }
    return STATUS_OK;
}

/* One that was prepared before the server ended. After it was put in force its file is still there. */
static void read_prepared(struct server *s, struct tls_identity *id, bool ec)
{
    const char *name = identity_file(ec, IDENTITY_NEXT);
    struct tls_certificate *next = &id->certificates[1];
    enum status status = read_certificate(&s->ops, name, &id->key, next);
    id->prepared = status == STATUS_OK &&
                   !span_equal(tls_certificate_der(next, 0), tls_certificate_der(&id->certificates[0], 0));
    if (status == STATUS_FAILED)
        log_write(&s->log, LOG_WARNING, "tls", "%s is not a certificate of %s and is left alone", name,
                  identity_file(ec, IDENTITY_KEY));
}

static enum status load_one(struct server *s, struct tls_identity *id, bool ec, char *why, size_t cap)
{
    const char *key_name = identity_file(ec, IDENTITY_KEY);
    const char *cert_name = identity_file(ec, IDENTITY_CERTIFICATE);
    id->current = 0;
    id->prepared = false;
    enum status status = read_key(s, key_name, &id->key, why, cap);
    if (status == STATUS_NOT_FOUND) {
        status = make(s, id, ec);
        if (status != STATUS_OK)
            snprintf(why, cap, "%s and %s cannot be made in the state folder", key_name, cert_name);
        else
            log_write(&s->log, LOG_INFO, "tls", "made %s and %s", key_name, cert_name);
    } else if (status == STATUS_OK) {
        status = read_certificate(&s->ops, cert_name, &id->key, &id->certificates[0]);
        if (status != STATUS_OK)
            snprintf(why, cap, "%s is not the certificate of %s", cert_name, key_name);
        else
            read_prepared(s, id, ec);
    }
    id->in_use = status == STATUS_OK;
    return status == STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

enum status identity_load(struct server *s, char *why, size_t cap)
{
    struct identity_names names;
    if (!identity_names_begin(&names, &s->config, why, cap))
        return STATUS_FAILED;
    if (load_one(s, &s->tls.rsa, false, why, cap) != STATUS_OK ||
        load_one(s, &s->tls.ec, true, why, cap) != STATUS_OK)
        return STATUS_FAILED;
    enum status status = read_key(s, CLIENT_AUTHORITY_KEY, &s->client_authority, why, cap);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
