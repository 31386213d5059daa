/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which attributes are set: KMIP 1.4 s3, s11.2, s11.15, s11.16. */
#include "support/objects.h"

static struct message *add_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_ADD_ATTRIBUTE, uid);
    return m;
}

static struct message *modify_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    return m;
}

static void new_key(struct world *w, uint8_t uid[UUID_BYTES])
{
    create_end(w, create_begin(w), uid);
}

/* The same attribute is an Invalid Field in a Create and Permission Denied in an Add Attribute. */
static void the_servers_attributes_are_set_by_no_client(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static const char *const dates[] = {"Initial Date", "Destroy Date", "Compromise Date", "Archive Date",
                                        "Last Change Date"};
    new_key(w, uid);
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        struct message *m = create_begin(w);
        put_attribute_date(m, dates[i], w->now.unix_s);
        put_template_end(m);
        check_refused(w, REASON_INVALID_FIELD, "set by the server");
        put_attribute_date(add_begin(w, uid), dates[i], w->now.unix_s);
        check_refused(w, REASON_PERMISSION_DENIED, "set by the server");
    }
    put_attribute_enumeration(add_begin(w, uid), "State", STATE_ACTIVE);
    check_refused(w, REASON_PERMISSION_DENIED, "set by the server");
    put_attribute_boolean(add_begin(w, uid), "Never Extractable", true);
    check_refused(w, REASON_PERMISSION_DENIED, "set by the server");
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
}

/* Attributes that only a Create may set: KMIP 1.4 s3.4, s3.5, s3.19. */
static void what_only_creation_sets_is_not_added(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    put_attribute_integer(add_begin(w, uid), "Cryptographic Usage Mask", USAGE_SIGN);
    check_refused(w, REASON_PERMISSION_DENIED, "only when the object is made");
    put_attribute_integer(add_begin(w, uid), "Cryptographic Length", 128);
    check_refused(w, REASON_PERMISSION_DENIED, "only when the object is made");
    put_attribute_text(add_begin(w, uid), "Operation Policy Name", "default");
    check_refused(w, REASON_PERMISSION_DENIED, "only when the object is made");
    assert_int_equal(shown_number(w, uid, "Cryptographic Usage Mask"), USAGE_ENCRYPT | USAGE_DECRYPT);
}

static void an_attribute_fits_the_type_of_object(void **state)
{
    struct world *w = *state;
    uint8_t secret[UUID_BYTES], opaque[UUID_BYTES];
    register_secret(w, "password", secret);
    register_opaque(w, "bytes", opaque);
    put_attribute_date(add_begin(w, secret), "Process Start Date", w->now.unix_s + 100);
    check_refused(w, REASON_PERMISSION_DENIED, "does not apply to this type");
    put_usage_limits(add_begin(w, secret), 10);
    check_refused(w, REASON_PERMISSION_DENIED, "does not apply to this type");
    put_attribute_date(add_begin(w, opaque), "Activation Date", w->now.unix_s + 100);
    check_refused(w, REASON_PERMISSION_DENIED, "does not apply to this type");
    put_attribute_date(add_begin(w, secret), "Activation Date", w->now.unix_s + 100);
    check_done(w);
    struct message *m = register_begin(w, OBJECT_OPAQUE_OBJECT);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_SIGN);
    put_template_end(m);
    put_opaque(m, 0x80000001, span_of_text("x"));
    check_refused(w, REASON_INVALID_FIELD, "does not apply to this type");
}

static void custom_names_x_are_the_clients_and_y_the_servers(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[16];
    struct message *m = create_begin(w);
    put_attribute_text(m, "x-mine", "one");
    create_end(w, m, uid);
    assert_true(text_of(w, uid, "x-mine", text, sizeof text));
    assert_string_equal(text, "one");
    put_attribute_text(add_begin(w, uid), "y-yours", "two");
    check_refused(w, REASON_PERMISSION_DENIED, "named y-");
    m = create_begin(w);
    put_attribute_text(m, "y-yours", "two");
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "named y-");
}

