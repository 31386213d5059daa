/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory as people read it (console/keys): order, marks, filters, ages, and 80 columns. */
#include "support/check.h"

#include <time.h>

#include "console/keys.h"
#include "support/fake_console_server.h"

#define VM         "Virtual Machine"
#define ROWS_TEXT  4000000
#define PRE_ACTIVE "Pre-Active"

static char *rows, *out, *err;
static size_t rows_len;
static int rows_count;
static char asked[200];

static int begin(void **state)
{
    (void)state;
    rows = calloc(3, ROWS_TEXT);
    out = rows + ROWS_TEXT;
    err = out + ROWS_TEXT;
    rows_len = 0;
    rows_count = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(rows);
    return 0;
}

/* A line as the server sends it; ages are in seconds, -1: never. The Unique Identifier ends in its number. */
static void row_of(const char *state, long long made_ago, const char *component, const char *name,
                   const char *identifier)
{
    long long now = time(NULL);
    rows_len += (size_t)snprintf(
        rows + rows_len, ROWS_TEXT - rows_len,
        "aaaaaaaa-bbbb-cccc-dddd-%012d\tSymmetric Key\t%s\t%d\t%lld\t0\t%s\t%s\t%s\n", rows_count, state,
        rows_count + 1, made_ago < 0 ? 0 : now - made_ago, component, name, identifier);
    rows_count++;
}

static void vm_of(long long made_ago, const char *name, const char *identifier)
{
    row_of(PRE_ACTIVE, made_ago, VM, name, identifier);
}

/* The server counts `counted` rows and then has those of row_of. */
static int show_counted(const char *filter, const char *counted)
{
    struct fake_server server;
    struct printed printed;
    strcpy(rows + rows_len, "OK\n");
    const char *const answers[] = {counted, rows};
    int fd = fake_serve(&server, answers, 2, 1000000);
    print_begin(&printed);
    int result = keys_show(fd, filter);
    print_end(&printed, out, err, ROWS_TEXT);
    fake_end(&server, fd, asked, sizeof asked);
    return result;
}

static void show(const char *filter)
{
    char counted[40];
    snprintf(counted, sizeof counted, "%d\nOK\n", rows_count);
    assert_int_equal(show_counted(filter, counted), 0);
    assert_string_equal(asked, "show keys count\nshow keys\n");
    assert_string_equal(err, "");
    assert_int_equal(strncmp(out, "VM or host         State    age used  gen Unique Identifier", 59), 0);
}

/* The rows shown, by the last digits of their Unique Identifiers and with their marks: "0 1R 2O". */
static void check_rows(const char *wanted)
{
    char got[200] = "";
    const char *line = strchr(out, '\n') + 1;
    for (; strstr(line, "aaaaaaaa-") != NULL; line = strchr(line, '\n') + 1) {
        const char *uid = strstr(line, "aaaaaaaa-");
        size_t len = strlen(got);
        snprintf(got + len, sizeof got - len, "%s%d%.1s", len == 0 ? "" : " ", atoi(uid + 24),
                 uid[37] == ' ' ? "" : uid + 37);
    }
    assert_string_equal(got, wanted);
}

static void check_summary(const char *first, const char *second)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "%s\n%s\n", first, second);
    size_t len = strlen(out), tail = strlen(wanted);
    assert_true(len > tail);
    assert_string_equal(out + len - tail, wanted);
}

static void nothing_is_shown_of_nothing(void **state)
{
    (void)state;
    show(NULL);
    check_rows("");
    check_summary("0 objects: 0 keys of VMs in use, 0 older keys of the same (R),",
                  "0 that nobody has claimed (O), 0 destroyed");
}

