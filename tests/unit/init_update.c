/* SPDX-License-Identifier: Apache-2.0 */
/* Updates from a file, a stick and the network, good and bad; folders stand for the volumes. */
#include "support/https_server.h"

#include "crypto/digest.h"
#include "init/download.h"
#include "init/update.h"

#define IMAGE 200000
#define TOTAL (UPDATE_HEAD + IMAGE)

static char why[400], said[8192], mount[100], stick[100];
static uint8_t update[TOTAL];
static struct update_box box;

static void shell(const char *command)
{
    char line[400];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static void write_whole(const char *name, const void *bytes, size_t len)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void make_image(uint8_t *image, const char *version)
{
    char osrel[64];
    int n = snprintf(osrel, sizeof osrel, "PRETTY_NAME=\"Holdfast %s\"\n", version);
    for (size_t i = 0; i < IMAGE; i++)
        image[i] = (uint8_t)(i * 2654435761u >> 13);
    memset(image, 0, 1024);
    memcpy(image, "MZ", 2);
    image[0x3c] = 0x80;
    memcpy(image + 0x80, "PE\0\0", 4);
    image[0x86] = 1;
    memcpy(image + 0x98, ".osrel", 6);
    image[0x98 + 8] = image[0x98 + 16] = (uint8_t)n;
    image[0x98 + 21] = 2;
    memcpy(image + 512, osrel, (size_t)n);
}

struct fields {
    const char *version, *board, *arch, *key;
    unsigned epoch;
};

/* Makes `update`, signed. */
static void make_update(struct fields f)
{
    uint8_t hash[SHA256_BYTES];
    char text[600], command[200];
    make_image(update + UPDATE_HEAD, f.version);
    sha256(span_of(update + UPDATE_HEAD, IMAGE), hash);
    int n = snprintf(text, sizeof text,
                     "holdfast-update 1\nversion %s\nboard %s\narch %s\nepoch %u\nsize %d\nsha256 ",
                     f.version, f.board, f.arch, f.epoch, IMAGE);
    for (int i = 0; i < SHA256_BYTES; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%02x", hash[i]);
    n += snprintf(text + n, sizeof text - (size_t)n, "\nnotes Better.\nend\n");
    memset(update, 0, UPDATE_HEAD);
    memset(update, '\n', UPDATE_SIGNED);
    memcpy(update, text, (size_t)n);
    write_whole("text", update, UPDATE_SIGNED);
    snprintf(command, sizeof command, "openssl dgst -sha256 -sign %s -out signature text", f.key);
    shell(command);
    snprintf(command, sizeof command, "%s/signature", folder);
    FILE *file = fopen(command, "rb");
    assert_non_null(file);
    assert_int_equal(fread(update + UPDATE_SIGNED, 1, UPDATE_KEY_LEN, file), UPDATE_KEY_LEN);
    fclose(file);
}

static const struct fields good = {"1.1.0", "generic-x86_64", "x86_64", "release.key", 1};

static void fresh(void)
{
    static uint8_t image[IMAGE];
    shell("rm -rf mount stick && mkdir -p mount/EFI/Linux stick");
    make_image(image, "1.0.0");
    write_whole("mount/EFI/Linux/holdfast-000001.efi", image, sizeof image);
}

static size_t slots(void)
{
    struct fat_entry list[32];
    char path[200];
    snprintf(path, sizeof path, "%s/mount/EFI/Linux", folder);
    return fat_list(path, list, COUNT_OF(list));
}

static bool there(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/mount/EFI/Linux/%s", folder, name);
    return access(path, F_OK) == 0;
}

static int said_begin(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/said", folder);
    why[0] = 0;
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void said_end(int fd)
{
    ssize_t n = pread(fd, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = 0;
    close(fd);
    for (const char *line = said; *line != 0; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 79);
}

/* The update cut after so many bytes, from a file. */
static bool apply(size_t len)
{
    char path[200];
    write_whole("file.upd", update, len);
    snprintf(path, sizeof path, "%s/file.upd", folder);
    int fd = open(path, O_RDONLY), out = said_begin();
    bool result = update_from_file(&box, fd, "holdfast-1.1.0-generic-x86_64.upd", out, why, sizeof why);
    close(fd);
    said_end(out);
    return result;
}

static void a_good_one(void **state)
{
    (void)state;
    char version[VERSION_MAX];
    fresh();
    make_update(good);
    assert_false(update_ready(&box, version, why, sizeof why));
    assert_true(apply(TOTAL));
    assert_string_equal(said, "found holdfast-1.1.0-generic-x86_64.upd\n"
                              "signed by release key 1, ok\n"
                              "version 1.1.0 > 1.0.0, security epoch 1 >= 1\n"
                              "notes: Better.\n"
                              "10 %\n20 %\n30 %\n40 %\n50 %\n60 %\n70 %\n80 %\n90 %\n"
                              "written to slot 2, read back and compared ok\n");
    assert_true(there("holdfast-000002+1.efi") && there("holdfast-000001.efi"));
    assert_true(update_ready(&box, version, why, sizeof why));
    assert_string_equal(version, "1.1.0");
    int out = said_begin();
    assert_true(update_status(&box, out, why, sizeof why));
    said_end(out);
    assert_non_null(strstr(said, "slot 2      1.1.0          195 KiB  waits to be tried"));
    assert_non_null(strstr(said, "slot 1      1.0.0          195 KiB  running, good"));
    out = said_begin();
    assert_true(update_rollback(&box, out, why, sizeof why));
    said_end(out);
    assert_string_equal(said, "the next start takes version 1.0.0\n");
    assert_int_equal(slots(), 1);
}

static void refused(const char *what)
{
    if (why[0] == 0 || strstr(why, what) == NULL)
        fail_msg("%s, wanted %s", why, what);
    assert_int_equal(slots(), 1);
    assert_true(there("holdfast-000001.efi"));
}

static void bad_ones(void **state)
{
    (void)state;
    static const struct {
        struct fields fields;
        const char *why;
    } cases[] = {
        {{"1.1.0", "generic-x86_64", "x86_64", "other.key", 1}, "no release key"},
        {{"1.1.0", "generic-arm64", "x86_64", "release.key", 1}, "board generic-arm64"},
        {{"1.1.0", "generic-x86_64", "aarch64", "release.key", 1}, "for aarch64"},
        {{"1.1.0", "generic-x86_64", "sparc", "release.key", 1}, "(arch)"},
    };
    fresh();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        make_update(cases[i].fields);
        assert_false(apply(TOTAL));
        refused(cases[i].why);
    }
    make_update(good);
    box.self.epoch = 2;
    assert_false(apply(TOTAL));
    refused("security epoch 1, this box 2");
    box.self.epoch = 1;
    assert_null(strstr(said, "1.1.0 >"));
}

static void truncated_and_changed(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 511, 512, 1023, 1024, 1025, TOTAL - 1};
    fresh();
    make_update(good);
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        assert_false(apply(lengths[i]));
        refused(lengths[i] < UPDATE_HEAD ? "no update file" : "too early");
    }
    for (size_t i = 0; i < 20; i++) {
        size_t at = i == 0 ? UPDATE_HEAD : i == 1 ? TOTAL - 1 : UPDATE_HEAD + i * 9973 % IMAGE;
        update[at] ^= 1;
        assert_false(apply(TOTAL));
        refused("damaged");
        update[at] ^= 1;
    }
    for (size_t at = 0; at < UPDATE_HEAD; at += 37) {
        update[at] ^= 0x10;
        assert_false(apply(TOTAL));
        refused("");
        update[at] ^= 0x10;
    }
    static uint8_t longer[TOTAL + 1];
    memcpy(longer, update, TOTAL);
    write_whole("file.upd", longer, sizeof longer);
    char path[200];
    snprintf(path, sizeof path, "%s/file.upd", folder);
    int fd = open(path, O_RDONLY), out = said_begin();
    assert_false(update_from_file(&box, fd, "x", out, why, sizeof why));
    close(fd);
    said_end(out);
    refused("more than");
    assert_true(apply(TOTAL));
}

static void not_while_on_trial(void **state)
{
    (void)state;
    fresh();
    shell("mv mount/EFI/Linux/holdfast-000001.efi mount/EFI/Linux/holdfast-000001+0-1.efi");
    make_update(good);
    assert_false(apply(TOTAL));
    assert_non_null(strstr(why, "on trial"));
    assert_true(there("holdfast-000001+0-1.efi"));
    assert_int_equal(slots(), 1);
}

static bool from_stick(const char *file)
{
    int out = said_begin();
    bool result = update_from_usb(&box, file, out, why, sizeof why);
    said_end(out);
    return result;
}

static void from_a_stick(void **state)
{
    (void)state;
    fresh();
    assert_false(from_stick(""));
    refused("no file holdfast-VERSION-generic-x86_64.upd");
    make_update((struct fields){"0.9.0", "generic-x86_64", "x86_64", "release.key", 1});
    write_whole("stick/holdfast-0.9.0-generic-x86_64.upd", update, TOTAL);
    write_whole("stick/holdfast-9.9.0-generic-arm64.upd", update, 3);
    write_whole("stick/holdfast-x-generic-x86_64.upd", update, 3);
    assert_false(from_stick(""));
    refused("for a downgrade name it");
    assert_false(from_stick("../file.upd"));
    refused("not the name");
    assert_false(from_stick("nothing.upd"));
    refused("no file nothing.upd");
    assert_true(from_stick("holdfast-0.9.0-generic-x86_64.upd"));
    assert_non_null(strstr(said, "version 0.9.0 < 1.0.0"));
    assert_non_null(strstr(said, "this is a downgrade"));
    assert_true(there("holdfast-000002+1.efi"));
    make_update((struct fields){"1.10.0", "generic-x86_64", "x86_64", "release.key", 1});
    write_whole("stick/holdfast-1.10.0-generic-x86_64.upd", update, TOTAL);
    write_whole("stick/holdfast-1.9.0-generic-x86_64.upd", update, 3);
    assert_true(from_stick(""));
    assert_non_null(strstr(said, "version 1.10.0 > 1.0.0"));
    assert_true(there("holdfast-000003+1.efi"));
    assert_int_equal(slots(), 2);
}

/* ---- over HTTPS ---- */

/* "openssl s_server -WWW" serves the files of the folder. */
static void serve_files(void)
{
    char port[12];
    server.port = free_port();
    snprintf(port, sizeof port, "%d", server.port);
    server.in = open("/dev/null", O_RDWR);
    server.out = dup(server.in);
    server.pid = fork();
    if (server.pid == 0) {
        dup2(server.in, 0);
        dup2(server.in, 1);
        dup2(server.in, 2);
        if (chdir(folder) == 0)
            execlp("openssl", "openssl", "s_server", "-WWW", "-accept", port, "-cert", "good.pem", "-key",
                   "good.key", NULL);
        _exit(1);
    }
    for (int i = 0; i < 500 && !answers(server.port); i++)
        usleep(20000);
}

static bool from_url(const char *file, bool only_check)
{
    char address[200];
    snprintf(address, sizeof address, "https://localhost:%d/%s", server.port, file);
    int out = said_begin();
    bool result = only_check ? update_check(&box, address, out, why, sizeof why)
                             : update_from_url(&box, address, out, why, sizeof why);
    said_end(out);
    return result;
}

static void from_the_network(void **state)
{
    (void)state;
    fresh();
    make_update(good);
    write_whole("holdfast-1.1.0.upd", update, TOTAL);
    write_whole("short.upd", update, TOTAL - 5);
    serve_files();
    assert_true(from_url("holdfast-1.1.0.upd", true));
    assert_non_null(
        strstr(said, "found holdfast-1.1.0.upd\nsigned by release key 1, ok\nversion 1.1.0 > 1.0.0"));
    assert_int_equal(slots(), 1);
    assert_false(from_url("short.upd", false));
    refused("too early");
    box.roots = span_of_text(other_roots);
    assert_false(from_url("holdfast-1.1.0.upd", false));
    refused("not trusted");
    box.roots = span_of_text(roots);
    assert_true(from_url("holdfast-1.1.0.upd", false));
    assert_non_null(strstr(said, "90 %\nwritten to slot 2"));
    assert_true(there("holdfast-000002+1.efi"));
    end_server();
}

/* Answers once the request has come, in a process of its own. */
static pid_t answer_later(const char *text)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    for (int i = 0; i < 3000 && strstr(seen, "\r\n\r\n") == NULL; i++) {
        usleep(10000);
        look();
    }
    say(text);
    _exit(0);
}

