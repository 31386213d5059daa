/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: URLs, bodies and headers of every step, and the descriptions that tell records. */
#include "support/check.h"

#include "crypto/digest.h"
#include "support/keyprotect_house.h"

#define URL  "https://eu-de.kms.cloud.ibm.com/api/v2/keys"
#define ZERO "00000000-0000-0000-0000-000000000000"

static struct fake_slot *sent(enum keymgr_call_kind kind, const char *data)
{
    struct keymgr_call call = house_call(kind, data);
    size_t i = house_begin(&call);
    assert_true(fake.slots[i].running);
    assert_string_equal(fake.slots[i].token, "token");
    assert_string_equal(fake.slots[i].extra[0], "Bluemix-Instance: " HOUSE_INSTANCE);
    assert_int_equal(fake.slots[i].timeout_ms, 10000);
    assert_false(fake.slots[i].fresh);
    return &fake.slots[i];
}

static void check(const struct fake_slot *s, const char *method, const char *url, const char *type,
                  const char *body)
{
    assert_string_equal(s->method, method);
    assert_string_equal(s->url, url);
    assert_string_equal(s->type, type);
    assert_string_equal(s->body, body);
}

#define ACTION "application/vnd.ibm.kms.key_action+json"

static void root_key_steps(void **state)
{
    (void)state;
    house(false);
    check(sent(KEYMGR_NEW_KEY, ""), "POST", URL "/root-alias/actions/wrap", ACTION,
          "{\"aad\":[\"" HOUSE_UID "\"]}");
    check(sent(KEYMGR_UNWRAP, "d3Jh+/=-_"), "POST", URL "/root-alias/actions/unwrap", ACTION,
          "{\"ciphertext\":\"d3Jh+/=-_\",\"aad\":[\"" HOUSE_UID "\"]}");
    check(sent(KEYMGR_REWRAP, "d3Jh"), "POST", URL "/root-alias/actions/rewrap", ACTION,
          "{\"ciphertext\":\"d3Jh\",\"aad\":[\"" HOUSE_UID "\"]}");
    const struct fake_slot *s = sent(KEYMGR_STATE, "");
    check(s, "GET", URL "/root-alias/metadata", "", "");
    fake_answer(KP_STATE_CALL, 200, "{\"resources\":[{\"state\":1}]}");
    house_turn(1);
    check(s, "POST", URL "/root-alias/actions/wrap", ACTION, "{\"aad\":[\"" ZERO "\"]}");
    fake_answer(KP_STATE_CALL, 200, "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"}");
    assert_int_equal(house_take().result, KEYMGR_OK);
    assert_int_equal(house_take().kind, 0);
    assert_string_equal(sent(KEYMGR_STATE, "")->method, "GET");
    fake_answer(KP_STATE_CALL, 200, "{\"resources\":[{\"state\":1}]}");
    house_turn(1);
    check(s, "POST", URL "/root-alias/actions/unwrap", ACTION,
          "{\"ciphertext\":\"Y2lwaGVy\",\"aad\":[\"" ZERO "\"]}");
}

static void hpcs_knows_no_additional_data(void **state)
{
    (void)state;
    house(true);
    strcpy(kp.url, "https://hpcs");
    check(sent(KEYMGR_NEW_KEY, ""), "POST", "https://hpcs/api/v2/keys/root-alias/actions/wrap", ACTION, "{}");
    check(sent(KEYMGR_UNWRAP, "d3Jh"), "POST", "https://hpcs/api/v2/keys/root-alias/actions/unwrap", ACTION,
          "{\"ciphertext\":\"d3Jh\"}");
}

static void hpcs_asks_the_broker_first(void **state)
{
    (void)state;
    house(true);
    struct keymgr_call other = house_call(KEYMGR_GET, ""), call = house_call(KEYMGR_STATE, "");
    size_t waiting = house_begin(&other);
    assert_false(fake.slots[waiting].running); /* nobody knows where to */
    struct fake_slot *s = &fake.slots[house_begin(&call)];
    check(s, "GET", "https://eu-de.broker.hs-crypto.cloud.ibm.com/crypto_v2/instances/" HOUSE_INSTANCE, "",
          "");
    assert_string_equal(s->extra[0], "");
    assert_string_equal(s->token, "token");
    fake_answer(KP_STATE_CALL, 200,
                "{\"kms\":{\"public\":\"api.eu-de.hs-crypto.cloud.ibm.com:9730\",\"private\":\"x:1\"}}");
    house_turn(1);
    check(s, "GET", "https://api.eu-de.hs-crypto.cloud.ibm.com:9730/api/v2/keys/root-alias/metadata", "", "");
    house_turn(1);
    assert_true(fake.slots[waiting].running);
}

