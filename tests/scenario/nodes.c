/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes of one key manager: what one does is done at the other, at once or within the printed bound. */
#include "support/nodes.h"

static void what_one_created_the_other_serves_at_once(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (int slow = 0; slow < 4; slow++) { /* turns that each call takes: up to 50 ms */
        struct world *nodes[] = {a, b};
        for (size_t i = 0; i < 2; i++)
            for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
                fake_answer(&nodes[i]->fake, k, KEYMGR_OK, slow == 3 ? 5 : slow);
        uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        uint64_t begin = b->now.mono_ms;
        assert_int_equal(do_get(b, uid, got), REASON_NONE);
        assert_true(b->now.mono_ms - begin <= 500);
        assert_int_equal(do_get(a, uid, key), REASON_NONE);
        assert_memory_equal(key, got, KEK_BYTES);
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        assert_int_equal(state_of(b, uid), STATE_PRE_ACTIVE);
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        assert_int_equal(do_uid(b, OPERATION_ACTIVATE, uid), REASON_NONE);
        check_agreed(a, uid);
        assert_int_equal(state_of(a, uid), STATE_ACTIVE);
        assert_int_equal(do_create(b, NULL, uid), REASON_NONE);
        assert_int_equal(do_add_text(a, uid, "x-Identifier", "vm-7"), REASON_NONE);
        check_agreed(a, uid);
        assert_true(has_text(b, uid, "x-Identifier", "vm-7"));
    }
}

