/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "disk/segment.h"
#include "support/sim_disk.h"

static const struct segment_id id = {.number = 3, .marker = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4}};

static void header_round_trip(void **state)
{
    (void)state;
    uint8_t header[SEGMENT_HEADER];
    struct segment_id back;
    segment_header_write(&id, header);
    assert_int_equal(segment_header_read(header, &back), STATUS_OK);
    assert_int_equal(back.number, id.number);
    assert_memory_equal(back.marker, id.marker, sizeof id.marker);
}

/* FORMAT.md, byte for byte. */
static void header_is_as_documented(void **state)
{
    (void)state;
    uint8_t header[SEGMENT_HEADER], wanted[28];
    segment_header_write(&id, header);
    assert_int_equal(
        hex_bytes("48464c4f47000001 00000003 00000000 deadbeef01020304 00000000", wanted, sizeof wanted), 28);
    assert_memory_equal(header, wanted, sizeof wanted);
}

static void every_damaged_bit_of_a_header_is_noticed(void **state)
{
    (void)state;
    uint8_t header[SEGMENT_HEADER];
    struct segment_id back;
    for (unsigned bit = 0; bit < 8 * SEGMENT_HEADER; bit++) {
        segment_header_write(&id, header);
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(segment_header_read(header, &back), STATUS_OK);
    }
}

static uint32_t crc_of(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static void set_crc(uint8_t *at, uint32_t crc)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void another_format_version_is_told_apart_from_damage(void **state)
{
    (void)state;
    uint8_t header[SEGMENT_HEADER];
    struct segment_id back;
    segment_header_write(&id, header);
    header[7] = 2;
    set_crc(header + 28, crc_of(header, 28));
    assert_int_equal(segment_header_read(header, &back), STATUS_REFUSED);
    header[0] = 'X';
    set_crc(header + 28, crc_of(header, 28));
    assert_int_equal(segment_header_read(header, &back), STATUS_MALFORMED);
}

static void entry_round_trip_of_every_length(void **state)
{
    (void)state;
    static uint8_t payload[ENTRY_MAX], out[ENTRY_MAX];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 11 + 5);
    for (size_t len = 0; len <= ENTRY_MAX - ENTRY_HEADER; len += len < 40 ? 1 : 811) {
        struct entry e;
        size_t size, first = len / 3;
        memset(out, 0xff, sizeof out);
        entry_write(&id, 7, 99, span_of(payload, first), span_of(payload + first, len - first), out);
        assert_int_equal(entry_size(len) % 8, 0);
        uint8_t *tight = tight_copy(out, entry_size(len));
        assert_int_equal(entry_read(&id, span_of(tight, entry_size(len)), &e, &size), STATUS_OK);
        assert_int_equal(size, entry_size(len));
        assert_int_equal(e.type, 7);
        assert_int_equal(e.serial, 99);
        assert_int_equal(e.segment, 3);
        assert_int_equal(e.payload.len, len);
        assert_memory_equal(e.payload.ptr, payload, len);
        for (size_t i = ENTRY_HEADER + len; i < size; i++)
            assert_int_equal(tight[i], 0); /* padding */
        free(tight);
    }
}

static void entry_is_as_documented(void **state)
{
    (void)state;
    uint8_t out[32], covered[8 + 23];
    entry_write(&id, 0x01020304, 0x0506, span_of_text("abc"), span_of(NULL, 0), out);
    uint8_t wanted[28];
    assert_int_equal(hex_bytes("00000003 01020304 deadbeef 0000000000000506 616263 0000000000", wanted, 28),
                     28);
    assert_memory_equal(out + 4, wanted, 28);
    memcpy(covered, id.marker, 8);
    memcpy(covered + 8, out + 4, 23);
    uint8_t crc[4];
    set_crc(crc, crc_of(covered, sizeof covered));
    assert_memory_equal(out, crc, 4);
}

static void every_damaged_bit_of_an_entry_is_noticed(void **state)
{
    (void)state;
    uint8_t out[64];
    struct entry e;
    size_t size, used = ENTRY_HEADER + 21;
    for (unsigned bit = 0; bit < 8 * used; bit++) {
        entry_write(&id, 1, 5, span_of_text("a payload of 21 bytes"), span_of(NULL, 0), out);
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(entry_read(&id, span_of(out, entry_size(21)), &e, &size), STATUS_MALFORMED);
    }
}

