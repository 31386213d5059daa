/* SPDX-License-Identifier: Apache-2.0 */
/* First boot in seven steps. The answers live in this process until the box is set up; nothing is changed
 * before. */
#ifndef HOLDFAST_CONSOLE_WIZARD_H
#define HOLDFAST_CONSOLE_WIZARD_H

#include "base/buf.h"
#include "console/secret.h"

#define WIZARD_CLIENTS 8
#define WIZARD_STEPS   7

struct session;

struct wizard {
    bool begun;
    bool dhcp;     /* was chosen, and is not just the default */
    unsigned step; /* 1 to WIZARD_STEPS; then the summary */
    uint64_t begun_ms;
    struct secret passphrase, api_key;
    size_t client_count;
    struct wizard_client {
        char name[NAME_MAX_BYTES + 1];
        size_t der_len;
        uint8_t der[CERTIFICATE_MAX];
    } clients[WIZARD_CLIENTS];
};

/* How a step, or a question in it, ended. */
enum wizard_way {
    WIZARD_ON,
    WIZARD_BACK,
    WIZARD_AGAIN,
    WIZARD_STOP /* Ctrl-C, hang-up, nobody there */
};

void wizard_run(struct session *session);
/* The same steps for the candidate of a box that is set up; ends with advice to commit. */
void wizard_run_again(struct session *session);
/* `setup` with what is there: the candidate, the secrets, the clients. Keeps the recovery key, which the
 * caller wipes. */
bool wizard_setup(struct session *session, char recovery[120]);
void wizard_forget(struct wizard *wizard);
/* A certificate for `setup`. */
bool wizard_add_client(struct session *session, struct span name, struct span der);

/* console/wizard_steps.c, wizard_keys.c */
enum wizard_way wizard_step_network(struct session *session);
enum wizard_way wizard_step_time(struct session *session);
enum wizard_way wizard_step_passphrase(struct session *session);
enum wizard_way wizard_step_unlock(struct session *session);
enum wizard_way wizard_step_keymanager(struct session *session);
enum wizard_way wizard_step_certificate(struct session *session);
enum wizard_way wizard_step_client(struct session *session);
enum wizard_way wizard_summary(struct session *session);
/* console/wizard_end.c */
/* Shows it once, and asks for its end as a proof that it was written down. */
void wizard_show_recovery(struct session *session, char recovery[120]);
void wizard_end(struct session *session, char recovery[120]);

/* What the end of a line means for the step that asked. */
enum wizard_way wizard_way_of(enum line_end end);
/* Asks for a setting with what it is now (or `normal`) in brackets, until it is taken. */
enum wizard_way wizard_ask(struct session *session, const char *question, const char *setting,
                           const char *normal, bool may_be_empty);
/* The value of a setting of the candidate, "" when it is none. */
void wizard_value(struct session *session, const char *setting, char *out, size_t cap);
bool wizard_set(struct session *session, const char *setting, const char *value);
/* Reads an answer into session->line; `set ...` lines are taken on the way. */
enum wizard_way wizard_read(struct session *session, const char *prompt);
/* `try WHAT`; when it failed, whether the answers are kept all the same. */
enum wizard_way wizard_try(struct session *session, const char *what);

#endif
