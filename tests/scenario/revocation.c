/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken away in the key manager is gone at every node, within the bound that is printed; what is only
 * out of reach is not forgotten. */
#include "support/nodes.h"

#define CHECK_MS 30000
/* While the root key is gone it is asked for more often. */
#define ASK_AGAIN_MS 5000

/* The 32 bytes stand nowhere in the node's memory. */
static bool holds_bytes(const struct world *w, const uint8_t key[KEK_BYTES])
{
    return memmem(w->memory, w->memory_size, key, KEK_BYTES) != NULL ||
           memmem(&w->store, sizeof w->store, key, KEK_BYTES) != NULL;
}

/* Every node's calls of these kinds answer this from now on. */
static void answers(struct world *w, enum keymgr_call_kind first, enum keymgr_call_kind last,
                    enum keymgr_result result)
{
    struct world *node = w;
    do {
        for (enum keymgr_call_kind k = first; k <= last; k++)
            fake_answer(&node->fake, k, result, 0);
        node = node->next_node;
    } while (node != w);
}

static void root_key_is(struct world *w, enum keymgr_result result)
{
    answers(w, KEYMGR_NEW_KEY, KEYMGR_STATE, result);
}

static void everything_is(struct world *w, enum keymgr_result result)
{
    answers(w, KEYMGR_NEW_KEY, KEYMGR_DELETE, result);
}

static void warm_at_both(struct world *a, uint8_t uid[UUID_BYTES], uint8_t key[KEK_BYTES])
{
    uint8_t got[KEK_BYTES];
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(a, uid, key), REASON_NONE);
    assert_int_equal(do_get(a->next_node, uid, got), REASON_NONE);
    assert_memory_equal(got, key, KEK_BYTES);
    check_agreed(a, uid);
    assert_true(holds_bytes(a, key) && holds_bytes(a->next_node, key));
}

static void check_refused(struct world *w, const uint8_t uid[UUID_BYTES], const char *word)
{
    uint8_t got[KEK_BYTES];
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    struct span text = answered(w, 0, 0).text;
    assert_non_null(memmem(text.ptr, text.len, word, strlen(word)));
}

static void check_serves(struct world *w, const uint8_t uid[UUID_BYTES], const uint8_t key[KEK_BYTES])
{
    uint8_t got[KEK_BYTES];
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(got, key, KEK_BYTES);
}

static void a_disabled_root_key_wipes_every_node_and_enabled_again_serves(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    root_key_is(a, KEYMGR_ROOT_GONE);
    world_turns(a, (CHECK_MS + CALLS_MS) / WORLD_TURN_MS);
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_int_equal(a->store.lease.state, LEASE_REVOKED);
        assert_false(holds_bytes(a, key));
        assert_int_equal(a->store.keks.ready, 0);
        check_refused(a, uid, "REVOKED");
        assert_int_equal(do_add_text(a, uid, i == 0 ? "x-a" : "x-b", "1"), REASON_NONE);
    }
    world_wait(a, 3600000 * 5);
    assert_int_equal(a->store.lease.state, LEASE_REVOKED);
    check_agreed(a, uid);
    root_key_is(a, KEYMGR_OK);
    world_turns(a, (ASK_AGAIN_MS + CALLS_MS) / WORLD_TURN_MS);
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_int_equal(a->store.lease.state, LEASE_READY);
        check_serves(a, uid, key);
        assert_true(has_text(a, uid, "x-a", "1") && has_text(a, uid, "x-b", "1"));
    }
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
}

