/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk process does with one request, over a disk that can be told to fail. */
#include <errno.h>

#include "support/check.h"

#include "disk/log_writer.h"
#include "support/sim_disk.h"
#include "support/tame_disk.h"

struct bench {
    struct sim_disk *sim;
    struct disk_ops ops;
    struct disk_worker worker;
    uint8_t out[DISK_BYTES_MAX];
    size_t out_len;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->sim = sim_disk_new();
    b->ops = sim_disk_ops(b->sim);
    disk_worker_init(&b->worker, &b->ops);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    sim_disk_free(b->sim);
    free(b);
    return 0;
}

static int segment(struct bench *b, const char *log, uint32_t number)
{
    struct disk_request q = {.op = DISK_SEGMENT, .number = number};
    uint8_t header[SEGMENT_HEADER] = {1};
    snprintf(q.name, sizeof q.name, "%s", log);
    return disk_worker_do(&b->worker, &q, span_of(header, sizeof header), b->out, &b->out_len);
}

static int append(struct bench *b, const char *log, uint32_t number, uint32_t offset, const char *text)
{
    struct disk_request q = {.op = DISK_APPEND, .number = number, .offset = offset};
    snprintf(q.name, sizeof q.name, "%s", log);
    return disk_worker_do(&b->worker, &q, span_of_text(text), b->out, &b->out_len);
}

static int simple(struct bench *b, enum disk_op op, const char *name, uint32_t number, uint32_t offset,
                  uint32_t len)
{
    struct disk_request q = {.op = (uint32_t)op, .number = number, .offset = offset, .len = len};
    snprintf(q.name, sizeof q.name, "%s", name);
    return disk_worker_do(&b->worker, &q, span_of(NULL, 0), b->out, &b->out_len);
}

static void appends_and_reads_back(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "first"), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 5, "second"), 0);
    assert_int_equal(disk_worker_flush(&b->worker), 0);
    assert_int_equal(simple(b, DISK_READ, "a", 1, SEGMENT_HEADER + 5, 6), 0);
    check_text(span_of(b->out, b->out_len), "second");
    assert_int_equal(simple(b, DISK_READ, "a", 2, 0, 6), ENOENT);
    assert_int_equal(b->out_len, 0);
    assert_int_equal(simple(b, DISK_READ, "a", 1, 0, DISK_BYTES_MAX + 1), EINVAL);
    assert_int_equal(simple(b, DISK_READ, "a", 1, 10000, 5), 0);
    assert_int_equal(b->out_len, 0);
}

static void an_append_in_the_wrong_place_is_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "x"), EIO); /* no segment yet */
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 1, "x"), EIO);
    assert_int_equal(append(b, "a", 2, SEGMENT_HEADER, "x"), EIO);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "x"), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "x"), EIO);
}

static void a_segment_is_on_the_medium_before_anything_is_in_it(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    sim_disk_power_on(b->sim, SIM_NOTHING, 1);
    size_t len;
    assert_non_null(sim_disk_file(b->sim, "a-00000001.log", &len));
    assert_int_equal(len, SEGMENT_HEADER);
}

static void a_failed_write_gives_the_segment_up(void **state)
{
    struct bench *b = *state;
    size_t len;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "good"), 0);
    sim_disk_fail(b->sim, SIM_WRITE, ENOSPC, 0, 1);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 4, "bad, half written"), ENOSPC);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 4, "next"), EIO);
    sim_disk_file(b->sim, "a-00000001.log", &len);
    assert_int_equal(len, SEGMENT_HEADER + 4);          /* the half is cut off */
    assert_int_equal(disk_worker_flush(&b->worker), 0); /* what was good is flushed all the same */
    assert_int_equal(segment(b, "a", 2), 0);
    assert_int_equal(append(b, "a", 2, SEGMENT_HEADER, "next"), 0);
}

static void a_failed_flush_is_told_once_and_gives_the_segment_up(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "x"), 0);
    sim_disk_fail(b->sim, SIM_FLUSH, EIO, 0, 1);
    assert_int_equal(disk_worker_flush(&b->worker), EIO);
    assert_int_equal(disk_worker_flush(&b->worker), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 1, "x"), EIO);
    assert_int_equal(segment(b, "a", 2), 0);
    assert_int_equal(append(b, "a", 2, SEGMENT_HEADER, "x"), 0);
}

/* A new segment flushes the old one; when that fails, the appends before it in the group have failed. */
static void a_flush_that_fails_for_a_new_segment_is_not_lost(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "x"), 0);
    sim_disk_fail(b->sim, SIM_FLUSH, EIO, 0, 1);
    int error = segment(b, "a", 2);
    assert_int_equal(disk_worker_flush(&b->worker), EIO);
    if (error == 0)
        assert_int_equal(append(b, "a", 2, SEGMENT_HEADER, "x"), 0);
}

