/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "ttlv/reader.h"

/* Reads one item from hexadecimal text, out of a copy that ends where the text does. */
static enum status next_of(const char *hex, struct ttlv_item *item, uint8_t **copy)
{
    uint8_t bytes[256];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);
    *copy = tight_copy(bytes, len);
    struct ttlv_reader reader = ttlv_reader_over(span_of(*copy, len));
    return ttlv_next(&reader, item);
}

static void check_malformed(const char *hex)
{
    struct ttlv_item item;
    uint8_t *copy;
    if (next_of(hex, &item, &copy) != STATUS_MALFORMED)
        fail_msg("taken: %s", hex);
    free(copy);
}

static void check_taken(const char *hex, enum ttlv_type type, size_t len)
{
    struct ttlv_item item;
    uint8_t *copy;
    if (next_of(hex, &item, &copy) != STATUS_OK)
        fail_msg("refused: %s", hex);
    assert_int_equal(item.tag, 0x420020);
    assert_int_equal(item.type, type);
    assert_int_equal(item.value.len, len);
    assert_ptr_equal(item.value.ptr, copy + 8);
    assert_ptr_equal(item.whole.ptr, copy);
    free(copy);
}

/* KMIP 1.4 s9.1.2 */
static void reads_the_examples(void **state)
{
    (void)state;
    struct ttlv_item item;
    uint8_t *copy;
    assert_int_equal(next_of("420020 02 00000004 00000008 00000000", &item, &copy), STATUS_OK);
    assert_int_equal(item.type, TTLV_INTEGER);
    assert_int_equal(item.value.len, 4);
    assert_int_equal(item.whole.len, 16);
    assert_int_equal(ttlv_integer(&item), 8);
    free(copy);
    assert_int_equal(next_of("420020 03 00000008 01B69B4BA5749200", &item, &copy), STATUS_OK);
    assert_true(ttlv_long(&item) == 123456789000000000);
    free(copy);
    assert_int_equal(next_of("420020 05 00000004 000000FF 00000000", &item, &copy), STATUS_OK);
    assert_int_equal(ttlv_enumeration(&item), 255);
    free(copy);
    assert_int_equal(next_of("420020 06 00000008 0000000000000001", &item, &copy), STATUS_OK);
    assert_true(ttlv_boolean(&item));
    free(copy);
    assert_int_equal(next_of("420020 07 0000000B 48656C6C6F20576F726C64 0000000000", &item, &copy),
                     STATUS_OK);
    check_text(item.value, "Hello World");
    free(copy);
    assert_int_equal(next_of("420020 08 00000003 010203 0000000000", &item, &copy), STATUS_OK);
    assert_true(span_equal(item.value, span_of("\1\2\3", 3)));
    free(copy);
    assert_int_equal(next_of("420020 09 00000008 0000000047DA67F8", &item, &copy), STATUS_OK);
    assert_true(ttlv_long(&item) == 1205495800);
    free(copy);
    assert_int_equal(next_of("420020 0A 00000004 000D2F00 00000000", &item, &copy), STATUS_OK);
    assert_int_equal(ttlv_enumeration(&item), 10 * 86400);
    free(copy);
    check_taken("420020 04 00000010 0000000003FD35EB6BC2DF4618080000", TTLV_BIG_INTEGER, 16);
    check_taken("420020 01 00000020 42000405 00000004 000000FE00000000 42000502 00000004 000000FF00000000",
                TTLV_STRUCTURE, 32);
}

static void numbers_have_signs(void **state)
{
    (void)state;
    struct ttlv_item item;
    uint8_t *copy;
    assert_int_equal(next_of("420020 02 00000004 80000000 00000000", &item, &copy), STATUS_OK);
    assert_int_equal(ttlv_integer(&item), INT32_MIN);
    free(copy);
    assert_int_equal(next_of("420020 03 00000008 FFFFFFFFFFFFFFFF", &item, &copy), STATUS_OK);
    assert_true(ttlv_long(&item) == -1);
    free(copy);
    assert_int_equal(next_of("420020 05 00000004 80000001 00000000", &item, &copy), STATUS_OK);
    assert_true(ttlv_enumeration(&item) == 0x80000001u);
    free(copy);
    assert_int_equal(next_of("420020 06 00000008 0000000000000000", &item, &copy), STATUS_OK);
    assert_false(ttlv_boolean(&item));
    free(copy);
}

