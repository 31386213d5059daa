/* SPDX-License-Identifier: Apache-2.0 */
#include "server/clients.h"

#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/random.h"
#include "crypto/x509_read.h"

#define ITERATIONS_LEAST 1000
#define ITERATIONS_MOST  100000 /* about 0.1 s of the one thread, once for each right password */

void clients_init(struct clients *clients, struct scopes *scopes)
{
    clients->scopes = scopes;
    random_bytes(clients->quick_salt, sizeof clients->quick_salt);
}

static bool text_is(struct span a, const char *b)
{
    return span_equal(a, span_of_text(b));
}

bool clients_name_fits(struct span name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == '"')
            return false;
    return true;
}

static void keep_name(char out[NAME_MAX_BYTES + 1], struct span name)
{
    memcpy(out, name.ptr, name.len);
    out[name.len] = 0;
}

struct client *clients_named(struct clients *c, struct span name)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].in_use && text_is(name, c->clients[i].name))
            return &c->clients[i];
    return NULL;
}

/* Copies a key's numbers beside it. */
static bool keep_key(struct public_key *out, const br_x509_pkey *from)
{
    out->key = *from;
    if (from->key_type == BR_KEYTYPE_RSA) {
        const br_rsa_public_key *rsa = &from->key.rsa;
        if (rsa->nlen + rsa->elen > sizeof out->bytes)
            return false;
        memcpy(out->bytes, rsa->n, rsa->nlen);
        memcpy(out->bytes + rsa->nlen, rsa->e, rsa->elen);
        out->key.key.rsa.n = out->bytes;
        out->key.key.rsa.e = out->bytes + rsa->nlen;
        return true;
    }
    const br_ec_public_key *ec = &from->key.ec;
    if (from->key_type != BR_KEYTYPE_EC || ec->qlen > sizeof out->bytes)
        return false;
    memcpy(out->bytes, ec->q, ec->qlen);
    out->key.key.ec.q = out->bytes;
    return true;
}

static void keep_dn(void *context, const void *bytes, size_t len)
{
    struct authority *a = context;
    if (a == NULL || a->dn_too_long)
        return;
    a->dn_too_long = len > sizeof a->dn - a->dn_len;
    if (a->dn_too_long)
        return;
    memcpy(a->dn + a->dn_len, bytes, len);
    a->dn_len = (uint16_t)(a->dn_len + len);
}

/* Decodes a certificate with BearSSL; `authority` (may be NULL) gets its Distinguished Name. */
static bool decode_key(struct span der, struct public_key *out, struct authority *authority)
{
    br_x509_decoder_context decoder;
    br_x509_decoder_init(&decoder, keep_dn, authority);
    br_x509_decoder_push(&decoder, der.ptr, der.len);
    const br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
    return key != NULL && keep_key(out, key);
}

enum status clients_add(struct clients *c, struct span name, struct span der)
{
    struct x509_facts facts;
    struct public_key key;
    uint8_t digest[SHA256_BYTES];
    if (!clients_name_fits(name) || x509_read(der, &facts) != STATUS_OK || !decode_key(der, &key, NULL))
        return STATUS_MALFORMED;
    if (der.len > CERTIFICATE_MAX)
        return STATUS_TOO_LARGE;
    sha256(der, digest);
    if (clients_named(c, name) != NULL || clients_find(c, digest) >= 0)
        return STATUS_REFUSED;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *new = &c->clients[i];
        if (new->in_use)
            continue;
        uint32_t serial = new->serial + 1;
        memset(new, 0, sizeof *new);
        new->in_use = true;
        new->serial = serial;
        new->not_after_s = facts.not_after_s;
        new->der_len = (uint16_t)der.len;
        keep_name(new->name, name);
        memcpy(new->der, der.ptr, der.len);
        memcpy(new->sha256, digest, sizeof digest);
        return keep_key(&new->public_key, &key.key) ? STATUS_OK : STATUS_MALFORMED;
    }
    return STATUS_NO_SPACE;
}

enum status clients_remove(struct clients *c, struct span name)
{
    struct client *client = clients_named(c, name);
    if (client == NULL)
        return STATUS_NOT_FOUND;
    client->in_use = false;
    client->serial++;
    return STATUS_OK;
}

