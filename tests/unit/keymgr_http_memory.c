/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keymgr/http_memory.h"

#define ROOM (64 * 1024)

static uint8_t *begin(size_t size)
{
    uint8_t *base = aligned_alloc(64, size);
    memset(base, 0x5a, size);
    http_memory_begin(base, size);
    return base;
}

static void end(uint8_t *base)
{
    http_memory_end();
    free(base);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static bool holds(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* ---- what it says ---- */

static void refuses_before_it_begins_and_after_it_ended(void **state)
{
    (void)state;
    uint64_t refused = http_memory_use().refused;
    assert_int_equal(http_memory_use().size, 0);
    assert_null(http_memory_alloc(1));
    assert_null(http_memory_calloc(1, 1));
    assert_null(http_memory_realloc(NULL, 1));
    assert_null(http_memory_strdup(""));
    assert_int_equal(http_memory_use().refused, refused + 4);
    http_memory_free(NULL);

    uint8_t *base = begin(ROOM);
    void *p = http_memory_alloc(100);
    assert_non_null(p);
    memset(p, 0x77, 100);
    http_memory_end();
    assert_true(all_zero(base, ROOM));
    assert_null(http_memory_alloc(1));
    assert_null(http_memory_realloc(p, 200));
    http_memory_free(p); /* a library's late clean-up is no trouble */
    assert_int_equal(http_memory_use().refused, refused + 6);
    assert_int_equal(http_memory_use().size, 0);
    free(base);
}

static void sizes_from_nothing_on_begin_aligned(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *p = http_memory_alloc(size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % HTTP_MEMORY_ALIGN, 0);
        assert_true(all_zero(p, size));
        memset(p, 0xee, size);
        if (size % 3 != 0)
            http_memory_free(p);
    }
    end(base);
}

static void a_base_that_is_not_aligned_is_no_trouble(void **state)
{
    (void)state;
    uint8_t *base = aligned_alloc(64, 4096);
    for (size_t skip = 0; skip < 32; skip++)
        for (size_t size = 0; size < 100; size++) {
            http_memory_begin(base + skip, size);
            uint8_t *p = http_memory_alloc(1);
            assert_true(size < 47 || p != NULL);
            if (p != NULL) {
                assert_int_equal((uintptr_t)p % HTTP_MEMORY_ALIGN, 0);
                assert_true(p >= base + skip && p + 1 <= base + skip + size);
            }
            http_memory_end();
        }
    free(base);
}

static void counts_what_is_used(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    struct http_memory_use use = http_memory_use();
    assert_int_equal(use.size, ROOM);
    assert_int_equal(use.used, 0);
    void *a = http_memory_alloc(1000), *b = http_memory_alloc(16);
    assert_int_equal(http_memory_use().used, 1008 + 16 + 32);
    http_memory_free(a);
    assert_int_equal(http_memory_use().used, 32);
    assert_int_equal(http_memory_use().most, 1056);
    http_memory_free(b);
    assert_int_equal(http_memory_use().used, 0);
    assert_int_equal(http_memory_use().most, 1056);
    end(base);
}

/* ---- exhaustion ---- */

static void what_does_not_fit_is_refused_and_counted(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    uint64_t refused = http_memory_use().refused;
    assert_null(http_memory_alloc(ROOM));
    assert_null(http_memory_alloc(SIZE_MAX));
    assert_null(http_memory_alloc(SIZE_MAX - 15));
    assert_null(http_memory_alloc((size_t)1 << 32));
    assert_null(http_memory_calloc(SIZE_MAX / 2, 3));
    assert_null(http_memory_calloc((size_t)1 << 32, (size_t)1 << 32));
    void *all = http_memory_alloc(ROOM - 16);
    assert_non_null(all);
    assert_null(http_memory_alloc(0));
    assert_null(http_memory_realloc(all, ROOM));
    assert_null(http_memory_realloc(all, SIZE_MAX));
    assert_int_equal(http_memory_use().refused, refused + 9);
    http_memory_free(all);
    assert_non_null(http_memory_alloc(1));
    end(base);
}

/* Everything is taken in pieces, given back in some order, and is one piece again. */
static void free_neighbours_become_one(void **state)
{
    (void)state;
    static void *pieces[ROOM / 32];
    for (unsigned order = 0; order < 4; order++) {
        uint8_t *base = begin(ROOM);
        size_t n = 0;
        while ((pieces[n] = http_memory_alloc(100)) != NULL)
            n++;
        assert_true(n > ROOM / 128 - 2);
        for (size_t i = 0; i < n; i++) {
            size_t place = order == 0 ? i : order == 1 ? n - 1 - i : (i * 2) % n + (n % 2 == 0 && i >= n / 2);
            if (order == 3)
                place = n - 1 - place;
            assert_non_null(pieces[place]);
            http_memory_free(pieces[place]);
            pieces[place] = NULL;
        }
        assert_int_equal(http_memory_use().used, 0);
        assert_non_null(http_memory_alloc(ROOM - 16));
        end(base);
    }
}

/* ---- realloc ---- */

static void realloc_keeps_what_was_there(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    uint8_t *p = http_memory_realloc(NULL, 10);
    memset(p, 0x11, 10);
    uint8_t *same = http_memory_realloc(p, 5000); /* into the free room behind it */
    assert_ptr_equal(same, p);
    assert_true(holds(p, 10, 0x11) && all_zero(p + 10, 4990));
    memset(p, 0x11, 5000);
    void *wall = http_memory_alloc(1);
    uint8_t *moved = http_memory_realloc(p, 6000);
    assert_ptr_not_equal(moved, p);
    assert_true(holds(moved, 5000, 0x11) && all_zero(moved + 5000, 1000));
    assert_true(all_zero(p + 16, 4900)); /* but for two links it left nothing */
    same = http_memory_realloc(moved, 20);
    assert_ptr_equal(same, moved);
    assert_true(holds(same, 20, 0x11));
    assert_true(all_zero(same + 20, 12));
    assert_true(all_zero(same + 32 + 32, 5000));
    same = http_memory_realloc(same, 30);
    assert_true(holds(same, 20, 0x11) && all_zero(same + 20, 10));
    assert_null(http_memory_realloc(same, ROOM));
    assert_true(holds(same, 20, 0x11));
    same = http_memory_realloc(same, 0);
    assert_non_null(same);
    http_memory_free(same);
    http_memory_free(wall);
    assert_int_equal(http_memory_use().used, 0);
    end(base);
}

static void strdup_copies(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    char *copy = http_memory_strdup("a word of sixteen");
    assert_string_equal(copy, "a word of sixteen");
    end(base);
}

/* ---- bytes that were given back ---- */

static void nothing_is_left_of_what_was_given_back(void **state)
{
    (void)state;
    uint8_t *base = begin(ROOM);
    static const char secret[] = "a token that nobody may find";
    void *pieces[40];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = http_memory_alloc(40 + i * 11);
        memcpy(pieces[i], secret, sizeof secret);
        memcpy((char *)pieces[i] + 40 + i * 11 - sizeof secret, secret, sizeof secret);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i += 2)
        http_memory_free(pieces[i]);
    for (size_t i = 1; i < COUNT_OF(pieces); i += 4)
        pieces[i] =
            http_memory_realloc(pieces[i], 900); /* those before them are free, those behind are not */
    for (size_t i = 1; i < COUNT_OF(pieces); i += 4)
        pieces[i] = http_memory_realloc(pieces[i], 40);
    for (size_t i = 1; i < COUNT_OF(pieces); i += 2)
        http_memory_free(pieces[i]);
    assert_int_equal(http_memory_use().used, 0);
    /* One block remains: a header, two links, zeros. */
    assert_true(all_zero(base + 24, ROOM - 24));
    assert_null(memmem(base, ROOM, "token", 5));
    end(base);
}

