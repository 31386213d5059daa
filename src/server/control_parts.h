/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control socket ask of one another; nobody else includes this. */
#ifndef HOLDFAST_SERVER_CONTROL_PARTS_H
#define HOLDFAST_SERVER_CONTROL_PARTS_H

#include "base/text.h"
#include "server/control.h"

/* bytes; "ERR <what to do>" */
#define CONTROL_LAST_LINE 512

/* ---- control_commands.c ---- */

/* Begins the command of a line; one that needs no other turn ends at once. */
void control_begin(struct server *server, struct control_conn *control, struct span line);
/* Carries a command on that takes more than one turn. */
void control_step(struct server *server, struct control_conn *control);
/* Writes the last line of the answer, from control->result. */
void control_end(struct control_conn *control);

/* The answer so far; whoever adds to it puts its length back. There is always room for the last line. */
static inline struct buf control_answer(struct control_conn *c)
{
    struct buf out = buf_over(c->out, sizeof c->out - CONTROL_LAST_LINE);
    out.len = c->out_len;
    return out;
}

static inline bool control_word_is(struct span word, const char *text)
{
    return span_equal(word, span_of_text(text));
}

/*
 * A family of commands each. They return what the ERR line says, or NULL: then the command is done, or
 * control->command says what goes on with it.
 */

/* ---- control_client.c ---- */

const char *control_client(struct server *server, struct control_conn *control, const struct span *words,
                           size_t count);

/* ---- control_key.c ---- */

const char *control_key(struct server *server, struct control_conn *control, const struct span *words,
                        size_t count);
void control_step_retire(struct server *server, struct control_conn *control);

/* ---- control_self_test.c ---- */

const char *control_self_test(struct server *server, struct control_conn *control);
void control_step_self_test(struct server *server, struct control_conn *control);

/* ---- control_certificate.c ---- */

const char *control_certificate(struct server *server, struct control_conn *control, const struct span *words,
                                size_t count);
void control_step_certificate(struct server *server, struct control_conn *control);
/* `show cert raw`: the SHA-256 of each certificate in force. */
void control_show_raw(const struct server *server, struct buf *out);
/* `show cert`: the i-th certificate, nothing for one that is not there. False behind the last. */
bool control_show_certificate(const struct server *server, uint32_t i, struct buf *out);

#endif
