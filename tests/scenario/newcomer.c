/* SPDX-License-Identifier: Apache-2.0 */
/* What a node does not know: Unique Identifiers that nobody has, records that lists tell of late, a whole
 * catalogue. */
#include "support/nodes.h"

static void an_unknown_identifier_is_not_found_after_a_short_deadline(void **state)
{
    struct world *b = ((struct world *)*state)->next_node;
    uint8_t none[UUID_BYTES] = {7}, key[KEK_BYTES];
    world_wait(b, 120000);
    uint64_t begin = b->now.mono_ms;
    assert_int_equal(do_get(b, none, key), REASON_ITEM_NOT_FOUND);
    assert_in_range(b->now.mono_ms - begin, 1000, 2000);
    begin = b->now.mono_ms; /* that answer is kept for a moment */
    assert_int_equal(do_get(b, none, key), REASON_ITEM_NOT_FOUND);
    assert_int_equal(b->now.mono_ms, begin);
}

static void unknown_identifiers_share_their_lists(void **state)
{
    struct world *b = ((struct world *)*state)->next_node;
    unsigned lists[2];
    for (int many = 0; many < 2; many++) {
        world_wait(b, 120000);
        lists[many] = b->fake.calls[KEYMGR_LIST];
        for (int round = 0; round < 40; round++) {
            for (int i = 0; i < (many == 0 ? 1 : WORLD_ASKERS); i++) {
                uint8_t none[UUID_BYTES] = {(uint8_t)(1 + many), (uint8_t)round, (uint8_t)i};
                item_get(ask(b, i), none);
                assert_false(ask_send(b, i));
            }
            for (int i = 0; i < (many == 0 ? 1 : WORLD_ASKERS); i++) {
                assert_true(ask_finish(b, i));
                check_reason(b, i, 0, REASON_ITEM_NOT_FOUND);
            }
        }
        lists[many] = b->fake.calls[KEYMGR_LIST] - lists[many];
    }
    /* 40 rounds of 1.5 s: a list every 200 ms, whether one asks or eight do. */
    assert_in_range(lists[0], 200, 400);
    assert_true(lists[1] <= lists[0] + 40);
}

/* A batch of so many unknown ones that they do not fit the table is answered all the same. */
static void more_unknown_identifiers_than_are_remembered_are_answered(void **state)
{
    struct world *b = ((struct world *)*state)->next_node;
    for (int i = 0; i < WORLD_ASKERS; i++) {
        b->askers[i].options.continuation = BATCH_CONTINUE;
        b->askers[i].patience_ms = 100000;
        struct message *m = ask(b, i);
        for (int k = 0; k < 30; k++) {
            uint8_t none[UUID_BYTES] = {5, (uint8_t)i, (uint8_t)k};
            item_get(m, none);
        }
        assert_false(ask_send(b, i));
    }
    unsigned lists = b->fake.calls[KEYMGR_LIST];
    for (int i = 0; i < 15000 && b->askers[WORLD_ASKERS - 1].busy; i++)
        world_turn(b);
    for (int i = 0; i < WORLD_ASKERS; i++) {
        assert_true(ask_finish(b, i));
        assert_int_equal(answer_count(answer_of(b, i)), 30);
        for (int k = 0; k < 30; k++)
            check_reason(b, i, k, REASON_ITEM_NOT_FOUND);
    }
    assert_true(b->fake.calls[KEYMGR_LIST] - lists <= 5 * 100 + 10); /* five a second */
}

static void askers_that_hang_up_leave_room_for_others(void **state)
{
    struct world *b = ((struct world *)*state)->next_node;
    uint8_t key[KEK_BYTES];
    for (int i = 0; i < MISSES_MAX + 10; i++) {
        uint8_t none[UUID_BYTES] = {8, (uint8_t)i};
        item_get(ask(b, 0), none);
        assert_false(ask_send(b, 0));
        ask_hang_up(b, 0);
    }
    world_wait(b, 10000);
    for (int i = 0; i < 3; i++) {
        uint8_t none[UUID_BYTES] = {9, (uint8_t)i};
        uint64_t begin = b->now.mono_ms;
        assert_int_equal(do_get(b, none, key), REASON_ITEM_NOT_FOUND);
        assert_true(b->now.mono_ms - begin <= 2000);
    }
}

