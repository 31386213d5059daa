/* SPDX-License-Identifier: Apache-2.0 */
/* What clients see of objects: groups and freshness, the ID Placeholder, versions, wrapped keys, scopes,
 * names. */
#include "support/story.h"

#include "crypto/aes.h"

static void locate_in_group(struct message *m, const char *group, enum object_group_member member)
{
    message_item(m, OPERATION_LOCATE);
    ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, 1);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_GROUP_MEMBER, (uint32_t)member);
    put_attribute_text(m, "Object Group", group);
}

static void create_in_group(struct message *m, const char *group)
{
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT | USAGE_DECRYPT);
    put_attribute_text(m, "Object Group", group);
    put_template_end(m);
}

static bool is_fresh(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct ttlv_item value;
    item_get_attributes(ask(w, 3), uid, "Fresh");
    assert_int_equal(finish(w, 3), REASON_NONE);
    assert_int_equal(payload_attributes(answered(w, 3, 0).payload, "Fresh", &value), 1);
    return ttlv_boolean(&value);
}

/* KMIP 1.4 s3.34: each fresh member is handed out once, oldest first; then the group goes round. */
static void a_group_hands_out_each_fresh_key_once(void **state)
{
    struct world *w = *state;
    uint8_t uids[3][UUID_BYTES], got[UUID_BYTES];
    for (int i = 0; i < 3; i++) {
        create_in_group(ask(w, 1), "pool");
        assert_int_equal(finish(w, 1), REASON_NONE);
        assert_true(payload_uid(answered(w, 1, 0).payload, uids[i]));
        assert_true(is_fresh(w, uids[i]));
    }
    for (int i = 0; i < 3; i++) {
        struct message *m = ask(w, 1);
        locate_in_group(m, "pool", GROUP_MEMBER_FRESH);
        item_get(m, NULL);
        assert_int_equal(finish(w, 1), REASON_NONE);
        check_reason(w, 1, 1, REASON_NONE);
        assert_true(payload_uid(answered(w, 1, 1).payload, got));
        assert_memory_equal(got, uids[i], UUID_BYTES);
        assert_false(is_fresh(w, uids[i]));
    }
    struct message *m = ask(w, 1);
    locate_in_group(m, "pool", GROUP_MEMBER_FRESH);
    item_get(m, NULL);
    assert_int_equal(finish(w, 1), REASON_NONE); /* the Locate: nothing is fresh */
    check_reason(w, 1, 1, REASON_ITEM_NOT_FOUND);
    for (int i = 0; i < 4; i++) {
        m = ask(w, 1);
        locate_in_group(m, "pool", GROUP_MEMBER_DEFAULT);
        item_get(m, NULL);
        assert_int_equal(finish(w, 1), REASON_NONE);
        assert_true(payload_uid(answered(w, 1, 1).payload, got));
        assert_memory_equal(got, uids[i % 3], UUID_BYTES);
    }
    assert_true(world_restart(w)); /* handed out stays handed out */
    assert_true(world_settle(w));
    for (int i = 0; i < 3; i++)
        assert_false(is_fresh(w, uids[i]));
}

static void two_clients_never_get_the_same_fresh_key(void **state)
{
    struct world *w = *state;
    uint8_t uids[2][UUID_BYTES], got[2][UUID_BYTES];
    for (int i = 0; i < 2; i++) {
        create_in_group(ask(w, 1), "pool");
        assert_int_equal(finish(w, 1), REASON_NONE);
        assert_true(payload_uid(answered(w, 1, 0).payload, uids[i]));
    }
    w->disk_frozen = true;
    for (int i = 0; i < 2; i++) {
        struct message *m = ask(w, 1 + i);
        locate_in_group(m, "pool", GROUP_MEMBER_FRESH);
        item_get(m, NULL);
        assert_false(ask_send(w, 1 + i)); /* waits until the journal says that it is spent */
    }
    w->disk_frozen = false;
    for (int i = 0; i < 2; i++) {
        assert_true(ask_finish(w, 1 + i));
        check_reason(w, 1 + i, 1, REASON_NONE);
        assert_true(payload_uid(answered(w, 1 + i, 1).payload, got[i]));
    }
    assert_memory_not_equal(got[0], got[1], UUID_BYTES);
}

