/* SPDX-License-Identifier: Apache-2.0 */
/* Activate, Revoke, Destroy, Archive, Recover, Obtain Lease: KMIP 1.4 s4.17, s4.19 to s4.23, s11.18, s11.20
 * to s11.24. */
#include "support/objects.h"

static void new_key(struct world *w, uint8_t uid[UUID_BYTES])
{
    create_end(w, create_begin(w), uid);
}

static void plain(struct world *w, enum operation_code operation, const uint8_t uid[UUID_BYTES])
{
    item_uid(ask(w, 1), operation, uid);
}

static void check_uid(struct world *w, const uint8_t uid[UUID_BYTES])
{
    uint8_t got[UUID_BYTES];
    check_made(w, got);
    assert_memory_equal(got, uid, UUID_BYTES);
}

static struct message *revoke_begin(struct world *w, const uint8_t uid[UUID_BYTES], uint32_t code,
                                    const char *text)
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_REVOKE, uid);
    size_t at = ttlv_begin(&m->w, TAG_REVOCATION_REASON);
    if (code != 0)
        ttlv_put_enumeration(&m->w, TAG_REVOCATION_REASON_CODE, code);
    if (text != NULL)
        ttlv_put_text(&m->w, TAG_REVOCATION_MESSAGE, span_of_text(text));
    ttlv_end(&m->w, at);
    return m;
}

static void activate_sets_state_and_dates(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    world_wait(w, 5000);
    plain(w, OPERATION_ACTIVATE, uid);
    check_uid(w, uid);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    assert_int_equal(shown_date(w, uid, "Activation Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    assert_true(shown_date(w, uid, "Initial Date") < w->now.unix_s);
}

static void only_pre_active_objects_are_activated(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], opaque[UUID_BYTES];
    new_key(w, uid);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    plain(w, OPERATION_ACTIVATE, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "not Pre-Active"); /* what vCenter expects */
    register_opaque(w, "bytes", opaque);
    plain(w, OPERATION_ACTIVATE, opaque);
    check_refused(w, REASON_ILLEGAL_OPERATION, "have no State");
    struct message *m = create_begin(w); /* active by its date */
    put_attribute_date(m, "Activation Date", w->now.unix_s);
    create_end(w, m, uid);
    plain(w, OPERATION_ACTIVATE, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "not Pre-Active");
}

/* Design section 6: a success when the journal has it, whatever the key manager does. */
static void activate_and_archive_wait_for_the_journal_only(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    w->disk_frozen = true;
    plain(w, OPERATION_ARCHIVE, uid);
    assert_false(ask_send(w, 1));
    world_turns(w, 20);
    assert_true(w->askers[1].busy);
    w->disk_frozen = false;
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
}

static void a_revocation_deactivates(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_SUPERSEDED, "replaced by another");
    check_uid(w, uid);
    assert_int_equal(state_of(w, uid), STATE_DEACTIVATED);
    assert_int_equal(shown_date(w, uid, "Deactivation Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Compromise Date"), DATE_NONE);
    struct ttlv_item field = shown_field(w, uid, "Revocation Reason", TAG_REVOCATION_REASON_CODE);
    assert_int_equal(ttlv_enumeration(&field), REVOCATION_SUPERSEDED);
    check_text(shown_field(w, uid, "Revocation Reason", TAG_REVOCATION_MESSAGE).value, "replaced by another");
}

/* Without an occurrence the Initial Date stands for it. */
static void a_compromise_has_two_dates(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    int64_t initial = w->now.unix_s;
    world_wait(w, 5000);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_COMPROMISED);
    assert_int_equal(shown_date(w, uid, "Compromise Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Compromise Occurrence Date"), initial);
    assert_int_equal(shown_date(w, uid, "Deactivation Date"), DATE_NONE);
    new_key(w, uid);
    struct message *m = revoke_begin(w, uid, REVOCATION_CA_COMPROMISE, NULL);
    ttlv_put_date_time(&m->w, TAG_COMPROMISE_OCCURRENCE_DATE, 77);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_COMPROMISED);
    assert_int_equal(shown_date(w, uid, "Compromise Occurrence Date"), 77);
}

static void revocations_that_make_no_sense_are_refused(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "Active objects are deactivated");
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    struct message *m = revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    ttlv_put_date_time(&m->w, TAG_COMPROMISE_OCCURRENCE_DATE, 77);
    check_refused(w, REASON_INVALID_FIELD, "with a compromise only");
    revoke_begin(w, uid, 99, NULL);
    check_refused(w, REASON_INVALID_FIELD, "unknown Revocation Reason Code");
    revoke_begin(w, uid, 0, "no code");
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    plain(w, OPERATION_REVOKE, uid);
    check_refused(w, REASON_INVALID_MESSAGE, "lacks a required field");
    static char text[1100];
    memset(text, 'x', sizeof text - 1);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, text);
    check_refused(w, REASON_INVALID_FIELD, "longer than 1,024");
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "Active objects are deactivated");
}

