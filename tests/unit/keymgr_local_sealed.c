/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded key manager's root key at rest. */
#include "support/local_bench.h"

/* With a state key the file is sealed, and only that key opens it. */
static void a_sealed_root_key(void **state)
{
    struct bench *b = *state;
    static const struct vault mine = {.sealed = true, .key = {1}}, other = {.sealed = true, .key = {2}};
    uint8_t sealed[100], id[RECORD_ID_BYTES];
    size_t n;
    b->vault = &mine;
    end(b);
    assert_false(begin(b)); /* made without one */
    assert_string_equal(b->why,
                        "root.key is not sealed, though there is a state key: it was put there by somebody "
                        "else");
    assert_true(sim_disk_remove_file(b->sim, LOCAL_ROOT_KEY_FILE));
    again(b);
    const uint8_t *file = sim_disk_file(b->sim, LOCAL_ROOT_KEY_FILE, &n);
    assert_int_equal(n, SEAL_KEY_BYTES + VAULT_OVERHEAD);
    assert_memory_equal(file, VAULT_MAGIC, 8);
    memcpy(sealed, file, n);
    put(b, 1, 1, "record", id);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    again(b);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    assert_int_equal(simple(b, KEYMGR_NEW_KEY, 1).result, KEYMGR_OK);
    sealed[n - 1] ^= 1;
    sim_disk_put_file(b->sim, LOCAL_ROOT_KEY_FILE, sealed, n);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_ROOT_GONE);
    sealed[n - 1] ^= 1;
    sim_disk_put_file(b->sim, LOCAL_ROOT_KEY_FILE, sealed, n);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    static const struct vault *const wrong[] = {&other, NULL};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        b->vault = wrong[i];
        end(b);
        assert_false(begin(b));
        assert_string_equal(b->why, i == 0 ? "root.key is sealed under another state key"
                                           : "root.key is sealed, and there is no state key");
    }
    b->vault = &mine;
    again(b);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
}

/* A root key that is made anew, before there was any record, is the right one from then on. */
static void a_new_root_key_is_the_right_one(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 2; i++) {
        assert_true(sim_disk_remove_file(b->sim, LOCAL_ROOT_KEY_FILE));
        again(b);
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
        again(b);
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sealed_root_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_root_key_is_the_right_one, setup, teardown),
    };
    return cmocka_run_group_tests_name("keymgr/local: the root key's file", tests, NULL, NULL);
}
