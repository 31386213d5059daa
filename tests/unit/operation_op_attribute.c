/* SPDX-License-Identifier: Apache-2.0 */
/* Add Attribute, Modify Attribute, Delete Attribute: KMIP 1.4 s4.14 to s4.16, s11.15 to s11.17. The rules of
 * each attribute are tested with change.c. */
#include "support/objects.h"

static void new_key(struct world *w, uint8_t uid[UUID_BYTES])
{
    create_end(w, create_begin(w), uid);
}

/* The only Attribute structure in the answer: its index and value. */
static int32_t answered_attribute(struct world *w, const char *name, struct ttlv_item *value)
{
    struct ttlv_item attribute, index;
    struct span payload = answered(w, 1, 0).payload;
    assert_int_equal(payload_attributes(payload, name, value), 1);
    assert_true(find_deep(payload, TAG_ATTRIBUTE, &attribute));
    return find_deep(attribute.value, TAG_ATTRIBUTE_INDEX, &index) ? ttlv_integer(&index) : 0;
}

static void delete_begin(struct world *w, const uint8_t uid[UUID_BYTES], const char *name, int32_t index)
{
    struct message *m = ask(w, 1);
    item_delete_attribute(m, uid, name);
    if (index >= 0)
        ttlv_put_integer(&m->w, TAG_ATTRIBUTE_INDEX, index);
}

static void modify_index(struct world *w, const uint8_t uid[UUID_BYTES], const char *name, int32_t index,
                         const char *value)
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_indexed_text(m, name, index, value);
}

/* vCenter's three in a batch, in KMIP 1.1: each answer has Unique Identifier and Attribute. */
static void the_three_that_vcenter_adds(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    static const char *const names[] = {"x-Product_Version", "x-Vendor", "x-Product"};
    static const char *const values[] = {"8.0.1 build-21560480", "VMware, Inc.", "VMware vSphere"};
    struct ttlv_item item;
    char text[64];
    new_key(w, uid);
    w->askers[1].options.minor = 1;
    struct message *m = ask(w, 1);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        item_add_text(m, uid, names[i], values[i]);
    check_done(w);
    assert_int_equal(answer_count(answer_of(w, 1)), 3);
    for (int i = 0; i < 3; i++) {
        check_reason(w, 1, i, REASON_NONE);
        struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, i).payload);
        assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
        assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
        assert_int_equal(uuid_read(item.value, got), STATUS_OK);
        assert_memory_equal(got, uid, UUID_BYTES);
        assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
        assert_int_equal(item.tag, TAG_ATTRIBUTE);
        assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
        assert_int_equal(payload_attributes(answered(w, 1, i).payload, names[i], &item), 1);
        check_text(item.value, values[i]);
        assert_true(text_of(w, uid, names[i], text, sizeof text));
        assert_string_equal(text, values[i]);
    }
}

static void add_chooses_the_lowest_free_index(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item value;
    char text[16];
    new_key(w, uid);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "g%d", i);
        item_add_text(ask(w, 1), uid, "Object Group", text);
        check_done(w);
        assert_int_equal(answered_attribute(w, "Object Group", &value), i);
        check_text(value.value, text);
    }
    delete_begin(w, uid, "Object Group", 1);
    check_done(w);
    item_add_text(ask(w, 1), uid, "Object Group", "again");
    check_done(w);
    assert_int_equal(answered_attribute(w, "Object Group", &value), 1);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_ADD_ATTRIBUTE, uid);
    put_indexed_text(m, "Object Group", 7, "mine");
    check_refused(w, REASON_INVALID_FIELD, "chooses the Attribute Index itself");
}

/* The answer has the attribute as the object now has it. */
static void the_answer_shows_what_was_set(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item value, count;
    new_key(w, uid);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_ADD_ATTRIBUTE, uid);
    put_usage_limits(m, 500);
    check_done(w);
    assert_int_equal(answered_attribute(w, "Usage Limits", &value), 0);
    assert_true(find_deep(value.value, TAG_USAGE_LIMITS_COUNT, &count));
    assert_int_equal(ttlv_long(&count), 500);
}

