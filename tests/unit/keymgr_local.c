/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded key manager over a disk in memory. */
#include <errno.h>

#include "support/local_bench.h"

static struct keymgr_answer unwrap(struct bench *b, uint8_t uid, const uint8_t *wrapped, size_t len)
{
    return call(b, &(struct keymgr_call){.kind = KEYMGR_UNWRAP, .uid = {uid}, .data = span_of(wrapped, len)});
}

static struct keymgr_answer by_id(struct bench *b, enum keymgr_call_kind kind, uint8_t uid,
                                  const uint8_t id[RECORD_ID_BYTES])
{
    struct keymgr_call c = {.kind = kind, .uid = {uid}};
    memcpy(c.record_id, id, RECORD_ID_BYTES);
    return call(b, &c);
}

static void new_keys_are_random_and_open_only_for_their_identifier(void **state)
{
    struct bench *b = *state;
    struct keymgr_answer a = simple(b, KEYMGR_NEW_KEY, 1), other = simple(b, KEYMGR_NEW_KEY, 1);
    uint8_t wrapped[256], zeros[KEK_BYTES] = {0};
    assert_int_equal(a.result, KEYMGR_OK);
    assert_memory_not_equal(a.key, other.key, KEK_BYTES);
    a = simple(b, KEYMGR_NEW_KEY, 1);
    size_t len = a.data.len;
    memcpy(wrapped, a.data.ptr, len);
    struct keymgr_answer back = unwrap(b, 1, wrapped, len);
    assert_int_equal(back.result, KEYMGR_OK);
    assert_memory_equal(back.key, a.key, KEK_BYTES);
    back = unwrap(b, 2, wrapped, len); /* another object */
    assert_int_equal(back.result, KEYMGR_REFUSED);
    assert_memory_equal(back.key, zeros, KEK_BYTES);
    assert_int_equal(unwrap(b, 1, wrapped, len - 1).result, KEYMGR_REFUSED);
    for (size_t i = 0; i < len; i++) {
        if (i >= 1 && i < 8)
            continue; /* zeros that nobody looks at */
        wrapped[i] ^= 1;
        assert_int_equal(unwrap(b, 1, wrapped, len).result, KEYMGR_REFUSED);
        wrapped[i] ^= 1;
    }
    again(b);
    back = unwrap(b, 1, wrapped, len);
    assert_memory_equal(back.key, a.key, KEK_BYTES);
    struct keymgr_answer same =
        call(b, &(struct keymgr_call){.kind = KEYMGR_REWRAP, .uid = {1}, .data = span_of(wrapped, len)});
    assert_int_equal(same.result, KEYMGR_OK);
    assert_int_equal(same.data.len, len);
}

static void without_its_root_key_it_is_revoked_until_the_file_is_back(void **state)
{
    struct bench *b = *state;
    uint8_t wrapped[256], root[SEAL_KEY_BYTES], id[RECORD_ID_BYTES];
    size_t len, n;
    struct keymgr_answer a = simple(b, KEYMGR_NEW_KEY, 1);
    len = a.data.len;
    memcpy(wrapped, a.data.ptr, len);
    put(b, 1, 1, "record", id);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    const uint8_t *file = sim_disk_file(b->sim, LOCAL_ROOT_KEY_FILE, &n);
    assert_int_equal(n, sizeof root);
    memcpy(root, file, n);
    for (int restart = 0; restart < 2; restart++) {
        sim_disk_remove_file(b->sim, LOCAL_ROOT_KEY_FILE);
        if (restart == 1)
            again(b); /* records without a root key: no new one is made */
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_ROOT_GONE);
        assert_int_equal(simple(b, KEYMGR_NEW_KEY, 3).result, KEYMGR_ROOT_GONE);
        assert_int_equal(unwrap(b, 1, wrapped, len).result, KEYMGR_ROOT_GONE);
        assert_null(sim_disk_file(b->sim, LOCAL_ROOT_KEY_FILE, &n));
        assert_int_equal(by_id(b, KEYMGR_GET, 1, id).result, KEYMGR_OK); /* the records are not touched */
        sim_disk_put_file(b->sim, LOCAL_ROOT_KEY_FILE, root, sizeof root);
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
        struct keymgr_answer back = unwrap(b, 1, wrapped, len);
        assert_int_equal(back.result, KEYMGR_OK);
        assert_memory_equal(back.key, a.key, KEK_BYTES);
    }
}

