/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of one object at several nodes become one record, the same at all, and nothing that was
 * acknowledged is lost in it. */
#include "support/nodes.h"

static void everything_takes(struct world *w, int turns)
{
    struct world *node = w;
    do {
        for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++)
            fake_answer(&node->fake, k, KEYMGR_OK, turns);
        node = node->next_node;
    } while (node != w);
}

static void known_to_all(struct world *w, uint8_t uid[UUID_BYTES])
{
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    check_agreed(w, uid);
}

static void check_text_everywhere(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                                  const char *value)
{
    struct world *node = w;
    do {
        if (!has_text(node, uid, name, value))
            fail_msg("%s is not %s", name, value);
        node = node->next_node;
    } while (node != w);
}

static void check_state_everywhere(struct world *w, const uint8_t uid[UUID_BYTES], enum state state)
{
    struct world *node = w;
    do {
        assert_int_equal(state_of(node, uid), state);
        node = node->next_node;
    } while (node != w);
}

/* The other node writes first, and this one finds it when it looks. */
static void a_change_finds_another_node_s_record_before_it_is_written(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    known_to_all(a, uid);
    unsigned puts = calls_of_all(a, KEYMGR_PUT);
    assert_int_equal(do_add_text(a, uid, "x-a", "1"), REASON_NONE);
    world_wait(a, 200);
    assert_int_equal(do_add_text(b, uid, "x-b", "1"), REASON_NONE);
    check_agreed(a, uid);
    check_text_everywhere(a, uid, "x-a", "1");
    check_text_everywhere(a, uid, "x-b", "1");
    assert_int_equal(calls_of_all(a, KEYMGR_PUT) - puts, 2); /* the merged one is the second */
}

/* Both look, see nothing, and both write. Who wins by the rules writes what both have come to. */
static void two_nodes_that_write_at_the_same_moment_end_in_one_record(void **state)
{
    struct world *a = *state, *b = a->next_node;
    for (int turns = 0; turns < 30; turns += 5) {
        uint8_t uid[UUID_BYTES];
        everything_takes(a, turns);
        known_to_all(a, uid);
        unsigned puts = calls_of_all(a, KEYMGR_PUT);
        item_add_text(ask(a, 1), uid, "x-a", "1");
        item_add_text(ask(b, 1), uid, "x-b", "1");
        ask_send(a, 1);
        ask_send(b, 1);
        assert_true(ask_finish(a, 1) && ask_finish(b, 1));
        check_agreed(a, uid);
        check_text_everywhere(a, uid, "x-a", "1");
        check_text_everywhere(a, uid, "x-b", "1");
        assert_int_equal(calls_of_all(a, KEYMGR_PUT) - puts, 3); /* one each, and the merged one once */
        world_wait(a, 30000);
        assert_int_equal(calls_of_all(a, KEYMGR_PUT) - puts, 3);
    }
}

/* Of two nodes that merge one lets the other go first; its other changes do not wait for that. */
static void a_merge_that_waits_holds_back_no_other_change(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t merged[UUID_BYTES], other[2][UUID_BYTES];
    for (int round = 0; round < 4; round++) {
        known_to_all(a, merged);
        known_to_all(a, other[0]);
        known_to_all(a, other[1]);
        item_add_text(ask(a, 1), merged, "x-a", "1");
        item_add_text(ask(b, 1), merged, "x-b", "1");
        ask_send(a, 1);
        ask_send(b, 1);
        assert_true(ask_finish(a, 1) && ask_finish(b, 1));
        for (int i = 0; i < 1000 && a->store.sync.merges + b->store.sync.merges < 2 * (uint64_t)(round + 1);
             i++)
            world_turn(a);
        assert_int_equal(a->store.sync.merges + b->store.sync.merges, 2 * (round + 1));
        assert_int_equal(do_add_text(a, other[0], "x-note", "1"), REASON_NONE);
        assert_int_equal(do_add_text(b, other[1], "x-note", "1"), REASON_NONE);
        uint64_t begin = a->now.mono_ms;
        until_text(b, other[0], "x-note", "1", FLUSH_MS + BUSY_MS + CALLS_MS);
        until_text(a, other[1], "x-note", "1", FLUSH_MS + BUSY_MS + CALLS_MS);
        assert_true(a->now.mono_ms - begin <= FLUSH_MS + BUSY_MS + CALLS_MS);
        check_agreed(a, merged);
    }
}

