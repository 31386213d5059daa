/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/der and crypto/pem. */
#include "support/check.h"

#include "crypto/der.h"
#include "crypto/pem.h"

static void lengths_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *header;
        size_t header_len;
    } known[] = {
        {0, "\x04\x00", 2},
        {1, "\x04\x01", 2},
        {127, "\x04\x7f", 2},
        {128, "\x04\x81\x80", 3},
        {255, "\x04\x81\xff", 3},
        {256, "\x04\x82\x01\x00", 4},
        {1000, "\x04\x82\x03\xe8", 4},
        {65535, "\x04\x82\xff\xff", 4},
    };
    static uint8_t content[65535], room[65600];
    memset(content, 0x3c, sizeof content);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct buf out = buf_over(room, sizeof room);
        der_add(&out, DER_OCTET_STRING, span_of(content, known[i].len));
        assert_false(out.full);
        assert_int_equal(out.len, known[i].header_len + known[i].len);
        assert_memory_equal(room, known[i].header, known[i].header_len);
        assert_memory_equal(room + known[i].header_len, content, known[i].len);
        struct span in = buf_span(&out), back;
        uint8_t tag;
        assert_int_equal(der_next(&in, &tag, &back), STATUS_OK);
        assert_int_equal(tag, DER_OCTET_STRING);
        assert_int_equal(back.len, known[i].len);
        assert_int_equal(der_next(&in, &tag, &back), STATUS_END);
    }
}

static void nested_elements_move_along(void **state)
{
    (void)state;
    uint8_t room[400], content[130] = {0};
    struct buf out = buf_over(room, sizeof room);
    size_t outer = der_begin(&out, DER_SEQUENCE);
    size_t inner = der_begin(&out, DER_SET);
    der_add(&out, DER_OCTET_STRING, span_of(content, sizeof content));
    der_end(&out, inner);
    der_add(&out, DER_NULL, span_of("", 0));
    der_end(&out, outer);
    assert_int_equal(out.len, 3 + 3 + 3 + 130 + 2);
    assert_memory_equal(room, "\x30\x81\x8a\x31\x81\x85\x04\x81\x82", 9);
    assert_memory_equal(room + out.len - 2, "\x05\x00", 2);
}

static void running_out_of_room_is_told(void **state)
{
    (void)state;
    uint8_t content[130] = {0};
    for (size_t cap = 0; cap <= 133; cap++) {
        uint8_t *room = malloc(cap == 0 ? 1 : cap);
        struct buf out = buf_over(room, cap);
        der_add(&out, DER_OCTET_STRING, span_of(content, sizeof content));
        assert_int_equal(out.full, cap < 133);
        free(room);
    }
}

/* X.690 s8.3: two's complement, shortest form. */
static void numbers_are_positive_and_short(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
        size_t out_len;
    } known[] = {
        {"\x00", 1, "\x02\x01\x00", 3},         {"\x00\x00\x00", 3, "\x02\x01\x00", 3},
        {"\x7f", 1, "\x02\x01\x7f", 3},         {"\x80", 1, "\x02\x02\x00\x80", 4},
        {"\x00\x80", 2, "\x02\x02\x00\x80", 4}, {"\x00\x01\x00\x01", 4, "\x02\x03\x01\x00\x01", 5},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint8_t room[16];
        struct buf out = buf_over(room, sizeof room);
        der_add_unsigned(&out, span_of(known[i].in, known[i].len));
        assert_int_equal(out.len, known[i].out_len);
        assert_memory_equal(room, known[i].out, known[i].out_len);
    }
}

static enum status next_of(const char *bytes, size_t len)
{
    uint8_t *copy = tight_copy(bytes, len), tag;
    struct span in = span_of(copy, len), content;
    enum status status = der_next(&in, &tag, &content);
    if (status == STATUS_OK)
        assert_true(content.ptr >= copy && content.ptr + content.len <= copy + len &&
                    in.ptr == content.ptr + content.len);
    free(copy);
    return status;
}

