/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/local.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/random.h"

/*
 * Entries of the log `records`:
 *   1 PUT     Unique Identifier (16), generation (4), zero (4), record id (8), record
 *   2 DELETE  record id (8)
 *   3 CHECK   a constant sealed under the root key: tells the right root key from another one
 * The record id is the serial of the entry that the record was first put with; it stays when the entry is
 * appended anew.
 */
enum { ENTRY_PUT = 1, ENTRY_DELETE = 2, ENTRY_CHECK = 3 };
#define PUT_HEAD     32
#define PUT_ID_AT    24
#define DELETE_BYTES 8

static const char check_text[16] = "holdfast root 1";
#define CHECK_BYTES (sizeof check_text + SEAL_OVERHEAD)

/* Segments that the log may have beyond twice what lives. */
#define SPARE_SEGMENTS 3
/* Steps of emptying a segment in one turn; most wait for the disk. */
#define CLEAN_STEPS_A_TURN 8

/* A wrapped key: format 1, zeros, the sealed 32 bytes. */
#define WRAPPED_BYTES (8 + KEK_BYTES + SEAL_OVERHEAD)

/* One living record. The table is a hash by record id, open addressing with linear probing. */
struct local_record {
    uint64_t id; /* 0: free */
    uint8_t uid[UUID_BYTES];
    uint32_t generation;
    uint32_t segment;
    uint32_t offset;
    uint32_t len;
};

enum call_phase { CALL_FREE, CALL_QUEUED, CALL_ON_DISK, CALL_DONE };

struct local_call {
    enum call_phase phase;
    struct keymgr_call call;
    struct keymgr_answer answer;
    struct log_place place;
    uint64_t id; /* that a PUT gives */
    size_t data_len;
    uint8_t data[RECORD_MAX + PUT_HEAD];
};

struct local_keymgr {
    struct disk *disk;
    struct log_writer log;
    bool has_root_key;
    uint8_t root_key[SEAL_KEY_BYTES];
    size_t capacity; /* of the table: a power of two */
    size_t count;
    uint64_t damaged_bytes;
    uint64_t live_bytes;
    bool has_check;
    uint8_t check[CHECK_BYTES];
    uint32_t check_segment;
    uint32_t oldest; /* segment */
    struct local_cleaning {
        uint32_t segment; /* being emptied; 0 none */
        size_t at;        /* place in the table */
        bool again;       /* this pass found something */
        enum { CLEAN_LOOK, CLEAN_READ, CLEAN_APPEND, CLEAN_FLUSH, CLEAN_DROP } step;
        uint64_t failures; /* of the disk when it began */
        uint64_t id;       /* of the record under way */
        struct log_place place;
        size_t len;
        uint8_t data[RECORD_MAX + PUT_HEAD];
    } cleaning;
    struct local_record *records;
    struct local_call calls[KEYMGR_CALLS];
    size_t next_take;
    struct keymgr_listed page[KEYMGR_PAGE];
    struct keymgr_listed deleted[KEYMGR_PAGE]; /* the newest removals, newest first */
    size_t deleted_count;
};

static size_t table_capacity(size_t slots)
{
    size_t capacity = 64;
    while (capacity < slots + slots / 2)
        capacity *= 2;
    return capacity;
}

struct local_keymgr *local_carve(struct region *region, size_t slots)
{
    struct local_keymgr *local = region_take(region, "local key manager", 1, sizeof *local);
    struct local_record *records =
        region_take(region, "local records", table_capacity(slots), sizeof(struct local_record));
    if (local != NULL) {
        local->records = records;
        local->capacity = table_capacity(slots);
    }
    return local;
}

