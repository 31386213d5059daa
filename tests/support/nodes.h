/* SPDX-License-Identifier: Apache-2.0 */
/* What the scenarios of several nodes share: worlds side by side on one key manager, and what has to be the
 * same at all of them in the end. */
#ifndef HOLDFAST_TESTS_SUPPORT_NODES_H
#define HOLDFAST_TESTS_SUPPORT_NODES_H

#include "support/story.h"

#define NODES(name)       cmocka_unit_test_setup_teardown(name, two_nodes, end_nodes)
#define THREE_NODES(name) cmocka_unit_test_setup_teardown(name, three_nodes, end_nodes)

/* Bounds of the settings that worlds have. */
#define FLUSH_MS 2000
#define BUSY_MS  1000
#define IDLE_MS  15000
/* A look, a read and their answers, when each takes a turn. */
#define CALLS_MS 100

static inline struct world *node_beside(struct world *first)
{
    struct world_options options = first->options;
    options.beside = first;
    struct world *w = world_new(&options);
    assert_true(world_settle(w));
    return w;
}

/* *state is the first; the others are its next_node. */
static inline struct world *nodes_new(int count, const struct store_settings *settings)
{
    struct world_options options = {.shared = true};
    if (settings != NULL)
        options.settings = *settings;
    struct world *first = world_new(&options);
    assert_true(world_settle(first));
    for (int i = 1; i < count; i++)
        node_beside(first);
    return first;
}

static inline void nodes_free(struct world *first)
{
    while (first->next_node != first)
        world_free(first->next_node);
    world_free(first);
}

static inline int two_nodes(void **state)
{
    *state = nodes_new(2, NULL);
    return 0;
}

static inline int three_nodes(void **state)
{
    *state = nodes_new(3, NULL);
    return 0;
}

static inline int end_nodes(void **state)
{
    nodes_free(*state);
    return 0;
}

static inline struct fake_keymgr *cloud_of(struct world *w)
{
    return w->fake.home != NULL ? w->fake.home : &w->fake;
}

/* Calls of a kind that all nodes have made. */
static inline unsigned calls_of_all(struct world *w, enum keymgr_call_kind kind)
{
    unsigned n = 0;
    struct world *node = w;
    do {
        n += node->fake.calls[kind];
        node = node->next_node;
    } while (node != w);
    return n;
}

/* Whether this node has nothing to do for the object, and has what the key manager has; or neither has it. */
static inline bool is_in_step(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct catalogue_entry *e = entry_of_uid(w, uid);
    struct fake_record *r = fake_find(cloud_of(w), uid);
    if (w->store.removals_used != 0 || w->store.sync.news_count != 0 || w->store.sync.doubts_count != 0)
        return false;
    if (e == NULL || r == NULL)
        return e == NULL && r == NULL;
    if (e->dirty || e->uploading != 0 || e->finding || e->change.phase != CHANGE_NONE || e->record == 0)
        return false;
    return span_equal(catalogue_record(&w->store.catalogue, e), span_of(r->data, r->len)) &&
           e->generation == e->stored_generation;
}

/* Every node that is on has come to the one record that lives, or to none. */
static inline bool are_agreed(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct world *node = w;
    do {
        if (!world_is_off(node) && !is_in_step(node, uid))
            return false;
        node = node->next_node;
    } while (node != w);
    return fake_living(cloud_of(w), uid) <= 1;
}

/* Time goes on until they are agreed. False when they are not after ms. */
static inline bool agree_within(struct world *w, const uint8_t uid[UUID_BYTES], uint64_t ms)
{
    for (uint64_t i = 0; i < ms / WORLD_TURN_MS; i++) {
        if (are_agreed(w, uid))
            return true;
        world_turn(w);
    }
    return are_agreed(w, uid);
}

static inline void check_agreed(struct world *w, const uint8_t uid[UUID_BYTES])
{
    if (!agree_within(w, uid, 60000)) {
        struct world *node = w;
        do {
            struct catalogue_entry *e = world_is_off(node) ? NULL : entry_of_uid(node, uid);
            if (e != NULL)
                print_error("generation %u stored %u dirty %d uploading %u phase %d removals %u\n",
                            e->generation, e->stored_generation, e->dirty, e->uploading, e->change.phase,
                            node->store.removals_used);
            node = node->next_node;
        } while (node != w);
        fail_msg("not agreed: %u records live", fake_living(cloud_of(w), uid));
    }
    assert_int_equal(fake_living(cloud_of(w), uid), 1);
}

/* Nobody has anything of it. */
static inline void check_gone(struct world *w, const uint8_t uid[UUID_BYTES])
{
    assert_true(agree_within(w, uid, 60000));
    assert_int_equal(fake_living(cloud_of(w), uid), 0);
}

static inline bool has_text(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                            const char *value)
{
    char text[64];
    return text_of(w, uid, name, text, sizeof text) && strcmp(text, value) == 0;
}

/* Milliseconds until the node tells this text; more than `most` fails the test. */
static inline uint64_t until_text(struct world *w, const uint8_t uid[UUID_BYTES], const char *name,
                                  const char *value, uint64_t most)
{
    uint64_t begin = w->now.mono_ms;
    while (!has_text(w, uid, name, value)) {
        if (w->now.mono_ms - begin > most)
            fail_msg("%s is not there after %u ms", name, (unsigned)most);
        world_turn(w);
    }
    return w->now.mono_ms - begin;
}

static inline uint64_t until_state(struct world *w, const uint8_t uid[UUID_BYTES], enum state state,
                                   uint64_t most)
{
    uint64_t begin = w->now.mono_ms;
    while (state_of(w, uid) != state) {
        if (w->now.mono_ms - begin > most)
            fail_msg("State is not %d after %u ms", state, (unsigned)most);
        world_turn(w);
    }
    return w->now.mono_ms - begin;
}

#endif
