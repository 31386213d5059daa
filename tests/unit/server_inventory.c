/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of its objects: the line of the list, all about one, and whether a newer key of the
 * same VM or host is there. */
#include "support/check.h"

#include "server/inventory.h"
#include "support/house_keys.h"

static struct house *h;
static struct server *s;
static char text[CONTROL_OUT];
static char uid[UUID_TEXT + 1];

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    return 0;
}

static const char *line_of(const struct catalogue_entry *e)
{
    struct buf out = buf_over(text, sizeof text);
    inventory_write_line(s, e, &out);
    assert_false(out.full);
    return text;
}

static const char *all_of(const struct catalogue_entry *e)
{
    struct buf out = buf_over(text, sizeof text);
    inventory_write_object(s, e, &out);
    assert_false(out.full);
    return text;
}

/* The line of all_of that begins with this name has to say this. */
static void check_tells(const struct catalogue_entry *e, const char *name, const char *value)
{
    char line[400];
    snprintf(line, sizeof line, "\n%-28s %s\n", name, value);
    if (strstr(all_of(e), line) == NULL && strncmp(text, line + 1, strlen(line + 1)) != 0)
        fail_msg("no line \"%-28s %s\" in:\n%s", name, value, text);
}

static void check_line(const struct catalogue_entry *e, const char *type, const char *state, int64_t made,
                       const char *rest)
{
    char wanted[400];
    uuid_write(e->uid, uid);
    snprintf(wanted, sizeof wanted, "%s\t%s\t%s\t%u\t%lld\t%lld\t%s\n", uid, type, state, e->generation,
             (long long)made, (long long)e->served_unix_s, rest);
    assert_string_equal(line_of(e), wanted);
}

/* ---- the line ---- */

static void a_line_has_nine_fields(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, "Virtual Machine", "web 1", "vm-7");
    int64_t made = s->now.unix_s;
    check_line(e, "Symmetric Key", "Pre-Active", made, "Virtual Machine\tweb 1\tvm-7");
    assert_int_equal(e->generation, 1);
    assert_int_equal(e->served_unix_s, 0);
    house_turn(h, 5000);
    house_do(h, OPERATION_ACTIVATE, e);
    house_do(h, OPERATION_GET, e);
    assert_int_equal(e->generation, 2);
    assert_int_equal(e->served_unix_s, s->now.unix_s);
    check_line(e, "Symmetric Key", "Active", made, "Virtual Machine\tweb 1\tvm-7");
}

static void what_is_missing_is_empty(void **state)
{
    (void)state;
    int64_t made = s->now.unix_s;
    check_line(house_key(h, NULL, NULL, NULL), "Symmetric Key", "Pre-Active", made, "\t\t");
    check_line(house_key(h, NULL, "n", NULL), "Symmetric Key", "Pre-Active", made, "\tn\t");
    struct message *m = house_create_begin();
    put_attribute_integer(m, "x-Name", 7); /* no text */
    put_attribute_text(m, "x-Identifier", "");
    check_line(house_create_end(h), "Symmetric Key", "Pre-Active", made, "\t\t");
}

/* Whatever a client wrote, it is one line of nine fields that no terminal takes for commands. */
static void strange_names_stay_in_their_fields(void **state)
{
    (void)state;
    static char longest[200];
    int64_t made = s->now.unix_s;
    check_line(house_key(h, "a\tb", "c\nOK\n", "\x1b[2J\\\xc3\xa4"), "Symmetric Key", "Pre-Active", made,
               "a\\x09b\tc\\x0aOK\\x0a\t\\x1b[2J\\x5c\\xc3\\xa4");
    memset(longest, '\n', sizeof longest - 1);
    struct catalogue_entry *e = house_key(h, longest, longest, longest);
    house_do(h, OPERATION_DESTROY, e);
    e->generation = UINT32_MAX;
    e->served_unix_s = UINT32_MAX;
    const char *line = line_of(e);
    assert_true(strlen(line) < 900);
    int tabs = 0;
    for (const char *at = line; *at != 0; at++)
        tabs += *at == '\t';
    assert_int_equal(tabs, 8);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "\tDestroyed\t"));
    const char *last = strrchr(line, '\t') + 1;
    assert_int_equal(strlen(last), 64 * 4 + 1);
    e->generation = 2;
}

