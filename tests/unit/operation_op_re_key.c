/* SPDX-License-Identifier: Apache-2.0 */
/* Re-key: KMIP 1.4 s4.4, s11.5. */
#include "support/objects.h"

static struct message *re_key_begin(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct message *m = ask(w, 1);
    item_re_key(m, uid);
    return m;
}

static void put_offset(struct message *m, uint32_t seconds)
{
    ttlv_put_interval(&m->w, TAG_OFFSET, seconds);
}

static void re_key(struct world *w, const uint8_t uid[UUID_BYTES], uint8_t new[UUID_BYTES])
{
    re_key_begin(w, uid);
    check_made(w, new);
    assert_memory_not_equal(new, uid, UUID_BYTES);
}

static void check_link(struct world *w, const uint8_t from[UUID_BYTES], enum link_type type,
                       const uint8_t to[UUID_BYTES])
{
    uint8_t got[UUID_BYTES];
    assert_int_equal(shown(w, from, "Link", NULL), 1);
    struct ttlv_item field = shown_field(w, from, "Link", TAG_LINK_TYPE);
    assert_int_equal(ttlv_enumeration(&field), type);
    field = shown_field(w, from, "Link", TAG_LINKED_OBJECT_IDENTIFIER);
    assert_int_equal(uuid_read(field.value, got), STATUS_OK);
    assert_memory_equal(got, to, UUID_BYTES);
}

static void the_new_key_takes_name_and_attributes(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES], found[UUID_BYTES], key[2][KEK_BYTES];
    char text[16];
    int count;
    struct message *m = create_begin(w);
    put_attribute_name(m, "the-name");
    put_attribute_text(m, "x-note", "copied");
    put_attribute_text(m, "Contact Information", "desk");
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, old);
    world_wait(w, 5000);
    re_key(w, old, new);
    assert_int_equal(do_locate(w, "the-name", found, &count), REASON_NONE);
    assert_int_equal(count, 1);
    assert_memory_equal(found, new, UUID_BYTES);
    assert_int_equal(shown(w, old, "Name", NULL), 0);
    assert_true(text_of(w, new, "x-note", text, sizeof text));
    assert_string_equal(text, "copied");
    assert_int_equal(shown(w, new, "Contact Information", NULL), 1);
    assert_int_equal(shown_number(w, new, "Cryptographic Usage Mask"), USAGE_ENCRYPT | USAGE_DECRYPT);
    assert_int_equal(shown_number(w, new, "Cryptographic Length"), 256);
    check_link(w, old, LINK_REPLACEMENT_OBJECT, new);
    check_link(w, new, LINK_REPLACED_OBJECT, old);
    assert_int_equal(shown_date(w, new, "Initial Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, new, "Last Change Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, old, "Last Change Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, new, "Activation Date"), shown_date(w, old, "Activation Date"));
    assert_int_equal(state_of(w, new), STATE_ACTIVE);
    assert_int_equal(do_get(w, old, key[0]), REASON_NONE);
    assert_int_equal(do_get(w, new, key[1]), REASON_NONE);
    assert_memory_not_equal(key[0], key[1], KEK_BYTES);
}

/* Table 173: what is not copied. */
static void what_happened_to_the_old_key_is_not_copied(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES];
    struct message *m = create_begin(w);
    put_usage_limits(m, 100);
    put_link(m, 0x101 /* Certificate Link */, "a certificate");
    create_end(w, m, old);
    assert_int_equal(do_uid(w, OPERATION_ACTIVATE, old), REASON_NONE);
    item_uid(m = ask(w, 1), OPERATION_GET_USAGE_ALLOCATION, old);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_COUNT, 40);
    check_done(w);
    assert_int_equal(do_revoke(w, old, REVOCATION_KEY_COMPROMISE), REASON_NONE);
    re_key(w, old, new);
    assert_int_equal(shown(w, new, "Revocation Reason", NULL), 0);
    assert_int_equal(shown(w, new, "Compromise Date", NULL), 0);
    assert_int_equal(shown(w, new, "Compromise Occurrence Date", NULL), 0);
    check_link(w, new, LINK_REPLACED_OBJECT, old);
    struct ttlv_item count = shown_field(w, new, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    assert_int_equal(ttlv_long(&count), 100);
    count = shown_field(w, old, "Usage Limits", TAG_USAGE_LIMITS_COUNT);
    assert_int_equal(ttlv_long(&count), 60);
    assert_int_equal(state_of(w, old), STATE_COMPROMISED);
    assert_int_equal(state_of(w, new), STATE_ACTIVE);
    assert_int_equal(shown(w, new, "Digest", NULL), 1);
    struct ttlv_item digest = shown_field(w, new, "Digest", TAG_DIGEST_VALUE);
    uint8_t bytes[32];
    memcpy(bytes, digest.value.ptr, sizeof bytes);
    digest = shown_field(w, old, "Digest", TAG_DIGEST_VALUE);
    assert_memory_not_equal(bytes, digest.value.ptr, sizeof bytes);
}

