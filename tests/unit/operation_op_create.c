/* SPDX-License-Identifier: Apache-2.0 */
/* Create: KMIP 1.4 s4.1, s11.2. */
#include "support/objects.h"

static struct message *create_with(struct world *w, uint32_t algorithm, int32_t bits, bool mask)
{
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    if (algorithm != 0)
        put_attribute_enumeration(m, "Cryptographic Algorithm", algorithm);
    if (mask)
        put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT | USAGE_DECRYPT);
    if (bits != 0)
        put_attribute_integer(m, "Cryptographic Length", bits);
    return m;
}

static struct span key_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    item_get(ask(w, 2), uid);
    assert_int_equal(finish(w, 2), REASON_NONE);
    return payload_key(answered(w, 2, 0).payload);
}

/* What vCenter sends, in KMIP 1.1: no Name, no dates. */
static void the_key_that_vcenter_asks_for(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item;
    w->askers[1].options.minor = 1;
    struct message *m = create_with(w, ALGORITHM_AES, 256, true);
    put_template_end(m);
    check_made(w, uid);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, TAG_OBJECT_TYPE);
    assert_int_equal(ttlv_enumeration(&item), OBJECT_SYMMETRIC_KEY);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
    assert_int_equal(item.value.len, UUID_TEXT);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
    assert_int_equal(shown_date(w, uid, "Initial Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 256);
    assert_int_equal(key_of(w, uid).len, 32);
    assert_int_equal(fake_record_count(&w->fake), 1); /* the key manager had it before the answer */
}

static void each_kind_of_key_has_its_length(void **state)
{
    struct world *w = *state;
    static const struct {
        uint32_t algorithm;
        int32_t bits;
        size_t bytes;
    } kinds[] = {{ALGORITHM_AES, 128, 16},          {ALGORITHM_AES, 192, 24},
                 {ALGORITHM_3DES, 112, 16},         {ALGORITHM_3DES, 168, 24},
                 {ALGORITHM_HMAC_SHA256, 256, 32},  {ALGORITHM_HMAC_SHA1, 160, 20},
                 {ALGORITHM_HMAC_SHA512, 4096, 512}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        uint8_t uid[UUID_BYTES];
        create_end(w, create_with(w, kinds[i].algorithm, kinds[i].bits, true), uid);
        assert_int_equal(key_of(w, uid).len, kinds[i].bytes);
        assert_int_equal(shown_number(w, uid, "Cryptographic Algorithm"), kinds[i].algorithm);
        assert_int_equal(shown_number(w, uid, "Cryptographic Length"), kinds[i].bits);
    }
}

static void a_length_left_out_is_chosen_and_shown(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_with(w, ALGORITHM_HMAC_SHA384, 0, true), uid);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 384);
    assert_int_equal(key_of(w, uid).len, 48);
    create_end(w, create_with(w, ALGORITHM_AES, 0, true), uid);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 256);
}

static void algorithm_and_mask_are_needed(void **state)
{
    struct world *w = *state;
    put_template_end(create_with(w, 0, 256, true));
    check_refused(w, REASON_INVALID_FIELD, "needs the attributes");
    put_template_end(create_with(w, ALGORITHM_AES, 256, false));
    check_refused(w, REASON_INVALID_FIELD, "needs the attributes");
    put_template_end(create_with(w, ALGORITHM_AES, 64, true));
    check_refused(w, REASON_INVALID_FIELD, "this server makes AES");
    put_template_end(create_with(w, 4 /* RSA */, 2048, true));
    check_refused(w, REASON_INVALID_FIELD, "this server makes AES");
    put_template_end(create_with(w, ALGORITHM_AES, -1, true));
    check_refused(w, REASON_INVALID_FIELD, "this server makes AES");
    put_template_end(create_with(w, 0x7fff, 256, true));
    check_refused(w, REASON_INVALID_FIELD, "enumeration value");
    assert_int_equal(fake_record_count(&w->fake), 0);
}