static void a_state_is_the_one_of_now(void **state)
{
    (void)state;
    int64_t made = s->now.unix_s;
    struct message *m = house_create_begin();
    put_attribute_date(m, "Activation Date", made);
    put_attribute_date(m, "Deactivation Date", made + 100);
    struct catalogue_entry *e = house_create_end(h);
    check_line(e, "Symmetric Key", "Active", made, "\t\t");
    check_tells(e, "State", "Active");
    s->now.unix_s += 200;
    check_line(e, "Symmetric Key", "Deactivated", made, "\t\t");
    check_tells(e, "State", "Deactivated");
}

/* ---- all about one ---- */

static void put_custom_begin(struct message *m, const char *name, size_t *at)
{
    *at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
}

static void put_strange_attributes(struct message *m)
{
    static const uint8_t bytes[40] = {0xde, 0xad};
    size_t at, structure;
    put_attribute_integer(m, "x-integer", -5);
    put_attribute_enumeration(m, "x-enumeration", 4000000000u);
    put_attribute_boolean(m, "x-true", true);
    put_attribute_boolean(m, "x-false", false);
    put_attribute_date(m, "x-date", 1000000000);
    put_attribute_date(m, "x-1970", 0);
    put_custom_begin(m, "x-long", &at);
    ttlv_put_long(&m->w, TAG_ATTRIBUTE_VALUE, -6000000000);
    ttlv_end(&m->w, at);
    put_custom_begin(m, "x-bytes", &at);
    ttlv_put_bytes(&m->w, TAG_ATTRIBUTE_VALUE, span_of(bytes, 3));
    ttlv_end(&m->w, at);
    put_custom_begin(m, "x-many-bytes", &at);
    ttlv_put_bytes(&m->w, TAG_ATTRIBUTE_VALUE, span_of(bytes, sizeof bytes));
    ttlv_end(&m->w, at);
    put_custom_begin(m, "x-structure", &at);
    structure = ttlv_begin(&m->w, TAG_ATTRIBUTE_VALUE);
    ttlv_put_text(&m->w, TAG_NAME_VALUE, span_of_text("two\nlines"));
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 7);
    ttlv_put_long(&m->w, TAG_USAGE_LIMITS_TOTAL, 5000000000);
    ttlv_put_bytes(&m->w, TAG_DIGEST_VALUE, span_of(bytes, 9));
    ttlv_end(&m->w, structure);
    ttlv_end(&m->w, at);
}

static void every_kind_of_value_is_told(void **state)
{
    (void)state;
    struct message *m = house_create_begin();
    put_strange_attributes(m);
    struct catalogue_entry *e = house_create_end(h);
    check_tells(e, "x-integer", "-5");
    check_tells(e, "x-enumeration", "4000000000");
    check_tells(e, "x-true", "true");
    check_tells(e, "x-false", "false");
    check_tells(e, "x-date", "2001-09-09T01:46:40Z");
    check_tells(e, "x-1970", "1970-01-01T00:00:00Z"); /* a date, and not "never" */
    check_tells(e, "x-long", "-6000000000");
    check_tells(e, "x-bytes", "dead00");
    check_tells(e, "x-many-bytes", "dead000000000000000000000000000000000000000000000000000000000000...");
    check_tells(e, "x-structure",
                "Name Value two\\x0alines, Cryptographic Length 7, Usage Limits Total 5000000000, "
                "Digest Value (9 bytes)");
}

static void what_every_object_tells(void **state)
{
    (void)state;
    char value[200], node[2 * NODE_BYTES + 1], record[UUID_TEXT + 1], now[TIME_TEXT + 1];
    struct message *m = house_create_begin();
    put_attribute_name(m, "first");
    put_attribute_name(m, "second");
    struct catalogue_entry *e = house_create_end(h);
    hex_write(span_of(s->store.node, NODE_BYTES), 0, false, node, sizeof node);
    uuid_write(e->uid, uid);
    check_tells(e, "Unique Identifier", uid);
    check_tells(e, "Object Type", "Symmetric Key");
    check_tells(e, "State", "Pre-Active");
    snprintf(value, sizeof value, "1, written by node %s", node);
    check_tells(e, "generation", value);
    check_tells(e, "last served", "never");
    check_tells(e, "Cryptographic Length", "256");
    check_tells(e, "Name", "Name Value first, Name Type 1");
    check_tells(e, "Name[1]", "Name Value second, Name Type 1");
    house_do(h, OPERATION_GET, e);
    time_write(s->now.unix_s, now);
    check_tells(e, "last served", now);
    e->stored_generation = 0;
    check_tells(e, "in the key manager", "not stored yet");
    e->stored_generation = 5;
    uuid_write(e->record_id, record);
    snprintf(value, sizeof value, "generation 5, record %s", record);
    check_tells(e, "in the key manager", value);
    e->stored_generation = 1;
}

