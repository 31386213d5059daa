/* SPDX-License-Identifier: Apache-2.0 */
/* The life of calls: repeated, paused, given up; tokens; a POST whose answer was lost; slots. */
#include "support/check.h"

#include "crypto/digest.h"
#include "support/keyprotect_house.h"

static size_t begin(enum keymgr_call_kind kind, const char *data)
{
    struct keymgr_call call = house_call(kind, data);
    size_t i = house_begin(&call);
    assert_true(fake.slots[i].running);
    return i;
}

static uint64_t deadline(void)
{
    uint64_t due = UINT64_MAX;
    struct pollfd fds[4];
    assert_int_equal(keymgr.ops->poll(keymgr.self, fds, COUNT_OF(fds), &due), 0);
    return due;
}

static void retries_back_off(void **state)
{
    (void)state;
    static const uint64_t waits[] = {200, 400, 800};
    house(false);
    size_t i = begin(KEYMGR_GET, "");
    for (size_t n = 0; n < COUNT_OF(waits); n++) {
        fake_answer(i, 500, "");
        house_turn(0);
        assert_int_equal(deadline(), house_now.mono_ms + waits[n]);
        house_turn(waits[n] - 1);
        assert_false(fake.slots[i].running);
        house_turn(1);
        assert_true(fake.slots[i].running);
    }
    fake_answer(i, 503, "");
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_non_null(strstr(a.why, "503"));
    assert_int_equal(fake.slots[i].begun, KP_ATTEMPTS);
    assert_int_equal(keyprotect_facts(&kp).failures, 4);
    assert_int_equal(keyprotect_facts(&kp).in_flight, 0);
}

static void no_longer_than_the_deadline(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_UNWRAP, "d3Jh");
    house_turn(9900);
    fake_break(i, HTTP_OVERDUE, true);
    struct keymgr_answer a = house_take(); /* a repetition would begin after it */
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_string_equal(a.why, "host: it broke");
    (void)house_take();
    i = begin(KEYMGR_UNWRAP, "d3Jh");
    house_turn(9700);
    fake_answer(i, 500, "");
    house_turn(0);
    house_turn(200);
    assert_int_equal(fake.slots[i].timeout_ms, 100);
}

static void a_call_that_waits_too_long_is_away(void **state)
{
    (void)state;
    house(false);
    kp.iam.has_token = false;
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    (void)house_begin(&call);
    assert_int_equal(fake.begun, 0);
    assert_int_equal(deadline(), house_now.mono_ms + 10000);
    house_turn(10000);
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_AWAY);
    assert_string_equal(a.why, "no answer in time");
}

/* Nobody would wake the loop for it otherwise. */
static void what_could_begin_wants_a_turn(void **state)
{
    (void)state;
    house(false);
    assert_true(deadline() > house_now.mono_ms + 100000);
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    assert_true(keymgr_submit(&keymgr, &call));
    assert_true(deadline() <= house_now.mono_ms);
    house_turn(0);
    assert_true(deadline() > house_now.mono_ms);
}

static struct http_answer busy(int status, uint64_t retry_after_s)
{
    return (struct http_answer){
        .outcome = HTTP_ANSWERED, .sent = true, .status = status, .retry_after_s = retry_after_s};
}

static void too_many_requests_pause_all(void **state)
{
    (void)state;
    house(false);
    size_t a = begin(KEYMGR_GET, ""), b = begin(KEYMGR_LIST, "");
    fake_end(a, busy(429, 5), "");
    house_turn(0);
    struct keymgr_call third = house_call(KEYMGR_NEW_KEY, "");
    size_t c = house_begin(&third);
    assert_false(fake.slots[c].running);
    assert_int_equal(deadline(), house_now.mono_ms + 5000);
    fake_end(b, busy(429, 0), ""); /* the shorter pause does not end the longer one */
    house_turn(1000);
    house_turn(3999);
    assert_false(fake.slots[a].running || fake.slots[b].running || fake.slots[c].running);
    house_turn(1);
    assert_true(fake.slots[a].running && fake.slots[b].running && fake.slots[c].running);
}

