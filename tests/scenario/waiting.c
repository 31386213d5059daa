/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait: for a KEK, for a commit, for another writer, for nothing that ever comes. */
#include "support/story.h"

static void a_key_is_created_activated_and_served(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], again[KEK_BYTES];
    assert_int_equal(do_create(w, "vm-1", uid), REASON_NONE);
    assert_int_equal(w->fake.calls[KEYMGR_PUT], 1);
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 0); /* the KEK of a new key is in memory already */
    store_erase_keks(&w->store);
    assert_int_equal(do_get(w, uid, again), REASON_NONE);
    assert_memory_equal(key, again, KEK_BYTES);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 1);
}

static void two_requests_share_one_fetch(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, 5);
    item_get(ask(w, 1), uid);
    item_get(ask(w, 2), uid);
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_key(w, 1, 0, key);
    check_key(w, 2, 0, key);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 1);
}

static void an_object_destroyed_while_a_get_waits_is_not_found(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    item_get(ask(w, 1), uid);
    assert_false(ask_send(w, 1));
    world_turns(w, 2);
    assert_int_equal(fake_waiting(&w->fake, KEYMGR_UNWRAP), 1);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_ITEM_NOT_FOUND);
    /* The key that arrives late stays nowhere. */
    fake_release(&w->fake, KEYMGR_UNWRAP);
    world_turns(w, 3);
    assert_int_equal(w->store.keks.keks[catalogue_slot(&w->store.catalogue, entry_of_uid(w, uid))].phase,
                     KEK_EMPTY);
    assert_int_equal(w->store.keks.in_flight, 0);
}

static void a_deadline_ends_the_request_and_not_the_fetch(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    w->askers[1].patience_ms = 100;
    item_get(ask(w, 1), uid);
    assert_false(ask_send(w, 1));
    world_turns(w, 9);
    assert_true(w->askers[1].busy);
    world_turns(w, 2);
    assert_false(w->askers[1].busy);
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    fake_release(&w->fake, KEYMGR_UNWRAP);
    world_turns(w, 2);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 1);
}

static void a_deadline_ends_waiting_for_a_commit_and_the_store_goes_on(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    world_wait(w, 3000);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    w->askers[1].patience_ms = 100;
    item_revoke(ask(w, 1), uid, REVOCATION_KEY_COMPROMISE);
    assert_false(ask_send(w, 1));
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    fake_release(&w->fake, KEYMGR_PUT);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    world_turns(w, 2);
    assert_int_equal(state_of(w, uid), STATE_COMPROMISED);
}

static void a_requester_that_is_gone_cancels_nothing_and_its_slot_is_another_s(void **state)
{
    struct world *w = *state;
    uint8_t a[UUID_BYTES], b[UUID_BYTES], key_a[KEK_BYTES], key_b[KEK_BYTES];
    cold_key(w, NULL, a, key_a);
    cold_key(w, NULL, b, key_b);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    item_get(ask(w, 1), a);
    assert_false(ask_send(w, 1));
    world_turns(w, 2);
    ask_hang_up(w, 1);
    item_get(ask(w, 1), b); /* the same slot, another client */
    assert_false(ask_send(w, 1));
    world_turns(w, 2);
    fake_release(&w->fake, KEYMGR_UNWRAP);
    assert_true(ask_finish(w, 1));
    check_key(w, 1, 0, key_b);
    item_get(ask(w, 2), a);
    assert_true(ask_send(w, 2));
    check_key(w, 2, 0, key_a);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 2);
}

static void a_requester_gone_during_commit_leaves_the_change(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 4);
    item_create(ask(w, 1), "left-behind");
    assert_false(ask_send(w, 1));
    ask_hang_up(w, 1);
    world_turns(w, 8);
    assert_int_equal(do_locate(w, "left-behind", uid, &count), REASON_NONE);
    assert_int_equal(count, 1);
}

static void a_failed_fetch_is_an_answer_until_its_back_off_is_over(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_AWAY, 1);
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 1); /* the cached answer */
    world_wait(w, 600);
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 2);
    world_wait(w, 600); /* the second back-off is twice as long */
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 2);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, 1);
    world_wait(w, 600);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
}

