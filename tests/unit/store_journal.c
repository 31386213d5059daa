/* SPDX-License-Identifier: Apache-2.0 */
/* Replay of journals written by hand, and the emptying of old segments. */
#include <errno.h>

#include "support/check.h"

#include "base/bytes.h"
#include "support/world.h"

enum { PUT = 1, GONE = 2, STORED = 3 };

struct hand {
    struct world *w;
    struct disk_ops ops;
    struct tame_disk disk;
    struct log_writer log;
};

static int setup(void **state)
{
    struct hand *h = calloc(1, sizeof *h);
    h->w = world_prepare(NULL);
    h->ops = sim_disk_ops(h->w->sim);
    tame_disk_start(&h->disk, &h->ops);
    struct log_replay *replay = calloc(1, sizeof *replay);
    log_writer_init(&h->log, &h->disk.disk, JOURNAL_LOG, replay);
    free(replay);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct hand *h = *state;
    world_free(h->w);
    free(h);
    return 0;
}

static void append(struct hand *h, uint32_t type, struct span first, struct span second)
{
    struct log_place place;
    assert_true(log_append(&h->log, type, first, second, &place));
    tame_disk_step(&h->disk);
    disk_turn(&h->disk.disk);
}

/* The next entries go to a new segment, as after a restart. */
static void new_segment(struct hand *h)
{
    h->log.segment.number = 0;
}

static void put(struct hand *h, uint8_t number, uint32_t generation, uint32_t stored, const char *note)
{
    static struct draft d;
    struct object_head head = {
        .uid = {number}, .type = OBJECT_SYMMETRIC_KEY, .state = STATE_ACTIVE, .generation = generation};
    struct draft_parts parts = {.wrapped_kek = span_of_text("w"), .key_format = KEY_FORMAT_RAW};
    uint8_t entry[24] = {0};
    draft_begin(&d, &head, &parts);
    draft_set(&d, NULL, span_of_text("x-note"), 0, TTLV_TEXT_STRING, span_of_text(note));
    assert_int_equal(draft_end(&d), STATUS_OK);
    be32_put(entry, stored);
    entry[23] = (uint8_t)(10 * number + stored);
    append(h, PUT, span_of(entry, sizeof entry), span_of(d.bytes, d.len));
}

static void gone(struct hand *h, uint8_t number)
{
    uint8_t uid[UUID_BYTES] = {number};
    append(h, GONE, span_of(uid, sizeof uid), span_of(NULL, 0));
}

static void stored(struct hand *h, uint8_t number, uint32_t generation)
{
    uint8_t note[40] = {number};
    be32_put(note + 16, generation);
    note[39] = (uint8_t)(10 * number + generation);
    append(h, STORED, span_of(note, sizeof note), span_of(NULL, 0));
}

static bool open(struct hand *h)
{
    tame_disk_stop(&h->disk);
    sim_disk_close_all(h->w->sim);
    return world_open(h->w);
}

static void check(struct hand *h, uint8_t number, uint32_t generation, uint32_t in_keymgr, const char *note)
{
    uint8_t uid[UUID_BYTES] = {number};
    const struct catalogue_entry *e = entry_of_uid(h->w, uid);
    if (note == NULL) {
        assert_null(e);
        return;
    }
    struct object o;
    struct object_attribute a;
    assert_non_null(e);
    assert_int_equal(e->generation, generation);
    assert_int_equal(e->stored_generation, in_keymgr);
    if (in_keymgr != 0)
        assert_int_equal(e->record_id[15], 10 * number + in_keymgr);
    assert_int_equal(e->dirty, in_keymgr < generation);
    assert_int_equal(object_open(catalogue_record(&h->w->store.catalogue, e), &o), STATUS_OK);
    assert_true(object_attribute_find(&o, NULL, span_of_text("x-note"), 0, &a));
    check_text(a.value, note);
}

static void an_empty_journal_is_none(void **state)
{
    struct hand *h = *state;
    assert_true(open(h));
    assert_int_equal(h->w->store.catalogue.visible, 0);
}

