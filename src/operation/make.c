/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/make.h"

#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define HMAC_BITS_LEAST 112
#define HMAC_BITS_MOST  4096

/* 3DES lengths are counted without parity (FIPS 46-3): 112 and 168 bits are 16 and 24 bytes. */
size_t make_key_bytes(uint32_t algorithm, int32_t bits)
{
    if (algorithm == ALGORITHM_AES)
        return bits == 128 || bits == 192 || bits == 256 ? (size_t)bits / 8 : 0;
    if (algorithm == ALGORITHM_3DES)
        return bits == 112 || bits == 128 ? 16 : bits == 168 || bits == 192 ? 24 : 0;
    if (algorithm >= ALGORITHM_HMAC_SHA1 && algorithm <= ALGORITHM_HMAC_SHA512)
        return bits >= HMAC_BITS_LEAST && bits <= HMAC_BITS_MOST && bits % 8 == 0 ? (size_t)bits / 8 : 0;
    return 0;
}

int32_t make_default_length(uint32_t algorithm)
{
    switch (algorithm) {
    case ALGORITHM_AES:
        return 256;
    case ALGORITHM_3DES:
        return 168;
    case ALGORITHM_HMAC_SHA1:
        return 160;
    case ALGORITHM_HMAC_SHA224:
        return 224;
    case ALGORITHM_HMAC_SHA256:
        return 256;
    case ALGORITHM_HMAC_SHA384:
        return 384;
    case ALGORITHM_HMAC_SHA512:
        return 512;
    default:
        return 0;
    }
}

enum result_reason make_read_kind(struct op *op, struct key_kind *kind)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.make.template);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        struct attribute a;
        if (item.tag != TAG_ATTRIBUTE)
            continue;
        enum result_reason reason = attribute_read(&item, op->minor, false, &a, &op->why);
        if (reason != REASON_NONE)
            return reason;
        if (a.row == NULL || !a.has_value)
            continue;
        if (a.row->tag == TAG_CRYPTOGRAPHIC_ALGORITHM)
            kind->algorithm = ttlv_enumeration(&a.value);
        if (a.row->tag == TAG_CRYPTOGRAPHIC_LENGTH)
            kind->length_bits = ttlv_integer(&a.value);
        if (a.row->tag == TAG_CRYPTOGRAPHIC_USAGE_MASK)
            kind->has_mask = true;
    }
    return REASON_NONE;
}

static void set_odd_parity(uint8_t *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)(key[i] >> 1);
        uint8_t ones = (uint8_t)(b ^ b >> 4);
        ones = (uint8_t)(ones ^ ones >> 2);
        ones = (uint8_t)((ones ^ ones >> 1) & 1);
        key[i] = (uint8_t)((key[i] & 0xfe) | (ones ^ 1));
    }
}

/* Key managers without versions of their root key give none. */
void make_wrapped(const struct op *op, struct draft_parts *parts)
{
    static const uint8_t none[ROOT_VERSION_BYTES];
    const struct spare *spare = op->spare;
    parts->wrapped_kek = span_of(spare->wrapped, spare->wrapped_len);
    if (memcmp(spare->root_version, none, sizeof none) != 0)
        parts->root_version = span_of(spare->root_version, ROOT_VERSION_BYTES);
}

void make_sealed(struct op *op, struct span material, struct draft_parts *parts, uint8_t room[MAKE_ROOM])
{
    const struct catalogue_entry *e = catalogue_get(&op->env->store->catalogue, op->spare->handle);
    seal_make(op->kek, span_of(e->uid, UUID_BYTES), material, room);
    parts->sealed_material = span_of(room, material.len + SEAL_OVERHEAD);
    make_wrapped(op, parts);
}

void make_key(struct op *op, uint32_t algorithm, size_t key_bytes, struct draft_parts *parts, uint16_t *flags,
              uint8_t room[MAKE_ROOM])
{
    uint8_t *digest = room + MAKE_ROOM - SHA256_BYTES;
    if (algorithm == ALGORITHM_AES && key_bytes == KEK_BYTES) {
        *flags |= OBJECT_MATERIAL_IS_KEK;
        make_wrapped(op, parts);
        sha256(span_of(op->kek, KEK_BYTES), digest);
    } else {
        uint8_t *material = op->env->material;
        op->material_len = key_bytes;
        random_bytes(material, key_bytes);
        if (algorithm == ALGORITHM_3DES)
            set_odd_parity(material, key_bytes);
        sha256(span_of(material, key_bytes), digest);
        make_sealed(op, span_of(material, key_bytes), parts, room);
    }
    parts->digest = span_of(digest, SHA256_BYTES);
}

bool make_takes_name(const struct op *op)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.make.template);
    struct ttlv_item attribute, name;
    while (ttlv_next(&reader, &attribute) == STATUS_OK) {
        if (attribute.type != TTLV_STRUCTURE)
            continue;
        struct ttlv_reader inner = ttlv_enter(&attribute);
        if (ttlv_next(&inner, &name) == STATUS_OK && name.tag == TAG_ATTRIBUTE_NAME &&
            span_equal(name.value, span_of_text("Name")))
            return true;
    }
    return false;
}

struct object_head make_head(struct op *op, enum object_type type, uint16_t flags)
{
    const struct catalogue_entry *e = catalogue_get(&op->env->store->catalogue, op->spare->handle);
    struct object_head head = {
        .type = type, .state = STATE_PRE_ACTIVE, .flags = (uint16_t)(flags | OBJECT_FRESH), .generation = 1};
    memcpy(head.uid, e->uid, UUID_BYTES);
    memcpy(head.node, op->env->store->node, NODE_BYTES);
    return head;
}

struct span make_scope(const struct op *op)
{
    return scopes_name(&op->env->store->scopes, op->identity->scope);
}

enum result_reason make_propose(struct op *op, struct draft *draft)
{
    enum result_reason reason = change_check_dates(op, draft);
    if (reason != REASON_NONE)
        return reason;
    draft_set_date(draft, TAG_INITIAL_DATE, op->env->now.unix_s);
    draft_set_date(draft, TAG_LAST_CHANGE_DATE, op->env->now.unix_s);
    memcpy(op->result.uid, draft->head.uid, UUID_BYTES);
    reason = op_propose(op, draft, op->spare->handle, COMMIT_KEYMGR);
    if (reason != REASON_NONE)
        return reason;
    store_use_spare(op->env->store, op->spare);
    op->spare = NULL;
    op->set_placeholder = true;
    return REASON_NONE;
}
