/* SPDX-License-Identifier: Apache-2.0 */
/* What good answers say, and what is no good answer though it says so. */
#include "support/check.h"

#include "crypto/digest.h"
#include "support/keyprotect_house.h"

static struct keymgr_answer answered(enum keymgr_call_kind kind, const char *data, const char *body)
{
    struct keymgr_call call = house_call(kind, data);
    size_t i = house_begin(&call);
    fake_answer(i, 200, body);
    struct keymgr_answer a = house_take();
    assert_int_equal(a.kind, kind);
    assert_int_equal(a.ticket, 77);
    for (size_t k = 0; k < KEK_BYTES; k++)
        assert_int_equal(kp.calls[i].answer.key[k], 0);
    return a;
}

static void check_no_answer(enum keymgr_call_kind kind, const char *body)
{
    static const uint8_t none[KEK_BYTES];
    struct keymgr_answer a = answered(kind, "d3Jh", body);
    if (a.result != KEYMGR_AWAY || strstr(a.why, "not what this request gives") == NULL)
        fail_msg("kind %d, %s: %d %s", kind, body, a.result, a.why);
    assert_memory_equal(a.key, none, KEK_BYTES);
    assert_int_equal(a.data.len, 0);
}

static void new_keys(void **state)
{
    (void)state;
    house(false);
    struct keymgr_answer a = answered(KEYMGR_NEW_KEY, "",
                                      "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\","
                                      "\"keyVersion\":{\"id\":\"" HOUSE_VERSION "\"}}");
    assert_int_equal(a.result, KEYMGR_OK);
    check_text(a.data, "Y2lwaGVy");
    assert_memory_equal(a.key, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", KEK_BYTES);
    assert_int_equal(a.root_version[0], 0xc0);
    assert_int_equal(a.root_version[15], 0xcf);
    a = answered(KEYMGR_NEW_KEY, "", "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"}");
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.root_version[0], 0);
}

static void no_new_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"plaintext\":\"" HOUSE_KEY "\"}",
        "{\"ciphertext\":\"Y2lwaGVy\"}",
        "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"\"}",
        "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"a\\\"b\"}",
        "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"a b\"}",
        "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":7}",
        "{\"plaintext\":\"a2tra2s=\",\"ciphertext\":\"Y2lwaGVy\"}",
        "{\"plaintext\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr\",\"ciphertext\":\"Y2lwaGVy\"}",
        "{\"plaintext\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2!=\",\"ciphertext\":\"Y2lwaGVy\"}",
        "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"} trailing",
    };
    house(false);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_no_answer(KEYMGR_NEW_KEY, bad[i]);
    static char large[WRAPPED_KEK_MAX + 200];
    memset(large, 'A', sizeof large);
    int n = sprintf(large, "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"");
    strcpy(large + n, "");
    memset(large + n, 'A', WRAPPED_KEK_MAX + 1);
    strcpy(large + n + WRAPPED_KEK_MAX + 1, "\"}");
    check_no_answer(KEYMGR_NEW_KEY, large);
    strcpy(large + n + WRAPPED_KEK_MAX, "\"}");
    assert_int_equal(answered(KEYMGR_NEW_KEY, "", large).data.len, WRAPPED_KEK_MAX);
}

