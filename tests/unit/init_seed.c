/* SPDX-License-Identifier: Apache-2.0 */
/* A seed is taken whole or not at all, says why by line, and its secrets do not stay. */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "init/files.h"
#include "init/seed.h"

#define SECRET "passphrase correct horse battery\napi-key 0123456789abcdef\n"

static char folder[] = "/tmp/holdfast-seed-XXXXXX";
static struct seed seed, room;
static char errors_text[SEED_REPORT_MAX], why[400];
static char pem_one[4000], pem_two[4000];

static void shell(const char *command)
{
    char line[600];
    snprintf(line, sizeof line, "cd %s && %s", folder, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static bool reads_with(const char *conf, const char *secret, const struct seed_pem *pems, size_t count)
{
    struct buf errors = buf_over(errors_text, sizeof errors_text - 1);
    uint8_t *c = tight_copy(conf, strlen(conf)),
            *s = secret == NULL ? NULL : tight_copy(secret, strlen(secret));
    bool good = seed_read(span_of(c, strlen(conf)), span_of(s, secret == NULL ? 0 : strlen(secret)), pems,
                          count, &seed, &errors);
    errors_text[errors.len] = 0;
    free(c);
    free(s);
    assert_int_equal(good, errors.len == 0);
    return good;
}

static bool reads(const char *conf)
{
    return reads_with(conf, SECRET, NULL, 0);
}

static void line_ends_and_marks(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "set server name kms1\nset dns \"192.0.2.53 192.0.2.54\"\n",
        "set server name kms1\r\nset dns \"192.0.2.53 192.0.2.54\"",
        "set server name kms1\rset dns \"192.0.2.53 192.0.2.54\"\r",
        "\xef\xbb\xbfset server name kms1\n\n# comment\n\r\n"
        "@set server name other\n@set interface uplink address 192.0.2.11/24\nset dns \"192.0.2.53 "
        "192.0.2.54\"\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (!reads(texts[i]))
            fail_msg("%zu: %s", i, errors_text);
        check_text(seed.wish.config, "set server name kms1\nset dns \"192.0.2.53 192.0.2.54\"\n");
        assert_string_equal(seed.config.server_name, "kms1");
        check_text(seed.wish.passphrase, "correct horse battery");
        check_text(seed.wish.api_key, "0123456789abcdef");
        assert_int_equal(seed.wish.client_count, 0);
    }
}

static void errors_by_line(void **state)
{
    (void)state;
    assert_false(reads("set server name kms1\n"
                       "set server port 1\r\n"
                       "server name x\r# a comment"
                       "\n"
                       "set\n"
                       "!set server name x\n"
                       "set dns \"1.2.3.4\n"
                       "set user joe password-hash x\n"
                       "set client joe certificate AAAA\n"
                       "set client joe certificate !\n"
                       "set interface uplink mtu 12"));
    static const char *const lines[] = {"line 2: ",
                                        "line 3: a line is: set PATH VALUE\n",
                                        "line 5: a line is",
                                        "line 6: a line is",
                                        "line 7: too many words",
                                        "line 8: scopes, authorities and users",
                                        "line 9: not an X.509",
                                        "line 10: the certificate is not base64",
                                        "line 11: interface uplink mtu is a number"};
    const char *at = errors_text;
    for (size_t i = 0; i < COUNT_OF(lines); i++, at = strchr(at, '\n') + 1)
        if (strncmp(at, lines[i], strlen(lines[i])) != 0)
            fail_msg("%s is not %s", at, lines[i]);
    assert_string_equal(at, "");
    assert_int_equal(seed.wish.config.len, 0); /* nothing of it is left */
    assert_int_equal(seed.wish.passphrase.len, 0);
    assert_int_equal(seed.passphrase[0], 0);
    assert_false(reads_with("s\0e\0t\0", SECRET, NULL, 0));
    struct buf errors = buf_over(errors_text, sizeof errors_text);
    assert_false(seed_read(span_of("\xff\xfes\0e\0", 6), span_of_text(SECRET), NULL, 0, &seed, &errors));
    assert_non_null(memmem(errors_text, errors.len, "not plain text", 14));
}

static void secrets(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {NULL, "missing; it has the line"},
        {"", "passphrase TEXT is missing"},
        {"passphrase short\n", "fewer than 12"},
        {"passphrase \n", "is empty"},
        {"passphrase correct horse battery \n", "ends with a blank"},
        {"passphrase correct horse battery\npassphrase correct horse battery\n", "twice"},
        {"correct horse battery\n", "line 1: neither"},
        {"Passphrase correct horse battery\n", "line 1: neither"},
        {"passphrase correct \xff horse\n", "not UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(reads_with("set server name a\n", bad[i][0], NULL, 0));
        if (strstr(errors_text, bad[i][1]) == NULL)
            fail_msg("%zu: %s", i, errors_text);
        assert_null(strstr(errors_text, "horse")); /* never the secret itself */
    }
    static const char windows[] = "\xef\xbb\xbf# mine\r\npassphrase  two  blanks kept\r\n";
    assert_true(reads_with("set server name a\n", windows, NULL, 0));
    check_text(seed.wish.passphrase, " two  blanks kept");
    static const char cloud[] = "set keymanager type keyprotect\n";
    assert_false(reads_with(cloud, "passphrase correct horse battery\n", NULL, 0));
    assert_non_null(strstr(errors_text, "api-key TEXT is missing"));
    char long_one[400] = "passphrase ";
    memset(long_one + 11, 'p', PASSPHRASE_MAX);
    assert_true(reads_with("set server name a\n", long_one, NULL, 0));
    long_one[11 + PASSPHRASE_MAX] = 'p';
    assert_false(reads_with("set server name a\n", long_one, NULL, 0));
    assert_non_null(strstr(errors_text, "too long"));
}

static void clients(void **state)
{
    (void)state;
    struct seed_pem pems[SETUP_CLIENTS + 1] = {{"vc1.pem", span_of_text(pem_one)},
                                               {"vc2.PEM", span_of_text(pem_two)}};
    assert_true(reads_with("set server name a\n", SECRET, pems, 2));
    assert_int_equal(seed.wish.client_count, 2);
    assert_string_equal(seed.wish.clients[0].name, "vc1");
    assert_string_equal(seed.wish.clients[1].name, "vc2");
    pems[1].text = pems[0].text;
    assert_false(reads_with("set server name a\n", SECRET, pems, 2));
    assert_string_equal(errors_text, "clients/vc2.PEM: this certificate is there twice\n");
    pems[0] = (struct seed_pem){"a b.pem", span_of_text(pem_one)};
    pems[1] = (struct seed_pem){"c.pem", span_of_text("-----BEGIN CERTIFICATE-----\nAAAA\n")};
    assert_false(reads_with("set server name a\n", SECRET, pems, 2));
    assert_non_null(strstr(errors_text, "clients/a b.pem: the name"));
    assert_non_null(strstr(errors_text, "clients/c.pem: not one certificate"));
    /* The line of an export. */
    char line[4000], base64[3000];
    uint8_t der[3000];
    size_t len;
    struct span text = span_of_text(pem_one), label;
    struct buf out = buf_over(base64, sizeof base64 - 1);
    assert_int_equal(pem_next(&text, &label, der, sizeof der, &len), STATUS_OK);
    base64_write(span_of(der, len), &out);
    base64[out.len] = 0;
    snprintf(line, sizeof line, "set server name a\nset client vc1 certificate %s\n", base64);
    assert_true(reads(line));
    assert_int_equal(seed.wish.client_count, 1);
    assert_memory_equal(seed.wish.clients[0].der, der, len);
    check_text(seed.wish.config, "set server name a\n");
}

/* ---- a folder ---- */

struct fake {
    unsigned calls;
    bool good;
};

static bool fake_setup(void *self, const struct setup_wish *wish, int out, char *text, size_t cap)
{
    struct fake *f = self;
    f->calls++;
    check_text(wish->passphrase, "correct horse battery");
    check_text(wish->config, "set server name kms1\n");
    assert_int_equal(wish->client_count, 1);
    dprintf(out, "state key made, ok\nRECOVERY cbdf-ghnr\nSHA-1 7B:D9\n");
    snprintf(text, cap, "%s", f->good ? "" : "the TPM refuses: clear it in the firmware's menu");
    return f->good;
}

static char said[4000], result[SEED_RESULT_MAX];

static void get(const char *name, char *out, size_t cap)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    out[0] = 0;
    if (file == NULL)
        return;
    out[fread(out, 1, cap - 1, file)] = 0;
    fclose(file);
}