static void three_nodes_that_write_at_the_same_moment_end_in_one_record(void **state)
{
    struct world *a = *state, *nodes[3] = {a, a->next_node, a->next_node->next_node};
    static const char *const names[3] = {"x-a", "x-b", "x-c"};
    for (int turns = 0; turns < 6; turns += 5) {
        uint8_t uid[UUID_BYTES];
        everything_takes(a, turns);
        known_to_all(a, uid);
        unsigned puts = calls_of_all(a, KEYMGR_PUT);
        for (int i = 0; i < 3; i++) {
            item_add_text(ask(nodes[i], 1), uid, names[i], "1");
            ask_send(nodes[i], 1);
        }
        for (int i = 0; i < 3; i++)
            assert_true(ask_finish(nodes[i], 1));
        check_agreed(a, uid);
        for (int i = 0; i < 3; i++)
            check_text_everywhere(a, uid, names[i], "1");
        assert_in_range(calls_of_all(a, KEYMGR_PUT) - puts, 4, 7);
    }
}

/* The merged record is the same at all, and all may write it at once: one of the copies has to stay. */
static void the_same_bytes_written_by_every_node_keep_one_record(void **state)
{
    struct world *a = *state;
    for (int newcomer = 0; newcomer < 2; newcomer++) {
        uint8_t uid[UUID_BYTES], key[KEK_BYTES];
        known_to_all(a, uid);
        struct fake_record copy = *fake_find(cloud_of(a), uid);
        for (int i = 0; i < 4; i++)
            fake_put(cloud_of(a), uid, copy.generation, span_of(copy.data, copy.len));
        if (newcomer == 1)
            node_beside(a);
        world_wait(a, 20000);
        check_agreed(a, uid);
        assert_int_equal(do_get(a, uid, key), REASON_NONE);
    }
}

static void the_later_value_of_one_attribute_counts(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    known_to_all(a, uid);
    assert_int_equal(do_add_text(a, uid, "x-note", "first"), REASON_NONE);
    check_agreed(a, uid);
    for (int i = 0; i < 2; i++) {
        struct world *early = i == 0 ? a : b, *late = early->next_node;
        assert_int_equal(do_modify_text(early, uid, "x-note", i == 0 ? "early-0" : "early-1"), REASON_NONE);
        world_wait(a, 1100);
        assert_int_equal(do_modify_text(late, uid, "x-note", i == 0 ? "late-0" : "late-1"), REASON_NONE);
        check_agreed(a, uid);
        check_text_everywhere(a, uid, "x-note", i == 0 ? "late-0" : "late-1");
    }
}

/* In the same second, too, both nodes tell the same afterwards. */
static void of_two_values_in_one_second_both_nodes_take_the_same(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    known_to_all(a, uid);
    assert_int_equal(do_add_text(a, uid, "x-note", "first"), REASON_NONE);
    check_agreed(a, uid);
    item_modify_text(ask(a, 1), uid, "x-note", "at a");
    item_modify_text(ask(b, 1), uid, "x-note", "at b");
    ask_send(a, 1);
    ask_send(b, 1);
    assert_true(ask_finish(a, 1) && ask_finish(b, 1));
    check_agreed(a, uid);
    assert_true(has_text(a, uid, "x-note", "at a") == has_text(b, uid, "x-note", "at a"));
    assert_true(has_text(a, uid, "x-note", "at a") != has_text(a, uid, "x-note", "at b"));
}

static void a_deleted_attribute_does_not_come_back(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    char text[32];
    known_to_all(a, uid);
    assert_int_equal(do_add_text(a, uid, "x-note", "1"), REASON_NONE);
    check_agreed(a, uid);
    item_delete_attribute(ask(b, 1), uid, "x-note");
    assert_int_equal(finish(b, 1), REASON_NONE);
    check_agreed(a, uid);
    assert_false(text_of(a, uid, "x-note", text, sizeof text));
    assert_false(text_of(b, uid, "x-note", text, sizeof text));
    assert_int_equal(do_add_text(a, uid, "x-other", "1"), REASON_NONE);
    check_agreed(a, uid);
    assert_false(text_of(b, uid, "x-note", text, sizeof text));
}

