/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/request.h"

#include "operation/make.h"

#include "base/wipe.h"
#include "operation/payload.h"

/* Room that an item's failure takes at the most: head, reason, message. */
#define FAILURE_ROOM 320

enum result_reason request_begin(struct request *r, struct span message, uint64_t deadline_ms,
                                 const char **why)
{
    struct ttlv_reader items;
    *r = (struct request){.message = message, .deadline_ms = deadline_ms};
    enum result_reason reason = message_read_header(message, &r->header, &items, why);
    if (reason == REASON_NONE)
        r->items_at = (size_t)(items.at - message.ptr);
    return reason;
}

size_t request_refuse(const struct request_header *header, enum result_reason reason, const char *why,
                      int64_t now, uint8_t *out, size_t room)
{
    struct ttlv_writer w = ttlv_writer_over(out, room);
    struct response_frame frame = message_begin(&w, header, now);
    message_item_failed(&w, NULL, reason, header->minor, why);
    message_end(&w, &frame, 1);
    return w.full ? 0 : w.len;
}

/* ---- NEED ---- */

enum need { NEED_MET, NEED_WAIT, NEED_FAILED };

static enum need need_failed(struct op *op, enum result_reason *reason, enum result_reason with,
                             const char *why)
{
    op->why = why;
    *reason = with;
    return NEED_FAILED;
}

static enum need open_entry(struct op *op, struct handle handle, struct object *object,
                            enum result_reason *reason)
{
    const struct catalogue *c = &op->env->store->catalogue;
    const struct catalogue_entry *e = catalogue_get(c, handle);
    if (e == NULL || object_open(catalogue_record(c, e), object) != STATUS_OK)
        return need_failed(op, reason, REASON_GENERAL_FAILURE,
                           "the object's record is damaged; the server's log says more");
    if (e->scope != op->identity->scope)
        return need_failed(op, reason, REASON_PERMISSION_DENIED, "this object belongs to another scope");
    return NEED_MET;
}

/* Records are still to be read from the key manager: worth a wait, unless it refuses us. */
static enum need need_catalogue(struct op *op, enum result_reason *reason)
{
    enum lease_state state = op->env->store->lease.state;
    if (state == LEASE_LOCKED || state == LEASE_DENIED || state == LEASE_REVOKED || state == LEASE_EXPIRED)
        return need_failed(op, reason, REASON_GENERAL_FAILURE, lease_refusal(state));
    return NEED_WAIT;
}

static enum need find_object(struct op *op, bool known, const uint8_t *uid, struct handle *handle,
                             struct object *object, enum result_reason *reason)
{
    enum ask ask = known ? store_find(op->env->store, uid, handle) : ASK_FAILED;
    if (ask == ASK_WAIT)
        return need_catalogue(op, reason);
    if (ask == ASK_FAILED)
        return need_failed(op, reason, REASON_ITEM_NOT_FOUND, "no object has this Unique Identifier");
    return open_entry(op, *handle, object, reason);
}

static enum need need_object(struct op *op, enum result_reason *reason)
{
    if (!op->has_uid)
        return need_failed(op, reason, REASON_ITEM_NOT_FOUND,
                           "no Unique Identifier, and the ID Placeholder is empty");
    enum need need = find_object(op, op->uid_known, op->uid, &op->handle, &op->object, reason);
    if (need != NEED_MET)
        return need;
    memcpy(op->result.uid, op->object.head.uid, UUID_BYTES);
    op->fresh_spent = catalogue_get(&op->env->store->catalogue, op->handle)->fresh_spent;
    unsigned needs = op->row->needs;
    if (state_is_destroyed(op->object.head.state) && (needs & ALLOW_DESTROYED) == 0)
        return need_failed(op, reason,
                           (needs & NEED_KEK) != 0 ? REASON_ITEM_NOT_FOUND : REASON_PERMISSION_DENIED,
                           "the object is destroyed");
    if ((op->object.head.flags & OBJECT_ARCHIVED) != 0 && (needs & ALLOW_ARCHIVED) == 0)
        return need_failed(op, reason, REASON_OBJECT_ARCHIVED, "the object is archived; recover it first");
    return NEED_MET;
}

