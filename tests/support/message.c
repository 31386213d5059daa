/* SPDX-License-Identifier: Apache-2.0 */
#include "support/message.h"

#include "base/bytes.h"

void message_open(struct message *m, void *out, size_t cap, const struct message_options *o)
{
    memset(m, 0, sizeof *m);
    m->w = ttlv_writer_over(out, cap);
    m->minor = o->minor;
    m->whole = ttlv_begin(&m->w, TAG_REQUEST_MESSAGE);
    size_t header = ttlv_begin(&m->w, TAG_REQUEST_HEADER);
    size_t version = ttlv_begin(&m->w, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(&m->w, TAG_PROTOCOL_VERSION_MAJOR, 1);
    ttlv_put_integer(&m->w, TAG_PROTOCOL_VERSION_MINOR, o->minor);
    ttlv_end(&m->w, version);
    if (o->maximum_response_size != 0)
        ttlv_put_integer(&m->w, TAG_MAXIMUM_RESPONSE_SIZE, o->maximum_response_size);
    if (o->continuation != 0)
        ttlv_put_enumeration(&m->w, TAG_BATCH_ERROR_CONTINUATION_OPTION, (uint32_t)o->continuation);
    ttlv_put_integer(&m->w, TAG_BATCH_COUNT, 0);
    m->count_at = m->w.len - 8;
    ttlv_end(&m->w, header);
}

static void close_item(struct message *m)
{
    if (m->count == 0)
        return;
    ttlv_end(&m->w, m->payload);
    ttlv_end(&m->w, m->item);
}

size_t message_close(struct message *m)
{
    close_item(m);
    ttlv_end(&m->w, m->whole);
    if (!m->w.full)
        be32_put(m->w.start + m->count_at, (uint32_t)m->count);
    return m->w.full ? 0 : m->w.len;
}

void message_item(struct message *m, enum operation_code operation)
{
    uint8_t id[8];
    close_item(m);
    m->item = ttlv_begin(&m->w, TAG_BATCH_ITEM);
    ttlv_put_enumeration(&m->w, TAG_OPERATION, (uint32_t)operation);
    be64_put(id, (uint64_t)m->count++);
    ttlv_put_bytes(&m->w, TAG_UNIQUE_BATCH_ITEM_ID, span_of(id, sizeof id));
    m->payload = ttlv_begin(&m->w, TAG_REQUEST_PAYLOAD);
}

void put_uid(struct message *m, const uint8_t uid[UUID_BYTES])
{
    char text[UUID_TEXT + 1];
    uuid_write(uid, text);
    ttlv_put_text(&m->w, TAG_UNIQUE_IDENTIFIER, span_of(text, UUID_TEXT));
}

void put_template_begin(struct message *m)
{
    m->template = ttlv_begin(&m->w, TAG_TEMPLATE_ATTRIBUTE);
}

void put_template_end(struct message *m)
{
    ttlv_end(&m->w, m->template);
}

static size_t attribute_begin(struct message *m, const char *name)
{
    size_t at = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    return at;
}

void put_attribute_text(struct message *m, const char *name, const char *value)
{
    size_t at = attribute_begin(m, name);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_VALUE, span_of_text(value));
    ttlv_end(&m->w, at);
}

void put_attribute_integer(struct message *m, const char *name, int32_t value)
{
    size_t at = attribute_begin(m, name);
    ttlv_put_integer(&m->w, TAG_ATTRIBUTE_VALUE, value);
    ttlv_end(&m->w, at);
}

void put_attribute_enumeration(struct message *m, const char *name, uint32_t value)
{
    size_t at = attribute_begin(m, name);
    ttlv_put_enumeration(&m->w, TAG_ATTRIBUTE_VALUE, value);
    ttlv_end(&m->w, at);
}

void put_attribute_date(struct message *m, const char *name, int64_t value)
{
    size_t at = attribute_begin(m, name);
    ttlv_put_date_time(&m->w, TAG_ATTRIBUTE_VALUE, value);
    ttlv_end(&m->w, at);
}

void put_attribute_boolean(struct message *m, const char *name, bool value)
{
    size_t at = attribute_begin(m, name);
    ttlv_put_boolean(&m->w, TAG_ATTRIBUTE_VALUE, value);
    ttlv_end(&m->w, at);
}

