/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "support/ttlv_text.h"

#include "base/limits.h"
#include "kmip/attribute.h"

/* The rules of KMIP 1.4 s3.1 to s3.51 as the second table of each subsection has them. */
#define CHANGEABLE (MAY_MODIFY | MAY_DELETE)
static const struct {
    uint32_t tag;
    const char *name;
    enum ttlv_type type;
    uint8_t since;
    uint8_t rules; /* of MAY_MODIFY, MAY_DELETE, MANY */
} wanted_rows[] = {
    {0x420094, "Unique Identifier", TTLV_TEXT_STRING, 0, 0},
    {0x420053, "Name", TTLV_STRUCTURE, 0, CHANGEABLE | MANY},
    {0x420057, "Object Type", TTLV_ENUMERATION, 0, 0},
    {0x420028, "Cryptographic Algorithm", TTLV_ENUMERATION, 0, 0},
    {0x42002a, "Cryptographic Length", TTLV_INTEGER, 0, 0},
    {0x42002b, "Cryptographic Parameters", TTLV_STRUCTURE, 0, CHANGEABLE | MANY},
    {0x420034, "Digest", TTLV_STRUCTURE, 0, MANY},
    {0x42005d, "Operation Policy Name", TTLV_TEXT_STRING, 0, 0},
    {0x42002c, "Cryptographic Usage Mask", TTLV_INTEGER, 0, 0},
    {0x420049, "Lease Time", TTLV_INTERVAL, 0, 0},
    {0x420095, "Usage Limits", TTLV_STRUCTURE, 0, CHANGEABLE},
    {0x42008d, "State", TTLV_ENUMERATION, 0, 0},
    {0x420039, "Initial Date", TTLV_DATE_TIME, 0, 0},
    {0x420001, "Activation Date", TTLV_DATE_TIME, 0, MAY_MODIFY},
    {0x420067, "Process Start Date", TTLV_DATE_TIME, 0, MAY_MODIFY},
    {0x420068, "Protect Stop Date", TTLV_DATE_TIME, 0, MAY_MODIFY},
    {0x42002f, "Deactivation Date", TTLV_DATE_TIME, 0, MAY_MODIFY},
    {0x420033, "Destroy Date", TTLV_DATE_TIME, 0, 0},
    {0x420021, "Compromise Occurrence Date", TTLV_DATE_TIME, 0, 0},
    {0x420020, "Compromise Date", TTLV_DATE_TIME, 0, 0},
    {0x420081, "Revocation Reason", TTLV_STRUCTURE, 0, 0},
    {0x420005, "Archive Date", TTLV_DATE_TIME, 0, 0},
    {0x420056, "Object Group", TTLV_TEXT_STRING, 0, CHANGEABLE | MANY},
    {0x4200a8, "Fresh", TTLV_BOOLEAN, 1, 0},
    {0x42004a, "Link", TTLV_STRUCTURE, 0, CHANGEABLE | MANY},
    {0x420004, "Application Specific Information", TTLV_STRUCTURE, 0, CHANGEABLE | MANY},
    {0x420022, "Contact Information", TTLV_TEXT_STRING, 0, CHANGEABLE},
    {0x420048, "Last Change Date", TTLV_DATE_TIME, 0, 0},
    {0x4200bf, "Alternative Name", TTLV_STRUCTURE, 2, CHANGEABLE | MANY},
    {0x4200bb, "Key Value Present", TTLV_BOOLEAN, 2, 0},
    {0x4200b8, "Key Value Location", TTLV_STRUCTURE, 2, CHANGEABLE | MANY},
    {0x4200bc, "Original Creation Date", TTLV_DATE_TIME, 2, 0},
    {0x4200de, "Random Number Generator", TTLV_STRUCTURE, 3, 0},
    {0x4200fb, "PKCS#12 Friendly Name", TTLV_TEXT_STRING, 4, CHANGEABLE},
    {0x4200fc, "Description", TTLV_TEXT_STRING, 4, CHANGEABLE},
    {0x4200fd, "Comment", TTLV_TEXT_STRING, 4, CHANGEABLE},
    {0x420120, "Sensitive", TTLV_BOOLEAN, 4, MAY_MODIFY},
    {0x420121, "Always Sensitive", TTLV_BOOLEAN, 4, 0},
    {0x420122, "Extractable", TTLV_BOOLEAN, 4, MAY_MODIFY},
    {0x420123, "Never Extractable", TTLV_BOOLEAN, 4, 0},
};