static void pauses_are_bounded(void **state)
{
    (void)state;
    house(false);
    size_t a = begin(KEYMGR_GET, "");
    fake_end(a, busy(503, 86400), "");
    struct keymgr_answer answer = house_take();
    assert_int_equal(answer.result, KEYMGR_AWAY); /* later than its deadline */
    assert_int_equal(kp.pause_ms, house_now.mono_ms + 30000);
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    a = house_begin(&call);
    assert_int_equal(deadline(), house_now.mono_ms + 10000); /* its own, not the end of the pause */
    house_turn(10000);
    assert_int_equal(house_take().result, KEYMGR_AWAY);
    house_turn(20000);
    (void)begin(KEYMGR_GET, "");
}

/* ---- tokens ---- */

static void a_refused_token_is_renewed_once(void **state)
{
    (void)state;
    house(false);
    house_turn(20000);
    size_t i = begin(KEYMGR_GET, "");
    fake_answer(i, 401, "");
    house_turn(1);
    assert_false(kp.iam.has_token || fake.slots[i].running);
    house_token();
    strcpy(kp.iam.token, "another");
    house_turn(1);
    assert_string_equal(fake.slots[i].token, "another");
    house_turn(20000);
    fake_answer(i, 401, "");
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_DENIED);
    assert_non_null(strstr(a.why, "ReaderPlus"));
}

static void a_fresh_token_that_is_refused_is_denied(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_GET, "");
    fake_answer(i, 401, "");
    assert_int_equal(house_take().result, KEYMGR_DENIED);
    assert_true(kp.iam.has_token);
}

/* Several calls go out with one token, and all come back refused: none of them is denied for it. */
static void one_bad_token_denies_nobody(void **state)
{
    (void)state;
    house(false);
    house_turn(20000);
    size_t a = begin(KEYMGR_GET, ""), b = begin(KEYMGR_STATE, ""), c = begin(KEYMGR_LIST, "");
    fake_answer(a, 401, "");
    fake_answer(b, 401, "");
    house_turn(1);
    assert_int_equal(house_take().kind, 0);
    house_token();
    strcpy(kp.iam.token, "another");
    house_turn(1);
    assert_true(fake.slots[a].running && fake.slots[b].running);
    fake_answer(c, 401, ""); /* of the old token, behind the arrival of the new one */
    house_turn(1);
    assert_true(kp.iam.has_token);
    assert_string_equal(fake.slots[c].token, "another");
    assert_int_equal(house_take().kind, 0);
}

static void without_a_token_the_reason_is_iams(void **state)
{
    (void)state;
    house(false);
    kp.iam.has_token = false;
    kp.iam.result = KEYMGR_LOCKED;
    kp.iam.retry_ms = house_now.mono_ms + 1000;
    strcpy(kp.iam.why, "no key");
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    (void)house_begin(&call);
    struct keymgr_answer a = house_take();
    assert_int_equal(a.result, KEYMGR_LOCKED);
    assert_string_equal(a.why, "no key");
}

/* ---- a POST whose answer was lost ---- */

static const char *found(const char *record, unsigned generation)
{
    static char text[500];
    uint8_t hash[SHA256_BYTES];
    char digest[17];
    sha256(span_of_text(record), hash);
    hex_write(span_of(hash, 8), 0, false, digest, sizeof digest);
    snprintf(text, sizeof text,
             "{\"resources\":[{\"id\":\"" HOUSE_ID "\",\"name\":\"vmware_kmip_" HOUSE_UID
             "\",\"description\":\"Holdfast record 1, generation %u, digest %s\"}]}",
             generation, digest);
    return text;
}

static size_t lost_post(int status)
{
    house(false);
    size_t i = begin(KEYMGR_PUT, "record");
    if (status == 0)
        fake_break(i, HTTP_OVERDUE, true);
    else
        fake_answer(i, status, "{}");
    house_turn(0);
    house_turn(200);
    assert_true(fake.slots[i].running);
    return i;
}