static void record_steps(void **state)
{
    (void)state;
    uint8_t hash[SHA256_BYTES];
    char digest[17], wanted[1000];
    house(false);
    strcpy(kp.ring_header, "X-Kms-Key-Ring: ring");
    sha256(span_of_text("record"), hash);
    hex_write(span_of(hash, 8), 0, false, digest, sizeof digest);
    snprintf(wanted, sizeof wanted,
             "{\"metadata\":{\"collectionType\":\"application/vnd.ibm.kms.key+json\",\"collectionTotal\":1},"
             "\"resources\":[{\"type\":\"application/vnd.ibm.kms.key+json\",\"name\":\"vmware_kmip_" HOUSE_UID
             "\",\"description\":\"Holdfast record 1, generation 3, digest %s\",\"extractable\":true,"
             "\"payload\":\"cmVjb3Jk\"}]}",
             digest);
    const struct fake_slot *s = sent(KEYMGR_PUT, "record");
    check(s, "POST", URL, "application/vnd.ibm.kms.key+json", wanted);
    assert_string_equal(s->extra[1], "X-Kms-Key-Ring: ring");
    s = sent(KEYMGR_GET, "");
    check(s, "GET", URL "/" HOUSE_ID, "", "");
    assert_string_equal(s->extra[1], "");
    check(sent(KEYMGR_DELETE, ""), "DELETE", URL "/" HOUSE_ID, "", "");
    s = sent(KEYMGR_LIST, "");
    check(s, "GET", URL "?limit=256&offset=0&extractable=true&sort=-creationDate&search=name:vmware_kmip_",
          "", "");
    assert_string_equal(s->extra[1], "X-Kms-Key-Ring: ring");
    check(sent(KEYMGR_LIST_DELETED, ""), "GET",
          URL "?limit=256&offset=0&extractable=true&sort=-deletionDate&state=5&search=name:vmware_kmip_", "",
          "");
    check(sent(KEYMGR_FIND, ""), "GET",
          URL
          "?limit=50&offset=0&extractable=true&sort=-creationDate&search=exact:name:vmware_kmip_" HOUSE_UID,
          "", "");
}

static void the_largest_record_fits(void **state)
{
    (void)state;
    static char record[RECORD_MAX + 2];
    house(false);
    memset(record, 'r', RECORD_MAX);
    const struct fake_slot *s = sent(KEYMGR_PUT, record);
    const char *payload = strstr(s->body, "\"payload\":\"");
    assert_non_null(payload);
    assert_int_equal(strlen(payload), 11 + RECORD_MAX / 3 * 4 + 4);
    record[RECORD_MAX] = 'r';
    struct keymgr_call call = house_call(KEYMGR_PUT, record);
    assert_true(keymgr_submit(&keymgr, &call));
    assert_int_equal(house_take().result, KEYMGR_REFUSED);
}

static void pages_and_sizes_as_wanted(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_LIST, "");
    call.wanted = 32;
    call.cursor = 480;
    size_t i = house_begin(&call);
    assert_non_null(strstr(fake.slots[i].url, "?limit=32&offset=480&"));
    call.wanted = KEYMGR_PAGE + 1;
    i = house_begin(&call);
    assert_non_null(strstr(fake.slots[i].url, "?limit=256&offset=480&"));
}

/* A wrapped key that came in somebody's record is no way to add to the request. */
static void what_is_not_base64_is_not_sent(void **state)
{
    (void)state;
    static char large[WRAPPED_KEK_MAX + 2];
    memset(large, 'A', WRAPPED_KEK_MAX + 1);
    const char *const bad[] = {"", "a\",\"aad\":[\"x\"],\"x\":\"", "a b", "a\n", "\x80", large};
    house(false);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct keymgr_call call = house_call(i % 2 == 0 ? KEYMGR_UNWRAP : KEYMGR_REWRAP, bad[i]);
        assert_true(keymgr_submit(&keymgr, &call));
        struct keymgr_answer a = house_take();
        assert_int_equal(a.kind, call.kind);
        assert_int_equal(a.result, KEYMGR_REFUSED);
        assert_non_null(strstr(a.why, "damaged"));
    }
    large[WRAPPED_KEK_MAX] = 0;
    sent(KEYMGR_UNWRAP, large);
    assert_int_equal(fake.begun, 1);
}

/* ---- descriptions ---- */

static void a_description_comes_back(void **state)
{
    (void)state;
    char name[64], description[128];
    struct keymgr_listed listed;
    uint8_t hash[SHA256_BYTES];
    struct keymgr_call call = house_call(KEYMGR_PUT, "");
    call.generation = UINT32_MAX;
    struct buf n = buf_over(name, sizeof name), d = buf_over(description, sizeof description);
    kp_describe(&call, span_of_text("bytes"), &n, &d);
    assert_false(n.full || d.full);
    assert_true(kp_read_description(name, description, &listed));
    sha256(span_of_text("bytes"), hash);
    assert_int_equal(listed.generation, UINT32_MAX);
    assert_memory_equal(listed.uid, call.uid, UUID_BYTES);
    assert_memory_equal(listed.digest, hash, RECORD_DIGEST_BYTES);
}