static void an_expired_root_key_serves_and_makes_none(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], other[UUID_BYTES];
    warm_at_both(a, uid, key);
    answers(a, KEYMGR_NEW_KEY, KEYMGR_NEW_KEY, KEYMGR_ROOT_EXPIRED);
    answers(a, KEYMGR_REWRAP, KEYMGR_STATE, KEYMGR_ROOT_EXPIRED);
    world_turns(a, (CHECK_MS + CALLS_MS) / WORLD_TURN_MS);
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_int_equal(a->store.lease.state, LEASE_READ_ONLY);
        store_erase_keks(&a->store);
        check_serves(a, uid, key);
        assert_int_equal(do_create(a, NULL, other), REASON_GENERAL_FAILURE);
    }
    assert_int_equal(do_add_text(a, uid, "x-note", "1"), REASON_NONE);
    until_text(b, uid, "x-note", "1", FLUSH_MS + BUSY_MS + CALLS_MS);
    world_wait(a, 3600000);
    check_serves(a, uid, key);
    everything_is(a, KEYMGR_OK);
    world_wait(a, CHECK_MS + 1000);
    assert_int_equal(a->store.lease.state, LEASE_READY);
    assert_int_equal(do_create(a, NULL, other), REASON_NONE);
    check_agreed(a, uid);
}

static void a_deleted_api_key_ends_service_after_three_refusals_over_five_minutes(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    assert_int_equal(do_add_text(a, uid, "x-note", "1"), REASON_NONE);
    everything_is(a, KEYMGR_DENIED);
    uint64_t begin = a->now.mono_ms;
    while (a->store.lease.state != LEASE_DENIED)
        world_turn(a);
    assert_true(a->now.mono_ms - begin <= CHECK_MS + CALLS_MS);
    uint64_t first = a->store.lease.first_denial_ms;
    world_wait(a, LEASE_DENIAL_SPAN_MS - 2000);
    check_serves(a, uid, key);
    while (holds_bytes(a, key) || holds_bytes(b, key)) {
        assert_true(a->now.mono_ms - first <= LEASE_DENIAL_SPAN_MS + CHECK_MS + ASK_AGAIN_MS);
        world_turn(a);
    }
    assert_true(a->now.mono_ms - first >= LEASE_DENIAL_SPAN_MS);
    check_refused(a, uid, "DENIED");
    world_wait(a, 3600000 * 3);
    assert_non_null(entry_of_uid(a, uid)); /* refused is not removed */
    assert_non_null(entry_of_uid(b, uid));
    everything_is(a, KEYMGR_OK);
    world_wait(a, 10000);
    check_serves(a, uid, key);
    check_serves(b, uid, key);
    check_agreed(a, uid);
    assert_true(has_text(b, uid, "x-note", "1"));
}

static void an_absent_key_manager_is_served_for_until_the_lease_ends(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    everything_is(a, KEYMGR_AWAY);
    uint64_t positive = a->store.lease.positive_mono_ms;
    assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
    assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
    world_wait(a, positive + a->store.lease.offline_ms - a->now.mono_ms - 2000);
    assert_int_equal(a->store.lease.state, LEASE_GRACE);
    check_serves(a, uid, key);
    world_wait(a, 3000);
    assert_int_equal(a->store.lease.state, LEASE_EXPIRED);
    assert_false(holds_bytes(a, key));
    check_refused(a, uid, "EXPIRED");
    world_wait(a, 3600000 * 5);
    assert_false(holds_bytes(b, key));
    everything_is(a, KEYMGR_OK);
    world_wait(a, 10000);
    check_serves(a, uid, key);
    check_serves(b, uid, key);
    check_agreed(a, uid);
    for (int i = 0; i < 2; i++, a = a->next_node)
        assert_true(has_text(a, uid, "x-a", "1") && has_text(a, uid, "x-b", "1"));
}

static void a_locked_node_answers_with_a_reason_and_serves_when_unlocked(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], made[UUID_BYTES];
    warm_at_both(a, uid, key);
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        fake_answer(&b->fake, k, KEYMGR_LOCKED, 0);
    assert_true(world_restart(b));
    world_wait(a, 60000);
    assert_int_equal(b->store.lease.state, LEASE_LOCKED);
    check_refused(b, uid, "LOCKED");
    assert_int_equal(do_create(a, NULL, made), REASON_NONE);
    fake_remove(cloud_of(a), uid);
    everything_is(b, KEYMGR_OK);
    world_wait(a, 20000);
    assert_int_equal(b->store.lease.state, LEASE_READY);
    assert_int_equal(do_get(b, made, key), REASON_NONE);
    assert_int_equal(do_get(b, uid, key), REASON_ITEM_NOT_FOUND);
    check_agreed(a, made);
    check_gone(a, uid);
}

