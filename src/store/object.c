/* SPDX-License-Identifier: Apache-2.0 */
#include "store/object.h"

#include "base/bytes.h"
#include "crypto/digest.h"

#define HEAD_BYTES 40
/* Bytes of an item whose value has `len`: padded to 8. */
#define ITEM(len)         (TTLV_HEADER + ((len) + 7) / 8 * 8)
#define ROOT_VERSION_MOST 16
#define HEAD_AT           TTLV_HEADER /* the head item stands first in the structure */

static void head_write(const struct object_head *head, uint8_t out[HEAD_BYTES])
{
    memset(out, 0, HEAD_BYTES);
    out[0] = RECORD_VERSION;
    out[1] = (uint8_t)head->type;
    out[2] = (uint8_t)head->state;
    out[4] = (uint8_t)(head->flags >> 8);
    out[5] = (uint8_t)head->flags;
    be32_put(out + 8, head->generation);
    memcpy(out + 12, head->uid, UUID_BYTES);
    memcpy(out + 28, head->node, NODE_BYTES);
}

static enum status head_read(const uint8_t in[HEAD_BYTES], struct object_head *out)
{
    if (in[0] != RECORD_VERSION)
        return STATUS_REFUSED;
    out->type = (enum object_type)in[1];
    out->state = (enum state)in[2];
    out->flags = (uint16_t)(in[4] << 8 | in[5]);
    out->generation = be32_get(in + 8);
    memcpy(out->uid, in + 12, UUID_BYTES);
    memcpy(out->node, in + 28, NODE_BYTES);
    bool type_known = out->type == OBJECT_SYMMETRIC_KEY || out->type == OBJECT_SECRET_DATA ||
                      out->type == OBJECT_OPAQUE_OBJECT;
    bool state_known = out->state >= STATE_PRE_ACTIVE && out->state <= STATE_DESTROYED_COMPROMISED;
    bool counts = out->generation != 0 && out->generation != UINT32_MAX; /* the next one has to be greater */
    return type_known && state_known && counts ? STATUS_OK : STATUS_MALFORMED;
}

/* The parts between head and attributes, in order, each at most once. */
static void read_parts(struct fields *fields, struct object *out)
{
    struct ttlv_item item;
    if (fields_take(fields, TAG_RECORD_SCOPE, TTLV_TEXT_STRING, &item))
        out->scope = item.value;
    if (fields_take(fields, TAG_RECORD_WRAPPED_KEK, TTLV_BYTE_STRING, &item))
        out->wrapped_kek = item.value;
    if (fields_take(fields, TAG_RECORD_SEALED_MATERIAL, TTLV_BYTE_STRING, &item))
        out->sealed_material = item.value;
    if (fields_take(fields, TAG_KEY_WRAPPING_DATA, TTLV_STRUCTURE, &item))
        out->wrapping_data = item.whole;
    if (fields_take(fields, TAG_RECORD_DIGEST, TTLV_BYTE_STRING, &item))
        out->digest = item.value;
    out->key_format = fields_take(fields, TAG_KEY_FORMAT_TYPE, TTLV_ENUMERATION, &item)
                          ? ttlv_enumeration(&item)
                          : KEY_FORMAT_RAW;
    if (fields_take(fields, TAG_SECRET_DATA_TYPE, TTLV_ENUMERATION, &item) ||
        fields_take(fields, TAG_OPAQUE_DATA_TYPE, TTLV_ENUMERATION, &item))
        out->subtype = ttlv_enumeration(&item);
    if (fields_take(fields, TAG_RECORD_ROOT_VERSION, TTLV_BYTE_STRING, &item))
        out->root_version = item.value;
    if (fields_take(fields, TAG_RECORD_ANCESTORS, TTLV_BYTE_STRING, &item) &&
        item.value.len <= ANCESTORS_BYTES && item.value.len % ANCESTOR_BYTES == 0)
        out->ancestors = item.value;
}

enum status object_open(struct span record, struct object *out)
{
    struct ttlv_reader reader = ttlv_reader_trusted(record);
    struct ttlv_item whole, head;
    struct fields fields;
    *out = (struct object){.key_format = KEY_FORMAT_RAW};
    if (ttlv_next(&reader, &whole) != STATUS_OK || whole.tag != TAG_RECORD || whole.type != TTLV_STRUCTURE ||
        reader.at != reader.end)
        return STATUS_MALFORMED;
    fields_begin_trusted(&fields, whole.value);
    if (!fields_need(&fields, TAG_RECORD_HEAD, TTLV_BYTE_STRING, &head) || head.value.len != HEAD_BYTES)
        return STATUS_MALFORMED;
    enum status status = head_read(head.value.ptr, &out->head);
    if (status != STATUS_OK)
        return status;
    read_parts(&fields, out);
    if (fields.error != FIELDS_OK)
        return STATUS_MALFORMED;
    const uint8_t *at = fields.has_next ? fields.next.whole.ptr : fields.reader.at;
    out->attributes = span_of(at, (size_t)(whole.value.ptr + whole.value.len - at));
    return STATUS_OK;
}