static void a_list_that_lags_is_waited_for(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (uint64_t lag = 100; lag <= 1000; lag += 300) {
        uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
        cloud_of(a)->list_lag_ms = cloud_of(a)->find_lag_ms = lag;
        assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
        uint64_t begin = b->now.mono_ms;
        assert_int_equal(do_get(b, uid, got), REASON_NONE);
        assert_true(b->now.mono_ms - begin <= lag + 300);
        assert_int_equal(do_get(a, uid, key), REASON_NONE);
        assert_memory_equal(key, got, KEK_BYTES);
        assert_int_equal(do_add_text(b, uid, "x-note", "1"), REASON_NONE);
        until_text(a, uid, "x-note", "1", FLUSH_MS + BUSY_MS + lag + CALLS_MS);
        check_agreed(a, uid);
        world_wait(a, 5000);
        check_agreed(a, uid);
    }
}

/* A node's own new record is not taken for a removed one while lists do not tell of it. */
static void what_lists_do_not_tell_yet_is_not_forgotten(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    cloud_of(a)->list_lag_ms = cloud_of(a)->find_lag_ms = 20000;
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    store_refresh(&a->store); /* the whole list does not have it */
    for (int i = 0; i < 30; i++) {
        world_wait(a, 1000);
        assert_int_equal(do_get(a, uid, key), REASON_NONE);
    }
    check_agreed(a, uid);
}

#define MANY 400
static uint8_t many[MANY][UUID_BYTES];

static struct world *node_with_many(void)
{
    struct world *a = nodes_new(2, &(struct store_settings){.objects = 500, .record_bytes = 500000});
    for (int i = 0; i < MANY; i++)
        assert_int_equal(do_create(i % 2 == 0 ? a : a->next_node, NULL, many[i]), REASON_NONE);
    world_wait(a, 5000);
    return a;
}

/* Turns until nothing is left to read. */
static void read_all(struct world *w)
{
    for (int i = 0; i < 5000 && !store_complete(&w->store); i++)
        world_turn(w);
    assert_true(store_complete(&w->store));
}

static void a_third_node_serves_what_is_asked_first(void **state)
{
    (void)state;
    struct world *a = node_with_many();
    uint8_t key[KEK_BYTES], got[KEK_BYTES];
    assert_int_equal(do_get(a, many[13], key), REASON_NONE);
    struct world_options options = a->options;
    options.beside = a;
    struct world *c = world_new(&options);
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        fake_answer(&c->fake, k, KEYMGR_OK, 5);
    static const int asked[] = {13, 399, 200};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(do_get(c, many[asked[i]], got), REASON_NONE);
        assert_true(c->fake.calls[KEYMGR_GET] <= 40); /* ten times less than there are */
        if (i == 0)
            assert_memory_equal(key, got, KEK_BYTES);
    }
    assert_false(store_complete(&c->store));
    read_all(c);
    assert_int_equal(c->store.catalogue.visible, MANY);
    assert_in_range(c->fake.calls[KEYMGR_GET], MANY, MANY + 5);
    for (int i = 0; i < MANY; i += 37)
        assert_int_equal(do_get(c, many[i], got), REASON_NONE);
    nodes_free(a);
}

static void a_third_node_changes_what_it_has_not_read(void **state)
{
    (void)state;
    struct world *a = node_with_many();
    struct world_options options = a->options;
    options.beside = a;
    struct world *c = world_new(&options);
    for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
        fake_answer(&c->fake, k, KEYMGR_OK, 5);
    assert_int_equal(do_add_text(c, many[77], "x-note", "1"), REASON_NONE);
    assert_int_equal(do_uid(c, OPERATION_DESTROY, many[78]), REASON_NONE);
    assert_false(store_complete(&c->store));
    /* Meanwhile another one goes, and another one changes. */
    fake_remove(cloud_of(a), many[79]);
    assert_int_equal(do_add_text(a, many[80], "x-note", "2"), REASON_NONE);
    read_all(c);
    check_agreed(a, many[77]);
    check_agreed(a, many[78]);
    check_gone(a, many[79]);
    check_agreed(a, many[80]);
    assert_true(has_text(c, many[80], "x-note", "2"));
    nodes_free(a);
}

