/* SPDX-License-Identifier: Apache-2.0 */
/* Slots in a folder that stands for the mounted boot partition; and what a killed write leaves. */
#include "support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "init/esp.h"

#define IMAGE (300 * 1024)
#define KILLS 200

static char folder[] = "/tmp/holdfast-esp-XXXXXX";
static char why[300];
static uint8_t image[IMAGE];

static void run(const char *command)
{
    char line[400];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    assert_int_equal(system(line), 0);
}

/* The least of a PE file that has a section .osrel, and noise behind it. */
static void make_image(const char *version)
{
    char osrel[64];
    int n = snprintf(osrel, sizeof osrel, "PRETTY_NAME=\"Holdfast %s\"\n", version);
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 2654435761u >> 13);
    memset(image, 0, 1024);
    memcpy(image, "MZ", 2);
    image[0x3c] = 0x80;
    memcpy(image + 0x80, "PE\0\0", 4);
    image[0x86] = 1; /* sections */
    memcpy(image + 0x98, ".osrel", 6);
    image[0x98 + 8] = image[0x98 + 16] = (uint8_t)n;
    image[0x98 + 21] = 2; /* at 512 */
    memcpy(image + 512, osrel, (size_t)n);
}

static void put(const char *name, const char *version)
{
    char path[200];
    make_image(version);
    snprintf(path, sizeof path, "%s/mount/EFI/Linux/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(image, 1, sizeof image, file), sizeof image);
    fclose(file);
}

static void fresh(void)
{
    run("rm -rf mount efivars && mkdir -p mount/EFI/Linux efivars");
}

/* What the boot loader says it started. */
static void started(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
             folder);
    FILE *file = fopen(path, "wb");
    fwrite("\6\0\0\0", 1, 4, file);
    for (; *name != 0; name++) {
        fputc(*name, file);
        fputc(0, file);
    }
    fwrite("\0\0", 1, 2, file);
    fclose(file);
}

static void open_esp(struct esp *esp, const char *version)
{
    static char mount[100], efivars[100];
    snprintf(mount, sizeof mount, "%s/mount", folder);
    snprintf(efivars, sizeof efivars, "%s/efivars", folder);
    struct esp_place place = {.folder = mount, .efivars = efivars, .version = version};
    if (!esp_open(esp, &place, true, why, sizeof why))
        fail_msg("%s", why);
}

static void close_esp(struct esp *esp)
{
    assert_true(esp_close(esp, why, sizeof why));
}

static bool there(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/mount/EFI/Linux/%s", folder, name);
    return access(path, F_OK) == 0;
}

static size_t count_files(void)
{
    struct fat_entry list[64];
    char path[200];
    snprintf(path, sizeof path, "%s/mount/EFI/Linux", folder);
    return fat_list(path, list, COUNT_OF(list));
}

static void names_and_order(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000010+1.efi", "1.2.0");
    put("holdfast-000009.efi", "1.1.0");
    put("holdfast-000002+0-1.efi", "1.0.0");
    put("holdfast-00002.efi", "0"); /* these are none */
    put("holdfast-000003.new", "0");
    put("holdfast-000004+.efi", "0");
    put("holdfast-000005+0-.efi", "0");
    put("holdfast-000000.efi", "0");
    put("other.efi", "0");
    open_esp(&esp, "1.1.0");
    assert_int_equal(esp.count, 3);
    assert_int_equal(esp.slots[0].number, 2);
    assert_int_equal(esp.slots[0].tries_left, 0);
    assert_int_equal(esp.slots[1].number, 9);
    assert_int_equal(esp.slots[1].tries_left, ESP_KEPT);
    assert_int_equal(esp.slots[2].tries_left, 1);
    assert_string_equal(esp.slots[2].version, "1.2.0");
    assert_int_equal(esp.slots[2].size, IMAGE);
    assert_int_equal(esp.running, 1); /* by its version */
    assert_false(esp_running_is_trial(&esp));
    assert_ptr_equal(esp_waiting(&esp), &esp.slots[2]);
    assert_null(esp_other(&esp));
    assert_null(esp_failed(&esp)); /* older than what runs */
    close_esp(&esp);
}