/* KMIP 1.4 s3.22, transition 10. */
static void a_destroyed_key_may_turn_out_compromised(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    plain(w, OPERATION_DESTROY, uid);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED_COMPROMISED);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "once");
}

static void destroy_removes_the_material_and_keeps_the_rest(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    new_key(w, uid);
    world_wait(w, 2000);
    plain(w, OPERATION_DESTROY, uid);
    check_uid(w, uid);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED);
    assert_int_equal(shown_date(w, uid, "Destroy Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    assert_int_equal(shown_number(w, uid, "Cryptographic Length"), 256);
    assert_int_equal(do_get(w, uid, key), REASON_ITEM_NOT_FOUND);
    plain(w, OPERATION_DESTROY, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "destroyed already");
    struct object object;
    struct fake_record *record = fake_find(&w->fake, uid);
    assert_int_equal(object_check(span_of(record->data, record->len), &object), STATUS_OK);
    assert_int_equal(object.wrapped_kek.len, 0);
}

static void active_objects_are_not_destroyed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    new_key(w, uid);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    plain(w, OPERATION_DESTROY, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "revoke it first");
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    plain(w, OPERATION_DESTROY, uid);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_DESTROYED_COMPROMISED);
}

/* Revoke and Destroy answer when the key manager has them. */
static void the_end_of_a_key_waits_for_the_key_manager(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    new_key(w, uid);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    world_wait(w, 4000);
    fake_answer(&w->fake, KEYMGR_PUT, KEYMGR_OK, FAKE_NEVER);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    assert_false(ask_send(w, 1));
    world_turns(w, 50);
    assert_true(w->askers[1].busy);
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
    plain(w, OPERATION_DESTROY, uid);
    assert_false(ask_send(w, 1));
    world_turns(w, 50);
    assert_true(w->askers[1].busy);
    fake_release(&w->fake, KEYMGR_PUT);
    assert_true(ask_finish(w, 1));
    check_reason(w, 1, 0, REASON_NONE);
}

static void opaque_objects_are_revoked_and_destroyed_without_state(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    register_opaque(w, "bytes", uid);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_done(w);
    assert_int_equal(shown(w, uid, "Revocation Reason", NULL), 1);
    plain(w, OPERATION_DESTROY, uid);
    check_done(w);
    plain(w, OPERATION_DESTROY, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "destroyed already");
}

static void archived_objects_wait_for_recover(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], key[KEK_BYTES];
    static const enum operation_code closed[] = {OPERATION_ACTIVATE,     OPERATION_DESTROY, OPERATION_ARCHIVE,
                                                 OPERATION_OBTAIN_LEASE, OPERATION_CHECK,   OPERATION_RE_KEY,
                                                 OPERATION_GET};
    new_key(w, uid);
    world_wait(w, 2000);
    plain(w, OPERATION_ARCHIVE, uid);
    check_uid(w, uid);
    assert_int_equal(shown_date(w, uid, "Archive Date"), w->now.unix_s);
    assert_int_equal(shown_date(w, uid, "Last Change Date"), w->now.unix_s);
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        plain(w, closed[i], uid);
        check_refused(w, REASON_OBJECT_ARCHIVED, "recover it first");
    }
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_refused(w, REASON_OBJECT_ARCHIVED, "recover it first");
    plain(w, OPERATION_RECOVER, uid);
    check_uid(w, uid);
    assert_int_equal(shown_date(w, uid, "Archive Date"), DATE_NONE);
    assert_int_equal(do_get(w, uid, key), REASON_NONE);
    world_turns(w, 20); /* the Get has made it a used one */
    uint32_t generation = entry_of_uid(w, uid)->generation;
    plain(w, OPERATION_RECOVER, uid); /* of what is on line: nothing to do */
    check_uid(w, uid);
    assert_int_equal(entry_of_uid(w, uid)->generation, generation);
}

static void a_lease_is_given_on_living_keys(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES], opaque[UUID_BYTES];
    struct ttlv_item item;
    new_key(w, uid);
    int64_t changed = w->now.unix_s;
    world_wait(w, 3000);
    plain(w, OPERATION_OBTAIN_LEASE, uid);
    check_uid(w, uid);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_LEASE_TIME, &item));
    assert_int_equal(item.type, TTLV_INTERVAL);
    assert_int_equal(ttlv_enumeration(&item), 3600);
    assert_true(find_deep(answered(w, 1, 0).payload, TAG_LAST_CHANGE_DATE, &item));
    assert_int_equal(ttlv_long(&item), changed);
    register_opaque(w, "bytes", opaque);
    plain(w, OPERATION_OBTAIN_LEASE, opaque);
    check_refused(w, REASON_ILLEGAL_OPERATION, "have no Lease Time");
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    plain(w, OPERATION_OBTAIN_LEASE, uid);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_done(w);
    plain(w, OPERATION_OBTAIN_LEASE, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "Pre-Active and Active");
}

