/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS against a server with TLS. */
#define _GNU_SOURCE
#include "support/https_server.h"

#include "keymgr/http.h"

#define WAIT_MS 15000

static struct http *memory, *http; /* http: NULL when it is not open */

static int begin_all(void **state)
{
    (void)state;
    struct region plan = {.base = NULL}, region = {.base = NULL};
    bool locked;
    (void)http_carve(&plan);
    assert_int_equal(region_map(&region, plan.used, false, &locked), STATUS_OK);
    memory = http_carve(&region);
    make_certificates();
    return 0;
}

/* ---- the client ---- */

static void open_http(const char *with)
{
    struct http_settings settings = {.roots = span_of_text(with), .proxy = ""};
    http = memory;
    assert_true(http_open(http, &settings));
}

static void turn(void)
{
    static struct pollfd fds[64]; /* looked at by the next http_turn */
    struct clock now = clock_read();
    uint64_t due = now.mono_ms + 10;
    http_turn(http, clock_read());
    size_t count = http_poll(http, fds, COUNT_OF(fds), now, &due);
    assert_true(count <= COUNT_OF(fds));
    poll(fds, (nfds_t)count, due > now.mono_ms ? (int)(due - now.mono_ms) : 0);
    if (server.pid != 0)
        look();
}

static void wait_until_asked(const char *end)
{
    uint64_t until = clock_read().mono_ms + WAIT_MS;
    while (strstr(seen, end) == NULL && clock_read().mono_ms < until)
        turn();
    assert_non_null(strstr(seen, end));
}

static struct http_answer wait_until_ended(size_t slot)
{
    struct http_answer a = {.status = -1};
    uint64_t until = clock_read().mono_ms + WAIT_MS;
    while (!http_ended(http, slot, &a) && clock_read().mono_ms < until)
        turn();
    assert_int_not_equal(a.status, -1);
    return a;
}

static struct http_request get_request(void)
{
    return (struct http_request){.method = "GET", .url = url, .timeout_ms = WAIT_MS};
}

static void begin(const struct http_request *q)
{
    assert_true(http_begin(http, 3, q));
}

static struct http_answer asked(const char *answer)
{
    struct http_request q = get_request();
    seen_len = 0;
    seen[0] = 0;
    begin(&q);
    wait_until_asked("\r\n\r\n");
    say(answer);
    return wait_until_ended(3);
}

static int stop(void **state)
{
    (void)state;
    if (http != NULL)
        http_close(http);
    http = NULL;
    end_server();
    return 0;
}

/* ---- tests ---- */

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void a_request_and_its_answer(void **state)
{
    (void)state;
    static char body[HTTP_BODY_MAX];
    memset(body, 'b', sizeof body);
    serve("good");
    open_http(roots);
    struct http_request q = {.method = "POST",
                             .url = url,
                             .content_type = "text/x",
                             .token = "the-token",
                             .extra = {"X-One: 1", "X-Two: 2", "X-Three: 3"},
                             .body = span_of(body, sizeof body),
                             .timeout_ms = WAIT_MS};
    begin(&q);
    wait_until_asked("bbb");
    for (int i = 0; i < 200 && seen_len < sizeof body + 200; i++)
        turn();
    assert_ptr_equal(strstr(seen, "POST /path?a=b HTTP/1.1\r\n"), seen);
    const char *const lines[] = {"\r\nAccept: application/json\r\n",
                                 "\r\nAuthorization: Bearer the-token\r\n",
                                 "\r\nContent-Type: text/x\r\n",
                                 "\r\nX-One: 1\r\n",
                                 "\r\nX-Two: 2\r\n",
                                 "\r\nX-Three: 3\r\n",
                                 "\r\nContent-Length: 11264\r\n",
                                 "\r\nUser-Agent: holdfast\r\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (strstr(seen, lines[i]) == NULL)
            fail_msg("%s is not in %.600s", lines[i], seen);
    assert_null(strstr(seen, "Expect"));
    say("HTTP/1.1 201 Created\r\nContent-Length: 4\r\nRetry-After: 7\r\n"
        "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nbody");
    struct http_answer a = wait_until_ended(3);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_int_equal(a.status, 201);
    check_text(a.body, "body");
    assert_true(a.sent && a.tls_us > a.connect_us && a.total_us >= a.tls_us);
    assert_int_equal(a.retry_after_s, 7);
    assert_int_equal(a.date_s, 784111777);
    assert_string_equal(a.why, "");
    const uint8_t *kept = a.body.ptr;
    http_free(http, 3);
    assert_int_equal(kept[0], 0);
    assert_false(http_ended(http, 3, &a));
}

static void connections_are_kept(void **state)
{
    (void)state;
    serve("good");
    open_http(roots);
    struct http_answer a = asked(OK_EMPTY);
    assert_int_equal(a.status, 200);
    http_free(http, 3);
    a = asked(OK_EMPTY);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.tls_us, 0); /* the same one */
    http_free(http, 3);
}

