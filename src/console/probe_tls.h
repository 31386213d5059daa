/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's TLS connection: blocking, with a deadline, the server's certificate pinned or just noted. */
#ifndef HOLDFAST_CONSOLE_PROBE_TLS_H
#define HOLDFAST_CONSOLE_PROBE_TLS_H

#include <bearssl_ssl.h>
#include <netinet/in.h>

#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/keypair.h"

struct probe_trust {
    const br_x509_class *vtable;
    br_x509_decoder_context decoder;
    br_sha256_context sha256;
    br_sha1_context sha1;
    uint32_t certificates;
    bool pinned;
    uint8_t pin[SHA256_BYTES];
    uint8_t seen_sha256[SHA256_BYTES];
    uint8_t seen_sha1[SHA1_BYTES];
};

struct probe_tls {
    int fd;
    br_ssl_client_context client;
    br_sslio_context io;
    struct probe_trust trust;
    struct keypair key;
    br_x509_certificate chain[1];
    uint8_t certificate[CERTIFICATE_MAX];
    uint8_t buffer[BR_SSL_BUFSIZE_BIDI];
};

/* Connects and does the handshake. NULL, or what went wrong. */
const char *probe_connect(struct probe_tls *tls, const struct sockaddr_in6 *address);
void probe_close(struct probe_tls *tls);
/* Sends a request and reads the whole answer. NULL, or what went wrong. */
const char *probe_exchange(struct probe_tls *tls, struct span request, uint8_t *answer, size_t cap,
                           size_t *len);

#endif
