/* SPDX-License-Identifier: Apache-2.0 */
/* What the lines of a console do. */
#include <stdio.h>

#include "base/text.h"
#include "server/clients_file.h"
#include "server/control_parts.h"
#include "server/inventory.h"
#include "server/keymanager.h"
#include "server/status.h"

/* Lines of `show keys` made in one turn. */
#define KEYS_A_TURN 64
#define KEY_LINE    900

static struct buf out_of(struct control_conn *c)
{
    struct buf out = buf_over(c->out, sizeof c->out);
    out.len = c->out_len;
    return out;
}

void control_end(struct control_conn *c)
{
    struct buf out = out_of(c);
    if (c->result == NULL)
        buf_add_text(&out, "OK\n");
    else
        buf_print(&out, "ERR %s\n", c->result);
    c->out_len = out.len;
    c->command = CONTROL_NONE;
}

static bool word_is(struct span word, const char *text)
{
    return span_equal(word, span_of_text(text));
}

/* ---- commands ---- */

static void show_memory(const struct server *s, struct buf *out)
{
    status_write_memory(&s->region, s->memory_locked, s->config.memory_lock == 0, out);
    keymanager_write_memory(s, out);
}

static const char *do_show(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct buf out = out_of(c);
    struct span what = count > 1 ? words[1] : span_of_text("");
    if (word_is(what, "status"))
        status_write(s, &out);
    else if (word_is(what, "clients"))
        status_write_clients(s, &out);
    else if (word_is(what, "config"))
        status_write_config(&s->config, &out);
    else if (word_is(what, "version"))
        status_write_version(&out);
    else if (word_is(what, "memory"))
        show_memory(s, &out);
    else if (word_is(what, "keys") && count > 2 && word_is(words[2], "count"))
        buf_print(&out, "%u\n", s->store.catalogue.visible);
    else if (word_is(what, "keys"))
        c->command = CONTROL_KEYS;
    else
        return "show what? status, clients, keys, keys count, config, version, memory";
    c->cursor = 0;
    c->out_len = out.len;
    return NULL;
}

static const char *do_client(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    if (count == 3 && word_is(words[1], "remove")) {
        if (clients_remove(s->clients, words[2]) != STATUS_OK)
            return "no client has this name; see: show clients";
    } else if (count == 4 && word_is(words[1], "add")) {
        struct span line[4] = {span_of_text("client"), words[2], span_of_text("certificate"), words[3]};
        if (!clients_set(s->clients, line, 4, c->why, sizeof c->why))
            return c->why;
    } else if (count == 4 && word_is(words[1], "scope")) {
        struct span line[4] = {span_of_text("client"), words[2], span_of_text("scope"), words[3]};
        if (!clients_set(s->clients, line, 4, c->why, sizeof c->why))
            return c->why;
    } else {
        return "client add <name> <certificate in base64>, client remove <name>, or client scope <name> "
               "<scope>";
    }
    clients_file_changed(s);
    c->command = CONTROL_WRITE_CLIENTS;
    return NULL;
}

static const char *do_user(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    if (count != 4 || (!word_is(words[2], "password-hash") && !word_is(words[2], "scope")))
        return "user <name> password-hash <hash>, or user <name> scope <scope>";
    if (!clients_set(s->clients, words, 4, c->why, sizeof c->why))
        return c->why;
    clients_file_changed(s);
    c->command = CONTROL_WRITE_CLIENTS;
    return NULL;
}

/* A new API key: written by the disk process, read again when the next token is asked for. */
static const char *do_credential(struct server *s, struct control_conn *c, struct span key)
{
    struct disk_request part = {.op = DISK_PART}, replace = {.op = DISK_REPLACE, .name = API_KEY_FILE};
    if (!keymanager_is_cloud(s))
        return "the local key manager needs no credential";
    if (key.len == 0 || key.len > API_KEY_MAX)
        return "an API key has 1 to 256 characters";
    if (clients_file_busy(s))
        return "the clients file is being written; try again";
    if (disk_send(&s->disk, &part, key) == 0)
        return "the disk is busy; try again";
    c->ticket = disk_send(&s->disk, &replace, span_of(NULL, 0));
    if (c->ticket == 0)
        return "the disk is busy; try again";
    c->command = CONTROL_CREDENTIAL;
    return NULL;
}

static const char *do_test(struct server *s, struct control_conn *c)
{
    if (!keymanager_is_cloud(s))
        return "the local key manager is a folder on this disk; show status tells how it is";
    c->cursor = 0;
    c->begun = false;
    c->command = CONTROL_TEST;
    return NULL;
}

static const char *begin_retiring(struct server *s, struct control_conn *c, const struct catalogue_entry *e)
{
    const char *why = NULL;
    size_t len = inventory_retire_request(s, e, c->message, sizeof c->message);
    uint64_t deadline = s->now.mono_ms + s->config.request_timeout_ms;
    if (request_begin(&c->request, span_of(c->message, len), deadline, &why) != REASON_NONE)
        return why;
    c->request.identity.scope = e->scope;
    c->command = CONTROL_RETIRE;
    return NULL;
}

