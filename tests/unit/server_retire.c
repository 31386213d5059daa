/* SPDX-License-Identifier: Apache-2.0 */
/* Retiring a key (server/inventory): what is lost, the word that confirms it, the request and its answer. */
#include "support/check.h"

#include "server/inventory.h"
#include "support/house_keys.h"

static struct house *h;
static struct server *s;
static char text[CONTROL_OUT];
static char uid[UUID_TEXT + 1];

static const char warning[] = "Lost for good: what was encrypted under this key and not re-keyed since, in "
                              "backups and snapshots too.\n";
static const char no_newer[] = "There is NO newer key of the same one: it is most likely in use.\n";

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    return 0;
}

/* The whole text, but for its first line. */
static void check_loss(const struct catalogue_entry *e, const char *owner, const char *newer)
{
    char wanted[600];
    struct buf out = buf_over(text, sizeof text);
    inventory_write_loss(s, e, &out);
    snprintf(wanted, sizeof wanted, "%s%s%s", warning, owner, newer);
    const char *rest = strchr(text, '\n');
    assert_non_null(rest);
    assert_string_equal(rest + 1, wanted);
}

static const char *newer_is(const struct catalogue_entry *e)
{
    static char line[100];
    uuid_write(e->uid, uid);
    snprintf(line, sizeof line, "A newer key of the same one is there: %s\n", uid);
    return line;
}

static struct catalogue_entry *key_later(const char *name, const char *identifier)
{
    house_turn(h, 2000);
    return house_key(h, "Virtual Machine", name, identifier);
}

static void state_and_use_are_told_first(void **state)
{
    (void)state;
    char first[100], now[TIME_TEXT + 1];
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    struct buf out = buf_over(text, sizeof text);
    inventory_write_loss(s, e, &out);
    assert_int_equal(strncmp(text, "State Pre-Active, last served never\n", 36), 0);
    house_do(h, OPERATION_ACTIVATE, e);
    house_do(h, OPERATION_GET, e);
    time_write(s->now.unix_s, now);
    snprintf(first, sizeof first, "State Active, last served %s\n", now);
    out = buf_over(text, sizeof text);
    inventory_write_loss(s, e, &out);
    assert_int_equal(strncmp(text, first, strlen(first)), 0);
}

static void the_owner_is_told(void **state)
{
    (void)state;
    check_loss(house_key(h, NULL, NULL, NULL), "Nobody has said whose key it is.\n", "");
    check_loss(house_key(h, "Virtual Machine", NULL, "vm-1"), "Nobody has said whose key it is.\n", "");
    check_loss(house_key(h, "Host", "esx\n1", "host-1"), "It is a key of: Host esx\\x0a1\n", no_newer);
    check_loss(house_key(h, NULL, "db", NULL), "It is a key of:  db\n", no_newer);
}

static void a_newer_key_of_the_same_is_told(void **state)
{
    (void)state;
    static const char owner[] = "It is a key of: Virtual Machine web\n";
    struct catalogue_entry *a = key_later("web", "vm-1"), *other = key_later("web", "vm-2");
    struct catalogue_entry *none = key_later("web", NULL), *empty = key_later("web", "");
    check_loss(a, owner, no_newer); /* one name, but others */
    check_loss(none, owner, no_newer);
    struct catalogue_entry *b = key_later("renamed", "vm-1");
    check_loss(a, owner, newer_is(b));
    struct catalogue_entry *c = key_later("web", "vm-1");
    check_loss(a, owner, newer_is(c));
    check_loss(b, "It is a key of: Virtual Machine renamed\n", newer_is(c));
    check_loss(c, owner, no_newer); /* the others are older */
    check_loss(other, owner, no_newer);
    check_loss(empty, owner, no_newer);
    house_do(h, OPERATION_DESTROY, c);
    check_loss(a, owner, newer_is(b));
    house_do(h, OPERATION_DESTROY, b);
    check_loss(a, owner, no_newer);
}

/* Whatever the order in which this node learned of them. */
static void the_newest_is_told(void **state)
{
    (void)state;
    struct catalogue_entry *a = key_later("web", "vm-1");
    s->now.unix_s += 2000;
    struct catalogue_entry *newest = key_later("web", "vm-1");
    s->now.unix_s -= 1000;
    assert_non_null(key_later("web", "vm-1"));
    check_loss(a, "It is a key of: Virtual Machine web\n", newer_is(newest));
}

