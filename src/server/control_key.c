/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about one key: what is known of it, and its end. */
#include <stdio.h>

#include "server/control_parts.h"
#include "server/inventory.h"

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
const char *control_key(struct server *s, struct control_conn *c, const struct span *words, size_t count)
{
    struct buf out = control_answer(c);
    char word[80];
    struct buf confirmation = buf_over(word, sizeof word);
    bool retire = count >= 3 && control_word_is(words[1], "retire") && count <= 4;
    if (!retire && !(count == 3 && control_word_is(words[1], "show")))
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

void control_step_retire(struct server *s, struct control_conn *c)
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
