/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole request machine over a store and a key manager in memory. An input is one byte of options and a
 * row of Request Messages, done one after the other, so that objects are made, changed and removed. The
 * Unique Identifier 00000000-0000-4000-8000-0000000000NN stands for that of the NN-th object made by the
 * input.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fuzz/steady_random.h"
#include "fuzz/ttlv_mutator.h"
#include "kmip/tag.h"
#include "operation/request.h"
#include "support/fake_keymgr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap, unsigned seed);

/* Bits of the options. */
#define SLOW_KEYMGR 1 /* answers come two turns later */
#define SMALL_ROOM  2 /* for answers */
#define FEW_OBJECTS 4
#define PUT_FAILS   8  /* every third write of a record */
#define SLOW_CLOCK  16 /* time stands still between messages, else 100 s go by */

#define OBJECTS 40
#define TURNS   80

static struct fake_keymgr fake;
static struct store store;
static struct draft drafts[2];
static struct audit audit;
static struct log log_to_nobody = {.fd = -1};
static struct operation_env env;
static uint8_t material[MATERIAL_MAX], out[MESSAGE_LARGE];
static uint8_t *memory;
static size_t memory_size;
static struct clock now;
static char made[64][UUID_TEXT + 1];
static size_t made_count;

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap, unsigned seed)
{
    if (len < 2 || cap < 2)
        return len;
    if (seed % 50 == 0)
        data[0] = (uint8_t)(seed / 50);
    return 1 + ttlv_mutate(data + 1, len - 1, cap - 1, seed);
}

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void turn(void)
{
    now.mono_ms += 10;
    env.now = now;
    store_turn(&store, now);
}

static void begin(uint8_t options)
{
    struct store_settings settings = {.objects = (options & FEW_OBJECTS) != 0 ? 2 : OBJECTS,
                                      .record_bytes = 64 * 1024,
                                      .flush_window_ms = 2000,
                                      .check_interval_ms = 30000,
                                      .offline_ms = 600000};
    struct region region = {.base = NULL};
    char why[200];
    steady_random_begin();
    for (size_t i = 0; i < fake.high; i++)
        fake.records[i].used = false;
    fake.high = 0;
    fake_hang_up(&fake);
    fake.next_id = fake.next_order = fake.next_key = 1;
    for (int kind = KEYMGR_NEW_KEY; kind < FAKE_KINDS; kind++)
        fake_answer(&fake, (enum keymgr_call_kind)kind, KEYMGR_OK, (options & SLOW_KEYMGR) != 0 ? 2 : 0);
    memset(&store, 0, sizeof store);
    store_carve(&store, &region, &settings);
    if (region.used > memory_size) {
        free(memory);
        memory_size = (region.used + 63) / 64 * 64;
        memory = aligned_alloc(64, memory_size);
    }
    size_t used = region.used;
    memset(memory, 0, used);
    region = (struct region){.base = memory, .size = used};
    store_carve(&store, &region, &settings);
    now = (struct clock){.mono_ms = 1000000, .unix_s = 1767225600};
    env = (struct operation_env){.store = &store,
                                 .lease_time_s = 3600,
                                 .vendor = "vendor",
                                 .server_information = "information",
                                 .drafts = drafts,
                                 .audit = &audit,
                                 .material = material};
    need(store_open(&store, fake_keymgr(&fake), NULL, NULL, &log_to_nobody, now, why, sizeof why) ==
             STATUS_OK,
         "store_open");
    for (int i = 0; i < TURNS && !store_complete(&store); i++)
        turn();
    made_count = 0;
}

/* Puts real Unique Identifiers in the place of those that stand for them. */
static void fill_in(uint8_t *message, size_t len)
{
    static const char form[] = "00000000-0000-4000-8000-0000000000";
    for (size_t i = 0; i + UUID_TEXT <= len; i++) {
        if (message[i] != '0' || memcmp(message + i, form, sizeof form - 1) != 0)
            continue;
        size_t number = (size_t)(message[i + 34] - '0') * 10 + (size_t)(message[i + 35] - '0');
        if (number < made_count)
            memcpy(message + i, made[number], UUID_TEXT);
    }
}

/* Every item of an answer: nothing of a later version, but for what clients put into custom attributes
 * themselves. */
static void check_inside(struct span in, uint8_t minor, bool note_uids)
{
    struct ttlv_reader reader = ttlv_reader_over(in);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (tag_since(item.tag) > minor)
            need(false, tag_name(item.tag)); /* a field of a later version in an answer */
        if (note_uids && item.tag == TAG_UNIQUE_IDENTIFIER && item.type == TTLV_TEXT_STRING &&
            item.value.len == UUID_TEXT && made_count < 64)
            memcpy(made[made_count++], item.value.ptr, UUID_TEXT);
        if (item.type == TTLV_STRUCTURE && item.tag != TAG_ATTRIBUTE_VALUE)
            check_inside(item.value, minor, note_uids);
    }
}

