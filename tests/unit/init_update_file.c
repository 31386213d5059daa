/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an update file: every byte of it is guarded, and what is refused says why. */
#include "support/check.h"

#include <unistd.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "init/update_file.h"

static char folder[] = "/tmp/holdfast-head-XXXXXX";
static char why[300];
static uint8_t head[UPDATE_HEAD];

static const char good_text[] = "holdfast-update 1\n"
                                "version 1.1.0\n"
                                "board generic-x86_64\n"
                                "arch x86_64\n"
                                "epoch 2\n"
                                "size 4300800\n"
                                "sha256 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
                                "notes Faster.\n"
                                "end\n";

static void run(const char *command)
{
    char line[500];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static void fill(const char *text)
{
    memset(head, 0, sizeof head);
    memset(head, '\n', UPDATE_SIGNED);
    memcpy(head, text, strlen(text));
}

static bool reads(const char *text)
{
    struct update_head out;
    fill(text);
    uint8_t *tight = tight_copy(head, sizeof head);
    bool good = update_head_read(tight, &out, why, sizeof why);
    free(tight);
    return good;
}

/* The good text with one place of it replaced. */
static bool reads_with(const char *from, const char *to)
{
    char text[900];
    const char *at = strstr(good_text, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good_text), good_text, to, at + strlen(from));
    assert_true(strlen(text) <= UPDATE_SIGNED);
    return reads(text);
}

static void a_good_head(void **state)
{
    (void)state;
    struct update_head out;
    fill(good_text);
    assert_true(update_head_read(head, &out, why, sizeof why));
    assert_string_equal(out.version, "1.1.0");
    assert_string_equal(out.board, "generic-x86_64");
    assert_string_equal(out.arch, "x86_64");
    assert_int_equal(out.epoch, 2);
    assert_int_equal(out.size, 4300800);
    for (int i = 0; i < SHA256_BYTES; i++)
        assert_int_equal(out.sha256[i], i);
    assert_string_equal(out.notes, "Faster.");
    assert_true(reads_with("notes Faster.\n", ""));
    assert_true(reads_with("1.1.0", "1.1.0-rc.1"));
}

static void other_heads(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"update 1", "update 2"},
        {"update 1\n", "update 1\r\n"},
        {"version 1.1.0", "version 1.1"},
        {"version 1.1.0", "version 1.01.0"},
        {"version 1.1.0", "version 1.1.0-"},
        {"version 1.1.0", "version 1.1.0-RC1"},
        {"version 1.1.0", "version 1.1.0-1234567890123456"},
        {"version 1.1.0", "version 1.1.1234567890"},
        {"version 1.1.0", "version  1.1.0"},
        {"version 1.1.0", "version 1.1.0 "},
        {"version 1.1.0\n", ""},
        {"version 1.1.0\n", "version 1.1.0\nversion 1.1.0\n"},
        {"board generic-x86_64", "board Generic"},
        {"board generic-x86_64", "board "},
        {"board generic-x86_64", "board abcdefghijklmnopqrstuvwxyz012345"},
        {"board generic-x86_64", "board ../x"},
        {"arch x86_64", "arch i386"},
        {"epoch 2", "epoch 0"},
        {"epoch 2", "epoch 65536"},
        {"epoch 2", "epoch 02"},
        {"epoch 2", "epoch -2"},
        {"epoch 2", "epoch 2x"},
        {"size 4300800", "size 0"},
        {"size 4300800", "size 33554433"},
        {"size 4300800", "size 99999999999999999999"},
        {"sha256 0001", "sha256 001"},
        {"sha256 0001", "sha256 00010"},
        {"0a0b", "0A0b"},
        {"0a0b", "0g0b"},
        {"Faster.", ""},
        {"Faster.", "Fas\tter"},
        {"Faster.", "Fas\x7fter"},
        {"Faster.", "Fas\xc3\xa4ter"},
        {"notes", "note"},
        {"end\n", "end \n"},
        {"end\n", "more x\nend\n"},
        {"end\n", "end\nend\n"},
        {"end\n", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        why[0] = 0;
        if (reads_with(cases[i][0], cases[i][1]))
            fail_msg("taken: %s instead of %s", cases[i][1], cases[i][0]);
        assert_true(why[0] != 0);
    }
    char notes[200] = "notes ";
    memset(notes + 6, 'n', 129);
    assert_false(reads_with("notes Faster.", notes));
    notes[6 + 128] = 0;
    assert_true(reads_with("notes Faster.", notes));
    memset(head, '\n', sizeof head);
    struct update_head out;
    assert_false(update_head_read(head, &out, why, sizeof why));
}

static void read_whole(const char *name, uint8_t *out, size_t cap, size_t *len)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *len = fread(out, 1, cap, file);
    fclose(file);
}

/* The 512 bytes are signed with this private key. */
static void sign(const char *key)
{
    char path[200], command[200];
    size_t len;
    snprintf(path, sizeof path, "%s/text", folder);
    FILE *file = fopen(path, "wb");
    fwrite(head, 1, UPDATE_SIGNED, file);
    fclose(file);
    snprintf(command, sizeof command, "openssl dgst -sha256 -sign %s -out signature text", key);
    run(command);
    read_whole("signature", head + UPDATE_SIGNED, UPDATE_KEY_LEN, &len);
    assert_int_equal(len, UPDATE_KEY_LEN);
}