static void an_attribute_without_value_is_no_message(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    struct message *m = add_begin(w, uid);
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text("x-empty"));
    ttlv_end(&m->w, at);
    check_refused(w, REASON_INVALID_MESSAGE, "without Attribute Value");
}

static void a_name_belongs_to_one_object(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], two[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_name(m, "taken");
    create_end(w, m, one);
    new_key(w, two);
    put_attribute_name(add_begin(w, two), "taken");
    check_refused(w, REASON_ILLEGAL_OPERATION, "another object has this Name");
    put_attribute_name(add_begin(w, two), "free");
    check_done(w);
    put_attribute_name(modify_begin(w, two), "taken");
    check_refused(w, REASON_ILLEGAL_OPERATION, "another object has this Name");
    put_attribute_name(modify_begin(w, one), "taken"); /* its own is no clash */
    check_done(w);
    m = create_begin(w);
    put_attribute_name(m, "taken");
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "another object has this Name");
}

static void one_value_or_many_without_repetition(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Contact Information", "desk");
    put_attribute_text(m, "Object Group", "g0");
    put_attribute_text(m, "Object Group", "g1");
    create_end(w, m, uid);
    assert_int_equal(shown(w, uid, "Object Group", NULL), 2);
    put_attribute_text(add_begin(w, uid), "Contact Information", "door");
    check_refused(w, REASON_ILLEGAL_OPERATION, "has one value");
    put_attribute_text(add_begin(w, uid), "Object Group", "g1");
    check_refused(w, REASON_ILLEGAL_OPERATION, "already with this value");
    put_attribute_text(add_begin(w, uid), "x-a", "v");
    check_done(w);
    put_attribute_text(add_begin(w, uid), "x-b", "v"); /* another name is another attribute */
    check_done(w);
    put_attribute_text(add_begin(w, uid), "x-a", "v");
    check_refused(w, REASON_ILLEGAL_OPERATION, "already with this value");
    m = create_begin(w);
    put_attribute_integer(m, "Cryptographic Length", 256);
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "has one value");
}

static void an_attribute_has_at_most_64_instances(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[16];
    struct message *m = create_begin(w);
    for (int i = 0; i < ATTRIBUTE_INSTANCES_MAX; i++) {
        snprintf(text, sizeof text, "g%d", i);
        put_attribute_text(m, "Object Group", text);
    }
    create_end(w, m, uid);
    assert_int_equal(shown(w, uid, "Object Group", NULL), ATTRIBUTE_INSTANCES_MAX);
    put_attribute_text(add_begin(w, uid), "Object Group", "one more");
    check_refused(w, REASON_INDEX_OUT_OF_BOUNDS, "at most 64 instances");
}

static void a_request_has_at_most_96_attributes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char name[16];
    for (int count = ATTRIBUTES_A_REQUEST; count <= ATTRIBUTES_A_REQUEST + 1; count++) {
        struct message *m = create_begin(w); /* three attributes */
        for (int i = 3; i < count; i++) {
            snprintf(name, sizeof name, "x-%d", i);
            put_attribute_text(m, name, "v");
        }
        if (count == ATTRIBUTES_A_REQUEST) {
            create_end(w, m, uid);
            continue;
        }
        put_template_end(m);
        check_refused(w, REASON_INDEX_OUT_OF_BOUNDS, "more than 96 attributes");
    }
}

static void a_template_holds_attributes_only(void **state)
{
    struct world *w = *state;
    struct message *m = create_begin(w);
    size_t at = ttlv_begin(&m->w, TAG_NAME);
    ttlv_put_text(&m->w, TAG_NAME_VALUE, span_of_text("template"));
    ttlv_put_enumeration(&m->w, TAG_NAME_TYPE, 1);
    ttlv_end(&m->w, at);
    put_template_end(m);
    check_refused(w, REASON_ITEM_NOT_FOUND, "no Template of this Name");
    m = create_begin(w);
    ttlv_put_integer(&m->w, TAG_BATCH_COUNT, 1);
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "holds Attributes");
}

