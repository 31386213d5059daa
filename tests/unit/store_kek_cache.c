/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "store/kek_cache.h"

#define SLOTS 8

struct bench {
    struct kek_cache cache;
    uint8_t *memory;
    struct clock now;
    uint8_t keys[SLOTS][KEK_BYTES];
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct region region = {.base = NULL};
    kek_cache_carve(&b->cache, &region, SLOTS);
    b->memory = aligned_alloc(64, region.used);
    memset(b->memory, 0, region.used);
    region = (struct region){.base = b->memory, .size = region.used};
    kek_cache_carve(&b->cache, &region, SLOTS);
    kek_cache_init(&b->cache);
    b->now = (struct clock){.mono_ms = 5000};
    for (unsigned i = 0; i < SLOTS; i++)
        memset(b->keys[i], (int)(0x10 + i), KEK_BYTES);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    free(b->memory);
    free(b);
    return 0;
}

static enum ask ask(struct bench *b, uint32_t slot)
{
    const uint8_t *key = NULL;
    enum keymgr_result result;
    enum ask answer = kek_ask(&b->cache, slot, b->now, &key, &result);
    if (answer == ASK_READY)
        assert_memory_equal(key, b->keys[slot], KEK_BYTES);
    return answer;
}

static void wanted_ones_are_fetched_once_and_in_order(void **state)
{
    struct bench *b = *state;
    static const uint32_t order[] = {3, 1, 6};
    for (size_t i = 0; i < 3; i++)
        for (int again = 0; again < 3; again++)
            assert_int_equal(ask(b, order[i]), ASK_WAIT);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kek_next_wanted(&b->cache), order[i]);
    assert_int_equal(kek_next_wanted(&b->cache), NO_SLOT_32);
    assert_int_equal(b->cache.in_flight, 3);
    assert_int_equal(ask(b, 3), ASK_WAIT); /* under way: not wanted again */
    assert_int_equal(kek_next_wanted(&b->cache), NO_SLOT_32);
    kek_fetched(&b->cache, 1, KEYMGR_OK, b->keys[1], b->now);
    assert_int_equal(ask(b, 1), ASK_READY);
    assert_int_equal(ask(b, 3), ASK_WAIT);
    assert_int_equal(b->cache.in_flight, 2);
    assert_int_equal(b->cache.ready, 1);
}

static void one_that_could_not_be_asked_for_is_the_next(void **state)
{
    struct bench *b = *state;
    assert_int_equal(ask(b, 0), ASK_WAIT);
    assert_int_equal(ask(b, 1), ASK_WAIT);
    uint32_t slot = kek_next_wanted(&b->cache);
    kek_ask_later(&b->cache, slot);
    assert_int_equal(b->cache.in_flight, 0);
    assert_int_equal(kek_next_wanted(&b->cache), 0);
    assert_int_equal(kek_next_wanted(&b->cache), 1);
    kek_ask_later(&b->cache, 1); /* into an empty queue */
    assert_int_equal(ask(b, 2), ASK_WAIT);
    assert_int_equal(kek_next_wanted(&b->cache), 1);
    assert_int_equal(kek_next_wanted(&b->cache), 2);
}

/* First, middle, last and only place in the queue. */
static void forgetting_one_in_the_queue_keeps_the_others(void **state)
{
    struct bench *b = *state;
    for (uint32_t gone = 0; gone < 4; gone++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(ask(b, i), ASK_WAIT);
        kek_forget(&b->cache, gone);
        assert_int_equal(ask(b, 5), ASK_WAIT); /* appended behind the rest */
        for (uint32_t i = 0; i < 4; i++)
            if (i != gone)
                assert_int_equal(kek_next_wanted(&b->cache), i);
        assert_int_equal(kek_next_wanted(&b->cache), 5);
        assert_int_equal(kek_next_wanted(&b->cache), NO_SLOT_32);
        for (uint32_t i = 0; i < SLOTS; i++)
            kek_forget(&b->cache, i);
    }
    assert_int_equal(ask(b, 2), ASK_WAIT);
    kek_forget(&b->cache, 2);
    assert_int_equal(kek_next_wanted(&b->cache), NO_SLOT_32);
    assert_int_equal(ask(b, 2), ASK_WAIT);
    assert_int_equal(kek_next_wanted(&b->cache), 2);
}

