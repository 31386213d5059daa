/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row for each Operation, one file for each row (op_<operation>.c). An operation never waits: it says
 * what it needs, the request machine (request.c) gets it, and the same functions are called anew with
 * everything at hand.
 */
#ifndef HOLDFAST_OPERATION_OPERATION_H
#define HOLDFAST_OPERATION_OPERATION_H

#include "kmip/message.h"
#include "store/store.h"

/* What was done, for the audit: every item that changed something or was refused. */
struct audit_note {
    uint32_t operation;
    enum result_reason reason;
    bool has_uid;
    uint8_t uid[UUID_BYTES];
};
#define AUDIT_NOTES (2 * BATCH_ITEMS_A_TURN)
struct audit {
    size_t count;
    struct audit_note notes[AUDIT_NOTES];
};

/* What the server lends to operations for one turn. */
struct operation_env {
    struct store *store;
    struct clock now;
    uint32_t lease_time_s; /* KMIP's Lease Time, not the one of the key manager */
    const char *vendor;    /* Vendor Identification */
    const char *server_information;
    struct draft *drafts; /* two */
    struct audit *audit;  /* taken and emptied by the server after every run */
    uint8_t *material;    /* MATERIAL_MAX bytes for plaintext; wiped after every item */
};

enum operation_need {
    NEED_OBJECT = 1,     /* the object of the Unique Identifier or ID Placeholder */
    NEED_IDLE = 2,       /* no other change of it under way */
    NEED_KEK = 4,        /* its KEK, when it has one */
    NEED_NEW_KEK = 8,    /* a spare */
    NEED_CATALOGUE = 16, /* every object known */
    NEED_NAMES = 128,    /* every object known, when the template gives a Name: it must be nobody else's */
    ALLOW_ARCHIVED = 32,
    ALLOW_DESTROYED = 64
};

/* What a client is, as the operations see it. */
struct identity {
    uint8_t scope;
};

struct commit {
    struct handle handle;
    uint32_t number;
};
#define COMMITS_MAX 2

/* What execute leaves for respond. */
struct item_result {
    uint8_t uid[UUID_BYTES];
    int32_t index;
};

/* One attempt at one Batch Item. */
struct op {
    const struct operation_env *env;
    const struct operation *row;
    const struct identity *identity;
    uint8_t minor;
    struct span payload;
    const char *why; /* text of the Result Message */

    bool has_uid;   /* given, or by the ID Placeholder */
    bool uid_known; /* it has the form of ours */
    uint8_t uid[UUID_BYTES];
    struct handle handle;
    struct object object;
    bool fresh_spent; /* served, though its record does not say so yet */

    bool has_other; /* the wrapping key of Get */
    uint8_t other_uid[UUID_BYTES];
    bool other_uid_known;
    struct handle other_handle;
    struct object other;

    size_t material_len; /* bytes of env->material that were written, to be wiped */
    const uint8_t *kek;  /* of the object, or of the spare */
    const uint8_t *other_kek;
    struct spare *spare;

    struct commit commits[COMMITS_MAX];
    size_t commit_count;
    struct item_result result;
    bool set_placeholder; /* result.uid becomes the ID Placeholder */
    bool clear_placeholder;

    /* Fields of payloads that more than one function of an operation looks at. */
    union {
        struct {
            uint32_t format; /* 0: as registered */
            bool wrap;
            uint32_t wrap_type;
            uint32_t encoding;
            struct span parameters; /* whole Cryptographic Parameters in the specification */
            struct span names;      /* Attribute Name items of the specification */
            size_t name_count;
        } get;
        struct {
            uint32_t object_type;
            struct span template; /* content of the Template-Attribute */
            struct span object;   /* content of the object being registered */
            bool has_offset;
            uint32_t offset_s;
        } make;
        struct {
            struct span names; /* Attribute Name items */
            size_t name_count;
        } attributes;
        struct {
            struct ttlv_item structure;
            struct span name;
            bool has_index;
            int32_t index;
        } attribute;
        struct {
            int32_t maximum, offset;
            int32_t storage;        /* Storage Status Mask */
            uint32_t member;        /* Object Group Member */
            struct span attributes; /* Attribute items */
        } locate;
        struct {
            bool has_count, has_mask, has_lease;
            int64_t count;
            int32_t mask;
            uint32_t lease_s;
        } check;
        struct {
            uint32_t code;
            struct ttlv_item reason; /* the whole Revocation Reason */
            int64_t occurrence;      /* DATE_NONE when not given */
        } revoke;
        struct {
            struct span functions; /* Query Function items */
        } query;
    } args;
};

struct operation {
    enum operation_code code;
    const char *name;
    uint8_t since; /* minor version */
    unsigned needs;
    /* Reads the payload. */
    enum result_reason (*decode)(struct op *op);
    /* With the object at hand, before its KEK is asked for: may this be done? May be NULL. */
    enum result_reason (*check)(struct op *op);
    /* With everything at hand: proposes changes. May be NULL. */
    enum result_reason (*execute)(struct op *op);
    /* Writes the content of the Response Payload. It is sent when the changes are durable, and dropped when
     * they fail. */
    enum result_reason (*respond)(struct op *op, struct ttlv_writer *out);
};

/* The row of an operation, or NULL when KMIP 1.`minor` has none that this server does. */
const struct operation *operation_find(uint32_t code, uint8_t minor);
/* The i-th row; NULL behind the last. */
const struct operation *operation_at(size_t i);

extern const struct operation op_create, op_register, op_re_key, op_locate, op_check, op_get,
    op_get_attributes, op_get_attribute_list, op_add_attribute, op_modify_attribute, op_delete_attribute,
    op_obtain_lease, op_get_usage_allocation, op_activate, op_revoke, op_destroy, op_archive, op_recover,
    op_query, op_discover_versions;

#endif