void put_attribute_name(struct message *m, const char *value)
{
    size_t at = attribute_begin(m, "Name");
    size_t inner = ttlv_begin(&m->w, TAG_ATTRIBUTE_VALUE);
    ttlv_put_text(&m->w, TAG_NAME_VALUE, span_of_text(value));
    ttlv_put_enumeration(&m->w, TAG_NAME_TYPE, 1);
    ttlv_end(&m->w, inner);
    ttlv_end(&m->w, at);
}

void put_key_kind(struct message *m, int32_t bits, int32_t mask)
{
    put_attribute_enumeration(m, "Cryptographic Algorithm", ALGORITHM_AES);
    put_attribute_integer(m, "Cryptographic Length", bits);
    put_attribute_integer(m, "Cryptographic Usage Mask", mask);
}

void item_create(struct message *m, const char *name)
{
    message_item(m, OPERATION_CREATE);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_key_kind(m, 256, USAGE_ENCRYPT | USAGE_DECRYPT);
    if (name != NULL)
        put_attribute_name(m, name);
    put_template_end(m);
}

void item_uid(struct message *m, enum operation_code operation, const uint8_t *uid)
{
    message_item(m, operation);
    if (uid != NULL)
        put_uid(m, uid);
}

void item_get(struct message *m, const uint8_t *uid)
{
    item_uid(m, OPERATION_GET, uid);
}

void item_get_wrapped(struct message *m, const uint8_t *uid, const uint8_t *with, uint32_t encoding)
{
    item_uid(m, OPERATION_GET, uid);
    size_t at = ttlv_begin(&m->w, TAG_KEY_WRAPPING_SPECIFICATION);
    ttlv_put_enumeration(&m->w, TAG_WRAPPING_METHOD, WRAPPING_ENCRYPT);
    size_t information = ttlv_begin(&m->w, TAG_ENCRYPTION_KEY_INFORMATION);
    put_uid(m, with);
    size_t parameters = ttlv_begin(&m->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
    ttlv_put_enumeration(&m->w, TAG_BLOCK_CIPHER_MODE, MODE_NIST_KEY_WRAP);
    ttlv_end(&m->w, parameters);
    ttlv_end(&m->w, information);
    if (encoding != 0)
        ttlv_put_enumeration(&m->w, TAG_ENCODING_OPTION, encoding);
    ttlv_end(&m->w, at);
}

void item_add_text(struct message *m, const uint8_t *uid, const char *name, const char *value)
{
    item_uid(m, OPERATION_ADD_ATTRIBUTE, uid);
    put_attribute_text(m, name, value);
}

void item_modify_text(struct message *m, const uint8_t *uid, const char *name, const char *value)
{
    item_uid(m, OPERATION_MODIFY_ATTRIBUTE, uid);
    put_attribute_text(m, name, value);
}

void item_delete_attribute(struct message *m, const uint8_t *uid, const char *name)
{
    item_uid(m, OPERATION_DELETE_ATTRIBUTE, uid);
    ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
}

void item_add_name(struct message *m, const uint8_t *uid, const char *value)
{
    item_uid(m, OPERATION_ADD_ATTRIBUTE, uid);
    put_attribute_name(m, value);
}

void item_revoke(struct message *m, const uint8_t *uid, enum revocation_reason_code code)
{
    item_uid(m, OPERATION_REVOKE, uid);
    size_t at = ttlv_begin(&m->w, TAG_REVOCATION_REASON);
    ttlv_put_enumeration(&m->w, TAG_REVOCATION_REASON_CODE, (uint32_t)code);
    ttlv_end(&m->w, at);
}

void item_get_attributes(struct message *m, const uint8_t *uid, const char *name)
{
    item_uid(m, OPERATION_GET_ATTRIBUTES, uid);
    if (name != NULL)
        ttlv_put_text(&m->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
}

void item_locate_name(struct message *m, const char *name)
{
    message_item(m, OPERATION_LOCATE);
    put_attribute_name(m, name);
}

void item_re_key(struct message *m, const uint8_t *uid)
{
    item_uid(m, OPERATION_RE_KEY, uid);
}

void item_register_key(struct message *m, const char *name, struct span key, int32_t mask)
{
    message_item(m, OPERATION_REGISTER);
    ttlv_put_enumeration(&m->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    put_template_begin(m);
    put_attribute_integer(m, "Cryptographic Usage Mask", mask);
    if (name != NULL)
        put_attribute_name(m, name);
    put_template_end(m);
    size_t object = ttlv_begin(&m->w, TAG_SYMMETRIC_KEY);
    size_t block = ttlv_begin(&m->w, TAG_KEY_BLOCK);
    ttlv_put_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_RAW);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_put_bytes(&m->w, TAG_KEY_MATERIAL, key);
    ttlv_end(&m->w, value);
    ttlv_put_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, ALGORITHM_AES);
    ttlv_put_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, (int32_t)key.len * 8);
    ttlv_end(&m->w, block);
    ttlv_end(&m->w, object);
}

