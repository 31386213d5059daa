/* SPDX-License-Identifier: Apache-2.0 */
/* The key manager that the configuration names (server/keymanager): how it begins, what a person is told of
 * it. keymgr/http is played by the test: nothing is sent. */
#include "support/check.h"

#include <unistd.h>

#include "keymgr/http.h"
#include "keymgr/keyprotect_state.h"
#include "server/keymanager.h"
#include "support/server_house.h"

struct http {
    unsigned opened, closed;
    bool broken;
    char roots[400000];
    size_t roots_len;
    char proxy[200];
};
static struct http http;

struct http *http_carve(struct region *region)
{
    (void)region;
    return &http;
}

bool http_open(struct http *x, const struct http_settings *settings)
{
    x->opened++;
    x->roots_len = settings->roots.len;
    assert_true(settings->roots.len <= sizeof x->roots);
    memcpy(x->roots, settings->roots.ptr, settings->roots.len);
    snprintf(x->proxy, sizeof x->proxy, "%s", settings->proxy);
    return !x->broken;
}

void http_close(struct http *x)
{
    x->closed++;
}

bool http_begin(struct http *x, size_t slot, const struct http_request *request)
{
    (void)x, (void)slot, (void)request;
    return false;
}

bool http_ended(struct http *x, size_t slot, struct http_answer *answer)
{
    (void)x, (void)slot, (void)answer;
    return false;
}

void http_free(struct http *x, size_t slot)
{
    (void)x, (void)slot;
}

void http_forget(struct http *x)
{
    (void)x;
}

void http_turn(struct http *x, struct clock now)
{
    (void)x, (void)now;
}

size_t http_poll(struct http *x, struct pollfd *fds, size_t room, struct clock now, uint64_t *deadline_ms)
{
    (void)x, (void)fds, (void)room, (void)now, (void)deadline_ms;
    return 0;
}

#define INSTANCE "0647c737-906d-438a-8a68-2c187e11b29b"

static struct house *h;
static struct server *s;
static uint8_t *room; /* of the cloud's key manager */
static char text[CONTROL_OUT];
static char why[200];

static void set(const char *line)
{
    struct span words[SETTING_WORDS];
    bool is_client = false;
    size_t count = config_words(span_of_text(line), words);
    if (!config_set(&s->config, words, count, &is_client, why, sizeof why))
        fail_msg("%s: %s", line, why);
}

/* A server that is about to begin with Key Protect; its store has the local key manager all the same. */
static int begin(void **state)
{
    (void)state;
    struct region plan = {.base = NULL};
    memset(&http, 0, sizeof http);
    h = house_new();
    s = &h->server;
    set("keymanager type keyprotect");
    set("keymanager region eu-de");
    set("keymanager instance " INSTANCE);
    set("keymanager root-key root-alias");
    memset(why, 0, sizeof why);
    keyprotect_carve(&plan);
    plan.used += 2 * ROOTS_MAX;
    room = calloc(1, plan.used);
    struct region region = s->region;
    s->region = (struct region){.base = room, .size = plan.used};
    set("keymanager roots /some.pem");
    keymanager_carve(s);
    set("keymanager roots \"\"");
    s->region = region;
    return s->keyprotect != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    free(room);
    return 0;
}

/* ---- how it begins ---- */