/* Table 172. */
static void dates_move_with_the_offset(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES];
    int64_t t = w->now.unix_s;
    struct message *m = create_begin(w);
    put_attribute_date(m, "Activation Date", t + 10);
    put_attribute_date(m, "Process Start Date", t + 20);
    put_attribute_date(m, "Protect Stop Date", t + 30);
    put_attribute_date(m, "Deactivation Date", t + 40);
    create_end(w, m, old);
    world_wait(w, 3000);
    m = re_key_begin(w, old);
    put_offset(m, 1000);
    check_made(w, new);
    t = w->now.unix_s + 1000;
    assert_int_equal(shown_date(w, new, "Activation Date"), t);
    assert_int_equal(shown_date(w, new, "Process Start Date"), t + 10);
    assert_int_equal(shown_date(w, new, "Protect Stop Date"), t + 20);
    assert_int_equal(shown_date(w, new, "Deactivation Date"), t + 30);
    assert_int_equal(state_of(w, new), STATE_PRE_ACTIVE);
    m = create_begin(w); /* without dates an Offset gives the first one */
    create_end(w, m, old);
    m = re_key_begin(w, old);
    put_offset(m, 0);
    check_made(w, new);
    assert_int_equal(shown_date(w, new, "Activation Date"), w->now.unix_s);
    assert_int_equal(state_of(w, new), STATE_ACTIVE);
}

static void an_offset_needs_an_activation_date_and_no_dates_beside_it(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES];
    static const char *const dates[] = {"Activation Date", "Process Start Date", "Protect Stop Date",
                                        "Deactivation Date"};
    struct message *m = create_begin(w);
    put_attribute_date(m, "Deactivation Date", w->now.unix_s + 1000);
    create_end(w, m, old);
    m = re_key_begin(w, old);
    put_offset(m, 5);
    check_refused(w, REASON_ILLEGAL_OPERATION, "needs an Activation Date");
    create_end(w, create_begin(w), old);
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        m = re_key_begin(w, old);
        put_offset(m, 5);
        put_template_begin(m);
        put_attribute_date(m, dates[i], w->now.unix_s + 100);
        put_template_end(m);
        check_refused(w, REASON_INVALID_MESSAGE, "exclude one another");
    }
}

static void the_template_has_the_last_word(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES];
    char text[16];
    struct message *m = create_begin(w);
    put_attribute_text(m, "Contact Information", "desk");
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, old);
    m = re_key_begin(w, old);
    put_template_begin(m);
    put_attribute_text(m, "Contact Information", "door");
    put_attribute_date(m, "Activation Date", w->now.unix_s + 77);
    put_attribute_text(m, "x-more", "added");
    put_template_end(m);
    check_made(w, new);
    assert_true(text_of(w, new, "Contact Information", text, sizeof text));
    assert_string_equal(text, "door");
    assert_int_equal(shown_date(w, new, "Activation Date"), w->now.unix_s + 77);
    assert_int_equal(shown(w, new, "x-more", NULL), 1);
    assert_true(text_of(w, old, "Contact Information", text, sizeof text));
    assert_string_equal(text, "desk");
}

