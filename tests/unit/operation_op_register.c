/* SPDX-License-Identifier: Apache-2.0 */
/* Register: KMIP 1.4 s4.3, s11.4. */
#include "support/objects.h"

#include "crypto/digest.h"

static const uint8_t bytes[MATERIAL_MAX + 1] = {0xc0, 0xc1, 0xc2, 0xc3};

static struct message *key_template(struct world *w)
{
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    return m;
}

/* The bytes that Get gives back: of a key or secret, or of an Opaque Object. */
static struct span material_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct ttlv_item item;
    item_get(ask(w, 2), uid);
    assert_int_equal(finish(w, 2), REASON_NONE);
    if (find_deep(answered(w, 2, 0).payload, TAG_OPAQUE_DATA_VALUE, &item))
        return item.value;
    return payload_key(answered(w, 2, 0).payload);
}

static void check_digest(struct world *w, const uint8_t uid[UUID_BYTES], struct span of)
{
    uint8_t wanted[SHA256_BYTES];
    sha256(of, wanted);
    struct ttlv_item digest = shown_field(w, uid, "Digest", TAG_DIGEST_VALUE);
    assert_int_equal(digest.value.len, SHA256_BYTES);
    assert_memory_equal(digest.value.ptr, wanted, SHA256_BYTES);
}

static void a_key_comes_back_with_what_follows_from_it(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = key_template(w);
    put_attribute_name(m, "registered");
    put_template_end(m);
    put_key(m, span_of(bytes, 24), ALGORITHM_AES, 192);
    check_made(w, uid);
    assert_int_equal(material_of(w, uid).len, 24);
    assert_memory_equal(material_of(w, uid).ptr, bytes, 24);
    assert_int_equal(shown_number(w, uid, "Cryptographic Algorithm"), ALGORITHM_AES);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 192);
    assert_int_equal(shown_date(w, uid, "Initial Date"), w->now.unix_s);
    check_digest(w, uid, span_of(bytes, 24));
    assert_int_equal(shown(w, uid, "Original Creation Date", NULL), 0); /* it was made elsewhere */
    assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
}

static void secrets_and_opaque_objects_come_back(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    register_secret(w, "a password", uid);
    check_text(material_of(w, uid), "a password");
    assert_int_equal(shown_number(w, uid, "Object Type"), OBJECT_SECRET_DATA);
    check_digest(w, uid, span_of_text("a password"));
    register_opaque(w, "any bytes", uid);
    check_text(material_of(w, uid), "any bytes");
    assert_int_equal(shown_number(w, uid, "Object Type"), OBJECT_OPAQUE_OBJECT);
    assert_int_equal(shown(w, uid, "State", NULL), 0);
}

static void other_types_are_not_held(void **state)
{
    struct world *w = *state;
    static const enum object_type others[] = {OBJECT_CERTIFICATE, OBJECT_PUBLIC_KEY, OBJECT_PRIVATE_KEY,
                                              OBJECT_SPLIT_KEY,   OBJECT_TEMPLATE,   OBJECT_PGP_KEY};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct message *m = register_begin(w, others[i]);
        put_template_end(m);
        check_refused(w, REASON_INVALID_FIELD, "holds Symmetric Keys");
    }
}

static void object_and_object_type_agree(void **state)
{
    struct world *w = *state;
    struct message *m = register_begin(w, OBJECT_SECRET_DATA);
    put_attribute_integer(m, "Cryptographic Usage Mask", 0);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), ALGORITHM_AES, 128);
    check_refused(w, REASON_INVALID_FIELD, "not of the Object Type");
    m = key_template(w);
    put_template_end(m);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    m = key_template(w);
    put_template_end(m);
    ttlv_end(&m->w, ttlv_begin(&m->w, TAG_SYMMETRIC_KEY));
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
}

/* KMIP 1.4 s4.3: algorithm and length in the template, in the Key Block, or the same in both. */
static void algorithm_and_length_stand_in_one_place_or_agree(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = key_template(w);
    put_attribute_enumeration(m, "Cryptographic Algorithm", ALGORITHM_AES);
    put_attribute_integer(m, "Cryptographic Length", 128);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), 0, 0);
    check_made(w, uid);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 128);
    m = key_template(w);
    put_attribute_enumeration(m, "Cryptographic Algorithm", ALGORITHM_3DES);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), ALGORITHM_AES, 128);
    check_refused(w, REASON_INVALID_FIELD, "differ between attributes and Key Block");
    m = key_template(w);
    put_attribute_integer(m, "Cryptographic Length", 256);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), ALGORITHM_AES, 128);
    check_refused(w, REASON_INVALID_FIELD, "differ between attributes and Key Block");
}

