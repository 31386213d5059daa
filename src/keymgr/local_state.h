/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the local key manager share; nobody else includes this. */
#ifndef HOLDFAST_KEYMGR_LOCAL_STATE_H
#define HOLDFAST_KEYMGR_LOCAL_STATE_H

#include "base/bytes.h"
#include "crypto/aes.h"
#include "keymgr/local.h"

/*
 * Entries of the log `records`:
 *   1 PUT     Unique Identifier (16), generation (4), zero (4), record id (8), record
 *   2 DELETE  record id (8)
 *   3 CHECK   a constant sealed under the root key: tells the right root key from another one
 * The record id is the serial of the entry that the record was first put with; it stays when the entry is
 * appended anew.
 */
enum { ENTRY_PUT = 1, ENTRY_DELETE = 2, ENTRY_CHECK = 3 };
#define PUT_HEAD     32
#define PUT_ID_AT    24
#define DELETE_BYTES 8

#define CHECK_TEXT  "holdfast root 1" /* 16 bytes with its NUL */
#define CHECK_BYTES (16 + SEAL_OVERHEAD)

/* A wrapped key: format 1, zeros, the sealed 32 bytes. */
#define WRAPPED_BYTES (8 + KEK_BYTES + SEAL_OVERHEAD)

/* One living record. The table is a hash by record id, open addressing with linear probing. */
struct local_record {
    uint64_t id; /* 0: free */
    uint8_t uid[UUID_BYTES];
    uint32_t generation;
    uint32_t segment;
    uint32_t offset;
    uint32_t len;
};

enum call_phase { CALL_FREE, CALL_QUEUED, CALL_ON_DISK, CALL_DONE };

struct local_call {
    enum call_phase phase;
    struct keymgr_call call;
    struct keymgr_answer answer;
    struct log_place place;
    uint64_t id; /* that a PUT gives */
    size_t data_len;
    uint8_t data[RECORD_MAX + PUT_HEAD];
};

struct local_keymgr {
    struct disk *disk;
    const struct vault *vault; /* NULL: the root key's file is not sealed */
    struct log_writer log;
    bool has_root_key;
    uint8_t root_key[SEAL_KEY_BYTES];
    size_t capacity; /* of the table */
    size_t count;
    uint64_t damaged_bytes;
    uint64_t live_bytes;
    bool has_check;
    uint8_t check[CHECK_BYTES];
    uint32_t check_segment;
    uint32_t oldest; /* segment */
    struct local_cleaning {
        uint32_t segment; /* being emptied; 0 none */
        size_t at;        /* place in the table */
        bool again;       /* this pass found something */
        enum { CLEAN_LOOK, CLEAN_READ, CLEAN_APPEND, CLEAN_FLUSH, CLEAN_DROP } step;
        uint64_t failures; /* of the disk when it began */
        uint64_t id;       /* of the record under way */
        struct log_place place;
        size_t len;
        uint8_t data[RECORD_MAX + PUT_HEAD];
    } cleaning;
    struct local_record *records;
    struct local_call calls[KEYMGR_CALLS];
    size_t next_take;
    size_t in_use; /* calls that are not free */
    struct keymgr_listed page[KEYMGR_PAGE];
    struct keymgr_listed deleted[KEYMGR_PAGE]; /* the newest removals, newest first */
    size_t deleted_count;
};

static inline void record_id_write(uint64_t id, uint8_t out[RECORD_ID_BYTES])
{
    memset(out, 0, RECORD_ID_BYTES);
    be64_put(out + RECORD_ID_BYTES - 8, id);
}

static inline uint64_t record_id_read(const uint8_t in[RECORD_ID_BYTES])
{
    return be64_get(in + RECORD_ID_BYTES - 8);
}

/* ---- local_records.c: the table of living records ---- */

/* Places for `slots` records. */
size_t records_capacity(size_t slots);
/* NULL when there is none; NULL when the table is full. */
struct local_record *records_find(struct local_keymgr *l, uint64_t id);
struct local_record *records_insert(struct local_keymgr *l, uint64_t id);
/* Where the record's entry is, and how long its payload. */
void records_place(struct local_keymgr *l, struct local_record *r, uint32_t segment, uint32_t offset,
                   size_t payload);
void records_forget(struct local_keymgr *l, struct local_record *r);
/* Answers KEYMGR_LIST, and KEYMGR_FIND. */
void records_list(struct local_keymgr *l, struct local_call *c);
void records_of(struct local_keymgr *l, struct local_call *c);

/* ---- local_clean.c: emptying the oldest segment when garbage prevails ---- */

bool local_append_check(struct local_keymgr *l, struct log_place *place);
/* One turn; behind the calls, so that what they remove is not copied. */
void local_clean(struct local_keymgr *l);

#endif