static void empty_values_are_legal(void **state)
{
    (void)state;
    check_taken("420020 01 00000000", TTLV_STRUCTURE, 0);
    check_taken("420020 07 00000000", TTLV_TEXT_STRING, 0);
    check_taken("420020 08 00000000", TTLV_BYTE_STRING, 0);
}

static void ends_behind_the_last(void **state)
{
    (void)state;
    struct ttlv_reader reader = ttlv_reader_over(span_of(NULL, 0));
    struct ttlv_item item;
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
    uint8_t bytes[32];
    size_t len = hex_bytes("420020 07 00000000 420021 06 00000008 0000000000000001", bytes, sizeof bytes);
    reader = ttlv_reader_over(span_of(bytes, len));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, 0x420021);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
}

static void a_header_has_eight_bytes(void **state)
{
    (void)state;
    check_malformed("42");
    check_malformed("420020 07 000000");
    check_malformed("420020 06 00000008 00000000000001");
}

/* KMIP 1.4 s9.1.1.1 */
static void tags_begin_with_42_or_54(void **state)
{
    (void)state;
    struct ttlv_item item;
    uint8_t *copy;
    assert_int_equal(next_of("54FFFF 07 00000000", &item, &copy), STATUS_OK);
    assert_int_equal(item.tag, 0x54ffff);
    free(copy);
    check_malformed("410020 07 00000000");
    check_malformed("430020 07 00000000");
    check_malformed("000020 07 00000000");
    check_malformed("000000 00 00000000");
    check_malformed("FF0020 07 00000000");
}

/* KMIP 1.4 s9.1.1.2 */
static void there_are_ten_types(void **state)
{
    (void)state;
    check_malformed("420020 00 00000000");
    check_malformed("420020 00 00000008 0000000000000000");
    check_malformed("420020 0B 00000000");
    check_malformed("420020 0B 00000008 0000000000000000");
    check_malformed("420020 81 00000000");
    check_malformed("420020 FF 00000008 0000000000000000");
}

/* KMIP 1.4 s9.1.1.3, Table 287: every fixed length a little shorter and a little longer. */
static void lengths_fit_their_types(void **state)
{
    (void)state;
    static const unsigned four[] = {TTLV_INTEGER, TTLV_ENUMERATION, TTLV_INTERVAL};
    static const unsigned eight[] = {TTLV_LONG_INTEGER, TTLV_BOOLEAN, TTLV_DATE_TIME};
    char hex[100];
    for (size_t i = 0; i < 3; i++)
        for (unsigned len = 0; len <= 16; len++) {
            snprintf(hex, sizeof hex, "420020 %02x %08x 00000000000000000000000000000000", four[i], len);
            if (len == 4)
                check_taken(hex, (enum ttlv_type)four[i], 4);
            else
                check_malformed(hex);
            snprintf(hex, sizeof hex, "420020 %02x %08x 00000000000000000000000000000000", eight[i], len);
            if (len == 8)
                check_taken(hex, (enum ttlv_type)eight[i], 8);
            else
                check_malformed(hex);
        }
    for (unsigned len = 0; len <= 16; len++) {
        snprintf(hex, sizeof hex, "420020 01 %08x 4200210700000000 4200210700000000", len);
        if (len % 8 == 0)
            check_taken(hex, TTLV_STRUCTURE, len);
        else
            check_malformed(hex);
        snprintf(hex, sizeof hex, "420020 04 %08x 00000000000000010000000000000001", len);
        if (len % 8 == 0 && len != 0)
            check_taken(hex, TTLV_BIG_INTEGER, len);
        else
            check_malformed(hex);
    }
}

