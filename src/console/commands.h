/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and what its rows do. */
#ifndef HOLDFAST_CONSOLE_COMMANDS_H
#define HOLDFAST_CONSOLE_COMMANDS_H

#include "console/grammar.h"
#include "console/session.h"

extern const struct grammar commands_grammar;

/* Whether the line could be run, as far as its words and settings tell; false with session->why. */
bool commands_check(struct session *session, struct span line);
/* Whether the line has a secret where none belongs. */
bool commands_hold_secret(struct span line);
/* Thumbprints of the server's certificates: SHA-1 on one line, SHA-256 on two. False: no server. */
bool commands_print_thumbprints(struct session *session);

/* Rows of the table; false with session->why. */
typedef bool command_run(struct session *session, const struct grammar_match *match);
/* console/command_look.c */
command_run command_look_log, command_look_config, command_look_changes, command_look_keys,
    command_look_thumbprint, command_look_history, command_look_version;
/* console/command_change.c */
command_run command_change_set, command_change_unset, command_change_check, command_change_commit,
    command_change_confirm, command_change_discard, command_change_rollback;
command_run command_change_api_key, command_change_passphrase, command_change_recovery_key;
/* console/command_client.c */
command_run command_client_add, command_client_add_usb, command_client_sign, command_client_user_add,
    command_cert_install, command_key_retire;
/* console/command_box.c */
command_run command_box_cache_erase, command_box_restart, command_box_halt, command_box_wipe,
    command_box_update_apply, command_box_test_all, command_box_menu, command_box_setup;
command_run command_session_size, command_session_idle_time, command_session_test_paste,
    command_session_begin_script, command_session_end, command_session_logout;
/* console/transfer.c */
command_run command_export, command_import;
/* console/help.c */
command_run command_help;

/* A word of the line as text, cut at cap. */
const char *command_word(const struct grammar_match *match, size_t i, char *out, size_t cap);
/* The words from `from` on as a line again, quoted where needed. */
void command_join(const struct grammar_match *match, size_t from, struct buf *out);
/* Whether a setting as it was typed is `keymanager root` without a value. */
bool command_asks_for_root(const struct grammar_match *setting);
/* Reads a PEM text into der; in a script its lines follow the command. True, or false with why. 0 bytes and
 * true: an empty line came where `blank_ends`. */
bool command_read_pem(struct session *session, const char *label, bool blank_ends, uint8_t *der,
                      size_t *der_len);

#endif
