/* SPDX-License-Identifier: Apache-2.0 */
/* What the scenarios share: a world before and after each test, and what answers have to say. */
#ifndef HOLDFAST_TESTS_SUPPORT_STORY_H
#define HOLDFAST_TESTS_SUPPORT_STORY_H

#include "support/check.h"

#include "support/world.h"

#define STORY(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)

/* A world where everything works, ready for requests. */
static inline int new_world(void **state)
{
    struct world *w = world_new(NULL);
    *state = w;
    return world_settle(w) ? 0 : -1;
}

static inline int end_world(void **state)
{
    world_free(*state);
    return 0;
}

/* A key whose KEK is not in memory. */
static inline void cold_key(struct world *w, const char *name, uint8_t uid[UUID_BYTES],
                            uint8_t key[KEK_BYTES])
{
    assert_int_equal(do_create(w, name, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_wait(w, 3000);
    store_erase_keks(&w->store);
    assert_true(world_settle(w));
}

static inline void check_reason(const struct world *w, int asker, int item, enum result_reason reason)
{
    assert_true(answer_count(answer_of(w, asker)) > item);
    struct answer_item i = answered(w, asker, item);
    assert_int_equal(i.reason, reason);
    assert_int_equal(i.status, reason == REASON_NONE ? RESULT_SUCCESS : RESULT_OPERATION_FAILED);
    assert_int_equal(i.has_payload, reason == REASON_NONE);
}

static inline void check_key(const struct world *w, int asker, int item, const uint8_t key[KEK_BYTES])
{
    check_reason(w, asker, item, REASON_NONE);
    struct span material = payload_key(answered(w, asker, item).payload);
    assert_int_equal(material.len, KEK_BYTES);
    assert_memory_equal(material.ptr, key, KEK_BYTES);
}

/* Sends what was asked, waits for the answer and returns the reason of its first item. */
static inline enum result_reason finish(struct world *w, int asker)
{
    if (!ask_send(w, asker))
        assert_true(ask_finish(w, asker));
    assert_true(answer_count(answer_of(w, asker)) >= 1);
    return answered(w, asker, 0).reason;
}

#endif