static void running_by_the_boot_loader(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000002+0-1.efi", "1.0.0");
    started("HOLDFAST-000002+1.efi"); /* its name before the try was counted */
    open_esp(&esp, "1.0.0");
    assert_int_equal(esp.running, 1);
    assert_true(esp_running_is_trial(&esp));
    assert_ptr_equal(esp_other(&esp), &esp.slots[0]);
    assert_true(esp_bless(&esp, why, sizeof why));
    assert_true(there("holdfast-000002.efi") && !there("holdfast-000002+0-1.efi"));
    assert_false(esp_running_is_trial(&esp));
    assert_int_equal(esp.running, 1);
    assert_true(esp_bless(&esp, why, sizeof why));
    close_esp(&esp);
}

static void strange_variables(void **state)
{
    (void)state;
    struct esp esp;
    static const char *const names[] = {
        "", "holdfast-000007.efi", "auto-windows",
        "holdfast-000001.efi-and-a-name-that-is-much-too-long-to-be-one-of-ours"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        fresh();
        put("holdfast-000001.efi", "1.0.0");
        started(names[i]);
        open_esp(&esp, "1.0.0");
        assert_int_equal(esp.running, i == 1 ? -1 : 0);
        close_esp(&esp);
    }
}

static void giving_up(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000002+0-1.efi", "1.1.0");
    open_esp(&esp, "1.1.0");
    assert_true(esp_running_is_trial(&esp));
    assert_false(esp_give_up(&esp, why, sizeof why)); /* the only one */
    assert_true(there("holdfast-000002+0-1.efi"));
    close_esp(&esp);
    put("holdfast-000001.efi", "1.0.0");
    open_esp(&esp, "1.1.0");
    assert_true(esp_give_up(&esp, why, sizeof why));
    assert_false(there("holdfast-000002+0-1.efi"));
    close_esp(&esp);
    open_esp(&esp, "1.0.0");
    assert_false(esp_give_up(&esp, why, sizeof why)); /* not on trial */
    close_esp(&esp);
}

static void failed_ones_are_dropped(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000002+0-1.efi", "1.1.0");
    open_esp(&esp, "1.0.0");
    assert_non_null(esp_failed(&esp));
    assert_true(esp_drop_failed(&esp, why, sizeof why));
    assert_null(esp_failed(&esp));
    assert_int_equal(count_files(), 1);
    assert_true(there("holdfast-000001.efi"));
    assert_false(esp_drop(&esp, 0, why, sizeof why)); /* the running one */
    close_esp(&esp);
}

static void rolling_back(void **state)
{
    (void)state;
    struct esp esp;
    char version[VERSION_MAX];
    fresh();
    put("holdfast-000002.efi", "1.1.0");
    open_esp(&esp, "1.1.0");
    assert_false(esp_rollback(&esp, version, why, sizeof why));
    close_esp(&esp);
    put("holdfast-000001.efi", "1.0.0");
    open_esp(&esp, "1.1.0");
    assert_true(esp_rollback(&esp, version, why, sizeof why));
    assert_string_equal(version, "1.0.0");
    assert_true(there("holdfast-000003.efi") && there("holdfast-000002.efi"));
    assert_int_equal(count_files(), 2);
    close_esp(&esp);
    /* An image that waits is taken back, and what runs stays what is started. */
    fresh();
    put("holdfast-000002.efi", "1.1.0");
    put("holdfast-000003+1.efi", "1.2.0");
    open_esp(&esp, "1.1.0");
    assert_true(esp_rollback(&esp, version, why, sizeof why));
    assert_string_equal(version, "1.1.0");
    assert_int_equal(count_files(), 1);
    close_esp(&esp);
}

static bool write_image(struct esp *esp, const char *version, const uint8_t *hash)
{
    struct esp_writer w;
    uint8_t own[SHA256_BYTES];
    sha256(span_of(image, sizeof image), own);
    bool good = esp_write_begin(esp, &w, sizeof image, why, sizeof why);
    for (size_t at = 0; good && at < sizeof image; at += 10000)
        good = esp_write(&w, span_of(image + at, sizeof image - at < 10000 ? sizeof image - at : 10000), why,
                         sizeof why);
    if (!good) {
        esp_write_abort(esp, &w);
        return false;
    }
    return esp_write_end(esp, &w, hash == NULL ? own : hash, version, why, sizeof why);
}

