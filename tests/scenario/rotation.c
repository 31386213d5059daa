/* SPDX-License-Identifier: Apache-2.0 */
/* The root key is rotated: every key is wrapped anew, slowly, and no key is lost in it. */
#include "support/nodes.h"

#include "store/object.h"

#define KEYS     12
#define CHECK_MS 30000
#define PACE_MS  200

struct keys {
    uint8_t uids[KEYS][UUID_BYTES];
    uint8_t keys[KEYS][KEK_BYTES];
};

static void make_keys(struct world *a, struct keys *k)
{
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(do_create(i % 2 == 0 ? a : a->next_node, NULL, k->uids[i]), REASON_NONE);
        assert_int_equal(do_get(a, k->uids[i], k->keys[i]), REASON_NONE);
    }
    for (int i = 0; i < KEYS; i++)
        check_agreed(a, k->uids[i]);
}

static void rotate(struct world *a, uint8_t version)
{
    cloud_of(a)->root_version[0] = version;
}

/* How many keys the key manager has under the newest version. */
static int wrapped_anew(struct world *a, const struct keys *k)
{
    int n = 0;
    for (int i = 0; i < KEYS; i++) {
        struct object object;
        struct fake_record *r = fake_find(cloud_of(a), k->uids[i]);
        assert_non_null(r);
        assert_int_equal(object_open(span_of(r->data, r->len), &object), STATUS_OK);
        n += object.wrapped_kek.len == FAKE_WRAPPED &&
             object.wrapped_kek.ptr[0] == (uint8_t)('W' ^ cloud_of(a)->root_version[0]) &&
             span_equal(object.root_version, span_of(cloud_of(a)->root_version, ROOT_VERSION_BYTES));
    }
    return n;
}

static void check_all_served(struct world *a, const struct keys *k)
{
    struct world *node = a;
    do {
        if (!world_is_off(node))
            store_erase_keks(&node->store);
        for (int i = 0; i < KEYS && !world_is_off(node); i++) {
            uint8_t got[KEK_BYTES];
            assert_int_equal(do_get(node, k->uids[i], got), REASON_NONE);
            assert_memory_equal(got, k->keys[i], KEK_BYTES);
        }
        node = node->next_node;
    } while (node != a);
    for (int i = 0; i < KEYS; i++)
        check_agreed(a, k->uids[i]);
}

static void until_wrapped_anew(struct world *a, const struct keys *k, uint64_t most)
{
    uint64_t begin = a->now.mono_ms;
    while (wrapped_anew(a, k) != KEYS) {
        if (a->now.mono_ms - begin > most)
            fail_msg("%d of %d after %u ms", wrapped_anew(a, k), KEYS, (unsigned)most);
        world_turn(a);
    }
}

static void every_key_is_wrapped_anew_at_a_slow_pace(void **state)
{
    struct world *a = *state;
    struct keys k;
    make_keys(a, &k);
    world_kill(a->next_node);
    rotate(a, 1);
    unsigned before = a->fake.calls[KEYMGR_REWRAP], most = 0, last = before;
    while (!a->store.rewrap.running)
        world_turn(a);
    assert_int_equal(a->store.rewrap.total, KEYS);
    for (int second = 0; second < 10; second++) {
        uint32_t done = a->store.rewrap.done;
        world_turns(a, 100);
        assert_true(a->store.rewrap.done >= done); /* it goes on, and says how far */
        if (a->fake.calls[KEYMGR_REWRAP] - last > most)
            most = a->fake.calls[KEYMGR_REWRAP] - last;
        last = a->fake.calls[KEYMGR_REWRAP];
    }
    assert_in_range(most, 1, 1000 / PACE_MS + 1);
    assert_int_equal(a->fake.calls[KEYMGR_REWRAP] - before, KEYS);
    assert_false(a->store.rewrap.running);
    assert_int_equal(a->store.rewrap.done, KEYS);
    assert_int_equal(a->store.rewrap.failed, 0);
    assert_true(world_restart(a->next_node));
    assert_true(world_settle(a->next_node));
    assert_int_equal(wrapped_anew(a, &k), KEYS);
    check_all_served(a, &k);
    world_wait(a, 600000); /* nothing is left to do */
    assert_int_equal(calls_of_all(a, KEYMGR_REWRAP), KEYS);
}