static size_t home_of(const struct local_keymgr *l, uint64_t id)
{
    return (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (l->capacity - 1);
}

static struct local_record *find(struct local_keymgr *l, uint64_t id)
{
    for (size_t i = home_of(l, id); l->records[i].id != 0; i = (i + 1) & (l->capacity - 1))
        if (l->records[i].id == id)
            return &l->records[i];
    return NULL;
}

static struct local_record *insert(struct local_keymgr *l, uint64_t id)
{
    if (l->count + 1 >= l->capacity)
        return NULL;
    size_t i = home_of(l, id);
    while (l->records[i].id != 0)
        i = (i + 1) & (l->capacity - 1);
    l->records[i] = (struct local_record){.id = id};
    l->count++;
    return &l->records[i];
}

/* Removes and closes the gap, so that probing never meets a false end. */
static void erase(struct local_keymgr *l, struct local_record *record)
{
    size_t mask = l->capacity - 1, hole = (size_t)(record - l->records);
    for (size_t i = (hole + 1) & mask; l->records[i].id != 0; i = (i + 1) & mask) {
        size_t home = home_of(l, l->records[i].id);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            l->records[hole] = l->records[i];
            hole = i;
        }
    }
    l->records[hole] = (struct local_record){.id = 0};
    l->count--;
}

static void id_write(uint64_t id, uint8_t out[RECORD_ID_BYTES])
{
    memset(out, 0, RECORD_ID_BYTES);
    be64_put(out + RECORD_ID_BYTES - 8, id);
}

static uint64_t id_read(const uint8_t in[RECORD_ID_BYTES])
{
    return be64_get(in + RECORD_ID_BYTES - 8);
}

/* The bytes that an entry with this payload keeps from being garbage. */
static void place_record(struct local_keymgr *l, struct local_record *r, uint32_t segment, uint32_t offset,
                         size_t payload)
{
    r->segment = segment;
    r->offset = offset;
    r->len = (uint32_t)(payload - PUT_HEAD);
    l->live_bytes += entry_size(payload);
}

static void apply_put(struct local_keymgr *l, const struct entry *e)
{
    uint64_t id = be64_get(e->payload.ptr + PUT_ID_AT);
    struct local_record *r = find(l, id);
    if (r != NULL)
        l->live_bytes -= entry_size(r->len + PUT_HEAD);
    else
        r = insert(l, id);
    if (r == NULL)
        return;
    memcpy(r->uid, e->payload.ptr, UUID_BYTES);
    r->generation = be32_get(e->payload.ptr + UUID_BYTES);
    place_record(l, r, e->segment, e->offset, e->payload.len);
}

static void forget(struct local_keymgr *l, struct local_record *r)
{
    l->live_bytes -= entry_size(r->len + PUT_HEAD);
    erase(l, r);
}

