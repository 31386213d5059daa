/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an object: Activate, Revoke, Destroy, Archive, Recover, Obtain Lease: KMIP 1.4 s4.17, s4.19 to
 * s4.23 */
#include "operation/change.h"

static enum state state_now(const struct op *op)
{
    return object_state(&op->object, op->env->now.unix_s);
}

static enum result_reason propose(struct op *op, struct draft *draft, enum commit_level level)
{
    memcpy(op->result.uid, op->object.head.uid, UUID_BYTES);
    return op_propose(op, draft, op->handle, level);
}

/* ---- Activate ---- */

static enum result_reason check_activate(struct op *op)
{
    if (op->object.head.type == OBJECT_OPAQUE_OBJECT)
        return op_refuse(op, REASON_ILLEGAL_OPERATION, "Opaque Objects have no State and are not activated");
    if (state_now(op) != STATE_PRE_ACTIVE)
        return op_refuse(op, REASON_PERMISSION_DENIED, "the object is not Pre-Active");
    return REASON_NONE;
}

static enum result_reason execute_activate(struct op *op)
{
    struct draft *draft = op_draft(op);
    draft->head.state = STATE_ACTIVE;
    draft_set_date(draft, TAG_ACTIVATION_DATE, op->env->now.unix_s);
    enum result_reason reason = change_check_dates(op, draft);
    return reason == REASON_NONE ? propose(op, draft, COMMIT_JOURNAL) : reason;
}

const struct operation op_activate = {.code = OPERATION_ACTIVATE,
                                      .name = "Activate",
                                      .needs = NEED_OBJECT | NEED_IDLE,
                                      .decode = payload_decode_uid,
                                      .check = check_activate,
                                      .execute = execute_activate,
                                      .respond = payload_respond_uid};

/* ---- Revoke ---- */

static enum result_reason decode_revoke(struct op *op)
{
    struct fields fields, inner;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    payload_take_uid(op, &fields);
    op->args.revoke.occurrence = DATE_NONE;
    if (fields_need(&fields, TAG_REVOCATION_REASON, TTLV_STRUCTURE, &op->args.revoke.reason)) {
        fields_begin_trusted(&inner, op->args.revoke.reason.value);
        if (fields_need(&inner, TAG_REVOCATION_REASON_CODE, TTLV_ENUMERATION, &item))
            op->args.revoke.code = ttlv_enumeration(&item);
        fields_take(&inner, TAG_REVOCATION_MESSAGE, TTLV_TEXT_STRING, &item);
        enum result_reason reason = payload_end(op, &inner);
        if (reason != REASON_NONE)
            return reason;
    }
    if (fields_take(&fields, TAG_COMPROMISE_OCCURRENCE_DATE, TTLV_DATE_TIME, &item))
        op->args.revoke.occurrence = ttlv_long(&item);
    enum result_reason reason = payload_end(op, &fields);
    if (reason == REASON_NONE && !enum_known(TAG_REVOCATION_REASON_CODE, op->args.revoke.code, op->minor))
        return op_refuse(op, REASON_INVALID_FIELD, "unknown Revocation Reason Code");
    if (reason == REASON_NONE && op->args.revoke.reason.value.len > ATTRIBUTE_VALUE_MAX)
        return op_refuse(op, REASON_INVALID_FIELD, "Revocation Message is longer than 1,024 bytes");
    return reason;
}

static bool is_compromise(const struct op *op)
{
    return op->args.revoke.code == REVOCATION_KEY_COMPROMISE ||
           op->args.revoke.code == REVOCATION_CA_COMPROMISE;
}

static enum state revoked_state(const struct op *op)
{
    if (!is_compromise(op))
        return STATE_DEACTIVATED;
    return state_is_destroyed(state_now(op)) ? STATE_DESTROYED_COMPROMISED : STATE_COMPROMISED;
}

/* An Opaque Object is never activated: as long as nothing happened to it, it can be revoked as if it were. */
static enum state state_to_revoke(const struct op *op)
{
    enum state state = state_now(op);
    bool opaque = op->object.head.type == OBJECT_OPAQUE_OBJECT;
    return opaque && state == STATE_PRE_ACTIVE ? STATE_ACTIVE : state;
}

static enum result_reason check_revoke(struct op *op)
{
    if (op->args.revoke.occurrence != DATE_NONE && !is_compromise(op))
        return op_refuse(op, REASON_INVALID_FIELD, "Compromise Occurrence Date goes with a compromise only");
    if (!state_may_become(state_to_revoke(op), revoked_state(op)))
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "Active objects are deactivated; compromise is possible before and after, once");
    return REASON_NONE;
}

static enum result_reason execute_revoke(struct op *op)
{
    struct draft *draft = op_draft(op);
    int64_t now = op->env->now.unix_s;
    draft->head.state = revoked_state(op);
    draft_set(draft, attribute_by_tag(TAG_REVOCATION_REASON), span_of(NULL, 0), 0, TTLV_STRUCTURE,
              op->args.revoke.reason.value);
    if (is_compromise(op)) {
        int64_t initial = object_date(&op->object, TAG_INITIAL_DATE);
        draft_set_date(draft, TAG_COMPROMISE_DATE, now);
        draft_set_date(draft, TAG_COMPROMISE_OCCURRENCE_DATE,
                       op->args.revoke.occurrence != DATE_NONE ? op->args.revoke.occurrence : initial);
    } else {
        draft_set_date(draft, TAG_DEACTIVATION_DATE, now);
    }
    return propose(op, draft, COMMIT_KEYMGR);
}

