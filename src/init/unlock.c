/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/unlock.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "init/admin.h"
#include "init/files.h"
#include "init/init.h"
#include "seal/seal.h"

/* Longest text of a recovery key that is looked at: typed with blanks and line ends. */
#define REPORT_BYTES 2000

/* ---- the slots on the disk, the key in memory ---- */

static bool load_slots(struct seal_slots *slots, char *why, size_t cap)
{
    char text[SEAL_TEXT_MAX];
    size_t line = 0;
    struct buf in = buf_over(text, sizeof text);
    enum status status = file_read(SLOTS_FILE, &in);
    if (status != STATUS_OK) {
        snprintf(why, cap, "%s: %s", SLOTS_FILE,
                 status == STATUS_NOT_FOUND ? "it is not there" : strerror(errno));
        return false;
    }
    status = seal_slots_read(buf_span(&in), slots, &line);
    wipe(text, sizeof text);
    if (status != STATUS_OK)
        snprintf(why, cap, "%s: line %zu is damaged; the recovery key cannot be used either", SLOTS_FILE,
                 line);
    return status == STATUS_OK;
}

static bool save_slots(const struct seal_slots *slots, char *why, size_t cap)
{
    char text[SEAL_TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    seal_slots_write(slots, &out);
    bool good = !out.full && file_replace(SLOTS_FILE, buf_span(&out), 0600);
    if (!good)
        snprintf(why, cap, "%s: %s", SLOTS_FILE, strerror(errno));
    wipe(text, sizeof text);
    return good;
}

bool unlock_put_key(struct box *box, const uint8_t key[SEAL_KEY_BYTES], char *why, size_t cap)
{
    if (pwrite(box->key_fd, key, SEAL_KEY_BYTES, 0) == SEAL_KEY_BYTES)
        return true;
    snprintf(why, cap, "the server cannot be given its key: %s", strerror(errno));
    return false;
}

static bool take_key(const struct box *box, uint8_t key[SEAL_KEY_BYTES], char *why, size_t cap)
{
    if (pread(box->key_fd, key, SEAL_KEY_BYTES, 0) == SEAL_KEY_BYTES)
        return true;
    snprintf(why, cap, "the box is locked: log in first");
    return false;
}

/* ---- which slots there are ---- */

/* The slots that the mode asks for, in the place of those of the other modes. */
static bool set_mode(struct box *box, struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES],
                     enum unlock_mode mode, struct span passphrase, char *why, size_t cap)
{
    const struct seal_place place = seal_place_default();
    char seal_why[SEAL_WHY] = "";
    static const enum seal_kind kinds[] = {SEAL_FILE, SEAL_PASSPHRASE, SEAL_TPM2, SEAL_TPM2};
    if (mode == UNLOCK_PASSPHRASE && passphrase.len == 0) {
        snprintf(why, cap, "unlock passphrase needs the administrator's passphrase with it");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (seal_slots_remove(slots, kinds[i], NULL) != STATUS_OK)
            continue; /* there was none */
    if (mode == UNLOCK_FILE)
        seal_add_file(slots, key);
    else if (mode == UNLOCK_PASSPHRASE)
        seal_add_passphrase(slots, key, passphrase);
    else if (seal_add_tpm(&place, slots, key, box->version, seal_why) != STATUS_OK) {
        snprintf(why, cap, "unlock tpm: %s", seal_why);
        return false;
    }
    return true;
}

bool unlock_enrol(struct box *box, const uint8_t key[SEAL_KEY_BYTES], enum unlock_mode mode,
                  struct span passphrase, int out, char *why, size_t cap)
{
    struct seal_slots slots = {.count = 0};
    char shown[RECOVERY_TEXT + 1];
    bool good = set_mode(box, &slots, key, mode, passphrase, why, cap);
    if (good) {
        seal_add_recovery(&slots, key, shown);
        good = save_slots(&slots, why, cap);
    }
    if (good)
        dprintf(out, "RECOVERY %s\n", shown);
    wipe(shown, sizeof shown);
    wipe(&slots, sizeof slots);
    return good;
}

/* Whether the passphrase that came with a command is the administrator's. */
static bool is_admin(const struct job_call *call, const char *secret, uint8_t room[PASSPHRASE_MAX],
                     struct span *passphrase, char *why, size_t cap)
{
    size_t len;
    if (!job_secret_bytes(call->body, secret, room, PASSPHRASE_MAX, &len) || len == 0) {
        snprintf(why, cap, "the passphrase has to come with it");
        return false;
    }
    *passphrase = span_of(room, len);
    enum status status = admin_check(*passphrase);
    if (status == STATUS_FAILED)
        snprintf(why, cap, "%s cannot be used: log in as recover, or as reset", ADMIN_FILE);
    else if (status != STATUS_OK)
        snprintf(why, cap, "wrong passphrase");
    return status == STATUS_OK;
}

bool unlock_change(struct box *box, enum unlock_mode mode, const struct job_call *call, char *why, size_t cap)
{
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES], room[PASSPHRASE_MAX];
    struct span passphrase = span_of(NULL, 0);
    bool good = (mode != UNLOCK_PASSPHRASE || is_admin(call, "passphrase", room, &passphrase, why, cap)) &&
                take_key(box, key, why, cap) && load_slots(&slots, why, cap) &&
                set_mode(box, &slots, key, mode, passphrase, why, cap) && save_slots(&slots, why, cap);
    wipe(key, sizeof key);
    wipe(room, sizeof room);
    return good;
}