/* While one node sweeps the other finds the new records, and need not do it again. */
static void the_other_node_adopts_what_was_wrapped_anew(void **state)
{
    struct world *a = *state, *b = a->next_node;
    struct keys k;
    make_keys(a, &k);
    rotate(a, 1);
    store_refresh(&a->store); /* it is told first */
    world_turns(a, 700);
    assert_int_equal(wrapped_anew(a, &k), KEYS);
    until_wrapped_anew(a, &k, 0);
    world_wait(a, CHECK_MS * 2);
    assert_int_equal(b->fake.calls[KEYMGR_REWRAP], 0);
    assert_int_equal(b->store.rewrap.running, false);
    check_all_served(a, &k);
}

static void two_nodes_that_sweep_at_once_end_with_one_record_of_each(void **state)
{
    struct world *a = *state;
    for (uint8_t version = 1; version < 4; version++) {
        struct keys k;
        for (enum keymgr_call_kind kind = KEYMGR_NEW_KEY; kind <= KEYMGR_DELETE; kind++)
            for (int i = 0; i < 2; i++, a = a->next_node)
                fake_answer(&a->fake, kind, KEYMGR_OK, (version - 1) * 3);
        make_keys(a, &k);
        rotate(a, version);
        store_refresh(&a->store);
        store_refresh(&a->next_node->store);
        until_wrapped_anew(a, &k, 60000);
        check_all_served(a, &k);
        world_wait(a, 600000);
        check_all_served(a, &k);
        assert_int_equal(wrapped_anew(a, &k), KEYS);
    }
}

static void keys_that_could_not_be_wrapped_anew_stay_as_they_are(void **state)
{
    struct world *a = *state;
    struct keys k;
    make_keys(a, &k);
    world_kill(a->next_node);
    rotate(a, 1);
    fake_fail(&a->fake, KEYMGR_REWRAP, KEYMGR_REFUSED, 3);
    world_wait(a, CHECK_MS);
    world_turns(a, 1000);
    assert_false(a->store.rewrap.running);
    assert_int_equal(a->store.rewrap.failed, 3);
    assert_int_equal(wrapped_anew(a, &k), KEYS - 3);
    check_all_served(a, &k);       /* the older version of the root key unwraps */
    assert_true(world_restart(a)); /* after a restart they are tried again */
    assert_true(world_settle(a));
    until_wrapped_anew(a, &k, CHECK_MS * 2);
    check_all_served(a, &k);
}

static void failures_that_pass_only_delay_the_sweep(void **state)
{
    (void)state;
    struct world *a = nodes_new(2, &(struct store_settings){.objects = 200, .record_bytes = 300000});
    static const enum keymgr_result results[] = {KEYMGR_AWAY, KEYMGR_DENIED, KEYMGR_ROOT_EXPIRED};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        for (int lost = 0; lost < 2; lost++) {
            struct keys k;
            make_keys(a, &k);
            rotate(a, (uint8_t)(1 + i * 2 + (size_t)lost));
            fake_fail(&a->fake, KEYMGR_REWRAP, results[i], 3);
            fake_fail(&a->next_node->fake, KEYMGR_REWRAP, results[i], 2);
            if (lost == 1) {
                fake_lose_answer(&a->fake, KEYMGR_PUT);
                fake_lose_answer(&a->next_node->fake, KEYMGR_PUT);
            }
            until_wrapped_anew(a, &k, 90000);
            fake_answer(&a->fake, KEYMGR_PUT, KEYMGR_OK, 0); /* one node may have written nothing */
            fake_answer(&a->next_node->fake, KEYMGR_PUT, KEYMGR_OK, 0);
            check_all_served(a, &k);
        }
    nodes_free(a);
}