int answer_count(struct span answer)
{
    struct ttlv_reader reader = ttlv_reader_over(answer);
    struct ttlv_item whole, item, count;
    if (ttlv_next(&reader, &whole) != STATUS_OK || whole.tag != TAG_RESPONSE_MESSAGE ||
        reader.at != reader.end || ttlv_check(answer, 16) != STATUS_OK)
        return -1;
    reader = ttlv_enter(&whole);
    if (ttlv_next(&reader, &item) != STATUS_OK || item.tag != TAG_RESPONSE_HEADER ||
        !find_deep(item.value, TAG_BATCH_COUNT, &count))
        return -1;
    int n = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag != TAG_BATCH_ITEM)
            return -1;
        n++;
    }
    return n == ttlv_integer(&count) ? n : -1;
}

struct answer_item answer_item(struct span answer, int number)
{
    struct answer_item out = {.there = false};
    struct ttlv_reader reader = ttlv_reader_over(answer);
    struct ttlv_item item;
    if (ttlv_next(&reader, &item) != STATUS_OK)
        return out;
    reader = ttlv_enter(&item);
    if (ttlv_next(&reader, &item) != STATUS_OK)
        return out;
    for (int i = 0; i <= number; i++)
        if (ttlv_next(&reader, &item) != STATUS_OK)
            return out;
    out.there = true;
    reader = ttlv_enter(&item);
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_OPERATION)
            out.operation = ttlv_enumeration(&item);
        if (item.tag == TAG_RESULT_STATUS)
            out.status = ttlv_enumeration(&item);
        if (item.tag == TAG_RESULT_REASON)
            out.reason = (enum result_reason)ttlv_enumeration(&item);
        if (item.tag == TAG_RESULT_MESSAGE)
            out.text = item.value;
        if (item.tag == TAG_RESPONSE_PAYLOAD) {
            out.payload = item.value;
            out.has_payload = true;
        }
    }
    return out;
}

bool find_deep(struct span bytes, uint32_t tag, struct ttlv_item *found)
{
    struct ttlv_reader stack[16];
    int depth = 0;
    struct ttlv_item item;
    stack[0] = ttlv_reader_over(bytes);
    while (depth >= 0) {
        if (ttlv_next(&stack[depth], &item) != STATUS_OK) {
            depth--;
            continue;
        }
        if (item.tag == tag) {
            *found = item;
            return true;
        }
        if (item.type == TTLV_STRUCTURE && depth < 15)
            stack[++depth] = ttlv_enter(&item);
    }
    return false;
}

bool payload_uid(struct span payload, uint8_t uid[UUID_BYTES])
{
    struct ttlv_item item;
    return find_deep(payload, TAG_UNIQUE_IDENTIFIER, &item) && uuid_read(item.value, uid) == STATUS_OK;
}

struct span payload_key(struct span payload)
{
    struct ttlv_item item;
    return find_deep(payload, TAG_KEY_MATERIAL, &item) ? item.value : span_of(NULL, 0);
}

int payload_attributes(struct span payload, const char *name, struct ttlv_item *first)
{
    struct ttlv_reader reader = ttlv_reader_over(payload);
    struct ttlv_item item, part;
    int n = 0;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag != TAG_ATTRIBUTE || !find_deep(item.value, TAG_ATTRIBUTE_NAME, &part) ||
            !span_equal(part.value, span_of_text(name)))
            continue;
        if (n++ == 0 && first != NULL)
            (void)find_deep(item.value, TAG_ATTRIBUTE_VALUE, first);
    }
    return n;
}