enum status clients_disable(struct clients *c, struct span name, bool disabled)
{
    struct client *client = clients_named(c, name);
    if (client == NULL)
        return STATUS_NOT_FOUND;
    client->serial += client->disabled != disabled;
    client->disabled = disabled;
    return STATUS_OK;
}

enum status clients_rename(struct clients *c, struct span name, struct span new_name)
{
    struct client *client = clients_named(c, name);
    if (client == NULL)
        return STATUS_NOT_FOUND;
    if (!clients_name_fits(new_name))
        return STATUS_MALFORMED;
    if (clients_named(c, new_name) != NULL)
        return STATUS_REFUSED;
    keep_name(client->name, new_name);
    return STATUS_OK;
}

int clients_find(const struct clients *c, const uint8_t sha256[SHA256_BYTES])
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].in_use && memcmp(c->clients[i].sha256, sha256, SHA256_BYTES) == 0)
            return i;
    return -1;
}

size_t clients_count(const struct clients *c)
{
    size_t count = 0;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        count += c->clients[i].in_use;
    return count;
}

/* ---- lines of the clients file ---- */

static bool fail(char *why, size_t cap, const char *text)
{
    snprintf(why, cap, "%s", text);
    return false;
}

static bool set_scope(struct clients *c, uint8_t *scope, struct span value, char *why, size_t cap)
{
    uint8_t number = clients_name_fits(value) ? scopes_number(c->scopes, value) : SCOPE_NOBODY;
    if (number == SCOPE_NOBODY)
        return fail(why, cap, "a scope is a name of 1 to 64 printable characters, and there are at most 16");
    *scope = number;
    return true;
}

static bool read_der(struct span base64, uint8_t der[CERTIFICATE_MAX], size_t *len, char *why, size_t cap)
{
    if (base64_read(base64, der, CERTIFICATE_MAX, len) == STATUS_OK)
        return true;
    return fail(why, cap, "the certificate is not base64 of at most 3,072 bytes");
}

static bool set_client(struct clients *c, const struct span *words, char *why, size_t cap)
{
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    if (text_is(words[2], "scope")) {
        struct client *client = clients_named(c, words[1]);
        return client == NULL ? fail(why, cap, "the certificate of a client comes before its scope")
                              : set_scope(c, &client->scope, words[3], why, cap);
    }
    if (!text_is(words[2], "certificate"))
        return fail(why, cap, "a client has: certificate, scope, disabled");
    return read_der(words[3], der, &len, why, cap) && clients_enrol(c, words[1], span_of(der, len), why, cap);
}

bool clients_enrol(struct clients *c, struct span name, struct span der, char *why, size_t cap)
{
    switch (clients_add(c, name, der)) {
    case STATUS_OK:
        return true;
    case STATUS_REFUSED:
        return fail(why, cap, "this name or this certificate is enrolled already");
    case STATUS_NO_SPACE:
        return fail(why, cap, "64 clients are enrolled already; remove one");
    case STATUS_END:
    case STATUS_MALFORMED:
    case STATUS_TOO_LARGE:
    case STATUS_NOT_FOUND:
    case STATUS_FAILED:
        break;
    }
    return fail(why, cap, "not an X.509 certificate with an RSA or elliptic curve key, or not a plain name");
}

static struct authority *find_authority(struct clients *c, struct span name, bool make)
{
    struct authority *free = NULL;
    for (size_t i = 0; i < AUTHORITIES_MAX; i++) {
        struct authority *a = &c->authorities[i];
        if (a->in_use && text_is(name, a->name))
            return make ? NULL : a;
        if (!a->in_use && free == NULL)
            free = a;
    }
    return make ? free : NULL;
}

