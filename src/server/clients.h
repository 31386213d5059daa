/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may speak: enrolled certificates, matched byte for byte; certificate authorities, optionally; KMIP
 * users with a password. Kept in a file of `set` lines beside the configuration, which the server itself
 * rewrites.
 */
#ifndef HOLDFAST_SERVER_CLIENTS_H
#define HOLDFAST_SERVER_CLIENTS_H

#include <bearssl_x509.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "kmip/message.h"
#include "store/scopes.h"

/* In the state folder. */
#define CLIENTS_FILE "clients.conf"

/* A public key and the bytes it points to. */
struct public_key {
    br_x509_pkey key;
    uint8_t bytes[528]; /* RSA 4096: modulus and exponent */
};

struct client {
    bool in_use;
    bool disabled;   /* stays enrolled, and is refused */
    uint32_t serial; /* of this use of the slot: sessions of a client that was removed do not fit */
    uint8_t scope;
    char name[NAME_MAX_BYTES + 1];
    uint8_t sha256[SHA256_BYTES]; /* of the certificate */
    uint16_t der_len;
    int64_t not_after_s;
    struct public_key public_key;
    uint64_t handshakes, requests;
    int64_t last_seen_s;
    uint8_t der[CERTIFICATE_MAX];
};

struct authority {
    bool in_use;
    uint8_t scope;
    char name[NAME_MAX_BYTES + 1];
    br_x509_trust_anchor anchor;
    struct public_key public_key;
    bool dn_too_long;
    uint16_t dn_len, der_len;
    uint8_t dn[512];
    uint8_t der[CERTIFICATE_MAX];
};

/* "pbkdf2-sha256:<iterations>:<salt in hex>:<32 bytes in hex>" */
struct user {
    bool in_use;
    uint8_t scope;
    char name[NAME_MAX_BYTES + 1];
    uint32_t iterations;
    uint8_t salt[16];
    uint8_t hash[SHA256_BYTES];
    bool verified; /* `quick` is the hash of a password that was right: later ones cost no iterations */
    uint8_t quick[SHA256_BYTES];
};

struct clients {
    struct client clients[CLIENTS_MAX];
    struct authority authorities[AUTHORITIES_MAX];
    struct user users[USERS_MAX];
    uint8_t quick_salt[16];
    struct scopes *scopes;
    uint64_t unknown;   /* handshakes with a certificate that is not enrolled */
    uint64_t anonymous; /* without a certificate */
    uint8_t last_unknown[SHA256_BYTES];
    int64_t last_unknown_s;
};

void clients_init(struct clients *clients, struct scopes *scopes);

/*
 * One line "set client NAME certificate BASE64", "set client NAME scope NAME", the same with authority, "set
 * client NAME disabled", "set user NAME password-hash HASH", "set user NAME scope NAME"; words[0] is what
 * follows `set`. False with a text in why.
 */
MUST_USE bool clients_set(struct clients *clients, const struct span *words, size_t count, char *why,
                          size_t why_cap);

/* Enrols a certificate (DER). STATUS_NO_SPACE: the table is full; STATUS_REFUSED: name or certificate is
 * there already; STATUS_MALFORMED. */
MUST_USE enum status clients_add(struct clients *clients, struct span name, struct span der);
/* The same; false with a text in why. */
MUST_USE bool clients_enrol(struct clients *clients, struct span name, struct span der, char *why,
                            size_t why_cap);
/* The enrolled client with this name, or NULL. */
struct client *clients_named(struct clients *clients, struct span name);
/* Whether a client may be called so: 1 to 64 printable characters without blanks and quotes. */
bool clients_name_fits(struct span name);
/* A disabled client's connections and sessions end as those of one that is removed. STATUS_NOT_FOUND. */
MUST_USE enum status clients_disable(struct clients *clients, struct span name, bool disabled);
/* STATUS_NOT_FOUND, STATUS_MALFORMED: not a plain name, STATUS_REFUSED: another client is called so. */
MUST_USE enum status clients_rename(struct clients *clients, struct span name, struct span new_name);
MUST_USE enum status clients_remove(struct clients *clients, struct span name);

/* The slot of the client with this certificate, or -1. */
int clients_find(const struct clients *clients, const uint8_t sha256[SHA256_BYTES]);
size_t clients_count(const struct clients *clients);

/*
 * Checks the Credential of a request (KMIP 1.4 s2.1.2). A right one decides over the TLS identity: *scope
 * becomes the user's. Costs up to `iterations` of PBKDF2 the first time, one digest later.
 */
MUST_USE enum result_reason clients_authenticate(struct clients *clients, const struct credential *credential,
                                                 uint8_t *scope, const char **why);

/* The i-th entry of the table as `set` lines (none for a free place; 8 KiB always fit). False behind the
 * last. */
bool clients_write_entry(const struct clients *clients, size_t i, struct buf *out);

#endif
