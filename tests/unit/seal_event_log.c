/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's log: what is kept of it, its replay, and every way in which it can be cut or lie. */
#include "support/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "crypto/kdf.h"
#include "seal/event_log.h"

static uint8_t log_bytes[100000];
static size_t log_len;

static void put(uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        log_bytes[log_len++] = (uint8_t)(v >> 8 * i);
}

static void begin(bool sha256_too)
{
    log_len = 0;
    put(0, 4), put(3, 4);
    for (int i = 0; i < 5; i++)
        put(0, 4);
    put(sha256_too ? 16 + 8 + 4 + 8 + 1 + 3 : 16 + 8 + 4 + 4 + 1 + 3, 4);
    memcpy(log_bytes + log_len, "Spec ID Event03", 16);
    log_len += 16;
    put(0, 4), put(0x00000200, 4), put(sha256_too ? 2 : 1, 4);
    put(0x0004, 2), put(20, 2);
    if (sha256_too)
        put(0x000b, 2), put(32, 2);
    put(3, 1), put(0x616263, 3);
}

static void event(uint32_t pcr, uint32_t type, uint8_t fill, uint32_t data)
{
    put(pcr, 4), put(type, 4), put(2, 4);
    put(0x0004, 2);
    memset(log_bytes + log_len, 0xee, 20);
    log_len += 20;
    put(0x000b, 2);
    memset(log_bytes + log_len, fill, 32);
    log_len += 32;
    put(data, 4);
    memset(log_bytes + log_len, 0xdd, data);
    log_len += data;
}

static enum status read_bytes(const uint8_t *bytes, size_t len, struct event_log *out)
{
    int file = memfd_create("log", 0);
    assert_int_equal(write(file, bytes, len), (ssize_t)len);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    enum status status = event_log_read(file, 1u << 4 | 1u << 12, out);
    close(file);
    return status;
}

static void fill(void)
{
    begin(true);
    event(0, 8, 1, 10);
    event(4, 0x80000007, 2, 40);
    event(4, 3, 9, 5); /* not measured */
    event(7, 0x80000001, 3, 30000);
    event(4, 0x80000003, 4, 0);
    event(12, 13, 5, 6);
    event(0xffffffff, 3, 5, 6);
}

static void what_was_asked_for_is_kept(void **state)
{
    (void)state;
    static struct event_log log;
    fill();
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_OK);
    assert_int_equal(log.count, 3);
    assert_int_equal(log.event[0].pcr, 4);
    assert_int_equal(log.event[0].type, 0x80000007);
    assert_int_equal(log.event[1].digest[31], 4);
    assert_int_equal(log.event[2].pcr, 12);
}

static void extend(uint8_t value[32], uint8_t with)
{
    uint8_t digest[32];
    memset(digest, with, 32);
    struct span parts[] = {span_of(value, 32), span_of(digest, 32)};
    sha256_parts(parts, 2, value);
}

static void a_replay_extends_and_swaps(void **state)
{
    (void)state;
    static struct event_log log;
    struct tpm_pcrs out;
    uint8_t wanted[32] = {0}, swapped[32] = {0}, twelve[32] = {0};
    struct event_swap swaps[2] = {0};
    fill();
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_OK);
    extend(wanted, 2), extend(wanted, 4), extend(twelve, 5);
    event_log_replay(&log, 1u << 4 | 1u << 12, NULL, 0, &out);
    assert_memory_equal(out.value[4], wanted, 32);
    assert_memory_equal(out.value[12], twelve, 32);
    assert_int_equal(out.mask, 1u << 4 | 1u << 12);
    extend(swapped, 2), extend(swapped, 5);
    memset(swaps[0].from, 4, 32), memset(swaps[0].to, 5, 32);
    memset(swaps[1].from, 5, 32), memset(swaps[1].to, 5, 32); /* what was swapped is not swapped again */
    event_log_replay(&log, 1u << 4 | 1u << 12, swaps, 2, &out);
    assert_memory_equal(out.value[4], swapped, 32);
    assert_memory_equal(out.value[12], twelve, 32);
    assert_int_equal(swaps[0].used, 1);
    assert_int_equal(swaps[1].used, 1);
}

static void a_cut_log_is_refused(void **state)
{
    (void)state;
    static struct event_log log;
    size_t good = 0;
    fill();
    for (size_t len = 0; len < log_len; len = len < 400 ? len + 1 : len + 97) {
        if (read_bytes(log_bytes, len, &log) == STATUS_OK)
            good++; /* at the end of an event */
        else
            assert_int_equal(log.count, 0);
    }
    assert_in_range(good, 1, 5);
}

static void a_lying_log_is_refused(void **state)
{
    (void)state;
    static struct event_log log;
    fill();
    log_bytes[4] = 1; /* no Spec ID event */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    fill();
    log_bytes[32] = 's'; /* its signature */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    fill();
    log_bytes[28]++; /* its size */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    fill();
    log_bytes[56] = 200; /* algorithms */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    fill();
    log_bytes[66] = 16; /* bytes of a SHA-256 */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    begin(true);
    put(4, 4), put(8, 4), put(200, 4); /* digests */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    begin(true);
    put(4, 4), put(8, 4), put(1, 4), put(0x0c, 2); /* an algorithm that was not announced */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    begin(true);
    put(4, 4), put(8, 4), put(0, 4), put(0, 4); /* none */
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    begin(true);
    put(0, 4), put(8, 4), put(0, 4), put(0xffffffff, 4);
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_MALFORMED);
    begin(false);
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_NOT_FOUND);
    begin(true);
    for (int i = 0; i < EVENT_LOG_EVENTS; i++)
        event(4, 8, 1, 1);
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_OK);
    event(4, 8, 1, 1);
    assert_int_equal(read_bytes(log_bytes, log_len, &log), STATUS_TOO_LARGE);
    assert_int_equal(event_log_read(-1, 1, &log), STATUS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_is_kept),
        cmocka_unit_test(a_replay_extends_and_swaps),
        cmocka_unit_test(a_cut_log_is_refused),
        cmocka_unit_test(a_lying_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
