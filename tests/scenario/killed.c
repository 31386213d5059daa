/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node is killed at every single boundary of its calls to the key manager: after each one that it submits
 * and each answer that it takes, and the calls under way then take place or do not. The other node goes on,
 * the killed one comes back, and in the end nothing that was acknowledged is lost, one record of each object
 * lives, and nothing that was revoked or destroyed is back.
 */
#include "support/nodes.h"

#include "store/object.h"

#define KEYS       3
#define EVENTS_MAX 400

struct saga {
    uint8_t uids[KEYS][UUID_BYTES];
    uint8_t keys[KEYS][KEK_BYTES];
    bool acknowledged[2]; /* what the story did, at one node and at the other */
};

struct tale {
    void (*prepare)(struct world *a, struct saga *saga);
    void (*act)(struct world *a, struct saga *saga); /* may end early, when the node is killed in it */
    void (*check)(struct world *a, struct saga *saga);
};

/* Every object that has a living record has one, and both nodes have it. */
static void check_every_object(struct world *a)
{
    struct fake_keymgr *cloud = cloud_of(a);
    for (size_t i = 0; i < cloud->high; i++)
        if (cloud->records[i].used && cloud->records[i].removed == 0)
            check_agreed(a, cloud->records[i].uid);
}

/* So that there is time between a call and its answer. */
static void slow_down(struct world *a)
{
    for (int i = 0; i < 2; i++, a = a->next_node)
        for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
            fake_answer(&a->fake, k, KEYMGR_OK, 2);
}

/* True when the story ran through and its node was not killed. */
static bool tell(const struct tale *tale, int victim, uint64_t event, bool finishes, uint64_t absence)
{
    struct saga saga;
    memset(&saga, 0, sizeof saga);
    struct world *a = nodes_new(2, NULL), *killed = victim == 0 ? a : a->next_node;
    if (tale->prepare != NULL)
        tale->prepare(a, &saga);
    slow_down(a);
    world_kill_at(killed, event, finishes);
    tale->act(a, &saga);
    bool through = !world_is_off(killed);
    world_kill_at(killed, 0, false);
    if (!through) {
        world_wait(a, absence);
        assert_true(world_restart(killed));
        assert_true(world_settle(killed));
    }
    world_wait(a, 5000);
    check_every_object(a);
    tale->check(a, &saga);
    store_refresh(&a->store);
    store_refresh(&a->next_node->store);
    world_wait(a, 20000);
    check_every_object(a);
    tale->check(a, &saga);
    nodes_free(a);
    return through;
}

static void tell_with_every_death(const struct tale *tale)
{
    static const uint64_t absences[] = {0, 30000};
    for (int victim = 0; victim < 2; victim++)
        for (int variant = 0; variant < 4; variant++) {
            uint64_t event = 1;
            while (!tell(tale, victim, event, variant % 2 != 0, absences[variant / 2])) {
                event++;
                assert_true(event < EVENTS_MAX);
            }
            assert_true(event > 3);
        }
}

static void make_a_key(struct world *a, struct saga *saga)
{
    assert_int_equal(do_create(a, NULL, saga->uids[0]), REASON_NONE);
    assert_int_equal(do_get(a, saga->uids[0], saga->keys[0]), REASON_NONE);
    check_agreed(a, saga->uids[0]);
}

static void check_served(struct world *a, const uint8_t uid[UUID_BYTES], const uint8_t key[KEK_BYTES])
{
    for (int i = 0; i < 2; i++, a = a->next_node) {
        uint8_t got[KEK_BYTES];
        assert_int_equal(do_get(a, uid, got), REASON_NONE);
        assert_memory_equal(got, key, KEK_BYTES);
    }
}

/* ---- Create ---- */

static void create(struct world *a, struct saga *saga)
{
    struct world *b = a->next_node;
    saga->acknowledged[0] = do_create(a, "disk", saga->uids[0]) == REASON_NONE;
    if (saga->acknowledged[0])
        saga->acknowledged[1] = !world_is_off(b) && do_get(b, saga->uids[0], saga->keys[0]) == REASON_NONE;
    world_turns(a, 300);
}

static void created(struct world *a, struct saga *saga)
{
    if (!saga->acknowledged[0])
        return; /* it may be there all the same: its answer got lost */
    if (!saga->acknowledged[1])
        assert_int_equal(do_get(a->next_node, saga->uids[0], saga->keys[0]), REASON_NONE);
    check_served(a, saga->uids[0], saga->keys[0]);
}

static void during_a_create(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){NULL, create, created});
}

/* ---- a change of attributes, and its upload ---- */

static void change(struct world *a, struct saga *saga)
{
    saga->acknowledged[0] = do_add_text(a, saga->uids[0], "x-a", "1") == REASON_NONE;
    saga->acknowledged[1] = do_add_text(a, saga->uids[0], "x-b", "1") == REASON_NONE;
    world_turns(a, 400);
}

static void changed(struct world *a, struct saga *saga)
{
    check_served(a, saga->uids[0], saga->keys[0]);
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_true(!saga->acknowledged[0] || has_text(a, saga->uids[0], "x-a", "1"));
        assert_true(!saga->acknowledged[1] || has_text(a, saga->uids[0], "x-b", "1"));
    }
}