static enum seed_answer run(struct fake *fake, bool writable)
{
    char stick[100], path[100];
    struct seed_wish wish = {.serial = "4F2A-91C0", .now_s = 1798797600, .setup = fake_setup, .self = fake};
    snprintf(stick, sizeof stick, "%s/stick", folder);
    snprintf(path, sizeof path, "%s/said", folder);
    int out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    enum seed_answer answer = seed_run(stick, writable, &wish, &room, out, why, sizeof why);
    close(out);
    get("said", said, sizeof said);
    get("stick/holdfast.result.txt", result, sizeof result);
    assert_null(strstr(said, "cbdf"));
    assert_null(strstr(result, "cbdf"));
    assert_null(strstr(said, "horse"));
    assert_null(strstr(result, "horse"));
    for (size_t i = 0; i < sizeof room; i++)
        assert_int_equal(((uint8_t *)&room)[i], 0); /* nothing stays in memory */
    return answer;
}

static void fill_stick(void)
{
    shell("rm -rf stick && mkdir -p stick/clients && cp one.pem stick/clients/vc1.pem && "
          "printf 'set server name kms1\\r\\n' > stick/holdfast.conf && "
          "printf 'passphrase correct horse battery\\n' > stick/holdfast.secret && ln stick/holdfast.secret "
          "kept -f");
}