static void another_root_key_is_not_taken_for_ours(void **state)
{
    struct bench *b = *state;
    uint8_t root[SEAL_KEY_BYTES], other[SEAL_KEY_BYTES], id[RECORD_ID_BYTES];
    size_t n;
    put(b, 1, 1, "record", id);
    memcpy(root, sim_disk_file(b->sim, LOCAL_ROOT_KEY_FILE, &n), sizeof root);
    memcpy(other, root, sizeof root);
    other[7] ^= 1;
    for (int restart = 0; restart < 2; restart++) {
        static const size_t lengths[] = {32, 31, 33, 0};
        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
            uint8_t bytes[33] = {0};
            memcpy(bytes, i == 0 ? other : root, 32);
            sim_disk_put_file(b->sim, LOCAL_ROOT_KEY_FILE, bytes, lengths[i]);
            if (restart == 1 && i == 0)
                again(b);
            assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_ROOT_GONE);
            assert_int_equal(simple(b, KEYMGR_NEW_KEY, 1).result, KEYMGR_ROOT_GONE);
        }
        sim_disk_put_file(b->sim, LOCAL_ROOT_KEY_FILE, root, sizeof root);
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
    }
}

static void trouble_with_the_file_is_away_and_not_gone(void **state)
{
    struct bench *b = *state;
    sim_disk_fail(b->sim, SIM_READ, EIO, 0, 1);
    assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_AWAY);
    assert_int_equal(simple(b, KEYMGR_NEW_KEY, 1).result, KEYMGR_OK); /* it is still known */
}

static void records_survive_and_keep_their_ids(void **state)
{
    struct bench *b = *state;
    uint8_t ids[20][RECORD_ID_BYTES];
    char text[32];
    for (uint8_t i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "record %d", i);
        put(b, i, 100u + i, text, ids[i]);
        for (uint8_t k = 0; k < i; k++)
            assert_memory_not_equal(ids[i], ids[k], RECORD_ID_BYTES);
    }
    for (uint8_t i = 0; i < 20; i += 2)
        assert_int_equal(by_id(b, KEYMGR_DELETE, i, ids[i]).result, KEYMGR_OK);
    for (int round = 0; round < 3; round++) {
        for (uint8_t i = 0; i < 20; i++) {
            snprintf(text, sizeof text, "record %d", i);
            struct keymgr_answer a = by_id(b, KEYMGR_GET, i, ids[i]);
            assert_int_equal(a.result, i % 2 == 0 ? KEYMGR_NO_RECORD : KEYMGR_OK);
            if (i % 2 != 0)
                check_text(a.data, text);
        }
        assert_int_equal(by_id(b, KEYMGR_DELETE, 0, ids[0]).result, KEYMGR_NO_RECORD);
        assert_int_equal(local_record_count(b->local), 10);
        struct keymgr_answer list = simple(b, KEYMGR_LIST, 0);
        assert_int_equal(list.listed_count, 10);
        assert_int_equal(list.cursor, 0);
        for (size_t i = 0; i < list.listed_count; i++) {
            uint8_t uid = list.listed[i].uid[0];
            assert_int_equal(list.listed[i].generation, 100 + uid);
            assert_memory_equal(list.listed[i].record_id, ids[uid], RECORD_ID_BYTES);
        }
        again(b);
    }
}

static void all_pages_show_all_records_while_others_go(void **state)
{
    struct bench *b = *state;
    static uint8_t ids[150][RECORD_ID_BYTES];
    bool seen[150] = {false};
    for (unsigned i = 0; i < 90; i++)
        put(b, (uint8_t)i, 1, "r", ids[i]);
    for (unsigned i = 90; i < 140; i++) { /* what comes and goes while pages are read */
        put(b, (uint8_t)i, 1, "r", ids[i]);
    }
    struct keymgr_call c = {.kind = KEYMGR_LIST, .wanted = 64};
    unsigned pages = 0;
    do {
        struct keymgr_answer a = call(b, &c);
        assert_true(a.listed_count <= 64);
        for (size_t i = 0; i < a.listed_count; i++) {
            assert_false(seen[a.listed[i].uid[0]]);
            seen[a.listed[i].uid[0]] = true;
        }
        c.cursor = a.cursor;
        for (unsigned i = 0; i < 15; i++)
            assert_int_equal(by_id(b, KEYMGR_DELETE, 0, ids[90 + pages * 15 + i]).result, KEYMGR_OK);
        pages++;
    } while (c.cursor != 0);
    assert_in_range(pages, 2, 3);
    for (unsigned i = 0; i < 90; i++)
        assert_true(seen[i]);
}

static void the_newest_removals_are_listed(void **state)
{
    struct bench *b = *state;
    uint8_t id[RECORD_ID_BYTES];
    for (unsigned i = 0; i < 80; i++) {
        put(b, (uint8_t)i, i, "r", id);
        assert_int_equal(by_id(b, KEYMGR_DELETE, (uint8_t)i, id).result, KEYMGR_OK);
    }
    struct keymgr_answer a = simple(b, KEYMGR_LIST_DELETED, 0);
    assert_int_equal(a.listed_count, 80);
    for (unsigned i = 0; i < 80; i++)
        assert_int_equal(a.listed[i].uid[0], 79 - i);
}

