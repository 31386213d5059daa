/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "support/ttlv_text.h"

#include "kmip/message.h"

#define ITEM      "BatchItem{ Operation=e:0x18 RequestPayload{ } } "
#define COUNT_ONE "BatchCount=i:1 "
#define CREDENTIAL                                                                                           \
    "Credential{ CredentialType=e:1 CredentialValue{ Username=t:\"me\" Password=t:\"secret\" } } "

struct read_back {
    enum result_reason reason;
    struct request_header header;
    struct ttlv_reader items;
    const char *why;
    uint8_t bytes[8192];
    size_t len;
};

/* Reads a message whose header holds `fields` behind the protocol version. The bytes end where the page of
 * the test does. */
static struct read_back *read_message(const char *text)
{
    static struct read_back back;
    memset(&back, 0, sizeof back);
    back.len = ttlv_assemble(text, back.bytes, sizeof back.bytes);
    memmove(back.bytes + sizeof back.bytes - back.len, back.bytes, back.len);
    back.reason = message_read_header(span_of(back.bytes + sizeof back.bytes - back.len, back.len),
                                      &back.header, &back.items, &back.why);
    if (back.reason != REASON_NONE)
        assert_non_null(back.why);
    return &back;
}

static struct read_back *read_header(int minor, const char *fields)
{
    char text[4000];
    int n = snprintf(text, sizeof text,
                     "RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 "
                     "ProtocolVersionMinor=i:%d } "
                     "%s } " ITEM "}",
                     minor, fields);
    assert_true(n > 0 && (size_t)n < sizeof text);
    return read_message(text);
}

static void check_header(int minor, const char *fields, enum result_reason wanted)
{
    const struct read_back *back = read_header(minor, fields);
    if (back->reason != wanted)
        fail_msg("1.%d %s: reason %x, wanted %x (%s)", minor, fields, (unsigned)back->reason,
                 (unsigned)wanted, back->why == NULL ? "" : back->why);
}

static void the_least_header_of_every_version(void **state)
{
    (void)state;
    for (int minor = 0; minor <= 4; minor++) {
        const struct read_back *back = read_header(minor, COUNT_ONE);
        assert_int_equal(back->reason, REASON_NONE);
        assert_int_equal(back->header.major, 1);
        assert_int_equal(back->header.minor, minor);
        assert_int_equal(back->header.batch_count, 1);
        assert_int_equal(back->header.continuation, BATCH_STOP);
        assert_int_equal(back->header.maximum_response_size, 0);
        assert_false(back->header.credential.present);
        assert_int_equal(back->header.client_correlation.len, 0);
    }
}

/* KMIP 1.4 s7.2, Table 282: every field in its place. */
static void the_full_header_of_every_version(void **state)
{
    (void)state;
    for (int minor = 0; minor <= 4; minor++) {
        char fields[1000];
        snprintf(
            fields, sizeof fields,
            "MaximumResponseSize=i:4096 %s AsynchronousIndicator=b:1 %s Authentication{ " CREDENTIAL " } "
            "BatchErrorContinuationOption=e:1 BatchOrderOption=b:1 TimeStamp=d:1795363800 BatchCount=i:1",
            minor >= 4 ? "ClientCorrelationValue=t:\"mine\" ServerCorrelationValue=t:\"yours\"" : "",
            minor >= 2 ? "AttestationCapableIndicator=b:1 AttestationType=e:1 AttestationType=e:2" : "");
        check_header(minor, fields, REASON_NONE);
        const struct request_header *h = &read_header(minor, fields)->header;
        assert_int_equal(h->maximum_response_size, 4096);
        assert_int_equal(h->continuation, BATCH_CONTINUE);
        assert_true(h->credential.present);
        check_text(h->credential.username, "me");
        check_text(h->credential.password, "secret");
        check_text(h->client_correlation, minor >= 4 ? "mine" : "");
    }
}

static void fields_of_later_versions_are_invalid(void **state)
{
    (void)state;
    static const struct {
        int since;
        const char *field;
    } later[] = {
        {2, "AttestationCapableIndicator=b:1 "},
        {2, "AttestationType=e:1 "},
        {4, "ClientCorrelationValue=t:\"a\" "},
        {4, "ServerCorrelationValue=t:\"a\" "},
    };
    for (size_t i = 0; i < COUNT_OF(later); i++)
        for (int minor = 0; minor <= 4; minor++) {
            char fields[200];
            snprintf(fields, sizeof fields, "%s" COUNT_ONE, later[i].field);
            check_header(minor, fields, minor >= later[i].since ? REASON_NONE : REASON_INVALID_FIELD);
        }
}