static bool set_authority(struct clients *c, const struct span *words, char *why, size_t cap)
{
    size_t len;
    bool scope = text_is(words[2], "scope");
    if (!scope && !text_is(words[2], "certificate"))
        return fail(why, cap, "an authority has: certificate, scope");
    struct authority *a = find_authority(c, words[1], !scope);
    if (a == NULL || !clients_name_fits(words[1]))
        return fail(why, cap,
                    scope ? "the certificate of an authority comes before its scope"
                          : "this authority is known already, or there are 4 already");
    if (scope)
        return set_scope(c, &a->scope, words[3], why, cap);
    a->dn_len = 0;
    a->dn_too_long = false;
    if (!read_der(words[3], a->der, &len, why, cap))
        return false;
    if (!decode_key(span_of(a->der, len), &a->public_key, a))
        return fail(why, cap, "not an X.509 certificate with an RSA or elliptic curve key");
    if (a->dn_too_long)
        return fail(why, cap, "the name in the authority's certificate is longer than 512 bytes");
    a->der_len = (uint16_t)len;
    a->anchor = (br_x509_trust_anchor){
        .dn = {.data = a->dn, .len = a->dn_len}, .flags = BR_X509_TA_CA, .pkey = a->public_key.key};
    keep_name(a->name, words[1]);
    a->in_use = true;
    return true;
}

static struct user *find_user(struct clients *c, struct span name, bool make)
{
    struct user *free = NULL;
    for (size_t i = 0; i < USERS_MAX; i++) {
        if (c->users[i].in_use && text_is(name, c->users[i].name))
            return &c->users[i];
        if (!c->users[i].in_use && free == NULL)
            free = &c->users[i];
    }
    return make ? free : NULL;
}

/* The part of *text before the next colon, which is taken off with it. */
static struct span take_part(struct span *text)
{
    const uint8_t *colon = memchr(text->ptr, ':', text->len);
    size_t len = colon == NULL ? text->len : (size_t)(colon - text->ptr);
    struct span part = span_of(text->ptr, len);
    size_t taken = len + (colon != NULL);
    *text = span_of(text->ptr + taken, text->len - taken);
    return part;
}

static bool set_user(struct clients *c, const struct span *words, char *why, size_t cap)
{
    struct user *u = clients_name_fits(words[1]) ? find_user(c, words[1], true) : NULL;
    if (u == NULL)
        return fail(why, cap, "a user is a name of 1 to 64 printable characters, and there are at most 16");
    if (text_is(words[2], "scope"))
        return u->in_use ? set_scope(c, &u->scope, words[3], why, cap)
                         : fail(why, cap, "the password-hash of a user comes before its scope");
    uint64_t iterations = 0;
    uint8_t salt_bytes[sizeof u->salt], hash_bytes[sizeof u->hash];
    struct span hash = words[3];
    if (!text_is(words[2], "password-hash") || !text_is(take_part(&hash), "pbkdf2-sha256") ||
        number_read(take_part(&hash), ITERATIONS_MOST, &iterations) != STATUS_OK ||
        iterations < ITERATIONS_LEAST ||
        hex_read(take_part(&hash), salt_bytes, sizeof salt_bytes) != STATUS_OK ||
        hex_read(hash, hash_bytes, sizeof hash_bytes) != STATUS_OK)
        return fail(
            why, cap,
            "a user has: password-hash pbkdf2-sha256:<1000 to 100000>:<16 bytes hex>:<32 bytes hex>, scope");
    memcpy(u->salt, salt_bytes, sizeof salt_bytes);
    memcpy(u->hash, hash_bytes, sizeof hash_bytes);
    u->iterations = (uint32_t)iterations;
    u->in_use = true;
    u->verified = false;
    keep_name(u->name, words[1]);
    return true;
}

bool clients_set(struct clients *c, const struct span *words, size_t count, char *why, size_t cap)
{
    bool is_client = count > 0 && text_is(words[0], "client");
    if (is_client && count == 3 && text_is(words[2], "disabled"))
        return clients_disable(c, words[1], true) == STATUS_OK ||
               fail(why, cap, "the certificate of a client comes before it is disabled");
    if (count != 4)
        return fail(why, cap, "client, authority and user lines have four words behind set");
    if (is_client)
        return set_client(c, words, why, cap);
    if (text_is(words[0], "authority"))
        return set_authority(c, words, why, cap);
    return set_user(c, words, why, cap);
}

/* ---- credentials ---- */