static void only_symmetric_keys_are_made(void **state)
{
    struct world *w = *state;
    static const uint32_t others[] = {
        OBJECT_CERTIFICATE, OBJECT_PRIVATE_KEY, OBJECT_SECRET_DATA, OBJECT_OPAQUE_OBJECT, 0, 99};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct message *m = ask(w, 1);
        message_item(m, OPERATION_CREATE);
        ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, others[i]);
        put_template_begin(m);
        put_key_kind(m, 256, USAGE_ENCRYPT);
        put_template_end(m);
        check_refused(w, REASON_INVALID_FIELD, "makes Symmetric Keys");
    }
}

static void the_payload_has_a_type_and_a_template_in_this_order(void **state)
{
    struct world *w = *state;
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_CREATE);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    message_item(m = ask(w, 1), OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    message_item(m = ask(w, 1), OPERATION_CREATE);
    ttlv_put_integer(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    check_refused(w, REASON_INVALID_MESSAGE, "wrong type");
    m = create_begin(w);
    put_template_end(m);
    ttlv_put_text(&m->w, TAG_UNIQUE_IDENTIFIER, span_of_text("mine"));
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

static void dates_in_the_template_decide_the_state(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, uid);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s + 2);
    create_end(w, m, uid);
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
    world_wait(w, 3000);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
}

/* An attribute of a later version is not known in an earlier one. */
static void attributes_are_those_of_the_version(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        struct message *m = create_begin(w);
        put_attribute_boolean(m, "Sensitive", true);
        if (minor == 4) {
            create_end(w, m, uid);
            assert_int_equal(shown_flag(w, uid, "Sensitive"), 1);
            continue;
        }
        put_template_end(m);
        check_refused(w, REASON_INVALID_FIELD, "unknown attribute name");
    }
}

static void the_new_key_is_the_id_placeholder(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct message *m = create_begin(w);
    put_template_end(m);
    item_get(m, NULL);
    check_made(w, uid);
    check_reason(w, 1, 1, REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 1).payload, got));
    assert_memory_equal(got, uid, UUID_BYTES);
}

static void a_create_without_spare_waits_for_one(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    fake_answer(&w->fake, KEYMGR_NEW_KEY, KEYMGR_OK, FAKE_NEVER);
    for (int i = 0; i < SPARE_KEKS; i++)
        create_end(w, create_begin(w), uid);
    put_template_end(create_begin(w));
    assert_false(ask_send(w, 1));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    fake_release(&w->fake, KEYMGR_NEW_KEY);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
}

/* Names are a scope's own: before all are known none is given away. */
static void a_create_with_a_name_waits_for_the_catalogue(void **state)
{
    (void)state;
    struct world *w = world_prepare(NULL);
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, FAKE_NEVER);
    assert_true(world_open(w));
    world_turns(w, 100);
    assert_int_equal(w->store.spares[0].phase, SPARE_READY);
    put_template_end(create_begin(w)); /* vCenter gives no Name: nothing to wait for */
    (void)ask_send(w, 1);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    item_create(ask(w, 1), "mine alone");
    assert_false(ask_send(w, 1));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, 0);
    fake_release(&w->fake, KEYMGR_LIST);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    world_free(w);
}

static void a_create_that_the_key_manager_does_not_take_makes_nothing(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int count;
    fake_fail(&w->fake, KEYMGR_PUT, KEYMGR_REFUSED, 1);
    assert_int_equal(do_create(w, "never", uid), REASON_GENERAL_FAILURE);
    assert_int_equal(do_locate(w, "never", uid, &count), REASON_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(fake_record_count(&w->fake), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_key_that_vcenter_asks_for),
        STORY(each_kind_of_key_has_its_length),
        STORY(a_length_left_out_is_chosen_and_shown),
        STORY(algorithm_and_mask_are_needed),
        STORY(only_symmetric_keys_are_made),
        STORY(the_payload_has_a_type_and_a_template_in_this_order),
        STORY(dates_in_the_template_decide_the_state),
        STORY(attributes_are_those_of_the_version),
        STORY(the_new_key_is_the_id_placeholder),
        STORY(a_create_without_spare_waits_for_one),
        cmocka_unit_test(a_create_with_a_name_waits_for_the_catalogue),
        STORY(a_create_that_the_key_manager_does_not_take_makes_nothing),
    };
    return cmocka_run_group_tests_name("op_create", tests, NULL, NULL);
}