static void writing(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000007.new", "0"); /* a leftover */
    open_esp(&esp, "1.0.0");
    make_image("1.1.0");
    assert_true(write_image(&esp, "1.1.0", NULL));
    assert_true(there("holdfast-000002+1.efi") && there("holdfast-000001.efi"));
    assert_int_equal(count_files(), 2);
    assert_string_equal(esp_waiting(&esp)->version, "1.1.0");
    /* Another one takes the place of what waits, not of what runs. */
    make_image("1.2.0");
    assert_true(write_image(&esp, "1.2.0", NULL));
    assert_true(there("holdfast-000003+1.efi") && there("holdfast-000001.efi"));
    assert_int_equal(count_files(), 2);
    close_esp(&esp);
}

static void the_oldest_goes(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000002.efi", "1.1.0");
    open_esp(&esp, "1.0.0"); /* after a rollback the older number may be what runs */
    make_image("1.2.0");
    assert_true(write_image(&esp, "1.2.0", NULL));
    assert_true(there("holdfast-000001.efi") && there("holdfast-000003+1.efi"));
    assert_false(there("holdfast-000002.efi"));
    close_esp(&esp);
}

static void bad_images_get_no_name(void **state)
{
    (void)state;
    struct esp esp;
    struct esp_writer w;
    uint8_t hash[SHA256_BYTES] = {1};
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000002.efi", "1.1.0");
    open_esp(&esp, "1.1.0");
    make_image("1.2.0");
    assert_false(write_image(&esp, "1.2.0", hash));
    assert_non_null(strstr(why, "damaged"));
    assert_false(write_image(&esp, "1.3.0", NULL));
    assert_non_null(strstr(why, "1.3.0"));
    assert_true(esp_write_begin(&esp, &w, 1000, why, sizeof why));
    assert_false(esp_write(&w, span_of(image, 1001), why, sizeof why));
    esp_write_abort(&esp, &w);
    assert_true(esp_write_begin(&esp, &w, 1000, why, sizeof why));
    assert_true(esp_write(&w, span_of(image, 999), why, sizeof why));
    assert_false(esp_write_end(&esp, &w, hash, "1.2.0", why, sizeof why));
    assert_non_null(strstr(why, "too early"));
    assert_false(esp_write_begin(&esp, &w, 1ull << 60, why, sizeof why));
    assert_true(there("holdfast-000002.efi")); /* though the other one went, to make room */
    assert_int_equal(count_files(), 1);
    close_esp(&esp);
}

/* Two names of one content (see esp_shares): neither is removed when one of them runs. */
static void shared_content(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    put("holdfast-000001.efi", "1.0.0");
    put("holdfast-000002.efi", "1.1.0");
    put("holdfast-000003.efi", "1.0.0");
    started("holdfast-000003.efi");
    open_esp(&esp, "1.0.0");
    esp.slots[0].first_block = esp.slots[2].first_block = 77;
    assert_false(esp_drop(&esp, 0, why, sizeof why));
    esp.slots[1].first_block = 77;
    esp.slots[2].first_block = 0;
    assert_true(esp_drop(&esp, 0, why, sizeof why)); /* both */
    assert_int_equal(count_files(), 1);
    close_esp(&esp);
    fresh();
    put("holdfast-000002+0-1.efi", "1.1.0"); /* the power went while it was found good */
    put("holdfast-000002.efi", "1.1.0");
    started("holdfast-000002.efi");
    open_esp(&esp, "1.1.0");
    assert_false(esp_running_is_trial(&esp));
    assert_true(esp_bless(&esp, why, sizeof why));
    close_esp(&esp);
}

