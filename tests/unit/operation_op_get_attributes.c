/* SPDX-License-Identifier: Apache-2.0 */
/* Get Attributes and Get Attribute List: KMIP 1.4 s4.12, s4.13, s11.13, s11.14. */
#include "support/objects.h"

static struct message *get_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_GET_ATTRIBUTES, uid);
    return m;
}

static void put_name(struct message *m, const char *name)
{
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
}

/* Items in the answer's payload with this tag. */
static int count_items(struct world *w, uint32_t tag)
{
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    struct ttlv_item item;
    int n = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK)
        n += item.tag == tag;
    return n;
}

/* vCenter asks so before it adds: an attribute that is not there is no failure. */
static void an_absent_attribute_leaves_just_the_identifier(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    w->askers[1].options.minor = 1;
    put_name(get_begin(w, uid), "x-Product_Version");
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
    assert_int_equal(count_items(w, TAG_ATTRIBUTE), 0);
    put_name(get_begin(w, uid), "Unheard Of");
    check_done(w);
    assert_int_equal(count_items(w, TAG_ATTRIBUTE), 0);
}

static void only_what_is_named_comes_in_the_order_of_the_names(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item, value;
    create_end(w, create_begin(w), uid);
    struct message *m = get_begin(w, uid);
    put_name(m, "State");
    put_name(m, "Cryptographic Length");
    check_done(w);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_true(find_deep(item.value, TAG_ATTRIBUTE_NAME, &value));
    check_text(value.value, "State");
    assert_true(find_deep(item.value, TAG_ATTRIBUTE_VALUE, &value));
    assert_int_equal(value.type, TTLV_ENUMERATION);
    assert_int_equal(ttlv_enumeration(&value), STATE_PRE_ACTIVE);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_true(find_deep(item.value, TAG_ATTRIBUTE_NAME, &value));
    check_text(value.value, "Cryptographic Length");
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
}

/* All instances of one name, each with its Attribute Index but the first. */
static void every_instance_comes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item, index;
    struct message *m = create_begin(w);
    put_attribute_text(m, "Object Group", "g0");
    put_attribute_text(m, "Object Group", "g1");
    put_attribute_text(m, "Object Group", "g2");
    create_end(w, m, uid);
    put_name(get_begin(w, uid), "Object Group");
    check_done(w);
    assert_int_equal(count_items(w, TAG_ATTRIBUTE), 3);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
        bool has_index = find_deep(item.value, TAG_ATTRIBUTE_INDEX, &index);
        assert_int_equal(has_index ? ttlv_integer(&index) : 0, i);
    }
}

static void without_names_all_come(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "x-a", "1");
    put_attribute_name(m, "named");
    create_end(w, m, uid);
    get_begin(w, uid);
    check_done(w);
    static const char *const some[] = {"x-a",    "Name",         "State",
                                       "Digest", "Initial Date", "Cryptographic Length"};
    for (size_t i = 0; i < COUNT_OF(some); i++)
        assert_int_equal(payload_attributes(answered(w, 1, 0).payload, some[i], NULL), 1);
    assert_true(count_items(w, TAG_ATTRIBUTE) > 15);
}

static void a_name_stands_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    struct message *m = get_begin(w, uid);
    put_name(m, "State");
    put_name(m, "Name");
    put_name(m, "State");
    check_refused(w, REASON_INVALID_MESSAGE, "stands twice");
    m = get_begin(w, uid);
    put_name(m, "State");
    ttlv_put_integer(&m->w, TAG_BATCH_COUNT, 1);
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

static void a_request_names_at_most_96(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char name[16];
    create_end(w, create_begin(w), uid);
    for (int count = ATTRIBUTES_A_REQUEST; count <= ATTRIBUTES_A_REQUEST + 1; count++) {
        struct message *m = get_begin(w, uid);
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "x-%d", i);
            put_name(m, name);
        }
        if (count == ATTRIBUTES_A_REQUEST)
            check_done(w);
        else
            check_refused(w, REASON_INDEX_OUT_OF_BOUNDS, "more than 96");
    }
}

/* Attributes outlive what they describe. */
static void archived_and_destroyed_objects_still_show_them(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static const enum operation_code both[] = {OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST};
    create_end(w, create_begin(w), uid);
    assert_int_equal(do_uid(w, OPERATION_ARCHIVE, uid), REASON_NONE);
    for (size_t i = 0; i < COUNT_OF(both); i++)
        assert_int_equal(do_uid(w, both[i], uid), REASON_NONE);
    assert_int_equal(shown(w, uid, "Archive Date", NULL), 1);
    assert_int_equal(do_uid(w, OPERATION_RECOVER, uid), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    for (size_t i = 0; i < COUNT_OF(both); i++)
        assert_int_equal(do_uid(w, both[i], uid), REASON_NONE);
    assert_int_equal(shown(w, uid, "Destroy Date", NULL), 1);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED);
}

static int listed(struct world *w, const char *name)
{
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    struct ttlv_item item;
    int n = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK)
        n += item.tag == TAG_ATTRIBUTE_NAME && span_equal(item.value, span_of_text(name));
    return n;
}

static void the_list_has_each_name_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Object Group", "g0");
    put_attribute_text(m, "x-a", "1");
    put_attribute_text(m, "Object Group", "g1");
    put_attribute_text(m, "x-b", "1");
    put_attribute_text(m, "x-a", "2");
    create_end(w, m, uid);
    item_uid(ask(w, 1), OPERATION_GET_ATTRIBUTE_LIST, uid);
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
    static const char *const once[] = {"Object Group", "x-a", "x-b", "State", "Digest", "Unique Identifier"};
    for (size_t i = 0; i < COUNT_OF(once); i++)
        assert_int_equal(listed(w, once[i]), 1);
    assert_int_equal(listed(w, "Activation Date"), 0);
    m = ask(w, 1);
    item_uid(m, OPERATION_GET_ATTRIBUTE_LIST, uid);
    put_name(m, "State");
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

static void lists_are_those_of_the_version(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    static const struct {
        const char *name;
        uint8_t since;
    } rows[] = {
        {"Fresh", 1}, {"Original Creation Date", 2}, {"Random Number Generator", 3}, {"Sensitive", 4}};
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            item_uid(ask(w, 1), OPERATION_GET_ATTRIBUTE_LIST, uid);
            check_done(w);
            assert_int_equal(listed(w, rows[i].name), minor >= rows[i].since);
            put_name(get_begin(w, uid), rows[i].name);
            check_done(w);
            assert_int_equal(count_items(w, TAG_ATTRIBUTE), minor >= rows[i].since);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_absent_attribute_leaves_just_the_identifier),
        STORY(only_what_is_named_comes_in_the_order_of_the_names),
        STORY(every_instance_comes),
        STORY(without_names_all_come),
        STORY(a_name_stands_once),
        STORY(a_request_names_at_most_96),
        STORY(archived_and_destroyed_objects_still_show_them),
        STORY(the_list_has_each_name_once),
        STORY(lists_are_those_of_the_version),
    };
    return cmocka_run_group_tests_name("op_get_attributes", tests, NULL, NULL);
}
