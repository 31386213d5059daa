/* SPDX-License-Identifier: Apache-2.0 */
/* After a start the catalogue and the key manager's records are brought together; nothing living gets lost in
 * it. */
#include "support/story.h"

#include "store/object.h"

static unsigned records_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    return fake_living(&w->fake, uid);
}

/* The node's own disk is empty again, the key manager has everything. */
static void lose_the_disk(struct world *w)
{
    world_turns(w, 2);
    tame_disk_step(&w->disk);
    sim_disk_close_all(w->sim);
    char name[SEGMENT_NAME];
    for (uint32_t n = 0; (n = w->ops.next_number(w->ops.self, JOURNAL_LOG, n)) != 0;) {
        segment_name(JOURNAL_LOG, n, name);
        sim_disk_remove_file(w->sim, name);
    }
}

static void unknown_records_are_read(void **state)
{
    struct world *w = *state;
    uint8_t uids[20][UUID_BYTES], keys[20][KEK_BYTES], got[KEK_BYTES], found[UUID_BYTES];
    char name[16];
    int count;
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "key-%d", i);
        assert_int_equal(do_create(w, name, uids[i]), REASON_NONE);
        assert_int_equal(do_get(w, uids[i], keys[i]), REASON_NONE);
    }
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uids[7]), REASON_NONE);
    world_wait(w, 3000);
    lose_the_disk(w);
    w->fake.page = 3; /* many pages */
    assert_true(world_restart(w));
    assert_int_equal(w->store.catalogue.visible, 0);
    assert_true(world_settle(w));
    assert_int_equal(w->store.catalogue.visible, 20);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "key-%d", i);
        assert_int_equal(do_get(w, uids[i], got), i == 7 ? REASON_ITEM_NOT_FOUND : REASON_NONE);
        if (i == 7)
            continue;
        assert_memory_equal(got, keys[i], KEK_BYTES);
        assert_int_equal(do_locate(w, name, found, &count), REASON_NONE);
        assert_int_equal(count, 1);
        assert_memory_equal(found, uids[i], UUID_BYTES);
    }
    /* They are in the journal now. */
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
    assert_true(world_restart(w));
    assert_int_equal(w->store.catalogue.visible, 20);
}

static void what_is_not_known_yet_is_waited_for(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], none[UUID_BYTES] = {9};
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_wait(w, 3000);
    lose_the_disk(w);
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, FAKE_NEVER);
    assert_true(world_restart(w));
    item_get(ask(w, 1), uid);
    item_get(ask(w, 2), none);
    item_locate_name(ask(w, 3), "nothing");
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    assert_false(ask_send(w, 3));
    world_turns(w, 5);
    assert_true(w->askers[1].busy && w->askers[2].busy && w->askers[3].busy);
    fake_release(&w->fake, KEYMGR_LIST);
    assert_true(ask_finish(w, 1) && ask_finish(w, 2) && ask_finish(w, 3));
    check_key(w, 1, 0, key);
    check_reason(w, 2, 0, REASON_ITEM_NOT_FOUND);
    check_reason(w, 3, 0, REASON_NONE);
}

static void older_generations_are_removed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[32];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    struct fake_record old = *fake_find(&w->fake, uid);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    world_wait(w, 3000);
    fake_put(&w->fake, uid, old.generation, span_of(old.data, old.len)); /* the removal had got lost */
    fake_put(&w->fake, uid, old.generation, span_of(old.data, old.len));
    assert_int_equal(records_of(w, uid), 3);
    for (int known = 0; known < 2; known++) {
        if (known == 0)
            lose_the_disk(w);
        assert_true(world_restart(w));
        assert_true(world_settle(w));
        world_wait(w, 2000);
        assert_int_equal(records_of(w, uid), 1);
        assert_true(text_of(w, uid, "x-note", text, sizeof text));
    }
}

static void what_somebody_removed_is_forgotten(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES], key[KEK_BYTES];
    int count;
    assert_int_equal(do_create(w, "gone", uid), REASON_NONE);
    assert_int_equal(do_create(w, "kept", other), REASON_NONE);
    world_wait(w, 3000);
    fake_remove(&w->fake, uid);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(do_get(w, uid, key), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_get(w, other, key), REASON_NONE);
    assert_int_equal(do_locate(w, "gone", uid, &count), REASON_NONE);
    assert_int_equal(count, 0);
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
    assert_true(world_restart(w)); /* nor does the journal bring it back */
    assert_int_equal(w->store.catalogue.visible, 1);
}

static void what_was_never_stored_is_not_forgotten(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[32];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    world_wait(w, 3000);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_AWAY, 0);
    assert_int_equal(do_add_text(w, uid, "x-note", "only here"), REASON_NONE);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    world_wait(w, 5000);
    assert_true(text_of(w, uid, "x-note", text, sizeof text));
    assert_int_equal(fake_find(&w->fake, uid)->generation, entry_of_uid(w, uid)->generation);
}

