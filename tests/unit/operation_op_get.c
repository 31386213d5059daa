/* SPDX-License-Identifier: Apache-2.0 */
/* Get: KMIP 1.4 s4.11, s11.12. Vectors of wrapping are in the scenarios. */
#include "support/objects.h"

#include "crypto/aes.h"

static const uint8_t key_16[16] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15};
static const uint8_t kek_16[16] = {0x20, 0x21, 0x22, 0x23, 0x24, 0x25};

static struct message *get_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_get(m, uid);
    return m;
}

/* A Key Wrapping Specification, as far as a test wants it. */
struct wrapping {
    uint32_t method;
    const uint8_t *with;
    uint32_t mode; /* 0: no Cryptographic Parameters */
    bool mac;
    const char *attribute;
    uint32_t encoding;
};

static void put_wrapping(struct message *m, const struct wrapping *spec)
{
    size_t at = ttlv_begin(&m->w, TAG_KEY_WRAPPING_SPECIFICATION);
    ttlv_put_enumeration(&m->w, TAG_WRAPPING_METHOD, spec->method);
    if (spec->with != NULL) {
        size_t information = ttlv_begin(&m->w, TAG_ENCRYPTION_KEY_INFORMATION);
        put_uid(m, spec->with);
        if (spec->mode != 0) {
            size_t parameters = ttlv_begin(&m->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
            ttlv_put_enumeration(&m->w, TAG_BLOCK_CIPHER_MODE, spec->mode);
            ttlv_end(&m->w, parameters);
        }
        ttlv_end(&m->w, information);
    }
    if (spec->mac)
        ttlv_end(&m->w, ttlv_begin(&m->w, TAG_MAC_SIGNATURE_KEY_INFORMATION));
    if (spec->attribute != NULL)
        ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(spec->attribute));
    if (spec->encoding != 0)
        ttlv_put_enumeration(&m->w, TAG_ENCODING_OPTION, spec->encoding);
    ttlv_end(&m->w, at);
}

static void refuse_wrapping(struct world *w, const uint8_t uid[UUID_BYTES], struct wrapping spec,
                            enum result_reason reason, const char *words)
{
    put_wrapping(get_begin(w, uid), &spec);
    check_refused(w, reason, words);
}

static void wrapping_key(struct world *w, uint8_t uid[UUID_BYTES])
{
    register_key(w, span_of(kek_16, 16), USAGE_WRAP_KEY, uid);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, uid), REASON_NONE);
}

static void next_is(struct ttlv_reader *reader, uint32_t tag, struct ttlv_item *item)
{
    assert_int_equal(ttlv_next(reader, item), STATUS_OK);
    assert_int_equal(item->tag, tag);
}

/* The answer that vCenter reads, field by field. */
static void the_answer_that_vcenter_reads(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct ttlv_item item;
    w->askers[1].options.minor = 1;
    create_end(w, create_begin(w), uid);
    get_begin(w, uid);
    check_done(w);
    struct ttlv_reader payload = ttlv_reader_over(answered(w, 1, 0).payload);
    next_is(&payload, TAG_OBJECT_TYPE, &item);
    assert_int_equal(ttlv_enumeration(&item), OBJECT_SYMMETRIC_KEY);
    next_is(&payload, TAG_UNIQUE_IDENTIFIER, &item);
    assert_int_equal(uuid_read(item.value, got), STATUS_OK);
    assert_memory_equal(got, uid, UUID_BYTES);
    next_is(&payload, TAG_SYMMETRIC_KEY, &item);
    assert_int_equal(ttlv_next(&payload, &(struct ttlv_item){0}), STATUS_END);
    struct ttlv_reader inner = ttlv_enter(&item);
    next_is(&inner, TAG_KEY_BLOCK, &item);
    inner = ttlv_enter(&item);
    next_is(&inner, TAG_KEY_FORMAT_TYPE, &item);
    assert_int_equal(ttlv_enumeration(&item), KEY_FORMAT_RAW);
    next_is(&inner, TAG_KEY_VALUE, &item);
    assert_true(find_deep(item.value, TAG_KEY_MATERIAL, &item));
    assert_int_equal(item.type, TTLV_BYTE_STRING);
    assert_int_equal(item.value.len, 32);
    next_is(&inner, TAG_CRYPTOGRAPHIC_ALGORITHM, &item);
    assert_int_equal(ttlv_enumeration(&item), ALGORITHM_AES);
    next_is(&inner, TAG_CRYPTOGRAPHIC_LENGTH, &item);
    assert_int_equal(ttlv_integer(&item), 256);
    assert_int_equal(ttlv_next(&inner, &item), STATUS_END);
}

