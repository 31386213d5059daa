/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KMIP 1.1 s9.1.3.1 */
enum tag {
    ATTRIBUTE = 0x420008,
    ATTRIBUTE_NAME = 0x42000A,
    ATTRIBUTE_VALUE = 0x42000B,
    BATCH_COUNT = 0x42000D,
    BATCH_ITEM = 0x42000F,
    NAME_TYPE = 0x420054,
    NAME_VALUE = 0x420055,
    OBJECT_TYPE = 0x420057,
    OPERATION = 0x42005C,
    PROTOCOL_VERSION = 0x420069,
    PROTOCOL_VERSION_MAJOR = 0x42006A,
    PROTOCOL_VERSION_MINOR = 0x42006B,
    REQUEST_HEADER = 0x420077,
    REQUEST_MESSAGE = 0x420078,
    REQUEST_PAYLOAD = 0x420079,
    RESPONSE_MESSAGE = 0x42007B,
    RESULT_REASON = 0x42007E,
    RESULT_STATUS = 0x42007F,
    TEMPLATE_ATTRIBUTE = 0x420091,
    UNIQUE_BATCH_ITEM_ID = 0x420093,
    UNIQUE_IDENTIFIER = 0x420094,
};

/* KMIP 1.1 s9.1.1.2 */
enum type { STRUCTURE = 1, INTEGER = 2, ENUMERATION = 5, TEXT_STRING = 7, BYTE_STRING = 8 };

/* KMIP 1.1 s9.1.3.2 */
enum { CREATE = 0x01, LOCATE = 0x08, GET = 0x0A, ADD_ATTRIBUTE = 0x0D };
enum { SYMMETRIC_KEY = 2, AES = 3, ENCRYPT_DECRYPT = 0x0C, UNINTERPRETED_TEXT = 1 };

struct writer {
    unsigned char *out;
    size_t len;
};

static void put_u32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned char *reserve(struct writer *w, size_t bytes)
{
    if (REQUEST_BYTES_MAX - w->len < bytes) {
        fprintf(stderr, "load: a request does not fit %d bytes; use a smaller batch\n", REQUEST_BYTES_MAX);
        exit(2);
    }
    unsigned char *p = w->out + w->len;
    memset(p, 0, bytes);
    w->len += bytes;
    return p;
}

static unsigned char *put_item(struct writer *w, enum tag tag, enum type type, size_t bytes)
{
    unsigned char *p = reserve(w, 8 + (bytes + 7) / 8 * 8);
    put_u32(p, (uint32_t)tag << 8 | type);
    put_u32(p + 4, (uint32_t)bytes);
    return p + 8;
}

static size_t open_structure(struct writer *w, enum tag tag)
{
    put_item(w, tag, STRUCTURE, 0);
    return w->len;
}

static void close_structure(struct writer *w, size_t body)
{
    put_u32(w->out + body - 4, (uint32_t)(w->len - body));
}

static void put_number(struct writer *w, enum tag tag, enum type type, uint32_t value)
{
    put_u32(put_item(w, tag, type, 4), value);
}

static void put_string(struct writer *w, enum tag tag, enum type type, const void *bytes, size_t len)
{
    memcpy(put_item(w, tag, type, len), bytes, len);
}

static void put_text(struct writer *w, enum tag tag, const char *text)
{
    put_string(w, tag, TEXT_STRING, text, strlen(text));
}

static size_t open_message(struct writer *w, unsigned char *out, unsigned items)
{
    *w = (struct writer){out, 0};
    size_t message = open_structure(w, REQUEST_MESSAGE);
    size_t header = open_structure(w, REQUEST_HEADER);
    size_t version = open_structure(w, PROTOCOL_VERSION);
    put_number(w, PROTOCOL_VERSION_MAJOR, INTEGER, 1);
    put_number(w, PROTOCOL_VERSION_MINOR, INTEGER, 1);
    close_structure(w, version);
    put_number(w, BATCH_COUNT, INTEGER, items);
    close_structure(w, header);
    return message;
}

/* Batch items are numbered as vCenter's library numbers them. */
static size_t open_item(struct writer *w, uint32_t operation, unsigned number, size_t *payload)
{
    unsigned char id[8] = {'Q', 'L', 'K', 'C', (unsigned char)(number + 1), 0, 0, 0};
    size_t item = open_structure(w, BATCH_ITEM);
    put_number(w, OPERATION, ENUMERATION, operation);
    put_string(w, UNIQUE_BATCH_ITEM_ID, BYTE_STRING, id, sizeof id);
    *payload = open_structure(w, REQUEST_PAYLOAD);
    return item;
}

static size_t open_attribute(struct writer *w, const char *name)
{
    size_t attribute = open_structure(w, ATTRIBUTE);
    put_text(w, ATTRIBUTE_NAME, name);
    return attribute;
}

static void put_text_attribute(struct writer *w, const char *name, const char *value)
{
    size_t attribute = open_attribute(w, name);
    put_text(w, ATTRIBUTE_VALUE, value);
    close_structure(w, attribute);
}

static void put_number_attribute(struct writer *w, const char *name, enum type type, uint32_t value)
{
    size_t attribute = open_attribute(w, name);
    put_number(w, ATTRIBUTE_VALUE, type, value);
    close_structure(w, attribute);
}

static void put_name_attribute(struct writer *w, const char *name)
{
    size_t attribute = open_attribute(w, "Name");
    size_t value = open_structure(w, ATTRIBUTE_VALUE);
    put_text(w, NAME_VALUE, name);
    put_number(w, NAME_TYPE, ENUMERATION, UNINTERPRETED_TEXT);
    close_structure(w, value);
    close_structure(w, attribute);
}