static void a_second_credential_came_with_1_2(void **state)
{
    (void)state;
    for (int minor = 0; minor <= 4; minor++)
        check_header(minor, "Authentication{ " CREDENTIAL CREDENTIAL " } " COUNT_ONE,
                     minor >= 2 ? REASON_NONE : REASON_INVALID_MESSAGE);
}

static void other_versions_are_refused_but_read(void **state)
{
    (void)state;
    static const int others[][2] = {{0, 0},   {0, 1}, {1, 5}, {1, -1},  {1, 256},
                                    {1, 257}, {2, 0}, {2, 1}, {257, 1}, {-1, 1}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:%d "
                 "ProtocolVersionMinor=i:%d } "
                 "BatchCount=i:1 } " ITEM "}",
                 others[i][0], others[i][1]);
        const struct read_back *back = read_message(text);
        assert_int_equal(back->reason, REASON_INVALID_MESSAGE);
        /* The answer goes out under a version that we speak. */
        assert_int_equal(back->header.major, 1);
        assert_true(back->header.minor <= KMIP_MINOR_MAX);
    }
}

static void the_version_comes_first_and_whole(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "RequestHeader{ BatchCount=i:1 }",
        "RequestHeader{ BatchCount=i:1 ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:1 } "
        "}",
        "RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 } BatchCount=i:1 }",
        "RequestHeader{ ProtocolVersion{ ProtocolVersionMinor=i:1 } BatchCount=i:1 }",
        "RequestHeader{ ProtocolVersion{ ProtocolVersionMinor=i:1 ProtocolVersionMajor=i:1 } BatchCount=i:1 "
        "}",
        "RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=e:1 ProtocolVersionMinor=i:1 } BatchCount=i:1 "
        "}",
        "RequestHeader{ ProtocolVersion=i:1 BatchCount=i:1 }",
        "RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:1 "
        "ProtocolVersionMinor=i:1 } BatchCount=i:1 }",
        "RequestHeader{ }",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[600];
        snprintf(text, sizeof text, "RequestMessage{ %s " ITEM "}", bad[i]);
        assert_int_equal(read_message(text)->reason, REASON_INVALID_MESSAGE);
    }
    assert_int_equal(read_message("RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 "
                                  "ProtocolVersionMinor=i:1 "
                                  "BatchCount=i:1 } BatchCount=i:1 } " ITEM "}")
                         ->reason,
                     REASON_INVALID_FIELD);
}

/* KMIP 1.4 s11.1: the same field twice is an Invalid Message. */
static void fields_stand_once(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "MaximumResponseSize=i:4096 ",
        "AsynchronousIndicator=b:0 ",
        "AttestationCapableIndicator=b:0 ",
        "Authentication{ " CREDENTIAL "} ",
        "BatchErrorContinuationOption=e:2 ",
        "BatchOrderOption=b:1 ",
        "TimeStamp=d:1 ",
        "ClientCorrelationValue=t:\"a\" ",
        "ServerCorrelationValue=t:\"a\" ",
        "",
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char text[800];
        const char *count = fields[i][0] == 0 ? COUNT_ONE COUNT_ONE : COUNT_ONE;
        snprintf(text, sizeof text, "%s%s%s", fields[i], fields[i], count);
        enum result_reason reason = read_header(4, text)->reason;
        assert_true(reason == REASON_INVALID_MESSAGE);
    }
}

