/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/result.h"

#include "base/span.h"

struct reason_row {
    enum result_reason reason;
    uint8_t since;
    enum result_reason before; /* what a client of an older version is told */
    const char *name;
};

static const struct reason_row reasons[] = {
    {REASON_ITEM_NOT_FOUND, 0, REASON_NONE, "Item Not Found"},
    {REASON_RESPONSE_TOO_LARGE, 0, REASON_NONE, "Response Too Large"},
    {REASON_AUTHENTICATION_NOT_SUCCESSFUL, 0, REASON_NONE, "Authentication Not Successful"},
    {REASON_INVALID_MESSAGE, 0, REASON_NONE, "Invalid Message"},
    {REASON_OPERATION_NOT_SUPPORTED, 0, REASON_NONE, "Operation Not Supported"},
    {REASON_MISSING_DATA, 0, REASON_NONE, "Missing Data"},
    {REASON_INVALID_FIELD, 0, REASON_NONE, "Invalid Field"},
    {REASON_FEATURE_NOT_SUPPORTED, 0, REASON_NONE, "Feature Not Supported"},
    {REASON_OPERATION_CANCELED_BY_REQUESTER, 0, REASON_NONE, "Operation Canceled By Requester"},
    {REASON_CRYPTOGRAPHIC_FAILURE, 0, REASON_NONE, "Cryptographic Failure"},
    {REASON_ILLEGAL_OPERATION, 0, REASON_NONE, "Illegal Operation"},
    {REASON_PERMISSION_DENIED, 0, REASON_NONE, "Permission Denied"},
    {REASON_OBJECT_ARCHIVED, 0, REASON_NONE, "Object Archived"},
    {REASON_INDEX_OUT_OF_BOUNDS, 0, REASON_NONE, "Index Out of Bounds"},
    {REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED, 0, REASON_NONE, "Application Namespace Not Supported"},
    {REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, 0, REASON_NONE, "Key Format Type Not Supported"},
    {REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED, 0, REASON_NONE, "Key Compression Type Not Supported"},
    {REASON_ENCODING_OPTION_ERROR, 1, REASON_INVALID_FIELD, "Encoding Option Error"},
    {REASON_KEY_VALUE_NOT_PRESENT, 2, REASON_ILLEGAL_OPERATION, "Key Value Not Present"},
    {REASON_ATTESTATION_REQUIRED, 2, REASON_PERMISSION_DENIED, "Attestation Required"},
    {REASON_ATTESTATION_FAILED, 2, REASON_PERMISSION_DENIED, "Attestation Failed"},
    {REASON_SENSITIVE, 4, REASON_PERMISSION_DENIED, "Sensitive"},
    {REASON_NOT_EXTRACTABLE, 4, REASON_PERMISSION_DENIED, "Not Extractable"},
    {REASON_OBJECT_ALREADY_EXISTS, 4, REASON_ILLEGAL_OPERATION, "Object Already Exists"},
    {REASON_GENERAL_FAILURE, 0, REASON_NONE, "General Failure"},
};

static const struct reason_row *row_of(enum result_reason reason)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].reason == reason)
            return &reasons[i];
    return &reasons[COUNT_OF(reasons) - 1];
}

enum result_reason result_reason_for(enum result_reason reason, uint8_t minor)
{
    const struct reason_row *row = row_of(reason);
    return minor >= row->since ? row->reason : row->before;
}

const char *result_reason_name(enum result_reason reason)
{
    return row_of(reason)->name;
}