static void the_greatest_generation_counts_wherever_it_stands(void **state)
{
    struct hand *h = *state;
    put(h, 1, 1, 0, "one");
    put(h, 1, 3, 0, "three");
    put(h, 1, 2, 0, "two");
    put(h, 2, 5, 5, "five");
    new_segment(h);
    put(h, 2, 4, 4, "four");
    put(h, 3, 1, 0, "first");
    put(h, 3, 1, 1, "again"); /* the same, appended anew */
    assert_true(open(h));
    assert_int_equal(h->w->store.catalogue.visible, 3);
    check(h, 1, 3, 0, "three");
    check(h, 2, 5, 5, "five");
    check(h, 3, 1, 1, "again");
    assert_int_equal(h->w->store.dirty_count, 1);
}

static void gone_is_gone_and_may_be_put_again(void **state)
{
    struct hand *h = *state;
    put(h, 1, 7, 7, "old");
    gone(h, 1);
    put(h, 2, 7, 7, "old");
    gone(h, 2);
    put(h, 2, 1, 0, "new");
    gone(h, 9); /* never known */
    assert_true(open(h));
    check(h, 1, 0, 0, NULL);
    check(h, 2, 1, 0, "new");
    assert_int_equal(h->w->store.catalogue.visible, 1);
}

static void notes_of_what_is_stored_only_grow(void **state)
{
    struct hand *h = *state;
    put(h, 1, 1, 0, "a");
    stored(h, 1, 1);
    put(h, 1, 2, 1, "b");
    put(h, 2, 4, 0, "c");
    stored(h, 2, 3);
    stored(h, 2, 2); /* late */
    stored(h, 9, 1); /* never known */
    assert_true(open(h));
    check(h, 1, 2, 1, "b");
    check(h, 2, 4, 3, "c");
}

static void strange_entries_are_passed_over(void **state)
{
    struct hand *h = *state;
    uint8_t junk[100];
    memset(junk, 0x42, sizeof junk);
    put(h, 1, 1, 1, "a");
    for (uint32_t type = 0; type < 6; type++)
        for (size_t len = 0; len <= sizeof junk; len += 4)
            append(h, type, span_of(junk, len), span_of(NULL, 0));
    put(h, 2, 1, 1, "b");
    assert_true(open(h));
    check(h, 1, 1, 1, "a");
    check(h, 2, 1, 1, "b");
    assert_int_equal(h->w->store.catalogue.visible, 2);
}