static void what_servers_say(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *why;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", "no such file"},
        {"HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", "another address"},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP 503"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no update file"},
        {"nonsense\r\n\r\n", "broke"},
    };
    fresh();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        serve("good");
        pid_t child = answer_later(cases[i].answer);
        assert_false(from_url("x.upd", false));
        refused(cases[i].why);
        assert_int_equal(waitpid(child, NULL, 0), child);
        end_server();
    }
    serve("good");
    box.timeout_ms = 300; /* it never answers */
    assert_false(from_url("x.upd", false));
    refused("in time");
    box.timeout_ms = 60000;
    end_server();
}

static enum download_word count_bytes(void *self, struct span bytes, char *text, size_t cap)
{
    (void)text, (void)cap;
    *(size_t *)self += bytes.len;
    return DOWNLOAD_MORE;
}

static void downloads_are_bounded(void **state)
{
    (void)state;
    char address[100];
    size_t got = 0;
    serve_files();
    write_whole("big", update, TOTAL);
    snprintf(address, sizeof address, "https://localhost:%d/big", server.port);
    struct download d = {.url = address,
                         .roots = span_of_text(roots),
                         .proxy = "",
                         .timeout_ms = 60000,
                         .most = 100000,
                         .take = count_bytes,
                         .self = &got};
    assert_false(download_run(&d, why, sizeof why));
    assert_non_null(strstr(why, "more than 100000 bytes"));
    assert_true(got <= 100000);
    got = 0;
    d.most = TOTAL;
    assert_true(download_run(&d, why, sizeof why));
    assert_int_equal(got, TOTAL);
    end_server();
}

