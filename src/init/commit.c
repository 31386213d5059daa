/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/commit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "init/files.h"
#include "init/init.h"
#include "init/revisions.h"
#include "init/unlock.h"

#define CANDIDATE_FILE  TRY_FOLDER "/candidate.conf"
#define CONFIRM_LONGEST 1440 /* minutes */

/* The body without its secrets. */
static bool lines_of(struct span body, struct buf *out)
{
    struct span line;
    while (job_next_line(&body, &line))
        buf_print(out, "%.*s\n", (int)line.len, (const char *)line.ptr);
    return !out->full;
}

/* What the server's own check writes to standard error, without the file's name and its own. */
static void read_complaint(int fd, char *why, size_t cap)
{
    static const char prefix[] = "holdfast: " CANDIDATE_FILE ":";
    char text[400];
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    const char *from = strncmp(text, prefix, sizeof prefix - 1) == 0 ? text + sizeof prefix - 1 : text;
    bool numbered = from != text;
    if (!numbered && strncmp(text, "holdfast: ", 10) == 0)
        from = text + 10;
    snprintf(why, cap, "%s%.*s", numbered ? "line " : "", (int)strcspn(from, "\n"), from);
}

bool candidate_check(struct span body, int out, struct config *config, char *why, size_t cap)
{
    char text[CONFIG_BYTES];
    char *words[] = {"holdfast", "check", "--config", CANDIDATE_FILE, NULL};
    struct buf lines = buf_over(text, sizeof text);
    int said[2];
    (void)out;
    if (!lines_of(body, &lines)) {
        snprintf(why, cap, "a configuration has at most 64 KiB");
        return false;
    }
    if (!revision_check(buf_span(&lines), config, why, cap))
        return false;
    if (!file_replace(CANDIDATE_FILE, buf_span(&lines), 0644) || pipe(said) != 0) {
        snprintf(why, cap, "%s: %s", CANDIDATE_FILE, strerror(errno));
        return false;
    }
    int code = job_execute(words, said[1], -1);
    close(said[1]);
    if (code != 0)
        read_complaint(said[0], why, cap);
    close(said[0]);
    unlink(CANDIDATE_FILE);
    return code == 0;
}

bool check_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct config config;
    (void)box;
    return candidate_check(call->body, call->out, &config, why, cap);
}

unsigned commit_minutes(const struct span *words, size_t count)
{
    uint64_t minutes = 0;
    for (size_t i = 1; i + 1 < count; i++)
        if (span_equal(words[i], span_of_text("confirm")) &&
            number_read(words[i + 1], CONFIRM_LONGEST, &minutes) == STATUS_OK)
            return (unsigned)minutes;
    return 0;
}

static void note_of(const struct span *words, size_t count, char note[NOTE_MAX + 1])
{
    note[0] = 0;
    for (size_t i = 1; i + 1 < count; i++)
        if (span_equal(words[i], span_of_text("note")))
            snprintf(note, NOTE_MAX + 1, "%.*s", (int)words[i + 1].len, (const char *)words[i + 1].ptr);
}

bool commit_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct config config;
    char note[NOTE_MAX + 1], text[CONFIG_BYTES];
    struct buf lines = buf_over(text, sizeof text);
    bool on_trial = commit_minutes(call->words, call->count) != 0;
    if (box->trial_ms != 0) {
        snprintf(why, cap, "a revision is on trial: confirm it first, or wait until it goes back");
        return false;
    }
    if (!candidate_check(call->body, call->out, &config, why, cap) || !lines_of(call->body, &lines))
        return false;
    if (config.unlock != box->config.unlock && on_trial) {
        snprintf(why, cap, "unlock cannot be on trial: commit it without confirm");
        return false;
    }
    if (config.unlock != box->config.unlock &&
        !unlock_change(box, (enum unlock_mode)config.unlock, call, why, cap))
        return false;
    note_of(call->words, call->count, note);
    uint32_t number = revision_store(buf_span(&lines), note, box->now.unix_s, why, cap);
    if (number == 0 || (!on_trial && !revision_keep(number, why, cap)))
        return false;
    dprintf(call->out, "revision %u %s\n", number,
            on_trial ? "is active, and goes back unless confirmed" : "is active");
    return true;
}

bool config_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    char text[CONFIG_BYTES + 512];
    uint64_t number = box->revision;
    struct buf out = buf_over(text, sizeof text);
    if (call->count > 1 && number_read(call->words[1], 999999, &number) != STATUS_OK)
        number = 0;
    if (number == 0 || revision_read((uint32_t)number, &out) != STATUS_OK) {
        snprintf(why, cap, "there is no such revision; see: show revisions");
        return false;
    }
    dprintf(call->out, "%.*s", (int)out.len, text);
    return true;
}

void commit_done(struct box *box, bool good)
{
    char why[300];
    uint32_t before = box->revision, number = revision_newest(before);
    if (!good)
        return;
    if (!init_apply(box, number, why, sizeof why)) {
        box_fault(box, FAULT_CONFIG, why);
        return;
    }
    if (box->trial_minutes == 0) {
        box_fault(box, FAULT_CONFIG, NULL); /* what was damaged is replaced */
        return;
    }
    box->previous = before;
    box->trial_ms = box->now.mono_ms + 60000ull * box->trial_minutes;
}