static void an_unwrap_that_gives_another_key_is_refused(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    b->fake.wrong_key = true;
    store_erase_keks(&b->store);
    check_refused(b, uid, "refused this key");
    check_serves(a, uid, key);
    b->fake.wrong_key = false;
    world_wait(b, 60000);
    check_serves(b, uid, key);
}

/* Calls that were under way when the root key went away answer late, one after the other. */
static void answers_that_come_late_bring_no_key_back(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    store_erase_keks(&a->store);
    fake_answer(&a->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    fake_answer(&a->fake, KEYMGR_NEW_KEY, KEYMGR_OK, FAKE_NEVER);
    item_get(ask(a, 1), uid);
    assert_false(ask_send(a, 1));
    world_turns(a, 3);
    assert_true(fake_waiting(&a->fake, KEYMGR_UNWRAP) == 1 && fake_waiting(&a->fake, KEYMGR_NEW_KEY) != 0);
    fake_answer(&a->fake, KEYMGR_STATE, KEYMGR_ROOT_GONE, 0);
    world_wait(a, CHECK_MS + 1000);
    assert_int_equal(a->store.lease.state, LEASE_REVOKED);
    fake_release(&a->fake, KEYMGR_UNWRAP);
    fake_release(&a->fake, KEYMGR_NEW_KEY);
    world_turns(a, 5);
    assert_false(holds_bytes(a, key));
    assert_int_equal(a->store.keks.ready, 0);
    check_refused(a, uid, "REVOKED");
    everything_is(a, KEYMGR_OK);
    world_wait(a, 10000);
    check_serves(a, uid, key);
    assert_int_equal(a->store.keks.in_flight, 0);
}

/* "Unreachable" for one kind of call after the other, as 429, 500 and 503 are; then all is well again. */
static void each_kind_of_call_fails_for_a_while_and_recovers(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        for (int lost = 0; lost < 2; lost++) {
            uint8_t uid[UUID_BYTES], key[KEK_BYTES], other[UUID_BYTES];
            warm_at_both(a, uid, key);
            fake_answer(&a->fake, k, KEYMGR_AWAY, 2);
            a->fake.rules[k].takes_place = lost == 1; /* only the answer does not arrive */
            bool made = do_create(a, NULL, other) == REASON_NONE;
            (void)do_uid(a, OPERATION_ACTIVATE, uid);
            assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
            assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
            check_serves(a, uid, key);
            world_wait(a, 40000);
            fake_answer(&a->fake, k, KEYMGR_OK, 0);
            world_wait(a, 40000);
            check_agreed(a, uid);
            check_serves(a, uid, key);
            for (int i = 0; i < 2; i++, a = a->next_node) {
                assert_true(has_text(a, uid, "x-a", "1") && has_text(a, uid, "x-b", "1"));
                assert_int_equal(state_of(a, uid), STATE_ACTIVE);
            }
            if (made)
                check_agreed(a, other);
            assert_int_equal(do_create(a, NULL, other), REASON_NONE);
            assert_int_equal(do_get(b, other, key), REASON_NONE);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(a_disabled_root_key_wipes_every_node_and_enabled_again_serves),
        NODES(an_expired_root_key_serves_and_makes_none),
        NODES(a_deleted_api_key_ends_service_after_three_refusals_over_five_minutes),
        NODES(an_absent_key_manager_is_served_for_until_the_lease_ends),
        NODES(a_locked_node_answers_with_a_reason_and_serves_when_unlocked),
        NODES(an_unwrap_that_gives_another_key_is_refused),
        NODES(answers_that_come_late_bring_no_key_back),
        NODES(each_kind_of_call_fails_for_a_while_and_recovers),
    };
    return cmocka_run_group_tests_name("revocation", tests, NULL, NULL);
}