static enum need need_key_of(struct op *op, struct handle handle, const struct object *object,
                             const uint8_t **key, enum result_reason *reason)
{
    const char *why = NULL;
    if ((object->head.flags & OBJECT_NO_KEY_VALUE) != 0)
        return NEED_MET;
    switch (store_kek(op->env->store, handle, key, &why)) {
    case ASK_READY:
        return NEED_MET;
    case ASK_WAIT:
        return NEED_WAIT;
    case ASK_FAILED:
        break;
    }
    return need_failed(op, reason, REASON_GENERAL_FAILURE, why);
}

/* The wrapping key. KMIP 1.4 s4.22: what is archived is recovered before it is used. */
static enum need need_other(struct op *op, enum result_reason *reason)
{
    enum need need =
        find_object(op, op->other_uid_known, op->other_uid, &op->other_handle, &op->other, reason);
    if (need == NEED_MET && (op->other.head.flags & OBJECT_ARCHIVED) != 0)
        return need_failed(op, reason, REASON_OBJECT_ARCHIVED,
                           "the wrapping key is archived; recover it first");
    return need;
}

/* Everything but keys: what `check` looks at. */
static enum need need_objects(struct op *op, enum result_reason *reason)
{
    enum need need = NEED_MET;
    bool all =
        (op->row->needs & NEED_CATALOGUE) != 0 || ((op->row->needs & NEED_NAMES) != 0 && make_takes_name(op));
    if (all && !store_complete(op->env->store))
        return need_catalogue(op, reason);
    if ((op->row->needs & NEED_OBJECT) != 0)
        need = need_object(op, reason);
    if (need == NEED_MET && op->has_other)
        need = need_other(op, reason);
    return need;
}

static enum need need_keys(struct op *op, enum result_reason *reason)
{
    enum need need = NEED_MET;
    if ((op->row->needs & NEED_KEK) != 0)
        need = need_key_of(op, op->handle, &op->object, &op->kek, reason);
    if (need == NEED_MET && op->has_other)
        need = need_key_of(op, op->other_handle, &op->other, &op->other_kek, reason);
    if (need != NEED_MET)
        return need;
    if ((op->row->needs & NEED_IDLE) != 0 && store_busy(op->env->store, op->handle))
        return NEED_WAIT;
    if ((op->row->needs & NEED_NEW_KEK) == 0)
        return NEED_MET;
    const char *why = NULL;
    switch (store_spare(op->env->store, &op->spare, &op->kek, &why)) {
    case ASK_READY:
        return NEED_MET;
    case ASK_WAIT:
        return NEED_WAIT;
    case ASK_FAILED:
        break;
    }
    return need_failed(op, reason, REASON_GENERAL_FAILURE, why);
}

/* ---- one item ---- */

enum attempt { ATTEMPT_ANSWERED, ATTEMPT_WAIT, ATTEMPT_REFUSED };

static enum attempt attempt_need(enum need need)
{
    return need == NEED_MET ? ATTEMPT_ANSWERED : need == NEED_WAIT ? ATTEMPT_WAIT : ATTEMPT_REFUSED;
}

/* What the answer of a changing operation takes at the most: what the request holds, or an attribute that
 * goes. */
static size_t answer_bound(const struct op *op)
{
    size_t most = op->payload.len;
    if (op->row->code == OPERATION_DELETE_ATTRIBUTE)
        most = ATTRIBUTE_VALUE_MAX + ATTRIBUTE_NAME_MAX + 128;
    return 192 + (op->row->code == OPERATION_CREATE || op->row->code == OPERATION_REGISTER ? 0 : most);
}

static enum attempt attempt_item(struct op *op, struct ttlv_writer *out, const struct batch_item *item,
                                 enum result_reason *reason)
{
    *reason = op->row->decode(op);
    if (*reason != REASON_NONE)
        return ATTEMPT_REFUSED;
    enum attempt attempt = attempt_need(need_objects(op, reason));
    if (attempt != ATTEMPT_ANSWERED)
        return attempt;
    if (op->row->check != NULL)
        *reason = op->row->check(op);
    if (*reason != REASON_NONE)
        return ATTEMPT_REFUSED;
    attempt = attempt_need(need_keys(op, reason));
    if (attempt != ATTEMPT_ANSWERED)
        return attempt;
    if (op->row->execute != NULL && out->cap - out->len < answer_bound(op))
        *reason = op_refuse(op, REASON_RESPONSE_TOO_LARGE, "no room for the answer, so nothing was changed");
    else if (op->row->execute != NULL)
        *reason = op->row->execute(op);
    if (*reason != REASON_NONE)
        return ATTEMPT_REFUSED;
    struct item_frame frame = message_item_begin(out, item);
    *reason = op->row->respond(op, out);
    message_item_end(out, &frame);
    return *reason == REASON_NONE ? ATTEMPT_ANSWERED : ATTEMPT_REFUSED;
}

