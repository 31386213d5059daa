/* SPDX-License-Identifier: Apache-2.0 */
/* Query and Discover Versions: KMIP 1.4 s4.25, s4.26 */
#include "operation/payload.h"

static enum result_reason decode_query(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    const uint8_t *from = fields.has_next ? fields.next.whole.ptr : fields.reader.at;
    fields_need(&fields, TAG_QUERY_FUNCTION, TTLV_ENUMERATION, &item);
    while (fields_take(&fields, TAG_QUERY_FUNCTION, TTLV_ENUMERATION, &item))
        continue;
    op->args.query.functions = span_of(from, (size_t)(fields.reader.at - from));
    return payload_end(op, &fields);
}

static bool asked(const struct op *op, enum query_function function)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->args.query.functions);
    struct ttlv_item item;
    while (ttlv_next(&reader, &item) == STATUS_OK)
        if (ttlv_enumeration(&item) == (uint32_t)function &&
            enum_known(TAG_QUERY_FUNCTION, function, op->minor))
            return true;
    return false;
}

static void put_capabilities(struct op *op, struct ttlv_writer *out)
{
    size_t at = ttlv_begin(out, TAG_CAPABILITY_INFORMATION);
    ttlv_put_boolean(out, TAG_STREAMING_CAPABILITY, false);
    ttlv_put_boolean(out, TAG_ASYNCHRONOUS_CAPABILITY, false);
    ttlv_put_boolean(out, TAG_ATTESTATION_CAPABILITY, false);
    if (op->minor >= 4) {
        ttlv_put_boolean(out, TAG_BATCH_UNDO_CAPABILITY, false);
        ttlv_put_boolean(out, TAG_BATCH_CONTINUE_CAPABILITY, true);
    }
    ttlv_end(out, at);
}

/* What a server cannot tell is left out, never an error. */
static enum result_reason respond_query(struct op *op, struct ttlv_writer *out)
{
    const struct operation *row;
    if (asked(op, QUERY_OPERATIONS))
        for (size_t i = 0; (row = operation_at(i)) != NULL; i++)
            if (row->since <= op->minor)
                ttlv_put_enumeration(out, TAG_OPERATION, (uint32_t)row->code);
    if (asked(op, QUERY_OBJECTS)) {
        ttlv_put_enumeration(out, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
        ttlv_put_enumeration(out, TAG_OBJECT_TYPE, OBJECT_SECRET_DATA);
        ttlv_put_enumeration(out, TAG_OBJECT_TYPE, OBJECT_OPAQUE_OBJECT);
    }
    if (asked(op, QUERY_SERVER_INFORMATION)) {
        ttlv_put_text(out, TAG_VENDOR_IDENTIFICATION, span_of_text(op->env->vendor));
        size_t at = ttlv_begin(out, TAG_SERVER_INFORMATION);
        ttlv_put_text(out, TAG_SERVER_INFORMATION, span_of_text(op->env->server_information));
        ttlv_end(out, at);
    }
    if (asked(op, QUERY_RNGS)) {
        size_t at = ttlv_begin(out, TAG_RNG_PARAMETERS);
        ttlv_put_enumeration(out, TAG_RNG_ALGORITHM, RNG_UNSPECIFIED);
        ttlv_end(out, at);
    }
    if (asked(op, QUERY_CAPABILITIES))
        put_capabilities(op, out);
    return REASON_NONE;
}

const struct operation op_query = {
    .code = OPERATION_QUERY, .name = "Query", .decode = decode_query, .respond = respond_query};

/* The versions that the client lists; nothing else may stand there. */
static enum result_reason decode_versions(struct op *op)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, op->payload);
    while (fields_take(&fields, TAG_PROTOCOL_VERSION, TTLV_STRUCTURE, &item)) {
        struct fields inner;
        fields_begin_trusted(&inner, item.value);
        fields_need(&inner, TAG_PROTOCOL_VERSION_MAJOR, TTLV_INTEGER, &item);
        fields_need(&inner, TAG_PROTOCOL_VERSION_MINOR, TTLV_INTEGER, &item);
        enum result_reason reason = payload_end(op, &inner);
        if (reason != REASON_NONE)
            return reason;
    }
    return payload_end(op, &fields);
}

static bool client_speaks(const struct op *op, int32_t minor)
{
    struct ttlv_reader reader = ttlv_reader_trusted(op->payload);
    struct ttlv_item version, major_item, minor_item;
    if (op->payload.len == 0)
        return true;
    while (ttlv_next(&reader, &version) == STATUS_OK) {
        struct ttlv_reader inner = ttlv_enter(&version);
        if (ttlv_next(&inner, &major_item) == STATUS_OK && ttlv_next(&inner, &minor_item) == STATUS_OK &&
            ttlv_integer(&major_item) == 1 && ttlv_integer(&minor_item) == minor)
            return true;
    }
    return false;
}

static enum result_reason respond_versions(struct op *op, struct ttlv_writer *out)
{
    for (int32_t minor = KMIP_MINOR_MAX; minor >= 0; minor--) {
        if (!client_speaks(op, minor))
            continue;
        size_t at = ttlv_begin(out, TAG_PROTOCOL_VERSION);
        ttlv_put_integer(out, TAG_PROTOCOL_VERSION_MAJOR, 1);
        ttlv_put_integer(out, TAG_PROTOCOL_VERSION_MINOR, minor);
        ttlv_end(out, at);
    }
    return REASON_NONE;
}

const struct operation op_discover_versions = {.code = OPERATION_DISCOVER_VERSIONS,
                                               .name = "Discover Versions",
                                               .since = 1,
                                               .decode = decode_versions,
                                               .respond = respond_versions};