static void rows_are_those_of_the_specification(void **state)
{
    (void)state;
    size_t count;
    attribute_rows(&count);
    assert_int_equal(count, COUNT_OF(wanted_rows));
    for (size_t i = 0; i < COUNT_OF(wanted_rows); i++) {
        const struct attribute_row *row = attribute_by_tag(wanted_rows[i].tag);
        assert_non_null(row);
        assert_string_equal(row->name, wanted_rows[i].name);
        assert_string_equal(row->name, tag_name(row->tag));
        assert_int_equal(row->type, wanted_rows[i].type);
        assert_int_equal(row->since, wanted_rows[i].since);
        assert_int_equal(row->since, tag_since(row->tag));
        if ((row->rules & (CHANGEABLE | MANY)) != wanted_rows[i].rules)
            fail_msg("rules of %s", row->name);
        assert_int_equal(row->fields != NULL, row->type == TTLV_STRUCTURE);
    }
    assert_null(attribute_by_tag(TAG_BATCH_COUNT));
}

static void names_are_exact_and_of_the_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wanted_rows); i++)
        for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
            const struct attribute_row *row = attribute_by_name(span_of_text(wanted_rows[i].name), minor);
            assert_int_equal(row != NULL, minor >= wanted_rows[i].since);
            assert_true(row == NULL || row->tag == wanted_rows[i].tag);
        }
    assert_null(attribute_by_name(span_of_text("state"), 4));
    assert_null(attribute_by_name(span_of_text("State "), 4));
    assert_null(attribute_by_name(span_of_text("Stat"), 4));
    assert_null(attribute_by_name(span_of_text(""), 4));
    assert_null(attribute_by_name(span_of("State\0", 6), 4));
    assert_null(attribute_by_name(span_of_text("Certificate Type"), 4));
}

static void custom_names_begin_with_x_or_y(void **state)
{
    (void)state;
    assert_true(attribute_is_custom(span_of_text("x-Vendor")));
    assert_true(attribute_is_custom(span_of_text("y-ID")));
    assert_false(attribute_is_custom(span_of_text("x-")));
    assert_false(attribute_is_custom(span_of_text("x")));
    assert_false(attribute_is_custom(span_of_text("")));
    assert_false(attribute_is_custom(span_of_text("X-a")));
    assert_false(attribute_is_custom(span_of_text("z-a")));
    assert_false(attribute_is_custom(span_of_text("xa-")));
}

static uint8_t bytes[16384];

static enum result_reason read_attribute(const char *text, uint8_t minor, bool for_search,
                                         struct attribute *out)
{
    struct ttlv_item item;
    const char *why = NULL;
    size_t len = ttlv_assemble(text, bytes, sizeof bytes);
    struct ttlv_reader reader = ttlv_reader_over(span_of(bytes, len));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    enum result_reason reason = attribute_read(&item, minor, for_search, out, &why);
    if (reason != REASON_NONE)
        assert_non_null(why);
    return reason;
}

static void check_read(const char *text, uint8_t minor, enum result_reason wanted)
{
    struct attribute a;
    enum result_reason reason = read_attribute(text, minor, false, &a);
    if (reason != wanted)
        fail_msg("1.%d %s: reason %x, wanted %x", minor, text, (unsigned)reason, (unsigned)wanted);
}

static void reads_name_index_value(void **state)
{
    (void)state;
    struct attribute a;
    assert_int_equal(
        read_attribute("Attribute{ AttributeName=t:\"x-Name\" AttributeIndex=i:3 AttributeValue=t:\"vm\" }",
                       1, false, &a),
        REASON_NONE);
    assert_null(a.row);
    check_text(a.name, "x-Name");
    assert_true(a.has_index);
    assert_int_equal(a.index, 3);
    assert_true(a.has_value);
    check_text(a.value.value, "vm");
    assert_int_equal(read_attribute("Attribute{ AttributeName=t:\"State\" }", 1, false, &a), REASON_NONE);
    assert_int_equal(a.row->tag, TAG_STATE);
    assert_false(a.has_index);
    assert_int_equal(a.index, 0);
    assert_false(a.has_value);
}

static void the_envelope_has_its_fields(void **state)
{
    (void)state;
    check_read("Attribute=i:1", 1, REASON_INVALID_MESSAGE);
    check_read("Attribute{ }", 1, REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeName=x:78 }", 1, REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeValue=t:\"a\" }", 1, REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeIndex=e:1 }", 1, REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=t:\"a\" AttributeIndex=i:1 }", 1,
               REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=t:\"a\" AttributeValue=t:\"a\" }", 1,
               REASON_INVALID_MESSAGE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=t:\"a\" 540001=i:1 }", 1,
               REASON_INVALID_MESSAGE);
}

