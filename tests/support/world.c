/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "support/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS 1000000
#define START_S  1767225600

static void set_defaults(struct store_settings *s)
{
    if (s->objects == 0)
        s->objects = 64;
    if (s->record_bytes == 0)
        s->record_bytes = 64 * 1024;
    if (s->flush_window_ms == 0)
        s->flush_window_ms = 2000;
    if (s->check_interval_ms == 0)
        s->check_interval_ms = 30000;
    if (s->offline_ms == 0)
        s->offline_ms = 600000;
    if (s->sync_busy_ms == 0)
        s->sync_busy_ms = 1000;
    if (s->sync_idle_ms == 0)
        s->sync_idle_ms = 15000;
}

static void carve(struct world *w, struct region *region)
{
    struct local_keymgr *local = NULL;
    store_carve(&w->store, region, &w->options.settings);
    if (w->options.local)
        local = local_carve(region, w->options.settings.objects);
    w->local = local;
}

/* The disk process has ended with the server: all that was sent to it is done. */
static void stop(struct world *w)
{
    if (w->memory == NULL)
        return;
    if (!w->disk_frozen)
        tame_disk_step(&w->disk);
    tame_disk_stop(&w->disk);
    if (w->sim != NULL)
        sim_disk_close_all(w->sim);
    free(w->memory);
    w->memory = NULL;
}

bool world_open(struct world *w)
{
    struct region region = {.base = NULL};
    struct keymgr keymgr = fake_keymgr(&w->fake);
    stop(w);
    fake_hang_up(&w->fake);
    memset(&w->store, 0, sizeof w->store);
    carve(w, &region);
    size_t size = region.used;
    w->memory = aligned_alloc(64, size);
    w->memory_size = size;
    if (w->memory == NULL)
        abort();
    memset(w->memory, 0, size);
    region = (struct region){.base = w->memory, .size = size};
    carve(w, &region);
    w->ops = sim_disk_ops(w->sim);
    tame_disk_start(&w->disk, &w->ops);
    for (int i = 0; i < WORLD_ASKERS; i++)
        ask_hang_up(w, i);
    if (w->options.local) {
        if (local_open(w->local, &w->ops, &w->disk.disk, w->why, sizeof w->why) != STATUS_OK)
            return false;
        keymgr = local_keymgr(w->local);
    }
    w->env = (struct operation_env){.store = &w->store,
                                    .lease_time_s = 3600,
                                    .vendor = "Holdfast",
                                    .server_information = "test",
                                    .drafts = w->drafts,
                                    .material = w->material,
                                    .audit = &w->audit};
    return store_open(&w->store, keymgr, &w->disk.disk, &w->ops, &w->log, w->now, w->why, sizeof w->why) ==
           STATUS_OK;
}

static void stand_beside(struct world *w, struct world *other)
{
    w->fake.home = other->fake.home != NULL ? other->fake.home : &other->fake;
    w->now = other->now;
    w->next_node = other->next_node;
    other->next_node = w;
}

struct world *world_prepare(const struct world_options *options)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    if (options != NULL)
        w->options = *options;
    set_defaults(&w->options.settings);
    w->options.settings.journal = !w->options.without_journal;
    w->now = (struct clock){.mono_ms = START_MS, .unix_s = START_S};
    w->sim = sim_disk_new();
    const char *log = getenv("WORLD_LOG_FILE"); /* to see what the server says */
    w->log = (struct log){
        .fd = open(log != NULL ? log : "/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600),
        .level = LOG_DEBUG};
    fake_init(&w->fake);
    w->fake.shared = w->options.shared;
    w->next_node = w;
    if (w->options.beside != NULL)
        stand_beside(w, w->options.beside);
    for (int i = 0; i < WORLD_ASKERS; i++) {
        w->askers[i].options.minor = 4;
        w->askers[i].patience_ms = 10000;
        w->askers[i].room = MESSAGE_LARGE;
        w->askers[i].budget = BATCH_ITEMS_A_TURN;
    }
    return w;
}

struct world *world_new(const struct world_options *options)
{
    struct world *w = world_prepare(options);
    if (!world_open(w))
        abort();
    return w;
}

void world_free(struct world *w)
{
    struct world *before = w;
    while (before->next_node != w)
        before = before->next_node;
    before->next_node = w->next_node;
    stop(w);
    sim_disk_free(w->sim);
    if (w->log.fd >= 0)
        close(w->log.fd);
    free(w);
}