static void fields_have_their_order_and_type(void **state)
{
    (void)state;
    check_header(1, "TimeStamp=d:1 MaximumResponseSize=i:4096 " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, COUNT_ONE "TimeStamp=d:1", REASON_INVALID_FIELD);
    check_header(1, "", REASON_INVALID_MESSAGE);
    check_header(1, "MaximumResponseSize=e:4096 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "AsynchronousIndicator=i:0 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "Authentication=i:0 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "BatchErrorContinuationOption=i:2 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "BatchOrderOption=i:1 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "TimeStamp=l:1 " COUNT_ONE, REASON_INVALID_MESSAGE);
    check_header(1, "BatchCount=e:1 ", REASON_INVALID_MESSAGE);
    check_header(1, "42009C{ } " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, COUNT_ONE "540001=i:1", REASON_INVALID_FIELD);
}

static void maximum_response_size_is_positive(void **state)
{
    (void)state;
    check_header(1, "MaximumResponseSize=i:1 " COUNT_ONE, REASON_NONE);
    check_header(1, "MaximumResponseSize=i:0 " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, "MaximumResponseSize=i:-1 " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, "MaximumResponseSize=i:0x80000000 " COUNT_ONE, REASON_INVALID_FIELD);
}

static void undo_is_refused(void **state)
{
    (void)state;
    check_header(1, "BatchErrorContinuationOption=e:1 " COUNT_ONE, REASON_NONE);
    check_header(1, "BatchErrorContinuationOption=e:2 " COUNT_ONE, REASON_NONE);
    check_header(1, "BatchErrorContinuationOption=e:3 " COUNT_ONE, REASON_FEATURE_NOT_SUPPORTED);
    check_header(1, "BatchErrorContinuationOption=e:0 " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, "BatchErrorContinuationOption=e:4 " COUNT_ONE, REASON_INVALID_FIELD);
    check_header(1, "BatchErrorContinuationOption=e:0x80000001 " COUNT_ONE, REASON_INVALID_FIELD);
}

static void credentials_have_their_fields(void **state)
{
    (void)state;
    static const struct {
        const char *authentication;
        enum result_reason reason;
    } cases[] = {
        {"Authentication{ } ", REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ } } ", REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 } } ", REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ } } } ", REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ Password=t:\"a\" } } } ",
         REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ Username=t:\"a\" } } } ",
         REASON_NONE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ Username=x:41 } } } ",
         REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue=x:41 } } ", REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=i:1 CredentialValue{ Username=t:\"a\" } } } ",
         REASON_INVALID_MESSAGE},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ Username=t:\"a\" Password=t:\"b\" "
         "42009C{ } } } } ",
         REASON_INVALID_FIELD},
        {"Authentication{ Credential{ CredentialType=e:1 CredentialValue{ Username=t:\"a\" } 42009C{ } } } ",
         REASON_INVALID_FIELD},
        {"Authentication{ " CREDENTIAL "42009C{ } } ", REASON_INVALID_FIELD},
        /* Of other types only the frame is looked at. */
        {"Authentication{ Credential{ CredentialType=e:2 CredentialValue{ DeviceSerialNumber=t:\"1\" } } } ",
         REASON_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char fields[600];
        snprintf(fields, sizeof fields, "%s" COUNT_ONE, cases[i].authentication);
        check_header(1, fields, cases[i].reason);
    }
}

static void the_first_user_name_counts(void **state)
{
    (void)state;
    const struct read_back *back = read_header(
        2, "Authentication{ Credential{ CredentialType=e:2 CredentialValue{ } } " CREDENTIAL
           "Credential{ CredentialType=e:1 CredentialValue{ Username=t:\"other\" } } } " COUNT_ONE);
    assert_int_equal(back->reason, REASON_NONE);
    assert_true(back->header.credential.present);
    assert_int_equal(back->header.credential.type, CREDENTIAL_USERNAME_AND_PASSWORD);
    check_text(back->header.credential.username, "me");
    back = read_header(1, "Authentication{ Credential{ CredentialType=e:2 CredentialValue{ } } } " COUNT_ONE);
    assert_true(back->header.credential.present);
    assert_int_equal(back->header.credential.type, CREDENTIAL_DEVICE);
    assert_int_equal(back->header.credential.username.len, 0);
}

#define HEADER(count)                                                                                        \
    "RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:1 } "                   \
    "BatchCount=i:" count " } "

static void batch_count_is_the_number_of_items(void **state)
{
    (void)state;
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") ITEM "}")->reason, REASON_NONE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("2") ITEM ITEM "}")->reason, REASON_NONE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("2") ITEM "}")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") ITEM ITEM "}")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("0") "}")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") "}")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("-1") ITEM "}")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("0x7fffffff") ITEM "}")->reason,
                     REASON_INVALID_MESSAGE);
}

static void only_items_follow_the_header(void **state)
{
    (void)state;
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") ITEM "TimeStamp=d:1 }")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("2") ITEM "42009C{ } }")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") "BatchItem=i:1 }")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " HEADER("1") ITEM "#4200 }")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ " ITEM HEADER("1") "}")->reason, REASON_INVALID_MESSAGE);
}

