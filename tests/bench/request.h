/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KMIP 1.1 messages that the load generator sends, in the shape vCenter gives them, and the little of an
 * answer that must be checked so that no refused request is counted as a fast one. Deliberately apart from
 * the server's own reader and writer: a fault there must not hide itself here.
 */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_BATCH_MAX  32
#define REQUEST_BYTES_MAX  16384
#define REQUEST_UID_MAX    128
#define REQUEST_NAME_BYTES 24

/* Each writes a whole message into out (REQUEST_BYTES_MAX bytes) and returns its length. */
size_t request_get(unsigned char *out, const char *uid);
size_t request_locate_name(unsigned char *out, const char *name);
size_t request_locate_uid(unsigned char *out, const char *uid);

/*
 * Creates of AES 256 keys numbered first, first + 1 ...; those whose number is a multiple of name_every bear
 * the Name of request_name(). name_every 0: none has a Name.
 */
size_t request_create(unsigned char *out, unsigned first, unsigned count, unsigned name_every);

/*
 * vCenter describes a key in two batches of three Add Attributes: part 0 says by what product it was made,
 * part 1 for whom (object number i).
 */
#define REQUEST_DESCRIBE_PARTS 2
#define REQUEST_DESCRIBE_ITEMS 3
size_t request_describe(unsigned char *out, const char *uid, unsigned part, unsigned i);

/* The Name of object number i. */
void request_name(char name[static REQUEST_NAME_BYTES], unsigned i);

/* Bytes of the message that begins here, header included; at least 8 bytes must be at hand. */
size_t message_bytes(const unsigned char *header);

struct answer {
    unsigned items;
    unsigned failed;
    uint32_t reason; /* Result Reason of the last failed item */
    unsigned uids;   /* Unique Identifiers seen, at most REQUEST_BATCH_MAX are kept */
    const char *uid[REQUEST_BATCH_MAX];
    size_t uid_bytes[REQUEST_BATCH_MAX];
};

/* False if the bytes are no well-formed Response Message. The pointers point into message. */
bool answer_read(struct answer *a, const unsigned char *message, size_t len);

#endif
