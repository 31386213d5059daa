/* SPDX-License-Identifier: Apache-2.0 */
/* What a person wants to know of a certificate (RFC 5280 s4.1); trust is decided elsewhere, by exact bytes or
 * by BearSSL. */
#ifndef HOLDFAST_CRYPTO_X509_READ_H
#define HOLDFAST_CRYPTO_X509_READ_H

#include "base/span.h"
#include "base/status.h"
#include "crypto/digest.h"

struct x509_facts {
    struct span subject_name; /* content of the first Common Name, or empty */
    struct span subject;      /* the whole DER Name */
    struct span issuer;       /* the same */
    struct span public_key;   /* the whole SubjectPublicKeyInfo */
    struct span alternatives; /* content of the Subject Alternative Name, or empty */
    bool is_authority;        /* Basic Constraints say so */
    struct span body;         /* that was signed */
    struct span algorithm;    /* content of the signature's AlgorithmIdentifier; empty without a signature */
    struct span signature;    /* content of its BIT STRING */
    int64_t not_before_s;     /* seconds since 1970 */
    int64_t not_after_s;
};

/* STATUS_MALFORMED unless der is exactly one certificate. The spans point into der. */
MUST_USE enum status x509_read(struct span der, struct x509_facts *out);

/* The content of the first Common Name of a whole DER Name, or empty. */
struct span x509_common_name(struct span name);

/*
 * Whether the certificate names `issuer` as its issuer and is signed with its key. STATUS_REFUSED: it is not;
 * STATUS_NOT_FOUND: named so, but signed with a key or an algorithm that is not checked here.
 */
MUST_USE enum status x509_check_issuer(const struct x509_facts *certificate, const struct x509_facts *issuer);

/* Thumbprints as `openssl x509 -fingerprint` prints them: AB:CD:..., NUL-terminated. */
#define SHA1_THUMBPRINT_TEXT   (3 * SHA1_BYTES)
#define SHA256_THUMBPRINT_TEXT (3 * SHA256_BYTES)
void x509_thumbprint_sha1(struct span der, char out[SHA1_THUMBPRINT_TEXT + 2]);
void x509_thumbprint_sha256(struct span der, char out[SHA256_THUMBPRINT_TEXT + 2]);

#endif
