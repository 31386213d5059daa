/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "crypto/x509_write.h"

/* Clients pin the certificate, so a new one means work at every vCenter: it lives long. */
#define VALID_DAYS 3650
#define FILE_BYTES 8192

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

/* Addresses by which clients may know the server: the one it listens on, and this machine's own. */
static size_t addresses(const struct server *s, uint8_t room[2][16], struct span out[3])
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    char host[PATH_MAX_BYTES];
    size_t count = 0;
    snprintf(host, sizeof host, "%s", s->config.listen);
    char *colon = strrchr(host, ':');
    if (colon != NULL)
        *colon = 0;
    if (inet_pton(AF_INET, host, room[0]) == 1 && memcmp(room[0], "\0\0\0\0", 4) != 0)
        out[count++] = span_of(room[0], 4);
    if (count == 0 || memcmp(room[0], loopback, 4) != 0)
        out[count++] = span_of(loopback, 4);
    return count;
}

static enum status make(struct server *s, struct tls_identity *id, bool ec, const char *key_name,
                        const char *cert_name)
{
    uint8_t room[2][16], der[2600];
    struct span list[3];
    const char *names[] = {s->config.server_name, "localhost", NULL};
    struct x509_wish wish = {.common_name = s->config.server_name,
                             .dns_names = names,
                             .addresses = list,
                             .not_before_s = s->now.unix_s - 86400,
                             .not_after_s = s->now.unix_s + (int64_t)VALID_DAYS * 86400};
    wish.address_count = addresses(s, room, list);
    if ((ec ? keypair_make_p256(&id->key) : keypair_make_rsa2048(&id->key)) != STATUS_OK)
        return STATUS_FAILED;
    struct buf cert = buf_over(id->der, sizeof id->der), key = buf_over(der, sizeof der);
    char text[FILE_BYTES];
    struct buf pem = buf_over(text, sizeof text);
    if (x509_write_self_signed(&wish, &id->key, &cert) != STATUS_OK ||
        keypair_write_der(&id->key, &key) != STATUS_OK)
        return STATUS_FAILED;
    /* The key comes last: where it is missing, both are made anew. */
    pem_write(&pem, "CERTIFICATE", buf_span(&cert));
    int64_t n = write_file(&s->ops, cert_name, buf_span(&pem));
    pem = buf_over(text, sizeof text);
    pem_write(&pem, "PRIVATE KEY", buf_span(&key));
    if (n >= 0)
        n = write_file(&s->ops, key_name, buf_span(&pem));
    wipe(der, sizeof der);
    wipe(text, sizeof text);
    id->chain[0] = (br_x509_certificate){.data = id->der, .data_len = cert.len};
    return n >= 0 ? STATUS_OK : STATUS_FAILED;
}

static enum status read_key(const struct disk_ops *ops, const char *name, struct keypair *out)
{
    uint8_t text[FILE_BYTES], der[FILE_BYTES];
    int64_t n = read_file(ops, name, text, sizeof text);
    struct span rest = span_of(text, n > 0 ? (size_t)n : 0), label;
    size_t len = 0;
    if (n < 0)
        return n == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED;
    enum status status = pem_next(&rest, &label, der, sizeof der, &len);
    if (status == STATUS_OK)
        status = keypair_read_der(span_of(der, len), out);
    wipe(text, sizeof text);
    wipe(der, sizeof der);
    return status;
}

/* The certificate has to be that of the key. */
static enum status read_certificate(const struct disk_ops *ops, const char *name, struct tls_identity *id)
{
    uint8_t text[FILE_BYTES], public[800];
    int64_t n = read_file(ops, name, text, sizeof text);
    struct span rest = span_of(text, n > 0 ? (size_t)n : 0), label;
    struct x509_facts facts;
    struct buf mine = buf_over(public, sizeof public);
    size_t len = 0;
    if (n < 0 || pem_next(&rest, &label, id->der, sizeof id->der, &len) != STATUS_OK ||
        x509_read(span_of(id->der, len), &facts) != STATUS_OK ||
        keypair_write_public(&id->key, &mine) != STATUS_OK || !span_equal(buf_span(&mine), facts.public_key))
        return STATUS_FAILED;
    id->chain[0] = (br_x509_certificate){.data = id->der, .data_len = len};
    return STATUS_OK;
}

static enum status load_one(struct server *s, struct tls_identity *id, bool ec, char *why, size_t cap)
{
    const char *key_name = ec ? "server-ec.key" : "server-rsa.key";
    const char *cert_name = ec ? "server-ec.pem" : "server-rsa.pem";
    enum status status = read_key(&s->ops, key_name, &id->key);
    if (status == STATUS_NOT_FOUND) {
        status = make(s, id, ec, key_name, cert_name);
        if (status != STATUS_OK)
            snprintf(why, cap, "%s and %s cannot be made in the state folder", key_name, cert_name);
        else
            log_write(&s->log, LOG_INFO, "tls", "made %s and %s", key_name, cert_name);
    } else if (status != STATUS_OK) {
        snprintf(why, cap, "%s is not a private key of RSA 2048 to 4096 or P-256, P-384", key_name);
    } else {
        status = read_certificate(&s->ops, cert_name, id);
        if (status != STATUS_OK)
            snprintf(why, cap, "%s is not the certificate of %s", cert_name, key_name);
    }
    id->in_use = status == STATUS_OK;
    return status == STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

enum status identity_load(struct server *s, char *why, size_t cap)
{
    enum status status = load_one(s, &s->tls.rsa, false, why, cap);
    return status == STATUS_OK ? load_one(s, &s->tls.ec, true, why, cap) : status;
}
