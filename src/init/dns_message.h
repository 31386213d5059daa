/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a name server and its answer (RFC 1035 s4, RFC 3596): addresses of one name. Pure and strict.
 */
#ifndef HOLDFAST_INIT_DNS_MESSAGE_H
#define HOLDFAST_INIT_DNS_MESSAGE_H

#include "base/status.h"
#include "init/ip.h"

#define DNS_MESSAGE_MAX 512 /* bytes; RFC 1035 s2.3.4, no extensions */
#define DNS_NAME_MAX    253 /* bytes of a name as text */
#define DNS_ADDRESSES   4   /* of one name; further ones are left out */

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

/* Returns the bytes; 0 when the name is none: labels of 1 to 63 characters, 253 in all, perhaps a dot behind.
 */
size_t dns_write(uint16_t id, const char *name, enum dns_type type, uint8_t out[DNS_MESSAGE_MAX]);

/*
 * The addresses that a name has, along aliases. STATUS_END: not an answer to this question; STATUS_NOT_FOUND:
 * there is no such name, or it has no address of this type; STATUS_REFUSED: the server cannot say;
 * STATUS_TOO_LARGE: it was cut off; STATUS_MALFORMED.
 */
MUST_USE enum status dns_read(struct span message, uint16_t id, const char *name, enum dns_type type,
                              struct ip out[DNS_ADDRESSES], size_t *count);

#endif
