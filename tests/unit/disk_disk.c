/* SPDX-License-Identifier: Apache-2.0 */
/* The disk process as a process: order, groups with one flush before their answers, failures, its end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"

#include "disk/log_writer.h"

/* What both processes see. */
struct shared {
    volatile uint64_t written; /* bytes given to write_at */
    volatile uint64_t flushed; /* of these, before the last flush */
    volatile uint32_t flushes;
    volatile int fail_write; /* errno; 0 none */
    volatile int fail_flush;
    volatile bool slow;
};

struct bench {
    char path[64];
    int folder;
    struct disk_ops real, ops;
    struct shared *shared;
    struct disk disk;
    struct log_writer log;
    bool running;
};

static void a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static int64_t watched_write(void *self, int file, const void *in, size_t len, uint64_t offset)
{
    struct bench *b = self;
    if (b->shared->fail_write != 0)
        return -b->shared->fail_write;
    int64_t n = b->real.write_at(b->real.self, file, in, len, offset);
    if (n > 0)
        b->shared->written += (uint64_t)n;
    return n;
}

static int watched_flush(void *self, int file)
{
    struct bench *b = self;
    if (b->shared->slow)
        a_moment();
    if (b->shared->fail_flush != 0)
        return -b->shared->fail_flush;
    int n = b->real.flush(b->real.self, file);
    b->shared->flushed = b->shared->written;
    b->shared->flushes++;
    return n;
}

static int through_open(void *self, const char *name, bool create)
{
    struct bench *b = self;
    return b->real.open(b->real.self, name, create);
}

static int through_close(void *self, int file)
{
    struct bench *b = self;
    return b->real.close(b->real.self, file);
}

static int64_t through_read(void *self, int file, void *out, size_t len, uint64_t offset)
{
    struct bench *b = self;
    return b->real.read_at(b->real.self, file, out, len, offset);
}

static int through_truncate(void *self, int file, uint64_t size)
{
    struct bench *b = self;
    return b->real.truncate(b->real.self, file, size);
}

static int through_rename(void *self, const char *from, const char *to)
{
    struct bench *b = self;
    return b->real.rename(b->real.self, from, to);
}

static int through_remove(void *self, const char *name)
{
    struct bench *b = self;
    return b->real.remove(b->real.self, name);
}

static int through_flush_folder(void *self)
{
    struct bench *b = self;
    return b->real.flush_folder(b->real.self);
}

static uint32_t through_next(void *self, const char *prefix, uint32_t after)
{
    struct bench *b = self;
    return b->real.next_number(b->real.self, prefix, after);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    *state = b;
    snprintf(b->path, sizeof b->path, "/tmp/holdfast-disk-XXXXXX");
    if (mkdtemp(b->path) == NULL)
        return -1;
    b->folder = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->real = disk_ops_posix(&b->folder);
    b->ops = (struct disk_ops){.self = b,
                               .open = through_open,
                               .close = through_close,
                               .read_at = through_read,
                               .write_at = watched_write,
                               .truncate = through_truncate,
                               .flush = watched_flush,
                               .rename = through_rename,
                               .remove = through_remove,
                               .flush_folder = through_flush_folder,
                               .next_number = through_next};
    b->shared = mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (disk_start(&b->disk, &b->ops, -1) != STATUS_OK)
        return -1;
    b->running = true;
    log_writer_init(&b->log, &b->disk, "log", &(struct log_replay){.last_segment = 0});
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    if (b->running)
        disk_stop(&b->disk);
    DIR *d = opendir(b->path);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(b->folder, e->d_name, 0);
    closedir(d);
    rmdir(b->path);
    close(b->folder);
    munmap(b->shared, sizeof *b->shared);
    free(b);
    return 0;
}

/* Waits until the ticket is answered; false after two seconds. */
static bool wait_for(struct bench *b, uint64_t ticket)
{
    int error;
    for (int i = 0; i < 400; i++) {
        struct pollfd p = {.fd = b->disk.fd, .events = POLLIN};
        poll(&p, 1, 5);
        disk_turn(&b->disk);
        if (disk_ask(&b->disk, ticket, &error) != ASK_WAIT)
            return true;
    }
    return false;
}

