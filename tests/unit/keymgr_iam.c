/* SPDX-License-Identifier: Apache-2.0 */
/* The token: when it is asked for, kept and given up, and what the operator is told. */
#include "support/check.h"

#include <errno.h>

#include "keymgr/iam.h"
#include "support/fake_http.h"

static struct iam iam;
static struct disk disk;
static struct json json;
static struct clock now;

static void start(void)
{
    fake_reset();
    memset(&disk, 0, sizeof disk);
    memset(&fake_disk, 0, sizeof fake_disk);
    memset(&iam, 0, sizeof iam);
    now = (struct clock){.mono_ms = 500000, .unix_s = 1800000000};
    iam.http = &fake;
    iam.disk = &disk;
    iam.json = &json;
    iam.slot = 9;
    iam.url = "https://iam";
}

static void turn(uint64_t ms)
{
    now.mono_ms += ms;
    now.unix_s += (int64_t)(ms / 1000);
    iam_turn(&iam, now);
}

/* The file is read, and the request is on its way. */
static void ask(void)
{
    unsigned sent = fake_disk.sent;
    turn(0);
    assert_int_equal(fake_disk.sent, sent + 1);
    assert_int_equal(iam_deadline(&iam), UINT64_MAX);
    fake_read(&disk, "key\n", 0);
    turn(0);
    assert_true(fake.slots[9].running);
}

static void get_token(const char *body)
{
    ask();
    fake_answer(9, 200, body);
    turn(0);
}

static void a_token_is_got(void **state)
{
    (void)state;
    start();
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    assert_true(iam_deadline(&iam) <= now.mono_ms);
    turn(0);
    assert_int_equal(fake_disk.last.op, DISK_SECRET);
    assert_string_equal(fake_disk.last.name, "api-key");
    assert_int_equal(fake_disk.last.len, API_KEY_MAX + 1 + VAULT_OVERHEAD);
    turn(5);
    assert_false(fake.slots[9].running);
    fake_read(&disk, "aZ09-_.~+/=&%\nsecond line", 0);
    turn(1);
    const struct fake_slot *s = &fake.slots[9];
    assert_true(s->running);
    assert_string_equal(s->method, "POST");
    assert_string_equal(s->url, "https://iam/identity/token");
    assert_string_equal(s->type, "application/x-www-form-urlencoded");
    assert_string_equal(s->token, "");
    assert_string_equal(s->body, "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey="
                                 "aZ09-_.~%2B%2F%3D%26%25");
    for (size_t i = 0; i < sizeof disk.read; i++)
        assert_int_equal(disk.read[i], 0);
    assert_int_equal(disk.read_len, 0);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    fake_answer(9, 200, "{\"access_token\":\"eyJ.x\",\"expires_in\":3600,\"expiration\":5}");
    turn(1);
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    assert_string_equal(iam.token, "eyJ.x");
    assert_false(fake.slots[9].ended);
    assert_int_equal(iam_deadline(&iam), now.mono_ms + 2880000);
}

static void it_is_refreshed_at_80_percent(void **state)
{
    (void)state;
    start();
    get_token("{\"access_token\":\"old\",\"expires_in\":3600}");
    turn(2879999);
    assert_int_equal(fake_disk.sent, 1);
    turn(1);
    assert_int_equal(fake_disk.sent, 2);
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    fake_read(&disk, "key", 0);
    turn(0);
    assert_string_equal(iam.token, "old");
    fake_answer(9, 200, "{\"access_token\":\"new\",\"expires_in\":60}");
    turn(0);
    assert_string_equal(iam.token, "new");
    assert_int_equal(iam_deadline(&iam), now.mono_ms + 48000);
}

static void an_old_token_is_used_until_it_ends(void **state)
{
    (void)state;
    start();
    get_token("{\"access_token\":\"old\",\"expires_in\":3600}");
    turn(2880000);
    fake_read(&disk, "key", 0);
    turn(0);
    fake_break(9, HTTP_OVERDUE, true);
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    turn(1000);
    fake_read(&disk, "key", 0);
    turn(0);
    fake_answer(9, 200, "no token"); /* neither does a broken answer take it away */
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    assert_string_equal(iam.token, "old");
    now.mono_ms = iam.expires_ms - 1;
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    now.mono_ms = iam.expires_ms;
    assert_int_equal(iam.expires_ms, 500000 + 3590000);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    turn(0);
    fake_read(&disk, "", ENOENT);
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
    assert_int_equal(iam.token[0] | iam.token[1], 0);
}

