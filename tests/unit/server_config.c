/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: every row's bounds, words and quotes, durations, choices, and back to text. */
#include "support/check.h"

#include "base/text.h"
#include "server/config.h"
#include "support/openssl.h"

static struct config config;
static char why[300];

static int begin(void **state)
{
    (void)state;
    config_defaults(&config);
    return 0;
}

/* A line without its "set". */
static bool set(const char *line)
{
    struct span words[SETTING_WORDS];
    bool is_client;
    size_t count = config_words(span_of_text(line), words);
    assert_true(count <= SETTING_WORDS);
    return config_set(&config, words, count, &is_client, why, sizeof why) && !is_client;
}

static bool set_value(const struct setting *s, const char *value)
{
    char line[500];
    snprintf(line, sizeof line, value[0] == 0 ? "%s \"%s\"" : "%s %s", s->path, value);
    return set(line);
}

static bool set_number(const struct setting *s, uint64_t number)
{
    char value[40];
    snprintf(value, sizeof value, "%llu%s", (unsigned long long)number,
             s->type == SETTING_DURATION ? "ms" : "");
    return set_value(s, value);
}

static uint64_t number_of(const struct setting *s)
{
    uint64_t number;
    memcpy(&number, (const uint8_t *)&config + s->offset, sizeof number);
    return number;
}

static const char *shown(const struct setting *s)
{
    static char text[400];
    struct buf out = buf_over(text, sizeof text);
    memset(text, 0, sizeof text);
    config_show(&config, s, &out);
    assert_false(out.full);
    return text;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    const struct setting *s;
    size_t count = 0;
    for (; (s = setting_at(count)) != NULL; count++) {
        assert_non_null(strchr(s->help, '.'));
        assert_int_equal(s->choices != NULL, s->type == SETTING_CHOICE);
        assert_true(s->offset < sizeof config);
        for (size_t i = 0; i < count; i++) {
            assert_true(setting_at(i)->offset != s->offset);
            assert_string_not_equal(setting_at(i)->path, s->path);
        }
    }
    assert_true(count > 20);
    assert_null(setting_at(1000));
}

static void defaults_are_as_typed_and_shown(void **state)
{
    (void)state;
    const struct setting *s;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        assert_string_equal(shown(s), s->normal[0] == 0 ? "\"\"" : s->normal);
        struct config before = config;
        assert_true(set_value(s, s->normal));
        assert_memory_equal(&config, &before, sizeof before);
    }
    assert_string_equal(config.listen, "[::]:5696");
    assert_int_equal(config.idle_timeout_ms, 600000);
    assert_int_equal(config.offline_lease_ms, 4 * 3600 * 1000);
    assert_int_equal(config.journal, 1);
    assert_int_equal(config.tls_compat, 0);
    assert_int_equal(config.client_expiry, 0);
    assert_int_equal(config.memory_lock, 0);
    assert_int_equal(config.log_level, 2);
}

static void numbers_and_times_have_bounds(void **state)
{
    (void)state;
    const struct setting *s;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        if (s->type != SETTING_NUMBER && s->type != SETTING_DURATION)
            continue;
        uint64_t good = number_of(s);
        assert_false(set_number(s, s->most + 1));
        assert_non_null(strstr(why, s->path));
        assert_int_equal(number_of(s), good);
        if (s->least > 0)
            assert_false(set_number(s, s->least - 1));
        assert_int_equal(number_of(s), good);
        if (s->type == SETTING_NUMBER || s->most <= 1000000000) {
            assert_true(set_number(s, s->most));
            assert_int_equal(number_of(s), s->most);
        }
        assert_true(set_number(s, s->least));
        assert_int_equal(number_of(s), s->least);
        static const char *bad[] = {
            "-1", "1.5", "many", "0x10", "99999999999999999999", "\"\"", "\"5 \"", "18446744073709551617"};
        for (size_t k = 0; k < COUNT_OF(bad); k++)
            assert_false(set_value(s, bad[k]));
        assert_int_equal(number_of(s), s->least);
    }
}