static void a_cut_entry_is_noticed(void **state)
{
    (void)state;
    uint8_t out[64];
    struct entry e;
    size_t size;
    entry_write(&id, 1, 5, span_of_text("a payload of 21 bytes"), span_of(NULL, 0), out);
    for (size_t len = 1; len < entry_size(21); len++) {
        uint8_t *tight = tight_copy(out, len);
        assert_int_equal(entry_read(&id, span_of(tight, len), &e, &size), STATUS_MALFORMED);
        free(tight);
    }
    assert_int_equal(entry_read(&id, span_of(out, 0), &e, &size), STATUS_END);
}

static void an_entry_of_another_segment_does_not_fit(void **state)
{
    (void)state;
    uint8_t out[64];
    struct entry e;
    size_t size;
    struct segment_id other = id;
    other.marker[0] ^= 1;
    entry_write(&other, 1, 5, span_of_text("x"), span_of(NULL, 0), out);
    assert_int_equal(entry_read(&id, span_of(out, entry_size(1)), &e, &size), STATUS_MALFORMED);
    other = id;
    other.marker[7] ^= 1; /* not part of what the entry repeats, but of the checksum */
    entry_write(&other, 1, 5, span_of_text("x"), span_of(NULL, 0), out);
    assert_int_equal(entry_read(&id, span_of(out, entry_size(1)), &e, &size), STATUS_MALFORMED);
}

static void a_length_that_lies_is_refused(void **state)
{
    (void)state;
    static uint8_t out[2 * ENTRY_MAX];
    struct entry e;
    size_t size;
    static const uint32_t lengths[] = {ENTRY_MAX - ENTRY_HEADER + 1, ENTRY_MAX, 0x7fffffff, 0xffffffff,
                                       0xfffffff8};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        entry_write(&id, 1, 5, span_of_text("x"), span_of(NULL, 0), out);
        set_crc(out + 4, lengths[i]);
        assert_int_equal(entry_read(&id, span_of(out, sizeof out), &e, &size), STATUS_MALFORMED);
    }
}

/* ---- replay ---- */

struct log {
    struct sim_disk *sim;
    struct disk_ops ops;
    struct log_replay replay;
    uint8_t file[65536];
    size_t len;
    struct segment_id id;
};

static int setup(void **state)
{
    struct log *l = calloc(1, sizeof *l);
    l->sim = sim_disk_new();
    l->ops = sim_disk_ops(l->sim);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct log *l = *state;
    sim_disk_free(l->sim);
    free(l);
    return 0;
}

static void begin_segment(struct log *l, uint32_t number)
{
    l->id = (struct segment_id){.number = number, .marker = {(uint8_t)number, 2, 3, 4, 5, 6, 7, 8}};
    segment_header_write(&l->id, l->file);
    l->len = SEGMENT_HEADER;
}

static void add(struct log *l, uint64_t serial, size_t len)
{
    static uint8_t payload[ENTRY_MAX];
    memset(payload, (int)serial, sizeof payload);
    entry_write(&l->id, 1, serial, span_of(payload, len), span_of(NULL, 0), l->file + l->len);
    l->len += entry_size(len);
}

static void end_segment(struct log *l)
{
    char name[SEGMENT_NAME];
    segment_name("log", l->id.number, name);
    sim_disk_put_file(l->sim, name, l->file, l->len);
}

/* The serials that replay gives, as text. */
static const char *replayed(struct log *l, enum status *status)
{
    static char text[512];
    struct entry e;
    size_t n = 0;
    text[0] = 0;
    log_replay_begin(&l->replay, &l->ops, "log");
    while ((*status = log_replay_next(&l->replay, &e)) == STATUS_OK) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%u ", (unsigned)e.serial);
        for (size_t i = 0; i < e.payload.len; i++)
            assert_int_equal(e.payload.ptr[i], (uint8_t)e.serial);
    }
    return text;
}

static void segments_are_read_in_order_with_gaps(void **state)
{
    struct log *l = *state;
    enum status status;
    static const uint32_t numbers[] = {12, 2, 5};
    static const uint64_t serials[] = {30, 10, 20};
    for (size_t i = 0; i < 3; i++) {
        begin_segment(l, numbers[i]);
        add(l, serials[i], 10);
        add(l, serials[i] + 1, 5000);
        add(l, serials[i] + 2, 0);
        end_segment(l);
    }
    assert_string_equal(replayed(l, &status), "10 11 12 20 21 22 30 31 32 ");
    assert_int_equal(status, STATUS_END);
    assert_int_equal(l->replay.segments, 3);
    assert_int_equal(l->replay.last_segment, 12);
    assert_int_equal(l->replay.last_serial, 32);
    assert_int_equal(l->replay.damaged_bytes, 0);
    assert_int_equal(l->replay.torn_bytes, 0);
}

