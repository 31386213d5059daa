/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/message.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "kmip/tag.h"

/* KMIP 1.4 s11.1: what a malformed or strange structure is answered with. */
static enum result_reason fields_reason(enum fields_error error, const char **why)
{
    switch (error) {
    case FIELDS_OK:
        return REASON_NONE;
    case FIELDS_UNKNOWN:
        return refuse(why, REASON_INVALID_FIELD,
                      "a field is not known in this version of KMIP, or stands in the wrong place");
    case FIELDS_REPEATED:
        return refuse(why, REASON_INVALID_MESSAGE, "a field stands twice");
    case FIELDS_MISSING:
        return refuse(why, REASON_INVALID_MESSAGE, "a required field is missing");
    case FIELDS_WRONG_TYPE:
        return refuse(why, REASON_INVALID_MESSAGE, "a field has the wrong type");
    case FIELDS_MALFORMED:
        break;
    }
    return refuse(why, REASON_INVALID_MESSAGE, "the message is not well-formed TTLV");
}

static enum result_reason read_version(struct fields *fields, struct request_header *out, const char **why)
{
    struct ttlv_item version, part;
    struct fields inner;
    int32_t major = -1, minor = -1;
    if (fields_need(fields, TAG_PROTOCOL_VERSION, TTLV_STRUCTURE, &version)) {
        fields_begin_trusted(&inner, version.value);
        if (fields_need(&inner, TAG_PROTOCOL_VERSION_MAJOR, TTLV_INTEGER, &part))
            major = ttlv_integer(&part);
        if (fields_need(&inner, TAG_PROTOCOL_VERSION_MINOR, TTLV_INTEGER, &part))
            minor = ttlv_integer(&part);
    }
    if (major < 0 || minor < 0)
        return refuse(why, REASON_INVALID_MESSAGE, "the header does not begin with a whole Protocol Version");
    if (fields_end(&inner) != FIELDS_OK)
        return fields_reason(inner.error, why);
    if (major != 1 || minor < 0 || minor > KMIP_MINOR_MAX)
        return refuse(why, REASON_INVALID_MESSAGE,
                      "this server speaks KMIP 1.0 to 1.4; ask Discover Versions");
    out->major = (uint8_t)major;
    out->minor = (uint8_t)minor;
    return REASON_NONE;
}

/* KMIP 1.4 s2.1.2. Of several credentials the first with a user name counts. */
static enum result_reason read_credential(const struct ttlv_item *credential, struct credential *out,
                                          const char **why)
{
    struct fields fields, inner;
    struct ttlv_item type, value, part;
    fields_begin_trusted(&fields, credential->value);
    fields_need(&fields, TAG_CREDENTIAL_TYPE, TTLV_ENUMERATION, &type);
    fields_need(&fields, TAG_CREDENTIAL_VALUE, TTLV_STRUCTURE, &value);
    if (fields_end(&fields) != FIELDS_OK)
        return fields_reason(fields.error, why);
    if (out->present && out->type == CREDENTIAL_USERNAME_AND_PASSWORD)
        return REASON_NONE;
    out->present = true;
    out->type = ttlv_enumeration(&type);
    if (out->type != CREDENTIAL_USERNAME_AND_PASSWORD)
        return REASON_NONE;
    fields_begin_trusted(&inner, value.value);
    if (fields_need(&inner, TAG_USERNAME, TTLV_TEXT_STRING, &part))
        out->username = part.value;
    if (fields_take(&inner, TAG_PASSWORD, TTLV_TEXT_STRING, &part))
        out->password = part.value;
    fields_end(&inner);
    return fields_reason(inner.error, why);
}

static enum result_reason read_authentication(struct fields *fields, struct request_header *out,
                                              const char **why)
{
    struct ttlv_item authentication, credential;
    struct fields inner;
    if (!fields_take(fields, TAG_AUTHENTICATION, TTLV_STRUCTURE, &authentication))
        return REASON_NONE;
    fields_begin_trusted(&inner, authentication.value);
    fields_need(&inner, TAG_CREDENTIAL, TTLV_STRUCTURE, &credential);
    while (inner.error == FIELDS_OK) {
        enum result_reason reason = read_credential(&credential, &out->credential, why);
        if (reason != REASON_NONE)
            return reason;
        if (out->minor < 2 || !fields_take(&inner, TAG_CREDENTIAL, TTLV_STRUCTURE, &credential))
            break;
    }
    fields_end(&inner);
    return fields_reason(inner.error, why);
}