static void names_are_known_and_short(void **state)
{
    (void)state;
    check_read("Attribute{ AttributeName=t:\"Status\" AttributeValue=t:\"a\" }", 1, REASON_INVALID_FIELD);
    check_read("Attribute{ AttributeName=t:\"Comment\" AttributeValue=t:\"a\" }", 3, REASON_INVALID_FIELD);
    check_read("Attribute{ AttributeName=t:\"Comment\" AttributeValue=t:\"a\" }", 4, REASON_NONE);
    for (int len = ATTRIBUTE_NAME_MAX - 1; len <= ATTRIBUTE_NAME_MAX + 1; len++) {
        char text[ATTRIBUTE_NAME_MAX + 200], name[ATTRIBUTE_NAME_MAX + 2];
        memset(name, 'a', sizeof name);
        memcpy(name, "x-", 2);
        name[len] = 0;
        snprintf(text, sizeof text, "Attribute{ AttributeName=t:\"%s\" AttributeValue=t:\"a\" }", name);
        check_read(text, 1, len <= ATTRIBUTE_NAME_MAX ? REASON_NONE : REASON_INVALID_FIELD);
    }
}

static void values_have_the_type_of_the_row(void **state)
{
    (void)state;
    static const char *const values[] = {[TTLV_STRUCTURE] = "AttributeValue{ }",
                                         [TTLV_INTEGER] = "AttributeValue=i:1",
                                         [TTLV_LONG_INTEGER] = "AttributeValue=l:1",
                                         [TTLV_BIG_INTEGER] = "AttributeValue=n:0000000000000001",
                                         [TTLV_ENUMERATION] = "AttributeValue=e:1",
                                         [TTLV_BOOLEAN] = "AttributeValue=b:1",
                                         [TTLV_TEXT_STRING] = "AttributeValue=t:\"\"",
                                         [TTLV_BYTE_STRING] = "AttributeValue=x:00",
                                         [TTLV_DATE_TIME] = "AttributeValue=d:1",
                                         [TTLV_INTERVAL] = "AttributeValue=v:1"};
    for (size_t i = 0; i < COUNT_OF(wanted_rows); i++)
        for (enum ttlv_type type = TTLV_STRUCTURE; type <= TTLV_INTERVAL; type++) {
            char text[300];
            snprintf(text, sizeof text, "Attribute{ AttributeName=t:\"%s\" %s }", wanted_rows[i].name,
                     values[type]);
            if (wanted_rows[i].type != TTLV_STRUCTURE || type != TTLV_STRUCTURE)
                check_read(text, 4, type == wanted_rows[i].type ? REASON_NONE : REASON_INVALID_FIELD);
        }
}

static void lone_enumerations_are_known(void **state)
{
    (void)state;
    check_read("Attribute{ AttributeName=t:\"Cryptographic Algorithm\" AttributeValue=e:3 }", 0, REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"Cryptographic Algorithm\" AttributeValue=e:0x1A }", 1,
               REASON_INVALID_FIELD);
    check_read("Attribute{ AttributeName=t:\"Cryptographic Algorithm\" AttributeValue=e:0x1A }", 2,
               REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"State\" AttributeValue=e:7 }", 4, REASON_INVALID_FIELD);
    check_read("Attribute{ AttributeName=t:\"Object Type\" AttributeValue=e:9 }", 1, REASON_INVALID_FIELD);
}

