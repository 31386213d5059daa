/* SPDX-License-Identifier: Apache-2.0 */
/* kmip/tag, kmip/enum, kmip/result, kmip/state: tables, checked against values typed from KMIP 1.4 s9.1.3,
 * s3.22. */
#include "support/check.h"

#include "kmip/enum.h"
#include "kmip/result.h"
#include "kmip/state.h"
#include "kmip/tag.h"

static void tags_have_names_and_a_version(void **state)
{
    (void)state;
    static const struct {
        uint32_t tag;
        const char *name;
        uint8_t since;
    } known[] = {
        {0x420001, "Activation Date", 0},
        {0x42000b, "Attribute Value", 0},
        {0x420057, "Object Type", 0},
        {0x420083, "Key Role Type", 0},
        {0x420094, "Unique Identifier", 0},
        {0x4200a1, "Password", 0},
        {0x4200a2, "Device Identifier", 1},
        {0x4200a8, "Fresh", 1},
        {0x4200b7, "X.509 Certificate Subject", 1},
        {0x4200b8, "Key Value Location", 2},
        {0x4200d3, "Attestation Capable Indicator", 2},
        {0x4200d4, "Offset Items", 3},
        {0x4200f7, "Capability Information", 3},
        {0x4200f8, "Key Wrap Type", 4},
        {0x420105, "Client Correlation Value", 4},
        {0x420120, "Sensitive", 4},
        {0x420124, "Replace Existing", 4},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_string_equal(tag_name(known[i].tag), known[i].name);
        assert_int_equal(tag_since(known[i].tag), known[i].since);
    }
}

static void every_tag_in_the_row_is_there(void **state)
{
    (void)state;
    /* The search is by halves: a row out of order would hide others. Versions only go up along the numbers.
     */
    uint8_t least = 0;
    for (uint32_t tag = 0x420001; tag <= 0x420124; tag++) {
        if (strcmp(tag_name(tag), "unknown tag") == 0)
            fail_msg("tag %x is not found", (unsigned)tag);
        assert_true(tag_since(tag) >= least && tag_since(tag) <= 4);
        least = tag_since(tag);
    }
    static const uint32_t unknown[] = {0, 0x420000, 0x420125, 0x540001, 0xffffff, 0x1420001};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_string_equal(tag_name(unknown[i]), "unknown tag");
        assert_int_equal(tag_since(unknown[i]), 255);
    }
}

/* The greatest value in KMIP 1.0, 1.1, 1.2, 1.3, 1.4; 0: the version has none. */
static const struct {
    uint32_t tag;
    uint32_t least;
    uint32_t most[5];
} enums[] = {
    {TAG_ALTERNATIVE_NAME_TYPE, 1, {0, 0, 7, 7, 7}},
    {TAG_BATCH_ERROR_CONTINUATION_OPTION, 1, {3, 3, 3, 3, 3}},
    {TAG_BLOCK_CIPHER_MODE, 1, {0x11, 0x11, 0x11, 0x11, 0x12}},
    {TAG_CREDENTIAL_TYPE, 1, {1, 2, 3, 3, 3}},
    {TAG_DRBG_ALGORITHM, 1, {0, 0, 0, 5, 5}},
    {TAG_ENCODING_OPTION, 1, {0, 2, 2, 2, 2}},
    {TAG_FIPS186_VARIATION, 1, {0, 0, 0, 7, 7}},
    {TAG_KEY_COMPRESSION_TYPE, 1, {4, 4, 4, 4, 4}},
    {TAG_KEY_ROLE_TYPE, 1, {0x15, 0x15, 0x15, 0x15, 0x18}},
    {TAG_KEY_VALUE_LOCATION_TYPE, 1, {0, 0, 2, 2, 2}},
    {TAG_KEY_WRAP_TYPE, 1, {0, 0, 0, 0, 2}},
    {TAG_LINK_TYPE, 0x101, {0x107, 0x107, 0x10b, 0x10b, 0x10d}},
    {TAG_MASK_GENERATOR, 1, {0, 0, 0, 0, 1}},
    {TAG_NAME_TYPE, 1, {2, 2, 2, 2, 2}},
    {TAG_OBJECT_GROUP_MEMBER, 1, {0, 2, 2, 2, 2}},
    {TAG_OBJECT_TYPE, 1, {8, 8, 9, 9, 9}},
    {TAG_OPERATION, 1, {0x1c, 0x1e, 0x29, 0x29, 0x2b}},
    {TAG_PADDING_METHOD, 1, {10, 10, 10, 10, 10}},
    {TAG_QUERY_FUNCTION, 1, {4, 6, 7, 12, 12}},
    {TAG_REVOCATION_REASON_CODE, 1, {7, 7, 7, 7, 7}},
    {TAG_RNG_ALGORITHM, 1, {0, 0, 0, 6, 6}},
    {TAG_SECRET_DATA_TYPE, 1, {2, 2, 2, 2, 2}},
    {TAG_STATE, 1, {6, 6, 6, 6, 6}},
    {TAG_USAGE_LIMITS_UNIT, 1, {2, 2, 2, 2, 2}},
    {TAG_WRAPPING_METHOD, 1, {5, 5, 5, 5, 5}},
};