static void foreign_keys_are_told_apart(void **state)
{
    (void)state;
#define GOOD_NAME "vmware_kmip_" HOUSE_UID
#define GOOD      "Holdfast record 1, generation 7, digest 0011223344556677"
    static const char *const foreign[][2] = {
        {"vmware_kmip", GOOD},
        {"", ""},
        {"vmware_kmip_", GOOD},
        {"Vmware_kmip_" HOUSE_UID, GOOD},
        {"vmware_kmip_a0a1a2a3", GOOD},
        {"vmware_kmip_" HOUSE_UID "x", GOOD},
        {"vmware_kmip_a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeag", GOOD},
        {"holdfast_test_" HOUSE_UID, "Test of the rights of Holdfast; may be deleted"},
        {GOOD_NAME, ""},
        {GOOD_NAME, "Holdfast record 2, generation 7, digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation , digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation 0, digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation -1, digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation 4294967296, digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation 99999999999999999999999, digest 0011223344556677"},
        {GOOD_NAME, "Holdfast record 1, generation 7"},
        {GOOD_NAME, "Holdfast record 1, generation 7, digest "},
        {GOOD_NAME, "Holdfast record 1, generation 7, digest 001122334455667"},
        {GOOD_NAME, "Holdfast record 1, generation 7, digest 00112233445566778"},
        {GOOD_NAME, "Holdfast record 1, generation 7, digest 001122334455667x"},
    };
    struct keymgr_listed listed;
    assert_true(kp_read_description(GOOD_NAME, GOOD, &listed));
    assert_int_equal(listed.generation, 7);
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (kp_read_description(foreign[i][0], foreign[i][1], &listed))
            fail_msg("%s, %s was taken for a record", foreign[i][0], foreign[i][1]);
}

/* ---- more keys than a search takes ---- */

static const char too_broad[] = "{\"resources\":[{\"errorMsg\":\"Bad Request\",\"reasons\":[{\"code\":"
                                "\"KEY_SEARCH_TOO_BROAD\",\"message\":\"m\"}]}]}";

static const char *foreign_page(size_t count)
{
    static char page[KEYMGR_PAGE * 40];
    struct buf out = buf_over(page, sizeof page);
    buf_add_text(&out, "{\"resources\":[");
    for (size_t i = 0; i < count; i++)
        buf_print(&out, "%s{\"name\":\"foreign\"}", i == 0 ? "" : ",");
    buf_add_text(&out, "]}");
    assert_false(out.full);
    return page;
}

static void too_broad_a_search_reads_all(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_LIST, "");
    size_t i = house_begin(&call);
    fake_answer(i, 400, too_broad);
    house_turn(1);
    assert_string_equal(fake.slots[i].url, URL "?limit=256&offset=0&extractable=true&sort=-creationDate");
    assert_true(keyprotect_facts(&kp).search_refused);
    fake_answer(i, 200, foreign_page(KEYMGR_PAGE));
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.listed_count, 0);
    assert_int_equal(keyprotect_facts(&kp).foreign, KEYMGR_PAGE);
    house_turn(3600000); /* it is tried again after an hour, but not with a cursor into the whole list */
    house_token();
    assert_false(keyprotect_facts(&kp).search_refused);
    call.cursor = a.cursor;
    i = house_begin(&call);
    assert_string_equal(fake.slots[i].url, URL "?limit=256&offset=240&extractable=true&sort=-creationDate");
    call.cursor = 0;
    i = house_begin(&call);
    assert_non_null(strstr(fake.slots[i].url, "&search="));
}

static void a_look_up_pages_through_all(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_FIND, "");
    size_t i = house_begin(&call);
    fake_answer(i, 400, too_broad);
    house_turn(1);
    for (int page = 0; page < 3; page++) {
        char wanted[40];
        snprintf(wanted, sizeof wanted, "?limit=256&offset=%d&", 240 * page);
        assert_non_null(strstr(fake.slots[i].url, wanted));
        assert_null(strstr(fake.slots[i].url, "search"));
        fake_answer(i, 200, foreign_page(page < 2 ? KEYMGR_PAGE : 9));
        if (page < 2)
            house_turn(1);
    }
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_OK);
    assert_int_equal(a.cursor, 0);
}

/* It says so of what was no search: once more would be the same. */
static void too_broad_again_is_refused(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_LIST, "");
    size_t i = house_begin(&call);
    fake_answer(i, 400, too_broad);
    house_turn(1);
    fake_answer(i, 400, too_broad);
    assert_int_equal(house_take().result, KEYMGR_REFUSED);
    call = house_call(KEYMGR_PUT, "record");
    i = house_begin(&call);
    fake_answer(i, 400, too_broad);
    assert_int_equal(house_take().result, KEYMGR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_key_steps),
        cmocka_unit_test(hpcs_knows_no_additional_data),
        cmocka_unit_test(hpcs_asks_the_broker_first),
        cmocka_unit_test(record_steps),
        cmocka_unit_test(the_largest_record_fits),
        cmocka_unit_test(pages_and_sizes_as_wanted),
        cmocka_unit_test(what_is_not_base64_is_not_sent),
        cmocka_unit_test(a_description_comes_back),
        cmocka_unit_test(foreign_keys_are_told_apart),
        cmocka_unit_test(too_broad_a_search_reads_all),
        cmocka_unit_test(a_look_up_pages_through_all),
        cmocka_unit_test(too_broad_again_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
