/* SPDX-License-Identifier: Apache-2.0 */
/* What the payloads of many operations share: Unique Identifier, Result Reasons (KMIP 1.4 s11.1), drafts and
 * proposals. */
#include "support/objects.h"

#include "operation/payload.h"

static const struct identity default_identity = {.scope = SCOPE_DEFAULT};

/* A payload in the making, and an attempt at it. */
struct sample {
    uint8_t bytes[512];
    struct ttlv_writer w;
    struct op op;
};

static struct sample *begin(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->w = ttlv_writer_over(s->bytes, sizeof s->bytes);
    return s;
}

static enum result_reason decode(struct sample *s)
{
    s->op.payload = span_of(s->bytes, s->w.len);
    return payload_decode_uid(&s->op);
}

static void a_unique_identifier_is_taken_or_the_placeholder_stays(void **state)
{
    (void)state;
    struct sample s;
    uint8_t uid[UUID_BYTES];
    char text[UUID_TEXT + 1];
    for (uint8_t i = 0; i < UUID_BYTES; i++)
        uid[i] = (uint8_t)(0xa0 + i);
    uuid_write(uid, text);
    ttlv_put_text(&begin(&s)->w, TAG_UNIQUE_IDENTIFIER, span_of_text(text));
    assert_int_equal(decode(&s), REASON_NONE);
    assert_true(s.op.has_uid && s.op.uid_known);
    assert_memory_equal(s.op.uid, uid, UUID_BYTES);
    begin(&s);
    assert_int_equal(decode(&s), REASON_NONE);
    assert_false(s.op.has_uid);
    begin(&s);
    s.op.has_uid = s.op.uid_known = true; /* the ID Placeholder */
    memcpy(s.op.uid, uid, UUID_BYTES);
    assert_int_equal(decode(&s), REASON_NONE);
    assert_true(s.op.has_uid && s.op.uid_known);
    assert_memory_equal(s.op.uid, uid, UUID_BYTES);
}

/* Identifiers of other servers have other forms: one that is given and not ours is not the placeholder's. */
static void an_identifier_of_another_form_is_given_but_not_known(void **state)
{
    (void)state;
    static const char *const others[] = {"", "42", "not-a-uuid-but-just-as-long-as-one-is"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct sample s;
        ttlv_put_text(&begin(&s)->w, TAG_UNIQUE_IDENTIFIER, span_of_text(others[i]));
        s.op.has_uid = s.op.uid_known = true;
        assert_int_equal(decode(&s), REASON_NONE);
        assert_true(s.op.has_uid);
        assert_false(s.op.uid_known);
    }
}

static void check_why(struct sample *s, enum result_reason reason, const char *words)
{
    assert_int_equal(decode(s), reason);
    assert_non_null(s->op.why);
    assert_non_null(strstr(s->op.why, words));
}

/* KMIP 1.4 s11.1: unknown fields are an Invalid Field, all else an Invalid Message. */
static void each_fault_has_its_reason(void **state)
{
    (void)state;
    struct sample s;
    ttlv_put_text(&begin(&s)->w, TAG_UNIQUE_IDENTIFIER, span_of_text("42"));
    ttlv_put_integer(&s.w, TAG_BATCH_COUNT, 1);
    check_why(&s, REASON_INVALID_FIELD, "does not have in this version");
    ttlv_put_text(&begin(&s)->w, TAG_UNIQUE_IDENTIFIER, span_of_text("42"));
    ttlv_put_text(&s.w, TAG_UNIQUE_IDENTIFIER, span_of_text("42"));
    check_why(&s, REASON_INVALID_MESSAGE, "twice");
    ttlv_put_integer(&begin(&s)->w, TAG_UNIQUE_IDENTIFIER, 42);
    check_why(&s, REASON_INVALID_MESSAGE, "wrong type");
    struct fields fields;
    struct ttlv_item item;
    begin(&s);
    fields_begin_trusted(&fields, span_of(s.bytes, 0));
    assert_false(fields_need(&fields, TAG_OBJECT_TYPE, TTLV_ENUMERATION, &item));
    assert_int_equal(payload_end(&s.op, &fields), REASON_INVALID_MESSAGE);
    assert_non_null(strstr(s.op.why, "lacks a required field"));
}