static void enumerations_end_where_their_version_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(enums); i++)
        for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
            uint32_t most = enums[i].most[minor];
            assert_false(enum_known(enums[i].tag, enums[i].least - 1, minor));
            if (enum_known(enums[i].tag, most + 1, minor))
                fail_msg("%s in 1.%d knows %x", tag_name(enums[i].tag), minor, (unsigned)most + 1);
            assert_int_equal(enum_known(enums[i].tag, enums[i].least, minor), most != 0);
            if (most != 0 && !enum_known(enums[i].tag, most, minor))
                fail_msg("%s in 1.%d does not know %x", tag_name(enums[i].tag), minor, (unsigned)most);
            assert_false(enum_known(enums[i].tag, 0x7fffffff, minor));
        }
}

static void algorithms_and_digests_end_where_1_4_does(void **state)
{
    (void)state;
    assert_true(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0x28, 4));
    assert_false(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0x29, 4));
    assert_false(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0, 4));
    assert_true(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0x19, 0));
    assert_false(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0x1a, 1));
    assert_true(enum_known(TAG_CRYPTOGRAPHIC_ALGORITHM, 0x1a, 2));
    assert_true(enum_known(TAG_HASHING_ALGORITHM, 0x11, 4));
    assert_false(enum_known(TAG_HASHING_ALGORITHM, 0x12, 4));
    assert_true(enum_known(TAG_HASHING_ALGORITHM, 0x0b, 0));
    assert_false(enum_known(TAG_HASHING_ALGORITHM, 0x0c, 1));
    assert_false(enum_known(TAG_HASHING_ALGORITHM, 0x0e, 3));
    assert_true(enum_known(TAG_KEY_FORMAT_TYPE, 0x16, 4));
    assert_false(enum_known(TAG_KEY_FORMAT_TYPE, 0x16, 3));
    assert_false(enum_known(TAG_KEY_FORMAT_TYPE, 0x17, 4));
    assert_true(enum_known(TAG_DIGITAL_SIGNATURE_ALGORITHM, 0x13, 4));
    assert_false(enum_known(TAG_DIGITAL_SIGNATURE_ALGORITHM, 0x14, 4));
    assert_true(enum_known(TAG_RECOMMENDED_CURVE, 0x44, 4));
    assert_false(enum_known(TAG_RECOMMENDED_CURVE, 0x45, 4));
}

static void extensions_are_known_and_other_tags_are_not(void **state)
{
    (void)state;
    assert_true(enum_known(TAG_STATE, 0x80000000u, 0));
    assert_true(enum_known(TAG_OPAQUE_DATA_TYPE, 0xffffffffu, 4));
    assert_false(enum_known(TAG_OPAQUE_DATA_TYPE, 1, 4));
    assert_false(enum_known(TAG_BATCH_COUNT, 1, 4));
}

