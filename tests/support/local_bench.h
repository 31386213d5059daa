/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded key manager over a disk in memory, and calls to it. */
#ifndef HOLDFAST_TESTS_SUPPORT_LOCAL_BENCH_H
#define HOLDFAST_TESTS_SUPPORT_LOCAL_BENCH_H

#include "support/check.h"

#include "crypto/aes.h"
#include "keymgr/local.h"
#include "support/sim_disk.h"
#include "support/tame_disk.h"

#define SLOTS 100

struct bench {
    struct sim_disk *sim;
    struct disk_ops ops;
    struct tame_disk disk;
    uint8_t *memory;
    struct local_keymgr *local;
    struct keymgr k;
    const struct vault *vault;
    char why[200];
};

static inline bool begin(struct bench *b)
{
    struct region region = {.base = NULL};
    local_carve(&region, SLOTS);
    b->memory = aligned_alloc(64, region.used);
    memset(b->memory, 0, region.used);
    region = (struct region){.base = b->memory, .size = region.used};
    b->local = local_carve(&region, SLOTS);
    tame_disk_start(&b->disk, &b->ops);
    b->k = local_keymgr(b->local);
    local_use_vault(b->local, b->vault);
    return local_open(b->local, &b->ops, &b->disk.disk, b->why, sizeof b->why) == STATUS_OK;
}

static inline void end(struct bench *b)
{
    tame_disk_step(&b->disk);
    tame_disk_stop(&b->disk);
    sim_disk_close_all(b->sim);
    free(b->memory);
}

static inline void again(struct bench *b)
{
    end(b);
    assert_true(begin(b));
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->sim = sim_disk_new();
    b->ops = sim_disk_ops(b->sim);
    *state = b;
    return begin(b) ? 0 : -1;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    end(b);
    sim_disk_free(b->sim);
    free(b);
    return 0;
}

static inline void turn(struct bench *b)
{
    tame_disk_step(&b->disk);
    disk_turn(&b->disk.disk);
    b->k.ops->turn(b->k.self, (struct clock){.mono_ms = 1});
}

static inline struct keymgr_answer call(struct bench *b, const struct keymgr_call *c)
{
    struct keymgr_answer a;
    assert_true(keymgr_submit(&b->k, c));
    for (int i = 0; i < 50; i++) {
        if (keymgr_take(&b->k, &a)) {
            assert_int_equal(a.kind, c->kind);
            assert_int_equal(a.ticket, c->ticket);
            return a;
        }
        turn(b);
    }
    fail_msg("no answer to a call of kind %d", (int)c->kind);
    return a;
}

static inline struct keymgr_answer simple(struct bench *b, enum keymgr_call_kind kind, uint8_t uid)
{
    return call(b, &(struct keymgr_call){.kind = kind, .uid = {uid}, .ticket = 1000u + uid});
}

static inline void put(struct bench *b, uint8_t uid, uint32_t generation, const char *text,
                       uint8_t id[RECORD_ID_BYTES])
{
    struct keymgr_answer a = call(b, &(struct keymgr_call){.kind = KEYMGR_PUT,
                                                           .ticket = 5,
                                                           .uid = {uid},
                                                           .generation = generation,
                                                           .data = span_of_text(text)});
    assert_int_equal(a.result, KEYMGR_OK);
    memcpy(id, a.record_id, RECORD_ID_BYTES);
}

#endif
