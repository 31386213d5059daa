/* SPDX-License-Identifier: Apache-2.0 */
/* A log alone: entries of many sizes in groups, segments that fill up and are dropped, a restart in the
 * middle. */
#include "disk/log_writer.h"
#include "powercut.h"
#include "support/tame_disk.h"

#define ENTRIES  40
#define SENT_MAX 128

struct sent {
    uint64_t serial;
    uint32_t type, segment;
    size_t len;
    bool acknowledged;
    uint64_t ticket;
    uint8_t bytes[6000];
};

struct log_story {
    struct sim_disk *sim;
    struct disk_ops ops;
    struct tame_disk disk;
    struct log_writer log;
    size_t count;
    size_t awaited;   /* entries before this one are acknowledged or given up */
    uint32_t dropped; /* segments up to this one may be gone */
    struct sent sent[SENT_MAX];
};

static void note_answers(struct log_story *s)
{
    int error;
    disk_turn(&s->disk.disk);
    for (size_t i = s->awaited; i < s->count; i++)
        s->sent[i].acknowledged = disk_ask(&s->disk.disk, s->sent[i].ticket, &error) == ASK_READY;
}

static void work(struct log_story *s)
{
    tame_disk_step(&s->disk);
    note_answers(s);
}

static void append(struct log_story *s, uint64_t *seed)
{
    struct sent *e = &s->sent[s->count];
    struct log_place place;
    size_t most = draw(seed) % 4 == 0 ? 6000 : 700;
    e->len = 1 + draw(seed) % most;
    e->type = 1 + (uint32_t)(draw(seed) % 3);
    for (size_t i = 0; i < e->len; i++)
        e->bytes[i] = (uint8_t)draw(seed);
    size_t first = draw(seed) % (e->len + 1);
    if (!log_append(&s->log, e->type, span_of(e->bytes, first), span_of(e->bytes + first, e->len - first),
                    &place))
        return;
    e->serial = s->log.serial;
    e->segment = place.segment;
    e->ticket = place.ticket;
    e->acknowledged = false;
    s->count++;
}

static bool begin(struct log_story *s)
{
    struct log_replay *replay = calloc(1, sizeof *replay);
    struct entry entry;
    enum status status;
    log_replay_begin(replay, &s->ops, "test");
    while ((status = log_replay_next(replay, &entry)) == STATUS_OK)
        continue;
    tame_disk_start(&s->disk, &s->ops);
    log_writer_init(&s->log, &s->disk.disk, "test", replay);
    s->awaited = s->count;
    free(replay);
    return status == STATUS_END;
}

static void end(struct log_story *s)
{
    tame_disk_step(&s->disk);
    note_answers(s);
    tame_disk_stop(&s->disk);
    sim_disk_close_all(s->sim);
}

static void drop_oldest(struct log_story *s)
{
    uint64_t ticket;
    uint32_t oldest = s->ops.next_number(s->ops.self, "test", 0);
    if (oldest != 0 && oldest < s->log.segment.number && log_drop(&s->log, oldest, &ticket))
        s->dropped = oldest;
}

static bool matches(const struct sent *e, const struct entry *in)
{
    return e->serial == in->serial && e->type == in->type && e->len == in->payload.len &&
           memcmp(e->bytes, in->payload.ptr, e->len) == 0;
}

static void check(struct log_story *s, struct verdict *v)
{
    struct log_replay *replay = calloc(1, sizeof *replay);
    struct entry entry;
    enum status status;
    bool found[SENT_MAX] = {false};
    uint64_t last = 0;
    log_replay_begin(replay, &s->ops, "test");
    while ((status = log_replay_next(replay, &entry)) == STATUS_OK) {
        bool known = false;
        for (size_t i = 0; i < s->count; i++)
            if (matches(&s->sent[i], &entry))
                known = found[i] = true;
        if (!known)
            COMPLAIN(v, "entry %u of %u bytes was never written", (unsigned)entry.serial,
                     (unsigned)entry.payload.len);
        if (entry.serial <= last)
            COMPLAIN(v, "entry %u comes after %u", (unsigned)entry.serial, (unsigned)last);
        last = entry.serial;
    }
    if (status != STATUS_END)
        COMPLAIN(v, "replay ended with status %d", (int)status);
    for (size_t i = 0; i < s->count; i++)
        if (s->sent[i].acknowledged && s->sent[i].segment > s->dropped && !found[i])
            COMPLAIN(v, "acknowledged entry %u in segment %u is lost", (unsigned)s->sent[i].serial,
                     s->sent[i].segment);
    free(replay);
}

static uint64_t run(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v)
{
    static struct log_story story;
    struct log_story *s = &story;
    uint64_t choice = seed * 77777 + 5;
    memset(s, 0, offsetof(struct log_story, sent));
    s->sim = sim_disk_new();
    s->ops = sim_disk_ops(s->sim);
    sim_disk_cut_at(s->sim, cut);
    begin(s);
    for (int i = 0; i < ENTRIES && !sim_disk_is_dead(s->sim); i++) {
        for (uint64_t n = 1 + draw(&choice) % 5; n > 0; n--)
            append(s, &choice);
        if (draw(&choice) % 8 == 0)
            drop_oldest(s);
        if (draw(&choice) % 3 != 0)
            work(s);
        if (i == ENTRIES / 2) {
            end(s);
            if (!sim_disk_is_dead(s->sim) && !begin(s))
                COMPLAIN(v, "the second start cannot read the log");
            else if (sim_disk_is_dead(s->sim))
                tame_disk_start(&s->disk, &s->ops);
        }
        if (s->count > SENT_MAX - 8)
            break;
    }
    end(s);
    uint64_t events = sim_disk_events(s->sim);
    sim_disk_power_on(s->sim, survival, seed * 1000 + cut);
    check(s, v);
    /* Life goes on: a new start appends, and both are there. */
    if (!begin(s))
        COMPLAIN(v, "no start after the cut");
    append(s, &choice);
    end(s);
    if (!s->sent[s->count - 1].acknowledged)
        COMPLAIN(v, "nothing can be written after the cut");
    check(s, v);
    sim_disk_free(s->sim);
    return events;
}

const struct workload workload_log = {.name = "log", .seeds = 2, .run = run};