static void a_flush_that_fails_for_a_removal_is_not_lost(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(segment(b, "a", 2), 0);
    assert_int_equal(append(b, "a", 2, SEGMENT_HEADER, "x"), 0);
    sim_disk_fail(b->sim, SIM_FLUSH, EIO, 0, 1);
    (void)simple(b, DISK_DROP, "a", 1, 0, 0);
    assert_int_equal(disk_worker_flush(&b->worker), EIO);
}

static void a_segment_that_cannot_be_made_leaves_no_file(void **state)
{
    struct bench *b = *state;
    static const unsigned calls[] = {SIM_WRITE, SIM_FLUSH, SIM_FLUSH_FOLDER};
    for (uint32_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(b->sim, calls[i], ENOSPC, 0, 1);
        assert_int_equal(segment(b, "a", i + 1), ENOSPC);
        assert_int_equal(append(b, "a", i + 1, SEGMENT_HEADER, "x"), EIO);
        assert_int_equal(sim_disk_count(b->sim, "a-"), 0);
    }
    sim_disk_fail(b->sim, SIM_OPEN, EMFILE, 0, 1);
    assert_int_equal(segment(b, "a", 9), EMFILE);
}

static void a_dropped_segment_stays_away(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(segment(b, "a", 2), 0);
    assert_int_equal(simple(b, DISK_DROP, "a", 1, 0, 0), 0);
    assert_int_equal(simple(b, DISK_DROP, "a", 1, 0, 0), 0); /* gone already is gone */
    sim_disk_power_on(b->sim, SIM_NOTHING, 1);
    assert_int_equal(sim_disk_count(b->sim, "a-"), 1);
}

static void two_logs_do_not_mix(void **state)
{
    struct bench *b = *state;
    assert_int_equal(segment(b, "a", 1), 0);
    assert_int_equal(segment(b, "b", 1), 0);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER, "for a"), 0);
    assert_int_equal(append(b, "b", 1, SEGMENT_HEADER, "for b"), 0);
    sim_disk_fail(b->sim, SIM_WRITE, ENOSPC, 0, 1);
    assert_int_equal(append(b, "a", 1, SEGMENT_HEADER + 5, "x"), ENOSPC);
    assert_int_equal(append(b, "b", 1, SEGMENT_HEADER + 5, "x"), 0);
    assert_int_equal(simple(b, DISK_READ, "b", 1, SEGMENT_HEADER, 5), 0);
    check_text(span_of(b->out, b->out_len), "for b");
}

static int part(struct bench *b, uint32_t offset, const char *text)
{
    struct disk_request q = {.op = DISK_PART, .offset = offset};
    return disk_worker_do(&b->worker, &q, span_of_text(text), b->out, &b->out_len);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
    struct bench *b = *state;
    assert_int_equal(part(b, 0, "old "), 0);
    assert_int_equal(part(b, 4, "content"), 0);
    assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), 0);
    assert_int_equal(simple(b, DISK_FILE, "config", 0, 0, 100), 0);
    check_text(span_of(b->out, b->out_len), "old content");
    assert_int_equal(part(b, 0, "new"), 0); /* shorter: nothing of the old one stays */
    static const unsigned calls[] = {SIM_FLUSH, SIM_RENAME, SIM_OPEN};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(b->sim, calls[i], EIO, 0, 1);
        assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), EIO);
        assert_int_equal(simple(b, DISK_FILE, "config", 0, 0, 100), 0);
        check_text(span_of(b->out, b->out_len), "old content");
    }
    assert_int_equal(part(b, 0, "new"), 0);
    assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), 0);
    assert_int_equal(simple(b, DISK_FILE, "config", 0, 0, 100), 0);
    check_text(span_of(b->out, b->out_len), "new");
    assert_int_equal(simple(b, DISK_FILE, "none", 0, 0, 100), ENOENT);
}

/* Both are sent in one go: half of the new content must not take the place of the old one. */
static void a_part_that_failed_replaces_nothing(void **state)
{
    struct bench *b = *state;
    static const unsigned calls[] = {SIM_TRUNCATE, SIM_WRITE};
    assert_int_equal(part(b, 0, "old content"), 0);
    assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), 0);
    assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), ENOENT); /* nothing new */
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(b->sim, calls[i], ENOSPC, 0, 1);
        assert_int_equal(part(b, 0, "new"), ENOSPC);
        assert_int_equal(simple(b, DISK_REPLACE, "config", 0, 0, 0), ENOENT);
        assert_int_equal(simple(b, DISK_FILE, "config", 0, 0, 100), 0);
        check_text(span_of(b->out, b->out_len), "old content");
    }
}

static void an_unknown_request_is_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(simple(b, (enum disk_op)99, "a", 1, 0, 0), EINVAL);
}

/* ---- the writer of a log, over the same disk ---- */

static void settle(struct tame_disk *t)
{
    tame_disk_step(t);
    disk_turn(&t->disk);
}

static bool put(struct tame_disk *t, struct log_writer *log, struct log_place *place)
{
    int error;
    if (!log_append(log, 1, span_of_text("entry"), span_of(NULL, 0), place))
        return false;
    settle(t);
    return disk_ask(&t->disk, place->ticket, &error) == ASK_READY;
}

