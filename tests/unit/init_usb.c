/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a stick among disks that are told by folders, and files on it. */
#include "support/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "init/usb.h"

static char folder[] = "/tmp/holdfast-usb-XXXXXX";
static char why[300], classes[100], devices[100], stick[100];
static struct usb_place place;

static void shell(const char *command)
{
    char line[500];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static void fresh(void)
{
    shell("rm -rf class dev bus stick && mkdir class dev bus stick");
}

/* A disk as /sys has it. */
static void disk(const char *name, const char *bus, bool removable)
{
    char command[300];
    snprintf(command, sizeof command,
             "mkdir -p bus/%s/%s && ln -s ../bus/%s/%s class/%s && echo %d > bus/%s/%s/removable && "
             "touch dev/%s",
             bus, name, bus, name, name, removable, bus, name, name);
    shell(command);
}

static void partition(const char *name, const char *of, const char *bus)
{
    char command[300];
    snprintf(command, sizeof command,
             "mkdir bus/%s/%s/%s && echo 1 > bus/%s/%s/%s/partition && ln -s ../bus/%s/%s/%s class/%s && "
             "touch dev/%s",
             bus, of, name, bus, of, name, bus, of, name, name, name);
    shell(command);
}

static void fat_head(uint8_t out[2048])
{
    static const uint8_t start[] = {0xeb, 0x58, 0x90, 'm', 'k', 'f', 's', '.', 'f', 'a', 't',
                                    0,    2,    8,    32,  0,   2,   0,   0,   0,   0,   0xf8};
    memset(out, 0, 2048);
    memcpy(out, start, sizeof start);
    out[510] = 0x55;
    out[511] = 0xaa;
}

static void put(const char *device, const void *head, size_t len)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", devices, device);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(head, 1, len, file);
    fclose(file);
}

static void put_fat(const char *device)
{
    uint8_t head[2048];
    fat_head(head);
    put(device, head, sizeof head);
}

static void sniffing(void **state)
{
    (void)state;
    uint8_t head[2048];
    static const struct {
        size_t at;
        const char *text, *kind;
    } kinds[] = {{3, "NTFS    ", "NTFS"},
                 {3, "EXFAT   ", "exFAT"},
                 {1080, "\x53\xef", "ext4"},
                 {1024, "H+", "HFS+"},
                 {32, "NXSB", "APFS"},
                 {0, "XFSB", "XFS"},
                 {0, "LUKS\xba\xbe", "an encrypted volume"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        memset(head, 0, sizeof head);
        memcpy(head + kinds[i].at, kinds[i].text, strlen(kinds[i].text));
        head[510] = 0x55;
        head[511] = 0xaa;
        assert_string_equal(usb_sniff(span_of(head, sizeof head)), kinds[i].kind);
    }
    fat_head(head);
    assert_string_equal(usb_sniff(span_of(head, sizeof head)), "FAT");
    assert_string_equal(usb_sniff(span_of(head, 512)), "FAT");
    static const size_t fields[] = {0, 12, 13, 14, 16, 21, 510, 511};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        fat_head(head);
        head[fields[i]] = 0;
        assert_null(usb_sniff(span_of(head, sizeof head)));
    }
    fat_head(head);
    for (size_t len = 0; len < 512; len++) {
        uint8_t *tight = tight_copy(head, len);
        assert_null(usb_sniff(span_of(tight, len)));
        free(tight);
    }
    memset(head, 0, sizeof head); /* a table of partitions */
    memcpy(head, "\xeb\x63\x90", 3);
    head[510] = 0x55;
    head[511] = 0xaa;
    assert_null(usb_sniff(span_of(head, sizeof head)));
}

static bool finds(const char *wanted)
{
    char device[USB_DEVICE] = "";
    bool good = usb_find(&place, device, why, sizeof why);
    return good && strcmp(device, wanted) == 0;
}

static void the_first_that_is_not_ours(void **state)
{
    (void)state;
    fresh();
    assert_false(finds(""));
    assert_non_null(strstr(why, "no stick"));
    disk("vda", "pci0", false);
    partition("vda1", "vda", "pci0");
    partition("vda2", "vda", "pci0");
    put_fat("vda1");
    place.own = "vda1";
    assert_false(finds("")); /* the box's own */
    disk("vdb", "pci1", false);
    put_fat("vdb"); /* a whole disk */
    assert_true(finds("vdb"));
    disk("sdc", "pci2/usb1", false);
    partition("sdc1", "sdc", "pci2/usb1");
    put_fat("sdc1");
    assert_true(finds("sdc1")); /* on USB: before fixed disks */
    disk("sdb", "pci3", true);
    partition("sdb2", "sdb", "pci3");
    put_fat("sdb2");
    assert_true(finds("sdb2"));
    place.own = "sdb";
    assert_true(finds("sdc1"));
    place.own = "";
    disk("loop0", "x", true);
    put_fat("loop0");
    shell("rm dev/sdb2");
    assert_true(finds("sdc1"));
}