enum status object_check(struct span record, struct object *out)
{
    if (record.len == 0 || record.len > RECORD_MAX || ttlv_check(record, TTLV_DEPTH_MAX) != STATUS_OK)
        return STATUS_MALFORMED;
    return object_open(record, out);
}

void record_digest(struct span record, uint8_t out[ANCESTOR_DIGEST])
{
    uint8_t digest[SHA256_BYTES];
    sha256(record, digest);
    memcpy(out, digest, ANCESTOR_DIGEST);
}

bool ancestors_hold(const struct object *object, uint32_t generation, const uint8_t digest[ANCESTOR_DIGEST])
{
    struct span list = object->ancestors;
    uint32_t oldest = 0;
    for (size_t at = 0; at < list.len; at += ANCESTOR_BYTES) {
        oldest = be32_get(list.ptr + at);
        if (oldest == generation && memcmp(list.ptr + at + 4, digest, ANCESTOR_DIGEST) == 0)
            return true;
    }
    return list.len == ANCESTORS_BYTES && generation < oldest;
}

size_t ancestors_add(uint8_t list[ANCESTORS_BYTES], size_t len, uint32_t generation,
                     const uint8_t digest[ANCESTOR_DIGEST])
{
    uint8_t entry[ANCESTOR_BYTES];
    size_t at = 0;
    be32_put(entry, generation);
    memcpy(entry + 4, digest, ANCESTOR_DIGEST);
    while (at < len && memcmp(list + at, entry, ANCESTOR_BYTES) > 0)
        at += ANCESTOR_BYTES;
    if (at == ANCESTORS_BYTES || (at < len && memcmp(list + at, entry, ANCESTOR_BYTES) == 0))
        return len;
    size_t kept = len < ANCESTORS_BYTES ? len : ANCESTORS_BYTES - ANCESTOR_BYTES;
    memmove(list + at + ANCESTOR_BYTES, list + at, kept - at);
    memcpy(list + at, entry, ANCESTOR_BYTES);
    return kept + ANCESTOR_BYTES;
}

enum state object_state(const struct object *object, int64_t now)
{
    if (object->head.state > STATE_ACTIVE)
        return object->head.state;
    return state_at(object->head.state, object_date(object, TAG_ACTIVATION_DATE),
                    object_date(object, TAG_DEACTIVATION_DATE), now);
}

/* An Attribute structure: a custom one with its name, or a standard one whose index is not 0. */
static bool read_wrapped_attribute(const struct ttlv_item *structure, struct object_attribute *out)
{
    struct ttlv_reader reader = ttlv_enter(structure);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag == TAG_ATTRIBUTE_NAME) {
            out->name = item.value;
        } else if (item.tag == TAG_ATTRIBUTE_INDEX) {
            if (item.type != TTLV_INTEGER)
                return false;
            out->index = ttlv_integer(&item);
        } else {
            out->row = item.tag == TAG_ATTRIBUTE_VALUE ? NULL : attribute_by_tag(item.tag);
            out->type = item.type;
            out->value = item.value;
            return out->row != NULL ? out->row->type == item.type : out->name.len != 0;
        }
    }
    return false;
}

bool object_attribute_next(struct ttlv_reader *reader, struct object_attribute *out)
{
    struct ttlv_item item;
    while (ttlv_next(reader, &item) == STATUS_OK) {
        *out = (struct object_attribute){.whole = item.whole};
        if (item.tag == TAG_ATTRIBUTE) {
            if (read_wrapped_attribute(&item, out))
                return true;
            continue;
        }
        out->row = attribute_by_tag(item.tag);
        out->type = item.type;
        out->value = item.value;
        if (out->row != NULL && out->row->type == item.type) /* a record from outside may hold anything */
            return true;
    }
    return false;
}

static bool same_attribute(const struct object_attribute *a, const struct attribute_row *row,
                           struct span name)
{
    return a->row == row && (row != NULL || span_equal(a->name, name));
}

bool object_attribute_find(const struct object *object, const struct attribute_row *row, struct span name,
                           int32_t index, struct object_attribute *out)
{
    struct ttlv_reader reader = ttlv_reader_trusted(object->attributes);
    while (object_attribute_next(&reader, out))
        if (same_attribute(out, row, name) && out->index == index)
            return true;
    return false;
}

