/* SPDX-License-Identifier: Apache-2.0 */
/* An object's attributes as clients see them: those of its record, and those that follow from it (KMIP 1.4
 * s3). */
#include "support/objects.h"

#include "crypto/digest.h"
#include "operation/show.h"

/* The object as it is stored now; valid until the next turn. */
static struct object object_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct object object;
    w->env.now = w->now;
    assert_int_equal(object_open(catalogue_record(&w->store.catalogue, entry_of_uid(w, uid)), &object),
                     STATUS_OK);
    return object;
}

/* How many instances of a standard attribute are shown; *value gets the first. */
static int count_shown(struct world *w, const struct object *object, bool fresh_spent, uint32_t tag,
                       struct ttlv_item *value)
{
    static uint8_t bytes[256];
    struct show show;
    struct object_attribute a;
    int n = 0;
    show_begin(&show, &w->env, object, fresh_spent);
    while (show_next(&show, &a))
        if (a.row != NULL && a.row->tag == tag && n++ == 0) {
            assert_true(a.value.len <= sizeof bytes);
            assert_int_equal(a.type, a.row->type);
            memcpy(bytes, a.value.ptr, a.value.len);
            *value = (struct ttlv_item){.tag = tag, .type = a.type, .value = span_of(bytes, a.value.len)};
        }
    return n;
}

static struct ttlv_item the(struct world *w, const struct object *object, uint32_t tag)
{
    struct ttlv_item value = {.tag = 0};
    if (count_shown(w, object, false, tag, &value) != 1)
        fail_msg("tag %06x is not shown once", tag);
    return value;
}

static int number_of(struct world *w, const struct object *object, uint32_t tag)
{
    struct ttlv_item value;
    return count_shown(w, object, false, tag, &value);
}

static void what_follows_from_a_key(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "x-a", "1");
    create_end(w, m, uid);
    struct object object = object_of(w, uid);
    struct ttlv_item item = the(w, &object, TAG_UNIQUE_IDENTIFIER);
    assert_int_equal(uuid_read(item.value, got), STATUS_OK);
    assert_memory_equal(got, uid, UUID_BYTES);
    item = the(w, &object, TAG_OBJECT_TYPE);
    assert_int_equal(ttlv_enumeration(&item), OBJECT_SYMMETRIC_KEY);
    item = the(w, &object, TAG_LEASE_TIME);
    assert_int_equal(ttlv_enumeration(&item), 3600);
    item = the(w, &object, TAG_ORIGINAL_CREATION_DATE);
    assert_int_equal(ttlv_long(&item), object_date(&object, TAG_INITIAL_DATE));
    item = the(w, &object, TAG_RANDOM_NUMBER_GENERATOR);
    assert_true(find_deep(item.value, TAG_RNG_ALGORITHM, &item));
    assert_int_equal(ttlv_enumeration(&item), RNG_UNSPECIFIED);
    static const struct {
        uint32_t tag;
        bool value;
    } flags[] = {{TAG_FRESH, true},
                 {TAG_SENSITIVE, false},
                 {TAG_ALWAYS_SENSITIVE, false},
                 {TAG_EXTRACTABLE, true},
                 {TAG_NEVER_EXTRACTABLE, false}};
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        item = the(w, &object, flags[i].tag);
        assert_int_equal(ttlv_boolean(&item), flags[i].value);
    }
    assert_int_equal(number_of(w, &object, TAG_KEY_VALUE_PRESENT), 0);
}

/* KMIP 1.4 s3.17: of SHA-256, with the Key Format Type of keys and secrets. */
static void the_digest_is_that_of_the_material(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], wanted[SHA256_BYTES];
    struct ttlv_item part;
    sha256(span_of_text("some text"), wanted);
    register_secret(w, "some text", uid);
    struct object object = object_of(w, uid);
    struct ttlv_item digest = the(w, &object, TAG_DIGEST);
    assert_true(find_deep(digest.value, TAG_HASHING_ALGORITHM, &part));
    assert_int_equal(ttlv_enumeration(&part), HASHING_SHA_256);
    assert_true(find_deep(digest.value, TAG_DIGEST_VALUE, &part));
    assert_int_equal(part.value.len, SHA256_BYTES);
    assert_memory_equal(part.value.ptr, wanted, SHA256_BYTES);
    assert_true(find_deep(digest.value, TAG_KEY_FORMAT_TYPE, &part));
    assert_int_equal(ttlv_enumeration(&part), KEY_FORMAT_OPAQUE);
    register_opaque(w, "some text", uid);
    object = object_of(w, uid);
    digest = the(w, &object, TAG_DIGEST);
    assert_false(find_deep(digest.value, TAG_KEY_FORMAT_TYPE, &part));
}

