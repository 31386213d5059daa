/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "crypto/random.h"
#include "store/catalogue.h"

struct bench {
    struct catalogue c;
    uint8_t *memory;
};

static struct bench *begin(uint32_t slots)
{
    struct bench *b = calloc(1, sizeof *b);
    struct region region = {.base = NULL};
    catalogue_carve(&b->c, &region, slots, slots * 512 + (1u << 20));
    b->memory = aligned_alloc(64, region.used);
    memset(b->memory, 0, region.used);
    region = (struct region){.base = b->memory, .size = region.used};
    catalogue_carve(&b->c, &region, slots, slots * 512 + (1u << 20));
    catalogue_init(&b->c);
    return b;
}

static void end(struct bench *b)
{
    free(b->memory);
    free(b);
}

/* A record with these names, separated by commas. */
static struct span record_of(const uint8_t uid[UUID_BYTES], const char *names, enum state state)
{
    static struct draft d;
    struct object_head head = {.type = OBJECT_SYMMETRIC_KEY, .state = state, .generation = 1};
    struct draft_parts parts = {.key_format = KEY_FORMAT_RAW};
    memcpy(head.uid, uid, UUID_BYTES);
    draft_begin(&d, &head, &parts);
    int32_t index = 0;
    while (*names != 0) {
        size_t n = strcspn(names, ",");
        uint8_t value[128];
        struct ttlv_writer w = ttlv_writer_over(value, sizeof value);
        ttlv_put_text(&w, TAG_NAME_VALUE, span_of(names, n));
        ttlv_put_enumeration(&w, TAG_NAME_TYPE, 1);
        draft_set(&d, attribute_by_tag(TAG_NAME), span_of(NULL, 0), index++, TTLV_STRUCTURE,
                  span_of(value, w.len));
        names += n + (names[n] == ',');
    }
    assert_int_equal(draft_end(&d), STATUS_OK);
    return span_of(d.bytes, d.len);
}

/* What the store does for a change: the next record, its names; then it becomes the record. */
static enum status propose(struct catalogue *c, struct catalogue_entry *e, const char *names,
                           enum state state)
{
    struct span record = record_of(e->uid, names, state);
    e->next = arena_put(&c->arena, record);
    assert_true(e->next != 0);
    e->next_len = (uint16_t)record.len;
    enum status status = catalogue_names_add(c, e, record);
    if (status != STATUS_OK) {
        arena_drop(&c->arena, e->next, e->next_len);
        e->next = 0;
    }
    return status;
}

static void commit(struct catalogue *c, struct catalogue_entry *e)
{
    if (e->record != 0) {
        catalogue_names_remove(c, e, catalogue_record(c, e), catalogue_next_record(c, e));
        arena_drop(&c->arena, e->record, e->record_len);
    } else {
        c->visible++;
    }
    e->record = e->next;
    e->record_len = e->next_len;
    e->next = 0;
}

static void undo(struct catalogue *c, struct catalogue_entry *e)
{
    catalogue_names_remove(c, e, catalogue_next_record(c, e), catalogue_record(c, e));
    arena_drop(&c->arena, e->next, e->next_len);
    e->next = 0;
}

static struct catalogue_entry *named(struct bench *b, uint8_t scope, const char *name)
{
    return catalogue_find_name(&b->c, scope, span_of_text(name));
}

static struct catalogue_entry *add(struct bench *b, const char *names)
{
    uint8_t uid[UUID_BYTES];
    random_uuid(uid);
    struct catalogue_entry *e = catalogue_add(&b->c, uid);
    assert_non_null(e);
    assert_int_equal(propose(&b->c, e, names, STATE_PRE_ACTIVE), STATUS_OK);
    commit(&b->c, e);
    return e;
}

static void many_objects_are_found_removed_and_added_again(void **state)
{
    (void)state;
    enum { MANY_OBJECTS = 5000 };
    struct bench *b = begin(MANY_OBJECTS);
    uint8_t(*uids)[UUID_BYTES] = malloc(MANY_OBJECTS * sizeof *uids);
    for (uint32_t i = 0; i < MANY_OBJECTS; i++) {
        random_uuid(uids[i]);
        if (i % 3 == 0)
            memcpy(uids[i], "same beg", 8); /* chosen by somebody to collide */
        assert_null(catalogue_find(&b->c, uids[i]));
        assert_non_null(catalogue_add(&b->c, uids[i]));
    }
    uint8_t one_more[UUID_BYTES] = {0};
    assert_null(catalogue_add(&b->c, one_more));
    assert_int_equal(b->c.count, MANY_OBJECTS);
    for (uint32_t i = 0; i < MANY_OBJECTS; i += 2)
        catalogue_remove(&b->c, catalogue_find(&b->c, uids[i]));
    assert_int_equal(b->c.count, MANY_OBJECTS / 2);
    for (uint32_t i = 0; i < MANY_OBJECTS; i++) {
        const struct catalogue_entry *e = catalogue_find(&b->c, uids[i]);
        assert_int_equal(e != NULL, i % 2);
        if (e != NULL)
            assert_memory_equal(e->uid, uids[i], UUID_BYTES);
    }
    for (uint32_t i = 0; i < MANY_OBJECTS; i += 2)
        assert_non_null(catalogue_add(&b->c, uids[i]));
    for (uint32_t i = 0; i < MANY_OBJECTS; i++)
        assert_non_null(catalogue_find(&b->c, uids[i]));
    free(uids);
    end(b);
}