static void what_is_no_request_message(void **state)
{
    (void)state;
    assert_int_equal(read_message("")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("#42007801")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ }")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage=i:1")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("RequestMessage{ RequestHeader=i:1 " ITEM "}")->reason,
                     REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("ResponseMessage{ " HEADER("1") ITEM "}")->reason, REASON_INVALID_MESSAGE);
    assert_int_equal(read_message("#42007801FFFFFFF84200770100000000")->reason, REASON_INVALID_MESSAGE);
    /* A header whose inside is no TTLV, in a field that nobody would look at. */
    check_header(
        1,
        "Authentication{ Credential{ CredentialType=e:2 CredentialValue{ #4200010000000000 } } } " COUNT_ONE,
        REASON_INVALID_MESSAGE);
}

static void a_header_nested_without_end(void **state)
{
    (void)state;
    char fields[2000] = "Authentication{ Credential{ CredentialType=e:2 CredentialValue{ ";
    for (int i = 0; i < 20; i++)
        strcat(fields, "42009C{ ");
    for (int i = 0; i < 20; i++)
        strcat(fields, "} ");
    strcat(fields, "} } } " COUNT_ONE);
    check_header(1, fields, REASON_INVALID_MESSAGE);
}

/* ---- batch items ---- */

static enum result_reason read_item(const char *item, int count, struct batch_item *out)
{
    char text[2000];
    snprintf(text, sizeof text, "RequestMessage{ " HEADER("%d"), count);
    strcat(text, item);
    for (int i = 1; i < count; i++)
        strcat(text, ITEM);
    strcat(text, "}");
    struct read_back *back = read_message(text);
    assert_int_equal(back->reason, REASON_NONE);
    const char *why = NULL;
    enum result_reason reason = message_read_item(&back->items, &back->header, out, &why);
    if (reason != REASON_NONE)
        assert_non_null(why);
    return reason;
}

static void reads_an_item(void **state)
{
    (void)state;
    struct batch_item item;
    assert_int_equal(
        read_item("BatchItem{ Operation=e:0x0A UniqueBatchItemID=x:514c4b4301000000 "
                  "RequestPayload{ UniqueIdentifier=t:\"1\" } MessageExtension{ VendorIdentification=t:\"v\" "
                  "CriticalityIndicator=b:1 VendorExtension{ } } } ",
                  1, &item),
        REASON_NONE);
    assert_int_equal(item.operation, OPERATION_GET);
    assert_true(item.has_id);
    assert_int_equal(item.id.len, 8);
    assert_memory_equal(item.id.ptr, "QLKC\1\0\0\0", 8);
    assert_int_equal(item.payload.len, 16);
    assert_true(item.critical_extension);
    assert_int_equal(
        read_item(
            "BatchItem{ Operation=e:0x0A RequestPayload{ } MessageExtension{ VendorIdentification=t:\"v\" "
            "CriticalityIndicator=b:0 VendorExtension{ } } } ",
            1, &item),
        REASON_NONE);
    assert_false(item.critical_extension);
    assert_false(item.has_id);
}

static void an_empty_id_is_an_id(void **state)
{
    (void)state;
    struct batch_item item;
    assert_int_equal(
        read_item("BatchItem{ Operation=e:1 UniqueBatchItemID=x: RequestPayload{ } } ", 2, &item),
        REASON_NONE);
    assert_true(item.has_id);
    assert_int_equal(item.id.len, 0);
}

static void ids_are_required_in_a_batch(void **state)
{
    (void)state;
    struct batch_item item;
    assert_int_equal(read_item(ITEM, 1, &item), REASON_NONE);
    assert_int_equal(read_item(ITEM, 2, &item), REASON_INVALID_MESSAGE);
    assert_int_equal(
        read_item("BatchItem{ Operation=e:0x18 UniqueBatchItemID=x:01 RequestPayload{ } } ", 2, &item),
        REASON_NONE);
}