static void a_key_is_the_same_each_time_and_after_a_restart(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], first[KEK_BYTES], again[KEK_BYTES];
    create_end(w, create_begin(w), uid);
    assert_int_equal(do_get(w, uid, first), REASON_NONE);
    assert_int_equal(do_get(w, uid, again), REASON_NONE);
    assert_memory_equal(first, again, KEK_BYTES);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    memset(again, 0, sizeof again);
    assert_int_equal(do_get(w, uid, again), REASON_NONE);
    assert_memory_equal(first, again, KEK_BYTES);
}

static void get_in_format(struct world *w, const uint8_t uid[UUID_BYTES], uint32_t format)
{
    struct message *m = get_begin(w, uid);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, format);
}

static void symmetric_keys_come_raw_or_transparent(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], secret[UUID_BYTES], opaque[UUID_BYTES];
    struct ttlv_item item;
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    register_secret(w, "password", secret);
    register_opaque(w, "bytes", opaque);
    get_in_format(w, uid, KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY);
    check_done(w);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_KEY_MATERIAL, &item));
    assert_int_equal(item.type, TTLV_STRUCTURE);
    assert_true(find_deep(item.value, TAG_KEY, &item));
    assert_memory_equal(item.value.ptr, key_16, 16);
    get_in_format(w, uid, KEY_FORMAT_RAW);
    check_done(w);
    assert_memory_equal(payload_key(answered(w, 1, 0).payload).ptr, key_16, 16);
    get_in_format(w, uid, KEY_FORMAT_OPAQUE);
    check_refused(w, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "Raw or Transparent");
    get_in_format(w, uid, 3 /* PKCS#1 */);
    check_refused(w, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "Raw or Transparent");
    get_in_format(w, secret, KEY_FORMAT_OPAQUE); /* as registered */
    check_done(w);
    get_in_format(w, secret, KEY_FORMAT_RAW);
    check_refused(w, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "as registered");
    get_in_format(w, opaque, KEY_FORMAT_RAW); /* has none */
    check_done(w);
}

/* A key whose bytes have a form of its maker's, and a secret: in no other form than theirs. */
static void other_objects_come_as_registered_only(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_template_end(m);
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY), block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_OPAQUE);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_put_bytes(&m->w, TAG_KEY_MATERIAL, span_of(key_16, 16));
    ttlv_end(&m->w, value);
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
    check_made(w, uid);
    get_in_format(w, uid, KEY_FORMAT_RAW);
    check_refused(w, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "as registered");
    get_in_format(w, uid, KEY_FORMAT_OPAQUE);
    check_done(w);
    m = register_begin(w, OBJECT_SECRET_DATA);
    put_attribute_integer(m, "Cryptographic Usage Mask", 0);
    put_template_end(m);
    put_secret(m, SECRET_DATA_PASSWORD, KEY_FORMAT_RAW, span_of_text("password"));
    check_made(w, uid);
    get_in_format(w, uid, KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY);
    check_refused(w, REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "as registered");
    get_in_format(w, uid, KEY_FORMAT_RAW);
    check_done(w);
}

static void compression_and_unwrapping_are_not_done(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    struct message *m = get_begin(w, uid);
    ttlv_put_enumeration(&m->w, TAG_KEY_COMPRESSION_TYPE, 1);
    check_refused(w, REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED, "elliptic curve");
    m = get_begin(w, uid);
    ttlv_put_enumeration(&m->w, TAG_KEY_WRAP_TYPE, KEY_WRAP_NOT_WRAPPED);
    check_done(w);
    w->askers[1].options.minor = 3; /* Key Wrap Type is of 1.4 */
    m = get_begin(w, uid);
    ttlv_put_enumeration(&m->w, TAG_KEY_WRAP_TYPE, KEY_WRAP_NOT_WRAPPED);
    check_refused(w, REASON_INVALID_FIELD, "does not have");
}

/* KMIP 1.4 s3.48, s3.50. */
static void sensitive_comes_wrapped_and_not_extractable_not_at_all(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES];
    struct message *m = create_begin(w);
    put_attribute_boolean(m, "Sensitive", true);
    create_end(w, m, uid);
    wrapping_key(w, with);
    get_begin(w, uid);
    check_refused(w, REASON_SENSITIVE, "ask for it wrapped");
    item_get_wrapped(ask(w, 1), uid, with, ENCODING_NONE);
    check_done(w);
    m = create_begin(w);
    put_attribute_boolean(m, "Extractable", false);
    create_end(w, m, uid);
    get_begin(w, uid);
    check_refused(w, REASON_NOT_EXTRACTABLE, "not Extractable");
    item_get_wrapped(ask(w, 1), uid, with, ENCODING_NONE);
    check_refused(w, REASON_NOT_EXTRACTABLE, "not Extractable");
    w->askers[1].options.minor = 1; /* which has no such reasons */
    get_begin(w, uid);
    assert_int_equal(finish(w, 1), REASON_PERMISSION_DENIED);
}

