/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a folder: all of them once, none for a folder that is not there. */
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/folder.h"

#define MANY 700 /* more than one buffer of the kernel's entries */

static char path[] = "/tmp/holdfast-folder-XXXXXX";

static int make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(path));
    for (int i = 0; i < MANY; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s/file-%04d", path, i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    return 0;
}

static int clear(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s/file-%04d", path, i);
        unlink(name);
    }
    return rmdir(path);
}

static void count_all(struct folder *folder)
{
    static unsigned char seen[MANY];
    const char *name;
    size_t count = 0;
    memset(seen, 0, sizeof seen);
    while ((name = folder_next(folder)) != NULL) {
        int number = atoi(name + 5);
        assert_memory_equal(name, "file-", 5);
        assert_true(number >= 0 && number < MANY);
        assert_int_equal(seen[number]++, 0);
        count++;
    }
    assert_int_equal(count, MANY);
    assert_null(folder_next(folder));
}

static void every_name_comes_once(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder, path);
    count_all(&folder);
    folder_close(&folder);
}

/* And the caller's descriptor stays open. */
static void an_open_folder_is_read_from_its_beginning_each_time(void **state)
{
    (void)state;
    struct folder folder;
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2; i++) {
        folder_of_fd(&folder, fd);
        count_all(&folder);
        folder_close(&folder);
    }
    assert_int_equal(close(fd), 0);
}

static void a_folder_that_is_not_there_has_no_names(void **state)
{
    (void)state;
    struct folder folder;
    folder_open(&folder, "/nonexistent");
    assert_null(folder_next(&folder));
    folder_close(&folder);
    folder_of_fd(&folder, -1);
    assert_null(folder_next(&folder));
    folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_comes_once),
        cmocka_unit_test(an_open_folder_is_read_from_its_beginning_each_time),
        cmocka_unit_test(a_folder_that_is_not_there_has_no_names),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