/* Opaque Objects have no State, Lease Time, Fresh; what was registered has no origin here. */
static void each_type_has_its_own(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static const uint32_t cryptographic[] = {TAG_STATE, TAG_LEASE_TIME, TAG_FRESH};
    register_opaque(w, "bytes", uid);
    struct object object = object_of(w, uid);
    for (size_t i = 0; i < COUNT_OF(cryptographic); i++)
        assert_int_equal(number_of(w, &object, cryptographic[i]), 0);
    assert_int_equal(number_of(w, &object, TAG_SENSITIVE), 1);
    register_secret(w, "password", uid);
    object = object_of(w, uid);
    for (size_t i = 0; i < COUNT_OF(cryptographic); i++)
        assert_int_equal(number_of(w, &object, cryptographic[i]), 1);
    assert_int_equal(number_of(w, &object, TAG_ORIGINAL_CREATION_DATE), 0);
    assert_int_equal(number_of(w, &object, TAG_RANDOM_NUMBER_GENERATOR), 0);
}

static void a_key_without_value_says_so(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 256);
    check_made(w, uid);
    struct object object = object_of(w, uid);
    struct ttlv_item item = the(w, &object, TAG_KEY_VALUE_PRESENT);
    assert_false(ttlv_boolean(&item));
    assert_int_equal(number_of(w, &object, TAG_DIGEST), 0);
}

/* The State of this moment, not the one that was written down. */
static void the_state_is_that_of_the_clock(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", w->now.unix_s + 100);
    put_attribute_date(m, "Deactivation Date", w->now.unix_s + 200);
    create_end(w, m, uid);
    struct object object = object_of(w, uid);
    static const struct {
        int later;
        enum state state;
    } moments[] = {
        {99, STATE_PRE_ACTIVE}, {100, STATE_ACTIVE}, {199, STATE_ACTIVE}, {200, STATE_DEACTIVATED}};
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        w->env.now.unix_s = w->now.unix_s + moments[i].later;
        struct ttlv_item item = the(w, &object, TAG_STATE);
        assert_int_equal(ttlv_enumeration(&item), moments[i].state);
    }
}

static void fresh_ends_when_served_whatever_the_record_says(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item;
    create_end(w, create_begin(w), uid);
    struct object object = object_of(w, uid);
    assert_int_equal(count_shown(w, &object, true, TAG_FRESH, &item), 1);
    assert_false(ttlv_boolean(&item));
    assert_int_equal(count_shown(w, &object, false, TAG_FRESH, &item), 1);
    assert_true(ttlv_boolean(&item));
}

/* Behind those that are made come all that are stored, instance by instance, and nothing twice. */
static void stored_attributes_follow(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Object Group", "g0");
    put_attribute_text(m, "Object Group", "g1");
    put_attribute_text(m, "x-a", "1");
    create_end(w, m, uid);
    struct object object = object_of(w, uid);
    struct show show;
    struct object_attribute a;
    unsigned custom = 0, groups = 0;
    uint32_t single[64];
    size_t count = 0;
    show_begin(&show, &w->env, &object, false);
    while (show_next(&show, &a)) {
        custom += a.row == NULL && span_equal(a.name, span_of_text("x-a"));
        groups += a.row != NULL && a.row->tag == TAG_OBJECT_GROUP;
        if (a.row == NULL || (a.row->rules & MANY) != 0)
            continue;
        for (size_t i = 0; i < count; i++)
            assert_int_not_equal(single[i], a.row->tag);
        single[count++] = a.row->tag;
    }
    assert_int_equal(custom, 1);
    assert_int_equal(groups, 2);
    assert_true(count >= 15);
    assert_false(show_next(&show, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_follows_from_a_key),        STORY(the_digest_is_that_of_the_material),
        STORY(each_type_has_its_own),          STORY(a_key_without_value_says_so),
        STORY(the_state_is_that_of_the_clock), STORY(fresh_ends_when_served_whatever_the_record_says),
        STORY(stored_attributes_follow),
    };
    return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