static void handles_do_not_outlive_their_entry(void **state)
{
    (void)state;
    struct bench *b = begin(4);
    uint8_t uid[UUID_BYTES] = {1}, other[UUID_BYTES] = {2};
    struct catalogue_entry *e = catalogue_add(&b->c, uid);
    struct handle h = catalogue_handle(&b->c, e);
    assert_ptr_equal(catalogue_get(&b->c, h), e);
    assert_null(catalogue_get(&b->c, (struct handle){.slot = h.slot, .serial = 0}));
    assert_null(catalogue_get(&b->c, (struct handle){.slot = 99, .serial = h.serial}));
    catalogue_remove(&b->c, e);
    assert_null(catalogue_get(&b->c, h));
    for (int i = 0; i < 10; i++) {
        struct catalogue_entry *again = catalogue_add(&b->c, other);
        assert_int_equal(catalogue_slot(&b->c, again), h.slot); /* the slot is used anew */
        assert_null(catalogue_get(&b->c, h));
        struct handle mine = catalogue_handle(&b->c, again);
        assert_int_not_equal(mine.serial, 0);
        assert_ptr_equal(catalogue_get(&b->c, mine), again);
        catalogue_remove(&b->c, again);
        assert_null(catalogue_get(&b->c, mine));
    }
    end(b);
}

static void iteration_shows_what_is_committed(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    uint8_t uid[UUID_BYTES] = {1};
    struct catalogue_entry *first = add(b, ""), *second = add(b, ""), *third = add(b, "");
    assert_non_null(catalogue_add(&b->c, uid)); /* invisible */
    catalogue_remove(&b->c, second);
    uint32_t at = 0;
    assert_ptr_equal(catalogue_next(&b->c, &at), first);
    assert_ptr_equal(catalogue_next(&b->c, &at), third);
    assert_null(catalogue_next(&b->c, &at));
    assert_int_equal(b->c.visible, 2);
    end(b);
}

static void names_are_found_in_their_scope(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    struct catalogue_entry *e = add(b, "one,two"), *f = add(b, "three");
    assert_ptr_equal(named(b, 0, "one"), e);
    assert_ptr_equal(named(b, 0, "two"), e);
    assert_ptr_equal(named(b, 0, "three"), f);
    assert_null(named(b, 0, "four"));
    assert_null(named(b, 1, "one"));
    assert_null(named(b, 0, ""));
    end(b);
}

static void names_of_the_committed_and_the_next_record_are_both_taken(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    struct catalogue_entry *e = add(b, "old,kept");
    assert_int_equal(propose(&b->c, e, "kept,new", STATE_PRE_ACTIVE), STATUS_OK);
    assert_ptr_equal(named(b, 0, "old"), e);
    assert_ptr_equal(named(b, 0, "kept"), e);
    assert_ptr_equal(named(b, 0, "new"), e);
    commit(&b->c, e);
    assert_null(named(b, 0, "old"));
    assert_ptr_equal(named(b, 0, "kept"), e);
    assert_ptr_equal(named(b, 0, "new"), e);
    assert_int_equal(propose(&b->c, e, "never", STATE_PRE_ACTIVE), STATUS_OK);
    undo(&b->c, e);
    assert_null(named(b, 0, "never"));
    assert_ptr_equal(named(b, 0, "kept"), e);
    assert_ptr_equal(named(b, 0, "new"), e);
    end(b);
}

static void a_name_moves_from_one_object_to_another(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    struct catalogue_entry *e = add(b, "name");
    uint8_t uid[UUID_BYTES] = {7};
    struct catalogue_entry *f = catalogue_add(&b->c, uid);
    assert_int_equal(propose(&b->c, f, "name", STATE_PRE_ACTIVE), STATUS_OK); /* as Re-key does */
    assert_int_equal(propose(&b->c, e, "", STATE_PRE_ACTIVE), STATUS_OK);
    commit(&b->c, f);
    commit(&b->c, e);
    assert_ptr_equal(named(b, 0, "name"), f);
    catalogue_remove(&b->c, f);
    assert_null(named(b, 0, "name"));
    end(b);
}