static void every_byte_is_guarded(void **state)
{
    (void)state;
    struct update_keys keys;
    struct update_head out;
    assert_true(update_keys_read(&keys, folder, why, sizeof why));
    assert_true(keys.known[0] && keys.known[1]);
    fill(good_text);
    sign("one.key");
    assert_int_equal(update_signed_by(&keys, head), 1);
    for (size_t i = 0; i < UPDATE_HEAD; i++) {
        head[i] ^= (uint8_t)(1 << (i % 8));
        unsigned by = update_signed_by(&keys, head);
        if (i < UPDATE_SIGNED + UPDATE_KEY_LEN ? by != 0 : update_head_read(head, &out, why, sizeof why))
            fail_msg("a changed byte %zu was not seen", i);
        head[i] ^= (uint8_t)(1 << (i % 8));
    }
    sign("two.key");
    assert_int_equal(update_signed_by(&keys, head), 2);
    sign("other.key");
    assert_int_equal(update_signed_by(&keys, head), 0);
    /* A key that is not there signs nothing, not even an empty signature. */
    memset(&keys, 0, sizeof keys);
    memset(head + UPDATE_SIGNED, 0, UPDATE_KEY_LEN);
    assert_int_equal(update_signed_by(&keys, head), 0);
}

static void keys_are_what_they_must_be(void **state)
{
    (void)state;
    uint8_t text[4096];
    size_t len;
    struct rsa_public key;
    static const struct {
        const char *command;
        enum status status;
    } cases[] = {
        {"openssl pkey -in one.key -pubout -out k.pem", STATUS_OK},
        {"openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | openssl pkey -pubout -out "
         "k.pem",
         STATUS_REFUSED},
        {"openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3 | "
         "openssl pkey -pubout -out k.pem",
         STATUS_REFUSED},
        {"openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkey -pubout -out "
         "k.pem",
         STATUS_MALFORMED},
        {"openssl rsa -in one.key -RSAPublicKey_out -out k.pem 2>/dev/null", STATUS_MALFORMED},
        {"cp one.key k.pem", STATUS_MALFORMED},
        {"echo nothing > k.pem", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run(cases[i].command);
        read_whole("k.pem", text, sizeof text, &len);
        uint8_t *tight = tight_copy(text, len);
        if (update_key_read(span_of(tight, len), &key) != cases[i].status)
            fail_msg("%s", cases[i].command);
        free(tight);
    }
    struct update_keys keys;
    assert_false(update_keys_read(&keys, "/nowhere", why, sizeof why));
}

/* Each byte of a key cut off or changed: never a read beyond it. */
static void damaged_keys(void **state)
{
    (void)state;
    uint8_t der[1024];
    size_t len;
    struct rsa_public key;
    run("openssl pkey -in one.key -pubout -outform DER -out k.der");
    read_whole("k.der", der, sizeof der, &len);
    assert_int_equal(spki_read_rsa(span_of(der, len), &key), STATUS_OK);
    for (size_t n = 0; n < len; n++) {
        uint8_t *tight = tight_copy(der, n);
        assert_int_not_equal(spki_read_rsa(span_of(tight, n), &key), STATUS_OK);
        free(tight);
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t *tight = tight_copy(der, len);
        tight[i] ^= 0x81;
        (void)!spki_read_rsa(span_of(tight, len), &key);
        free(tight);
    }
}

static void versions(void **state)
{
    (void)state;
    static const char *const rising[] = {"0.9.9",     "1.0.0-alpha", "1.0.0-rc",  "1.0.0-rc.1", "1.0.0-rc1",
                                         "1.0.0-rc9", "1.0.0-rc10",  "1.0.0",     "1.0.1",      "1.0.10",
                                         "1.2.0",     "1.10.0",      "2.0.0-rc1", "2.0.0",      "10.0.0"};
    for (size_t i = 0; i < COUNT_OF(rising); i++)
        for (size_t j = 0; j < COUNT_OF(rising); j++) {
            int got = version_compare(rising[i], rising[j]);
            if ((got > 0) - (got < 0) != (i > j) - (i < j))
                fail_msg("%s and %s", rising[i], rising[j]);
        }
    assert_true(version_compare("nonsense", "0.0.1") < 0);
}

static void who_takes_it(void **state)
{
    (void)state;
    struct update_head h;
    struct update_self self = {.version = "1.2.0", .board = "generic-x86_64", .arch = "x86_64", .epoch = 2};
    fill(good_text);
    assert_true(update_head_read(head, &h, why, sizeof why));
    assert_true(update_allowed(&h, &self, why, sizeof why)); /* older, but of the same epoch */
    self.epoch = 3;
    assert_false(update_allowed(&h, &self, why, sizeof why));
    assert_non_null(strstr(why, "epoch 2"));
    self.epoch = 1;
    assert_true(update_allowed(&h, &self, why, sizeof why));
    self.board = "qemu-x86_64";
    assert_false(update_allowed(&h, &self, why, sizeof why));
    self.board = "generic-x86_64";
    self.arch = "aarch64";
    assert_false(update_allowed(&h, &self, why, sizeof why));
}

static int begin(void **state)
{
    (void)state;
    for (const char *const *name = (const char *const[]){"one", "two", "other", NULL}; *name != NULL;
         name++) {
        char command[200];
        snprintf(command, sizeof command,
                 "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out %s.key", *name);
        run(command);
    }
    run("openssl pkey -in one.key -pubout -out release-1.pem");
    run("openssl pkey -in two.key -pubout -out release-2.pem");
    return 0;
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
        cmocka_unit_test(a_good_head),           cmocka_unit_test(other_heads),
        cmocka_unit_test(every_byte_is_guarded), cmocka_unit_test(keys_are_what_they_must_be),
        cmocka_unit_test(damaged_keys),          cmocka_unit_test(versions),
        cmocka_unit_test(who_takes_it),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, begin, end);
}