static enum result_reason read_batch_options(struct fields *fields, struct request_header *out,
                                             const char **why)
{
    struct ttlv_item item;
    out->continuation = BATCH_STOP;
    if (fields_take(fields, TAG_BATCH_ERROR_CONTINUATION_OPTION, TTLV_ENUMERATION, &item)) {
        uint32_t option = ttlv_enumeration(&item);
        if (option == BATCH_UNDO)
            return refuse(why, REASON_FEATURE_NOT_SUPPORTED,
                          "Batch Error Continuation Option Undo is not supported; use Stop or Continue");
        if (option != BATCH_CONTINUE && option != BATCH_STOP)
            return refuse(why, REASON_INVALID_FIELD, "unknown Batch Error Continuation Option");
        out->continuation = (enum batch_error_continuation)option;
    }
    /* Batches are always done in order, so either value of the option is kept (KMIP 1.4 s6.12). */
    fields_take(fields, TAG_BATCH_ORDER_OPTION, TTLV_BOOLEAN, &item);
    fields_take(fields, TAG_TIME_STAMP, TTLV_DATE_TIME, &item);
    if (fields_need(fields, TAG_BATCH_COUNT, TTLV_INTEGER, &item))
        out->batch_count = ttlv_integer(&item);
    return REASON_NONE;
}

static enum result_reason read_header(struct span header, struct request_header *out, const char **why)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin_trusted(&fields, header);
    enum result_reason reason = read_version(&fields, out, why);
    if (reason != REASON_NONE)
        return reason;
    if (fields_take(&fields, TAG_MAXIMUM_RESPONSE_SIZE, TTLV_INTEGER, &item)) {
        out->maximum_response_size = ttlv_integer(&item);
        if (out->maximum_response_size <= 0)
            return refuse(why, REASON_INVALID_FIELD, "Maximum Response Size is not positive");
    }
    if (out->minor >= 4) {
        if (fields_take(&fields, TAG_CLIENT_CORRELATION_VALUE, TTLV_TEXT_STRING, &item))
            out->client_correlation = item.value;
        fields_take(&fields, TAG_SERVER_CORRELATION_VALUE, TTLV_TEXT_STRING, &item);
    }
    /* True only allows an asynchronous answer; every answer here is synchronous (KMIP 1.4 s6.7). */
    fields_take(&fields, TAG_ASYNCHRONOUS_INDICATOR, TTLV_BOOLEAN, &item);
    if (out->minor >= 2) {
        fields_take(&fields, TAG_ATTESTATION_CAPABLE_INDICATOR, TTLV_BOOLEAN, &item);
        while (fields_take(&fields, TAG_ATTESTATION_TYPE, TTLV_ENUMERATION, &item))
            continue;
    }
    reason = read_authentication(&fields, out, why);
    if (reason == REASON_NONE)
        reason = read_batch_options(&fields, out, why);
    if (reason != REASON_NONE)
        return reason;
    fields_end(&fields);
    return fields_reason(fields.error, why);
}

enum result_reason message_read_header(struct span message, struct request_header *out,
                                       struct ttlv_reader *items, const char **why)
{
    struct ttlv_reader reader = ttlv_reader_over(message);
    struct ttlv_item whole, header;
    *out = (struct request_header){.major = 1, .continuation = BATCH_STOP};
    if (ttlv_next(&reader, &whole) != STATUS_OK || whole.tag != TAG_REQUEST_MESSAGE ||
        whole.type != TTLV_STRUCTURE)
        return refuse(why, REASON_INVALID_MESSAGE, "not a KMIP Request Message");
    *items = ttlv_enter(&whole);
    if (ttlv_next(items, &header) != STATUS_OK || header.tag != TAG_REQUEST_HEADER ||
        header.type != TTLV_STRUCTURE || ttlv_check(header.value, TTLV_DEPTH_MAX) != STATUS_OK)
        return refuse(why, REASON_INVALID_MESSAGE, "no well-formed Request Header");
    enum result_reason reason = read_header(header.value, out, why);
    if (reason != REASON_NONE)
        return reason;
    /* The count has to be that of the items, so that a batch is never half a batch. */
    struct ttlv_reader ahead = *items;
    struct ttlv_item item;
    int32_t count = 0;
    enum status status;
    while ((status = ttlv_next(&ahead, &item)) == STATUS_OK) {
        if (item.tag != TAG_BATCH_ITEM || item.type != TTLV_STRUCTURE)
            return refuse(why, REASON_INVALID_MESSAGE, "something else than Batch Items follows the header");
        count++;
    }
    if (status == STATUS_MALFORMED)
        return refuse(why, REASON_INVALID_MESSAGE, "the message is not well-formed TTLV");
    if (count == 0 || count != out->batch_count)
        return refuse(why, REASON_INVALID_MESSAGE, "Batch Count is not the number of Batch Items");
    return REASON_NONE;
}

/* KMIP 1.4 s6.16 */
static enum result_reason read_extension(const struct ttlv_item *extension, struct batch_item *out,
                                         const char **why)
{
    struct fields fields;
    struct ttlv_item item;
    fields_begin(&fields, extension->value);
    fields_need(&fields, TAG_VENDOR_IDENTIFICATION, TTLV_TEXT_STRING, &item);
    if (fields_need(&fields, TAG_CRITICALITY_INDICATOR, TTLV_BOOLEAN, &item))
        out->critical_extension = ttlv_boolean(&item);
    fields_need(&fields, TAG_VENDOR_EXTENSION, TTLV_STRUCTURE, &item);
    fields_end(&fields);
    return fields_reason(fields.error, why);
}