static void a_record_that_the_disk_refuses_is_not_there(void **state)
{
    struct bench *b = *state;
    uint8_t id[RECORD_ID_BYTES];
    put(b, 1, 1, "r", id);
    for (int flush = 0; flush < 2; flush++) {
        sim_disk_fail(b->sim, flush ? SIM_FLUSH : SIM_WRITE, ENOSPC, 0, 1);
        struct keymgr_call c = {
            .kind = KEYMGR_PUT, .uid = {2}, .generation = 1, .data = span_of_text("refused")};
        struct keymgr_answer a = call(b, &c);
        assert_int_equal(a.result, KEYMGR_AWAY);
        assert_int_equal(local_record_count(b->local), 1);
    }
    sim_disk_fail(b->sim, SIM_WRITE, EIO, 0, 1);
    assert_int_equal(by_id(b, KEYMGR_DELETE, 1, id).result, KEYMGR_AWAY);
    assert_int_equal(by_id(b, KEYMGR_GET, 1, id).result, KEYMGR_OK); /* not removed is still there */
    sim_disk_fail(b->sim, SIM_READ, EIO, 0, 1);
    assert_int_equal(by_id(b, KEYMGR_GET, 1, id).result, KEYMGR_AWAY);
    put(b, 3, 1, "next", id);
    assert_int_equal(by_id(b, KEYMGR_GET, 3, id).result, KEYMGR_OK);
}

static void calls_beyond_the_slots_are_turned_away(void **state)
{
    struct bench *b = *state;
    struct keymgr_answer a;
    unsigned taken = 0;
    for (unsigned i = 0; i < KEYMGR_CALLS; i++)
        assert_true(keymgr_submit(&b->k, &(struct keymgr_call){.kind = KEYMGR_PUT,
                                                               .ticket = i,
                                                               .uid = {(uint8_t)i},
                                                               .generation = 1,
                                                               .data = span_of_text("r")}));
    assert_false(keymgr_submit(&b->k, &(struct keymgr_call){.kind = KEYMGR_STATE}));
    for (int i = 0; i < 5; i++)
        turn(b);
    while (keymgr_take(&b->k, &a))
        taken++;
    assert_int_equal(taken, KEYMGR_CALLS);
    assert_int_equal(local_record_count(b->local), KEYMGR_CALLS);
}

static void a_key_is_wiped_when_it_is_taken(void **state)
{
    struct bench *b = *state;
    struct keymgr_answer a = simple(b, KEYMGR_NEW_KEY, 1);
    struct region region = {.base = NULL};
    local_carve(&region, SLOTS);
    for (size_t i = 0; i + KEK_BYTES <= region.used; i++)
        if (memcmp(b->memory + i, a.key, KEK_BYTES) == 0)
            fail_msg("the key stays in memory at byte %u", (unsigned)i);
}

