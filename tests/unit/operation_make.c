/* SPDX-License-Identifier: Apache-2.0 */
/* Making new objects: lengths, material, seal, digest, head, and the proposal. */
#include "support/objects.h"

#include "crypto/aes.h"
#include "crypto/digest.h"
#include "operation/make.h"

static const struct identity default_identity = {.scope = SCOPE_DEFAULT};

/* An attempt at an item with a spare at hand, as the request machine makes it. */
static struct op op_with_spare(struct world *w)
{
    struct op op = {.env = &w->env, .identity = &default_identity, .minor = 4};
    const char *why = NULL;
    w->env.now = w->now;
    assert_int_equal(store_spare(&w->store, &op.spare, &op.kek, &why), ASK_READY);
    return op;
}

static const uint8_t *uid_of_spare(const struct op *op)
{
    return catalogue_get(&op->env->store->catalogue, op->spare->handle)->uid;
}

static void lengths_are_those_of_the_algorithm(void **state)
{
    (void)state;
    static const struct {
        uint32_t algorithm;
        int32_t bits;
        size_t bytes;
    } rows[] = {
        {ALGORITHM_AES, 128, 16},
        {ALGORITHM_AES, 192, 24},
        {ALGORITHM_AES, 256, 32},
        {ALGORITHM_AES, 512, 0},
        {ALGORITHM_AES, 255, 0},
        {ALGORITHM_AES, 0, 0},
        {ALGORITHM_AES, -128, 0},
        {ALGORITHM_3DES, 112, 16},
        {ALGORITHM_3DES, 128, 16},
        {ALGORITHM_3DES, 168, 24},
        {ALGORITHM_3DES, 192, 24},
        {ALGORITHM_3DES, 64, 0},
        {ALGORITHM_3DES, 256, 0},
        {ALGORITHM_HMAC_SHA1, 112, 14},
        {ALGORITHM_HMAC_SHA1, 104, 0},
        {ALGORITHM_HMAC_SHA256, 113, 0},
        {ALGORITHM_HMAC_SHA512, 4096, 512},
        {ALGORITHM_HMAC_SHA512, 4104, 0},
        {ALGORITHM_HMAC_SHA512, INT32_MAX, 0},
        {ALGORITHM_HMAC_MD5, 128, 0},
        {ALGORITHM_DES, 64, 0},
        {4 /* RSA */, 2048, 0},
        {0, 256, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (make_key_bytes(rows[i].algorithm, rows[i].bits) != rows[i].bytes)
            fail_msg("algorithm %u, %d bits", rows[i].algorithm, rows[i].bits);
}

static void a_length_that_is_not_named_is_the_usual_one(void **state)
{
    (void)state;
    assert_int_equal(make_default_length(ALGORITHM_AES), 256);
    assert_int_equal(make_default_length(ALGORITHM_3DES), 168);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_SHA1), 160);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_SHA224), 224);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_SHA256), 256);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_SHA384), 384);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_SHA512), 512);
    assert_int_equal(make_default_length(ALGORITHM_HMAC_MD5), 0);
    assert_int_equal(make_default_length(ALGORITHM_DES), 0);
    for (uint32_t algorithm = 0; algorithm < 64; algorithm++)
        if (make_default_length(algorithm) != 0)
            assert_true(make_key_bytes(algorithm, make_default_length(algorithm)) != 0);
}

static void check_digest(struct span digest, struct span material)
{
    uint8_t wanted[SHA256_BYTES];
    sha256(material, wanted);
    assert_int_equal(digest.len, SHA256_BYTES);
    assert_memory_equal(digest.ptr, wanted, SHA256_BYTES);
}

/* The KEK is the key: nothing is sealed. */
static void a_key_of_aes_256_is_the_kek_itself(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
    uint8_t room[MAKE_ROOM];
    uint16_t flags = OBJECT_MADE_HERE;
    make_key(&op, ALGORITHM_AES, KEK_BYTES, &parts, &flags, room);
    assert_int_equal(flags, OBJECT_MADE_HERE | OBJECT_MATERIAL_IS_KEK);
    assert_int_equal(parts.sealed_material.len, 0);
    assert_int_equal(parts.wrapped_kek.len, op.spare->wrapped_len);
    assert_memory_equal(parts.wrapped_kek.ptr, op.spare->wrapped, op.spare->wrapped_len);
    assert_int_equal(op.material_len, 0);
    check_digest(parts.digest, span_of(op.kek, KEK_BYTES));
}