static void op_begin(struct op *op, const struct request *r, const struct operation_env *env,
                     const struct batch_item *item)
{
    op->env = env;
    op->row = operation_find(item->operation, r->header.minor);
    op->identity = &r->identity;
    op->minor = r->header.minor;
    op->payload = item->payload;
    op->has_uid = op->uid_known = r->has_placeholder;
    memcpy(op->uid, r->placeholder, UUID_BYTES);
}

static void note_placeholder(struct request *r, const struct op *op)
{
    if (op->clear_placeholder)
        r->has_placeholder = false;
    if (op->set_placeholder) {
        r->has_placeholder = true;
        memcpy(r->placeholder, op->result.uid, UUID_BYTES);
    }
}

static void note_audit(const struct operation_env *env, uint32_t operation, enum result_reason reason,
                       bool has_uid, const uint8_t uid[UUID_BYTES])
{
    if (env->audit->count == AUDIT_NOTES)
        return;
    struct audit_note *note = &env->audit->notes[env->audit->count++];
    *note = (struct audit_note){.operation = operation, .reason = reason, .has_uid = has_uid};
    if (has_uid)
        memcpy(note->uid, uid, UUID_BYTES);
}

/* Bytes that the answer may have: what the client allows, what the buffer holds. */
static size_t answer_room(const struct request *r, size_t room)
{
    size_t most = r->header.maximum_response_size > 0 ? (size_t)r->header.maximum_response_size : room;
    return most < room ? most : room;
}

static void refuse_item(struct ttlv_writer *w, size_t start, const struct batch_item *item,
                        enum result_reason reason, uint8_t minor, const char *why, size_t room)
{
    wipe(w->start + start, w->len - start);
    w->len = start;
    w->full = false;
    w->cap = room; /* a refusal may pass the client's own limit: it has to be told */
    message_item_failed(w, item, reason, minor, why);
}

enum step { STEP_NEXT, STEP_STOP, STEP_WAIT };

/* What waits longer than the request may is a failure; the store goes on without us. */
static bool is_overdue(const struct request *r, const struct operation_env *env)
{
    return env->now.mono_ms >= r->deadline_ms;
}

static enum step item_ended(struct request *r, enum result_reason reason)
{
    r->done++;
    r->phase = REQUEST_NEED;
    return reason != REASON_NONE && r->header.continuation == BATCH_STOP ? STEP_STOP : STEP_NEXT;
}