static void a_lost_post_is_looked_for(void **state)
{
    (void)state;
    static const int statuses[] = {0, 200, 201, 202, 302, 408, 500, 504};
    for (size_t n = 0; n < COUNT_OF(statuses); n++) {
        size_t i = lost_post(statuses[n]);
        assert_string_equal(fake.slots[i].method, "GET");
        assert_non_null(strstr(fake.slots[i].url, "search=exact:name:vmware_kmip_" HOUSE_UID));
        fake_answer(i, 200, found("record", 3));
        struct keymgr_answer a = house_take();
        assert_int_equal(a.kind, KEYMGR_PUT);
        assert_int_equal(a.result, KEYMGR_OK);
        assert_int_equal(a.record_id[0], 0xb0);
    }
}

static void what_is_not_there_is_sent_again(void **state)
{
    (void)state;
    const char *const others[] = {NULL, "another"};
    for (size_t n = 0; n < COUNT_OF(others); n++) {
        size_t i = lost_post(0);
        fake_answer(i, 200, others[n] == NULL ? "{\"resources\":[]}" : found(others[n], 3));
        house_turn(1);
        assert_string_equal(fake.slots[i].method, "POST");
        assert_non_null(strstr(fake.slots[i].body, "\"payload\":\"cmVjb3Jk\""));
        fake_answer(i, 201, "{\"resources\":[{\"id\":\"" HOUSE_ID "\"}]}");
        assert_int_equal(house_take().result, KEYMGR_OK);
    }
    size_t i = lost_post(500);
    fake_answer(i, 200, found("record", 4)); /* a later generation is not this one */
    house_turn(1);
    assert_string_equal(fake.slots[i].method, "POST");
}

static void a_look_up_that_fails_is_repeated(void **state)
{
    (void)state;
    size_t i = lost_post(0);
    fake_answer(i, 503, "");
    house_turn(0);
    house_turn(400);
    assert_string_equal(fake.slots[i].method, "GET");
    fake_answer(i, 503, "");
    house_turn(0);
    house_turn(800);
    fake_answer(i, 200, found("record", 3));
    assert_int_equal(house_take().result, KEYMGR_OK);
    i = lost_post(0);
    for (int n = 0; n < 3; n++) {
        fake_break(i, HTTP_BROKEN, true);
        house_turn(0);
        house_turn(1600);
    }
    assert_int_equal(house_take().result, KEYMGR_AWAY);
    assert_int_equal(fake.slots[i].begun, KP_ATTEMPTS);
}

static void lost_and_not_there_ends(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_PUT, "record");
    for (int n = 0; n < 12 && fake.slots[i].running; n++) {
        fake_answer(i, 200, strcmp(fake.slots[i].method, "POST") == 0 ? "{}" : "{\"resources\":[]}");
        house_turn(1);
    }
    assert_int_equal(house_take().result, KEYMGR_AWAY);
    assert_true(fake.slots[i].begun <= 10);
}

static void what_was_not_sent_is_not_looked_for(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_PUT, "record");
    fake_break(i, HTTP_NO_ROUTE, false);
    house_turn(0);
    house_turn(200);
    assert_string_equal(fake.slots[i].method, "POST");
    fake_end(i, busy(429, 1), "");
    house_turn(0);
    house_turn(1000);
    assert_string_equal(fake.slots[i].method, "POST");
}

/* A generation of 0 would never be found again: nothing waits for that for ever. */
static void a_lost_post_without_generation_ends(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_PUT, "record");
    call.generation = 0;
    size_t i = house_begin(&call);
    fake_answer(i, 500, "");
    house_turn(0);
    house_turn(200);
    fake_answer(i, 200, "{\"resources\":[]}");
    assert_int_equal(house_take().result, KEYMGR_REFUSED);
}

/* ---- slots ---- */