static void answers_come_in_order_and_after_the_flush(void **state)
{
    struct bench *b = *state;
    struct log_place places[60];
    uint64_t end[60], done = 0;
    int error;
    b->shared->slow = true;
    for (int i = 0; i < 60; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "entry %d", i);
        assert_true(log_append(&b->log, 1, span_of(text, (size_t)n), span_of(NULL, 0), &places[i]));
        end[i] = places[i].offset + entry_size((size_t)n);
    }
    for (int turns = 0; done < 60 && turns < 1000; turns++) {
        struct pollfd p = {.fd = b->disk.fd, .events = POLLIN};
        poll(&p, 1, 20);
        disk_turn(&b->disk);
        uint64_t flushed = b->shared->flushed; /* header and all: the bytes of one segment, in order */
        uint64_t before = done;
        while (done < 60 && disk_ask(&b->disk, places[done].ticket, &error) == ASK_READY)
            done++;
        if (done != before)
            assert_true(flushed >= end[done - 1]);
        for (uint64_t i = done; i < 60; i++)
            assert_int_equal(disk_ask(&b->disk, places[i].ticket, &error), ASK_WAIT);
    }
    assert_int_equal(done, 60);
    assert_true(b->shared->flushes < 30); /* those that arrive together share one */
}

static void what_was_sent_is_written_before_the_process_ends(void **state)
{
    struct bench *b = *state;
    struct log_place place;
    struct log_replay *replay = calloc(1, sizeof *replay);
    struct entry e;
    unsigned count = 0;
    for (int i = 0; i < 50; i++)
        assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    disk_stop(&b->disk);
    b->running = false;
    log_replay_begin(replay, &b->real, "log");
    while (log_replay_next(replay, &e) == STATUS_OK)
        count++;
    assert_int_equal(count, 50);
    free(replay);
}

/* Hundreds of answers that nobody takes must not keep the two from ending. */
static void stopping_with_a_full_queue_does_not_hang(void **state)
{
    struct bench *b = *state;
    struct log_place place;
    unsigned sent = 0;
    alarm(20);
    for (int i = 0; i < 2000; i++) {
        if (log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place))
            sent++;
        else if (b->disk.next_ticket - b->disk.done_ticket > DISK_QUEUE - 70)
            break;
        else
            a_moment();
    }
    assert_true(sent > 300);
    disk_stop(&b->disk);
    b->running = false;
    alarm(0);
}

static void a_full_queue_is_told_and_empties(void **state)
{
    struct bench *b = *state;
    struct disk_request request = {.op = DISK_FILE, .len = 10, .name = "none"};
    uint64_t last = 0, ticket;
    unsigned sent = 0;
    while ((ticket = disk_send(&b->disk, &request, span_of(NULL, 0))) != 0) {
        last = ticket;
        assert_true(++sent <= DISK_QUEUE);
    }
    assert_true(sent > 0);
    assert_true(wait_for(b, last));
    assert_true(disk_send(&b->disk, &request, span_of(NULL, 0)) != 0);
    assert_false(b->disk.lost);
}

static void a_failing_write_is_an_errno_and_then_a_new_segment(void **state)
{
    struct bench *b = *state;
    struct log_place place;
    int error;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket));
    b->shared->fail_write = ENOSPC;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket));
    assert_int_equal(disk_ask(&b->disk, place.ticket, &error), ASK_FAILED);
    assert_int_equal(error, ENOSPC);
    assert_int_equal(b->disk.failures, 1);
    b->shared->fail_write = 0;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket));
    assert_int_equal(disk_ask(&b->disk, place.ticket, &error), ASK_READY);
    assert_int_equal(place.segment, 2);
}