static enum status replay(struct local_keymgr *l, const struct disk_ops *ops, struct log_replay *replay)
{
    struct entry e;
    enum status status;
    log_replay_begin(replay, ops, LOCAL_LOG);
    while ((status = log_replay_next(replay, &e)) == STATUS_OK) {
        if (e.type == ENTRY_PUT && e.payload.len > PUT_HEAD) {
            apply_put(l, &e);
        } else if (e.type == ENTRY_DELETE && e.payload.len == DELETE_BYTES) {
            struct local_record *r = find(l, be64_get(e.payload.ptr));
            if (r != NULL)
                forget(l, r);
        } else if (e.type == ENTRY_CHECK && e.payload.len == CHECK_BYTES) {
            memcpy(l->check, e.payload.ptr, CHECK_BYTES);
            l->has_check = true;
            l->check_segment = e.segment;
        }
    }
    l->damaged_bytes = replay->damaged_bytes;
    l->oldest = ops->next_number(ops->self, LOCAL_LOG, 0);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Under a temporary name first: half a root key must never stand in the place of a whole one. */
static enum status write_new_root_key(struct local_keymgr *l, const struct disk_ops *ops)
{
    static const char temporary[] = LOCAL_ROOT_KEY_FILE ".tmp";
    random_bytes(l->root_key, sizeof l->root_key);
    int file = ops->open(ops->self, temporary, true);
    if (file < 0)
        return STATUS_FAILED;
    int64_t n = ops->truncate(ops->self, file, 0);
    if (n >= 0)
        n = ops->write_at(ops->self, file, l->root_key, sizeof l->root_key, 0);
    if (n >= 0)
        n = ops->flush(ops->self, file);
    ops->close(ops->self, file);
    if (n >= 0)
        n = ops->rename(ops->self, temporary, LOCAL_ROOT_KEY_FILE);
    return n >= 0 && ops->flush_folder(ops->self) >= 0 ? STATUS_OK : STATUS_FAILED;
}

/* Whether this is the root key that the records were wrapped under. */
static bool root_key_is_right(const struct local_keymgr *l, const uint8_t key[SEAL_KEY_BYTES])
{
    uint8_t text[sizeof check_text];
    return !l->has_check ||
           seal_open(key, span_of(NULL, 0), span_of(l->check, CHECK_BYTES), text) == STATUS_OK;
}

static bool append_check(struct local_keymgr *l, struct log_place *place)
{
    if (!log_append(&l->log, ENTRY_CHECK, span_of(l->check, CHECK_BYTES), span_of(NULL, 0), place))
        return false;
    l->check_segment = place->segment;
    return true;
}

static enum status load_root_key(struct local_keymgr *l, const struct disk_ops *ops)
{
    int file = ops->open(ops->self, LOCAL_ROOT_KEY_FILE, false);
    if (file == -ENOENT)
        return STATUS_NOT_FOUND;
    if (file < 0)
        return STATUS_FAILED;
    uint8_t more;
    int64_t n = ops->read_at(ops->self, file, l->root_key, sizeof l->root_key, 0);
    bool longer = ops->read_at(ops->self, file, &more, 1, sizeof l->root_key) != 0;
    ops->close(ops->self, file);
    return n == sizeof l->root_key && !longer ? STATUS_OK : STATUS_MALFORMED;
}

enum status local_open(struct local_keymgr *l, size_t slots, const struct disk_ops *ops, struct disk *disk,
                       char *why, size_t why_cap)
{
    struct log_replay *r = &(struct log_replay){.file = -1};
    (void)slots;
    l->disk = disk;
    enum status status = replay(l, ops, r);
    if (status != STATUS_OK) {
        snprintf(why, why_cap,
                 status == STATUS_REFUSED
                     ? "%s segment %u is of another format version; use the release that wrote it"
                     : "%s segment %u cannot be read",
                 LOCAL_LOG, r->last_segment);
        return STATUS_FAILED;
    }
    log_writer_init(&l->log, disk, LOCAL_LOG, r);
    status = load_root_key(l, ops);
    if (status == STATUS_NOT_FOUND && l->count == 0)
        status = write_new_root_key(l, ops);
    l->has_root_key = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK; /* records without their root key: revoked, and it may come back */
    if (status != STATUS_OK)
        snprintf(why, why_cap, "%s is not a readable file of 32 bytes", LOCAL_ROOT_KEY_FILE);
    if (status != STATUS_OK)
        return STATUS_FAILED;
    if (!l->has_check) {
        struct log_place place;
        seal_make(l->root_key, span_of(NULL, 0), span_of(check_text, sizeof check_text), l->check);
        l->has_check = append_check(l, &place);
    }
    l->has_root_key = root_key_is_right(l, l->root_key);
    return STATUS_OK;
}

static void answer_new_key(struct local_keymgr *l, struct local_call *c)
{
    random_bytes(c->answer.key, KEK_BYTES);
    memset(c->data, 0, 8);
    c->data[0] = 1;
    seal_make(l->root_key, span_of(c->call.uid, UUID_BYTES), span_of(c->answer.key, KEK_BYTES), c->data + 8);
    c->answer.data = span_of(c->data, WRAPPED_BYTES);
}

static void answer_unwrap(struct local_keymgr *l, struct local_call *c)
{
    if (c->data_len != WRAPPED_BYTES || c->data[0] != 1 ||
        seal_open(l->root_key, span_of(c->call.uid, UUID_BYTES), span_of(c->data + 8, WRAPPED_BYTES - 8),
                  c->answer.key) != STATUS_OK) {
        c->answer.result = KEYMGR_REFUSED;
        snprintf(c->answer.why, KEYMGR_WHY,
                 "this key was not wrapped by this root key, or its record is damaged");
    }
    c->answer.data = span_of(NULL, 0);
}

/* The records with the smallest ids above the cursor: removals meanwhile can neither hide one nor show one
 * twice. */
static void answer_list(struct local_keymgr *l, struct local_call *c)
{
    const struct local_record *page[KEYMGR_PAGE];
    size_t n = 0;
    for (size_t k = 0; k < l->capacity; k++) {
        const struct local_record *r = &l->records[k];
        if (r->id <= c->call.cursor || (n == KEYMGR_PAGE && r->id > page[n - 1]->id))
            continue;
        size_t i = n < KEYMGR_PAGE ? n++ : n - 1;
        for (; i > 0 && page[i - 1]->id > r->id; i--)
            page[i] = page[i - 1];
        page[i] = r;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(l->page[i].uid, page[i]->uid, UUID_BYTES);
        id_write(page[i]->id, l->page[i].record_id);
        l->page[i].generation = page[i]->generation;
    }
    c->answer.listed = l->page;
    c->answer.listed_count = n;
    c->answer.cursor = n == KEYMGR_PAGE ? page[n - 1]->id : 0;
}

/* What needs no disk is answered when it is taken up. */
static void answer_at_once(struct local_keymgr *l, struct local_call *c)
{
    c->phase = CALL_DONE;
    if (!l->has_root_key &&
        (c->call.kind == KEYMGR_NEW_KEY || c->call.kind == KEYMGR_UNWRAP || c->call.kind == KEYMGR_REWRAP)) {
        c->answer.result = KEYMGR_ROOT_GONE;
        snprintf(c->answer.why, KEYMGR_WHY, "the file " LOCAL_ROOT_KEY_FILE " is not there");
        return;
    }
    switch (c->call.kind) {
    case KEYMGR_NEW_KEY:
        answer_new_key(l, c);
        break;
    case KEYMGR_UNWRAP:
        answer_unwrap(l, c);
        break;
    case KEYMGR_REWRAP:
        answer_unwrap(l, c);
        c->answer.data = span_of(c->data, c->data_len);
        break;
    case KEYMGR_LIST:
        answer_list(l, c);
        break;
    case KEYMGR_LIST_DELETED:
        c->answer.listed = l->deleted;
        c->answer.listed_count = l->deleted_count;
        break;
    case KEYMGR_STATE:
    case KEYMGR_PUT:
    case KEYMGR_GET:
    case KEYMGR_DELETE:
        break;
    }
}

/* Hands a call to the disk. False when the disk's queue is full. */
static bool send_to_disk(struct local_keymgr *l, struct local_call *c)
{
    struct disk_request request = {.op = DISK_FILE, .len = SEAL_KEY_BYTES + 1};
    const struct local_record *r;
    switch (c->call.kind) {
    case KEYMGR_PUT:
        c->id = l->log.serial + 1;
        be64_put(c->data + PUT_ID_AT, c->id);
        return log_append(&l->log, ENTRY_PUT, span_of(c->data, c->data_len), span_of(NULL, 0), &c->place);
    case KEYMGR_DELETE:
        return log_append(&l->log, ENTRY_DELETE,
                          span_of(c->call.record_id + RECORD_ID_BYTES - DELETE_BYTES, DELETE_BYTES),
                          span_of(NULL, 0), &c->place);
    case KEYMGR_GET:
        r = find(l, id_read(c->call.record_id));
        if (r == NULL) {
            c->answer.result = KEYMGR_NO_RECORD;
            c->phase = CALL_DONE;
            return true;
        }
        request = (struct disk_request){.op = DISK_READ,
                                        .number = r->segment,
                                        .offset = r->offset + ENTRY_HEADER,
                                        .len = r->len + PUT_HEAD};
        snprintf(request.name, sizeof request.name, "%s", LOCAL_LOG);
        break;
    case KEYMGR_STATE:
        snprintf(request.name, sizeof request.name, "%s", LOCAL_ROOT_KEY_FILE);
        break;
    case KEYMGR_NEW_KEY:
    case KEYMGR_UNWRAP:
    case KEYMGR_REWRAP:
    case KEYMGR_LIST:
    case KEYMGR_LIST_DELETED:
        answer_at_once(l, c);
        return true;
    }
    c->place.ticket = disk_send(l->disk, &request, span_of(NULL, 0));
    return c->place.ticket != 0;
}

static void finish_put(struct local_keymgr *l, struct local_call *c)
{
    struct local_record *r = insert(l, c->id);
    if (r == NULL) {
        c->answer.result = KEYMGR_REFUSED;
        snprintf(c->answer.why, KEYMGR_WHY, "the local key manager is full; raise store objects");
        return;
    }
    memcpy(r->uid, c->call.uid, UUID_BYTES);
    r->generation = c->call.generation;
    place_record(l, r, c->place.segment, c->place.offset, c->data_len);
    id_write(c->id, c->answer.record_id);
}

static void finish_delete(struct local_keymgr *l, struct local_call *c)
{
    struct local_record *r = find(l, id_read(c->call.record_id));
    if (r == NULL) {
        c->answer.result = KEYMGR_NO_RECORD;
        return;
    }
    size_t kept = l->deleted_count < KEYMGR_PAGE ? l->deleted_count++ : KEYMGR_PAGE - 1;
    struct keymgr_listed *d = l->deleted; /* newest first */
    memmove(d + 1, d, kept * sizeof *d);
    memcpy(d->uid, r->uid, UUID_BYTES);
    id_write(r->id, d->record_id);
    d->generation = r->generation;
    forget(l, r);
}

static void finish_state(struct local_keymgr *l, struct local_call *c, int error)
{
    bool whole = error == 0 && l->disk->read_ticket == c->place.ticket && l->disk->read_len == SEAL_KEY_BYTES;
    if (whole && root_key_is_right(l, l->disk->read)) {
        memcpy(l->root_key, l->disk->read, SEAL_KEY_BYTES);
        wipe(l->disk->read, SEAL_KEY_BYTES);
        l->has_root_key = true;
        return;
    }
    wipe(l->disk->read, sizeof l->disk->read);
    if (error != 0 && error != ENOENT) {
        c->answer.result = KEYMGR_AWAY;
        snprintf(c->answer.why, KEYMGR_WHY, "the file " LOCAL_ROOT_KEY_FILE " cannot be read (error %d)",
                 error);
        return;
    }
    wipe(l->root_key, sizeof l->root_key);
    l->has_root_key = false;
    c->answer.result = KEYMGR_ROOT_GONE;
    snprintf(c->answer.why, KEYMGR_WHY, "the file " LOCAL_ROOT_KEY_FILE " is %s",
             error == ENOENT ? "not there" : "not the root key of these records");
}

static void finish_get(struct local_keymgr *l, struct local_call *c)
{
    if (l->disk->read_ticket != c->place.ticket || l->disk->read_len <= PUT_HEAD ||
        memcmp(l->disk->read, c->call.uid, UUID_BYTES) != 0) {
        c->answer.result = KEYMGR_AWAY;
        snprintf(c->answer.why, KEYMGR_WHY, "a record could not be read back from the log " LOCAL_LOG);
        return;
    }
    c->data_len = l->disk->read_len - PUT_HEAD;
    memcpy(c->data, l->disk->read + PUT_HEAD, c->data_len);
    c->answer.data = span_of(c->data, c->data_len);
}

static void finish_on_disk(struct local_keymgr *l, struct local_call *c)
{
    int error;
    enum ask ask = disk_ask(l->disk, c->place.ticket, &error);
    if (ask == ASK_WAIT)
        return;
    c->phase = CALL_DONE;
    if (c->call.kind == KEYMGR_STATE) {
        finish_state(l, c, error);
    } else if (ask == ASK_FAILED) {
        c->answer.result = KEYMGR_AWAY;
        snprintf(c->answer.why, KEYMGR_WHY, "the disk did not take it (%s)",
                 error == ENOSPC ? "no space left" : "write failed");
    } else if (c->call.kind == KEYMGR_PUT) {
        finish_put(l, c);
    } else if (c->call.kind == KEYMGR_DELETE) {
        finish_delete(l, c);
    } else {
        finish_get(l, c);
    }
}

static bool local_submit(void *self, const struct keymgr_call *call)
{
    struct local_keymgr *l = self;
    for (size_t i = 0; i < KEYMGR_CALLS; i++) {
        struct local_call *c = &l->calls[i];
        if (c->phase != CALL_FREE)
            continue;
        size_t head = call->kind == KEYMGR_PUT ? PUT_HEAD : 0;
        c->call = *call;
        c->answer = (struct keymgr_answer){.kind = call->kind, .ticket = call->ticket};
        c->data_len = head + call->data.len;
        if (head != 0) {
            memcpy(c->data, call->uid, UUID_BYTES);
            be32_put(c->data + UUID_BYTES, call->generation);
            be32_put(c->data + UUID_BYTES + 4, 0);
        }
        if (call->data.len != 0)
            memcpy(c->data + head, call->data.ptr, call->data.len);
        c->phase = CALL_ON_DISK;
        c->place.ticket = 0;
        if (!send_to_disk(l, c))
            c->phase = CALL_QUEUED;
        return true;
    }
    return false;
}

static bool local_take(void *self, struct keymgr_answer *answer)
{
    struct local_keymgr *l = self;
    for (size_t i = 0; i < KEYMGR_CALLS; i++) {
        struct local_call *c = &l->calls[(l->next_take + i) % KEYMGR_CALLS];
        if (c->phase != CALL_DONE)
            continue;
        *answer = c->answer;
        wipe(c->answer.key, sizeof c->answer.key);
        c->phase = CALL_FREE;
        l->next_take = (l->next_take + i + 1) % KEYMGR_CALLS;
        return true;
    }
    return false;
}

/* ---- emptying the oldest segment when garbage prevails, one record at a time ---- */

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
            id_read(c->call.record_id) == id)
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
    if (l->check_segment == n->segment && !append_check(l, &n->place))
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
    if (find(l, n->id) == NULL || removal_under_way(l, n->id)) {
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
    if (n->len != 0) {
        if (log_append(&l->log, ENTRY_PUT, span_of(n->data, n->len), span_of(NULL, 0), &n->place))
            n->len = 0;
        return;
    }
    enum ask ask = disk_ask(l->disk, n->place.ticket, &error);
    if (ask == ASK_WAIT)
        return;
    struct local_record *r = find(l, n->id);
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

static void clean_log(struct local_keymgr *l)
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

static void local_turn(void *self, struct clock now)
{
    struct local_keymgr *l = self;
    (void)now;
    for (size_t i = 0; i < KEYMGR_CALLS; i++) {
        struct local_call *c = &l->calls[i];
        if (c->phase == CALL_QUEUED && send_to_disk(l, c) && c->phase == CALL_QUEUED)
            c->phase = CALL_ON_DISK;
        if (c->phase == CALL_ON_DISK)
            finish_on_disk(l, c);
    }
    clean_log(l); /* behind the calls: what they remove is not copied */
}

static size_t local_poll(void *self, struct pollfd *fds, size_t room, uint64_t *deadline_ms)
{
    /* Answers come over the disk's socket, which the loop watches anyway. */
    (void)self, (void)fds, (void)room, (void)deadline_ms;
    return 0;
}

struct keymgr local_keymgr(struct local_keymgr *local)
{
    static const struct keymgr_ops ops = {
        .submit = local_submit, .take = local_take, .turn = local_turn, .poll = local_poll};
    return (struct keymgr){.ops = &ops, .self = local};
}

uint64_t local_damaged_bytes(const struct local_keymgr *local)
{
    return local->damaged_bytes;
}

size_t local_record_count(const struct local_keymgr *local)
{
    return local->count;
}
