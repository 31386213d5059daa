/* SPDX-License-Identifier: Apache-2.0 */
/* What Success means: it is in the key manager, or in the journal and soon in the key manager. */
#include <errno.h>

#include "support/story.h"

static uint32_t generation_in_keymgr(struct world *w, const uint8_t uid[UUID_BYTES])
{
    const struct fake_record *r = fake_find(&w->fake, uid);
    return r == NULL ? 0 : r->generation;
}

static unsigned records_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    return fake_living(&w->fake, uid);
}

/* Bytes of the journal on the disk; they grow with every append. */
static size_t journal_bytes(struct world *w)
{
    size_t sum = 0, len;
    char name[SEGMENT_NAME];
    for (uint32_t n = 0; (n = w->ops.next_number(w->ops.self, JOURNAL_LOG, n)) != 0;) {
        segment_name(JOURNAL_LOG, n, name);
        (void)sim_disk_file(w->sim, name, &len);
        sum += len;
    }
    return sum;
}

static void create_is_answered_when_the_key_manager_has_it(void **state)
{
    struct world *w = *state;
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    item_create(ask(w, 1), NULL);
    assert_false(ask_send(w, 1));
    world_turns(w, 10);
    assert_true(w->askers[1].busy);
    assert_int_equal(fake_record_count(&w->fake), 0);
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_int_equal(fake_record_count(&w->fake), 1);
}

static void revoke_destroy_and_re_key_are_answered_when_the_key_manager_has_them(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, "k", uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    world_wait(w, 3000);
    for (int i = 0; i < 3; i++) {
        fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
        if (i == 0)
            item_re_key(ask(w, 1), uid);
        else if (i == 1)
            item_revoke(ask(w, 1), uid, REVOCATION_KEY_COMPROMISE);
        else
            item_uid(ask(w, 1), OPERATION_DESTROY, uid);
        assert_false(ask_send(w, 1));
        world_turns(w, 5);
        assert_true(w->askers[1].busy);
        uint32_t before = generation_in_keymgr(w, uid);
        fake_release(&w->fake, KEYMGR_PUT);
        fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
        assert_true(ask_finish(w, 1));
        check_reason(w, 1, 0, REASON_NONE);
        assert_int_equal(generation_in_keymgr(w, uid), before + 1);
    }
    assert_int_equal(state_of(w, uid), STATE_DESTROYED_COMPROMISED);
}

static void a_change_of_an_attribute_is_answered_when_the_journal_is_flushed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    world_wait(w, 3000);
    unsigned puts = w->fake.calls[KEYMGR_PUT];
    size_t before = journal_bytes(w);
    w->disk_frozen = true;
    item_add_text(ask(w, 1), uid, "x-note", "1");
    assert_false(ask_send(w, 1));
    world_turns(w, 5);
    assert_true(w->askers[1].busy);
    assert_int_equal(journal_bytes(w), before);
    w->disk_frozen = false;
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_true(journal_bytes(w) > before);
    assert_int_equal(w->fake.calls[KEYMGR_PUT], puts); /* not yet in the key manager */
}

static void three_changes_in_the_flush_window_are_one_put(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    world_wait(w, 3000);
    unsigned puts = w->fake.calls[KEYMGR_PUT];
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-one", "1"), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-two", "2"), REASON_NONE);
    assert_int_equal(w->fake.calls[KEYMGR_PUT], puts);
    world_wait(w, 2500);
    assert_int_equal(w->fake.calls[KEYMGR_PUT], puts + 1);
    assert_int_equal(generation_in_keymgr(w, uid), entry_of_uid(w, uid)->generation);
    assert_int_equal(records_of(w, uid), 1); /* the older generation is removed */
    world_wait(w, 10000);
    assert_int_equal(w->fake.calls[KEYMGR_PUT], puts + 1);
}

static void what_was_acknowledged_is_there_after_a_restart(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    char text[32];
    assert_int_equal(do_create(w, "k", uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "kept"), REASON_NONE);
    assert_true(world_restart(w)); /* before the flush window ends */
    assert_int_equal(w->store.catalogue.visible, 1);
    assert_true(world_settle(w));
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "kept");
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    world_wait(w, 3000);
    assert_int_equal(generation_in_keymgr(w, uid), entry_of_uid(w, uid)->generation);
}