static void one_forgotten_while_asked_for_does_not_come_to_life(void **state)
{
    struct bench *b = *state;
    assert_int_equal(ask(b, 4), ASK_WAIT);
    assert_int_equal(kek_next_wanted(&b->cache), 4);
    kek_forget(&b->cache, 4);
    kek_fetched(&b->cache, 4, KEYMGR_OK, b->keys[4], b->now);
    assert_int_equal(b->cache.in_flight, 0);
    assert_int_equal(b->cache.ready, 0);
    for (size_t i = 0; i < KEK_BYTES; i++)
        assert_int_equal(b->cache.keks[4].key[i], 0);
    assert_int_equal(ask(b, 4), ASK_WAIT);
    kek_wipe_all(&b->cache);
    kek_fetched(&b->cache, 4, KEYMGR_OK, b->keys[4], b->now);
    assert_int_equal(b->cache.ready, 0);
}

static void a_forgotten_key_is_wiped(void **state)
{
    struct bench *b = *state;
    static const uint8_t zeros[sizeof(struct kek)];
    kek_set(&b->cache, 2, b->keys[2]);
    kek_set(&b->cache, 3, b->keys[3]);
    assert_int_equal(b->cache.ready, 2);
    kek_forget(&b->cache, 2);
    assert_memory_equal(&b->cache.keks[2], zeros, sizeof zeros);
    assert_int_equal(ask(b, 3), ASK_READY);
    assert_int_equal(b->cache.ready, 1);
    assert_int_equal(ask(b, 5), ASK_WAIT);
    kek_wipe_all(&b->cache);
    for (size_t i = 0; i < SLOTS; i++)
        assert_memory_equal(&b->cache.keks[i], zeros, sizeof zeros);
    assert_int_equal(b->cache.ready, 0);
    assert_int_equal(kek_next_wanted(&b->cache), NO_SLOT_32);
    assert_int_equal(ask(b, 3), ASK_WAIT);
}

static void setting_a_key_twice_counts_once(void **state)
{
    struct bench *b = *state;
    kek_set(&b->cache, 1, b->keys[1]);
    kek_set(&b->cache, 1, b->keys[1]);
    assert_int_equal(b->cache.ready, 1);
}

static void fetch_fails(struct bench *b, uint32_t slot, enum keymgr_result with)
{
    assert_int_equal(ask(b, slot), ASK_WAIT);
    assert_int_equal(kek_next_wanted(&b->cache), slot);
    kek_fetched(&b->cache, slot, with, NULL, b->now);
}

static void a_failure_is_an_answer_and_its_back_off_doubles_to_a_bound(void **state)
{
    struct bench *b = *state;
    static const uint64_t waits[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 32000, 32000};
    const uint8_t *key;
    enum keymgr_result result;
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        enum keymgr_result with = i % 2 == 0 ? KEYMGR_AWAY : KEYMGR_DENIED;
        fetch_fails(b, 0, with);
        assert_int_equal(kek_ask(&b->cache, 0, b->now, &key, &result), ASK_FAILED);
        assert_int_equal(result, with);
        b->now.mono_ms += waits[i] - 1;
        assert_int_equal(kek_ask(&b->cache, 0, b->now, &key, &result), ASK_FAILED);
        b->now.mono_ms += 1;
    }
    assert_int_equal(ask(b, 0), ASK_WAIT);
    assert_int_equal(kek_next_wanted(&b->cache), 0);
    kek_fetched(&b->cache, 0, KEYMGR_OK, b->keys[0], b->now);
    assert_int_equal(ask(b, 0), ASK_READY);
    kek_forget(&b->cache, 0);
    fetch_fails(b, 0, KEYMGR_AWAY); /* success has reset the back-off */
    b->now.mono_ms += 500;
    assert_int_equal(ask(b, 0), ASK_WAIT);
}

static void the_back_off_survives_the_wrap_of_its_short_clock(void **state)
{
    struct bench *b = *state;
    const uint8_t *key;
    enum keymgr_result result;
    b->now.mono_ms = 0xffffffffu - 100;
    fetch_fails(b, 0, KEYMGR_AWAY);
    b->now.mono_ms += 300;
    assert_int_equal(kek_ask(&b->cache, 0, b->now, &key, &result), ASK_FAILED);
    b->now.mono_ms += 200;
    assert_int_equal(ask(b, 0), ASK_WAIT);
}

#define CACHE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE(wanted_ones_are_fetched_once_and_in_order),
        CACHE(one_that_could_not_be_asked_for_is_the_next),
        CACHE(forgetting_one_in_the_queue_keeps_the_others),
        CACHE(one_forgotten_while_asked_for_does_not_come_to_life),
        CACHE(a_forgotten_key_is_wiped),
        CACHE(setting_a_key_twice_counts_once),
        CACHE(a_failure_is_an_answer_and_its_back_off_doubles_to_a_bound),
        CACHE(the_back_off_survives_the_wrap_of_its_short_clock),
    };
    return cmocka_run_group_tests_name("store/kek_cache", tests, NULL, NULL);
}