bool world_restart(struct world *w)
{
    return world_open(w);
}

void world_kill(struct world *w)
{
    stop(w);
    if (w->death_finishes)
        fake_finish(&w->fake);
    fake_hang_up(&w->fake);
}

static void die(void *self)
{
    struct world *w = self;
    if (!w->killable)
        abort();
    longjmp(w->death, 1);
}

void world_kill_at(struct world *w, uint64_t event, bool finishes)
{
    w->fake.events = 0;
    w->fake.stop_at = event;
    w->fake.stop = die;
    w->fake.stop_self = w;
    w->death_finishes = finishes;
}

static void run(struct world *w, struct asker *a)
{
    w->env.now = w->now;
    w->audit.count = 0;
    a->runs++;
    a->asked_at = w->store.news;
    a->state = request_run(&a->request, &w->env, a->out, a->room, a->budget);
    if (a->state != REQUEST_DONE)
        return;
    a->busy = false;
    a->out_len = a->request.response_len;
}

static void turn(struct world *w)
{
    if (!w->disk_frozen)
        tame_disk_step(&w->disk);
    disk_turn(&w->disk.disk);
    store_turn(&w->store, w->now);
    for (int i = 0; i < WORLD_ASKERS; i++) {
        struct asker *a = &w->askers[w->backwards ? WORLD_ASKERS - 1 - i : i];
        bool news = a->asked_at != w->store.news || a->state == REQUEST_AGAIN;
        if (a->busy && (news || w->now.mono_ms >= a->request.deadline_ms))
            run(w, a);
    }
}

/* Does one of both unless the server is off, and notices when it is killed in it. */
static void live(struct world *w, struct asker *asker)
{
    if (world_is_off(w))
        return;
    w->killable = true;
    if (setjmp(w->death) != 0)
        world_kill(w);
    else if (asker != NULL)
        run(w, asker);
    else
        turn(w);
    w->killable = false;
}

void world_turn(struct world *w)
{
    struct world *node = w;
    do {
        node->now.mono_ms += WORLD_TURN_MS;
        node->now.unix_s = START_S + (int64_t)((node->now.mono_ms - START_MS) / 1000);
        node->log.unix_s = node->now.unix_s;
        live(node, NULL);
        node = node->next_node;
    } while (node != w);
}

void world_turns(struct world *w, int turns)
{
    while (turns-- > 0)
        world_turn(w);
}

void world_wait(struct world *w, uint64_t ms)
{
    while (ms != 0) {
        uint64_t step = ms > 1000 ? 1000 : ms;
        struct world *node = w;
        do {
            node->now.mono_ms += step > WORLD_TURN_MS ? step - WORLD_TURN_MS : 0;
            node = node->next_node;
        } while (node != w);
        world_turn(w);
        ms -= step;
    }
    world_turns(w, 4); /* what became due is answered */
}

bool world_settle(struct world *w)
{
    for (int i = 0; i < WORLD_PATIENCE && !world_is_off(w); i++) {
        bool spares =
            !lease_creates(&w->store.lease) || w->store.catalogue.count >= w->store.settings.objects;
        for (size_t k = 0; k < SPARE_KEKS && !spares; k++)
            spares = w->store.spares[k].phase == SPARE_READY;
        if (store_complete(&w->store) && w->store.lease.state != LEASE_STARTING && spares)
            return true;
        world_turn(w);
    }
    return false;
}

struct message *ask(struct world *w, int asker)
{
    struct asker *a = &w->askers[asker];
    ask_hang_up(w, asker);
    message_open(&a->message, a->in, sizeof a->in, &a->options);
    return &a->message;
}

bool ask_send(struct world *w, int asker)
{
    struct asker *a = &w->askers[asker];
    const char *why = NULL;
    a->in_len = message_close(&a->message);
    a->out_len = 0;
    a->runs = 0;
    a->refused = false;
    enum result_reason reason =
        request_begin(&a->request, span_of(a->in, a->in_len), w->now.mono_ms + a->patience_ms, &why);
    if (reason != REASON_NONE) {
        a->refused = true;
        a->out_len = request_refuse(&a->request.header, reason, why, w->now.unix_s, a->out, a->room);
        return true;
    }
    a->request.identity.scope = a->scope;
    a->busy = true;
    live(w, a);
    return !a->busy;
}

