/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/show.h"

#include "base/bytes.h"

/* Attributes that no record holds as items, in the order of KMIP 1.4 s3. */
static const uint32_t made[] = {
    TAG_UNIQUE_IDENTIFIER,
    TAG_OBJECT_TYPE,
    TAG_DIGEST,
    TAG_LEASE_TIME,
    TAG_STATE,
    TAG_FRESH,
    TAG_KEY_VALUE_PRESENT,
    TAG_ORIGINAL_CREATION_DATE,
    TAG_RANDOM_NUMBER_GENERATOR,
    TAG_SENSITIVE,
    TAG_ALWAYS_SENSITIVE,
    TAG_EXTRACTABLE,
    TAG_NEVER_EXTRACTABLE,
};

void show_begin(struct show *show, const struct operation_env *env, const struct object *object,
                bool fresh_spent)
{
    show->object = object;
    show->env = env;
    show->fresh_spent = fresh_spent;
    show->step = 0;
    show->stored = ttlv_reader_trusted(object->attributes);
}

static bool give_four(struct show *show, struct object_attribute *out, uint32_t value)
{
    be32_put(show->bytes, value);
    out->value = span_of(show->bytes, 4);
    return true;
}

static bool give_eight(struct show *show, struct object_attribute *out, uint64_t value)
{
    be64_put(show->bytes, value);
    out->value = span_of(show->bytes, 8);
    return true;
}

static bool give_flag(struct show *show, struct object_attribute *out, uint16_t flag, bool when_set)
{
    return give_eight(show, out, ((show->object->head.flags & flag) != 0) == when_set);
}

static bool give_uid(struct show *show, struct object_attribute *out)
{
    uuid_write(show->object->head.uid, (char *)show->bytes);
    out->value = span_of(show->bytes, UUID_TEXT);
    return true;
}

/* KMIP 1.4 s3.17 */
static bool give_digest(struct show *show, struct object_attribute *out)
{
    if (show->object->digest.len == 0)
        return false;
    struct ttlv_writer w = ttlv_writer_over(show->bytes, sizeof show->bytes);
    ttlv_put_enumeration(&w, TAG_HASHING_ALGORITHM, HASHING_SHA_256);
    ttlv_put_bytes(&w, TAG_DIGEST_VALUE, show->object->digest);
    if (show->object->head.type != OBJECT_OPAQUE_OBJECT)
        ttlv_put_enumeration(&w, TAG_KEY_FORMAT_TYPE, show->object->key_format);
    out->value = span_of(w.start, w.len);
    return true;
}

static bool give_rng(struct show *show, struct object_attribute *out)
{
    struct ttlv_writer w = ttlv_writer_over(show->bytes, sizeof show->bytes);
    ttlv_put_enumeration(&w, TAG_RNG_ALGORITHM, RNG_UNSPECIFIED);
    out->value = span_of(w.start, w.len);
    return true;
}

static bool give(struct show *show, uint32_t tag, struct object_attribute *out)
{
    const struct object *o = show->object;
    bool made_here = (o->head.flags & OBJECT_MADE_HERE) != 0;
    switch (tag) {
    case TAG_UNIQUE_IDENTIFIER:
        return give_uid(show, out);
    case TAG_OBJECT_TYPE:
        return give_four(show, out, (uint32_t)o->head.type);
    case TAG_DIGEST:
        return give_digest(show, out);
    case TAG_LEASE_TIME:
        return give_four(show, out, show->env->lease_time_s);
    case TAG_STATE:
        return give_four(show, out, (uint32_t)object_state(o, show->env->now.unix_s));
    case TAG_FRESH:
        return give_eight(show, out, (o->head.flags & OBJECT_FRESH) != 0 && !show->fresh_spent);
    case TAG_KEY_VALUE_PRESENT:
        return (o->head.flags & OBJECT_NO_KEY_VALUE) != 0 && give_eight(show, out, 0);
    case TAG_ORIGINAL_CREATION_DATE:
        return made_here && give_eight(show, out, (uint64_t)object_date(o, TAG_INITIAL_DATE));
    case TAG_RANDOM_NUMBER_GENERATOR:
        return made_here && give_rng(show, out);
    case TAG_SENSITIVE:
        return give_flag(show, out, OBJECT_SENSITIVE, true);
    case TAG_ALWAYS_SENSITIVE:
        return give_flag(show, out, OBJECT_ALWAYS_SENSITIVE, true);
    case TAG_EXTRACTABLE:
        return give_flag(show, out, OBJECT_NOT_EXTRACTABLE, false);
    case TAG_NEVER_EXTRACTABLE:
        return give_flag(show, out, OBJECT_NEVER_EXTRACTABLE, true);
    default:
        return false;
    }
}

bool show_next(struct show *show, struct object_attribute *out)
{
    while (show->step < COUNT_OF(made)) {
        uint32_t tag = made[show->step++];
        const struct attribute_row *row = attribute_by_tag(tag);
        *out = (struct object_attribute){.row = row, .type = row->type};
        if ((row->objects & attribute_object_bit(show->object->head.type)) != 0 && give(show, tag, out))
            return true;
    }
    return object_attribute_next(&show->stored, out);
}
