/* SPDX-License-Identifier: Apache-2.0 */
/* Names in certificates as text for a person: printable ASCII, whatever the certificate holds. */
#ifndef HOLDFAST_CRYPTO_X509_TEXT_H
#define HOLDFAST_CRYPTO_X509_TEXT_H

#include "base/buf.h"

/* A whole DER Name as "C=US, CN=vcenter1.lab.example"; unknown kinds of attributes are left out. */
void x509_write_name(struct span name, struct buf *out);

/* The content of a Subject Alternative Name (RFC 5280 s4.2.1.6) as "kms1.example, 192.0.2.11": names of hosts
 * and addresses. */
void x509_write_alternatives(struct span names, struct buf *out);

#endif