static void unwrap_and_rewrap(void **state)
{
    (void)state;
    house(false);
    struct keymgr_answer a =
        answered(KEYMGR_UNWRAP, "d3Jh",
                 "{\"plaintext\":\"" HOUSE_KEY "\",\"keyVersion\":{\"id\":\"" HOUSE_VERSION
                 "\"},\"ciphertext\":\"bmV3\",\"rewrappedKeyVersion\":{\"id\":\"" HOUSE_UID "\"}}");
    assert_int_equal(a.result, KEYMGR_OK);
    assert_memory_equal(a.key, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", KEK_BYTES);
    check_no_answer(KEYMGR_UNWRAP, "{\"plaintext\":\"a2tra2tra2s=\"}");
    check_no_answer(KEYMGR_UNWRAP, "{}");
    a = answered(KEYMGR_REWRAP, "d3Jh",
                 "{\"ciphertext\":\"bmV3\",\"keyVersion\":{\"id\":\"" HOUSE_UID
                 "\"},\"rewrappedKeyVersion\":{\"id\":\"" HOUSE_VERSION "\"}}");
    assert_int_equal(a.result, KEYMGR_OK);
    check_text(a.data, "bmV3");
    assert_int_equal(a.root_version[0], 0xc0);
    check_no_answer(KEYMGR_REWRAP, "{}");
}

static void the_root_key_state(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum keymgr_result result;
        const char *why;
    } states[] = {
        {"{\"resources\":[{\"state\":0}]}", KEYMGR_ROOT_GONE, "is not active yet"},
        {"{\"resources\":[{\"state\":2}]}", KEYMGR_ROOT_GONE, "is disabled"},
        {"{\"resources\":[{\"state\":3}]}", KEYMGR_ROOT_EXPIRED, "has expired"},
        {"{\"resources\":[{\"state\":4}]}", KEYMGR_ROOT_GONE, "root-alias"},
        {"{\"resources\":[{\"state\":5}]}", KEYMGR_ROOT_GONE, "was deleted"},
        {"{\"resources\":[{\"state\":1,\"extractable\":true}]}", KEYMGR_ROOT_GONE, "a standard key"},
        {"{\"resources\":[{\"state\":6}]}", KEYMGR_AWAY, "not what"},
        {"{\"resources\":[{\"state\":-1}]}", KEYMGR_AWAY, "not what"},
        {"{\"resources\":[{\"state\":\"1\"}]}", KEYMGR_AWAY, "not what"},
        {"{\"resources\":[]}", KEYMGR_AWAY, "not what"},
        {"", KEYMGR_AWAY, "not what"},
    };
    house(false);
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct keymgr_answer a = answered(KEYMGR_STATE, "", states[i].body);
        assert_int_equal(a.result, states[i].result);
        assert_non_null(strstr(a.why, states[i].why));
        (void)house_take();
    }
    assert_int_equal(kp.check_len, 0);
}

static struct keymgr_answer asked_state(const char *meta, const char *second)
{
    struct keymgr_call call = house_call(KEYMGR_STATE, "");
    size_t i = house_begin(&call);
    assert_int_equal(i, KP_STATE_CALL);
    fake_answer(i, 200, meta);
    house_turn(1);
    fake_answer(i, 200, second);
    struct keymgr_answer a = house_take();
    assert_int_equal(house_take().kind, 0);
    return a;
}

#define META(state) "{\"resources\":[{\"state\":" state ",\"keyVersion\":{\"id\":\"" HOUSE_VERSION "\"}}]}"
#define WRAPPED     "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"}"

static void state_wraps_then_unwraps(void **state)
{
    (void)state;
    house(false);
    struct keymgr_answer a = asked_state(META("1"), "{\"ciphertext\":\"Y2lwaGVy\"}");
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_int_equal(kp.check_len, 0);
    a = asked_state(META("1"), WRAPPED);
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.root_version[0], 0xc0);
    assert_int_equal(a.key[0], 0);
    assert_int_equal(a.data.len, 0);
    a = asked_state(META("1"), "{\"plaintext\":\"" HOUSE_KEY "\"}");
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.root_version[15], 0xcf);
    assert_int_equal(a.key[0], 0);
    a = asked_state(META("3"), "{\"plaintext\":\"" HOUSE_KEY "\"}");
    assert_int_equal(a.result, KEYMGR_ROOT_EXPIRED);
    /* another key than was wrapped is no proof */
    a = asked_state(META("1"), "{\"plaintext\":\"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\"}");
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_int_equal(a.key[0], 0);
    a = asked_state(META("1"), "{}");
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_int_equal(asked_state(META("1"), "{\"plaintext\":\"" HOUSE_KEY "\"}").result, KEYMGR_OK);
}

/* ---- records ---- */