static void reasons_name_the_bounds(void **state)
{
    (void)state;
    assert_false(set("server connections 3"));
    assert_string_equal(why, "server connections is a number from 4 to 4096");
    assert_false(set("server idle-timeout 2d"));
    assert_string_equal(why, "server idle-timeout is a time from 100ms to 1d, as 250ms, 30s, 5m, 4h or 3d");
    assert_false(set("store commit both"));
    assert_string_equal(why, "store commit is one of: journal keymgr");
    assert_false(set("server name \"\""));
    assert_string_equal(why, "server name is a text of 1 to 199 printable ASCII characters without quotes");
}

static void durations_in_every_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
        const char *shown;
    } good[] = {{"1500ms", 1500, "1500ms"}, {"2000ms", 2000, "2s"},      {"90s", 90000, "90s"},
                {"120s", 120000, "2m"},     {"60m", 3600000, "1h"},      {"36h", 129600000, "36h"},
                {"48h", 172800000, "2d"},   {"30d", 2592000000u, "30d"}, {"0001m", 60000, "1m"},
                {"1000s", 1000000, "1000s"}};
    static const char *bad[] = {"30",   "s",     "30 s", "30S",          "30sec", "3w",
                                "30s5", "1h30m", "m5",   "1000000001ms", "31d"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        char line[60];
        snprintf(line, sizeof line, "cache offline-lease %s", good[i].text);
        assert_true(set(line));
        assert_int_equal(config.offline_lease_ms, good[i].ms);
        for (size_t k = 0; setting_at(k) != NULL; k++)
            if (strcmp(setting_at(k)->path, "cache offline-lease") == 0)
                assert_string_equal(shown(setting_at(k)), good[i].shown);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char line[60];
        snprintf(line, sizeof line, "cache offline-lease \"%s\"", bad[i]);
        assert_false(set(line));
    }
    assert_true(set("store flush-window 0s"));
    assert_int_equal(config.flush_window_ms, 0);
}

static void choices_are_whole_words(void **state)
{
    (void)state;
    const struct setting *s;
    size_t seen = 0;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        if (s->type != SETTING_CHOICE)
            continue;
        char words[100];
        snprintf(words, sizeof words, "%s", s->choices);
        uint64_t place = 0;
        for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "), place++, seen++) {
            char cut[40];
            assert_true(set_value(s, word));
            assert_int_equal(number_of(s), place);
            assert_string_equal(shown(s), word);
            snprintf(cut, sizeof cut, "%.*s", (int)strlen(word) - 1, word);
            assert_false(set_value(s, cut));
            snprintf(cut, sizeof cut, "%sx", word);
            assert_false(set_value(s, cut));
            assert_int_equal(number_of(s), place);
        }
        assert_false(set_value(s, "\"\""));
        snprintf(words, sizeof words, "\"%s\"", s->choices);
        assert_int_equal(set_value(s, words), strchr(s->choices, ' ') == NULL);
    }
    assert_true(seen > 12);
}

static void texts_have_a_length_and_an_alphabet(void **state)
{
    (void)state;
    char line[300] = "server name ";
    size_t at = strlen(line);
    memset(line + at, 'n', PATH_MAX_BYTES);
    assert_false(set(line));
    line[at + PATH_MAX_BYTES - 1] = 0;
    assert_true(set(line));
    assert_int_equal(strlen(config.server_name), PATH_MAX_BYTES - 1);
    assert_string_equal(config.listen, "[::]:5696"); /* the neighbour */
    static const char *bad[] = {"a\x7f", "\xc3\xa4", "a\"b", "\"a\tb\"", "\x01"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(line, sizeof line, "server name %s", bad[i]);
        assert_false(set(line));
    }
    assert_true(set("server name \"My key server # 1\""));
    assert_string_equal(config.server_name, "My key server # 1");
    assert_string_equal(shown(setting_at(2)), "\"My key server # 1\"");
    assert_true(set("server name a#b"));
    assert_string_equal(shown(setting_at(2)), "\"a#b\"");
}

