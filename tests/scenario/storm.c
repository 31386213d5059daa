/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three nodes, a handful of objects, and everything at once by chance: changes, revocations, calls that take
 * long or fail, answers that get lost, nodes that are killed. Afterwards all is quiet, and every node has to
 * tell what was acknowledged.
 */
#include "support/nodes.h"

#define NODES_HERE 3
#define OBJECTS    6
#define NOTES      12
#define SEEDS      24
#define STEPS      60

struct memory {
    uint64_t random;
    struct world *nodes[NODES_HERE];
    uint8_t uids[OBJECTS][UUID_BYTES];
    uint8_t keys[OBJECTS][KEK_BYTES];
    enum state least[OBJECTS];  /* the State that was acknowledged */
    bool added[OBJECTS][NOTES]; /* acknowledged */
    int used[OBJECTS];          /* names given out */
};

static unsigned chance(struct memory *m, unsigned below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)(m->random >> 20) % below;
}

static void change_the_weather(struct memory *m)
{
    struct fake_keymgr *f = &m->nodes[chance(m, NODES_HERE)]->fake;
    enum keymgr_call_kind kind = (enum keymgr_call_kind)(KEYMGR_NEW_KEY + chance(m, KEYMGR_DELETE));
    fake_answer(f, kind, KEYMGR_OK, (int)chance(m, 40));
    switch (chance(m, 6)) {
    case 0:
        fake_fail(f, kind, KEYMGR_AWAY, 1 + chance(m, 3));
        break;
    case 1:
        fake_lose_answer(f, kind);
        break;
    case 2:
        cloud_of(m->nodes[0])->list_lag_ms = chance(m, 1000);
        cloud_of(m->nodes[0])->find_lag_ms = chance(m, 500);
        break;
    default:
        break;
    }
}

static void kill_one(struct memory *m)
{
    struct world *w = m->nodes[chance(m, NODES_HERE)];
    if (world_is_off(w)) {
        assert_true(world_restart(w));
        return;
    }
    w->death_finishes = chance(m, 2) == 0;
    world_kill(w);
}

static void note(struct memory *m, struct world *w, unsigned o)
{
    char name[16];
    int n = m->used[o];
    if (n == NOTES)
        return;
    m->used[o]++;
    snprintf(name, sizeof name, "x-%d", n);
    m->added[o][n] = do_add_text(w, m->uids[o], name, "1") == REASON_NONE;
}

static void move_on(struct memory *m, struct world *w, unsigned o)
{
    uint8_t got[KEK_BYTES];
    switch (m->least[o]) {
    case STATE_PRE_ACTIVE:
        if (do_uid(w, OPERATION_ACTIVATE, m->uids[o]) == REASON_NONE)
            m->least[o] = STATE_ACTIVE;
        break;
    case STATE_ACTIVE:
        if (do_revoke(w, m->uids[o], REVOCATION_UNSPECIFIED) == REASON_NONE)
            m->least[o] = STATE_DEACTIVATED;
        break;
    case STATE_DEACTIVATED:
        if (do_uid(w, OPERATION_DESTROY, m->uids[o]) == REASON_NONE)
            m->least[o] = STATE_DESTROYED;
        break;
    default:
        (void)do_get(w, m->uids[o], got);
        break;
    }
}

static void step(struct memory *m)
{
    struct world *w = m->nodes[chance(m, NODES_HERE)];
    unsigned o = chance(m, OBJECTS), what = chance(m, 20);
    uint8_t got[KEK_BYTES];
    if (what < 8 && !world_is_off(w))
        note(m, w, o);
    else if (what < 10 && !world_is_off(w))
        move_on(m, w, o);
    else if (what < 12 && !world_is_off(w) && do_get(w, m->uids[o], got) == REASON_NONE)
        assert_memory_equal(got, m->keys[o], KEK_BYTES);
    else if (what < 16)
        change_the_weather(m);
    else if (what == 16)
        kill_one(m);
    else
        world_turns(w, (int)chance(m, 200));
}

static void calm_down(struct memory *m)
{
    for (int i = 0; i < NODES_HERE; i++) {
        for (enum keymgr_call_kind k = KEYMGR_NEW_KEY; k <= KEYMGR_DELETE; k++) {
            fake_fail(&m->nodes[i]->fake, k, KEYMGR_OK, 0);
            fake_answer(&m->nodes[i]->fake, k, KEYMGR_OK, 0);
        }
        if (world_is_off(m->nodes[i]))
            assert_true(world_restart(m->nodes[i]));
    }
    world_turns(m->nodes[0], 1000); /* a check that failed is made again after 5 s */
    for (int i = 0; i < NODES_HERE; i++)
        assert_true(world_settle(m->nodes[i]));
    cloud_of(m->nodes[0])->list_lag_ms = cloud_of(m->nodes[0])->find_lag_ms = 0;
    world_turns(m->nodes[0], 2000);
}

static void check_memory(struct memory *m)
{
    for (int o = 0; o < OBJECTS; o++) {
        check_agreed(m->nodes[0], m->uids[o]);
        for (int i = 0; i < NODES_HERE; i++) {
            uint8_t got[KEK_BYTES];
            char name[16];
            enum state state = state_of(m->nodes[i], m->uids[o]);
            assert_true(state >= m->least[o]);
            for (int n = 0; n < NOTES; n++) {
                snprintf(name, sizeof name, "x-%d", n);
                if (m->added[o][n] && !has_text(m->nodes[i], m->uids[o], name, "1"))
                    fail_msg("%s of object %d is lost at node %d", name, o, i);
            }
            enum result_reason reason = do_get(m->nodes[i], m->uids[o], got);
            assert_int_equal(reason, state == STATE_DESTROYED ? REASON_ITEM_NOT_FOUND : REASON_NONE);
            if (reason == REASON_NONE)
                assert_memory_equal(got, m->keys[o], KEK_BYTES);
        }
    }
}

static void weather_of_every_kind_costs_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    const char *from = getenv("STORM_FROM"), *to = getenv("STORM_TO");
    uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1,
             last = to != NULL ? strtoull(to, NULL, 10) : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct memory m = {.random = seed * 0x9e3779b97f4a7c15u};
        m.nodes[0] = nodes_new(NODES_HERE, &(struct store_settings){.record_bytes = 1 << 20});
        for (int i = 1; i < NODES_HERE; i++)
            m.nodes[i] = m.nodes[i - 1]->next_node;
        for (int o = 0; o < OBJECTS; o++) {
            m.least[o] = STATE_PRE_ACTIVE;
            assert_int_equal(do_create(m.nodes[o % NODES_HERE], NULL, m.uids[o]), REASON_NONE);
            assert_int_equal(do_get(m.nodes[o % NODES_HERE], m.uids[o], m.keys[o]), REASON_NONE);
        }
        print_message("seed %u\n", (unsigned)seed);
        for (int i = 0; i < STEPS; i++)
            step(&m);
        calm_down(&m);
        check_memory(&m);
        nodes_free(m.nodes[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weather_of_every_kind_costs_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