static void addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "http://h/x",    "ftp://h/x",    "",    "https://",    "https:///x", "https://u:p@h/x",
        "https://h/a b", "https://h/\"", "h/x", "https://h/\n"};
    char text[700] = "https://h/";
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (download_url_fits(bad[i], why, sizeof why))
            fail_msg("%s", bad[i]);
    assert_true(download_url_fits("https://updates.example:8443/a/b.upd?x=1", why, sizeof why));
    memset(text + 10, 'a', 600);
    assert_false(download_url_fits(text, why, sizeof why));
    assert_false(from_url("x.upd", false)); /* nobody is there */
    assert_true(why[0] != 0);
}

static int begin(void **state)
{
    (void)state;
    make_certificates();
    shell("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out release.key");
    shell("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out other.key");
    shell("openssl pkey -in release.key -pubout -out release-1.pem");
    snprintf(mount, sizeof mount, "%s/mount", folder);
    snprintf(stick, sizeof stick, "%s/stick", folder);
    box = (struct update_box){
        .esp = {.folder = mount, .version = "1.0.0"},
        .usb = {.classes = "/nowhere", .devices = "/nowhere", .own = "", .folder = stick, .already = stick},
        .self = {.version = "1.0.0", .board = "generic-x86_64", .arch = "x86_64", .epoch = 1},
        .keys = folder,
        .roots = span_of_text(roots),
        .proxy = "",
        .timeout_ms = 60000};
    return 0;
}

static int clean(void **state)
{
    end_server();
    return remove_certificates(state);
}

static int stop(void **state)
{
    (void)state;
    end_server();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(truncated_and_changed),
        cmocka_unit_test(not_while_on_trial),
        cmocka_unit_test(from_a_stick),
        cmocka_unit_test_teardown(from_the_network, stop),
        cmocka_unit_test_teardown(what_servers_say, stop),
        cmocka_unit_test_teardown(downloads_are_bounded, stop),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, begin, clean);
}
