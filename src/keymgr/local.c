/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/local_state.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/random.h"

/* bytes of the root key's file at most */
#define ROOT_FILE_MAX (SEAL_KEY_BYTES + VAULT_OVERHEAD)

struct local_keymgr *local_carve(struct region *region, size_t slots)
{
    struct local_keymgr *local = region_take(region, "local key manager", 1, sizeof *local);
    struct local_record *records =
        region_take(region, "local records", records_capacity(slots), sizeof(struct local_record));
    if (local != NULL) {
        local->records = records;
        local->capacity = records_capacity(slots);
    }
    return local;
}

static void apply_put(struct local_keymgr *l, const struct entry *e)
{
    uint64_t id = be64_get(e->payload.ptr + PUT_ID_AT);
    struct local_record *r = records_find(l, id);
    if (r != NULL)
        l->live_bytes -= entry_size(r->len + PUT_HEAD);
    else
        r = records_insert(l, id);
    if (r == NULL)
        return;
    memcpy(r->uid, e->payload.ptr, UUID_BYTES);
    r->generation = be32_get(e->payload.ptr + UUID_BYTES);
    records_place(l, r, e->segment, e->offset, e->payload.len);
}

void local_use_vault(struct local_keymgr *l, const struct vault *vault)
{
    l->vault = vault;
}

/* The root key in the content of its file. */
static enum status unseal_root_key(const struct local_keymgr *l, struct span file,
                                   uint8_t key[SEAL_KEY_BYTES])
{
    static const struct vault none = {.sealed = false};
    size_t len = 0;
    enum status status =
        vault_read(l->vault != NULL ? l->vault : &none, LOCAL_ROOT_KEY_FILE, file, key, SEAL_KEY_BYTES, &len);
    if (status == STATUS_OK && len != SEAL_KEY_BYTES)
        status = STATUS_TOO_LARGE;
    return status;
}

/* What is wrong with the file, behind its name. */
static const char *root_key_fault(const struct local_keymgr *l, enum status status)
{
    bool sealed = l->vault != NULL && l->vault->sealed;
    if (status == STATUS_REFUSED)
        return sealed ? "is sealed under another state key" : "is sealed, and there is no state key";
    if (status == STATUS_MALFORMED && sealed)
        return "is not sealed, though there is a state key: it was put there by somebody else";
    return "is not a readable file of 32 bytes";
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
            struct local_record *r = records_find(l, be64_get(e.payload.ptr));
            if (r != NULL)
                records_forget(l, r);
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
    uint8_t bytes[ROOT_FILE_MAX];
    struct buf content = buf_over(bytes, sizeof bytes);
    random_bytes(l->root_key, sizeof l->root_key);
    if (l->vault != NULL)
        vault_write(l->vault, LOCAL_ROOT_KEY_FILE, span_of(l->root_key, sizeof l->root_key), &content);
    else
        buf_add(&content, l->root_key, sizeof l->root_key);
    int file = ops->open(ops->self, temporary, true);
    if (file < 0)
        return STATUS_FAILED;
    int64_t n = ops->truncate(ops->self, file, 0);
    if (n >= 0)
        n = ops->write_at(ops->self, file, content.ptr, content.len, 0);
    wipe(bytes, sizeof bytes);
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
    uint8_t text[16];
    return !l->has_check ||
           seal_open(key, span_of(NULL, 0), span_of(l->check, CHECK_BYTES), text) == STATUS_OK;
}

static enum status load_root_key(struct local_keymgr *l, const struct disk_ops *ops)
{
    int file = ops->open(ops->self, LOCAL_ROOT_KEY_FILE, false);
    if (file == -ENOENT)
        return STATUS_NOT_FOUND;
    if (file < 0)
        return STATUS_FAILED;
    uint8_t bytes[ROOT_FILE_MAX + 1];
    int64_t n = ops->read_at(ops->self, file, bytes, sizeof bytes, 0);
    ops->close(ops->self, file);
    enum status status =
        n < 0 ? STATUS_TOO_LARGE : unseal_root_key(l, span_of(bytes, (size_t)n), l->root_key);
    wipe(bytes, sizeof bytes);
    return status;
}