static void half_a_batch_waits_and_its_first_answers_stay(void **state)
{
    struct world *w = *state;
    uint8_t warm[UUID_BYTES], cold[UUID_BYTES], key[KEK_BYTES], warm_key[KEK_BYTES], none[UUID_BYTES] = {1};
    cold_key(w, NULL, cold, key);
    assert_int_equal(do_create(w, NULL, warm), REASON_NONE);
    assert_int_equal(do_get(w, warm, warm_key), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, 3);
    w->askers[1].options.continuation = BATCH_CONTINUE;
    struct message *m = ask(w, 1);
    item_get(m, warm);
    item_get(m, none);
    item_get(m, cold);
    item_get(m, none);
    item_get_attributes(m, warm, "State");
    assert_false(ask_send(w, 1));
    assert_int_equal(w->askers[1].request.done, 2);
    assert_true(ask_finish(w, 1));
    assert_int_equal(answer_count(answer_of(w, 1)), 5);
    check_key(w, 1, 0, warm_key);
    check_reason(w, 1, 1, REASON_ITEM_NOT_FOUND);
    check_key(w, 1, 2, key);
    check_reason(w, 1, 3, REASON_ITEM_NOT_FOUND);
    check_reason(w, 1, 4, REASON_NONE);
}

static void stop_ends_the_batch_behind_the_item_that_waited_and_failed(void **state)
{
    struct world *w = *state;
    uint8_t warm[UUID_BYTES], cold[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, cold, key);
    assert_int_equal(do_create(w, NULL, warm), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_AWAY, 3);
    struct message *m = ask(w, 1); /* no option: Stop */
    item_get(m, warm);
    item_get(m, cold);
    item_get(m, warm);
    assert_false(ask_send(w, 1));
    assert_true(ask_finish(w, 1));
    assert_int_equal(answer_count(answer_of(w, 1)), 2);
    check_reason(w, 1, 0, REASON_NONE);
    check_reason(w, 1, 1, REASON_GENERAL_FAILURE);
}

static void a_long_batch_takes_turns(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    w->askers[1].budget = 4;
    struct message *m = ask(w, 1);
    for (int i = 0; i < 10; i++)
        item_get(m, uid);
    assert_false(ask_send(w, 1));
    assert_int_equal(w->askers[1].state, REQUEST_AGAIN);
    assert_int_equal(w->askers[1].request.done, 4);
    world_turn(w);
    assert_int_equal(w->askers[1].request.done, 8);
    world_turn(w);
    assert_false(w->askers[1].busy);
    assert_int_equal(answer_count(answer_of(w, 1)), 10);
}

static void a_failed_commit_is_refused_undone_and_its_name_is_free(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    uint32_t visible = w->store.catalogue.visible;
    fake_fail(&w->fake, KEYMGR_PUT, KEYMGR_AWAY, 1);
    assert_int_equal(do_create(w, "mine", uid), REASON_GENERAL_FAILURE);
    world_turns(w, 2);
    assert_int_equal(w->store.catalogue.visible, visible);
    assert_int_equal(do_locate(w, "mine", uid, &count), REASON_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(do_create(w, "mine", uid), REASON_NONE);
    assert_int_equal(do_create(w, "mine", uid), REASON_INVALID_FIELD);
}

static void a_failed_change_leaves_the_object_as_it_was(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES];
    char text[64];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_create(w, NULL, other), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "first"), REASON_NONE);
    sim_disk_fail(w->sim, SIM_WRITE, 28 /* ENOSPC */, 0, 1);
    assert_int_equal(do_modify_text(w, uid, "x-note", "second"), REASON_GENERAL_FAILURE);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "first");
    assert_int_equal(do_modify_text(w, uid, "x-note", "third"), REASON_NONE);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "third");
    /* A name in a change that failed is nobody's. */
    sim_disk_fail(w->sim, SIM_FLUSH, 5 /* EIO */, 0, 1);
    item_add_name(ask(w, 1), uid, "taken");
    ask_send(w, 1);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    item_add_name(ask(w, 1), other, "taken");
    ask_send(w, 1);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
}

static void two_writers_of_one_object_go_one_after_the_other(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[64];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    uint32_t generation = entry_of_uid(w, uid)->generation;
    w->disk_frozen = true;
    item_add_text(ask(w, 1), uid, "x-one", "1");
    item_add_text(ask(w, 2), uid, "x-two", "2");
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    world_turns(w, 5);
    assert_true(w->askers[1].busy && w->askers[2].busy);
    assert_int_equal(w->askers[2].request.phase, REQUEST_NEED); /* it has not begun */
    w->disk_frozen = false;
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_reason(w, 1, 0, REASON_NONE);
    check_reason(w, 2, 0, REASON_NONE);
    assert_int_equal(entry_of_uid(w, uid)->generation, generation + 2);
    assert_true(text_of(w, uid, "x-one", text, sizeof text));
    assert_true(text_of(w, uid, "x-two", text, sizeof text));
}

