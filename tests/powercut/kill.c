/* SPDX-License-Identifier: Apache-2.0 */
/* The real disk process in a real folder, killed at a random moment; what it had answered is in the files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "disk/log_writer.h"
#include "powercut.h"

#define ENTRIES 4000

struct kill_story {
    int folder;
    struct disk_ops ops;
    struct disk disk;
    struct log_writer log;
    uint64_t tickets[ENTRIES];
    uint64_t first_serial; /* of this round */
    size_t count, acknowledged;
};

static size_t content(uint64_t serial, uint8_t out[1024])
{
    size_t len = 8 + serial * 13 % 900;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(serial * 7 + i * 3);
    return len;
}

static void note_answers(struct kill_story *s)
{
    int error;
    disk_turn(&s->disk);
    while (s->acknowledged < s->count && disk_ask(&s->disk, s->tickets[s->acknowledged], &error) == ASK_READY)
        s->acknowledged++;
}

/* Reads all; returns the serial of the last entry, 0 when something is wrong. */
static uint64_t read_all(struct kill_story *s, struct log_replay *replay)
{
    struct entry e;
    enum status status;
    uint8_t wanted[1024];
    uint64_t expected = 1;
    log_replay_begin(replay, &s->ops, "kill");
    while ((status = log_replay_next(replay, &e)) == STATUS_OK) {
        size_t len = content(e.serial, wanted);
        if (e.serial != expected || e.payload.len != len || memcmp(wanted, e.payload.ptr, len) != 0)
            return 0;
        expected = e.serial + 1;
    }
    return status == STATUS_END ? expected : 0;
}

static bool one_round(struct kill_story *s, uint64_t *seed)
{
    struct log_replay *replay = calloc(1, sizeof *replay);
    struct log_place place;
    uint8_t bytes[1024];
    uint64_t next = read_all(s, replay);
    if (next == 0) {
        free(replay);
        return false;
    }
    s->count = s->acknowledged = 0;
    s->first_serial = next;
    if (disk_start(&s->disk, &s->ops, -1) != STATUS_OK)
        abort();
    log_writer_init(&s->log, &s->disk, "kill", replay);
    long until_us = (long)(draw(seed) % 20000);
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 16 && s->count < ENTRIES; i++) {
            size_t len = content(s->log.serial + 1, bytes);
            if (!log_append(&s->log, 1, span_of(bytes, len), span_of(NULL, 0), &place))
                break;
            s->tickets[s->count++] = place.ticket;
        }
        note_answers(s);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < until_us);
    kill(s->disk.child, SIGKILL);
    while (waitpid(s->disk.child, NULL, 0) < 0 && errno == EINTR)
        continue;
    note_answers(s);
    bool lost = s->disk.lost;
    close(s->disk.fd);
    uint64_t end = read_all(s, replay);
    free(replay);
    return lost && end != 0 && end >= s->first_serial + s->acknowledged;
}

static void empty_folder(int folder)
{
    DIR *d = fdopendir(dup(folder));
    const struct dirent *e;
    rewinddir(d);
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            unlinkat(folder, e->d_name, 0);
    closedir(d);
}

unsigned kill_rounds(unsigned rounds)
{
    static struct kill_story story;
    char path[] = "/tmp/holdfast-kill-XXXXXX";
    uint64_t seed = (uint64_t)getpid() * 7919 + 1;
    unsigned wrong = 0;
    if (mkdtemp(path) == NULL)
        abort();
    story.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    story.ops = disk_ops_posix(&story.folder);
    for (unsigned i = 0; i < rounds; i++)
        if (!one_round(&story, &seed)) {
            printf("kill: round %u: %u acknowledged, not all are there\n", i, (unsigned)story.acknowledged);
            wrong++;
        }
    empty_folder(story.folder);
    close(story.folder);
    rmdir(path);
    return wrong;
}