static void a_key_is_replaced_once(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES], third[UUID_BYTES];
    create_end(w, create_begin(w), old);
    re_key(w, old, new);
    re_key_begin(w, old);
    check_refused(w, REASON_PERMISSION_DENIED, "re-key its replacement");
    re_key(w, new, third); /* that one can be */
    assert_int_equal(shown(w, new, "Link", NULL), 2);
}

static void only_plain_symmetric_keys_are_re_keyed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], bytes[40] = {1};
    register_secret(w, "password", uid);
    re_key_begin(w, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "only plain Symmetric Keys");
    register_opaque(w, "bytes", uid);
    re_key_begin(w, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "only plain Symmetric Keys");
    struct message *m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_template_end(m);
    put_key(m, span_of(NULL, 0), ALGORITHM_AES, 256);
    check_made(w, uid);
    re_key_begin(w, uid);
    check_refused(w, REASON_KEY_VALUE_NOT_PRESENT, "not on this server");
    m = register_begin(w, OBJECT_SYMMETRIC_KEY);
    put_attribute_integer(m, "Cryptographic Usage Mask", USAGE_ENCRYPT);
    put_template_end(m);
    put_key(m, span_of(bytes, 32), 0x1c /* ChaCha20 */, 256);
    check_made(w, uid);
    re_key_begin(w, uid);
    check_refused(w, REASON_CRYPTOGRAPHIC_FAILURE, "does not make keys of this algorithm");
    create_end(w, create_begin(w), uid);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uid), REASON_NONE);
    re_key_begin(w, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "destroyed");
}

/* The kind stays: a registered key of 128 bits is replaced by one made here. */
static void the_new_key_has_the_kind_of_the_old_one(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES], bytes[16] = {9};
    register_key(w, span_of(bytes, 16), USAGE_ENCRYPT, old);
    assert_int_equal(shown(w, old, "Random Number Generator", NULL), 0);
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, old);
    put_attribute_boolean(m, "Extractable", false);
    check_done(w);
    re_key(w, old, new);
    assert_int_equal(shown_number(w, new, "Cryptographic Length"), 128);
    assert_int_equal(shown(w, new, "Random Number Generator", NULL), 1);
    assert_int_equal(shown_flag(w, new, "Fresh"), 1);
    assert_int_equal(shown_flag(w, new, "Extractable"), 0); /* Re-key opens no door */
    item_get(ask(w, 1), new);
    check_refused(w, REASON_NOT_EXTRACTABLE, "not Extractable");
    item_uid(m = ask(w, 1), OPERATION_MODIFY_ATTRIBUTE, new);
    put_attribute_boolean(m, "Extractable", true);
    check_done(w);
    item_get(ask(w, 1), new);
    check_done(w);
    struct span material = payload_key(answered(w, 1, 0).payload);
    assert_int_equal(material.len, 16);
    assert_memory_not_equal(material.ptr, bytes, 16);
}

static void the_new_key_is_the_id_placeholder(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES], got[UUID_BYTES];
    create_end(w, create_begin(w), old);
    struct message *m = re_key_begin(w, old);
    item_get(m, NULL);
    check_made(w, new);
    assert_true(payload_uid(answered(w, 1, 1).payload, got));
    assert_memory_equal(got, new, UUID_BYTES);
}

/* Both records are the key manager's before the answer. */
static void both_records_are_waited_for(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES], new[UUID_BYTES];
    create_end(w, create_begin(w), old);
    world_wait(w, 4000);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    re_key_begin(w, old);
    assert_false(ask_send(w, 1));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    assert_int_equal(fake_waiting(&w->fake, KEYMGR_PUT), 2);
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 0).payload, new));
    assert_int_equal(fake_find(&w->fake, new)->generation, 1);
    assert_int_equal(fake_find(&w->fake, old)->generation, 2);
}