bool unlock_prepare(struct box *box, const char *running_image, const char *next_image, const char *label,
                    int out, char *why, size_t cap)
{
    const struct seal_place place = seal_place_default();
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES];
    char seal_why[SEAL_WHY] = "";
    if (box->config.unlock != UNLOCK_TPM)
        return true;
    if (!take_key(box, key, why, cap) || !load_slots(&slots, why, cap))
        return false;
    /* Two places: the running image's, and this one's. */
    for (size_t i = 0; i < slots.count; i++)
        if (slots.slot[i].kind == SEAL_TPM2 && strcmp(slots.slot[i].label, box->version) != 0 &&
            seal_slots_remove(&slots, SEAL_TPM2, slots.slot[i].label) == STATUS_OK)
            break;
    bool good =
        seal_add_tpm_for(&place, &slots, key, running_image, next_image, label, seal_why) == STATUS_OK;
    if (!good)
        snprintf(why, cap, "%s", seal_why);
    good = good && save_slots(&slots, why, cap);
    wipe(key, sizeof key);
    if (good)
        dprintf(out, "  seal for %-20s prepared          ok\n", label);
    return good;
}

/* ---- opening ---- */

bool unlock_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    const struct seal_place place = seal_place_default();
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES];
    char text[REPORT_BYTES];
    struct buf report = buf_over(text, sizeof text);
    (void)call;
    if (!load_slots(&slots, why, cap))
        return false;
    enum status status = seal_open_any(&place, &slots, key, &report);
    struct span rest = buf_span(&report), line;
    while (line_next(&rest, &line))
        log_write(&box->log, LOG_INFO, "seal", "%.*s", (int)line.len, (const char *)line.ptr);
    bool good = status == STATUS_OK && unlock_put_key(box, key, why, cap);
    if (status != STATUS_OK)
        snprintf(why, cap, "%s",
                 status == STATUS_NOT_FOUND ? "the box waits for its passphrase"
                                            : "no key slot opens by itself; show seal tells why");
    wipe(key, sizeof key);
    wipe(&slots, sizeof slots);
    return good;
}

/* With the passphrase, on a box that waits for it. Without such a slot the login is good all the same. */
static bool open_with(struct box *box, struct span passphrase, const struct job_call *call, char *why,
                      size_t cap)
{
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES];
    if (init_has_key(box))
        return true;
    if (!load_slots(&slots, why, cap)) {
        dprintf(call->out,
                "The box stays locked: %s.\nSave what there is (config export), then log in as reset.\n",
                why);
        return true;
    }
    enum status status = seal_open_passphrase(&slots, passphrase, key);
    bool good = status == STATUS_OK && unlock_put_key(box, key, why, cap);
    if (status != STATUS_OK)
        dprintf(call->out,
                "The box stays locked: its key slots do not open with the passphrase. See show seal;\n"
                "log in as recover with the recovery key.\n");
    wipe(key, sizeof key);
    wipe(&slots, sizeof slots);
    return good || status != STATUS_OK;
}

bool login_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    uint8_t room[PASSPHRASE_MAX];
    struct span passphrase;
    bool good = is_admin(call, "passphrase", room, &passphrase, why, cap) &&
                open_with(box, passphrase, call, why, cap);
    wipe(room, sizeof room);
    return good;
}

void login_done(struct box *box, bool good)
{
    box->login_busy = false;
    box->login_failures = good ? 0 : box->login_failures + 1;
    if (good)
        log_write(&box->log, LOG_INFO, "login", "somebody has logged in at a console");
    else
        log_write(&box->log, LOG_WARNING, "login", "a login was refused, %u in a row", box->login_failures);
    box->login_ms = box->now.mono_ms + 1000ull * admin_wait(box->login_failures);
    if (good)
        init_go_on(box);
}