/* One node moves the State on while the other has `changes` of attributes that nobody else knows of yet. */
static void move_on(struct world *a, int changes, int how, uint64_t wait)
{
    struct world *b = a->next_node;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    char name[16];
    known_to_all(a, uid);
    if (how == 1) {
        assert_int_equal(do_uid(a, OPERATION_ACTIVATE, uid), REASON_NONE);
        check_agreed(a, uid);
    }
    for (int i = 0; i < changes; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        assert_int_equal(do_add_text(b, uid, name, "1"), REASON_NONE);
    }
    world_wait(a, wait);
    if (how == 0)
        assert_int_equal(do_uid(a, OPERATION_ACTIVATE, uid), REASON_NONE);
    else if (how == 1)
        assert_int_equal(do_revoke(a, uid, REVOCATION_KEY_COMPROMISE), REASON_NONE);
    else
        assert_int_equal(do_uid(a, OPERATION_DESTROY, uid), REASON_NONE);
    check_agreed(a, uid);
    world_wait(a, 20000);
    check_agreed(a, uid);
    static const enum state states[] = {STATE_ACTIVE, STATE_COMPROMISED, STATE_DESTROYED};
    check_state_everywhere(a, uid, states[how]);
    for (int i = 0; i < changes; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        check_text_everywhere(a, uid, name, "1");
    }
    if (how == 2)
        assert_int_equal(do_get(b, uid, key), REASON_ITEM_NOT_FOUND);
}

static void a_state_further_along_wins_over_one_change(void **state)
{
    for (int how = 0; how < 3; how++)
        for (uint64_t wait = 0; wait < 2400; wait += 150)
            move_on(*state, 1, how, wait);
}

/* Generations are counted by changes, not by writes: more of them do not make a record the newer one. */
static void a_state_further_along_wins_over_many_changes(void **state)
{
    for (int how = 0; how < 3; how++)
        for (uint64_t wait = 0; wait < 2400; wait += 150)
            move_on(*state, 5, how, wait);
}

static void a_change_of_one_node_is_kept_beside_many_of_another(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    char name[16];
    known_to_all(a, uid);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "x-a%d", i);
        item_add_text(ask(a, 1), uid, name, "1");
        ask_send(a, 1);
        if (i == 0) {
            item_add_text(ask(b, 1), uid, "x-b", "1");
            ask_send(b, 1);
        }
        assert_true(ask_finish(a, 1) && ask_finish(b, 1));
    }
    check_agreed(a, uid);
    check_text_everywhere(a, uid, "x-b", "1");
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "x-a%d", i);
        check_text_everywhere(a, uid, name, "1");
    }
}

/* Both revoke, both destroy: the second finds it done, or both are right. */
static void both_nodes_destroy_at_the_same_moment(void **state)
{
    struct world *a = *state, *b = a->next_node;
    uint8_t uid[UUID_BYTES];
    everything_takes(a, 3);
    known_to_all(a, uid);
    item_uid(ask(a, 1), OPERATION_DESTROY, uid);
    item_uid(ask(b, 1), OPERATION_DESTROY, uid);
    ask_send(a, 1);
    ask_send(b, 1);
    assert_true(ask_finish(a, 1) && ask_finish(b, 1));
    check_reason(a, 1, 0, REASON_NONE);
    check_reason(b, 1, 0, REASON_NONE);
    check_agreed(a, uid);
    check_state_everywhere(a, uid, STATE_DESTROYED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODES(a_change_finds_another_node_s_record_before_it_is_written),
        NODES(two_nodes_that_write_at_the_same_moment_end_in_one_record),
        NODES(a_merge_that_waits_holds_back_no_other_change),
        THREE_NODES(three_nodes_that_write_at_the_same_moment_end_in_one_record),
        THREE_NODES(the_same_bytes_written_by_every_node_keep_one_record),
        NODES(the_later_value_of_one_attribute_counts),
        NODES(of_two_values_in_one_second_both_nodes_take_the_same),
        NODES(a_deleted_attribute_does_not_come_back),
        NODES(a_state_further_along_wins_over_one_change),
        NODES(a_state_further_along_wins_over_many_changes),
        NODES(a_change_of_one_node_is_kept_beside_many_of_another),
        NODES(both_nodes_destroy_at_the_same_moment),
    };
    return cmocka_run_group_tests_name("merging", tests, NULL, NULL);
}