static void words_and_quotes(void **state)
{
    (void)state;
    struct span w[SETTING_WORDS];
    static const struct {
        const char *line;
        size_t count;
        const char *last;
    } lines[] = {{"", 0, NULL},
                 {" \t \r", 0, NULL},
                 {"# a comment", 0, NULL},
                 {"   # a comment", 0, NULL},
                 {"set", 1, "set"},
                 {"\tset  a\tb \r", 3, "b"},
                 {"set a # b", 4, "b"},
                 {"set \"a b\"", 2, "a b"},
                 {"set \"\"", 2, ""},
                 {"set \"a\"b", 3, "b"},
                 {"set a\"b", 2, "a\"b"},
                 {"\"# a\"", 1, "# a"},
                 {"1 2 3 4 5 6 7 8", 8, "8"},
                 {"1 2 3 4 5 6 7 \"8 8\" ", 8, "8 8"},
                 {"1 2 3 4 5 6 7 8 9", SETTING_WORDS + 1, NULL},
                 {"1 2 3 4 5 6 7 8 \"9\"", SETTING_WORDS + 1, NULL},
                 {"set \"a b", SETTING_WORDS + 1, NULL},
                 {"\"", SETTING_WORDS + 1, NULL}};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        size_t len = strlen(lines[i].line);
        uint8_t *tight = tight_copy(lines[i].line, len);
        size_t count = config_words(span_of(tight, len), w);
        if (count != lines[i].count)
            fail_msg("\"%s\" has %zu words", lines[i].line, count);
        if (lines[i].last != NULL)
            check_text(w[count - 1], lines[i].last);
        free(tight);
    }
}

static void strange_paths_are_named(void **state)
{
    (void)state;
    struct config before = config;
    assert_false(set("server colour red"));
    assert_string_equal(why, "no such setting: server colour");
    static const char *bad[] = {"server",        "",
                                "server name",   "server name a b",
                                "server-name a", "Server name a",
                                "name a",        "server listen extra [::]:1",
                                "serve name a",  "server nam a"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (set(bad[i]))
            fail_msg("%s", bad[i]);
    assert_false(set("server"));
    assert_string_equal(why, "a line is: set <path> <value>");
    assert_false(set("\x1b[2J x"));
    assert_string_equal(why, "no such setting: \\x1b[2J");
    assert_memory_equal(&config, &before, sizeof before);
}

static void lines_of_clients_are_told_apart(void **state)
{
    (void)state;
    static const char *kinds[] = {"client", "authority", "user"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span words[2] = {span_of_text(kinds[i]), span_of_text("x")};
        bool is_client = false;
        assert_true(config_set(&config, words, 2, &is_client, why, sizeof why));
        assert_true(is_client);
    }
    assert_true(set("clients expiry enforce")); /* a setting */
    assert_int_equal(config.client_expiry, 1);
}

/* What `show config` prints, typed again, is the same configuration. */
static void shown_settings_read_as_themselves(void **state)
{
    (void)state;
    const struct setting *s;
    struct config other;
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        if (s->type == SETTING_TEXT)
            assert_true(set_value(s, "\"a b #\""));
        else if (s->type == SETTING_LIST)
            assert_true(set_value(s, "192.0.2.1 time.example 2001:db8::1"));
        else if (s->type == SETTING_ROOT)
            assert_true(set_value(s, "")); /* see a_root_is_an_authority_in_base64 */
        else if (s->type == SETTING_CHOICE)
            assert_true(
                set_value(s, strrchr(s->choices, ' ') == NULL ? s->choices : strrchr(s->choices, ' ') + 1));
        else
            assert_true(set_number(s, s->least + 77));
    }
    other = config;
    static char lines[100][300];
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++)
        snprintf(lines[i], sizeof lines[i], "%s %s", s->path, shown(s));
    config_defaults(&config);
    for (size_t i = 0; setting_at(i) != NULL; i++)
        assert_true(set(lines[i]));
    assert_memory_equal(&config, &other, sizeof other);
}