size_t request_get(unsigned char *out, const char *uid)
{
    struct writer w;
    size_t payload;
    size_t message = open_message(&w, out, 1);
    size_t item = open_item(&w, GET, 0, &payload);
    put_text(&w, UNIQUE_IDENTIFIER, uid);
    close_structure(&w, payload);
    close_structure(&w, item);
    close_structure(&w, message);
    return w.len;
}

size_t request_locate_name(unsigned char *out, const char *name)
{
    struct writer w;
    size_t payload;
    size_t message = open_message(&w, out, 1);
    size_t item = open_item(&w, LOCATE, 0, &payload);
    put_name_attribute(&w, name);
    close_structure(&w, payload);
    close_structure(&w, item);
    close_structure(&w, message);
    return w.len;
}

size_t request_locate_uid(unsigned char *out, const char *uid)
{
    struct writer w;
    size_t payload;
    size_t message = open_message(&w, out, 1);
    size_t item = open_item(&w, LOCATE, 0, &payload);
    size_t attribute = open_attribute(&w, "Unique Identifier");
    put_text(&w, ATTRIBUTE_VALUE, uid);
    close_structure(&w, attribute);
    close_structure(&w, payload);
    close_structure(&w, item);
    close_structure(&w, message);
    return w.len;
}

static void put_create_payload(struct writer *w, const char *name)
{
    put_number(w, OBJECT_TYPE, ENUMERATION, SYMMETRIC_KEY);
    size_t template = open_structure(w, TEMPLATE_ATTRIBUTE);
    put_number_attribute(w, "Cryptographic Algorithm", ENUMERATION, AES);
    put_number_attribute(w, "Cryptographic Usage Mask", INTEGER, ENCRYPT_DECRYPT);
    put_number_attribute(w, "Cryptographic Length", INTEGER, 256);
    if (name != NULL)
        put_name_attribute(w, name);
    close_structure(w, template);
}

size_t request_create(unsigned char *out, unsigned first, unsigned count, unsigned name_every)
{
    struct writer w;
    size_t message = open_message(&w, out, count);
    for (unsigned i = 0; i < count; i++) {
        char name[REQUEST_NAME_BYTES];
        bool named = name_every != 0 && (first + i) % name_every == 0;
        request_name(name, first + i);
        size_t payload;
        size_t item = open_item(&w, CREATE, i, &payload);
        put_create_payload(&w, named ? name : NULL);
        close_structure(&w, payload);
        close_structure(&w, item);
    }
    close_structure(&w, message);
    return w.len;
}

size_t request_describe(unsigned char *out, const char *uid, unsigned part, unsigned i)
{
    char identifier[40], vm[64];
    const char *const attributes[REQUEST_DESCRIBE_PARTS][REQUEST_DESCRIBE_ITEMS][2] = {
        {{"x-Product_Version", "8.0.1 build-21560480"},
         {"x-Vendor", "VMware, Inc."},
         {"x-Product", "VMware vSphere"}},
        {{"x-Identifier", identifier}, {"x-Component", "Virtual Machine"}, {"x-Name", vm}},
    };
    struct writer w;
    snprintf(identifier, sizeof identifier, "503c0000-0000-4000-8000-0000%08x", i);
    snprintf(vm, sizeof vm, "bench-%08u.machines.example.org", i);
    size_t message = open_message(&w, out, REQUEST_DESCRIBE_ITEMS);
    for (unsigned k = 0; k < REQUEST_DESCRIBE_ITEMS; k++) {
        size_t payload;
        size_t item = open_item(&w, ADD_ATTRIBUTE, k, &payload);
        put_text(&w, UNIQUE_IDENTIFIER, uid);
        put_text_attribute(&w, attributes[part][k][0], attributes[part][k][1]);
        close_structure(&w, payload);
        close_structure(&w, item);
    }
    close_structure(&w, message);
    return w.len;
}

void request_name(char name[static REQUEST_NAME_BYTES], unsigned i)
{
    snprintf(name, REQUEST_NAME_BYTES, "bench-%08u", i);
}

size_t message_bytes(const unsigned char *header)
{
    return 8 + (size_t)get_u32(header + 4);
}

static void answer_item(struct answer *a, uint32_t tag, const unsigned char *value, size_t len)
{
    switch (tag) {
    case BATCH_ITEM:
        a->items++;
        break;
    case RESULT_STATUS:
        if (len == 4 && get_u32(value) != 0)
            a->failed++;
        break;
    case RESULT_REASON:
        if (len == 4)
            a->reason = get_u32(value);
        break;
    case UNIQUE_IDENTIFIER:
        if (a->uids < REQUEST_BATCH_MAX) {
            a->uid[a->uids] = (const char *)value;
            a->uid_bytes[a->uids] = len;
        }
        a->uids++;
        break;
    default:
        break;
    }
}

/* Structures are entered by not skipping their bodies: nothing here depends on which structure an item stands
 * in. */
bool answer_read(struct answer *a, const unsigned char *message, size_t len)
{
    *a = (struct answer){0};
    if (len < 8 || get_u32(message) >> 8 != RESPONSE_MESSAGE)
        return false;
    size_t at = 0;
    while (at < len) {
        if (len - at < 8)
            return false;
        size_t bytes = get_u32(message + at + 4);
        size_t padded = (bytes + 7) / 8 * 8;
        if (padded > len - at - 8)
            return false;
        answer_item(a, get_u32(message + at) >> 8, message + at + 8, bytes);
        at += message[at + 3] == STRUCTURE ? 8 : 8 + padded;
    }
    return a->items > 0;
}
