/* SPDX-License-Identifier: Apache-2.0 */
/* The enumerations of KMIP 1.0 to 1.4 that this server reads or writes (KMIP 1.4 s9.1.3.2), in the
 * specification's order. */
#ifndef HOLDFAST_KMIP_ENUM_H
#define HOLDFAST_KMIP_ENUM_H

#include <stdbool.h>
#include <stdint.h>

#define KMIP_MINOR_MAX 4 /* KMIP 1.4 is the newest version spoken */

enum credential_type { CREDENTIAL_USERNAME_AND_PASSWORD = 1, CREDENTIAL_DEVICE = 2 };

enum key_format_type { KEY_FORMAT_RAW = 1, KEY_FORMAT_OPAQUE = 2, KEY_FORMAT_TRANSPARENT_SYMMETRIC_KEY = 7 };

enum wrapping_method { WRAPPING_ENCRYPT = 1 };

enum object_type {
    OBJECT_CERTIFICATE = 1,
    OBJECT_SYMMETRIC_KEY,
    OBJECT_PUBLIC_KEY,
    OBJECT_PRIVATE_KEY,
    OBJECT_SPLIT_KEY,
    OBJECT_TEMPLATE,
    OBJECT_SECRET_DATA,
    OBJECT_OPAQUE_OBJECT,
    OBJECT_PGP_KEY /* 1.2 */
};

enum cryptographic_algorithm {
    ALGORITHM_DES = 1,
    ALGORITHM_3DES,
    ALGORITHM_AES,
    ALGORITHM_HMAC_SHA1 = 7,
    ALGORITHM_HMAC_SHA224,
    ALGORITHM_HMAC_SHA256,
    ALGORITHM_HMAC_SHA384,
    ALGORITHM_HMAC_SHA512,
    ALGORITHM_HMAC_MD5
};

enum block_cipher_mode { MODE_NIST_KEY_WRAP = 0x0d };

enum hashing_algorithm { HASHING_SHA_256 = 6 };

enum state {
    STATE_PRE_ACTIVE = 1,
    STATE_ACTIVE,
    STATE_DEACTIVATED,
    STATE_COMPROMISED,
    STATE_DESTROYED,
    STATE_DESTROYED_COMPROMISED
};

enum revocation_reason_code {
    REVOCATION_UNSPECIFIED = 1,
    REVOCATION_KEY_COMPROMISE,
    REVOCATION_CA_COMPROMISE,
    REVOCATION_AFFILIATION_CHANGED,
    REVOCATION_SUPERSEDED,
    REVOCATION_CESSATION_OF_OPERATION,
    REVOCATION_PRIVILEGE_WITHDRAWN
};

enum link_type { LINK_REPLACEMENT_OBJECT = 0x106, LINK_REPLACED_OBJECT = 0x107 };

enum query_function {
    QUERY_OPERATIONS = 1,
    QUERY_OBJECTS,
    QUERY_SERVER_INFORMATION,
    QUERY_APPLICATION_NAMESPACES,
    QUERY_EXTENSION_LIST, /* 1.1 */
    QUERY_EXTENSION_MAP,
    QUERY_ATTESTATION_TYPES, /* 1.2 */
    QUERY_RNGS,              /* 1.3 */
    QUERY_VALIDATIONS,
    QUERY_PROFILES,
    QUERY_CAPABILITIES,
    QUERY_CLIENT_REGISTRATION_METHODS
};

enum operation_code {
    OPERATION_CREATE = 1,
    OPERATION_REGISTER = 3,
    OPERATION_RE_KEY = 4,
    OPERATION_LOCATE = 8,
    OPERATION_CHECK,
    OPERATION_GET,
    OPERATION_GET_ATTRIBUTES,
    OPERATION_GET_ATTRIBUTE_LIST,
    OPERATION_ADD_ATTRIBUTE,
    OPERATION_MODIFY_ATTRIBUTE,
    OPERATION_DELETE_ATTRIBUTE,
    OPERATION_OBTAIN_LEASE,
    OPERATION_GET_USAGE_ALLOCATION,
    OPERATION_ACTIVATE,
    OPERATION_REVOKE,
    OPERATION_DESTROY,
    OPERATION_ARCHIVE,
    OPERATION_RECOVER,
    OPERATION_QUERY = 0x18,
    OPERATION_DISCOVER_VERSIONS = 0x1e /* 1.1 */
};

enum result_status { RESULT_SUCCESS = 0, RESULT_OPERATION_FAILED = 1 };

enum batch_error_continuation { BATCH_CONTINUE = 1, BATCH_STOP, BATCH_UNDO };

enum usage_limits_unit { USAGE_BYTE = 1, USAGE_OBJECT };

enum encoding_option { ENCODING_NONE = 1, ENCODING_TTLV };

enum object_group_member { GROUP_MEMBER_FRESH = 1, GROUP_MEMBER_DEFAULT };

enum key_wrap_type { KEY_WRAP_NOT_WRAPPED = 1, KEY_WRAP_AS_REGISTERED }; /* 1.4 */

enum rng_algorithm { RNG_UNSPECIFIED = 1 };

/* KMIP 1.4 s9.1.3.3.1 */
enum usage_mask {
    USAGE_SIGN = 0x1,
    USAGE_ENCRYPT = 0x4,
    USAGE_DECRYPT = 0x8,
    USAGE_WRAP_KEY = 0x10,
    USAGE_MAC_GENERATE = 0x80
};

/* KMIP 1.4 s9.1.3.3.2 */
enum storage_status { STORAGE_ON_LINE = 1, STORAGE_ARCHIVAL = 2 };

/* Whether KMIP 1.`minor` knows this value of the enumeration that stands under this tag; vendor extensions
 * (8XXXXXXX) count as known. */
bool enum_known(uint32_t tag, uint32_t value, uint8_t minor);

/* Names for people; "unknown" for values that are not above. Constant text. */
const char *enum_object_type_name(uint32_t value);
const char *enum_state_name(uint32_t value);
const char *enum_algorithm_name(uint32_t value);

#endif