static void other_keys_are_random_and_sealed(void **state)
{
    struct world *w = *state;
    static const struct {
        uint32_t algorithm;
        size_t bytes;
    } kinds[] = {
        {ALGORITHM_AES, 16}, {ALGORITHM_3DES, 24}, {ALGORITHM_HMAC_SHA256, 32}, {ALGORITHM_HMAC_SHA512, 512}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct op op = op_with_spare(w);
        struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
        uint8_t room[MAKE_ROOM], opened[512], before[512];
        uint16_t flags = 0;
        size_t n = kinds[i].bytes;
        make_key(&op, kinds[i].algorithm, n, &parts, &flags, room);
        assert_int_equal(flags, 0);
        assert_int_equal(op.material_len, n); /* the machine wipes so much */
        assert_int_equal(parts.sealed_material.len, n + SEAL_OVERHEAD);
        assert_int_equal(
            seal_open(op.kek, span_of(uid_of_spare(&op), UUID_BYTES), parts.sealed_material, opened),
            STATUS_OK);
        assert_memory_equal(opened, w->material, n);
        check_digest(parts.digest, span_of(opened, n));
        memcpy(before, opened, n);
        make_key(&op, kinds[i].algorithm, n, &parts, &flags, room);
        assert_memory_not_equal(before, w->material, n);
    }
}

static void every_byte_of_3des_has_odd_parity(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    for (int i = 0; i < 20; i++) {
        struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
        uint8_t room[MAKE_ROOM];
        uint16_t flags = 0;
        make_key(&op, ALGORITHM_3DES, 24, &parts, &flags, room);
        for (int k = 0; k < 24; k++)
            assert_int_equal(__builtin_popcount(w->material[k]) % 2, 1);
    }
}

/* What was sealed for one object opens for no other. */
static void material_is_sealed_to_its_object(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    static uint8_t most[MATERIAL_MAX], opened[MATERIAL_MAX], room[MAKE_ROOM];
    struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
    uint8_t other[UUID_BYTES] = {1};
    memset(most, 'm', sizeof most);
    make_sealed(&op, span_of(most, sizeof most), &parts, room);
    assert_int_equal(parts.wrapped_kek.len, op.spare->wrapped_len);
    assert_int_equal(seal_open(op.kek, span_of(uid_of_spare(&op), UUID_BYTES), parts.sealed_material, opened),
                     STATUS_OK);
    assert_memory_equal(opened, most, sizeof most);
    assert_int_not_equal(seal_open(op.kek, span_of(other, UUID_BYTES), parts.sealed_material, opened),
                         STATUS_OK);
}

/* Which version of the root key wrapped it: rotation looks for older ones. Some key managers have none. */
static void the_root_keys_version_goes_with_the_wrapped_kek(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
    memset(op.spare->root_version, 0, ROOT_VERSION_BYTES);
    make_wrapped(&op, &parts);
    assert_ptr_equal(parts.wrapped_kek.ptr, op.spare->wrapped);
    assert_int_equal(parts.wrapped_kek.len, op.spare->wrapped_len);
    assert_int_equal(parts.root_version.len, 0);
    op.spare->root_version[ROOT_VERSION_BYTES - 1] = 7;
    make_wrapped(&op, &parts);
    assert_int_equal(parts.root_version.len, ROOT_VERSION_BYTES);
    assert_memory_equal(parts.root_version.ptr, op.spare->root_version, ROOT_VERSION_BYTES);
}

static void a_new_head_is_fresh_and_of_the_spares_name(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    struct object_head head = make_head(&op, OBJECT_SECRET_DATA, OBJECT_NO_KEY_VALUE);
    assert_memory_equal(head.uid, uid_of_spare(&op), UUID_BYTES);
    assert_memory_equal(head.node, w->store.node, NODE_BYTES);
    assert_int_equal(head.type, OBJECT_SECRET_DATA);
    assert_int_equal(head.state, STATE_PRE_ACTIVE);
    assert_int_equal(head.flags, OBJECT_NO_KEY_VALUE | OBJECT_FRESH);
    assert_int_equal(head.generation, 1);
}

