/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text and back: hexadecimal, base64, UUIDs, UTF-8 and the numbers of a configuration line. */
#ifndef HOLDFAST_BASE_TEXT_H
#define HOLDFAST_BASE_TEXT_H

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

#define UUID_BYTES 16
#define UUID_TEXT  36 /* 8-4-4-4-12, without a NUL */

/* Writes 2 * in.len digits and a NUL; upper case and a separator (0 for none) as openssl prints fingerprints.
 */
void hex_write(struct span in, char separator, bool upper, char *out, size_t out_cap);
/* Reads exactly 2 * len digits, either case. */
MUST_USE enum status hex_read(struct span text, uint8_t *out, size_t len);

/* RFC 4648 s4. Both return the number of bytes written; base64_read skips white space and fails on anything
 * else. */
void base64_write(struct span in, struct buf *out);
MUST_USE enum status base64_read(struct span text, uint8_t *out, size_t cap, size_t *len);

/* RFC 4122 s3, lower case when written, either case when read. */
void uuid_write(const uint8_t uuid[UUID_BYTES], char text[UUID_TEXT + 1]);
MUST_USE enum status uuid_read(struct span text, uint8_t uuid[UUID_BYTES]);

/* RFC 3629: well-formed, shortest form, no surrogates, and (KMIP 1.4 s9.1.1.4) no NUL. */
bool utf8_valid(struct span text);

/* Decimal digits only, at most max. */
MUST_USE enum status number_read(struct span text, uint64_t max, uint64_t *out);

/* Takes the next line off *text, without its line feed. False when nothing is left. */
bool line_next(struct span *text, struct span *line);

/* Seconds since 1970 as 2026-11-22T16:10:00Z (20 characters and a NUL). */
#define TIME_TEXT 20
void time_write(int64_t unix_s, char text[TIME_TEXT + 1]);

#endif
