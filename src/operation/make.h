/* SPDX-License-Identifier: Apache-2.0 */
/* Making new objects: what Create, Register and Re-key share. */
#ifndef HOLDFAST_OPERATION_MAKE_H
#define HOLDFAST_OPERATION_MAKE_H

#include "operation/change.h"

/* Bytes of material that a key of this algorithm and length has; 0 when this server does not make such keys.
 */
size_t make_key_bytes(uint32_t algorithm, int32_t length_bits);
/* The length in bits of a new key when the client named none; 0 without one. */
int32_t make_default_length(uint32_t algorithm);

/*
 * What a new key is: it decides the material, so it is read before the draft begins. make_read_kind puts what
 * the client's template says in the place of what stands in *kind; the rest stays.
 */
struct key_kind {
    uint32_t algorithm;  /* 0: not known */
    int32_t length_bits; /* 0: not known */
    bool has_mask;       /* a Cryptographic Usage Mask is given */
};
MUST_USE enum result_reason make_read_kind(struct op *op, struct key_kind *kind);

/*
 * Makes the material of a new symmetric key: the spare's KEK itself for AES 256, random bytes sealed under it
 * otherwise. Fills parts (wrapped KEK, sealed material, digest, whose bytes are in `room`) and flags.
 */
#define MAKE_ROOM (MATERIAL_MAX + 64)
void make_key(struct op *op, uint32_t algorithm, size_t key_bytes, struct draft_parts *parts, uint16_t *flags,
              uint8_t room[MAKE_ROOM]);
/* The spare's wrapped KEK, and the version of the root key that wrapped it. */
void make_wrapped(const struct op *op, struct draft_parts *parts);
/* Seals registered material under the spare's KEK. */
void make_sealed(struct op *op, struct span material, struct draft_parts *parts, uint8_t room[MAKE_ROOM]);

/* Whether the template of the request gives a Name. */
bool make_takes_name(const struct op *op);
/* The head of a new object in the spare's slot. */
struct object_head make_head(struct op *op, enum object_type type, uint16_t flags);
/* Name of the scope that the client's new objects belong to. */
struct span make_scope(const struct op *op);
/* Proposes the finished draft in the spare's place; op->result and the ID Placeholder are set. */
MUST_USE enum result_reason make_propose(struct op *op, struct draft *draft);

#endif