/* By what they belong to, then by name whatever its case, then the newest first. */
static void keys_are_sorted(void **state)
{
    (void)state;
    vm_of(10, "web", "vm-1");                        /* 0 */
    row_of("Active", 10, "Host", "esx-2", "host-2"); /* 1 */
    vm_of(10, "App", "vm-2");                        /* 2 */
    vm_of(10, "db", "vm-3");                         /* 3 */
    row_of("Active", 10, "Host", "esx-1", "host-1"); /* 4 */
    vm_of(30, "db", "vm-4");                         /* 5 */
    vm_of(20, "db", "vm-5");                         /* 6 */
    vm_of(20, "db", "vm-6");                         /* 7: as old as 6, so by Unique Identifier */
    row_of(PRE_ACTIVE, 5, "", "", "");               /* 8 */
    show(NULL);
    check_rows("8O 4 1 2 3 6 7 5 0");
}

static void older_keys_of_the_same_are_marked(void **state)
{
    (void)state;
    vm_of(50, "a", "vm-1");                               /* 0 */
    vm_of(10, "a", "vm-1");                               /* 1: the newest */
    vm_of(20, "a", "vm-1");                               /* 2 */
    vm_of(90, "b", "vm-2");                               /* 3: the only one */
    vm_of(60, "c", "vm-3");                               /* 4: the newest that lives */
    row_of("Destroyed", 30, VM, "c", "vm-3");             /* 5 */
    row_of("Destroyed Compromised", 20, VM, "c", "vm-3"); /* 6 */
    vm_of(70, "c", "vm-3");                               /* 7 */
    show(NULL);
    check_rows("1 2R 0R 3 6 5 4 7R");
    check_summary("8 objects: 3 keys of VMs in use, 3 older keys of the same (R),",
                  "0 that nobody has claimed (O), 2 destroyed");
    show("orphans");
    check_rows("");
    show("replaced");
    check_rows("2R 0R 7R");
    check_summary("8 objects: 3 keys of VMs in use, 3 older keys of the same (R),",
                  "0 that nobody has claimed (O), 2 destroyed"); /* of all, whatever is shown */
}

/* Nobody knows which of them is in use. */
static void keys_of_the_same_second_are_not_marked(void **state)
{
    (void)state;
    long long now = time(NULL);
    for (int i = 0; i < 3; i++)
        rows_len += (size_t)snprintf(rows + rows_len, ROWS_TEXT - rows_len,
                                     "aaaaaaaa-bbbb-cccc-dddd-%012d\tSymmetric Key\tActive\t1\t%lld\t0\t" VM
                                     "\tweb\tvm-1\n",
                                     i, i == 2 ? now - 100 : now - 50);
    rows_count = 3;
    show(NULL);
    check_rows("0 1 2R");
}

/* Of which nobody said whose they are, and which nobody activated. */
static void unclaimed_keys_are_marked(void **state)
{
    (void)state;
    row_of(PRE_ACTIVE, 10, "", "", "");    /* 0 */
    row_of("Active", 20, "", "", "");      /* 1 */
    row_of("Destroyed", 30, "", "", "");   /* 2 */
    row_of(PRE_ACTIVE, 40, "", "", "");    /* 3: not the same as 0 */
    row_of(PRE_ACTIVE, 50, VM, "", "v-1"); /* 4 */
    row_of(PRE_ACTIVE, 60, VM, "n", "");   /* 5 */
    show(NULL);
    check_rows("0O 1 2 3O 4 5O");
    assert_non_null(strstr(out, "\n(not claimed)      Pre-Act "));
    assert_non_null(strstr(out, "\nSymmetric Key      Active "));
    assert_non_null(strstr(out, "\nn                  Pre-Act "));
    check_summary("6 objects: 2 keys of VMs in use, 0 older keys of the same (R),",
                  "3 that nobody has claimed (O), 1 destroyed");
    show("orphans");
    check_rows("0O 3O 5O");
}