/* Single attributes stand as items with their own tag; found without looking up rows. */
static bool find_item(const struct object *object, uint32_t tag, enum ttlv_type type, struct ttlv_item *item)
{
    struct ttlv_reader reader = ttlv_reader_trusted(object->attributes);
    while (ttlv_next(&reader, item) == STATUS_OK)
        if (item->tag == tag && item->type == type)
            return true;
    return false;
}

int64_t object_date(const struct object *object, uint32_t tag)
{
    struct ttlv_item item;
    return find_item(object, tag, TTLV_DATE_TIME, &item) ? ttlv_long(&item) : DATE_NONE;
}

int32_t object_integer(const struct object *object, uint32_t tag, int32_t none)
{
    struct ttlv_item item;
    return find_item(object, tag, TTLV_INTEGER, &item) ? ttlv_integer(&item) : none;
}

uint32_t object_enumeration(const struct object *object, uint32_t tag, uint32_t none)
{
    struct ttlv_item item;
    return find_item(object, tag, TTLV_ENUMERATION, &item) ? ttlv_enumeration(&item) : none;
}

void draft_begin(struct draft *draft, const struct object_head *head, const struct draft_parts *parts)
{
    static const uint8_t no_head[HEAD_BYTES];
    struct ttlv_writer w = ttlv_writer_over(draft->bytes, sizeof draft->bytes);
    draft->head = *head;
    size_t structure = ttlv_begin(&w, TAG_RECORD);
    (void)structure; /* draft_end writes the length */
    ttlv_put_bytes(&w, TAG_RECORD_HEAD, span_of(no_head, sizeof no_head));
    if (parts->scope.len != 0)
        ttlv_put_text(&w, TAG_RECORD_SCOPE, parts->scope);
    if (parts->wrapped_kek.len != 0)
        ttlv_put_bytes(&w, TAG_RECORD_WRAPPED_KEK, parts->wrapped_kek);
    if (parts->sealed_material.len != 0)
        ttlv_put_bytes(&w, TAG_RECORD_SEALED_MATERIAL, parts->sealed_material);
    if (parts->wrapping_data.len != 0)
        ttlv_put_whole(&w, parts->wrapping_data);
    if (parts->digest.len != 0)
        ttlv_put_bytes(&w, TAG_RECORD_DIGEST, parts->digest);
    if (parts->key_format != KEY_FORMAT_RAW)
        ttlv_put_enumeration(&w, TAG_KEY_FORMAT_TYPE, parts->key_format);
    if (head->type == OBJECT_SECRET_DATA)
        ttlv_put_enumeration(&w, TAG_SECRET_DATA_TYPE, parts->subtype);
    if (head->type == OBJECT_OPAQUE_OBJECT)
        ttlv_put_enumeration(&w, TAG_OPAQUE_DATA_TYPE, parts->subtype);
    if (parts->root_version.len != 0)
        ttlv_put_bytes(&w, TAG_RECORD_ROOT_VERSION, parts->root_version);
    if (parts->ancestors.len != 0)
        ttlv_put_bytes(&w, TAG_RECORD_ANCESTORS, parts->ancestors);
    size_t later = parts->ancestors.len == 0 ? ITEM(ANCESTORS_BYTES)
                                             : ITEM(ANCESTORS_BYTES) - ITEM(parts->ancestors.len);
    if (parts->root_version.len == 0)
        later += ITEM(ROOT_VERSION_MOST);
    draft->cap = sizeof draft->bytes - later;
    draft->len = w.len;
    draft->attributes_at = w.len;
    draft->full = w.full;
}

static void copy_attributes(struct draft *draft, struct span attributes)
{
    if (draft->full || draft->len > draft->cap || attributes.len > draft->cap - draft->len) {
        draft->full = true;
        return;
    }
    if (attributes.len != 0)
        memcpy(draft->bytes + draft->len, attributes.ptr, attributes.len);
    draft->len += attributes.len;
}

static struct draft_parts parts_of(const struct object *object)
{
    return (struct draft_parts){.scope = object->scope,
                                .wrapped_kek = object->wrapped_kek,
                                .sealed_material = object->sealed_material,
                                .wrapping_data = object->wrapping_data,
                                .digest = object->digest,
                                .key_format = object->key_format,
                                .subtype = object->subtype,
                                .root_version = object->root_version,
                                .ancestors = object->ancestors};
}

static void draft_next(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES],
                       const struct draft_parts *parts)
{
    struct object_head head = object->head;
    head.generation++;
    memcpy(head.node, node, NODE_BYTES);
    draft_begin(draft, &head, parts);
    copy_attributes(draft, object->attributes);
}

void draft_from(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES])
{
    struct draft_parts parts = parts_of(object);
    draft_next(draft, object, node, &parts);
}

void draft_without_material(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES])
{
    struct draft_parts parts = parts_of(object);
    parts.wrapped_kek = parts.sealed_material = parts.root_version = span_of(NULL, 0);
    draft_next(draft, object, node, &parts);
}

