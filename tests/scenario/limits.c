/* SPDX-License-Identifier: Apache-2.0 */
/* What is full, too large or too long is answered, and nothing is half done. */
#include "support/story.h"

static struct world *small_world(uint32_t objects, size_t record_bytes)
{
    struct world *w =
        world_new(&(struct world_options){.settings = {.objects = objects, .record_bytes = record_bytes}});
    assert_true(world_settle(w));
    return w;
}

static void a_full_catalogue_is_answered(void **state)
{
    (void)state;
    struct world *w = small_world(4, 256 * 1024);
    uint8_t uid[UUID_BYTES], first[UUID_BYTES], key[KEK_BYTES];
    enum result_reason reason = REASON_NONE;
    int made = 0;
    assert_int_equal(do_create(w, NULL, first), REASON_NONE);
    while (reason == REASON_NONE && made < 100) {
        reason = do_create(w, NULL, uid);
        made += reason == REASON_NONE;
    }
    assert_int_equal(reason, REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "catalogue is full"));
    assert_in_range(made + 1, 4, 4 + SPARE_KEKS);
    assert_int_equal(do_get(w, first, key), REASON_NONE);
    assert_int_equal(do_add_text(w, first, "x-note", "still works"), REASON_NONE);
    assert_true(world_restart(w)); /* and what was taken is taken again */
    assert_true(world_settle(w));
    assert_int_equal(w->store.catalogue.visible, made + 1);
    world_free(w);
}

static void a_full_arena_is_answered(void **state)
{
    (void)state;
    struct world *w = small_world(64, 2 * ARENA_PAGE);
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    static char text[1001];
    char name[32];
    enum result_reason reason = REASON_NONE;
    memset(text, 'x', 1000);
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    uint32_t used = w->store.catalogue.arena.pages_used;
    for (int i = 0; i < 60 && reason == REASON_NONE; i++) {
        uint8_t other[UUID_BYTES];
        snprintf(name, sizeof name, "n%d", i);
        reason = do_create(w, name, other);
        for (int k = 0; k < 4 && reason == REASON_NONE; k++) {
            snprintf(name, sizeof name, "x-%d", k);
            reason = do_add_text(w, other, name, text);
        }
    }
    assert_int_equal(reason, REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "memory for records is full"));
    assert_true(w->store.catalogue.arena.pages_used > used);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_free(w);
}

/* Re-key changes two objects. When there is no room for both, neither is changed. */
static void a_re_key_without_room_changes_nothing(void **state)
{
    (void)state;
    struct world *w = small_world(64, 2 * ARENA_PAGE);
    uint8_t uid[UUID_BYTES], found[UUID_BYTES];
    static char text[1001];
    char name[32];
    int count, refused = 0;
    memset(text, 'x', 1000);
    assert_int_equal(do_create(w, "only-one", uid), REASON_NONE);
    for (int k = 0; k < 6; k++) {
        snprintf(name, sizeof name, "x-%d", k);
        assert_int_equal(do_add_text(w, uid, name, text), REASON_NONE);
    }
    world_wait(w, 3000);
    uint32_t visible = w->store.catalogue.visible;
    uint32_t generation = entry_of_uid(w, uid)->generation;
    /* Each Re-key leaves one more large record; in the end there is room for the new one and not for the old
     * one's change. */
    for (int i = 0; i < 8; i++) {
        item_re_key(ask(w, 1), uid);
        if (finish(w, 1) == REASON_NONE) {
            uint8_t new[UUID_BYTES];
            assert_true(payload_uid(answered(w, 1, 0).payload, new));
            memcpy(uid, new, UUID_BYTES);
            visible = w->store.catalogue.visible;
            generation = entry_of_uid(w, uid)->generation;
            continue;
        }
        refused++;
        world_turns(w, 5);
        assert_int_equal(w->store.catalogue.visible, visible);
        assert_int_equal(entry_of_uid(w, uid)->generation, generation);
        assert_int_equal(do_locate(w, "only-one", found, &count), REASON_NONE);
        assert_int_equal(count, 1);
        assert_memory_equal(found, uid, UUID_BYTES);
    }
    assert_true(refused != 0);
    world_free(w);
}