static void it_backs_off_from_1_to_60_seconds(void **state)
{
    (void)state;
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    start();
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        ask();
        fake_break(9, HTTP_NO_ROUTE, false);
        turn(0);
        assert_int_equal(iam_deadline(&iam), now.mono_ms + waits[i]);
        assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
        assert_int_equal(iam.result, KEYMGR_AWAY);
        assert_string_equal(iam.why, "host: it broke");
        turn(waits[i] - 1);
        assert_int_equal(iam.phase, IAM_IDLE);
        now.mono_ms++;
        assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    }
    get_token("{\"access_token\":\"t\",\"expires_in\":10}");
    assert_int_equal(iam.failures, 0);
    assert_int_equal(iam.result, KEYMGR_OK);
}

static const struct {
    int status;
    const char *body;
    enum keymgr_result result;
    const char *why;
} errors[] = {
    {400, "{\"errorCode\":\"BXNIM0415E\",\"errorMessage\":\"x\"}", KEYMGR_DENIED,
     "does not know this API key"},
    {400, "{\"errorCode\":\"BXNIM0410E\"}", KEYMGR_DENIED, "service ID"},
    {400, "{\"errorCode\":\"BXNIM0109E\"}", KEYMGR_DENIED, "account"},
    {400, "{\"errorCode\":\"BXNIM0106E\"}", KEYMGR_DENIED,
     "IAM answered 400 BXNIM0106E: it refuses this API key"},
    {400, "", KEYMGR_DENIED, "400"},
    {401, "{}", KEYMGR_DENIED, "401"},
    {403, "<html>", KEYMGR_DENIED, "403"},
    {404, "{}", KEYMGR_AWAY, "404 : trouble on its side"},
    {429, "{}", KEYMGR_AWAY, "429 : too many requests"},
    {500, "{\"errorCode\":\"BXNIM0999E\"}", KEYMGR_AWAY, "500 BXNIM0999E: trouble"},
    {503, "", KEYMGR_AWAY, "503"},
    {302, "", KEYMGR_AWAY, "302"},
    {204, "", KEYMGR_AWAY, "204"},
    {400, "{\"errorCode\":\"\\u001b[31m\"}", KEYMGR_DENIED, "400 ?[31m:"},
};

static void errors_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        start();
        ask();
        fake_answer(9, errors[i].status, errors[i].body);
        turn(0);
        assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
        if (iam.result != errors[i].result || strstr(iam.why, errors[i].why) == NULL)
            fail_msg("%d %s: %d %s", errors[i].status, errors[i].body, iam.result, iam.why);
    }
}

static void it_comes_back_when_it_is_told_to(void **state)
{
    (void)state;
    static const uint64_t said[] = {30, 60, 61, 86400}, waits[] = {30000, 60000, 1000, 1000};
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        start();
        ask();
        fake_end(9, (struct http_answer){.outcome = HTTP_ANSWERED, .status = 429, .retry_after_s = said[i]},
                 "");
        turn(0);
        assert_int_equal(iam_deadline(&iam), now.mono_ms + waits[i]);
    }
}

static void a_wrong_clock_is_named(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t off;
        const char *why;
    } clocks[] = {{400, 299, "refuses this API key"},
                  {400, 660, "11 minutes behind"},
                  {400, -3600, "60 minutes ahead"},
                  {500, 3600, "trouble on its side"}};
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        start();
        ask();
        fake_end(9,
                 (struct http_answer){.outcome = HTTP_ANSWERED,
                                      .status = clocks[i].status,
                                      .date_s = now.unix_s + clocks[i].off},
                 "");
        turn(0);
        assert_non_null(strstr(iam.why, clocks[i].why));
    }
}