static void the_placeholder_lives_inside_one_batch(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct message *m = ask(w, 1);
    item_create(m, "placed");
    item_uid(m, OPERATION_ACTIVATE, NULL);
    item_get(m, NULL);
    item_get_attributes(m, NULL, "State");
    if (!ask_send(w, 1))
        assert_true(ask_finish(w, 1));
    assert_int_equal(answer_count(answer_of(w, 1)), 4);
    for (int i = 0; i < 4; i++)
        check_reason(w, 1, i, REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, uid));
    for (int i = 1; i < 4; i++) {
        assert_true(payload_uid(answered(w, 1, i).payload, got));
        assert_memory_equal(uid, got, UUID_BYTES);
    }
    item_get(ask(w, 1), NULL);
    assert_int_equal(finish(w, 1), REASON_ITEM_NOT_FOUND);
    /* A Locate without a hit empties it, one with a hit sets it. */
    m = ask(w, 1);
    m->count = 0;
    item_locate_name(m, "placed");
    item_get(m, NULL);
    item_locate_name(m, "nothing");
    item_get(m, NULL);
    if (!ask_send(w, 1))
        assert_true(ask_finish(w, 1));
    assert_int_equal(answer_count(answer_of(w, 1)), 4);
    check_reason(w, 1, 1, REASON_NONE);
    check_reason(w, 1, 3, REASON_ITEM_NOT_FOUND);
}

/* Each version shows the attributes that it has, and not one more. */
static void get_attributes_is_exact_for_each_version(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    size_t count;
    const struct attribute_row *rows = attribute_rows(&count);
    assert_int_equal(do_create(w, "versions", uid), REASON_NONE);
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = w->askers[2].options.minor = minor;
        item_get_attributes(ask(w, 1), uid, NULL);
        assert_int_equal(finish(w, 1), REASON_NONE);
        struct span payload = answered(w, 1, 0).payload;
        for (size_t i = 0; i < count; i++)
            if (rows[i].since > minor && payload_attributes(payload, rows[i].name, NULL) != 0)
                fail_msg("KMIP 1.%u has no %s", minor, rows[i].name);
        static const char *const always[] = {
            "Unique Identifier",       "Name",        "Object Type",
            "Cryptographic Algorithm", "State",       "Cryptographic Usage Mask",
            "Cryptographic Length",    "Lease Time",  "Digest",
            "Last Change Date",        "Initial Date"};
        for (size_t i = 0; i < COUNT_OF(always); i++)
            assert_int_equal(payload_attributes(payload, always[i], NULL), 1);
        assert_int_equal(payload_attributes(payload, "Fresh", NULL), minor >= 1);
        assert_int_equal(payload_attributes(payload, "Original Creation Date", NULL), minor >= 2);
        assert_int_equal(payload_attributes(payload, "Random Number Generator", NULL), minor >= 3);
        assert_int_equal(payload_attributes(payload, "Never Extractable", NULL), minor >= 4);
        struct ttlv_item format;
        struct ttlv_item digest;
        assert_int_equal(payload_attributes(payload, "Digest", &digest), 1);
        assert_int_equal(find_deep(digest.value, TAG_KEY_FORMAT_TYPE, &format), minor >= 1);
        /* The list of names says the same. */
        item_uid(ask(w, 2), OPERATION_GET_ATTRIBUTE_LIST, uid);
        assert_int_equal(finish(w, 2), REASON_NONE);
        struct ttlv_reader reader = ttlv_reader_over(answered(w, 2, 0).payload);
        struct ttlv_item name;
        char text[64];
        while (ttlv_next(&reader, &name) == STATUS_OK) {
            if (name.tag != TAG_ATTRIBUTE_NAME)
                continue;
            snprintf(text, sizeof text, "%.*s", (int)name.value.len, (const char *)name.value.ptr);
            if (payload_attributes(payload, text, NULL) == 0)
                fail_msg("KMIP 1.%u lists %s and does not serve it", minor, text);
        }
    }
}

static void set_wrapping_keys(struct world *w, uint8_t one[UUID_BYTES], uint8_t two[UUID_BYTES])
{
    uint8_t key1[16], key2[16];
    assert_int_equal(hex_bytes("000102030405060708090a0b0c0d0e0f", key1, 16), 16);
    assert_int_equal(hex_bytes("00112233445566778899aabbccddeeff", key2, 16), 16);
    item_register_key(ask(w, 1), NULL, span_of(key1, 16), USAGE_WRAP_KEY);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, one));
    item_register_key(ask(w, 1), NULL, span_of(key2, 16), USAGE_ENCRYPT);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, two));
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, one), REASON_NONE);
}

