/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a configuration file: every line is split, tried as a setting and as a line of clients, and shown
 * again. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/steady_random.h"
#include "server/clients.h"
#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct clients clients;
static struct scopes scopes;
static struct config config;

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* What is shown is taken back, and shown the same. */
static void check_shown(void)
{
    const struct setting *setting;
    for (size_t i = 0; (setting = setting_at(i)) != NULL; i++) {
        char line[1000], again[1000], why[200] = "";
        static struct config back;
        struct span words[SETTING_WORDS];
        bool is_client = false;
        struct buf out = buf_over(line, sizeof line);
        buf_print(&out, "%s ", setting->path);
        size_t value_at = out.len;
        config_show(&config, setting, &out);
        need(!out.full, "a setting does not fit");
        size_t count = config_words(buf_span(&out), words);
        need(count <= SETTING_WORDS, "a shown setting has too many words");
        config_defaults(&back);
        need(config_set(&back, words, count, &is_client, why, sizeof why),
             "a shown setting is not taken back");
        struct buf out_again = buf_over(again, sizeof again);
        config_show(&back, setting, &out_again);
        need(span_equal(buf_span(&out_again), span_of(line + value_at, out.len - value_at)),
             "a setting changes when it is read back");
    }
}

static bool one_line(struct span line)
{
    struct span words[SETTING_WORDS];
    char why[200];
    bool is_client = false;
    size_t count = config_words(line, words);
    need(count <= SETTING_WORDS + 1, "a count of words");
    if (count == 0 || count > SETTING_WORDS)
        return false;
    for (size_t i = 0; i < count; i++)
        need(words[i].ptr >= line.ptr && words[i].ptr + words[i].len <= line.ptr + line.len,
             "a word outside its line");
    struct span *from = words;
    if (span_equal(words[0], span_of_text("set"))) {
        from++;
        count--;
    }
    if (count == 0)
        return false;
    memset(why, 0x55, sizeof why);
    bool taken = config_set(&config, from, count, &is_client, why, sizeof why);
    if (taken && is_client) {
        memset(why, 0x55, sizeof why);
        taken = clients_set(&clients, from, count, why, sizeof why);
    }
    if (!taken)
        need(memchr(why, 0, sizeof why) != NULL && why[0] != 0, "a refusal without a reason");
    return taken;
}

static size_t write_all(const struct clients *from, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);
    for (size_t i = 0; clients_write_entry(from, i, &b); i++)
        continue;
    need(!b.full, "clients do not fit");
    return b.len;
}

/* The clients file is written by the server itself: what it writes it takes back, and writes the same. */
static void check_written(void)
{
    static char first[400000], second[400000];
    static struct clients back;
    static struct scopes back_scopes;
    memset(&back, 0, sizeof back);
    memset(&back_scopes, 0, sizeof back_scopes);
    clients_init(&back, &back_scopes);
    size_t len = write_all(&clients, first, sizeof first);
    for (size_t at = 0; at < len;) {
        struct span words[SETTING_WORDS];
        char why[200];
        size_t n = (size_t)((char *)memchr(first + at, '\n', len - at) - first) - at;
        size_t count = config_words(span_of(first + at, n), words);
        if (count != 0)
            need(count == 5 && clients_set(&back, words + 1, count - 1, why, sizeof why), first + at);
        at += n + 1;
    }
    need(write_all(&back, second, sizeof second) == len && memcmp(first, second, len) == 0,
         "clients change when they are read back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    steady_random_begin();
    memset(&clients, 0, sizeof clients);
    memset(&scopes, 0, sizeof scopes);
    clients_init(&clients, &scopes);
    config_defaults(&config);
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, data, len);
    bool taken = false;
    for (size_t at = 0; at < len;) {
        const uint8_t *end = memchr(copy + at, '\n', len - at);
        size_t n = end == NULL ? len - at : (size_t)(end - copy) - at;
        taken = one_line(span_of(copy + at, n)) || taken;
        at += n + 1;
    }
    if (taken) {
        check_shown();
        check_written();
    }
    free(copy);
    return 0;
}
