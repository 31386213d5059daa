/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/provision.h"

#include <stdio.h>
#include <sys/mman.h>

#include "base/folder.h"
#include "base/text.h"
#include "base/wipe.h"
#include "init/init.h"
#include "init/seed.h"
#include "init/update_jobs.h"
#include "init/usb_jobs.h"

#define LOOK_MS      3000
#define SEED_SECONDS 300

/* ---- in jobs ---- */

/* "@client NAME BASE64" */
static bool read_client(struct span line, struct setup_wish *wish, char *why, size_t cap)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(line, words);
    if (wish->client_count == SETUP_CLIENTS) {
        snprintf(why, cap, "at most %d clients at once; add the others afterwards", SETUP_CLIENTS);
        return false;
    }
    struct setup_client *client = &wish->clients[wish->client_count];
    if (count != 3 || words[1].len == 0 || words[1].len > NAME_MAX_BYTES ||
        base64_read(words[2], client->der, sizeof client->der, &client->len) != STATUS_OK) {
        snprintf(why, cap,
                 "a client is: @client NAME CERTIFICATE, a certificate of at most %d bytes in base64",
                 CERTIFICATE_MAX);
        return false;
    }
    snprintf(client->name, sizeof client->name, "%.*s", (int)words[1].len, (const char *)words[1].ptr);
    wish->client_count++;
    return true;
}

static bool read_clients(struct span body, struct setup_wish *wish, char *why, size_t cap)
{
    struct span line;
    while (line_next(&body, &line))
        if (line.len > 8 && memcmp(line.ptr, "@client ", 8) == 0 && !read_client(line, wish, why, cap))
            return false;
    return true;
}

bool setup_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct setup_wish wish = {.client_count = 0};
    char text[CONFIG_BYTES];
    uint8_t passphrase[PASSPHRASE_MAX], api_key[API_KEY_MAX];
    size_t passphrase_len, api_key_len;
    struct buf lines = buf_over(text, sizeof text);
    struct span body = call->body, line;
    while (job_next_line(&body, &line))
        buf_print(&lines, "%.*s\n", (int)line.len, (const char *)line.ptr);
    bool good = job_secret_bytes(call->body, "passphrase", passphrase, sizeof passphrase, &passphrase_len) &&
                job_secret_bytes(call->body, "api-key", api_key, sizeof api_key, &api_key_len);
    if (!good || lines.full)
        snprintf(why, cap, "%s", good ? "a configuration has at most 64 KiB" : "a secret is too long");
    good = good && !lines.full && read_clients(call->body, &wish, why, cap);
    wish.config = buf_span(&lines);
    if (good) {
        wish.passphrase = span_of(passphrase, passphrase_len);
        wish.api_key = span_of(api_key, api_key_len);
        good = setup_run(box, &wish, call->out, why, cap);
    }
    wipe(passphrase, sizeof passphrase);
    wipe(api_key, sizeof api_key);
    return good;
}

static bool set_up_seed(void *self, const struct setup_wish *wish, int out, char *why, size_t cap)
{
    return setup_run(self, wish, out, why, cap);
}

static bool seed_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct update_names room;
    struct update_box update = update_box_of(box, &room);
    struct usb_place usb = usb_place_of(box);
    struct seed_wish wish = {
        .serial = box->serial, .now_s = box->now.unix_s, .setup = set_up_seed, .self = box};
    struct seed *seed = mmap(NULL, sizeof *seed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (seed == MAP_FAILED)
        return true;
    enum seed_answer answer = seed_look(&usb, &update.esp, &wish, seed, call->out, why, cap);
    if (answer == SEED_DONE)
        log_write(&box->log, LOG_WARNING, "init", "set up by a seed; the stick can be taken out");
    return answer != SEED_REFUSED;
}

/* ---- in process 1 ---- */

void setup_done(struct box *box, bool good)
{
    if (good)
        init_go_on(box);
}

static void seed_done(struct box *box, bool good)
{
    box_fault(box, FAULT_SEED,
              good ? NULL : "the seed was refused: holdfast.result.txt beside it says why; see show log");
    init_go_on(box);
}

/* Changes when a disk or partition comes or goes. */
static uint32_t count_volumes(void)
{
    struct folder folder;
    const char *name;
    uint32_t sum = 1;
    folder_open(&folder, "/sys/class/block");
    while ((name = folder_next(&folder)) != NULL)
        for (const char *c = name; *c != 0; c++)
            sum = sum * 31 + (uint8_t)*c;
    folder_close(&folder);
    return sum;
}

void provision_turn(struct box *box, uint64_t *deadline)
{
    const struct job_call none = {.out = -1};
    if (box->phase != PHASE_ENTRY || job_is_running(box, OWN_SEED))
        return;
    if (box->now.mono_ms >= box->seed_ms) {
        uint32_t volumes = count_volumes();
        box->seed_ms = box->now.mono_ms + LOOK_MS;
        if (volumes != box->seed_volumes &&
            job_start(box, OWN_SEED, seed_job, &none, SEED_SECONDS, seed_done))
            box->seed_volumes = volumes;
    }
    if (box->seed_ms < *deadline)
        *deadline = box->seed_ms;
}