/* The record was uploaded, but the note in the journal that says so did not reach the disk. */
static void a_lost_note_is_healed_without_writing_again(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE);
    world_wait(w, 1000);
    tame_disk_step(&w->disk);
    uint32_t generation = entry_of_uid(w, uid)->generation;
    struct span record = catalogue_record(&w->store.catalogue, entry_of_uid(w, uid));
    fake_put(&w->fake, uid, generation, record); /* as the upload would have done */
    assert_true(world_restart(w));
    assert_int_equal(entry_of_uid(w, uid)->stored_generation, generation - 1);
    assert_true(world_settle(w));
    assert_int_equal(entry_of_uid(w, uid)->stored_generation, generation);
    world_wait(w, 5000);
    assert_int_equal(records_of(w, uid), 1);
    assert_int_equal(fake_find(&w->fake, uid)->generation, generation);
}

static void keep_unseen_writes_again_what_the_key_manager_lost(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.settings = {.keep_unseen = true}});
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    assert_true(world_settle(w));
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_wait(w, 3000);
    fake_remove(&w->fake, uid);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    world_wait(w, 3000);
    assert_int_equal(records_of(w, uid), 1);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    world_free(w);
}

/* Damage in the local key manager's log: the journal still has the records, and they are written there again.
 */
static void a_damaged_local_log_is_written_again(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.local = true, .settings = {.keep_unseen = true}});
    uint8_t uids[6][UUID_BYTES], keys[6][KEK_BYTES], got[KEK_BYTES];
    size_t len;
    assert_true(world_settle(w));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
        assert_int_equal(do_get(w, uids[i], keys[i]), REASON_NONE);
    }
    world_wait(w, 5000);
    uint8_t *log = sim_disk_file(w->sim, "records-00000001.log", &len);
    assert_non_null(log);
    for (size_t at = 512; at < len; at += 512)
        log[at] ^= 0x40;
    for (int round = 0; round < 2; round++) {
        if (round == 1) { /* the copies are in the local log: the journal is not needed for it */
            world_wait(w, 5000);
            tame_disk_step(&w->disk);
            lose_the_disk(w);
        }
        assert_true(world_restart(w));
        assert_true(world_settle(w));
        for (int i = 0; i < 6; i++) {
            assert_int_equal(do_get(w, uids[i], got), REASON_NONE);
            assert_memory_equal(keys[i], got, KEK_BYTES);
        }
    }
    world_free(w);
}

static void a_list_that_fails_is_begun_anew(void **state)
{
    struct world *w = *state;
    uint8_t uids[5][UUID_BYTES], key[KEK_BYTES];
    for (int i = 0; i < 5; i++)
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
    world_wait(w, 3000);
    w->fake.page = 2;
    for (int lost = 0; lost < 2; lost++) {
        if (lost == 1)
            lose_the_disk(w);
        assert_true(world_restart(w));
        world_turns(w, 2); /* the first page is there */
        fake_fail(&w->fake, KEYMGR_LIST, KEYMGR_AWAY, 1);
        assert_true(world_settle(w));
        assert_int_equal(w->store.catalogue.visible, 5);
        for (int i = 0; i < 5; i++)
            assert_int_equal(do_get(w, uids[i], key), REASON_NONE);
    }
}

static void a_record_that_cannot_be_read_now_is_read_later(void **state)
{
    struct world *w = *state;
    uint8_t uids[5][UUID_BYTES], key[KEK_BYTES];
    for (int i = 0; i < 5; i++)
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
    world_wait(w, 3000);
    lose_the_disk(w);
    fake_fail(&w->fake, KEYMGR_GET, KEYMGR_AWAY, 2);
    assert_true(world_restart(w));
    item_get(ask(w, 1), uids[4]); /* the newest, listed first */
    assert_false(ask_send(w, 1));
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_true(world_settle(w));
    for (int i = 0; i < 5; i++)
        assert_int_equal(do_get(w, uids[i], key), REASON_NONE);
}

/* A GET fails while the next page is asked for, and that page answers before or after the pass has begun
 * anew. */
