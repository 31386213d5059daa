/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations, and what every operation does with payloads that are not its own. */
#include "support/story.h"

static void the_table_is_in_order_and_complete(void **state)
{
    (void)state;
    const struct operation *row, *before = NULL;
    size_t count = 0;
    for (; (row = operation_at(count)) != NULL; count++) {
        assert_non_null(row->name);
        assert_non_null(row->decode);
        assert_non_null(row->respond);
        assert_true(row->since <= KMIP_MINOR_MAX);
        if (before != NULL)
            assert_true(row->code > before->code);
        before = row;
        for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++)
            assert_ptr_equal(operation_find((uint32_t)row->code, minor), minor >= row->since ? row : NULL);
        if ((row->needs & (NEED_IDLE | NEED_KEK)) != 0)
            assert_true((row->needs & NEED_OBJECT) != 0);
    }
    assert_int_equal(count, 20);
    assert_null(operation_find(0, 4));
    assert_null(operation_find(0x02, 4)); /* Create Key Pair */
    assert_null(operation_find(0x19, 4)); /* Cancel */
    assert_null(operation_find(0xffffffff, 4));
    assert_null(operation_at(1000));
}

static const char *name_of(size_t i)
{
    return operation_at(i)->name;
}

/* An empty payload, one with a foreign field, one with a field twice, one that is no TTLV: an answer, never
 * more. */
static void every_operation_refuses_strange_payloads(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], none[UUID_BYTES] = {5};
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    for (size_t i = 0; operation_at(i) != NULL; i++)
        for (uint8_t minor = operation_at(i)->since; minor <= KMIP_MINOR_MAX; minor++)
            for (int kind = 0; kind < 5; kind++) {
                const struct operation *row = operation_at(i);
                w->askers[1].options.minor = minor;
                struct message *m = ask(w, 1);
                message_item(m, row->code);
                if (kind == 1) {
                    put_uid(m, none);
                    ttlv_put_text(&m->w, TAG_CERTIFICATE_ISSUER, span_of_text("what is that"));
                } else if (kind == 2) {
                    put_uid(m, uid);
                    put_uid(m, uid);
                } else if (kind == 3) {
                    ttlv_put_integer(&m->w, TAG_UNIQUE_IDENTIFIER, 5);
                } else if (kind == 4) {
                    uint8_t junk[8] = {0x42, 0x00, 0x94, 0x07, 0x00, 0x00, 0x00, 0xff};
                    ttlv_put_whole(&m->w, span_of(junk, sizeof junk));
                }
                if (!ask_send(w, 1))
                    assert_true(ask_finish(w, 1));
                assert_int_equal(answer_count(answer_of(w, 1)), 1);
                struct answer_item a = answered(w, 1, 0);
                if (kind != 0 && a.status == RESULT_SUCCESS)
                    fail_msg("%s takes strange payload %d in KMIP 1.%u", name_of(i), kind, minor);
                if (a.status != RESULT_SUCCESS)
                    assert_true(a.text.len != 0 && a.reason != REASON_NONE);
            }
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
}

static void every_operation_on_an_object_says_item_not_found(void **state)
{
    struct world *w = *state;
    uint8_t none[UUID_BYTES] = {5};
    static const enum operation_code plain[] = {
        OPERATION_GET,      OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST,
        OPERATION_ACTIVATE, OPERATION_DESTROY,        OPERATION_ARCHIVE,
        OPERATION_RECOVER,  OPERATION_CHECK,          OPERATION_OBTAIN_LEASE,
        OPERATION_RE_KEY};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        assert_int_equal(do_uid(w, plain[i], none), REASON_ITEM_NOT_FOUND);
        struct message *m = ask(w, 1); /* identifiers of other servers have other forms */
        message_item(m, plain[i]);
        ttlv_put_text(&m->w, TAG_UNIQUE_IDENTIFIER, span_of_text("42"));
        assert_int_equal(finish(w, 1), REASON_ITEM_NOT_FOUND);
    }
    assert_int_equal(do_revoke(w, none, REVOCATION_UNSPECIFIED), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_add_text(w, none, "x-a", "a"), REASON_ITEM_NOT_FOUND);
}

static void operations_of_later_versions_are_not_supported(void **state)
{
    struct world *w = *state;
    w->askers[1].options.minor = 0;
    message_item(ask(w, 1), OPERATION_DISCOVER_VERSIONS);
    assert_int_equal(finish(w, 1), REASON_OPERATION_NOT_SUPPORTED);
    w->askers[1].options.minor = 1;
    message_item(ask(w, 1), OPERATION_DISCOVER_VERSIONS);
    assert_int_equal(finish(w, 1), REASON_NONE);
    message_item(ask(w, 1), (enum operation_code)0x1f); /* Encrypt */
    assert_int_equal(finish(w, 1), REASON_OPERATION_NOT_SUPPORTED);
}

/* KMIP 1.4 s3.22, the life of a key by requests: what may follow what. */
static void the_life_of_a_key(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_revoke(w, uid, REVOCATION_UNSPECIFIED), REASON_PERMISSION_DENIED);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_PERMISSION_DENIED);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_PERMISSION_DENIED);
    assert_int_equal(do_revoke(w, uid, REVOCATION_CESSATION_OF_OPERATION), REASON_NONE);
    assert_int_equal(state_of(w, uid), STATE_DEACTIVATED);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(do_revoke(w, uid, REVOCATION_KEY_COMPROMISE), REASON_NONE);
    assert_int_equal(state_of(w, uid), STATE_COMPROMISED);
    assert_int_equal(do_uid(w, OPERATION_ARCHIVE, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_OBJECT_ARCHIVED);
    assert_int_equal(do_uid(w, OPERATION_RECOVER, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED_COMPROMISED);
    assert_int_equal(do_get(w, uid, key), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_PERMISSION_DENIED);
}

/* Usage Limits are never given out twice, also when two ask at once. */
static void usage_is_allocated_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT);
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text("Usage Limits"));
    size_t value = ttlv_begin(&m->w, TAG_ATTRIBUTE_VALUE);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_TOTAL, 1000);
    ttlv_put_enumeration(&m->w, TAG_USAGE_LIMITS_UNIT, USAGE_BYTE);
    ttlv_end(&m->w, value);
    ttlv_end(&m->w, at);
    put_template_end(m);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, uid));
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    for (int i = 0; i < 3; i++) {
        m = ask(w, 1 + i);
        item_uid(m, OPERATION_GET_USAGE_ALLOCATION, uid);
        ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 400);
        ask_send(w, 1 + i);
    }
    unsigned given = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(ask_finish(w, 1 + i));
        given += answered(w, 1 + i, 0).status == RESULT_SUCCESS;
    }
    assert_int_equal(given, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_in_order_and_complete),
        STORY(every_operation_refuses_strange_payloads),
        STORY(every_operation_on_an_object_says_item_not_found),
        STORY(operations_of_later_versions_are_not_supported),
        STORY(the_life_of_a_key),
        STORY(usage_is_allocated_once),
    };
    return cmocka_run_group_tests_name("operation", tests, NULL, NULL);
}