/* The slots again as the configuration wants them, since something was wrong with them. */
static bool seal_anew(struct box *box, struct seal_slots *slots, const uint8_t key[SEAL_KEY_BYTES],
                      struct span passphrase, const struct job_call *call)
{
    char why[200];
    enum unlock_mode mode = (enum unlock_mode)box->config.unlock;
    if (mode == UNLOCK_PASSPHRASE && passphrase.len == 0)
        return true;
    if (set_mode(box, slots, key, mode, passphrase, why, sizeof why) && save_slots(slots, why, sizeof why)) {
        dprintf(call->out, "the key slots are made anew\n");
        return true;
    }
    dprintf(call->out, "open for now; the key slots could not be made anew: %s\n", why);
    return false;
}

bool recover_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES], room[PASSPHRASE_MAX];
    char seal_why[SEAL_WHY] = "";
    size_t len;
    if (!job_secret_bytes(call->body, "passphrase", room, sizeof room, &len)) {
        snprintf(why, cap, "a passphrase has %d to %d characters", PASSPHRASE_MIN, PASSPHRASE_MAX);
        return false;
    }
    if (!load_slots(&slots, why, cap))
        return false;
    enum status status = seal_open_recovery(&slots, job_secret(call->body, "recovery"), key, seal_why);
    if (status != STATUS_OK)
        snprintf(why, cap, "%s",
                 status == STATUS_MALFORMED ? seal_why : "this is not the recovery key of this box");
    bool good = status == STATUS_OK && unlock_put_key(box, key, why, cap) &&
                (len == 0 || admin_store(span_of(room, len), why, cap));
    if (good) {
        admin_forgive();
        seal_anew(box, &slots, key, span_of(room, len), call);
    }
    wipe(key, sizeof key);
    wipe(room, sizeof room);
    wipe(&slots, sizeof slots);
    return good;
}

bool passphrase_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES], old[PASSPHRASE_MAX], room[PASSPHRASE_MAX];
    struct span ignored;
    size_t len;
    bool good = is_admin(call, "old", old, &ignored, why, cap);
    if (good &&
        (!job_secret_bytes(call->body, "passphrase", room, sizeof room, &len) || len < PASSPHRASE_MIN)) {
        snprintf(why, cap, "a passphrase has %d to %d characters", PASSPHRASE_MIN, PASSPHRASE_MAX);
        good = false;
    }
    /* The slot first: a power cut in between leaves the old login, and the box opens with the new one typed
     * twice. */
    if (good && box->config.unlock == UNLOCK_PASSPHRASE)
        good = take_key(box, key, why, cap) && load_slots(&slots, why, cap) &&
               set_mode(box, &slots, key, UNLOCK_PASSPHRASE, span_of(room, len), why, cap) &&
               save_slots(&slots, why, cap);
    good = good && admin_store(span_of(room, len), why, cap);
    wipe(key, sizeof key);
    wipe(old, sizeof old);
    wipe(room, sizeof room);
    return good;
}

bool recovery_key_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES], room[PASSPHRASE_MAX];
    char shown[RECOVERY_TEXT + 1];
    struct span ignored;
    bool good = is_admin(call, "passphrase", room, &ignored, why, cap) && take_key(box, key, why, cap) &&
                load_slots(&slots, why, cap);
    if (good) {
        seal_add_recovery(&slots, key, shown);
        good = save_slots(&slots, why, cap);
        if (good)
            dprintf(call->out, "RECOVERY %s\n", shown);
        wipe(shown, sizeof shown);
    }
    wipe(key, sizeof key);
    wipe(room, sizeof room);
    wipe(&slots, sizeof slots);
    return good;
}

/* ---- looking ---- */

static const char *mode_text(const struct box *box)
{
    static const char *const texts[] = {"file: the secrets on this disk are NOT protected",
                                        "tpm: the secrets open on this box alone",
                                        "passphrase: the secrets open when an administrator logs in"};
    return box->config.unlock < COUNT_OF(texts) ? texts[box->config.unlock] : "?";
}

bool show_seal_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    dprintf(call->out, "unlock %s\n", mode_text(box));
    return test_seal_job(box, call, why, cap);
}

bool test_seal_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    const struct seal_place place = seal_place_default();
    struct seal_slots slots;
    char text[REPORT_BYTES];
    struct buf report = buf_over(text, sizeof text);
    (void)box;
    if (!load_slots(&slots, why, cap))
        return false;
    enum status status = seal_test(&place, &slots, &report);
    dprintf(call->out, "%.*s", (int)report.len, text);
    wipe(&slots, sizeof slots);
    if (status == STATUS_OK)
        return true;
    snprintf(why, cap, "the next start would not open by itself; log in as recover, or commit unlock anew");
    return false;
}