static void values_stay_in_their_room(void **state)
{
    (void)state;
    check_malformed("420020 07 00000001");
    check_malformed("420020 07 00000009 4142434445464748");
    check_malformed("420020 08 00000010 4142434445464748");
    check_malformed("420020 08 FFFFFFFF 4142434445464748");
    check_malformed("420020 08 FFFFFFF8 4142434445464748");
    check_malformed("420020 08 80000000 4142434445464748");
    check_malformed("420020 01 00000010 4200210700000000");
    check_malformed("420020 02 00000004");
    check_malformed("420020 02 00000004 00000001");
    check_malformed("420020 02 00000004 00000001 000000");
    /* The value is there, its padding is not. */
    check_malformed("420020 07 00000003 414243");
    check_malformed("420020 07 00000003 41424300000000");
}

static void padding_is_zeros(void **state)
{
    (void)state;
    check_malformed("420020 02 00000004 00000008 00000001");
    check_malformed("420020 05 00000004 00000008 01000000");
    check_malformed("420020 0A 00000004 00000008 00000100");
    check_malformed("420020 07 00000003 414243 0000000001");
    check_malformed("420020 08 00000003 414243 0100000000");
    check_malformed("420020 08 00000007 41424344454647 80");
}

static void booleans_are_zero_or_one(void **state)
{
    (void)state;
    check_malformed("420020 06 00000008 0000000000000002");
    check_malformed("420020 06 00000008 0100000000000000");
    check_malformed("420020 06 00000008 0100000000000001");
    check_malformed("420020 06 00000008 FFFFFFFFFFFFFFFF");
}

static void text_is_utf8_without_nul(void **state)
{
    (void)state;
    check_taken("420020 07 00000003 41C3A4 0000000000", TTLV_TEXT_STRING, 3);
    check_malformed("420020 07 00000003 41C341 0000000000");
    check_malformed("420020 07 00000002 41C3 000000000000");
    check_malformed("420020 07 00000003 410042 0000000000");
    check_malformed("420020 07 00000002 4100 000000000000");
    check_taken("420020 08 00000002 41C3 000000000000", TTLV_BYTE_STRING, 2);
}

/* A structure of `depth` structures inside one another. */
static size_t nest(uint8_t *out, size_t cap, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        char hex[40];
        snprintf(hex, sizeof hex, "420020 01 %08x", 8 * (depth - 1 - i));
        hex_bytes(hex, out + (size_t)8 * i, cap - (size_t)8 * i);
    }
    return (size_t)8 * depth;
}

static void walks_no_deeper_than_asked(void **state)
{
    (void)state;
    uint8_t bytes[8 * (TTLV_DEPTH_MAX + 3)];
    for (unsigned depth = 1; depth <= TTLV_DEPTH_MAX; depth++) {
        size_t len = nest(bytes, sizeof bytes, depth);
        assert_int_equal(ttlv_check(span_of(bytes, len), depth), STATUS_OK);
        assert_int_equal(ttlv_check(span_of(bytes, len), depth - 1), STATUS_TOO_LARGE);
    }
    size_t len = nest(bytes, sizeof bytes, TTLV_DEPTH_MAX + 1);
    assert_int_equal(ttlv_check(span_of(bytes, len), TTLV_DEPTH_MAX), STATUS_TOO_LARGE);
    assert_int_equal(ttlv_check(span_of(bytes, len), TTLV_DEPTH_MAX + 5), STATUS_TOO_LARGE);
    assert_int_equal(ttlv_check(span_of(NULL, 0), 0), STATUS_OK);
}

static enum status check_hex(const char *hex)
{
    uint8_t bytes[256];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);
    uint8_t *copy = tight_copy(bytes, len);
    enum status status = ttlv_check(span_of(copy, len), 4);
    free(copy);
    return status;
}

