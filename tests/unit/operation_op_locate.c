/* SPDX-License-Identifier: Apache-2.0 */
/* Locate: KMIP 1.4 s4.9, s11.10. What matches is tested with match.c. */
#include "support/objects.h"

/* Begins a Locate; 0 leaves a field out. */
struct locate {
    int32_t maximum, offset, storage;
    uint32_t member;
    bool has_maximum;
};

static struct message *locate_begin(struct world *w, struct locate l)
{
    struct message *m = ask(w, 1);
    message_item(m, OPERATION_LOCATE);
    if (l.maximum != 0 || l.has_maximum)
        ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, l.maximum);
    if (l.offset != 0)
        ttlv_put_integer(&m->w, TAG_OFFSET_ITEMS, l.offset);
    if (l.storage != 0)
        ttlv_put_integer(&m->w, TAG_STORAGE_STATUS_MASK, l.storage);
    if (l.member != 0)
        ttlv_put_enumeration(&m->w, TAG_OBJECT_GROUP_MEMBER, l.member);
    return m;
}

/* Sends it; how many Unique Identifiers came. The first `cap` go into uids; *total gets Located Items, -1 if
 * there is none. */
static int located(struct world *w, uint8_t (*uids)[UUID_BYTES], int cap, int *total)
{
    struct ttlv_item item;
    int n = 0;
    check_done(w);
    struct ttlv_reader reader = ttlv_reader_over(answered(w, 1, 0).payload);
    *total = -1;
    while (reader.at != NULL && ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_LOCATED_ITEMS) {
            assert_int_equal(n, 0); /* it comes first */
            *total = ttlv_integer(&item);
            continue;
        }
        assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
        if (n < cap)
            assert_int_equal(uuid_read(item.value, uids[n]), STATUS_OK);
        n++;
    }
    return n;
}

/* `count` keys of group "g", each with a Name and a number. */
static void make_group(struct world *w, uint8_t (*uids)[UUID_BYTES], int count)
{
    char text[24];
    for (int i = 0; i < count; i++) {
        struct message *m = create_begin(w);
        snprintf(text, sizeof text, "name-%d", i);
        put_attribute_name(m, text);
        snprintf(text, sizeof text, "%d", i);
        put_attribute_text(m, "x-number", text);
        put_attribute_text(m, "Object Group", "g");
        create_end(w, m, uids[i]);
    }
}

static void without_attributes_everything_is_found(void **state)
{
    struct world *w = *state;
    uint8_t uids[5][UUID_BYTES], found[5][UUID_BYTES];
    int total;
    locate_begin(w, (struct locate){0});
    assert_int_equal(located(w, NULL, 0, &total), 0);
    assert_int_equal(total, 0);
    make_group(w, uids, 5);
    locate_begin(w, (struct locate){0});
    assert_int_equal(located(w, found, 5, &total), 5);
    assert_int_equal(total, 5);
    for (int i = 0; i < 5; i++) {
        bool there = false;
        for (int k = 0; k < 5; k++)
            there = there || memcmp(uids[i], found[k], UUID_BYTES) == 0;
        assert_true(there);
    }
}

static void maximum_and_offset_take_a_part(void **state)
{
    struct world *w = *state;
    uint8_t uids[5][UUID_BYTES], all[5][UUID_BYTES], part[5][UUID_BYTES];
    int total;
    make_group(w, uids, 5);
    locate_begin(w, (struct locate){0});
    assert_int_equal(located(w, all, 5, &total), 5);
    locate_begin(w, (struct locate){.maximum = 2});
    assert_int_equal(located(w, part, 5, &total), 2);
    assert_int_equal(total, 5); /* Located Items counts them all */
    assert_memory_equal(part, all, 2 * sizeof all[0]);
    locate_begin(w, (struct locate){.maximum = 2, .offset = 2});
    assert_int_equal(located(w, part, 5, &total), 2);
    assert_memory_equal(part, all[2], 2 * sizeof all[0]);
    locate_begin(w, (struct locate){.offset = 4});
    assert_int_equal(located(w, part, 5, &total), 1);
    assert_memory_equal(part, all[4], sizeof all[0]);
    locate_begin(w, (struct locate){.offset = 9});
    assert_int_equal(located(w, part, 5, &total), 0);
    assert_int_equal(total, 5);
    locate_begin(w, (struct locate){.has_maximum = true});
    assert_int_equal(located(w, part, 5, &total), 0);
}