/* Who is first is not known then: of two that may be in use none is called replaced. */
static void a_key_of_the_same_second_is_not_newer(void **state)
{
    (void)state;
    static const char owner[] = "It is a key of: Virtual Machine web\n";
    int64_t now = s->now.unix_s;
    struct catalogue_entry *a = house_key(h, "Virtual Machine", "web", "vm-1");
    struct catalogue_entry *b = house_key(h, "Virtual Machine", "web", "vm-1");
    assert_int_equal(s->now.unix_s, now);
    check_loss(a, owner, no_newer);
    check_loss(b, owner, no_newer);
}

static void a_newer_key_of_nobody_known_is_told(void **state)
{
    (void)state;
    struct catalogue_entry *a = key_later(NULL, "vm-1");
    check_loss(a, "Nobody has said whose key it is.\n", newer_is(key_later(NULL, "vm-1")));
}

static void check_word(const char *name, const char *wanted)
{
    struct catalogue_entry *e = house_key(h, NULL, name, NULL);
    char word[80];
    memset(word, '~', sizeof word);
    struct buf out = buf_over(word, sizeof word);
    inventory_confirmation(s, e, &out);
    uuid_write(e->uid, uid);
    uid[8] = 0;
    assert_string_equal(word, wanted != NULL ? wanted : uid);
    assert_int_equal(out.len, strlen(word));
}

