/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/keymanager.h"

#include <errno.h>
#include <fcntl.h>
#include <roots.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/pem.h"

/* A clock this far from the key manager's is named: certificates and tokens depend on it. */
#define CLOCK_OFF_S 120

static const struct span built_in = {(const uint8_t *)roots_pem, sizeof roots_pem - 1};

/* bytes that the roots take beside those that are built in */
static size_t roots_room(const struct config *c)
{
    if (c->keymanager_roots[0] != 0)
        return KEYMANAGER_ROOTS;
    return c->keymanager_root[0] != 0 ? built_in.len + ROOT_TEXT + 200 : 0;
}

void keymanager_carve(struct server *s)
{
    if (!keymanager_is_cloud(s)) {
        s->local = local_carve(&s->region, s->config.objects);
        return;
    }
    s->keyprotect = keyprotect_carve(&s->region);
    size_t roots = roots_room(&s->config);
    if (roots != 0)
        s->roots = region_take(&s->region, "roots", 1, roots);
}

static bool open_local(struct server *s, struct keymgr *out, char *why, size_t cap)
{
    local_use_vault(s->local, &s->vault);
    if (local_open(s->local, &s->ops, &s->disk, why, cap) != STATUS_OK)
        return false;
    uint64_t damaged = local_damaged_bytes(s->local);
    if (damaged != 0)
        log_write(&s->log, LOG_ERROR, "local",
                  "%llu bytes of records are damaged; what the journal has is written anew",
                  (unsigned long long)damaged);
    s->store.settings.keep_unseen = true; /* nobody else removes records from the local key manager */
    *out = local_keymgr(s->local);
    return true;
}

/* Appends the file's text. */
static bool read_roots(const char *path, struct buf *out, char *why, size_t cap)
{
    char *room = (char *)out->ptr;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && len < ROOTS_MAX && (n = read(fd, room + len, ROOTS_MAX - len)) > 0)
        len += (size_t)n;
    int error = errno;
    if (fd >= 0)
        close(fd);
    out->len = len;
    if (n < 0)
        snprintf(why, cap, "keymanager roots %s: %s", path, strerror(error));
    else if (len == ROOTS_MAX)
        snprintf(why, cap,
                 "keymanager roots %s: larger than 65,535 bytes; only the few roots that are needed", path);
    else if (memmem(room, len, "-----BEGIN CERTIFICATE-----", 27) == NULL)
        snprintf(why, cap, "keymanager roots %s: no PEM certificate is in it", path);
    else
        return true;
    return false;
}

bool keymanager_roots(const struct config *c, char *room, struct span *out, char *why, size_t cap)
{
    struct buf text = buf_over(room, roots_room(c));
    uint8_t der[ROOT_DER_MAX];
    size_t len;
    *out = built_in;
    if (text.cap == 0)
        return true;
    if (c->keymanager_roots[0] == 0)
        buf_add(&text, built_in.ptr, built_in.len);
    else if (!read_roots(c->keymanager_roots, &text, why, cap))
        return false;
    if (c->keymanager_root[0] != 0 &&
        base64_read(span_of_text(c->keymanager_root), der, sizeof der, &len) == STATUS_OK) {
        buf_add_text(&text, "\n");
        pem_write(&text, "CERTIFICATE", span_of(der, len));
    }
    *out = buf_span(&text);
    return true;
}

static bool read_settings(const struct config *c, char *room, struct keyprotect_settings *out, char *why,
                          size_t cap)
{
    *out = (struct keyprotect_settings){.hpcs = c->keymanager == KEYMANAGER_HPCS,
                                        .private_network = c->keymanager_network == 1,
                                        .region = c->keymanager_region,
                                        .endpoint = c->keymanager_endpoint,
                                        .iam = c->keymanager_iam,
                                        .broker = c->keymanager_broker,
                                        .instance = c->keymanager_instance,
                                        .root_key = c->keymanager_root_key,
                                        .key_ring = c->keymanager_key_ring,
                                        .proxy = c->keymanager_proxy,
                                        .timeout_ms = c->keymanager_timeout_ms};
    return keymanager_roots(c, room, &out->roots, why, cap);
}

