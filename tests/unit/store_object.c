/* SPDX-License-Identifier: Apache-2.0 */
/* Records and drafts. */
#include "support/check.h"

#include "store/object.h"

static const uint8_t node[NODE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct object_head some_head(enum object_type type)
{
    struct object_head head = {
        .type = type, .state = STATE_PRE_ACTIVE, .flags = OBJECT_FRESH, .generation = 1};
    for (unsigned i = 0; i < UUID_BYTES; i++)
        head.uid[i] = (uint8_t)(0xa0 + i);
    memcpy(head.node, node, NODE_BYTES);
    return head;
}

static struct draft *new_draft(void)
{
    struct draft *d = calloc(1, sizeof *d);
    struct object_head head = some_head(OBJECT_SYMMETRIC_KEY);
    struct draft_parts parts = {.wrapped_kek = span_of_text("wrapped"), .key_format = KEY_FORMAT_RAW};
    draft_begin(d, &head, &parts);
    return d;
}

static struct object opened(struct draft *d)
{
    struct object o;
    assert_int_equal(draft_end(d), STATUS_OK);
    assert_int_equal(object_open(span_of(d->bytes, d->len), &o), STATUS_OK);
    return o;
}

static void set_text(struct draft *d, const char *name, int32_t index, const char *value)
{
    const struct attribute_row *row = attribute_by_name(span_of_text(name), 4);
    draft_set(d, row, span_of_text(name), index, TTLV_TEXT_STRING, span_of_text(value));
}

static const char *text_at(const struct object *o, const char *name, int32_t index)
{
    static char text[2048];
    struct object_attribute a;
    const struct attribute_row *row = attribute_by_name(span_of_text(name), 4);
    if (!object_attribute_find(o, row, span_of_text(name), index, &a))
        return NULL;
    assert_int_equal(a.index, index);
    assert_ptr_equal(a.row, row);
    snprintf(text, sizeof text, "%.*s", (int)a.value.len, (const char *)a.value.ptr);
    return text;
}

static void every_part_comes_back(void **state)
{
    (void)state;
    struct draft *d = calloc(1, sizeof *d);
    uint8_t wrapping[64];
    struct ttlv_writer w = ttlv_writer_over(wrapping, sizeof wrapping);
    size_t at = ttlv_begin(&w, TAG_KEY_WRAPPING_DATA);
    ttlv_put_enumeration(&w, TAG_WRAPPING_METHOD, WRAPPING_ENCRYPT);
    ttlv_end(&w, at);
    struct object_head head = some_head(OBJECT_SECRET_DATA);
    head.flags = OBJECT_SENSITIVE | OBJECT_ARCHIVED | OBJECT_MADE_HERE;
    head.generation = 0x01020304;
    head.state = STATE_COMPROMISED;
    struct draft_parts parts = {.scope = span_of_text("scope"),
                                .wrapped_kek = span_of_text("wrapped"),
                                .sealed_material = span_of_text("sealed"),
                                .wrapping_data = span_of(wrapping, w.len),
                                .digest = span_of_text("0123456789abcdef0123456789abcdef"),
                                .key_format = KEY_FORMAT_OPAQUE,
                                .subtype = 2};
    draft_begin(d, &head, &parts);
    draft_set_date(d, TAG_INITIAL_DATE, 1234567890123);
    struct object o = opened(d);
    assert_memory_equal(o.head.uid, head.uid, UUID_BYTES);
    assert_memory_equal(o.head.node, node, NODE_BYTES);
    assert_int_equal(o.head.type, OBJECT_SECRET_DATA);
    assert_int_equal(o.head.state, STATE_COMPROMISED);
    assert_int_equal(o.head.flags, head.flags);
    assert_int_equal(o.head.generation, 0x01020304);
    check_text(o.scope, "scope");
    check_text(o.wrapped_kek, "wrapped");
    check_text(o.sealed_material, "sealed");
    assert_int_equal(o.wrapping_data.len, w.len);
    assert_memory_equal(o.wrapping_data.ptr, wrapping, w.len);
    assert_int_equal(o.digest.len, 32);
    assert_int_equal(o.key_format, KEY_FORMAT_OPAQUE);
    assert_int_equal(o.subtype, 2);
    assert_int_equal(object_date(&o, TAG_INITIAL_DATE), 1234567890123);
    assert_int_equal(object_date(&o, TAG_DESTROY_DATE), DATE_NONE);
    free(d);
}

static void attributes_are_set_replaced_and_removed(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    set_text(d, "Contact Information", 0, "first");
    set_text(d, "x-custom", 0, "custom");
    set_text(d, "x-other", 0, "other");
    set_text(d, "Contact Information", 0, "a much longer second value");
    struct object o = opened(d);
    assert_string_equal(text_at(&o, "Contact Information", 0), "a much longer second value");
    assert_string_equal(text_at(&o, "x-custom", 0), "custom");
    assert_string_equal(text_at(&o, "x-other", 0), "other");
    set_text(d, "Contact Information", 0, "s");
    draft_remove(d, NULL, span_of_text("x-custom"), 0);
    draft_remove(d, NULL, span_of_text("x-none"), 0);
    draft_remove(d, NULL, span_of_text("x-other"), 1);
    o = opened(d);
    assert_string_equal(text_at(&o, "Contact Information", 0), "s");
    assert_null(text_at(&o, "x-custom", 0));
    assert_string_equal(text_at(&o, "x-other", 0), "other");
    draft_remove(d, attribute_by_tag(TAG_CONTACT_INFORMATION), span_of(NULL, 0), 0);
    draft_remove(d, NULL, span_of_text("x-other"), 0);
    o = opened(d);
    assert_int_equal(o.attributes.len, 0);
    free(d);
}

static void a_replaced_attribute_stays_in_its_place(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    static const char *const names[] = {"x-a", "x-b", "x-c"};
    for (size_t i = 0; i < 3; i++)
        set_text(d, names[i], 0, "value");
    set_text(d, "x-b", 0, "a longer value than the one before");
    struct object o = opened(d);
    struct ttlv_reader reader = ttlv_reader_over(o.attributes);
    struct object_attribute a;
    for (size_t i = 0; i < 3; i++) {
        assert_true(object_attribute_next(&reader, &a));
        check_text(a.name, names[i]);
    }
    assert_false(object_attribute_next(&reader, &a));
    free(d);
}

static void instances_have_indexes_of_their_own(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    const struct attribute_row *group = attribute_by_tag(TAG_OBJECT_GROUP);
    int count;
    char text[32];
    for (int32_t i = 0; i < ATTRIBUTE_INSTANCES_MAX; i++) {
        assert_int_equal(draft_free_index(d, group, span_of(NULL, 0), &count), i);
        assert_int_equal(count, i);
        snprintf(text, sizeof text, "group %d", (int)i);
        set_text(d, "Object Group", i, text);
        set_text(d, "x-many", i, text); /* the same numbers under another name */
    }
    assert_int_equal(draft_free_index(d, group, span_of(NULL, 0), &count), ATTRIBUTE_INSTANCES_MAX);
    struct object o = opened(d);
    assert_string_equal(text_at(&o, "Object Group", 0), "group 0");
    assert_string_equal(text_at(&o, "Object Group", 63), "group 63");
    assert_string_equal(text_at(&o, "x-many", 17), "group 17");
    draft_remove(d, group, span_of(NULL, 0), 17);
    assert_int_equal(draft_free_index(d, group, span_of(NULL, 0), &count), 17);
    assert_int_equal(count, ATTRIBUTE_INSTANCES_MAX - 1);
    o = opened(d);
    assert_null(text_at(&o, "Object Group", 17));
    assert_string_equal(text_at(&o, "Object Group", 18), "group 18");
    assert_string_equal(text_at(&o, "x-many", 17), "group 17");
    free(d);
}

static void the_record_limit_is_exact_and_sticky(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    static char text[1025];
    char name[32];
    memset(text, 'x', 1000);
    /* What later changes need besides attributes is kept free: the root key's version, ancestors. */
    size_t most = RECORD_MAX - (TTLV_HEADER + 16) - (TTLV_HEADER + ANCESTORS_BYTES);
    for (int i = 0; most - d->len > 1080; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        set_text(d, name, 0, text);
    }
    size_t rest = most - d->len;
    size_t around = 3 * TTLV_HEADER + ttlv_padded(5); /* of an attribute with a name of 5 bytes */
    assert_true(rest > around && rest - around <= 1024);
    size_t fits = (rest - around) / 8 * 8;
    memset(text, 'y', sizeof text);
    text[fits] = 0;
    struct draft *copy = malloc(sizeof *copy);
    *copy = *d;
    set_text(d, "x-end", 0, text);
    assert_false(d->full);
    assert_true(d->len <= most && d->len + 8 > most);
    struct object o = opened(d);
    assert_string_equal(text_at(&o, "x-5", 0) + 995, "xxxxx");
    text[fits] = 'y';
    text[fits + 1] = 0;
    set_text(copy, "x-end", 0, text);
    assert_true(copy->full);
    assert_int_equal(draft_end(copy), STATUS_TOO_LARGE);
    draft_remove(copy, NULL, span_of_text("x-0"), 0); /* too late: it has been told */
    assert_int_equal(draft_end(copy), STATUS_TOO_LARGE);
    free(copy);
    free(d);
}

static void parts_too_large_for_a_record_are_told(void **state)
{
    (void)state;
    static uint8_t material[RECORD_MAX];
    struct draft *d = calloc(1, sizeof *d);
    struct object_head head = some_head(OBJECT_SYMMETRIC_KEY);
    struct draft_parts parts = {.sealed_material = span_of(material, sizeof material)};
    draft_begin(d, &head, &parts);
    set_text(d, "x-a", 0, "a");
    draft_set_date(d, TAG_INITIAL_DATE, 1);
    assert_int_equal(draft_end(d), STATUS_TOO_LARGE);
    free(d);
}

static void the_next_generation_keeps_everything(void **state)
{
    (void)state;
    struct draft *d = new_draft(), *next = calloc(1, sizeof *next);
    static const uint8_t other[NODE_BYTES] = {9};
    set_text(d, "x-a", 0, "a");
    set_text(d, "Object Group", 3, "g");
    struct object o = opened(d);
    draft_from(next, &o, other);
    struct object n = opened(next);
    assert_int_equal(n.head.generation, 2);
    assert_memory_equal(n.head.node, other, NODE_BYTES);
    assert_memory_equal(n.head.uid, o.head.uid, UUID_BYTES);
    assert_int_equal(n.head.flags, o.head.flags);
    check_text(n.wrapped_kek, "wrapped");
    assert_string_equal(text_at(&n, "x-a", 0), "a");
    assert_string_equal(text_at(&n, "Object Group", 3), "g");
    draft_without_material(next, &o, other);
    n = opened(next);
    assert_int_equal(n.wrapped_kek.len, 0);
    assert_int_equal(n.sealed_material.len, 0);
    assert_string_equal(text_at(&n, "x-a", 0), "a");
    free(next);
    free(d);
}

static void a_view_shows_the_draft_before_it_ends(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    set_text(d, "x-a", 0, "a");
    d->head.state = STATE_ACTIVE;
    struct object v = draft_view(d);
    assert_int_equal(v.head.state, STATE_ACTIVE);
    check_text(v.wrapped_kek, "wrapped");
    assert_string_equal(text_at(&v, "x-a", 0), "a");
    free(d);
}

static void dates_move_the_state(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    draft_set_date(d, TAG_ACTIVATION_DATE, 100);
    draft_set_date(d, TAG_DEACTIVATION_DATE, 200);
    struct object o = opened(d);
    assert_int_equal(object_state(&o, 99), STATE_PRE_ACTIVE);
    assert_int_equal(object_state(&o, 100), STATE_ACTIVE);
    assert_int_equal(object_state(&o, 199), STATE_ACTIVE);
    assert_int_equal(object_state(&o, 200), STATE_DEACTIVATED);
    d->head.state = STATE_COMPROMISED;
    o = opened(d);
    assert_int_equal(object_state(&o, 150), STATE_COMPROMISED);
    free(d);
}

/* Records come from the key manager and from a disk: every cut and every damaged byte is survived. */
static void damaged_records_are_survived(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    set_text(d, "x-a", 0, "a");
    set_text(d, "Object Group", 3, "g");
    draft_set_date(d, TAG_INITIAL_DATE, 5);
    opened(d);
    struct object o;
    struct object_attribute a;
    for (size_t len = 0; len < d->len; len++) {
        uint8_t *tight = tight_copy(d->bytes, len);
        assert_int_not_equal(object_open(span_of(tight, len), &o), STATUS_OK);
        free(tight);
    }
    for (size_t at = 0; at < d->len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *tight = tight_copy(d->bytes, d->len);
            tight[at] ^= (uint8_t)(1 << bit);
            if (object_open(span_of(tight, d->len), &o) == STATUS_OK) {
                struct ttlv_reader reader = ttlv_reader_over(o.attributes);
                while (object_attribute_next(&reader, &a))
                    continue;
                (void)object_state(&o, 0);
            }
            free(tight);
        }
    uint8_t *longer = malloc(d->len + 8);
    memcpy(longer, d->bytes, d->len);
    memset(longer + d->len, 0, 8);
    assert_int_equal(object_open(span_of(longer, d->len + 8), &o), STATUS_MALFORMED);
    free(longer);
    free(d);
}

static void a_record_of_another_version_is_told_apart(void **state)
{
    (void)state;
    struct draft *d = new_draft();
    struct object o = opened(d);
    size_t head_at = TTLV_HEADER + TTLV_HEADER;
    d->bytes[head_at] = RECORD_VERSION + 1;
    assert_int_equal(object_open(span_of(d->bytes, d->len), &o), STATUS_REFUSED);
    d->bytes[head_at] = RECORD_VERSION;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{1, OBJECT_CERTIFICATE}, {1, 0}, {2, 0}, {2, STATE_DESTROYED_COMPROMISED + 1}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        uint8_t old = d->bytes[head_at + wrong[i].at];
        d->bytes[head_at + wrong[i].at] = wrong[i].value;
        assert_int_equal(object_open(span_of(d->bytes, d->len), &o), STATUS_MALFORMED);
        d->bytes[head_at + wrong[i].at] = old;
    }
    free(d);
}

