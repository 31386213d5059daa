/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope: header and batch items of a request (KMIP 1.4 s6, s7), and those of the answer. */
#ifndef HOLDFAST_KMIP_MESSAGE_H
#define HOLDFAST_KMIP_MESSAGE_H

#include "kmip/enum.h"
#include "kmip/result.h"
#include "ttlv/reader.h"
#include "ttlv/writer.h"

struct credential {
    bool present;
    uint32_t type;
    struct span username;
    struct span password;
};

struct request_header {
    uint8_t major;
    uint8_t minor;
    int32_t maximum_response_size; /* bytes; 0 when the client set none */
    struct credential credential;
    enum batch_error_continuation continuation;
    int32_t batch_count;
    struct span client_correlation; /* 1.4 */
};

struct batch_item {
    uint32_t operation;
    bool has_id;
    struct span id;
    struct span payload;     /* content of the Request Payload */
    bool critical_extension; /* a Message Extension that has to be understood, and is not */
};

/*
 * Reads the header of a whole Request Message; *items is left at the first Batch Item. major and minor are
 * set whenever they could be read. *why gets a text when the reason is not REASON_NONE: the whole message is
 * then refused.
 */
MUST_USE enum result_reason message_read_header(struct span message, struct request_header *out,
                                                struct ttlv_reader *items, const char **why);

/* Reads the next Batch Item. REASON_NONE, or the item is refused (out->operation is 0 when it could not be
 * read). */
MUST_USE enum result_reason message_read_item(struct ttlv_reader *items, const struct request_header *header,
                                              struct batch_item *out, const char **why);

/* Opens a Response Message and writes its header; the batch count is patched by message_end. */
struct response_frame {
    size_t message;
    size_t count_at;
};
struct response_frame message_begin(struct ttlv_writer *out, const struct request_header *header,
                                    int64_t now);
void message_end(struct ttlv_writer *out, const struct response_frame *frame, int32_t batch_count);

/* Opens a Batch Item of the answer up to its Response Payload; both ends are closed by message_item_end. */
struct item_frame {
    size_t item;
    size_t payload;
};
struct item_frame message_item_begin(struct ttlv_writer *out, const struct batch_item *request);
void message_item_end(struct ttlv_writer *out, const struct item_frame *frame);

/* A whole Batch Item that failed. `request` is NULL when no item could be read. */
void message_item_failed(struct ttlv_writer *out, const struct batch_item *request, enum result_reason reason,
                         uint8_t minor, const char *why);

#endif