static void new_objects_belong_to_the_clients_scope(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    assert_int_equal(make_scope(&op).len, 0);
    struct identity other = {.scope = scopes_number(&w->store.scopes, span_of_text("other"))};
    op.identity = &other;
    check_text(make_scope(&op), "other");
}

static void begin(struct op *op, struct draft *draft, uint8_t room[MAKE_ROOM])
{
    struct draft_parts parts = {.scope = make_scope(op), .key_format = KEY_FORMAT_RAW};
    uint16_t flags = OBJECT_MADE_HERE;
    make_key(op, ALGORITHM_AES, KEK_BYTES, &parts, &flags, room);
    struct object_head head = make_head(op, OBJECT_SYMMETRIC_KEY, flags);
    draft_begin(draft, &head, &parts);
}

static void a_proposal_takes_the_spare_and_waits_for_the_key_manager(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    struct draft *draft = &w->drafts[0];
    uint8_t room[MAKE_ROOM], uid[UUID_BYTES];
    const char *why = NULL;
    memcpy(uid, uid_of_spare(&op), UUID_BYTES);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    begin(&op, draft, room);
    assert_int_equal(make_propose(&op, draft), REASON_NONE);
    assert_null(op.spare);
    assert_true(op.set_placeholder);
    assert_memory_equal(op.result.uid, uid, UUID_BYTES);
    assert_int_equal(op.commit_count, 1);
    struct object view = draft_view(draft);
    assert_int_equal(object_date(&view, TAG_INITIAL_DATE), w->now.unix_s);
    assert_int_equal(object_date(&view, TAG_LAST_CHANGE_DATE), w->now.unix_s);
    world_turns(w, 50); /* the journal has it: that is not enough */
    struct commit c = op.commits[0];
    assert_int_equal(store_committed(&w->store, c.handle, c.number, &why), ASK_WAIT);
    fake_release(&w->fake, KEYMGR_PUT);
    world_turns(w, 5);
    assert_int_equal(store_committed(&w->store, c.handle, c.number, &why), ASK_READY);
    assert_non_null(fake_find(&w->fake, uid));
}

static void a_refused_proposal_leaves_the_spare(void **state)
{
    struct world *w = *state;
    struct op op = op_with_spare(w);
    struct draft *draft = &w->drafts[0];
    uint8_t room[MAKE_ROOM];
    static uint8_t text[1000];
    begin(&op, draft, room);
    draft_set_date(draft, TAG_ACTIVATION_DATE, 20);
    draft_set_date(draft, TAG_DEACTIVATION_DATE, 10);
    assert_int_equal(make_propose(&op, draft), REASON_INVALID_FIELD);
    memset(text, 'x', sizeof text);
    begin(&op, draft, room);
    for (int32_t i = 0; i < 8; i++)
        draft_set(draft, NULL, span_of_text("x-long"), i, TTLV_TEXT_STRING, span_of(text, sizeof text));
    assert_int_equal(make_propose(&op, draft), REASON_INDEX_OUT_OF_BOUNDS);
    assert_non_null(strstr(op.why, "7,500 bytes"));
    assert_non_null(op.spare);
    assert_int_equal(op.spare->phase, SPARE_READY);
    assert_false(op.set_placeholder);
    assert_int_equal(op.commit_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_those_of_the_algorithm),
        cmocka_unit_test(a_length_that_is_not_named_is_the_usual_one),
        STORY(a_key_of_aes_256_is_the_kek_itself),
        STORY(other_keys_are_random_and_sealed),
        STORY(every_byte_of_3des_has_odd_parity),
        STORY(material_is_sealed_to_its_object),
        STORY(the_root_keys_version_goes_with_the_wrapped_kek),
        STORY(a_new_head_is_fresh_and_of_the_spares_name),
        STORY(new_objects_belong_to_the_clients_scope),
        STORY(a_proposal_takes_the_spare_and_waits_for_the_key_manager),
        STORY(a_refused_proposal_leaves_the_spare),
    };
    return cmocka_run_group_tests_name("make", tests, NULL, NULL);
}