static void items_have_their_fields(void **state)
{
    (void)state;
#define EXTENSION                                                                                            \
    "MessageExtension{ VendorIdentification=t:\"v\" CriticalityIndicator=b:0 VendorExtension{ } } "
    static const struct {
        const char *item;
        enum result_reason reason;
    } cases[] = {
        {"BatchItem{ } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ RequestPayload{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=i:1 RequestPayload{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload=i:1 } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 UniqueBatchItemID=t:\"1\" RequestPayload{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 Operation=e:1 RequestPayload{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } RequestPayload{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } UniqueBatchItemID=x:01 } ", REASON_INVALID_FIELD},
        {"BatchItem{ Operation=e:1 RequestPayload{ } 540001=i:1 } ", REASON_INVALID_FIELD},
        {"BatchItem{ Operation=e:1 RequestPayload{ } " EXTENSION EXTENSION "} ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } MessageExtension=i:1 } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } MessageExtension{ } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } MessageExtension{ VendorIdentification=t:\"v\" "
         "VendorExtension{ } } } ",
         REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } MessageExtension{ CriticalityIndicator=b:0 "
         "VendorExtension{ } } } ",
         REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } MessageExtension{ VendorIdentification=t:\"v\" "
         "CriticalityIndicator=b:0 } } ",
         REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 #4200790100000010 } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ #4200940700000001 } } ", REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ Attribute{ AttributeValue{ #4200940700000004 } } } } ",
         REASON_INVALID_MESSAGE},
        {"BatchItem{ Operation=e:1 RequestPayload{ } " EXTENSION "} ", REASON_NONE},
    };
    struct batch_item item;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum result_reason reason = read_item(cases[i].item, 1, &item);
        if (reason != cases[i].reason)
            fail_msg("%s: reason %x, wanted %x", cases[i].item, (unsigned)reason, (unsigned)cases[i].reason);
    }
}

static void what_could_be_read_of_a_bad_item_is_echoed(void **state)
{
    (void)state;
    struct batch_item item;
    assert_int_equal(read_item("BatchItem{ Operation=e:0x0A UniqueBatchItemID=x:01 } ", 1, &item),
                     REASON_INVALID_MESSAGE);
    assert_int_equal(item.operation, OPERATION_GET);
    assert_true(item.has_id);
    assert_int_equal(read_item("BatchItem{ RequestPayload{ } } ", 1, &item), REASON_INVALID_MESSAGE);
    assert_int_equal(item.operation, 0);
}

static void payloads_nested_without_end(void **state)
{
    (void)state;
    for (int depth = 11; depth <= 13; depth++) {
        char text[600] = "BatchItem{ Operation=e:1 RequestPayload{ ";
        for (int i = 0; i < depth; i++)
            strcat(text, "420008{ ");
        for (int i = 0; i < depth; i++)
            strcat(text, "} ");
        strcat(text, "} } ");
        struct batch_item item;
        assert_int_equal(read_item(text, 1, &item), depth <= 12 ? REASON_NONE : REASON_INVALID_MESSAGE);
    }
}

static void a_missing_item_is_told(void **state)
{
    (void)state;
    struct ttlv_reader none = ttlv_reader_over(span_of(NULL, 0));
    struct request_header header = {.batch_count = 1};
    struct batch_item item;
    const char *why = NULL;
    assert_int_equal(message_read_item(&none, &header, &item, &why), REASON_INVALID_MESSAGE);
    assert_non_null(why);
}

/* ---- the answer ---- */

static void check_answer(const struct ttlv_writer *w, const char *wanted)
{
    char text[4000];
    struct ttlv_text_names names = {0};
    struct buf out = buf_over(text, sizeof text);
    assert_false(w->full);
    assert_true(ttlv_disassemble(span_of(w->start, w->len), &out));
    const char *where = ttlv_text_compare(text, wanted, &names);
    if (where != NULL)
        fail_msg("got %s, which parts from the wanted at %s", text, where);
}

static void writes_an_answer(void **state)
{
    (void)state;
    uint8_t room[1000];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    struct request_header header = {.major = 1, .minor = 1};
    struct batch_item item = {.operation = OPERATION_GET, .has_id = true, .id = span_of("QLKC\1\0\0\0", 8)};
    struct response_frame frame = message_begin(&w, &header, 1795363800);
    struct item_frame inner = message_item_begin(&w, &item);
    ttlv_put_text(&w, 0x420094, span_of_text("1"));
    message_item_end(&w, &inner);
    message_item_failed(&w, &item, REASON_ITEM_NOT_FOUND, 1, "no such object");
    message_item_failed(&w, NULL, REASON_INVALID_MESSAGE, 1, NULL);
    message_end(&w, &frame, 3);
    check_answer(
        &w,
        "ResponseMessage{ ResponseHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:1 "
        "} "
        "TimeStamp=d:1795363800 BatchCount=i:3 } "
        "BatchItem{ Operation=e:0x0A UniqueBatchItemID=x:514c4b4301000000 ResultStatus=e:0 "
        "ResponsePayload{ UniqueIdentifier=t:\"1\" } } "
        "BatchItem{ Operation=e:0x0A UniqueBatchItemID=x:514c4b4301000000 ResultStatus=e:1 ResultReason=e:1 "
        "ResultMessage=t:\"no such object\" } "
        "BatchItem{ ResultStatus=e:1 ResultReason=e:4 ResultMessage=t:\"Invalid Message\" } }");
}