enum status local_open(struct local_keymgr *l, const struct disk_ops *ops, struct disk *disk, char *why,
                       size_t why_cap)
{
    struct log_replay *r = &(struct log_replay){.file = -1};
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
    if (status == STATUS_NOT_FOUND && l->count == 0) {
        status = write_new_root_key(l, ops);
        l->has_check = false; /* one that is there is of a key that is gone */
    }
    l->has_root_key = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK; /* records without their root key: revoked, and it may come back */
    if (status != STATUS_OK)
        snprintf(why, why_cap, "%s %s", LOCAL_ROOT_KEY_FILE, root_key_fault(l, status));
    if (status != STATUS_OK)
        return STATUS_FAILED;
    if (!l->has_check) {
        struct log_place place;
        seal_make(l->root_key, span_of(NULL, 0), span_of(CHECK_TEXT, 16), l->check);
        l->has_check = local_append_check(l, &place);
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
        records_list(l, c);
        break;
    case KEYMGR_FIND:
        records_of(l, c);
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
    struct disk_request request = {.op = DISK_FILE, .len = ROOT_FILE_MAX + 1};
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
        r = records_find(l, record_id_read(c->call.record_id));
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
    case KEYMGR_FIND:
        answer_at_once(l, c);
        return true;
    }
    c->place.ticket = disk_send(l->disk, &request, span_of(NULL, 0));
    return c->place.ticket != 0;
}

static void finish_put(struct local_keymgr *l, struct local_call *c)
{
    struct local_record *r = records_insert(l, c->id);
    if (r == NULL) {
        c->answer.result = KEYMGR_REFUSED;
        snprintf(c->answer.why, KEYMGR_WHY, "the local key manager is full; raise store objects");
        return;
    }
    memcpy(r->uid, c->call.uid, UUID_BYTES);
    r->generation = c->call.generation;
    records_place(l, r, c->place.segment, c->place.offset, c->data_len);
    record_id_write(c->id, c->answer.record_id);
}

static void finish_delete(struct local_keymgr *l, struct local_call *c)
{
    struct local_record *r = records_find(l, record_id_read(c->call.record_id));
    if (r == NULL) {
        c->answer.result = KEYMGR_NO_RECORD;
        return;
    }
    size_t kept = l->deleted_count < KEYMGR_PAGE ? l->deleted_count++ : KEYMGR_PAGE - 1;
    struct keymgr_listed *d = l->deleted; /* newest first */
    memmove(d + 1, d, kept * sizeof *d);
    memcpy(d->uid, r->uid, UUID_BYTES);
    record_id_write(r->id, d->record_id);
    d->generation = r->generation;
    records_forget(l, r);
}

static void finish_state(struct local_keymgr *l, struct local_call *c, int error)
{
    uint8_t key[SEAL_KEY_BYTES];
    bool mine = error == 0 && l->disk->read_ticket == c->place.ticket;
    enum status status = STATUS_TOO_LARGE;
    if (mine)
        status = unseal_root_key(l, span_of(l->disk->read, l->disk->read_len), key);
    wipe(l->disk->read, sizeof l->disk->read);
    if (status == STATUS_OK && root_key_is_right(l, key)) {
        memcpy(l->root_key, key, SEAL_KEY_BYTES);
        wipe(key, sizeof key);
        l->has_root_key = true;
        return;
    }
    wipe(key, sizeof key);
    if (error != 0 && error != ENOENT) {
        c->answer.result = KEYMGR_AWAY;
        snprintf(c->answer.why, KEYMGR_WHY, "the file " LOCAL_ROOT_KEY_FILE " cannot be read (error %d)",
                 error);
        return;
    }
    wipe(l->root_key, sizeof l->root_key);
    l->has_root_key = false;
    c->answer.result = KEYMGR_ROOT_GONE;
    snprintf(c->answer.why, KEYMGR_WHY, "the file " LOCAL_ROOT_KEY_FILE " %s",
             error == ENOENT            ? "is not there"
             : status == STATUS_REFUSED ? root_key_fault(l, status)
                                        : "is not the root key of these records");
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
        l->in_use++;
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
    for (size_t i = 0; l->in_use != 0 && i < KEYMGR_CALLS; i++) {
        struct local_call *c = &l->calls[(l->next_take + i) % KEYMGR_CALLS];
        if (c->phase != CALL_DONE)
            continue;
        *answer = c->answer;
        wipe(c->answer.key, sizeof c->answer.key);
        c->phase = CALL_FREE;
        l->in_use--;
        l->next_take = (l->next_take + i + 1) % KEYMGR_CALLS;
        return true;
    }
    return false;
}

static void local_turn(void *self, struct clock now)
{
    struct local_keymgr *l = self;
    (void)now;
    for (size_t i = 0; l->in_use != 0 && i < KEYMGR_CALLS; i++) {
        struct local_call *c = &l->calls[i];
        if (c->phase == CALL_QUEUED && send_to_disk(l, c) && c->phase == CALL_QUEUED)
            c->phase = CALL_ON_DISK;
        if (c->phase == CALL_ON_DISK)
            finish_on_disk(l, c);
    }
    local_clean(l); /* behind the calls: what they remove is not copied */
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
