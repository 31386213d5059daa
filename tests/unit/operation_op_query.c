/* SPDX-License-Identifier: Apache-2.0 */
/* Query and Discover Versions: KMIP 1.4 s4.25, s4.26. */
#include "support/objects.h"

static void query(struct world *w, uint32_t function)
{
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_QUERY);
    ttlv_put_enumeration(&m->w, TAG_QUERY_FUNCTION, function);
    check_done(w);
}

static bool answered_with(struct world *w, uint32_t tag, struct ttlv_item *item)
{
    return find_deep(answered(w, 1, 0).payload, tag, item);
}

/* Every operation that this version has, in order, and no other. */
static void operations_are_those_of_the_version(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        query(w, QUERY_OPERATIONS);
        struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
        size_t i = 0, count = 0;
        while (ttlv_next(&reader, &item) == STATUS_OK) {
            assert_int_equal(item.tag, TAG_OPERATION);
            while (operation_at(i) != NULL && operation_at(i)->since > minor)
                i++;
            assert_non_null(operation_at(i));
            assert_int_equal(ttlv_enumeration(&item), operation_at(i++)->code);
            count++;
        }
        assert_int_equal(count, minor == 0 ? 19 : 20); /* Discover Versions is of 1.1 */
    }
}

static void objects_are_the_three_that_are_held(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    static const uint32_t types[] = {OBJECT_SYMMETRIC_KEY, OBJECT_SECRET_DATA, OBJECT_OPAQUE_OBJECT};
    query(w, QUERY_OBJECTS);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
        assert_int_equal(item.tag, TAG_OBJECT_TYPE);
        assert_int_equal(ttlv_enumeration(&item), types[i]);
    }
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
}

/* What vCenter asks while trust is set up. */
static void server_information_names_the_vendor(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    w->askers[1].options.minor = 1;
    query(w, QUERY_SERVER_INFORMATION);
    assert_true(answered_with(w, TAG_VENDOR_IDENTIFICATION, &item));
    check_text(item.value, "Holdfast");
    assert_true(answered_with(w, TAG_SERVER_INFORMATION, &item));
    assert_int_equal(item.type, TTLV_STRUCTURE);
}

/* Functions of later versions, and what this server cannot tell, are left out: never an error. */
static void later_functions_are_left_out(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    static const uint32_t silent[] = {QUERY_APPLICATION_NAMESPACES, QUERY_EXTENSION_LIST, QUERY_PROFILES, 99};
    for (size_t i = 0; i < COUNT_OF(silent); i++) {
        query(w, silent[i]);
        assert_int_equal(answered(w, 1, 0).payload.len, 0);
    }
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        query(w, QUERY_RNGS);
        assert_int_equal(answered_with(w, TAG_RNG_PARAMETERS, &item), minor >= 3);
        query(w, QUERY_CAPABILITIES);
        assert_int_equal(answered_with(w, TAG_CAPABILITY_INFORMATION, &item), minor >= 3);
        assert_int_equal(answered_with(w, TAG_BATCH_CONTINUE_CAPABILITY, &item), minor >= 4);
        if (minor >= 4)
            assert_true(ttlv_boolean(&item)); /* as the request machine does */
        if (answered_with(w, TAG_ASYNCHRONOUS_CAPABILITY, &item))
            assert_false(ttlv_boolean(&item));
    }
}

static void several_functions_are_answered_together(void **state)
{
    struct world *w = *state;
    struct ttlv_item item;
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_QUERY);
    ttlv_put_enumeration(&m->w, TAG_QUERY_FUNCTION, QUERY_SERVER_INFORMATION);
    ttlv_put_enumeration(&m->w, TAG_QUERY_FUNCTION, QUERY_OBJECTS);
    check_done(w);
    assert_true(answered_with(w, TAG_OBJECT_TYPE, &item));
    assert_true(answered_with(w, TAG_VENDOR_IDENTIFICATION, &item));
    assert_false(answered_with(w, TAG_OPERATION, &item));
    message_item(ask(w, 1), OPERATION_QUERY);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    message_item(m = ask(w, 1), OPERATION_QUERY);
    ttlv_put_enumeration(&m->w, TAG_QUERY_FUNCTION, QUERY_OBJECTS);
    ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, 1);
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

static void put_version(struct message *m, int32_t major, int32_t minor)
{
    size_t at = ttlv_begin(&m->w, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(&m->w, TAG_PROTOCOL_VERSION_MAJOR, major);
    ttlv_put_integer(&m->w, TAG_PROTOCOL_VERSION_MINOR, minor);
    ttlv_end(&m->w, at);
}

/* The minor versions offered, as a number: 43210 for all. */
static int offered(struct world *w)
{
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    struct ttlv_item item, part;
    int n = 0;
    while (reader.at != NULL && ttlv_next(&reader, &item) == STATUS_OK) {
        assert_int_equal(item.tag, TAG_PROTOCOL_VERSION);
        assert_true(find_deep(item.value, TAG_PROTOCOL_VERSION_MAJOR, &part));
        assert_int_equal(ttlv_integer(&part), 1);
        assert_true(find_deep(item.value, TAG_PROTOCOL_VERSION_MINOR, &part));
        n = n * 10 + ttlv_integer(&part);
    }
    return n;
}

static void every_version_is_offered_highest_first(void **state)
{
    struct world *w = *state;
    for (uint8_t minor = 1; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        message_item(ask(w, 1), OPERATION_DISCOVER_VERSIONS);
        check_done(w);
        assert_int_equal(offered(w), 43210);
    }
}

static void of_a_clients_list_those_that_both_speak(void **state)
{
    struct world *w = *state;
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_DISCOVER_VERSIONS);
    put_version(m, 2, 1);
    put_version(m, 1, 1);
    put_version(m, 1, 3);
    put_version(m, 1, 7);
    check_done(w);
    assert_int_equal(offered(w), 31);
    message_item(m = ask(w, 1), OPERATION_DISCOVER_VERSIONS);
    put_version(m, 3, 1);
    check_done(w);
    assert_int_equal(answered(w, 1, 0).payload.len, 0);
    message_item(m = ask(w, 1), OPERATION_DISCOVER_VERSIONS);
    size_t at = ttlv_begin(&m->w, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(&m->w, TAG_PROTOCOL_VERSION_MAJOR, 1);
    ttlv_end(&m->w, at);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    message_item(m = ask(w, 1), OPERATION_DISCOVER_VERSIONS);
    put_version(m, 1, 1);
    ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, 1);
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(operations_are_those_of_the_version),     STORY(objects_are_the_three_that_are_held),
        STORY(server_information_names_the_vendor),     STORY(later_functions_are_left_out),
        STORY(several_functions_are_answered_together), STORY(every_version_is_offered_highest_first),
        STORY(of_a_clients_list_those_that_both_speak),
    };
    return cmocka_run_group_tests_name("op_query", tests, NULL, NULL);
}
