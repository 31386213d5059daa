/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting a record in the key manager revokes its key: at every node, within the sync interval, whatever
 * happens beside it. Records that cannot be seen were not deleted. */
#include "support/nodes.h"

static bool holds_bytes(const struct world *w, const uint8_t key[KEK_BYTES])
{
    return memmem(w->memory, w->memory_size, key, KEK_BYTES) != NULL;
}

static void warm_at_both(struct world *a, uint8_t uid[UUID_BYTES], uint8_t key[KEK_BYTES])
{
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(a, uid, key), REASON_NONE);
    assert_int_equal(do_get(a->next_node, uid, key), REASON_NONE);
    check_agreed(a, uid);
}

/* Turns until no node has it; more than `most` fails. */
static void forgotten_within(struct world *a, const uint8_t uid[UUID_BYTES], const uint8_t key[KEK_BYTES],
                             uint64_t most)
{
    struct world *b = a->next_node;
    uint64_t begin = a->now.mono_ms;
    uint8_t got[KEK_BYTES];
    while (entry_of_uid(a, uid) != NULL || entry_of_uid(b, uid) != NULL) {
        if (a->now.mono_ms - begin > most)
            fail_msg("it is still there after %u ms", (unsigned)most);
        world_turn(a);
    }
    assert_false(holds_bytes(a, key) || holds_bytes(b, key));
    assert_int_equal(do_get(a, uid, got), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_get(b, uid, got), REASON_ITEM_NOT_FOUND);
}

static void a_removed_record_is_forgotten_within_the_sync_interval(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], other[UUID_BYTES], kept[KEK_BYTES], got[KEK_BYTES];
    warm_at_both(a, other, kept);
    for (int quiet = 0; quiet < 2; quiet++) {
        warm_at_both(a, uid, key);
        world_wait(a, quiet == 0 ? 0 : 600000);
        fake_remove(cloud_of(a), uid);
        forgotten_within(a, uid, key, (quiet == 0 ? BUSY_MS : IDLE_MS) + CALLS_MS);
        assert_true(world_restart(a)); /* nor does the journal bring it back */
        assert_true(world_settle(a));
        assert_int_equal(do_get(a, uid, got), REASON_ITEM_NOT_FOUND);
        check_gone(a, uid);
    }
    assert_int_equal(do_get(a, other, got), REASON_NONE);
    assert_memory_equal(got, kept, KEK_BYTES);
}

/* A key manager that refuses to sort by removal is not pestered, and what is removed is found all the same.
 */
static void a_refused_list_of_removals_is_made_up_for(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    fake_answer(&a->fake, KEYMGR_LIST_DELETED, KEYMGR_REFUSED, 0);
    fake_answer(&b->fake, KEYMGR_LIST_DELETED, KEYMGR_REFUSED, 0);
    warm_at_both(a, uid, key);
    world_wait(a, 60000);
    unsigned calls = a->fake.calls[KEYMGR_LIST_DELETED];
    world_wait(a, 120000);
    assert_true(a->fake.calls[KEYMGR_LIST_DELETED] <= calls + 1);
    fake_remove(cloud_of(a), uid);
    forgotten_within(a, uid, key, 310000);
}

static void its_older_generations_go_with_it(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    for (enum keymgr_result result = KEYMGR_OK; result <= KEYMGR_DENIED; result++) {
        warm_at_both(a, uid, key);
        struct world *nodes[] = {a, a->next_node};
        for (int i = 0; i < 2; i++)
            fake_answer(&nodes[i]->fake, KEYMGR_DELETE, KEYMGR_DENIED, 0);
        for (int i = 0; i < 3; i++) {
            char name[16];
            snprintf(name, sizeof name, "x-%d", i);
            assert_int_equal(do_add_text(nodes[i % 2], uid, name, "1"), REASON_NONE);
            world_wait(a, 5000);
        }
        assert_true(fake_living(cloud_of(a), uid) == 4);
        for (int i = 0; i < 2; i++)
            fake_answer(&nodes[i]->fake, KEYMGR_DELETE, KEYMGR_OK, 0);
        world_wait(a,
                   result == KEYMGR_OK ? 700000 : 10000); /* the right to remove is tried again, or not yet */
        struct fake_record *newest = fake_find(cloud_of(a), uid);
        newest->removed = ++cloud_of(a)->next_removed;
        forgotten_within(a, uid, key, IDLE_MS + CALLS_MS);
        world_wait(a, 3600000 + 700000);
        assert_int_equal(fake_living(cloud_of(a), uid), 0);
        forgotten_within(a, uid, key, 0);
    }
}

static void a_change_that_is_not_written_yet_does_not_bring_it_back(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (uint64_t wait = 0; wait < 3000; wait += 125)
        for (int both = 0; both < 2; both++) {
            uint8_t uid[UUID_BYTES], key[KEK_BYTES];
            warm_at_both(a, uid, key);
            assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
            if (both == 1)
                assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
            world_wait(a, wait);
            fake_remove(cloud_of(a), uid);
            world_wait(a, 20000);
            check_gone(a, uid);
            forgotten_within(a, uid, key, 0);
        }
}