static void the_writer_goes_to_a_new_segment_after_a_failure(void **state)
{
    struct bench *b = *state;
    struct tame_disk t;
    struct log_writer log;
    struct log_replay replay = {.last_segment = 4, .last_serial = 17};
    struct log_place place;
    struct entry e;
    tame_disk_start(&t, &b->ops);
    log_writer_init(&log, &t.disk, "a", &replay);
    assert_true(put(&t, &log, &place));
    assert_int_equal(place.segment, 5);
    assert_int_equal(place.offset, SEGMENT_HEADER);
    assert_true(put(&t, &log, &place));
    assert_int_equal(place.offset, SEGMENT_HEADER + entry_size(5));
    sim_disk_fail(b->sim, SIM_WRITE, ENOSPC, 0, 1);
    assert_false(put(&t, &log, &place));
    assert_true(put(&t, &log, &place));
    assert_int_equal(place.segment, 6);
    sim_disk_fail(b->sim, SIM_FLUSH, EIO, 0, 1);
    assert_false(put(&t, &log, &place));
    assert_true(put(&t, &log, &place));
    assert_int_equal(place.segment, 7);
    tame_disk_stop(&t);
    sim_disk_close_all(b->sim);
    /* The one that failed at the flush may be there; serials grow all the same. */
    log_replay_begin(&replay, &b->ops, "a");
    unsigned count = 0;
    uint64_t last = 17;
    while (log_replay_next(&replay, &e) == STATUS_OK) {
        assert_true(e.serial > last);
        last = e.serial;
        count++;
    }
    assert_in_range(count, 4, 5);
}

static void appends_sent_behind_a_failing_one_fail_as_well(void **state)
{
    struct bench *b = *state;
    struct tame_disk t;
    struct log_writer log;
    struct log_replay replay = {.last_segment = 0};
    struct log_place places[5];
    int error;
    tame_disk_start(&t, &b->ops);
    log_writer_init(&log, &t.disk, "a", &replay);
    sim_disk_fail(b->sim, SIM_WRITE, ENOSPC, 2, 1); /* header and first entry go well */
    for (int i = 0; i < 5; i++)
        assert_true(log_append(&log, 1, span_of_text("entry"), span_of(NULL, 0), &places[i]));
    settle(&t);
    assert_int_equal(disk_ask(&t.disk, places[0].ticket, &error), ASK_READY);
    for (int i = 1; i < 5; i++)
        assert_int_equal(disk_ask(&t.disk, places[i].ticket, &error), ASK_FAILED);
    assert_true(put(&t, &log, &places[0]));
    assert_int_equal(places[0].segment, 2);
    tame_disk_stop(&t);
}

static void a_full_segment_is_followed_by_the_next(void **state)
{
    struct bench *b = *state;
    struct tame_disk t;
    struct log_writer log;
    struct log_replay replay = {.last_segment = 0};
    struct log_place place = {.segment = 0};
    static uint8_t payload[ENTRY_MAX - ENTRY_HEADER];
    struct entry e;
    unsigned sent = 0, count = 0;
    tame_disk_start(&t, &b->ops);
    log_writer_init(&log, &t.disk, "a", &replay);
    while (place.segment < 2) {
        assert_true(log_append(&log, 1, span_of(payload, sizeof payload), span_of(NULL, 0), &place));
        sent++;
        settle(&t);
    }
    tame_disk_stop(&t);
    sim_disk_close_all(b->sim);
    size_t len;
    sim_disk_file(b->sim, "a-00000001.log", &len);
    assert_true(len <= LOG_SEGMENT_BYTES);
    assert_true(len + ENTRY_MAX > LOG_SEGMENT_BYTES);
    log_replay_begin(&replay, &b->ops, "a");
    while (log_replay_next(&replay, &e) == STATUS_OK)
        count++;
    assert_int_equal(count, sent);
}

#define WORK(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORK(appends_and_reads_back),
        WORK(an_append_in_the_wrong_place_is_refused),
        WORK(a_segment_is_on_the_medium_before_anything_is_in_it),
        WORK(a_failed_write_gives_the_segment_up),
        WORK(a_failed_flush_is_told_once_and_gives_the_segment_up),
        WORK(a_flush_that_fails_for_a_new_segment_is_not_lost),
        WORK(a_flush_that_fails_for_a_removal_is_not_lost),
        WORK(a_segment_that_cannot_be_made_leaves_no_file),
        WORK(a_dropped_segment_stays_away),
        WORK(two_logs_do_not_mix),
        WORK(a_file_is_replaced_as_a_whole),
        WORK(a_part_that_failed_replaces_nothing),
        WORK(an_unknown_request_is_refused),
        WORK(the_writer_goes_to_a_new_segment_after_a_failure),
        WORK(appends_sent_behind_a_failing_one_fail_as_well),
        WORK(a_full_segment_is_followed_by_the_next),
    };
    return cmocka_run_group_tests_name("disk/worker", tests, NULL, NULL);
}
