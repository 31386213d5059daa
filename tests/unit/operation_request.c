/* SPDX-License-Identifier: Apache-2.0 */
/* The request machine: one message from header to answer (KMIP 1.4 s6, s7, s11.1). What waits for the store
 * is in the scenarios. */
#include "support/objects.h"

static void send(struct world *w)
{
    if (!ask_send(w, 1))
        assert_true(ask_finish(w, 1));
}

static void query(struct message *m)
{
    message_item(m, OPERATION_QUERY);
    ttlv_put_enumeration(&m->w, TAG_QUERY_FUNCTION, QUERY_OPERATIONS);
}

static struct ttlv_item header_field(struct world *w, uint32_t tag)
{
    struct ttlv_item item;
    assert_true(find_deep(answer_of(w, 1), tag, &item));
    return item;
}

static void the_answer_has_the_requests_version_and_the_time(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        query(ask(w, 1));
        check_done(w);
        item = header_field(w, TAG_PROTOCOL_VERSION_MAJOR);
        assert_int_equal(ttlv_integer(&item), 1);
        item = header_field(w, TAG_PROTOCOL_VERSION_MINOR);
        assert_int_equal(ttlv_integer(&item), minor);
        item = header_field(w, TAG_TIME_STAMP);
        assert_int_equal(ttlv_long(&item), w->now.unix_s);
    }
}

/* Each item is answered in its place, with its operation and its Unique Batch Item ID. */
static void items_are_answered_in_order_with_their_ids(void **state)
{
    struct world *w = *state;
    struct ttlv_item item, part;
    struct message *m = ask(w, 1);
    query(m);
    message_item(m, OPERATION_DISCOVER_VERSIONS);
    query(m);
    send(w);
    assert_int_equal(answer_count(answer_of(w, 1)), 3);
    static const uint32_t operations[] = {OPERATION_QUERY, OPERATION_DISCOVER_VERSIONS, OPERATION_QUERY};
    struct ttlv_reader reader = ttlv_reader_over(answer_of(w, 1));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    reader = ttlv_enter(&item);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    for (uint8_t i = 0; i < 3; i++) {
        check_reason(w, 1, i, REASON_NONE);
        assert_int_equal(answered(w, 1, i).operation, operations[i]);
        assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
        assert_true(find_deep(item.value, TAG_UNIQUE_BATCH_ITEM_ID, &part));
        assert_int_equal(part.value.len, 8);
        assert_int_equal(part.value.ptr[7], i);
    }
}

static void a_message_that_cannot_be_read_is_refused_as_a_whole(void **state)
{
    struct world *w = *state;
    struct asker *a = &w->askers[1];
    struct request request;
    const char *why = NULL;
    query(ask(w, 1));
    check_done(w);
    size_t len = a->in_len;
    assert_int_equal(request_begin(&request, span_of(a->in, len - 8), 0, &why), REASON_INVALID_MESSAGE);
    a->in[8 + 8] ^= 0xff; /* the header's first field is no Protocol Version */
    why = NULL;
    enum result_reason reason = request_begin(&request, span_of(a->in, len), 0, &why);
    assert_int_equal(reason, REASON_INVALID_MESSAGE);
    assert_non_null(why);
    uint8_t out[512];
    size_t n = request_refuse(&request.header, reason, why, 77, out, sizeof out);
    assert_int_equal(answer_count(span_of(out, n)), 1);
    struct answer_item item = answer_item(span_of(out, n), 0);
    assert_int_equal(item.operation, 0); /* KMIP 1.4 s11.1: a Batch Item without Operation */
    assert_int_equal(item.status, RESULT_OPERATION_FAILED);
    assert_int_equal(item.reason, reason);
    check_text(item.text, why);
    assert_int_equal(request_refuse(&request.header, reason, why, 77, out, 32), 0);
}

/* KMIP 1.4 s11.1: where only an item cannot be read, the item fails. */
static void an_item_that_cannot_be_read_fails_alone(void **state)
{
    struct world *w = *state;
    struct asker *a = &w->askers[1];
    struct request request;
    const char *why = NULL;
    uint8_t out[1024];
    struct message *m = ask(w, 1);
    query(m);
    query(m);
    check_done(w);
    a->in[a->in_len - 20] ^= 0xff; /* the length of the last payload */
    assert_int_equal(request_begin(&request, span_of(a->in, a->in_len), UINT64_MAX, &why), REASON_NONE);
    assert_int_equal(request_run(&request, &w->env, out, sizeof out, 16), REQUEST_DONE);
    struct span answer = span_of(out, request.response_len);
    assert_int_equal(answer_count(answer), 2);
    assert_int_equal(answer_item(answer, 0).status, RESULT_SUCCESS);
    assert_int_equal(answer_item(answer, 1).reason, REASON_INVALID_MESSAGE);
}

