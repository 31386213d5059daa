/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in the server of support/server_house.h, made by its own request machine and without a connection.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_HOUSE_KEYS_H
#define HOLDFAST_TESTS_SUPPORT_HOUSE_KEYS_H

#include "support/message.h"
#include "support/server_house.h"

static uint8_t house_in[MESSAGE_LARGE], house_out[MESSAGE_LARGE];
static struct message house_message;
static uint8_t house_scope; /* of whoever asks */

/* Items follow, then house_run. */
static inline struct message *house_ask(void)
{
    static const struct message_options options = {.minor = 4};
    message_open(&house_message, house_in, sizeof house_in, &options);
    return &house_message;
}

/* Turns until it is answered; its first item, which has to be a success. */
static inline struct answer_item house_run(struct house *h)
{
    struct server *s = &h->server;
    struct request request;
    const char *why = NULL;
    size_t len = message_close(&house_message);
    enum result_reason reason = request_begin(&request, span_of(house_in, len), s->now.mono_ms + 10000, &why);
    assert_int_equal(reason, REASON_NONE);
    request.identity.scope = house_scope;
    for (int i = 0; i < HOUSE_PATIENCE; i++) {
        s->env.now = s->now;
        s->audit.count = 0;
        if (request_run(&request, &s->env, house_out, sizeof house_out, BATCH_ITEMS_A_TURN) == REQUEST_DONE)
            break;
        house_turn(h, 1);
    }
    s->audit.count = 0;
    struct span answer = span_of(house_out, request.response_len);
    assert_true(answer_count(answer) >= 1);
    struct answer_item item = answer_item(answer, 0);
    if (item.reason != REASON_NONE)
        fail_msg("refused: %.*s", (int)item.text.len, (const char *)item.text.ptr);
    return item;
}

/* A Create of an AES key up to its template, which is open. */
static inline struct message *house_create_begin(void)
{
    struct message *m = house_ask();
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT | USAGE_DECRYPT);
    return m;
}

/* The entry of what a Create or Register made. */
static inline struct catalogue_entry *house_made(struct house *h)
{
    uint8_t uid[UUID_BYTES];
    assert_true(payload_uid(house_run(h).payload, uid));
    return catalogue_find(&h->server.store.catalogue, uid);
}

static inline struct catalogue_entry *house_create_end(struct house *h)
{
    put_template_end(&house_message);
    return house_made(h);
}

/* A key as VMware makes it; NULL: without this attribute. */
static inline struct catalogue_entry *house_key(struct house *h, const char *component, const char *name,
                                                const char *identifier)
{
    struct message *m = house_create_begin();
    if (component != NULL)
        put_attribute_text(m, "x-Component", component);
    if (name != NULL)
        put_attribute_text(m, "x-Name", name);
    if (identifier != NULL)
        put_attribute_text(m, "x-Identifier", identifier);
    return house_create_end(h);
}

static inline void house_do(struct house *h, enum operation_code operation, const struct catalogue_entry *e)
{
    item_uid(house_ask(), operation, e->uid);
    house_run(h);
}

static inline void house_add_text(struct house *h, const struct catalogue_entry *e, const char *name,
                                  const char *value)
{
    item_add_text(house_ask(), e->uid, name, value);
    house_run(h);
}

#endif
