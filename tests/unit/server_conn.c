/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: framing of requests and answers. Slots, deadlines and ends: server_conn_end.c. */
#include "support/check.h"

#include "base/bytes.h"
#include "server/conn.h"
#include "support/message.h"
#include "support/server_house.h"

static struct peer_identity one, two;
static struct house *h;
static struct peer *peer;
static uint8_t in[MESSAGE_LARGE + 64], out[MESSAGE_LARGE];

static int begin_group(void **state)
{
    (void)state;
    peer_identity_make(&one, "one", 0);
    peer_identity_make(&two, "two", 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    h = house_new();
    peer = calloc(1, sizeof *peer);
    assert_int_equal(clients_add(h->server.clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    peer_end(peer);
    free(peer);
    return 0;
}

static struct conn *open_one(void)
{
    struct conn *c = house_connect(h, peer, 1, &one);
    assert_non_null(c);
    assert_true(house_shake(h, peer));
    assert_int_equal(c->phase, CONN_OPEN);
    return c;
}

static size_t locate_request(const char *name, int items)
{
    struct message_options options = {.minor = 4};
    struct message m;
    message_open(&m, in, MESSAGE_LARGE, &options);
    for (int i = 0; i < items; i++)
        item_locate_name(&m, name);
    return message_close(&m);
}

static size_t create_request(const char *name, int items)
{
    struct message_options options = {.minor = 4};
    struct message m;
    message_open(&m, in, MESSAGE_LARGE, &options);
    for (int i = 0; i < items; i++)
        item_create(&m, name);
    return message_close(&m);
}

/* The next answer has `items` Batch Items, all with this Result Reason. */
static void check_answer(int items, enum result_reason reason)
{
    size_t len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(answer_count(span_of(out, len)), items);
    for (int i = 0; i < items; i++)
        assert_int_equal(answer_item(span_of(out, len), i).reason, reason);
}

static void a_request_and_its_answer(void **state)
{
    (void)state;
    uint8_t uid[UUID_BYTES];
    struct message m;
    struct message_options options = {.minor = 4};
    struct conn *c = open_one();
    peer_write(peer, in, create_request(NULL, 1));
    size_t len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(answer_count(span_of(out, len)), 1);
    struct answer_item item = answer_item(span_of(out, len), 0);
    assert_int_equal(item.reason, REASON_NONE);
    assert_true(payload_uid(item.payload, uid));
    message_open(&m, in, sizeof in, &options);
    item_get(&m, uid);
    peer_write(peer, in, message_close(&m));
    len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(payload_key(answer_item(span_of(out, len), 0).payload).len, 32);
    assert_int_equal(h->server.counters.requests, 2);
    assert_int_equal(h->server.clients->clients[0].requests, 2);
    assert_int_equal(h->server.clients->clients[0].handshakes, 1);
    assert_int_equal(h->server.clients->clients[0].last_seen_s, h->server.now.unix_s);
    assert_non_null(strstr(house_log(h), "audit"));
    assert_non_null(strstr(house_log(h), "one 192.0.2.1 Create "));
    static const uint8_t wiped[MESSAGE_SMALL];
    assert_memory_equal(c->buffer, wiped, sizeof wiped); /* requests are not kept */
}

/* A batch that is suspended behind its Get, and finds no large buffer free. */
static void no_key_stays_in_a_buffer(void **state)
{
    (void)state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    struct message m;
    struct message_options options = {.minor = 4};
    struct conn *c = open_one();
    peer_write(peer, in, create_request(NULL, 1));
    size_t len = house_answer(h, peer, out, sizeof out);
    assert_true(payload_uid(answer_item(span_of(out, len), 0).payload, uid));
    for (int i = 0; i < MESSAGE_LARGE_SLOTS; i++)
        h->server.large[i].in_use = true;
    message_open(&m, in, sizeof in, &options);
    item_get(&m, uid);
    item_create(&m, NULL);
    peer_write(peer, in, message_close(&m));
    len = house_answer(h, peer, out, sizeof out);
    struct span got = payload_key(answer_item(span_of(out, len), 0).payload);
    assert_int_equal(got.len, sizeof key);
    memcpy(key, got.ptr, sizeof key);
    assert_int_equal(answer_item(span_of(out, len), 1).reason, REASON_NONE);
    assert_null(memmem(c->buffer, sizeof c->buffer, key, sizeof key));
    assert_null(memmem(h->server.scratch, MESSAGE_LARGE, key, sizeof key));
    assert_null(memmem(h->server.env.material, MATERIAL_MAX, key, sizeof key));
}

/* Split at every place, each part in a record of its own and a turn of its own. */
static void requests_in_two_parts(void **state)
{
    (void)state;
    size_t len = locate_request("x", 1);
    open_one();
    for (size_t cut = 1; cut < len; cut += cut < 12 ? 1 : 17) {
        peer_write(peer, in, cut);
        house_turn(h, 1);
        house_turn(h, 1);
        peer_write(peer, in + cut, len - cut);
        check_answer(1, REASON_NONE);
    }
    for (size_t i = 0; i < len; i++) {
        peer_write(peer, in + i, 1);
        house_turn(h, 1);
    }
    check_answer(1, REASON_NONE);
}

static size_t put_requests(uint8_t *all, int count)
{
    size_t len = 0;
    for (int items = 1; items <= count; items++) {
        size_t n = locate_request("x", items);
        memcpy(all + len, in, n);
        len += n;
    }
    return len;
}

static void requests_ahead_are_answered_in_order(void **state)
{
    (void)state;
    static uint8_t all[2000];
    open_one();
    peer_write(peer, all, put_requests(all, 2)); /* in one record */
    check_answer(1, REASON_NONE);
    check_answer(2, REASON_NONE);
    for (int items = 1; items <= 9; items++)
        peer_write(peer, in, locate_request("x", items)); /* in records of their own */
    for (int items = 1; items <= 9; items++)
        check_answer(items, REASON_NONE);
    assert_int_equal(h->server.counters.requests, 11);
}

/* The TLS buffer serves both directions: who fills it with requests and waits for answers is closed. */
static void too_many_requests_in_one_record_are_closed(void **state)
{
    (void)state;
    static uint8_t all[4000];
    open_one();
    peer_write(peer, all, put_requests(all, 4));
    assert_true(house_closed(h, peer));
    assert_non_null(strstr(house_log(h), "the client sends more requests than it reads answers"));
}

static int large_in_use(void)
{
    int count = 0;
    for (int i = 0; i < MESSAGE_LARGE_SLOTS; i++)
        count += h->server.large[i].in_use;
    return count;
}

static void large_requests_borrow_a_buffer(void **state)
{
    (void)state;
    struct conn *c = open_one();
    for (int items = 2; items <= 400; items += 99) {
        size_t len = locate_request("a-name-of-some-length", items);
        assert_true(len > 0 && len <= MESSAGE_LARGE);
        peer_write(peer, in, len);
        check_answer(items, REASON_NONE);
    }
    house_turn(h, 1);
    assert_null(c->large);
    assert_int_equal(large_in_use(), 0);
}

/* The last request that fits the connection's own buffer, and the first that does not. */
static void around_the_small_buffer(void **state)
{
    (void)state;
    char name[1000];
    open_one();
    for (size_t pad = 0; pad < 64; pad += 8) {
        memset(name, 'n', sizeof name);
        name[900] = 0;
        size_t len = locate_request(name, 1);
        size_t add = MESSAGE_SMALL - 32 + pad - len;
        struct message_options options = {.minor = 4};
        struct message m;
        message_open(&m, in, sizeof in, &options);
        item_locate_name(&m, name);
        uint8_t zeros[800] = {0};
        ttlv_put_bytes(&m.w, TAG_KEY_MATERIAL, span_of(zeros, add - TTLV_HEADER)); /* no field of Locate */
        size_t whole = message_close(&m);
        assert_int_equal(whole, MESSAGE_SMALL - 32 + pad);
        peer_write(peer, in, whole);
        len = house_answer(h, peer, out, sizeof out);
        assert_int_equal(answer_count(span_of(out, len)), 1);
    }
    assert_int_equal(large_in_use(), 0);
}

static void check_refused_and_closed(const char *text)
{
    size_t len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(answer_count(span_of(out, len)), 1);
    struct answer_item item = answer_item(span_of(out, len), 0);
    assert_int_equal(item.reason, REASON_INVALID_MESSAGE);
    check_text(item.text, text);
    assert_true(house_closed(h, peer));
    peer_end(peer);
    for (int i = 0; i < 5; i++)
        house_turn(h, 1);
    assert_int_equal(h->server.live_count, 0);
    assert_int_equal(h->server.counters.requests, 0);
    assert_int_equal(h->server.counters.refused_messages, 1);
    assert_non_null(strstr(house_log(h), text));
}

static void what_is_too_large_is_told(void **state)
{
    (void)state;
    open_one();
    locate_request("x", 1);
    be32_put(in + 4, MESSAGE_LARGE - TTLV_HEADER + 1);
    peer_write(peer, in, 300);
    check_refused_and_closed("a request is at most 65,536 bytes; send smaller batches");
}

static void what_is_not_kmip_is_told(void **state)
{
    (void)state;
    open_one();
    peer_write(peer, "GET / HTTP/1.1\r\nHost: kms\r\n\r\n", 29);
    check_refused_and_closed("this is not a KMIP request");
}

/* A Response Message, or the right tag with another type. */
static void the_tag_and_the_type_of_a_request(void **state)
{
    (void)state;
    open_one();
    size_t len = locate_request("x", 1);
    in[3] = 8;
    peer_write(peer, in, len);
    check_refused_and_closed("this is not a KMIP request");
}

/* A message that is whole but makes no sense is answered, and the connection stays. */
static void malformed_messages_are_answered(void **state)
{
    (void)state;
    open_one();
    size_t len = locate_request("x", 1);
    in[TTLV_HEADER] ^= 0xff; /* the Request Header */
    peer_write(peer, in, len);
    len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(answer_item(span_of(out, len), 0).status, 1);
    assert_int_equal(h->server.counters.refused_messages, 1);
    be32_put(in + 4, 0);
    be32_put(in, 0x42007801);
    peer_write(peer, in, TTLV_HEADER);
    len = house_answer(h, peer, out, sizeof out);
    assert_int_equal(answer_item(span_of(out, len), 0).status, 1);
    peer_write(peer, in, locate_request("x", 1));
    check_answer(1, REASON_NONE);
}

static void a_removed_client_is_told_and_closed(void **state)
{
    (void)state;
    struct conn *c = open_one();
    peer_write(peer, in, locate_request("x", 1));
    check_answer(1, REASON_NONE);
    assert_int_equal(clients_remove(h->server.clients, span_of_text("one")), STATUS_OK);
    assert_int_equal(clients_add(h->server.clients, span_of_text("two"), peer_der(&two)), STATUS_OK);
    peer_write(peer, in, locate_request("x", 1));
    check_answer(1, REASON_AUTHENTICATION_NOT_SUCCESSFUL);
    assert_true(house_closed(h, peer));
    assert_true(c->phase == CONN_LINGER || c->phase == CONN_FREE);
    assert_int_equal(h->server.counters.requests, 1);
}

/* The client's scope is that of its enrolment: others do not find its keys. */
static void scopes_keep_clients_apart(void **state)
{
    (void)state;
    struct clients *all = h->server.clients;
    assert_int_equal(clients_add(all, span_of_text("two"), peer_der(&two)), STATUS_OK);
    all->clients[1].scope = scopes_number(all->scopes, span_of_text("hall"));
    open_one();
    peer_write(peer, in, create_request("a-name", 1));
    check_answer(1, REASON_NONE);
    for (int i = 0; i < 2; i++) {
        uint8_t uid[UUID_BYTES];
        peer_end(peer);
        house_turn(h, 1);
        assert_non_null(house_connect(h, peer, 1, i == 0 ? &two : &one));
        assert_true(house_shake(h, peer));
        peer_write(peer, in, locate_request("a-name", 1));
        size_t len = house_answer(h, peer, out, sizeof out);
        assert_int_equal(payload_uid(answer_item(span_of(out, len), 0).payload, uid), i == 1);
    }
}

/* Answers that the client does not read yet are kept, and nothing is lost. */
static void a_slow_reader_gets_everything(void **state)
{
    (void)state;
    open_one();
    int wanted = 12;
    for (int i = 0; i < wanted; i++)
        peer_write(peer, in, locate_request("n", 40));
    for (int i = 0; i < wanted; i++)
        check_answer(40, REASON_NONE);
    house_turn(h, 1);
    assert_int_equal(large_in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_and_its_answer, begin, end),
        cmocka_unit_test_setup_teardown(requests_in_two_parts, begin, end),
        cmocka_unit_test_setup_teardown(no_key_stays_in_a_buffer, begin, end),
        cmocka_unit_test_setup_teardown(requests_ahead_are_answered_in_order, begin, end),
        cmocka_unit_test_setup_teardown(too_many_requests_in_one_record_are_closed, begin, end),
        cmocka_unit_test_setup_teardown(large_requests_borrow_a_buffer, begin, end),
        cmocka_unit_test_setup_teardown(around_the_small_buffer, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_kmip_is_told, begin, end),
        cmocka_unit_test_setup_teardown(the_tag_and_the_type_of_a_request, begin, end),
        cmocka_unit_test_setup_teardown(malformed_messages_are_answered, begin, end),
        cmocka_unit_test_setup_teardown(a_removed_client_is_told_and_closed, begin, end),
        cmocka_unit_test_setup_teardown(scopes_keep_clients_apart, begin, end),
        cmocka_unit_test_setup_teardown(a_slow_reader_gets_everything, begin, end),
    };
    return cmocka_run_group_tests_name("server/conn: requests", tests, begin_group, NULL);
}
