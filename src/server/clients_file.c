/* SPDX-License-Identifier: Apache-2.0 */
#include "server/clients_file.h"

#include <stdio.h>

void clients_file_changed(struct server *s)
{
    struct clients_file *f = &s->clients_file;
    if (f->busy) {
        f->again = true;
        return;
    }
    *f = (struct clients_file){.busy = true};
}

bool clients_file_busy(const struct server *s)
{
    return s->clients_file.busy;
}

static void finish(struct server *s, bool failed)
{
    struct clients_file *f = &s->clients_file;
    bool again = f->again;
    *f = (struct clients_file){.failed = failed};
    if (failed)
        log_write(&s->log, LOG_ERROR, "clients",
                  "%s could not be written; the change is lost at the next start", CLIENTS_FILE);
    if (again)
        clients_file_changed(s);
}

/* Waits for what was sent. False while it is under way; a failure ends the rewriting. */
static bool is_settled(struct server *s)
{
    struct clients_file *f = &s->clients_file;
    int error;
    if (f->ticket == 0)
        return true;
    enum ask ask = disk_ask(&s->disk, f->ticket, &error);
    if (ask == ASK_WAIT)
        return false;
    if (ask == ASK_FAILED || f->replacing) {
        finish(s, ask == ASK_FAILED);
        return false;
    }
    return true;
}

static void write_next(struct server *s)
{
    struct clients_file *f = &s->clients_file;
    char part[DISK_BYTES_MAX];
    struct disk_request request = {.op = DISK_PART, .offset = f->offset};
    struct buf out = buf_over(part, sizeof part);
    bool more = clients_write_entry(s->clients, f->at, &out);
    if (!more) {
        request.op = DISK_REPLACE;
        snprintf(request.name, sizeof request.name, "%s", CLIENTS_FILE);
    }
    uint64_t ticket = disk_send(&s->disk, &request, buf_span(&out));
    if (ticket == 0)
        return;
    f->ticket = ticket;
    f->replacing = !more;
    f->offset += (uint32_t)out.len;
    f->at++;
}

void clients_file_turn(struct server *s)
{
    if (s->clients_file.busy && is_settled(s))
        write_next(s);
}