static void fields_are_those_of_the_version(void **state)
{
    struct world *w = *state;
    uint8_t uids[2][UUID_BYTES];
    int total;
    make_group(w, uids, 2);
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        w->askers[1].options.minor = minor;
        locate_begin(w, (struct locate){0});
        assert_int_equal(located(w, NULL, 0, &total), 2);
        assert_int_equal(total, minor >= 3 ? 2 : -1); /* Located Items is of 1.3 */
        locate_begin(w, (struct locate){.offset = 1});
        if (minor >= 3)
            assert_int_equal(located(w, NULL, 0, &total), 1);
        else
            check_refused(w, REASON_INVALID_FIELD, "does not have");
        put_attribute_text(locate_begin(w, (struct locate){.member = GROUP_MEMBER_FRESH}), "Object Group",
                           "g");
        if (minor >= 1)
            assert_int_equal(located(w, NULL, 0, &total), 2);
        else
            check_refused(w, REASON_INVALID_FIELD, "does not have");
    }
}

static void strange_fields_are_refused(void **state)
{
    struct world *w = *state;
    locate_begin(w, (struct locate){.maximum = -1});
    check_refused(w, REASON_INVALID_FIELD, "not negative");
    locate_begin(w, (struct locate){.offset = -1});
    check_refused(w, REASON_INVALID_FIELD, "not negative");
    locate_begin(w, (struct locate){.member = 3});
    check_refused(w, REASON_INVALID_FIELD, "unknown Object Group Member");
    put_attribute_text(locate_begin(w, (struct locate){0}), "Unheard Of", "v");
    check_refused(w, REASON_INVALID_FIELD, "unknown attribute name");
    struct message *m = locate_begin(w, (struct locate){0});
    put_attribute_text(m, "x-a", "v");
    ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, 1);
    check_refused(w, REASON_INVALID_FIELD, "Attributes come last");
}

static void a_locate_has_at_most_96_attributes(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int total;
    create_end(w, create_begin(w), uid);
    for (int count = ATTRIBUTES_A_REQUEST; count <= ATTRIBUTES_A_REQUEST + 1; count++) {
        struct message *m = locate_begin(w, (struct locate){0});
        for (int i = 0; i < count; i++)
            put_attribute_integer(m, "Cryptographic Length", 256);
        if (count == ATTRIBUTES_A_REQUEST)
            assert_int_equal(located(w, NULL, 0, &total), 1);
        else
            check_refused(w, REASON_INDEX_OUT_OF_BOUNDS, "more than 96");
    }
}

/* A Name or Unique Identifier leads straight to its object; the other attributes still have to match. */
static void the_direct_way_looks_at_the_rest_too(void **state)
{
    struct world *w = *state;
    uint8_t uids[3][UUID_BYTES], found[UUID_BYTES];
    char text[UUID_TEXT + 1];
    int total;
    make_group(w, uids, 3);
    put_attribute_name(locate_begin(w, (struct locate){0}), "name-1");
    assert_int_equal(located(w, &found, 1, &total), 1);
    assert_memory_equal(found, uids[1], UUID_BYTES);
    struct message *m = locate_begin(w, (struct locate){0});
    put_attribute_name(m, "name-1");
    put_attribute_text(m, "x-number", "2");
    assert_int_equal(located(w, &found, 1, &total), 0);
    uuid_write(uids[2], text);
    m = locate_begin(w, (struct locate){0});
    put_attribute_text(m, "x-number", "2");
    put_attribute_text(m, "Unique Identifier", text);
    assert_int_equal(located(w, &found, 1, &total), 1);
    assert_memory_equal(found, uids[2], UUID_BYTES);
    put_attribute_text(locate_begin(w, (struct locate){0}), "Unique Identifier", "42");
    assert_int_equal(located(w, &found, 1, &total), 0);
    put_attribute_name(locate_begin(w, (struct locate){0}), "name-9");
    assert_int_equal(located(w, &found, 1, &total), 0);
}

