/* SPDX-License-Identifier: Apache-2.0 */
/* What the payloads of many operations share. */
#ifndef HOLDFAST_OPERATION_PAYLOAD_H
#define HOLDFAST_OPERATION_PAYLOAD_H

#include "operation/operation.h"

/* Takes an optional Unique Identifier; without one the ID Placeholder stays what op->uid holds. */
void payload_take_uid(struct op *op, struct fields *fields);
/* The Result Reason of what fields_end found. KMIP 1.4 s11.1. */
MUST_USE enum result_reason payload_end(struct op *op, struct fields *fields);
/* The decode of operations whose payload is just a Unique Identifier. */
enum result_reason payload_decode_uid(struct op *op);

/* Writes op->result.uid as Unique Identifier: the whole answer of many operations. */
enum result_reason payload_respond_uid(struct op *op, struct ttlv_writer *out);
void payload_put_uid(struct ttlv_writer *out, const uint8_t uid[UUID_BYTES]);

/* Fails with a reason and the text of its Result Message. */
static inline enum result_reason op_refuse(struct op *op, enum result_reason reason, const char *why)
{
    op->why = why;
    return reason;
}

/* Ends a draft and proposes it as the next record of `handle`; result.uid is left to the caller. */
MUST_USE enum result_reason op_propose(struct op *op, struct draft *draft, struct handle handle,
                                       enum commit_level level);
/* A draft of the next generation of op->object with Last Change Date set to now. */
struct draft *op_draft(struct op *op);

#endif