static void one_failure_does_not_stop_the_others_when_asked_to_continue(void **state)
{
    struct world *w = *state;
    static const struct {
        enum batch_error_continuation option;
        int answers;
    } rows[] = {{BATCH_CONTINUE, 3}, {BATCH_STOP, 2}, {0, 2}}; /* Stop is the default: KMIP 1.4 s6.13 */
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        w->askers[1].options.continuation = rows[i].option;
        struct message *m = ask(w, 1);
        query(m);
        item_get(m, NULL);
        query(m);
        send(w);
        assert_int_equal(answer_count(answer_of(w, 1)), rows[i].answers);
        check_reason(w, 1, 0, REASON_NONE);
        check_reason(w, 1, 1, REASON_ITEM_NOT_FOUND);
        if (rows[i].answers == 3)
            check_reason(w, 1, 2, REASON_NONE);
    }
    w->askers[1].options.continuation = BATCH_UNDO;
    query(ask(w, 1));
    assert_int_not_equal(finish(w, 1), REASON_NONE);
}

static void a_turn_does_no_more_than_its_share(void **state)
{
    struct world *w = *state;
    w->askers[1].budget = 2;
    struct message *m = ask(w, 1);
    for (int i = 0; i < 5; i++)
        query(m);
    assert_false(ask_send(w, 1));
    assert_int_equal(w->askers[1].state, REQUEST_AGAIN);
    assert_int_equal(w->askers[1].request.done, 2);
    world_turn(w);
    assert_int_equal(w->askers[1].request.done, 4);
    assert_true(ask_finish(w, 1));
    assert_int_equal(w->askers[1].runs, 3);
    assert_int_equal(answer_count(answer_of(w, 1)), 5);
    for (int i = 0; i < 5; i++)
        check_reason(w, 1, i, REASON_NONE);
}

static void operations_that_are_not_known_are_not_supported(void **state)
{
    struct world *w = *state;
    message_item(ask(w, 1), (enum operation_code)0x02);
    check_refused(w, REASON_OPERATION_NOT_SUPPORTED, "does not have this operation");
    assert_int_equal(answered(w, 1, 0).operation, 0x02);
}

/* KMIP 1.4 s6.16, s11.1 */
static void a_critical_extension_has_to_be_understood(void **state)
{
    struct world *w = *state;
    for (int critical = 0; critical <= 1; critical++) {
        struct message *m = ask(w, 1);
        query(m);
        ttlv_end(&m->w, m->payload);
        size_t at = ttlv_begin(&m->w, TAG_MESSAGE_EXTENSION);
        ttlv_put_text(&m->w, TAG_VENDOR_IDENTIFICATION, span_of_text("somebody"));
        ttlv_put_boolean(&m->w, TAG_CRITICALITY_INDICATOR, critical != 0);
        ttlv_end(&m->w, ttlv_begin(&m->w, TAG_VENDOR_EXTENSION));
        m->payload = at; /* message_close ends it as the last part of the item */
        if (critical)
            check_refused(w, REASON_FEATURE_NOT_SUPPORTED, "extension is critical");
        else
            check_done(w);
    }
}

/* What would not fit is refused before anything is changed. */
static void an_answer_without_room_changes_nothing(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    w->askers[1].options.maximum_response_size = 200;
    item_create(ask(w, 1), "too-large");
    check_refused(w, REASON_RESPONSE_TOO_LARGE, "so nothing was changed");
    world_turns(w, 20);
    assert_int_equal(do_locate(w, "too-large", uid, &count), REASON_NONE);
    assert_int_equal(count, 0);
    w->askers[1].options.maximum_response_size = 40;
    query(ask(w, 1));
    check_refused(w, REASON_RESPONSE_TOO_LARGE, "Maximum Response Size");
}

/* Behind the last answer there is always room for a refusal; then the batch ends and Batch Count says where.
 */