/* ---- damage ends the program ---- */

static void *take(size_t size)
{
    void *p = http_memory_alloc(size);
    if (p == NULL)
        _exit(1);
    return p;
}

static bool traps(void (*damage)(uint8_t *base))
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        damage(begin(ROOM));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

static void given_back_twice(uint8_t *base)
{
    (void)base;
    void *p = http_memory_alloc(100);
    http_memory_free(p);
    http_memory_free(p);
}

static void given_back_twice_beside_others(uint8_t *base)
{
    (void)base;
    void *a = http_memory_alloc(100), *b = http_memory_alloc(100), *c = http_memory_alloc(100);
    (void)a, (void)c;
    http_memory_free(b);
    http_memory_free(b);
}

static void never_handed_out(uint8_t *base)
{
    take(100);
    http_memory_free(base + 32);
}

static void from_elsewhere(uint8_t *base)
{
    (void)base;
    uint8_t other[64] __attribute__((aligned(16))) = {0};
    http_memory_free(other + 16);
}

static void not_aligned(uint8_t *base)
{
    (void)base;
    http_memory_free((uint8_t *)take(100) + 8);
}

static void written_behind_the_end(uint8_t *base)
{
    (void)base;
    uint8_t *a = http_memory_alloc(96);
    take(96);
    a[96] ^= 4;
    http_memory_free(a);
}

static void written_before_the_beginning(uint8_t *base)
{
    (void)base;
    uint8_t *a = http_memory_alloc(96);
    a[-1] ^= 1;
    http_memory_free(a);
}

static void links_written_after_the_end(uint8_t *base)
{
    (void)base;
    uint8_t *a = http_memory_alloc(96);
    take(96);
    http_memory_free(a);
    a[1] ^= 1;
    take(96);
}

static void length_written_in_a_free_block(uint8_t *base)
{
    (void)base;
    uint8_t *a = http_memory_alloc(96);
    take(96);
    http_memory_free(a);
    a[-16] ^= 16;
    take(96);
}

