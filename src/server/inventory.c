/* SPDX-License-Identifier: Apache-2.0 */
#include "server/inventory.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/text.h"
#include "kmip/message.h"

/* bytes of a text that are shown */
#define TEXT_SHOWN 200
/* bytes that the attributes of an object leave for the end of the answer */
#define ROOM_BEHIND 256

static struct object open_entry(const struct server *s, const struct catalogue_entry *e)
{
    struct object object;
    if (object_open(catalogue_record(&s->store.catalogue, e), &object) != STATUS_OK)
        object = (struct object){.head = {.state = STATE_DESTROYED}}; /* checked when it came: cannot be */
    return object;
}

/* The text of a custom attribute that VMware sets; empty when there is none. */
static struct span custom(const struct object *object, const char *name)
{
    struct object_attribute a;
    if (!object_attribute_find(object, NULL, span_of_text(name), 0, &a) || a.type != TTLV_TEXT_STRING)
        return span_of("", 0);
    return a.value;
}

static int64_t made_at(const struct object *object)
{
    int64_t made = object_date(object, TAG_INITIAL_DATE);
    return made == DATE_NONE ? 0 : made;
}

static void write_time(struct buf *out, int64_t unix_s)
{
    char text[TIME_TEXT + 1];
    time_write(unix_s, text);
    buf_add_text(out, unix_s == 0 ? "never" : text);
}

void inventory_write_line(const struct server *s, const struct catalogue_entry *e, struct buf *out)
{
    static const char *const names[] = {"x-Component", "x-Name", "x-Identifier"};
    struct object object = open_entry(s, e);
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    buf_print(out, "%s\t%s\t%s\t%u\t%lld\t%lld", uid, enum_object_type_name(object.head.type),
              enum_state_name(object_state(&object, s->now.unix_s)), e->generation,
              (long long)made_at(&object), (long long)e->served_unix_s);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct span value = custom(&object, names[i]);
        buf_add_text(out, "\t");
        buf_add_printable(out, span_of(value.ptr, value.len < 64 ? value.len : 64));
    }
    buf_add_text(out, "\n");
}

/* ---- one object ---- */

static void write_text(struct buf *out, struct span text)
{
    buf_add_printable(out, span_of(text.ptr, text.len < TEXT_SHOWN ? text.len : TEXT_SHOWN));
}

static void write_structure(struct buf *out, struct span value)
{
    struct ttlv_reader reader = ttlv_reader_trusted(value);
    struct ttlv_item item;
    bool first = true;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        buf_print(out, "%s%s ", first ? "" : ", ", tag_name(item.tag));
        first = false;
        if (item.type == TTLV_TEXT_STRING)
            write_text(out, item.value);
        else if (item.type == TTLV_ENUMERATION || item.type == TTLV_INTEGER)
            buf_print(out, "%u", be32_get(item.value.ptr));
        else if (item.type == TTLV_LONG_INTEGER)
            buf_print(out, "%llu", (unsigned long long)be64_get(item.value.ptr));
        else
            buf_print(out, "(%zu bytes)", item.value.len);
    }
}

static void write_value(struct buf *out, const struct object_attribute *a)
{
    char hex[2 * 32 + 1], date[TIME_TEXT + 1];
    switch (a->type) {
    case TTLV_TEXT_STRING:
        write_text(out, a->value);
        return;
    case TTLV_INTEGER:
        buf_print(out, "%d", (int32_t)be32_get(a->value.ptr));
        return;
    case TTLV_ENUMERATION:
    case TTLV_INTERVAL:
        buf_print(out, "%u", be32_get(a->value.ptr));
        return;
    case TTLV_LONG_INTEGER:
        buf_print(out, "%lld", (long long)be64_get(a->value.ptr));
        return;
    case TTLV_BOOLEAN:
        buf_add_text(out, be64_get(a->value.ptr) != 0 ? "true" : "false");
        return;
    case TTLV_DATE_TIME:
        time_write((int64_t)be64_get(a->value.ptr), date);
        buf_add_text(out, date);
        return;
    case TTLV_STRUCTURE:
        write_structure(out, a->value);
        return;
    case TTLV_BIG_INTEGER:
    case TTLV_BYTE_STRING:
        hex_write(span_of(a->value.ptr, a->value.len < 32 ? a->value.len : 32), 0, false, hex, sizeof hex);
        buf_print(out, "%s%s", hex, a->value.len > 32 ? "..." : "");
        return;
    }
}