static void quick_hash(const struct clients *c, struct span password, uint8_t out[SHA256_BYTES])
{
    uint8_t bytes[16 + 256];
    size_t len = password.len < 256 ? password.len : 256;
    memcpy(bytes, c->quick_salt, 16);
    if (len != 0)
        memcpy(bytes + 16, password.ptr, len);
    sha256(span_of(bytes, 16 + len), out);
    wipe(bytes, sizeof bytes);
}

enum result_reason clients_authenticate(struct clients *c, const struct credential *credential,
                                        uint8_t *scope, const char **why)
{
    uint8_t hash[SHA256_BYTES];
    if (!credential->present)
        return REASON_NONE;
    if (credential->type != CREDENTIAL_USERNAME_AND_PASSWORD)
        return refuse(why, REASON_AUTHENTICATION_NOT_SUCCESSFUL,
                      "the only Credential Type here is Username and Password");
    struct user *u = find_user(c, credential->username, false);
    if (u == NULL || credential->password.len > 256)
        return refuse(
            why, REASON_AUTHENTICATION_NOT_SUCCESSFUL,
            "wrong user name or password; KMIP users are set up on the server, or leave the user name empty");
    quick_hash(c, credential->password, hash);
    bool right = u->verified && bytes_equal_secret(hash, u->quick, sizeof hash);
    if (!right) {
        uint8_t slow[SHA256_BYTES];
        pbkdf2_sha256(credential->password, span_of(u->salt, sizeof u->salt), u->iterations, slow);
        right = bytes_equal_secret(slow, u->hash, sizeof slow);
        wipe(slow, sizeof slow);
        if (right) {
            memcpy(u->quick, hash, sizeof hash);
            u->verified = true;
        }
    }
    wipe(hash, sizeof hash);
    if (!right)
        return refuse(
            why, REASON_AUTHENTICATION_NOT_SUCCESSFUL,
            "wrong user name or password; KMIP users are set up on the server, or leave the user name empty");
    *scope = u->scope;
    return REASON_NONE;
}

/* ---- writing ---- */

static void write_scope(const struct clients *c, struct buf *out, const char *kind, const char *name,
                        uint8_t scope)
{
    struct span text = scopes_name(c->scopes, scope);
    if (text.len != 0)
        buf_print(out, "set %s %s scope %.*s\n", kind, name, (int)text.len, (const char *)text.ptr);
}

static void write_certificate(struct buf *out, const char *kind, const char *name, struct span der)
{
    buf_print(out, "set %s %s certificate ", kind, name);
    base64_write(der, out);
    buf_add(out, "\n", 1);
}

static void write_user(const struct clients *c, const struct user *u, struct buf *out)
{
    char salt[2 * sizeof u->salt + 2], hash[2 * sizeof u->hash + 2];
    hex_write(span_of(u->salt, sizeof u->salt), 0, false, salt, sizeof salt);
    hex_write(span_of(u->hash, sizeof u->hash), 0, false, hash, sizeof hash);
    buf_print(out, "set user %s password-hash pbkdf2-sha256:%u:%s:%s\n", u->name, u->iterations, salt, hash);
    write_scope(c, out, "user", u->name, u->scope);
}

bool clients_write_entry(const struct clients *c, size_t i, struct buf *out)
{
    if (i == 0)
        buf_add_text(out, "# Clients, authorities and users. The server rewrites this file when one is added "
                          "or removed.\n");
    if (i < CLIENTS_MAX) {
        const struct client *k = &c->clients[i];
        if (k->in_use) {
            write_certificate(out, "client", k->name, span_of(k->der, k->der_len));
            write_scope(c, out, "client", k->name, k->scope);
            if (k->disabled)
                buf_print(out, "set client %s disabled\n", k->name);
        }
        return true;
    }
    i -= CLIENTS_MAX;
    if (i < AUTHORITIES_MAX) {
        const struct authority *a = &c->authorities[i];
        if (a->in_use) {
            write_certificate(out, "authority", a->name, span_of(a->der, a->der_len));
            write_scope(c, out, "authority", a->name, a->scope);
        }
        return true;
    }
    i -= AUTHORITIES_MAX;
    if (i >= USERS_MAX)
        return false;
    if (c->users[i].in_use)
        write_user(c, &c->users[i], out);
    return true;
}