static void others_are_named(void **state)
{
    (void)state;
    uint8_t head[2048] = {0};
    fresh();
    place.own = "";
    disk("sda", "usb1", true);
    partition("sda1", "sda", "usb1");
    memcpy(head + 3, "NTFS    ", 8);
    put("sda1", head, sizeof head);
    assert_false(finds(""));
    assert_string_equal(why, "the stick has NTFS; it must be FAT (FAT32)");
    disk("sdb", "usb2", true);
    partition("sdb1", "sdb", "usb2");
    put_fat("sdb1");
    assert_true(finds("sdb1"));
}

static void names_of_files(void **state)
{
    (void)state;
    struct usb usb = {.fat = {.folder = "/s"}};
    char path[FAT_PATH_MAX];
    static const char *const bad[] = {"",
                                      "/etc/passwd",
                                      "..",
                                      "../x",
                                      "a/../b",
                                      "a//b",
                                      "a/",
                                      ".x",
                                      " a",
                                      "a ",
                                      "a.",
                                      "a\\b",
                                      "a:b",
                                      "a\nb",
                                      "\xc3\xa4",
                                      "a/.x",
                                      "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (usb_path(&usb, bad[i], path, why, sizeof why))
            fail_msg("%s", bad[i]);
    assert_true(usb_path(&usb, "clients/vcenter 1.pem", path, why, sizeof why));
    assert_string_equal(path, "/s/clients/vcenter 1.pem");
}

static void files(void **state)
{
    (void)state;
    struct usb usb;
    char text[10];
    struct buf in = buf_over(text, sizeof text);
    fresh();
    place.already = stick;
    assert_true(usb_open(&usb, &place, true, why, sizeof why));
    assert_false(usb_read(&usb, "a.txt", &in, why, sizeof why));
    assert_non_null(strstr(why, "no file a.txt"));
    assert_true(usb_write(&usb, "a.txt", span_of("0123456789", 10), why, sizeof why));
    assert_true(usb_read(&usb, "a.txt", &in, why, sizeof why));
    check_text(buf_span(&in), "0123456789");
    assert_true(usb_write(&usb, "a.txt", span_of("0123456789a", 11), why, sizeof why));
    in.len = 0;
    assert_false(usb_read(&usb, "a.txt", &in, why, sizeof why));
    assert_non_null(strstr(why, "too large"));
    assert_false(usb_write(&usb, "b/c.txt", span_of("", 0), why, sizeof why));
    shell("mkdir stick/folder && ln -s /etc/passwd stick/link && printf x > \"stick/$(printf "
          "'esc\\033[2Jape')\"");
    in.len = 0;
    assert_false(usb_read(&usb, "folder", &in, why, sizeof why));
    assert_false(usb_read(&usb, "link", &in, why, sizeof why));
    char path[200], out[2000] = "";
    snprintf(path, sizeof path, "%s/list", folder);
    FILE *list = fopen(path, "w+");
    usb_list(&usb, fileno(list));
    rewind(list);
    out[fread(out, 1, sizeof out - 1, list)] = 0;
    fclose(list);
    assert_string_equal(out, "        11  a.txt\n         1  esc\\x1b[2Jape\n            folder/\n");
    assert_true(usb_close(&usb, why, sizeof why));
    place.already = NULL;
}

static void erasing(void **state)
{
    (void)state;
    char path[200];
    struct stat info;
    fresh();
    shell("printf 'passphrase secret' > stick/a && ln stick/a stick/b");
    snprintf(path, sizeof path, "%s/a", stick);
    assert_true(fat_erase(path));
    assert_int_not_equal(stat(path, &info), 0);
    assert_true(fat_erase(path));
    shell("test \"$(tr -d '\\000' < stick/b | wc -c)\" = 0 && test \"$(wc -c < stick/b)\" = 17"); /* its
                                                                                                     blocks */
}

static void long_lists_are_cut(void **state)
{
    (void)state;
    struct fat_entry list[5];
    fresh();
    shell("for i in 9 3 7 1 5 2 8; do touch stick/$i; done");
    assert_int_equal(fat_list(stick, list, COUNT_OF(list)), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(list[i].name[0], "12357"[i]);
    assert_int_equal(fat_list("/nowhere", list, COUNT_OF(list)), 0);
}

static int end(void **state)
{
    (void)state;
    shell("cd / && rm -r \"$OLDPWD\"");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sniffing),
        cmocka_unit_test(the_first_that_is_not_ours),
        cmocka_unit_test(others_are_named),
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(files),
        cmocka_unit_test(erasing),
        cmocka_unit_test(long_lists_are_cut),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(classes, sizeof classes, "%s/class", folder);
    snprintf(devices, sizeof devices, "%s/dev", folder);
    snprintf(stick, sizeof stick, "%s/stick", folder);
    place = (struct usb_place){.classes = classes, .devices = devices, .own = "", .folder = stick};
    return cmocka_run_group_tests(tests, NULL, end);
}
