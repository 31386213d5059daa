/* SPDX-License-Identifier: Apache-2.0 */
/* The partition table of a larger disk: sfdisk makes the old one and judges the new one. */
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "init/grow.h"

#define MIB UINT64_C(1048576)

static char path[40];
static struct gpt table, first, second;
static uint64_t bytes;

static int make(void **state)
{
    char command[600];
    (void)state;
    snprintf(path, sizeof path, "/tmp/holdfast-grow-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 64 * MIB), 0);
    close(fd);
    snprintf(command, sizeof command,
             "printf 'label: gpt\\nstart=2048, size=81920, name=holdfast-esp\\nstart=83968, size=45056, "
             "name=holdfast-data\\n' | PATH=$PATH:/usr/sbin sfdisk -q %s",
             path);
    assert_int_equal(system(command), 0);
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &table, sizeof table, GPT_SECTOR), sizeof table);
    close(fd);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    return unlink(path);
}

static void it_ends_where_the_disk_ends(void **state)
{
    char command[300];
    (void)state;
    uint64_t sectors = 1000 * MIB / GPT_SECTOR;
    assert_true(gpt_is_good(&table));
    assert_true(gpt_grow(&table, 1, sectors, 4096 * MIB, &first, &second, &bytes));
    assert_int_equal(bytes % MIB, 0);
    assert_int_equal(bytes / MIB, 1000 - 41 - 1);
    int fd = open(path, O_RDWR);
    assert_int_equal(ftruncate(fd, (off_t)(sectors * GPT_SECTOR)), 0);
    pwrite(fd, &first, sizeof first, GPT_SECTOR);
    pwrite(fd, second.entries, sizeof second.entries, (off_t)((sectors - 33) * GPT_SECTOR));
    pwrite(fd, second.header, sizeof second.header, (off_t)((sectors - 1) * GPT_SECTOR));
    close(fd);
    snprintf(command, sizeof command,
             "export PATH=$PATH:/usr/sbin; sfdisk --verify %s 2>&1 | grep -q 'No errors' && "
             "sfdisk -d %s | grep -q 'start= *83968, size= *%llu,.*holdfast-data'",
             path, path, (unsigned long long)(bytes / GPT_SECTOR));
    assert_int_equal(system(command), 0);
    /* The first copy torn: the second one alone says the same. */
    fd = open(path, O_RDWR);
    static const char zeros[GPT_SECTOR];
    pwrite(fd, zeros, sizeof zeros, GPT_SECTOR);
    close(fd);
    snprintf(command, sizeof command,
             "PATH=$PATH:/usr/sbin sfdisk -d %s 2>/dev/null | grep -q 'size= *%llu,'", path,
             (unsigned long long)(bytes / GPT_SECTOR));
    assert_int_equal(system(command), 0);
}

static void it_has_an_upper_bound(void **state)
{
    (void)state;
    assert_true(gpt_grow(&table, 1, 64 * 1024 * MIB / GPT_SECTOR, 1024 * MIB, &first, &second, &bytes));
    assert_int_equal(bytes, 1024 * MIB);
    /* Once it is that large nothing is left to do. */
    assert_true(gpt_is_good(&first));
    assert_false(gpt_grow(&first, 1, 64 * 1024 * MIB / GPT_SECTOR, 1024 * MIB, &table, &second, &bytes));
}

static void what_is_not_ours_stays_as_it_is(void **state)
{
    (void)state;
    uint64_t sectors = 1000 * MIB / GPT_SECTOR;
    assert_false(
        gpt_grow(&table, 0, sectors, 1024 * MIB, &first, &second, &bytes)); /* another one lies behind it */
    assert_false(gpt_grow(&table, 2, sectors, 1024 * MIB, &first, &second, &bytes));
    assert_false(gpt_grow(&table, GPT_ENTRIES, sectors, 1024 * MIB, &first, &second, &bytes));
    assert_false(
        gpt_grow(&table, 1, 64 * MIB / GPT_SECTOR, 1024 * MIB, &first, &second, &bytes)); /* no room */
    assert_false(gpt_grow(&table, 1, 100, 1024 * MIB, &first, &second, &bytes));
    for (size_t i = 0; i < 92; i++) {
        struct gpt bad = table;
        bad.header[i] ^= 1;
        assert_false(gpt_is_good(&bad));
    }
    struct gpt bad = table;
    bad.entries[sizeof bad.entries - 1] ^= 1;
    assert_false(gpt_grow(&bad, 1, sectors, 1024 * MIB, &first, &second, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_ends_where_the_disk_ends, make, clear),
        cmocka_unit_test_setup_teardown(it_has_an_upper_bound, make, clear),
        cmocka_unit_test_setup_teardown(what_is_not_ours_stays_as_it_is, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