const struct operation op_revoke = {.code = OPERATION_REVOKE,
                                    .name = "Revoke",
                                    .needs = NEED_OBJECT | NEED_IDLE | ALLOW_DESTROYED,
                                    .decode = decode_revoke,
                                    .check = check_revoke,
                                    .execute = execute_revoke,
                                    .respond = payload_respond_uid};

/* ---- Destroy ---- */

static enum state destroyed_state(const struct op *op)
{
    return state_now(op) == STATE_COMPROMISED ? STATE_DESTROYED_COMPROMISED : STATE_DESTROYED;
}

static enum result_reason check_destroy(struct op *op)
{
    if (state_is_destroyed(op->object.head.state))
        return op_refuse(op, REASON_PERMISSION_DENIED, "the object is destroyed already");
    if (op->object.head.type != OBJECT_OPAQUE_OBJECT && !state_may_become(state_now(op), destroyed_state(op)))
        return op_refuse(op, REASON_PERMISSION_DENIED, "the object is Active; revoke it first");
    return REASON_NONE;
}

static enum result_reason execute_destroy(struct op *op)
{
    struct draft *draft = &op->env->drafts[0];
    int64_t now = op->env->now.unix_s;
    uint8_t room[ANCESTORS_BYTES];
    struct object next = store_descend(op->env->store, op->handle, &op->object, room);
    draft_without_material(draft, &next, op->env->store->node);
    draft->head.state = destroyed_state(op);
    draft_set_date(draft, TAG_DESTROY_DATE, now);
    draft_set_date(draft, TAG_LAST_CHANGE_DATE, now);
    return propose(op, draft, COMMIT_KEYMGR);
}

const struct operation op_destroy = {.code = OPERATION_DESTROY,
                                     .name = "Destroy",
                                     .needs = NEED_OBJECT | NEED_IDLE | ALLOW_DESTROYED,
                                     .decode = payload_decode_uid,
                                     .check = check_destroy,
                                     .execute = execute_destroy,
                                     .respond = payload_respond_uid};

/* ---- Archive and Recover: a mark only, since records do not move ---- */

static enum result_reason execute_archive(struct op *op)
{
    struct draft *draft = op_draft(op);
    draft->head.flags |= OBJECT_ARCHIVED;
    draft_set_date(draft, TAG_ARCHIVE_DATE, op->env->now.unix_s);
    return propose(op, draft, COMMIT_JOURNAL);
}

const struct operation op_archive = {.code = OPERATION_ARCHIVE,
                                     .name = "Archive",
                                     .needs = NEED_OBJECT | NEED_IDLE,
                                     .decode = payload_decode_uid,
                                     .execute = execute_archive,
                                     .respond = payload_respond_uid};

static enum result_reason execute_recover(struct op *op)
{
    memcpy(op->result.uid, op->object.head.uid, UUID_BYTES);
    op->set_placeholder = true;
    if ((op->object.head.flags & OBJECT_ARCHIVED) == 0)
        return REASON_NONE;
    struct draft *draft = op_draft(op);
    draft->head.flags &= (uint16_t)~OBJECT_ARCHIVED;
    draft_remove(draft, attribute_by_tag(TAG_ARCHIVE_DATE), span_of(NULL, 0), 0);
    return propose(op, draft, COMMIT_JOURNAL);
}

const struct operation op_recover = {.code = OPERATION_RECOVER,
                                     .name = "Recover",
                                     .needs = NEED_OBJECT | NEED_IDLE | ALLOW_ARCHIVED,
                                     .decode = payload_decode_uid,
                                     .execute = execute_recover,
                                     .respond = payload_respond_uid};

/* ---- Obtain Lease ---- */

static enum result_reason check_lease(struct op *op)
{
    if (op->object.head.type == OBJECT_OPAQUE_OBJECT)
        return op_refuse(op, REASON_ILLEGAL_OPERATION, "Opaque Objects have no Lease Time");
    if (state_now(op) > STATE_ACTIVE)
        return op_refuse(op, REASON_PERMISSION_DENIED,
                         "a lease is given on Pre-Active and Active objects only");
    return REASON_NONE;
}

static enum result_reason respond_lease(struct op *op, struct ttlv_writer *out)
{
    payload_put_uid(out, op->object.head.uid);
    ttlv_put_interval(out, TAG_LEASE_TIME, op->env->lease_time_s);
    ttlv_put_date_time(out, TAG_LAST_CHANGE_DATE, object_date(&op->object, TAG_LAST_CHANGE_DATE));
    return REASON_NONE;
}

const struct operation op_obtain_lease = {.code = OPERATION_OBTAIN_LEASE,
                                          .name = "Obtain Lease",
                                          .needs = NEED_OBJECT,
                                          .decode = payload_decode_uid,
                                          .check = check_lease,
                                          .respond = respond_lease};