static void check_item(struct span item, uint8_t minor)
{
    struct fields fields;
    struct ttlv_item part;
    uint32_t operation = 0;
    fields_begin(&fields, item);
    if (fields_take(&fields, TAG_OPERATION, TTLV_ENUMERATION, &part))
        operation = ttlv_enumeration(&part);
    fields_take(&fields, TAG_UNIQUE_BATCH_ITEM_ID, TTLV_BYTE_STRING, &part);
    need(fields_need(&fields, TAG_RESULT_STATUS, TTLV_ENUMERATION, &part), "no Result Status");
    bool failed = ttlv_enumeration(&part) != RESULT_SUCCESS;
    if (fields_take(&fields, TAG_RESULT_REASON, TTLV_ENUMERATION, &part)) {
        enum result_reason reason = (enum result_reason)ttlv_enumeration(&part);
        need(failed && result_reason_for(reason, minor) == reason, "a Result Reason that does not fit");
    } else {
        need(!failed, "a failure without Result Reason");
    }
    fields_take(&fields, TAG_RESULT_MESSAGE, TTLV_TEXT_STRING, &part);
    need(fields_take(&fields, TAG_RESPONSE_PAYLOAD, TTLV_STRUCTURE, &part) == !failed,
         "a Response Payload that does not fit");
    if (!failed)
        check_inside(part.value, minor,
                     operation == OPERATION_CREATE || operation == OPERATION_REGISTER ||
                         operation == OPERATION_RE_KEY);
    need(fields_end(&fields) == FIELDS_OK, "something else in a Batch Item");
}

static void check_answer(struct span answer, uint8_t minor)
{
    struct ttlv_reader reader = ttlv_reader_over(answer);
    struct ttlv_item whole, item;
    need(ttlv_check(answer, TTLV_DEPTH_MAX) == STATUS_OK, "an answer is not TTLV");
    need(ttlv_next(&reader, &whole) == STATUS_OK && whole.tag == TAG_RESPONSE_MESSAGE &&
             reader.at == reader.end,
         "an answer is no Response Message");
    reader = ttlv_enter(&whole);
    need(ttlv_next(&reader, &item) == STATUS_OK && item.tag == TAG_RESPONSE_HEADER,
         "an answer without header");
    check_inside(item.value, minor, false);
    int32_t wanted = (int32_t)be32_get(item.value.ptr + item.value.len - 8), count = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        need(item.tag == TAG_BATCH_ITEM, "something else than Batch Items");
        check_item(item.value, minor);
        count++;
    }
    need(count == wanted, "Batch Count is not the number of items");
}

static void do_message(struct span message, uint8_t options)
{
    static struct request request;
    const char *why = NULL;
    size_t room = (options & SMALL_ROOM) != 0 ? 1500 : sizeof out, len;
    enum result_reason reason = request_begin(&request, message, now.mono_ms + 500, &why);
    if (reason != REASON_NONE) {
        len = request_refuse(&request.header, reason, why, now.unix_s, out, room);
        need(len != 0, "a refusal does not fit");
        check_answer(span_of(out, len), request.header.minor);
        return;
    }
    for (int i = 0; i < 2000; i++) {
        audit.count = 0;
        switch (request_run(&request, &env, out, room, 1 + (options >> 5))) {
        case REQUEST_DONE:
            need(request.response_len <= room, "an answer is larger than its room");
            check_answer(span_of(out, request.response_len), request.header.minor);
            return;
        case REQUEST_WAITING:
        case REQUEST_AGAIN:
            turn();
        }
    }
    need(false, "a request never ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool ready;
    static uint8_t copy[MESSAGE_LARGE];
    if (len < 2 || len > 16384)
        return 0;
    if (!ready) {
        fake_init(&fake);
        ready = true;
    }
    uint8_t options = data[0];
    begin(options);
    unsigned messages = 0;
    for (size_t at = 1; at < len && messages < 40; messages++) {
        size_t rest = len - at, size = rest;
        if (rest >= 8 && be32_get(data + at + 4) <= rest - 8)
            size = 8 + be32_get(data + at + 4);
        if ((options & PUT_FAILS) != 0 && messages % 3 == 2)
            fake_fail(&fake, KEYMGR_PUT, KEYMGR_AWAY, 1);
        memcpy(copy, data + at, size);
        fill_in(copy, size);
        uint8_t *tight = malloc(size);
        memcpy(tight, copy, size);
        do_message(span_of(tight, size), options);
        free(tight);
        at += size;
        turn();
        if ((options & SLOW_CLOCK) == 0) {
            now.mono_ms += 100000;
            now.unix_s += 100;
        }
    }
    for (int i = 0; i < 5; i++)
        turn();
    return 0;
}