/* Opaque Objects show none. */
static enum state stored_state(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct object object;
    struct span record = catalogue_record(&w->store.catalogue, entry_of_uid(w, uid));
    assert_int_equal(object_open(record, &object), STATUS_OK);
    return object.head.state;
}

/* KMIP 1.4 s3.22: nothing leads back from Destroyed, not even for objects that are never activated. */
static void a_destroyed_opaque_object_stays_destroyed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    register_opaque(w, "bytes", uid);
    plain(w, OPERATION_DESTROY, uid);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "Active objects are deactivated");
    assert_int_equal(stored_state(w, uid), STATE_DESTROYED);
    item_get(ask(w, 1), uid);
    check_refused(w, REASON_ITEM_NOT_FOUND, "destroyed");
    plain(w, OPERATION_DESTROY, uid);
    check_refused(w, REASON_PERMISSION_DENIED, "destroyed already");
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    assert_int_equal(stored_state(w, uid), STATE_DESTROYED_COMPROMISED);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "once");
    item_get(ask(w, 1), uid);
    check_refused(w, REASON_ITEM_NOT_FOUND, "destroyed");
}

static void a_compromised_opaque_object_stays_compromised(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    register_opaque(w, "bytes", uid);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_done(w);
    assert_int_equal(stored_state(w, uid), STATE_DEACTIVATED);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    assert_int_equal(stored_state(w, uid), STATE_COMPROMISED);
    register_opaque(w, "others", uid);
    revoke_begin(w, uid, REVOCATION_KEY_COMPROMISE, NULL);
    check_done(w);
    revoke_begin(w, uid, REVOCATION_UNSPECIFIED, NULL);
    check_refused(w, REASON_PERMISSION_DENIED, "Active objects are deactivated");
    assert_int_equal(stored_state(w, uid), STATE_COMPROMISED);
    assert_int_equal(shown_date(w, uid, "Deactivation Date"), DATE_NONE);
    plain(w, OPERATION_DESTROY, uid);
    check_done(w);
    assert_int_equal(stored_state(w, uid), STATE_DESTROYED_COMPROMISED);
}

static void modify_date(struct world *w, const uint8_t uid[UUID_BYTES], const char *name, int64_t date)
{
    struct message *m = ask(w, 1);
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_date(m, name, date);
}

/* Activate sets a date as Modify Attribute does, by the same rules: KMIP 1.4 s3.25, s3.27. */
static void activate_is_refused_behind_dates_that_have_passed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static const char *const dates[] = {"Deactivation Date", "Process Start Date"};
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        struct message *m = create_begin(w);
        put_attribute_date(m, dates[i], w->now.unix_s + 1);
        create_end(w, m, uid);
        world_wait(w, 3000);
        plain(w, OPERATION_ACTIVATE, uid);
        check_refused(w, REASON_INVALID_FIELD, dates[i]);
        assert_int_equal(state_of(w, uid), STATE_PRE_ACTIVE);
        assert_int_equal(shown_date(w, uid, "Activation Date"), DATE_NONE);
    }
    struct message *m = create_begin(w);
    put_attribute_date(m, "Deactivation Date", w->now.unix_s + 1);
    create_end(w, m, uid);
    world_wait(w, 3000);
    modify_date(w, uid, "Deactivation Date", w->now.unix_s + 10); /* the way out */
    check_done(w);
    plain(w, OPERATION_ACTIVATE, uid);
    check_done(w);
    assert_int_equal(state_of(w, uid), STATE_ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(activate_sets_state_and_dates),
        STORY(only_pre_active_objects_are_activated),
        STORY(activate_and_archive_wait_for_the_journal_only),
        STORY(a_revocation_deactivates),
        STORY(a_compromise_has_two_dates),
        STORY(revocations_that_make_no_sense_are_refused),
        STORY(a_destroyed_key_may_turn_out_compromised),
        STORY(destroy_removes_the_material_and_keeps_the_rest),
        STORY(active_objects_are_not_destroyed),
        STORY(the_end_of_a_key_waits_for_the_key_manager),
        STORY(opaque_objects_are_revoked_and_destroyed_without_state),
        STORY(archived_objects_wait_for_recover),
        STORY(a_lease_is_given_on_living_keys),
        STORY(a_destroyed_opaque_object_stays_destroyed),
        STORY(a_compromised_opaque_object_stays_compromised),
        STORY(activate_is_refused_behind_dates_that_have_passed),
    };
    return cmocka_run_group_tests_name("op_life", tests, NULL, NULL);
}
