/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7468 text around DER. */
#ifndef HOLDFAST_CRYPTO_PEM_H
#define HOLDFAST_CRYPTO_PEM_H

#include "base/buf.h"
#include "base/status.h"

/*
 * Finds the next object in *text (which moves behind it), decodes it into out (cap bytes) and points label at
 * its name
 * ("CERTIFICATE"). STATUS_END without one; STATUS_MALFORMED when BEGIN, END or the base64 between them do not
 * fit.
 */
MUST_USE enum status pem_next(struct span *text, struct span *label, uint8_t *out, size_t cap, size_t *len);

/* Lines of 64 characters, each ended by a line feed. */
void pem_write(struct buf *out, const char *label, struct span der);

#endif
