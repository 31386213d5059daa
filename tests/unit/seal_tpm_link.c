/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to and from a TPM: parts, silence, too much, an end. */
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "seal/tpm_link.h"

static int ours, theirs;
static uint8_t answer[TPM_MESSAGE_MAX];

static void begin(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ours = pair[0], theirs = pair[1];
}

static enum status exchange(const void *bytes, size_t len, bool end, uint64_t wait_ms, size_t *got)
{
    if (len != 0)
        assert_int_equal(write(theirs, bytes, len), (ssize_t)len);
    if (end)
        shutdown(theirs, SHUT_WR);
    enum status status =
        tpm_link_exchange(ours, clock_read().mono_ms + wait_ms, span_of("command", 7), answer, got);
    close(ours);
    close(theirs);
    return status;
}

static void an_answer_is_as_long_as_it_says(void **state)
{
    (void)state;
    size_t got;
    begin();
    assert_int_equal(exchange("\x80\x01\0\0\0\x0c\0\0\0\0ab", 12, false, 20000, &got), STATUS_OK);
    assert_int_equal(got, 12);
    begin();
    assert_int_equal(exchange("\x80\x01\0\0\0\x0c\0\0\0\0abc", 13, false, 20000, &got), STATUS_MALFORMED);
    begin();
    assert_int_equal(exchange("\x80\x01\0\0\0\x09\0\0\0\0", 10, false, 20000, &got), STATUS_MALFORMED);
    begin();
    assert_int_equal(exchange("\x80\x01\0\0\x08\x01\0\0\0\0", 10, false, 20000, &got), STATUS_MALFORMED);
    begin();
    assert_int_equal(exchange("\x80\x01\xff\xff\xff\xff\0\0\0\0", 10, false, 20000, &got), STATUS_MALFORMED);
}

static void silence_has_an_end(void **state)
{
    (void)state;
    size_t got;
    begin();
    assert_int_equal(exchange("", 0, false, 30, &got), STATUS_FAILED);
    assert_int_equal(errno, ETIMEDOUT);
    begin();
    assert_int_equal(exchange("\x80\x01\0\0\0\x0c\0\0\0\0a", 11, false, 30, &got), STATUS_FAILED);
    assert_int_equal(errno, ETIMEDOUT);
    begin();
    assert_int_equal(exchange("", 0, false, 0, &got), STATUS_FAILED); /* the deadline is over */
    begin();
    assert_int_equal(exchange("\x80\x01\0", 3, true, 20000, &got), STATUS_FAILED);
    assert_int_equal(errno, EPIPE);
}

static void a_socket_or_a_device_is_opened(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/seal_tpm_link.%d", (int)getpid());
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(tpm_link_open(at.sun_path), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(listen(listening, 1), 0);
    int file = tpm_link_open(at.sun_path);
    assert_true(file >= 0);
    assert_true((fcntl(file, F_GETFL) & O_NONBLOCK) != 0);
    close(file);
    close(listening);
    unlink(at.sun_path);
    assert_int_equal(tpm_link_open(at.sun_path), -1);
    assert_int_equal(errno, ENOENT);
    file = tpm_link_open("/dev/null");
    assert_true(file >= 0);
    size_t got; /* writes to what is no socket, and meets its end */
    assert_int_equal(tpm_link_exchange(file, clock_read().mono_ms + 20000, span_of("x", 1), answer, &got),
                     STATUS_FAILED);
    assert_int_equal(errno, EPIPE);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_as_long_as_it_says),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(a_socket_or_a_device_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