static void a_destroyed_object_has_no_name(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    struct catalogue_entry *e = add(b, "name");
    assert_int_equal(propose(&b->c, e, "name", STATE_DESTROYED), STATUS_OK);
    assert_ptr_equal(named(b, 0, "name"), e); /* until the change is durable */
    commit(&b->c, e);
    assert_null(named(b, 0, "name"));
    struct catalogue_entry *f = add(b, "name");
    assert_ptr_equal(named(b, 0, "name"), f);
    catalogue_remove(&b->c, e);
    assert_ptr_equal(named(b, 0, "name"), f);
    end(b);
}

static void removal_gives_names_and_memory_back(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    for (int round = 0; round < 200; round++) {
        struct catalogue_entry *e = add(b, "a,b,c,d,e,f");
        assert_int_equal(propose(&b->c, e, "a,g,h", STATE_ACTIVE), STATUS_OK);
        catalogue_remove(&b->c, e); /* with a change under way */
        assert_null(named(b, 0, "a"));
        assert_null(named(b, 0, "g"));
        assert_int_equal(b->c.arena.pages_used, 0);
        assert_int_equal(b->c.visible, 0);
    }
    end(b);
}

static void a_full_name_index_adds_nothing(void **state)
{
    (void)state;
    struct bench *b = begin(16);
    struct catalogue_entry *e[16];
    char names[64];
    int count = 0;
    for (; count < 8; count++) { /* 16 slots have room for 24 names */
        snprintf(names, sizeof names, "%d-x,%d-y,%d-z", count, count, count);
        e[count] = add(b, names);
    }
    uint8_t uid[UUID_BYTES] = {3};
    struct catalogue_entry *f = catalogue_add(&b->c, uid);
    assert_int_equal(propose(&b->c, f, "more", STATE_PRE_ACTIVE), STATUS_NO_SPACE);
    assert_null(named(b, 0, "more"));
    assert_int_equal(propose(&b->c, e[0], "0-y,0-z", STATE_PRE_ACTIVE), STATUS_OK); /* fewer are no problem */
    commit(&b->c, e[0]);
    assert_int_equal(propose(&b->c, f, "more,too many", STATE_PRE_ACTIVE), STATUS_NO_SPACE);
    assert_null(named(b, 0, "more")); /* not half of them */
    assert_int_equal(propose(&b->c, e[1], "1-x,1-y,1-z,n1,n2", STATE_PRE_ACTIVE), STATUS_NO_SPACE);
    assert_ptr_equal(named(b, 0, "1-x"), e[1]); /* and what was there stays */
    assert_ptr_equal(named(b, 0, "1-z"), e[1]);
    assert_null(named(b, 0, "n1"));
    assert_int_equal(propose(&b->c, f, "more", STATE_PRE_ACTIVE), STATUS_OK);
    assert_ptr_equal(named(b, 0, "more"), f);
    end(b);
}

/* A long random life of names against a plain table. */
static void names_live_long(void **state)
{
    (void)state;
    struct bench *b = begin(64);
    struct catalogue_entry *owner[32] = {NULL};
    uint64_t r = 0x2545f4914f6cdd1du;
    char name[16];
    for (int step = 0; step < 20000; step++) {
        r ^= r << 13, r ^= r >> 7, r ^= r << 17;
        unsigned i = (unsigned)(r >> 9) % 32;
        snprintf(name, sizeof name, "n%u", i);
        assert_ptr_equal(named(b, 0, name), owner[i]);
        if (owner[i] == NULL) {
            owner[i] = add(b, name);
        } else if (r % 3 == 0) {
            catalogue_remove(&b->c, owner[i]);
            owner[i] = NULL;
        } else {
            assert_int_equal(propose(&b->c, owner[i], name, STATE_ACTIVE), STATUS_OK);
            if (r % 2 == 0)
                commit(&b->c, owner[i]);
            else
                undo(&b->c, owner[i]);
        }
    }
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_objects_are_found_removed_and_added_again),
        cmocka_unit_test(handles_do_not_outlive_their_entry),
        cmocka_unit_test(iteration_shows_what_is_committed),
        cmocka_unit_test(names_are_found_in_their_scope),
        cmocka_unit_test(names_of_the_committed_and_the_next_record_are_both_taken),
        cmocka_unit_test(a_name_moves_from_one_object_to_another),
        cmocka_unit_test(a_destroyed_object_has_no_name),
        cmocka_unit_test(removal_gives_names_and_memory_back),
        cmocka_unit_test(a_full_name_index_adds_nothing),
        cmocka_unit_test(names_live_long),
    };
    return cmocka_run_group_tests_name("store/catalogue", tests, NULL, NULL);
}