static const struct {
    const char *text;
    uint8_t since; /* 255: never */
} structures[] = {
    {"Name\" AttributeValue{ NameValue=t:\"a\" NameType=e:1 } }", 0},
    {"Name\" AttributeValue{ NameValue=t:\"a\" NameType=e:3 } }", 255},
    {"Name\" AttributeValue{ NameType=e:1 NameValue=t:\"a\" } }", 255},
    {"Name\" AttributeValue{ NameValue=t:\"a\" } }", 255},
    {"Name\" AttributeValue{ NameType=e:1 } }", 255},
    {"Name\" AttributeValue{ NameValue=x:00 NameType=e:1 } }", 255},
    {"Name\" AttributeValue{ NameValue=t:\"a\" NameType=e:1 NameType=e:1 } }", 255},
    {"Name\" AttributeValue{ NameValue=t:\"a\" NameType=e:1 540001=i:1 } }", 255},
    {"Name\" AttributeValue{ } }", 255},
    {"Link\" AttributeValue{ LinkType=e:0x101 LinkedObjectIdentifier=t:\"1\" } }", 0},
    {"Link\" AttributeValue{ LinkType=e:0x108 LinkedObjectIdentifier=t:\"1\" } }", 2},
    {"Link\" AttributeValue{ LinkType=e:0x10C LinkedObjectIdentifier=t:\"1\" } }", 4},
    {"Link\" AttributeValue{ LinkType=e:0x10E LinkedObjectIdentifier=t:\"1\" } }", 255},
    {"Application Specific Information\" AttributeValue{ ApplicationNamespace=t:\"a\" } }", 0},
    {"Application Specific Information\" AttributeValue{ ApplicationNamespace=t:\"a\" "
     "ApplicationData=t:\"b\" } }",
     0},
    {"Application Specific Information\" AttributeValue{ ApplicationData=t:\"b\" } }", 255},
    {"Usage Limits\" AttributeValue{ UsageLimitsTotal=l:10 UsageLimitsUnit=e:1 } }", 0},
    {"Usage Limits\" AttributeValue{ UsageLimitsTotal=l:10 UsageLimitsCount=l:10 UsageLimitsUnit=e:2 } }", 0},
    {"Usage Limits\" AttributeValue{ UsageLimitsTotal=l:10 UsageLimitsUnit=e:3 } }", 255},
    {"Usage Limits\" AttributeValue{ UsageLimitsTotal=l:10 } }", 255},
    {"Usage Limits\" AttributeValue{ UsageLimitsTotal=i:10 UsageLimitsUnit=e:1 } }", 255},
    {"Revocation Reason\" AttributeValue{ RevocationReasonCode=e:2 RevocationMessage=t:\"a\" } }", 0},
    {"Digest\" AttributeValue{ HashingAlgorithm=e:6 DigestValue=x:00 } }", 0},
    {"Digest\" AttributeValue{ HashingAlgorithm=e:6 DigestValue=x:00 KeyFormatType=e:1 } }", 1},
    {"Cryptographic Parameters\" AttributeValue{ } }", 0},
    {"Cryptographic Parameters\" AttributeValue{ BlockCipherMode=e:1 PaddingMethod=e:3 "
     "HashingAlgorithm=e:6 KeyRoleType=e:3 } }",
     0},
    {"Cryptographic Parameters\" AttributeValue{ BlockCipherMode=e:0x12 } }", 4},
    {"Cryptographic Parameters\" AttributeValue{ DigitalSignatureAlgorithm=e:5 } }", 2},
    {"Cryptographic Parameters\" AttributeValue{ CryptographicAlgorithm=e:3 RandomIV=b:1 IVLength=i:96 "
     "TagLength=i:16 "
     "FixedFieldLength=i:1 InvocationFieldLength=i:1 CounterLength=i:1 InitialCounterValue=i:1 } }",
     2},
    {"Cryptographic Parameters\" AttributeValue{ SaltLength=i:1 MaskGenerator=e:1 "
     "MaskGeneratorHashingAlgorithm=e:6 "
     "PSource=x:00 TrailerField=i:1 } }",
     4},
    {"Cryptographic Parameters\" AttributeValue{ MaskGenerator=e:2 } }", 255},
    {"Cryptographic Parameters\" AttributeValue{ PaddingMethod=e:3 BlockCipherMode=e:1 } }", 255},
    {"Alternative Name\" AttributeValue{ AlternativeNameValue=t:\"a\" AlternativeNameType=e:7 } }", 2},
    {"Alternative Name\" AttributeValue{ AlternativeNameValue=t:\"a\" AlternativeNameType=e:8 } }", 255},
    {"Key Value Location\" AttributeValue{ KeyValueLocationValue=t:\"a\" KeyValueLocationType=e:2 } }", 2},
    {"Random Number Generator\" AttributeValue{ RNGAlgorithm=e:3 CryptographicAlgorithm=e:3 "
     "CryptographicLength=i:256 "
     "HashingAlgorithm=e:6 DRBGAlgorithm=e:5 RecommendedCurve=e:1 FIPS186Variation=e:1 "
     "PredictionResistance=b:1 } }",
     3},
    {"Random Number Generator\" AttributeValue{ CryptographicAlgorithm=e:3 } }", 255},
};

