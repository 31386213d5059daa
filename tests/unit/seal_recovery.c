/* SPDX-License-Identifier: Apache-2.0 */
/* The recovery key as people type it. */
#include "support/check.h"

#include "seal/recovery.h"

#define G "cbdefghi"

static void it_is_written_in_groups(void **state)
{
    (void)state;
    uint8_t key[RECOVERY_BYTES], back[RECOVERY_BYTES];
    char text[RECOVERY_TEXT + 1], first[RECOVERY_LINE + 1], second[RECOVERY_LINE + 1], why[RECOVERY_WHY];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 8 + 1);
    recovery_write(key, text);
    assert_int_equal(strlen(text), RECOVERY_TEXT);
    assert_memory_equal(text, "cbckbbbk-", 9);
    recovery_write_lines(key, first, second);
    assert_int_equal(strlen(first), RECOVERY_LINE);
    assert_int_equal(strlen(second), RECOVERY_LINE);
    assert_memory_equal(text, first, RECOVERY_LINE);
    assert_string_equal(text + RECOVERY_LINE + 1, second);
    assert_int_equal(recovery_read(span_of_text(text), back, why), STATUS_OK);
    assert_memory_equal(key, back, sizeof key);
}

static void it_is_read_as_typed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        G "-" G "-" G "-" G "-" G "-" G "-" G "-" G,
        G G G G G G G G,
        "  " G " " G "\t" G " " G "\r\n  " G " - " G "--" G "  " G "\r\n",
        "CBDEFGHI" G G G "\n" G G G "cBdEfGhI",
        "cbde fghi cbde fghi" G G G G G G, /* groups of one's own */
    };
    uint8_t wanted[RECOVERY_BYTES], key[RECOVERY_BYTES];
    char why[RECOVERY_WHY];
    for (size_t i = 0; i < sizeof wanted; i++)
        wanted[i] = (uint8_t[]){0x01, 0x23, 0x45, 0x67}[i % 4];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(recovery_read(span_of_text(texts[i]), key, why), STATUS_OK);
        assert_memory_equal(key, wanted, sizeof key);
    }
}

static void the_wrong_group_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {G "-" G "-cbdefgh-" G "-" G "-" G "-" G "-" G, "group 3 has 7 letters instead of 8"},
        {G "-" G "-cbdefgh-c" G "-" G "-" G "-" G "-" G, "group 3 has 7 letters instead of 8"},
        {G "-" G "-" G "-" G "\n" G "-" G "-" G "-" G "c", "group 8 has 9 letters instead of 8"},
        {G "-" G "-" G "-" G "\n" G "-" G "-" G, "7 groups of 8 letters were typed instead of 8"},
        {G "-" G "-" G "-" G "\n" G "-" G "-" G "-" G "-" G, "9 groups of 8 letters were typed instead of 8"},
        {G G G, "24 letters were typed instead of 64"},
        {"", "0 letters were typed instead of 64"},
        {G "-" G "-" G "-" G "-" G "-cbdefghx-" G "-" G,
         "group 6 has a character that is none of cbdefghijklnrtuv"},
        {G G G "cba" G, "group 4 has a character that is none of cbdefghijklnrtuv"},
        {"\x01", "group 1 has a character that is none of cbdefghijklnrtuv"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t key[RECOVERY_BYTES];
        char why[RECOVERY_WHY];
        assert_int_equal(recovery_read(span_of_text(rows[i].text), key, why), STATUS_MALFORMED);
        assert_string_equal(why, rows[i].why);
        for (size_t k = 0; k < sizeof key; k++)
            assert_int_equal(key[k], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_written_in_groups),
        cmocka_unit_test(it_is_read_as_typed),
        cmocka_unit_test(the_wrong_group_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