/* The record is removed while a call about it is under way. */
static void what_is_under_way_does_not_bring_it_back(void **state)
{
    struct world *a = *state;
    static const enum keymgr_call_kind kinds[] = {KEYMGR_GET, KEYMGR_FIND, KEYMGR_LIST, KEYMGR_LIST_DELETED,
                                                  KEYMGR_UNWRAP};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int before = 0; before < 30; before += 3) {
            uint8_t uid[UUID_BYTES], key[KEK_BYTES];
            warm_at_both(a, uid, key);
            assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
            fake_answer(&a->fake, kinds[i], KEYMGR_OK, 20);
            fake_answer(&a->next_node->fake, kinds[i], KEYMGR_OK, 20);
            store_erase_keks(&a->store);
            item_get(ask(a, 1), uid);
            ask_send(a, 1);
            world_turns(a, 190 + before);
            fake_remove(cloud_of(a), uid);
            world_turns(a, 3000);
            fake_answer(&a->fake, kinds[i], KEYMGR_OK, 0);
            fake_answer(&a->next_node->fake, kinds[i], KEYMGR_OK, 0);
            check_gone(a, uid);
            forgotten_within(a, uid, key, 0);
        }
}

static void a_node_that_was_off_with_a_change_does_not_bring_it_back(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    warm_at_both(a, uid, key);
    assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
    world_kill(b);
    fake_remove(cloud_of(a), uid);
    world_wait(a, 60000);
    assert_true(world_restart(b));
    assert_true(world_settle(b));
    world_wait(a, 10000);
    check_gone(a, uid);
    forgotten_within(a, uid, key, 0);
}

/* Many at once, more than the list of removals tells in a page. */
static void a_hundred_removed_records_are_forgotten(void **state)
{
    (void)state;
    struct world *a = nodes_new(2, &(struct store_settings){.objects = 200, .record_bytes = 300000});
    static uint8_t uids[150][UUID_BYTES];
    uint8_t key[KEK_BYTES];
    for (int i = 0; i < 150; i++)
        assert_int_equal(do_create(a, NULL, uids[i]), REASON_NONE);
    world_wait(a, 20000);
    for (int i = 0; i < 100; i++)
        fake_remove(cloud_of(a), uids[i]);
    world_turns(a, (IDLE_MS + 5000) / WORLD_TURN_MS);
    for (int i = 0; i < 150; i++) {
        assert_int_equal(entry_of_uid(a, uids[i]) == NULL, i < 100);
        assert_int_equal(entry_of_uid(a->next_node, uids[i]) == NULL, i < 100);
    }
    assert_int_equal(do_get(a->next_node, uids[120], key), REASON_NONE);
    nodes_free(a);
}

/* Access was lost, and the service shows no records at all instead of a refusal. */
static void an_empty_list_without_access_removes_nothing(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uids[3][UUID_BYTES], keys[3][KEK_BYTES], got[KEK_BYTES];
    for (int i = 0; i < 3; i++)
        warm_at_both(a, uids[i], keys[i]);
    a->fake.blind = b->fake.blind = true;
    assert_int_equal(do_add_text(a, uids[0], "x-a", "1"), REASON_NONE);
    for (int i = 0; i < 20; i++) {
        world_wait(a, 600000);
        store_refresh(&a->store);
    }
    assert_true(world_restart(b));
    world_wait(a, 600000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(do_get(a, uids[i], got), REASON_NONE);
        assert_memory_equal(got, keys[i], KEK_BYTES);
        assert_int_equal(do_get(b, uids[i], got), REASON_NONE);
    }
    a->fake.blind = b->fake.blind = false;
    world_wait(a, 30000);
    for (int i = 0; i < 3; i++)
        check_agreed(a, uids[i]);
    assert_true(has_text(b, uids[0], "x-a", "1"));
}

static void a_restored_record_is_found_again(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        warm_at_both(a, uid, key);
        for (int i = 0; i < 40; i++) { /* newer ones, so that no list of new records tells of it */
            uint8_t other[UUID_BYTES];
            if (by_hand == 0)
                assert_int_equal(do_create(a, NULL, other), REASON_NONE);
        }
        world_wait(a, 120000);
        fake_remove(cloud_of(a), uid);
        world_wait(a, 20000);
        assert_int_equal(do_get(a, uid, got), REASON_ITEM_NOT_FOUND);
        fake_restore(cloud_of(a), uid);
        if (by_hand == 1) {
            store_refresh(&a->store);
            store_refresh(&b->store);
        }
        world_wait(a, by_hand == 1 ? 1000 : 3600000 + 10000);
        for (int i = 0; i < 2; i++, a = a->next_node) {
            assert_int_equal(do_get(a, uid, got), REASON_NONE);
            assert_memory_equal(got, key, KEK_BYTES);
        }
        check_agreed(a, uid);
        assert_int_equal(do_add_text(b, uid, "x-note", "1"), REASON_NONE);
        check_agreed(a, uid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(a_removed_record_is_forgotten_within_the_sync_interval),
        NODES(a_refused_list_of_removals_is_made_up_for),
        NODES(its_older_generations_go_with_it),
        NODES(a_change_that_is_not_written_yet_does_not_bring_it_back),
        NODES(what_is_under_way_does_not_bring_it_back),
        NODES(a_node_that_was_off_with_a_change_does_not_bring_it_back),
        cmocka_unit_test(a_hundred_removed_records_are_forgotten),
        NODES(an_empty_list_without_access_removes_nothing),
        NODES(a_restored_record_is_found_again),
    };
    return cmocka_run_group_tests_name("removed", tests, NULL, NULL);
}