static void a_full_name_index_is_answered(void **state)
{
    (void)state;
    struct world *w = small_world(4, 256 * 1024);
    uint8_t uid[UUID_BYTES], found[UUID_BYTES];
    char name[32];
    int count, added = 0;
    enum result_reason reason = REASON_NONE;
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    while (reason == REASON_NONE && added < ATTRIBUTE_INSTANCES_MAX) {
        snprintf(name, sizeof name, "name-%d", added);
        item_add_name(ask(w, 1), uid, name);
        reason = finish(w, 1);
        added += reason == REASON_NONE;
    }
    assert_int_equal(reason, REASON_GENERAL_FAILURE);
    assert_true(added > 4);
    for (int i = 0; i < added; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        assert_int_equal(do_locate(w, name, found, &count), REASON_NONE);
        assert_int_equal(count, 1);
    }
    snprintf(name, sizeof name, "name-%d", added);
    assert_int_equal(do_locate(w, name, found, &count), REASON_NONE);
    assert_int_equal(count, 0);
    world_free(w);
}

/* Names of changes that failed do not fill the index. */
static void failed_changes_do_not_use_names_up(void **state)
{
    (void)state;
    struct world *w = small_world(4, 256 * 1024);
    uint8_t uid[UUID_BYTES];
    char name[32];
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_AWAY, 0);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        assert_int_equal(do_create(w, name, uid), REASON_GENERAL_FAILURE);
        world_turns(w, 3);
    }
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, 0);
    assert_int_equal(do_create(w, "name-0", uid), REASON_NONE);
    for (int i = 0; i < 60; i++) {
        sim_disk_fail(w->sim, SIM_WRITE, 28, 0, 1);
        snprintf(name, sizeof name, "other-%d", i);
        item_add_name(ask(w, 1), uid, name);
        assert_int_equal(finish(w, 1), REASON_GENERAL_FAILURE);
    }
    item_add_name(ask(w, 1), uid, "other-0");
    assert_int_equal(finish(w, 1), REASON_NONE);
    world_free(w);
}

static void an_object_grows_to_the_record_limit_and_no_further(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static char text[1001];
    char name[32];
    enum result_reason reason = REASON_NONE;
    int added = 0;
    memset(text, 'x', 1000);
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    while (reason == REASON_NONE && added < 20) {
        snprintf(name, sizeof name, "x-%d", added);
        reason = do_add_text(w, uid, name, text);
        added += reason == REASON_NONE;
    }
    assert_int_equal(reason, REASON_INDEX_OUT_OF_BOUNDS);
    assert_in_range(added, 5, 7);
    item_delete_attribute(ask(w, 1), uid, "x-0");
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-small", "fits"), REASON_NONE);
    world_wait(w, 3000);
    assert_true(fake_find(&w->fake, uid)->len <= RECORD_MAX);
}

static void an_answer_too_large_for_the_client_is_refused(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static char text[1001];
    memset(text, 'x', 1000);
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_add_text(w, uid, "x-long", text), REASON_NONE);
    w->askers[1].options.maximum_response_size = 1000;
    item_get_attributes(ask(w, 1), uid, "x-long");
    assert_int_equal(finish(w, 1), REASON_RESPONSE_TOO_LARGE);
    check_reason(w, 1, 0, REASON_RESPONSE_TOO_LARGE);
    item_get_attributes(ask(w, 1), uid, "State");
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(w->askers[1].out_len <= 1000);
    w->askers[1].options.maximum_response_size = 1500;
    item_get_attributes(ask(w, 1), uid, "x-long");
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(w->askers[1].out_len <= 1500);
}

/* A client that reads "Response Too Large" has changed nothing. */
static void a_change_whose_answer_is_too_large_is_not_done(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static char text[1001];
    memset(text, 'x', 1000);
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    uint32_t generation = entry_of_uid(w, uid)->generation;
    w->askers[1].options.maximum_response_size = 600;
    item_add_text(ask(w, 1), uid, "x-long", text);
    enum result_reason reason = finish(w, 1);
    world_wait(w, 1000);
    if (reason == REASON_NONE)
        assert_int_equal(entry_of_uid(w, uid)->generation, generation + 1);
    else
        assert_int_equal(entry_of_uid(w, uid)->generation, generation);
}

