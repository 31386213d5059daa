/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "keymgr/local_state.h"

/* Segments that the log may have beyond twice what lives. */
#define SPARE_SEGMENTS 3
/* Steps of emptying a segment in one turn; most wait for the disk. */
#define CLEAN_STEPS_A_TURN 8

bool local_append_check(struct local_keymgr *l, struct log_place *place)
{
    if (!log_append(&l->log, ENTRY_CHECK, span_of(l->check, CHECK_BYTES), span_of(NULL, 0), place))
        return false;
    l->check_segment = place->segment;
    return true;
}

static bool garbage_prevails(const struct local_keymgr *l)
{
    uint32_t segments = l->log.newest + 1 - l->oldest;
    return l->oldest != 0 &&
           segments > 2 * (uint32_t)(l->live_bytes / LOG_SEGMENT_BYTES + 1) + SPARE_SEGMENTS;
}

/* What was appended anew after the disk refused something may be lost: it is looked at again another time. */
static void give_up_cleaning(struct local_keymgr *l)
{
    l->cleaning.segment = 0;
}

static bool removal_under_way(const struct local_keymgr *l, uint64_t id)
{
    for (size_t i = 0; i < KEYMGR_CALLS; i++) {
        const struct local_call *c = &l->calls[i];
        if ((c->phase == CALL_ON_DISK || c->phase == CALL_QUEUED) && c->call.kind == KEYMGR_DELETE &&
            record_id_read(c->call.record_id) == id)
            return true;
    }
    return false;
}

/* Asks for the next record of the segment; or goes on to the flush when there is none. */
static void clean_look(struct local_keymgr *l, struct local_cleaning *n)
{
    for (; n->at < l->capacity; n->at++) {
        const struct local_record *r = &l->records[n->at];
        if (r->id == 0 || r->segment != n->segment)
            continue;
        if (removal_under_way(l, r->id))
            return; /* gone in a moment */
        struct disk_request request = {.op = DISK_READ,
                                       .number = r->segment,
                                       .offset = r->offset + ENTRY_HEADER,
                                       .len = r->len + PUT_HEAD};
        snprintf(request.name, sizeof request.name, "%s", LOCAL_LOG);
        n->place.ticket = disk_send(l->disk, &request, span_of(NULL, 0));
        n->id = r->id;
        n->again = true;
        if (n->place.ticket != 0)
            n->step = CLEAN_READ;
        return;
    }
    if (n->again) {
        n->again =
            false; /* removals move records about in the table: once more, until a whole pass finds none */
        n->at = 0;
        return;
    }
    if (l->check_segment == n->segment && !local_append_check(l, &n->place))
        return;
    n->step = CLEAN_FLUSH;
}

static void clean_read(struct local_keymgr *l, struct local_cleaning *n)
{
    int error;
    enum ask ask = disk_ask(l->disk, n->place.ticket, &error);
    if (ask == ASK_WAIT)
        return;
    n->len = l->disk->read_len;
    if (ask == ASK_FAILED || l->disk->read_ticket != n->place.ticket || n->len <= PUT_HEAD ||
        be64_get(l->disk->read + PUT_ID_AT) != n->id) {
        give_up_cleaning(l);
        return;
    }
    if (records_find(l, n->id) == NULL || removal_under_way(l, n->id)) {
        n->step = CLEAN_LOOK; /* a copy behind its DELETE would come back to life */
        return;
    }
    memcpy(n->data, l->disk->read, n->len);
    n->step = CLEAN_APPEND;
}

/* The place in the table changes when the copy is flushed; until then readers use the old one. */
static void clean_append(struct local_keymgr *l, struct local_cleaning *n)
{
    int error;
    if (n->len != 0 && removal_under_way(l, n->id)) {
        n->step = CLEAN_LOOK;
        return;
    }
    if (n->len != 0) {
        if (log_append(&l->log, ENTRY_PUT, span_of(n->data, n->len), span_of(NULL, 0), &n->place))
            n->len = 0;
        return;
    }
    enum ask ask = disk_ask(l->disk, n->place.ticket, &error);
    if (ask == ASK_WAIT)
        return;
    struct local_record *r = records_find(l, n->id);
    if (ask == ASK_FAILED) {
        give_up_cleaning(l);
        return;
    }
    if (r == NULL) {
        /* Removed meanwhile: its DELETE stands before the copy, so it is said again. */
        uint8_t id[DELETE_BYTES];
        be64_put(id, n->id);
        if (!log_append(&l->log, ENTRY_DELETE, span_of(id, sizeof id), span_of(NULL, 0), &n->place))
            return;
    } else {
        r->segment = n->place.segment;
        r->offset = n->place.offset;
    }
    n->step = CLEAN_LOOK;
}

static void clean_flush(struct local_keymgr *l, struct local_cleaning *n)
{
    int error;
    enum ask ask = n->place.ticket == 0 ? ASK_READY : disk_ask(l->disk, n->place.ticket, &error);
    if (ask == ASK_WAIT)
        return;
    if (ask == ASK_FAILED || l->disk->failures != n->failures) {
        give_up_cleaning(l);
    } else if (n->step == CLEAN_DROP) {
        l->oldest = n->segment + 1;
        n->segment = 0;
    } else if (log_drop(&l->log, n->segment, &n->place.ticket)) {
        n->step = CLEAN_DROP;
    }
}

/* One step. False when it has to wait for the disk. */
static bool clean_step(struct local_keymgr *l, struct local_cleaning *n)
{
    uint64_t ticket = n->place.ticket;
    int step = (int)n->step;
    bool again = n->again;
    switch (n->step) {
    case CLEAN_LOOK:
        clean_look(l, n);
        break;
    case CLEAN_READ:
        clean_read(l, n);
        break;
    case CLEAN_APPEND:
        clean_append(l, n);
        break;
    case CLEAN_FLUSH:
    case CLEAN_DROP:
        clean_flush(l, n);
        break;
    }
    return ticket != n->place.ticket || step != (int)n->step || again != n->again;
}

void local_clean(struct local_keymgr *l)
{
    struct local_cleaning *n = &l->cleaning;
    if (l->oldest == 0)
        l->oldest = l->log.segment.number;
    if (n->segment == 0) {
        if (!garbage_prevails(l) || l->oldest == l->log.segment.number)
            return;
        n->segment = l->oldest;
        n->at = 0;
        n->step = CLEAN_LOOK;
        n->place.ticket = 0;
        n->failures = l->disk->failures;
    }
    for (int steps = 0; steps < CLEAN_STEPS_A_TURN && n->segment != 0 && clean_step(l, n); steps++)
        continue;
}
