/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/update_jobs.h"

#include <stdio.h>

#include "init/boots.h"
#include "init/files.h"
#include "init/unlock.h"
#include "init/usb_jobs.h"
#include "server/keymanager.h"

/* milliseconds that a download may take: 8 MiB over a slow line */
#define DOWNLOAD_MS 600000
#define WORD_MAX    220

struct update_box update_box_of(const struct box *box, struct update_names *room)
{
    snprintf(room->device, sizeof room->device, "/dev/%s", box->esp_part);
    return (struct update_box){.esp = {.device = room->device,
                                       .folder = "/run/esp",
                                       .efivars = "/sys/firmware/efi/efivars",
                                       .version = box->version},
                               .usb = usb_place_of(box),
                               .self = {.version = box->version,
                                        .board = box->board,
                                        .arch = box->architecture,
                                        .epoch = box->epoch},
                               .keys = RELEASE_FOLDER,
                               .proxy = box->config.keymanager_proxy,
                               .timeout_ms = DOWNLOAD_MS};
}

static void word_at(const struct job_call *call, size_t i, char word[WORD_MAX])
{
    word[0] = 0;
    if (i < call->count && call->words[i].len < WORD_MAX)
        snprintf(word, WORD_MAX, "%.*s", (int)call->words[i].len, (const char *)call->words[i].ptr);
}

bool show_boot_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    (void)box;
    (void)why;
    (void)cap;
    boots_show(BOOTS_FILE, call->out);
    return true;
}

bool show_update_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    struct update_box update = update_box_of(box, &room);
    return update_status(&update, call->out, why, cap);
}

/* What the key manager is trusted by; when that cannot be read, what is built in. */
static void take_roots(const struct box *box, char room[KEYMANAGER_ROOTS], struct update_box *update, int out)
{
    char why[300];
    if (!keymanager_roots(&box->config, room, &update->roots, why, sizeof why))
        dprintf(out, "%s; the built-in roots are used\n", why);
}

/* update check [URL] */
bool update_check_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    char url[WORD_MAX], roots[KEYMANAGER_ROOTS];
    struct update_box update = update_box_of(box, &room);
    word_at(call, 2, url);
    if (url[0] == 0)
        snprintf(url, sizeof url, "%s", box->config.update_url);
    take_roots(box, roots, &update, call->out);
    if (url[0] != 0)
        return update_check(&update, url, call->out, why, cap);
    snprintf(why, cap, "name an address, or set update url");
    return false;
}

/* The key slot for what was written: without it the box would wait for its recovery key after the restart. */
static bool prepare_seal(struct box *box, const struct update_box *update, int out, char *why, size_t cap)
{
    struct esp esp;
    char running[400], next[400], ignored[200];
    if (!esp_open(&esp, &update->esp, false, why, cap))
        return false;
    const struct esp_slot *waiting = esp_waiting(&esp);
    bool good = esp.running >= 0 && waiting != NULL;
    if (good) {
        snprintf(running, sizeof running, "%s/%s", esp.folder, esp.slots[esp.running].file);
        snprintf(next, sizeof next, "%s/%s", esp.folder, waiting->file);
        good = unlock_prepare(box, running, next, waiting->version, out, why, cap);
    } else {
        snprintf(why, cap,
                 "which image runs is not known: the seal was not prepared; have the recovery key at hand");
    }
    esp_close(&esp, ignored, sizeof ignored);
    return good;
}

bool update_from_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    char where[WORD_MAX], file[WORD_MAX], roots[KEYMANAGER_ROOTS], seal_why[200];
    struct update_box update = update_box_of(box, &room);
    word_at(call, 2, where);
    word_at(call, 3, file);
    take_roots(box, roots, &update, call->out);
    bool good = strcmp(where, "usb") == 0 ? update_from_usb(&update, file, call->out, why, cap)
                                          : update_from_url(&update, where, call->out, why, cap);
    if (!good)
        return false;
    if (box->phase == PHASE_SERVING && !prepare_seal(box, &update, call->out, seal_why, sizeof seal_why))
        dprintf(call->out, "  seal for the new version                     WARN\n     %s\n", seal_why);
    dprintf(call->out, "It is tried at the next restart: update apply\n");
    return true;
}

bool update_apply_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    char version[VERSION_MAX];
    struct update_box update = update_box_of(box, &room);
    if (!update_ready(&update, version, why, cap))
        return false;
    if (!file_replace(BEFORE_FILE, span_of_text(box->health.state), 0600))
        dprintf(call->out, "what the state is now cannot be written down\n");
    dprintf(call->out, "%s is tried after the restart, and kept when it serves\n", version);
    return restart_job(box, call, why, cap);
}

bool update_rollback_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    struct update_box update = update_box_of(box, &room);
    return update_rollback(&update, call->out, why, cap);
}

/* Before this boot's line is there, the last line is another's. */
static void note_end(const struct box *box, enum boot_end end)
{
    if (box->slot_known && !boots_end(BOOTS_FILE, end))
        return; /* show boot will say that power was lost: not worth staying for */
}

bool restart_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    (void)call;
    (void)why;
    (void)cap;
    note_end(box, BOOT_RESTART);
    return true;
}

bool halt_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    (void)call;
    (void)why;
    (void)cap;
    note_end(box, BOOT_HALT);
    return true;
}

void power_done(struct box *box, bool good)
{
    if (good)
        box->phase = PHASE_GOING;
}

void halt_done(struct box *box, bool good)
{
    box->halt = good;
    power_done(box, good);
}