static void the_file(void **state)
{
    (void)state;
    static char longest[API_KEY_MAX + 2];
    memset(longest, 'k', sizeof longest - 1);
    const struct {
        const char *text;
        int error;
        const char *why;
    } files[] = {{"", ENOENT, "there is no API key"},   {"", EPERM, "chmod 600"},
                 {"", EIO, "cannot be read (error 5)"}, {"", 0, "has no API key on its first line"},
                 {"\nkey", 0, "on its first line"},     {" key", 0, "on its first line"},
                 {longest, 0, "on its first line"}};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        start();
        turn(0);
        fake_read(&disk, files[i].text, files[i].error);
        turn(0);
        assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
        assert_int_equal(iam.result, KEYMGR_LOCKED);
        if (strstr(iam.why, files[i].why) == NULL)
            fail_msg("%zu: %s", i, iam.why);
        assert_int_equal(iam_deadline(&iam), now.mono_ms + 1000); /* it is not read without a pause */
        assert_int_equal(disk.read[0], 0);
    }
    start();
    turn(0);
    longest[API_KEY_MAX] = 0;
    fake_read(&disk, longest, 0);
    turn(0);
    assert_int_equal(strlen(fake.slots[9].body), 67 + API_KEY_MAX);
}

/* A file as the disk process hands it over. */
static void read_sealed(const struct vault *under, const char *name, const char *secret)
{
    struct buf content = buf_over(disk.read, sizeof disk.read);
    vault_write(under, name, span_of_text(secret), &content);
    disk.done_ticket = disk.read_ticket = disk.next_ticket;
    disk.errors[disk.done_ticket % DISK_QUEUE] = 0;
    disk.read_len = content.len;
}

static void a_sealed_file(void **state)
{
    (void)state;
    static const struct vault none = {.sealed = false}, mine = {.sealed = true, .key = {1}},
                              other = {.sealed = true, .key = {2}};
    const struct {
        const struct vault *reader, *writer;
        const char *name, *why;
    } files[] = {{&mine, &mine, API_KEY_FILE, NULL},
                 {&mine, &other, API_KEY_FILE, "is sealed under another state key; type the key anew"},
                 {&mine, &mine, "root.key", "is sealed under another state key"},
                 {&mine, &none, API_KEY_FILE, "is not sealed, though there is a state key"},
                 {&none, &mine, API_KEY_FILE, "is sealed under another state key"},
                 {NULL, &mine, API_KEY_FILE, "is sealed under another state key"}};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        start();
        iam.vault = files[i].reader;
        turn(0);
        read_sealed(files[i].writer, files[i].name, "sealed-key\nrest");
        turn(0);
        assert_int_equal(disk.read[0], 0);
        assert_null(memmem(&iam, sizeof iam, "sealed-key", 10));
        if (files[i].why == NULL) {
            assert_true(fake.slots[9].running);
            assert_non_null(strstr(fake.slots[9].body, "&apikey=sealed-key"));
            continue;
        }
        assert_int_equal(iam.result, KEYMGR_LOCKED);
        if (strstr(iam.why, files[i].why) == NULL)
            fail_msg("%zu: %s", i, iam.why);
    }
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    start();
    turn(0);
    fake_read(&disk, "key", 0);
    (void)!disk_send(&disk, &(struct disk_request){.op = DISK_FILE}, span_of(NULL, 0));
    fake_read(&disk, "another's", 0);
    turn(0); /* what was read is gone: once more */
    assert_memory_equal(disk.read, "another's", 9);
    assert_int_equal(disk.read_len, 9);
    turn(0);
    fake_read(&disk, "", ENOENT);
    turn(0);
    assert_int_equal(iam.result, KEYMGR_LOCKED);
    assert_memory_equal(disk.read, "another's", 9);
    assert_int_equal(disk.read_len, 9);
}

static void a_busy_disk_is_waited_for(void **state)
{
    (void)state;
    start();
    fake_disk.full = true;
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    assert_true(iam_deadline(&iam) > now.mono_ms);
    fake_disk.full = false;
    turn(1000);
    assert_int_equal(iam.phase, IAM_READING);
}

static void what_is_no_token(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "{\"access_token\":\"t\"}",
        "{\"expires_in\":3600}",
        "{\"access_token\":\"\",\"expires_in\":3600}",
        "{\"access_token\":7,\"expires_in\":3600}",
        "{\"access_token\":\"a b\",\"expires_in\":3600}",
        "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}",
        "{\"access_token\":\"\\u00e9\",\"expires_in\":3600}",
        "{\"access_token\":\"t\",\"expires_in\":0}",
        "{\"access_token\":\"t\",\"expires_in\":-1}",
        "{\"access_token\":\"t\",\"expires_in\":86401}",
        "{\"access_token\":\"t\",\"expires_in\":\"3600\"}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        start();
        get_token(bad[i]);
        assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
        assert_int_equal(iam.result, KEYMGR_AWAY);
        assert_string_equal(iam.why, "https://iam: the answer is no token");
        assert_string_equal(iam.token, "");
    }
}