static void names_for_people(void **state)
{
    (void)state;
    assert_string_equal(enum_object_type_name(2), "Symmetric Key");
    assert_string_equal(enum_object_type_name(9), "PGP Key");
    assert_string_equal(enum_object_type_name(0), "unknown");
    assert_string_equal(enum_object_type_name(10), "unknown");
    assert_string_equal(enum_state_name(1), "Pre-Active");
    assert_string_equal(enum_state_name(6), "Destroyed Compromised");
    assert_string_equal(enum_state_name(7), "unknown");
    assert_string_equal(enum_state_name(0), "unknown");
    assert_string_equal(enum_algorithm_name(ALGORITHM_AES), "AES");
    assert_string_equal(enum_algorithm_name(ALGORITHM_HMAC_MD5), "HMAC-MD5");
    assert_string_equal(enum_algorithm_name(0), "unknown");
    assert_string_equal(enum_algorithm_name(0xffffffffu), "unknown");
}

/* KMIP 1.4 s9.1.3.2.29; KMIP 1.0 ends at 0x11, 1.1 brought 0x12, 1.2 0x13 to 0x15, 1.4 the rest. */
static const struct {
    enum result_reason reason;
    uint8_t since;
    const char *name;
} reasons[] = {
    {0x01, 0, "Item Not Found"},
    {0x02, 0, "Response Too Large"},
    {0x03, 0, "Authentication Not Successful"},
    {0x04, 0, "Invalid Message"},
    {0x05, 0, "Operation Not Supported"},
    {0x06, 0, "Missing Data"},
    {0x07, 0, "Invalid Field"},
    {0x08, 0, "Feature Not Supported"},
    {0x09, 0, "Operation Canceled By Requester"},
    {0x0a, 0, "Cryptographic Failure"},
    {0x0b, 0, "Illegal Operation"},
    {0x0c, 0, "Permission Denied"},
    {0x0d, 0, "Object Archived"},
    {0x0e, 0, "Index Out of Bounds"},
    {0x0f, 0, "Application Namespace Not Supported"},
    {0x10, 0, "Key Format Type Not Supported"},
    {0x11, 0, "Key Compression Type Not Supported"},
    {0x12, 1, "Encoding Option Error"},
    {0x13, 2, "Key Value Not Present"},
    {0x14, 2, "Attestation Required"},
    {0x15, 2, "Attestation Failed"},
    {0x16, 4, "Sensitive"},
    {0x17, 4, "Not Extractable"},
    {0x18, 4, "Object Already Exists"},
    {0x100, 0, "General Failure"},
};

static void reasons_are_those_of_the_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        assert_string_equal(result_reason_name(reasons[i].reason), reasons[i].name);
        for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
            enum result_reason told = result_reason_for(reasons[i].reason, minor);
            if (minor >= reasons[i].since)
                assert_int_equal(told, reasons[i].reason);
            else
                assert_in_range(told, 1, 0x11); /* a word of every version */
        }
    }
    assert_int_equal(result_reason_for(REASON_SENSITIVE, 3), REASON_PERMISSION_DENIED);
    assert_int_equal(result_reason_for(REASON_NOT_EXTRACTABLE, 0), REASON_PERMISSION_DENIED);
    assert_int_equal(result_reason_for(REASON_KEY_VALUE_NOT_PRESENT, 1), REASON_ILLEGAL_OPERATION);
    assert_int_equal(result_reason_for(REASON_ENCODING_OPTION_ERROR, 0), REASON_INVALID_FIELD);
    assert_int_equal(result_reason_for((enum result_reason)0x77, 4), REASON_GENERAL_FAILURE);
}