static void structures_have_the_fields_of_their_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(structures); i++)
        for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
            char text[500];
            snprintf(text, sizeof text, "Attribute{ AttributeName=t:\"%s", structures[i].text);
            check_read(text, minor, minor >= structures[i].since ? REASON_NONE : REASON_INVALID_FIELD);
        }
}

static void a_search_may_leave_fields_out(void **state)
{
    (void)state;
    struct attribute a;
    assert_int_equal(
        read_attribute("Attribute{ AttributeName=t:\"Name\" AttributeValue{ NameValue=t:\"a\" } }", 0, true,
                       &a),
        REASON_NONE);
    assert_int_equal(
        read_attribute("Attribute{ AttributeName=t:\"Link\" AttributeValue{ LinkType=e:0x106 } }", 0, true,
                       &a),
        REASON_NONE);
    assert_int_equal(
        read_attribute("Attribute{ AttributeName=t:\"Name\" AttributeValue{ NameValue=i:1 } }", 0, true, &a),
        REASON_INVALID_FIELD);
    assert_int_equal(
        read_attribute("Attribute{ AttributeName=t:\"Name\" AttributeValue{ 540001=i:1 } }", 0, true, &a),
        REASON_INVALID_FIELD);
}

static void values_are_bounded(void **state)
{
    (void)state;
    char text[ATTRIBUTE_VALUE_MAX + 300], value[ATTRIBUTE_VALUE_MAX + 2];
    static const char *const forms[] = {
        "Attribute{ AttributeName=t:\"x-a\" AttributeValue=t:\"%s\" }",
        "Attribute{ AttributeName=t:\"Contact Information\" AttributeValue=t:\"%s\" }",
        "Attribute{ AttributeName=t:\"Name\" AttributeValue{ NameValue=t:\"%s\" NameType=e:1 } }",
    };
    for (int len = ATTRIBUTE_VALUE_MAX; len <= ATTRIBUTE_VALUE_MAX + 1; len++)
        for (size_t i = 0; i < COUNT_OF(forms); i++) {
            memset(value, 'a', sizeof value);
            value[len] = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof text, forms[i], value);
#pragma GCC diagnostic pop
            check_read(text, 1, len <= ATTRIBUTE_VALUE_MAX ? REASON_NONE : REASON_INVALID_FIELD);
        }
}

/* KMIP 1.4 s3.39 */
static void custom_values_are_of_any_type_but_flat(void **state)
{
    (void)state;
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=i:1 }", 0, REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=n:0000000000000001 }", 0, REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue=e:99 }", 0, REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"y-a\" AttributeValue=v:99 }", 0, REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue{ 540001=i:1 540002=t:\"a\" } }", 0,
               REASON_NONE);
    check_read("Attribute{ AttributeName=t:\"x-a\" AttributeValue{ 540001{ 540002=i:1 } } }", 0,
               REASON_INVALID_FIELD);
}

/* ---- writing ---- */

static bool write_and_compare(const char *name, const char *value, uint8_t minor, const char *wanted)
{
    uint8_t room[2000];
    char text[2000];
    struct ttlv_item item;
    struct ttlv_text_names names = {0};
    size_t len = ttlv_assemble(value, bytes, sizeof bytes);
    struct ttlv_reader reader = ttlv_reader_over(span_of(bytes, len));
    assert_int_equal(ttlv_next(&reader, &item), STATUS_OK);
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    bool written = attribute_write(&w, attribute_by_name(span_of_text(name), 4), span_of_text(name), 0,
                                   item.type, item.value, minor);
    assert_false(w.full);
    if (!written) {
        assert_int_equal(w.len, 0);
        return false;
    }
    struct buf out = buf_over(text, sizeof text);
    assert_true(ttlv_disassemble(span_of(room, w.len), &out));
    const char *where = ttlv_text_compare(text, wanted, &names);
    if (where != NULL)
        fail_msg("1.%d: got %s, which parts from the wanted at %s", minor, text, where);
    return true;
}

static void later_attributes_are_not_written(void **state)
{
    (void)state;
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        assert_int_equal(write_and_compare("Fresh", "AttributeValue=b:1", minor,
                                           "Attribute{ AttributeName=t:\"Fresh\" AttributeValue=b:1 }"),
                         minor >= 1);
        assert_int_equal(write_and_compare("Comment", "AttributeValue=t:\"a\"", minor,
                                           "Attribute{ AttributeName=t:\"Comment\" AttributeValue=t:\"a\" }"),
                         minor >= 4);
        assert_true(write_and_compare("State", "AttributeValue=e:1", minor,
                                      "Attribute{ AttributeName=t:\"State\" AttributeValue=e:1 }"));
        assert_true(write_and_compare("x-a", "AttributeValue=e:99", minor,
                                      "Attribute{ AttributeName=t:\"x-a\" AttributeValue=e:0x63 }"));
    }
}

