/* SPDX-License-Identifier: Apache-2.0 */
/* Every reader of TTLV that knows no state: walking, fields, header, batch items, attributes, key blocks. */
#include <stdlib.h>

#include "base/limits.h"
#include "fuzz/ttlv_mutator.h"
#include "kmip/attribute.h"
#include "kmip/key_block.h"
#include "kmip/message.h"
#include "kmip/tag.h"
#include "support/ttlv_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap, unsigned seed)
{
    return ttlv_mutate(data, len, cap, seed);
}

static void need(bool good)
{
    if (!good)
        abort();
}

/* What ttlv_check lets pass can be written as text, and is the same when read back. */
static void check_text(struct span in)
{
    static char text[200000];
    static uint8_t back[70000];
    struct buf out = buf_over(text, sizeof text);
    text[0] = 0;
    need(ttlv_disassemble(in, &out));
    for (size_t i = 0; i < in.len; i++)
        if (out.full || in.ptr[i] == '\\' || in.len > 4096)
            return;
    need(ttlv_assemble(text, back, sizeof back) == in.len || in.len == 0);
}

static void try_attribute(const struct ttlv_item *item)
{
    static uint8_t room[4096];
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        struct attribute a;
        const char *why = NULL;
        enum result_reason reason = attribute_read(item, minor, minor % 2 == 0, &a, &why);
        need(reason == REASON_NONE || why != NULL);
        if (reason != REASON_NONE || !a.has_value)
            continue;
        for (uint8_t to = 0; to <= KMIP_MINOR_MAX; to++) {
            struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
            bool written = attribute_write(&w, a.row, a.name, a.index, a.value.type, a.value.value, to);
            need(written == (w.len != 0) && !w.full);
            need(ttlv_check(span_of(room, w.len), 4) == STATUS_OK);
        }
    }
}

static void try_key_block(struct span content)
{
    struct key_block block;
    const char *why = NULL;
    enum result_reason reason = key_block_read(content, (uint8_t)(content.len % 5), &block, &why);
    need(reason == REASON_NONE || why != NULL);
}

static void walk(struct span in, unsigned depth)
{
    struct ttlv_reader reader = ttlv_reader_over(in);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        try_attribute(&item);
        if (item.type != TTLV_STRUCTURE)
            continue;
        try_key_block(item.value);
        if (depth < TTLV_DEPTH_MAX)
            walk(item.value, depth + 1);
    }
}

/* Whatever comes in: items lie inside, and values are read within them. */
static void step_through(struct span in, unsigned depth)
{
    struct ttlv_reader reader = ttlv_reader_over(in);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        need(item.value.ptr >= in.ptr && item.value.ptr + item.value.len <= in.ptr + in.len);
        if (item.type == TTLV_BOOLEAN)
            need(ttlv_boolean(&item) == (ttlv_long(&item) == 1));
        if (item.type == TTLV_STRUCTURE && depth < TTLV_DEPTH_MAX)
            step_through(item.value, depth + 1);
    }
}

static void read_message(struct span in)
{
    struct request_header header;
    struct ttlv_reader items;
    const char *why = NULL;
    enum result_reason reason = message_read_header(in, &header, &items, &why);
    need(header.major == 1 && header.minor <= KMIP_MINOR_MAX);
    if (reason != REASON_NONE) {
        need(why != NULL);
        return;
    }
    need(header.batch_count > 0);
    for (int32_t i = 0; i < header.batch_count; i++) {
        struct batch_item item;
        reason = message_read_item(&items, &header, &item, &why);
        need(reason == REASON_NONE || why != NULL);
    }
    need(items.at == items.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span in = span_of(data, len);
    if (len > 65536)
        return 0;
    if (ttlv_check(in, TTLV_DEPTH_MAX) == STATUS_OK) {
        check_text(in);
        if (len <= 2048)
            walk(in, 0); /* attributes and key blocks are read out of checked messages only */
    }
    step_through(in, 0);
    read_message(in);
    return 0;
}