static void a_failing_flush_fails_the_whole_group(void **state)
{
    struct bench *b = *state;
    struct log_place first, places[5];
    int error;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &first));
    assert_true(wait_for(b, first.ticket));
    kill(b->disk.child, SIGSTOP); /* so that the five are one group */
    b->shared->fail_flush = EIO;
    for (int i = 0; i < 5; i++)
        assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &places[i]));
    kill(b->disk.child, SIGCONT);
    assert_true(wait_for(b, places[4].ticket));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(disk_ask(&b->disk, places[i].ticket, &error), ASK_FAILED);
        assert_int_equal(error, EIO);
    }
    b->shared->fail_flush = 0;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &first));
    assert_true(wait_for(b, first.ticket));
    assert_int_equal(disk_ask(&b->disk, first.ticket, &error), ASK_READY);
    assert_int_equal(first.segment, 2);
}

static void bytes_are_handed_over_one_answer_a_turn(void **state)
{
    struct bench *b = *state;
    struct disk_request request = {.op = DISK_PART};
    assert_true(disk_send(&b->disk, &request, span_of_text("content")) != 0);
    request = (struct disk_request){.op = DISK_REPLACE, .name = "file"};
    uint64_t replaced = disk_send(&b->disk, &request, span_of(NULL, 0));
    assert_true(wait_for(b, replaced));
    uint64_t tickets[3];
    for (int i = 0; i < 3; i++) {
        request = (struct disk_request){.op = DISK_FILE, .len = 100, .name = "file"};
        tickets[i] = disk_send(&b->disk, &request, span_of(NULL, 0));
    }
    for (int i = 0; i < 3; i++) {
        assert_true(wait_for(b, tickets[i]));
        assert_int_equal(b->disk.read_ticket, tickets[i]);
        check_text(span_of(b->disk.read, b->disk.read_len), "content");
    }
}

static void a_lost_process_is_noticed(void **state)
{
    struct bench *b = *state;
    struct log_place place;
    int error;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket));
    kill(b->disk.child, SIGKILL);
    while (waitpid(b->disk.child, NULL, 0) < 0 && errno == EINTR)
        continue;
    struct log_place after = {.ticket = 0};
    bool sent = log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &after);
    disk_turn(&b->disk);
    assert_true(b->disk.lost);
    if (sent)
        assert_int_equal(disk_ask(&b->disk, after.ticket, &error), ASK_FAILED);
    assert_int_equal(disk_ask(&b->disk, place.ticket, &error), ASK_READY); /* what was answered stays so */
    assert_false(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &after));
    close(b->disk.fd);
    b->running = false;
}

static void the_process_ends_when_the_server_does(void **state)
{
    struct bench *b = *state;
    close(b->disk.fd);
    int status = -1;
    for (int i = 0; i < 500 && waitpid(b->disk.child, &status, WNOHANG) == 0; i++)
        a_moment();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    b->running = false;
}

static void interrupts_of_the_terminal_do_not_end_it(void **state)
{
    struct bench *b = *state;
    struct log_place place;
    int error;
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket)); /* it has begun */
    kill(b->disk.child, SIGINT);
    kill(b->disk.child, SIGTERM);
    assert_true(log_append(&b->log, 1, span_of_text("entry"), span_of(NULL, 0), &place));
    assert_true(wait_for(b, place.ticket));
    assert_int_equal(disk_ask(&b->disk, place.ticket, &error), ASK_READY);
}

/* ---- the operations on a real folder ---- */