/* The digest tells whether a copy is the same; the material itself is nowhere. */
static void the_material_is_never_told(void **state)
{
    (void)state;
    static const char material[] = "a key of thirty-two bytes, known";
    char digest[65], hex[65];
    uint8_t sum[SHA256_BYTES];
    item_register_key(house_ask(), NULL, span_of(material, 32), USAGE_ENCRYPT);
    struct catalogue_entry *e = house_made(h);
    sha256(span_of(material, 32), sum);
    hex_write(span_of(sum, sizeof sum), 0, false, digest, sizeof digest);
    hex_write(span_of(material, 32), 0, false, hex, sizeof hex);
    check_tells(e, "SHA-256 of the material", digest);
    assert_null(strstr(text, material));
    assert_null(strstr(text, hex));
    struct message *m = house_ask();
    message_item(m, OPERATION_REGISTER);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT);
    put_template_end(m);
    size_t key = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY), block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_RAW);
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, 256);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, key);
    check_tells(house_made(h), "SHA-256 of the material", "none");
}

/* Long texts are cut at 200 bytes; what does not fit is counted, and there is room behind it. */
static void a_large_object_leaves_room(void **state)
{
    (void)state;
    static char odd[260], shown[900];
    char name[20];
    unsigned left_out = 0;
    memset(odd, '\n', 250);
    struct message *m = house_create_begin();
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        put_attribute_text(m, name, odd);
    }
    put_attribute_integer(m, "x-last", 7);
    struct catalogue_entry *e = house_create_end(h);
    const char *all = all_of(e);
    size_t len = strlen(all);
    assert_true(len < CONTROL_OUT - 100);
    for (int i = 0; i < 200; i++)
        memcpy(shown + 4 * i, "\\x0a", 4);
    memcpy(shown + 800, "\n", 2);
    assert_non_null(strstr(all, shown)); /* no more of it */
    const char *count = strrchr(all, '\n');
    while (count > all && count[-1] != '\n')
        count--;
    assert_int_equal(sscanf(count, "%u attributes are left out: too much for a console", &left_out), 1);
    int told = 0;
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof name, "\nx-%d ", i);
        told += strstr(all, name) != NULL;
    }
    assert_int_equal(told + (int)left_out, 24);
    assert_non_null(strstr(all, "\nx-last ")); /* a short one behind them fits */
}

static void structures_are_cut_as_texts_are(void **state)
{
    (void)state;
    static char odd[1001];
    size_t at;
    memset(odd, 'x', 1000);
    struct message *m = house_create_begin();
    put_custom_begin(m, "x-structure", &at);
    size_t structure = ttlv_begin(&m->w, TAG_ATTRIBUTE_VALUE);
    ttlv_put_text(&m->w, TAG_NAME_VALUE, span_of_text(odd));
    ttlv_end(&m->w, structure);
    ttlv_end(&m->w, at);
    char wanted[300] = "Name Value ";
    memset(wanted + 11, 'x', 200);
    check_tells(house_create_end(h), "x-structure", wanted);
}

static void only_visible_objects_are_found(void **state)
{
    (void)state;
    struct catalogue_entry *e = house_key(h, NULL, NULL, NULL);
    uuid_write(e->uid, uid);
    assert_ptr_equal(inventory_find(s, span_of_text(uid)), e);
    for (char *c = uid; *c != 0; c++)
        *c = *c >= 'a' ? (char)(*c - 32) : *c;
    assert_ptr_equal(inventory_find(s, span_of_text(uid)), e);
    assert_null(inventory_find(s, span_of(uid, UUID_TEXT - 1)));
    assert_null(inventory_find(s, span_of_text("")));
    uid[0] = uid[0] == '0' ? '1' : '0';
    assert_null(inventory_find(s, span_of_text(uid)));
    static const uint8_t unread[UUID_BYTES] = {1};
    struct catalogue_entry *other = catalogue_add(&s->store.catalogue, unread);
    assert_non_null(other);
    uuid_write(unread, uid);
    assert_null(inventory_find(s, span_of_text(uid)));
    catalogue_remove(&s->store.catalogue, other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_nine_fields),
        TEST(what_is_missing_is_empty),
        TEST(strange_names_stay_in_their_fields),
        TEST(a_state_is_the_one_of_now),
        TEST(every_kind_of_value_is_told),
        TEST(what_every_object_tells),
        TEST(the_material_is_never_told),
        TEST(a_large_object_leaves_room),
        TEST(structures_are_cut_as_texts_are),
        TEST(only_visible_objects_are_found),
    };
    return cmocka_run_group_tests_name("server/inventory", tests, NULL, NULL);
}
