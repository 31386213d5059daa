/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole server: clients create, change, revoke, destroy and re-key objects; every Success has to outlive
 * the cut. Once with the local key manager on the same disk, once with a key manager elsewhere.
 */
#include "powercut.h"
#include "support/world.h"

#define KEYS  5
#define STEPS 90
#define NOTE  900 /* bytes of the attribute that is changed, so that segments fill up */

struct known {
    bool begun, acknowledged;
    uint8_t uid[UUID_BYTES]; /* when acknowledged */
    uint8_t key[KEK_BYTES];
    bool has_key;
    int note, note_begun; /* number of the value; 0 none */
    bool active_begun, active, destroy_begun, destroyed;
};

struct server_story {
    struct world *w;
    struct known keys[KEYS];
};

static void note_text(int number, char out[NOTE + 1])
{
    memset(out, 'a' + number % 26, NOTE);
    snprintf(out, NOTE, "note %d", number);
    out[strlen(out)] = ' ';
    out[NOTE] = 0;
}

static void step(struct server_story *s, uint64_t *seed, int number)
{
    struct world *w = s->w;
    unsigned i = (unsigned)(draw(seed) % KEYS);
    struct known *k = &s->keys[i];
    char name[16], text[NOTE + 1];
    snprintf(name, sizeof name, "key-%u", i);
    note_text(number, text);
    if (!k->begun) {
        k->begun = true;
        k->acknowledged = do_create(w, name, k->uid) == REASON_NONE;
        if (k->acknowledged)
            k->has_key = do_get(w, k->uid, k->key) == REASON_NONE;
        return;
    }
    if (!k->acknowledged || k->destroy_begun)
        return;
    uint64_t what = draw(seed) % 12;
    if (what == 0 && !k->active_begun) {
        k->active_begun = true;
        k->active = do_uid(w, OPERATION_ACTIVATE, k->uid) == REASON_NONE;
    } else if (what == 1 && number > STEPS / 2 && !k->active_begun) {
        k->destroy_begun = true;
        k->destroyed = do_uid(w, OPERATION_DESTROY, k->uid) == REASON_NONE;
    } else if (what == 2) {
        world_wait(w, 2500); /* the flush window ends */
    } else {
        k->note_begun = number;
        enum result_reason reason =
            k->note == 0 ? do_add_text(w, k->uid, "x-note", text) : do_modify_text(w, k->uid, "x-note", text);
        if (reason == REASON_NONE)
            k->note = number;
    }
}

static void check_note(struct server_story *s, const struct known *k, unsigned i, struct verdict *v)
{
    char text[NOTE + 2], wanted[NOTE + 1], begun[NOTE + 1];
    bool there = text_of(s->w, k->uid, "x-note", text, sizeof text);
    note_text(k->note, wanted);
    note_text(k->note_begun, begun);
    bool as_acknowledged = k->note == 0 ? !there : there && strcmp(text, wanted) == 0;
    bool as_begun = there && k->note_begun != 0 && strcmp(text, begun) == 0;
    if (!as_acknowledged && !as_begun)
        COMPLAIN(v, "key %u: note %d was acknowledged, %d begun, but there is %.10s", i, k->note,
                 k->note_begun, there ? text : "none");
}

static void check_key(struct server_story *s, struct known *k, unsigned i, struct verdict *v)
{
    uint8_t key[KEK_BYTES], uid[UUID_BYTES];
    char name[16];
    int count;
    enum result_reason reason = do_get(s->w, k->uid, key);
    if (k->destroyed || (k->destroy_begun && reason == REASON_ITEM_NOT_FOUND)) {
        if (reason != REASON_ITEM_NOT_FOUND)
            COMPLAIN(v, "key %u was destroyed and answers with reason %d", i, (int)reason);
        return;
    }
    if (reason != REASON_NONE) {
        COMPLAIN(v, "key %u is lost, reason %d", i, (int)reason);
        return;
    }
    if (k->has_key && memcmp(key, k->key, KEK_BYTES) != 0)
        COMPLAIN(v, "key %u has other bytes", i);
    check_note(s, k, i, v);
    enum state state = state_of(s->w, k->uid);
    if (k->active ? state != STATE_ACTIVE : state != STATE_PRE_ACTIVE && !k->active_begun)
        COMPLAIN(v, "key %u has State %d", i, (int)state);
    snprintf(name, sizeof name, "key-%u", i);
    if (do_locate(s->w, name, uid, &count) != REASON_NONE || count != 1 ||
        memcmp(uid, k->uid, UUID_BYTES) != 0)
        COMPLAIN(v, "key %u is not found by its name", i);
}

static void check(struct server_story *s, struct verdict *v)
{
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    unsigned acknowledged = 0, most = 0;
    if (!world_open(s->w)) {
        COMPLAIN(v, "no start: %s", s->w->why);
        return;
    }
    if (!world_settle(s->w))
        COMPLAIN(v, "the server does not become ready: %s", s->w->store.lease.why);
    for (unsigned i = 0; i < KEYS; i++) {
        if (s->keys[i].acknowledged)
            check_key(s, &s->keys[i], i, v);
        acknowledged += s->keys[i].acknowledged;
        most += s->keys[i].begun;
    }
    if (s->w->store.catalogue.visible < acknowledged || s->w->store.catalogue.visible > most)
        COMPLAIN(v, "%u objects, at least %u and at most %u were created", s->w->store.catalogue.visible,
                 acknowledged, most);
    if (do_create(s->w, NULL, uid) != REASON_NONE || do_get(s->w, uid, key) != REASON_NONE)
        COMPLAIN(v, "the server does not work after the cut");
}

static uint64_t run(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v, bool local)
{
    struct server_story s = {.w = world_prepare(&(struct world_options){
                                 .local = local, .settings = {.objects = 16, .keep_unseen = local}})};
    uint64_t choice = seed * 31337 + 17;
    sim_disk_cut_at(s.w->sim, cut);
    bool open = world_open(s.w) && world_settle(s.w);
    for (int i = 1; open && i <= STEPS && !sim_disk_is_dead(s.w->sim); i++) {
        step(&s, &choice, i);
        if (i % 30 == 0 && !sim_disk_is_dead(s.w->sim))
            open = world_open(s.w) && world_settle(s.w);
    }
    uint64_t events = sim_disk_events(s.w->sim);
    bool alive = cut == 0;
    /* The server's process has ended with the power. */
    s.w->disk_frozen = !alive;
    tame_disk_kill(&s.w->disk);
    sim_disk_power_on(s.w->sim, alive ? SIM_ALL : survival, seed * 1000 + cut);
    s.w->disk_frozen = false;
    check(&s, v);
    world_free(s.w);
    return events;
}

static uint64_t run_local(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v)
{
    return run(seed, cut, survival, v, true);
}

static uint64_t run_cloud(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v)
{
    return run(seed, cut, survival, v, false);
}

const struct workload workload_server_local = {
    .name = "server-local", .seeds = 1, .few = true, .run = run_local};
const struct workload workload_server_cloud = {
    .name = "server-cloud", .seeds = 1, .few = true, .run = run_cloud};