static void the_client_correlation_value_comes_back(void **state)
{
    (void)state;
    uint8_t room[1000];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    struct request_header header = {.major = 1, .minor = 4, .client_correlation = span_of_text("mine")};
    struct response_frame frame = message_begin(&w, &header, 0);
    message_end(&w, &frame, 0);
    check_answer(&w, "ResponseMessage{ ResponseHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 "
                     "ProtocolVersionMinor=i:4 } "
                     "TimeStamp=d:0 ClientCorrelationValue=t:\"mine\" BatchCount=i:0 } }");
}

static void reasons_are_words_of_the_client_s_version(void **state)
{
    (void)state;
    uint8_t room[1000];
    struct ttlv_writer w = ttlv_writer_over(room, sizeof room);
    message_item_failed(&w, NULL, REASON_SENSITIVE, 3, "a");
    message_item_failed(&w, NULL, REASON_SENSITIVE, 4, "a");
    check_answer(&w, "BatchItem{ ResultStatus=e:1 ResultReason=e:0x0C ResultMessage=t:\"a\" } "
                     "BatchItem{ ResultStatus=e:1 ResultReason=e:0x16 ResultMessage=t:\"a\" }");
}

static void an_answer_without_room_is_full(void **state)
{
    (void)state;
    uint8_t large[1000];
    size_t whole = 0;
    for (size_t cap = sizeof large; cap != SIZE_MAX; cap = cap == sizeof large ? whole - 1 : cap - 1) {
        uint8_t *room = tight_copy(large, cap);
        struct ttlv_writer w = ttlv_writer_over(room, cap);
        struct request_header header = {.major = 1, .minor = 1};
        struct response_frame frame = message_begin(&w, &header, 0);
        struct item_frame inner = message_item_begin(&w, NULL);
        message_item_end(&w, &inner);
        message_item_failed(&w, NULL, REASON_INVALID_MESSAGE, 1, NULL);
        message_end(&w, &frame, 2);
        assert_int_equal(w.full, cap != sizeof large);
        if (cap == sizeof large)
            whole = w.len;
        free(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_header_of_every_version),
        cmocka_unit_test(the_full_header_of_every_version),
        cmocka_unit_test(fields_of_later_versions_are_invalid),
        cmocka_unit_test(a_second_credential_came_with_1_2),
        cmocka_unit_test(other_versions_are_refused_but_read),
        cmocka_unit_test(the_version_comes_first_and_whole),
        cmocka_unit_test(fields_stand_once),
        cmocka_unit_test(fields_have_their_order_and_type),
        cmocka_unit_test(maximum_response_size_is_positive),
        cmocka_unit_test(undo_is_refused),
        cmocka_unit_test(credentials_have_their_fields),
        cmocka_unit_test(the_first_user_name_counts),
        cmocka_unit_test(batch_count_is_the_number_of_items),
        cmocka_unit_test(only_items_follow_the_header),
        cmocka_unit_test(what_is_no_request_message),
        cmocka_unit_test(a_header_nested_without_end),
        cmocka_unit_test(reads_an_item),
        cmocka_unit_test(an_empty_id_is_an_id),
        cmocka_unit_test(ids_are_required_in_a_batch),
        cmocka_unit_test(items_have_their_fields),
        cmocka_unit_test(what_could_be_read_of_a_bad_item_is_echoed),
        cmocka_unit_test(payloads_nested_without_end),
        cmocka_unit_test(a_missing_item_is_told),
        cmocka_unit_test(writes_an_answer),
        cmocka_unit_test(the_client_correlation_value_comes_back),
        cmocka_unit_test(reasons_are_words_of_the_client_s_version),
        cmocka_unit_test(an_answer_without_room_is_full),
    };
    return cmocka_run_group_tests_name("kmip/message", tests, NULL, NULL);
}
