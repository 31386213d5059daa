/* SPDX-License-Identifier: Apache-2.0 */
/* What the lines of a console do. */
#include <stdio.h>

#include "base/wipe.h"
#include "server/client_authority.h"
#include "server/clients_file.h"
#include "server/control_parts.h"
#include "server/identity.h"
#include "server/inventory.h"
#include "server/keymanager.h"
#include "server/small_file.h"
#include "server/status.h"

/* Lines of `show keys` made in one turn. */
#define KEYS_A_TURN 64
#define KEY_LINE    900
/* bytes; an entry of another list: a certificate with 1,000 bytes of names */
#define ENTRY_ROOM 2800

void control_end(struct control_conn *c)
{
    struct buf out = buf_over(c->out, sizeof c->out);
    out.len = c->out_len;
    if (c->result == NULL)
        buf_add_text(&out, "OK\n");
    else
        buf_print(&out, "ERR %s\n", c->result);
    c->out_len = out.len;
    c->command = CONTROL_NONE;
}

/* ---- commands ---- */

static void show_memory(const struct server *s, struct buf *out)
{
    status_write_memory(&s->region, s->memory_locked, s->config.memory_lock == 0, out);
    keymanager_write_memory(s, out);
}

/* For programs: the state, and in GRACE the seconds until keys are erased. */
static void show_state(const struct server *s, struct buf *out)
{
    const struct lease *l = &s->store.lease;
    buf_add_text(out, lease_state_name(l->state));
    if (l->state == LEASE_GRACE) {
        uint64_t end = l->positive_mono_ms + l->offline_ms;
        buf_print(out, " %llu",
                  (unsigned long long)(end > s->now.mono_ms ? (end - s->now.mono_ms) / 1000 : 0));
    }
    buf_add_text(out, "\n");
}

static const char *do_show(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct buf out = control_answer(c);
    struct span what = count > 1 ? words[1] : span_of_text("");
    if (control_word_is(what, "status"))
        status_write(s, &out);
    else if (control_word_is(what, "clients"))
        c->command = CONTROL_LIST_CLIENTS;
    else if (control_word_is(what, "config"))
        c->command = CONTROL_LIST_SETTINGS;
    else if (control_word_is(what, "version"))
        status_write_version(&out);
    else if (control_word_is(what, "memory"))
        show_memory(s, &out);
    else if (control_word_is(what, "keys") && count > 2 && control_word_is(words[2], "count"))
        buf_print(&out, "%u\n", s->store.catalogue.visible);
    else if (control_word_is(what, "keys"))
        c->command = CONTROL_KEYS;
    else if (control_word_is(what, "state"))
        show_state(s, &out);
    else if (control_word_is(what, "cert") && count > 2 && control_word_is(words[2], "raw"))
        control_show_raw(s, &out);
    else if (control_word_is(what, "cert"))
        c->command = CONTROL_LIST_CERTIFICATES;
    else if (control_word_is(what, "refused"))
        refused_write(&s->refused, &out);
    else
        return "show what? status, state, clients, refused, cert, keys, keys count, config, version, memory";
    c->cursor = 0;
    c->out_len = out.len;
    return NULL;
}