static void another_format_version_is_refused_and_nothing_is_changed(void **state)
{
    struct hand *h = *state;
    size_t len, before;
    put(h, 1, 1, 1, "a");
    uint8_t header[64] = {'H', 'F', 'L', 'O', 'G', 0, 0, 2, 0, 0, 0, 2};
    uint32_t crc = 0xffffffff;
    for (int i = 0; i < 28; i++) {
        crc ^= header[i];
        for (int k = 0; k < 8; k++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    be32_put(header + 28, ~crc);
    sim_disk_put_file(h->w->sim, "journal-00000002.log", header, sizeof header);
    sim_disk_file(h->w->sim, "journal-00000001.log", &before);
    assert_false(open(h));
    assert_non_null(strstr(h->w->why, "segment 2"));
    assert_non_null(strstr(h->w->why, "version"));
    sim_disk_file(h->w->sim, "journal-00000001.log", &len);
    assert_int_equal(len, before);
    assert_int_equal(sim_disk_count(h->w->sim, ""), 2);
}

static void a_journal_that_cannot_be_read_is_refused(void **state)
{
    struct hand *h = *state;
    put(h, 1, 1, 1, "a");
    sim_disk_fail(h->w->sim, SIM_READ, EIO, 1, 1);
    assert_false(open(h));
    assert_true(strlen(h->w->why) > 10);
}

/* Lost would be what does not fit: the server refuses to start instead. */
static void a_catalogue_too_small_for_the_journal_is_refused(void **state)
{
    struct hand *h = *state;
    h->w->options.settings.objects = 4;
    for (uint8_t i = 1; i <= 4 + SPARE_KEKS + 1; i++)
        put(h, i, 1, 1, "a");
    assert_false(open(h));
    assert_non_null(strstr(h->w->why, "store objects"));
}

/* Old segments go, everything that lives stays, and what is gone does not come back. */
static void emptying_keeps_everything(void **state)
{
    struct hand *h = *state;
    for (uint8_t i = 1; i <= 10; i++)
        put(h, i, 1, 0, "first");
    new_segment(h);
    put(h, 3, 2, 0, "second");
    gone(h, 4);
    for (int i = 0; i < 9; i++) {
        new_segment(h);
        put(h, 5, (uint32_t)(2 + i), 0, "changing");
    }
    h->w->options.settings.flush_window_ms = 100000000; /* nothing goes to the key manager */
    fake_answer(&h->w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
    fake_answer(&h->w->fake, KEYMGR_NEW_KEY, KEYMGR_AWAY, 0);
    assert_true(open(h));
    struct catalogue_entry *e = entry_of_uid(h->w, (uint8_t[UUID_BYTES]){9});
    uint32_t number;
    static struct draft d;
    struct object o;
    assert_int_equal(object_open(catalogue_record(&h->w->store.catalogue, e), &o), STATUS_OK);
    draft_from(&d, &o, h->w->store.node);
    assert_int_equal(draft_end(&d), STATUS_OK);
    assert_int_equal(store_propose(&h->w->store, catalogue_handle(&h->w->store.catalogue, e),
                                   span_of(d.bytes, d.len), 0, COMMIT_JOURNAL, &number),
                     STATUS_OK); /* the first append after the start: now there is a segment to copy to */
    world_turns(h->w, 100);
    assert_in_range(sim_disk_count(h->w->sim, JOURNAL_LOG), 2, 6);
    size_t len;
    assert_null(sim_disk_file(h->w->sim, "journal-00000001.log", &len));
    for (int round = 0; round < 2; round++) {
        for (uint8_t i = 1; i <= 10; i++)
            check(h, i,
                  i == 3 || i == 9 ? 2
                  : i == 5         ? 10
                                   : 1,
                  0,
                  i == 3   ? "second"
                  : i == 5 ? "changing"
                  : i == 4 ? NULL
                           : "first");
        assert_true(world_restart(h->w));
    }
}

/* Each write of the copying fails once; nothing may be lost by it. */
static void emptying_with_a_failing_disk_loses_nothing(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 24; after++)
        for (unsigned call = 0; call < 2; call++) {
            void *own;
            assert_int_equal(setup(&own), 0);
            struct hand *h = own;
            for (uint8_t i = 1; i <= 10; i++)
                put(h, i, 1, 0, "first");
            for (int i = 0; i < 9; i++) {
                new_segment(h);
                put(h, 5, (uint32_t)(2 + i), 0, "changing");
            }
            h->w->options.settings.flush_window_ms = 100000000;
            fake_answer(&h->w->fake, KEYMGR_LIST, KEYMGR_AWAY, 0);
            assert_true(open(h));
            struct catalogue_entry *e = entry_of_uid(h->w, (uint8_t[UUID_BYTES]){9});
            uint32_t number;
            static struct draft d;
            struct object o;
            assert_int_equal(object_open(catalogue_record(&h->w->store.catalogue, e), &o), STATUS_OK);
            draft_from(&d, &o, h->w->store.node);
            assert_int_equal(draft_end(&d), STATUS_OK);
            sim_disk_fail(h->w->sim, call == 0 ? SIM_WRITE : SIM_FLUSH, call == 0 ? ENOSPC : EIO, after, 1);
            assert_int_equal(store_propose(&h->w->store, catalogue_handle(&h->w->store.catalogue, e),
                                           span_of(d.bytes, d.len), 0, COMMIT_JOURNAL, &number),
                             STATUS_OK);
            world_turns(h->w, 100);
            assert_true(world_restart(h->w));
            for (uint8_t i = 1; i <= 10; i++)
                if (entry_of_uid(h->w, (uint8_t[UUID_BYTES]){i}) == NULL)
                    fail_msg("object %u is lost when call %u after %u fails", i, call, after);
            assert_int_equal(teardown(&own), 0);
        }
}

#define HAND(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND(an_empty_journal_is_none),
        HAND(the_greatest_generation_counts_wherever_it_stands),
        HAND(gone_is_gone_and_may_be_put_again),
        HAND(notes_of_what_is_stored_only_grow),
        HAND(strange_entries_are_passed_over),
        HAND(another_format_version_is_refused_and_nothing_is_changed),
        HAND(a_journal_that_cannot_be_read_is_refused),
        HAND(a_catalogue_too_small_for_the_journal_is_refused),
        HAND(emptying_keeps_everything),
        cmocka_unit_test(emptying_with_a_failing_disk_loses_nothing),
    };
    return cmocka_run_group_tests_name("store/journal", tests, NULL, NULL);
}