/* One node may not remove records: older generations pile up, and change nothing. */
static void older_generations_that_stay_behind_are_harmless(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    char text[16];
    fake_answer(&a->fake, KEYMGR_DELETE, KEYMGR_DENIED, 0);
    fake_answer(&b->fake, KEYMGR_DELETE, KEYMGR_DENIED, 0);
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(a, uid, key), REASON_NONE);
    assert_int_equal(do_add_text(a, uid, "x-note", "0"), REASON_NONE);
    world_wait(a, 10000);
    for (int i = 1; i < 6; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(do_modify_text(i % 2 == 0 ? a : b, uid, "x-note", text), REASON_NONE);
        world_wait(a, 10000);
    }
    item_delete_attribute(ask(a, 1), uid, "x-note");
    assert_int_equal(finish(a, 1), REASON_NONE);
    world_wait(a, 10000);
    assert_true(fake_living(cloud_of(a), uid) >= 5);
    assert_true(a->store.removals_refused != 0);
    struct world *c = node_beside(a); /* it has the right, and it knows nothing */
    for (int i = 0; i < 2; i++) {
        assert_false(text_of(i == 0 ? a : b, uid, "x-note", text, sizeof text));
        assert_int_equal(do_get(i == 0 ? a : b, uid, got), REASON_NONE);
        assert_memory_equal(key, got, KEK_BYTES);
    }
    assert_false(text_of(c, uid, "x-note", text, sizeof text));
    assert_int_equal(do_get(c, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    world_wait(a, 5000);
    assert_int_equal(fake_living(cloud_of(a), uid), 1);
    assert_int_equal(do_uid(c, OPERATION_DESTROY, uid), REASON_NONE);
    world_wait(a, 20000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(do_get(i == 0 ? a : i == 1 ? b : c, uid, got), REASON_ITEM_NOT_FOUND);
}

static void the_right_to_remove_that_is_granted_later_is_used(void **state)
{
    struct world *a = *state;
    uint8_t uid[UUID_BYTES];
    fake_answer(&a->fake, KEYMGR_DELETE, KEYMGR_DENIED, 0);
    fake_answer(&a->next_node->fake, KEYMGR_DELETE, KEYMGR_DENIED, 0);
    assert_int_equal(do_create(a, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(a, uid, "x-note", "0"), REASON_NONE);
    world_wait(a, 30000);
    unsigned deletes = calls_of_all(a, KEYMGR_DELETE);
    assert_in_range(deletes, 1, 4); /* it is not asked for again and again */
    fake_answer(&a->fake, KEYMGR_DELETE, KEYMGR_OK, 0);
    fake_answer(&a->next_node->fake, KEYMGR_DELETE, KEYMGR_OK, 0);
    world_wait(a, 3600000 + 600000);
    assert_int_equal(fake_living(cloud_of(a), uid), 1);
    assert_true(has_text(a, uid, "x-note", "0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(an_unknown_identifier_is_not_found_after_a_short_deadline),
        NODES(unknown_identifiers_share_their_lists),
        NODES(more_unknown_identifiers_than_are_remembered_are_answered),
        NODES(askers_that_hang_up_leave_room_for_others),
        NODES(a_list_that_lags_is_waited_for),
        NODES(what_lists_do_not_tell_yet_is_not_forgotten),
        cmocka_unit_test(a_third_node_serves_what_is_asked_first),
        cmocka_unit_test(a_third_node_changes_what_it_has_not_read),
        NODES(older_generations_that_stay_behind_are_harmless),
        NODES(the_right_to_remove_that_is_granted_later_is_used),
    };
    return cmocka_run_group_tests_name("newcomer", tests, NULL, NULL);
}