static void offsets_lead_back_to_the_entries(void **state)
{
    struct log *l = *state;
    struct entry e;
    begin_segment(l, 1);
    for (uint64_t i = 1; i < 40; i++)
        add(l, i, i * 37);
    end_segment(l);
    log_replay_begin(&l->replay, &l->ops, "log");
    unsigned count = 0;
    while (log_replay_next(&l->replay, &e) == STATUS_OK) {
        struct entry there;
        size_t size;
        assert_int_equal(e.segment, 1);
        assert_int_equal(entry_read(&l->id, span_of(l->file + e.offset, l->len - e.offset), &there, &size),
                         STATUS_OK);
        assert_int_equal(there.serial, e.serial);
        count++;
    }
    assert_int_equal(count, 39);
}

static void no_log_is_an_empty_log(void **state)
{
    struct log *l = *state;
    enum status status;
    assert_string_equal(replayed(l, &status), "");
    assert_int_equal(status, STATUS_END);
}

static void damage_in_the_middle_costs_only_what_it_hit(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 1, 100);
    size_t at = l->len;
    add(l, 2, 100);
    add(l, 3, 100);
    end_segment(l);
    char name[SEGMENT_NAME];
    size_t len;
    segment_name("log", 1, name);
    sim_disk_file(l->sim, name, &len)[at + 30] ^= 1;
    assert_string_equal(replayed(l, &status), "1 3 ");
    assert_int_equal(status, STATUS_END);
    assert_int_equal(l->replay.damaged_bytes, entry_size(100));
    assert_int_equal(l->replay.torn_bytes, 0);
}

static void damage_longer_than_the_buffer_is_passed_over(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 1, 100);
    memset(l->file + l->len, 0xee, 50000);
    l->len += 50000;
    add(l, 2, 100);
    end_segment(l);
    assert_string_equal(replayed(l, &status), "1 2 ");
    assert_int_equal(l->replay.damaged_bytes, 50000);
}

static void a_torn_tail_is_normal_at_every_length(void **state)
{
    struct log *l = *state;
    enum status status;
    char name[SEGMENT_NAME];
    segment_name("log", 1, name);
    begin_segment(l, 1);
    add(l, 1, 100);
    size_t whole = l->len;
    add(l, 2, 100);
    size_t more = l->len;
    for (size_t len = whole; len < more; len++) {
        end_segment(l);
        sim_disk_set_length(l->sim, name, len);
        assert_string_equal(replayed(l, &status), "1 ");
        assert_int_equal(status, STATUS_END);
        assert_int_equal(l->replay.damaged_bytes, 0);
        assert_int_equal(l->replay.torn_bytes, len - whole);
    }
}

static void a_half_written_header_is_passed_over(void **state)
{
    struct log *l = *state;
    enum status status;
    char name[SEGMENT_NAME];
    begin_segment(l, 1);
    add(l, 1, 10);
    end_segment(l);
    begin_segment(l, 2);
    end_segment(l);
    segment_name("log", 2, name);
    for (size_t len = 0; len < SEGMENT_HEADER; len++) {
        sim_disk_set_length(l->sim, name, len);
        assert_string_equal(replayed(l, &status), "1 ");
        assert_int_equal(status, STATUS_END);
        assert_int_equal(l->replay.last_segment, 2); /* its number is not used again */
        assert_int_equal(l->replay.damaged_bytes, 0);
    }
}

static void a_damaged_header_with_entries_behind_it_counts_as_damage(void **state)
{
    struct log *l = *state;
    enum status status;
    size_t len;
    begin_segment(l, 1);
    add(l, 1, 1000);
    end_segment(l);
    begin_segment(l, 2);
    add(l, 2, 10);
    end_segment(l);
    sim_disk_file(l->sim, "log-00000001.log", &len)[17] ^= 1;
    assert_string_equal(replayed(l, &status), "2 ");
    assert_int_equal(status, STATUS_END);
    assert_true(l->replay.damaged_bytes != 0);
}

static void another_format_version_is_refused_with_its_number(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 1, 10);
    end_segment(l);
    begin_segment(l, 7);
    l->file[7] = 9;
    set_crc(l->file + 28, crc_of(l->file, 28));
    add(l, 2, 10);
    end_segment(l);
    assert_string_equal(replayed(l, &status), "1 ");
    assert_int_equal(status, STATUS_REFUSED);
    assert_int_equal(l->replay.last_segment, 7);
}