/* As vCenter does it: Create at one, and the three requests that follow reach the nodes in turn. */
static void a_vm_is_encrypted_by_way_of_both_nodes(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    unsigned puts = calls_of_all(a, KEYMGR_PUT);
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(b, uid, "x-Identifier", "vm-7"), REASON_NONE);
    assert_int_equal(do_uid(a, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(do_add_text(b, uid, "x-Component", "disk"), REASON_NONE);
    assert_int_equal(do_get(a, uid, key), REASON_NONE);
    assert_int_equal(do_get(b, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    check_agreed(a, uid);
    assert_in_range(calls_of_all(a, KEYMGR_PUT) - puts, 2,
                    4); /* Create, one or two writes of both nodes, and what they become */
    for (int i = 0; i < 2; i++) {
        struct world *w = i == 0 ? a : b;
        assert_int_equal(state_of(w, uid), STATE_ACTIVE);
        assert_true(has_text(w, uid, "x-Identifier", "vm-7"));
        assert_true(has_text(w, uid, "x-Component", "disk"));
    }
}

static void a_change_is_seen_within_flush_window_and_sync_interval(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(b, uid, (uint8_t[KEK_BYTES]){0}), REASON_NONE);
    /* While things change. */
    assert_int_equal(do_add_text(a, uid, "x-note", "1"), REASON_NONE);
    until_text(b, uid, "x-note", "1", FLUSH_MS + BUSY_MS + CALLS_MS);
    assert_int_equal(do_uid(b, OPERATION_ACTIVATE, uid), REASON_NONE);
    until_state(a, uid, STATE_ACTIVE, FLUSH_MS + BUSY_MS + CALLS_MS);
    /* After ten quiet minutes. */
    world_wait(a, 600000);
    assert_int_equal(do_modify_text(a, uid, "x-note", "2"), REASON_NONE);
    until_text(b, uid, "x-note", "2", FLUSH_MS + IDLE_MS + CALLS_MS);
    assert_int_equal(store_sync_bound_ms(&b->store), FLUSH_MS + IDLE_MS);
    check_agreed(a, uid);
}

static void a_revoked_or_destroyed_object_is_seen_within_the_sync_interval(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    for (int quiet = 0; quiet < 2; quiet++) {
        uint64_t bound = (quiet == 0 ? BUSY_MS : IDLE_MS) + CALLS_MS;
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        assert_int_equal(do_uid(a, OPERATION_ACTIVATE, uid), REASON_NONE);
        check_agreed(a, uid);
        assert_int_equal(do_get(b, uid, key), REASON_NONE);
        world_wait(a, quiet == 0 ? 3000 : 600000);
        assert_int_equal(do_revoke(a, uid, REVOCATION_KEY_COMPROMISE), REASON_NONE);
        until_state(b, uid, STATE_COMPROMISED, bound);
        world_wait(a, quiet == 0 ? 3000 : 600000);
        assert_int_equal(do_uid(b, OPERATION_DESTROY, uid), REASON_NONE);
        until_state(a, uid, STATE_DESTROYED_COMPROMISED, bound);
        assert_int_equal(do_get(a, uid, key), REASON_ITEM_NOT_FOUND);
        assert_int_equal(do_get(b, uid, key), REASON_ITEM_NOT_FOUND);
        assert_int_equal(a->store.keks.keks[catalogue_slot(&a->store.catalogue, entry_of_uid(a, uid))].phase,
                         KEK_EMPTY);
        check_agreed(a, uid);
    }
}

static void a_re_keyed_object_is_the_same_at_both(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], new[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    int count;
    assert_int_equal(do_create(a, "disk", uid), REASON_NONE);
    assert_int_equal(do_uid(a, OPERATION_ACTIVATE, uid), REASON_NONE);
    check_agreed(a, uid);
    item_re_key(ask(b, 1), uid);
    assert_int_equal(finish(b, 1), REASON_NONE);
    assert_true(payload_uid(answered(b, 1, 0).payload, new));
    assert_int_equal(do_get(a, new, key), REASON_NONE);
    assert_int_equal(do_get(b, new, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    check_agreed(a, uid);
    check_agreed(a, new);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(do_locate(i == 0 ? a : b, "disk", got, &count), REASON_NONE);
        assert_int_equal(count, 1);
        assert_memory_equal(got, new, UUID_BYTES);
    }
}

static void an_idle_node_costs_the_cloud_little(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uids[8][UUID_BYTES];
    for (int i = 0; i < 8; i++)
        assert_int_equal(do_create(a, NULL, uids[i]), REASON_NONE);
    world_wait(a, 120000);
    unsigned before[KEYMGR_KINDS];
    memcpy(before, b->fake.calls, sizeof before);
    world_wait(a, 600000); /* ten minutes */
    assert_in_range(b->fake.calls[KEYMGR_LIST] - before[KEYMGR_LIST], 38, 42);
    assert_in_range(b->fake.calls[KEYMGR_LIST_DELETED] - before[KEYMGR_LIST_DELETED], 38, 42);
    assert_int_equal(b->fake.calls[KEYMGR_GET], before[KEYMGR_GET]);
    assert_int_equal(b->fake.calls[KEYMGR_FIND], before[KEYMGR_FIND]);
    assert_int_equal(b->fake.calls[KEYMGR_PUT], before[KEYMGR_PUT]);
    assert_int_equal(b->fake.calls[KEYMGR_DELETE], before[KEYMGR_DELETE]);
}

static void a_node_that_was_off_catches_up(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t changed[UUID_BYTES], revoked[UUID_BYTES], removed[UUID_BYTES], made[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(a, NULL, changed), REASON_NONE);
    assert_int_equal(do_create(a, NULL, revoked), REASON_NONE);
    assert_int_equal(do_create(a, NULL, removed), REASON_NONE);
    assert_int_equal(do_uid(a, OPERATION_ACTIVATE, revoked), REASON_NONE);
    check_agreed(a, revoked);
    assert_int_equal(do_get(b, removed, key), REASON_NONE);
    world_kill(b);
    assert_int_equal(do_add_text(a, changed, "x-note", "1"), REASON_NONE);
    assert_int_equal(do_revoke(a, revoked, REVOCATION_UNSPECIFIED), REASON_NONE);
    assert_int_equal(do_create(a, NULL, made), REASON_NONE);
    world_wait(a, 10000);
    fake_remove(cloud_of(a), removed);
    world_wait(a, 100000);
    assert_true(world_restart(b));
    assert_true(world_settle(b));
    world_wait(a, 1000);
    assert_true(has_text(b, changed, "x-note", "1"));
    assert_int_equal(state_of(b, revoked), STATE_DEACTIVATED);
    assert_int_equal(do_get(b, made, key), REASON_NONE);
    assert_int_equal(do_get(b, removed, key), REASON_ITEM_NOT_FOUND);
    check_agreed(a, changed);
    check_agreed(a, revoked);
    check_gone(a, removed);
}

/* What a node had taken and not yet written when it went off is not lost when it comes back. */
static void a_change_of_a_node_that_was_off_is_merged_when_it_comes_back(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
    world_kill(b);
    assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
    world_wait(a, 60000);
    assert_int_equal(do_add_text(a, uid, "x-a2", "1"), REASON_NONE);
    world_wait(a, 60000);
    assert_true(world_restart(b));
    assert_true(world_settle(b));
    check_agreed(a, uid);
    for (int i = 0; i < 2; i++) {
        struct world *w = i == 0 ? a : b;
        assert_true(has_text(w, uid, "x-a", "1"));
        assert_true(has_text(w, uid, "x-a2", "1"));
        assert_true(has_text(w, uid, "x-b", "1"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(what_one_created_the_other_serves_at_once),
        NODES(a_vm_is_encrypted_by_way_of_both_nodes),
        NODES(a_change_is_seen_within_flush_window_and_sync_interval),
        NODES(a_revoked_or_destroyed_object_is_seen_within_the_sync_interval),
        NODES(a_re_keyed_object_is_the_same_at_both),
        NODES(an_idle_node_costs_the_cloud_little),
        NODES(a_node_that_was_off_catches_up),
        NODES(a_change_of_a_node_that_was_off_is_merged_when_it_comes_back),
    };
    return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