void ask_hang_up(struct world *w, int asker)
{
    struct asker *a = &w->askers[asker];
    a->busy = false;
    memset(&a->request, 0x5a, sizeof a->request); /* whoever still points here reads nonsense */
}

bool ask_finish(struct world *w, int asker)
{
    for (int i = 0; i < WORLD_PATIENCE && w->askers[asker].busy && !world_is_off(w); i++)
        world_turn(w);
    return !w->askers[asker].busy;
}

struct span answer_of(const struct world *w, int asker)
{
    return span_of(w->askers[asker].out, w->askers[asker].out_len);
}

struct answer_item answered(const struct world *w, int asker, int item)
{
    return answer_item(answer_of(w, asker), item);
}

/* The reason of the only item; General Failure when there is no proper answer at all. */
static enum result_reason outcome(struct world *w)
{
    if (!ask_send(w, 0) && !ask_finish(w, 0))
        return REASON_GENERAL_FAILURE;
    if (answer_count(answer_of(w, 0)) != 1)
        return REASON_GENERAL_FAILURE;
    struct answer_item item = answered(w, 0, 0);
    if (item.status == RESULT_SUCCESS)
        return REASON_NONE;
    return item.reason;
}

enum result_reason do_create(struct world *w, const char *name, uint8_t uid[UUID_BYTES])
{
    item_create(ask(w, 0), name);
    enum result_reason reason = outcome(w);
    if (reason == REASON_NONE && !payload_uid(answered(w, 0, 0).payload, uid))
        abort();
    return reason;
}

enum result_reason do_get(struct world *w, const uint8_t uid[UUID_BYTES], uint8_t key[KEK_BYTES])
{
    item_get(ask(w, 0), uid);
    enum result_reason reason = outcome(w);
    struct span material = payload_key(answered(w, 0, 0).payload);
    if (reason == REASON_NONE && material.len == KEK_BYTES)
        memcpy(key, material.ptr, KEK_BYTES);
    return reason;
}

enum result_reason do_uid(struct world *w, enum operation_code operation, const uint8_t uid[UUID_BYTES])
{
    item_uid(ask(w, 0), operation, uid);
    return outcome(w);
}

enum result_reason do_add_text(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                               const char *value)
{
    item_add_text(ask(w, 0), uid, name, value);
    return outcome(w);
}

enum result_reason do_modify_text(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                                  const char *value)
{
    item_modify_text(ask(w, 0), uid, name, value);
    return outcome(w);
}

enum result_reason do_revoke(struct world *w, const uint8_t uid[UUID_BYTES], enum revocation_reason_code code)
{
    item_revoke(ask(w, 0), uid, code);
    return outcome(w);
}

enum result_reason do_locate(struct world *w, const char *name, uint8_t uid[UUID_BYTES], int *count)
{
    item_locate_name(ask(w, 0), name);
    enum result_reason reason = outcome(w);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 0, 0).payload);
    struct ttlv_item item;
    *count = 0;
    while (reason == REASON_NONE && reader.at != NULL && ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_UNIQUE_IDENTIFIER && (*count)++ == 0 && uuid_read(item.value, uid) != STATUS_OK)
            abort();
    return reason;
}

bool text_of(struct world *w, const uint8_t uid[UUID_BYTES], const char *name, char *out, size_t cap)
{
    struct ttlv_item value;
    item_get_attributes(ask(w, 0), uid, name);
    if (outcome(w) != REASON_NONE || payload_attributes(answered(w, 0, 0).payload, name, &value) == 0 ||
        value.value.len >= cap)
        return false;
    memcpy(out, value.value.ptr, value.value.len);
    out[value.value.len] = 0;
    return true;
}

enum state state_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct ttlv_item value;
    item_get_attributes(ask(w, 0), uid, "State");
    if (outcome(w) != REASON_NONE || payload_attributes(answered(w, 0, 0).payload, "State", &value) != 1)
        return (enum state)0;
    return (enum state)ttlv_enumeration(&value);
}

struct catalogue_entry *entry_of_uid(struct world *w, const uint8_t uid[UUID_BYTES])
{
    return catalogue_find(&w->store.catalogue, uid);
}
