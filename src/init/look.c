/* SPDX-License-Identifier: Apache-2.0 */
#include "init/look.h"

#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "init/init.h"
#include "init/revisions.h"

#define LOG_LINES 20

void look_tpm(struct buf *out)
{
    buf_add_text(out, access("/dev/tpmrm0", F_OK) == 0 ? "TPM 2.0" : "none");
}

static uint64_t seconds_until(const struct box *box, uint64_t mono_ms)
{
    return mono_ms > box->now.mono_ms ? (mono_ms - box->now.mono_ms + 999) / 1000 : 0;
}

static void write_random(const struct box *box, struct buf *out)
{
    uint64_t since = box->random_ms - box->started_ms;
    if (box->random_ms == 0)
        buf_add_text(out, "random waiting for the kernel's generator: no key is made before\n");
    else
        buf_print(out, "random ready after %llu.%llu s\n", (unsigned long long)(since / 1000),
                  (unsigned long long)(since / 100 % 10));
}

const char *look_state(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    bool set_up = box->phase == PHASE_LOCKED || box->phase == PHASE_SERVING;
    (void)words;
    (void)count;
    buf_print(out, "name %s\nversion %s\nboard %s\nserial %s\n", box->name, box->version, box->board,
              box->serial);
    bool locked = box->phase == PHASE_LOCKED && box->unlock_asked;
    buf_print(out, "configured %s\nlocked %s\ndata %s\n", set_up ? "yes" : "no", locked ? "yes" : "no",
              box->phase == PHASE_NO_DATA ? "no" : "yes");
    bool starting = (box->phase == PHASE_SERVING || !box->unlock_asked) && box->serve.failures == 0 &&
                    box->health.answered_ms == 0;
    buf_print(out, "serve %s\n", box->health.state[0] != 0 ? box->health.state : starting ? "starting" : "-");
    buf_print(out, "revision %u\ntrial %llu\n", box->revision,
              (unsigned long long)(box->trial_ms == 0 ? 0 : seconds_until(box, box->trial_ms)));
    net_write_state(&box->net, out);
    buf_add_text(out, "tpm ");
    look_tpm(out);
    buf_add_text(out, "\n");
    write_random(box, out);
    buf_add_text(out, "clock ");
    timekeeper_write_line(&box->time, out);
    buf_print(out, "\nidle %llu\nlogin-wait %llu\nbanner %s\n",
              (unsigned long long)(box->config.admin_idle_ms / 1000),
              (unsigned long long)seconds_until(box, box->login_ms), box->config.admin_banner);
    for (size_t i = 0; i < FAULTS_MAX; i++)
        if (box->faults[i][0] != 0)
            buf_print(out, "fault %s\n", box->faults[i]);
    buf_print(out, "log %llu\n", (unsigned long long)(box->ring.next - 1));
    return NULL;
}

const char *look_log(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    uint64_t from = box->ring.next > LOG_LINES ? box->ring.next - LOG_LINES : 1;
    if (count > 1 && number_read(words[1], UINT64_MAX, &from) != STATUS_OK)
        return "log [number of the first line]";
    ring_write(&box->ring, from, out);
    return NULL;
}

const char *look_revisions(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    (void)words;
    (void)count;
    revision_list(box->revision, out);
    return NULL;
}

const char *look_interfaces(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    (void)words;
    (void)count;
    net_write(&box->net, box->now, out);
    return NULL;
}

const char *look_time(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    (void)words;
    (void)count;
    timekeeper_write(&box->time, box->now, out);
    return NULL;
}

const char *look_identity(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    (void)words;
    (void)count;
    buf_print(out, "serial number %s\nboard %s, %s\nTPM ", box->serial, box->board, box->architecture);
    look_tpm(out);
    buf_print(out, "\nsoftware %s, security epoch %u\n", box->version, box->epoch);
    return NULL;
}

const char *look_confirm(struct box *box, const struct span *words, size_t count, struct buf *out)
{
    static const char failed[] = "it could not be stored; see show log. It still goes back";
    char why[200];
    (void)words;
    (void)count;
    if (box->trial_ms == 0)
        return "no revision is on trial";
    if (!revision_keep(box->revision, why, sizeof why)) {
        log_write(&box->log, LOG_ERROR, "init", "%s", why);
        return failed;
    }
    box->trial_ms = 0;
    buf_print(out, "revision %u is kept\n", box->revision);
    return NULL;
}