static void indexes_of_a_new_object_count_from_zero(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_indexed_text(m, "Object Group", 0, "g0");
    put_indexed_text(m, "Object Group", 1, "g1");
    create_end(w, m, uid);
    m = create_begin(w);
    put_indexed_text(m, "Object Group", 1, "g1");
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "counts from 0");
}

/* KMIP 1.4 s3.24 to s3.27. */
static void dates_move_while_they_still_decide_something(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s + 1000);
    put_attribute_date(m, "Process Start Date", w->now.unix_s + 1000);
    put_attribute_date(m, "Protect Stop Date", w->now.unix_s + 1010);
    put_attribute_date(m, "Deactivation Date", w->now.unix_s + 5000);
    create_end(w, m, uid);
    put_attribute_date(modify_begin(w, uid), "Activation Date", w->now.unix_s + 5);
    check_done(w);
    world_wait(w, 6000);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    put_attribute_date(modify_begin(w, uid), "Activation Date", w->now.unix_s + 100);
    check_refused(w, REASON_PERMISSION_DENIED, "only while the object is Pre-Active");
    put_attribute_date(modify_begin(w, uid), "Process Start Date", w->now.unix_s + 500);
    check_done(w);
    put_attribute_date(modify_begin(w, uid), "Protect Stop Date", w->now.unix_s + 2);
    check_done(w);
    world_wait(w, 3000);
    put_attribute_date(modify_begin(w, uid), "Protect Stop Date", w->now.unix_s + 100);
    check_refused(w, REASON_PERMISSION_DENIED, "this date has been reached");
    put_attribute_date(modify_begin(w, uid), "Deactivation Date", w->now.unix_s + 1);
    check_done(w);
    world_wait(w, 2000);
    assert_int_equal(state_of(w, uid), STATE_DEACTIVATED);
    put_attribute_date(modify_begin(w, uid), "Deactivation Date", w->now.unix_s + 100);
    check_refused(w, REASON_PERMISSION_DENIED, "only before deactivation");
    put_attribute_date(modify_begin(w, uid), "Process Start Date", w->now.unix_s + 600);
    check_refused(w, REASON_PERMISSION_DENIED, "no longer Active");
}

static void create_with_dates(struct world *w, const char *one, int64_t first, const char *two,
                              int64_t second)
{
    struct message *m = create_begin(w);
    put_attribute_date(m, one, w->now.unix_s + first);
    put_attribute_date(m, two, w->now.unix_s + second);
    put_template_end(m);
}

static void dates_stand_in_their_order(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_with_dates(w, "Activation Date", 100, "Process Start Date", 99);
    check_refused(w, REASON_INVALID_FIELD, "Process Start Date is before");
    create_with_dates(w, "Activation Date", 100, "Process Start Date", 100);
    check_done(w);
    create_with_dates(w, "Deactivation Date", 100, "Protect Stop Date", 101);
    check_refused(w, REASON_INVALID_FIELD, "Protect Stop Date is after");
    create_with_dates(w, "Deactivation Date", 100, "Protect Stop Date", 100);
    check_done(w);
    create_with_dates(w, "Activation Date", 100, "Deactivation Date", 99);
    check_refused(w, REASON_INVALID_FIELD, "Deactivation Date is before");
    create_with_dates(w, "Activation Date", 100, "Deactivation Date", 100);
    check_made(w, uid);
    put_attribute_date(modify_begin(w, uid), "Activation Date", w->now.unix_s + 200);
    check_refused(w, REASON_INVALID_FIELD, "Deactivation Date is before");
}

/* KMIP 1.4 s3.21. */
static void usage_limits_begin_full_and_stand_once_used(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    struct put_structure s = put_structure_begin(m, "Usage Limits");
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_TOTAL, 100);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 7); /* ignored */
    ttlv_put_enumeration(&m->w, TAG_USAGE_LIMITS_UNIT, USAGE_OBJECT);
    put_structure_end(m, s);
    create_end(w, m, uid);
    struct ttlv_item count = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    assert_int_equal(ttlv_long(&count), 100);
    put_usage_limits(modify_begin(w, uid), 200);
    check_done(w);
    count = shown_field(w, uid, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    assert_int_equal(ttlv_long(&count), 200);
    put_usage_limits(modify_begin(w, uid), 0);
    check_refused(w, REASON_INVALID_FIELD, "not positive");
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
    item_uid(m = ask(w, 1), OPERATION_GET_USAGE_ALLOCATION, uid);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 1);
    check_done(w);
    put_usage_limits(modify_begin(w, uid), 300);
    check_refused(w, REASON_PERMISSION_DENIED, "the limits stand");
}