static void a_batch_ends_where_the_answer_has_no_room(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    w->askers[1].room = 4096;
    w->askers[1].options.continuation = BATCH_CONTINUE;
    struct message *m = ask(w, 1);
    for (int i = 0; i < 60; i++)
        item_get(m, uid);
    if (!ask_send(w, 1))
        assert_true(ask_finish(w, 1));
    int count = answer_count(answer_of(w, 1)); /* well-formed, and its Batch Count is true */
    assert_in_range(count, 5, 59);
    assert_true(w->askers[1].out_len <= 4096);
    check_reason(w, 1, 0, REASON_NONE);
}

/* Unique Batch Item IDs are echoed; long ones must not lead to half an answer. */
static void long_item_ids_never_break_the_answer(void **state)
{
    struct world *w = *state;
    static const size_t lengths[] = {8, 64, 65, 300, 600, 3000};
    for (size_t l = 0; l < COUNT_OF(lengths); l++) {
        struct ttlv_writer out = ttlv_writer_over(w->askers[1].in, 60000);
        uint8_t id[3000];
        memset(id, 'i', sizeof id);
        size_t whole = ttlv_begin(&out, TAG_REQUEST_MESSAGE), header = ttlv_begin(&out, TAG_REQUEST_HEADER);
        size_t version = ttlv_begin(&out, TAG_PROTOCOL_VERSION);
        ttlv_put_integer(&out, TAG_PROTOCOL_VERSION_MAJOR, 1);
        ttlv_put_integer(&out, TAG_PROTOCOL_VERSION_MINOR, 2);
        ttlv_end(&out, version);
        ttlv_put_enumeration(&out, TAG_BATCH_ERROR_CONTINUATION_OPTION, BATCH_CONTINUE);
        int32_t count = (int32_t)(50000 / (lengths[l] + 100));
        ttlv_put_integer(&out, TAG_BATCH_COUNT, count);
        ttlv_end(&out, header);
        for (int32_t i = 0; i < count; i++) {
            size_t item = ttlv_begin(&out, TAG_BATCH_ITEM);
            ttlv_put_enumeration(&out, TAG_OPERATION, OPERATION_GET);
            ttlv_put_bytes(&out, TAG_UNIQUE_BATCH_ITEM_ID, span_of(id, lengths[l]));
            ttlv_end(&out, ttlv_begin(&out, TAG_REQUEST_PAYLOAD));
            ttlv_end(&out, item);
        }
        ttlv_end(&out, whole);
        assert_false(out.full);
        struct asker *a = &w->askers[1];
        const char *why;
        for (size_t room = 4096; room <= MESSAGE_LARGE; room *= 4) {
            enum request_state done = REQUEST_AGAIN;
            if (request_begin(&a->request, span_of(a->in, out.len), w->now.mono_ms + 1000, &why) !=
                REASON_NONE)
                continue; /* refused as a whole is an answer as well */
            w->env.now = w->now;
            for (int i = 0; i < 1000 && done == REQUEST_AGAIN; i++) {
                w->audit.count = 0;
                done = request_run(&a->request, &w->env, a->out, room, BATCH_ITEMS_A_TURN);
            }
            assert_int_equal(done, REQUEST_DONE);
            int answers = answer_count(span_of(a->out, a->request.response_len));
            if (answers < 0)
                fail_msg("ids of %u bytes, room for %u: the answer is not well-formed", (unsigned)lengths[l],
                         (unsigned)room);
        }
        ask_hang_up(w, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_catalogue_is_answered),
        cmocka_unit_test(a_full_arena_is_answered),
        cmocka_unit_test(a_re_key_without_room_changes_nothing),
        cmocka_unit_test(a_full_name_index_is_answered),
        cmocka_unit_test(failed_changes_do_not_use_names_up),
        STORY(an_object_grows_to_the_record_limit_and_no_further),
        STORY(an_answer_too_large_for_the_client_is_refused),
        STORY(a_change_whose_answer_is_too_large_is_not_done),
        STORY(a_batch_ends_where_the_answer_has_no_room),
        STORY(long_item_ids_never_break_the_answer),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
