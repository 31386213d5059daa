/* SPDX-License-Identifier: Apache-2.0 */
/* Result Reasons (KMIP 1.4 s9.1.3.2.29), the words in which operations fail. */
#ifndef HOLDFAST_KMIP_RESULT_H
#define HOLDFAST_KMIP_RESULT_H

#include <stdint.h>

enum result_reason {
    REASON_NONE = 0, /* success; never on the wire */
    REASON_ITEM_NOT_FOUND = 0x01,
    REASON_RESPONSE_TOO_LARGE,
    REASON_AUTHENTICATION_NOT_SUCCESSFUL,
    REASON_INVALID_MESSAGE,
    REASON_OPERATION_NOT_SUPPORTED,
    REASON_MISSING_DATA,
    REASON_INVALID_FIELD,
    REASON_FEATURE_NOT_SUPPORTED,
    REASON_OPERATION_CANCELED_BY_REQUESTER,
    REASON_CRYPTOGRAPHIC_FAILURE,
    REASON_ILLEGAL_OPERATION,
    REASON_PERMISSION_DENIED,
    REASON_OBJECT_ARCHIVED,
    REASON_INDEX_OUT_OF_BOUNDS,
    REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED,
    REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED,
    REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED,
    REASON_ENCODING_OPTION_ERROR, /* 1.1 */
    REASON_KEY_VALUE_NOT_PRESENT, /* 1.2 */
    REASON_ATTESTATION_REQUIRED,  /* 1.2 */
    REASON_ATTESTATION_FAILED,    /* 1.2 */
    REASON_SENSITIVE,             /* 1.4 */
    REASON_NOT_EXTRACTABLE,       /* 1.4 */
    REASON_OBJECT_ALREADY_EXISTS, /* 1.4 */
    REASON_GENERAL_FAILURE = 0x100
};

/* The reason that KMIP 1.`minor` knows for this one: itself, or the nearest older word. */
enum result_reason result_reason_for(enum result_reason reason, uint8_t minor);

/* The specification's name. Constant text. */
const char *result_reason_name(enum result_reason reason);

/* Fails with a reason and the text of its Result Message. */
static inline enum result_reason refuse(const char **why, enum result_reason reason, const char *text)
{
    *why = text;
    return reason;
}

#endif