static void a_full_answer_ends_the_batch(void **state)
{
    struct world *w = *state;
    w->askers[1].room = 2000;
    w->askers[1].options.continuation = BATCH_CONTINUE;
    struct message *m = ask(w, 1);
    for (int i = 0; i < 40; i++)
        query(m);
    send(w);
    int count = answer_count(answer_of(w, 1));
    assert_in_range(count, 2, 39);
    assert_true(w->askers[1].out_len <= 2000);
    check_reason(w, 1, 0, REASON_NONE);
}

static void the_placeholder_is_given_on_by_those_that_set_it(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], got[UUID_BYTES];
    create_end(w, create_begin(w), one);
    struct message *m = ask(w, 1);
    item_create(m, NULL);
    item_get(m, one); /* a Get does not set it */
    item_uid(m, OPERATION_ACTIVATE, NULL);
    send(w);
    assert_int_equal(answer_count(answer_of(w, 1)), 3);
    check_reason(w, 1, 2, REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 2).payload, got));
    assert_memory_not_equal(got, one, UUID_BYTES);
    item_uid(ask(w, 1), OPERATION_ACTIVATE, NULL);
    check_refused(w, REASON_ITEM_NOT_FOUND, "ID Placeholder is empty");
}

/* Whoever follows a Create that failed finds nothing, not another object. */
static void a_failed_create_places_nothing_that_is_there(void **state)
{
    struct world *w = *state;
    w->askers[1].options.continuation = BATCH_CONTINUE;
    fake_fail(&w->fake, KEYMGR_PUT, KEYMGR_REFUSED, 1);
    struct message *m = ask(w, 1);
    item_create(m, NULL);
    item_uid(m, OPERATION_ACTIVATE, NULL);
    send(w);
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    check_reason(w, 1, 1, REASON_ITEM_NOT_FOUND);
}

static void objects_of_another_scope_are_denied_and_not_described(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    w->askers[1].scope = scopes_number(&w->store.scopes, span_of_text("other"));
    for (size_t i = 0; operation_at(i) != NULL; i++) {
        enum operation_code code = operation_at(i)->code;
        if ((operation_at(i)->needs & NEED_OBJECT) == 0)
            continue;
        struct message *m = ask(w, 1);
        if (code == OPERATION_REVOKE)
            item_revoke(m, uid, REVOCATION_KEY_COMPROMISE);
        else if (code == OPERATION_ADD_ATTRIBUTE || code == OPERATION_MODIFY_ATTRIBUTE)
            item_uid(m, code, uid), put_attribute_text(m, "x-a", "v");
        else if (code == OPERATION_DELETE_ATTRIBUTE)
            item_delete_attribute(m, uid, "x-a");
        else
            item_uid(m, code, uid);
        if (code == OPERATION_GET_USAGE_ALLOCATION)
            ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 1);
        check_refused(w, REASON_PERMISSION_DENIED, "another scope");
    }
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
}

static void a_damaged_record_is_a_failure_not_an_object(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    struct span record = catalogue_record(&w->store.catalogue, entry_of_uid(w, uid));
    uint8_t *first = (uint8_t *)(uintptr_t)record.ptr;
    *first ^= 0xff;
    item_get_attributes(ask(w, 1), uid, NULL);
    check_refused(w, REASON_GENERAL_FAILURE, "record is damaged");
    *first ^= 0xff;
    item_get_attributes(ask(w, 1), uid, NULL);
    check_done(w);
}

/* What waits longer than it may has failed; the clock of the deadline is the one handed in. */
static void what_waits_too_long_has_failed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    w->askers[1].patience_ms = 100;
    item_get(ask(w, 1), uid);
    assert_false(ask_send(w, 1));
    assert_int_equal(w->askers[1].state, REQUEST_WAITING);
    world_turns(w, 9);
    assert_true(w->askers[1].busy);
    world_turns(w, 1);
    assert_false(w->askers[1].busy);
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    world_wait(w, 3000);
    fake_release(&w->fake, KEYMGR_UNWRAP);
    w->disk_frozen = true; /* a commit that is not confirmed */
    item_uid(ask(w, 1), OPERATION_ACTIVATE, uid);
    assert_false(ask_send(w, 1));
    assert_int_equal(w->askers[1].request.phase, REQUEST_COMMIT);
    world_turns(w, 10);
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    struct span text = answered(w, 1, 0).text;
    assert_non_null(memmem(text.ptr, text.len, "may still be stored", 19));
    w->disk_frozen = false;
    world_turns(w, 5);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE); /* the store went on without us */
}

