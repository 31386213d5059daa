/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose certificate is good. The enrolled ones are matched by the SHA-256 of their exact bytes, before any
 * signature is checked: self-signed, without Extended Key Usage or expired are all normal for vCenter.
 * Certificates of enrolled authorities go through BearSSL's chain validation.
 */
#ifndef HOLDFAST_SERVER_TLS_TRUST_H
#define HOLDFAST_SERVER_TLS_TRUST_H

#include <bearssl_ssl.h>

#include "server/clients.h"

/* Validations of chains at once; each needs 3.2 KiB for the moment of one handshake. */
#define TRUST_CHAINS 6

/* What one handshake needs for a moment: to validate a chain, or to keep the client's certificate until it is
 * known whether it is enrolled. */
struct trust_chain {
    bool in_use;
    union {
        br_x509_minimal_context minimal;
        uint8_t der[CERTIFICATE_MAX];
    };
};

struct trust_shared {
    struct clients *clients;
    bool refuse_expired;
    int64_t now_s;
    struct trust_chain chains[TRUST_CHAINS];
};

/* Of one connection. The class pointer stands first, as BearSSL wants it. */
struct trust {
    const br_x509_class *vtable;
    struct trust_shared *shared;
    br_sha256_context hash;
    struct trust_chain *chain; /* while an authority's certificate is being validated */
    struct trust_chain *kept;  /* the bytes of the first certificate */
    uint16_t kept_len;
    uint32_t certificates;
    bool has_fingerprint;
    uint8_t fingerprint[SHA256_BYTES]; /* of the certificate offered */
    int client;                        /* slot, or -1 */
    uint32_t client_serial;            /* of the slot when it was matched */
    int authority;                     /* index, or -1 */
};

/* The enrolled client, or NULL: none was matched, or it has been removed since. */
struct client *trust_client(const struct trust *trust);

/* The certificate of a client that is not enrolled, as long as the handshake holds it; empty when it is too
 * large or too many come at once. */
struct span trust_unknown(const struct trust *trust);

void trust_init(struct trust *trust, struct trust_shared *shared);
/* Gives back what a handshake that broke off still holds. */
void trust_release(struct trust *trust);

#endif
