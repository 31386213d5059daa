/* SPDX-License-Identifier: Apache-2.0 */
#include "kmip/enum.h"

#include "base/span.h"
#include "kmip/tag.h"

/* The least value and the greatest one in KMIP 1.0 to 1.4; 0 where a version lacks the enumeration. */
struct range {
    uint32_t tag;
    uint16_t least;
    uint16_t most[KMIP_MINOR_MAX + 1];
};

static const struct range ranges[] = {
    {TAG_ALTERNATIVE_NAME_TYPE, 1, {0, 0, 7, 7, 7}},
    {TAG_BATCH_ERROR_CONTINUATION_OPTION, 1, {3, 3, 3, 3, 3}},
    {TAG_BLOCK_CIPHER_MODE, 1, {0x11, 0x11, 0x11, 0x11, 0x12}},
    {TAG_CREDENTIAL_TYPE, 1, {1, 2, 3, 3, 3}},
    {TAG_CRYPTOGRAPHIC_ALGORITHM, 1, {0x19, 0x19, 0x1a, 0x1e, 0x28}},
    {TAG_DIGITAL_SIGNATURE_ALGORITHM, 1, {0, 0x10, 0x10, 0x10, 0x13}},
    {TAG_DRBG_ALGORITHM, 1, {0, 0, 0, 5, 5}},
    {TAG_ENCODING_OPTION, 1, {0, 2, 2, 2, 2}},
    {TAG_FIPS186_VARIATION, 1, {0, 0, 0, 7, 7}},
    {TAG_HASHING_ALGORITHM, 1, {0x0b, 0x0b, 0x0d, 0x0d, 0x11}},
    {TAG_KEY_COMPRESSION_TYPE, 1, {4, 4, 4, 4, 4}},
    {TAG_KEY_FORMAT_TYPE, 1, {0x13, 0x13, 0x13, 0x15, 0x16}},
    {TAG_KEY_ROLE_TYPE, 1, {0x15, 0x15, 0x15, 0x15, 0x18}},
    {TAG_KEY_VALUE_LOCATION_TYPE, 1, {0, 0, 2, 2, 2}},
    {TAG_KEY_WRAP_TYPE, 1, {0, 0, 0, 0, 2}},
    {TAG_LINK_TYPE, 0x101, {0x107, 0x107, 0x10b, 0x10b, 0x10d}},
    {TAG_MASK_GENERATOR, 1, {0, 0, 0, 0, 1}},
    {TAG_MASK_GENERATOR_HASHING_ALGORITHM, 1, {0, 0, 0, 0, 0x11}},
    {TAG_NAME_TYPE, 1, {2, 2, 2, 2, 2}},
    {TAG_OBJECT_GROUP_MEMBER, 1, {0, 2, 2, 2, 2}},
    {TAG_OBJECT_TYPE, 1, {8, 8, 9, 9, 9}},
    {TAG_OPAQUE_DATA_TYPE, 1, {0, 0, 0, 0, 0}},
    {TAG_OPERATION, 1, {0x1c, 0x1e, 0x29, 0x29, 0x2b}},
    {TAG_PADDING_METHOD, 1, {0x0a, 0x0a, 0x0a, 0x0a, 0x0a}},
    {TAG_QUERY_FUNCTION, 1, {4, 6, 7, 12, 12}},
    {TAG_RECOMMENDED_CURVE, 1, {0x10, 0x10, 0x44, 0x44, 0x44}},
    {TAG_REVOCATION_REASON_CODE, 1, {7, 7, 7, 7, 7}},
    {TAG_RNG_ALGORITHM, 1, {0, 0, 0, 6, 6}},
    {TAG_SECRET_DATA_TYPE, 1, {2, 2, 2, 2, 2}},
    {TAG_STATE, 1, {6, 6, 6, 6, 6}},
    {TAG_USAGE_LIMITS_UNIT, 1, {2, 2, 2, 2, 2}},
    {TAG_WRAPPING_METHOD, 1, {5, 5, 5, 5, 5}},
};

bool enum_known(uint32_t tag, uint32_t value, uint8_t minor)
{
    if (value >= 0x80000000)
        return true;
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (ranges[i].tag == tag)
            return value >= ranges[i].least && value <= ranges[i].most[minor];
    return false;
}

const char *enum_object_type_name(uint32_t value)
{
    static const char *const names[] = {"Certificate", "Symmetric Key", "Public Key",
                                        "Private Key", "Split Key",     "Template",
                                        "Secret Data", "Opaque Object", "PGP Key"};
    return value >= 1 && value <= COUNT_OF(names) ? names[value - 1] : "unknown";
}

const char *enum_state_name(uint32_t value)
{
    static const char *const names[] = {"Pre-Active",  "Active",    "Deactivated",
                                        "Compromised", "Destroyed", "Destroyed Compromised"};
    return value >= 1 && value <= COUNT_OF(names) ? names[value - 1] : "unknown";
}

const char *enum_algorithm_name(uint32_t value)
{
    static const char *const names[] = {"DES",         "3DES",        "AES",         "RSA",
                                        "DSA",         "ECDSA",       "HMAC-SHA1",   "HMAC-SHA224",
                                        "HMAC-SHA256", "HMAC-SHA384", "HMAC-SHA512", "HMAC-MD5"};
    return value >= 1 && value <= COUNT_OF(names) ? names[value - 1] : "unknown";
}
