/* SPDX-License-Identifier: Apache-2.0 */
/* The test of all that the server needs, step by step. */
#include "support/check.h"

#include "support/keyprotect_house.h"

#define C KP_STATE_CALL

static void begin_test(bool hpcs)
{
    house(hpcs);
    strcpy(kp.url, "https://host");
    assert_true(keyprotect_test_begin(&kp));
    assert_false(keyprotect_test_begin(&kp));
    house_turn(0);
    assert_true(keyprotect_test(&kp)->running);
    assert_int_equal(fake_disk.sent, 1);
}

static void end_token(void)
{
    fake_read(&disk, "key", 0);
    house_turn(1);
    fake_answer(KP_CALLS, 200, "{\"access_token\":\"new\",\"expires_in\":3600}");
    house_turn(1);
    house_turn(0);
}

static void step(const char *method, const char *where, int status, const char *body)
{
    assert_true(fake.slots[C].running);
    assert_string_equal(fake.slots[C].token, "new");
    assert_string_equal(fake.slots[C].method, method);
    if (strstr(fake.slots[C].url, where) == NULL)
        fail_msg("%s is not in %s", where, fake.slots[C].url);
    fake_answer(C, status, body);
    house_turn(1);
    if (keyprotect_test(&kp)->running &&
        !fake.slots[C].running) { /* the loop is told that there is something to do */
        uint64_t due = UINT64_MAX;
        (void)keymgr.ops->poll(keymgr.self, NULL, 0, &due);
        assert_true(due <= house_now.mono_ms);
    }
    house_turn(0);
}

#define WRAPPED "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"}"

static void all_is_well(void **state)
{
    (void)state;
    begin_test(false);
    struct keymgr_answer none;
    assert_int_equal(house_take().kind, 0);
    end_token();
    assert_true(fake.slots[C].fresh);
    step("GET", "/root-alias/metadata", 200, "{\"resources\":[{\"state\":1}]}");
    assert_false(fake.slots[C].fresh);
    step("POST", "/actions/wrap", 200, WRAPPED);
    step("POST", "/actions/unwrap", 200, "{\"plaintext\":\"" HOUSE_KEY "\"}");
    step("GET", "?limit=1&", 200, "{\"resources\":[]}");
    assert_non_null(strstr(fake.slots[C].body, "\"name\":\"holdfast_test_"));
    assert_non_null(strstr(fake.slots[C].body, "\"payload\":\"dGVzdCBvZiByaWdodHM=\""));
    step("POST", "/api/v2/keys", 201, "{\"resources\":[{\"id\":\"" HOUSE_ID "\"}]}");
    step("GET", "/" HOUSE_ID, 200, "{\"resources\":[{\"state\":1,\"payload\":\"dGVzdA==\"}]}");
    step("DELETE", "/" HOUSE_ID, 204, "");
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_false(t->running);
    for (int i = 0; i < TEST_STEPS; i++) {
        assert_true(t->steps[i].done && t->steps[i].good);
        assert_string_equal(t->steps[i].why, "");
        assert_int_equal(t->steps[i].ms, 2);
        assert_true(strlen(keyprotect_test_name((enum keyprotect_test_step)i)) > 3);
    }
    assert_int_equal(kp.busy, 0);
    assert_false(keymgr_take(&keymgr, &none));
    assert_true(keyprotect_test_begin(&kp));
}

/* The key that the test wrapped is the one that the next question for the state unwraps. */
static void the_state_is_asked_well_after_a_test(void **state)
{
    (void)state;
    char wrapped[500];
    begin_test(false);
    end_token();
    step("GET", "/metadata", 200, "{\"resources\":[{\"state\":1}]}");
    strcpy(wrapped, fake.slots[C].body);
    assert_non_null(strstr(wrapped, "\"aad\":[\"00000000-0000-0000-0000-000000000000\"]"));
    step("POST", "/actions/wrap", 200, WRAPPED);
    step("POST", "/actions/unwrap", 401, "");
    step("GET", "?limit", 401, "");
    step("POST", "/keys", 401, "");
    assert_false(keyprotect_test(&kp)->running);
    struct keymgr_call call = {.kind = KEYMGR_STATE};
    fake_answer(house_begin(&call), 200, "{\"resources\":[{\"state\":1}]}");
    house_turn(1);
    assert_string_equal(fake.slots[C].body,
                        "{\"ciphertext\":\"Y2lwaGVy\",\"aad\":[\"00000000-0000-0000-0000-000000000000\"]}");
}