static void records_are_read(void **state)
{
    (void)state;
    static char large[12000], text[RECORD_MAX + 4];
    house(false);
    struct keymgr_answer a =
        answered(KEYMGR_GET, "", "{\"resources\":[{\"state\":1,\"payload\":\"cmVjb3Jk\"}]}");
    assert_int_equal(a.result, KEYMGR_OK);
    check_text(a.data, "record");
    a = answered(KEYMGR_GET, "", "{\"resources\":[{\"state\":5,\"payload\":\"cmVjb3Jk\"}]}");
    assert_int_equal(a.result, KEYMGR_NO_RECORD);
    assert_int_equal(a.data.len, 0);
    check_no_answer(KEYMGR_GET, "{\"resources\":[{\"state\":1}]}");
    check_no_answer(KEYMGR_GET, "{\"resources\":[{\"state\":1,\"payload\":\"\"}]}");
    check_no_answer(KEYMGR_GET, "{\"resources\":[{\"state\":1,\"payload\":\"a\"}]}");
    check_no_answer(KEYMGR_GET, "{\"resources\":[]}");
    check_no_answer(KEYMGR_GET, "{\"resources\"");
    for (size_t len = RECORD_MAX; len <= RECORD_MAX + 1; len++) {
        struct buf out = buf_over(large, sizeof large);
        memset(text, 'r', len);
        buf_add_text(&out, "{\"resources\":[{\"payload\":\"");
        base64_write(span_of(text, len), &out);
        buf_add_text(&out, "\"}]}");
        if (len <= RECORD_MAX)
            assert_int_equal(answered(KEYMGR_GET, "", large).data.len, len);
        else
            check_no_answer(KEYMGR_GET, large);
    }
}

static void records_are_stored_and_deleted(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_PUT, "record");
    size_t i = house_begin(&call);
    fake_answer(i, 201, "{\"resources\":[{\"id\":\"" HOUSE_ID "\"}]}");
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_OK);
    assert_memory_equal(a.record_id, call.record_id, RECORD_ID_BYTES);
    (void)house_take();
    call = house_call(KEYMGR_DELETE, "");
    i = house_begin(&call);
    fake_answer(i, 204, "");
    assert_int_equal(house_take().result, KEYMGR_OK);
}

/* ---- lists ---- */

static char page[KEYMGR_PAGE * 400];

static void add_element(struct buf *out, size_t n, unsigned generation)
{
    buf_print(out,
              "%s{\"id\":\"b0b1b2b3-b4b5-b6b7-b8b9-%012zx\",\"name\":\"vmware_kmip_" HOUSE_UID
              "\",\"description\":\"Holdfast record 1, generation %u, digest 0011223344556677\",\"state\":1}",
              n == 0 ? "" : ",", n, generation);
}

static const char *page_of(size_t count)
{
    struct buf out = buf_over(page, sizeof page);
    buf_add_text(&out, "{\"metadata\":{},\"resources\":[");
    for (size_t i = 0; i < count; i++)
        add_element(&out, i, 1);
    buf_add_text(&out, "]}");
    assert_false(out.full);
    return page;
}

static void lists_have_pages(void **state)
{
    (void)state;
    static const struct {
        size_t wanted, came, taken;
        uint64_t cursor;
    } pages[] = {{0, 0, 0, 0},    {0, 255, 255, 0},  {0, 256, 256, 340}, {0, 300, 256, 340},
                 {32, 31, 31, 0}, {32, 32, 32, 116}, {17, 17, 17, 101},  {16, 16, 16, 116},
                 {1, 1, 1, 101},  {1, 0, 0, 0}};
    house(false);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        struct keymgr_call call = house_call(KEYMGR_LIST, "");
        call.wanted = pages[i].wanted;
        call.cursor = 100;
        size_t slot = house_begin(&call);
        fake_answer(slot, 200, page_of(pages[i].came));
        struct keymgr_answer a = house_take();
        assert_int_equal(a.result, KEYMGR_OK);
        assert_int_equal(a.listed_count, pages[i].taken);
        assert_int_equal(a.cursor, pages[i].cursor);
        for (size_t n = 0; n < a.listed_count; n++)
            assert_int_equal(a.listed[n].record_id[14] << 8 | a.listed[n].record_id[15], n);
        (void)house_take();
    }
}