static void one_job_at_a_time(void **state)
{
    (void)state;
    struct esp esp;
    fresh();
    open_esp(&esp, "1.0.0");
    pid_t child = fork();
    if (child == 0) {
        struct esp other;
        close(esp.fat.lock);       /* inherited */
        open_esp(&other, "1.0.0"); /* waits for the parent's */
        _exit(close(other.fat.lock) == 0 ? 0 : 1);
    }
    usleep(50000);
    close_esp(&esp);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void images(void **state)
{
    (void)state;
    char version[VERSION_MAX];
    static const struct {
        const char *osrel, *version;
    } cases[] = {
        {"PRETTY_NAME=\"Holdfast 1.2.3\"\n", "1.2.3"},
        {"ID=x\nPRETTY_NAME=Holdfast 1.2.3-rc1\nA=b\n", "1.2.3-rc1"},
        {"PRETTY_NAME='1.0.0'", "1.0.0"},
        {"PRETTY_NAME=\"\"\n", NULL},
        {"", NULL},
        {"PRETTY_NAME=\"x 123456789012345678901234567890123456789012345678\"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t *tight = tight_copy(cases[i].osrel, strlen(cases[i].osrel));
        bool good = esp_image_version_of(span_of(tight, strlen(cases[i].osrel)), version);
        assert_int_equal(good, cases[i].version != NULL);
        assert_string_equal(version, good ? cases[i].version : "");
        free(tight);
    }
}

static void check_after_kill(void)
{
    struct fat_entry list[32];
    char path[300];
    uint8_t *content = malloc(IMAGE + 1), hash[SHA256_BYTES], wanted[SHA256_BYTES];
    snprintf(path, sizeof path, "%s/mount/EFI/Linux", folder);
    size_t n = fat_list(path, list, COUNT_OF(list));
    assert_true(there("holdfast-000005.efi")); /* what runs */
    make_image("1.0.0");
    sha256(span_of(image, IMAGE), hash);
    make_image("1.1.0");
    sha256(span_of(image, IMAGE), wanted);
    for (size_t i = 0; i < n; i++) {
        uint8_t got[SHA256_BYTES];
        if (strstr(list[i].name, ".efi") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/mount/EFI/Linux/%s", folder, list[i].name);
        FILE *file = fopen(path, "rb");
        assert_int_equal(fread(content, 1, IMAGE + 1, file), IMAGE);
        fclose(file);
        sha256(span_of(content, IMAGE), got);
        bool old = strcmp(list[i].name, "holdfast-000005.efi") == 0 ||
                   strcmp(list[i].name, "holdfast-000004.efi") == 0;
        assert_memory_equal(got, old ? hash : wanted, SHA256_BYTES);
    }
    free(content);
}

static void write_in_child(void)
{
    struct esp esp;
    open_esp(&esp, "1.0.0");
    make_image("1.1.0");
    _exit(write_image(&esp, "1.1.0", NULL) && esp_close(&esp, why, sizeof why) ? 0 : 1);
}

/* Starts a write, and kills it after so many microseconds. True when it had ended. */
static bool killed_after(unsigned us)
{
    pid_t child = fork();
    if (child == 0)
        write_in_child();
    usleep(us);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    unsigned seed = 1, finished = 0, within = 0, span_us = 1000;
    fresh();
    put("holdfast-000005.efi", "1.0.0");
    started("holdfast-000005.efi");
    while (!killed_after(span_us) && span_us < 2000000)
        span_us *= 2; /* about what a whole write takes here */
    for (int i = 0; i < KILLS; i++) {
        char name[40];
        if (i % 3 == 0)
            put("holdfast-000004.efi", "1.0.0");
        seed = seed * 1103515245 + 12345;
        finished += killed_after((seed >> 8) % span_us);
        for (unsigned number = 6; number < 1000; number++) {
            snprintf(name, sizeof name, "holdfast-%06u.new", number);
            within += there(name);
        }
        check_after_kill();
    }
    printf("%u finished, %u killed while writing\n", finished, within);
    struct esp esp;
    open_esp(&esp, "1.0.0");
    make_image("1.1.0");
    assert_true(write_image(&esp, "1.1.0", NULL));
    assert_int_equal(count_files(), 2);
    close_esp(&esp);
}

static int end(void **state)
{
    (void)state;
    run("cd / && rm -r \"$OLDPWD\"");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_order),
        cmocka_unit_test(running_by_the_boot_loader),
        cmocka_unit_test(strange_variables),
        cmocka_unit_test(giving_up),
        cmocka_unit_test(failed_ones_are_dropped),
        cmocka_unit_test(rolling_back),
        cmocka_unit_test(writing),
        cmocka_unit_test(the_oldest_goes),
        cmocka_unit_test(bad_images_get_no_name),
        cmocka_unit_test(shared_content),
        cmocka_unit_test(one_job_at_a_time),
        cmocka_unit_test(images),
        cmocka_unit_test(killed_at_any_moment),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, end);
}
