/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/buf.h"

static void keeps_what_fits_and_says_so(void **state)
{
    (void)state;
    uint8_t *room = tight_copy("........", 8);
    struct buf b = buf_over(room, 8);
    buf_add(&b, "12345", 5);
    assert_false(b.full);
    buf_add(&b, "678", 3);
    assert_false(b.full);
    assert_int_equal(b.len, 8);
    buf_add(&b, "9", 1);
    assert_true(b.full);
    assert_int_equal(b.len, 8);
    check_text(buf_span(&b), "12345678");
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 8);
    free(room);

    room = tight_copy("....", 4);
    b = buf_over(room, 4);
    buf_add(&b, "123456", 6);
    assert_true(b.full);
    check_text(buf_span(&b), "1234");
    free(room);
}

static void adding_nothing_fills_nothing(void **state)
{
    (void)state;
    struct buf b = buf_over(NULL, 0);
    buf_add(&b, NULL, 0);
    assert_false(b.full);
    assert_int_equal(b.len, 0);
    buf_add(&b, "1", 1);
    assert_true(b.full);
}

static void text_always_ends_in_a_nul(void **state)
{
    (void)state;
    uint8_t *room = tight_copy("xxxxxxxx", 8);
    struct buf b = buf_over(room, 8);
    buf_print(&b, "%d-%s", 12, "ab");
    assert_false(b.full);
    assert_int_equal(b.len, 5);
    assert_string_equal((char *)room, "12-ab");
    buf_add_text(&b, "cd");
    assert_false(b.full);
    assert_string_equal((char *)room, "12-abcd");
    buf_add_text(&b, "e");
    assert_true(b.full);
    assert_string_equal((char *)room, "12-abcd");
    assert_int_equal(b.len, 7);
    free(room);
}

static void text_without_any_room_is_full(void **state)
{
    (void)state;
    uint8_t *room = tight_copy("x", 1);
    struct buf none = buf_over(room, 0);
    buf_add_text(&none, "a");
    assert_true(none.full);
    assert_int_equal(none.len, 0);
    struct buf one = buf_over(room, 1);
    buf_add_text(&one, "a");
    assert_true(one.full);
    assert_int_equal(one.len, 0);
    assert_int_equal(room[0], 0);
    free(room);
}

static void percent_signs_in_text_are_text(void **state)
{
    (void)state;
    char room[16];
    struct buf b = buf_over(room, sizeof room);
    buf_add_text(&b, "%s%n");
    assert_string_equal(room, "%s%n");
}

static void makes_foreign_text_printable(void **state)
{
    (void)state;
    char room[200];
    struct buf b = buf_over(room, sizeof room);
    buf_add_printable(&b, span_of("a ~\n\x1b[2J\\\x7f\xc3\xa4\0z", 14));
    assert_false(b.full);
    assert_string_equal(room, "a ~\\x0a\\x1b[2J\\x5c\\x7f\\xc3\\xa4\\x00z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_fits_and_says_so),    cmocka_unit_test(adding_nothing_fills_nothing),
        cmocka_unit_test(text_always_ends_in_a_nul),      cmocka_unit_test(text_without_any_room_is_full),
        cmocka_unit_test(percent_signs_in_text_are_text), cmocka_unit_test(makes_foreign_text_printable),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