static void walks_everything_inside(void **state)
{
    (void)state;
    /* A structure of {structure of {Integer}, Boolean}, then another item: the last leaf is broken in turn.
     */
    assert_int_equal(check_hex("42002001 00000028 42002101 00000010 42002202 00000004 0000000100000000"
                               "42002306 00000008 0000000000000001 42002407 00000000"),
                     STATUS_OK);
    assert_int_equal(check_hex("42002001 00000028 42002101 00000010 42002202 00000004 0000000100000001"
                               "42002306 00000008 0000000000000001 42002407 00000000"),
                     STATUS_MALFORMED);
    assert_int_equal(check_hex("42002001 00000028 42002101 00000010 42002202 00000004 0000000100000000"
                               "42002306 00000008 0000000000000002 42002407 00000000"),
                     STATUS_MALFORMED);
    assert_int_equal(check_hex("42002001 00000028 42002101 00000010 42002202 00000004 0000000100000000"
                               "42002306 00000008 0000000000000001 42002407 00000001"),
                     STATUS_MALFORMED);
    /* An item that ends inside its structure's successor, though inside the message. */
    assert_int_equal(check_hex("42002001 00000018 42002101 00000008 42002202 00000004 0000000100000000"
                               "42002306 00000008 0000000000000001"),
                     STATUS_MALFORMED);
}

/* Fields of a structure in order: Integer 21, optional Text 22, Boolean 23. */
static enum fields_error read_fields(const char *hex, uint32_t *tag, bool *has_text)
{
    uint8_t bytes[256];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);
    uint8_t *copy = tight_copy(bytes, len);
    struct fields fields;
    struct ttlv_item item;
    fields_begin(&fields, span_of(copy, len));
    fields_need(&fields, 0x420021, TTLV_INTEGER, &item);
    *has_text = fields_take(&fields, 0x420022, TTLV_TEXT_STRING, &item);
    fields_need(&fields, 0x420023, TTLV_BOOLEAN, &item);
    enum fields_error error = fields_end(&fields);
    *tag = fields.tag;
    free(copy);
    return error;
}

#define INTEGER_21 "420021 02 00000004 00000008 00000000 "
#define TEXT_22    "420022 07 00000001 41 00000000000000 "
#define TRUE_23    "420023 06 00000008 0000000000000001 "

static void fields_stand_in_order(void **state)
{
    (void)state;
    uint32_t tag;
    bool text;
    assert_int_equal(read_fields(INTEGER_21 TEXT_22 TRUE_23, &tag, &text), FIELDS_OK);
    assert_true(text);
    assert_int_equal(read_fields(INTEGER_21 TRUE_23, &tag, &text), FIELDS_OK);
    assert_false(text);
    assert_int_equal(read_fields(TEXT_22 INTEGER_21 TRUE_23, &tag, &text), FIELDS_UNKNOWN);
    assert_int_equal(tag, 0x420022);
    assert_int_equal(read_fields(INTEGER_21 TRUE_23 TEXT_22, &tag, &text), FIELDS_UNKNOWN);
    assert_int_equal(tag, 0x420022);
}

static void fields_have_to_be_there(void **state)
{
    (void)state;
    uint32_t tag;
    bool text;
    assert_int_equal(read_fields("", &tag, &text), FIELDS_MISSING);
    assert_int_equal(tag, 0x420021);
    assert_int_equal(read_fields(INTEGER_21, &tag, &text), FIELDS_MISSING);
    assert_int_equal(tag, 0x420023);
    assert_int_equal(read_fields(INTEGER_21 TEXT_22, &tag, &text), FIELDS_MISSING);
    assert_int_equal(tag, 0x420023);
}

static void fields_have_their_type(void **state)
{
    (void)state;
    uint32_t tag;
    bool text;
    assert_int_equal(read_fields("420021 05 00000004 0000000800000000" TRUE_23, &tag, &text),
                     FIELDS_WRONG_TYPE);
    assert_int_equal(tag, 0x420021);
    assert_int_equal(read_fields(INTEGER_21 "420022 08 00000000" TRUE_23, &tag, &text), FIELDS_WRONG_TYPE);
    assert_int_equal(tag, 0x420022);
    assert_false(text);
}