static void destroyed_objects_and_those_of_others_are_out_of_sight(void **state)
{
    struct world *w = *state;
    uint8_t uids[3][UUID_BYTES];
    int total;
    make_group(w, uids, 3);
    assert_int_equal(do_uid(w, OPERATION_DESTROY, uids[1]), REASON_NONE);
    put_attribute_text(locate_begin(w, (struct locate){0}), "Object Group", "g");
    assert_int_equal(located(w, NULL, 0, &total), 2);
    put_attribute_text(locate_begin(w, (struct locate){0}), "x-number", "1");
    assert_int_equal(located(w, NULL, 0, &total), 0);
    w->askers[1].scope = scopes_number(&w->store.scopes, span_of_text("other"));
    locate_begin(w, (struct locate){0});
    assert_int_equal(located(w, NULL, 0, &total), 0);
}

static void archived_objects_are_found_when_asked_for(void **state)
{
    struct world *w = *state;
    uint8_t uids[3][UUID_BYTES], found[UUID_BYTES];
    int total;
    make_group(w, uids, 3);
    assert_int_equal(do_uid(w, OPERATION_ARCHIVE, uids[1]), REASON_NONE);
    locate_begin(w, (struct locate){0}); /* on-line only, when left out */
    assert_int_equal(located(w, NULL, 0, &total), 2);
    locate_begin(w, (struct locate){.storage = STORAGE_ON_LINE});
    assert_int_equal(located(w, NULL, 0, &total), 2);
    locate_begin(w, (struct locate){.storage = STORAGE_ARCHIVAL});
    assert_int_equal(located(w, &found, 1, &total), 1);
    assert_memory_equal(found, uids[1], UUID_BYTES);
    locate_begin(w, (struct locate){.storage = STORAGE_ON_LINE | STORAGE_ARCHIVAL});
    assert_int_equal(located(w, NULL, 0, &total), 3);
}

/* KMIP 1.4 s4.9: one found is placed, several or none empty the ID Placeholder. */
static void the_id_placeholder_holds_the_only_one(void **state)
{
    struct world *w = *state;
    uint8_t uids[3][UUID_BYTES], got[UUID_BYTES];
    make_group(w, uids, 3);
    struct message *m = locate_begin(w, (struct locate){0});
    put_attribute_text(m, "x-number", "1");
    item_get(m, NULL);
    check_done(w);
    check_reason(w, 1, 1, REASON_NONE);
    assert_true(payload_uid(answered(w, 1, 1).payload, got));
    assert_memory_equal(got, uids[1], UUID_BYTES);
    m = locate_begin(w, (struct locate){.maximum = 1}); /* many match, one is returned */
    item_get(m, NULL);
    check_done(w);
    check_reason(w, 1, 1, REASON_NONE);
    static const struct locate emptying[] = {{0}, {.maximum = 2}, {.offset = 7}};
    for (size_t i = 0; i < COUNT_OF(emptying); i++) {
        m = ask(w, 1);
        item_locate_name(m, "name-0"); /* something is in it before */
        message_item(m, OPERATION_LOCATE);
        if (emptying[i].maximum != 0)
            ttlv_put_integer(&m->w, TAG_MAXIMUM_ITEMS, emptying[i].maximum);
        if (emptying[i].offset != 0)
            ttlv_put_integer(&m->w, TAG_OFFSET_ITEMS, emptying[i].offset);
        item_get(m, NULL);
        check_done(w);
        check_reason(w, 1, 2, REASON_ITEM_NOT_FOUND);
    }
}