static void only_encryption_with_one_key_wraps(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES];
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    wrapping_key(w, with);
    refuse_wrapping(w, uid, (struct wrapping){.method = 2, .with = with}, REASON_FEATURE_NOT_SUPPORTED,
                    "by encryption with one key");
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT}, REASON_FEATURE_NOT_SUPPORTED,
                    "by encryption with one key");
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT, .with = with, .mac = true},
                    REASON_FEATURE_NOT_SUPPORTED, "by encryption with one key");
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT, .with = with, .mode = 1},
                    REASON_ITEM_NOT_FOUND, "NIST Key Wrap");
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT, .with = with, .mode = 0x7fff},
                    REASON_INVALID_FIELD, "enumeration value");
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT, .with = with, .encoding = 9},
                    REASON_ENCODING_OPTION_ERROR, "unknown Encoding Option");
    refuse_wrapping(
        w, uid,
        (struct wrapping){
            .method = WRAPPING_ENCRYPT, .with = with, .attribute = "x", .encoding = ENCODING_NONE},
        REASON_ENCODING_OPTION_ERROR, "no room for attributes");
    put_wrapping(get_begin(w, uid), &(struct wrapping){.method = WRAPPING_ENCRYPT, .with = with});
    check_done(w);
}

static void the_wrapping_key_has_to_be_one(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES];
    struct wrapping spec = {.method = WRAPPING_ENCRYPT, .with = with, .encoding = ENCODING_NONE};
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    register_secret(w, "password", with);
    refuse_wrapping(w, uid, spec, REASON_ILLEGAL_OPERATION, "not a Symmetric Key");
    register_key(w, span_of(kek_16, 16), USAGE_WRAP_KEY, with);
    refuse_wrapping(w, uid, spec, REASON_PERMISSION_DENIED, "not an Active AES key"); /* Pre-Active */
    register_key(w, span_of(kek_16, 16), USAGE_ENCRYPT, with);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, with), REASON_NONE);
    refuse_wrapping(w, uid, spec, REASON_PERMISSION_DENIED, "not an Active AES key");
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_WRAP_KEY);
    put_attribute_date(m, "Activation Date", 0);
    put_template_end(m);
    put_key(m, span_of(kek_16, 16), ALGORITHM_3DES, 112);
    check_made(w, with);
    refuse_wrapping(w, uid, spec, REASON_PERMISSION_DENIED, "not an Active AES key");
    memset(with, 7, sizeof with);
    refuse_wrapping(w, uid, spec, REASON_ITEM_NOT_FOUND, "no object has this");
}

static void opaque_objects_are_not_wrapped(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES], absent[UUID_BYTES];
    struct wrapping spec = {.method = WRAPPING_ENCRYPT, .with = with};
    wrapping_key(w, with);
    register_opaque(w, "bytes", uid);
    refuse_wrapping(w, uid, spec, REASON_ILLEGAL_OPERATION, "not wrapped again");
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 128);
    check_made(w, absent);
    refuse_wrapping(w, absent, spec, REASON_KEY_VALUE_NOT_PRESENT, "not on this server");
    w->askers[1].options.minor = 0; /* 1.0 has no Encoding Option */
    spec.encoding = ENCODING_NONE;
    refuse_wrapping(w, with, spec, REASON_INVALID_FIELD, "does not have");
}

/* RFC 3394 takes multiples of 8 from 16 on; TTLV Encoding always fits. */
static void odd_lengths_are_wrapped_as_ttlv_only(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES];
    wrapping_key(w, with);
    register_secret(w, "seventeen bytes..", uid);
    struct wrapping spec = {.method = WRAPPING_ENCRYPT, .with = with, .encoding = ENCODING_NONE};
    refuse_wrapping(w, uid, spec, REASON_CRYPTOGRAPHIC_FAILURE, "NIST Key Wrap takes");
    spec.encoding = 0; /* TTLV is what is left out */
    put_wrapping(get_begin(w, uid), &spec);
    check_done(w);
    static uint8_t long_text[4200];
    memset(long_text, 'x', sizeof long_text - 1);
    register_secret(w, (const char *)long_text, uid);
    refuse_wrapping(w, uid, spec, REASON_CRYPTOGRAPHIC_FAILURE, "NIST Key Wrap takes");
}