static void what_is_foreign_is_counted(void **state)
{
    (void)state;
    static char large[9000];
    house(false);
    struct buf out = buf_over(page, sizeof page);
    memset(large, 'x', sizeof large);
    buf_add_text(&out, "{\"resources\":[");
    add_element(&out, 0, 4);
    buf_add_text(&out, ",{},{\"name\":7},{\"name\":\"vmware_kmip_x\",\"description\":\"\"},{\"a\":\"");
    buf_add(&out, large, sizeof large); /* larger than an element may be */
    buf_add_text(&out, "\"}]}");
    page[out.len] = 0;
    struct keymgr_call call = house_call(KEYMGR_LIST, "");
    call.wanted = 5;
    size_t i = house_begin(&call);
    fake_answer(i, 200, page);
    struct keymgr_answer a = house_take();
    assert_int_equal(a.listed_count, 1);
    assert_int_equal(a.listed[0].generation, 4);
    assert_int_equal(a.cursor, 5); /* a full page, though one element was passed over */
    assert_int_equal(keyprotect_facts(&kp).foreign, 4);
}

static void half_a_list_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{", "[]", "{\"resources\":[", "{\"resources\":{}}", "{\"resources\":[{}],", "<html></html>"};
    house(false);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        check_no_answer(KEYMGR_LIST, bad[i]);
        check_no_answer(KEYMGR_FIND, bad[i]);
        check_no_answer(KEYMGR_LIST_DELETED, bad[i]);
    }
    struct keymgr_answer a = answered(KEYMGR_LIST, "", "{\"metadata\":{\"collectionTotal\":0}}");
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.listed_count, 0);
}

static void a_look_up_takes_its_own_once(void **state)
{
    (void)state;
    house(false);
    struct buf out = buf_over(page, sizeof page);
    buf_add_text(&out, "{\"resources\":[");
    add_element(&out, 0, 1);
    add_element(&out, 1, 2);
    add_element(&out, 1, 2);
    buf_add_text(&out, ",{\"id\":\"" HOUSE_ID "\",\"name\":\"vmware_kmip_" HOUSE_ID
                       "\",\"description\":\"Holdfast record 1, generation 1, digest 0011223344556677\"}]}");
    struct keymgr_answer a = answered(KEYMGR_FIND, "", page);
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.listed_count, 2);
    assert_int_equal(a.cursor, 0);
}

static void what_the_broker_may_say(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "{\"kms\":{}}",
                                      "{\"kms\":{\"public\":\"\"}}",
                                      "{\"kms\":{\"public\":\"a/b\"}}",
                                      "{\"kms\":{\"public\":\"u@h\"}}",
                                      "{\"kms\":{\"private\":\"host:1\"}}",
                                      "{\"kms\":\"host\"}"};
    char why[KEYMGR_WHY];
    house(true);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        check_no_answer(KEYMGR_STATE, bad[i]);
        assert_string_equal(kp.url, "");
        (void)house_take();
    }
    struct keyprotect_settings settings = house_settings();
    settings.hpcs = settings.private_network = true;
    assert_true(house_open(&settings, why, sizeof why));
    struct keymgr_call call = house_call(KEYMGR_STATE, "");
    fake_answer(house_begin(&call), 200, "{\"kms\":{\"public\":\"p:1\",\"private\":\"q:2\"}}");
    house_turn(1);
    assert_string_equal(keyprotect_facts(&kp).endpoint, "https://q:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_keys),
        cmocka_unit_test(no_new_keys),
        cmocka_unit_test(unwrap_and_rewrap),
        cmocka_unit_test(the_root_key_state),
        cmocka_unit_test(state_wraps_then_unwraps),
        cmocka_unit_test(records_are_read),
        cmocka_unit_test(records_are_stored_and_deleted),
        cmocka_unit_test(lists_have_pages),
        cmocka_unit_test(what_is_foreign_is_counted),
        cmocka_unit_test(half_a_list_is_none),
        cmocka_unit_test(a_look_up_takes_its_own_once),
        cmocka_unit_test(what_the_broker_may_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
