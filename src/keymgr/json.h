/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document of bounded size, read in place: a fixed array of tokens beside the text, which stays the
 * caller's and has to stay as it is. Strictly RFC 8259, and narrower: the document is an object or an array,
 * and no string holds a NUL.
 *
 * Values are named by the number of their token; the document itself is 0. Who asks for what is not there
 * gets -1, and whoever is asked about -1 says that it is not there: so questions can be nested and looked at
 * once.
 */
#ifndef HOLDFAST_KEYMGR_JSON_H
#define HOLDFAST_KEYMGR_JSON_H

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

/* values and names of members in a document. What Key Protect says about one key has about 60. */
#define JSON_TOKENS 256
/* arrays and objects inside one another. */
#define JSON_DEPTH 16

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_OTHER };

struct json_token {
    enum json_kind kind;
    uint32_t begin, end; /* in the text; of a string, between its quotes */
    uint16_t next;       /* the first token behind it and all inside it */
};

struct json {
    struct span text;
    int count; /* tokens; 0: no document */
    struct json_token tokens[JSON_TOKENS];
};

/* STATUS_MALFORMED: not JSON, or nested deeper than JSON_DEPTH. STATUS_TOO_LARGE: more than JSON_TOKENS.
 * After either there is no document: every question below is answered with no. */
MUST_USE enum status json_parse(struct json *json, struct span text);

/* The value of a member; of several with one name the first. -1: none, or `object` is no object. */
int json_member(const struct json *json, int object, const char *name);
/* -1: the array has not so many elements, or is no array. */
int json_element(const struct json *json, int array, size_t index);

/*
 * A string without its escapes, as UTF-8 with a NUL behind it. False, with `out` as short as can be, when it
 * is no string, has a NUL or half a surrogate pair, or does not fit.
 */
bool json_string(const struct json *json, int token, char *out, size_t cap);
/* The bytes of a string in base64 (RFC 4648 s4, padded, no white space). */
bool json_base64(const struct json *json, int token, uint8_t *out, size_t cap, size_t *len);
/* A number without fraction and exponent. */
bool json_integer(const struct json *json, int token, int64_t *out);
bool json_true(const struct json *json, int token);

/* A string in its quotes, what has to be escaped escaped. `text` is UTF-8. */
void json_write_string(struct buf *out, struct span text);

#endif
