/* SPDX-License-Identifier: Apache-2.0 */
/* After a restart, or after a power cut when every host asks at once: what somebody waits for comes first,
 * then what was used before, a few at a time and each once. */
#include "support/nodes.h"

#define KEYS    120
#define LATENCY 5 /* turns: 50 ms */

static uint8_t uids[KEYS][UUID_BYTES], keys[KEYS][KEK_BYTES];

/* A node with as many calls as a cloud gets, and keys of which every `nth` was served. */
static struct world *node_with_keys(int nth)
{
    struct world *w = nodes_new(1, &(struct store_settings){.objects = 300, .record_bytes = 300000});
    uint8_t got[KEK_BYTES];
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
        if (i % nth == 0)
            assert_int_equal(do_get(w, uids[i], got), REASON_NONE);
    }
    world_wait(w, 60000);
    for (int i = 0; i < KEYS; i++) {
        check_agreed(w, uids[i]);
        const struct fake_record *r = fake_find(&w->fake, uids[i]);
        struct object object;
        assert_int_equal(object_open(span_of(r->data, r->len), &object), STATUS_OK);
        for (size_t b = 0; b < KEK_BYTES; b++)
            keys[i][b] = object.wrapped_kek.ptr[1 + UUID_BYTES + b] ^ w->fake.pad[b];
    }
    w->fake.room = CLOUD_CALLS;
    memset(w->fake.most, 0, sizeof w->fake.most);
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        fake_answer(&w->fake, k, KEYMGR_OK, LATENCY);
    return w;
}

static bool is_warm(struct world *w, int i)
{
    return w->store.keks.keks[catalogue_slot(&w->store.catalogue, entry_of_uid(w, uids[i]))].phase ==
           KEK_READY;
}

static void check_got(struct world *w, int asker, int item, int i)
{
    check_reason(w, asker, item, REASON_NONE);
    struct span key = payload_key(answered(w, asker, item).payload);
    assert_int_equal(key.len, KEK_BYTES);
    assert_memory_equal(key.ptr, keys[i], KEK_BYTES);
}

static void keys_that_were_served_are_fetched_before_anybody_asks(void **state)
{
    (void)state;
    struct world *w = node_with_keys(4);
    unsigned before = w->fake.calls[KEYMGR_UNWRAP];
    assert_true(world_restart(w));
    world_turns(w, 200);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(is_warm(w, i), i % 4 == 0);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP] - before, KEYS / 4); /* each once */
    assert_in_range(w->fake.most[KEYMGR_UNWRAP], 2, CLOUD_CALLS / 2);
    before = w->fake.calls[KEYMGR_UNWRAP];
    for (int i = 0; i < KEYS; i += 4) { /* and then need no call */
        item_get(ask(w, 0), uids[i]);
        assert_true(ask_send(w, 0));
        check_got(w, 0, 0, i);
    }
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], before);
    nodes_free(w);
}

static void they_are_fetched_again_after_a_second_restart(void **state)
{
    (void)state;
    struct world *w = node_with_keys(10);
    for (int restart = 0; restart < 3; restart++) {
        assert_true(world_restart(w));
        world_turns(w, 200);
        for (int i = 0; i < KEYS; i++)
            assert_int_equal(is_warm(w, i), i % 10 == 0);
    }
    nodes_free(w);
}

/* The journal is not there: nothing tells what was used, and nothing is fetched until somebody asks. */
static void without_notes_nothing_is_fetched_that_nobody_asks_for(void **state)
{
    (void)state;
    struct world *w = node_with_keys(1);
    struct world *b = node_beside(w);
    world_turns(w, 500);
    assert_int_equal(b->fake.calls[KEYMGR_UNWRAP], 0);
    nodes_free(w);
}

static void what_somebody_waits_for_comes_before_what_was_used(void **state)
{
    (void)state;
    struct world *w = node_with_keys(2);
    assert_true(world_restart(w));
    while (w->fake.calls[KEYMGR_UNWRAP] == 0 || w->store.lease.state != LEASE_READY)
        world_turn(w);
    world_turns(w, 3); /* the others are being fetched */
    for (int i = 1; i < 40; i += 2) {
        uint64_t begin = w->now.mono_ms;
        item_get(ask(w, 0), uids[i]);
        assert_false(ask_send(w, 0));
        assert_true(ask_finish(w, 0));
        check_got(w, 0, 0, i);
        assert_true(w->now.mono_ms - begin <= (LATENCY + 3) * WORLD_TURN_MS); /* it waited for no other */
    }
    assert_true(w->fake.most[KEYMGR_UNWRAP] <= CLOUD_CALLS / 2 + 1);
    world_turns(w, 400);
    for (int i = 0; i < KEYS; i += 2)
        assert_true(is_warm(w, i));
    nodes_free(w);
}