/* The version of the root key: kept by every copy, gone with the material, and absent from older records. */
static void the_root_version_is_kept(void **state)
{
    (void)state;
    static const uint8_t version[16] = {1, 2, 3}, newer[16] = {4};
    struct draft *d = calloc(1, sizeof *d), *next = calloc(1, sizeof *next);
    struct object_head head = some_head(OBJECT_SECRET_DATA);
    struct draft_parts parts = {.wrapped_kek = span_of_text("wrapped"),
                                .key_format = KEY_FORMAT_OPAQUE,
                                .subtype = 1,
                                .root_version = span_of(version, sizeof version)};
    draft_begin(d, &head, &parts);
    set_text(d, "x-a", 0, "a");
    struct object o = opened(d), n;
    assert_true(span_equal(o.root_version, span_of(version, sizeof version)));
    assert_int_equal(object_check(span_of(d->bytes, d->len), &n), STATUS_OK);
    draft_from(next, &o, node);
    n = opened(next);
    assert_true(span_equal(n.root_version, span_of(version, sizeof version)));
    assert_string_equal(text_at(&n, "x-a", 0), "a");
    draft_rewrapped(next, &o, node, span_of_text("new"), span_of(newer, sizeof newer));
    n = opened(next);
    check_text(n.wrapped_kek, "new");
    assert_true(span_equal(n.root_version, span_of(newer, sizeof newer)));
    assert_int_equal(n.head.generation, o.head.generation + 1);
    assert_int_equal(n.subtype, 1);
    assert_string_equal(text_at(&n, "x-a", 0), "a");
    draft_without_material(next, &o, node);
    assert_int_equal(opened(next).root_version.len, 0);
    parts.root_version = span_of(NULL, 0); /* as before there was one */
    draft_begin(d, &head, &parts);
    set_text(d, "x-a", 0, "a");
    o = opened(d);
    assert_int_equal(o.root_version.len, 0);
    assert_string_equal(text_at(&o, "x-a", 0), "a");
    free(next);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_comes_back),
        cmocka_unit_test(attributes_are_set_replaced_and_removed),
        cmocka_unit_test(a_replaced_attribute_stays_in_its_place),
        cmocka_unit_test(instances_have_indexes_of_their_own),
        cmocka_unit_test(the_record_limit_is_exact_and_sticky),
        cmocka_unit_test(parts_too_large_for_a_record_are_told),
        cmocka_unit_test(the_next_generation_keeps_everything),
        cmocka_unit_test(a_view_shows_the_draft_before_it_ends),
        cmocka_unit_test(dates_move_the_state),
        cmocka_unit_test(damaged_records_are_survived),
        cmocka_unit_test(a_record_of_another_version_is_told_apart),
        cmocka_unit_test(the_root_version_is_kept),
    };
    return cmocka_run_group_tests_name("store/object", tests, NULL, NULL);
}