/* Guided: without the word that confirms it, it is told what would be lost, and what to type. */
static const char *do_key(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct buf out = out_of(c);
    char word[80];
    struct buf confirmation = buf_over(word, sizeof word);
    bool retire = count >= 3 && word_is(words[1], "retire") && count <= 4;
    if (!retire && !(count == 3 && word_is(words[1], "show")))
        return "key show <Unique Identifier>, or key retire <Unique Identifier>";
    const struct catalogue_entry *e = inventory_find(s, words[2]);
    if (e == NULL)
        return "no object has this Unique Identifier; see: show keys";
    if (retire && inventory_is_destroyed(s, e))
        return "it is destroyed already";
    inventory_confirmation(s, e, &confirmation);
    if (retire && count == 4 && span_equal(words[3], buf_span(&confirmation)))
        return begin_retiring(s, c, e);
    if (retire)
        inventory_write_loss(s, e, &out);
    else
        inventory_write_object(s, e, &out);
    c->out_len = out.len;
    if (!retire)
        return NULL;
    snprintf(c->why, sizeof c->why, "to destroy it for good: key retire %.*s %s", (int)words[2].len,
             (const char *)words[2].ptr, word);
    return c->why;
}

void control_begin(struct server *s, struct control_conn *c, struct span line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(line, words);
    c->command = CONTROL_TEXT;
    if (count == 0 || count > SETTING_WORDS)
        c->result = count == 0 ? NULL : "too many words";
    else if (word_is(words[0], "show"))
        c->result = do_show(s, c, words, count);
    else if (word_is(words[0], "client"))
        c->result = do_client(s, c, words, count);
    else if (word_is(words[0], "user"))
        c->result = do_user(s, c, words, count);
    else if (word_is(words[0], "cache") && count == 2 && word_is(words[1], "erase"))
        store_erase_keks(&s->store), c->result = NULL;
    else if (word_is(words[0], "cache") && count == 2 && word_is(words[1], "refresh"))
        store_refresh(&s->store), c->result = NULL;
    else if (word_is(words[0], "key"))
        c->result = do_key(s, c, words, count);
    else if (word_is(words[0], "keymanager") && count == 3 && word_is(words[1], "credential"))
        c->result = do_credential(s, c, words[2]);
    else if (word_is(words[0], "test") && count == 2 && word_is(words[1], "keymanager"))
        c->result = do_test(s, c);
    else
        c->result = "no such command; try help";
    if (c->command == CONTROL_TEXT)
        control_end(c);
}

/* ---- commands that take more than one turn ---- */

static void step_keys(struct server *s, struct control_conn *c)
{
    struct buf out = out_of(c);
    for (int i = 0; i < KEYS_A_TURN && out.cap - out.len > KEY_LINE; i++) {
        const struct catalogue_entry *e = catalogue_next(&s->store.catalogue, &c->cursor);
        if (e == NULL) {
            c->out_len = out.len;
            control_end(c);
            return;
        }
        inventory_write_line(s, e, &out);
    }
    c->out_len = out.len;
}

static void step_credential(struct server *s, struct control_conn *c)
{
    int error;
    enum ask ask = disk_ask(&s->disk, c->ticket, &error);
    if (ask == ASK_WAIT)
        return;
    if (ask == ASK_READY) {
        keyprotect_credential_changed(s->keyprotect);
        store_refresh(&s->store);
    }
    c->result = ask == ASK_READY ? NULL : "the API key could not be written; see the log";
    control_end(c);
}

static void step_test(struct server *s, struct control_conn *c)
{
    struct buf out = out_of(c);
    size_t from = c->cursor;
    if (!c->begun)
        c->begun = keyprotect_test_begin(s->keyprotect); /* the root key may be being asked for */
    if (!c->begun)
        return;
    keymanager_write_test(s, &from, &out);
    c->cursor = (uint32_t)from;
    c->out_len = out.len;
    if (keyprotect_test(s->keyprotect)->running)
        return;
    c->result = from == TEST_STEPS ? NULL : "the key manager is not ready for use";
    for (size_t i = 0; i < from; i++)
        if (!keyprotect_test(s->keyprotect)->steps[i].good)
            c->result = "the key manager is not ready for use";
    control_end(c);
}

static void step_retire(struct server *s, struct control_conn *c)
{
    char uid[UUID_TEXT + 1] = "-";
    s->env.now = s->now;
    enum request_state state =
        request_run(&c->request, &s->env, c->answer, sizeof c->answer, BATCH_ITEMS_A_TURN);
    s->audit.count = 0; /* told below: whoever runs next would take it for a client's */
    if (state != REQUEST_DONE)
        return;
    struct span failed = inventory_retire_answer(span_of(c->answer, c->request.response_len));
    struct buf why = buf_over(c->why, sizeof c->why);
    buf_add_printable(&why, failed);
    c->result = failed.len == 0 ? NULL : c->why;
    if (c->request.has_uid)
        uuid_write(c->request.uid, uid);
    log_write(&s->log, LOG_WARNING, "audit", "console retires %s: %s", uid, failed.len == 0 ? "ok" : c->why);
    control_end(c);
}

void control_step(struct server *s, struct control_conn *c)
{
    if (c->command == CONTROL_RETIRE)
        step_retire(s, c);
    if (c->command == CONTROL_CREDENTIAL)
        step_credential(s, c);
    if (c->command == CONTROL_TEST)
        step_test(s, c);
    if (c->command == CONTROL_KEYS) {
        step_keys(s, c);
    } else if (c->command == CONTROL_WRITE_CLIENTS && !clients_file_busy(s)) {
        c->result = s->clients_file.failed
                        ? "in force, but not on disk: the file could not be written; see the log"
                        : NULL;
        control_end(c);
    }
}