static void posix_files(void **state)
{
    struct bench *b = *state;
    char bytes[32] = "";
    struct disk_ops *o = &b->real;
    assert_int_equal(o->open(o->self, "f", false), -ENOENT);
    int f = o->open(o->self, "f", true);
    assert_true(f >= 0);
    assert_int_equal(o->write_at(o->self, f, "0123456789", 10, 0), 10);
    assert_int_equal(o->write_at(o->self, f, "AB", 2, 8), 2);
    assert_int_equal(o->flush(o->self, f), 0);
    assert_int_equal(o->read_at(o->self, f, bytes, sizeof bytes, 4), 6);
    assert_memory_equal(bytes, "4567AB", 6);
    assert_int_equal(o->read_at(o->self, f, bytes, sizeof bytes, 100), 0);
    assert_int_equal(o->truncate(o->self, f, 3), 0);
    assert_int_equal(o->read_at(o->self, f, bytes, sizeof bytes, 0), 3);
    assert_int_equal(o->close(o->self, f), 0);
    assert_int_equal(o->close(o->self, f), -EBADF);
    f = o->open(o->self, "f", true); /* what is there stays */
    assert_int_equal(o->read_at(o->self, f, bytes, sizeof bytes, 0), 3);
    o->close(o->self, f);
    f = o->open(o->self, "f", false);
    assert_int_equal(o->write_at(o->self, f, "x", 1, 0), -EBADF); /* opened for reading */
    o->close(o->self, f);
    assert_int_equal(o->rename(o->self, "f", "g"), 0);
    assert_int_equal(o->rename(o->self, "f", "g"), -ENOENT);
    assert_int_equal(o->flush_folder(o->self), 0);
    assert_int_equal(o->remove(o->self, "g"), 0);
    assert_int_equal(o->remove(o->self, "g"), -ENOENT);
}

static void posix_files_are_private_and_links_are_not_followed(void **state)
{
    struct bench *b = *state;
    struct disk_ops *o = &b->real;
    umask(0);
    int f = o->open(o->self, "f", true);
    struct stat st;
    assert_int_equal(fstat(f, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true((fcntl(f, F_GETFD) & FD_CLOEXEC) != 0);
    o->close(o->self, f);
    assert_int_equal(symlinkat("f", b->folder, "link"), 0);
    assert_int_equal(o->open(o->self, "link", true), -ELOOP);
    assert_int_equal(o->open(o->self, "link", false), -ELOOP);
}

static void posix_numbers(void **state)
{
    struct bench *b = *state;
    struct disk_ops *o = &b->real;
    static const char *const names[] = {"a-00000003.log", "a-00000001.log",    "a-00000010.log",
                                        "a-1.log",        "a-00000002.logx",   "aa-00000005.log",
                                        "b-00000004.log", "a-0000000.log",     "a-0000000x.log",
                                        "a-99999999.log", "a-00000006.log.tmp"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        o->close(o->self, o->open(o->self, names[i], true));
    assert_int_equal(o->next_number(o->self, "a", 0), 1);
    assert_int_equal(o->next_number(o->self, "a", 1), 3);
    assert_int_equal(o->next_number(o->self, "a", 3), 10);
    assert_int_equal(o->next_number(o->self, "a", 10), 99999999);
    assert_int_equal(o->next_number(o->self, "a", 99999999), 0);
    assert_int_equal(o->next_number(o->self, "none", 0), 0);
    char name[32];
    for (unsigned i = 100; i < 700; i++) { /* more names than one call of the kernel gives */
        snprintf(name, sizeof name, "many-%08u.log", i);
        o->close(o->self, o->open(o->self, name, true));
    }
    uint32_t n = 0, count = 0;
    while ((n = o->next_number(o->self, "many", n)) != 0)
        assert_int_equal(n, 100 + count++);
    assert_int_equal(count, 600);
}

#define REAL(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REAL(answers_come_in_order_and_after_the_flush),
        REAL(what_was_sent_is_written_before_the_process_ends),
        REAL(stopping_with_a_full_queue_does_not_hang),
        REAL(a_full_queue_is_told_and_empties),
        REAL(a_failing_write_is_an_errno_and_then_a_new_segment),
        REAL(a_failing_flush_fails_the_whole_group),
        REAL(bytes_are_handed_over_one_answer_a_turn),
        REAL(a_lost_process_is_noticed),
        REAL(the_process_ends_when_the_server_does),
        REAL(interrupts_of_the_terminal_do_not_end_it),
        REAL(posix_files),
        REAL(posix_files_are_private_and_links_are_not_followed),
        REAL(posix_numbers),
    };
    return cmocka_run_group_tests_name("disk/disk", tests, NULL, NULL);
}