/* One who may not do it is told so, and what does not depend on it is tried all the same. */
static void failures_are_shown_not_hidden(void **state)
{
    (void)state;
    begin_test(false);
    end_token();
    step("GET", "/metadata", 200, "{\"resources\":[{\"state\":1}]}");
    step("POST", "/actions/wrap", 200, WRAPPED);
    step("POST", "/actions/unwrap", 500, "");
    step("GET", "?limit=1&", 401, "");
    step("POST", "/api/v2/keys", 201, "{\"resources\":[{\"id\":\"" HOUSE_ID "\"}]}");
    step("GET", "/" HOUSE_ID, 401, "");
    step("DELETE", "/" HOUSE_ID, 401, "");
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_false(t->running || t->steps[TEST_UNWRAP].good || t->steps[TEST_LIST].good);
    assert_non_null(strstr(t->steps[TEST_UNWRAP].why, "500"));
    assert_non_null(strstr(t->steps[TEST_READ].why, "ReaderPlus"));
    assert_non_null(strstr(t->steps[TEST_DELETE].why, "Manager"));
    assert_true(t->steps[TEST_CREATE].good && !t->steps[TEST_DELETE].good);
    assert_int_equal(kp.busy, 0);
}

static void without_a_root_key_the_test_ends(void **state)
{
    (void)state;
    begin_test(false);
    end_token();
    step("GET", "/metadata", 200, "{\"resources\":[{\"state\":5}]}");
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_false(t->running || t->steps[TEST_ROOT].good || t->steps[TEST_WRAP].done);
    assert_non_null(strstr(t->steps[TEST_ROOT].why, "was deleted"));
}

static void an_expired_root_key_is_said(void **state)
{
    (void)state;
    begin_test(false);
    end_token();
    step("GET", "/metadata", 200, "{\"resources\":[{\"state\":3}]}");
    step("POST", "/actions/wrap", 409,
         "{\"resources\":[{\"reasons\":[{\"code\":\"KEY_ACTION_INVALID_STATE_ERR\",\"message\":\"m\"}]}]}");
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_non_null(strstr(t->steps[TEST_WRAP].why, "has expired"));
    assert_true(t->steps[TEST_WRAP].done && !t->steps[TEST_WRAP].good);
    assert_true(t->steps[TEST_ROOT].good);
    assert_false(t->running || t->steps[TEST_UNWRAP].done);
}

static void a_created_key_without_id_is_no_success(void **state)
{
    (void)state;
    begin_test(false);
    end_token();
    step("GET", "/metadata", 200, "{\"resources\":[{\"state\":1}]}");
    step("POST", "/actions/wrap", 200, WRAPPED);
    step("POST", "/actions/unwrap", 200, "{\"plaintext\":\"" HOUSE_KEY "\"}");
    step("GET", "?limit=1&", 200, "{\"resources\":[]}");
    step("POST", "/api/v2/keys", 201, "{}");
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_false(t->running || t->steps[TEST_CREATE].good);
}

/* The server goes on with the token that it has while the test asks for another one, and when it gets none.
 */
static void a_failing_test_takes_no_token_away(void **state)
{
    (void)state;
    begin_test(false);
    fake_read(&disk, "", 2);
    house_turn(1);
    const struct keyprotect_test *t = keyprotect_test(&kp);
    assert_false(t->running || t->steps[TEST_TOKEN].good);
    assert_non_null(strstr(t->steps[TEST_TOKEN].why, "there is no API key"));
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    assert_true(fake.slots[house_begin(&call)].running);
}

static void the_test_waits_for_the_slot(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_STATE, "");
    (void)house_begin(&call);
    assert_true(keyprotect_test_begin(&kp));
    house_turn(1);
    fake_answer(C, 200, "{\"resources\":[{\"state\":2}]}");
    assert_int_equal(house_take().result, KEYMGR_ROOT_GONE);
    assert_false(keymgr_submit(&keymgr, &call));
    assert_int_equal(house_take().kind, 0);
    house_turn(1);
    assert_false(keymgr_submit(&keymgr, &call));
    end_token();
    assert_true(fake.slots[C].running && fake.slots[C].fresh);
}

static void hpcs_is_tested_through_its_broker(void **state)
{
    (void)state;
    begin_test(true);
    kp.url[0] = 0;
    end_token();
    step("GET", "/crypto_v2/instances/", 200, "{\"kms\":{\"public\":\"host:9\"}}");
    step("GET", "https://host:9/api/v2/keys/root-alias/metadata", 200, "{\"resources\":[{\"state\":1}]}");
    assert_string_equal(fake.slots[C].body, "{}");
    assert_true(keyprotect_test(&kp)->steps[TEST_ROOT].good);
}

static void the_test_ends_in_time(void **state)
{
    (void)state;
    begin_test(false);
    end_token();
    assert_int_equal(fake.slots[C].timeout_ms, 10000);
    fake_break(C, HTTP_OVERDUE, true);
    house_turn(10000);
    house_turn(0);
    assert_false(keyprotect_test(&kp)->running);
    assert_string_equal(keyprotect_test(&kp)->steps[TEST_ROOT].why, "host: it broke");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(the_state_is_asked_well_after_a_test),
        cmocka_unit_test(failures_are_shown_not_hidden),
        cmocka_unit_test(without_a_root_key_the_test_ends),
        cmocka_unit_test(an_expired_root_key_is_said),
        cmocka_unit_test(a_created_key_without_id_is_no_success),
        cmocka_unit_test(a_failing_test_takes_no_token_away),
        cmocka_unit_test(the_test_waits_for_the_slot),
        cmocka_unit_test(hpcs_is_tested_through_its_broker),
        cmocka_unit_test(the_test_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
