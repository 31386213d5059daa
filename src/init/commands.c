/* SPDX-License-Identifier: Apache-2.0 */
#include "init/commands.h"

#include <stdio.h>

#include "base/text.h"
#include "init/commit.h"
#include "init/control.h"
#include "init/erase.h"
#include "init/init.h"
#include "init/job.h"
#include "init/look.h"
#include "init/net_jobs.h"
#include "init/provision.h"
#include "init/revisions.h"
#include "init/try.h"
#include "init/unlock.h"
#include "init/update_jobs.h"
#include "init/usb_jobs.h"

#define COMMAND_WORDS SETTING_WORDS

/* Answers at once: lines into out; NULL, or what to do. */
typedef const char *command_now(struct box *box, const struct span *words, size_t count, struct buf *out);

enum command_need {
    NEED_NOTHING,
    NEED_DATA,  /* the data partition */
    NEED_ENTRY, /* a box that is not set up yet */
    NEED_SET_UP
};

struct command {
    const char *words; /* what the line begins with */
    enum command_need need;
    bool body;
    uint16_t seconds; /* that its job may take */
    command_now *now;
    job_run *run;
    void (*done)(struct box *box, bool good);
};

static const struct command commands[] = {
    {"state", NEED_NOTHING, false, 0, look_state, NULL, NULL},
    {"log", NEED_NOTHING, false, 0, look_log, NULL, NULL},
    {"revisions", NEED_DATA, false, 0, look_revisions, NULL, NULL},
    {"show interfaces", NEED_NOTHING, false, 0, look_interfaces, NULL, NULL},
    {"show time", NEED_NOTHING, false, 0, look_time, NULL, NULL},
    {"show boot", NEED_DATA, false, 20, NULL, show_boot_job, NULL},
    {"show seal", NEED_SET_UP, false, 60, NULL, show_seal_job, NULL},
    {"show update", NEED_NOTHING, false, 60, NULL, show_update_job, NULL},
    {"show identity", NEED_NOTHING, false, 0, look_identity, NULL, NULL},
    {"config", NEED_SET_UP, false, 20, NULL, config_job, NULL},
    {"check", NEED_NOTHING, true, 30, NULL, check_job, NULL},
    {"commit", NEED_SET_UP, true, 120, NULL, commit_job, commit_done},
    {"confirm", NEED_SET_UP, false, 0, look_confirm, NULL, NULL},
    {"setup", NEED_ENTRY, true, 300, NULL, setup_job, setup_done},
    {"login", NEED_SET_UP, true, 120, NULL, login_job, login_done},
    {"recover", NEED_SET_UP, true, 120, NULL, recover_job, login_done},
    {"passphrase", NEED_SET_UP, true, 120, NULL, passphrase_job, NULL},
    {"recovery-key", NEED_SET_UP, true, 120, NULL, recovery_key_job, NULL},
    {"reset", NEED_NOTHING, false, 120, NULL, reset_job, erase_done},
    {"wipe", NEED_NOTHING, false, 300, NULL, wipe_job, erase_done},
    {"try network", NEED_ENTRY, true, 90, NULL, try_network_job, NULL},
    {"try keymanager", NEED_ENTRY, true, 120, NULL, try_keymanager_job, NULL},
    {"try certificate", NEED_ENTRY, true, 180, NULL, try_certificate_job, NULL},
    {"test network", NEED_SET_UP, false, 90, NULL, test_network_job, NULL},
    {"test time", NEED_SET_UP, false, 60, NULL, test_time_job, NULL},
    {"test seal", NEED_SET_UP, false, 60, NULL, test_seal_job, NULL},
    {"ping", NEED_NOTHING, false, 30, NULL, ping_job, NULL},
    {"resolve", NEED_NOTHING, false, 30, NULL, resolve_job, NULL},
    {"usb list", NEED_NOTHING, false, 60, NULL, usb_list_job, NULL},
    {"usb read", NEED_NOTHING, false, 60, NULL, usb_read_job, NULL},
    {"usb write", NEED_NOTHING, true, 60, NULL, usb_write_job, NULL},
    {"update check", NEED_DATA, false, 120, NULL, update_check_job, NULL},
    {"update from", NEED_DATA, false, 900, NULL, update_from_job, NULL},
    {"update apply", NEED_DATA, false, 60, NULL, update_apply_job, power_done},
    {"update rollback", NEED_DATA, false, 60, NULL, update_rollback_job, NULL},
    {"restart", NEED_NOTHING, false, 30, NULL, restart_job, power_done},
    {"halt", NEED_NOTHING, false, 30, NULL, halt_job, halt_done},
};

