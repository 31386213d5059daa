/* SPDX-License-Identifier: Apache-2.0 */
/* Request Messages as a client writes them, and what stands in the answers. */
#ifndef HOLDFAST_TESTS_SUPPORT_MESSAGE_H
#define HOLDFAST_TESTS_SUPPORT_MESSAGE_H

#include "base/text.h"
#include "kmip/enum.h"
#include "kmip/result.h"
#include "kmip/tag.h"
#include "ttlv/reader.h"
#include "ttlv/writer.h"

struct message {
    struct ttlv_writer w;
    size_t whole, item, payload, template;
    size_t count_at;
    uint8_t minor;
    int32_t count;
};

struct message_options {
    uint8_t minor;
    int32_t maximum_response_size;              /* 0: not sent */
    enum batch_error_continuation continuation; /* 0: not sent */
};

void message_open(struct message *m, void *out, size_t cap, const struct message_options *options);
/* Closes it and returns its length. */
size_t message_close(struct message *m);
/* Begins a Batch Item up to its Request Payload; its Unique Batch Item ID is its number, 8 bytes. Closes the
 * one before. */
void message_item(struct message *m, enum operation_code operation);

/* Parts of payloads. */
void put_uid(struct message *m, const uint8_t uid[UUID_BYTES]);
void put_template_begin(struct message *m);
void put_template_end(struct message *m);
void put_attribute_text(struct message *m, const char *name, const char *value);
void put_attribute_integer(struct message *m, const char *name, int32_t value);
void put_attribute_enumeration(struct message *m, const char *name, uint32_t value);
void put_attribute_date(struct message *m, const char *name, int64_t value);
void put_attribute_boolean(struct message *m, const char *name, bool value);
void put_attribute_name(struct message *m, const char *value);
/* The attributes that every key needs: AES, 256 bits, Encrypt and Decrypt. */
void put_key_kind(struct message *m, int32_t bits, int32_t mask);

/* Whole payloads. */
void item_create(struct message *m, const char *name); /* AES 256; name may be NULL */
void item_get(struct message *m, const uint8_t *uid);  /* NULL: the ID Placeholder */
void item_get_wrapped(struct message *m, const uint8_t *uid, const uint8_t *with, uint32_t encoding);
void item_uid(struct message *m, enum operation_code operation, const uint8_t *uid);
void item_add_text(struct message *m, const uint8_t *uid, const char *name, const char *value);
void item_modify_text(struct message *m, const uint8_t *uid, const char *name, const char *value);
void item_delete_attribute(struct message *m, const uint8_t *uid, const char *name);
void item_add_name(struct message *m, const uint8_t *uid, const char *value);
void item_revoke(struct message *m, const uint8_t *uid, enum revocation_reason_code code);
void item_get_attributes(struct message *m, const uint8_t *uid, const char *name); /* name NULL: all */
void item_locate_name(struct message *m, const char *name);
void item_re_key(struct message *m, const uint8_t *uid);
void item_register_key(struct message *m, const char *name, struct span key, int32_t mask);

/* One Batch Item of an answer. */
struct answer_item {
    bool there;
    uint32_t operation;
    uint32_t status;
    enum result_reason reason;
    struct span text;    /* Result Message */
    struct span payload; /* content of the Response Payload */
    bool has_payload;
};
/* The number of Batch Items; -1 when the answer is not a well-formed Response Message with the right Batch
 * Count. */
int answer_count(struct span answer);
struct answer_item answer_item(struct span answer, int number);
/* The first item with this tag anywhere inside, depth first. */
bool find_deep(struct span bytes, uint32_t tag, struct ttlv_item *item);
/* The Unique Identifier in a payload. */
bool payload_uid(struct span payload, uint8_t uid[UUID_BYTES]);
/* The Key Material in a payload of Get. */
struct span payload_key(struct span payload);
/* Attribute structures of this name in a payload, and the value of the first. */
int payload_attributes(struct span payload, const char *name, struct ttlv_item *first);

#endif