static void a_part_of_a_name_or_identifier_finds(void **state)
{
    (void)state;
    vm_of(10, "WebServer", "vm-1"); /* 0 */
    vm_of(10, "database", "vm-2");  /* 1 */
    vm_of(10, "websocket", "vm-3"); /* 2 */
    show("WEBs");
    check_rows("0 2");
    show("DDDD-000000000001");
    check_rows("1");
    show("nothing");
    check_rows("");
    show("");
    check_rows("1 0 2");
}

/* The last line that has this name: its columns age and used. */
static void check_age(const char *name, const char *wanted)
{
    char line[40];
    snprintf(line, sizeof line, "\n%-18s Pre-Act %4s    -", name, wanted);
    if (strstr(out, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, out);
}

static void ages_have_four_characters(void **state)
{
    (void)state;
    static const struct {
        long long ago;
        const char *shown;
    } ages[] = {{-1, "-"},       {59 * 60, "59m"},      {3600, "1h"},          {23 * 3600, "23h"},
                {86400, "1d"},   {998 * 86400, "998d"}, {999 * 86400LL, "2y"}, {60, "1m"},
                {-5, "-"},       {3599, "59m"},         {86399 - 60, "23h"},   {40 * 365 * 86400LL, "40y"},
                {3600 * 2, "2h"}};
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        char name[8];
        snprintf(name, sizeof name, "n%zu", i);
        vm_of(ages[i].ago, name, name);
    }
    show(NULL);
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        char name[8];
        snprintf(name, sizeof name, "n%zu", i);
        check_age(name, ages[i].shown);
    }
    rows_len = 0;
    rows_count = 0;
    long long now = time(NULL);
    rows_len =
        (size_t)snprintf(rows, ROWS_TEXT, "u\tSymmetric Key\tActive\t7\t%lld\t%lld\t" VM "\tweb\tvm-1\n",
                         now + 500, now - 7200);
    rows_count = 1;
    show(NULL);
    assert_non_null(strstr(out, "\nweb                Active    0s   2h    7 u  \n"));
}

static void generations_have_four_characters(void **state)
{
    (void)state;
    static const struct {
        unsigned generation;
        const char *shown;
    } all[] = {{1, "   1"}, {9999, "9999"}, {10000, " 10k"}, {999999, "999k"}, {1000000, "  1M"}};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        char wanted[80];
        rows_count = 1;
        rows_len =
            (size_t)snprintf(rows, ROWS_TEXT, "u\tSecret Data\tActive\t%u\t0\t0\t\t\t\n", all[i].generation);
        show(NULL);
        snprintf(wanted, sizeof wanted, "\nSecret Data        Active     -    - %s u  \n", all[i].shown);
        assert_non_null(strstr(out, wanted));
    }
}

/* Every line, whatever its names. */
static void nothing_is_wider_than_80_columns(void **state)
{
    (void)state;
    static char longest[257];
    memset(longest, 'w', 256);
    vm_of(10, longest, longest);
    row_of("Destroyed Compromised", 998LL * 86400, longest, longest, "b");
    vm_of(10, "short", "vm-1");
    vm_of(20, "short", "vm-1");
    row_of(PRE_ACTIVE, 0, "", "", "");
    show(NULL);
    for (const char *line = out, *next; (next = strchr(line, '\n')) != NULL; line = next + 1)
        if (next - line > 80)
            fail_msg("%d columns: %.*s", (int)(next - line), (int)(next - line), line);
    assert_non_null(strstr(out, "\nwwwwwwwwwwwwwwwwww Destroy 998d    -    2 aaaaaaaa-"));
    check_rows("4O 2 3R 0 1");
}

static void lines_with_too_few_fields_are_left_out(void **state)
{
    (void)state;
    vm_of(10, "a", "vm-1");
    rows_len += (size_t)snprintf(rows + rows_len, ROWS_TEXT - rows_len,
                                 "\n\t\nu\tt\tActive\t1\t0\t0\tc\tn\na line of another kind\n");
    vm_of(10, "b", "vm-2");
    rows_len--; /* more fields than are known */
    rows_len += (size_t)snprintf(rows + rows_len, ROWS_TEXT - rows_len, "\tmore\tfields\n");
    show(NULL);
    check_rows("0 1");
    check_summary("2 objects: 2 keys of VMs in use, 0 older keys of the same (R),",
                  "0 that nobody has claimed (O), 0 destroyed");
}

