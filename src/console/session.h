/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console at work: banner, login, prompt, commands. It holds no key; secrets are here only between a prompt
 * and the socket that they go to.
 */
#ifndef HOLDFAST_CONSOLE_SESSION_H
#define HOLDFAST_CONSOLE_SESSION_H

#include "console/candidate.h"
#include "console/line.h"
#include "console/link.h"
#include "console/paste.h"
#include "console/secret.h"
#include "console/state.h"
#include "console/wizard.h"

/* bytes; a candidate with secrets and certificates of clients. */
#define BODY_MAX (CANDIDATE_MAX + 32768)

struct session {
    const char *serve_path;
    const char *init_path; /* NULL: a server without an appliance */
    bool logged_in;
    bool leaving;
    bool script_ended;
    unsigned idle_s; /* chosen here; 0: as the box says */
    uint64_t log_seen;
    char why[600]; /* of the last command that failed: what is wrong, and the next step */
    struct box_state state;
    struct term term;
    struct line line;
    struct candidate candidate;
    unsigned loaded; /* the revision that its base is */
    struct wizard wizard;
    struct paste paste;
    char body[BODY_MAX];
};

/* Runs until the terminal hangs up (or, without an appliance, logs out). */
void session_run(struct session *session, const char *serve_path, const char *init_path, int in, int out);

/* ---- for the commands ---- */

/* Sets why; returns false. */
bool session_fail(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/* Sends a line to serve or to init and prints its answer. */
bool session_serve(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
bool session_init(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same with the body, which is wiped afterwards. */
bool session_init_body(struct session *session, struct buf *body, const char *line);
/* The same without printing; take may be NULL. `box`: to init. */
bool session_get(struct session *session, bool box, const char *line,
                 void (*take)(void *to, struct span line), void *to);
/* An empty body over session->body. */
struct buf session_body(struct session *session);
/* Adds the lines of the candidate. */
void session_add_candidate(struct session *session, struct buf *body);

unsigned session_idle(const struct session *session);
/* What was typed before is not taken for the answer; in a script nothing is asked. */
bool session_confirm(struct session *session, const char *question);
/* The same before what takes the keys out of the server's memory: tells when they would not come back.
 * Without a question it asks only then. */
bool session_confirm_loss(struct session *session, const char *question);
/* A line in answer to a question, in session->line. */
enum line_end session_question(struct session *session, const char *prompt);
/* The same, which ends as LINE_IDLE when the box was set up, locked or opened meanwhile. */
enum line_end session_first_question(struct session *s, const char *prompt);

/* Asks both for their state. */
void session_refresh(struct session *session);
/* Reads the revision in force; true when it could be read. */
bool session_load(struct session *session, bool discard);

/* Runs one line; false with session->why. `shortened`: words may be. */
bool session_command(struct session *session, struct span line, bool shortened);
/* Line protocol until `session end` or the end of the input. */
void session_script(struct session *session);
/* Prints a refusal as it is told here. */
void session_print_why(struct session *session);

/* console/banner.c */
void banner_print(struct session *session, bool detailed);
/* console/login.c: until somebody has logged in, or the box was set up. */
void login_run(struct session *session);
/* console/notices.c: what happened meanwhile, between the lines. */
void notices_tick(void *session);

#endif