static void refuse_key(struct world *w, size_t len, uint32_t algorithm, int32_t bits, const char *words)
{
    struct message *m = key_template(w);
    put_template_end(m);
    put_key(m, span_of(bytes, len), algorithm, bits);
    check_refused(w, REASON_INVALID_FIELD, words);
}

static void a_key_has_the_length_that_it_claims(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    refuse_key(w, 16, ALGORITHM_AES, 256, "not that of the key material");
    refuse_key(w, 32, ALGORITHM_AES, 128, "not that of the key material");
    refuse_key(w, 16, 0x1c /* ChaCha20 */, 256, "shorter than Cryptographic Length");
    refuse_key(w, 16, ALGORITHM_AES, 0, "needs Cryptographic Algorithm and Cryptographic Length");
    refuse_key(w, 16, 0, 128, "needs Cryptographic Algorithm and Cryptographic Length");
    refuse_key(w, 16, 0x7fff, 128, "nknown");
    refuse_key(w, 0, ALGORITHM_AES, 128, "is empty");
    struct message *m = key_template(w);
    put_template_end(m);
    put_key(m, span_of(bytes, 32), 0x1c, 256); /* not made here, but held */
    check_made(w, uid);
}

static void material_has_at_most_6144_bytes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct message *m = register_begin(w, OBJECT_OPAQUE_OBJECT);
    put_template_end(m);
    put_opaque(m, 0x80000001, span_of(bytes, MATERIAL_MAX));
    check_made(w, uid);
    assert_int_equal(material_of(w, uid).len, MATERIAL_MAX);
    m = register_begin(w, OBJECT_OPAQUE_OBJECT);
    put_template_end(m);
    put_opaque(m, 0x80000001, span_of(bytes, MATERIAL_MAX + 1));
    check_refused(w, REASON_INVALID_FIELD, "longer than 6,144 bytes");
}

static void keys_and_secrets_need_a_usage_mask(void **state)
{
    struct world *w = *state;
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), ALGORITHM_AES, 128);
    check_refused(w, REASON_INVALID_FIELD, "needs the attribute Cryptographic Usage Mask");
    m = register_begin(w, OBJECT_SECRET_DATA);
    put_template_end(m);
    put_secret(m, SECRET_DATA_PASSWORD, KEY_FORMAT_OPAQUE, span_of_text("p"));
    check_refused(w, REASON_INVALID_FIELD, "needs the attribute Cryptographic Usage Mask");
    m = register_begin(w, OBJECT_SECRET_DATA);
    put_attribute_integer(m, "Cryptographic Usage Mask", 0);
    put_template_end(m);
    put_secret(m, 77, KEY_FORMAT_OPAQUE, span_of_text("p"));
    check_refused(w, REASON_INVALID_FIELD, "unknown Secret Data Type");
}

/* KMIP 1.4 s2.1.4: attributes may stand inside the Key Value. */
static void attributes_in_the_key_value_count_too(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    char text[16];
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_template_end(m);
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY), block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_RAW);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_put_bytes(&m->w, TAG_KEY_MATERIAL, span_of(bytes, 16));
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_attribute_text(m, "x-inside", "here");
    ttlv_end(&m->w, value);
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
    check_made(w, uid);
    assert_true(text_of(w, uid, "x-inside", text, sizeof text));
    assert_string_equal(text, "here");
}

/* KMIP 1.4 s3.17: of a transparent key the encoded Key Material is digested. */
static void the_digest_of_a_transparent_key_is_that_of_its_encoding(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], encoded[64];
    struct ttlv_writer e = ttlv_writer_over(encoded, sizeof encoded);
    size_t at = ttlv_begin(&e, TAG_KEY_MATERIAL);
    ttlv_put_bytes(&e, TAG_KEY, span_of(bytes, 16));
    ttlv_end(&e, at);
    struct message *m = key_template(w);
    put_template_end(m);
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY), block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_put_whole(&m->w, span_of(encoded, e.len));
    ttlv_end(&m->w, value);
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
    check_made(w, uid);
    check_digest(w, uid, span_of(encoded, e.len));
}

/* KMIP 1.2 and later: only attributes are registered, the key is elsewhere. */
static void a_key_may_be_registered_without_its_value(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item;
    struct message *m = key_template(w);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 256);
    check_made(w, uid);
    assert_int_equal(shown_flag(w, uid, "Key Value Present"), 0);
    assert_int_equal(shown(w, uid, "Digest", NULL), 0);
    item_get(ask(w, 2), uid);
    assert_int_equal(finish(w, 2), REASON_NONE);
    assert_false(find_deep(answered(w, 2, 0).payload, TAG_KEY_VALUE, &item));
    w->askers[1].options.minor = 1;
    m = key_template(w);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 256);
    assert_int_not_equal(finish(w, 1), REASON_NONE);
}