static void dates_and_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        uint64_t retry_after_s;
        int64_t date_s;
    } headers[] = {
        {"Retry-After: 0\r\n", 0, 0},
        {"Retry-After:120\r\n", 120, 0},
        {"Retry-After: -1\r\n", 0, 0},
        {"Retry-After: 18446744073709551615\r\n", 86400, 0},
        {"Retry-After: 99999999999999999999999999\r\n", 86400, 0},
        {"Retry-After: 18446744073709551621\r\n", 86400, 0},
        {"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 0, 0},
        {"Retry-After:\r\n", 0, 0},
        {"Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n", 0, 1},
        {"Date: Thu, 29 Feb 2024 23:59:60 GMT\r\n", 0, 1709251200},
        {"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n", 0, 253402300799},
        {"Date: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 0, 0},
        {"Date: Sun Nov  6 08:49:37 1994\r\n", 0, 0},
        {"Date: Sun, 06 Nov 1969 08:49:37 GMT\r\n", 0, 0},
        {"Date: Sun, 32 Nov 1994 08:49:37 GMT\r\n", 0, 0},
        {"Date: Sun, 06 Nox 1994 08:49:37 GMT\r\n", 0, 0},
        {"Date: Sun, 06 Nov 1994 24:49:37 GMT\r\n", 0, 0},
        {"Date: Sun, 99999999999999999999999999999\r\n", 0, 0},
        {"Date: xyz,\r\n", 0, 0},
        {"Date:\r\n", 0, 0},
        {"Date: Sun, 06 Nov 1994 08:49:37 GMT and so on, and on, and on, and on, and on\r\n", 0, 784111777},
    };
    char text[300];
    serve("good");
    open_http(roots);
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        snprintf(text, sizeof text, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n%s\r\n", headers[i].lines);
        struct http_answer a = asked(text);
        assert_int_equal(a.status, 503);
        if (a.retry_after_s != headers[i].retry_after_s || a.date_s != headers[i].date_s)
            fail_msg("%s: %llu %lld", headers[i].lines, (unsigned long long)a.retry_after_s,
                     (long long)a.date_s);
        http_free(http, 3);
    }
}

static void check_untrusted(const char *certificate, const char *with, const char *host, const char *why)
{
    serve(certificate);
    open_http(with);
    struct http_request q = get_request();
    snprintf(url, sizeof url, "https://%s:%d/", host, server.port);
    begin(&q);
    struct http_answer a = wait_until_ended(3);
    assert_int_equal(a.outcome, HTTP_UNTRUSTED);
    assert_false(a.sent);
    assert_int_equal(a.status, 0);
    if (strstr(a.why, why) == NULL || strstr(a.why, host) != a.why)
        fail_msg("%s: %s", certificate, a.why);
    (void)stop(NULL);
}

static void who_does_not_prove_its_name_is_told_nothing(void **state)
{
    (void)state;
    check_untrusted("good", other_roots, "localhost", "none of the roots signed it");
    check_untrusted("old", roots, "localhost", "expired");
    check_untrusted("name", roots, "localhost", "it is for another name");
    check_untrusted("good", roots, "127.0.0.1", "use a name");
}

struct pieces {
    size_t count, len;
    char text[200];
};

static void take_piece(void *self, struct span bytes)
{
    struct pieces *p = self;
    assert_true(p->len + bytes.len < sizeof p->text);
    memcpy(p->text + p->len, bytes.ptr, bytes.len);
    p->len += bytes.len;
    p->count++;
}

static void good_lists_come_in_pieces(void **state)
{
    (void)state;
    struct pieces pieces = {.count = 0};
    serve("good");
    open_http(roots);
    struct http_request q = get_request();
    q.piece = take_piece;
    q.self = &pieces;
    begin(&q);
    wait_until_asked("\r\n\r\n");
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    for (int i = 0; i < 500 && pieces.count == 0; i++)
        turn();
    assert_int_equal(pieces.len, 5);
    say("6\r\nsecond\r\n0\r\n\r\n");
    struct http_answer a = wait_until_ended(3);
    assert_int_equal(a.body.len, 0);
    assert_string_equal(pieces.text, "firstsecond");
    http_free(http, 3);
    seen_len = 0;
    seen[0] = 0;
    begin(&q); /* of a bad answer the body is kept */
    wait_until_asked("\r\n\r\n");
    say("HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nbad");
    a = wait_until_ended(3);
    check_text(a.body, "bad");
    assert_int_equal(pieces.len, 11);
}

static void answers_are_bounded(void **state)
{
    (void)state;
    static char text[HTTP_ANSWER_MAX + 200];
    serve("good");
    open_http(roots);
    for (int more = 0; more < 2; more++) {
        int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                         HTTP_ANSWER_MAX + more);
        memset(text + n, 'a', HTTP_ANSWER_MAX + (size_t)more);
        text[n + HTTP_ANSWER_MAX + more] = 0;
        struct http_answer a = asked(text);
        assert_int_equal(a.outcome, more == 0 ? HTTP_ANSWERED : HTTP_TOO_LARGE);
        assert_int_equal(a.body.len, more == 0 ? HTTP_ANSWER_MAX : a.body.len);
        assert_int_equal(a.status, more == 0 ? 200 : 0);
        http_free(http, 3);
    }
}