static void write_attribute(struct buf *out, const struct object_attribute *a)
{
    char name[40];
    struct buf n = buf_over(name, sizeof name);
    if (a->row != NULL)
        buf_add_text(&n, a->row->name);
    else
        buf_add_printable(&n, span_of(a->name.ptr, a->name.len < 30 ? a->name.len : 30));
    if (a->index != 0)
        buf_print(&n, "[%d]", a->index);
    buf_print(out, "%-28s ", name);
    write_value(out, a);
    buf_add_text(out, "\n");
}

/* Leaves room for what comes behind them: an attribute that does not fit is left out. */
static void write_attributes(const struct object *object, struct buf *out)
{
    struct ttlv_reader reader = ttlv_reader_trusted(object->attributes);
    struct object_attribute a;
    struct buf room = *out;
    unsigned left_out = 0;
    room.cap = room.cap - room.len > ROOM_BEHIND ? room.cap - ROOM_BEHIND : room.len;
    while (object_attribute_next(&reader, &a)) {
        size_t before = room.len;
        write_attribute(&room, &a);
        if (room.full) {
            room.len = before;
            left_out++;
        }
        room.full = false;
    }
    out->len = room.len;
    if (left_out != 0)
        buf_print(out, "%u attributes are left out: too much for a console\n", left_out);
}

void inventory_write_object(const struct server *s, const struct catalogue_entry *e, struct buf *out)
{
    struct object object = open_entry(s, e);
    char uid[UUID_TEXT + 1], id[UUID_TEXT + 1], node[2 * NODE_BYTES + 1], digest[2 * 32 + 1] = "none";
    uuid_write(e->uid, uid);
    uuid_write(e->record_id, id);
    hex_write(span_of(object.head.node, NODE_BYTES), 0, false, node, sizeof node);
    if (object.digest.len == 32)
        hex_write(object.digest, 0, false, digest, sizeof digest);
    buf_print(out, "%-28s %s\n%-28s %s\n%-28s %s\n%-28s %u, written by node %s\n", "Unique Identifier", uid,
              "Object Type", enum_object_type_name(object.head.type), "State",
              enum_state_name(object_state(&object, s->now.unix_s)), "generation", e->generation, node);
    if (e->stored_generation == 0)
        buf_print(out, "%-28s not stored yet\n", "in the key manager");
    else
        buf_print(out, "%-28s generation %u, record %s\n", "in the key manager", e->stored_generation, id);
    buf_print(out, "%-28s %s\n%-28s ", "SHA-256 of the material", digest, "last served");
    write_time(out, e->served_unix_s);
    buf_add_text(out, "\n");
    write_attributes(&object, out);
}

struct catalogue_entry *inventory_find(struct server *s, struct span uid)
{
    uint8_t bytes[UUID_BYTES];
    if (uuid_read(uid, bytes) != STATUS_OK)
        return NULL;
    struct catalogue_entry *e = catalogue_find(&s->store.catalogue, bytes);
    return e != NULL && e->record != 0 ? e : NULL;
}

/* ---- retiring ---- */

bool inventory_is_destroyed(const struct server *s, const struct catalogue_entry *e)
{
    struct object object = open_entry(s, e);
    return state_is_destroyed(object.head.state);
}

/* The newest usable key of the same VM or host that is newer than this one, or NULL. */
static const struct catalogue_entry *newer_key(const struct server *s, const struct catalogue_entry *e)
{
    struct object own = open_entry(s, e);
    struct span identifier = custom(&own, "x-Identifier");
    const struct catalogue_entry *best = NULL, *other;
    int64_t best_made = made_at(&own);
    uint32_t at = 0;
    while (identifier.len != 0 && (other = catalogue_next(&s->store.catalogue, &at)) != NULL) {
        struct object object = open_entry(s, other);
        enum state state = object_state(&object, s->now.unix_s);
        if (other == e || other->scope != e->scope || (state != STATE_PRE_ACTIVE && state != STATE_ACTIVE) ||
            made_at(&object) <= best_made || !span_equal(custom(&object, "x-Identifier"), identifier))
            continue;
        best = other;
        best_made = made_at(&object);
    }
    return best;
}

void inventory_confirmation(const struct server *s, const struct catalogue_entry *e, struct buf *out)
{
    struct object object = open_entry(s, e);
    struct span name = custom(&object, "x-Name");
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    bool one_word = name.len != 0 && name.len <= 64;
    for (size_t i = 0; i < name.len; i++)
        one_word = one_word && name.ptr[i] > ' ' && name.ptr[i] < 0x7f && name.ptr[i] != '"';
    if (one_word)
        buf_print(out, "%.*s", (int)name.len, (const char *)name.ptr);
    else
        buf_print(out, "%.8s", uid);
}