static void refusing_tells_why(void **state)
{
    (void)state;
    const char *why = NULL;
    assert_int_equal(refuse(&why, REASON_INVALID_FIELD, "text"), REASON_INVALID_FIELD);
    assert_string_equal(why, "text");
}

/* KMIP 1.4 s3.22, Figure 1: transitions 2 to 10, and nothing else. */
static void states_follow_the_figure(void **state)
{
    (void)state;
    static const struct {
        enum state from, to;
    } arrows[] = {
        {STATE_PRE_ACTIVE, STATE_DESTROYED},              /* 2 */
        {STATE_PRE_ACTIVE, STATE_COMPROMISED},            /* 3 */
        {STATE_PRE_ACTIVE, STATE_ACTIVE},                 /* 4 */
        {STATE_ACTIVE, STATE_COMPROMISED},                /* 5 */
        {STATE_ACTIVE, STATE_DEACTIVATED},                /* 6 */
        {STATE_DEACTIVATED, STATE_DESTROYED},             /* 7 */
        {STATE_DEACTIVATED, STATE_COMPROMISED},           /* 8 */
        {STATE_COMPROMISED, STATE_DESTROYED_COMPROMISED}, /* 9 */
        {STATE_DESTROYED, STATE_DESTROYED_COMPROMISED},   /* 10 */
    };
    for (unsigned from = 0; from <= 8; from++)
        for (unsigned to = 0; to <= 8; to++) {
            bool wanted = false;
            for (size_t i = 0; i < COUNT_OF(arrows); i++)
                wanted = wanted || (arrows[i].from == from && arrows[i].to == to);
            if (state_may_become((enum state)from, (enum state)to) != wanted)
                fail_msg("from %u to %u", from, to);
        }
}

static void dates_move_states_on(void **state)
{
    (void)state;
    const int64_t now = 1000;
    assert_int_equal(state_at(STATE_PRE_ACTIVE, DATE_NONE, DATE_NONE, now), STATE_PRE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, now + 1, DATE_NONE, now), STATE_PRE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, now, DATE_NONE, now), STATE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, 0, DATE_NONE, now), STATE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, -5, DATE_NONE, now), STATE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, 10, 20, now), STATE_DEACTIVATED);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, 10, now + 1, now), STATE_ACTIVE);
    assert_int_equal(state_at(STATE_PRE_ACTIVE, DATE_NONE, 20, now), STATE_PRE_ACTIVE);
    assert_int_equal(state_at(STATE_ACTIVE, DATE_NONE, now, now), STATE_DEACTIVATED);
    assert_int_equal(state_at(STATE_ACTIVE, DATE_NONE, now + 1, now), STATE_ACTIVE);
    assert_int_equal(state_at(STATE_ACTIVE, now + 1, DATE_NONE, now), STATE_ACTIVE);
    for (enum state s = STATE_DEACTIVATED; s <= STATE_DESTROYED_COMPROMISED; s++)
        assert_int_equal(state_at(s, 1, 2, now), s);
}

static void destroyed_is_destroyed(void **state)
{
    (void)state;
    for (enum state s = STATE_PRE_ACTIVE; s <= STATE_DESTROYED_COMPROMISED; s++)
        assert_int_equal(state_is_destroyed(s), s >= STATE_DESTROYED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_have_names_and_a_version),
        cmocka_unit_test(every_tag_in_the_row_is_there),
        cmocka_unit_test(enumerations_end_where_their_version_does),
        cmocka_unit_test(algorithms_and_digests_end_where_1_4_does),
        cmocka_unit_test(extensions_are_known_and_other_tags_are_not),
        cmocka_unit_test(names_for_people),
        cmocka_unit_test(reasons_are_those_of_the_version),
        cmocka_unit_test(refusing_tells_why),
        cmocka_unit_test(states_follow_the_figure),
        cmocka_unit_test(dates_move_states_on),
        cmocka_unit_test(destroyed_is_destroyed),
    };
    return cmocka_run_group_tests_name("kmip/tag, enum, result, state", tests, NULL, NULL);
}
