/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's TLS connection: whom it trusts, what it says when something is wrong. The server is a process
 * of its own that does as it is told, once. */
#include "support/check.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "console/probe_tls.h"
#include "support/server_peer.h"

enum manner {
    ANSWER,      /* one request is answered with the answer of the test */
    ANSWER_HALF, /* then the connection is closed */
    HANG_UP,     /* at once */
    REFUSE,      /* with a fatal alert: what an unknown client certificate gets */
    NO_TLS
};

static struct tls_identity identity;
static struct peer_identity client;
static struct probe_tls tls;
static struct sockaddr_in6 address;
static pid_t server;
static uint8_t answer[20000];
static size_t answer_len;

static int make_keys(void **state)
{
    (void)state;
    peer_server_identity(&identity, true);
    peer_identity_make(&client, "probe", 0);
    return 0;
}

static int io_read(void *context, unsigned char *bytes, size_t len)
{
    ssize_t n = recv(*(int *)context, bytes, len, 0);
    return n > 0 ? (int)n : -1;
}

static int io_write(void *context, const unsigned char *bytes, size_t len)
{
    ssize_t n = send(*(int *)context, bytes, len, MSG_NOSIGNAL);
    return n > 0 ? (int)n : -1;
}

static void serve_tls(int fd, enum manner manner)
{
    static br_ssl_server_context context;
    static uint8_t buffer[BR_SSL_BUFSIZE_BIDI];
    static br_sslio_context io;
    uint8_t request[1024];
    br_ssl_server_init_full_ec(&context, tls_current(&identity)->chain, 1, BR_KEYTYPE_EC, &identity.key.ec);
    br_ssl_engine_set_buffer(&context.eng, buffer, sizeof buffer, 1);
    br_ssl_server_reset(&context);
    br_sslio_init(&io, &context.eng, io_read, &fd, io_write, &fd);
    if (br_sslio_read_all(&io, request, 8) != 0 ||
        br_sslio_read_all(&io, request + 8, be32_get(request + 4)) != 0)
        return;
    size_t len = manner == ANSWER_HALF ? answer_len / 2 : answer_len;
    memcpy(answer + answer_len - 8, request + 8, 8); /* an echo, so that the test sees that it was read */
    br_sslio_write_all(&io, answer, len);
    br_sslio_flush(&io);
    br_sslio_close(&io);
}

static _Noreturn void be_server(int listener, enum manner manner)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
    uint8_t hello[2048];
    alarm(20);
    int fd = accept(listener, NULL, NULL);
    if (manner == REFUSE && recv(fd, hello, sizeof hello, 0) > 0)
        send(fd, alert, sizeof alert, MSG_NOSIGNAL);
    if (manner == NO_TLS && recv(fd, hello, sizeof hello, 0) > 0)
        send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
    if (manner == ANSWER || manner == ANSWER_HALF)
        serve_tls(fd, manner);
    shutdown(fd, SHUT_WR);
    while (recv(fd, hello, sizeof hello, 0) > 0)
        continue;
    _exit(0);
}

static void start(enum manner manner)
{
    socklen_t len = sizeof address;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = (struct sockaddr_in6){.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr), 1);
    assert_int_equal(bind(listener, (struct sockaddr *)(void *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&address, &len), 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        be_server(listener, manner);
    close(listener);
    memset(&tls, 0, sizeof tls);
    memcpy(tls.certificate, client.der, client.len);
    tls.chain[0] = (br_x509_certificate){.data = tls.certificate, .data_len = client.len};
    tls.key = client.key;
}

static void stop(void)
{
    int status;
    close(tls.fd);
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status));
}

/* A message of so many bytes: tag, type, length, and what the server fills in. */
static void set_answer(size_t len)
{
    memset(answer, 0, sizeof answer);
    answer_len = len;
    memcpy(answer, "\x42\x00\x7b\x01", 4);
    be32_put(answer + 4, (uint32_t)(len - 8));
}

static const uint8_t request[16] = {0x42, 0, 0x78, 1, 0, 0, 0, 8, 'r', 'e', 'q', 'u', 'e', 's', 't', '!'};