static void many_who_ask_for_one_key_make_one_call(void **state)
{
    (void)state;
    struct world *w = node_with_keys(KEYS);
    assert_true(world_restart(w));
    world_turns(w, 100);
    unsigned before = w->fake.calls[KEYMGR_UNWRAP];
    for (int k = 0; k < 5; k++) {
        for (int asker = 0; asker < WORLD_ASKERS; asker++) {
            struct message *m = ask(w, asker);
            item_get(m, uids[50 + k]);
            item_get(m, uids[50 + k]);
            assert_false(ask_send(w, asker));
        }
        for (int asker = 0; asker < WORLD_ASKERS; asker++) {
            assert_true(ask_finish(w, asker));
            check_got(w, asker, 0, 50 + k);
            check_got(w, asker, 1, 50 + k);
        }
    }
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP] - before, 5);
    nodes_free(w);
}

/* Every asker asks for its share, one key after the other, as hosts do. Returns how long it took. */
static uint64_t storm(struct world *w)
{
    uint64_t begin = w->now.mono_ms;
    int next[WORLD_ASKERS], left = KEYS;
    for (int asker = 0; asker < WORLD_ASKERS; asker++)
        next[asker] = asker - WORLD_ASKERS;
    for (int turns = 0; left > 0; turns++) {
        assert_true(turns < 5000);
        for (int asker = 0; asker < WORLD_ASKERS; asker++) {
            if (w->askers[asker].busy || next[asker] >= KEYS)
                continue;
            if (next[asker] >= 0) {
                check_got(w, asker, 0, next[asker]);
                left--;
            }
            next[asker] += WORLD_ASKERS;
            if (next[asker] < KEYS) {
                item_get(ask(w, asker), uids[next[asker]]);
                ask_send(w, asker);
            }
        }
        world_turn(w);
    }
    return w->now.mono_ms - begin;
}

static void a_boot_storm_takes_little_more_than_its_round_trips(void **state)
{
    (void)state;
    for (int used = 0; used < 2; used++) {
        struct world *w = node_with_keys(used == 0 ? KEYS : 1);
        unsigned before = w->fake.calls[KEYMGR_UNWRAP];
        assert_true(world_restart(w));
        uint64_t took = storm(w), best = (uint64_t)KEYS / CLOUD_CALLS * (LATENCY + 1) * WORLD_TURN_MS;
        assert_true(took <= best + best * 3 / 10 + 200); /* 200: until the lease is READY, and the spares */
        assert_int_equal(w->fake.calls[KEYMGR_UNWRAP] - before, KEYS);
        nodes_free(w);
    }
}

/* A node with an empty disk: each record is read, and each key fetched, once. */
static void a_boot_storm_at_a_new_node_reads_what_is_asked_for(void **state)
{
    (void)state;
    struct world *w = node_with_keys(1);
    struct world_options options = w->options;
    options.beside = w;
    struct world *b = world_new(&options);
    b->fake.room = CLOUD_CALLS;
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        fake_answer(&b->fake, k, KEYMGR_OK, LATENCY);
    uint64_t took = storm(b), best = (uint64_t)KEYS * 2 / CLOUD_CALLS * (LATENCY + 1) * WORLD_TURN_MS;
    assert_true(took <= best * 2);
    assert_int_equal(b->fake.calls[KEYMGR_UNWRAP], KEYS);
    assert_in_range(b->fake.calls[KEYMGR_GET], KEYS, KEYS + 5);
    nodes_free(w);
}

/* The key manager cannot unwrap just now: it is not asked without end for keys that nobody waits for. */
static void fetches_that_fail_are_not_repeated_without_end(void **state)
{
    (void)state;
    struct world *w = node_with_keys(2);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_AWAY, LATENCY);
    unsigned before = w->fake.calls[KEYMGR_UNWRAP];
    assert_true(world_restart(w));
    world_turns(w, 1000);
    assert_true(w->fake.calls[KEYMGR_UNWRAP] - before <= KEYS / 2 + 2);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, LATENCY);
    world_wait(w, 60000);
    uint8_t got[KEK_BYTES];
    assert_int_equal(do_get(w, uids[2], got), REASON_NONE);
    assert_memory_equal(got, keys[2], KEK_BYTES);
    nodes_free(w);
}

static void keys_are_fetched_again_when_the_root_key_is_enabled_again(void **state)
{
    (void)state;
    struct world *w = node_with_keys(3);
    fake_answer(&w->fake, KEYMGR_STATE, KEYMGR_ROOT_GONE, 0);
    world_wait(w, 40000);
    assert_int_equal(w->store.keks.ready, 0);
    fake_answer(&w->fake, KEYMGR_STATE, KEYMGR_OK, 0);
    world_wait(w, 6000);
    world_turns(w, 200);
    for (int i = 0; i < KEYS; i += 3)
        assert_true(is_warm(w, i));
    nodes_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_were_served_are_fetched_before_anybody_asks),
        cmocka_unit_test(they_are_fetched_again_after_a_second_restart),
        cmocka_unit_test(without_notes_nothing_is_fetched_that_nobody_asks_for),
        cmocka_unit_test(what_somebody_waits_for_comes_before_what_was_used),
        cmocka_unit_test(many_who_ask_for_one_key_make_one_call),
        cmocka_unit_test(a_boot_storm_takes_little_more_than_its_round_trips),
        cmocka_unit_test(a_boot_storm_at_a_new_node_reads_what_is_asked_for),
        cmocka_unit_test(fetches_that_fail_are_not_repeated_without_end),
        cmocka_unit_test(keys_are_fetched_again_when_the_root_key_is_enabled_again),
    };
    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
