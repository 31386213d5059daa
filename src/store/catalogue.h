/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every record that the node knows, found by Unique Identifier and by Name in constant time. An entry is a
 * small index beside its record in the arena; other rooms hold (slot, serial) handles to it, never pointers
 * across turns.
 */
#ifndef HOLDFAST_STORE_CATALOGUE_H
#define HOLDFAST_STORE_CATALOGUE_H

#include "base/limits.h"
#include "store/arena.h"
#include "store/object.h"

struct handle {
    uint32_t slot;
    uint32_t serial; /* 0 names nothing */
};

enum change_phase {
    CHANGE_NONE,
    CHANGE_PUT,     /* waits for the key manager to take the next record */
    CHANGE_JOURNAL, /* waits for the journal to be flushed with it */
    CHANGE_REMOVE   /* nothing is left but to forget the entry */
};

struct entry_change {
    uint8_t phase;
    bool sent;                          /* the call or the append is under way */
    bool slow;                          /* another node is to write the same: it goes first */
    uint32_t number;                    /* of the newest change proposed */
    uint32_t done;                      /* of the newest change that ended */
    uint32_t segment;                   /* of the journal, in CHANGE_JOURNAL */
    uint32_t failed_first, failed_last; /* the newest changes that failed, one after the other */
    uint64_t ticket;                    /* of the disk, in CHANGE_JOURNAL */
};

struct catalogue_entry {
    /* What every Get reads stands together. */
    uint8_t uid[UUID_BYTES];
    uint32_t serial;  /* of this use of the slot; never 0 */
    uint32_t chain;   /* next slot with the same hash of the Unique Identifier, or free */
    arena_ref record; /* committed; 0: not visible to anybody: new, or stored there and not read yet */
    uint16_t record_len;
    bool in_use;
    bool fresh_spent;       /* served since start, though the record still says Fresh */
    uint32_t served;        /* order of the last Get; 0 never since start */
    uint32_t served_unix_s; /* 0 never */

    arena_ref next; /* the change under way */
    uint16_t next_len;
    uint8_t scope;
    bool dirty;                         /* in the list of records that the key manager lacks */
    bool active;                        /* in the list of changes under way */
    bool finding;                       /* its living records are being asked for */
    bool looked;                        /* they were, and nothing is newer: a change may be sent */
    uint8_t record_id[RECORD_ID_BYTES]; /* of stored_generation in the key manager */
    uint32_t generation;                /* of the committed record */
    uint32_t stored_generation;         /* that the key manager has; 0 none */
    uint32_t uploading;                 /* generation under way to it in the background; 0 none */
    uint32_t segment;                   /* of the journal, that holds the record */
    uint32_t pass;                      /* last reconciliation that saw the record in the key manager */
    uint32_t missed_ms; /* low bits of when its record in the key manager was not found; 0: it is there */
    uint32_t list_next, list_previous; /* in the dirty list */
    uint32_t active_next;
    uint32_t due_ms;  /* low bits of the moment when a dirty record goes to the key manager */
    uint32_t created; /* order of creation */
    struct entry_change change;
};

#define NO_SLOT_32 UINT32_MAX

struct name_node {
    uint32_t hash;
    uint32_t slot;
    uint32_t next;
};

struct catalogue {
    struct catalogue_entry *entries;
    uint32_t slots;
    uint32_t high; /* slots ever used: iteration ends here */
    uint32_t free;
    uint32_t count;    /* entries in use */
    uint32_t visible;  /* of these, with a committed record */
    uint32_t *buckets; /* heads of chains by Unique Identifier */
    uint32_t bucket_mask;
    struct name_node *names;
    uint32_t *name_buckets;
    uint32_t names_free;
    uint64_t hash_key[2];
    uint32_t next_created;
    uint32_t next_served;
    struct arena arena;
};

void catalogue_carve(struct catalogue *catalogue, struct region *region, uint32_t slots, size_t record_bytes);
void catalogue_init(struct catalogue *catalogue);

struct catalogue_entry *catalogue_find(const struct catalogue *catalogue, const uint8_t uid[UUID_BYTES]);
/* A new, invisible entry; NULL when every slot is taken. */
struct catalogue_entry *catalogue_add(struct catalogue *catalogue, const uint8_t uid[UUID_BYTES]);
/* Forgets an entry and its records; handles to it no longer fit. */
void catalogue_remove(struct catalogue *catalogue, struct catalogue_entry *entry);

uint32_t catalogue_slot(const struct catalogue *catalogue, const struct catalogue_entry *entry);
struct handle catalogue_handle(const struct catalogue *catalogue, const struct catalogue_entry *entry);
/* The entry of a handle, or NULL when its slot has been used anew. */
struct catalogue_entry *catalogue_get(const struct catalogue *catalogue, struct handle handle);

struct span catalogue_record(const struct catalogue *catalogue, const struct catalogue_entry *entry);
struct span catalogue_next_record(const struct catalogue *catalogue, const struct catalogue_entry *entry);

/*
 * Names (KMIP 1.4 s3.2) of the committed and the next record of an entry are indexed together, so that two
 * changes under way cannot take the same one. STATUS_NO_SPACE when the index is full: then nothing was added.
 */
MUST_USE enum status catalogue_names_add(struct catalogue *catalogue, struct catalogue_entry *entry,
                                         struct span record);
/* Removes the names of `record` that `kept` (may be empty) does not have. */
void catalogue_names_remove(struct catalogue *catalogue, struct catalogue_entry *entry, struct span record,
                            struct span kept);
/* The entry that has this Name Value in this scope, in its committed or next record, and is not destroyed; or
 * NULL. */
struct catalogue_entry *catalogue_find_name(const struct catalogue *catalogue, uint8_t scope,
                                            struct span name);

/* Whether its record is in the key manager and was not read yet. */
static inline bool entry_is_unread(const struct catalogue_entry *entry)
{
    return entry->record == 0 && entry->next == 0 && entry->stored_generation != 0;
}

/* The next visible entry from slot *at on; NULL at the end. */
struct catalogue_entry *catalogue_next(const struct catalogue *catalogue, uint32_t *at);

#endif