static void a_request_and_its_answer(void **state)
{
    (void)state;
    uint8_t got[16384];
    size_t len = 0;
    set_answer(sizeof got); /* more than one TLS record, and just what fits */
    start(ANSWER);
    assert_null(probe_connect(&tls, &address));
    assert_null(probe_exchange(&tls, span_of(request, sizeof request), got, sizeof got, &len));
    assert_int_equal(len, sizeof got);
    assert_memory_equal(got + len - 8, "request!", 8);
    probe_close(&tls);
    stop();
}

/* The thumbprints that the operator compares are those of the certificate. */
static void the_servers_thumbprints_are_noted(void **state)
{
    (void)state;
    uint8_t wanted[SHA256_BYTES], wanted_1[SHA1_BYTES];
    struct span der = tls_certificate_der(tls_current(&identity), 0);
    sha256(der, wanted);
    sha1(der, wanted_1);
    start(ANSWER);
    assert_null(probe_connect(&tls, &address));
    assert_memory_equal(tls.trust.seen_sha256, wanted, SHA256_BYTES);
    assert_memory_equal(tls.trust.seen_sha1, wanted_1, SHA1_BYTES);
    probe_close(&tls);
    stop();
}

static void a_pinned_certificate_is_the_only_one_trusted(void **state)
{
    (void)state;
    sha256(tls_certificate_der(tls_current(&identity), 0), tls.trust.pin);
    uint8_t pin[SHA256_BYTES];
    memcpy(pin, tls.trust.pin, sizeof pin);
    for (int right = 0; right <= 1; right++) {
        start(ANSWER);
        memcpy(tls.trust.pin, pin, sizeof pin);
        tls.trust.pin[31] ^= right ? 0 : 1;
        tls.trust.pinned = true;
        const char *wrong = probe_connect(&tls, &address);
        if (right) {
            assert_null(wrong);
            probe_close(&tls);
        } else {
            assert_string_equal(wrong, "the server's certificate does not have the thumbprint given");
        }
        stop();
    }
}

static void check_connect(enum manner manner, const char *words)
{
    start(manner);
    const char *wrong = probe_connect(&tls, &address);
    assert_non_null(wrong);
    if (strstr(wrong, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", wrong, words);
    stop();
}

static void each_trouble_of_a_handshake_has_its_words(void **state)
{
    (void)state;
    check_connect(HANG_UP, "closed the connection");
    check_connect(REFUSE, "is this client certificate enrolled");
    check_connect(NO_TLS, "the TLS handshake failed");
    memset(&tls, 0, sizeof tls);
    tls.key = client.key; /* nobody listens where the last server did */
    assert_string_equal(probe_connect(&tls, &address), "Connection refused");
    close(tls.fd);
}

static void an_answer_that_is_too_long_is_not_read(void **state)
{
    (void)state;
    uint8_t got[1000];
    size_t len = 0;
    set_answer(1001);
    start(ANSWER);
    assert_null(probe_connect(&tls, &address));
    memset(got, 0xee, sizeof got);
    const char *wrong = probe_exchange(&tls, span_of(request, sizeof request), got, sizeof got, &len);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "longer than any"));
    assert_int_equal(got[8], 0xee);
    stop();
}

static void half_an_answer_is_none(void **state)
{
    (void)state;
    uint8_t got[1000];
    size_t len = 0;
    set_answer(400);
    start(ANSWER_HALF);
    assert_null(probe_connect(&tls, &address));
    const char *wrong = probe_exchange(&tls, span_of(request, sizeof request), got, sizeof got, &len);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "closed the connection"));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_its_answer),
        cmocka_unit_test(the_servers_thumbprints_are_noted),
        cmocka_unit_test(a_pinned_certificate_is_the_only_one_trusted),
        cmocka_unit_test(each_trouble_of_a_handshake_has_its_words),
        cmocka_unit_test(an_answer_that_is_too_long_is_not_read),
        cmocka_unit_test(half_an_answer_is_none),
    };
    return cmocka_run_group_tests_name("probe_tls", tests, make_keys, NULL);
}
