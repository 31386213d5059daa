/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "base/wipe.h"
#include "crypto/random.h"
#include "crypto/vault.h"
#include "init/admin.h"
#include "init/commit.h"
#include "init/files.h"
#include "init/revisions.h"
#include "init/try.h"
#include "init/unlock.h"

#define SECRET_MAX    8192 /* bytes of one file of the state folder */
#define CLIENTS_BYTES (SETUP_CLIENTS * (CERTIFICATE_MAX * 4 / 3 + 200))

/* The files that `try certificate` may have made: keys, which are sealed, and certificates, which are not. */
static const struct {
    const char *name;
    bool secret;
} prepared[] = {
    {"server-rsa.pem", false}, {"server-rsa.key", true}, {"server-ec.pem", false}, {"server-ec.key", true}};

static bool fail(char *why, size_t cap, const char *what)
{
    snprintf(why, cap, "%s: %s", what, strerror(errno));
    return false;
}

/* What an earlier try left behind goes: it was never in force. */
static bool make_state_folder(char *why, size_t cap)
{
    struct folder folder;
    const char *name;
    if (mkdir(STATE_FOLDER, 0700) != 0 && errno != EEXIST)
        return fail(why, cap, STATE_FOLDER);
    folder_open(&folder, STATE_FOLDER);
    while ((name = folder_next(&folder)) != NULL)
        unlinkat(folder.fd, name, 0);
    folder_close(&folder);
    if (chown(STATE_FOLDER, USER_SERVE, USER_SERVE) != 0 || chmod(STATE_FOLDER, 0700) != 0)
        return fail(why, cap, STATE_FOLDER);
    return true;
}

static bool put_file(const char *name, struct span content, char *why, size_t cap)
{
    char path[100];
    snprintf(path, sizeof path, STATE_FOLDER "/%s", name);
    if (file_replace(path, content, 0600) && chown(path, USER_SERVE, USER_SERVE) == 0)
        return true;
    return fail(why, cap, path);
}

static bool put_secret(const struct vault *vault, const char *name, struct span secret, char *why, size_t cap)
{
    uint8_t sealed[SECRET_MAX + VAULT_OVERHEAD];
    struct buf out = buf_over(sealed, sizeof sealed);
    vault_write(vault, name, secret, &out);
    if (!out.full)
        return put_file(name, buf_span(&out), why, cap);
    snprintf(why, cap, "%s is too large", name);
    return false;
}

static bool has_prepared(void)
{
    return access(TRY_FOLDER "/state/server-ec.key", F_OK) == 0;
}

/* Keys whose thumbprints were shown. */
static bool take_prepared(const struct vault *vault, char *why, size_t cap)
{
    uint8_t content[SECRET_MAX];
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(prepared); i++) {
        char path[100];
        struct buf in = buf_over(content, sizeof content);
        snprintf(path, sizeof path, TRY_FOLDER "/state/%s", prepared[i].name);
        if (file_read(path, &in) != STATUS_OK)
            break;
        good = prepared[i].secret ? put_secret(vault, prepared[i].name, buf_span(&in), why, cap)
                                  : put_file(prepared[i].name, buf_span(&in), why, cap);
    }
    wipe(content, sizeof content);
    return good;
}

static bool put_clients(const struct setup_wish *wish, char *why, size_t cap)
{
    char text[CLIENTS_BYTES];
    struct buf out = buf_over(text, sizeof text);
    for (size_t i = 0; i < wish->client_count; i++) {
        buf_print(&out, "set client %s certificate ", wish->clients[i].name);
        base64_write(span_of(wish->clients[i].der, wish->clients[i].len), &out);
        buf_add_text(&out, "\n");
    }
    return put_file("clients.conf", buf_span(&out), why, cap);
}

static bool check_wish(const struct setup_wish *wish, const struct config *config, char *why, size_t cap)
{
    if (wish->passphrase.len < PASSPHRASE_MIN || wish->passphrase.len > PASSPHRASE_MAX)
        snprintf(why, cap, "the passphrase has %d to %d characters", PASSPHRASE_MIN, PASSPHRASE_MAX);
    else if (config->keymanager != 0 && wish->api_key.len == 0)
        snprintf(why, cap, "this key manager needs an API key");
    else if (wish->api_key.len > API_KEY_MAX)
        snprintf(why, cap, "an API key has at most %d characters", API_KEY_MAX);
    else
        return true;
    return false;
}

/* In this order, so that the revision, which says "set up", comes last. */
static bool store_all(struct box *box, const struct setup_wish *wish, enum unlock_mode mode, int out,
                      char *why, size_t cap)
{
    struct vault vault = {.sealed = true};
    random_bytes(vault.key, sizeof vault.key); /* waits for the kernel's generator */
    bool good = make_state_folder(why, cap) && take_prepared(&vault, why, cap) &&
                put_clients(wish, why, cap) &&
                (wish->api_key.len == 0 || put_secret(&vault, "api-key", wish->api_key, why, cap)) &&
                admin_store(wish->passphrase, why, cap) &&
                unlock_enrol(box, vault.key, mode, wish->passphrase, out, why, cap);
    uint32_t number = good ? revision_store(wish->config, "setup", box->now.unix_s, why, cap) : 0;
    good = number != 0 && unlock_put_key(box, vault.key, why, cap) && revision_keep(number, why, cap);
    wipe(&vault, sizeof vault);
    if (good)
        dprintf(out, "revision %u stored\n", number);
    return good;
}

bool setup_run(struct box *box, const struct setup_wish *wish, int out, char *why, size_t cap)
{
    struct config config;
    return candidate_check(wish->config, out, &config, why, cap) && check_wish(wish, &config, why, cap) &&
           (has_prepared() || try_prepare_certificate(box, wish->config, out, why, cap)) &&
           store_all(box, wish, (enum unlock_mode)config.unlock, out, why, cap);
}