static struct message *register_wrapped(struct world *w, size_t value_len, size_t iv_len)
{
    struct message *m = key_template(w);
    put_template_end(m);
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY), block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_RAW);
    ttlv_put_bytes(&m->w, TAG_KEY_VALUE, span_of(bytes, value_len));
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
    size_t data = ttlv_begin(&m->w, TAG_KEY_WRAPPING_DATA);
    ttlv_put_enumeration(&m->w, TAG_WRAPPING_METHOD, WRAPPING_ENCRYPT);
    size_t information = ttlv_begin(&m->w, TAG_ENCRYPTION_KEY_INFORMATION);
    ttlv_put_text(&m->w, TAG_UNIQUE_IDENTIFIER, span_of_text("elsewhere"));
    ttlv_end(&m->w, information);
    if (iv_len != 0)
        ttlv_put_bytes(&m->w, TAG_IV_COUNTER_NONCE, span_of(bytes, iv_len));
    ttlv_end(&m->w, data);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
    return m;
}

/* Its length is that of the ciphertext: nothing is compared. */
static void a_wrapped_key_comes_back_as_it_was(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    struct ttlv_item item;
    register_wrapped(w, 24, 0);
    check_made(w, uid);
    item_get(ask(w, 2), uid);
    assert_int_equal(finish(w, 2), REASON_NONE);
    assert_true(find_deep(answered(w, 2, 0).payload, TAG_KEY_VALUE, &item));
    assert_int_equal(item.value.len, 24);
    assert_memory_equal(item.value.ptr, bytes, 24);
    assert_true(find_deep(answered(w, 2, 0).payload, TAG_KEY_WRAPPING_DATA, &item));
    assert_true(find_deep(item.value, TAG_UNIQUE_IDENTIFIER, &item));
    check_text(item.value, "elsewhere");
    register_wrapped(w, 24, 1100);
    check_refused(w, REASON_INVALID_FIELD, "Key Wrapping Data is longer");
}

static void the_new_object_is_the_id_placeholder(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], got[UUID_BYTES];
    struct message *m = ask(w, 1);
    item_register_key(m, NULL, span_of(bytes, 16), USAGE_ENCRYPT);
    item_get(m, NULL);
    check_made(w, uid);
    assert_true(payload_uid(answered(w, 1, 1).payload, got));
    assert_memory_equal(got, uid, UUID_BYTES);
    item_register_key(ask(w, 1), "twice", span_of(bytes, 16), USAGE_ENCRYPT);
    check_done(w);
    item_register_key(ask(w, 1), "twice", span_of(bytes, 16), USAGE_ENCRYPT);
    check_refused(w, REASON_INVALID_FIELD, "another object has this Name");
}

/* KMIP 1.4 s3.5: a number of bits. Also where there are no bytes to compare it with. */
static void no_key_has_a_negative_length(void **state)
{
    struct world *w = *state;
    refuse_key(w, 16, 0x1c /* ChaCha20 */, -256, "Cryptographic Length is negative");
    refuse_key(w, 16, ALGORITHM_AES, -128, "Cryptographic Length is negative");
    struct message *m = key_template(w);
    put_attribute_integer(m, "Cryptographic Length", -256);
    put_template_end(m);
    put_key(m, span_of(bytes, 16), 0x1c, 0);
    check_refused(w, REASON_INVALID_FIELD, "Cryptographic Length is negative");
    m = key_template(w);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, -256);
    check_refused(w, REASON_INVALID_FIELD, "Cryptographic Length is negative");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_key_comes_back_with_what_follows_from_it),
        STORY(secrets_and_opaque_objects_come_back),
        STORY(other_types_are_not_held),
        STORY(object_and_object_type_agree),
        STORY(algorithm_and_length_stand_in_one_place_or_agree),
        STORY(a_key_has_the_length_that_it_claims),
        STORY(material_has_at_most_6144_bytes),
        STORY(keys_and_secrets_need_a_usage_mask),
        STORY(attributes_in_the_key_value_count_too),
        STORY(the_digest_of_a_transparent_key_is_that_of_its_encoding),
        STORY(a_key_may_be_registered_without_its_value),
        STORY(a_wrapped_key_comes_back_as_it_was),
        STORY(the_new_object_is_the_id_placeholder),
        STORY(no_key_has_a_negative_length),
    };
    return cmocka_run_group_tests_name("op_register", tests, NULL, NULL);
}