static void an_upload_that_fails_is_sent_again(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_AWAY, 0);
    world_wait(w, 10000);
    assert_true(generation_in_keymgr(w, uid) < entry_of_uid(w, uid)->generation);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    world_wait(w, 3000);
    assert_int_equal(generation_in_keymgr(w, uid), entry_of_uid(w, uid)->generation);
    assert_int_equal(records_of(w, uid), 1);
}

/* The change in the journal waits for its window; a Revoke overtakes it and fails: the first still has to
 * arrive. */
static void an_overtaken_upload_is_not_forgotten_when_the_overtaker_fails(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    world_wait(w, 3000);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_AWAY, FAKE_NEVER);
    item_revoke(ask(w, 1), uid, REVOCATION_UNSPECIFIED);
    assert_false(ask_send(w, 1));
    world_wait(w, 3000); /* the window ends while the Revoke is under way */
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    world_wait(w, 5000);
    assert_int_equal(generation_in_keymgr(w, uid), entry_of_uid(w, uid)->generation);
}

static void a_change_during_an_upload_is_uploaded_after_it(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    world_wait(w, 3000);
    assert_int_equal(do_add_text(w, uid, "x-one", "1"), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    world_wait(w, 3000);
    assert_int_equal(fake_waiting(&w->fake, KEYMGR_PUT), 1);
    assert_int_equal(do_add_text(w, uid, "x-two", "2"), REASON_NONE);
    fake_release(&w->fake, KEYMGR_PUT);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    world_wait(w, 3000);
    assert_int_equal(generation_in_keymgr(w, uid), entry_of_uid(w, uid)->generation);
    assert_int_equal(records_of(w, uid), 1);
}

static void a_lost_answer_of_a_create_leaves_no_second_name(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    fake_lose_answer(&w->fake, KEYMGR_PUT);
    assert_int_equal(do_create(w, "once", uid), REASON_GENERAL_FAILURE);
    assert_int_equal(do_create(w, "once", uid), REASON_NONE);
    assert_int_equal(do_locate(w, "once", uid, &count), REASON_NONE);
    assert_int_equal(count, 1);
}

static void a_failed_flush_is_a_failure_and_the_next_change_works(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[32];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    sim_disk_fail(w->sim, SIM_FLUSH, EIO, 0, 1);
    assert_int_equal(do_modify_text(w, uid, "x-note", "2"), REASON_GENERAL_FAILURE);
    assert_int_equal(do_modify_text(w, uid, "x-note", "3"), REASON_NONE);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "3");
}

static void a_dead_disk_process_is_answered_at_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    tame_disk_kill(&w->disk);
    world_turns(w, 2);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_GENERAL_FAILURE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE); /* reading goes on */
}

static void without_a_journal_every_change_waits_for_the_key_manager(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.without_journal = true});
    uint8_t uid[UUID_BYTES];
    assert_true(world_settle(w));
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    uint32_t before = generation_in_keymgr(w, uid);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    assert_int_equal(generation_in_keymgr(w, uid), before + 1);
    assert_int_equal(sim_disk_count(w->sim, ""), 0);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    char text[32];
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    world_free(w);
}

static void commit_keymgr_waits_although_there_is_a_journal(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.settings = {.commit_keymgr = true}});
    uint8_t uid[UUID_BYTES];
    assert_true(world_settle(w));
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    uint32_t before = generation_in_keymgr(w, uid);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(generation_in_keymgr(w, uid), before + 1);
    world_free(w);
}