bool keymanager_check(const struct server *s, char *why, size_t cap)
{
    struct keyprotect_settings settings;
    char room[KEYMANAGER_ROOTS];
    return !keymanager_is_cloud(s) ||
           (read_settings(&s->config, room, &settings, why, cap) && keyprotect_check(&settings, why, cap));
}

static bool open_cloud(struct server *s, struct keymgr *out, char *why, size_t cap)
{
    struct keyprotect_settings settings;
    if (!read_settings(&s->config, s->roots, &settings, why, cap))
        return false;
    settings.vault = &s->vault;
    if (!keyprotect_open(s->keyprotect, &settings, &s->disk, why, cap))
        return false;
    *out = keyprotect_keymgr(s->keyprotect);
    return true;
}

bool keymanager_open(struct server *s, struct keymgr *out, char *why, size_t cap)
{
    return keymanager_is_cloud(s) ? open_cloud(s, out, why, cap) : open_local(s, out, why, cap);
}

void keymanager_close(struct server *s)
{
    if (s->keyprotect != NULL)
        keyprotect_close(s->keyprotect);
}

void keymanager_write(const struct server *s, struct buf *out)
{
    if (!keymanager_is_cloud(s)) {
        buf_add_text(out, "local");
        return;
    }
    struct keyprotect_facts f = keyprotect_facts(s->keyprotect);
    buf_print(
        out,
        "%s at %s,\n                 root key %s, %llu calls, %llu failed, last %u ms\n                 ",
        f.name, f.endpoint[0] != 0 ? f.endpoint : "an endpoint not known yet", s->config.keymanager_root_key,
        (unsigned long long)f.calls, (unsigned long long)f.failures, f.last_ms);
}

void keymanager_write_memory(const struct server *s, struct buf *out)
{
    if (!keymanager_is_cloud(s))
        return;
    struct keyprotect_facts f = keyprotect_facts(s->keyprotect);
    buf_print(out, "of HTTPS, libcurl has %u bytes: most in use %zu, refused %llu times\n", HTTP_MEMORY,
              f.memory_most, (unsigned long long)f.memory_refused);
}

void keymanager_write_warnings(const struct server *s, struct buf *out)
{
    const struct store *t = &s->store;
    if (!keymanager_is_cloud(s))
        return;
    struct keyprotect_facts f = keyprotect_facts(s->keyprotect);
    if (f.clock_off_s > CLOCK_OFF_S || f.clock_off_s < -CLOCK_OFF_S)
        buf_print(out, "Warnings         this machine's clock is %lld s %s the key manager's; set it right\n",
                  (long long)(f.clock_off_s < 0 ? -f.clock_off_s : f.clock_off_s),
                  f.clock_off_s < 0 ? "behind" : "ahead of");
    if (f.search_refused)
        buf_add_text(out, "Warnings         more than 5,000 keys in the instance: looking up changes costs "
                          "more; a key ring of its "
                          "own helps\n");
    if (t->removals_refused != 0)
        buf_print(out, "Warnings         old records pile up in the key manager: %s\n", t->removal_why);
}

void keymanager_write_test(const struct server *s, size_t *from, struct buf *out)
{
    const struct keyprotect_test *test = keyprotect_test(s->keyprotect);
    for (; *from < TEST_STEPS && test->steps[*from].done; (*from)++) {
        bool good = test->steps[*from].good;
        buf_print(out, "%-16s %-7s %5u ms", keyprotect_test_name((enum keyprotect_test_step) * from),
                  good ? "ok" : "FAILED", test->steps[*from].ms);
        if (test->steps[*from].tls_ms != 0)
            buf_print(out, "  (TLS after %u ms)", test->steps[*from].tls_ms);
        if (test->steps[*from].why[0] != 0)
            buf_print(out, "  %s", test->steps[*from].why);
        buf_add_text(out, "\n");
    }
}
