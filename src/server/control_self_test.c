/* SPDX-License-Identifier: Apache-2.0 */
/* `test serving`: a key is created, fetched and destroyed on the way that a client's requests take. */
#include <stdio.h>

#include "base/wipe.h"
#include "server/control_parts.h"
#include "server/inventory.h"
#include "ttlv/reader.h"

/* What `show keys` calls the key while it lives. */
#define TEST_COMPONENT "Holdfast"
#define TEST_NAME      "holdfast-self-test"
#define TEST_KEY_BITS  256

static const char *const step_names[SELF_TEST_STEPS] = {"create", "get", "destroy"};

static void put_attribute(struct ttlv_writer *w, const char *name, const char *text, int32_t number)
{
    size_t attribute = ttlv_begin(w, TAG_ATTRIBUTE);
    ttlv_put_text(w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    if (text != NULL)
        ttlv_put_text(w, TAG_ATTRIBUTE_VALUE, span_of_text(text));
    else
        ttlv_put_integer(w, TAG_ATTRIBUTE_VALUE, number);
    ttlv_end(w, attribute);
}

/* KMIP 1.4 s4.1 */
static void put_create(struct ttlv_writer *w)
{
    ttlv_put_enumeration(w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    size_t template = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
    size_t algorithm = ttlv_begin(w, TAG_ATTRIBUTE);
    ttlv_put_text(w, TAG_ATTRIBUTE_NAME, span_of_text("Cryptographic Algorithm"));
    ttlv_put_enumeration(w, TAG_ATTRIBUTE_VALUE, ALGORITHM_AES);
    ttlv_end(w, algorithm);
    put_attribute(w, "Cryptographic Length", NULL, TEST_KEY_BITS);
    put_attribute(w, "Cryptographic Usage Mask", NULL, USAGE_ENCRYPT | USAGE_DECRYPT);
    put_attribute(w, "x-Component", TEST_COMPONENT, 0);
    put_attribute(w, "x-Name", TEST_NAME, 0);
    ttlv_end(w, template);
}

static size_t write_request(struct control_conn *c, enum operation_code code)
{
    struct ttlv_writer w = ttlv_writer_over(c->message, sizeof c->message);
    size_t message = inventory_request_begin(&w, 1);
    size_t item = ttlv_begin(&w, TAG_BATCH_ITEM);
    ttlv_put_enumeration(&w, TAG_OPERATION, code);
    size_t payload = ttlv_begin(&w, TAG_REQUEST_PAYLOAD);
    if (code == OPERATION_CREATE)
        put_create(&w);
    else
        ttlv_put_text(&w, TAG_UNIQUE_IDENTIFIER, span_of(c->self_test.uid, UUID_TEXT));
    ttlv_end(&w, payload);
    ttlv_end(&w, item);
    ttlv_end(&w, message);
    return w.full ? 0 : w.len;
}

/* The field at the end of a path of tags, which begins behind the Response Message; empty when there is none.
 */
static struct span find(struct span answer, const uint32_t *path, size_t count)
{
    struct ttlv_reader reader = ttlv_reader_trusted(answer);
    struct ttlv_item item = {.value = span_of(NULL, 0)};
    if (ttlv_next(&reader, &item) != STATUS_OK)
        return span_of(NULL, 0);
    for (size_t i = 0; i < count; i++) {
        reader = ttlv_enter(&item);
        do
            if (ttlv_next(&reader, &item) != STATUS_OK)
                return span_of(NULL, 0);
        while (item.tag != path[i]);
    }
    return item.value;
}

static struct span unique_identifier(struct span answer)
{
    static const uint32_t path[] = {TAG_BATCH_ITEM, TAG_RESPONSE_PAYLOAD, TAG_UNIQUE_IDENTIFIER};
    return find(answer, path, COUNT_OF(path));
}

static struct span key_material(struct span answer)
{
    static const uint32_t path[] = {TAG_BATCH_ITEM, TAG_RESPONSE_PAYLOAD, TAG_SYMMETRIC_KEY,
                                    TAG_KEY_BLOCK,  TAG_KEY_VALUE,        TAG_KEY_MATERIAL};
    return find(answer, path, COUNT_OF(path));
}

/* Only the first reason counts; what fails behind it mostly follows from it. */
static void fail(struct control_conn *c, struct span reason)
{
    struct buf why = buf_over(c->why, sizeof c->why);
    if (c->result != NULL)
        return;
    buf_print(&why, "%s: ", step_names[c->self_test.at]);
    buf_add_printable(&why, reason);
    c->result = c->why;
}

static void begin_step(struct server *s, struct control_conn *c)
{
    const char *why = "the request has no room";
    struct control_self_test *t = &c->self_test;
    uint64_t deadline = s->now.mono_ms + s->config.request_timeout_ms;
    const struct catalogue_entry *e;
    size_t len = 0;
    t->begun_us = clock_mono_us();
    if (t->at == SELF_TEST_CREATE) {
        len = write_request(c, OPERATION_CREATE);
    } else if (t->at == SELF_TEST_GET) {
        len = write_request(c, OPERATION_GET);
    } else {
        e = inventory_find(s, span_of(t->uid, UUID_TEXT));
        why = "the key is gone already";
        len = e == NULL ? 0 : inventory_retire_request(s, e, c->message, sizeof c->message);
    }
    if (len != 0 && request_begin(&c->request, span_of(c->message, len), deadline, &why) == REASON_NONE) {
        c->request.identity.scope = SCOPE_DEFAULT;
        return;
    }
    fail(c, span_of_text(why));
    t->at = SELF_TEST_STEPS;
}

const char *control_self_test(struct server *s, struct control_conn *c)
{
    c->self_test = (struct control_self_test){.at = SELF_TEST_CREATE};
    c->command = CONTROL_SELF_TEST;
    c->result = NULL;
    begin_step(s, c);
    return c->result;
}

static void take_answer(struct control_conn *c)
{
    struct control_self_test *t = &c->self_test;
    struct span answer = span_of(c->answer, c->request.response_len);
    struct span reason = inventory_retire_answer(answer), uid = unique_identifier(answer);
    bool good = reason.len == 0;
    if (good && t->at == SELF_TEST_CREATE) {
        good = t->has_key = uid.len == UUID_TEXT;
        if (good)
            memcpy(t->uid, uid.ptr, UUID_TEXT);
    } else if (good && t->at == SELF_TEST_GET) {
        good = key_material(answer).len == TEST_KEY_BITS / 8;
    }
    t->steps[t->at].done = true;
    t->steps[t->at].good = good;
    t->steps[t->at].ms = (uint32_t)((clock_mono_us() - t->begun_us) / 1000);
    if (!good)
        fail(c, reason.len != 0 ? reason : span_of_text("the answer has no key"));
}

/* Said at the end, all at once: a console that goes away meanwhile must not leave the key behind. */
static void write_steps(struct server *s, struct control_conn *c)
{
    struct buf out = control_answer(c);
    for (size_t i = 0; i < SELF_TEST_STEPS; i++)
        if (c->self_test.steps[i].done)
            buf_print(&out, "%-8s %-7s %5u ms\n", step_names[i], c->self_test.steps[i].good ? "ok" : "FAILED",
                      c->self_test.steps[i].ms);
        else
            buf_print(&out, "%-8s not tried\n", step_names[i]);
    c->out_len = out.len;
    log_write(&s->log, c->result == NULL ? LOG_INFO : LOG_WARNING, "audit",
              "console tests create, get, destroy: %s", c->result == NULL ? "ok" : c->result);
    control_end(c);
}

void control_step_self_test(struct server *s, struct control_conn *c)
{
    struct control_self_test *t = &c->self_test;
    while (t->at != SELF_TEST_STEPS) {
        s->env.now = s->now;
        enum request_state state =
            request_run(&c->request, &s->env, c->answer, sizeof c->answer, BATCH_ITEMS_A_TURN);
        s->audit.count = 0; /* told above: whoever runs next would take it for a client's */
        if (state != REQUEST_DONE)
            return;
        take_answer(c);
        wipe(c->answer, sizeof c->answer);
        t->at = t->has_key ? t->at + 1 : SELF_TEST_STEPS;
        if (t->at != SELF_TEST_STEPS)
            begin_step(s, c);
    }
    write_steps(s, c);
}