static void malformed_elements_are_refused(void **state)
{
    (void)state;
    assert_int_equal(next_of("", 0), STATUS_END);
    assert_int_equal(next_of("\x04", 1), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x01", 2), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x01z", 3), STATUS_OK);
    assert_int_equal(next_of("\x04\x80\x00\x00", 4), STATUS_MALFORMED); /* indefinite */
    assert_int_equal(next_of("\x04\x81", 2), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x82\x00", 3), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x81\x01", 3), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x83\xff\xff\xff", 5), STATUS_MALFORMED);
    assert_int_equal(next_of("\x04\x84\x00\x00\x00\x01z", 7), STATUS_MALFORMED); /* beyond 2^24 */
    assert_int_equal(next_of("\x04\xff\x00\x00\x00\x00\x00\x00", 8), STATUS_MALFORMED);
    assert_int_equal(next_of("\x1f\x01z", 3), STATUS_MALFORMED); /* tag of several bytes */
    assert_int_equal(next_of("\xbf\x01z", 3), STATUS_MALFORMED);
}

static const char pem[] = "text before\n-----BEGIN FIRST ONE-----\nZm9v\nYmFy\n-----END FIRST ONE-----\n"
                          "between\n-----BEGIN B-----\r\nZg==\r\n-----END B-----\r\nbehind";

static void finds_one_object_after_another(void **state)
{
    (void)state;
    struct span text = span_of_text(pem), label;
    uint8_t out[16];
    size_t len;
    assert_int_equal(pem_next(&text, &label, out, sizeof out, &len), STATUS_OK);
    check_text(label, "FIRST ONE");
    check_text(span_of(out, len), "foobar");
    assert_int_equal(pem_next(&text, &label, out, sizeof out, &len), STATUS_OK);
    check_text(label, "B");
    check_text(span_of(out, len), "f");
    assert_int_equal(pem_next(&text, &label, out, sizeof out, &len), STATUS_END);
}

static enum status pem_of(const char *text, size_t cap)
{
    uint8_t *copy = tight_copy(text, strlen(text)), *out = malloc(cap == 0 ? 1 : cap);
    struct span in = span_of(copy, strlen(text)), label;
    size_t len;
    enum status status = pem_next(&in, &label, out, cap, &len);
    free(copy);
    free(out);
    return status;
}

static void broken_pem_is_refused(void **state)
{
    (void)state;
    assert_int_equal(pem_of("", 9), STATUS_END);
    assert_int_equal(pem_of("nothing here", 9), STATUS_END);
    assert_int_equal(pem_of("-----BEGIN", 9), STATUS_END);
    assert_int_equal(pem_of("-----BEGIN ", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END ", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END A", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END A----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END B-----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END AB----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg=\n-----END A-----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZ?==\n-----END A-----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nHeader: x\n\nZg==\n-----END A-----", 9), STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN 12345678901234567890123456789012345678901-----\nZg==\n"
                            "-----END 12345678901234567890123456789012345678901-----",
                            9),
                     STATUS_MALFORMED);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END A-----", 9), STATUS_OK);
    assert_int_equal(pem_of("-----BEGIN A-----\nZg==\n-----END A-----", 0), STATUS_TOO_LARGE);
}

static void writes_lines_of_64(void **state)
{
    (void)state;
    char room[400];
    uint8_t der[100], back[100];
    memset(der, 0xff, sizeof der);
    struct buf out = buf_over(room, sizeof room);
    pem_write(&out, "CERTIFICATE", span_of(der, sizeof der));
    assert_false(out.full);
    const char *line = strchr(room, '\n') + 1;
    assert_int_equal(strchr(line, '\n') - line, 64);
    assert_int_equal(strncmp(room, "-----BEGIN CERTIFICATE-----\n", 28), 0);
    assert_string_equal(room + out.len - 26, "-----END CERTIFICATE-----\n");
    struct span text = buf_span(&out), label;
    size_t len;
    assert_int_equal(pem_next(&text, &label, back, sizeof back, &len), STATUS_OK);
    assert_int_equal(len, sizeof der);
    assert_memory_equal(back, der, sizeof der);
    assert_int_equal(text.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_take_the_shortest_form), cmocka_unit_test(nested_elements_move_along),
        cmocka_unit_test(running_out_of_room_is_told),    cmocka_unit_test(numbers_are_positive_and_short),
        cmocka_unit_test(malformed_elements_are_refused), cmocka_unit_test(finds_one_object_after_another),
        cmocka_unit_test(broken_pem_is_refused),          cmocka_unit_test(writes_lines_of_64),
    };
    return cmocka_run_group_tests_name("crypto/der, crypto/pem", tests, NULL, NULL);
}