/* KMIP 1.4 s2.1.6: attributes named in the specification are wrapped with the key. */
static void named_attributes_are_inside_the_wrapped_value(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES], plain[512];
    struct ttlv_item item, value;
    wrapping_key(w, with);
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    assert_int_equal(do_add_text(w, uid, "x-note", "inside"), REASON_NONE);
    put_wrapping(get_begin(w, uid),
                 &(struct wrapping){.method = WRAPPING_ENCRYPT, .with = with, .attribute = "x-note"});
    check_done(w);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_KEY_VALUE, &item));
    assert_int_equal(item.type, TTLV_BYTE_STRING);
    assert_true(item.value.len <= sizeof plain);
    assert_int_equal(keywrap_open(span_of(kek_16, 16), item.value, plain), STATUS_OK);
    struct ttlv_reader reader = ttlv_reader_over(span_of(plain, item.value.len - 8));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, TAG_KEY_VALUE);
    assert_int_equal(payload_attributes(item.value, "x-note", &value), 1);
    check_text(value.value, "inside");
}

static void serving_ends_freshness_in_the_record(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    create_end(w, create_begin(w), uid);
    assert_int_equal(shown_flag(w, uid, "Fresh"), 1);
    int64_t changed = shown_date(w, uid, "Last Change Date");
    world_wait(w, 2000);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_int_equal(shown_flag(w, uid, "Fresh"), 0);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), changed);
    world_turns(w, 10);
    assert_int_equal(entry_of_uid(w, uid)->generation, 2);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_turns(w, 10);
    assert_int_equal(entry_of_uid(w, uid)->generation, 2); /* once */
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(shown_flag(w, uid, "Fresh"), 0);
}

/* The first Get of a key that is in no group is not held up by the journal. */
static void a_key_outside_of_groups_is_served_at_once(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    w->disk_frozen = true;
    get_begin(w, uid);
    assert_true(ask_send(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_int_equal(shown_flag(w, uid, "Fresh"), 0);
    w->disk_frozen = false;
}

/* What is stored cannot be exchanged for other bytes. */
static void a_seal_that_does_not_open_is_not_served(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct object object;
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    get_begin(w, uid);
    check_done(w);
    world_turns(w, 10);
    struct span record = catalogue_record(&w->store.catalogue, entry_of_uid(w, uid));
    assert_int_equal(object_open(record, &object), STATUS_OK);
    uint8_t *sealed = (uint8_t *)(uintptr_t)object.sealed_material.ptr;
    sealed[object.sealed_material.len - 1] ^= 1;
    get_begin(w, uid);
    check_refused(w, REASON_CRYPTOGRAPHIC_FAILURE, "does not open");
    sealed[object.sealed_material.len - 1] ^= 1;
    get_begin(w, uid);
    check_done(w);
}

/* KMIP 1.4 s11.12: it is not able to be used for wrapping. Its record is not damaged. */
static void a_wrapping_key_without_value_does_not_wrap(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], with[UUID_BYTES];
    register_key(w, span_of(key_16, 16), USAGE_ENCRYPT, uid);
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_WRAP_KEY);
    put_attribute_date(m, "Activation Date", 0);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 128);
    check_made(w, with);
    refuse_wrapping(w, uid, (struct wrapping){.method = WRAPPING_ENCRYPT, .with = with},
                    REASON_PERMISSION_DENIED, "its value is not on this server");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_answer_that_vcenter_reads),
        STORY(a_key_is_the_same_each_time_and_after_a_restart),
        STORY(symmetric_keys_come_raw_or_transparent),
        STORY(other_objects_come_as_registered_only),
        STORY(compression_and_unwrapping_are_not_done),
        STORY(sensitive_comes_wrapped_and_not_extractable_not_at_all),
        STORY(only_encryption_with_one_key_wraps),
        STORY(the_wrapping_key_has_to_be_one),
        STORY(opaque_objects_are_not_wrapped),
        STORY(odd_lengths_are_wrapped_as_ttlv_only),
        STORY(named_attributes_are_inside_the_wrapped_value),
        STORY(serving_ends_freshness_in_the_record),
        STORY(a_key_outside_of_groups_is_served_at_once),
        STORY(a_seal_that_does_not_open_is_not_served),
        STORY(a_wrapping_key_without_value_does_not_wrap),
    };
    return cmocka_run_group_tests_name("op_get", tests, NULL, NULL);
}