/* KMIP 1.4 s3.48 to s3.51: what was once readable is never "always" or "never" again. */
static void sensitive_and_extractable_are_remembered(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_boolean(m, "Sensitive", true);
    put_attribute_boolean(m, "Extractable", false);
    create_end(w, m, uid);
    assert_int_equal(shown_flag(w, uid, "Always Sensitive"), 1);
    assert_int_equal(shown_flag(w, uid, "Never Extractable"), 1);
    put_attribute_boolean(modify_begin(w, uid), "Sensitive", false);
    check_done(w);
    put_attribute_boolean(modify_begin(w, uid), "Extractable", true);
    check_done(w);
    assert_int_equal(shown_flag(w, uid, "Sensitive"), 0);
    assert_int_equal(shown_flag(w, uid, "Extractable"), 1);
    assert_int_equal(shown_flag(w, uid, "Always Sensitive"), 0);
    assert_int_equal(shown_flag(w, uid, "Never Extractable"), 0);
    put_attribute_boolean(modify_begin(w, uid), "Sensitive", true);
    check_done(w);
    put_attribute_boolean(modify_begin(w, uid), "Extractable", false);
    check_done(w);
    assert_int_equal(shown_flag(w, uid, "Sensitive"), 1);
    assert_int_equal(shown_flag(w, uid, "Extractable"), 0);
    assert_int_equal(shown_flag(w, uid, "Always Sensitive"), 0);
    assert_int_equal(shown_flag(w, uid, "Never Extractable"), 0);
    m = create_begin(w);
    put_attribute_boolean(m, "Fresh", false);
    create_end(w, m, uid);
    assert_int_equal(shown_flag(w, uid, "Fresh"), 0);
}

static void promises_that_this_server_cannot_keep_are_refused(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Operation Policy Name", "lax");
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "is default");
    m = create_begin(w);
    put_attribute_text(m, "Operation Policy Name", "default");
    create_end(w, m, uid);
    put_application(add_begin(w, uid), "ssl", NULL);
    check_refused(w, REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED, "makes no Application Data");
    put_application(add_begin(w, uid), "ssl", "www.example.org");
    check_done(w);
    put_attribute_date(add_begin(w, uid), "Original Creation Date", w->now.unix_s - 5);
    check_refused(w, REASON_INVALID_FIELD, "keys that it makes");
    register_secret(w, "password", uid); /* of what was made elsewhere the client knows */
    put_attribute_date(add_begin(w, uid), "Original Creation Date", w->now.unix_s - 5);
    check_done(w);
    assert_int_equal(shown_date(w, uid, "Original Creation Date"), w->now.unix_s - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_servers_attributes_are_set_by_no_client),
        STORY(what_only_creation_sets_is_not_added),
        STORY(an_attribute_fits_the_type_of_object),
        STORY(custom_names_x_are_the_clients_and_y_the_servers),
        STORY(an_attribute_without_value_is_no_message),
        STORY(a_name_belongs_to_one_object),
        STORY(one_value_or_many_without_repetition),
        STORY(an_attribute_has_at_most_64_instances),
        STORY(a_request_has_at_most_96_attributes),
        STORY(a_template_holds_attributes_only),
        STORY(indexes_of_a_new_object_count_from_zero),
        STORY(dates_move_while_they_still_decide_something),
        STORY(dates_stand_in_their_order),
        STORY(usage_limits_begin_full_and_stand_once_used),
        STORY(sensitive_and_extractable_are_remembered),
        STORY(promises_that_this_server_cannot_keep_are_refused),
    };
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