static void fields_stand_once(void **state)
{
    (void)state;
    uint32_t tag;
    bool text;
    assert_int_equal(read_fields(INTEGER_21 INTEGER_21 TRUE_23, &tag, &text), FIELDS_REPEATED);
    assert_int_equal(tag, 0x420021);
    assert_int_equal(read_fields(INTEGER_21 TRUE_23 TRUE_23, &tag, &text), FIELDS_REPEATED);
    assert_int_equal(tag, 0x420023);
}

static void nothing_is_left_unread(void **state)
{
    (void)state;
    uint32_t tag;
    bool text;
    assert_int_equal(read_fields(INTEGER_21 TRUE_23 "420024 07 00000000", &tag, &text), FIELDS_UNKNOWN);
    assert_int_equal(tag, 0x420024);
    assert_int_equal(read_fields(INTEGER_21 TRUE_23 "42", &tag, &text), FIELDS_MALFORMED);
    assert_int_equal(read_fields(INTEGER_21 "420022 07 00000001", &tag, &text), FIELDS_MALFORMED);
    assert_int_equal(read_fields("420021 02", &tag, &text), FIELDS_MALFORMED);
}

static void peeking_and_any_type(void **state)
{
    (void)state;
    uint8_t bytes[100];
    struct fields fields;
    struct ttlv_item item;
    size_t len = hex_bytes(INTEGER_21 TEXT_22, bytes, sizeof bytes);
    fields_begin(&fields, span_of(bytes, len));
    assert_true(fields_peek(&fields, 0x420021));
    assert_false(fields_peek(&fields, 0x420022));
    assert_false(fields_take_any(&fields, 0x420022, &item));
    assert_true(fields_take_any(&fields, 0x420021, &item));
    assert_int_equal(item.type, TTLV_INTEGER);
    assert_true(fields_take_any(&fields, 0x420022, &item));
    assert_int_equal(item.type, TTLV_TEXT_STRING);
    assert_false(fields_peek(&fields, 0x420022));
    assert_int_equal(fields_end(&fields), FIELDS_OK);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    uint8_t bytes[100];
    struct fields fields;
    struct ttlv_item item;
    size_t len = hex_bytes(TEXT_22 INTEGER_21, bytes, sizeof bytes);
    fields_begin(&fields, span_of(bytes, len));
    assert_false(fields_take(&fields, 0x420022, TTLV_INTEGER, &item));
    assert_false(fields_take(&fields, 0x420021, TTLV_INTEGER, &item));
    assert_false(fields_need(&fields, 0x420023, TTLV_BOOLEAN, &item));
    assert_int_equal(fields_end(&fields), FIELDS_WRONG_TYPE);
    assert_int_equal(fields.tag, 0x420022);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples),         cmocka_unit_test(numbers_have_signs),
        cmocka_unit_test(empty_values_are_legal),     cmocka_unit_test(ends_behind_the_last),
        cmocka_unit_test(a_header_has_eight_bytes),   cmocka_unit_test(tags_begin_with_42_or_54),
        cmocka_unit_test(there_are_ten_types),        cmocka_unit_test(lengths_fit_their_types),
        cmocka_unit_test(values_stay_in_their_room),  cmocka_unit_test(padding_is_zeros),
        cmocka_unit_test(booleans_are_zero_or_one),   cmocka_unit_test(text_is_utf8_without_nul),
        cmocka_unit_test(walks_no_deeper_than_asked), cmocka_unit_test(walks_everything_inside),
        cmocka_unit_test(fields_stand_in_order),      cmocka_unit_test(fields_have_to_be_there),
        cmocka_unit_test(fields_have_their_type),     cmocka_unit_test(fields_stand_once),
        cmocka_unit_test(nothing_is_left_unread),     cmocka_unit_test(peeking_and_any_type),
        cmocka_unit_test(the_first_error_stays),
    };
    return cmocka_run_group_tests_name("ttlv/reader", tests, NULL, NULL);
}