/* Keys that were made since they were counted have room, up to 64. */
static void more_than_were_counted_is_no_harm(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        vm_of(10, "web", "");
    assert_int_equal(show_counted(NULL, "0\nOK\n"), 0);
    check_summary("64 objects: 64 keys of VMs in use, 0 older keys of the same (R),",
                  "64 that nobody has claimed (O), 0 destroyed");
    assert_int_equal(show_counted(NULL, "36\nOK\n"), 0);
    assert_non_null(strstr(out, "\n100 objects: "));
    assert_int_equal(show_counted(NULL, "5000\nOK\n"), 0); /* and some are gone */
    assert_non_null(strstr(out, "\n100 objects: "));
}

static void thousands_of_keys_are_shown(void **state)
{
    (void)state;
    char name[20], identifier[20];
    for (int i = 0; i < 16384; i++) {
        snprintf(name, sizeof name, "vm %05d", (i * 7919) % 16384 / 2);
        snprintf(identifier, sizeof identifier, "vm-%d", (i * 7919) % 16384 / 2);
        vm_of(100000 - i, name, identifier);
    }
    show(NULL);
    check_summary("16384 objects: 8192 keys of VMs in use, 8192 older keys of the same (R),",
                  "0 that nobody has claimed (O), 0 destroyed");
    const char *line = strchr(out, '\n') + 1;
    for (int i = 0; i < 16384; i++) {
        /* memchr and memcmp: the sanitizer measures a text whole each time */
        const char *stop = memchr(line, '\n', 200);
        snprintf(name, sizeof name, "vm %05d ", i / 2);
        assert_non_null(stop);
        assert_int_equal(memcmp(line, name, strlen(name)), 0);
        assert_int_equal(stop[-1], i % 2 == 0 ? ' ' : 'R'); /* the newer one comes first */
        assert_true(stop - line <= 80);
        line = stop + 1;
    }
}

static void a_server_that_refuses_or_goes_is_told(void **state)
{
    (void)state;
    assert_int_equal(show_counted(NULL, "ERR not now\n"), 1);
    assert_string_equal(err, "not now\n");
    assert_string_equal(out, "");
    assert_string_equal(asked, "show keys count\n");
    assert_int_equal(show_counted(NULL, "ERR four consoles are open already\n"), 1);
    vm_of(10, "a", "vm-1");
    struct fake_server server;
    struct printed printed;
    const char *const answers[] = {"1\nOK\n", rows};
    int fd = fake_serve(&server, answers, 2, 1000000); /* without an OK at its end */
    print_begin(&printed);
    int result = keys_show(fd, NULL);
    print_end(&printed, out, err, ROWS_TEXT);
    fake_end(&server, fd, asked, sizeof asked);
    assert_int_equal(result, 1);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "has closed the console"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_shown_of_nothing),
        TEST(keys_are_sorted),
        TEST(older_keys_of_the_same_are_marked),
        TEST(keys_of_the_same_second_are_not_marked),
        TEST(unclaimed_keys_are_marked),
        TEST(a_part_of_a_name_or_identifier_finds),
        TEST(ages_have_four_characters),
        TEST(generations_have_four_characters),
        TEST(nothing_is_wider_than_80_columns),
        TEST(lines_with_too_few_fields_are_left_out),
        TEST(more_than_were_counted_is_no_harm),
        TEST(thousands_of_keys_are_shown),
        TEST(a_server_that_refuses_or_goes_is_told),
    };
    return cmocka_run_group_tests_name("console/keys", tests, NULL, NULL);
}
