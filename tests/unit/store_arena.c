/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "store/arena.h"

struct bench {
    struct arena arena;
    uint8_t *memory;
};

static void begin(struct bench *b, size_t bytes)
{
    struct region region = {.base = NULL};
    arena_carve(&b->arena, &region, bytes);
    b->memory = aligned_alloc(64, region.used);
    memset(b->memory, 0, region.used);
    region = (struct region){.base = b->memory, .size = region.used};
    arena_carve(&b->arena, &region, bytes);
    arena_init(&b->arena);
}

static void fill(uint8_t *out, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(seed * 131 + i * 7 + 1);
}

static void records_of_every_length_stay_as_they_are(void **state)
{
    (void)state;
    struct bench b;
    uint8_t bytes[RECORD_MAX];
    static arena_ref refs[RECORD_MAX + 1];
    begin(&b, 64u << 20);
    for (unsigned len = 1; len <= RECORD_MAX; len += len < 300 ? 1 : 13) {
        fill(bytes, len, len);
        refs[len] = arena_put(&b.arena, span_of(bytes, len));
        assert_true(refs[len] != 0);
    }
    for (unsigned len = 1; len <= RECORD_MAX; len += len < 300 ? 1 : 13) {
        fill(bytes, len, len);
        assert_memory_equal(arena_at(&b.arena, refs[len]), bytes, len);
    }
    free(b.memory);
}

static void exhaustion_is_an_answer_and_dropping_helps(void **state)
{
    (void)state;
    struct bench b;
    uint8_t bytes[700];
    arena_ref refs[1000], ref;
    size_t count = 0;
    begin(&b, 4 * ARENA_PAGE);
    fill(bytes, sizeof bytes, 1);
    while ((ref = arena_put(&b.arena, span_of(bytes, sizeof bytes))) != 0)
        refs[count++] = ref;
    assert_true(count >= 4 * (ARENA_PAGE / 704));
    assert_int_equal(b.arena.pages_used, b.arena.page_count);
    assert_int_equal(arena_put(&b.arena, span_of(bytes, 10)), 0); /* another class finds no page either */
    arena_drop(&b.arena, refs[count / 2], sizeof bytes);
    assert_int_equal(arena_put(&b.arena, span_of(bytes, sizeof bytes)), refs[count / 2]);
    for (size_t i = 0; i < count; i++)
        arena_drop(&b.arena, refs[i], sizeof bytes);
    assert_int_equal(b.arena.pages_used, 0);
    free(b.memory);
}

/* Pages that are empty serve any size again: no mixture of sizes blocks the rest for ever. */
static void an_emptied_page_serves_another_size(void **state)
{
    (void)state;
    struct bench b;
    uint8_t bytes[RECORD_MAX];
    begin(&b, ARENA_PAGE * 2);
    fill(bytes, sizeof bytes, 9);
    for (size_t len = 33; len <= RECORD_MAX; len += 97) {
        arena_ref refs[2000], ref;
        size_t count = 0;
        while ((ref = arena_put(&b.arena, span_of(bytes, len))) != 0)
            refs[count++] = ref;
        assert_true(count >= 2);
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(arena_at(&b.arena, refs[i]), bytes, len);
        for (size_t i = 0; i < count; i++)
            arena_drop(&b.arena, refs[count - 1 - i], len);
        assert_int_equal(b.arena.pages_used, 0);
    }
    free(b.memory);
}

static void a_dropped_record_is_wiped(void **state)
{
    (void)state;
    struct bench b;
    uint8_t bytes[500];
    begin(&b, ARENA_PAGE);
    fill(bytes, sizeof bytes, 3);
    arena_ref ref = arena_put(&b.arena, span_of(bytes, sizeof bytes));
    const uint8_t *at = arena_at(&b.arena, ref);
    arena_drop(&b.arena, ref, sizeof bytes);
    for (size_t i = 2; i < sizeof bytes; i++) /* the first two hold the list of free slots */
        assert_int_equal(at[i], 0);
    free(b.memory);
}

/* A long random life against a plain list. */
static void a_long_life_keeps_every_record(void **state)
{
    (void)state;
    struct bench b;
    struct {
        arena_ref ref;
        size_t len;
        unsigned seed;
    } held[300];
    size_t count = 0;
    uint64_t r = 88172645463325252u;
    uint8_t bytes[RECORD_MAX];
    begin(&b, 20 * ARENA_PAGE);
    for (unsigned step = 0; step < 20000; step++) {
        r ^= r << 13, r ^= r >> 7, r ^= r << 17;
        if (count < 300 && r % 5 < 3) {
            size_t len = 1 + (r >> 8) % (r % 7 == 0 ? RECORD_MAX : 600);
            fill(bytes, len, step);
            arena_ref ref = arena_put(&b.arena, span_of(bytes, len));
            if (ref == 0)
                continue;
            held[count].ref = ref;
            held[count].len = len;
            held[count++].seed = step;
        } else if (count != 0) {
            size_t i = (r >> 8) % count;
            fill(bytes, held[i].len, held[i].seed);
            assert_memory_equal(arena_at(&b.arena, held[i].ref), bytes, held[i].len);
            arena_drop(&b.arena, held[i].ref, held[i].len);
            held[i] = held[--count];
        }
    }
    for (size_t i = 0; i < count; i++) {
        fill(bytes, held[i].len, held[i].seed);
        assert_memory_equal(arena_at(&b.arena, held[i].ref), bytes, held[i].len);
        arena_drop(&b.arena, held[i].ref, held[i].len);
    }
    assert_int_equal(b.arena.pages_used, 0);
    free(b.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_length_stay_as_they_are),
        cmocka_unit_test(exhaustion_is_an_answer_and_dropping_helps),
        cmocka_unit_test(an_emptied_page_serves_another_size),
        cmocka_unit_test(a_dropped_record_is_wiped),
        cmocka_unit_test(a_long_life_keeps_every_record),
    };
    return cmocka_run_group_tests_name("store/arena", tests, NULL, NULL);
}