static void a_late_page_is_not_taken_for_the_first(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world *w = world_new(NULL);
        uint8_t uids[6][UUID_BYTES], key[KEK_BYTES];
        assert_true(world_settle(w));
        for (int i = 0; i < 6; i++)
            assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
        world_wait(w, 3000);
        /* The node does not know the newest, and knows all others. */
        struct fake_record newest = *fake_find(&w->fake, uids[5]);
        fake_remove(&w->fake, uids[5]);
        assert_true(world_restart(w));
        assert_true(world_settle(w));
        world_turns(w, 3);
        fake_put(&w->fake, uids[5], newest.generation, span_of(newest.data, newest.len));
        w->fake.page = 3;
        assert_true(world_restart(w));
        fake_answer(&w->fake, KEYMGR_GET, KEYMGR_AWAY, FAKE_NEVER);
        world_turns(w, 2); /* page one: GET of the newest is under way */
        fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, FAKE_NEVER);
        world_turns(w, 2);
        assert_int_equal(fake_waiting(&w->fake, KEYMGR_GET), 1);
        assert_int_equal(fake_waiting(&w->fake, KEYMGR_LIST), 1);
        fake_release(&w->fake, KEYMGR_GET);
        world_turns(w, 2);
        if (late == 1)
            world_wait(w, 1500);
        fake_release(&w->fake, KEYMGR_LIST);
        fake_answer(&w->fake, KEYMGR_GET, KEYMGR_OK, 0);
        fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, 0);
        fake_release(&w->fake, KEYMGR_GET);
        assert_true(world_settle(w));
        for (int i = 0; i < 6; i++)
            assert_int_equal(do_get(w, uids[i], key), REASON_NONE);
        world_free(w);
    }
}

/* A change moves its record to the front of a list whose first page has been read already. */
static void a_change_between_two_pages_is_not_a_removal(void **state)
{
    struct world *w = *state;
    uint8_t uids[6][UUID_BYTES], key[KEK_BYTES];
    for (int i = 0; i < 6; i++)
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uids[0]), REASON_NONE);
    world_wait(w, 3000);
    w->fake.page = 2;
    assert_true(world_restart(w));
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, 30);
    world_turns(w, 32); /* page one */
    assert_false(store_complete(&w->store));
    assert_int_equal(do_add_text(w, uids[1], "x-note", "1"), REASON_NONE);
    assert_int_equal(do_revoke(w, uids[0], REVOCATION_UNSPECIFIED), REASON_NONE);
    item_re_key(ask(w, 1), uids[2]);
    assert_int_equal(finish(w, 1), REASON_NONE);
    uint8_t new[UUID_BYTES];
    assert_true(payload_uid(answered(w, 1, 0).payload, new));
    assert_true(world_settle(w));
    for (int i = 0; i < 6; i++)
        assert_int_equal(do_get(w, uids[i], key), REASON_NONE);
    assert_int_equal(do_get(w, new, key), REASON_NONE);
}

static void many_local_records_are_all_listed(void **state)
{
    (void)state;
    struct world *w = world_new(
        &(struct world_options){.local = true, .settings = {.objects = 200, .record_bytes = 200000}});
    static uint8_t uids[150][UUID_BYTES];
    uint8_t key[KEK_BYTES];
    assert_true(world_settle(w));
    for (int i = 0; i < 150; i++)
        assert_int_equal(do_create(w, NULL, uids[i]), REASON_NONE);
    for (int i = 0; i < 150; i += 3)
        assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uids[i]), REASON_NONE);
    world_wait(w, 5000);
    lose_the_disk(w); /* the journal alone */
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(w->store.catalogue.visible, 150);
    for (int i = 0; i < 150; i++)
        assert_int_equal(do_get(w, uids[i], key), REASON_NONE);
    assert_int_equal(state_of(w, uids[3]), STATE_ACTIVE);
    world_free(w);
}

static void a_damaged_record_is_named_and_costs_no_other(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_create(w, NULL, other), REASON_NONE);
    world_wait(w, 3000);
    fake_find(&w->fake, uid)->data[2] ^= 0xff;
    lose_the_disk(w);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(do_get(w, uid, key), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_get(w, other, key), REASON_NONE);
    assert_int_equal(records_of(w, uid), 1); /* nobody removes what a newer release may understand */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(unknown_records_are_read),
        STORY(what_is_not_known_yet_is_waited_for),
        STORY(older_generations_are_removed),
        STORY(what_somebody_removed_is_forgotten),
        STORY(what_was_never_stored_is_not_forgotten),
        STORY(a_lost_note_is_healed_without_writing_again),
        cmocka_unit_test(keep_unseen_writes_again_what_the_key_manager_lost),
        cmocka_unit_test(a_damaged_local_log_is_written_again),
        STORY(a_list_that_fails_is_begun_anew),
        STORY(a_record_that_cannot_be_read_now_is_read_later),
        cmocka_unit_test(a_late_page_is_not_taken_for_the_first),
        STORY(a_change_between_two_pages_is_not_a_removal),
        cmocka_unit_test(many_local_records_are_all_listed),
        STORY(a_damaged_record_is_named_and_costs_no_other),
    };
    return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