static void nothing_there(void **state)
{
    (void)state;
    struct fake fake = {.good = true};
    shell("rm -rf stick && mkdir stick && echo x > stick/other");
    assert_int_equal(run(&fake, true), SEED_NONE);
    assert_int_equal(fake.calls, 0);
    assert_string_equal(result, "");
}

static void set_up(void **state)
{
    (void)state;
    struct fake fake = {.good = true};
    fill_stick();
    assert_int_equal(run(&fake, true), SEED_DONE);
    assert_int_equal(fake.calls, 1);
    assert_string_equal(said, "state key made, ok\nSHA-1 7B:D9\n"
                              "holdfast.secret was overwritten and removed. Flash may keep old blocks:\n"
                              "replace the API key when the stick is lost.\n");
    assert_string_equal(result,
                        "Box 4F2A-91C0, 2027-01-01T10:00:00Z: set up\r\n"
                        "state key made, ok\r\n"
                        "recovery key: not written here; make one at the console: recovery-key new\r\n"
                        "SHA-1 7B:D9\r\n"
                        "holdfast.secret was overwritten and removed. Flash may keep old blocks:\r\n"
                        "replace the API key when the stick is lost.\r\n\r\n");
    shell("test ! -e stick/holdfast.secret && test \"$(tr -d '\\000' < kept | wc -c)\" = 0");
    /* The next box with the same stick: its result comes behind. */
    shell("printf 'passphrase correct horse battery\\n' > stick/holdfast.secret");
    assert_int_equal(run(&fake, true), SEED_DONE);
    const char *second = strstr(result + 1, "Box 4F2A-91C0");
    assert_non_null(second);
}

static void refused(void **state)
{
    (void)state;
    struct fake fake = {.good = true};
    fill_stick();
    shell("printf 'set server name kms1\\nset nonsense 1\\nset server port 1\\n' > stick/holdfast.conf");
    assert_int_equal(run(&fake, true), SEED_REFUSED);
    assert_int_equal(fake.calls, 0);
    assert_non_null(strstr(why, "line 2: "));
    assert_non_null(strstr(why, "and 1 more faults"));
    assert_non_null(strstr(result, "not set up, nothing was changed\r\nline 2: "));
    assert_non_null(strstr(result, "\r\nline 3: "));
    shell("test -e stick/holdfast.secret"); /* for the next try */
    fill_stick();
    fake.good = false;
    assert_int_equal(run(&fake, true), SEED_REFUSED);
    assert_non_null(strstr(result, "the TPM refuses: clear it in the firmware's menu\r\n"));
    shell("test -e stick/holdfast.secret");
}

static void write_protected(void **state)
{
    (void)state;
    struct fake fake = {.good = true};
    fill_stick();
    assert_int_equal(run(&fake, false), SEED_DONE);
    assert_non_null(strstr(said, "could NOT be removed"));
    assert_non_null(strstr(said, "could not be written"));
    assert_string_equal(result, "");
}

static void too_much(void **state)
{
    (void)state;
    struct fake fake = {.good = true};
    fill_stick();
    shell("head -c 70000 /dev/zero | tr '\\0' '#' > stick/holdfast.conf");
    assert_int_equal(run(&fake, true), SEED_REFUSED);
    assert_non_null(strstr(why, "holdfast.conf: more than 65536 bytes"));
    fill_stick();
    shell("head -c 3000 /dev/zero | tr '\\0' '#' > stick/holdfast.secret");
    assert_int_equal(run(&fake, true), SEED_REFUSED);
    fill_stick();
    shell("for i in 1 2 3 4 5 6 7 8; do cp one.pem stick/clients/x$i.pem; done");
    assert_int_equal(run(&fake, true), SEED_REFUSED);
    assert_non_null(strstr(result, "clients: more than 8"));
    fill_stick();
    shell("head -c 65530 /dev/zero | tr '\\0' x > stick/holdfast.result.txt"); /* full of others' results */
    assert_int_equal(run(&fake, true), SEED_DONE);
    assert_int_equal(strncmp(result, "Box 4F2A", 8), 0);
    assert_int_equal(fake.calls, 1);
}

static int begin(void **state)
{
    (void)state;
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out one.pem -subj "
          "/CN=one "
          "-days 30 2>/dev/null");
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out two.pem -subj "
          "/CN=two "
          "-days 30 2>/dev/null");
    get("one.pem", pem_one, sizeof pem_one);
    get("two.pem", pem_two, sizeof pem_two);
    return 0;
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
        cmocka_unit_test(line_ends_and_marks),
        cmocka_unit_test(errors_by_line),
        cmocka_unit_test(secrets),
        cmocka_unit_test(clients),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(set_up),
        cmocka_unit_test(refused),
        cmocka_unit_test(write_protected),
        cmocka_unit_test(too_much),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, begin, end);
}