/* RFC 3394 s4.1, the vector that the KMIP test cases use. */
static void a_key_is_wrapped_as_the_vector_says(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], two[UUID_BYTES], wanted[24];
    struct ttlv_item value;
    set_wrapping_keys(w, one, two);
    assert_int_equal(hex_bytes("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", wanted, 24), 24);
    item_get_wrapped(ask(w, 1), two, one, ENCODING_NONE);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_KEY_VALUE, &value));
    assert_int_equal(value.type, TTLV_BYTE_STRING);
    assert_int_equal(value.value.len, 24);
    assert_memory_equal(value.value.ptr, wanted, 24);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_KEY_WRAPPING_DATA, &value));
}

static void a_key_is_wrapped_as_ttlv(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], two[UUID_BYTES], key1[16], key2[16], plain[256];
    struct ttlv_item value;
    set_wrapping_keys(w, one, two);
    assert_int_equal(hex_bytes("000102030405060708090a0b0c0d0e0f", key1, 16), 16);
    assert_int_equal(hex_bytes("00112233445566778899aabbccddeeff", key2, 16), 16);
    item_get_wrapped(ask(w, 1), two, one, ENCODING_TTLV);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_KEY_VALUE, &value));
    assert_true(value.value.len <= sizeof plain);
    assert_int_equal(keywrap_open(span_of(key1, 16), value.value, plain), STATUS_OK);
    struct ttlv_item whole, material;
    struct ttlv_reader reader = ttlv_reader_over(span_of(plain, value.value.len - 8));
    assert_int_equal(ttlv_next(&reader, &whole), STATUS_OK);
    assert_int_equal(whole.tag, TAG_KEY_VALUE);
    assert_true(find_deep(whole.value, TAG_KEY_MATERIAL, &material));
    assert_int_equal(material.value.len, 16);
    assert_memory_equal(material.value.ptr, key2, 16);
}

static void only_an_active_wrapping_key_wraps(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], two[UUID_BYTES], none[UUID_BYTES] = {3};
    set_wrapping_keys(w, one, two);
    item_get_wrapped(ask(w, 1), one, two, ENCODING_NONE); /* the other way round: no Wrap Key in its mask */
    assert_int_equal(finish(w, 1), REASON_PERMISSION_DENIED);
    item_get_wrapped(ask(w, 1), two, none, ENCODING_NONE);
    assert_int_equal(finish(w, 1), REASON_ITEM_NOT_FOUND);
    assert_int_equal(do_revoke(w, one, REVOCATION_UNSPECIFIED), REASON_NONE);
    item_get_wrapped(ask(w, 1), two, one, ENCODING_NONE);
    assert_int_equal(finish(w, 1), REASON_PERMISSION_DENIED);
}

static void both_keys_of_a_wrapped_get_are_fetched(void **state)
{
    struct world *w = *state;
    uint8_t one[UUID_BYTES], two[UUID_BYTES];
    set_wrapping_keys(w, one, two);
    store_erase_keks(&w->store);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, 2);
    item_get_wrapped(ask(w, 1), two, one, ENCODING_NONE);
    assert_false(ask_send(w, 1));
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], 2);
}

static void another_scope_sees_nothing(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], found[UUID_BYTES], key[KEK_BYTES];
    int count;
    assert_int_equal(do_create(w, "shared-name", uid), REASON_NONE);
    w->askers[0].scope = scopes_number(&w->store.scopes, span_of_text("other"));
    assert_int_equal(w->askers[0].scope, 1);
    assert_int_equal(do_get(w, uid, key), REASON_PERMISSION_DENIED);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_PERMISSION_DENIED);
    assert_int_equal(do_locate(w, "shared-name", found, &count), REASON_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(do_create(w, "shared-name", found), REASON_NONE); /* names are a scope's own */
    assert_int_equal(do_get(w, found, key), REASON_NONE);
    w->askers[0].scope = SCOPE_DEFAULT;
    assert_int_equal(do_get(w, found, key), REASON_PERMISSION_DENIED);
}