/* The name when it can be typed as one word, otherwise the beginning of the Unique Identifier. */
static void the_word_that_confirms(void **state)
{
    (void)state;
    static char name[66];
    check_word("web-1", "web-1");
    check_word("#1\\x", "#1\\x");
    memset(name, 'n', 64);
    check_word(name, name);
    name[64] = 'n';
    static const char *const others[] = {NULL,
                                         "",
                                         "web 1",
                                         "web\t1",
                                         "\"web\"",
                                         name,
                                         "a\"b",
                                         "\x7f",
                                         "b\xc3\xbc"
                                         "ro"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        check_word(others[i], NULL);
}

static void only_destroyed_ones_are_destroyed(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    assert_false(inventory_is_destroyed(s, e));
    item_revoke(house_ask(), e->uid, REVOCATION_KEY_COMPROMISE);
    house_run(h);
    assert_false(inventory_is_destroyed(s, e));
    house_do(h, OPERATION_DESTROY, e);
    assert_true(inventory_is_destroyed(s, e));
    e = house_key(h, NULL, NULL, NULL);
    house_do(h, OPERATION_DESTROY, e);
    assert_true(inventory_is_destroyed(s, e));
}

/* ---- the request ---- */

static struct span request_of(const struct catalogue_entry *e)
{
    static uint8_t message[RETIRE_MESSAGE];
    size_t len = inventory_retire_request(s, e, message, sizeof message);
    assert_true(len > 0);
    return span_of(message, len);
}

static int32_t batch_count(struct span message)
{
    struct ttlv_item item;
    assert_true(find_deep(message, TAG_BATCH_COUNT, &item));
    return ttlv_integer(&item);
}

static uint32_t first_operation(struct span message)
{
    struct ttlv_item item;
    assert_true(find_deep(message, TAG_OPERATION, &item));
    return ttlv_enumeration(&item);
}

static void an_active_key_is_revoked_first(void **state)
{
    (void)state;
    struct ttlv_item item;
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    assert_int_equal(batch_count(request_of(e)), 1);
    assert_int_equal(first_operation(request_of(e)), OPERATION_DESTROY);
    house_do(h, OPERATION_ACTIVATE, e);
    struct span message = request_of(e);
    assert_int_equal(batch_count(message), 2);
    assert_int_equal(first_operation(message), OPERATION_REVOKE);
    assert_true(find_deep(message, TAG_REVOCATION_REASON_CODE, &item));
    assert_int_equal(ttlv_enumeration(&item), REVOCATION_CESSATION_OF_OPERATION);
    assert_true(find_deep(message, TAG_UNIQUE_IDENTIFIER, &item));
    uuid_write(e->uid, uid);
    check_text(item.value, uid);
    item_revoke(house_ask(), e->uid, REVOCATION_UNSPECIFIED);
    house_run(h);
    assert_int_equal(batch_count(request_of(e)), 1);
}

/* The message is a request that the request machine carries out, and its longest answer has room. */
static void the_request_is_one_that_is_understood(void **state)
{
    (void)state;
    for (int active = 0; active < 2; active++) {
        static uint8_t answer[RETIRE_MESSAGE];
        struct request request;
        const char *why = NULL;
        struct catalogue_entry *e = house_key(h, "Virtual Machine", "web", "vm-1");
        if (active == 1)
            house_do(h, OPERATION_ACTIVATE, e);
        struct span message = request_of(e);
        assert_int_equal(request_begin(&request, message, s->now.mono_ms + 10000, &why), REASON_NONE);
        enum request_state done = REQUEST_WAITING;
        for (int i = 0; i < HOUSE_PATIENCE && done != REQUEST_DONE; i++) {
            s->env.now = s->now;
            done = request_run(&request, &s->env, answer, sizeof answer, BATCH_ITEMS_A_TURN);
            house_turn(h, 1);
        }
        assert_int_equal(done, REQUEST_DONE);
        assert_int_equal(answer_count(span_of(answer, request.response_len)), active + 1);
        check_text(inventory_retire_answer(span_of(answer, request.response_len)), "");
        assert_true(inventory_is_destroyed(s, e));
    }
}

static void a_request_without_room_is_none(void **state)
{
    (void)state;
    static uint8_t message[RETIRE_MESSAGE];
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    size_t len = request_of(e).len;
    for (size_t cap = 0; cap < len; cap += 8)
        assert_int_equal(inventory_retire_request(s, e, message, cap), 0);
    assert_int_equal(inventory_retire_request(s, e, message, len), len);
}

/* ---- the answer ---- */

static void put_answer_item(struct ttlv_writer *w, const char *why)
{
    size_t item = ttlv_begin(w, TAG_BATCH_ITEM);
    ttlv_put_enumeration(w, TAG_RESULT_STATUS, why == NULL ? RESULT_SUCCESS : RESULT_OPERATION_FAILED);
    if (why != NULL) {
        ttlv_put_enumeration(w, TAG_RESULT_REASON, REASON_PERMISSION_DENIED);
        ttlv_put_text(w, TAG_RESULT_MESSAGE, span_of_text(why));
    }
    ttlv_end(w, item);
}

static void check_answer(const char *first, const char *second, const char *wanted)
{
    uint8_t answer[400];
    struct ttlv_writer w = ttlv_writer_over(answer, sizeof answer);
    size_t message = ttlv_begin(&w, TAG_RESPONSE_MESSAGE), header = ttlv_begin(&w, TAG_RESPONSE_HEADER);
    ttlv_put_integer(&w, TAG_BATCH_COUNT, 2);
    ttlv_end(&w, header);
    put_answer_item(&w, first);
    put_answer_item(&w, second);
    ttlv_end(&w, message);
    check_text(inventory_retire_answer(span_of(answer, w.len)), wanted);
}

static void the_first_failure_is_the_answer(void **state)
{
    (void)state;
    check_answer(NULL, NULL, "");
    check_answer("no", NULL, "no");
    check_answer(NULL, "never", "never");
    check_answer("no", "never", "no");
    check_text(inventory_retire_answer(span_of(NULL, 0)), "there is no answer");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_and_use_are_told_first),
        TEST(the_owner_is_told),
        TEST(a_newer_key_of_the_same_is_told),
        TEST(the_newest_is_told),
        TEST(a_key_of_the_same_second_is_not_newer),
        TEST(a_newer_key_of_nobody_known_is_told),
        TEST(the_word_that_confirms),
        TEST(only_destroyed_ones_are_destroyed),
        TEST(an_active_key_is_revoked_first),
        TEST(the_request_is_one_that_is_understood),
        TEST(a_request_without_room_is_none),
        cmocka_unit_test(the_first_failure_is_the_answer),
    };
    return cmocka_run_group_tests_name("server/inventory: retiring", tests, NULL, NULL);
}