static void a_reader_sees_the_old_record_until_the_commit(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[64];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "old"), REASON_NONE);
    w->disk_frozen = true;
    item_modify_text(ask(w, 1), uid, "x-note", "new");
    assert_false(ask_send(w, 1));
    world_turns(w, 3);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "old");
    w->disk_frozen = false;
    assert_true(ask_finish(w, 1));
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "new");
}

static void nobody_sees_a_new_object_before_its_commit(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    item_create(ask(w, 1), "early");
    assert_false(ask_send(w, 1));
    assert_int_equal(do_locate(w, "early", uid, &count), REASON_NONE);
    assert_int_equal(count, 0);
    item_create(ask(w, 2), "early"); /* the name is taken all the same */
    ask_send(w, 2);
    assert_true(ask_finish(w, 2));
    check_reason(w, 2, 0, REASON_INVALID_FIELD);
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    assert_int_equal(do_locate(w, "early", uid, &count), REASON_NONE);
    assert_int_equal(count, 1);
}

static void creates_take_spares_and_without_one_they_wait(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    world_turns(w, 3);
    fake_answer(&w->fake, KEYMGR_NEW_KEY, KEYMGR_OK, FAKE_NEVER);
    unsigned made = w->fake.answers[KEYMGR_NEW_KEY];
    for (int i = 0; i < SPARE_KEKS; i++)
        assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(w->fake.answers[KEYMGR_NEW_KEY], made); /* one call each, the PUT */
    item_create(ask(w, 1), NULL);
    assert_false(ask_send(w, 1));
    world_turns(w, 5);
    assert_true(w->askers[1].busy);
    fake_release(&w->fake, KEYMGR_NEW_KEY);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
}

static void without_new_keys_a_create_is_told_so(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    fake_answer(&w->fake, KEYMGR_NEW_KEY, KEYMGR_AWAY, 1);
    enum result_reason reason = REASON_NONE;
    for (int i = 0; i <= SPARE_KEKS && reason == REASON_NONE; i++)
        reason = do_create(w, NULL, uid);
    assert_int_equal(reason, REASON_GENERAL_FAILURE);
    fake_answer(&w->fake, KEYMGR_NEW_KEY, KEYMGR_OK, 1);
    world_wait(w, 1500);
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
}

static void a_full_key_manager_queue_only_delays(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    w->fake.full = true;
    item_get(ask(w, 1), uid);
    item_create(ask(w, 2), NULL);
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    world_turns(w, 5);
    assert_true(w->askers[1].busy && w->askers[2].busy);
    w->fake.full = false;
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_key(w, 1, 0, key);
    check_reason(w, 2, 0, REASON_NONE);
}

/* A change that failed is never a success, whatever happened to the object before its requester was asked
 * again. */
static void a_failure_is_not_hidden_by_the_next_change(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    world_wait(w, 3000);
    w->disk_frozen = true;
    item_add_text(ask(w, 1), uid, "x-one", "1");
    item_add_text(ask(w, 2), uid, "x-two", "2");
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    world_turn(w);
    w->backwards = true; /* the second is resumed before the first */
    tame_disk_kill(&w->disk);
    world_turns(w, 3);
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    check_reason(w, 2, 0, REASON_GENERAL_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_key_is_created_activated_and_served),
        STORY(two_requests_share_one_fetch),
        STORY(an_object_destroyed_while_a_get_waits_is_not_found),
        STORY(a_deadline_ends_the_request_and_not_the_fetch),
        STORY(a_deadline_ends_waiting_for_a_commit_and_the_store_goes_on),
        STORY(a_requester_that_is_gone_cancels_nothing_and_its_slot_is_another_s),
        STORY(a_requester_gone_during_commit_leaves_the_change),
        STORY(a_failed_fetch_is_an_answer_until_its_back_off_is_over),
        STORY(half_a_batch_waits_and_its_first_answers_stay),
        STORY(stop_ends_the_batch_behind_the_item_that_waited_and_failed),
        STORY(a_long_batch_takes_turns),
        STORY(a_failed_commit_is_refused_undone_and_its_name_is_free),
        STORY(a_failed_change_leaves_the_object_as_it_was),
        STORY(two_writers_of_one_object_go_one_after_the_other),
        STORY(a_reader_sees_the_old_record_until_the_commit),
        STORY(nobody_sees_a_new_object_before_its_commit),
        STORY(creates_take_spares_and_without_one_they_wait),
        STORY(without_new_keys_a_create_is_told_so),
        STORY(a_full_key_manager_queue_only_delays),
        STORY(a_failure_is_not_hidden_by_the_next_change),
    };
    return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