static enum step step_need(struct request *r, const struct operation_env *env, struct ttlv_writer *w,
                           size_t room, struct ttlv_reader *items)
{
    struct batch_item item;
    struct op op = {.why = NULL};
    const uint8_t *here = items->at;
    enum result_reason reason = message_read_item(items, &r->header, &item, &op.why);
    size_t start = w->len;
    op_begin(&op, r, env, &item);
    enum attempt attempt = ATTEMPT_REFUSED;
    w->cap = answer_room(r, room);
    if (reason != REASON_NONE) {
        attempt = ATTEMPT_REFUSED;
    } else if (op.row == NULL) {
        reason = op_refuse(&op, REASON_OPERATION_NOT_SUPPORTED,
                           "this server, or this version of KMIP, does not have this operation");
    } else if (item.critical_extension) {
        reason = op_refuse(&op, REASON_FEATURE_NOT_SUPPORTED,
                           "the message extension is critical and not known here");
    } else if (w->cap < room && w->cap < w->len + 64) {
        reason = op_refuse(&op, REASON_RESPONSE_TOO_LARGE, "no room is left within Maximum Response Size");
    } else {
        attempt = attempt_item(&op, w, &item, &reason);
    }
    wipe(env->material, op.material_len);
    if (attempt == ATTEMPT_WAIT) {
        if (!is_overdue(r, env)) {
            items->at = here;
            return STEP_WAIT;
        }
        attempt = ATTEMPT_REFUSED;
        reason = op_refuse(&op, REASON_GENERAL_FAILURE,
                           "the key manager or the disk did not answer in time; try again");
    }
    if (attempt == ATTEMPT_ANSWERED && w->full) {
        attempt = ATTEMPT_REFUSED;
        reason = op_refuse(&op, REASON_RESPONSE_TOO_LARGE,
                           "the answer is larger than the client or the server allows");
    }
    note_placeholder(r, &op);
    r->has_uid = op.set_placeholder || (op.has_uid && op.uid_known);
    memcpy(r->uid, op.set_placeholder ? op.result.uid : op.uid, UUID_BYTES);
    if (attempt == ATTEMPT_REFUSED)
        note_audit(env, item.operation, reason, r->has_uid, r->uid);
    if (attempt == ATTEMPT_REFUSED)
        refuse_item(w, start, item.operation != 0 || item.has_id ? &item : NULL, reason, r->header.minor,
                    op.why, room);
    if (attempt == ATTEMPT_REFUSED || op.commit_count == 0)
        return item_ended(r, reason);
    memcpy(r->commits, op.commits, sizeof r->commits);
    r->commit_count = op.commit_count;
    r->item_start = start;
    r->phase = REQUEST_COMMIT;
    items->at = here;
    return STEP_NEXT;
}

static enum step step_commit(struct request *r, const struct operation_env *env, struct ttlv_writer *w,
                             size_t room, struct ttlv_reader *items)
{
    const char *why = NULL;
    bool waiting = false, failed = false;
    for (size_t i = 0; i < r->commit_count; i++) {
        const char *text;
        enum ask ask = store_committed(env->store, r->commits[i].handle, r->commits[i].number, &text);
        waiting = waiting || ask == ASK_WAIT;
        if (ask == ASK_FAILED) {
            failed = true;
            why = text;
        }
    }
    if (waiting && !is_overdue(r, env))
        return STEP_WAIT;
    struct batch_item item;
    const char *ignored;
    enum result_reason reason = message_read_item(items, &r->header, &item, &ignored);
    if (reason == REASON_NONE && !failed && !waiting) {
        note_audit(env, item.operation, REASON_NONE, r->has_uid, r->uid);
        return item_ended(r, REASON_NONE);
    }
    if (waiting)
        why = "not confirmed in time; the change may still be stored";
    note_audit(env, item.operation, REASON_GENERAL_FAILURE, r->has_uid, r->uid);
    refuse_item(w, r->item_start, &item, REASON_GENERAL_FAILURE, r->header.minor, why, room);
    return item_ended(r, REASON_GENERAL_FAILURE);
}

enum request_state request_run(struct request *r, const struct operation_env *env, uint8_t *out, size_t room,
                               int budget)
{
    struct ttlv_writer w = ttlv_writer_over(out, room);
    struct ttlv_reader items = {.at = r->message.ptr + r->items_at, .end = r->message.ptr + r->message.len};
    if (r->response_len == 0)
        r->frame = message_begin(&w, &r->header, env->now.unix_s);
    else
        w.len = r->response_len;
    enum step step = STEP_NEXT;
    bool commit;
    do {
        commit = r->phase == REQUEST_COMMIT;
        if (!commit && (r->done == r->header.batch_count || step == STEP_STOP))
            break;
        if (!commit && w.cap - w.len < FAILURE_ROOM) {
            step = STEP_STOP; /* no room for another answer, not even a refusal: the client sees which items
                                 are missing */
            break;
        }
        if (!commit && budget-- <= 0) {
            r->response_len = w.len;
            return REQUEST_AGAIN;
        }
        step = commit ? step_commit(r, env, &w, room, &items) : step_need(r, env, &w, room, &items);
        w.cap = room;
        r->items_at = (size_t)(items.at - r->message.ptr);
    } while (step == STEP_NEXT);
    r->response_len = w.len;
    if (step == STEP_WAIT)
        return REQUEST_WAITING;
    message_end(&w, &r->frame, r->done);
    r->response_len = w.len;
    return REQUEST_DONE;
}
