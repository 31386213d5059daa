/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets at rest: sealed or not, bound to their names, refused whole when anything is off. */
#include "support/check.h"

#include "crypto/vault.h"

static const struct vault plain = {.sealed = false};
static const struct vault mine = {.sealed = true, .key = {1, 2, 3}};
static const struct vault other = {.sealed = true, .key = {1, 2, 4}};

static uint8_t file[200], out[100];
static size_t len;

static struct span write_with(const struct vault *v, const char *secret)
{
    struct buf b = buf_over(file, sizeof file);
    vault_write(v, "api-key", span_of_text(secret), &b);
    assert_false(b.full);
    return buf_span(&b);
}

static void without_a_state_key_files_are_the_secrets(void **state)
{
    (void)state;
    struct span f = write_with(&plain, "abc");
    assert_int_equal(f.len, 3);
    assert_int_equal(vault_read(&plain, "api-key", f, out, sizeof out, &len), STATUS_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(out, "abc", 3);
    assert_int_equal(vault_read(&plain, "api-key", f, out, 2, &len), STATUS_TOO_LARGE);
}

static void sealed_files_open_with_their_key_and_name_only(void **state)
{
    (void)state;
    struct span f = write_with(&mine, "a secret text");
    assert_int_equal(f.len, 13 + VAULT_OVERHEAD);
    assert_null(memmem(f.ptr, f.len, "secret", 6));
    assert_int_equal(vault_read(&mine, "api-key", f, out, sizeof out, &len), STATUS_OK);
    assert_int_equal(len, 13);
    assert_memory_equal(out, "a secret text", 13);
    assert_int_equal(vault_read(&mine, "root.key", f, out, sizeof out, &len), STATUS_REFUSED);
    assert_int_equal(vault_read(&other, "api-key", f, out, sizeof out, &len), STATUS_REFUSED);
    assert_int_equal(vault_read(&plain, "api-key", f, out, sizeof out, &len), STATUS_REFUSED);
    assert_int_equal(vault_read(&mine, "api-key", f, out, 12, &len), STATUS_TOO_LARGE);
}

static void damaged_and_cut_files_are_refused(void **state)
{
    (void)state;
    struct span f = write_with(&mine, "x");
    for (size_t cut = 8; cut < f.len; cut++) {
        memset(out, 0xff, sizeof out);
        assert_int_equal(vault_read(&mine, "api-key", span_of(f.ptr, cut), out, sizeof out, &len),
                         STATUS_REFUSED);
        assert_int_equal(len, 0);
        assert_int_equal(out[0], 0);
    }
    for (size_t i = 8; i < f.len; i++) {
        file[i] ^= 1;
        assert_int_equal(vault_read(&mine, "api-key", f, out, sizeof out, &len), STATUS_REFUSED);
        file[i] ^= 1;
    }
}

/* Whoever can write the disk must not slip in a key of their own. */
static void a_plain_file_is_refused_when_there_is_a_state_key(void **state)
{
    (void)state;
    struct span f = write_with(&plain, "mine now");
    assert_int_equal(vault_read(&mine, "api-key", f, out, sizeof out, &len), STATUS_MALFORMED);
    assert_int_equal(len, 0);
}

static void a_file_without_room_is_said(void **state)
{
    (void)state;
    struct buf b = buf_over(file, 3 + VAULT_OVERHEAD - 1);
    vault_write(&mine, "api-key", span_of_text("abc"), &b);
    assert_true(b.full);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_state_key_files_are_the_secrets),
        cmocka_unit_test(sealed_files_open_with_their_key_and_name_only),
        cmocka_unit_test(damaged_and_cut_files_are_refused),
        cmocka_unit_test(a_plain_file_is_refused_when_there_is_a_state_key),
        cmocka_unit_test(a_file_without_room_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