static void damage_ends_the_program(void **state)
{
    (void)state;
    assert_true(traps(given_back_twice));
    assert_true(traps(given_back_twice_beside_others));
    assert_true(traps(never_handed_out));
    assert_true(traps(from_elsewhere));
    assert_true(traps(not_aligned));
    assert_true(traps(written_behind_the_end));
    assert_true(traps(written_before_the_beginning));
    assert_true(traps(links_written_after_the_end));
    assert_true(traps(length_written_in_a_free_block));
}

/* ---- many steps against a model ---- */

#define HANDLES 200

struct model {
    uint8_t *at[HANDLES];
    size_t len[HANDLES];
    uint8_t value[HANDLES];
    uint32_t random;
    uint8_t *base;
    size_t size;
};

static uint32_t next_random(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    m->random ^= m->random << 5;
    return m->random;
}

/* Mostly small, some of the size of a TLS connection. */
static size_t some_size(struct model *m)
{
    uint32_t r = next_random(m);
    return r % 16 == 0 ? r / 16 % 42000 : r % 4 == 0 ? r / 16 % 3000 : r / 16 % 200;
}

static void check_place(const struct model *m, size_t i)
{
    assert_int_equal((uintptr_t)m->at[i] % HTTP_MEMORY_ALIGN, 0);
    assert_true(m->at[i] >= m->base + HTTP_MEMORY_HEADER && m->at[i] + m->len[i] <= m->base + m->size);
    for (size_t k = 0; k < HANDLES; k++)
        if (k != i && m->at[k] != NULL)
            assert_true(m->at[i] + m->len[i] + HTTP_MEMORY_HEADER <= m->at[k] ||
                        m->at[k] + m->len[k] + HTTP_MEMORY_HEADER <= m->at[i]);
}

static void model_fill(struct model *m, size_t i, size_t from)
{
    assert_true(all_zero(m->at[i] + from, m->len[i] - from));
    m->value[i] = (uint8_t)(next_random(m) | 1);
    memset(m->at[i], m->value[i], m->len[i]);
}

static void model_step(struct model *m)
{
    size_t i = next_random(m) % HANDLES, size = some_size(m);
    if (m->at[i] == NULL) {
        m->at[i] = http_memory_alloc(size);
        if (m->at[i] == NULL)
            return;
        m->len[i] = size;
        check_place(m, i);
        model_fill(m, i, 0);
        return;
    }
    assert_true(holds(m->at[i], m->len[i], m->value[i]));
    if (next_random(m) % 2 == 0) {
        http_memory_free(m->at[i]);
        m->at[i] = NULL;
        return;
    }
    uint8_t *moved = http_memory_realloc(m->at[i], size);
    if (moved == NULL) {
        assert_true(size > m->len[i]);
        assert_true(holds(m->at[i], m->len[i], m->value[i]));
        return;
    }
    size_t kept = size < m->len[i] ? size : m->len[i];
    m->at[i] = moved;
    m->len[i] = size;
    assert_true(holds(moved, kept, m->value[i]));
    check_place(m, i);
    model_fill(m, i, kept);
}

static size_t model_bytes(const struct model *m)
{
    size_t bytes = 0;
    for (size_t i = 0; i < HANDLES; i++)
        if (m->at[i] != NULL)
            bytes += (m->len[i] + 15) / 16 * 16 + HTTP_MEMORY_HEADER;
    return bytes;
}

static void many_steps_agree_with_a_model(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        static struct model m;
        m = (struct model){.random = seed * 2654435761u, .size = seed % 2 == 0 ? 1u << 20 : 1u << 18};
        m.base = begin(m.size);
        uint64_t refused = http_memory_use().refused;
        for (int step = 0; step < 6000; step++) {
            model_step(&m);
            size_t used = http_memory_use().used, bytes = model_bytes(&m);
            assert_true(used >= bytes && used <= bytes + 32 * HANDLES);
        }
        /* The small memory was full at times. */
        assert_true(seed % 2 == 0 || http_memory_use().refused > refused);
        for (size_t i = 0; i < HANDLES; i++)
            http_memory_free(m.at[i]);
        assert_int_equal(http_memory_use().used, 0);
        assert_true(all_zero(m.base + 24, m.size - 24));
        assert_non_null(http_memory_alloc(m.size - 16));
        end(m.base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_before_it_begins_and_after_it_ended),
        cmocka_unit_test(sizes_from_nothing_on_begin_aligned),
        cmocka_unit_test(a_base_that_is_not_aligned_is_no_trouble),
        cmocka_unit_test(counts_what_is_used),
        cmocka_unit_test(what_does_not_fit_is_refused_and_counted),
        cmocka_unit_test(free_neighbours_become_one),
        cmocka_unit_test(realloc_keeps_what_was_there),
        cmocka_unit_test(strdup_copies),
        cmocka_unit_test(nothing_is_left_of_what_was_given_back),
        cmocka_unit_test(damage_ends_the_program),
        cmocka_unit_test(many_steps_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
