/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request machine: one Request Message from header to answer. It suspends in two places, NEED and COMMIT;
 * to resume is to ask again, so an item that waited is simply attempted anew.
 */
#ifndef HOLDFAST_OPERATION_REQUEST_H
#define HOLDFAST_OPERATION_REQUEST_H

#include "operation/operation.h"

enum request_phase {
    REQUEST_NEED,   /* the current item waits for what it needs */
    REQUEST_COMMIT, /* the current item is answered; its changes are not durable yet */
};

struct request {
    struct span message; /* stays where it is until the answer is complete */
    struct request_header header;
    size_t items_at; /* of the current Batch Item in message */
    struct response_frame frame;
    size_t response_len; /* of the answer so far, kept by the caller while the request is suspended */
    size_t item_start;   /* of the current item's answer, in REQUEST_COMMIT */
    int32_t done;        /* items answered */
    uint8_t phase;
    bool has_placeholder;
    uint8_t placeholder[UUID_BYTES]; /* the ID Placeholder (KMIP 1.4 s4): lives inside one batch */
    struct identity identity;
    bool has_uid; /* of the item whose changes are being committed, for the audit */
    uint8_t uid[UUID_BYTES];
    struct commit commits[COMMITS_MAX];
    size_t commit_count;
    uint64_t deadline_ms; /* after it, whatever is waited for has failed */
};

enum request_state {
    REQUEST_DONE,    /* the answer is complete */
    REQUEST_WAITING, /* suspended until the store answers */
    REQUEST_AGAIN    /* has had its share of this turn */
};

/* Why a message is refused as a whole, or REASON_NONE with *request ready to run. *why is the Result Message.
 */
MUST_USE enum result_reason request_begin(struct request *request, struct span message, uint64_t deadline_ms,
                                          const char **why);

/*
 * Runs until the answer is complete, something has to be waited for, or `budget` items are done. `out` holds
 * the answer: on the first run empty, later as it was left (request->response_len bytes). `room` bounds its
 * size.
 */
MUST_USE enum request_state request_run(struct request *request, const struct operation_env *env,
                                        uint8_t *out, size_t room, int budget);

/* The answer to a message that is refused as a whole. Returns its length, 0 when it does not fit. */
size_t request_refuse(const struct request_header *header, enum result_reason reason, const char *why,
                      int64_t now, uint8_t *out, size_t room);

#endif