/* KMIP 1.4 s3.34: fresh members oldest first; default ones go round by the time of their last Get. */
static void group_members_come_in_their_order(void **state)
{
    struct world *w = *state;
    uint8_t uids[4][UUID_BYTES], found[4][UUID_BYTES], key[KEK_BYTES];
    int total;
    make_group(w, uids, 4);
    put_attribute_text(locate_begin(w, (struct locate){.member = GROUP_MEMBER_FRESH}), "Object Group", "g");
    assert_int_equal(located(w, found, 4, &total), 4);
    assert_memory_equal(found, uids, sizeof uids);
    assert_int_equal(do_get(w, uids[0], key), REASON_NONE);
    assert_int_equal(do_get(w, uids[2], key), REASON_NONE);
    put_attribute_text(locate_begin(w, (struct locate){.member = GROUP_MEMBER_FRESH}), "Object Group", "g");
    assert_int_equal(located(w, found, 4, &total), 2);
    assert_memory_equal(found[0], uids[1], UUID_BYTES);
    assert_memory_equal(found[1], uids[3], UUID_BYTES);
    put_attribute_text(locate_begin(w, (struct locate){.member = GROUP_MEMBER_DEFAULT}), "Object Group", "g");
    assert_int_equal(located(w, found, 4, &total), 4);
    static const int order[] = {1, 3, 0, 2};
    for (int i = 0; i < 4; i++)
        assert_memory_equal(found[i], uids[order[i]], UUID_BYTES);
    w->disk_frozen = true; /* served, though its record does not say so yet */
    item_get(ask(w, 3), uids[1]);
    assert_false(ask_send(w, 3));
    put_attribute_text(locate_begin(w, (struct locate){.member = GROUP_MEMBER_FRESH}), "Object Group", "g");
    assert_int_equal(located(w, found, 4, &total), 1);
    assert_memory_equal(found[0], uids[3], UUID_BYTES);
    w->disk_frozen = false;
}

/* What does not fit the answer is left out, and Located Items says how many there are. */
static void an_answer_takes_as_many_as_fit(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    int total;
    for (int i = 0; i < 20; i++)
        create_end(w, create_begin(w), uid);
    w->askers[1].options.maximum_response_size = 600;
    locate_begin(w, (struct locate){0});
    int n = located(w, NULL, 0, &total);
    assert_in_range(n, 3, 10);
    assert_int_equal(total, 20);
    assert_true(w->askers[1].out_len <= 600);
}

static void a_locate_waits_for_the_catalogue(void **state)
{
    (void)state;
    struct world *w = world_prepare(NULL);
    int total;
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, FAKE_NEVER);
    assert_true(world_open(w));
    world_turns(w, 20);
    locate_begin(w, (struct locate){0});
    assert_false(ask_send(w, 1));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    fake_answer(&w->fake, KEYMGR_LIST, KEYMGR_OK, 0);
    fake_release(&w->fake, KEYMGR_LIST);
    world_turns(w, 10);
    locate_begin(w, (struct locate){0});
    assert_int_equal(located(w, NULL, 0, &total), 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(without_attributes_everything_is_found),
        STORY(maximum_and_offset_take_a_part),
        STORY(fields_are_those_of_the_version),
        STORY(strange_fields_are_refused),
        STORY(a_locate_has_at_most_96_attributes),
        STORY(the_direct_way_looks_at_the_rest_too),
        STORY(destroyed_objects_and_those_of_others_are_out_of_sight),
        STORY(archived_objects_are_found_when_asked_for),
        STORY(the_id_placeholder_holds_the_only_one),
        STORY(group_members_come_in_their_order),
        STORY(an_answer_takes_as_many_as_fit),
        cmocka_unit_test(a_locate_waits_for_the_catalogue),
    };
    return cmocka_run_group_tests_name("op_locate", tests, NULL, NULL);
}