static void the_longest_token(void **state)
{
    (void)state;
    static char text[TOKEN_MAX + 100];
    for (size_t len = TOKEN_MAX - 1; len <= TOKEN_MAX; len++) {
        int n = sprintf(text, "{\"access_token\":\"");
        memset(text + n, 't', len);
        strcpy(text + n + len, "\",\"expires_in\":86400}");
        start();
        get_token(text);
        assert_int_equal(iam_ask(&iam, now), len < TOKEN_MAX ? ASK_READY : ASK_FAILED);
    }
}

static void a_refused_token(void **state)
{
    (void)state;
    start();
    get_token("{\"access_token\":\"one\",\"expires_in\":3600}");
    uint64_t got = iam.got_ms;
    now.mono_ms += 9999;
    assert_false(iam_reject(&iam, got, now));
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
    now.mono_ms++;
    assert_true(iam_reject(&iam, got, now));
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    assert_int_equal(iam.token[0] | iam.token[1] | iam.token[2], 0);
    assert_true(iam_reject(&iam, got, now)); /* another one is fetched already */
    get_token("{\"access_token\":\"two\",\"expires_in\":3600}");
    assert_true(iam_reject(&iam, got, now)); /* it was the other one */
    assert_string_equal(iam.token, "two");
}

/* What was asked with the old key does not count any more, whatever its answer is. */
static void a_new_key_is_read_anew(void **state)
{
    (void)state;
    start();
    ask();
    iam_renew(&iam);
    fake_answer(9, 200, "{\"access_token\":\"of-the-old-key\",\"expires_in\":3600}");
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    assert_string_equal(iam.token, "");
    assert_true(iam_deadline(&iam) <= now.mono_ms);
    turn(0);
    iam_renew(&iam);
    fake_read(&disk, "old", 0);
    turn(0);
    assert_false(fake.slots[9].running);
    assert_int_equal(disk.read[0], 0);
    get_token("{\"access_token\":\"new\",\"expires_in\":3600}");
    assert_string_equal(iam.token, "new");
    iam_renew(&iam);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    assert_int_equal(iam.token[0], 0);
    get_token("{\"access_token\":\"newer\",\"expires_in\":3600}");
    assert_string_equal(iam.token, "newer");
}

static void a_new_key_ends_the_back_off(void **state)
{
    (void)state;
    start();
    ask();
    fake_answer(9, 400, "");
    turn(0);
    assert_int_equal(iam_ask(&iam, now), ASK_FAILED);
    iam_renew(&iam);
    assert_int_equal(iam_ask(&iam, now), ASK_WAIT);
    get_token("{\"access_token\":\"new\",\"expires_in\":3600}");
    assert_int_equal(iam_ask(&iam, now), ASK_READY);
}

static void no_memory_for_a_connection(void **state)
{
    (void)state;
    start();
    fake.full = true;
    turn(0);
    fake_read(&disk, "key", 0);
    turn(0);
    assert_int_equal(iam.result, KEYMGR_AWAY);
    assert_non_null(strstr(iam.why, "no memory"));
    assert_int_equal(disk.read[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_got),
        cmocka_unit_test(it_is_refreshed_at_80_percent),
        cmocka_unit_test(an_old_token_is_used_until_it_ends),
        cmocka_unit_test(it_backs_off_from_1_to_60_seconds),
        cmocka_unit_test(errors_are_told_apart),
        cmocka_unit_test(it_comes_back_when_it_is_told_to),
        cmocka_unit_test(a_wrong_clock_is_named),
        cmocka_unit_test(the_file),
        cmocka_unit_test(a_sealed_file),
        cmocka_unit_test(other_files_are_left_alone),
        cmocka_unit_test(a_busy_disk_is_waited_for),
        cmocka_unit_test(what_is_no_token),
        cmocka_unit_test(the_longest_token),
        cmocka_unit_test(a_refused_token),
        cmocka_unit_test(a_new_key_is_read_anew),
        cmocka_unit_test(a_new_key_ends_the_back_off),
        cmocka_unit_test(no_memory_for_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
