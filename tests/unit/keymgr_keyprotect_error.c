/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of every status and code that Key Protect is known to answer with, and of those that it is
 * not. */
#include "support/check.h"

#include "support/keyprotect_house.h"

static struct kp_call call;
static char body[2000];

static struct http_answer with_code(int status, const char *code, const char *message)
{
    snprintf(
        body, sizeof body,
        "{\"metadata\":{\"collectionType\":\"application/vnd.ibm.kms.error+json\",\"collectionTotal\":1},"
        "\"resources\":[{\"errorMsg\":\"Trouble: Please see `reasons` for more details (%s)\",\"reasons\":["
        "{\"code\":\"%s\",\"message\":\"%s\",\"status\":%d,\"moreInfo\":\"https://cloud.ibm.com\"}]}]}",
        code, code, message, status);
    return (struct http_answer){
        .outcome = HTTP_ANSWERED, .sent = true, .status = status, .body = span_of_text(body)};
}

static struct http_answer with_body(int status, const char *text)
{
    return (struct http_answer){
        .outcome = HTTP_ANSWERED, .sent = true, .status = status, .body = span_of_text(text)};
}

static enum kp_verdict judge(enum kp_step step, const struct http_answer *a)
{
    memset(&call, 0, sizeof call);
    call.step = step;
    call.answer.result = KEYMGR_LOCKED; /* nobody's answer: it has to be overwritten */
    return kp_judge(&kp, &call, a);
}

