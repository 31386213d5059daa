/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "ttlv/reader.h"
#include "ttlv/writer.h"

#define TAG 0x420020

static void check_written(const struct ttlv_writer *writer, const char *hex)
{
    uint8_t wanted[512];
    size_t len = hex_bytes(hex, wanted, sizeof wanted);
    assert_false(writer->full);
    assert_int_equal(writer->len, len);
    assert_memory_equal(writer->start, wanted, len);
}

/* KMIP 1.4 s9.1.2. The room is full of ones beforehand, so padding has to be written. */
static void writes_the_examples(void **state)
{
    (void)state;
    uint8_t room[64];
    struct ttlv_writer w;
#define WRITTEN(call, hex)                                                                                   \
    memset(room, 0xff, sizeof room);                                                                         \
    w = ttlv_writer_over(room, sizeof room);                                                                 \
    call;                                                                                                    \
    check_written(&w, hex)
    WRITTEN(ttlv_put_integer(&w, TAG, 8), "420020 02 00000004 00000008 00000000");
    WRITTEN(ttlv_put_integer(&w, TAG, -2), "420020 02 00000004 FFFFFFFE 00000000");
    WRITTEN(ttlv_put_long(&w, TAG, 123456789000000000), "420020 03 00000008 01B69B4BA5749200");
    WRITTEN(ttlv_put_enumeration(&w, TAG, 255), "420020 05 00000004 000000FF 00000000");
    WRITTEN(ttlv_put_boolean(&w, TAG, true), "420020 06 00000008 0000000000000001");
    WRITTEN(ttlv_put_boolean(&w, TAG, false), "420020 06 00000008 0000000000000000");
    WRITTEN(ttlv_put_text(&w, TAG, span_of_text("Hello World")),
            "420020 07 0000000B 48656C6C6F20576F726C64 0000000000");
    WRITTEN(ttlv_put_bytes(&w, TAG, span_of("\1\2\3", 3)), "420020 08 00000003 010203 0000000000");
    WRITTEN(ttlv_put_bytes(&w, TAG, span_of("12345678", 8)), "420020 08 00000008 3132333435363738");
    WRITTEN(ttlv_put_date_time(&w, TAG, 1205495800), "420020 09 00000008 0000000047DA67F8");
    WRITTEN(ttlv_put_date_time(&w, TAG, -1), "420020 09 00000008 FFFFFFFFFFFFFFFF");
    WRITTEN(ttlv_put_interval(&w, TAG, 864000), "420020 0A 00000004 000D2F00 00000000");
    WRITTEN(ttlv_put_text(&w, TAG, span_of(NULL, 0)), "420020 07 00000000");
    WRITTEN(ttlv_put_value(&w, TAG, TTLV_BIG_INTEGER, span_of("\0\0\0\0\0\0\0\x7f", 8)),
            "420020 04 00000008 000000000000007f");
    WRITTEN(ttlv_put_whole(&w, span_of("\x42\0\x21\7\0\0\0\0", 8)), "420021 07 00000000");
#undef WRITTEN
}

static void patches_lengths_of_structures(void **state)
{
    (void)state;
    uint8_t room[128];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    size_t outer = ttlv_begin(&w, TAG);
    ttlv_put_enumeration(&w, 0x420004, 254);
    size_t inner = ttlv_begin(&w, 0x420021);
    size_t empty = ttlv_begin(&w, 0x420022);
    ttlv_end(&w, empty);
    ttlv_put_text(&w, 0x420023, span_of_text("a"));
    ttlv_end(&w, inner);
    ttlv_put_integer(&w, 0x420005, 255);
    ttlv_end(&w, outer);
    check_written(&w, "420020 01 00000040 420004 05 00000004 000000FE00000000"
                      "420021 01 00000018 420022 01 00000000 420023 07 00000001 6100000000000000"
                      "420005 02 00000004 000000FF00000000");
    assert_int_equal(ttlv_check(span_of(room, w.len), 3), STATUS_OK);
}

static void write_everything(struct ttlv_writer *w)
{
    size_t outer = ttlv_begin(w, TAG);
    ttlv_put_integer(w, TAG, 1);
    size_t inner = ttlv_begin(w, TAG);
    ttlv_put_text(w, TAG, span_of_text("text"));
    ttlv_put_long(w, TAG, 2);
    ttlv_put_whole(w, span_of("\x42\0\x21\7\0\0\0\0", 8));
    ttlv_end(w, inner);
    ttlv_end(w, outer);
}

static void never_leaves_its_room(void **state)
{
    (void)state;
    uint8_t large[256];
    struct ttlv_writer all = ttlv_writer_over(large, sizeof large);
    write_everything(&all);
    assert_false(all.full);
    for (size_t cap = 0; cap <= all.len; cap++) {
        uint8_t *room = tight_copy(large, cap);
        struct ttlv_writer w = ttlv_writer_over(room, cap);
        write_everything(&w);
        assert_int_equal(w.full, cap < all.len);
        assert_true(w.len <= cap);
        if (cap == all.len)
            assert_memory_equal(room, large, cap);
        free(room);
    }
}

static void fullness_stays(void **state)
{
    (void)state;
    uint8_t room[24];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    ttlv_put_bytes(&w, TAG, span_of("01234567890123456", 17));
    assert_true(w.full);
    ttlv_put_integer(&w, TAG, 1); /* would fit by itself */
    assert_true(w.full);
    assert_int_equal(w.len, 0);
}

static void lengths_beyond_the_room_do_not_wrap(void **state)
{
    (void)state;
    uint8_t room[24];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    ttlv_put_whole(&w, span_of(room, SIZE_MAX - 4));
    assert_true(w.full);
    assert_int_equal(w.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_examples),
        cmocka_unit_test(patches_lengths_of_structures),
        cmocka_unit_test(never_leaves_its_room),
        cmocka_unit_test(fullness_stays),
        cmocka_unit_test(lengths_beyond_the_room_do_not_wrap),
    };
    return cmocka_run_group_tests_name("ttlv/writer", tests, NULL, NULL);
}
