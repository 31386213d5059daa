/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "support/ttlv_text.h"

#include "kmip/key_block.h"

static uint8_t bytes[2000];

static enum result_reason read_block(const char *text, uint8_t minor, struct key_block *out)
{
    const char *why = NULL;
    size_t len = ttlv_assemble(text, bytes, sizeof bytes);
    enum result_reason reason = key_block_read(span_of(bytes, len), minor, out, &why);
    if (reason != REASON_NONE)
        assert_non_null(why);
    return reason;
}

static void reads_a_raw_key(void **state)
{
    (void)state;
    struct key_block block;
    assert_int_equal(
        read_block("KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00112233445566778899aabbccddeeff } "
                   "CryptographicAlgorithm=e:3 CryptographicLength=i:128",
                   0, &block),
        REASON_NONE);
    assert_int_equal(block.format, KEY_FORMAT_RAW);
    assert_true(block.has_value);
    assert_int_equal(block.material.len, 16);
    assert_int_equal(block.material.ptr[1], 0x11);
    assert_int_equal(block.material_whole.len, 24);
    assert_int_equal(block.algorithm, ALGORITHM_AES);
    assert_int_equal(block.length_bits, 128);
    assert_false(block.wrapped);
    assert_int_equal(block.attributes.len, 0);
}

static void reads_attributes_inside_the_key_value(void **state)
{
    (void)state;
    struct key_block block;
    assert_int_equal(
        read_block("KeyFormatType=e:2 KeyValue{ KeyMaterial=x:00 Attribute{ AttributeName=t:\"x-a\" "
                   "AttributeValue=t:\"b\" } Attribute{ AttributeName=t:\"x-c\" AttributeValue=t:\"d\" } }",
                   0, &block),
        REASON_NONE);
    assert_int_equal(block.format, KEY_FORMAT_OPAQUE);
    assert_int_equal(block.attributes.len, 80);
    assert_int_equal(block.algorithm, 0);
    assert_int_equal(block.length_bits, 0);
}

static void reads_a_transparent_key(void **state)
{
    (void)state;
    struct key_block block;
    assert_int_equal(
        read_block("KeyFormatType=e:7 KeyValue{ KeyMaterial{ Key=x:0011223344556677 } }", 0, &block),
        REASON_NONE);
    assert_int_equal(block.material.len, 8);
    assert_int_equal(block.material.ptr[7], 0x77);
    assert_int_equal(block.material_whole.len, 24);
}

static void reads_a_wrapped_key(void **state)
{
    (void)state;
    struct key_block block;
    assert_int_equal(read_block("KeyFormatType=e:1 KeyValue=x:0011223344556677 CryptographicAlgorithm=e:3 "
                                "CryptographicLength=i:128 KeyWrappingData{ WrappingMethod=e:1 }",
                                0, &block),
                     REASON_NONE);
    assert_true(block.wrapped);
    assert_int_equal(block.wrapping_data.len, 16);
    assert_int_equal(block.material.len, 8);
    assert_int_equal(block.material.ptr[1], 0x11);
}

static void a_key_without_value_came_with_1_2(void **state)
{
    (void)state;
    struct key_block block;
    for (uint8_t minor = 0; minor <= 4; minor++) {
        assert_int_equal(read_block("KeyFormatType=e:1 CryptographicAlgorithm=e:3 CryptographicLength=i:128",
                                    minor, &block),
                         minor >= 2 ? REASON_NONE : REASON_INVALID_MESSAGE);
        assert_false(block.has_value);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum result_reason reason;
    } cases[] = {
        {"", REASON_INVALID_MESSAGE},
        {"KeyFormatType=i:1 KeyValue{ KeyMaterial=x:00 }", REASON_INVALID_MESSAGE},
        {"KeyValue{ KeyMaterial=x:00 }", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyCompressionType=e:1 KeyValue{ KeyMaterial=x:00 }",
         REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED},
        {"KeyFormatType=e:3 KeyValue{ KeyMaterial=x:00 }", REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED},
        {"KeyFormatType=e:0 KeyValue{ KeyMaterial=x:00 }", REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED},
        {"KeyFormatType=e:1 KeyValue{ }", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ Attribute{ } }", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue=x:00", REASON_INVALID_FIELD},
        {"KeyFormatType=e:1 KeyValue=t:\"a\"", REASON_INVALID_FIELD},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=t:\"a\" }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial{ Key=x:00 } }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:7 KeyValue{ KeyMaterial=x:00 }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:7 KeyValue{ KeyMaterial{ } }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:7 KeyValue{ KeyMaterial{ Key=t:\"a\" } }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:7 KeyValue{ KeyMaterial{ Key=x:00 Key=x:00 } }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:7 KeyValue{ KeyMaterial{ Key=x:00 42009C{ } } }", REASON_INVALID_FIELD},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } KeyWrappingData{ WrappingMethod=e:1 }",
         REASON_INVALID_FIELD},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } CryptographicAlgorithm=i:3", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } CryptographicLength=e:3", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } KeyWrappingData=i:3", REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } CryptographicLength=i:3 CryptographicAlgorithm=e:3",
         REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } KeyValue{ KeyMaterial=x:00 }",
         REASON_INVALID_MESSAGE},
        {"KeyFormatType=e:1 KeyValue{ KeyMaterial=x:00 } 42009C{ }", REASON_INVALID_MESSAGE},
    };
    struct key_block block;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum result_reason reason = read_block(cases[i].text, 1, &block);
        if (reason != cases[i].reason)
            fail_msg("%s: reason %x, wanted %x", cases[i].text, (unsigned)reason, (unsigned)cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_raw_key),
        cmocka_unit_test(reads_attributes_inside_the_key_value),
        cmocka_unit_test(reads_a_transparent_key),
        cmocka_unit_test(reads_a_wrapped_key),
        cmocka_unit_test(a_key_without_value_came_with_1_2),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("kmip/key_block", tests, NULL, NULL);
}