/* Changes and refusals are noted for the audit, with the object they are about; what only reads is not. */
static void changes_and_refusals_are_noted(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], none[UUID_BYTES] = {7};
    create_end(w, create_begin(w), uid);
    item_get_attributes(ask(w, 1), uid, NULL);
    check_done(w);
    assert_int_equal(w->audit.count, 0);
    item_uid(ask(w, 1), OPERATION_ACTIVATE, uid);
    ask_send(w, 1);
    assert_int_equal(w->audit.count, 0); /* it may still fail */
    assert_true(ask_finish(w, 1));
    assert_int_equal(w->audit.count, 1);
    assert_int_equal(w->audit.notes[0].operation, OPERATION_ACTIVATE);
    assert_int_equal(w->audit.notes[0].reason, REASON_NONE);
    assert_true(w->audit.notes[0].has_uid);
    assert_memory_equal(w->audit.notes[0].uid, uid, UUID_BYTES);
    item_get(ask(w, 1), none);
    ask_send(w, 1);
    assert_int_equal(w->audit.count, 1);
    assert_int_equal(w->audit.notes[0].reason, REASON_ITEM_NOT_FOUND);
    assert_memory_equal(w->audit.notes[0].uid, none, UUID_BYTES);
}

/* Plaintext does not outlive the item: neither where it was opened nor in an answer that was refused. */
static void plaintext_is_wiped_behind_every_item(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[64];
    memset(key, 0xab, sizeof key);
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_MAC_GENERATE);
    put_template_end(m);
    put_key(m, span_of(key, sizeof key), ALGORITHM_HMAC_SHA512, 512);
    check_made(w, uid);
    memset(w->material, 0, MATERIAL_MAX);
    item_get(ask(w, 1), uid);
    check_done(w);
    assert_null(memchr(w->material, 0xab, MATERIAL_MAX));
    memset(w->askers[1].out, 0, sizeof w->askers[1].out);
    w->askers[1].options.maximum_response_size = 350; /* half of the answer */
    item_get(ask(w, 1), uid);
    assert_int_equal(finish(w, 1), REASON_RESPONSE_TOO_LARGE);
    assert_null(memmem(w->askers[1].out, sizeof w->askers[1].out, key, 8));
    assert_null(memchr(w->material, 0xab, MATERIAL_MAX));
}

/* KMIP 1.4 s4.22, s11.12. */
static void an_archived_key_does_not_wrap(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES], key[16] = {1}, kek[16] = {2};
    register_key(w, span_of(key, 16), USAGE_ENCRYPT, uid);
    register_key(w, span_of(kek, 16), USAGE_WRAP_KEY, with);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, with), REASON_NONE);
    item_get_wrapped(ask(w, 1), uid, with, ENCODING_NONE);
    check_done(w);
    assert_int_equal(do_uid(w, OPERATION_ARCHIVE, with), REASON_NONE);
    item_get_wrapped(ask(w, 1), uid, with, ENCODING_NONE);
    check_refused(w, REASON_OBJECT_ARCHIVED, "the wrapping key is archived");
    assert_int_equal(do_uid(w, OPERATION_RECOVER, with), REASON_NONE);
    item_get_wrapped(ask(w, 1), uid, with, ENCODING_NONE);
    check_done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_answer_has_the_requests_version_and_the_time),
        STORY(items_are_answered_in_order_with_their_ids),
        STORY(a_message_that_cannot_be_read_is_refused_as_a_whole),
        STORY(an_item_that_cannot_be_read_fails_alone),
        STORY(one_failure_does_not_stop_the_others_when_asked_to_continue),
        STORY(a_turn_does_no_more_than_its_share),
        STORY(operations_that_are_not_known_are_not_supported),
        STORY(a_critical_extension_has_to_be_understood),
        STORY(an_answer_without_room_changes_nothing),
        STORY(a_full_answer_ends_the_batch),
        STORY(the_placeholder_is_given_on_by_those_that_set_it),
        STORY(a_failed_create_places_nothing_that_is_there),
        STORY(objects_of_another_scope_are_denied_and_not_described),
        STORY(a_damaged_record_is_a_failure_not_an_object),
        STORY(what_waits_too_long_has_failed),
        STORY(changes_and_refusals_are_noted),
        STORY(plaintext_is_wiped_behind_every_item),
        STORY(an_archived_key_does_not_wrap),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