/* A client stores bytes that look like an entry; when the entry around them is damaged they must not come
 * alive. */
static void bytes_that_look_like_an_entry_do_not_pass_for_one(void **state)
{
    struct log *l = *state;
    enum status status;
    uint8_t fake[64];
    char name[SEGMENT_NAME];
    size_t len;
    begin_segment(l, 1);
    add(l, 1, 8);
    /* As good a forgery as somebody can make who does not know the marker. */
    struct segment_id guess = {.number = 1};
    entry_write(&guess, 1, 77, span_of_text("forged"), span_of(NULL, 0), fake);
    size_t at = l->len;
    entry_write(&l->id, 1, 2, span_of(fake, entry_size(6)), span_of(fake, entry_size(6)), l->file + l->len);
    l->len += entry_size(2 * entry_size(6));
    add(l, 3, 8);
    end_segment(l);
    segment_name("log", 1, name);
    sim_disk_file(l->sim, name, &len)[at + 5] ^= 1;
    assert_string_equal(replayed(l, &status), "1 3 ");
}

/* Blocks of an older segment show through where the newer one was not written. */
static void entries_of_an_older_segment_do_not_come_back(void **state)
{
    struct log *l = *state;
    enum status status;
    static uint8_t old[65536];
    begin_segment(l, 1);
    for (uint64_t i = 1; i <= 20; i++)
        add(l, i, 50);
    size_t old_len = l->len;
    memcpy(old, l->file, old_len);
    begin_segment(l, 2);
    add(l, 100, 50);
    memcpy(l->file + l->len, old + l->len, old_len - l->len);
    l->len = old_len;
    end_segment(l);
    assert_string_equal(replayed(l, &status), "100 ");
}

static void a_serial_that_does_not_grow_is_not_taken(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 5, 10);
    add(l, 5, 10);
    add(l, 4, 10);
    add(l, 6, 10);
    end_segment(l);
    assert_string_equal(replayed(l, &status), "5 6 ");
}

static void a_segment_under_another_number_is_not_taken(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 1, 10);
    sim_disk_put_file(l->sim, "log-00000002.log", l->file, l->len); /* copied by hand */
    assert_string_equal(replayed(l, &status), "");
    assert_int_equal(status, STATUS_END);
}

static void trouble_with_reading_is_told(void **state)
{
    struct log *l = *state;
    enum status status;
    begin_segment(l, 1);
    add(l, 1, 10);
    end_segment(l);
    for (unsigned after = 0; after < 2; after++) {
        sim_disk_fail(l->sim, SIM_READ, 5, after, 1);
        replayed(l, &status);
        assert_int_equal(status, STATUS_FAILED);
        sim_disk_close_all(l->sim);
    }
    sim_disk_fail(l->sim, SIM_OPEN, 13, 0, 1);
    replayed(l, &status);
    assert_int_equal(status, STATUS_FAILED);
}

#define REPLAY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_round_trip),
        cmocka_unit_test(header_is_as_documented),
        cmocka_unit_test(every_damaged_bit_of_a_header_is_noticed),
        cmocka_unit_test(another_format_version_is_told_apart_from_damage),
        cmocka_unit_test(entry_round_trip_of_every_length),
        cmocka_unit_test(entry_is_as_documented),
        cmocka_unit_test(every_damaged_bit_of_an_entry_is_noticed),
        cmocka_unit_test(a_cut_entry_is_noticed),
        cmocka_unit_test(an_entry_of_another_segment_does_not_fit),
        cmocka_unit_test(a_length_that_lies_is_refused),
        REPLAY(segments_are_read_in_order_with_gaps),
        REPLAY(offsets_lead_back_to_the_entries),
        REPLAY(no_log_is_an_empty_log),
        REPLAY(damage_in_the_middle_costs_only_what_it_hit),
        REPLAY(damage_longer_than_the_buffer_is_passed_over),
        REPLAY(a_torn_tail_is_normal_at_every_length),
        REPLAY(a_half_written_header_is_passed_over),
        REPLAY(a_damaged_header_with_entries_behind_it_counts_as_damage),
        REPLAY(another_format_version_is_refused_with_its_number),
        REPLAY(bytes_that_look_like_an_entry_do_not_pass_for_one),
        REPLAY(entries_of_an_older_segment_do_not_come_back),
        REPLAY(a_serial_that_does_not_grow_is_not_taken),
        REPLAY(a_segment_under_another_number_is_not_taken),
        REPLAY(trouble_with_reading_is_told),
    };
    return cmocka_run_group_tests_name("disk/segment", tests, NULL, NULL);
}