static void check_refused(const char *line, const char *words)
{
    struct keymgr keymgr;
    struct config before = s->config;
    set(line);
    memset(why, 0, sizeof why);
    assert_false(keymanager_open(s, &keymgr, why, sizeof why));
    if (strstr(why, words) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", line, why, words);
    s->config = before;
}

static void settings_are_refused_by_their_names(void **state)
{
    (void)state;
    check_refused("keymanager instance \"\"", "keymanager instance is");
    check_refused("keymanager root-key \"\"", "keymanager root-key is");
    check_refused("keymanager key-ring \"a b\"", "keymanager key-ring is");
    check_refused("keymanager region eu.de", "keymanager region is");
    check_refused("keymanager region \"\"", "set keymanager region");
    check_refused("keymanager endpoint host", "keymanager endpoint is");
    check_refused("keymanager iam host", "keymanager iam is");
    check_refused("keymanager broker host", "keymanager broker is");
    check_refused("keymanager proxy https://host", "keymanager proxy is");
    assert_int_equal(http.opened, 0);
}

static void every_setting_arrives(void **state)
{
    (void)state;
    struct keymgr keymgr;
    set("keymanager proxy http://proxy:3128");
    set("keymanager key-ring ring");
    set("keymanager timeout 7s");
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    const struct keyprotect *kp = s->keyprotect;
    assert_ptr_equal(keymgr.self, kp);
    assert_true(keymgr.shared);
    assert_string_equal(kp->url, "https://eu-de.kms.cloud.ibm.com");
    assert_string_equal(kp->iam_url, "https://iam.cloud.ibm.com");
    assert_string_equal(kp->instance, INSTANCE);
    assert_string_equal(kp->root_key, "root-alias");
    assert_string_equal(kp->ring_header, "X-Kms-Key-Ring: ring");
    assert_int_equal(kp->timeout_ms, 7000);
    assert_false(kp->hpcs);
    assert_string_equal(http.proxy, "http://proxy:3128");
    set("keymanager network private");
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    assert_string_equal(kp->url, "https://private.eu-de.kms.cloud.ibm.com");
    set("keymanager type hpcs");
    set("keymanager endpoint https://e:1");
    set("keymanager iam https://i:2");
    set("keymanager broker https://b:3");
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    assert_true(kp->hpcs);
    assert_string_equal(kp->url, "https://e:1");
    assert_string_equal(kp->iam_url, "https://i:2");
    assert_string_equal(kp->broker, "https://b:3");
    keymanager_close(s);
    assert_int_equal(http.closed, 1);
}

static void no_memory_for_connections_is_told(void **state)
{
    (void)state;
    struct keymgr keymgr;
    http.broken = true;
    assert_false(keymanager_open(s, &keymgr, why, sizeof why));
    assert_non_null(strstr(why, "memory for connections"));
}

/* ---- certificates ---- */

static void with_roots(const char *content, char path[40])
{
    strcpy(path, "/tmp/keymanager_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static void check_roots_refused(const char *content, const char *words)
{
    char path[40], line[80], wanted[120];
    with_roots(content, path);
    snprintf(line, sizeof line, "keymanager roots %s", path);
    snprintf(wanted, sizeof wanted, "%s: %s", line, words);
    check_refused(line, wanted);
    unlink(path);
}

static void roots_that_are_none_are_refused(void **state)
{
    (void)state;
    check_refused("keymanager roots /nowhere/at/all.pem",
                  "keymanager roots /nowhere/at/all.pem: No such file or directory");
    check_refused("keymanager roots /tmp", "keymanager roots /tmp: ");
    check_roots_refused("", "no PEM certificate is in it");
    static char large[ROOTS_MAX + 1];
    memset(large, 'x', ROOTS_MAX);
    memcpy(large, "-----BEGIN CERTIFICATE-----", 27);
    check_roots_refused(large, "larger than 65,535 bytes");
    check_roots_refused("just a text\n", "no PEM certificate is in it");
    check_roots_refused("-----BEGIN PRIVATE KEY-----\nAQID\n", "no PEM certificate is in it");
    check_roots_refused("-----BEGIN CERTIFICATE----", "no PEM certificate is in it");
    assert_int_equal(http.opened, 0);
}

static void roots_of_a_file_take_the_place_of_our_own(void **state)
{
    (void)state;
    static const char pem[] = "a comment\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    struct keymgr keymgr;
    char path[40];
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    assert_true(http.roots_len > 1000);
    assert_int_not_equal(http.roots[http.roots_len - 1], 0);
    assert_non_null(memmem(http.roots, http.roots_len, "-----BEGIN CERTIFICATE-----", 27));
    char line[80];
    with_roots(pem, path);
    snprintf(line, sizeof line, "keymanager roots %s", path);
    set(line);
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    unlink(path);
    check_text(span_of(http.roots, http.roots_len), pem);
}

static size_t certificates_in(struct span text)
{
    size_t count = 0;
    static const char mark[] = "-----BEGIN CERTIFICATE-----\n";
    for (size_t i = 0; i + sizeof mark - 1 <= text.len; i++)
        count += memcmp(text.ptr + i, mark, sizeof mark - 1) == 0;
    return count;
}

static void one_root_more_stands_beside_the_others(void **state)
{
    (void)state;
    static const char file[] = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----";
    static const char more[] = "\n-----BEGIN CERTIFICATE-----\nBAUG\n-----END CERTIFICATE-----\n";
    static char room[KEYMANAGER_ROOTS];
    struct config config;
    struct span text;
    char path[40];
    config_defaults(&config);
    assert_true(keymanager_roots(&config, room, &text, why, sizeof why));
    size_t built_in = certificates_in(text), len = text.len;
    assert_true(built_in > 1);
    strcpy(config.keymanager_root, "BAUG");
    assert_true(keymanager_roots(&config, room, &text, why, sizeof why));
    assert_int_equal(certificates_in(text), built_in + 1);
    check_text(span_of(text.ptr + len, text.len - len), more);
    with_roots(file, path);
    strcpy(config.keymanager_roots, path);
    assert_true(keymanager_roots(&config, room, &text, why, sizeof why));
    unlink(path);
    assert_int_equal(certificates_in(text), 2);
    check_text(span_of(text.ptr, sizeof file - 1), file);
    check_text(span_of(text.ptr + sizeof file - 1, text.len - sizeof file + 1), more);

    memset(config.keymanager_root, 'A', ROOT_TEXT - 1);
    config.keymanager_root[ROOT_TEXT - 1] = '=';
    strcpy(config.keymanager_roots, "");
    assert_true(keymanager_roots(&config, room, &text, why, sizeof why));
    assert_int_equal(certificates_in(text), built_in + 1);
    assert_int_equal(text.ptr[text.len - 1], '\n');
}

/* ---- the local one ---- */

static void the_local_one_begins_too(void **state)
{
    (void)state;
    struct keymgr keymgr = {.self = NULL};
    set("keymanager type local");
    set("keymanager region \"\"");
    assert_false(keymanager_is_cloud(s));
    tame_disk_step(&h->disk);
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    assert_ptr_equal(keymgr.self, s->local);
    assert_false(keymgr.shared);
    assert_true(s->store.settings.keep_unseen);
    assert_null(strstr(house_log(h), "damaged"));
    s->keyprotect = NULL;
    keymanager_close(s); /* nothing to close */
    assert_int_equal(http.closed, 0);
}

/* ---- what a person is told ---- */

static const char *told_by(void (*write)(const struct server *server, struct buf *out))
{
    struct buf out = buf_over(text, sizeof text);
    text[0] = 0;
    write(s, &out);
    assert_false(out.full);
    return text;
}

static void what_it_is_and_how_it_does(void **state)
{
    (void)state;
    struct keymgr keymgr;
    assert_true(keymanager_open(s, &keymgr, why, sizeof why));
    s->keyprotect->facts.calls = 12;
    s->keyprotect->facts.failures = 3;
    s->keyprotect->facts.last_ms = 45;
    assert_string_equal(told_by(keymanager_write),
                        "Key Protect at https://eu-de.kms.cloud.ibm.com,\n                 root key "
                        "root-alias, 12 calls, 3 failed, last 45 ms\n                 ");
    s->keyprotect->url[0] = 0;
    s->keyprotect->facts.name = "HPCS";
    assert_non_null(strstr(told_by(keymanager_write), "HPCS at an endpoint not known yet,"));
    assert_int_equal(strncmp(told_by(keymanager_write_memory), "of HTTPS, libcurl has ", 22), 0);
    s->config.keymanager = KEYMANAGER_LOCAL;
    assert_string_equal(told_by(keymanager_write), "local");
    assert_string_equal(told_by(keymanager_write_memory), "");
}

static void check_warns(const char *words)
{
    told_by(keymanager_write_warnings);
    if (words[0] == 0)
        assert_string_equal(text, "");
    else if (strncmp(text, "Warnings         ", 17) != 0 || strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void warnings_come_when_there_is_cause(void **state)
{
    (void)state;
    struct keyprotect *kp = s->keyprotect;
    check_warns("");
    kp->facts.clock_off_s = 120;
    check_warns("");
    kp->facts.clock_off_s = -120;
    check_warns("");
    kp->facts.clock_off_s = 121;
    check_warns("clock is 121 s ahead of the key manager's");
    kp->facts.clock_off_s = -121;
    check_warns("clock is 121 s behind the key manager's");
    kp->facts.clock_off_s = 0;
    kp->too_broad_ms = 1;
    check_warns("more than 5,000 keys");
    kp->too_broad_ms = 0;
    s->store.removals_refused = 2;
    snprintf(s->store.removal_why, sizeof s->store.removal_why, "no right to delete");
    check_warns("pile up in the key manager: no right to delete\n");
    s->config.keymanager = KEYMANAGER_LOCAL;
    check_warns("");
    s->store.removals_refused = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_are_refused_by_their_names),
        TEST(every_setting_arrives),
        TEST(no_memory_for_connections_is_told),
        TEST(roots_that_are_none_are_refused),
        TEST(roots_of_a_file_take_the_place_of_our_own),
        TEST(one_root_more_stands_beside_the_others),
        TEST(the_local_one_begins_too),
        TEST(what_it_is_and_how_it_does),
        TEST(warnings_come_when_there_is_cause),
    };
    return cmocka_run_group_tests_name("server/keymanager", tests, NULL, NULL);
}