static void slots_are_used_again(void **state)
{
    (void)state;
    house(false);
    struct keymgr_call call = house_call(KEYMGR_UNWRAP, "d3Jh"), question = house_call(KEYMGR_STATE, "");
    struct keymgr_answer a;
    for (size_t n = 0; n < CLOUD_CALLS; n++) {
        call.ticket = n;
        assert_true(keymgr_submit(&keymgr, &call));
    }
    assert_false(keymgr_submit(&keymgr, &call));
    assert_true(keymgr_submit(&keymgr, &question)); /* has a slot of its own */
    assert_false(keymgr_submit(&keymgr, &question));
    house_turn(0);
    fake_answer(5, 200, "{\"plaintext\":\"" HOUSE_KEY "\"}");
    fake_answer(2, 200, "{\"plaintext\":\"" HOUSE_KEY "\"}");
    house_turn(0);
    assert_true(keymgr_take(&keymgr, &a));
    assert_int_equal(a.ticket, 2);
    assert_false(keymgr_submit(&keymgr, &call)); /* the answer is still read */
    assert_true(keymgr_take(&keymgr, &a));
    assert_int_equal(a.ticket, 5);
    call.ticket = 100;
    assert_true(keymgr_submit(&keymgr, &call));
    assert_false(keymgr_take(&keymgr, &a));
    assert_true(keymgr_submit(&keymgr, &call));
    assert_false(keymgr_submit(&keymgr, &call));
}

static void nothing_stays_in_a_free_slot(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_NEW_KEY, "");
    fake_answer(i, 200, "{\"plaintext\":\"" HOUSE_KEY "\",\"ciphertext\":\"Y2lwaGVy\"}");
    assert_int_equal(house_take().result, KEYMGR_OK);
    assert_memory_equal(kp.calls[i].data, "Y2lwaGVy", 8);
    assert_int_equal(house_take().kind, 0);
    assert_int_equal(kp.calls[i].data[0], 0);
    assert_int_equal(kp.calls[i].phase, KP_FREE);
    for (size_t at = 0; at + 4 < sizeof kp; at++)
        assert_memory_not_equal((uint8_t *)&kp + at, "kkkk", 4);
}

static void no_memory_for_a_connection_is_waited_for(void **state)
{
    (void)state;
    house(false);
    fake.full = true;
    struct keymgr_call call = house_call(KEYMGR_GET, "");
    size_t i = house_begin(&call);
    assert_int_equal(deadline(), house_now.mono_ms + 200);
    fake.full = false;
    house_turn(200);
    assert_true(fake.slots[i].running);
    fake.full = true;
    i = house_begin(&call);
    for (int n = 0; n < 50; n++)
        house_turn(200);
    assert_int_equal(house_take().result, KEYMGR_AWAY);
}

static void the_clock_is_compared(void **state)
{
    (void)state;
    house(false);
    size_t i = begin(KEYMGR_DELETE, "");
    struct http_answer a = busy(204, 0);
    a.date_s = house_now.unix_s + 500;
    fake_end(i, a, "");
    assert_int_equal(house_take().result, KEYMGR_OK);
    assert_int_equal(keyprotect_facts(&kp).clock_off_s, -500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_back_off),
        cmocka_unit_test(no_longer_than_the_deadline),
        cmocka_unit_test(a_call_that_waits_too_long_is_away),
        cmocka_unit_test(what_could_begin_wants_a_turn),
        cmocka_unit_test(too_many_requests_pause_all),
        cmocka_unit_test(pauses_are_bounded),
        cmocka_unit_test(a_refused_token_is_renewed_once),
        cmocka_unit_test(a_fresh_token_that_is_refused_is_denied),
        cmocka_unit_test(one_bad_token_denies_nobody),
        cmocka_unit_test(without_a_token_the_reason_is_iams),
        cmocka_unit_test(a_lost_post_is_looked_for),
        cmocka_unit_test(what_is_not_there_is_sent_again),
        cmocka_unit_test(a_look_up_that_fails_is_repeated),
        cmocka_unit_test(lost_and_not_there_ends),
        cmocka_unit_test(what_was_not_sent_is_not_looked_for),
        cmocka_unit_test(a_lost_post_without_generation_ends),
        cmocka_unit_test(slots_are_used_again),
        cmocka_unit_test(nothing_stays_in_a_free_slot),
        cmocka_unit_test(no_memory_for_a_connection_is_waited_for),
        cmocka_unit_test(the_clock_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