static void later_fields_are_left_out(void **state)
{
    (void)state;
    static const char value[] =
        "AttributeValue{ BlockCipherMode=e:1 CryptographicAlgorithm=e:3 SaltLength=i:7 }";
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++)
        assert_true(write_and_compare(
            "Cryptographic Parameters", value, minor,
            minor >= 4   ? "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:1 "
                           "CryptographicAlgorithm=e:3 SaltLength=i:7 } }"
            : minor >= 2 ? "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:1 "
                           "CryptographicAlgorithm=e:3 } }"
                         : "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:1 } }"));
}

static void values_that_the_version_lacks_are_not_written(void **state)
{
    (void)state;
    for (uint8_t minor = 0; minor <= KMIP_MINOR_MAX; minor++) {
        assert_int_equal(write_and_compare("Cryptographic Algorithm", "AttributeValue=e:0x28", minor,
                                           "Attribute{ AttributeName=* AttributeValue=e:0x28 }"),
                         minor >= 4);
        assert_int_equal(
            write_and_compare("Cryptographic Parameters", "AttributeValue{ BlockCipherMode=e:0x12 }", minor,
                              "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:0x12 } }"),
            minor >= 4);
        /* The value that the version lacks stands in a field that it lacks too: the rest is told. */
        assert_true(write_and_compare(
            "Cryptographic Parameters", "AttributeValue{ BlockCipherMode=e:1 CryptographicAlgorithm=e:0x1A }",
            minor,
            minor >= 2 ? "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:1 "
                         "CryptographicAlgorithm=e:0x1A } }"
                       : "Attribute{ AttributeName=* AttributeValue{ BlockCipherMode=e:1 } }"));
    }
}

static void the_index_is_written_unless_zero(void **state)
{
    (void)state;
    uint8_t room[200];
    char text[300];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    assert_true(attribute_write(&w, NULL, span_of_text("x-a"), 2, TTLV_TEXT_STRING, span_of_text("b"), 0));
    struct buf out = buf_over(text, sizeof text);
    assert_true(ttlv_disassemble(span_of(room, w.len), &out));
    assert_string_equal(text,
                        "Attribute{ AttributeName=t:\"x-a\" AttributeIndex=i:2 AttributeValue=t:\"b\" }");
}

static void objects_have_their_bits(void **state)
{
    (void)state;
    assert_int_equal(attribute_object_bit(OBJECT_SYMMETRIC_KEY), ON_KEY);
    assert_int_equal(attribute_object_bit(OBJECT_SECRET_DATA), ON_SECRET);
    assert_int_equal(attribute_object_bit(OBJECT_OPAQUE_OBJECT), ON_OPAQUE);
    assert_int_equal(attribute_by_tag(TAG_PROCESS_START_DATE)->objects, ON_KEY);
    assert_int_equal(attribute_by_tag(TAG_STATE)->objects, ON_CRYPTOGRAPHIC);
    assert_int_equal(attribute_by_tag(TAG_NAME)->objects, ON_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_specification),
        cmocka_unit_test(names_are_exact_and_of_the_version),
        cmocka_unit_test(custom_names_begin_with_x_or_y),
        cmocka_unit_test(reads_name_index_value),
        cmocka_unit_test(the_envelope_has_its_fields),
        cmocka_unit_test(names_are_known_and_short),
        cmocka_unit_test(values_have_the_type_of_the_row),
        cmocka_unit_test(lone_enumerations_are_known),
        cmocka_unit_test(structures_have_the_fields_of_their_version),
        cmocka_unit_test(a_search_may_leave_fields_out),
        cmocka_unit_test(values_are_bounded),
        cmocka_unit_test(custom_values_are_of_any_type_but_flat),
        cmocka_unit_test(later_attributes_are_not_written),
        cmocka_unit_test(later_fields_are_left_out),
        cmocka_unit_test(values_that_the_version_lacks_are_not_written),
        cmocka_unit_test(the_index_is_written_unless_zero),
        cmocka_unit_test(objects_have_their_bits),
    };
    return cmocka_run_group_tests_name("kmip/attribute", tests, NULL, NULL);
}