static void modify_changes_one_instance(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item value;
    new_key(w, uid);
    item_add_text(ask(w, 1), uid, "Object Group", "g0");
    check_done(w);
    item_add_text(ask(w, 1), uid, "Object Group", "g1");
    check_done(w);
    world_wait(w, 3000);
    modify_index(w, uid, "Object Group", 1, "new");
    check_done(w);
    assert_int_equal(answered_attribute(w, "Object Group", &value), 1);
    check_text(value.value, "new");
    assert_int_equal(shown(w, uid, "Object Group", &value), 2);
    check_text(value.value, "g0");
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    modify_index(w, uid, "Object Group", 2, "none");
    check_refused(w, REASON_ITEM_NOT_FOUND, "no instance with this Attribute Index");
    modify_index(w, uid, "Object Group", -1, "none");
    check_refused(w, REASON_ITEM_NOT_FOUND, "no instance with this Attribute Index");
    item_modify_text(ask(w, 1), uid, "Object Group", "first"); /* left out: index 0 */
    check_done(w);
    assert_int_equal(shown(w, uid, "Object Group", &value), 2);
    check_text(value.value, "first");
}

static void modify_needs_an_attribute_that_is_there(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    item_modify_text(ask(w, 1), uid, "x-none", "v");
    check_refused(w, REASON_INVALID_FIELD, "no such attribute");
    item_modify_text(ask(w, 1), uid, "Contact Information", "v");
    check_refused(w, REASON_INVALID_FIELD, "no such attribute");
    assert_int_equal(do_add_text(w, uid, "x-none", "v"), REASON_NONE);
    item_modify_text(ask(w, 1), uid, "x-none", "w");
    check_done(w);
    item_modify_text(ask(w, 1), uid, "x-other", "w");
    check_refused(w, REASON_INVALID_FIELD, "no such attribute");
    item_modify_text(ask(w, 1), uid, "Unheard Of", "w");
    check_refused(w, REASON_INVALID_FIELD, "unknown attribute name");
}

static void modify_refuses_the_servers_attributes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_enumeration(m, "State", STATE_ACTIVE);
    check_refused(w, REASON_PERMISSION_DENIED, "not changed by clients");
    item_uid(m = ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_integer(m, "Cryptographic Length", 128);
    check_refused(w, REASON_PERMISSION_DENIED, "not changed by clients");
    item_uid(m = ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_boolean(m, "Fresh", true);
    check_refused(w, REASON_PERMISSION_DENIED, "not changed by clients");
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
}

/* KMIP 1.4 s3.48, s3.50: a key always has them. */
static void sensitive_and_extractable_have_their_one_instance(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item value;
    new_key(w, uid);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_boolean(m, "Sensitive", true);
    check_done(w);
    assert_int_equal(answered_attribute(w, "Sensitive", &value), 0);
    assert_true(ttlv_boolean(&value));
    assert_int_equal(shown_flag(w, uid, "Sensitive"), 1);
    item_uid(m = ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, uid);
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text("Extractable"));
    ttlv_put_integer(&m->w, TAG_ATTRIBUTE_INDEX, 1);
    ttlv_put_boolean(&m->w, TAG_ATTRIBUTE_VALUE, false);
    ttlv_end(&m->w, at);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no instance");
    w->askers[1].options.minor = 3;
    item_uid(m = ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_boolean(m, "Sensitive", false);
    check_refused(w, REASON_INVALID_FIELD, "unknown attribute name");
}

static void delete_answers_with_what_was_deleted(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct ttlv_item value;
    new_key(w, uid);
    assert_int_equal(do_add_text(w, uid, "x-note", "gone soon"), REASON_NONE);
    world_wait(w, 3000);
    delete_begin(w, uid, "x-note", -1);
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
    assert_int_equal(answered_attribute(w, "x-note", &value), 0);
    check_text(value.value, "gone soon");
    assert_int_equal(shown(w, uid, "x-note", NULL), 0);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    delete_begin(w, uid, "x-note", -1);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no such attribute");
}

static void delete_takes_the_instance_named(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item value;
    new_key(w, uid);
    item_add_text(ask(w, 1), uid, "Object Group", "g0");
    check_done(w);
    item_add_text(ask(w, 1), uid, "Object Group", "g1");
    check_done(w);
    delete_begin(w, uid, "Object Group", 5);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no instance with this Attribute Index");
    delete_begin(w, uid, "Object Group", -1); /* 0 when left out */
    check_done(w);
    assert_int_equal(shown(w, uid, "Object Group", &value), 1);
    check_text(value.value, "g1");
    delete_begin(w, uid, "Object Group", 0);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no instance with this Attribute Index");
}

static void what_a_key_needs_is_not_deleted(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static const char *const kept[] = {
        "Unique Identifier",        "State",           "Cryptographic Algorithm", "Initial Date", "Digest",
        "Cryptographic Usage Mask", "Activation Date", "Operation Policy Name"};
    new_key(w, uid);
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        delete_begin(w, uid, kept[i], -1);
        check_refused(w, REASON_PERMISSION_DENIED, "not deleted by clients");
    }
    delete_begin(w, uid, "y-server", -1);
    check_refused(w, REASON_PERMISSION_DENIED, "not deleted by clients");
    delete_begin(w, uid, "Unheard Of", -1);
    check_refused(w, REASON_ITEM_NOT_FOUND, "unknown attribute name");
    delete_begin(w, uid, "Description", -1);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no such attribute");
    w->askers[1].options.minor = 3; /* Description is of 1.4 */
    delete_begin(w, uid, "Description", -1);
    check_refused(w, REASON_ITEM_NOT_FOUND, "unknown attribute name");
}