static void what_breaks(void **state)
{
    (void)state;
    serve("good");
    open_http(roots);
    struct http_answer a = asked("this is no HTTP\r\n\r\n");
    assert_int_equal(a.outcome, HTTP_BROKEN);
    assert_true(a.sent);
    http_free(http, 3);
    struct http_request q = get_request();
    seen[seen_len = 0] = 0;
    begin(&q);
    wait_until_asked("\r\n\r\n");
    say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    for (int i = 0; i < 20; i++)
        turn();
    end_server();
    a = wait_until_ended(3);
    assert_int_equal(a.outcome, HTTP_BROKEN);
    assert_int_equal(a.status, 0);
    http_free(http, 3);
    begin(&q);
    a = wait_until_ended(3);
    assert_int_equal(a.outcome, HTTP_NO_ROUTE);
    assert_false(a.sent);
    assert_non_null(strstr(a.why, "no connection"));
}

/* What ends in the turn that began it is seen at once, though no socket is left that tells. */
static void what_ended_wants_a_turn(void **state)
{
    (void)state;
    open_http(roots);
    snprintf(url, sizeof url, "http://localhost/");
    struct http_request q = get_request();
    begin(&q);
    struct clock now = clock_read();
    uint64_t due = UINT64_MAX;
    http_turn(http, clock_read());
    assert_int_equal(http_poll(http, NULL, 0, now, &due), 0);
    assert_true(due <= now.mono_ms);
    struct http_answer a;
    assert_true(http_ended(http, 3, &a));
    assert_int_equal(a.outcome, HTTP_BROKEN); /* https only */
}

static void no_answer_in_time(void **state)
{
    (void)state;
    serve("good");
    open_http(roots);
    struct http_request q = get_request();
    q.timeout_ms = 700;
    begin(&q);
    struct http_answer a = wait_until_ended(3);
    assert_int_equal(a.outcome, HTTP_OVERDUE);
    assert_non_null(strstr(a.why, "no answer in time"));
}

static void what_is_too_long_is_not_sent(void **state)
{
    (void)state;
    static char large[TOKEN_MAX + 300];
    memset(large, 'a', sizeof large - 1);
    open_http(roots);
    snprintf(url, sizeof url, "https://localhost:1/");
    struct http_request q = get_request();
    q.url = large;
    assert_false(http_begin(http, 3, &q));
    q = get_request();
    q.token = large;
    assert_false(http_begin(http, 3, &q));
    q = get_request();
    q.extra[0] = large;
    assert_false(http_begin(http, 3, &q));
    q = get_request();
    q.body = span_of(large, HTTP_BODY_MAX + 1);
    assert_false(http_begin(http, 3, &q));
    q = get_request();
    begin(&q);
    http_free(http, 3); /* under way */
    struct http_answer a;
    assert_false(http_ended(http, 3, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_request_and_its_answer, stop),
        cmocka_unit_test_teardown(connections_are_kept, stop),
        cmocka_unit_test_teardown(dates_and_seconds, stop),
        cmocka_unit_test_teardown(who_does_not_prove_its_name_is_told_nothing, stop),
        cmocka_unit_test_teardown(good_lists_come_in_pieces, stop),
        cmocka_unit_test_teardown(answers_are_bounded, stop),
        cmocka_unit_test_teardown(what_breaks, stop),
        cmocka_unit_test_teardown(what_ended_wants_a_turn, stop),
        cmocka_unit_test_teardown(no_answer_in_time, stop),
        cmocka_unit_test_teardown(what_is_too_long_is_not_sent, stop),
    };
    return cmocka_run_group_tests(tests, begin_all, remove_certificates);
}