static void scopes_outlive_a_restart(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    w->askers[0].scope = scopes_number(&w->store.scopes, span_of_text("other"));
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    w->askers[0].scope = SCOPE_DEFAULT;
    assert_int_equal(do_get(w, uid, key), REASON_PERMISSION_DENIED);
    w->askers[0].scope = scopes_number(&w->store.scopes, span_of_text("other"));
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
}

static void a_name_is_free_again_after_destroy(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], next[UUID_BYTES], found[UUID_BYTES];
    int count;
    assert_int_equal(do_create(w, "name", uid), REASON_NONE);
    assert_int_equal(do_create(w, "name", next), REASON_INVALID_FIELD);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    assert_int_equal(do_create(w, "name", next), REASON_NONE);
    assert_int_equal(do_locate(w, "name", found, &count), REASON_NONE);
    assert_int_equal(count, 1);
    assert_memory_equal(found, next, UUID_BYTES);
}

static void a_destroyed_key_leaves_no_material(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    const struct kek *k = &w->store.keks.keks[catalogue_slot(&w->store.catalogue, entry_of_uid(w, uid))];
    for (size_t i = 0; i < KEK_BYTES; i++)
        assert_int_equal(k->key[i], 0);
    struct object object;
    assert_int_equal(object_open(catalogue_record(&w->store.catalogue, entry_of_uid(w, uid)), &object),
                     STATUS_OK);
    assert_int_equal(object.wrapped_kek.len, 0);
    assert_int_equal(object.sealed_material.len, 0);
    assert_int_equal(do_get(w, uid, key), REASON_ITEM_NOT_FOUND);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED);
}

static void registered_material_comes_back_and_is_never_stored_in_plain(void **state)
{
    struct world *w = *state;
    uint8_t key[16], uid[UUID_BYTES];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0xc0 + i);
    item_register_key(ask(w, 1), "r", span_of(key, sizeof key), USAGE_ENCRYPT);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, uid));
    store_erase_keks(&w->store);
    item_get(ask(w, 1), uid);
    assert_int_equal(finish(w, 1), REASON_NONE);
    struct span material = payload_key(answered(w, 1, 0).payload);
    assert_int_equal(material.len, sizeof key);
    assert_memory_equal(material.ptr, key, sizeof key);
    const struct fake_record *r = fake_find(&w->fake, uid);
    for (size_t i = 0; i + sizeof key <= r->len; i++)
        assert_memory_not_equal(r->data + i, key, sizeof key);
    size_t len;
    const uint8_t *journal = sim_disk_file(w->sim, "journal-00000001.log", &len);
    for (size_t i = 0; i + sizeof key <= len; i++)
        assert_memory_not_equal(journal + i, key, sizeof key);
}

/* The buffer for plaintext that operations share is empty after every item. */
static void plaintext_does_not_stay_in_shared_buffers(void **state)
{
    struct world *w = *state;
    uint8_t key[16], uid[UUID_BYTES];
    memset(key, 0xc7, sizeof key);
    item_register_key(ask(w, 1), NULL, span_of(key, sizeof key), USAGE_ENCRYPT);
    assert_int_equal(finish(w, 1), REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, uid));
    item_get(ask(w, 1), uid);
    assert_int_equal(finish(w, 1), REASON_NONE);
    for (size_t i = 0; i < sizeof w->material; i++)
        assert_int_equal(w->material[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_group_hands_out_each_fresh_key_once),
        STORY(two_clients_never_get_the_same_fresh_key),
        STORY(the_placeholder_lives_inside_one_batch),
        STORY(get_attributes_is_exact_for_each_version),
        STORY(a_key_is_wrapped_as_the_vector_says),
        STORY(a_key_is_wrapped_as_ttlv),
        STORY(only_an_active_wrapping_key_wraps),
        STORY(both_keys_of_a_wrapped_get_are_fetched),
        STORY(another_scope_sees_nothing),
        STORY(scopes_outlive_a_restart),
        STORY(a_name_is_free_again_after_destroy),
        STORY(a_destroyed_key_leaves_no_material),
        STORY(registered_material_comes_back_and_is_never_stored_in_plain),
        STORY(plaintext_does_not_stay_in_shared_buffers),
    };
    return cmocka_run_group_tests_name("objects", tests, NULL, NULL);
}