static void payloads_have_their_fields(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    item_uid(ask(w, 1), OPERATION_ADD_ATTRIBUTE, uid);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    item_uid(ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, uid);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    item_uid(ask(w, 1), OPERATION_DELETE_ATTRIBUTE, uid);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    struct message *m = ask(w, 1);
    item_add_text(m, uid, "x-a", "1");
    put_attribute_text(m, "x-b", "2");
    check_refused(w, REASON_INVALID_MESSAGE, "a field twice");
}

/* Attributes answer when the journal has them; two changes of one object come one after the other. */
static void changes_of_one_object_queue(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[16];
    new_key(w, uid);
    w->disk_frozen = true;
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    for (int i = 1; i <= 3; i++) {
        snprintf(text, sizeof text, "x-%d", i);
        item_add_text(ask(w, i), uid, text, "v");
        assert_false(ask_send(w, i));
    }
    world_turns(w, 20);
    for (int i = 1; i <= 3; i++)
        assert_true(w->askers[i].busy);
    w->disk_frozen = false;
    for (int i = 1; i <= 3; i++) {
        assert_true(ask_finish(w, i));
        check_reason(w, i, 0, REASON_NONE);
    }
    for (int i = 1; i <= 3; i++) {
        snprintf(text, sizeof text, "x-%d", i);
        assert_int_equal(shown(w, uid, text, NULL), 1);
    }
}

static void a_name_that_is_given_up_is_found_no_more(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], found[UUID_BYTES];
    int count;
    assert_int_equal(do_create(w, "old", uid), REASON_NONE);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_name(m, "new");
    check_done(w);
    assert_int_equal(do_locate(w, "old", found, &count), REASON_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(do_locate(w, "new", found, &count), REASON_NONE);
    assert_int_equal(count, 1);
    delete_begin(w, uid, "Name", 0);
    check_done(w);
    assert_int_equal(do_locate(w, "new", found, &count), REASON_NONE);
    assert_int_equal(count, 0);
}

/* KMIP 1.4 s3.21, Table 102: by deleting and adding them a client could use a key without end. */
static void usage_limits_stand_once_usage_was_allocated(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_usage_limits(m, 100);
    create_end(w, m, uid);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    delete_begin(w, uid, "Usage Limits", -1); /* nobody has used it: as the client likes */
    check_done(w);
    item_uid(m = ask(w, 1), OPERATION_ADD_ATTRIBUTE, uid);
    put_usage_limits(m, 200);
    check_done(w);
    item_uid(m = ask(w, 1), OPERATION_GET_USAGE_ALLOCATION, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 200);
    check_done(w);
    delete_begin(w, uid, "Usage Limits", -1);
    check_refused(w, REASON_PERMISSION_DENIED, "the limits stand");
    struct ttlv_item count = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    assert_int_equal(ttlv_long(&count), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_three_that_vcenter_adds),
        STORY(add_chooses_the_lowest_free_index),
        STORY(the_answer_shows_what_was_set),
        STORY(modify_changes_one_instance),
        STORY(modify_needs_an_attribute_that_is_there),
        STORY(modify_refuses_the_servers_attributes),
        STORY(sensitive_and_extractable_have_their_one_instance),
        STORY(delete_answers_with_what_was_deleted),
        STORY(delete_takes_the_instance_named),
        STORY(what_a_key_needs_is_not_deleted),
        STORY(payloads_have_their_fields),
        STORY(changes_of_one_object_queue),
        STORY(a_name_that_is_given_up_is_found_no_more),
        STORY(usage_limits_stand_once_usage_was_allocated),
    };
    return cmocka_run_group_tests_name("op_attribute", tests, NULL, NULL);
}