static const struct wanted {
    enum kp_step step;
    int status;
    const char *code;
    enum kp_verdict verdict;
    enum keymgr_result result;
    const char *text;
} wanted[] = {
    /* the root key */
    {STEP_META, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is not in this instance"},
    {STEP_WRAP, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is not in this instance"},
    {STEP_UNWRAP, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is not in this instance"},
    {STEP_REWRAP, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is not in this instance"},
    {STEP_UNWRAP, 410, "KEY_DELETED_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "was deleted"},
    {STEP_WRAP, 410, "KEY_DELETED_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "was deleted"},
    {STEP_UNWRAP, 409, "KEY_ACTION_INVALID_STATE_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is disabled"},
    {STEP_WRAP, 409, "KEY_ACTION_INVALID_STATE_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is disabled"},
    {STEP_REWRAP, 409, "KEY_ACTION_INVALID_STATE_ERR", VERDICT_FINAL, KEYMGR_ROOT_GONE, "is disabled"},
    {STEP_UNWRAP, 409, "REQ_TOO_EARLY_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "REQ_TOO_EARLY_ERR"},
    {STEP_UNWRAP, 422, "UNPROCESSABLE_CIPHERTEXT_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "not wrapped by"},
    {STEP_UNWRAP, 422, "KEY_INVALID_STATE_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "KEY_INVALID_STATE_ERR"},
    {STEP_UNWRAP, 400, "INVALID_FIELD_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "(400 INVALID_FIELD_ERR) message"},
    {STEP_WRAP, 400, "KEY_ROOT_REQ_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "standard key"},
    {STEP_WRAP, 400, "BAD_BODY_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "BAD_BODY_ERR"},
    {STEP_META, 400, "KEY_EXPIRED_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "KEY_EXPIRED_ERR"},
    /* who asks */
    {STEP_UNWRAP, 401, "", VERDICT_TOKEN, KEYMGR_DENIED, "refuses this API key (401)"},
    {STEP_LIST, 401, "UNAUTHORIZED_ERR", VERDICT_TOKEN, KEYMGR_DENIED, "a role is missing"},
    {STEP_GET, 401, "", VERDICT_TOKEN, KEYMGR_DENIED, "ReaderPlus"},
    {STEP_POST, 401, "", VERDICT_TOKEN, KEYMGR_DENIED, "Writer or Manager"},
    {STEP_DELETE, 401, "", VERDICT_TOKEN, KEYMGR_DENIED, "role Manager"},
    {STEP_BROKER, 401, "", VERDICT_TOKEN, KEYMGR_DENIED, "(401)"},
    {STEP_META, 403, "", VERDICT_TOKEN, KEYMGR_DENIED, "(403)"},
    {STEP_META, 403, "UNAUTHORIZED_ERR", VERDICT_TOKEN, KEYMGR_DENIED, "(403)"},
    {STEP_META, 400, "BEARER_SUB_EXTRACTION_ERR", VERDICT_TOKEN, KEYMGR_DENIED, "(400)"},
    {STEP_POST, 403, "CONFIG_RULE_CONFLICT_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "configuration rule"},
    {STEP_POST, 403, "FEATURE_RESTRICTED_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "the plan"},
    {STEP_POST, 403, "RESOURCE_OWNER_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "RESOURCE_OWNER_ERR"},
    {STEP_POST, 403, "SERVICE_ONLY_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "SERVICE_ONLY_ERR"},
    /* records */
    {STEP_GET, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_NO_RECORD, "no such key"},
    {STEP_GET, 410, "KEY_DELETED_ERR", VERDICT_FINAL, KEYMGR_NO_RECORD, "no such key"},
    {STEP_DELETE, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_NO_RECORD, "no such key"},
    {STEP_DELETE, 410, "KEY_DELETED_ERR", VERDICT_FINAL, KEYMGR_NO_RECORD, "no such key"},
    {STEP_POST, 404, "KEY_RING_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "KEY_RING_NOT_FOUND_ERR"},
    {STEP_LIST, 404, "KEY_RING_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "KEY_RING_NOT_FOUND_ERR"},
    {STEP_FIND, 404, "KEY_NOT_FOUND_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "KEY_NOT_FOUND_ERR"},
    {STEP_BROKER, 404, "NOT_FOUND", VERDICT_FINAL, KEYMGR_REFUSED, "does not know this instance"},
    {STEP_POST, 409, "KEY_CREATE_IMPORT_ACCESS_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "import_standard_key"},
    {STEP_DELETE, 409, "AUTHORIZATIONS_NOT_MET", VERDICT_FINAL, KEYMGR_REFUSED, "dualAuthDelete"},
    {STEP_DELETE, 409, "PROTECTED_RESOURCE_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "registered"},
    {STEP_DELETE, 409, "PREV_KEY_DEL_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "retention"},
    {STEP_GET, 409, "KEY_ACTION_INVALID_STATE_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "INVALID_STATE"},
    {STEP_LIST, 400, "INVALID_QUERY_PARAM_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "INVALID_QUERY_PARAM_ERR"},
    {STEP_LIST, 400, "KEY_SEARCH_TOO_BROAD", VERDICT_BROAD, KEYMGR_LOCKED, ""},
    {STEP_FIND, 400, "KEY_SEARCH_TOO_BROAD", VERDICT_BROAD, KEYMGR_LOCKED, ""},
    {STEP_DELETED, 400, "KEY_SEARCH_TOO_BROAD", VERDICT_BROAD, KEYMGR_LOCKED, ""},
    {STEP_META, 400, "KEY_SEARCH_TOO_BROAD", VERDICT_FINAL, KEYMGR_REFUSED, "too many keys"},
    {STEP_POST, 400, "COLLECTION_TOTAL_MISMATCH_ERR", VERDICT_FINAL, KEYMGR_REFUSED, "MISMATCH"},
    {STEP_POST, 413, "X", VERDICT_FINAL, KEYMGR_REFUSED, "(413 X)"},
    /* later */
    {STEP_UNWRAP, 429, "", VERDICT_AGAIN, KEYMGR_AWAY, "429: too many requests"},
    {STEP_META, 408, "", VERDICT_AGAIN, KEYMGR_AWAY, "408"},
    {STEP_META, 500, "INCOMPLETE_METADATA_ERR", VERDICT_AGAIN, KEYMGR_AWAY, "500: INCOMPLETE_METADATA_ERR"},
    {STEP_UNWRAP, 500, "UNAUTHORIZED_ERR", VERDICT_AGAIN, KEYMGR_AWAY, "500"},
    {STEP_UNWRAP, 502, "KEY_NOT_FOUND_ERR", VERDICT_AGAIN, KEYMGR_AWAY, "502"},
    {STEP_UNWRAP, 503, "", VERDICT_AGAIN, KEYMGR_AWAY, "503"},
    {STEP_GET, 504, "", VERDICT_AGAIN, KEYMGR_AWAY, "504"},
    {STEP_POST, 507, "", VERDICT_AGAIN, KEYMGR_AWAY, "507"},
    {STEP_GET, 302, "", VERDICT_AGAIN, KEYMGR_AWAY, "no answer of this service"},
    {STEP_POST, 202, "", VERDICT_AGAIN, KEYMGR_AWAY, "no answer of this service"},
};

static void every_answer_is_told_apart(void **state)
{
    (void)state;
    house(false);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const struct wanted *w = &wanted[i];
        struct http_answer a = with_code(w->status, w->code, "message");
        enum kp_verdict verdict = judge(w->step, &a);
        if (verdict != w->verdict || call.answer.result != w->result ||
            strstr(call.answer.why, w->text) == NULL)
            fail_msg("step %d, %d %s: verdict %d, result %d, %s", w->step, w->status, w->code, verdict,
                     call.answer.result, call.answer.why);
    }
}

static void good_answers(void **state)
{
    (void)state;
    static const int good[] = {200, 201, 204};
    house(false);
    for (size_t i = 0; i < COUNT_OF(good); i++)
        for (int step = STEP_META; step <= STEP_BROKER; step++) {
            struct http_answer a = with_body(good[i], "");
            assert_int_equal(judge((enum kp_step)step, &a), VERDICT_GOOD);
            assert_int_equal(call.answer.result, KEYMGR_LOCKED);
        }
}

/* A gateway's "not found" gives up neither the root key nor a record. */
static void who_stands_between_is_not_believed(void **state)
{
    (void)state;
    static const int statuses[] = {404, 409, 410};
    static const char *const bodies[] = {"",
                                         "<html>404 Not Found</html>",
                                         "{}",
                                         "{\"resources\":[]}",
                                         "{\"resources\":[{\"reasons\":[]}]}",
                                         "{\"error\":\"no route\"}",
                                         "{\"resources\":[{\"reasons\":[{\"code\":\"a b\"}]}]}"};
    house(false);
    for (size_t s = 0; s < COUNT_OF(statuses); s++)
        for (size_t b = 0; b < COUNT_OF(bodies); b++)
            for (int step = STEP_META; step <= STEP_BROKER; step++) {
                struct http_answer a = with_body(statuses[s], bodies[b]);
                assert_int_equal(judge((enum kp_step)step, &a), VERDICT_AGAIN);
                assert_int_equal(call.answer.result, KEYMGR_AWAY);
            }
    /* older answers have a text and no reasons */
    struct http_answer old = with_body(409, "{\"resources\":[{\"errorMsg\":\"Conflict\"}]}");
    assert_int_equal(judge(STEP_UNWRAP, &old), VERDICT_FINAL);
    assert_int_equal(call.answer.result, KEYMGR_ROOT_GONE);
    old = with_body(404, "{\"resources\":[{\"errorMsg\":\"Not Found\"}]}");
    assert_int_equal(judge(STEP_GET, &old), VERDICT_FINAL);
    assert_int_equal(call.answer.result, KEYMGR_NO_RECORD);
}

static void broken_calls_are_away(void **state)
{
    (void)state;
    house(false);
    for (int outcome = HTTP_NO_NAME; outcome <= HTTP_NO_MEMORY; outcome++)
        for (int step = STEP_META; step <= STEP_BROKER; step++) {
            struct http_answer a = with_code(404, "KEY_NOT_FOUND_ERR", "");
            a.outcome = (enum http_outcome)outcome;
            snprintf(a.why, sizeof a.why, "host: reason");
            assert_int_equal(judge((enum kp_step)step, &a), VERDICT_AGAIN);
            assert_int_equal(call.answer.result, KEYMGR_AWAY);
            assert_string_equal(call.answer.why, "host: reason");
        }
}

/* Of a root key that has expired only wrap is refused so; it does not excuse an unwrap that is. */
static void an_expired_root_key_still_unwraps(void **state)
{
    (void)state;
    house(false);
    kp.root_state = 3;
    struct http_answer a = with_code(409, "KEY_ACTION_INVALID_STATE_ERR", "m");
    assert_int_equal(judge(STEP_WRAP, &a), VERDICT_FINAL);
    assert_int_equal(call.answer.result, KEYMGR_ROOT_EXPIRED);
    assert_non_null(strstr(call.answer.why, "has expired"));
    static const enum kp_step rest[] = {STEP_META, STEP_UNWRAP, STEP_REWRAP};
    for (size_t i = 0; i < COUNT_OF(rest); i++) {
        assert_int_equal(judge(rest[i], &a), VERDICT_FINAL);
        assert_int_equal(call.answer.result, KEYMGR_ROOT_GONE);
    }
    a = with_code(410, "KEY_DELETED_ERR", "m");
    assert_int_equal(judge(STEP_WRAP, &a), VERDICT_FINAL);
    assert_int_equal(call.answer.result, KEYMGR_ROOT_GONE);
}

static void texts_are_printable_and_short(void **state)
{
    (void)state;
    char longest[190];
    house(false);
    struct http_answer a = with_code(400, "INVALID_FIELD_ERR", "a\\u001b[31mred\\u00e9\\n");
    (void)!judge(STEP_POST, &a);
    assert_string_equal(call.answer.why,
                        "Key Protect refused (400 INVALID_FIELD_ERR) a\\x1b[31mred\\xc3\\xa9\\x0a");
    a = with_code(400, "A\\u001b[31m", "m");
    (void)!judge(STEP_POST, &a);
    assert_string_equal(call.answer.why, "Key Protect refused (400 ) m");
    memset(longest, 'w', sizeof longest);
    longest[sizeof longest - 1] = 0;
    a = with_code(400, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRST", longest);
    (void)!judge(STEP_POST, &a);
    assert_true(strlen(call.answer.why) < KEYMGR_WHY && strlen(call.answer.why) > 100);
}

static void the_text_without_reasons(void **state)
{
    (void)state;
    house(true);
    struct http_answer a = with_body(422, "{\"resources\":[{\"errorMsg\":\"Unprocessable\"}]}");
    assert_int_equal(judge(STEP_UNWRAP, &a), VERDICT_FINAL);
    assert_string_equal(call.answer.why, "HPCS refused (422 ) Unprocessable");
    a = with_body(422, "{\"resources\":\"x\"");
    assert_int_equal(judge(STEP_UNWRAP, &a), VERDICT_FINAL);
    assert_int_equal(call.answer.result, KEYMGR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_told_apart),         cmocka_unit_test(good_answers),
        cmocka_unit_test(who_stands_between_is_not_believed), cmocka_unit_test(broken_calls_are_away),
        cmocka_unit_test(an_expired_root_key_still_unwraps),  cmocka_unit_test(texts_are_printable_and_short),
        cmocka_unit_test(the_text_without_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