void inventory_write_loss(const struct server *s, const struct catalogue_entry *e, struct buf *out)
{
    struct object object = open_entry(s, e);
    struct span component = custom(&object, "x-Component"), name = custom(&object, "x-Name");
    const struct catalogue_entry *newer = newer_key(s, e);
    char uid[UUID_TEXT + 1];
    buf_print(out, "State %s, last served ", enum_state_name(object_state(&object, s->now.unix_s)));
    write_time(out, e->served_unix_s);
    buf_add_text(out, "\nLost for good: what was encrypted under this key and not re-keyed since, ");
    buf_add_text(out, "in backups and snapshots too.\n");
    if (name.len != 0) {
        buf_add_text(out, "It is a key of: ");
        write_text(out, component);
        buf_add_text(out, " ");
        write_text(out, name);
        buf_add_text(out, "\n");
    } else {
        buf_add_text(out, "Nobody has said whose key it is.\n");
    }
    if (newer != NULL) {
        uuid_write(newer->uid, uid);
        buf_print(out, "A newer key of the same one is there: %s\n", uid);
    } else if (name.len != 0) {
        buf_add_text(out, "There is NO newer key of the same one: it is most likely in use.\n");
    }
}

static void put_item(struct ttlv_writer *w, enum operation_code code, uint8_t id, const char *uid)
{
    size_t item = ttlv_begin(w, TAG_BATCH_ITEM);
    ttlv_put_enumeration(w, TAG_OPERATION, code);
    ttlv_put_bytes(w, TAG_UNIQUE_BATCH_ITEM_ID, span_of(&id, 1));
    size_t payload = ttlv_begin(w, TAG_REQUEST_PAYLOAD);
    ttlv_put_text(w, TAG_UNIQUE_IDENTIFIER, span_of(uid, UUID_TEXT));
    if (code == OPERATION_REVOKE) {
        size_t reason = ttlv_begin(w, TAG_REVOCATION_REASON);
        ttlv_put_enumeration(w, TAG_REVOCATION_REASON_CODE, REVOCATION_CESSATION_OF_OPERATION);
        ttlv_end(w, reason);
    }
    ttlv_end(w, payload);
    ttlv_end(w, item);
}

size_t inventory_request_begin(struct ttlv_writer *w, int32_t items)
{
    size_t message = ttlv_begin(w, TAG_REQUEST_MESSAGE);
    size_t header = ttlv_begin(w, TAG_REQUEST_HEADER);
    size_t version = ttlv_begin(w, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(w, TAG_PROTOCOL_VERSION_MAJOR, 1);
    ttlv_put_integer(w, TAG_PROTOCOL_VERSION_MINOR, 4);
    ttlv_end(w, version);
    ttlv_put_integer(w, TAG_BATCH_COUNT, items);
    ttlv_end(w, header);
    return message;
}

size_t inventory_retire_request(const struct server *s, const struct catalogue_entry *e, uint8_t *out,
                                size_t cap)
{
    struct object object = open_entry(s, e);
    bool active = object_state(&object, s->now.unix_s) == STATE_ACTIVE;
    char uid[UUID_TEXT + 1];
    uuid_write(e->uid, uid);
    struct ttlv_writer w = ttlv_writer_over(out, cap);
    size_t message = inventory_request_begin(&w, active ? 2 : 1);
    if (active)
        put_item(&w, OPERATION_REVOKE, 1, uid);
    put_item(&w, OPERATION_DESTROY, 2, uid);
    ttlv_end(&w, message);
    return w.full ? 0 : w.len;
}

struct span inventory_retire_answer(struct span answer)
{
    struct ttlv_reader outer = ttlv_reader_trusted(answer);
    struct ttlv_item message, item, field;
    if (ttlv_next(&outer, &message) != STATUS_OK)
        return span_of_text("there is no answer");
    struct ttlv_reader items = ttlv_enter(&message);
    while (ttlv_next(&items, &item) == STATUS_OK) {
        struct ttlv_reader fields = ttlv_enter(&item);
        while (item.tag == TAG_BATCH_ITEM && ttlv_next(&fields, &field) == STATUS_OK)
            if (field.tag == TAG_RESULT_MESSAGE)
                return field.value;
    }
    return span_of("", 0);
}