static void re_key_is_two_records_and_both_or_a_failure(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], found[UUID_BYTES], key[KEK_BYTES];
    int count;
    assert_int_equal(do_create(w, "moving", old), REASON_NONE);
    item_re_key(ask(w, 1), old);
    assert_int_equal(finish(w, 1), REASON_NONE);
    uint8_t new[UUID_BYTES];
    assert_true(payload_uid(answered(w, 1, 0).payload, new));
    assert_int_equal(do_locate(w, "moving", found, &count), REASON_NONE);
    assert_int_equal(count, 1);
    assert_memory_equal(found, new, UUID_BYTES);
    assert_int_equal(do_get(w, old, key), REASON_NONE);
    assert_int_equal(do_get(w, new, key), REASON_NONE);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(do_locate(w, "moving", found, &count), REASON_NONE);
    assert_int_equal(count, 1);
    assert_memory_equal(found, new, UUID_BYTES);
}

static void many_starts_do_not_pile_up_segments(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES];
    char text[32];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_create(w, NULL, other), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "first"), REASON_NONE);
    for (int i = 0; i < 12; i++) {
        assert_true(world_restart(w));
        assert_true(world_settle(w));
        snprintf(text, sizeof text, "start %d", i);
        assert_int_equal(i == 0 ? do_add_text(w, other, "x-note", text)
                                : do_modify_text(w, other, "x-note", text),
                         REASON_NONE);
        world_wait(w, 3000);
    }
    assert_in_range(sim_disk_count(w->sim, JOURNAL_LOG), 1, 7);
    /* What stood in the segments that are gone stands in others: nothing is asked of the key manager. */
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
    assert_true(world_restart(w));
    world_turns(w, 5);
    assert_int_equal(w->store.catalogue.visible, 2);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "first");
    assert_true(text_of(w, other, "x-note", text, sizeof text));
    assert_string_equal(text, "start 11");
}

/* One append fails while the committed record still lives in an old segment; that segment must not go without
 * it. */
static void a_failed_change_does_not_lose_its_old_segment(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES];
    char text[32];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_create(w, NULL, other), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "precious"), REASON_NONE);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    sim_disk_fail(w->sim, SIM_WRITE, ENOSPC, 1, 1); /* the header of the new segment goes well */
    assert_int_equal(do_modify_text(w, uid, "x-note", "refused"), REASON_GENERAL_FAILURE);
    for (int i = 0; i < 12; i++) { /* segments come and go within one process: every failure makes one */
        sim_disk_fail(w->sim, SIM_WRITE, ENOSPC, 0, 1);
        snprintf(text, sizeof text, "%d", i);
        (void)do_add_text(w, other, i % 2 == 0 ? "x-even" : "x-odd", text);
        assert_int_equal(do_add_text(w, other, "x-note", text), REASON_NONE);
        item_delete_attribute(ask(w, 1), other, "x-note");
        assert_int_equal(finish(w, 1), REASON_NONE);
        world_turns(w, 5);
    }
    assert_in_range(sim_disk_count(w->sim, JOURNAL_LOG), 1, 8);
    fake_remove(&w->fake, uid); /* the journal has to hold it by itself */
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
    assert_true(world_restart(w));
    world_turns(w, 5);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_string_equal(text, "precious");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(create_is_answered_when_the_key_manager_has_it),
        STORY(revoke_destroy_and_re_key_are_answered_when_the_key_manager_has_them),
        STORY(a_change_of_an_attribute_is_answered_when_the_journal_is_flushed),
        STORY(three_changes_in_the_flush_window_are_one_put),
        STORY(what_was_acknowledged_is_there_after_a_restart),
        STORY(an_upload_that_fails_is_sent_again),
        STORY(an_overtaken_upload_is_not_forgotten_when_the_overtaker_fails),
        STORY(a_change_during_an_upload_is_uploaded_after_it),
        STORY(a_lost_answer_of_a_create_leaves_no_second_name),
        STORY(a_failed_flush_is_a_failure_and_the_next_change_works),
        STORY(a_dead_disk_process_is_answered_at_once),
        cmocka_unit_test(without_a_journal_every_change_waits_for_the_key_manager),
        cmocka_unit_test(commit_keymgr_waits_although_there_is_a_journal),
        STORY(re_key_is_two_records_and_both_or_a_failure),
        STORY(many_starts_do_not_pile_up_segments),
        STORY(a_failed_change_does_not_lose_its_old_segment),
    };
    return cmocka_run_group_tests_name("durable", tests, NULL, NULL);
}