static void the_table_has_every_setting(void **state)
{
    (void)state;
    static char text[20000];
    struct buf out = buf_over(text, sizeof text);
    config_write_table(&out);
    assert_false(out.full);
    size_t lines = 0, rows = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += text[i] == '\n';
    for (; setting_at(rows) != NULL; rows++) {
        char row[100];
        snprintf(row, sizeof row, "| `%s` | `%s` | ", setting_at(rows)->path,
                 setting_at(rows)->normal[0] == 0 ? "\"\"" : setting_at(rows)->normal);
        assert_non_null(strstr(text, row));
        assert_non_null(strstr(text, setting_at(rows)->help));
    }
    assert_int_equal(lines, rows + 2);
    assert_non_null(strstr(text, "| `server idle-timeout` | `10m` | 100ms to 1d | "));
    assert_non_null(strstr(text, "| `server connections` | `256` | 4 to 4096 | "));
    assert_non_null(strstr(text, "| `store commit` | `journal` | journal keymgr | "));
}

/* The file's bytes as the value of the setting, cut by `less` bytes. */
static bool set_root(const char *file, size_t less)
{
    uint8_t der[3000];
    char line[4200] = "keymanager root ";
    size_t len = openssl_get(file, der, sizeof der);
    struct buf out = buf_over(line, sizeof line);
    out.len = strlen(line);
    base64_write(span_of(der, len - less), &out);
    assert_false(out.full);
    return set(line);
}

static void a_root_is_an_authority_in_base64(void **state)
{
    (void)state;
    char text[SETTING_VALUE];
    struct buf out = buf_over(text, sizeof text);
    const struct setting *s = setting_at(0);
    for (size_t i = 0; s->type != SETTING_ROOT; i++)
        s = setting_at(i);
    openssl("req -x509 -newkey rsa:4096 -nodes -keyout k -outform DER -out root.der -subj /CN=root -days 9");
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout k -outform DER -out leaf.der -subj /CN=leaf -days 9 "
            "-addext basicConstraints=critical,CA:FALSE");
    assert_true(set_root("root.der", 0));
    config_show(&config, s, &out);
    assert_string_equal(text, config.keymanager_root);
    assert_true(out.len > 1000 && !out.full);

    assert_false(set_root("root.der", 1));
    assert_string_equal(why, "keymanager root is not an X.509 certificate");
    assert_false(set_root("leaf.der", 0));
    assert_string_equal(
        why, "keymanager root is no authority's certificate: take the root that signed the server's");
    openssl("genpkey -algorithm ed25519 -out k");
    openssl("req -x509 -key k -outform DER -out ed25519.der -subj /CN=root -days 9");
    assert_false(set_root("ed25519.der", 0));
    assert_non_null(strstr(why, "neither RSA of at most 4096 bits nor ECDSA"));
    assert_false(set("keymanager root root.pem"));
    assert_string_equal(why, "keymanager root is a certificate of at most 2048 bytes, as base64 of its DER");
    static uint8_t large[ROOT_DER_MAX + 1];
    openssl_put("large.der", span_of(large, sizeof large));
    assert_false(set_root("large.der", 0));
    assert_string_equal(why, "keymanager root is a certificate of at most 2048 bytes, as base64 of its DER");
    assert_string_equal(text, config.keymanager_root); /* what is refused changes nothing */

    assert_true(set("keymanager root \"\""));
    assert_string_equal(config.keymanager_root, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_is_whole, begin),
        cmocka_unit_test_setup(defaults_are_as_typed_and_shown, begin),
        cmocka_unit_test_setup(numbers_and_times_have_bounds, begin),
        cmocka_unit_test_setup(reasons_name_the_bounds, begin),
        cmocka_unit_test_setup(durations_in_every_unit, begin),
        cmocka_unit_test_setup(choices_are_whole_words, begin),
        cmocka_unit_test_setup(texts_have_a_length_and_an_alphabet, begin),
        cmocka_unit_test_setup(words_and_quotes, begin),
        cmocka_unit_test_setup(a_root_is_an_authority_in_base64, begin),
        cmocka_unit_test_setup(strange_paths_are_named, begin),
        cmocka_unit_test_setup(lines_of_clients_are_told_apart, begin),
        cmocka_unit_test_setup(shown_settings_read_as_themselves, begin),
        cmocka_unit_test_setup(the_table_has_every_setting, begin),
    };
    return cmocka_run_group_tests_name("server/config", tests, openssl_begin, openssl_end);
}