void draft_rewrapped(struct draft *draft, const struct object *object, const uint8_t node[NODE_BYTES],
                     struct span wrapped_kek, struct span root_version)
{
    struct draft_parts parts = parts_of(object);
    parts.wrapped_kek = wrapped_kek;
    parts.root_version = root_version;
    draft_next(draft, object, node, &parts);
}

struct object draft_view(struct draft *draft)
{
    struct object view = {.head = draft->head, .key_format = KEY_FORMAT_RAW};
    struct fields fields;
    struct ttlv_item head;
    fields_begin_trusted(&fields, span_of(draft->bytes + HEAD_AT, draft->attributes_at - HEAD_AT));
    if (fields_need(&fields, TAG_RECORD_HEAD, TTLV_BYTE_STRING, &head))
        read_parts(&fields, &view);
    view.attributes = span_of(draft->bytes + draft->attributes_at, draft->len - draft->attributes_at);
    return view;
}

/* Puts `size` bytes of room in place of the bytes at [at, at + old). NULL when there is none. */
static uint8_t *replace_bytes(struct draft *draft, size_t at, size_t old, size_t size)
{
    if (draft->full || draft->len - old + size > draft->cap) {
        draft->full = true;
        return NULL;
    }
    memmove(draft->bytes + at + size, draft->bytes + at + old, draft->len - at - old);
    draft->len = draft->len - old + size;
    return draft->bytes + at;
}

void draft_set(struct draft *draft, const struct attribute_row *row, struct span name, int32_t index,
               enum ttlv_type type, struct span value)
{
    uint8_t item[ATTRIBUTE_VALUE_MAX + ATTRIBUTE_NAME_MAX + 128];
    struct ttlv_writer w = ttlv_writer_over(item, sizeof item);
    if (row != NULL && index == 0) {
        ttlv_put_value(&w, row->tag, type, value);
    } else {
        size_t structure = ttlv_begin(&w, TAG_ATTRIBUTE);
        if (row == NULL)
            ttlv_put_text(&w, TAG_ATTRIBUTE_NAME, name);
        if (index != 0)
            ttlv_put_integer(&w, TAG_ATTRIBUTE_INDEX, index);
        ttlv_put_value(&w, row == NULL ? TAG_ATTRIBUTE_VALUE : row->tag, type, value);
        ttlv_end(&w, structure);
    }
    struct object view = draft_view(draft);
    struct object_attribute old;
    size_t at = draft->len, old_len = 0;
    if (object_attribute_find(&view, row, name, index, &old)) {
        at = (size_t)(old.whole.ptr - draft->bytes);
        old_len = old.whole.len;
    }
    uint8_t *room = w.full ? NULL : replace_bytes(draft, at, old_len, w.len);
    if (room != NULL)
        memcpy(room, item, w.len);
    else
        draft->full = true;
}

void draft_set_date(struct draft *draft, uint32_t tag, int64_t unix_s)
{
    uint8_t bytes[8];
    be64_put(bytes, (uint64_t)unix_s);
    draft_set(draft, attribute_by_tag(tag), span_of(NULL, 0), 0, TTLV_DATE_TIME,
              span_of(bytes, sizeof bytes));
}

void draft_remove(struct draft *draft, const struct attribute_row *row, struct span name, int32_t index)
{
    struct object view = draft_view(draft);
    struct object_attribute old;
    if (object_attribute_find(&view, row, name, index, &old))
        replace_bytes(draft, (size_t)(old.whole.ptr - draft->bytes), old.whole.len, 0);
}

int32_t draft_free_index(const struct draft *draft, const struct attribute_row *row, struct span name,
                         int *count)
{
    struct object view = {
        .attributes = span_of(draft->bytes + draft->attributes_at, draft->len - draft->attributes_at)};
    struct ttlv_reader reader = ttlv_reader_trusted(view.attributes);
    struct object_attribute a;
    uint64_t taken = 0;
    *count = 0;
    while (object_attribute_next(&reader, &a)) {
        if (!same_attribute(&a, row, name))
            continue;
        (*count)++;
        if (a.index >= 0 && a.index < ATTRIBUTE_INSTANCES_MAX)
            taken |= (uint64_t)1 << a.index;
    }
    int32_t index = 0;
    while (index < ATTRIBUTE_INSTANCES_MAX && (taken >> index & 1) != 0)
        index++;
    return index;
}

enum status draft_end(struct draft *draft)
{
    if (draft->full)
        return STATUS_TOO_LARGE;
    be32_put(draft->bytes + 4, (uint32_t)(draft->len - TTLV_HEADER));
    head_write(&draft->head, draft->bytes + HEAD_AT + TTLV_HEADER);
    return STATUS_OK;
}