static void during_a_change_and_its_upload(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){make_a_key, change, changed});
}

/* ---- Activate and Revoke, beside a change at the other node ---- */

static void activate_first(struct world *a, struct saga *saga)
{
    make_a_key(a, saga);
    assert_int_equal(do_uid(a, OPERATION_ACTIVATE, saga->uids[0]), REASON_NONE);
    check_agreed(a, saga->uids[0]);
}

static void revoke(struct world *a, struct saga *saga)
{
    struct world *b = a->next_node;
    saga->acknowledged[1] = !world_is_off(b) && do_add_text(b, saga->uids[0], "x-b", "1") == REASON_NONE;
    world_turns(a, 195);
    saga->acknowledged[0] = do_revoke(a, saga->uids[0], REVOCATION_KEY_COMPROMISE) == REASON_NONE;
    world_turns(a, 300);
}

static void revoked(struct world *a, struct saga *saga)
{
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_true(!saga->acknowledged[0] || state_of(a, saga->uids[0]) == STATE_COMPROMISED);
        assert_true(!saga->acknowledged[1] || has_text(a, saga->uids[0], "x-b", "1"));
    }
}

static void during_a_revoke(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){activate_first, revoke, revoked});
}

/* ---- Destroy, beside a change at the other node ---- */

static void destroy(struct world *a, struct saga *saga)
{
    struct world *b = a->next_node;
    saga->acknowledged[1] = !world_is_off(b) && do_add_text(b, saga->uids[0], "x-b", "1") == REASON_NONE;
    world_turns(a, 195);
    saga->acknowledged[0] = do_uid(a, OPERATION_DESTROY, saga->uids[0]) == REASON_NONE;
    world_turns(a, 300);
}

static void destroyed(struct world *a, struct saga *saga)
{
    struct object object;
    uint8_t got[KEK_BYTES];
    struct fake_record *r = fake_find(cloud_of(a), saga->uids[0]);
    if (!saga->acknowledged[0])
        return;
    assert_non_null(r);
    assert_int_equal(object_open(span_of(r->data, r->len), &object), STATUS_OK);
    assert_int_equal(object.wrapped_kek.len, 0);
    for (int i = 0; i < 2; i++, a = a->next_node) {
        assert_int_equal(state_of(a, saga->uids[0]), STATE_DESTROYED);
        assert_int_equal(do_get(a, saga->uids[0], got), REASON_ITEM_NOT_FOUND);
    }
}

static void during_a_destroy(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){make_a_key, destroy, destroyed});
}

/* ---- both nodes write at the same moment, and merge ---- */

static void change_at_both(struct world *a, struct saga *saga)
{
    struct world *b = a->next_node;
    item_add_text(ask(a, 1), saga->uids[0], "x-a", "1");
    item_add_text(ask(b, 1), saga->uids[0], "x-b", "1");
    ask_send(a, 1);
    ask_send(b, 1);
    saga->acknowledged[0] = ask_finish(a, 1) && !world_is_off(a);
    saga->acknowledged[1] = ask_finish(b, 1) && !world_is_off(b);
    world_turns(a, 1000);
}

static void during_a_merge(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){make_a_key, change_at_both, changed});
}

/* ---- the sweep after a rotation of the root key ---- */

static void make_keys_and_rotate(struct world *a, struct saga *saga)
{
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(do_create(a, NULL, saga->uids[i]), REASON_NONE);
        assert_int_equal(do_get(a, saga->uids[i], saga->keys[i]), REASON_NONE);
    }
    for (int i = 0; i < KEYS; i++)
        check_agreed(a, saga->uids[i]);
    cloud_of(a)->root_version[0] = 7;
}

static void sweep(struct world *a, struct saga *saga)
{
    (void)saga;
    store_refresh(&a->store); /* the root key's version is asked for at once */
    world_turns(a, 10);
    if (!world_is_off(a->next_node))
        store_refresh(&a->next_node->store);
    world_turns(a, 490);
}

static void swept(struct world *a, struct saga *saga)
{
    world_turns(a, 300);
    for (int i = 0; i < KEYS; i++) {
        struct object object;
        struct fake_record *r = fake_find(cloud_of(a), saga->uids[i]);
        assert_non_null(r);
        assert_int_equal(object_open(span_of(r->data, r->len), &object), STATUS_OK);
        assert_true(span_equal(object.root_version, span_of(cloud_of(a)->root_version, ROOT_VERSION_BYTES)));
        store_erase_keks(&a->store);
        store_erase_keks(&a->next_node->store);
        check_served(a, saga->uids[i], saga->keys[i]);
    }
    check_every_object(a);
}

static void during_the_sweep_after_a_rotation(void **state)
{
    (void)state;
    tell_with_every_death(&(struct tale){make_keys_and_rotate, sweep, swept});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(during_a_create), cmocka_unit_test(during_a_change_and_its_upload),
        cmocka_unit_test(during_a_revoke), cmocka_unit_test(during_a_destroy),
        cmocka_unit_test(during_a_merge),  cmocka_unit_test(during_the_sweep_after_a_rotation),
    };
    return cmocka_run_group_tests_name("killed", tests, NULL, NULL);
}