enum result_reason message_read_item(struct ttlv_reader *items, const struct request_header *header,
                                     struct batch_item *out, const char **why)
{
    struct ttlv_item whole, item;
    struct fields fields;
    *out = (struct batch_item){.operation = 0};
    if (ttlv_next(items, &whole) != STATUS_OK)
        return refuse(why, REASON_INVALID_MESSAGE, "a Batch Item is missing");
    fields_begin(&fields, whole.value);
    if (fields_need(&fields, TAG_OPERATION, TTLV_ENUMERATION, &item))
        out->operation = ttlv_enumeration(&item);
    if (fields_take(&fields, TAG_UNIQUE_BATCH_ITEM_ID, TTLV_BYTE_STRING, &item)) {
        out->has_id = true;
        out->id = item.value;
        if (item.value.len > UNIQUE_BATCH_ITEM_ID_MAX) {
            out->id.len = UNIQUE_BATCH_ITEM_ID_MAX;
            return refuse(why, REASON_INVALID_FIELD, "a Unique Batch Item ID has at most 64 bytes here");
        }
    }
    if (fields_need(&fields, TAG_REQUEST_PAYLOAD, TTLV_STRUCTURE, &item))
        out->payload = item.value;
    enum result_reason reason = REASON_NONE;
    if (fields_take(&fields, TAG_MESSAGE_EXTENSION, TTLV_STRUCTURE, &item))
        reason = read_extension(&item, out, why);
    if (fields_end(&fields) != FIELDS_OK)
        return fields_reason(fields.error, why);
    if (reason != REASON_NONE)
        return reason;
    if (header->batch_count > 1 && !out->has_id)
        return refuse(why, REASON_INVALID_MESSAGE, "Unique Batch Item ID is required in a batch");
    if (ttlv_check(out->payload, TTLV_DEPTH_MAX - 4) != STATUS_OK)
        return refuse(why, REASON_INVALID_MESSAGE,
                      "the Request Payload is not well-formed TTLV, or nested too deep");
    return REASON_NONE;
}

struct response_frame message_begin(struct ttlv_writer *out, const struct request_header *header, int64_t now)
{
    struct response_frame frame;
    frame.message = ttlv_begin(out, TAG_RESPONSE_MESSAGE);
    size_t head = ttlv_begin(out, TAG_RESPONSE_HEADER);
    size_t version = ttlv_begin(out, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(out, TAG_PROTOCOL_VERSION_MAJOR, header->major);
    ttlv_put_integer(out, TAG_PROTOCOL_VERSION_MINOR, header->minor);
    ttlv_end(out, version);
    ttlv_put_date_time(out, TAG_TIME_STAMP, now);
    if (header->client_correlation.len != 0)
        ttlv_put_text(out, TAG_CLIENT_CORRELATION_VALUE, header->client_correlation);
    ttlv_put_integer(out, TAG_BATCH_COUNT, 0);
    frame.count_at = out->len - 8;
    ttlv_end(out, head);
    return frame;
}

void message_end(struct ttlv_writer *out, const struct response_frame *frame, int32_t batch_count)
{
    ttlv_end(out, frame->message);
    if (!out->full)
        be32_put(out->start + frame->count_at, (uint32_t)batch_count);
}

static void put_item_head(struct ttlv_writer *out, const struct batch_item *request)
{
    if (request == NULL)
        return;
    if (request->operation != 0)
        ttlv_put_enumeration(out, TAG_OPERATION, request->operation);
    if (request->has_id)
        ttlv_put_bytes(out, TAG_UNIQUE_BATCH_ITEM_ID, request->id);
}

struct item_frame message_item_begin(struct ttlv_writer *out, const struct batch_item *request)
{
    struct item_frame frame;
    frame.item = ttlv_begin(out, TAG_BATCH_ITEM);
    put_item_head(out, request);
    ttlv_put_enumeration(out, TAG_RESULT_STATUS, RESULT_SUCCESS);
    frame.payload = ttlv_begin(out, TAG_RESPONSE_PAYLOAD);
    return frame;
}

void message_item_end(struct ttlv_writer *out, const struct item_frame *frame)
{
    ttlv_end(out, frame->payload);
    ttlv_end(out, frame->item);
}

void message_item_failed(struct ttlv_writer *out, const struct batch_item *request, enum result_reason reason,
                         uint8_t minor, const char *why)
{
    size_t item = ttlv_begin(out, TAG_BATCH_ITEM);
    put_item_head(out, request);
    ttlv_put_enumeration(out, TAG_RESULT_STATUS, RESULT_OPERATION_FAILED);
    ttlv_put_enumeration(out, TAG_RESULT_REASON, result_reason_for(reason, minor));
    ttlv_put_text(out, TAG_RESULT_MESSAGE, span_of_text(why != NULL ? why : result_reason_name(reason)));
    ttlv_end(out, item);
}