static void another_format_version_is_refused(void **state)
{
    struct bench *b = *state;
    uint8_t id[RECORD_ID_BYTES];
    size_t len;
    put(b, 1, 1, "r", id);
    end(b);
    uint8_t *file = sim_disk_file(b->sim, "records-00000001.log", &len);
    file[7] = 2;
    uint32_t crc = 0xffffffff;
    for (int i = 0; i < 28; i++) {
        crc ^= file[i];
        for (int k = 0; k < 8; k++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        file[28 + i] = (uint8_t)(crc >> (24 - 8 * i));
    assert_false(begin(b));
    assert_non_null(strstr(b->why, "version"));
}

static void damage_is_counted(void **state)
{
    struct bench *b = *state;
    uint8_t ids[3][RECORD_ID_BYTES];
    size_t len;
    for (uint8_t i = 0; i < 3; i++)
        put(b, i, 1, "a record of some length, so that its middle is easily found", ids[i]);
    uint8_t *file = sim_disk_file(b->sim, "records-00000001.log", &len);
    for (size_t i = 0; i + 5 < len; i++)
        if (memcmp(file + i, "found", 5) == 0) {
            file[i] ^= 1; /* the first record's */
            break;
        }
    again(b);
    assert_true(local_damaged_bytes(b->local) != 0);
    assert_int_equal(local_record_count(b->local), 2);
    assert_int_equal(by_id(b, KEYMGR_GET, 0, ids[0]).result, KEYMGR_NO_RECORD);
    assert_int_equal(by_id(b, KEYMGR_GET, 1, ids[1]).result, KEYMGR_OK);
}

/* Every start makes a segment; the old ones are emptied and go, what lives stays under its id. */
static void old_segments_are_emptied(void **state)
{
    struct bench *b = *state;
    uint8_t kept[RECORD_ID_BYTES], id[RECORD_ID_BYTES], gone[RECORD_ID_BYTES];
    put(b, 1, 7, "kept since the first segment", kept);
    put(b, 2, 1, "removed", gone);
    struct keymgr_answer key = simple(b, KEYMGR_NEW_KEY, 1);
    uint8_t wrapped[256];
    size_t len = key.data.len;
    memcpy(wrapped, key.data.ptr, len);
    assert_int_equal(by_id(b, KEYMGR_DELETE, 2, gone).result, KEYMGR_OK);
    for (int i = 0; i < 15; i++) {
        again(b);
        put(b, 3, (uint32_t)i, "changing", id);
        assert_int_equal(by_id(b, KEYMGR_DELETE, 3, id).result, KEYMGR_OK);
        for (int k = 0; k < 60; k++)
            turn(b);
    }
    assert_in_range(sim_disk_count(b->sim, LOCAL_LOG), 1, 6);
    for (int round = 0; round < 2; round++) {
        struct keymgr_answer a = by_id(b, KEYMGR_GET, 1, kept);
        assert_int_equal(a.result, KEYMGR_OK);
        check_text(a.data, "kept since the first segment");
        assert_int_equal(local_record_count(b->local), 1);
        assert_int_equal(by_id(b, KEYMGR_GET, 2, gone).result, KEYMGR_NO_RECORD);
        assert_int_equal(simple(b, KEYMGR_STATE, 0).result, KEYMGR_OK);
        assert_int_equal(unwrap(b, 1, wrapped, len).result, KEYMGR_OK);
        again(b);
    }
}

/* A record is removed while its copy is on the way to a newer segment; then the power goes, at any turn. */
static void a_record_removed_while_it_is_copied_does_not_come_back(void **state)
{
    (void)state;
    for (int when = 0; when < 12; when++)
        for (int until = 0; until < 24; until++) {
            void *own;
            assert_int_equal(setup(&own), 0);
            struct bench *b = own;
            uint8_t victim[RECORD_ID_BYTES], id[RECORD_ID_BYTES];
            put(b, 1, 1, "victim", victim);
            for (int i = 0; i < 4; i++) {
                again(b);
                put(b, 3, (uint32_t)i, "another", id);
            }
            again(b);
            put(b, 4, 1, "the sixth segment", id); /* from now on the first one is emptied */
            for (int i = 0; i < when; i++)
                turn(b);
            struct keymgr_call c = {.kind = KEYMGR_DELETE, .ticket = 77};
            memcpy(c.record_id, victim, RECORD_ID_BYTES);
            assert_true(keymgr_submit(&b->k, &c));
            struct keymgr_answer a;
            bool removed = false;
            for (int i = 0; i < until / 2; i++) {
                turn(b);
                while (keymgr_take(&b->k, &a))
                    removed = removed || (a.kind == KEYMGR_DELETE && a.result == KEYMGR_OK);
            }
            if (until % 2 == 0) /* what was sent last is written, or not even that */
                tame_disk_step(&b->disk);
            tame_disk_kill(&b->disk);
            sim_disk_power_on(b->sim, SIM_ALL, 1);
            again(b);
            if (removed && by_id(b, KEYMGR_GET, 1, victim).result != KEYMGR_NO_RECORD)
                fail_msg("removed after %d turns, power lost %d turns later: the record is back", when,
                         until);
            assert_int_equal(teardown(&own), 0);
        }
}

#define LOCAL(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(new_keys_are_random_and_open_only_for_their_identifier),
        LOCAL(without_its_root_key_it_is_revoked_until_the_file_is_back),
        LOCAL(another_root_key_is_not_taken_for_ours),
        LOCAL(trouble_with_the_file_is_away_and_not_gone),
        LOCAL(records_survive_and_keep_their_ids),
        LOCAL(all_pages_show_all_records_while_others_go),
        LOCAL(the_newest_removals_are_listed),
        LOCAL(a_record_that_the_disk_refuses_is_not_there),
        LOCAL(calls_beyond_the_slots_are_turned_away),
        LOCAL(a_key_is_wiped_when_it_is_taken),
        LOCAL(another_format_version_is_refused),
        LOCAL(damage_is_counted),
        LOCAL(old_segments_are_emptied),
        cmocka_unit_test(a_record_removed_while_it_is_copied_does_not_come_back),
    };
    return cmocka_run_group_tests_name("keymgr/local", tests, NULL, NULL);
}
