/* SPDX-License-Identifier: Apache-2.0 */
/* What requests see of the lease: KEKs are served as long as they may be, and no longer. */
#include "support/story.h"

/* The key manager gives this answer about the root key from now on; waits until it has been asked. */
static void root_key_is(struct world *w, enum keymgr_result result)
{
    unsigned asked = w->fake.answers[KEYMGR_STATE];
    fake_answer(&w->fake, KEYMGR_STATE, result, 0);
    for (int i = 0; i < 100 && w->fake.answers[KEYMGR_STATE] == asked; i++)
        world_wait(w, 1000);
    assert_true(w->fake.answers[KEYMGR_STATE] > asked);
}

static bool any_kek_byte(const struct world *w)
{
    for (size_t i = 0; i < w->store.keks.slots; i++) {
        const struct kek *k = &w->store.keks.keks[i];
        for (size_t b = 0; b < KEK_BYTES; b++)
            if (k->key[b] != 0)
                return true;
    }
    return false;
}

static void starting_waits_for_the_first_answer(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_STATE, KEYMGR_OK, FAKE_NEVER);
    assert_true(world_restart(w));
    world_turns(w, 3);
    assert_int_equal(w->store.lease.state, LEASE_STARTING);
    item_get(ask(w, 1), uid);
    item_create(ask(w, 2), NULL);
    item_get_attributes(ask(w, 3), uid, "State"); /* needs no KEK */
    assert_false(ask_send(w, 1));
    assert_false(ask_send(w, 2));
    assert_true(ask_send(w, 3));
    check_reason(w, 3, 0, REASON_NONE);
    fake_release(&w->fake, KEYMGR_STATE);
    assert_true(ask_finish(w, 1));
    assert_true(ask_finish(w, 2));
    check_reason(w, 1, 0, REASON_NONE);
    check_reason(w, 2, 0, REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
}

static void read_only_serves_and_does_not_create(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], other[UUID_BYTES], key[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    root_key_is(w, KEYMGR_ROOT_EXPIRED);
    assert_int_equal(w->store.lease.state, LEASE_READ_ONLY);
    item_get(ask(w, 1), uid); /* and its KEK is fetched */
    assert_int_equal(finish(w, 1), REASON_NONE);
    check_key(w, 1, 0, key);
    assert_int_equal(do_create(w, NULL, other), REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "READ-ONLY"));
    assert_int_equal(do_add_text(w, uid, "x-note", "1"), REASON_NONE); /* no key is made for that */
    root_key_is(w, KEYMGR_OK);
    assert_int_equal(do_create(w, NULL, other), REASON_NONE);
}

static void revoked_wipes_at_once_and_comes_back_by_itself(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    assert_true(any_kek_byte(w));
    root_key_is(w, KEYMGR_ROOT_GONE);
    assert_int_equal(w->store.lease.state, LEASE_REVOKED);
    assert_false(any_kek_byte(w));
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "REVOKED"));
    assert_int_equal(do_create(w, NULL, got), REASON_GENERAL_FAILURE);
    unsigned unwraps = w->fake.calls[KEYMGR_UNWRAP];
    world_wait(w, 20000);
    assert_int_equal(w->fake.calls[KEYMGR_UNWRAP], unwraps); /* nothing is asked of a root key that is gone */
    root_key_is(w, KEYMGR_OK);
    assert_int_equal(w->store.lease.state, LEASE_READY);
    world_wait(w, 2000);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
}

static void an_unwrap_that_answers_after_the_revocation_brings_nothing_back(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    cold_key(w, NULL, uid, key);
    fake_answer(&w->fake, KEYMGR_UNWRAP, KEYMGR_OK, FAKE_NEVER);
    item_get(ask(w, 1), uid);
    assert_false(ask_send(w, 1));
    world_turns(w, 2);
    assert_int_equal(fake_waiting(&w->fake, KEYMGR_UNWRAP), 1);
    w->askers[1].request.deadline_ms += 1000000;
    root_key_is(w, KEYMGR_ROOT_GONE);
    fake_release(&w->fake, KEYMGR_UNWRAP);
    world_turns(w, 3);
    assert_false(any_kek_byte(w));
    assert_false(w->askers[1].busy);
    check_reason(w, 1, 0, REASON_GENERAL_FAILURE);
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
}

static void spares_do_not_survive_a_revocation(void **state)
{
    struct world *w = *state;
    fake_answer(&w->fake, KEYMGR_NEW_KEY, KEYMGR_OK, FAKE_NEVER);
    store_erase_keks(&w->store);
    world_turns(w, 2);
    assert_true(fake_waiting(&w->fake, KEYMGR_NEW_KEY) != 0);
    root_key_is(w, KEYMGR_ROOT_GONE);
    fake_release(&w->fake, KEYMGR_NEW_KEY);
    world_turns(w, 3);
    assert_false(any_kek_byte(w));
    assert_int_equal(w->store.catalogue.count, 0);
}

static void grace_serves_what_is_in_memory_until_the_lease_ends(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    root_key_is(w, KEYMGR_AWAY);
    assert_int_equal(w->store.lease.state, LEASE_GRACE);
    uint64_t positive = w->store.lease.positive_mono_ms;
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_int_equal(do_create(w, NULL, got), REASON_GENERAL_FAILURE);
    world_wait(w, positive + w->store.lease.offline_ms - w->now.mono_ms - 3000);
    assert_int_equal(w->store.lease.state, LEASE_GRACE);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
    world_wait(w, 3000);
    assert_int_equal(w->store.lease.state, LEASE_EXPIRED);
    assert_false(any_kek_byte(w));
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "EXPIRED"));
    root_key_is(w, KEYMGR_OK);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_memory_equal(key, got, KEK_BYTES);
}

static void denied_serves_until_three_refusals_over_five_minutes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES], got[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    root_key_is(w, KEYMGR_DENIED);
    uint64_t first = w->now.mono_ms;
    assert_int_equal(w->store.lease.state, LEASE_DENIED);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    assert_int_equal(do_create(w, NULL, got), REASON_GENERAL_FAILURE);
    world_wait(w, first + LEASE_DENIAL_SPAN_MS - 10000 - w->now.mono_ms);
    assert_true(w->store.lease.denials >= LEASE_DENIALS);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
    world_wait(w, 20000);
    assert_false(any_kek_byte(w));
    assert_int_equal(do_get(w, uid, got), REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "DENIED"));
    root_key_is(w, KEYMGR_OK);
    assert_int_equal(do_get(w, uid, got), REASON_NONE);
}

static void locked_answers_with_a_reason(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    assert_int_equal(do_create(w, NULL, uid), REASON_NONE);
    fake_answer(&w->fake, KEYMGR_STATE, KEYMGR_LOCKED, 0);
    assert_true(world_restart(w));
    assert_true(world_settle(w));
    assert_int_equal(w->store.lease.state, LEASE_LOCKED);
    assert_int_equal(do_get(w, uid, key), REASON_GENERAL_FAILURE);
    assert_non_null(strstr((const char *)answered(w, 0, 0).text.ptr, "LOCKED"));
    root_key_is(w, KEYMGR_OK);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(starting_waits_for_the_first_answer),
        STORY(read_only_serves_and_does_not_create),
        STORY(revoked_wipes_at_once_and_comes_back_by_itself),
        STORY(an_unwrap_that_answers_after_the_revocation_brings_nothing_back),
        STORY(spares_do_not_survive_a_revocation),
        STORY(grace_serves_what_is_in_memory_until_the_lease_ends),
        STORY(denied_serves_until_three_refusals_over_five_minutes),
        STORY(locked_answers_with_a_reason),
    };
    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