static void objects_that_change_during_the_sweep_keep_their_changes(void **state)
{
    struct world *a = *state, *b = a->next_node;
    struct keys k;
    make_keys(a, &k);
    rotate(a, 1);
    store_refresh(&a->store);
    store_refresh(&b->store);
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(do_add_text(i % 2 == 0 ? a : b, k.uids[i], "x-note", "1"), REASON_NONE);
        if (i % 3 == 0)
            assert_int_equal(do_uid(i % 2 == 0 ? b : a, OPERATION_ACTIVATE, k.uids[i]), REASON_NONE);
        world_turns(a, 23);
    }
    until_wrapped_anew(a, &k, 60000);
    check_all_served(a, &k);
    for (int i = 0; i < KEYS; i++) {
        assert_true(has_text(a, k.uids[i], "x-note", "1") && has_text(b, k.uids[i], "x-note", "1"));
        assert_int_equal(state_of(a, k.uids[i]), i % 3 == 0 ? STATE_ACTIVE : STATE_PRE_ACTIVE);
        assert_int_equal(state_of(b, k.uids[i]), i % 3 == 0 ? STATE_ACTIVE : STATE_PRE_ACTIVE);
    }
}

static void objects_that_are_destroyed_during_the_sweep_stay_destroyed(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (int slow = 0; slow < 30; slow += 3) {
        uint8_t uid[UUID_BYTES], key[KEK_BYTES];
        struct object object;
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        check_agreed(a, uid);
        assert_int_equal(do_get(b, uid, key), REASON_NONE);
        check_agreed(a, uid);
        fake_answer(&a->fake, KEYMGR_REWRAP, KEYMGR_OK, 15);
        rotate(a, (uint8_t)(slow + 1));
        store_refresh(&a->store);
        world_turns(a, slow);
        assert_int_equal(do_uid(slow % 2 == 0 ? b : a, OPERATION_DESTROY, uid), REASON_NONE);
        world_turns(a, 600);
        check_agreed(a, uid);
        struct fake_record *r = fake_find(cloud_of(a), uid);
        assert_int_equal(object_open(span_of(r->data, r->len), &object), STATUS_OK);
        assert_int_equal(object.wrapped_kek.len, 0);
        assert_int_equal(do_get(a, uid, key), REASON_ITEM_NOT_FOUND);
        assert_int_equal(do_get(b, uid, key), REASON_ITEM_NOT_FOUND);
    }
}

static void a_restart_in_the_middle_goes_on_where_it_was(void **state)
{
    struct world *a = *state;
    struct keys k;
    make_keys(a, &k);
    world_kill(a->next_node);
    rotate(a, 1);
    store_refresh(&a->store);
    world_turns(a, 100);
    uint32_t done = a->store.rewrap.done;
    assert_in_range(done, 2, KEYS - 2);
    assert_true(world_restart(a));
    assert_true(world_settle(a));
    until_wrapped_anew(a, &k, CHECK_MS * 2);
    assert_true(a->fake.calls[KEYMGR_REWRAP] <=
                KEYS + 1); /* none is done twice, but one that was under way */
    assert_true(world_restart(a->next_node));
    assert_true(world_settle(a->next_node));
    check_all_served(a, &k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(every_key_is_wrapped_anew_at_a_slow_pace),
        NODES(the_other_node_adopts_what_was_wrapped_anew),
        NODES(two_nodes_that_sweep_at_once_end_with_one_record_of_each),
        NODES(keys_that_could_not_be_wrapped_anew_stay_as_they_are),
        cmocka_unit_test(failures_that_pass_only_delay_the_sweep),
        NODES(objects_that_change_during_the_sweep_keep_their_changes),
        NODES(objects_that_are_destroyed_during_the_sweep_stay_destroyed),
        NODES(a_restart_in_the_middle_goes_on_where_it_was),
    };
    return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