static void the_identifier_is_written_as_text(void **state)
{
    (void)state;
    struct sample s;
    struct ttlv_item item;
    begin(&s);
    for (uint8_t i = 0; i < UUID_BYTES; i++)
        s.op.result.uid[i] = (uint8_t)(i * 17);
    assert_int_equal(payload_respond_uid(&s.op, &s.w), REASON_NONE);
    struct ttlv_reader reader = ttlv_reader_over(span_of(s.bytes, s.w.len));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
    assert_int_equal(item.type, TTLV_TEXT_STRING);
    check_text(item.value, "00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(ttlv_next(&reader, &item), STATUS_END);
}

/* An attempt at an item that has found its object. */
static struct op op_of(struct world *w, const uint8_t uid[UUID_BYTES])
{
    struct op op = {.env = &w->env, .identity = &default_identity, .minor = 4};
    w->env.now = w->now;
    assert_int_equal(store_find(&w->store, uid, &op.handle), ASK_READY);
    assert_int_equal(
        object_open(catalogue_record(&w->store.catalogue, catalogue_get(&w->store.catalogue, op.handle)),
                    &op.object),
        STATUS_OK);
    return op;
}

static void a_draft_is_the_next_generation_changed_now(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    create_end(w, create_begin(w), uid);
    world_wait(w, 3000);
    struct op op = op_of(w, uid);
    struct draft *draft = op_draft(&op);
    struct object view = draft_view(draft);
    assert_int_equal(draft->head.generation, 2);
    assert_memory_equal(draft->head.uid, uid, UUID_BYTES);
    assert_memory_equal(draft->head.node, w->store.node, NODE_BYTES);
    assert_int_equal(object_date(&view, TAG_LAST_CHANGE_DATE), w->now.unix_s);
    assert_true(object_date(&view, TAG_INITIAL_DATE) < w->now.unix_s);
    assert_true((draft->head.flags & OBJECT_FRESH) != 0);
    op.fresh_spent = true; /* the next change says so in the record */
    assert_int_equal(op_draft(&op)->head.flags & OBJECT_FRESH, 0);
}

static void a_proposal_is_noted_and_becomes_the_record(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    const char *why = NULL;
    create_end(w, create_begin(w), uid);
    struct op op = op_of(w, uid);
    struct draft *draft = op_draft(&op);
    draft_set(draft, NULL, span_of_text("x-a"), 0, TTLV_TEXT_STRING, span_of_text("1"));
    assert_int_equal(op_propose(&op, draft, op.handle, COMMIT_JOURNAL), REASON_NONE);
    assert_int_equal(op.commit_count, 1);
    assert_int_equal(op.commits[0].handle.slot, op.handle.slot);
    assert_int_equal(store_committed(&w->store, op.handle, op.commits[0].number, &why), ASK_WAIT);
    world_turns(w, 5);
    assert_int_equal(store_committed(&w->store, op.handle, op.commits[0].number, &why), ASK_READY);
    assert_int_equal(shown(w, uid, "x-a", NULL), 1);
}

static void what_does_not_fit_is_not_proposed(void **state)
{
    struct world *w = *state;
    uint8_t uid[UUID_BYTES];
    static uint8_t text[1000];
    create_end(w, create_begin(w), uid);
    struct op op = op_of(w, uid);
    struct draft *draft = op_draft(&op);
    for (int32_t i = 0; i < 8; i++)
        draft_set(draft, NULL, span_of_text("x-a"), i, TTLV_BYTE_STRING, span_of(text, sizeof text));
    assert_int_equal(op_propose(&op, draft, op.handle, COMMIT_JOURNAL), REASON_INDEX_OUT_OF_BOUNDS);
    assert_non_null(strstr(op.why, "7,500 bytes"));
    assert_int_equal(op.commit_count, 0);
    assert_false(store_busy(&w->store, op.handle));
}

static void full_memory_is_a_reason(void **state)
{
    (void)state;
    struct world *w =
        world_new(&(struct world_options){.settings = {.objects = 64, .record_bytes = 2 * ARENA_PAGE}});
    uint8_t uid[UUID_BYTES];
    static uint8_t text[1000];
    enum result_reason reason = REASON_NONE;
    struct op op;
    assert_true(world_settle(w));
    create_end(w, create_begin(w), uid);
    for (int i = 0; i < 40 && reason == REASON_NONE; i++) {
        uint8_t other[UUID_BYTES];
        assert_int_equal(do_create(w, NULL, other), REASON_NONE);
        op = op_of(w, other);
        struct draft *draft = op_draft(&op);
        for (int32_t k = 0; k < 6; k++)
            draft_set(draft, NULL, span_of_text("x-a"), k, TTLV_BYTE_STRING, span_of(text, sizeof text));
        reason = op_propose(&op, draft, op.handle, COMMIT_JOURNAL);
        if (reason == REASON_NONE)
            world_turns(w, 5);
    }
    assert_int_equal(reason, REASON_GENERAL_FAILURE);
    assert_non_null(strstr(op.why, "store record-bytes"));
    assert_int_equal(op.commit_count, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unique_identifier_is_taken_or_the_placeholder_stays),
        cmocka_unit_test(an_identifier_of_another_form_is_given_but_not_known),
        cmocka_unit_test(each_fault_has_its_reason),
        cmocka_unit_test(the_identifier_is_written_as_text),
        STORY(a_draft_is_the_next_generation_changed_now),
        STORY(a_proposal_is_noted_and_becomes_the_record),
        STORY(what_does_not_fit_is_not_proposed),
        cmocka_unit_test(full_memory_is_a_reason),
    };
    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