static bool begins_with(const struct command *c, const struct span *words, size_t count)
{
    const char *text = c->words;
    for (size_t i = 0; *text != 0; i++) {
        size_t len = strcspn(text, " ");
        if (i == count || !span_equal(words[i], span_of(text, len)))
            return false;
        text += len;
        text += *text == ' ';
    }
    return true;
}

static const struct command *find(struct span line, struct span *words, size_t *count)
{
    *count = config_words(line, words);
    if (*count == 0 || *count > COMMAND_WORDS)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (begins_with(&commands[i], words, *count))
            return &commands[i];
    return NULL;
}

bool command_has_body(struct span line)
{
    struct span words[SETTING_WORDS];
    size_t count;
    const struct command *c = find(line, words, &count);
    return c != NULL && c->body;
}

static const char *missing(const struct box *box, enum command_need need)
{
    bool data = box->phase == PHASE_ENTRY || box->phase == PHASE_LOCKED || box->phase == PHASE_SERVING;
    switch (need) {
    case NEED_NOTHING:
        return NULL;
    case NEED_DATA:
        return data ? NULL : "the data partition is not there; see the banner";
    case NEED_ENTRY:
        if (box->phase == PHASE_ENTRY)
            return NULL;
        return data ? "this box is set up already" : "the data partition is not there; see the banner";
    case NEED_SET_UP:
        if (box->phase == PHASE_LOCKED || box->phase == PHASE_SERVING)
            return NULL;
        return data ? "this box is not set up yet" : "the data partition is not there; see the banner";
    }
    return NULL;
}

/* Wrong passphrases are answered slower and slower; nobody is locked out for good. */
static bool is_too_early(const struct box *box, const struct command *c, char *why, size_t cap)
{
    if (c->run != login_job && c->run != recover_job)
        return false;
    if (box->login_busy) {
        snprintf(why, cap, "somebody else logs in at this moment: wait 1 s");
        return true;
    }
    if (box->now.mono_ms >= box->login_ms)
        return false;
    snprintf(why, cap, "wait %llu s", (unsigned long long)((box->login_ms - box->now.mono_ms + 999) / 1000));
    return true;
}

void command_begin(struct box *box, int i, struct span line, struct span body)
{
    struct init_conn *conn = &box->conns[i];
    struct span words[SETTING_WORDS];
    size_t count;
    char text[CONTROL_OUT / 2], why[100];
    struct buf out = buf_over(text, sizeof text);
    const struct command *c = find(line, words, &count);
    const char *error = c == NULL ? "no such command" : missing(box, c->need);
    if (error == NULL && is_too_early(box, c, why, sizeof why))
        error = why;
    if (error == NULL && c->now != NULL) {
        error = c->now(box, words, count, &out);
        init_control_answer(conn, &out);
    } else if (error == NULL) {
        struct job_call call = {.words = words, .count = count, .body = body, .out = conn->fd};
        if (c->run == try_network_job)
            error = try_network_begin(box, body);
        if (c->run == commit_job)
            box->trial_minutes = commit_minutes(words, count);
        if (error == NULL && job_start(box, i, c->run, &call, c->seconds, c->done)) {
            box->login_busy = box->login_busy || c->done == login_done;
            return;
        }
        error = error != NULL ? error : "the box is too busy; try again";
    }
    init_control_end(conn, error);
}
