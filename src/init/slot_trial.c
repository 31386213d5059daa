/* SPDX-License-Identifier: Apache-2.0 */
#include "init/slot_trial.h"

#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "init/boots.h"
#include "init/files.h"
#include "init/job.h"
#include "init/relay.h"
#include "init/update_jobs.h"

#define TRIAL_MARK    "/run/slot-trial" /* made by the job that looked: the image in use is on trial */
#define VERDICT_MS    300000
#define LOOK_MS       2000
#define LOOK_AGAIN_MS 10000
#define JOB_SECONDS   60
#define TEST_SECONDS  40

/* ---- in jobs ---- */

static bool open_esp(struct box *box, struct esp *esp, struct update_names *room, bool write, char *why,
                     size_t cap)
{
    struct update_box update = update_box_of(box, room);
    if (box->esp_part[0] != 0)
        return esp_open(esp, &update.esp, write, why, cap);
    snprintf(why, cap, "there is no boot partition");
    return false;
}

static bool begin_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    struct esp esp;
    char ignored[200];
    struct boot_facts facts = {.now_s = box->now.unix_s, .version = box->version};
    (void)call;
    bool has_esp = open_esp(box, &esp, &room, true, ignored, sizeof ignored);
    if (has_esp)
        boots_facts(&esp, &facts);
    facts.last_alive_s = box->time.floor_s;
    bool good = boots_begin(BOOTS_FILE, &facts);
    if (!good)
        snprintf(why, cap, "this boot cannot be written down in %s", BOOTS_FILE);
    if (facts.trial && !file_replace(TRIAL_MARK, span_of_text("trial\n"), 0600))
        good = false;
    if (has_esp && facts.failed != NULL && !esp_drop_failed(&esp, ignored, sizeof ignored))
        log_write(&box->log, LOG_WARNING, "update", "%s", ignored);
    if (has_esp)
        esp_close(&esp, ignored, sizeof ignored);
    return good;
}

/* The word that update apply wrote down. */
static bool is_as_before(const struct box *box)
{
    char text[32];
    struct buf before = buf_over(text, sizeof text);
    return file_read(BEFORE_FILE, &before) == STATUS_OK && before.len != 0 &&
           span_equal(buf_span(&before), span_of_text(box->health.state));
}

/* Whether the box does what it is for, and why. */
static bool is_good(const struct box *box, char reason[BOOT_WHY])
{
    char why[200];
    if (box->phase == PHASE_ENTRY) {
        snprintf(reason, BOOT_WHY, "started; not set up yet");
        return true;
    }
    if (relay_ask(SERVE_SOCKET, "test serving", TEST_SECONDS, -1, why, sizeof why)) {
        snprintf(reason, BOOT_WHY, "a key was made, fetched and destroyed");
        return true;
    }
    if (is_as_before(box)) {
        snprintf(reason, BOOT_WHY, "state %s, as before the restart", box->health.state);
        return true;
    }
    snprintf(reason, BOOT_WHY, "it does not serve: %.80s", why);
    return false;
}

static bool give_up(struct box *box, const char *reason, char *why, size_t cap)
{
    struct update_names room;
    struct esp esp;
    char ignored[200];
    if (!boots_result(BOOTS_FILE, BOOT_FAILED, reason) || !boots_end(BOOTS_FILE, BOOT_RESTART))
        log_write(&box->log, LOG_WARNING, "update", "the verdict cannot be written down");
    if (!open_esp(box, &esp, &room, true, why, cap))
        return false;
    bool good = esp_give_up(&esp, why, cap);
    esp_close(&esp, ignored, sizeof ignored);
    return good;
}

static bool keep(struct box *box, const char *reason, char *why, size_t cap)
{
    struct update_names room;
    struct esp esp;
    if (!open_esp(box, &esp, &room, true, why, cap))
        return false;
    char close_why[200];
    bool good = esp_bless(&esp, why, cap);
    if (!esp_close(&esp, close_why, sizeof close_why) && good) {
        snprintf(why, cap, "%s", close_why);
        good = false;
    }
    if (good && !boots_result(BOOTS_FILE, BOOT_KEPT, reason))
        log_write(&box->log, LOG_WARNING, "update", "the verdict cannot be written down");
    if (good)
        log_write(&box->log, LOG_WARNING, "update", "version %s is kept: %s", box->version, reason);
    return good;
}

static bool verdict_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    char reason[BOOT_WHY];
    (void)call;
    if (!box->slot_trial)
        return boots_result(BOOTS_FILE, BOOT_NORMAL, "");
    bool good = is_good(box, reason);
    if (good && keep(box, reason, why, cap) && file_remove(TRIAL_MARK))
        return true;
    bool late = box->now.mono_ms - box->started_ms > VERDICT_MS;
    if (late && give_up(box, reason, why, cap) && file_remove(TRIAL_MARK) &&
        file_replace(TRIAL_MARK ".failed", span_of_text(reason), 0600))
        return true;
    snprintf(why, cap, "version %s is on trial: %s", box->version, reason);
    return false;
}

/* ---- in process 1 ---- */

static void begun(struct box *box, bool good)
{
    (void)good;
    box->slot_known = true;
    box->slot_trial = access(TRIAL_MARK, F_OK) == 0;
    box->slot_ms = box->now.mono_ms;
}

void slot_trial_begin(struct box *box)
{
    const struct job_call none = {.out = -1};
    if (!job_start(box, OWN_SLOTS, begin_job, &none, JOB_SECONDS, begun))
        begun(box, false);
}

static void judged(struct box *box, bool good)
{
    box->slot_ms = box->now.mono_ms + LOOK_AGAIN_MS;
    if (!good)
        return;
    box->slot_decided = true;
    if (access(TRIAL_MARK ".failed", F_OK) == 0)
        box->phase = PHASE_GOING;
}

/* Nothing can be judged before the server has answered once; a box that waits for its passphrase waits here
 * too, unless it is on trial and its time is over. */
static bool is_time(const struct box *box)
{
    bool answered = box->phase == PHASE_SERVING && box->health.answered_ms != 0;
    bool waits = box->phase == PHASE_LOCKED && box->config.unlock == UNLOCK_PASSPHRASE;
    bool late = box->slot_trial && !waits && box->now.mono_ms - box->started_ms > VERDICT_MS;
    return answered || box->phase == PHASE_ENTRY || late;
}

void slot_trial_turn(struct box *box, uint64_t *deadline)
{
    const struct job_call none = {.out = -1};
    if (!box->slot_known || box->slot_decided || job_is_running(box, OWN_SLOTS))
        return;
    if (box->now.mono_ms < box->slot_ms || !is_time(box)) {
        uint64_t next = box->now.mono_ms + LOOK_MS;
        *deadline = next < *deadline ? next : *deadline;
        return;
    }
    if (!job_start(box, OWN_SLOTS, verdict_job, &none, JOB_SECONDS, judged))
        judged(box, false);
}