/* A template of algorithm and length; 0 leaves one out. */
static void put_kind(struct message *m, uint32_t algorithm, int32_t bits)
{
    put_template_begin(m);
    if (algorithm != 0)
        put_attribute_enumeration(m, "Cryptographic Algorithm", algorithm);
    if (bits != 0)
        put_attribute_integer(m, "Cryptographic Length", bits);
    put_template_end(m);
}

/* KMIP 1.4 s3.5, s4.4: the new key is what the template asks for, in its bytes too. */
static void the_new_key_is_of_the_kind_asked_for(void **state)
{
    struct world *w = *state;
    static const struct {
        enum cryptographic_algorithm algorithm; /* 0: not asked for */
        int32_t bits;                           /* 0: not asked for */
        enum cryptographic_algorithm made;
        int32_t made_bits;
        size_t len;
    } rows[] = {{0, 128, ALGORITHM_AES, 128, 16},
                {0, 192, ALGORITHM_AES, 192, 24},
                {ALGORITHM_AES, 256, ALGORITHM_AES, 256, 32},
                {ALGORITHM_3DES, 168, ALGORITHM_3DES, 168, 24},
                {ALGORITHM_HMAC_SHA256, 0, ALGORITHM_HMAC_SHA256, 256, 32}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t old[UUID_BYTES], new[UUID_BYTES], odd = 1;
        struct ttlv_item item;
        create_end(w, create_begin(w), old);
        struct message *m = re_key_begin(w, old);
        put_kind(m, rows[i].algorithm, rows[i].bits);
        check_made(w, new);
        assert_int_equal(shown_number(w, new, "Cryptographic Algorithm"), rows[i].made);
        assert_int_equal(shown_number(w, new, "Cryptographic Length"), rows[i].made_bits);
        item_get(ask(w, 1), new);
        check_done(w);
        struct span payload = answered(w, 1, 0).payload, key = payload_key(payload);
        assert_int_equal(key.len, rows[i].len);
        assert_true(find_deep(payload, TAG_CRYPTOGRAPHIC_LENGTH, &item));
        assert_int_equal(ttlv_integer(&item), rows[i].made_bits);
        for (size_t k = 0; k < key.len; k++)
            odd &= (uint8_t)__builtin_parity(key.ptr[k]);
        if (rows[i].made == ALGORITHM_3DES)
            assert_int_equal(odd, 1);
    }
}

static void a_kind_that_is_not_made_here_is_refused(void **state)
{
    struct world *w = *state;
    uint8_t old[UUID_BYTES];
    static const struct {
        uint32_t algorithm;
        int32_t bits;
    } rows[] = {{0, 100},
                {0, 512},
                {0, -256},
                {ALGORITHM_3DES, 0} /* of 256 bits */,
                {0x1c /* ChaCha20 */, 256},
                {ALGORITHM_3DES, 256}};
    create_end(w, create_begin(w), old);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct message *m = re_key_begin(w, old);
        put_kind(m, rows[i].algorithm, rows[i].bits);
        check_refused(w, REASON_INVALID_FIELD, "does not make keys of this algorithm");
    }
    struct message *m = re_key_begin(w, old);
    put_template_begin(m);
    put_attribute_integer(m, "Cryptographic Length", 0);
    put_template_end(m);
    check_refused(w, REASON_INVALID_FIELD, "does not make keys of this algorithm");
    assert_int_equal(shown(w, old, "Link", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_new_key_takes_name_and_attributes),
        STORY(what_happened_to_the_old_key_is_not_copied),
        STORY(dates_move_with_the_offset),
        STORY(an_offset_needs_an_activation_date_and_no_dates_beside_it),
        STORY(the_template_has_the_last_word),
        STORY(a_key_is_replaced_once),
        STORY(only_plain_symmetric_keys_are_re_keyed),
        STORY(the_new_key_has_the_kind_of_the_old_one),
        STORY(the_new_key_is_the_id_placeholder),
        STORY(both_records_are_waited_for),
        STORY(the_new_key_is_of_the_kind_asked_for),
        STORY(a_kind_that_is_not_made_here_is_refused),
    };
    return cmocka_run_group_tests_name("op_re_key", tests, NULL, NULL);
}
