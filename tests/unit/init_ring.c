/* SPDX-License-Identifier: Apache-2.0 */
/* The log in memory: lines keep their numbers, the oldest go first, nothing of a line's bytes does harm. */
#include "support/check.h"

#include <stdio.h>

#include "init/ring.h"

static struct ring ring;
static char text[RING_BYTES * 2];

static int begin(void **state)
{
    (void)state;
    ring_init(&ring);
    return 0;
}

static void take(const char *bytes)
{
    ring_take(&ring, span_of_text(bytes));
}

static const char *written(uint64_t from)
{
    struct buf out = buf_over(text, sizeof text - 1);
    ring_write(&ring, from, &out);
    text[out.len] = 0;
    return text;
}

static void lines_are_numbered_from_one(void **state)
{
    (void)state;
    assert_string_equal(written(1), "");
    take("first\nsecond\nth");
    assert_string_equal(written(1), "1 first\n2 second\n");
    take("ird\n");
    assert_string_equal(written(2), "2 second\n3 third\n");
    assert_string_equal(written(4), "");
}

static void bytes_that_are_not_text_become_question_marks(void **state)
{
    (void)state;
    take("a\x1b[2Jb\tc\xff\r\n");
    assert_string_equal(written(1), "1 a?[2Jb?c??\n");
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * RING_LINE_MAX; i++)
        take("x");
    take("\nnext\n");
    const char *line = written(1);
    assert_int_equal(strcspn(line, "\n"), 2 + RING_LINE_MAX);
    assert_string_equal(written(2), "2 next\n");
}

static void the_oldest_lines_make_room(void **state)
{
    (void)state;
    char line[200];
    for (int i = 1; i <= 5000; i++) {
        snprintf(line, sizeof line, "line %d and something more\n", i);
        take(line);
        assert_true(ring.used <= RING_BYTES);
    }
    assert_int_equal(ring.next, 5001);
    assert_true(ring.first > 1000);
    snprintf(line, sizeof line, "%llu line %llu and", (unsigned long long)ring.first,
             (unsigned long long)ring.first);
    assert_memory_equal(written(1), line, strlen(line)); /* its number is still the one it had */
    assert_string_equal(written(5000), "5000 line 5000 and something more\n");
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    (void)state;
    char small[40];
    take("one\ntwo\nthree\n");
    struct buf out = buf_over(small, 36);
    ring_write(&ring, 1, &out);
    assert_false(out.full);
    assert_int_equal(small[out.len - 1], '\n');
    assert_true(out.len < 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_numbered_from_one, begin),
        cmocka_unit_test_setup(bytes_that_are_not_text_become_question_marks, begin),
        cmocka_unit_test_setup(long_lines_are_cut, begin),
        cmocka_unit_test_setup(the_oldest_lines_make_room, begin),
        cmocka_unit_test_setup(what_does_not_fit_is_left_out_whole, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