static const char *do_user(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    if (count != 4 || (!control_word_is(words[2], "password-hash") && !control_word_is(words[2], "scope")))
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
    const char *why;
    if (!keymanager_is_cloud(s))
        return "the local key manager needs no credential";
    if (key.len == 0 || key.len > API_KEY_MAX)
        return "an API key has 1 to 256 characters";
    c->ticket = small_file_replace_secret(s, API_KEY_FILE, key, &why);
    if (c->ticket == 0)
        return why;
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

void control_begin(struct server *s, struct control_conn *c, struct span line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(line, words);
    c->command = CONTROL_TEXT;
    c->ticket = 0;
    if (count == 0 || count > SETTING_WORDS)
        c->result = count == 0 ? NULL : "too many words";
    else if (control_word_is(words[0], "show"))
        c->result = do_show(s, c, words, count);
    else if (control_word_is(words[0], "client"))
        c->result = control_client(s, c, words, count);
    else if (control_word_is(words[0], "clients") && count == 2 && control_word_is(words[1], "export"))
        c->command = CONTROL_EXPORT_CLIENTS, c->cursor = 0, c->result = NULL;
    else if (control_word_is(words[0], "user"))
        c->result = do_user(s, c, words, count);
    else if (control_word_is(words[0], "cache") && count == 2 && control_word_is(words[1], "erase"))
        store_erase_keks(&s->store), c->result = NULL;
    else if (control_word_is(words[0], "cache") && count == 2 && control_word_is(words[1], "refresh"))
        store_refresh(&s->store), c->result = NULL;
    else if (control_word_is(words[0], "key"))
        c->result = control_key(s, c, words, count);
    else if (control_word_is(words[0], "keymanager") && count == 3 && control_word_is(words[1], "credential"))
        c->result = do_credential(s, c, words[2]);
    else if (control_word_is(words[0], "test") && count == 2 && control_word_is(words[1], "keymanager"))
        c->result = do_test(s, c);
    else if (control_word_is(words[0], "test") && count == 2 && control_word_is(words[1], "serving"))
        c->result = control_self_test(s, c);
    else if (control_word_is(words[0], "cert"))
        c->result = control_certificate(s, c, words, count);
    else
        c->result = "no such command; try help";
    if (c->command == CONTROL_TEXT)
        control_end(c);
}

/* ---- commands that take more than one turn ---- */

static void step_keys(struct server *s, struct control_conn *c)
{
    struct buf out = control_answer(c);
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

static bool write_setting(const struct server *s, uint32_t i, struct buf *out)
{
    return status_write_setting(&s->config, i, out);
}

/* As many entries as there is room for; the rest when these have been read. */
static void step_list(struct server *s, struct control_conn *c,
                      bool (*write)(const struct server *, uint32_t, struct buf *))
{
    struct buf out = control_answer(c);
    bool more = true;
    while (more && out.cap - out.len >= ENTRY_ROOM)
        more = write(s, c->cursor++, &out);
    c->out_len = out.len;
    if (!more)
        control_end(c);
}

/* Clients and authorities as `set` lines, for another box. Users stay: what is behind their passwords is no
 * one else's. */
static void step_export(struct server *s, struct control_conn *c)
{
    struct buf out = control_answer(c);
    if (c->out_len != 0)
        return;
    while (out.len == 0 && c->cursor < CLIENTS_MAX + AUTHORITIES_MAX) {
        clients_write_entry(s->clients, c->cursor++, &out);
        const uint8_t *line = c->cursor == 1 ? memchr(out.ptr, '\n', out.len) : NULL;
        size_t head = line == NULL ? 0 : (size_t)(line - out.ptr) + 1; /* the file's own words */
        memmove(out.ptr, out.ptr + head, out.len - head);
        out.len -= head;
    }
    c->out_len = out.len;
    if (out.len == 0)
        control_end(c);
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
    struct buf out = control_answer(c);
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

static void step_clients(struct server *s, struct control_conn *c)
{
    int error;
    enum ask ask = c->ticket == 0 ? ASK_READY : disk_ask(&s->disk, c->ticket, &error);
    if (ask == ASK_WAIT || clients_file_busy(s))
        return;
    c->result = NULL;
    if (s->clients_file.failed)
        c->result = "in force, but not on disk: the file could not be written; see the log";
    if (ask == ASK_FAILED) {
        client_authority_forget(s);
        log_write(&s->log, LOG_ERROR, "clients", CLIENT_AUTHORITY_KEY " could not be written");
    }
    control_end(c);
}

void control_step(struct server *s, struct control_conn *c)
{
    if (c->command == CONTROL_RETIRE)
        control_step_retire(s, c);
    if (c->command == CONTROL_SELF_TEST)
        control_step_self_test(s, c);
    if (c->command == CONTROL_CERTIFICATE)
        control_step_certificate(s, c);
    if (c->command == CONTROL_CREDENTIAL)
        step_credential(s, c);
    if (c->command == CONTROL_TEST)
        step_test(s, c);
    if (c->command == CONTROL_WRITE_CLIENTS)
        step_clients(s, c);
    else if (c->command == CONTROL_KEYS)
        step_keys(s, c);
    else if (c->command == CONTROL_LIST_CLIENTS)
        step_list(s, c, status_write_client);
    else if (c->command == CONTROL_EXPORT_CLIENTS)
        step_export(s, c);
    else if (c->command == CONTROL_LIST_SETTINGS)
        step_list(s, c, write_setting);
    else if (c->command == CONTROL_LIST_CERTIFICATES)
        step_list(s, c, control_show_certificate);
}
