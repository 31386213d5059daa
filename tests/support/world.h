/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server without sockets to anybody: store, request machine, a clock that the test moves, a key
 * manager that does as it is told (or the local one), a disk in memory. Requests are in the hands of askers,
 * who are resumed every turn as suspended connections are.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_WORLD_H
#define HOLDFAST_TESTS_SUPPORT_WORLD_H

#include <setjmp.h>

#include "keymgr/local.h"
#include "operation/request.h"
#include "support/fake_keymgr.h"
#include "support/message.h"
#include "support/sim_disk.h"
#include "support/tame_disk.h"

#define WORLD_ASKERS  8
#define WORLD_LOG     65536
#define WORLD_TURN_MS 10
/* Turns that a story may take before the test gives up. */
#define WORLD_PATIENCE 500

struct world_options {
    struct store_settings settings; /* fields that are 0 get small values */
    bool without_journal;
    bool local;  /* the local key manager, on the same disk */
    bool shared; /* the fake one is others' too */
    struct world
        *beside; /* another node of the same key manager; they have one clock and take turns together */
};

struct asker {
    bool busy;
    enum request_state state;
    struct request request;
    struct message message;
    struct message_options options; /* of the next request */
    uint64_t patience_ms;           /* until the deadline of the next request; 10,000 */
    size_t room;                    /* for answers; MESSAGE_LARGE */
    int budget;                     /* items a turn; BATCH_ITEMS_A_TURN */
    uint8_t scope;
    unsigned runs;
    uint64_t asked_at; /* the store's news then: it is run again when there are more, as a connection's
                          request is */
    bool refused;      /* the message was refused as a whole */
    size_t in_len, out_len;
    uint8_t in[MESSAGE_LARGE];
    uint8_t out[MESSAGE_LARGE];
};

struct world {
    struct world_options options;
    struct clock now;
    uint8_t *memory;
    size_t memory_size;
    struct store store;
    struct fake_keymgr fake;
    struct local_keymgr *local;
    struct sim_disk *sim;
    struct disk_ops ops;
    struct tame_disk disk;
    struct world *next_node; /* in a ring */
    bool killable;           /* in a turn */
    jmp_buf death;
    bool death_finishes; /* calls under way when it is killed take place */
    bool disk_frozen;    /* the disk process answers nothing */
    bool backwards;      /* askers are resumed from the last to the first */
    struct log log;
    struct operation_env env;
    struct audit audit; /* of the last run of a request */
    struct draft drafts[2];
    uint8_t material[MATERIAL_MAX];
    struct asker askers[WORLD_ASKERS];
    char why[256];
};

/* The test frees it with world_free, those beside another one before that one. Time begins at 1,000,000 ms
 * and 2026-01-01. */
struct world *world_new(const struct world_options *options);
/* The same, but for world_open: the disk can be prepared before. */
struct world *world_prepare(const struct world_options *options);
void world_free(struct world *world);
/* The server ends and starts anew on the same disk and key manager. False with world->why when it refuses to.
 */
bool world_restart(struct world *world);
/* The server is killed; its disk does what it was told. It is off, and time goes on, until world_restart. */
void world_kill(struct world *world);
/* It is killed in the middle of its turn at the n-th event from now: a call submitted or an answer taken.
 * With `finishes` calls under way take place at the key manager, otherwise they never arrive. 0: it is not.
 */
void world_kill_at(struct world *world, uint64_t event, bool finishes);
static inline bool world_is_off(const struct world *world)
{
    return world->memory == NULL;
}
/* Opens the store on what the disk has; part of world_new and world_restart. */
bool world_open(struct world *world);

/* One turn of the loop, WORLD_TURN_MS later; of every node beside it too. */
void world_turn(struct world *world);
void world_turns(struct world *world, int turns);
/* Moves the clock, in turns of at most a second. */
void world_wait(struct world *world, uint64_t ms);
/* Turns until the catalogue is complete, the lease decided and spares are there. False after WORLD_PATIENCE
 * turns. */
bool world_settle(struct world *world);

/* Begins a request; items follow (support/message.h), then ask_send. */
struct message *ask(struct world *world, int asker);
/* Hands it in and runs it for the first time, in this turn. True when it is answered. */
bool ask_send(struct world *world, int asker);
/* The requester is gone: the slot is free. */
void ask_hang_up(struct world *world, int asker);
/* Turns until it is answered. False after WORLD_PATIENCE turns. */
bool ask_finish(struct world *world, int asker);
struct span answer_of(const struct world *world, int asker);
struct answer_item answered(const struct world *world, int asker, int item);

/* Whole stories of asker 0; they return the reason. */
enum result_reason do_create(struct world *world, const char *name, uint8_t uid[UUID_BYTES]);
enum result_reason do_get(struct world *world, const uint8_t uid[UUID_BYTES], uint8_t key[KEK_BYTES]);
enum result_reason do_uid(struct world *world, enum operation_code operation, const uint8_t uid[UUID_BYTES]);
enum result_reason do_add_text(struct world *world, const uint8_t uid[UUID_BYTES], const char *name,
                               const char *value);
enum result_reason do_modify_text(struct world *world, const uint8_t uid[UUID_BYTES], const char *name,
                                  const char *value);
enum result_reason do_revoke(struct world *world, const uint8_t uid[UUID_BYTES],
                             enum revocation_reason_code code);
enum result_reason do_locate(struct world *world, const char *name, uint8_t uid[UUID_BYTES], int *count);
/* The text value of an attribute, into `out`; false when there is none. */
bool text_of(struct world *world, const uint8_t uid[UUID_BYTES], const char *name, char *out, size_t cap);
enum state state_of(struct world *world, const uint8_t uid[UUID_BYTES]);
struct catalogue_entry *entry_of_uid(struct world *world, const uint8_t uid[UUID_BYTES]);

#endif
